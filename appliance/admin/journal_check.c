/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_check - `kskadm journal check`: is the journal's file whole, and does
 * everything in it say the same? For a backup before it is put back, and for a
 * file after an accident. kskd must not run on it.
 */
#include "appliance/admin/journal_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key with a page of comments. */
#define KEY_FILE_MAX 16384u

static enum ksk_err
trust_file(struct ksk_chain *chain, const char *path, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KEY_FILE_MAX, &text, &len, fault);

	if (err != KSK_OK)
		return KSK_ERR_BAD_INPUT;
	err = ksk_chain_trust_text(chain, ksk_span_of(text, len), &why);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %s", path, why.text);
	free(text);
	return err == KSK_OK ? KSK_OK : KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_check_trust(
	struct ksk_check *check, const char *key, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_chain_new(&check->chain);

	check->keys_given = key != NULL;
	return err == KSK_OK && key != NULL
		? trust_file(check->chain, key, fault)
		: err;
}

/* ---- tables that follow from records ---- */

/* A query that finds what must not be there, and what that is. */
static const struct {
	const char *sql;
	const char *wrong;
} RULES[] = {
	{"SELECT number FROM policy WHERE number NOT IN"
	 " (SELECT number FROM record WHERE kind = 6) LIMIT 1",
		"the table of policies names a record that is none"},
	{"SELECT number FROM record WHERE kind = 6 AND number NOT IN"
	 " (SELECT number FROM policy) LIMIT 1",
		"a policy record is not in the table of policies"},
	{"SELECT record FROM idempotency WHERE record NOT IN"
	 " (SELECT number FROM record WHERE kind = 2) LIMIT 1",
		"an answer that is kept to be given again has no result "
		"record"},
};

enum ksk_err
ksk_check_tables(struct ksk_check *check, struct ksk_fault *fault)
{
	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
		sqlite3_stmt *st = NULL;
		enum ksk_err err = ksk_check_query(
			check, RULES[i].sql, &st, fault);
		if (err == KSK_OK)
			err = ksk_check_row(check, st, fault);
		if (err == KSK_OK)
			ksk_fault_set(fault, "record %" PRIu64 ": %s",
				ksk_check_number(st, 0), RULES[i].wrong);
		(void)sqlite3_finalize(st);
		if (err != KSK_ERR_NOT_FOUND)
			return err == KSK_OK ? KSK_ERR_MALFORMED : err;
	}
	return KSK_OK;
}

/* ---- what is said ---- */

static void
print_id(const char *name, const uint8_t id[KSK_ID_LEN])
{
	char hex[2 * KSK_ID_LEN + 1];

	ksk_hex_write(ksk_span_of(id, KSK_ID_LEN), hex, sizeof(hex));
	(void)printf("%s: %s\n", name, hex);
}

static void
print_good(const struct ksk_check *check)
{
	const struct ksk_chain_state *state = ksk_chain_state(check->chain);
	char hex[2 * KSK_HASH_LEN + 1];

	print_id("appliance", check->appliance);
	print_id("journal", check->journal);
	ksk_hex_write(ksk_span_of(state->hash, KSK_HASH_LEN), hex, sizeof(hex));
	(void)printf("records: %" PRIu64 " to %" PRIu64 ", all chained\n"
		     "hash: %s\n",
		state->first, state->head, hex);
	if (check->oldest > 0)
		(void)printf("pruned: up to record %" PRIu64 "; %" PRIu64
			     " of those stay, unchanged\n",
			check->oldest - 1, check->stay_count);
	if (state->checkpoint_count == 0)
		(void)printf("checkpoints: none\n");
	else
		(void)printf("checkpoints: %" PRIu64
			     ", the last over record %" PRIu64 ", %s\n",
			state->checkpoint_count, state->checkpoint,
			check->keys_given
				? "signed by the audit key that was given"
				: "signed by the keys that the file itself "
				  "names; give --audit-key for proof");
	if (check->intents_open > 0)
		(void)printf("open intents: %" PRIu64
			     ", which kskd closes when it starts\n",
			check->intents_open);
}

enum ksk_exit
ksk_check_exit(enum ksk_err err)
{
	switch (err) {
	case KSK_ERR_NO_MEMORY:
		return KSK_EXIT_INTERNAL;
	case KSK_ERR_AGAIN:
	case KSK_ERR_AMBIGUOUS:
		return KSK_EXIT_RUNNING;
	case KSK_ERR_NO_ROOM:
	case KSK_ERR_PERMISSION:
	case KSK_ERR_NOT_FOUND:
	case KSK_ERR_IO:
	case KSK_ERR_BAD_INPUT:
		return KSK_EXIT_FILE;
	default:
		return KSK_EXIT_JOURNAL;
	}
}

enum ksk_err
ksk_check_all(struct ksk_check *check, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	enum ksk_err err = ksk_check_open(check, fault);

	if (err != KSK_OK)
		return err;
	err = ksk_check_records(check, &why);
	if (err == KSK_OK)
		err = ksk_check_tables(check, &why);
	if (err == KSK_OK)
		err = ksk_check_timelines(check, &why);
	if (err == KSK_OK)
		err = ksk_check_announced(check, &why);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %.560s", check->path, why.text);
	return err;
}

enum ksk_exit
ksk_verb_journal_check(const char *config_path, int argc, char **argv)
{
	struct ksk_check check = {.db = NULL};
	const char *key = NULL;
	const struct ksk_option options[] = {{"audit-key", &key, NULL, false}};
	struct ksk_fault fault = {""};

	(void)config_path;
	if (!ksk_args_read(argc, argv, options, 1, &check.path, 1))
		return KSK_EXIT_USAGE;
	enum ksk_err err = ksk_check_trust(&check, key, &fault);
	if (err == KSK_OK)
		err = ksk_check_all(&check, &fault);
	if (err == KSK_OK)
		print_good(&check);
	ksk_check_close(&check);
	return err == KSK_OK ? KSK_EXIT_OK
			     : ksk_fail(ksk_check_exit(err), err, &fault);
}
