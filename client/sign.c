/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign - has RRsets signed: reads zone text, asks which keys must stand, sends
 * all sets on one connection, verifies every RRSIG, prints. All or nothing: a
 * set that is refused or does not verify keeps all of them from being printed,
 * and an output file stays as it was.
 */
#include "client/file.h"
#include "client/output.h"
#include "client/sign_ask.h"
#include "client/sign_order.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXACT,
	INCEPTION,
	EXPIRATION,
	DRY_RUN,
	EVIDENCE,
	OUTPUT,
	PREVIOUS,
	SUPERSEDES,
	IDEMPOTENCY
};

/* ---- printing ---- */

static enum ksk_ctl_exit
write_text(struct ksk_sign_run *s)
{
	struct ksk_fault fault = {0};
	enum ksk_err err;

	if (s->text.failed) {
		ksk_say("no memory is left");
		return KSK_CTL_LATER;
	}
	if (s->options.output == NULL)
		err = ksk_out_text(s->text.data, s->text.len);
	else
		err = ksk_file_replace(
			s->options.output, s->text.data, s->text.len, &fault);
	if (fault.text[0] != '\0')
		ksk_say("%s", fault.text);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

static enum ksk_ctl_exit
print(struct ksk_sign_run *s, enum ksk_ctl_exit exit)
{
	if (exit == KSK_CTL_DONE && !s->options.dry_run &&
		(!s->ctl->json || s->options.output != NULL))
		exit = write_text(s);
	if (s->ctl->json && json_array_size(s->json) != 0 &&
		ksk_out_json(json_pack("{s:O}", "sets", s->json)) != KSK_OK &&
		exit == KSK_CTL_DONE)
		exit = KSK_CTL_BAD_INPUT;
	return exit;
}

/* ---- the command line ---- */

/* RFC 3339 with Z, or seconds since 1970. */
static enum ksk_err
take_time(const char *option, const char *value, bool *out_has, uint64_t *out)
{
	if (ksk_text_time(value, out) != KSK_OK &&
		ksk_text_uint(value, 0, UINT32_MAX, out) != KSK_OK) {
		ksk_say("--%s takes 2026-11-01T00:00:00Z or seconds since "
			"1970, not %s",
			option, value);
		return KSK_ERR_BAD_INPUT;
	}
	*out_has = true;
	return KSK_OK;
}

static enum ksk_err
take_evidence(struct ksk_sign_options *options, const char *value)
{
	if (options->evidence_count == KSK_EVIDENCE_COUNT_MAX) {
		ksk_say("--evidence is taken %u times at most",
			KSK_EVIDENCE_COUNT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	options->evidence[options->evidence_count++] = value;
	return KSK_OK;
}

static enum ksk_err
take_option(struct ksk_sign_options *options, int option, const char *value)
{
	switch (option) {
	case EXACT:
		options->exact = true;
		return KSK_OK;
	case INCEPTION:
		return take_time("inception", value, &options->has_inception,
			&options->inception);
	case EXPIRATION:
		return take_time("expiration", value, &options->has_expiration,
			&options->expiration);
	case DRY_RUN:
		options->dry_run = true;
		return KSK_OK;
	case EVIDENCE:
		return take_evidence(options, value);
	case PREVIOUS:
		return ksk_sign_take_previous(value, options);
	case SUPERSEDES:
		return ksk_sign_take_supersedes(value, options);
	case IDEMPOTENCY:
		return ksk_sign_take_idempotency(value, options);
	default:
		options->output = value;
		return KSK_OK;
	}
}

/* Returns false if the operands make no sense together, which was said. */
static bool
check_operands(const struct ksk_sign_run *s, char **files)
{
	size_t pipes = 0;

	for (size_t i = 0; i < s->count; i++)
		pipes += strcmp(files[i], "-") == 0;
	if (s->count == 0)
		ksk_say("sign takes files of zone text, or - for standard "
			"input");
	else if (s->count > KSK_SIGN_SET_MAX)
		ksk_say("sign takes %u files at most", KSK_SIGN_SET_MAX);
	else if (pipes > 1)
		ksk_say("standard input can be read once");
	else if (s->options.dry_run && s->options.output != NULL)
		ksk_say("--dry-run signs nothing: there is no --output");
	else
		return ksk_sign_order_fits(&s->options, s->count);
	return false;
}

/* Reads all files, so that all that is wrong is said at once. */
static enum ksk_err
load(struct ksk_sign_run *s, char **files)
{
	enum ksk_err err = KSK_OK, one;

	for (size_t i = 0; i < s->count; i++) {
		s->sets[i].path = files[i];
		one = ksk_sign_set_load(&s->sets[i]);
		if (one != KSK_OK)
			err = one;
	}
	for (size_t i = 0; i < s->options.evidence_count; i++) {
		s->evidence[i].path = s->options.evidence[i];
		one = ksk_sign_evidence_load(&s->evidence[i]);
		if (one != KSK_OK)
			err = one;
	}
	return err;
}

/* Answers that can't be written down must not be asked for. */
static bool
can_write(const char *output)
{
	struct ksk_fault fault = {0};

	if (output == NULL || ksk_file_check(output, &fault) == KSK_OK)
		return true;
	ksk_say("%s", fault.text);
	return false;
}

static bool
make_room(struct ksk_sign_run *s)
{
	s->sets = calloc(s->count, sizeof(*s->sets));
	s->first = calloc(2 * s->count + 1, sizeof(*s->first));
	s->asks = calloc(2 * s->count + 1, sizeof(*s->asks));
	s->keys_of = calloc(s->count, sizeof(*s->keys_of));
	s->answers = calloc(s->count, sizeof(*s->answers));
	s->requests = calloc(s->count, sizeof(*s->requests));
	s->json = json_array();
	return s->sets != NULL && s->first != NULL && s->asks != NULL &&
		s->keys_of != NULL && s->answers != NULL &&
		s->requests != NULL && s->json != NULL;
}

static void
wipe(struct ksk_sign_run *s)
{
	if (s->first != NULL)
		ksk_answers_free(s->first, 2 * s->count + 1);
	if (s->answers != NULL)
		ksk_answers_free(s->answers, s->count);
	for (size_t i = 0; s->sets != NULL && i < s->count; i++)
		ksk_sign_set_wipe(&s->sets[i]);
	for (size_t i = 0; i < s->options.evidence_count; i++)
		ksk_zonetext_wipe(&s->evidence[i].zone);
	free(s->sets);
	free(s->first);
	free(s->asks);
	free(s->keys_of);
	free(s->answers);
	free(s->requests);
	ksk_text_free(&s->text);
	json_decref(s->json);
}

/* A set was sent and no answer came: it may have been signed. Its key gets
 * that answer at the next call. */
static void
say_repeat(const struct ksk_sign_run *s)
{
	const struct ksk_sign *sign = &s->sets[0].request.sign;
	char hex[2 * KSK_ID_LEN + 1];

	if (s->sent_to[0] == '\0' || s->count != 1 ||
		s->answers[0].reply != NULL || !sign->has_idempotency)
		return;
	ksk_hex_write(
		ksk_span_of(sign->idempotency, KSK_ID_LEN), hex, sizeof(hex));
	ksk_say("%s may have signed it all the same; the same command with "
		"--idempotency %s gets that answer",
		s->sent_to, hex);
}

static enum ksk_ctl_exit
sign(struct ksk_sign_run *s, char **files)
{
	enum ksk_ctl_exit exit = KSK_CTL_LATER;

	if (!make_room(s))
		ksk_say("no memory is left");
	else if (load(s, files) != KSK_OK || !can_write(s->options.output))
		exit = KSK_CTL_BAD_INPUT;
	else
		exit = print(s, ksk_reach(s->ctl, ksk_sign_work, s));
	if (exit == KSK_CTL_UNREACHABLE)
		say_repeat(s);
	wipe(s);
	return exit;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct ksk_sign_run *s = calloc(1, sizeof(*s));
	enum ksk_ctl_exit exit = KSK_CTL_USAGE;
	const char *value;
	int found;

	if (s == NULL)
		return KSK_CTL_LATER;
	s->ctl = ctl;
	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (take_option(&s->options, found, value) != KSK_OK)
			goto out;
	}
	s->count = (size_t)(argc - optind);
	if (found == KSK_ARGS_HELP)
		exit = KSK_CTL_DONE;
	else if (found == KSK_ARGS_END && check_operands(s, argv + optind))
		exit = sign(s, argv + optind);
out:
	free(s);
	return exit;
}

const struct ksk_verb ksk_verb_sign = {
	.name = "sign",
	.operands = "FILE… | -",
	.sentence = "Has RRsets signed and prints them with their RRSIGs.",
	.options =
		{
			[EXACT] = {"exact", NULL,
				"add no KSK: the set is as it must be"},
			[INCEPTION] = {"inception", "TIME",
				"start of validity, RFC 3339 or seconds"},
			[EXPIRATION] = {"expiration", "TIME",
				"end of validity"},
			[DRY_RUN] = {"dry-run", NULL,
				"only ask whether it would be signed"},
			[EVIDENCE] = {"evidence", "FILE",
				"an RRset with RRSIGs by a new ZSK"},
			[OUTPUT] = {"output", "FILE",
				"replace this file when all is done"},
			[PREVIOUS] = {"previous", "HASH",
				"only if this record is the newest; none; "
				"auto"},
			[SUPERSEDES] = {"supersedes", "N,...",
				"records of later answers that it replaces"},
			[IDEMPOTENCY] = {"idempotency", "KEY",
				"asked again it is not signed again; none; "
				"auto (default)"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
