/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as the two files of a backup. A digest stands in the way of
 * changed ones, so it is mended first; what is read is written back byte for
 * byte.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/wrap_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(enum ksk_err written, const struct ksk_buf *out, struct ksk_span in)
{
	if (written != KSK_OK || !ksk_span_equal(ksk_buf_span(out), in))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	uint8_t again[KSK_WRAP_FILE_MAX];
	struct ksk_buf out = ksk_buf_of(again, sizeof(again));
	struct ksk_span file = ksk_span_of(bytes, size);
	struct ksk_wrap_recipient recipient;
	struct ksk_wrap_backup backup;
	struct ksk_fault fault = {""};

	if (size < KSK_WRAP_DIGEST_LEN || size > sizeof(bytes))
		return 0;
	memcpy(bytes, data, size);
	size -= KSK_WRAP_DIGEST_LEN;
	if (ksk_wrap_digest(ksk_span_of(bytes, size), bytes + size) != KSK_OK)
		abort();
	if (ksk_wrap_recipient_read(file, &recipient, &fault) == KSK_OK)
		check_same(
			ksk_wrap_recipient_write(&recipient, &out), &out, file);
	else if (fault.text[0] == '\0')
		abort();
	out.len = 0;
	fault.text[0] = '\0';
	if (ksk_wrap_backup_read(file, &backup, &fault) == KSK_OK)
		check_same(ksk_wrap_backup_write(&backup, &out), &out, file);
	else if (fault.text[0] == '\0')
		abort();
	return 0;
}
