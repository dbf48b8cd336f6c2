/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_ask - the conversation of `sync` with an appliance about one zone: what
 * is in effect, what it must be, and a signature where these differ or too
 * little is left. What can't be signed leaves the answer in effect as it is,
 * and that is delivered on. See sync.h.
 */
#include "client/sync.h"

#include "client/cds_set.h"
#include "client/standing.h"

#include "appliance/base/yaml.h"

#include <string.h>
#include <time.h>

/* Without `refresh` a third of the validity must be left. */
#define REFRESH_PART 3u

struct ask {
	struct ksk_session *session;
	struct ksk_sync_run *run;
	uint64_t now;
	unsigned at; /* which of the three sets */
	struct ksk_sign_set set;
	struct ksk_fault *fault;
};

/* ---- what the sets must be ---- */

/* False: the set stays as it is. That a KSK is too new was said with the
 * choice. */
static bool
build_cds(struct ask *a, struct ksk_rrset *out, struct ksk_cds_room *room)
{
	struct ksk_fault why = {0};
	enum ksk_err err = ksk_cds_set_build(a->run->held.keys,
		ksk_signed_type(a->at), &a->run->want[KSK_AT_DNSKEY].rrset, 0,
		a->now, room, out, &why);

	if (err != KSK_OK && err != KSK_ERR_AGAIN && a->at == KSK_AT_CDS)
		ksk_note_add(&a->run->choice.notes, KSK_NOTE_WAIT, "", "%s",
			why.text);
	return err == KSK_OK && out->count != 0;
}

/* ---- the answer in effect ---- */

static void
take_last(struct ask *a)
{
	const struct ksk_last_answer_reply *last = a->run->held.last;
	struct ksk_signed *want = &a->run->want[a->at];
	struct ksk_fault why = {0};
	char from[KSK_TIME_CAP];
	uint64_t first;

	ksk_signed_wipe(want);
	if (last == NULL)
		return;
	if (ksk_held_is_ahead(&a->run->held, a->now, &first)) {
		ksk_note_add(&a->run->choice.notes, KSK_NOTE_WAIT, "",
			"no answer is in effect yet: the first is valid from "
			"%s on",
			ksk_time_text(from, first));
		return;
	}
	if (ksk_held_check(&a->run->held, a->now, &why) != KSK_OK) {
		ksk_note_add(&a->run->choice.notes, KSK_NOTE_FAULT, "",
			"the answer in effect does not verify: %.200s",
			why.text);
		return;
	}
	if (ksk_signed_copy(&last->rrset, last->rrsig, last->rrsig_count,
		    want) != KSK_OK)
		return;
	want->window = last->window;
	want->record = last->record;
	memcpy(want->record_hash, last->record_hash, KSK_HASH_LEN);
}

static bool
has_rrsig_by(const struct ksk_signed *want, struct ksk_span dnskey)
{
	struct ksk_rrsig rrsig;
	struct ksk_dnskey key;

	if (ksk_dnskey_read(dnskey, &key) != KSK_OK)
		return false;
	for (size_t i = 0; i < want->rrsig_count; i++) {
		if (ksk_rrsig_read(want->rrsig[i], &rrsig) == KSK_OK &&
			rrsig.tag == key.tag &&
			rrsig.algorithm == key.algorithm)
			return true;
	}
	return false;
}

/* RFC 4035 2.2: CDS says the same while a KSK of a new algorithm comes, and
 * needs its signature nevertheless; nor is one that has left to stand alone. */
static bool
is_signed_by_all(const struct ask *a)
{
	const struct ksk_keys_reply *keys = a->run->held.keys;
	const struct ksk_signed *want = &a->run->want[a->at];
	size_t signers = 0;

	for (size_t i = 0; i < keys->ksk_count; i++) {
		const struct ksk_ksk_entry *ksk = &keys->ksk[i];

		if (!ksk->stands ||
			(a->at != KSK_AT_DNSKEY && ksk_standing_revoked(ksk)))
			continue;
		if (!has_rrsig_by(want, ksk->dnskey))
			return false;
		signers++;
	}
	return signers == want->rrsig_count;
}

/* True if the answer in effect says what it must and lasts. */
static bool
is_good(const struct ask *a)
{
	const struct ksk_signed *want = &a->run->want[a->at];
	const struct ksk_window *usual = &a->run->held.keys->window;
	uint64_t refresh = a->run->zone->has_refresh
		? a->run->zone->refresh
		: (usual->expiration - usual->inception) / REFRESH_PART;

	return want->there &&
		ksk_rrsets_equal(&want->rrset, &a->set.request.sign.rrset) &&
		is_signed_by_all(a) &&
		want->window.expiration > a->now + refresh;
}

/* ---- changes, for people ---- */

