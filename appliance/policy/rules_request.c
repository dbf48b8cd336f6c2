/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about the request as such: zone, client, type, ttl, window, rate, and
 * how it follows what was signed before: previous, supersedes, adopt.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

#include <string.h>

void
ksk_rule_zone(struct ksk_case *c)
{
	char owner[KSK_NAME_TEXT_CAP];

	if (c->zone != NULL && ksk_name_equal(&c->name, &c->rrset->owner))
		return;
	ksk_name_to_text(&c->rrset->owner, owner);
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"%.200s is not the apex of a zone in the policy; only apex "
		"records of its zones are signed",
		owner);
}

void
ksk_rule_client(struct ksk_case *c)
{
	const struct ksk_client *client = c->candidate->client;

	if (client == NULL) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"no client of the policy has this certificate's pin; "
			"add it to `clients`");
		return;
	}
	if (!ksk_table_zone_has_client(c->table, c->zone, client))
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the client %s is not listed for this zone; add it to "
			"the zone's `clients`",
			client->name);
	if ((client->may & KSK_MAY_SIGN) == 0)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the client %s may not sign; add sign to its `may`",
			client->name);
}

void
ksk_rule_type(struct ksk_case *c)
{
	char type[10];
	unsigned bit;

	switch (c->rrset->type) {
	case KSK_TYPE_DNSKEY:
		bit = KSK_SIGNS_DNSKEY;
		break;
	case KSK_TYPE_CDS:
		bit = KSK_SIGNS_CDS;
		break;
	case KSK_TYPE_CDNSKEY:
		bit = KSK_SIGNS_CDNSKEY;
		break;
	default:
		bit = 0;
		break;
	}
	if ((c->zone->types & bit) != 0)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		bit == 0 ? "%s is never signed here; only DNSKEY, CDS and "
			   "CDNSKEY are"
			 : "%s is not signed for this zone; add it to the "
			   "zone's `sign`",
		ksk_type_text(c->rrset->type, type));
}

void
ksk_rule_ttl(struct ksk_case *c)
{
	if (c->rrset->ttl == c->zone->ttl)
		return;
	/* All providers must serve one TTL: it is part of what is signed. */
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"the TTL is %u, the policy's is %u; submit the set with that "
		"TTL and serve it so (RFC 2181 5.2, RFC 4034 3.1.4)",
		c->rrset->ttl, c->zone->ttl);
}

/* a + b, or the largest number there is. */
static uint64_t
add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void
check_length(struct ksk_case *c)
{
	const struct ksk_zone *z = c->zone;
	uint64_t len = c->window.expiration - c->window.inception;
	char when[KSK_TIME_CAP];

	if (len > z->validity)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signature would be valid for %llu seconds, at "
			"most %llu (`validity`); let it expire on %s or "
			"earlier",
			(unsigned long long)len,
			(unsigned long long)z->validity,
			ksk_time_text(
				when, add(c->window.inception, z->validity)));
	if (len < z->min_validity)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signature would be valid for %llu seconds, at "
			"least %llu (`min-validity`); let it expire on %s or "
			"later",
			(unsigned long long)len,
			(unsigned long long)z->min_validity,
			ksk_time_text(when,
				add(c->window.inception, z->min_validity)));
}

/*
 * A set that is served from start on must outlive the moment when the last
 * server has it and the last cache has dropped what it fetched then
 * (RFC 6781 4.4.2, RFC 4035 5.3.3).
 */
static void
check_remaining(struct ksk_case *c)
{
	uint64_t ttl = c->rrset->ttl > c->zone->ttl ? c->rrset->ttl
						    : c->zone->ttl;
	uint64_t least = add(c->start, ttl + c->zone->propagation);
	char when[KSK_TIME_CAP];

	if (c->window.expiration > least)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"too little of the signature would be left (min-remaining = "
		"TTL + propagation = %llu seconds); let it expire later than "
		"%s (RFC 6781 4.4.2)",
		(unsigned long long)(ttl + c->zone->propagation),
		ksk_time_text(when, least));
}

/* A parent tells the newer of two CDS sets by their inceptions (RFC 7344 4.1,
 * replay). */
static void
check_order(struct ksk_case *c)
{
	char text[KSK_TIME_CAP];
	struct ksk_walk w;

	if (c->rrset->type == KSK_TYPE_DNSKEY || !c->has_history)
		return;
	ksk_walk_begin(&w, &c->past, c->rrset->type);
	if (!ksk_walk_next(&w) || c->window.inception > w.answer->inception ||
		ksk_held_equal(w.ds, w.answer->content.count, c->ahead.ds,
			c->ahead.answer.content.count))
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"a changed set must have a later inception than the last one, "
		"%s (RFC 7344 6.2)",
		ksk_time_text(text, w.answer->inception));
}

void
ksk_rule_window(struct ksk_case *c)
{
	const struct ksk_window *w = &c->window;
	uint64_t now = c->candidate->now;
	char inception[KSK_TIME_CAP], limit[KSK_TIME_CAP];

	ksk_time_text(inception, w->inception);
	if (w->expiration <= w->inception) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signature would expire before it begins, at %s "
			"(RFC 4034 3.1.5)",
			inception);
		return;
	}
	if (add(w->inception, c->zone->validity) < now)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"inception %s is longer ago than `validity`; the "
			"earliest is %s",
			inception,
			ksk_time_text(limit, now - c->zone->validity));
	if (w->inception > add(now, c->zone->horizon))
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"inception %s lies beyond `horizon`; the latest is %s",
			inception,
			ksk_time_text(limit, add(now, c->zone->horizon)));
	check_length(c);
	check_remaining(c);
	check_order(c);
}

