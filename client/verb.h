/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb - what kskctl can do: one struct per verb, in the file that does it;
 * main.c holds the table. Help texts and the reading of the command line come
 * from the same struct, so that they can't differ.
 */
#ifndef KSK_CLIENT_VERB_H
#define KSK_CLIENT_VERB_H

#include "client/exit.h"
#include "protocol/err.h"

#include <stdbool.h>

struct ksk_silent;

#define KSK_VERB_OPTION_MAX 16

/* Options of every verb; set before the verb runs, and while it reads its
 * own. */
struct ksk_ctl {
	const char *config; /* --config; NULL: $KSKCTL_CONFIG, then ~/.config */
	bool json;          /* --json */
	unsigned timeout_ms;       /* --timeout: without progress */
	unsigned tries;            /* --tries: of one appliance */
	struct ksk_silent *silent; /* of a run with many zones; NULL: none */
};

struct ksk_option {
	const char *name;  /* without dashes; NULL ends the list */
	const char *value; /* what to write behind it; NULL: a switch */
	const char *text;
};

struct ksk_verb {
	const char *name;
	const char *operands; /* as shown in the help */
	const char *sentence;
	struct ksk_option options[KSK_VERB_OPTION_MAX];
	enum ksk_ctl_exit (*run)(struct ksk_ctl *ctl,
		const struct ksk_verb *verb, int argc, char **argv);
};

extern const struct ksk_verb ksk_verb_enroll;
extern const struct ksk_verb ksk_verb_status;
extern const struct ksk_verb ksk_verb_keys;
extern const struct ksk_verb ksk_verb_sign;
extern const struct ksk_verb ksk_verb_ksr;
extern const struct ksk_verb ksk_verb_last_answer;
extern const struct ksk_verb ksk_verb_adopt;
extern const struct ksk_verb ksk_verb_announce;
extern const struct ksk_verb ksk_verb_sync;
extern const struct ksk_verb ksk_verb_check;
extern const struct ksk_verb ksk_verb_policy;
extern const struct ksk_verb ksk_verb_journal;

/* Returned by ksk_args_next besides indices of options. */
#define KSK_ARGS_END (-1)  /* only operands are left */
#define KSK_ARGS_BAD (-2)  /* said on standard error: exit KSK_CTL_USAGE */
#define KSK_ARGS_HELP (-3) /* help was printed: exit KSK_CTL_DONE */

/*
 * Reads the next option of a verb; takes those of every verb into ctl. Names
 * must be written in full: an abbreviation in a script would break when a verb
 * gets another option.
 * verb: NULL in front of the verb.
 * out_value: what was given with the option; borrowed from argv.
 * Returns an index into verb->options or one of the above; after END the
 * operands begin at argv[optind].
 */
int ksk_args_next(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc,
	char **argv, const char **out_value);

/* Prints the help of a verb to standard output. */
void ksk_args_help(const struct ksk_verb *verb);

/* Prints the help of the options of every verb. */
void ksk_args_help_common(void);

/* Reads a number of an option; KSK_ERR_BAD_INPUT: said on standard error. */
KSK_MUST_USE enum ksk_err ksk_args_number(const char *option, const char *value,
	unsigned min, unsigned max, unsigned *out);

#endif
