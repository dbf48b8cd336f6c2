/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr - has a provider's key signing request signed with the other providers'
 * keys in every set, all at once, and writes the signed key response. All or
 * nothing: an output file stays as it was unless every RRSIG verifies.
 */
#include "client/file.h"
#include "client/ksr_work.h"
#include "client/verb.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { DIALECT, WITH, EVERY, REPLACE, ACCEPT_GAP, NO_CDS, OUTPUT };

/* A signature that is renewed more often than this serves nobody. */
#define EVERY_LEAST 3600u
/* No policy has a longer validity. */
#define EVERY_MOST 31622400u

static void
say_faults(const char *path, const struct ksk_zonetext_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct ksk_zonetext_fault *fault = &faults->list[i];

		if (fault->line == 0)
			ksk_say_plain("%s: %s", path, fault->fault.text);
		else
			ksk_say_plain("%s:line %zu: %s", path, fault->line,
				fault->fault.text);
	}
	if (faults->dropped != 0)
		ksk_say_plain("%s: %zu more", path, faults->dropped);
}

/* ---- files ---- */

static enum ksk_err
read_text(struct ksk_ksr_run *run, size_t at, struct ksk_span text,
	struct ksk_zonetext_faults *faults)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET};
	enum ksk_err err;

	if (at == 0 || ksk_ksr_is(text)) {
		err = ksk_ksr_read(text, &run->ksr[at], faults);
		if (err == KSK_OK)
			run->source[at].ksr = &run->ksr[at];
		return err;
	}
	err = ksk_zonetext_read(text, &options, &run->zone[at], faults);
	if (err == KSK_OK)
		run->source[at].set = &run->zone[at].rrset;
	return err;
}

/* Another provider's file must be of the same zone, with the same TTL. */
static enum ksk_err
check_source(const struct ksk_ksr_run *run, size_t at)
{
	const struct ksk_ksr_source *source = &run->source[at];
	const struct ksk_name *owner = source->ksr != NULL
		? &source->ksr->owner
		: &source->set->owner;
	uint32_t ttl = source->ksr != NULL ? source->ksr->ttl
					   : source->set->ttl;

	if (source->ksr == NULL && source->set->type != KSK_TYPE_DNSKEY)
		ksk_say("%s: it holds no DNSKEY records", source->path);
	else if (!ksk_name_equal(owner, &run->ksr[0].owner))
		ksk_say("%s: it is of another zone than %s", source->path,
			run->source[0].path);
	else if (ttl != run->ksr[0].ttl)
		ksk_say("%s: the TTL is %u, in %s %u", source->path, ttl,
			run->source[0].path, run->ksr[0].ttl);
	else
		return KSK_OK;
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
load(struct ksk_ksr_run *run, size_t at)
{
	struct ksk_zonetext_faults faults = {0};
	const char *path = run->source[at].path;
	struct ksk_fault fault = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KSK_ZONETEXT_MAX, &text, &len, &fault);

	if (strcmp(path, "-") == 0)
		run->source[at].path = path = "standard input";
	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return err;
	}
	err = read_text(run, at, ksk_span_of(text, len), &faults);
	free(text);
	if (err != KSK_OK && faults.count == 0)
		ksk_say("%s: %s", path, ksk_err_text(err));
	say_faults(path, &faults);
	return err == KSK_OK && at > 0 ? check_source(run, at) : err;
}

