/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys - what an appliance knows of a zone: its KSKs, what may be signed, whose
 * ZSKs are pinned. As text it is zone text: the DNSKEY records of the KSKs that
 * stand, all else as comments.
 */
#include "client/output.h"
#include "client/reach.h"
#include "client/standing.h"
#include "client/zone_operand.h"

#include "appliance/base/yaml.h"
#include "protocol/zonetext.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct keys {
	const struct ksk_ctl *ctl;
	bool all;
	struct ksk_request request;
};

static const char *
provider_state(uint64_t state)
{
	static const char *const names[] = {"joining", "serving", "leaving"};

	return state < 3 ? names[state] : "unknown";
}

static const char *
time_or(const char *otherwise, bool has, uint64_t time, char buf[KSK_TIME_CAP])
{
	return has ? ksk_time_text(buf, time) : otherwise;
}

/* ---- text ---- */

/* Adds "WORDS since T" or "WORDS from T". */
static void
add_moment(struct ksk_text *text, const char *words, bool has, uint64_t moment)
{
	char when[KSK_TIME_CAP];

	if (!has)
		return;
	/* 0 stands for ever: nothing that lacks it was ever served. */
	if (moment == 0)
		ksk_text_add(text, "%s always", words);
	else
		ksk_text_add(text, "%s %s %s", words,
			moment <= (uint64_t)time(NULL) ? "since" : "from",
			ksk_time_text(when, moment));
}

static void
add_ksk(struct ksk_text *text, const struct ksk_keys_reply *keys,
	const struct ksk_ksk_entry *ksk, bool all)
{
	char ds[KSK_DS_TEXT_CAP], from[KSK_TIME_CAP], until[KSK_TIME_CAP];
	char line[KSK_ZONETEXT_RECORD_CAP];
	bool there = ksk->dnskey.len != 0 &&
		ksk_zonetext_record(&keys->owner, KSK_TYPE_DNSKEY, keys->ttl,
			ksk->dnskey, line) == KSK_OK;

	if (!ksk->stands && !all)
		return;
	ksk_ds_to_text(&ksk->ds, ds);
	ksk_text_add(text, "; KSK %u: from %s until %s, %s%s%s%s%s\n",
		ksk->ds.tag, ksk_time_text(from, ksk->from),
		time_or("further notice", ksk->has_until, ksk->until, until),
		ksk->stands ? "stands, " : "does not stand, ",
		ksk->cds ? "named in CDS, " : "",
		ksk_state_text((unsigned)ksk->state),
		ksk->why[0] != '\0' ? ": " : "", ksk->why);
	ksk_text_add(text, "; DS %s", ds);
	add_moment(text, ", in every cache", ksk->has_covered, ksk->covered);
	add_moment(text, ", the parent may have its DS", ksk->has_ds_from,
		ksk->ds_from);
	ksk_text_add(text, "\n");
	if (there)
		ksk_text_add(text, "%s%s\n", ksk->stands ? "" : "; ", line);
}

static const char *
source_words(uint64_t source)
{
	switch (source) {
	case KSK_KEY_ANNOUNCED:
		return ", announced";
	case KSK_KEY_KEPT:
		return ", announced, and only kept where it stands";
	case KSK_KEY_FORMER:
		return ", no longer announced";
	default:
		return "";
	}
}

/* Serial, age and end of what a provider announced last. */
static void
add_announced(
	struct ksk_text *text, const struct ksk_announced_entry *announced)
{
	char from[KSK_TIME_CAP], until[KSK_TIME_CAP], when[KSK_TIME_CAP];

	if (announced->state == KSK_ANNOUNCED_NONE) {
		ksk_text_add(text,
			";   announces its keys; no announcement was "
			"accepted\n");
		return;
	}
	ksk_text_add(text,
		";   announcement %" PRIu64 ": %s, from %s until %s, accepted "
		"%s (record %" PRIu64 ")\n",
		announced->serial, ksk_announced_text(announced->state),
		ksk_time_text(from, announced->not_before),
		ksk_time_text(until, announced->not_after),
		ksk_time_text(when, announced->accepted), announced->record);
}

static void
add_provider_key(
	struct ksk_text *text, const struct ksk_provider_key_entry *key)
{
	char ds[KSK_DS_TEXT_CAP], when[KSK_TIME_CAP];

	ksk_ds_to_text(&key->ds, ds);
	ksk_text_add(text, ";   key %s", ds);
	if (key->has_retired)
		ksk_text_add(text, ", retired %s",
			ksk_time_text(when, key->retired));
	if (key->withdrawn)
		ksk_text_add(text, ", withdrawn");
	ksk_text_add(text, "%s", source_words(key->source));
	add_moment(text, ", in every cache", key->has_covered, key->covered);
	add_moment(text, ", may leave", key->has_drop, key->drop);
	if (key->has_covered && !key->has_drop && !key->withdrawn)
		ksk_text_add(
			text, ", may not leave: nothing stands in for it yet");
	if (key->has_exposed)
		ksk_text_add(text, ", exposed until %s%s",
			ksk_time_text(when, key->exposed),
			key->exposed <= (uint64_t)time(NULL) ? ", over" : "");
	ksk_text_add(text, "\n");
}

