/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key - finds the one key that a DS means, both halves of it, and says why not
 * if it can't be used. A label selects candidates, the public key decides:
 * labels and ids may be repeated or empty on any token, and a key that was
 * chosen by them alone has signed zones with the wrong key.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_KEY_H
#define KSK_HSM_KEY_H

#include "hsm/inventory.h"
#include "hsm/mechanism.h"
#include "protocol/dnskey.h"

struct ksk_key {
	unsigned long handle; /* CK_OBJECT_HANDLE of the private half */
	const struct ksk_mechanism *mechanism; /* static */
	/* NULL: the private half never leaves the token. Else why it may, for
	 * a person (static), and it is used only where the keymap marks it:
	 * ksk_keymap_allows_extractable. */
	const char *extractable;
	uint8_t algorithm;
	uint16_t tag;
	uint16_t revoked_tag; /* RFC 5011 7: the tag with REVOKE set */
	size_t signature_len; /* DNS form */
	size_t dnskey_len;    /* RDATA with flags 257 */
	uint8_t dnskey[KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX];
};

/*
 * Finds the key of a DS.
 * label: CKA_LABEL of its objects, "" for any. out_key: written on success
 * only. out_why: on failure, what is wrong and what to do.
 * A key that can leave its token is found too: see extractable.
 * KSK_ERR_NOT_FOUND: no public key of that DS, or its private half is
 * missing. KSK_ERR_AMBIGUOUS: more than one private half may be its own.
 * KSK_ERR_UNSUPPORTED: the key is there but unfit: not sensitive, not for
 * signing, a PIN for each signature, no mechanism, malformed.
 */
KSK_MUST_USE enum ksk_err ksk_key_find(const struct ksk_inventory *inventory,
	const struct ksk_token *token, const struct ksk_name *zone,
	const struct ksk_ds *ds, const char *label, struct ksk_key *out_key,
	char out_why[KSK_WHY_CAP]);

/*
 * As ksk_key_find for one public object of the inventory and an algorithm;
 * for lists and for keys just made.
 */
KSK_MUST_USE enum ksk_err ksk_key_of(const struct ksk_inventory *inventory,
	const struct ksk_token *token, const struct ksk_object *public_half,
	uint8_t algorithm, struct ksk_key *out_key, char out_why[KSK_WHY_CAP]);

/*
 * Writes the DNSKEY RDATA (flags 257, protocol 3) of a public object.
 * KSK_ERR_NOT_FOUND: the token shows no public key. KSK_ERR_NO_ROOM.
 */
KSK_MUST_USE enum ksk_err ksk_key_dnskey(const struct ksk_object *public_half,
	uint8_t algorithm, struct ksk_buf *out);

#endif
