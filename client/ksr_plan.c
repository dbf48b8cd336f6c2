/* SPDX-License-Identifier: BSD-2-Clause */
/* ksr_plan - see ksr_plan.h. */
#include "client/ksr_plan.h"

#include "appliance/base/yaml.h"
#include "protocol/dnskey.h"

#include <inttypes.h>

static uint64_t
last_time(const struct ksk_ksr *ksr)
{
	return ksr->section[ksr->count - 1].time;
}

/* The next moment after one at which some source changes, not behind the end;
 * 0: none. */
static uint64_t
next_section(const struct ksk_ksr_source *source, size_t count, uint64_t after,
	uint64_t end)
{
	uint64_t next = 0;

	for (size_t i = 0; i < count; i++) {
		const struct ksk_ksr *ksr = source[i].ksr;

		for (size_t s = 0; ksr != NULL && s < ksr->count; s++) {
			uint64_t time = ksr->section[s].time;

			if (time > after && time <= end &&
				(next == 0 || time < next))
				next = time;
		}
	}
	return next;
}

static enum ksk_err
add_time(struct ksk_ksr_plan *plan, const struct ksk_ksr_terms *terms,
	uint64_t time, struct ksk_fault *fault)
{
	/* What has begun and is followed by another that has: past. */
	if (time <= terms->now)
		plan->count = 0;
	if (plan->count == KSK_SCHEDULE_BUNDLE_MAX) {
		ksk_fault_set(fault,
			"the plan has more than %u bundles; sign less often "
			"(--every), or ask the provider for a shorter KSR",
			KSK_SCHEDULE_BUNDLE_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	plan->time[plan->count++] = time;
	return KSK_OK;
}

/* Nobody knows what a provider signs with before its own KSR begins. */
static enum ksk_err
check_begin(const struct ksk_ksr_source *source, size_t count, uint64_t begin,
	struct ksk_fault *fault)
{
	char here[KSK_TIME_CAP], there[KSK_TIME_CAP];

	for (size_t i = 1; i < count; i++) {
		if (source[i].ksr == NULL ||
			source[i].ksr->section[0].time <= begin)
			continue;
		ksk_fault_set(fault,
			"%.200s begins at %s, but the sets are needed from %s "
			"on",
			source[i].path,
			ksk_time_text(here, source[i].ksr->section[0].time),
			ksk_time_text(there, begin));
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

enum ksk_err
ksk_ksr_plan_make(const struct ksk_ksr_source *source, size_t count,
	const struct ksk_ksr_terms *terms, struct ksk_ksr_plan *out_plan,
	struct ksk_fault *fault)
{
	uint64_t at = source[0].ksr->section[0].time;
	uint64_t end = last_time(source[0].ksr);
	struct ksk_ksr_plan plan = {.count = 0};
	enum ksk_err err;

	if (end <= terms->now) {
		ksk_fault_set(fault,
			"the KSR's last section, of line %zu, has begun: "
			"nothing of it lies ahead",
			source[0].ksr->section[source[0].ksr->count - 1].line);
		return KSK_ERR_BAD_INPUT;
	}
	do {
		uint64_t next = next_section(source, count, at, end);

		/* Far ago: begin at the last signature due before now. */
		if (at < terms->now && (next == 0 || next > terms->now))
			at += (terms->now - at) / terms->every * terms->every;
		err = add_time(&plan, terms, at, fault);
		if (err != KSK_OK)
			return err;
		if (next > terms->now && next - at > terms->every)
			next = at + terms->every;
		at = next;
	} while (at != 0);
	err = check_begin(source, count, plan.time[0], fault);
	if (err == KSK_OK)
		*out_plan = plan;
	return err;
}

/* What a source signs with at a moment: its section in effect. */
static const struct ksk_rrset *
set_at(const struct ksk_ksr_source *source, uint64_t at)
{
	const struct ksk_ksr *ksr = source->ksr;
	size_t s = 0;

	if (ksr == NULL)
		return source->set;
	while (s + 1 < ksr->count && ksr->section[s + 1].time <= at)
		s++;
	return &ksr->section[s].rrset;
}

enum ksk_err
ksk_ksr_plan_keys(const struct ksk_ksr_source *source, size_t count,
	uint64_t at, struct ksk_rrset *rrset)
{
	for (size_t i = 0; i < count; i++) {
		const struct ksk_rrset *set = set_at(&source[i], at);

		for (size_t k = 0; k < set->count; k++) {
			if (ksk_rrset_has(rrset, set->rdata[k]))
				continue;
			if (rrset->count == KSK_RDATA_COUNT_MAX)
				return KSK_ERR_TOO_LARGE;
			rrset->rdata[rrset->count++] = set->rdata[k];
		}
	}
	return KSK_OK;
}

static unsigned
tag_of(struct ksk_span rdata)
{
	struct ksk_dnskey key;

	return ksk_dnskey_read(rdata, &key) == KSK_OK ? key.tag : 0;
}

/* One step of the provider's plan: a key is new, and the next section is soon.
 */
static enum ksk_err
check_step(const struct ksk_ksr_section *section,
	const struct ksk_ksr_terms *terms, struct ksk_fault *fault)
{
	uint64_t gap = section[1].time - section->time;

	if (gap >= terms->ttl + terms->late)
		return KSK_OK;
	for (size_t k = 0; k < section->rrset.count; k++) {
		if (ksk_rrset_has(&section[-1].rrset, section->rrset.rdata[k]))
			continue;
		ksk_fault_set(fault,
			"line %zu: key %u appears %" PRIu64
			" seconds before the next section, from which on it "
			"may be used; caches may lack it for the TTL of %" PRIu64
			" seconds%s: let the provider plan again, with its "
			"dnskey-ttl set (Knot plans with TTL 0 before its "
			"first key is made)",
			section->line, tag_of(section->rrset.rdata[k]), gap,
			terms->ttl,
			gap < terms->ttl ? "" : ", and servers may be late");
		return gap < terms->ttl ? KSK_ERR_BAD_INPUT : KSK_ERR_AGAIN;
	}
	return KSK_OK;
}

enum ksk_err
ksk_ksr_plan_check(const struct ksk_ksr *ksr, const struct ksk_ksr_terms *terms,
	struct ksk_fault *fault)
{
	enum ksk_err worst = KSK_OK;

	for (size_t s = 1; s + 1 < ksr->count; s++) {
		enum ksk_err err = KSK_OK;

		if (ksr->section[s + 1].time > terms->now)
			err = check_step(&ksr->section[s], terms, fault);
		if (err == KSK_ERR_BAD_INPUT)
			return err;
		if (err != KSK_OK)
			worst = err;
	}
	return worst;
}