static const char *
find_provider(const struct ksk_keys_reply *keys, struct ksk_span rdata)
{
	for (size_t i = 0; i < keys->provider_count; i++) {
		const struct ksk_provider_entry *p = &keys->provider[i];

		for (size_t k = 0; k < p->key_count; k++) {
			if (ksk_ds_matches(&p->key[k].ds, &keys->owner, rdata))
				return p->name;
		}
	}
	return "KSK";
}

static void
add_changes(struct ask *a, const char *sign, const struct ksk_rrset *from,
	const struct ksk_rrset *to)
{
	for (size_t i = 0; i < to->count; i++) {
		struct ksk_dnskey key = {0};
		char text[KSK_LABEL_CAP + 32];

		if ((from != NULL && ksk_rrset_has(from, to->rdata[i])) ||
			ksk_dnskey_read(to->rdata[i], &key) != KSK_OK)
			continue;
		(void)snprintf(text, sizeof(text), "%s%u (%s)", sign, key.tag,
			find_provider(a->run->held.keys, to->rdata[i]));
		(void)json_array_append_new(a->run->changes, json_string(text));
	}
}

static void
note_changes(struct ask *a)
{
	const struct ksk_last_answer_reply *last = a->run->held.last;
	const struct ksk_rrset *old = last == NULL ? NULL : &last->rrset;
	const struct ksk_rrset *new = &a->set.request.sign.rrset;

	(void)json_array_clear(a->run->changes);
	add_changes(a, "+", old, new);
	if (old != NULL)
		add_changes(a, "-", new, old);
}

/* ---- signing ---- */

static void
keep_refusals(struct ask *a, const struct ksk_reply *reply)
{
	char buf[10];

	a->run->signing = KSK_SYNC_REFUSED;
	(void)json_object_set_new(a->run->refusals,
		ksk_type_text(ksk_signed_type(a->at), buf),
		ksk_json_refusals(reply->refusals.list, reply->refusals.count));
	if (reply->refusals.count == 0)
		ksk_note_add(&a->run->choice.notes, KSK_NOTE_FAULT, "",
			"%s is not signed: %s%s%.200s",
			ksk_type_text(ksk_signed_type(a->at), buf),
			ksk_status_text((unsigned)reply->status),
			reply->text[0] != '\0' ? ": " : "", reply->text);
}

static enum ksk_step
take_reply(struct ask *a, const struct ksk_reply *reply)
{
	const struct ksk_sign_reply *body = &reply->sign_body;
	struct ksk_signed *want = &a->run->want[a->at];
	enum ksk_step step;

	if (ksk_sign_set_check(&a->set, a->run->held.keys, body,
		    (uint64_t)time(NULL), a->fault) != KSK_OK) {
		ksk_say("%s: the answer does not verify: %s", a->set.path,
			a->fault->text);
		a->session->exit = KSK_CTL_UNVERIFIED;
		return KSK_STEP_OVER;
	}
	if (a->run->signing != KSK_SYNC_REFUSED)
		a->run->signing = a->run->dry_run ? KSK_SYNC_WOULD
						  : KSK_SYNC_SIGNED;
	if (a->run->dry_run)
		return KSK_STEP_DONE;
	step = ksk_answer_record(
		a->session, body->record, body->record_hash, true);
	if (step != KSK_STEP_DONE)
		return step;
	if (ksk_signed_copy(&a->set.request.sign.rrset, body->rrsig,
		    body->rrsig_count, want) != KSK_OK) {
		ksk_fault_set(a->fault, "no memory is left");
		return KSK_STEP_LATER;
	}
	want->fresh = true;
	want->window = body->window;
	want->record = body->record;
	memcpy(want->record_hash, body->record_hash, KSK_HASH_LEN);
	return KSK_STEP_DONE;
}

static enum ksk_step
ask_signature(struct ask *a)
{
	struct ksk_request *request = &a->set.request;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(
		a->session, &request, 1, &answer, a->fault);

	if (step == KSK_STEP_OVER)
		ksk_say("%s", a->fault->text);
	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(a->session, answer.reply, a->fault);
	if (step == KSK_STEP_DONE) {
		step = take_reply(a, answer.reply);
	} else if (step == KSK_STEP_OVER && answer.reply != NULL) {
		/* The other sets, and what is in effect, go their way. */
		keep_refusals(a, answer.reply);
		step = KSK_STEP_DONE;
	}
	ksk_answers_free(&answer, 1);
	return step;
}

/* Answers that begin later were made on purpose, for a time to come: one that
 * is signed between them would undo that. */
static bool
is_scheduled(struct ask *a)
{
	const struct ksk_last_answer_reply *last = a->run->held.last;
	char buf[10];

	if (last == NULL || last->later_count == 0)
		return false;
	ksk_note_add(&a->run->choice.notes, KSK_NOTE_WAIT, "",
		"%s: a schedule is in force with %zu later answers: nothing is "
		"signed beside it",
		ksk_type_text(ksk_signed_type(a->at), buf), last->later_count);
	return true;
}