static void
add_provider(struct ksk_text *text, const struct ksk_provider_entry *provider)
{
	ksk_text_add(text, "; provider %s: %s\n", provider->name,
		provider_state(provider->state));
	if (provider->has_announced)
		add_announced(text, &provider->announced);
	for (size_t i = 0; i < provider->key_count; i++)
		add_provider_key(text, &provider->key[i]);
}

static void
add_cosigner(struct ksk_text *text, const struct ksk_cosigner_entry *cosigner)
{
	char ds[KSK_DS_TEXT_CAP], until[KSK_TIME_CAP];

	ksk_ds_to_text(&cosigner->ds, ds);
	ksk_text_add(text, "; co-signer %s: DS %s%s%s", cosigner->provider, ds,
		cosigner->csk ? ", signs zone data too" : "",
		cosigner->cds ? ", named in CDS" : "");
	if (cosigner->has_until)
		ksk_text_add(text, ", until %s",
			ksk_time_text(until, cosigner->until));
	ksk_text_add(text, "\n");
}

static void
write_text(const struct ksk_keys_reply *keys, bool all, struct ksk_text *text)
{
	char type[10], name[KSK_NAME_TEXT_CAP];
	char inception[KSK_TIME_CAP], expiration[KSK_TIME_CAP];

	ksk_name_to_text(&keys->owner, name);
	ksk_text_add(text, "; zone %s: TTL %u, may sign:", name, keys->ttl);
	for (size_t i = 0; i < keys->type_count; i++)
		ksk_text_add(text, " %s", ksk_type_text(keys->type[i], type));
	ksk_text_add(text, "\n; a signature made now is valid from %s to %s\n",
		ksk_time_text(inception, keys->window.inception),
		ksk_time_text(expiration, keys->window.expiration));
	for (size_t i = 0; i < keys->ksk_count; i++)
		add_ksk(text, keys, &keys->ksk[i], all);
	for (size_t i = 0; i < keys->provider_count; i++)
		add_provider(text, &keys->provider[i]);
	for (size_t i = 0; i < keys->cosigner_count; i++)
		add_cosigner(text, &keys->cosigner[i]);
}

/* ---- JSON ---- */

static json_t *
json_ds(const struct ksk_ds *ds)
{
	char text[KSK_DS_TEXT_CAP];

	ksk_ds_to_text(ds, text);
	return json_string(text);
}

static void
set_moment(json_t *value, const char *key, bool has, uint64_t moment)
{
	if (value != NULL && has)
		(void)json_object_set_new(value, key, ksk_json_time(moment));
}

static void
set_dnskey(json_t *value, const struct ksk_keys_reply *keys,
	struct ksk_span dnskey)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	if (value != NULL && dnskey.len != 0 &&
		ksk_zonetext_record(&keys->owner, KSK_TYPE_DNSKEY, keys->ttl,
			dnskey, line) == KSK_OK)
		(void)json_object_set_new(value, "dnskey", json_string(line));
}

static json_t *
json_ksk(const struct ksk_keys_reply *keys, const struct ksk_ksk_entry *ksk)
{
	json_t *value = json_pack("{s:i, s:o, s:o, s:b, s:b, s:s, s:s}",
		"key-tag", ksk->ds.tag, "ds", json_ds(&ksk->ds), "from",
		ksk_json_time(ksk->from), "stands", ksk->stands, "cds",
		ksk->cds, "state", ksk_state_text((unsigned)ksk->state), "why",
		ksk->why);

	set_moment(value, "until", ksk->has_until, ksk->until);
	set_moment(value, "covered-from", ksk->has_covered, ksk->covered);
	set_moment(value, "ds-from", ksk->has_ds_from, ksk->ds_from);
	set_dnskey(value, keys, ksk->dnskey);
	return value;
}

static const char *const source_names[] = {
	"pinned", "announced", "kept", "former"};

static json_t *
json_announced(const struct ksk_announced_entry *announced)
{
	json_t *value = json_pack(
		"{s:s}", "state", ksk_announced_text(announced->state));
	bool some = announced->state != KSK_ANNOUNCED_NONE;

	if (value != NULL && some) {
		(void)json_object_set_new(value, "serial",
			json_integer((json_int_t)announced->serial));
		(void)json_object_set_new(value, "record",
			json_integer((json_int_t)announced->record));
	}
	set_moment(value, "accepted", some, announced->accepted);
	set_moment(value, "not-before", some, announced->not_before);
	set_moment(value, "not-after", some, announced->not_after);
	return value;
}

static json_t *
json_cosigner(const struct ksk_cosigner_entry *cosigner)
{
	json_t *value = json_pack("{s:s, s:o, s:b, s:b}", "provider",
		cosigner->provider, "ds", json_ds(&cosigner->ds), "csk",
		cosigner->csk, "cds", cosigner->cds);

	set_moment(value, "until", cosigner->has_until, cosigner->until);
	return value;
}

