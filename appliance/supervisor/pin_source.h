/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin_source - a token's PIN in locked memory of kskd, and the identity of the
 * file it came from, or of the moment when it was typed. The PIN goes nowhere
 * but into a pipe for a starting worker. The identity never holds anything
 * that is derived from the PIN.
 * Tests: tests/integration/test_supervisor.py, tests/integration/test_unlock.py
 */
#ifndef KSK_SUPERVISOR_PIN_SOURCE_H
#define KSK_SUPERVISOR_PIN_SOURCE_H

#include "appliance/base/config.h"

/* Longest PIN in bytes; real tokens allow 4 to 255. */
#define KSK_PIN_SOURCE_MAX 256u

/* Device, inode, size, mtime, ctime of a source, as text with a final zero.
 * Equal texts: the same source, unchanged. */
#define KSK_PIN_IDENTITY_CAP 192u

/* What the identity of a typed PIN begins with, and no other one. */
#define KSK_PIN_IDENTITY_TYPED "typed="

/* Bytes at page. */
#define KSK_PIN_SOURCE_ROOM 4096u

/* Zero it before use. page: locked memory, owned; NULL while there is no
 * PIN. */
struct ksk_pin_source {
	uint8_t *page;
	size_t len;
	char identity[KSK_PIN_IDENTITY_CAP];
};

/*
 * Reads a token's PIN. One line end (LF or CRLF) at the end is cut off,
 * nothing else.
 * out: owned, ksk_pin_source_wipe; stays empty for a PIN that is typed.
 * Unchanged on failure.
 * KSK_ERR_BAD_INPUT: empty, a zero byte or a further line inside, too long;
 * KSK_ERR_NOT_FOUND, KSK_ERR_PERMISSION, KSK_ERR_IO, KSK_ERR_NO_MEMORY; all
 * with fault.
 */
KSK_MUST_USE enum ksk_err ksk_pin_source_read(
	const struct ksk_config_token *token, struct ksk_pin_source *out,
	struct ksk_fault *fault);

/* Makes a source with a page of zeroes, for a packet with a PIN to be received
 * into. KSK_ERR_NO_MEMORY with fault; out: unchanged then. */
KSK_MUST_USE enum ksk_err ksk_pin_source_new(
	struct ksk_pin_source *out, struct ksk_fault *fault);

/* Makes bytes of the page the PIN, typed now, and wipes all others. pin: in the
 * page, at most KSK_PIN_SOURCE_MAX. */
void ksk_pin_source_settle(struct ksk_pin_source *source, struct ksk_span pin);

/* Wipes, unlocks and frees; accepts a zeroed source. */
void ksk_pin_source_wipe(struct ksk_pin_source *source);

/* Makes a pipe that holds the PIN and then ends. out_fd: owned, the reading
 * end. KSK_ERR_IO. */
KSK_MUST_USE enum ksk_err ksk_pin_source_pipe(
	const struct ksk_pin_source *source, int *out_fd);

#endif
