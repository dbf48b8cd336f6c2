/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsig - a TSIG key (RFC 8945) from a file, so that its secret is in no
 * argument, no environment and no configuration. Two forms are read: what
 * `tsig-keygen` prints,
 *
 *	key "owner" { algorithm hmac-sha256; secret "BASE64"; };
 *
 * and one line `hmac-sha256:owner:BASE64`, as dig, kdig and nsupdate take it.
 * Tests: tests/unit/test_tsig.c
 */
#ifndef KSK_CLIENT_TSIG_H
#define KSK_CLIENT_TSIG_H

#include "protocol/name.h"

#define KSK_TSIG_SECRET_CAP 256u

struct ksk_tsig {
	char name[KSK_NAME_TEXT_CAP];     /* absolute */
	char algorithm[16];               /* "hmac-sha256." or "hmac-sha512." */
	char secret[KSK_TSIG_SECRET_CAP]; /* base64 */
};

/*
 * Reads the text of a key.
 * KSK_ERR_BAD_INPUT with fault, which never quotes the text; out_key unchanged.
 */
KSK_MUST_USE enum ksk_err ksk_tsig_read(
	const char *text, struct ksk_tsig *out_key, struct ksk_fault *fault);

/* Reads a file that its owner alone can read. Errors as
 * ksk_file_read_secret; KSK_ERR_BAD_INPUT. */
KSK_MUST_USE enum ksk_err ksk_tsig_load(
	const char *path, struct ksk_tsig *out_key, struct ksk_fault *fault);

#endif
