/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce - brings a provider's signed announcement of its keys to every
 * appliance of the profile, or shows what it says. Nothing here makes one:
 * the provider does, with openssl alone.
 */
#include "client/announce_show.h"
#include "client/output.h"
#include "client/reach.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SHOW, POLICY };

struct announce {
	const struct ksk_ctl *ctl;
	struct ksk_announce_file file;
	struct ksk_request request;
	struct ksk_text text;
	json_t *json; /* a list of appliances */
};

static void
note(struct announce *a, const struct ksk_session *session,
	const struct ksk_announce_reply *body)
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(
		ksk_span_of(body->record_hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(&a->text, "%s: %s record %" PRIu64 ", hash %s\n",
		session->address,
		body->known ? "has it already:" : "accepted as", body->record,
		hex);
	(void)json_array_append_new(a->json,
		json_pack("{s:s, s:s, s:I, s:s}", "address", session->address,
			"status", body->known ? "known" : "accepted", "record",
			(json_int_t)body->record, "record-hash", hex));
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct announce *a = ctx;
	struct ksk_request *request = &a->request;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_OVER && answer.reply != NULL)
		ksk_note_refused(a->json, session, answer.reply);
	if (step == KSK_STEP_DONE)
		note(a, session, &answer.reply->announce_body);
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_ctl_exit
bring(struct announce *a)
{
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	enum ksk_ctl_exit exit;

	a->request = (struct ksk_request){.op = KSK_OP_ANNOUNCE,
		.has_body = true,
		.announce = {ksk_span_of(a->file.der, a->file.len)}};
	exit = ksk_reach_each(a->ctl, work, a);
	if (a->ctl->json)
		err = ksk_out_json(json_pack("{s:o, s:s, s:I, s:O}", "zone",
			ksk_json_name(&a->file.text.zone), "provider",
			a->file.text.provider, "serial",
			(json_int_t)a->file.text.serial, "appliances",
			a->json));
	else if (!a->text.failed)
		err = ksk_out_text(
			a->text.data == NULL ? "" : a->text.data, a->text.len);
	return err != KSK_OK && exit == KSK_CTL_DONE ? KSK_CTL_BAD_INPUT : exit;
}

static enum ksk_ctl_exit
announce(struct ksk_ctl *ctl, bool show, const char *policy, const char *path)
{
	struct announce *a = calloc(1, sizeof(*a));
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;

	if (a == NULL)
		return KSK_CTL_LATER;
	a->ctl = ctl;
	a->file.path = path;
	a->json = json_array();
	if (ksk_announce_load(&a->file) == KSK_OK)
		exit = show ? ksk_announce_show(ctl, &a->file, policy)
			    : bring(a);
	ksk_announce_free(&a->file);
	ksk_text_free(&a->text);
	json_decref(a->json);
	free(a);
	return exit;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	const char *value, *policy = NULL;
	bool show = false;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (found == SHOW)
			show = true;
		else
			policy = value;
	}
	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	if (argc - optind != 1 || (policy != NULL && !show)) {
		ksk_say(policy != NULL && !show
				? "--policy is for --show"
				: "announce takes one signed file");
		return KSK_CTL_USAGE;
	}
	return announce(ctl, show, policy, argv[optind]);
}

const struct ksk_verb ksk_verb_announce = {
	.name = "announce",
	.operands = "FILE",
	.sentence = "Brings a provider's signed announcement of its ZSKs to "
		    "the appliances.",
	.options =
		{
			[SHOW] = {"show", NULL,
				"print what it says, without an appliance"},
			[POLICY] = {"policy", "FILE",
				"with --show: judge it by this policy"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
