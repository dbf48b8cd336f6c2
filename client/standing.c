/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standing - see standing.h.
 */
#include "client/standing.h"

#include <string.h>

bool
ksk_standing_is(const struct ksk_ksk_entry *ksk, uint64_t start, uint64_t now)
{
	if (start <= now)
		return ksk->stands;
	return ksk->from <= start && (!ksk->has_until || start < ksk->until);
}

static bool
is_revoked(struct ksk_span dnskey)
{
	struct ksk_dnskey key;

	return ksk_dnskey_read(dnskey, &key) == KSK_OK &&
		(key.flags & KSK_FLAG_REVOKE) != 0;
}

bool
ksk_standing_revoked(const struct ksk_ksk_entry *ksk)
{
	return is_revoked(ksk->dnskey);
}

bool
ksk_standing_matches(const struct ksk_name *owner, const struct ksk_ds *ds,
	struct ksk_span dnskey)
{
	uint8_t plain[KSK_RDATA_MAX];

	if (ksk_ds_matches(ds, owner, dnskey))
		return true;
	if (dnskey.len > sizeof(plain) || !is_revoked(dnskey))
		return false;
	memcpy(plain, dnskey.data, dnskey.len);
	plain[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	return ksk_ds_matches(ds, owner, ksk_span_of(plain, dnskey.len));
}

enum ksk_err
ksk_standing_check(const struct ksk_name *owner,
	const struct ksk_ksk_entry *ksk, struct ksk_fault *fault)
{
	char ds[KSK_DS_TEXT_CAP];

	if (ksk->dnskey.len != 0 &&
		ksk_standing_matches(owner, &ksk->ds, ksk->dnskey))
		return KSK_OK;
	ksk_ds_to_text(&ksk->ds, ds);
	if (ksk->dnskey.len != 0) {
		ksk_fault_set(fault,
			"the KSK that comes is not the one of DS %s", ds);
		return KSK_ERR_BAD_SIGNATURE;
	}
	ksk_fault_set(fault, "the KSK of DS %s is not there: %s%s%.300s", ds,
		ksk_state_text((unsigned)ksk->state),
		ksk->why[0] != '\0' ? ": " : "", ksk->why);
	return KSK_ERR_NOT_FOUND;
}
