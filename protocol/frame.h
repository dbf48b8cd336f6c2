/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame - the length in front of each message (PROTOCOL.md 2).
 * Tests: tests/unit/test_frame.c
 */
#ifndef KSK_PROTOCOL_FRAME_H
#define KSK_PROTOCOL_FRAME_H

#include "protocol/limits.h"
#include "protocol/span.h"

#define KSK_FRAME_HEAD_LEN 4u

/*
 * Reads the four bytes in front of a message.
 * out_len: bytes of the message, 1..KSK_FRAME_MAX.
 * KSK_ERR_MALFORMED: 0. KSK_ERR_TOO_LARGE: above KSK_FRAME_MAX. out_len is
 * unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_frame_head_read(
	const uint8_t head[KSK_FRAME_HEAD_LEN], uint32_t *out_len);

/* Writes the four bytes for a message of 1..KSK_FRAME_MAX bytes; another
 * length is a broken invariant (abort). */
void ksk_frame_head_write(size_t len, uint8_t out_head[KSK_FRAME_HEAD_LEN]);

#endif
