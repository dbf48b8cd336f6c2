/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_verify - follows an export from its first item to its last, without
 * an appliance: the chain, every checkpoint, every gap; with a checkpoint that
 * was kept elsewhere also a tail that was cut off.
 */
#include "client/journal.h"
#include "client/output.h"

#include "appliance/base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A checkpoint of another file, with room for what it borrows. */
struct kept {
	bool known;
	bool met; /* the export holds its record, with its hash */
	struct ksk_checkpoint value;
	uint8_t key[KSK_AUDIT_KEY_MAX];
	uint8_t signature[KSK_SIGNATURE_MAX];
	struct ksk_signed_checkpoint checkpoint;
};

struct verification {
	const struct ksk_journal_options *options;
	const char *path;
	struct ksk_chain *chain;
	struct kept kept;
};

/* ---- the checkpoint kept elsewhere ---- */

static enum ksk_err
keep(struct kept *kept, struct ksk_span body)
{
	struct ksk_signed_checkpoint c;
	enum ksk_err err = ksk_export_checkpoint_read(body, &c);

	if (err != KSK_OK)
		return err;
	kept->known = true;
	kept->value = c.value;
	memcpy(kept->key, c.key.data, c.key.len);
	memcpy(kept->signature, c.signature.data, c.signature.len);
	kept->checkpoint = (struct ksk_signed_checkpoint){.value = c.value,
		.key = ksk_span_of(kept->key, c.key.len),
		.signature = ksk_span_of(kept->signature, c.signature.len)};
	return KSK_OK;
}

/* Takes the last checkpoint of a file: one that `journal checkpoint` wrote, or
 * another export. */
static enum ksk_err
read_kept(struct kept *kept, const char *path, struct ksk_fault *fault)
{
	struct ksk_export_file *reader = NULL;
	struct ksk_export_item item;
	FILE *file = fopen(path, "rbe");
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (file == NULL) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		return KSK_ERR_IO;
	}
	ksk_fault_set(fault, "no memory is left");
	if (ksk_export_file_new(file, path, &reader) != KSK_OK)
		goto out;
	while ((err = ksk_export_file_next(reader, &item, fault)) == KSK_OK) {
		if (item.kind == KSK_EXPORT_CHECKPOINT &&
			keep(kept, item.body) != KSK_OK) {
			ksk_fault_set(fault,
				"%s: a checkpoint in it can't be read", path);
			err = KSK_ERR_MALFORMED;
			goto out;
		}
	}
	if (err != KSK_ERR_NOT_FOUND)
		goto out;
	err = kept->known ? KSK_OK : KSK_ERR_BAD_INPUT;
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: it holds no checkpoint", path);
out:
	ksk_export_file_free(&reader);
	(void)fclose(file);
	return err;
}

/* Its signature counts whether or not the export holds its record. */
static enum ksk_err
check_kept(struct verification *v, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	enum ksk_err err = ksk_chain_signature(
		v->chain, &v->kept.checkpoint, &why);

	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %.560s", v->options->kept, why.text);
	return err;
}

/* Called behind each record: is it the one that was kept? */
static enum ksk_err
meet_kept(struct verification *v, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(v->chain);

	if (!v->kept.known || state->head != v->kept.value.number)
		return KSK_OK;
	if (memcmp(state->hash, v->kept.value.hash, KSK_HASH_LEN) != 0 ||
		memcmp(state->journal, v->kept.value.journal, KSK_ID_LEN) !=
			0) {
		ksk_fault_set(fault,
			"%s: record %" PRIu64
			" is not the one that the checkpoint of %s is over",
			v->path, state->head, v->options->kept);
		return KSK_ERR_BAD_SIGNATURE;
	}
	v->kept.met = true;
	return KSK_OK;
}

/* ---- the export ---- */

/* Says where it is wrong. */
static void
locate(const struct verification *v, const char *text, struct ksk_fault *fault)
{
	ksk_fault_set(fault, "%s: %.560s", v->path, text);
}

static enum ksk_err
follow_all(struct verification *v, struct ksk_export_file *reader,
	struct ksk_fault *fault)
{
	struct ksk_export_item item;
	struct ksk_fault why = {""};
	enum ksk_err err;

