/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proof - see proof.h.
 */
#include "client/proof.h"

#include "client/file.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* A key with a page of comments. */
#define KEY_FILE_MAX 16384u

enum ksk_err
ksk_proving_key(struct ksk_proving *proving, const char *path)
{
	uint8_t room[KSK_AUDIT_KEY_MAX];
	struct ksk_buf rdata = ksk_buf_of(room, sizeof(room));
	struct ksk_fault fault = {""};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KEY_FILE_MAX, &text, &len, &fault);

	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_ERR_BAD_INPUT;
	}
	err = ksk_audit_key_from_text((const char *)text, len, &rdata, &fault);
	free(text);
	if (err == KSK_OK &&
		(err = ksk_verify_key_new(
			 ksk_buf_span(&rdata), &proving->key)) != KSK_OK)
		ksk_fault_set(&fault, "%s", ksk_err_text(err));
	if (err == KSK_OK)
		return KSK_OK;
	ksk_say("%s: %s", path, fault.text);
	return KSK_ERR_BAD_INPUT;
}

void
ksk_proving_wipe(struct ksk_proving *proving)
{
	ksk_verify_key_free(&proving->key);
}

enum ksk_err
ksk_proving_ask(struct ksk_proving *proving, struct ksk_request *request)
{
	if (RAND_bytes(proving->nonce, KSK_NONCE_LEN) != 1)
		return KSK_ERR_CRYPTO;
	request->has_nonce = true;
	memcpy(request->nonce, proving->nonce, KSK_NONCE_LEN);
	return KSK_OK;
}

/* The reply's words were written a moment before the proof: the journal may
 * have grown, nothing else. */
static const char *
find_wrong(const struct ksk_signed_proof *proof,
	const struct ksk_status_reply *status)
{
	const struct ksk_checkpoint *head = &proof->head;

	if (head->number < status->record)
		return "the reply names a later record than the audit key does";
	if (head->number == status->record &&
		memcmp(head->hash, status->record_hash, KSK_HASH_LEN) != 0)
		return "the reply names another hash than the audit key does";
	if (proof->state != status->state)
		return "the reply names another state than the audit key does; "
		       "if it has just changed, ask again";
	return NULL;
}

enum ksk_err
ksk_proving_check(struct ksk_proving *proving, const struct ksk_reply *reply,
	struct ksk_fault *fault)
{
	struct ksk_signed_proof proof;
	const char *wrong = NULL;

	if (!reply->has_proof) {
		wrong = "there is no proof by the audit key in the reply";
	} else if (ksk_proof_read(reply->proof, &proof) != KSK_OK) {
		wrong = "the proof can't be read";
	} else {
		struct ksk_nonce_proof said = {
			.head = proof.head, .state = proof.state};
		memcpy(said.nonce, proving->nonce, KSK_NONCE_LEN);
		wrong = ksk_proof_verify(
				proving->key, &said, proof.signature) == KSK_OK
			? find_wrong(&proof, &reply->status_body)
			: "the proof is not the audit key's over this very "
			  "question";
	}
	if (wrong != NULL) {
		ksk_fault_set(fault, "%s", wrong);
		return KSK_ERR_BAD_SIGNATURE;
	}
	proving->proof = proof;
	proving->proof.signature = ksk_span_of(NULL, 0);
	return KSK_OK;
}
