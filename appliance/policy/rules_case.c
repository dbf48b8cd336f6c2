/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules ask of a case, and how they refuse.
 */
#include "appliance/policy/rules_case.h"

#include <stdio.h>
#include <string.h>

bool
ksk_case_matches(const struct ksk_case *c, const struct ksk_case_key *k,
	const struct ksk_ds *ds)
{
	if (k->readable && k->rdata.len == 0)
		return ksk_times_key_is(
			ksk_times_key(&c->times, k->number), ds);
	if (!k->readable || ds->tag != k->key.tag ||
		ds->algorithm != k->key.algorithm)
		return false;
	/* The digest that was computed is that of the form without REVOKE. */
	if (ds->digest_type == KSK_DIGEST_SHA256 && k->sha256.digest_len != 0 &&
		k->sha256.tag == k->key.tag &&
		(k->key.flags & KSK_FLAG_REVOKE) == 0)
		return ksk_ds_equal(ds, &k->sha256);
	return ksk_ds_matches(ds, &c->name, k->rdata);
}

static void
fill(const struct ksk_case *c, struct ksk_refusal *r, uint32_t tag,
	const char *provider)
{
	memset(r, 0, sizeof(*r));
	(void)snprintf(r->rule, sizeof(r->rule), "%s", c->rule);
	r->has_tag = tag != KSK_NO_TAG;
	r->tag = r->has_tag ? (uint16_t)tag : 0;
	if (provider != NULL)
		(void)snprintf(
			r->provider, sizeof(r->provider), "%s", provider);
	r->has_bundle = c->candidate->chain != NULL;
	if (r->has_bundle)
		r->bundle = c->candidate->chain->bundle;
}

void
ksk_case_refuse(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...)
{
	struct ksk_refusals *all = c->refusals;
	struct ksk_refusal *r;
	va_list ap;

	if (all->count == KSK_REFUSAL_COUNT_MAX) {
		all->dropped++;
		return;
	}
	r = &all->list[all->count++];
	fill(c, r, tag, provider);
	va_start(ap, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

void
ksk_case_warn(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...)
{
	struct ksk_refusal *r;
	va_list ap;

	if (c->warning_count == sizeof(c->warning) / sizeof(c->warning[0]))
		return;
	r = &c->warning[c->warning_count++];
	fill(c, r, tag, provider);
	va_start(ap, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

bool
ksk_case_is_zsk(const struct ksk_case_key *k)
{
	return k->readable && k->key.flags == KSK_FLAGS_ZSK;
}

bool
ksk_case_is_cosigner(const struct ksk_case *c, const struct ksk_case_key *k)
{
	return k->cosigner != KSK_NOBODY &&
		c->start < c->table->cosigners[k->cosigner].until;
}

bool
ksk_case_is_data_key(const struct ksk_case *c, const struct ksk_case_key *k,
	uint32_t provider)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];

	if (ksk_case_is_cosigner(c, k)) {
		const struct ksk_policy_cosigner *co =
			&c->table->cosigners[k->cosigner];

		return co->csk != 0 && strcmp(co->provider, p->name) == 0;
	}
	return k->owner_count == 1 && k->provider == provider &&
		c->table->keys[k->entry].withdrawn == 0;
}

bool
ksk_case_is_needed(
	const struct ksk_case *c, const struct ksk_policy_provider *p)
{
	return ksk_times_needed(&c->past, p, c->start);
}

const struct ksk_case_key *
ksk_case_find_standing(const struct ksk_case *c, struct ksk_signer_key standing)
{
	uint16_t flags = standing.revoked ? KSK_FLAGS_REVOKED : KSK_FLAGS_KSK;

	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].own == standing.ksk &&
			c->key[i].key.flags == flags)
			return &c->key[i];
	}
	return NULL;
}

bool
ksk_case_stands(const struct ksk_case *c, uint32_t ksk)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		if (c->standing[i].ksk == ksk)
			return true;
	}
	return false;
}

const char *
ksk_case_algorithm(char buf[KSK_ALGORITHM_CAP], unsigned algorithm)
{
	(void)snprintf(buf, KSK_ALGORITHM_CAP, "%u (%s)", algorithm,
		ksk_algorithm_text((uint8_t)algorithm));
	return buf;
}
