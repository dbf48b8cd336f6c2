/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - what can be done with an appliance's journal: copy it into a file,
 * keep its newest checkpoint, verify a copy offline, read it.
 */
#include "client/journal.h"
#include "client/output.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <string.h>

enum { OUT, FROM, AUDIT_KEY, CHECKPOINT, ZONE };

static enum ksk_err
take_from(struct ksk_journal_options *options, const char *value)
{
	options->has_from = true;
	if (ksk_text_uint(value, 0, INT64_MAX, &options->from) == KSK_OK)
		return KSK_OK;
	ksk_say("--from takes the number of a record, not %s", value);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_zone(struct ksk_journal_options *options, const char *value)
{
	struct ksk_fault fault = {""};

	options->has_zone = true;
	if (ksk_name_from_text(value, strlen(value), &options->zone, &fault) ==
		KSK_OK)
		return KSK_OK;
	ksk_say("--zone: %s: %s", value, fault.text);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_key(struct ksk_journal_options *options, const char *value)
{
	if (options->key_count == KSK_CHAIN_KEY_MAX) {
		ksk_say("--audit-key can be given %u times", KSK_CHAIN_KEY_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	options->key[options->key_count++] = value;
	return KSK_OK;
}

static enum ksk_err
take_option(struct ksk_journal_options *options, int which, const char *value)
{
	switch (which) {
	case OUT:
		options->out = value;
		return KSK_OK;
	case FROM:
		return take_from(options, value);
	case AUDIT_KEY:
		return take_key(options, value);
	case CHECKPOINT:
		options->kept = value;
		return KSK_OK;
	default:
		return take_zone(options, value);
	}
}

/* Which options a subcommand takes, besides --audit-key. */
struct subcommand {
	const char *name;
	bool out, from, kept, zone;
	bool file; /* an operand */
};

static const struct subcommand SUBCOMMANDS[] = {
	{.name = "export", .out = true, .from = true},
	{.name = "checkpoint", .out = true},
	{.name = "verify", .kept = true, .file = true},
	{.name = "show", .zone = true, .file = true},
};

static const struct subcommand *
find_subcommand(const char *name)
{
	for (size_t i = 0; i < sizeof(SUBCOMMANDS) / sizeof(SUBCOMMANDS[0]);
		i++)
		if (strcmp(SUBCOMMANDS[i].name, name) == 0)
			return &SUBCOMMANDS[i];
	return NULL;
}

static bool
fits(const struct subcommand *sub, const struct ksk_journal_options *options,
	int operand_count)
{
	const char *wrong = NULL;

	if (sub->out != (options->out != NULL))
		wrong = sub->out ? "needs --out" : "takes no --out";
	else if (!sub->from && options->has_from)
		wrong = "takes no --from";
	else if (!sub->kept && options->kept != NULL)
		wrong = "takes no --checkpoint";
	else if (!sub->zone && options->has_zone)
		wrong = "takes no --zone";
	else if (operand_count != (sub->file ? 1 : 0))
		wrong = sub->file ? "takes one file" : "takes no operand";
	else if (options->kept != NULL && options->key_count == 0)
		wrong = "--checkpoint needs --audit-key";
	if (wrong != NULL)
		ksk_say("journal %s %s", sub->name, wrong);
	return wrong == NULL;
}

static enum ksk_ctl_exit
run_subcommand(const struct subcommand *sub,
	const struct ksk_journal_options *options, const char *operand)
{
	if (strcmp(sub->name, "export") == 0)
		return ksk_journal_export(options);
	if (strcmp(sub->name, "checkpoint") == 0)
		return ksk_journal_checkpoint(options);
	if (strcmp(sub->name, "verify") == 0)
		return ksk_journal_verify(options, operand);
	return ksk_journal_show(options, operand);
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct ksk_journal_options options = {.ctl = ctl};
	const struct subcommand *sub;
	const char *value;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (take_option(&options, found, value) != KSK_OK)
			return KSK_CTL_USAGE;
	}
	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	sub = optind < argc ? find_subcommand(argv[optind]) : NULL;
	if (sub == NULL) {
		ksk_say("journal takes `export`, `checkpoint`, `verify FILE` "
			"or `show FILE`");
		return KSK_CTL_USAGE;
	}
	if (!fits(sub, &options, argc - optind - 1))
		return KSK_CTL_USAGE;
	return run_subcommand(sub, &options, argv[optind + 1]);
}

const struct ksk_verb ksk_verb_journal = {
	.name = "journal",
	.operands = "export | checkpoint | verify FILE | show FILE",
	.sentence = "Copies the appliance's journal, verifies a copy offline, "
		    "shows it.",
	.options =
		{
			[OUT] = {"out", "FILE",
				"export: append to this file; checkpoint: "
				"write it there"},
			[FROM] = {"from", "N",
				"export: begin a new file with this record"},
			[AUDIT_KEY] = {"audit-key", "FILE",
				"trust the audit key in this file; repeatable"},
			[CHECKPOINT] = {"checkpoint", "FILE",
				"verify: the file must hold this checkpoint's "
				"record"},
			[ZONE] = {"zone", "NAME",
				"show: only records of this zone"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