	while ((err = ksk_export_file_next(reader, &item, fault)) == KSK_OK) {
		err = ksk_chain_item(v->chain, &item, &why);
		if (err != KSK_OK) {
			locate(v, why.text, fault);
			return err;
		}
		if (item.kind == KSK_EXPORT_RECORD &&
			(err = meet_kept(v, fault)) != KSK_OK)
			return err;
	}
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* What a whole export has, besides being chained. */
static enum ksk_err
check_end(const struct verification *v, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(v->chain);
	struct ksk_fault why = {""};

	if (!state->started || state->count == 0)
		ksk_fault_set(&why, "it holds no record");
	else if (!state->marked)
		ksk_fault_set(&why,
			"it ends without a mark behind record %" PRIu64
			": its end is cut off, or was never written; export "
			"again",
			state->head);
	else if (v->kept.known && !v->kept.met)
		ksk_fault_set(&why,
			"it holds records %" PRIu64 " to %" PRIu64
			", but record %" PRIu64
			" of a checkpoint that was kept is not among them: "
			"something is cut off",
			state->first, state->head, v->kept.value.number);
	else if (v->options->key_count > 0 && !state->proven)
		ksk_fault_set(&why,
			"it holds no checkpoint, so that the audit "
			"key proves nothing");
	else
		return KSK_OK;
	locate(v, why.text, fault);
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
verify(struct verification *v, struct ksk_fault *fault)
{
	struct ksk_export_file *reader = NULL;
	FILE *file = fopen(v->path, "rbe");

	if (file == NULL) {
		ksk_fault_set(fault, "%s: %s", v->path, strerror(errno));
		return KSK_ERR_IO;
	}
	enum ksk_err err = ksk_export_file_new(file, v->path, &reader);
	if (err != KSK_OK)
		ksk_fault_set(fault, "no memory is left");
	else
		err = follow_all(v, reader, fault);
	ksk_export_file_free(&reader);
	(void)fclose(file);
	return err == KSK_OK ? check_end(v, fault) : err;
}

/* ---- what is said ---- */

static enum ksk_err
print_json(const struct verification *v)
{
	const struct ksk_chain_state *state = ksk_chain_state(v->chain);
	json_t *value = json_pack("{s:o, s:o, s:I, s:I, s:o, s:b, s:I}", "file",
		ksk_json_path(v->path), "journal",
		ksk_json_hex(state->journal, KSK_ID_LEN), "first",
		(json_int_t)state->first, "last", (json_int_t)state->head,
		"hash", ksk_json_hex(state->hash, KSK_HASH_LEN), "proven",
		state->proven, "checkpoints",
		(json_int_t)state->checkpoint_count);

	if (value != NULL && state->checkpoint_count > 0) {
		(void)json_object_set_new(value, "checkpoint",
			json_integer((json_int_t)state->checkpoint));
		(void)json_object_set_new(value, "checkpoint-time",
			ksk_json_time(state->checkpoint_time));
	}
	return ksk_out_json(value);
}

static enum ksk_err
print_text(const struct verification *v)
{
	const struct ksk_chain_state *state = ksk_chain_state(v->chain);
	char hex[2 * KSK_HASH_LEN + 1], when[KSK_TIME_CAP];
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_hex_write(
		ksk_span_of(state->journal, KSK_ID_LEN), hex, sizeof(hex));
	ksk_text_add(&text, "journal: %s\n", hex);
	ksk_hex_write(ksk_span_of(state->hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(&text,
		"records: %" PRIu64 " to %" PRIu64 ", all chained\nhash: %s\n",
		state->first, state->head, hex);
	if (state->proven)
		ksk_text_add(&text,
			"proven: to record %" PRIu64 ", signed %s; %" PRIu64
			" checkpoints\n",
			state->checkpoint,
			ksk_time_text(when, state->checkpoint_time),
			state->checkpoint_count);
	else
		ksk_text_add(&text,
			"proven: nothing; without --audit-key no signature is "
			"looked at\n");
	if (state->proven && state->head > state->checkpoint)
		ksk_text_add(&text,
			"not proven yet: %" PRIu64 " records behind it\n",
			state->head - state->checkpoint);
	if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err;
}

/* A file that can't be opened is not one that does not verify. */
static enum ksk_ctl_exit
exit_of(enum ksk_err err)
{
	switch (err) {
	case KSK_ERR_IO:
	case KSK_ERR_NO_MEMORY:
	case KSK_ERR_BAD_INPUT:
		return KSK_CTL_BAD_INPUT;
	default:
		return KSK_CTL_UNVERIFIED;
	}
}

enum ksk_ctl_exit
ksk_journal_verify(const struct ksk_journal_options *options, const char *path)
{
	struct verification v = {.options = options, .path = path};
	struct ksk_fault fault = {""};
	enum ksk_err err = KSK_OK;

	v.chain = ksk_journal_chain(options);
	if (v.chain == NULL)
		return KSK_CTL_BAD_INPUT;
	if (options->kept != NULL &&
		(err = read_kept(&v.kept, options->kept, &fault)) == KSK_OK)
		err = check_kept(&v, &fault);
	if (err == KSK_OK)
		err = verify(&v, &fault);
	if (err != KSK_OK)
		ksk_say("%s", fault.text);
	else
		err = options->ctl->json ? print_json(&v) : print_text(&v);
	ksk_chain_free(&v.chain);
	return err == KSK_OK ? KSK_CTL_DONE : exit_of(err);
}
