/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * last_answer - prints the answer in effect that an appliance holds, verified,
 * as zone text that can be delivered, or adopted by another appliance.
 */
#include "client/held.h"
#include "client/output.h"
#include "client/rrset_print.h"
#include "client/zone_operand.h"

#include "appliance/base/yaml.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct last_answer {
	const struct ksk_ctl *ctl;
	struct ksk_held held;
};

/* ---- text ---- */

static void
write_text(const struct ksk_held *held, struct ksk_text *text)
{
	const struct ksk_last_answer_reply *last = held->last;
	char name[KSK_NAME_TEXT_CAP], type[10], hash[2 * KSK_HASH_LEN + 1];
	char a[KSK_TIME_CAP], b[KSK_TIME_CAP];

	ksk_name_to_text(&held->owner, name);
	ksk_hex_write(ksk_span_of(last->record_hash, KSK_HASH_LEN), hash,
		sizeof(hash));
	ksk_text_add(text, "; %s %s: record %" PRIu64 ", hash %s\n", name,
		ksk_type_text(held->type, type), last->record, hash);
	ksk_text_add(text, "; %s %s under policy version %" PRIu64 "\n",
		last->adopted ? "adopted" : "released",
		ksk_time_text(a, last->released), last->policy_version);
	ksk_text_add(text, "; valid from %s to %s\n",
		ksk_time_text(a, last->window.inception),
		ksk_time_text(b, last->window.expiration));
	for (size_t i = 0; i < last->later_count; i++)
		ksk_text_add(text,
			"; a later answer, record %" PRIu64
			", is valid from %s\n",
			last->later[i].record,
			ksk_time_text(a, last->later[i].inception));
	ksk_rrset_print(&last->rrset, last->rrsig, last->rrsig_count, text);
}

/* ---- JSON ---- */

static json_t *
json_later(const struct ksk_last_answer_reply *last)
{
	json_t *list = json_array();

	for (size_t i = 0; i < last->later_count; i++)
		(void)json_array_append_new(list,
			json_pack("{s:I, s:o}", "record",
				(json_int_t)last->later[i].record, "inception",
				ksk_json_time(last->later[i].inception)));
	return list;
}

static json_t *
make_json(const struct ksk_held *held)
{
	const struct ksk_last_answer_reply *last = held->last;
	char type[10];
	json_t *value = json_pack("{s:o, s:s, s:s}", "zone",
		ksk_json_name(&held->owner), "type",
		ksk_type_text(held->type, type), "status",
		last == NULL ? "nothing" : "held");

	if (value == NULL || last == NULL)
		return value;
	(void)json_object_update_new(value,
		json_pack("{s:I, s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:b, s:o, "
			  "s:o}",
			"ttl", (json_int_t)last->rrset.ttl, "records",
			ksk_json_records(&last->rrset), "rrsigs",
			ksk_json_rrsigs(
				&last->rrset, last->rrsig, last->rrsig_count),
			"record", (json_int_t)last->record, "record-hash",
			ksk_json_hex(last->record_hash, KSK_HASH_LEN),
			"policy-version", (json_int_t)last->policy_version,
			"window", ksk_json_window(last->window), "released",
			ksk_json_time(last->released), "adopted", last->adopted,
			"later", json_later(last), "previous",
			ksk_json_hex(last->has_head ? last->head_hash
						    : last->record_hash,
				KSK_HASH_LEN)));
	return value;
}

/* ---- the verb ---- */

static enum ksk_ctl_exit
print(const struct last_answer *l)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (l->ctl->json) {
		err = ksk_out_json(make_json(&l->held));
	} else if (l->held.last == NULL) {
		err = KSK_OK;
	} else {
		write_text(&l->held, &text);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
	}
	ksk_text_free(&text);
	if (err != KSK_OK)
		return KSK_CTL_BAD_INPUT;
	return l->held.last == NULL ? KSK_CTL_LATER : KSK_CTL_DONE;
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct last_answer *l = ctx;
	char name[KSK_NAME_TEXT_CAP], buf[10], from[KSK_TIME_CAP];
	const char *type = ksk_type_text(l->held.type, buf);
	uint64_t now = (uint64_t)time(NULL), first;
	enum ksk_step step = ksk_held_ask(session, &l->held, now, fault);

	if (step != KSK_STEP_DONE)
		return step;
	ksk_name_to_text(&l->held.owner, name);
	if (l->held.last == NULL) {
		ksk_say("%s: %s %s: no answer was released or adopted yet",
			session->address, name, type);
	} else if (ksk_held_is_ahead(&l->held, now, &first)) {
		ksk_say("%s: %s %s: no answer is in effect yet: the first is "
			"valid from %s on",
			session->address, name, type,
			ksk_time_text(from, first));
		l->held.last = NULL;
	} else if (ksk_held_check(&l->held, now, fault) != KSK_OK) {
		ksk_say("%s: %s %s: the answer does not verify: %s",
			session->address, name, type, fault->text);
		session->exit = KSK_CTL_UNVERIFIED;
		return KSK_STEP_OVER;
	}
	session->exit = print(l);
	return KSK_STEP_DONE;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct last_answer *l;
	struct ksk_request zone = {0};
	const char *value;
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	int found = ksk_args_next(ctl, verb, argc, argv, &value);

	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	if (argc - optind < 1 || argc - optind > 2) {
		ksk_say("last-answer takes a zone, and a type if it is not "
			"DNSKEY");
		return KSK_CTL_USAGE;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return KSK_CTL_LATER;
	l->ctl = ctl;
	l->held.type = KSK_TYPE_DNSKEY;
	if (argc - optind == 2 &&
		ksk_held_type(argv[optind + 1], &l->held.type) != KSK_OK) {
		exit = KSK_CTL_USAGE;
	} else if (ksk_zone_operand(argv[optind], &zone) == KSK_OK) {
		l->held.owner = zone.zone.owner;
		exit = ksk_reach(ctl, work, l);
	}
	ksk_held_free(&l->held);
	free(l);
	return exit;
}

const struct ksk_verb ksk_verb_last_answer = {
	.name = "last-answer",
	.operands = "ZONE [TYPE]",
	.sentence = "Prints the answer in effect, verified; exits 4 if there "
		    "is none.",
	.options = {{NULL, NULL, NULL}},
	.run = run,
};
