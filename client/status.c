/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status - what state an appliance is in: itself, its tokens, the zones that
 * can't be signed.
 */
#include "client/output.h"
#include "client/proof.h"
#include "client/reach.h"
#include "client/zone_operand.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A signature's inception is an hour back; half a minute is what a machine
 * with a working clock never has. */
#define CLOCK_SLACK_SEC 30

struct status {
	const struct ksk_ctl *ctl;
	struct ksk_request request;
	bool proves; /* with an audit key */
	struct ksk_proving proving;
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

/* "13 d 4 h", "1 h 30 m", "59 s": the two largest units. */
static void
write_span(uint64_t seconds, char out[48])
{
	static const struct {
		uint64_t len;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	size_t i = 0;
	int at;

	while (i < 3 && seconds < units[i].len)
		i++;
	at = snprintf(out, 48, "%" PRIu64 " %s", seconds / units[i].len,
		units[i].name);
	seconds %= units[i].len;
	if (i < 3 && seconds >= units[i + 1].len && at > 0)
		(void)snprintf(out + at, 48 - (size_t)at, " %" PRIu64 " %s",
			seconds / units[i + 1].len, units[i + 1].name);
}

/* By the appliance's clock, by which it was signed. */
static void
add_earliest(struct ksk_text *text, const struct ksk_status_reply *status)
{
	char name[KSK_NAME_TEXT_CAP], when[KSK_TIME_CAP], span[48];
	bool over = status->earliest <= status->time;

	if (!status->has_earliest)
		return;
	ksk_name_to_text(&status->earliest_owner, name);
	write_span(over ? status->time - status->earliest
			: status->earliest - status->time,
		span);
	ksk_text_add(text, "first to expire: %s, %s (%s%s%s)\n", name,
		ksk_time_text(when, status->earliest), over ? "" : "in ", span,
		over ? " ago: nobody validates it" : "");
}

static void
add_journal(struct ksk_text *text, const struct ksk_status_reply *status)
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(status->record_hash, KSK_HASH_LEN), hex,
		sizeof(hex));
	ksk_text_add(text, "journal: record %" PRIu64 ", hash %s\n",
		status->record, hex);
	if (status->has_checkpoint)
		ksk_text_add(text, "checkpoint: record %" PRIu64 "\n",
			status->checkpoint);
	if (status->anchor[0] != '\0')
		ksk_text_add(text, "anchor: %s\n", status->anchor);
}

static void
add_proof(struct ksk_text *text, const struct status *status)
{
	const struct ksk_checkpoint *head = &status->proving.proof.head;
	char hex[2 * KSK_ID_LEN + 1], when[KSK_TIME_CAP];

	if (!status->proves)
		return;
	ksk_hex_write(ksk_span_of(head->journal, KSK_ID_LEN), hex, sizeof(hex));
	ksk_text_add(text,
		"proven: this state and record %" PRIu64
		" of journal %s, %s, by the audit key\n",
		head->number, hex, ksk_time_text(when, head->time));
}

/* What a person must do about an announcement. */
static const char *
notice_words(uint64_t state)
{
	switch (state) {
	case KSK_ANNOUNCED_VALID:
		return "expires soon";
	case KSK_ANNOUNCED_EXPIRED:
		return "has expired";
	case KSK_ANNOUNCED_VOID:
		return "is void, the policy has another certificate";
	case KSK_ANNOUNCED_NONE:
		return "was never accepted";
	default:
		return "is not valid yet";
	}
}

static void
add_notices(struct ksk_text *text, const struct ksk_status_reply *status)
{
	for (size_t i = 0; i < status->notice_count; i++) {
		const struct ksk_announced_notice *n = &status->notice[i];
		char name[KSK_NAME_TEXT_CAP], when[KSK_TIME_CAP];

		ksk_name_to_text(&n->owner, name);
		ksk_text_add(text, "announcement of %s for %s: %s", n->provider,
			name, notice_words(n->state));
		if (n->accepted != 0)
			ksk_text_add(text, ", accepted %s",
				ksk_time_text(when, n->accepted));
		if (n->state != KSK_ANNOUNCED_NONE)
			ksk_text_add(text, ", not after %s",
				ksk_time_text(when, n->not_after));
		ksk_text_add(text, "; the provider must announce again\n");
	}
}

