/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * args - reading of the command line; see verb.h.
 */
#include "client/output.h"
#include "client/verb.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* In the order of enum common. */
static const struct ksk_option common[] = {
	{"config", "FILE", "the profile (default ~/.config/ksk/kskctl.yaml)"},
	{"json", NULL, "print data as JSON"},
	{"timeout", "SECONDS", "wait so long without progress (default 10)"},
	{"tries", "N", "try so often after a lost connection (default 3)"},
	{"help", NULL, "print this help"},
	{NULL, NULL, NULL},
};

enum common { CONFIG, JSON, TIMEOUT, TRIES, HELP };

#define COMMON_BASE 1000

enum ksk_err
ksk_args_number(const char *option, const char *value, unsigned min,
	unsigned max, unsigned *out)
{
	uint64_t n;

	if (ksk_text_uint(value, min, max, &n) != KSK_OK) {
		ksk_say("--%s takes a number from %u to %u, not %s", option,
			min, max, value);
		return KSK_ERR_BAD_INPUT;
	}
	*out = (unsigned)n;
	return KSK_OK;
}

/* Adds rows to the table of getopt_long. Returns the number of rows. */
static int
add_rows(struct option *rows, int count, const struct ksk_option *options,
	int base)
{
	for (int i = 0; options[i].name != NULL; i++)
		rows[count++] = (struct option){
			.name = options[i].name,
			.has_arg = options[i].value != NULL ? required_argument
							    : no_argument,
			.val = base + i,
		};
	return count;
}

static int
take_common(struct ksk_ctl *ctl, const struct ksk_verb *verb, int which)
{
	unsigned n;

	switch ((enum common)which) {
	case CONFIG:
		ctl->config = optarg;
		return 0;
	case JSON:
		ctl->json = true;
		return 0;
	case TIMEOUT:
		if (ksk_args_number("timeout", optarg, 1, 3600, &n) != KSK_OK)
			return KSK_ARGS_BAD;
		ctl->timeout_ms = n * 1000;
		return 0;
	case TRIES:
		if (ksk_args_number("tries", optarg, 1, 100, &ctl->tries) !=
			KSK_OK)
			return KSK_ARGS_BAD;
		return 0;
	case HELP:
		if (verb != NULL)
			ksk_args_help(verb);
		return KSK_ARGS_HELP;
	}
	return KSK_ARGS_BAD;
}

/* Says which option is wrong. word: as it stands on the command line. */
static int
refuse(const struct ksk_verb *verb, const char *word, int found)
{
	const char *name = verb == NULL ? "" : verb->name;
	const char *blank = verb == NULL ? "" : " ";

	if (found == ':')
		ksk_say("%s takes a value; see kskctl%s%s --help", word, blank,
			name);
	else
		ksk_say("unknown option %s; see kskctl%s%s --help", word, blank,
			name);
	return KSK_ARGS_BAD;
}

/* getopt_long takes any beginning that is not ambiguous today. */
static bool
is_whole(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, "--", 2) == 0 &&
		strncmp(word + 2, name, len) == 0 &&
		(word[len + 2] == '\0' || word[len + 2] == '=');
}

int
ksk_args_next(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc,
	char **argv, const char **out_value)
{
	struct option rows[KSK_VERB_OPTION_MAX + 8] = {{0}};
	int count = add_rows(rows, 0, common, COMMON_BASE);
	int found, row = 0;

	if (verb != NULL)
		(void)add_rows(rows, count, verb->options, 0);
	opterr = 0;
	for (;;) {
		const char *word = optind < argc ? argv[optind] : "";

		/* '+': options end at the first operand, the verb. */
		found = getopt_long(
			argc, argv, verb == NULL ? "+:" : ":", rows, &row);
		if (found == -1)
			return KSK_ARGS_END;
		if (found == '?' || found == ':') {
			if (optind > 0 && optind <= argc)
				word = argv[optind - 1];
			return refuse(verb, word, found);
		}
		word = optind > 1 && rows[row].has_arg == required_argument &&
				optarg == argv[optind - 1]
			? argv[optind - 2]
			: argv[optind - 1];
		if (!is_whole(word, rows[row].name))
			return refuse(verb, word, '?');
		if (found < COMMON_BASE) {
			*out_value = optarg;
			return found;
		}
		found = take_common(ctl, verb, found - COMMON_BASE);
		if (found != 0)
			return found;
	}
}

static void
help_options(const struct ksk_option *options)
{
	for (; options->name != NULL; options++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "--%s%s%s", options->name,
			options->value != NULL ? " " : "",
			options->value != NULL ? options->value : "");
		(void)printf("  %-24s %s\n", left, options->text);
	}
}

void
ksk_args_help_common(void)
{
	help_options(common);
}

void
ksk_args_help(const struct ksk_verb *verb)
{
	(void)printf("usage: kskctl %s%s%s%s\n%s\n\n", verb->name,
		verb->options[0].name != NULL ? " [options]" : "",
		verb->operands[0] != '\0' ? " " : "", verb->operands,
		verb->sentence);
	help_options(verb->options);
	help_options(common);
}
