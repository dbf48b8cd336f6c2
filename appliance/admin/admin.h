/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * admin - what the verbs of kskadm share: the command line, the sentence on
 * standard error, files made once or replaced whole. A verb is one function in
 * its own file and one row in main.c. Data goes to standard output, words to
 * standard error; a verb returns its exit code.
 * Tests: tests/token/test_kskadm.py
 */
#ifndef KSK_ADMIN_ADMIN_H
#define KSK_ADMIN_ADMIN_H

#include "appliance/base/config.h"
#include "appliance/base/exit.h"

/* One option of a verb. --name VALUE or --name=VALUE; a flag has no value. */
struct ksk_option {
	const char *name;   /* without dashes */
	const char **value; /* out: NULL for a flag */
	bool *flag;         /* out: NULL for an option with a value */
	bool required;
};

/*
 * Reads a verb's arguments.
 * operands: out, room for operand_count, all required. Words that are wrong
 * are named on standard error. Returns false then: KSK_EXIT_USAGE.
 */
bool ksk_args_read(int argc, char **argv, const struct ksk_option *options,
	size_t option_count, const char **operands, size_t operand_count);

/* Reads a decimal number min..max, or says on standard error that the option
 * has none. */
bool ksk_args_number(const char *option, const char *text, unsigned long min,
	unsigned long max, unsigned long *out);

/* Prints "kskadm: " and a sentence to standard error. */
void ksk_say(const char *fmt, ...) KSK_FORMAT(1, 2);

/* Prints a fault, or the error's own sentence if the fault is empty, and
 * returns code. */
enum ksk_exit ksk_fail(
	enum ksk_exit code, enum ksk_err err, const struct ksk_fault *fault);

/* Loads kskd.yaml; on failure says why and returns the exit code. */
enum ksk_exit ksk_admin_config(const char *path, struct ksk_config *out_config);

/* Finds a token of the configuration by name; NULL (said) if it has none. */
const struct ksk_config_token *ksk_admin_token(
	const struct ksk_config *config, const char *name);

/* Reads a zone's name, or says what is wrong with it. */
bool ksk_admin_zone(const char *text, struct ksk_name *out_zone);

/* ---- files ---- */

/* Who a new file or folder belongs to; ignored unless run as root. */
struct ksk_owner {
	uid_t uid;
	gid_t gid;
};

/*
 * Makes a file that must not exist, with content, durable.
 * KSK_ERR_AMBIGUOUS: it exists. KSK_ERR_IO. Both with fault; nothing is left
 * behind on failure.
 */
KSK_MUST_USE enum ksk_err ksk_file_make(const char *path,
	struct ksk_span content, mode_t mode, struct ksk_owner owner,
	struct ksk_fault *fault);

/* Replaces a file whole (written beside it, synced, renamed), mode 0644, owner
 * as it was. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_file_replace(
	const char *path, struct ksk_span content, struct ksk_fault *fault);

/* Makes a folder, or takes one that is there: an empty one gets owner and mode,
 * one that holds something must have the owner already and keeps its mode.
 * KSK_ERR_PERMISSION, KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_folder_make(const char *path, mode_t mode,
	struct ksk_owner owner, struct ksk_fault *fault);

/* Writes the folder that a path lies in; false if it has none or is too
 * long. */
bool ksk_folder_of(const char *path, char out[KSK_PATH_CAP]);

/* Reads a file of at most cap bytes. out: owned, free(); ends in a zero that
 * out_len does not count. KSK_ERR_NOT_FOUND, KSK_ERR_TOO_LARGE, KSK_ERR_IO,
 * KSK_ERR_NO_MEMORY with fault. */
KSK_MUST_USE enum ksk_err ksk_file_read(const char *path, size_t cap,
	uint8_t **out, size_t *out_len, struct ksk_fault *fault);

/* ---- verbs: argv without the verb's own words ---- */
typedef enum ksk_exit ksk_verb(const char *config, int argc, char **argv);

/* Returns true if these words begin with a verb. */
bool ksk_admin_is_verb(int argc, char *const *argv);

ksk_verb ksk_verb_init, ksk_verb_tls_init, ksk_verb_tls_pin,
	ksk_verb_token_init, ksk_verb_key_generate, ksk_verb_key_list,
	ksk_verb_key_dnskey, ksk_verb_key_ds, ksk_verb_key_cds,
	ksk_verb_key_allow, ksk_verb_backup_recipient, ksk_verb_key_backup,
	ksk_verb_key_restore, ksk_verb_keymap_show, ksk_verb_policy_check,
	ksk_verb_ceremony, ksk_verb_accept_clock, ksk_verb_accept_restore,
	ksk_verb_journal_check, ksk_verb_journal_prune, ksk_verb_authority,
	ksk_verb_unlock, ksk_verb_doctor;

#endif