/* Signatures that were released can't be called back. */
static void
add_exposed(struct ksk_text *text, const struct ksk_status_reply *status)
{
	for (size_t i = 0; i < status->exposed_count; i++) {
		const struct ksk_exposed_key *k = &status->exposed[i];
		char name[KSK_NAME_TEXT_CAP], when[KSK_TIME_CAP];

		ksk_name_to_text(&k->owner, name);
		ksk_text_add(text,
			"withdrawn key %u of %s for %s: exposed until %s\n",
			k->ds.tag, k->provider, name,
			ksk_time_text(when, k->until));
	}
}

static void
write_text(const struct ksk_session *session,
	const struct ksk_status_reply *status, struct ksk_text *text)
{
	char hex[2 * KSK_HASH_LEN + 1], when[KSK_TIME_CAP];
	char name[KSK_NAME_TEXT_CAP];

	ksk_text_add(text, "state: ");
	add_state(text, status->state, status->why);
	if (status->state != KSK_STATE_READY)
		ksk_text_add(text, "ended by: %s\n",
			ksk_state_ended_by((unsigned)status->state));
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
	add_journal(text, status);
	ksk_text_add(
		text, "zones: %llu\n", (unsigned long long)status->zone_count);
	add_earliest(text, status);
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
	add_notices(text, status);
	add_exposed(text, status);
}

static json_t *
json_notices(const struct ksk_status_reply *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->notice_count; i++) {
		const struct ksk_announced_notice *n = &status->notice[i];
		json_t *value = json_pack("{s:o, s:s, s:s}", "zone",
			ksk_json_name(&n->owner), "provider", n->provider,
			"state", ksk_announced_text(n->state));

		if (value != NULL && n->state != KSK_ANNOUNCED_NONE)
			(void)json_object_set_new(value, "not-after",
				ksk_json_time(n->not_after));
		if (value != NULL && n->accepted != 0)
			(void)json_object_set_new(
				value, "accepted", ksk_json_time(n->accepted));
		(void)json_array_append_new(list, value);
	}
	return list;
}

static json_t *
json_exposed(const struct ksk_status_reply *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->exposed_count; i++) {
		const struct ksk_exposed_key *k = &status->exposed[i];
		char ds[KSK_DS_TEXT_CAP];

		ksk_ds_to_text(&k->ds, ds);
		(void)json_array_append_new(list,
			json_pack("{s:o, s:s, s:s, s:o}", "zone",
				ksk_json_name(&k->owner), "provider",
				k->provider, "ds", ds, "until",
				ksk_json_time(k->until)));
	}
	return list;
}

static json_t *
json_state(const char *key, json_t *name, uint64_t state, const char *why)
{
	return json_pack("{s:o, s:s, s:s}", key, name, "state",
		ksk_state_text((unsigned)state), "why", why);
}

static json_t *
json_journal(const struct ksk_status_reply *status)
{
	json_t *value = json_pack("{s:I, s:o}", "record",
		(json_int_t)status->record, "hash",
		ksk_json_hex(status->record_hash, KSK_HASH_LEN));

	if (value != NULL && status->has_checkpoint)
		(void)json_object_set_new(value, "checkpoint",
			json_integer((json_int_t)status->checkpoint));
	if (value != NULL && status->anchor[0] != '\0')
		(void)json_object_set_new(
			value, "anchor", json_string(status->anchor));
	return value;
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
	json_t *value = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:o, s:{s:I, s:o}, s:o, s:I, s:o, "
		"s:o}",
		"address", session->address, "state",
		ksk_state_text((unsigned)status->state), "why", status->why,
		"appliance", ksk_json_hex(status->appliance, KSK_ID_LEN),
		"software", status->version, "time",
		ksk_json_time(status->time), "policy", "version",
		(json_int_t)status->policy_version, "hash",
		ksk_json_hex(status->policy_hash, KSK_HASH_LEN), "journal",
		json_journal(status), "zones", (json_int_t)status->zone_count,
		"tokens", tokens, "troubles", zones);

	if (value != NULL && status->state != KSK_STATE_READY)
		(void)json_object_set_new(value, "ended-by",
			json_string(
				ksk_state_ended_by((unsigned)status->state)));
	if (value != NULL && status->notice_count > 0)
		(void)json_object_set_new(
			value, "announcements", json_notices(status));
	if (value != NULL && status->exposed_count > 0)
		(void)json_object_set_new(
			value, "exposed", json_exposed(status));
	if (value != NULL && status->has_earliest)
		(void)json_object_set_new(value, "earliest",
			json_pack("{s:o, s:o}", "zone",
				ksk_json_name(&status->earliest_owner),
				"expiration", ksk_json_time(status->earliest)));
	return value;
}