static enum ksk_ctl_exit
write_output(struct ksk_ksr_run *run)
{
	struct ksk_fault fault = {0};
	enum ksk_err err;

	if (run->text.failed) {
		ksk_say("no memory is left");
		return KSK_CTL_LATER;
	}
	if (run->output == NULL)
		err = ksk_out_text(run->text.data, run->text.len);
	else
		err = ksk_file_replace(
			run->output, run->text.data, run->text.len, &fault);
	if (fault.text[0] != '\0')
		ksk_say("%s", fault.text);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

/* What standard input holds can be read once. */
static bool
check_pipes(const struct ksk_ksr_run *run)
{
	size_t pipes = 0;

	for (size_t i = 0; i < run->source_count; i++)
		pipes += strcmp(run->source[i].path, "-") == 0;
	if (pipes > 1)
		ksk_say("standard input can be read once");
	return pipes <= 1;
}

static enum ksk_ctl_exit
work(struct ksk_ksr_run *run)
{
	struct ksk_fault fault = {0};
	enum ksk_ctl_exit exit;

	if (!check_pipes(run))
		return KSK_CTL_USAGE;
	for (size_t i = 0; i < run->source_count; i++) {
		if (load(run, i) != KSK_OK)
			return KSK_CTL_BAD_INPUT;
	}
	/* Answers that can't be written down must not be asked for. */
	if (run->output != NULL &&
		ksk_file_check(run->output, &fault) != KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	exit = ksk_reach(run->ctl, ksk_ksr_work, run);
	return exit == KSK_CTL_DONE ? write_output(run) : exit;
}

static void
wipe(struct ksk_ksr_run *run)
{
	ksk_answers_free(run->first, KSK_KSR_ASK_COUNT);
	ksk_answers_free(&run->answer, 1);
	for (size_t i = 0; i < KSK_KSR_SOURCE_MAX; i++) {
		ksk_ksr_wipe(&run->ksr[i]);
		ksk_zonetext_wipe(&run->zone[i]);
	}
	ksk_text_free(&run->text);
}

/* ---- the command line ---- */

static enum ksk_err
take_every(struct ksk_ksr_run *run, const char *value)
{
	if (ksk_text_duration(value, &run->every) == KSK_OK &&
		run->every >= EVERY_LEAST && run->every <= EVERY_MOST)
		return KSK_OK;
	ksk_say("--every takes a time from 1h to 366d, as in 7d, not %s",
		value);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_option(struct ksk_ksr_run *run, int option, const char *value)
{
	switch (option) {
	case DIALECT:
		run->has_dialect = true;
		if (ksk_ksr_dialect_read(value, &run->dialect) == KSK_OK)
			return KSK_OK;
		ksk_say("--dialect takes knot or bind, not %s", value);
		return KSK_ERR_BAD_INPUT;
	case WITH:
		if (run->source_count == KSK_KSR_SOURCE_MAX) {
			ksk_say("--with is taken %u times at most",
				KSK_KSR_WITH_MAX);
			return KSK_ERR_BAD_INPUT;
		}
		run->source[run->source_count++].path = value;
		return KSK_OK;
	case EVERY:
		return take_every(run, value);
	case REPLACE:
		run->replace = true;
		return KSK_OK;
	case ACCEPT_GAP:
		run->accept_gap = true;
		return KSK_OK;
	case NO_CDS:
		run->no_cds = true;
		return KSK_OK;
	default:
		run->output = value;
		return KSK_OK;
	}
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct ksk_ksr_run *r = calloc(1, sizeof(*r));
	enum ksk_ctl_exit exit = KSK_CTL_USAGE;
	const char *value;
	int found;

	if (r == NULL)
		return KSK_CTL_LATER;
	r->ctl = ctl;
	r->source_count = 1;
	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (take_option(r, found, value) != KSK_OK)
			goto out;
	}
	if (found == KSK_ARGS_HELP) {
		exit = KSK_CTL_DONE;
	} else if (found == KSK_ARGS_END && argc - optind != 1) {
		ksk_say("ksr takes one KSR, or - for standard input; the other "
			"providers' files come with --with");
	} else if (found == KSK_ARGS_END) {
		r->source[0].path = argv[optind];
		exit = work(r);
	}
out:
	wipe(r);
	free(r);
	return exit;
}

const struct ksk_verb ksk_verb_ksr = {
	.name = "ksr",
	.operands = "FILE | -",
	.sentence = "Has a key signing request signed, as a whole.",
	.options =
		{
			[DIALECT] = {"dialect", "knot|bind",
				"form of the response; that of the request"},
			[WITH] = {"with", "FILE",
				"another provider's ZSKs: zone text or a KSR"},
			[EVERY] = {"every", "TIME",
				"sign again so often; half the validity"},
			[REPLACE] = {"replace", NULL,
				"what was signed ahead is replaced"},
			[ACCEPT_GAP] = {"accept-gap", NULL,
				"only warn of a key that is used too early"},
			[NO_CDS] = {"no-cds", NULL,
				"only DNSKEY, no CDS and CDNSKEY"},
			[OUTPUT] = {"output", "FILE",
				"replace this file when all is done"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