static json_t *
json_provider(const struct ksk_keys_reply *keys,
	const struct ksk_provider_entry *provider)
{
	json_t *list = json_array();

	for (size_t i = 0; i < provider->key_count; i++) {
		const struct ksk_provider_key_entry *key = &provider->key[i];
		json_t *entry = json_pack("{s:o, s:b}", "ds", json_ds(&key->ds),
			"withdrawn", key->withdrawn);

		set_moment(entry, "retired", key->has_retired, key->retired);
		set_moment(
			entry, "covered-from", key->has_covered, key->covered);
		set_moment(entry, "drop", key->has_drop, key->drop);
		set_moment(
			entry, "exposed-until", key->has_exposed, key->exposed);
		if (entry != NULL && key->source != KSK_KEY_PINNED)
			(void)json_object_set_new(entry, "source",
				json_string(source_names[key->source % 4]));
		set_dnskey(entry, keys, key->dnskey);
		(void)json_array_append_new(list, entry);
	}
	json_t *value = json_pack("{s:s, s:s, s:o}", "name", provider->name,
		"state", provider_state(provider->state), "keys", list);
	if (value != NULL && provider->has_announced)
		(void)json_object_set_new(value, "announced",
			json_announced(&provider->announced));
	return value;
}

static json_t *
make_json(const struct ksk_keys_reply *keys, bool all)
{
	json_t *types = json_array(), *ksks = json_array();
	json_t *providers = json_array(), *cosigners = json_array();
	char type[10];

	for (size_t i = 0; i < keys->type_count; i++)
		(void)json_array_append_new(
			types, json_string(ksk_type_text(keys->type[i], type)));
	for (size_t i = 0; i < keys->ksk_count; i++) {
		if (all || keys->ksk[i].stands)
			(void)json_array_append_new(
				ksks, json_ksk(keys, &keys->ksk[i]));
	}
	for (size_t i = 0; i < keys->provider_count; i++)
		(void)json_array_append_new(
			providers, json_provider(keys, &keys->provider[i]));
	for (size_t i = 0; i < keys->cosigner_count; i++)
		(void)json_array_append_new(
			cosigners, json_cosigner(&keys->cosigner[i]));
	return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "zone",
		ksk_json_name(&keys->owner), "ttl", (json_int_t)keys->ttl,
		"window", ksk_json_window(keys->window), "types", types, "ksks",
		ksks, "providers", providers, "co-signers", cosigners);
}

/* ---- the verb ---- */

static enum ksk_ctl_exit
print(const struct keys *keys, const struct ksk_keys_reply *reply)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (keys->ctl->json) {
		err = ksk_out_json(make_json(reply, keys->all));
	} else {
		write_text(reply, keys->all, &text);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
	}
	ksk_text_free(&text);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

/* A key that is not the one of its DS must not be taken for ours. */
static enum ksk_step
check(struct ksk_session *session, const struct ksk_request *request,
	const struct ksk_keys_reply *reply)
{
	struct ksk_fault fault = {0};

	session->exit = KSK_CTL_UNVERIFIED;
	if (!ksk_name_equal(&reply->owner, &request->zone.owner)) {
		ksk_say("%s: the reply is about another zone",
			session->address);
		return KSK_STEP_OVER;
	}
	for (size_t i = 0; i < reply->ksk_count; i++) {
		if (ksk_standing_check(&reply->owner, &reply->ksk[i], &fault) !=
			KSK_ERR_BAD_SIGNATURE)
			continue;
		ksk_say("%s: %s", session->address, fault.text);
		return KSK_STEP_OVER;
	}
	return KSK_STEP_DONE;
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct keys *keys = ctx;
	struct ksk_request *request = &keys->request;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_OVER && answer.reply != NULL)
		ksk_say_refusals(&answer.reply->refusals);
	if (step == KSK_STEP_DONE)
		step = check(session, request, &answer.reply->keys_body);
	if (step == KSK_STEP_DONE)
		session->exit = print(keys, &answer.reply->keys_body);
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct keys *keys;
	const char *value;
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	bool all = false;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0)
		all = true;
	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	if (argc - optind != 1) {
		ksk_say("keys takes one zone");
		return KSK_CTL_USAGE;
	}
	keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return KSK_CTL_LATER;
	keys->ctl = ctl;
	keys->all = all;
	keys->request.op = KSK_OP_KEYS;
	if (ksk_zone_operand(argv[optind], &keys->request) == KSK_OK)
		exit = ksk_reach(ctl, work, keys);
	free(keys);
	return exit;
}

const struct ksk_verb ksk_verb_keys = {
	.name = "keys",
	.operands = "ZONE",
	.sentence = "Prints a zone's KSKs as DNSKEY records, and what the "
		    "policy pins.",
	.options =
		{
			{"all", NULL, "also the KSKs that do not stand now"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
