/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt_warn - what people should know of a set that is adopted: keys that the
 * policy does not have. They are history like the others, so the next set can
 * leave them out only as early-drop lets it, and whose they are nobody knows.
 * Contract: adopt.h
 */
#include "appliance/policy/announced.h"
#include "appliance/signer/adopt.h"

#include <stdio.h>
#include <string.h>

/* What was found of one key. */
struct place {
	const char *provider; /* that lists it, or NULL */
	bool withdrawn;
	bool known; /* as a key of a provider, a co-signer or a KSK of ours */
};

/* The DS of a KSK is that of its form without REVOKE (RFC 5011 2.1). */
static bool
is_ksk(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_name *name, struct ksk_span rdata)
{
	uint8_t plain[KSK_RDATA_MAX];

	if (rdata.len > sizeof(plain))
		return false;
	memcpy(plain, rdata.data, rdata.len);
	plain[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	for (uint32_t i = 0; i < zone->ksks.count; i++) {
		if (ksk_ds_matches(&table->ksks[zone->ksks.first + i].ds, name,
			    ksk_span_of(plain, rdata.len)))
			return true;
	}
	return false;
}

static struct place
find_key(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_name *name, struct ksk_span rdata)
{
	struct place place = {.known = is_ksk(table, zone, name, rdata)};

	for (uint32_t i = 0; i < zone->cosigners.count; i++)
		place.known = place.known ||
			ksk_ds_matches(
				&table->cosigners[zone->cosigners.first + i].ds,
				name, rdata);
	for (uint32_t i = 0; i < zone->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&table->providers[zone->providers.first + i];

		for (uint32_t k = 0; k < p->keys.count; k++) {
			const struct ksk_policy_key *key =
				&table->keys[p->keys.first + k];
			if (!ksk_ds_matches(&key->ds, name, rdata))
				continue;
			place.known = true;
			place.provider = p->name;
			place.withdrawn = place.withdrawn ||
				key->withdrawn != 0;
		}
	}
	return place;
}

static void
warn(const struct ksk_dnskey *key, const struct place *place,
	struct ksk_refusal *out)
{
	const char *algorithm = ksk_algorithm_text(key->algorithm);

	memset(out, 0, sizeof(*out));
	ksk_text_copy(out->rule, sizeof(out->rule), "adopt");
	out->has_tag = true;
	out->tag = key->tag;
	if (place->provider != NULL)
		ksk_text_copy(
			out->provider, sizeof(out->provider), place->provider);
	if (place->withdrawn)
		(void)snprintf(out->why, sizeof(out->why),
			"the policy withdraws this ZSK of algorithm %u (%s), "
			"and the adopted set lists it; sign and serve a set "
			"without it now",
			key->algorithm, algorithm);
	else if ((key->flags & KSK_FLAG_SEP) != 0)
		(void)snprintf(out->why, sizeof(out->why),
			"this key of algorithm %u (%s) has the SEP bit (flags "
			"%u), but is no KSK of the policy and no co-signer; if "
			"its DS is at the parent, list it as one before the "
			"next set leaves it out",
			key->algorithm, algorithm, key->flags);
	else
		(void)snprintf(out->why, sizeof(out->why),
			"no provider of the policy lists this ZSK of algorithm "
			"%u (%s), so whose it is is not known, and no set may "
			"hold it or leave it out; list it at its provider",
			key->algorithm, algorithm);
}

size_t
ksk_adopt_warn(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_history *history, const struct ksk_rrset *rrset,
	uint64_t now, struct ksk_refusal out[KSK_WARNING_COUNT_MAX])
{
	struct ksk_view view;
	size_t count = 0, more = 0;

	ksk_view_take(&view, history, now, &table, &zone);
	for (size_t i = 0; i < rrset->count; i++) {
		struct ksk_dnskey key;
		struct place place;

		if (ksk_dnskey_read(rrset->rdata[i], &key) != KSK_OK)
			continue;
		place = find_key(table, zone, &rrset->owner, rrset->rdata[i]);
		if (place.known && !place.withdrawn)
			continue;
		if (count == KSK_WARNING_COUNT_MAX)
			more++;
		else
			warn(&key, &place, &out[count++]);
	}
	if (more > 0) {
		struct ksk_refusal *last = &out[count - 1];

		last->has_tag = false;
		last->tag = 0;
		last->provider[0] = '\0';
		(void)snprintf(last->why, sizeof(last->why),
			"%zu more keys of the adopted set are not as the "
			"policy has them",
			more + 1);
	}
	return count;
}
