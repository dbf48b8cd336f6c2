/* SPDX-License-Identifier: BSD-2-Clause */
/* anchorage - see anchorage.h. */
#include "appliance/signer/anchorage.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/given_up.h"
#include "appliance/signer/signer.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MS 60000u
#define AGAIN_MS 1000u
/* A due one that no worker takes for so long is late. */
#define LATE_MS 2000u

enum ksk_err
ksk_anchorage_begin(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_anchorage *a = &signer->anchorage;

	(void)fault;
	if (signer->start.anchor_token == KSK_TOKEN_NONE)
		return KSK_OK;
	a->stage = KSK_ANCHORAGE_UNREAD;
	(void)snprintf(a->why, sizeof(a->why),
		"the journal's anchor on token %s is not read yet; ends when "
		"the token is there",
		signer->start.token[signer->start.anchor_token]);
	return KSK_OK;
}

enum ksk_state
ksk_anchorage_state(struct ksk_signer *signer, const char **out_why)
{
	struct ksk_anchorage *a = &signer->anchorage;
	const uint16_t token = signer->start.anchor_token;
	const char *why;

	*out_why = "";
	if (a->stage == KSK_ANCHORAGE_NONE || a->stage == KSK_ANCHORAGE_GOOD)
		return KSK_STATE_READY;
	*out_why = a->why;
	if (a->stage == KSK_ANCHORAGE_RESTORED)
		return KSK_STATE_RESTORED;
	if (ksk_crew_token(&signer->crew, token, &why) != KSK_STATE_LOCKED)
		return KSK_STATE_TOKEN_DOWN;
	/* This one does not end by itself: the way out is a person's. */
	(void)snprintf(a->locked, sizeof(a->locked),
		"token %s, which has the journal's anchor: %.300s",
		signer->start.token[token], why);
	*out_why = a->locked;
	return KSK_STATE_LOCKED;
}

const char *
ksk_anchorage_where(const struct ksk_signer *signer)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	if (a->stage == KSK_ANCHORAGE_NONE)
		return "none";
	if (a->stage == KSK_ANCHORAGE_UNREAD || a->stage == KSK_ANCHORAGE_READ)
		return "";
	return a->failed ? "token-object, late" : "token-object";
}

/* ---- reading ---- */

struct wanted {
	const struct ksk_checkpoint *anchor;
	bool there;
	bool same;
};

static bool
compare(void *ctx, const struct ksk_value *column, size_t count)
{
	struct wanted *w = ctx;

	w->there = true;
	w->same = count == 1 && column[0].bytes.len == KSK_HASH_LEN &&
		memcmp(column[0].bytes.data, w->anchor->hash, KSK_HASH_LEN) ==
			0;
	return false;
}

static void
digest(const void *data, size_t len, uint8_t out[KSK_HASH_LEN])
{
	if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* OpenSSL has SHA-256 */
}

/* What a person accepts: the journal's head, and what the token holds, in
 * whatever order it was found. A word for one copy does not hold for the same
 * copy put back once more. */
static void
bind(struct ksk_anchorage *a, struct ksk_head head)
{
	uint8_t both[2 * KSK_HASH_LEN] = {0};
	uint8_t one[KSK_HASH_LEN];

	for (size_t i = 0; i < a->found_count; i++) {
		struct ksk_checkpoint plain;

		memset(&plain, 0, sizeof(plain)); /* bytes between as well */
		memcpy(plain.journal, a->found[i].journal, KSK_ID_LEN);
		memcpy(plain.hash, a->found[i].hash, KSK_HASH_LEN);
		plain.number = a->found[i].number;
		plain.time = a->found[i].time;
		digest(&plain, sizeof(plain), one);
		for (size_t k = 0; k < KSK_HASH_LEN; k++)
			both[k] ^= one[k];
	}
	memcpy(both + KSK_HASH_LEN, head.hash, KSK_HASH_LEN);
	a->head.number = head.number;
	digest(both, sizeof(both), a->head.hash);
}

static void
restored(struct ksk_signer *signer, const char *what)
{
	struct ksk_anchorage *a = &signer->anchorage;
	char id[2 * KSK_ID_LEN + 1], hash[2 * KSK_HASH_LEN + 1];

	bind(a, ksk_journal_head(signer->journal));
	ksk_hex_write(ksk_span_of(ksk_journal_id(signer->journal), KSK_ID_LEN),
		id, sizeof(id));
	ksk_hex_write(
		ksk_span_of(a->head.hash, KSK_HASH_LEN), hash, sizeof(hash));
	(void)snprintf(a->why, sizeof(a->why),
		"%s; what was signed since is not known. Put the right journal "
		"back; or accept this one: %s %s %" PRIu64 " %s",
		what,
		signer->start.quorum ? "operators' authorise document, journal"
				     : "kskadm accept restore",
		id, a->head.number, hash);
	a->stage = KSK_ANCHORAGE_RESTORED;
	ksk_log(KSK_LOG_ERROR, "restored", a->why, NULL);
}

