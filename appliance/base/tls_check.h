/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_check - whether TLS key and certificate can be used: both readable, the
 * key of a kind that is used (protocol/tls_key.h) and the certificate's, now lies
 * between its dates. Chains are not
 * checked: clients pin the key (PROTOCOL.md 1).
 * Tests: tests/integration/test_supervisor.py, tests/token/test_doctor.py
 */
#ifndef KSK_BASE_TLS_CHECK_H
#define KSK_BASE_TLS_CHECK_H

#include "appliance/base/config.h"

/* Bytes of either file, at most: an RSA-4096 key in PEM is 3.3 kB, and
 * certificates carry names. */
#define KSK_TLS_FILE_MAX 32767u

/* The command that gives a key a new certificate: key, certificate. */
#define KSK_TLS_RENEW \
	"openssl req -x509 -key %s -subj /CN=ksk -days 3650 -out %s"

/*
 * Checks a configuration's key and certificate.
 * key_fd, certificate_fd: borrowed, PEM. now: seconds since 1970.
 * KSK_ERR_BAD_INPUT with fault: file, what is wrong, what to do.
 */
KSK_MUST_USE enum ksk_err ksk_tls_check(const struct ksk_config *config,
	int key_fd, int certificate_fd, uint64_t now, struct ksk_fault *fault);

#endif
