/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain - see chain.h.
 */
#include "protocol/chain.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct trusted {
	struct ksk_verify_key *key;
	uint8_t rdata[KSK_AUDIT_KEY_MAX];
	size_t rdata_len;
};

struct ksk_chain {
	struct ksk_chain_state state;
	struct ksk_record_hasher *hasher;
	size_t trusted_count;
	struct trusted trusted[KSK_CHAIN_KEY_MAX];
	struct ksk_record record;
	struct ksk_record_room room;
	/* of record n: [n % KSK_CHAIN_KEPT] */
	uint8_t hash[KSK_CHAIN_KEPT][KSK_HASH_LEN];
};

enum ksk_err
ksk_chain_new(struct ksk_chain **out_chain)
{
	struct ksk_chain *chain = calloc(1, sizeof(*chain));

	if (chain == NULL)
		return KSK_ERR_NO_MEMORY;
	enum ksk_err err = ksk_record_hasher_new(&chain->hasher);
	if (err != KSK_OK) {
		ksk_chain_free(&chain);
		return err;
	}
	*out_chain = chain;
	return KSK_OK;
}

void
ksk_chain_free(struct ksk_chain **chain)
{
	if (chain == NULL || *chain == NULL)
		return;
	for (size_t i = 0; i < (*chain)->trusted_count; i++)
		ksk_verify_key_free(&(*chain)->trusted[i].key);
	ksk_record_hasher_free(&(*chain)->hasher);
	free(*chain);
	*chain = NULL;
}

enum ksk_err
ksk_chain_trust(
	struct ksk_chain *chain, struct ksk_span rdata, struct ksk_fault *fault)
{
	if (chain->trusted_count == KSK_CHAIN_KEY_MAX) {
		ksk_fault_set(
			fault, "more than %u audit keys", KSK_CHAIN_KEY_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	struct trusted *t = &chain->trusted[chain->trusted_count];
	enum ksk_err err = ksk_audit_key_check(rdata, fault);
	if (err != KSK_OK)
		return err;
	err = ksk_verify_key_new(rdata, &t->key);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "the audit key can't be used: %s",
			ksk_err_text(err));
		return err;
	}
	memcpy(t->rdata, rdata.data, rdata.len);
	t->rdata_len = rdata.len;
	chain->trusted_count++;
	return KSK_OK;
}

enum ksk_err
ksk_chain_trust_text(
	struct ksk_chain *chain, struct ksk_span text, struct ksk_fault *fault)
{
	uint8_t room[KSK_AUDIT_KEY_MAX];
	struct ksk_buf rdata = ksk_buf_of(room, sizeof(room));
	enum ksk_err err = ksk_audit_key_from_text(
		(const char *)text.data, text.len, &rdata, fault);
	return err != KSK_OK
		? err
		: ksk_chain_trust(chain, ksk_buf_span(&rdata), fault);
}

void
ksk_chain_start(struct ksk_chain *chain, const struct ksk_export_header *header)
{
	chain->state = (struct ksk_chain_state){
		.started = true, .first = header->first};
	memcpy(chain->state.journal, header->journal, KSK_ID_LEN);
	memcpy(chain->state.hash, header->before, KSK_HASH_LEN);
}

const struct ksk_chain_state *
ksk_chain_state(const struct ksk_chain *chain)
{
	return &chain->state;
}

const struct ksk_record *
ksk_chain_last(const struct ksk_chain *chain)
{
	return &chain->record;
}

const uint8_t *
ksk_chain_hash(const struct ksk_chain *chain, uint64_t number)
{
	const struct ksk_chain_state *state = &chain->state;

	if (state->count == 0 || number > state->head ||
		number < state->first || state->head - number >= KSK_CHAIN_KEPT)
		return NULL;
	return chain->hash[number % KSK_CHAIN_KEPT];
}

/* ---- records ---- */

/* A begin record is the first of a journal and nothing else; it follows
 * nothing. */
