/* SPDX-License-Identifier: BSD-2-Clause */
/* audit - see audit.h. */
#include "hsm/audit.h"

#include "hsm/sign.h"

#include <stdio.h>
#include <string.h>

static enum ksk_err
refuse(char out_why[KSK_WHY_CAP], enum ksk_err err, const char *why)
{
	(void)snprintf(out_why, KSK_WHY_CAP, "%s", why);
	return err;
}

enum ksk_err
ksk_audit_find(struct ksk_token *token, const struct ksk_keymap *keymap,
	const char *name, struct ksk_key *out_key, char out_why[KSK_WHY_CAP])
{
	const struct ksk_keymap_entry *entry = ksk_keymap_audit(keymap, name);
	struct ksk_inventory inventory = {0};
	struct ksk_fault fault = {""};
	struct ksk_key key;
	enum ksk_err r;

	if (entry == NULL)
		return refuse(out_why, KSK_ERR_NOT_FOUND,
			"the keymap has no audit key on this token; make one "
			"with \"kskadm key generate --audit\"");
	r = ksk_inventory_read(token, &inventory, &fault);
	if (r != KSK_OK)
		return refuse(out_why, r, fault.text);
	r = ksk_key_find(&inventory, token, &entry->zone, &entry->ds,
		entry->label, &key, out_why);
	ksk_inventory_free(&inventory);
	if (r != KSK_OK)
		return r;
	if (key.extractable != NULL)
		return refuse(out_why, KSK_ERR_UNSUPPORTED, key.extractable);
	if (ksk_keymap_has(keymap, name,
		    ksk_span_of(key.dnskey, key.dnskey_len), false))
		return refuse(out_why, KSK_ERR_UNSUPPORTED,
			"the keymap gives the audit key to a zone as well; a "
			"key has one purpose: take one of the lines out");
	*out_key = key;
	return KSK_OK;
}

void
ksk_audit_public(const struct ksk_key *key, struct ksk_buf *out)
{
	static const uint8_t flags[2] = {
		KSK_AUDIT_FLAGS >> 8, KSK_AUDIT_FLAGS & 0xff};

	/* Room is the caller's: KSK_AUDIT_KEY_MAX. */
	if (ksk_buf_put(out, flags, sizeof(flags)) == KSK_OK)
		ksk_ignore(
			ksk_buf_put(out, key->dnskey + 2, key->dnskey_len - 2));
}

enum ksk_err
ksk_audit_sign(struct ksk_token *token, const struct ksk_key *key,
	const struct ksk_lnk_attest *what, struct ksk_buf *out,
	struct ksk_fault *fault)
{
	uint8_t bytes[KSK_PROOF_BYTES > KSK_CHECKPOINT_BYTES
			? KSK_PROOF_BYTES
			: KSK_CHECKPOINT_BYTES];
	size_t len = what->has_nonce ? KSK_PROOF_BYTES : KSK_CHECKPOINT_BYTES;

	if (what->has_nonce)
		ksk_proof_bytes(&what->what, bytes);
	else
		ksk_checkpoint_bytes(&what->what.head, bytes);
	return ksk_sign(token, key, ksk_span_of(bytes, len), out, fault);
}
