/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame - reads and writes the four bytes of length. Contract: frame.h
 */
#include "protocol/frame.h"

#include <stdlib.h>

enum ksk_err
ksk_frame_head_read(const uint8_t head[KSK_FRAME_HEAD_LEN], uint32_t *out_len)
{
	uint32_t len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
		(uint32_t)head[2] << 8 | head[3];

	if (len == 0)
		return KSK_ERR_MALFORMED;
	if (len > KSK_FRAME_MAX)
		return KSK_ERR_TOO_LARGE;
	*out_len = len;
	return KSK_OK;
}

void
ksk_frame_head_write(size_t len, uint8_t out_head[KSK_FRAME_HEAD_LEN])
{
	if (len == 0 || len > KSK_FRAME_MAX)
		abort();
	out_head[0] = 0;
	out_head[1] = 0;
	out_head[2] = (uint8_t)(len >> 8);
	out_head[3] = (uint8_t)len;
}
