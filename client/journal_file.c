/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_file - reads an export through one buffer, item by item, and the
 * files of audit keys. Contract: journal.h
 */
#include "client/file.h"
#include "client/journal.h"
#include "client/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_LEN (1024u * 1024u)

/* A key with a page of comments. */
#define KEY_FILE_MAX 16384u

struct ksk_export_file {
	FILE *file;
	const char *path;
	struct ksk_span rest; /* of the buffer, not taken yet */
	uint64_t at;
	bool ended;
	uint8_t buffer[BUFFER_LEN];
};

enum ksk_err
ksk_export_file_new(
	FILE *file, const char *path, struct ksk_export_file **out_file)
{
	struct ksk_export_file *f = malloc(sizeof(*f));

	if (f == NULL)
		return KSK_ERR_NO_MEMORY;
	f->file = file;
	f->path = path;
	f->rest = ksk_span_of(f->buffer, 0);
	f->at = 0;
	f->ended = false;
	*out_file = f;
	return KSK_OK;
}

void
ksk_export_file_free(struct ksk_export_file **file)
{
	if (file == NULL || *file == NULL)
		return;
	free(*file);
	*file = NULL;
}

/* Reads on behind what is left, which moves to the front. */
static enum ksk_err
fill(struct ksk_export_file *f, struct ksk_fault *fault)
{
	size_t len = f->rest.len;

	memmove(f->buffer, f->rest.data, len);
	size_t more = fread(f->buffer + len, 1, BUFFER_LEN - len, f->file);
	if (more == 0 && ferror(f->file) != 0) {
		ksk_fault_set(fault, "%s: %s", f->path, strerror(errno));
		return KSK_ERR_IO;
	}
	f->ended = more == 0;
	f->rest = ksk_span_of(f->buffer, len + more);
	return KSK_OK;
}

enum ksk_err
ksk_export_file_next(struct ksk_export_file *file,
	struct ksk_export_item *out_item, struct ksk_fault *fault)
{
	for (;;) {
		size_t before = file->rest.len;
		enum ksk_err err = ksk_export_take(&file->rest, out_item);
		if (err == KSK_OK) {
			file->at += before - file->rest.len;
			return KSK_OK;
		}
		if (err != KSK_ERR_AGAIN) {
			ksk_fault_set(fault,
				"%s: what stands at byte %llu is no item of an "
				"export",
				file->path, (unsigned long long)file->at);
			return err;
		}
		if (file->ended) {
			if (file->rest.len == 0)
				return KSK_ERR_NOT_FOUND;
			ksk_fault_set(fault,
				"%s: it ends in the middle of an item",
				file->path);
			return KSK_ERR_AGAIN;
		}
		err = fill(file, fault);
		if (err != KSK_OK)
			return err;
	}
}

uint64_t
ksk_export_file_at(const struct ksk_export_file *file)
{
	return file->at;
}

/* ---- audit keys ---- */

static enum ksk_err
trust_file(struct ksk_chain *chain, const char *path, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KEY_FILE_MAX, &text, &len, fault);

	if (err != KSK_OK)
		return err;
	err = ksk_chain_trust_text(chain, ksk_span_of(text, len), &why);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %s", path, why.text);
	free(text);
	return err;
}

struct ksk_chain *
ksk_journal_chain(const struct ksk_journal_options *options)
{
	struct ksk_chain *chain = NULL;
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_chain_new(&chain);

	if (err != KSK_OK)
		ksk_fault_set(&fault, "%s", ksk_err_text(err));
	for (size_t i = 0; i < options->key_count && err == KSK_OK; i++)
		err = trust_file(chain, options->key[i], &fault);
	if (err == KSK_OK)
		return chain;
	ksk_say("%s", fault.text);
	ksk_chain_free(&chain);
	return NULL;
}
