/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - see pool.h.
 */
#include "client/pool.h"

#include "client/standing.h"
#include "protocol/verify.h"

static void
add(struct ksk_pool *pool, struct ksk_span dnskey, bool pinned)
{
	if (pool->count == KSK_POOL_MAX)
		return;
	pool->key[pool->count].dnskey = dnskey;
	pool->key[pool->count].pinned = pinned;
	pool->count++;
}

void
ksk_pool_add_policy(struct ksk_pool *pool, const struct ksk_keys_reply *keys)
{
	for (size_t i = 0; i < keys->ksk_count; i++) {
		const struct ksk_ksk_entry *ksk = &keys->ksk[i];

		if (ksk->dnskey.len != 0 &&
			ksk_standing_matches(
				&keys->owner, &ksk->ds, ksk->dnskey))
			add(pool, ksk->dnskey, true);
	}
}

static bool
is_pinned(const struct ksk_keys_reply *keys, struct ksk_span dnskey)
{
	for (size_t i = 0; keys != NULL && i < keys->ksk_count; i++) {
		if (ksk_standing_matches(
			    &keys->owner, &keys->ksk[i].ds, dnskey))
			return true;
	}
	return false;
}

void
ksk_pool_add_set(struct ksk_pool *pool, const struct ksk_rrset *rrset,
	const struct ksk_keys_reply *keys)
{
	for (size_t i = 0; i < rrset->count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(rrset->rdata[i], &key) == KSK_OK &&
			(key.flags & KSK_FLAG_SEP) != 0)
			add(pool, rrset->rdata[i],
				is_pinned(keys, rrset->rdata[i]));
	}
}

enum ksk_err
ksk_pool_check(const struct ksk_pool *pool, const struct ksk_rrset *rrset,
	struct ksk_span rdata, uint64_t now, bool *out_pinned,
	struct ksk_fault *fault)
{
	enum ksk_err err = KSK_ERR_NOT_FOUND;
	struct ksk_fault why = {"no KSK that is known here has this tag"};
	struct ksk_rrsig rrsig;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK) {
		ksk_fault_set(fault, "an RRSIG can't be read");
		return KSK_ERR_BAD_SIGNATURE;
	}
	for (size_t i = 0; i < pool->count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(pool->key[i].dnskey, &key) != KSK_OK ||
			key.tag != rrsig.tag ||
			key.algorithm != rrsig.algorithm)
			continue;
		err = KSK_ERR_BAD_SIGNATURE;
		if (ksk_verify_rrsig(rrset, &rrsig, &rrset->owner,
			    pool->key[i].dnskey, now, &why) != KSK_OK)
			continue;
		*out_pinned = pool->key[i].pinned;
		return KSK_OK;
	}
	ksk_fault_set(fault, "RRSIG of key %u: %.400s", rrsig.tag, why.text);
	return err;
}

enum ksk_err
ksk_pool_check_all(const struct ksk_pool *pool, const struct ksk_rrset *rrset,
	const struct ksk_span *rrsig, size_t rrsig_count, uint64_t now,
	struct ksk_fault *fault)
{
	bool found = false;

	for (size_t i = 0; i < rrsig_count; i++) {
		bool pinned = false;

		if (ksk_pool_check(pool, rrset, rrsig[i], now, &pinned,
			    fault) != KSK_OK)
			return KSK_ERR_BAD_SIGNATURE;
		found |= pinned;
	}
	if (found)
		return KSK_OK;
	ksk_fault_set(fault, "no RRSIG is by a KSK that the policy pins");
	return KSK_ERR_BAD_SIGNATURE;
}