/* The newest of this journal's anchors; NULL if there is none. Those that were
 * given up are passed over. out_others: those of other journals. */
static const struct ksk_checkpoint *
newest(struct ksk_signer *signer, const struct ksk_given_up *given,
	size_t *out_others)
{
	const struct ksk_anchorage *a = &signer->anchorage;
	const uint8_t *id = ksk_journal_id(signer->journal);
	const struct ksk_checkpoint *best = NULL;

	*out_others = 0;
	for (size_t i = 0; i < a->found_count; i++) {
		const struct ksk_checkpoint *one = &a->found[i];
		if (ksk_given_up_has(given, one))
			continue;
		if (memcmp(one->journal, id, KSK_ID_LEN) != 0)
			(*out_others)++;
		else if (best == NULL || one->number > best->number)
			best = one;
	}
	return best;
}

/* Was an anchor written once? A journal that can't be read says neither. */
static enum ksk_err
was_anchored(struct ksk_signer *signer, bool *out, struct ksk_fault *fault)
{
	uint8_t room[8];
	struct ksk_buf value = ksk_buf_of(room, sizeof(room));
	enum ksk_err err = ksk_journal_state_get(
		signer->journal, KSK_ANCHORED_STATE, &value, fault);

	*out = err == KSK_OK;
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

static void
good(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;

	a->stage = KSK_ANCHORAGE_READ;
	/* Beside the one that counts, others are removed with the next. */
	a->due = true;
	a->due_ms = now_ms;
	ksk_text_copy(a->why, sizeof(a->why),
		"the journal's anchor is being written; ends by itself");
}

static enum ksk_err
compare_with_journal(struct ksk_signer *signer,
	const struct ksk_checkpoint *anchor, uint64_t now_ms,
	struct ksk_fault *fault)
{
	struct ksk_value number = {
		.kind = KSK_VALUE_NUMBER, .number = anchor->number};
	struct wanted w = {.anchor = anchor};
	enum ksk_err err = ksk_journal_query(signer->journal,
		"SELECT hash FROM record WHERE number = ?", &number, 1, compare,
		&w, fault);

	if (err != KSK_OK)
		return err;
	if (!w.there &&
		anchor->number < ksk_journal_oldest(signer->journal).number)
		restored(signer,
			"the token is older than the journal: the record that "
			"it names was pruned, which is done behind the anchor "
			"only");
	else if (!w.there)
		restored(signer,
			"the journal is older than its anchor: it lacks the "
			"record that the token names");
	else if (!w.same)
		restored(signer,
			"the journal is not the one that was anchored: the "
			"record that the token names is another one");
	else
		good(signer, now_ms);
	signer->anchorage.written = anchor->number;
	return KSK_OK;
}

/* No anchor of this journal counts. others: that many of other journals do.
 * given_up: a person's word for that is in the journal. */
static enum ksk_err
look_for_mark(struct ksk_signer *signer, size_t others, bool given_up,
	uint64_t now_ms, struct ksk_fault *fault)
{
	bool anchored = false;
	enum ksk_err err = was_anchored(signer, &anchored, fault);

	if (err != KSK_OK)
		return err;
	if (others != 0)
		restored(signer,
			"the token's anchor is of another journal than this "
			"one");
	else if (anchored && !given_up)
		restored(signer, "the anchor is gone from the token");
	else
		/* The first: nothing is known that could contradict it. */
		good(signer, now_ms);
	return KSK_OK;
}

static void
take_found(struct ksk_signer *signer, const struct ksk_lnk_anchor_found *found,
	uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	struct ksk_given_up given = {.pending = false};
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_given_up_read(signer->journal, &given, &fault);

	const struct ksk_checkpoint *anchor;
	size_t others;

	a->found_count = found->count;
	memcpy(a->found, found->anchor, sizeof(a->found));
	anchor = newest(signer, &given, &others);
	if (err == KSK_OK && anchor != NULL)
		err = compare_with_journal(signer, anchor, now_ms, &fault);
	else if (err == KSK_OK)
		err = look_for_mark(
			signer, others, given.pending, now_ms, &fault);
	/* Asked again: what the journal says is not known. */
	if (err != KSK_OK)
		ksk_text_copy(a->why, sizeof(a->why), fault.text);
}

/* ---- writing ---- */

/* After the anchor: the other way round, a crash in between would look like an
 * anchor that was taken away. What finds no room now is staged with the next
 * anchor. */
static void
remember_written(struct ksk_signer *signer)
{
	const uint64_t written = signer->anchorage.written;
	struct ksk_given_up given = {.pending = false};
	struct ksk_fault fault = {.text = ""};
	uint8_t number[8];

	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = (uint8_t)(written >> (56u - 8u * i));
	ksk_ignore(ksk_journal_state_set(signer->journal, KSK_ANCHORED_STATE,
		ksk_span_of(number, sizeof(number))));
	if (ksk_given_up_read(signer->journal, &given, &fault) == KSK_OK &&
		given.pending)
		ksk_ignore(ksk_given_up_over(signer->journal));
}

static void
note_written(struct ksk_signer *signer)
{
	struct ksk_anchorage *a = &signer->anchorage;

	a->written = a->wanted;
	if (a->failed)
		ksk_log(KSK_LOG_INFO, "anchor-written",
			"the anchor is written again", NULL);
	a->failed = false;
	/* Due again: of a policy that was recorded while this one was written,
	 * and is in force, for nothing is signed yet. */
	if (a->stage == KSK_ANCHORAGE_READ && !a->due)
		a->stage = KSK_ANCHORAGE_GOOD;
	remember_written(signer);
}

static void
note_lost(struct ksk_signer *signer, const char *why)
{
	struct ksk_anchorage *a = &signer->anchorage;

	a->due = true;
	if (a->stage == KSK_ANCHORAGE_READ)
		a->stage = KSK_ANCHORAGE_GOOD;
	if (!a->failed)
		ksk_log(KSK_LOG_WARN, "anchor-failed",
			"the anchor can't be read or written; tried again",
			"why", why, NULL);
	a->failed = true;
}

static void
take_end(struct ksk_signer *signer, const struct ksk_errand *errand,
	uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	bool read = errand->answer == KSK_LNK_ANCHOR_FOUND;

	a->writing = false;
	a->next_ms = now_ms + AGAIN_MS;
	if (errand->stage == KSK_ERRAND_LOST) {
		if (read)
			(void)snprintf(a->why, sizeof(a->why),
				"the journal's anchor can't be read: %.300s",
				errand->why);
		note_lost(signer, errand->why);
	} else if (read) {
		a->failed = false;
		take_found(signer, &errand->found, now_ms);
	} else {
		note_written(signer);
		a->next_ms = now_ms + EVERY_MS;
	}
	ksk_errand_over(&signer->crew);
}

static void
write_one(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	struct ksk_head head = ksk_journal_head(signer->journal);
	struct ksk_checkpoint anchor = {
		.number = head.number, .time = ksk_clock_now()};

	memcpy(anchor.journal, ksk_journal_id(signer->journal), KSK_ID_LEN);
	memcpy(anchor.hash, head.hash, KSK_HASH_LEN);
	if (!ksk_errand_anchor_write(&signer->crew, &anchor, now_ms))
		return;
	a->wanted = head.number;
	a->writing = true;
	a->due = false;
}

/* Reads it, or writes it, if it is time and nothing else is under way. */
static void
begin_errand(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	bool moved = ksk_journal_head(signer->journal).number != a->written;

	if (a->stage == KSK_ANCHORAGE_UNREAD) {
		if (now_ms >= a->next_ms)
			a->writing = ksk_errand_anchor_read(
				&signer->crew, now_ms);
		return;
	}
	if ((a->due && (!a->failed || now_ms >= a->next_ms)) ||
		(moved && now_ms >= a->next_ms))
		write_one(signer, now_ms);
}

void
ksk_anchorage_run(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	const struct ksk_errand *errand = ksk_errand_ended(
		&signer->crew, KSK_ERRAND_ANCHOR);

	if (a->stage == KSK_ANCHORAGE_NONE)
		return;
	if (errand != NULL)
		take_end(signer, errand, now_ms);
	if (a->stage == KSK_ANCHORAGE_RESTORED || a->writing)
		return;
	if (ksk_errand_free(&signer->crew))
		begin_errand(signer, now_ms);
	if (a->stage != KSK_ANCHORAGE_UNREAD && a->due && !a->failed &&
		!a->writing && now_ms - a->due_ms >= LATE_MS) {
		a->next_ms = now_ms;
		note_lost(signer, "no worker of the token takes it");
	}
}

void
ksk_anchorage_hurry(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_anchorage *a = &signer->anchorage;
	const uint64_t last = a->writing ? a->wanted : a->written;

	if ((a->stage != KSK_ANCHORAGE_GOOD &&
		    a->stage != KSK_ANCHORAGE_READ) ||
		a->due || ksk_journal_head(signer->journal).number == last)
		return;
	a->due = true;
	a->due_ms = now_ms;
}

bool
ksk_anchorage_covers(const struct ksk_signer *signer, uint64_t number)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	/* While it is restored or unread, nothing is signed before the next
	 * one is written. */
	return a->stage != KSK_ANCHORAGE_GOOD || a->failed ||
		a->written >= number;
}

bool
ksk_anchorage_waits(const struct ksk_signer *signer)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	return (a->stage == KSK_ANCHORAGE_GOOD ||
		       a->stage == KSK_ANCHORAGE_READ) &&
		(a->due || a->writing);
}

enum ksk_err
ksk_anchorage_give_up(struct ksk_signer *signer)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	return ksk_given_up_stage(signer->journal, a->found, a->found_count);
}

void
ksk_anchorage_accept(struct ksk_signer *signer, uint64_t now_ms)
{
	good(signer, now_ms);
}
