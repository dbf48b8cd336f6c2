/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap - takes a KSK out of one token and puts it into another, without its
 * private key ever being seen outside of tokens:
 *
 *	recipient  the receiving token makes an RSA key pair for this one
 *	           purpose; its public half goes into a file
 *	backup     the KSK's token makes an AES key for this one backup, wraps
 *	           the KSK by it, and it by the recipient; then it forgets it
 *	restore    the receiving token unwraps both
 *
 * That is CKM_RSA_AES_KEY_WRAP (PKCS#11 2.40, 2.1.21) in its two steps, which
 * more modules have than the one. RSA-OAEP and AES key wrap with padding (RFC
 * 5649) find a wrong key and a changed byte by themselves.
 *
 * Who could put a recipient of his own in place of the right one would get the
 * KSK: its file's fingerprint is compared by a person. Who could put a backup
 * of his own in place of the right one would get another KSK restored: it has
 * another DS than the policy and the parent know. A restored key is believed
 * after it has made a signature that verifies with the file's public key: the
 * RRSIG of a DNSKEY RRset that expired in 1970, which is thrown away.
 * Tests: tests/token/test_backup.py
 */
#ifndef KSK_HSM_WRAP_H
#define KSK_HSM_WRAP_H

#include "hsm/key.h"
#include "hsm/token.h"
#include "hsm/wrap_file.h"

/*
 * Makes a recipient and sends a throw-away key through it.
 * token: open for writing and logged in. label: 1 to KSK_LABEL_CAP - 1 bytes.
 * out_recipient: its numbers are put into room.
 * KSK_ERR_BAD_INPUT: no label. KSK_ERR_AMBIGUOUS: it is in use.
 * KSK_ERR_UNSUPPORTED: what the token can't do. KSK_ERR_TOKEN. All with fault,
 * and nothing new is left on the token.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_recipient_make(struct ksk_token *token,
	const char *label, struct ksk_wrap_recipient *out_recipient,
	struct ksk_buf *room, struct ksk_fault *fault);

/* All borrowed. */
struct ksk_wrap_request {
	const struct ksk_name *zone;
	const char *label;     /* of the KSK */
	uint8_t rsa_algorithm; /* 8 or 10; of RSA keys only */
	const struct ksk_wrap_recipient *recipient;
	uint8_t recipient_digest[KSK_WRAP_DIGEST_LEN];
};

/*
 * Wraps a KSK for a recipient. token: logged in. out: its spans are in room.
 * KSK_ERR_NOT_FOUND, KSK_ERR_AMBIGUOUS: not exactly one usable key.
 * KSK_ERR_UNSUPPORTED: the key never leaves its token, or the token can't wrap
 * it. KSK_ERR_TOKEN. All with fault; nothing is left on the token.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_backup_make(struct ksk_token *token,
	const struct ksk_wrap_request *request, struct ksk_wrap_backup *out,
	struct ksk_buf *room, struct ksk_fault *fault);

/*
 * Says whether a token has what a backup needs; ksk_wrap_try whether it works
 * with a private key (CK_OBJECT_HANDLE), up to the recipient. Errors as above.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_check(
	const struct ksk_token *token, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_wrap_try(struct ksk_token *token,
	unsigned long private_key, struct ksk_fault *fault);

/*
 * Unwraps a KSK: sensitive, for signing only and, unless asked otherwise, not
 * extractable.
 * token: open for writing and logged in. backup: checked when it was read.
 * extractable: the key may be backed up from here again. out_id: its CKA_ID,
 * out_id_len bytes.
 * KSK_ERR_NOT_FOUND: the token has no such recipient. KSK_ERR_UNSUPPORTED:
 * what the token can't do. KSK_ERR_AMBIGUOUS: label or key are on the token
 * already; but this key's public half alone, under this label, is taken as what
 * a restore left that was ended half way, and completed. KSK_ERR_MALFORMED: for another recipient, changed, or not the
 * private key of the file's public one. KSK_ERR_TOKEN. All with fault, and
 * nothing new is left on the token.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_restore(struct ksk_token *token,
	const struct ksk_wrap_backup *backup, bool extractable,
	struct ksk_key *out_key, uint8_t out_id[KSK_CKA_ID_MAX],
	size_t *out_id_len, struct ksk_fault *fault);

#endif