/* Builds the request for a set and has it signed if it must be. */
static enum ksk_step
sign_set(struct ask *a, const struct ksk_rrset *rrset)
{
	struct ksk_sign_options options = {
		.dry_run = a->run->dry_run, .order = KSK_SIGN_PREVIOUS_ASKED};
	const struct ksk_held *held = &a->run->held;
	enum ksk_err err;

	a->set = (struct ksk_sign_set){.path = a->run->zone->text,
		.owner = rrset->owner,
		.type = rrset->type,
		.zone = {.rrset = *rrset}};
	err = ksk_sign_set_build(&a->set, held->keys, held->last, &options,
		NULL, a->now, a->fault);
	if (err == KSK_ERR_BAD_SIGNATURE) {
		ksk_say("%s", a->fault->text);
		a->session->exit = KSK_CTL_UNVERIFIED;
		return KSK_STEP_OVER;
	}
	if (err != KSK_OK)
		return KSK_STEP_LATER;
	if (a->at == KSK_AT_DNSKEY) {
		note_changes(a);
		ksk_sync_add_proofs(a->run, a->now, &a->set.request.sign);
	}
	if (is_good(a) || is_scheduled(a))
		return KSK_STEP_DONE;
	return ask_signature(a);
}

/* ---- the three sets ---- */

static enum ksk_step
hold(struct ask *a)
{
	struct ksk_held *held = &a->run->held;
	enum ksk_step step;

	held->owner = a->run->zone->owner;
	held->type = ksk_signed_type(a->at);
	step = ksk_held_ask(a->session, held, a->now, a->fault);
	if (step == KSK_STEP_DONE)
		take_last(a);
	return step;
}

/* Whom the choice is for, and what it leaves. */
static void
choose(struct ask *a)
{
	struct ksk_sync_run *run = a->run;
	const struct ksk_last_answer_reply *last = run->held.last;
	struct ksk_notes before = run->choice.notes;

	ksk_sync_choose(run->held.keys, last == NULL ? NULL : &last->rrset,
		run->offer, run->count, a->now, &run->choice);
	for (size_t i = 0; i < before.count; i++)
		ksk_note_add(&run->choice.notes, before.list[i].kind,
			before.list[i].provider, "%s", before.list[i].text);
}

/* What providers announced comes with the keys reply. */
static void
gather_announced(struct ksk_sync_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		struct ksk_sync_member *member = &run->member[i];

		if (member->provider->gather != KSK_GATHER_ANNOUNCED)
			continue;
		ksk_gather_announced(
			run->held.keys, member->provider, &member->gathered);
		ksk_sync_offer(run, i);
	}
}

static enum ksk_step
do_dnskey(struct ask *a)
{
	struct ksk_sync_run *run = a->run;
	enum ksk_step step;

	a->at = KSK_AT_DNSKEY;
	step = hold(a);
	if (step != KSK_STEP_DONE)
		return step;
	gather_announced(run);
	choose(a);
	step = sign_set(a, &run->choice.rrset);
	for (unsigned i = 0; i < run->count; i++)
		run->own[i] = run->want[KSK_AT_DNSKEY].there &&
			ksk_sync_has_own(run->held.keys, run->offer[i].provider,
				&run->want[KSK_AT_DNSKEY].rrset);
	return step;
}

static enum ksk_step
do_cds(struct ask *a, unsigned at)
{
	struct ksk_cds_room room;
	struct ksk_rrset rrset;
	enum ksk_step step;

	a->at = at;
	ksk_signed_wipe(&a->run->want[at]);
	if (!ksk_cds_set_is_wanted(
		    a->run->held.keys, ksk_signed_type(at), a->now))
		return KSK_STEP_DONE;
	step = hold(a);
	if (step != KSK_STEP_DONE || !build_cds(a, &rrset, &room))
		return step;
	return sign_set(a, &rrset);
}

static void
begin(struct ksk_sync_run *run)
{
	run->signing = KSK_SYNC_KEPT;
	run->choice.notes.count = 0;
	(void)json_array_clear(run->changes);
	(void)json_object_clear(run->refusals);
}

enum ksk_step
ksk_sync_ask(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ask a = {.session = session,
		.run = ctx,
		.now = (uint64_t)time(NULL),
		.fault = fault};
	enum ksk_step step;

	begin(a.run);
	step = do_dnskey(&a);
	if (step == KSK_STEP_DONE)
		step = do_cds(&a, KSK_AT_CDS);
	if (step == KSK_STEP_DONE)
		step = do_cds(&a, KSK_AT_CDNSKEY);
	if (step == KSK_STEP_LATER)
		a.run->signing = KSK_SYNC_UNSIGNED;
	return step;
}
