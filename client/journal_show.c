/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_show - an export's records for people, or a JSON object a line. Only
 * what continues the chain is printed.
 */
#include "client/journal.h"
#include "client/journal_text.h"
#include "client/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A record that ends an intent says its number, not its zone. This many
 * intents are kept in mind; no appliance has more open at once. */
#define INTENT_COUNT 4096u

struct intent {
	bool known;
	uint64_t number;
	struct ksk_record_subject subject;
};

struct show {
	const struct ksk_journal_options *options;
	const char *path;
	struct ksk_chain *chain;
	struct ksk_text text;
	struct intent intent[INTENT_COUNT]; /* [number % INTENT_COUNT] */
};

/* What a record is about: of its own, or of the intent that it ends. */
static const struct ksk_record_subject *
find_subject(struct show *s, const struct ksk_record *record,
	struct ksk_record_subject *own)
{
	const struct intent *intent;

	if (ksk_record_subject_of(record, own)) {
		if (record->kind == KSK_RECORD_INTENT)
			s->intent[record->number % INTENT_COUNT] =
				(struct intent){.known = true,
					.number = record->number,
					.subject = *own};
		return own;
	}
	if (!record->has_about)
		return NULL;
	intent = &s->intent[record->about % INTENT_COUNT];
	return intent->known && intent->number == record->about
		? &intent->subject
		: NULL;
}

static enum ksk_err
print(struct show *s, const uint8_t hash[KSK_HASH_LEN])
{
	const struct ksk_record *record = ksk_chain_last(s->chain);
	struct ksk_record_subject own;
	const struct ksk_record_subject *subject = find_subject(
		s, record, &own);

	if (s->options->has_zone &&
		(subject == NULL ||
			!ksk_name_equal(&subject->owner, &s->options->zone)))
		return KSK_OK;
	s->text.len = 0;
	if (s->options->ctl->json)
		ksk_record_add_json(&s->text, record, subject, hash);
	else
		ksk_record_add_text(&s->text, record, subject, hash);
	if (s->text.failed) {
		ksk_say("no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	return ksk_out_text(s->text.data, s->text.len);
}

static enum ksk_err
show_all(struct show *s, struct ksk_export_file *reader)
{
	struct ksk_export_item item;
	struct ksk_fault fault = {""}, why = {""};
	enum ksk_err err;

	while ((err = ksk_export_file_next(reader, &item, &fault)) == KSK_OK) {
		err = ksk_chain_item(s->chain, &item, &why);
		if (err != KSK_OK) {
			ksk_say("%s: %s", s->path, why.text);
			return err;
		}
		/* Its failures are said already. */
		if (item.kind == KSK_EXPORT_RECORD &&
			print(s, ksk_chain_state(s->chain)->hash) != KSK_OK)
			return KSK_ERR_IO;
	}
	if (err == KSK_ERR_NOT_FOUND && ksk_chain_state(s->chain)->count > 0)
		return KSK_OK;
	if (err == KSK_ERR_NOT_FOUND)
		ksk_fault_set(&fault, "%s: it holds no record", s->path);
	ksk_say("%s", fault.text);
	return err;
}

static enum ksk_ctl_exit
show(struct show *s)
{
	struct ksk_export_file *reader = NULL;
	FILE *file = fopen(s->path, "rbe");
	enum ksk_err err = KSK_ERR_IO;

	if (file == NULL)
		ksk_say("%s: %s", s->path, strerror(errno));
	else if (ksk_export_file_new(file, s->path, &reader) != KSK_OK)
		ksk_say("no memory is left");
	else
		err = show_all(s, reader);
	ksk_export_file_free(&reader);
	if (file != NULL)
		(void)fclose(file);
	if (err == KSK_OK)
		return KSK_CTL_DONE;
	return err == KSK_ERR_IO ? KSK_CTL_BAD_INPUT : KSK_CTL_UNVERIFIED;
}

enum ksk_ctl_exit
ksk_journal_show(const struct ksk_journal_options *options, const char *path)
{
	struct show *s = calloc(1, sizeof(*s));
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;

	if (s == NULL) {
		ksk_say("no memory is left");
		return exit;
	}
	s->options = options;
	s->path = path;
	s->chain = ksk_journal_chain(options);
	if (s->chain != NULL)
		exit = show(s);
	ksk_chain_free(&s->chain);
	ksk_text_free(&s->text);
	free(s);
	return exit;
}
