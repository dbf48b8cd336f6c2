/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskctl - the client of the appliance, for scripts first: data on standard
 * output, words on standard error, exit codes of exit.h. This file is the
 * table of verbs.
 */
#include "client/output.h"
#include "client/verb.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct ksk_verb *const verbs[] = {
	&ksk_verb_enroll,
	&ksk_verb_status,
	&ksk_verb_keys,
	&ksk_verb_sign,
	&ksk_verb_ksr,
	&ksk_verb_last_answer,
	&ksk_verb_adopt,
	&ksk_verb_announce,
	&ksk_verb_sync,
	&ksk_verb_check,
	&ksk_verb_policy,
	&ksk_verb_journal,
};

#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

static void
help(void)
{
	(void)printf("usage: kskctl [options] VERB [options] …\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		(void)printf(
			"  %-12s %s\n", verbs[i]->name, verbs[i]->sentence);
	(void)printf("\nOptions of every verb (kskctl VERB --help for its "
		     "own):\n");
	ksk_args_help_common();
	(void)printf(
		"\nExit codes: 0 done, 1 refused by policy, 2 usage, 3 "
		"appliance not reached\nor not trusted, 4 not ready, 5 bad "
		"input, 6 answer did not verify.\n");
}

static const struct ksk_verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	}
	return NULL;
}

/* A peer that goes away shows as an error where it is written to. Who starts
 * this with SIGCHLD ignored would take the status of every program away. */
static void
set_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction usual = {.sa_handler = SIG_DFL};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGCHLD, &usual, NULL);
}

int
main(int argc, char **argv)
{
	struct ksk_ctl ctl = {.timeout_ms = 10000, .tries = 3};
	const struct ksk_verb *verb;
	const char *value;
	int first = ksk_args_next(&ctl, NULL, argc, argv, &value);

	set_signals();
	if (first == KSK_ARGS_HELP) {
		help();
		return KSK_CTL_DONE;
	}
	if (first != KSK_ARGS_END)
		return KSK_CTL_USAGE;
	if (optind == argc) {
		ksk_say("a verb is missing; see kskctl --help");
		return KSK_CTL_USAGE;
	}
	verb = find_verb(argv[optind]);
	if (verb == NULL) {
		ksk_say("there is no verb %s; see kskctl --help", argv[optind]);
		return KSK_CTL_USAGE;
	}
	argc -= optind;
	argv += optind;
	optind = 0; /* starts over */
	return (int)verb->run(&ctl, verb, argc, argv);
}
