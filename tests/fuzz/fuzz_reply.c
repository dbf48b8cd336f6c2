/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: the first byte is the op that was asked, the rest a frame as its
 * reply. What is accepted is written back byte for byte (PROTOCOL 3).
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)number;
	return *(const uint8_t *)ctx % 12u;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ksk_reply reply;
	static uint8_t room[KSK_FRAME_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_fault fault = {""};

	if (size < 1 || size - 1 > KSK_FRAME_MAX)
		return 0;
	uint8_t op = data[0];
	struct ksk_span frame = ksk_span_of(data + 1, size - 1);
	if (ksk_reply_read(frame, op_of, &op, &reply, &fault) != KSK_OK) {
		if (fault.text[0] == '\0')
			abort();
		return 0;
	}
	if (ksk_reply_write(&reply, &buf) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), frame))
		abort();
	return 0;
}