/* Compare and set: two who change a zone from the same state do not undo each
 * other's change unseen. */
void
ksk_rule_previous(struct ksk_case *c)
{
	const struct ksk_sign *sign = c->candidate->sign;
	const struct ksk_history_answer *head;
	char want[2 * KSK_HASH_LEN + 1], when[KSK_TIME_CAP];
	uint8_t none[KSK_HASH_LEN] = {0};

	if (!sign->has_previous || !c->has_history)
		return;
	head = ksk_history_head(c->candidate->history, c->rrset->type);
	if (memcmp(head == NULL ? none : head->hash, sign->previous,
		    KSK_HASH_LEN) == 0)
		return;
	ksk_hex_write(
		ksk_span_of(head == NULL ? none : head->hash, KSK_HASH_LEN),
		want, sizeof(want));
	if (head == NULL)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"`previous` names an answer, but none of this type is "
			"known for the zone; leave it out, or send zeroes");
	else
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"`previous` is not the hash of the zone's last answer "
			"of this type, that of record %llu, released on %s, "
			"%s: somebody else has changed it since; read the last "
			"answer (kskctl last-answer), make the change again "
			"from there",
			(unsigned long long)(head->seq / KSK_SEQ_PER_RECORD),
			ksk_time_text(when, head->released), want);
}

/* Whether `supersedes` names an answer. Marks it in the schedule, whose other
 * bundles may replace the rest. */
static bool
is_named(struct ksk_case *c, uint64_t seq)
{
	const struct ksk_sign *sign = c->candidate->sign;
	struct ksk_chain *chain = c->candidate->chain;

	for (size_t i = 0; i < sign->supersede_count; i++) {
		if (sign->supersede[i] != seq / KSK_SEQ_PER_RECORD)
			continue;
		if (chain != NULL)
			chain->named |= UINT64_C(1) << i;
		return true;
	}
	return false;
}

/* Bundles of the same schedule are not what a bundle replaces: that they come
 * in order is for schedule-gap to say. */
static bool
is_bundle(const struct ksk_case *c, const struct ksk_history_answer *a)
{
	const struct ksk_chain *chain = c->candidate->chain;

	return chain != NULL && a->seq >= chain->first_seq;
}

/* Answers that start later and that no newer one has overtaken yet: the
 * candidate overtakes them all, so it must name them all. */
void
ksk_rule_supersedes(struct ksk_case *c)
{
	const struct ksk_sign *sign = c->candidate->sign;
	uint64_t newer = KSK_NEVER; /* least start of those passed */
	char when[KSK_TIME_CAP];
	size_t named = 0;
	struct ksk_walk w;

	if (!c->has_history)
		return;
	ksk_walk_begin(&w, &c->past, c->rrset->type);
	while (ksk_walk_next(&w)) {
		bool overtaken = newer <= w.start;

		newer = w.start < newer ? w.start : newer;
		if (w.start <= c->start || overtaken || is_bundle(c, w.answer))
			continue;
		if (is_named(c, w.answer->seq)) {
			named++;
			continue;
		}
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"this set starts before the answer of record %llu, "
			"which is signed already and starts at %s, and would "
			"replace it; name it in `supersedes`, or let this set "
			"start later than it",
			(unsigned long long)(w.answer->seq /
				KSK_SEQ_PER_RECORD),
			ksk_time_text(when, w.start));
	}
	if (named < sign->supersede_count && c->candidate->chain == NULL)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"`supersedes` names %zu answers, but %zu of them are "
			"later answers of this type that still count; name "
			"exactly those",
			sign->supersede_count, named);
}

/* Nobody here knows what caches hold of a zone that others have served. */
void
ksk_rule_adopt(struct ksk_case *c)
{
	if (!c->has_history ||
		!ksk_history_needs_adoption(c->zone, c->candidate->history))
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"the policy states a DS set at the parent, so the zone is "
		"served already, but no answer of it is known here; give the "
		"set that is served now (kskctl adopt), or write `new-zone: "
		"yes` in the policy if nobody serves the zone yet");
}

void
ksk_rule_idempotency(struct ksk_case *c)
{
	if (c->candidate->clash)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"this idempotency key was used for another request "
			"within the last day; a new request needs a new key");
}

void
ksk_rule_rate(struct ksk_case *c)
{
	if (c->candidate->full && !ksk_case_is_unchanged(c)) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the zone had hundreds of changes within the time that "
			"caches are thought of; wait, or find out what changes "
			"it so often");
		return;
	}
	if (c->candidate->recent < c->zone->rate_count ||
		(c->has_history && ksk_case_is_unchanged(c)))
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"this client got %u answers for the zone within %llu seconds, "
		"at most %u (`rate`); wait, or find out what asks so often",
		c->candidate->recent, (unsigned long long)c->zone->rate_per,
		c->zone->rate_count);
}
