/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap_file - the two files of a backup, as one CBOR map each in the encoding
 * of PROTOCOL.md 3. A file is decoded whole before any of it is believed, and
 * encodes to the same bytes again.
 *
 *	recipient = { 1: "ksk-backup-recipient", 2: 1, 3: label, 4: RSA
 *	    modulus, 5: exponent, 6: OAEP hash (CKM), 7: AES wrap mechanism
 *	    (CKM), 12: digest }
 *	backup = { 1: "ksk-key-backup", 2: 1, 3: zone (wire), 4: DNSKEY RDATA,
 *	    5: label, 6: CKA_ID, 7: label of the recipient, 8: SHA-256 of the
 *	    recipient's file, 9: OAEP hash, 10: AES wrap mechanism, 11: { 1: AES
 *	    key, wrapped, 2: private key (PKCS #8), wrapped }, 12: digest }
 *
 * digest is SHA-256 of all bytes in front of it. It finds accidents; what
 * keeps a forger out is in wrap.h.
 * Tests: tests/unit/test_wrap_file.c, tests/fuzz/fuzz_wrap_file.c
 */
#ifndef KSK_HSM_WRAP_FILE_H
#define KSK_HSM_WRAP_FILE_H

#include "hsm/inventory.h"
#include "hsm/keymap.h"

#define KSK_WRAP_VERSION 1u
#define KSK_WRAP_DIGEST_LEN 32u

/* RSA-2048 to RSA-4096 */
#define KSK_WRAP_MODULUS_MIN 256u
#define KSK_WRAP_MODULUS_MAX 512u
/* PKCS #8 of an RSA-4096 key is 2,376 bytes long, wrapping adds 16 at most. */
#define KSK_WRAP_BLOB_MAX 4096u

/* The longest file: everything at its maximum, with room for the heads. */
#define KSK_WRAP_FILE_MAX 6912u

/* Spans are borrowed from the file's bytes. */
struct ksk_wrap_recipient {
	char label[KSK_LABEL_CAP];
	struct ksk_span modulus, exponent;
	uint32_t hash;      /* what the receiving token unwraps with */
	uint32_t mechanism; /* likewise */
};

struct ksk_wrap_backup {
	struct ksk_name zone;
	struct ksk_span dnskey; /* RDATA, flags 257; its form is checked */
	char label[KSK_LABEL_CAP];
	size_t id_len;
	uint8_t id[KSK_CKA_ID_MAX];
	char recipient[KSK_LABEL_CAP];
	uint8_t recipient_digest[KSK_WRAP_DIGEST_LEN];
	uint32_t hash;
	uint32_t mechanism;
	struct ksk_span aes;     /* by RSA */
	struct ksk_span private; /* by AES */
};

/* SHA-256 of a file, the "fingerprint" that people compare. KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_wrap_digest(
	struct ksk_span file, uint8_t out[KSK_WRAP_DIGEST_LEN]);

/* Each appends a whole file. KSK_ERR_NO_ROOM; KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_wrap_recipient_write(
	const struct ksk_wrap_recipient *recipient, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_wrap_backup_write(
	const struct ksk_wrap_backup *backup, struct ksk_buf *out);

/*
 * Each reads a whole file.
 * KSK_ERR_UNSUPPORTED with fault: another kind of file, or another version.
 * KSK_ERR_MALFORMED, KSK_ERR_TOO_LARGE with fault: cut off, changed, or a
 * DNSKEY that is no KSK. out: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_recipient_read(struct ksk_span file,
	struct ksk_wrap_recipient *out, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_wrap_backup_read(struct ksk_span file,
	struct ksk_wrap_backup *out, struct ksk_fault *fault);

#endif
