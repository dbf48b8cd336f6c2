/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: a frame as a request. What is accepted is written back byte for
 * byte (PROTOCOL 3); what is refused says why.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ksk_request request;
	static uint8_t room[KSK_FRAME_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_span frame = ksk_span_of(data, size);
	struct ksk_fault fault = {""};
	uint64_t number = 0;

	if (size > KSK_FRAME_MAX)
		return 0;
	enum ksk_err err = ksk_request_read(frame, &request, &number, &fault);
	if (err != KSK_OK) {
		if (fault.text[0] == '\0' ||
			(err != KSK_ERR_MALFORMED && err != KSK_ERR_TOO_LARGE))
			abort();
		return 0;
	}
	if (ksk_request_write(&request, &buf) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), frame))
		abort();
	if (request.op == KSK_OP_SIGN &&
		!ksk_rrset_is_canonical(&request.sign.rrset))
		abort();
	for (size_t i = 0; request.op == KSK_OP_SIGN_SCHEDULE &&
		i < request.schedule.bundle_count;
		i++) {
		struct ksk_rrset rrset;
		ksk_schedule_rrset(&request.schedule, i, &rrset);
		if (!ksk_rrset_is_canonical(&rrset))
			abort();
	}
	return 0;
}
