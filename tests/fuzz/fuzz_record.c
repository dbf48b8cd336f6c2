/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as a record of the journal, as a checkpoint and as a proof
 * (PROTOCOL 8). What is accepted is written back byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/checkpoint.h"
#include "protocol/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_record(struct ksk_span bytes, struct ksk_buf buf)
{
	static struct ksk_record record;
	static struct ksk_record_room room;
	struct ksk_fault fault = {""};
	uint64_t version = 0;
	uint8_t hash[KSK_HASH_LEN];

	bool policy = ksk_record_policy_read(bytes, &version, hash) == KSK_OK;
	if (ksk_record_read(bytes, &room, &record, &fault) != KSK_OK) {
		if (fault.text[0] == '\0')
			abort();
		return;
	}
	if (ksk_record_write(&record, &buf) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), bytes))
		abort();
	/* Both readers of a policy agree. */
	if (policy != (record.kind == KSK_RECORD_POLICY && record.has_policy) ||
		(policy && version != record.policy_version))
		abort();
}

static void
check_checkpoint(struct ksk_span bytes, struct ksk_buf buf)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(bytes, NULL);
	struct ksk_signed_checkpoint checkpoint = {0};
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);

	ksk_checkpoint_read(&in, &checkpoint);
	if (ksk_cbor_in_end(&in) != KSK_OK)
		return;
	ksk_checkpoint_write(&out, &checkpoint);
	if (out.err != KSK_OK || buf.len > KSK_CHECKPOINT_MAX ||
		!ksk_span_equal(ksk_buf_span(&buf), bytes))
		abort();
}

static void
check_proof(struct ksk_span bytes, struct ksk_buf buf)
{
	struct ksk_signed_proof proof = {.state = 0};

	if (ksk_proof_read(bytes, &proof) != KSK_OK)
		return;
	if (ksk_proof_write(&proof, &buf) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), bytes))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[KSK_RECORD_MAX];
	struct ksk_span bytes = ksk_span_of(data, size);
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	check_record(bytes, buf);
	check_checkpoint(bytes, buf);
	check_proof(bytes, buf);
	return 0;
}
