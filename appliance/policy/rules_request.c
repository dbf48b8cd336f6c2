/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about the request as such: zone, client, type, ttl, window, rate.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"

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

	if (len > z->validity)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signature would be valid for %llu seconds, at "
			"most %llu (`validity`); let it expire earlier",
			(unsigned long long)len,
			(unsigned long long)z->validity);
	if (len < z->min_validity)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signature would be valid for %llu seconds, at "
			"least %llu (`min-validity`); let it expire later",
			(unsigned long long)len,
			(unsigned long long)z->min_validity);
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

	if (c->window.expiration > least)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"too little of the signature would be left (min-remaining = "
		"TTL + propagation = %llu seconds); let it expire later "
		"(RFC 6781 4.4.2)",
		(unsigned long long)(ttl + c->zone->propagation));
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
}

void
ksk_rule_rate(struct ksk_case *c)
{
	if (c->candidate->recent < c->zone->rate_count)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"this client got %u answers for the zone within %llu seconds, "
		"at most %u (`rate`); wait, or find out what asks so often",
		c->candidate->recent, (unsigned long long)c->zone->rate_per,
		c->zone->rate_count);
}
