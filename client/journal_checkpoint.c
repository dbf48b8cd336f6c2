/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_checkpoint - fetches the newest checkpoint of an appliance's journal
 * into a file of its own, to be kept elsewhere: with it a tail that was cut off
 * an export is found.
 */
#include "client/file.h"
#include "client/journal.h"
#include "client/output.h"
#include "client/reach.h"

#include <inttypes.h>
#include <stdlib.h>

struct fetch {
	const struct ksk_journal_options *options;
	struct ksk_chain *chain; /* for the keys that are trusted */
	struct ksk_request request;
	uint8_t item[KSK_CHECKPOINT_MAX + 8];
	size_t item_len; /* 0: none yet */
	uint64_t number;
};

/* Keeps the checkpoint of a reply, if there is one. */
static enum ksk_err
keep(struct fetch *f, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	const struct ksk_signed_checkpoint *newest = &reply->checkpoint[0];
	struct ksk_buf item = ksk_buf_of(f->item, sizeof(f->item));
	enum ksk_err err = KSK_OK;

	if (reply->checkpoint_count == 0)
		return KSK_OK;
	if (f->options->key_count > 0)
		err = ksk_chain_signature(f->chain, newest, fault);
	if (err == KSK_OK)
		err = ksk_export_checkpoint_put(&item, newest);
	f->item_len = err == KSK_OK ? item.len : 0;
	f->number = newest->value.number;
	return err;
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct fetch *f = ctx;
	struct ksk_request *request = &f->request;
	struct ksk_answer answer = {0};

	/* No record: only where the journal stands. */
	f->request.op = KSK_OP_JOURNAL_READ;
	f->item_len = 0;
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);
	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	session->exit = step == KSK_STEP_DONE ? KSK_CTL_DONE : session->exit;
	if (step == KSK_STEP_DONE &&
		keep(f, &answer.reply->journal_body, fault) != KSK_OK) {
		session->exit = KSK_CTL_UNVERIFIED;
		step = KSK_STEP_OVER;
	}
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_ctl_exit
write_out(const struct fetch *f)
{
	struct ksk_fault fault = {""};

	if (f->item_len == 0) {
		ksk_say("the journal has no checkpoint yet");
		return KSK_CTL_LATER;
	}
	if (ksk_file_replace(f->options->out, f->item, f->item_len, &fault) !=
		KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	ksk_say_plain("%s: the checkpoint over record %" PRIu64,
		f->options->out, f->number);
	return KSK_CTL_DONE;
}

enum ksk_ctl_exit
ksk_journal_checkpoint(const struct ksk_journal_options *options)
{
	struct fetch *f = calloc(1, sizeof(*f));
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;

	if (f == NULL) {
		ksk_say("no memory is left");
		return exit;
	}
	f->options = options;
	f->chain = ksk_journal_chain(options);
	if (f->chain != NULL)
		exit = ksk_reach(options->ctl, work, f);
	if (f->chain != NULL && exit == KSK_CTL_DONE)
		exit = write_out(f);
	ksk_chain_free(&f->chain);
	free(f);
	return exit;
}