static json_t *
json_proof(const struct status *status)
{
	const struct ksk_checkpoint *head = &status->proving.proof.head;

	return json_pack("{s:I, s:o, s:o}", "record", (json_int_t)head->number,
		"journal", ksk_json_hex(head->journal, KSK_ID_LEN), "time",
		ksk_json_time(head->time));
}

static enum ksk_ctl_exit
print(const struct status *asked, const struct ksk_session *session,
	const struct ksk_status_reply *status)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (asked->ctl->json) {
		json_t *value = make_json(session, status);
		if (value != NULL && asked->proves)
			(void)json_object_set_new(
				value, "proven", json_proof(asked));
		err = ksk_out_json(value);
	} else {
		write_text(session, status, &text);
		add_proof(&text, asked);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
	}
	ksk_text_free(&text);
	if (err != KSK_OK)
		return KSK_CTL_BAD_INPUT;
	return status->state == KSK_STATE_READY ? KSK_CTL_DONE : KSK_CTL_LATER;
}

/* With an audit key nothing is believed that it does not prove. */
static enum ksk_step
prove(struct status *status, struct ksk_session *session,
	const struct ksk_reply *reply)
{
	struct ksk_fault why = {""};

	if (!status->proves ||
		ksk_proving_check(&status->proving, reply, &why) == KSK_OK)
		return KSK_STEP_DONE;
	ksk_say("%s: %s", session->address, why.text);
	session->exit = KSK_CTL_UNVERIFIED;
	return KSK_STEP_OVER;
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
	enum ksk_step step;

	if (status->proves &&
		ksk_proving_ask(&status->proving, request) != KSK_OK) {
		ksk_fault_set(fault, "there are no random bytes");
		return KSK_STEP_NEXT;
	}
	step = ksk_ask(session, &request, 1, &answer, fault);
	if (step == KSK_STEP_DONE)
		step = ksk_answer_head(session, answer.reply, fault);
	if (step == KSK_STEP_DONE)
		step = prove(status, session, answer.reply);
	if (step == KSK_STEP_DONE) {
		const struct ksk_status_reply *reply =
			&answer.reply->status_body;

		warn_clock(session, reply->time, before, (uint64_t)time(NULL));
		session->exit = print(status, session, reply);
	}
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct status *status;
	const char *value, *key = NULL;
	enum ksk_ctl_exit exit;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0)
		key = value;
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
	status->proves = key != NULL;
	exit = KSK_CTL_BAD_INPUT;
	if ((key == NULL || ksk_proving_key(&status->proving, key) == KSK_OK) &&
		(optind == argc ||
			ksk_zone_operand(argv[optind], &status->request) ==
				KSK_OK))
		exit = ksk_reach(ctl, work, status);
	ksk_proving_wipe(&status->proving);
	free(status);
	return exit;
}

const struct ksk_verb ksk_verb_status = {
	.name = "status",
	.operands = "[ZONE]",
	.sentence = "Prints the state of the appliance; exits 4 if not ready.",
	.options =
		{
			{"audit-key", "FILE",
				"believe only what the audit key in this file "
				"proves"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
