/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enroll - makes a client's identity. Shared between enroll.c and
 * enroll_key.c.
 */
#ifndef KSK_CLIENT_ENROLL_H
#define KSK_CLIENT_ENROLL_H

#include "protocol/limits.h"
#include "protocol/span.h"

/*
 * Makes a P-256 key and a self-signed certificate, writes both (mode 0600) and
 * gives the pin. A file that is there already is left as it is, and neither is
 * written then.
 * name: the certificate's common name, for people.
 * KSK_ERR_AMBIGUOUS: a file is there; KSK_ERR_IO, KSK_ERR_CRYPTO; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_enroll_key(const char *key_path,
	const char *certificate_path, const char *name,
	uint8_t out_pin[KSK_PIN_LEN], struct ksk_fault *fault);

#endif
