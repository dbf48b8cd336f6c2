/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_bundles - the sets of a schedule: what all providers are to serve from
 * each section of the plan on; see ksr_work.h. Knot and BIND serve a CDS or
 * CDNSKEY RRset with an offline KSK only if the SKR has it, so it stands there
 * beside DNSKEY.
 * Tests: tests/integration/test_kskctl_ksr.py
 */
#include "client/ksr_work.h"

#include "client/standing.h"

/* What is the same for all sections, and what was left out of them. */
struct bundles {
	struct ksk_ksr_run *run;
	const struct ksk_keys_reply *keys;
	uint64_t offset;
	uint64_t now;
	size_t without;       /* sections that lack a set that is wanted */
	struct ksk_fault why; /* of the first of them */
	struct ksk_fault *fault;
};

/* ---- DNSKEY ---- */

static enum ksk_err
add_ksks(const struct bundles *b, struct ksk_rrset *rrset, uint64_t start)
{
	for (size_t i = 0; i < b->keys->ksk_count; i++) {
		const struct ksk_ksk_entry *ksk = &b->keys->ksk[i];
		enum ksk_err err;

		if (!ksk_standing_is(ksk, start, b->now))
			continue;
		err = ksk_standing_check(&b->keys->owner, ksk, b->fault);
		if (err != KSK_OK)
			return err;
		if (ksk_rrset_has(rrset, ksk->dnskey))
			continue;
		if (rrset->count == KSK_RDATA_COUNT_MAX) {
			ksk_fault_set(b->fault,
				"a set has more than %u records",
				KSK_RDATA_COUNT_MAX);
			return KSK_ERR_BAD_INPUT;
		}
		rrset->rdata[rrset->count++] = ksk->dnskey;
	}
	return KSK_OK;
}

static enum ksk_err
build_dnskey(const struct bundles *b, size_t section, struct ksk_rrset *rrset)
{
	struct ksk_ksr_run *run = b->run;
	uint64_t time = run->plan.time[section];
	enum ksk_err err;

	*rrset = (struct ksk_rrset){.owner = run->ksr[0].owner,
		.type = KSK_TYPE_DNSKEY,
		.ttl = run->ksr[0].ttl};
	err = ksk_ksr_plan_keys(run->source, run->source_count, time, rrset);
	if (err != KSK_OK) {
		ksk_fault_set(b->fault, "a set has more than %u records",
			KSK_RDATA_COUNT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	err = add_ksks(b, rrset, time - b->offset);
	ksk_rrset_sort(rrset);
	return err;
}

/* ---- CDS and CDNSKEY ---- */

/* Returns true if the section has the set. */
static bool
build_cds(struct bundles *b, size_t section, uint16_t type,
	const struct ksk_rrset *dnskey, struct ksk_rrset *rrset)
{
	uint64_t start = b->run->plan.time[section] - b->offset;
	struct ksk_fault why = {0};

	if (ksk_cds_set_build(b->keys, type, dnskey, start, b->now,
		    &b->run->room, rrset, &why) == KSK_OK)
		return rrset->count != 0;
	if (b->why.text[0] == '\0')
		b->why = why;
	return false;
}

/* ---- the whole ---- */

static enum ksk_err
check_room(const struct bundles *b)
{
	if (b->run->count < KSK_SCHEDULE_BUNDLE_MAX)
		return KSK_OK;
	ksk_fault_set(b->fault,
		"%zu sections, with CDS and CDNSKEY beside DNSKEY, are more "
		"than the %u sets of one schedule; ask for a shorter KSR, or "
		"leave them out with --no-cds",
		b->run->plan.count, KSK_SCHEDULE_BUNDLE_MAX);
	return KSK_ERR_BAD_INPUT;
}

/* Adds CDS or CDNSKEY to a section, if it is wanted and may be there. Clears
 * out_whole if it is wanted and may not. */
static enum ksk_err
add_cds(struct bundles *b, size_t section, uint16_t type,
	const struct ksk_rrset *dnskey, bool *out_whole)
{
	struct ksk_ksr_run *run = b->run;
	enum ksk_err err;

	if (run->no_cds || !ksk_cds_set_is_wanted(b->keys, type, b->now))
		return KSK_OK;
	err = check_room(b);
	if (err != KSK_OK)
		return err;
	run->bundle[run->count].section = section;
	if (build_cds(b, section, type, dnskey, &run->bundle[run->count].rrset))
		run->count++;
	else
		*out_whole = false;
	return KSK_OK;
}

static enum ksk_err
add_section(struct bundles *b, size_t section)
{
	struct ksk_ksr_run *run = b->run;
	struct ksk_ksr_bundle *bundle = &run->bundle[run->count];
	bool whole = true;
	enum ksk_err err = check_room(b);

	if (err == KSK_OK)
		err = build_dnskey(b, section, &bundle->rrset);
	if (err != KSK_OK)
		return err;
	bundle->section = section;
	run->count++;
	err = add_cds(b, section, KSK_TYPE_CDS, &bundle->rrset, &whole);
	if (err == KSK_OK)
		err = add_cds(
			b, section, KSK_TYPE_CDNSKEY, &bundle->rrset, &whole);
	b->without += whole ? 0 : 1;
	return err;
}

/* A section without CDS behind one with it makes BIND drop the RRSIG over
 * DNSKEY: there it is in all of them or in none. */
static void
leave_out(struct bundles *b)
{
	struct ksk_ksr_run *run = b->run;
	enum ksk_ksr_dialect dialect = run->has_dialect ? run->dialect
							: run->ksr[0].dialect;
	size_t kept = 0;

	if (b->without == 0)
		return;
	if (dialect == KSK_KSR_BIND) {
		for (size_t i = 0; i < run->count; i++) {
			if (run->bundle[i].rrset.type == KSK_TYPE_DNSKEY)
				run->bundle[kept++] = run->bundle[i];
		}
		run->count = kept;
		b->without = run->plan.count;
	}
	ksk_say_plain("note: CDS and CDNSKEY are left out of %zu of %zu "
		      "sections%s%s",
		b->without, run->plan.count, b->why.text[0] != '\0' ? ": " : "",
		b->why.text);
}

enum ksk_err
ksk_ksr_bundles(struct ksk_ksr_run *run, const struct ksk_keys_reply *keys,
	uint64_t offset, uint64_t now, struct ksk_fault *fault)
{
	struct bundles b = {.run = run,
		.keys = keys,
		.offset = offset,
		.now = now,
		.fault = fault};
	enum ksk_err err = KSK_OK;

	run->count = 0;
	for (size_t i = 0; err == KSK_OK && i < run->plan.count; i++)
		err = add_section(&b, i);
	if (err == KSK_OK)
		leave_out(&b);
	return err;
}
