/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_rrsig - what an RRSIG must say about RRset, key and time before its
 * bytes are worth checking (RFC 4035 5.3). Contract: verify.h
 */
#include "protocol/verify.h"

static enum ksk_err
refuse(struct ksk_fault *fault, const char *what)
{
	ksk_fault_set(fault, "%s", what);
	return KSK_ERR_BAD_SIGNATURE;
}

/* RFC 4035 5.3.1, all but time */
static enum ksk_err
check_fields(const struct ksk_rrset *rrset, const struct ksk_rrsig *rrsig,
	const struct ksk_name *zone, const struct ksk_dnskey *key,
	struct ksk_fault *fault)
{
	if ((key->flags & KSK_FLAG_ZONE) == 0 || key->protocol != 3)
		return refuse(fault, "the key is no zone key of protocol 3");
	if (rrsig->algorithm != key->algorithm)
		return refuse(fault, "the algorithms of RRSIG and key differ");
	if (rrsig->tag != key->tag)
		return refuse(fault, "the key tags of RRSIG and key differ");
	if (!ksk_name_equal(&rrsig->signer, zone))
		return refuse(fault, "the signer's name is not the zone");
	if (!ksk_name_within(&rrset->owner, zone))
		return refuse(fault, "the owner is outside the zone");
	if (rrsig->type != rrset->type)
		return refuse(fault, "the RRSIG covers another type");
	if (rrsig->ttl != rrset->ttl)
		return refuse(fault, "the RRSIG's original TTL is another");
	return KSK_OK;
}

/* Returns true if a is at or before b, in serial arithmetic (RFC 1982 3.2);
 * RFC 4034 3.1.5 demands it for both times. */
static bool
is_not_after(uint32_t a, uint32_t b)
{
	return b - a < UINT32_C(0x80000000);
}

static enum ksk_err
check_time(const struct ksk_rrsig *rrsig, uint64_t now, struct ksk_fault *fault)
{
	uint32_t now32 = (uint32_t)(now & UINT32_MAX);

	if (!is_not_after(rrsig->inception, now32))
		return refuse(fault, "the RRSIG's inception is in the future");
	if (!is_not_after(now32, rrsig->expiration))
		return refuse(fault, "the RRSIG has expired");
	return KSK_OK;
}

static enum ksk_err
check_bytes(const struct ksk_rrset *rrset, const struct ksk_rrsig *rrsig,
	struct ksk_span dnskey_rdata, struct ksk_fault *fault)
{
	struct ksk_verify_key *key = NULL;
	uint8_t room[KSK_TBS_MAX];
	struct ksk_buf tbs = ksk_buf_of(room, sizeof(room));

	if (ksk_tbs_build(rrset, rrsig, &tbs) != KSK_OK)
		return refuse(fault,
			"the RRSIG's label count is wrong, or the RRset is "
			"not canonical");
	enum ksk_err err = ksk_verify_key_new(dnskey_rdata, &key);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "the public key can't be used: %s",
			ksk_err_text(err));
		return err;
	}
	err = ksk_verify_bytes(key, ksk_buf_span(&tbs), rrsig->signature);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s", ksk_err_text(err));
	ksk_verify_key_free(&key);
	return err;
}

enum ksk_err
ksk_verify_rrsig(const struct ksk_rrset *rrset, const struct ksk_rrsig *rrsig,
	const struct ksk_name *zone, struct ksk_span dnskey_rdata, uint64_t now,
	struct ksk_fault *fault)
{
	struct ksk_dnskey key;
	enum ksk_err err = ksk_dnskey_read(dnskey_rdata, &key);

	if (err != KSK_OK) {
		ksk_fault_set(fault, "the DNSKEY is cut off");
		return err;
	}
	err = check_fields(rrset, rrsig, zone, &key, fault);
	if (err == KSK_OK && now != 0)
		err = check_time(rrsig, now, fault);
	if (err == KSK_OK)
		err = check_bytes(rrset, rrsig, dnskey_rdata, fault);
	return err;
}
