/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_check - what comes back is believed only as far as it verifies; see
 * ksk_sign_set_check in sign_set.h.
 */
#include "client/sign_set.h"

#include "client/standing.h"
#include "protocol/verify.h"

/* Signers that are demanded, and which of them have signed. */
struct signers {
	size_t count;
	const struct ksk_ksk_entry *ksk[KSK_KSK_COUNT_MAX];
	bool signed_by[KSK_KSK_COUNT_MAX];
};

static void
demand_signers(const struct ksk_sign *sign, const struct ksk_keys_reply *keys,
	uint64_t now, struct signers *out)
{
	uint64_t start = sign->has_window ? sign->window.inception : 0;

	*out = (struct signers){0};
	for (size_t i = 0; i < keys->ksk_count; i++) {
		const struct ksk_ksk_entry *ksk = &keys->ksk[i];

		if (!ksk_standing_is(ksk, start, now))
			continue;
		if (sign->rrset.type != KSK_TYPE_DNSKEY &&
			ksk_standing_revoked(ksk))
			continue;
		out->ksk[out->count++] = ksk;
	}
}

/* A DNSKEY RRset is verified with keys that stand in it (RFC 4035 5.3.1). */
static enum ksk_err
check_in_set(const struct ksk_rrset *rrset, const struct signers *signers,
	struct ksk_fault *fault)
{
	if (signers->count == 0) {
		ksk_fault_set(fault, "no KSK of the zone stands at that time");
		return KSK_ERR_BAD_SIGNATURE;
	}
	for (size_t i = 0; i < signers->count; i++) {
		const struct ksk_ksk_entry *ksk = signers->ksk[i];

		if (rrset->type != KSK_TYPE_DNSKEY ||
			ksk_rrset_has(rrset, ksk->dnskey))
			continue;
		ksk_fault_set(fault,
			"the set was signed although KSK %u, which must stand "
			"in it, does not",
			ksk->ds.tag);
		return KSK_ERR_BAD_SIGNATURE;
	}
	return KSK_OK;
}

/* RFC 4034 3.1.5: the lower 32 bits of the seconds. */
static enum ksk_err
check_window(const struct ksk_sign *sign, const struct ksk_sign_reply *reply,
	const struct ksk_rrsig *rrsig, struct ksk_fault *fault)
{
	struct ksk_window window = reply->window;

	if (rrsig->inception != (uint32_t)window.inception ||
		rrsig->expiration != (uint32_t)window.expiration ||
		window.expiration <= window.inception) {
		ksk_fault_set(fault,
			"RRSIG of key %u: another window than the reply says",
			rrsig->tag);
		return KSK_ERR_BAD_SIGNATURE;
	}
	if (sign->has_window &&
		(window.inception != sign->window.inception ||
			window.expiration != sign->window.expiration)) {
		ksk_fault_set(fault,
			"RRSIG of key %u: another window than was asked for",
			rrsig->tag);
		return KSK_ERR_BAD_SIGNATURE;
	}
	return KSK_OK;
}

static enum ksk_err
check_rrsig(const struct ksk_sign *sign, const struct ksk_sign_reply *reply,
	struct ksk_span rdata, struct signers *signers, uint64_t now,
	struct ksk_fault *fault)
{
	/* A window that was asked for may lie ahead or behind. */
	uint64_t at = sign->has_window ? 0 : now;
	struct ksk_fault why = {0};
	struct ksk_rrsig rrsig;
	enum ksk_err err;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK) {
		ksk_fault_set(fault, "an RRSIG can't be read");
		return KSK_ERR_BAD_SIGNATURE;
	}
	err = check_window(sign, reply, &rrsig, fault);
	if (err != KSK_OK)
		return err;
	ksk_fault_set(&why, "no KSK that must stand has this tag");
	for (size_t i = 0; i < signers->count; i++) {
		struct ksk_span dnskey = signers->ksk[i]->dnskey;
		struct ksk_dnskey key;

		if (signers->signed_by[i] ||
			ksk_dnskey_read(dnskey, &key) != KSK_OK ||
			key.tag != rrsig.tag ||
			key.algorithm != rrsig.algorithm)
			continue;
		if (ksk_verify_rrsig(&sign->rrset, &rrsig, &sign->rrset.owner,
			    dnskey, at, &why) == KSK_OK) {
			signers->signed_by[i] = true;
			return KSK_OK;
		}
	}
	ksk_fault_set(fault, "RRSIG of key %u: %.400s", rrsig.tag, why.text);
	return KSK_ERR_BAD_SIGNATURE;
}

static enum ksk_err
check_all_signed(const struct signers *signers, struct ksk_fault *fault)
{
	for (size_t i = 0; i < signers->count; i++) {
		if (signers->signed_by[i])
			continue;
		ksk_fault_set(fault, "KSK %u must have signed, and has not",
			signers->ksk[i]->ds.tag);
		return KSK_ERR_BAD_SIGNATURE;
	}
	return KSK_OK;
}

enum ksk_err
ksk_sign_set_check(const struct ksk_sign_set *set,
	const struct ksk_keys_reply *keys, const struct ksk_sign_reply *reply,
	uint64_t now, struct ksk_fault *fault)
{
	const struct ksk_sign *sign = &set->request.sign;
	struct signers signers;
	enum ksk_err err;

	if (sign->dry_run && reply->rrsig_count != 0) {
		ksk_fault_set(fault, "a dry run was answered with RRSIGs");
		return KSK_ERR_BAD_SIGNATURE;
	}
	if (sign->dry_run)
		return KSK_OK;
	demand_signers(sign, keys, now, &signers);
	err = check_in_set(&sign->rrset, &signers, fault);
	for (size_t i = 0; err == KSK_OK && i < reply->rrsig_count; i++)
		err = check_rrsig(
			sign, reply, reply->rrsig[i], &signers, now, fault);
	if (err == KSK_OK)
		err = check_all_signed(&signers, fault);
	return err;
}
