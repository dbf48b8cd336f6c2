/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status - what state an appliance is in: itself, its tokens, the zones that
 * can't be signed.
 */
#include "client/output.h"
#include "client/reach.h"
#include "client/zone_operand.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A signature's inception is an hour back; half a minute is what a machine
 * with a working clock never has. */
#define CLOCK_SLACK_SEC 30

struct status {
	const struct ksk_ctl *ctl;
	struct ksk_request request;
};

/* The reply's time was taken between the two moments. */
static void
warn_clock(const struct ksk_session *session, uint64_t theirs, uint64_t before,
	uint64_t after)
{
	uint64_t off = 0;

	if (theirs + CLOCK_SLACK_SEC < before)
		off = before - theirs;
	else if (theirs > after + CLOCK_SLACK_SEC)
		off = theirs - after;
	if (off == 0)
		return;
	ksk_say_plain("warning: clock: the clock of %s is %llu s %s this "
		      "machine's",
		session->address, (unsigned long long)off,
		theirs < before ? "behind" : "ahead of");
}

static void
add_state(struct ksk_text *text, uint64_t state, const char *why)
{
	ksk_text_add(text, "%s%s%s\n", ksk_state_text((unsigned)state),
		why[0] != '\0' ? ": " : "", why);
}

static void
write_text(const struct ksk_session *session,
	const struct ksk_status_reply *status, struct ksk_text *text)
{
	char hex[2 * KSK_HASH_LEN + 1], when[KSK_TIME_CAP];
	char name[KSK_NAME_TEXT_CAP];

	ksk_text_add(text, "state: ");
	add_state(text, status->state, status->why);
	ksk_text_add(text, "address: %s\n", session->address);
	ksk_hex_write(
		ksk_span_of(status->appliance, KSK_ID_LEN), hex, sizeof(hex));
	ksk_text_add(
		text, "appliance: %s\nsoftware: %s\n", hex, status->version);
	ksk_text_add(text, "time: %s\n", ksk_time_text(when, status->time));
	ksk_hex_write(ksk_span_of(status->policy_hash, KSK_HASH_LEN), hex,
		sizeof(hex));
	ksk_text_add(text, "policy: version %llu, SHA-256 %s\n",
		(unsigned long long)status->policy_version, hex);
	ksk_hex_write(ksk_span_of(status->record_hash, KSK_HASH_LEN), hex,
		sizeof(hex));
	ksk_text_add(text, "journal: record %llu, hash %s\nzones: %llu\n",
		(unsigned long long)status->record, hex,
		(unsigned long long)status->zone_count);
	for (size_t i = 0; i < status->token_count; i++) {
		const struct ksk_token_entry *token = &status->token[i];

		ksk_text_add(text, "token %s: %llu workers, ", token->name,
			(unsigned long long)token->workers);
		add_state(text, token->state, token->why);
	}
	for (size_t i = 0; i < status->trouble_count; i++) {
		ksk_name_to_text(&status->trouble[i].owner, name);
		ksk_text_add(text, "zone %s: ", name);
		add_state(
			text, status->trouble[i].state, status->trouble[i].why);
	}
}

static json_t *
json_state(const char *key, json_t *name, uint64_t state, const char *why)
{
	return json_pack("{s:o, s:s, s:s}", key, name, "state",
		ksk_state_text((unsigned)state), "why", why);
}

static json_t *
make_json(const struct ksk_session *session,
	const struct ksk_status_reply *status)
{
	json_t *tokens = json_array(), *zones = json_array();

	for (size_t i = 0; i < status->token_count; i++) {
		const struct ksk_token_entry *token = &status->token[i];
		json_t *entry = json_state("name", json_string(token->name),
			token->state, token->why);

		(void)json_object_set_new(entry, "workers",
			json_integer((json_int_t)token->workers));
		(void)json_array_append_new(tokens, entry);
	}
	for (size_t i = 0; i < status->trouble_count; i++)
		(void)json_array_append_new(zones,
			json_state("zone",
				ksk_json_name(&status->trouble[i].owner),
				status->trouble[i].state,
				status->trouble[i].why));
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:{s:I, s:o}, "
			 "s:{s:I, s:o}, s:I, s:o, s:o}",
		"address", session->address, "state",
		ksk_state_text((unsigned)status->state), "why", status->why,
		"appliance", ksk_json_hex(status->appliance, KSK_ID_LEN),
		"software", status->version, "time",
		ksk_json_time(status->time), "policy", "version",
		(json_int_t)status->policy_version, "hash",
		ksk_json_hex(status->policy_hash, KSK_HASH_LEN), "journal",
		"record", (json_int_t)status->record, "hash",
		ksk_json_hex(status->record_hash, KSK_HASH_LEN), "zones",
		(json_int_t)status->zone_count, "tokens", tokens, "troubles",
		zones);
}

static enum ksk_ctl_exit
print(const struct ksk_ctl *ctl, const struct ksk_session *session,
	const struct ksk_status_reply *status)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (ctl->json) {
		err = ksk_out_json(make_json(session, status));
	} else {
		write_text(session, status, &text);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
	}
	ksk_text_free(&text);
	if (err != KSK_OK)
		return KSK_CTL_BAD_INPUT;
	return status->state == KSK_STATE_READY ? KSK_CTL_DONE : KSK_CTL_LATER;
}

/* A state other than ready is an answer here: it is what was asked for, so the
 * next appliance is not tried. */
static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct status *status = ctx;
	struct ksk_request *request = &status->request;
	struct ksk_answer answer = {0};
	uint64_t before = (uint64_t)time(NULL);
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE) {
		const struct ksk_status_reply *reply =
			&answer.reply->status_body;

		warn_clock(session, reply->time, before, (uint64_t)time(NULL));
		session->exit = print(status->ctl, session, reply);
	}
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct status *status;
	const char *value;
	enum ksk_ctl_exit exit;
	int found = ksk_args_next(ctl, verb, argc, argv, &value);

	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	if (argc - optind > 1) {
		ksk_say("status takes one zone at most");
		return KSK_CTL_USAGE;
	}
	status = calloc(1, sizeof(*status));
	if (status == NULL)
		return KSK_CTL_LATER;
	status->ctl = ctl;
	status->request.op = KSK_OP_STATUS;
	exit = KSK_CTL_BAD_INPUT;
	if (optind == argc ||
		ksk_zone_operand(argv[optind], &status->request) == KSK_OK)
		exit = ksk_reach(ctl, work, status);
	free(status);
	return exit;
}

const struct ksk_verb ksk_verb_status = {
	.name = "status",
	.operands = "[ZONE]",
	.sentence = "Prints the state of the appliance; exits 4 if not ready.",
	.options = {{NULL, NULL, NULL}},
	.run = run,
};
