/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint_cbor - checkpoints and proofs as they are sent and kept. Contract:
 * checkpoint.h. Apart from checkpoint.c, because the token's worker knows no
 * CBOR.
 */
#include "protocol/checkpoint.h"
#include "protocol/msg_part.h"

/* Fields 1 to 4, alike in a checkpoint and in a proof. */
static void
read_head(struct ksk_cbor_in *in, uint64_t key, struct ksk_checkpoint *out)
{
	switch (key) {
	case 1:
		ksk_cbor_in_copy(in, out->journal, KSK_ID_LEN);
		break;
	case 2:
		out->number = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 3:
		ksk_cbor_in_copy(in, out->hash, KSK_HASH_LEN);
		break;
	default:
		out->time = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	}
}

static void
write_head(struct ksk_cbor_out *out, const struct ksk_checkpoint *head)
{
	ksk_cbor_out_map(out, 6);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_span_of(head->journal, KSK_ID_LEN));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, head->number);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bytes(out, ksk_span_of(head->hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_uint(out, head->time);
}

static const struct ksk_cbor_field CHECKPOINT[] = {
	{1, true, "journal"},
	{2, true, "number"},
	{3, true, "hash"},
	{4, true, "time"},
	{5, true, "key"},
	{6, true, "signature"},
};

void
ksk_checkpoint_read(struct ksk_cbor_in *in, struct ksk_signed_checkpoint *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, CHECKPOINT, KSK_FIELD_COUNT(CHECKPOINT));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 5)
			out->key = ksk_cbor_in_bytes(in, 5, KSK_AUDIT_KEY_MAX);
		else if (key == 6)
			out->signature = ksk_cbor_in_bytes(
				in, 1, KSK_SIGNATURE_MAX);
		else
			read_head(in, key, &out->value);
	}
}

void
ksk_checkpoint_write(struct ksk_cbor_out *out,
	const struct ksk_signed_checkpoint *checkpoint)
{
	write_head(out, &checkpoint->value);
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_bytes(out, checkpoint->key);
	ksk_cbor_out_uint(out, 6);
	ksk_cbor_out_bytes(out, checkpoint->signature);
}

static const struct ksk_cbor_field PROOF[] = {
	{1, true, "journal"},
	{2, true, "number"},
	{3, true, "hash"},
	{4, true, "time"},
	{5, true, "state"},
	{6, true, "signature"},
};

enum ksk_err
ksk_proof_read(struct ksk_span bytes, struct ksk_signed_proof *out_proof)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(bytes, NULL);
	struct ksk_signed_proof proof = {0};
	uint64_t key;

	ksk_cbor_in_map(&in, PROOF, KSK_FIELD_COUNT(PROOF));
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == 5)
			proof.state = (uint8_t)ksk_cbor_in_uint(
				&in, KSK_STATE_NO_POLICY);
		else if (key == 6)
			proof.signature = ksk_cbor_in_bytes(
				&in, 1, KSK_SIGNATURE_MAX);
		else
			read_head(&in, key, &proof.head);
	}
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err == KSK_OK)
		*out_proof = proof;
	return err;
}

enum ksk_err
ksk_proof_write(const struct ksk_signed_proof *proof, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_cbor_out c = ksk_cbor_out_of(out);

	write_head(&c, &proof->head);
	ksk_cbor_out_uint(&c, 5);
	ksk_cbor_out_uint(&c, proof->state);
	ksk_cbor_out_uint(&c, 6);
	ksk_cbor_out_bytes(&c, proof->signature);
	if (c.err != KSK_OK)
		out->len = before;
	return c.err;
}
