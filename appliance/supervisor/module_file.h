/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module_file - whether a token's PKCS#11 module is there, trusted, and the
 * one that the configuration names by its digest. kskd never loads it.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_MODULE_FILE_H
#define KSK_SUPERVISOR_MODULE_FILE_H

#include "appliance/base/config.h"

/* KSK_ERR_NOT_FOUND, KSK_ERR_PERMISSION, KSK_ERR_BAD_INPUT (other digest),
 * KSK_ERR_IO, all with fault. */
KSK_MUST_USE enum ksk_err ksk_module_file_check(
	const struct ksk_config_token *token, struct ksk_fault *fault);

#endif
