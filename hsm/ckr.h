/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ckr - names for the return values of Cryptoki calls: an operator finds
 * "CKR_DEVICE_REMOVED" in the vendor's manual, not 0x32.
 * Tests: tests/unit/test_encoding.c
 */
#ifndef KSK_HSM_CKR_H
#define KSK_HSM_CKR_H

#define KSK_CKR_CAP 48

/* Returns the name (static), or "CKR 0x…" in buf for a value without one. */
const char *ksk_ckr_text(unsigned long rv, char buf[KSK_CKR_CAP]);

#endif
