/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * served_compare - each difference between what is served and what must be is
 * one sentence; see served.h.
 */
#include "client/served.h"

#include "client/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct compare {
	const struct ksk_dns_answer *is;
	const struct ksk_signed *want;
	const struct ksk_signed *keys; /* the DNSKEY RRset that must be */
	const char *type;
	json_t *faults;
	bool own_ksk;
	bool differs;
};

static void say(struct compare *c, const char *fmt, ...) KSK_FORMAT(2, 3);

static void
say(struct compare *c, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)json_array_append_new(c->faults, ksk_json_words(text));
	c->differs = true;
}

/* What a person knows a record by. */
static unsigned
tag_of(const struct ksk_rrset *rrset, struct ksk_span rdata)
{
	struct ksk_dnskey key;

	if (rrset->type == KSK_TYPE_CDS && rdata.len >= 2)
		return (unsigned)rdata.data[0] << 8 | rdata.data[1];
	return ksk_dnskey_read(rdata, &key) == KSK_OK ? key.tag : 0;
}

/* True if a record may be missing: a KSK of ours where others sign. */
static bool
may_lack(const struct compare *c, struct ksk_span rdata)
{
	struct ksk_rrsig rrsig;
	struct ksk_dnskey key;

	if (!c->own_ksk || c->want->rrset.type != KSK_TYPE_DNSKEY ||
		ksk_dnskey_read(rdata, &key) != KSK_OK)
		return false;
	for (size_t i = 0; i < c->want->rrsig_count; i++) {
		if (ksk_rrsig_read(c->want->rrsig[i], &rrsig) == KSK_OK &&
			rrsig.tag == key.tag &&
			rrsig.algorithm == key.algorithm)
			return true;
	}
	return false;
}

static void
compare_ttl(struct compare *c)
{
	uint32_t is = c->is->rrset.ttl, want = c->want->rrset.ttl;

	if (is != want && !(c->own_ksk && is < want))
		say(c, "the TTL of %s is %u, not %u", c->type, is, want);
	else if (c->is->mixed_ttl && !c->own_ksk)
		say(c, "%s and its RRSIGs have different TTLs (RFC 2181 5.2)",
			c->type);
}

static void
compare_records(struct compare *c)
{
	const struct ksk_rrset *is = &c->is->rrset, *want = &c->want->rrset;

	if (is->count == 0) {
		say(c, "there is no %s RRset", c->type);
		return;
	}
	for (size_t i = 0; i < want->count; i++) {
		if (!ksk_rrset_has(is, want->rdata[i]) &&
			!may_lack(c, want->rdata[i]))
			say(c, "%s lacks key %u", c->type,
				tag_of(want, want->rdata[i]));
	}
	for (size_t i = 0; i < is->count; i++) {
		if (!ksk_rrset_has(want, is->rdata[i]))
			say(c, "%s has key %u, which nobody signed", c->type,
				tag_of(is, is->rdata[i]));
	}
	compare_ttl(c);
}

/* What went wrong; whoever tells it names the address. */
static const char *
trouble_of(const struct ksk_served *served)
{
	size_t len = strlen(served->address);
	const char *why = served->why.text;

	if (strncmp(why, served->address, len) == 0 &&
		strncmp(why + len, ": ", 2) == 0)
		return why + len + 2;
	return why;
}

static bool
has_rrsig(const struct ksk_span *list, size_t count, struct ksk_span rrsig)
{
	for (size_t i = 0; i < count; i++) {
		if (ksk_span_equal(list[i], rrsig))
			return true;
	}
	return false;
}

static void
compare_own_rrsigs(struct compare *c)
{
	for (size_t i = 0; i < c->is->rrsig_count; i++) {
		if (ksk_signed_by_another(c->keys, c->is->rrsig[i]))
			return;
	}
	say(c, "%s lacks an RRSIG by the provider's own key", c->type);
}

static void
compare_rrsigs(struct compare *c)
{
	struct ksk_rrsig rrsig;

	if (c->own_ksk)
		compare_own_rrsigs(c);
	for (size_t i = 0; !c->own_ksk && i < c->want->rrsig_count; i++) {
		if (has_rrsig(c->is->rrsig, c->is->rrsig_count,
			    c->want->rrsig[i]))
			continue;
		if (ksk_rrsig_read(c->want->rrsig[i], &rrsig) == KSK_OK)
			say(c, "%s lacks our RRSIG by key %u", c->type,
				rrsig.tag);
	}
	for (size_t i = 0; i < c->is->rrsig_count; i++) {
		if (has_rrsig(c->want->rrsig, c->want->rrsig_count,
			    c->is->rrsig[i]))
			continue;
		if (ksk_rrsig_read(c->is->rrsig[i], &rrsig) != KSK_OK)
			say(c, "%s has an RRSIG that can't be read", c->type);
		else if (!ksk_signed_by_another(c->keys, c->is->rrsig[i]))
			say(c, "%s has another RRSIG, by key %u", c->type,
				rrsig.tag);
	}
}

static void
compare_set(struct compare *c)
{
	char rcode[16];

	if (c->is->rcode != 0) {
		say(c, "it answers %s for %s",
			ksk_dns_rcode_text(c->is->rcode, rcode), c->type);
	} else if (!c->is->authoritative) {
		say(c, "it is not authoritative for the zone");
	} else if (c->want->there) {
		compare_records(c);
		if (c->is->rrset.count != 0)
			compare_rrsigs(c);
	} else if (c->is->rrset.count != 0) {
		say(c, "it serves %s, which nobody signed", c->type);
	}
}

bool
ksk_served_compare(const struct ksk_served *served,
	const struct ksk_signed *want, bool own_ksk, json_t *faults)
{
	struct compare c = {.faults = faults,
		.own_ksk = own_ksk,
		.keys = &want[KSK_AT_DNSKEY]};
	char buf[10];

	if (!served->reached) {
		say(&c, "%s", trouble_of(served));
		return false;
	}
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++) {
		bool before = c.differs;

		c.is = &served->answer[i];
		c.want = &want[i];
		c.type = ksk_type_text(ksk_signed_type(i), buf);
		compare_set(&c);
		/* Of a server that does not answer for the zone once is
		 * enough. */
		if (!before && c.differs &&
			(c.is->rcode != 0 || !c.is->authoritative))
			return false;
	}
	return !c.differs;
}