static enum ksk_err
check_place(const struct ksk_chain *chain, struct ksk_fault *fault)
{
	static const uint8_t zero[KSK_HASH_LEN];
	const struct ksk_chain_state *state = &chain->state;
	uint64_t number = chain->record.number;
	uint64_t due = state->count == 0 ? state->first : state->head + 1;

	if (number != due) {
		ksk_fault_set(fault,
			"record %" PRIu64 " is due, but record %" PRIu64
			" comes: something is missing, or out of order",
			due, number);
		return KSK_ERR_MALFORMED;
	}
	if ((chain->record.kind == KSK_RECORD_BEGIN) != (number == 0) ||
		(number == 0 && memcmp(state->hash, zero, sizeof(zero)) != 0)) {
		ksk_fault_set(fault,
			"record %" PRIu64 ": a journal begins with a begin "
			"record that follows nothing, and has no other",
			number);
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

enum ksk_err
ksk_chain_record(struct ksk_chain *chain, struct ksk_span encoded,
	struct ksk_fault *fault)
{
	struct ksk_chain_state *state = &chain->state;
	struct ksk_fault why = {""};
	uint8_t hash[KSK_HASH_LEN];

	if (ksk_record_read(encoded, &chain->room, &chain->record, &why) !=
		KSK_OK) {
		ksk_fault_set(fault,
			"the record that should be number %" PRIu64
			" can't be read: %.400s",
			state->count == 0 ? state->first : state->head + 1,
			why.text);
		return KSK_ERR_MALFORMED;
	}
	enum ksk_err err = check_place(chain, fault);
	if (err != KSK_OK)
		return err;
	err = ksk_record_hasher_run(chain->hasher, state->hash, encoded, hash);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s", ksk_err_text(err));
		return err;
	}
	state->head = chain->record.number;
	state->count++;
	state->marked = false;
	memcpy(state->hash, hash, sizeof(hash));
	memcpy(chain->hash[state->head % KSK_CHAIN_KEPT], hash, sizeof(hash));
	return KSK_OK;
}

/* ---- checkpoints ---- */

static struct trusted *
find_trusted(struct ksk_chain *chain, struct ksk_span key)
{
	for (size_t i = 0; i < chain->trusted_count; i++) {
		struct trusted *t = &chain->trusted[i];
		if (ksk_span_equal(key, ksk_span_of(t->rdata, t->rdata_len)))
			return t;
	}
	return NULL;
}

enum ksk_err
ksk_chain_signature(struct ksk_chain *chain,
	const struct ksk_signed_checkpoint *checkpoint, struct ksk_fault *fault)
{
	struct trusted *t = find_trusted(chain, checkpoint->key);

	if (t == NULL) {
		ksk_fault_set(fault,
			"the checkpoint over record %" PRIu64
			" is by another audit key than those that are trusted",
			checkpoint->value.number);
		return KSK_ERR_BAD_SIGNATURE;
	}
	enum ksk_err err = ksk_checkpoint_verify(
		t->key, &checkpoint->value, checkpoint->signature);
	if (err != KSK_OK)
		ksk_fault_set(fault,
			"the checkpoint over record %" PRIu64 ": %s",
			checkpoint->value.number, ksk_err_text(err));
	return err;
}

/* What is wrong with a checkpoint, whoever signed it; NULL: nothing. */
static const char *
find_wrong(const struct ksk_chain *chain, const struct ksk_checkpoint *value)
{
	const struct ksk_chain_state *state = &chain->state;
	const uint8_t *hash = ksk_chain_hash(chain, value->number);

	if (memcmp(value->journal, state->journal, KSK_ID_LEN) != 0)
		return "it belongs to another journal";
	if (state->checkpoint_count > 0 && value->number <= state->checkpoint)
		return "it does not come after the checkpoint before it";
	if (hash == NULL)
		return "that record is not there, or too far back";
	if (memcmp(value->hash, hash, KSK_HASH_LEN) != 0)
		return "that record, or one before it, is not the one that was "
		       "signed";
	return NULL;
}

enum ksk_err
ksk_chain_checkpoint(struct ksk_chain *chain,
	const struct ksk_signed_checkpoint *checkpoint, struct ksk_fault *fault)
{
	struct ksk_chain_state *state = &chain->state;
	const struct ksk_checkpoint *value = &checkpoint->value;
	const char *wrong = find_wrong(chain, value);

	if (wrong != NULL) {
		ksk_fault_set(fault,
			"the checkpoint over record %" PRIu64 ": %s",
			value->number, wrong);
		return KSK_ERR_MALFORMED;
	}
	if (chain->trusted_count > 0) {
		enum ksk_err err = ksk_chain_signature(
			chain, checkpoint, fault);
		if (err != KSK_OK)
			return err;
		state->proven = true;
	}
	state->checkpoint_count++;
	state->checkpoint = value->number;
	state->checkpoint_time = value->time;
	state->marked = false;
	return KSK_OK;
}

/* ---- items of an export ---- */

static enum ksk_err
follow_header(
	struct ksk_chain *chain, struct ksk_span body, struct ksk_fault *fault)
{
	struct ksk_export_header header;

	if (chain->state.started ||
		ksk_export_header_read(body, &header) != KSK_OK) {
		ksk_fault_set(fault, "a header that is wrong or out of place");
		return KSK_ERR_MALFORMED;
	}
	ksk_chain_start(chain, &header);
	return KSK_OK;
}

static enum ksk_err
follow_mark(
	struct ksk_chain *chain, struct ksk_span body, struct ksk_fault *fault)
{
	struct ksk_chain_state *state = &chain->state;
	struct ksk_export_mark mark;

	if (ksk_export_mark_read(body, &mark) != KSK_OK) {
		ksk_fault_set(fault,
			"the mark after record %" PRIu64 " can't be read",
			state->head);
		return KSK_ERR_MALFORMED;
	}
	if (state->count == 0 || mark.number != state->head ||
		memcmp(mark.hash, state->hash, KSK_HASH_LEN) != 0) {
		ksk_fault_set(fault,
			"the mark after record %" PRIu64
			" says another record or hash: a record has changed",
			state->head);
		return KSK_ERR_MALFORMED;
	}
	state->marked = true;
	return KSK_OK;
}

static enum ksk_err
follow_checkpoint(
	struct ksk_chain *chain, struct ksk_span body, struct ksk_fault *fault)
{
	struct ksk_signed_checkpoint checkpoint;

	if (ksk_export_checkpoint_read(body, &checkpoint) != KSK_OK) {
		ksk_fault_set(fault,
			"the checkpoint after record %" PRIu64 " can't be read",
			chain->state.head);
		return KSK_ERR_MALFORMED;
	}
	return ksk_chain_checkpoint(chain, &checkpoint, fault);
}

enum ksk_err
ksk_chain_item(struct ksk_chain *chain, const struct ksk_export_item *item,
	struct ksk_fault *fault)
{
	if (!chain->state.started && item->kind != KSK_EXPORT_HEADER) {
		ksk_fault_set(fault, "it does not begin with a header");
		return KSK_ERR_MALFORMED;
	}
	switch (item->kind) {
	case KSK_EXPORT_HEADER:
		return follow_header(chain, item->body, fault);
	case KSK_EXPORT_RECORD:
		return ksk_chain_record(chain, item->body, fault);
	case KSK_EXPORT_CHECKPOINT:
		return follow_checkpoint(chain, item->body, fault);
	case KSK_EXPORT_MARK:
		return follow_mark(chain, item->body, fault);
	}
	return KSK_ERR_MALFORMED;
}
