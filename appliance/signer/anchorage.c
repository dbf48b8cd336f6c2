/* SPDX-License-Identifier: BSD-2-Clause */
/* anchorage - see anchorage.h. */
#include "appliance/signer/anchorage.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/signer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVERY_MS 60000u
#define AGAIN_MS 1000u

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
	const struct ksk_anchorage *a = &signer->anchorage;

	*out_why = "";
	if (a->stage == KSK_ANCHORAGE_NONE || a->stage == KSK_ANCHORAGE_GOOD)
		return KSK_STATE_READY;
	*out_why = a->why;
	return a->stage == KSK_ANCHORAGE_RESTORED ? KSK_STATE_RESTORED
						  : KSK_STATE_TOKEN_DOWN;
}

const char *
ksk_anchorage_where(const struct ksk_signer *signer)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	if (a->stage == KSK_ANCHORAGE_NONE)
		return "none";
	if (a->stage == KSK_ANCHORAGE_UNREAD)
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
restored(struct ksk_signer *signer, const char *what)
{
	struct ksk_anchorage *a = &signer->anchorage;
	char id[2 * KSK_ID_LEN + 1], hash[2 * KSK_HASH_LEN + 1];

	a->head = ksk_journal_head(signer->journal);
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

/* The newest of this journal's anchors; NULL if there is none. */
static const struct ksk_checkpoint *
newest(struct ksk_signer *signer, const struct ksk_lnk_anchor_found *found)
{
	const uint8_t *id = ksk_journal_id(signer->journal);
	const struct ksk_checkpoint *best = NULL;

	for (size_t i = 0; i < found->count; i++) {
		const struct ksk_checkpoint *one = &found->anchor[i];
		if (memcmp(one->journal, id, KSK_ID_LEN) == 0 &&
			(best == NULL || one->number > best->number))
			best = one;
	}
	return best;
}

/* An anchor was written once: one that is gone was taken away. */
static bool
was_anchored(struct ksk_signer *signer)
{
	uint8_t room[8];
	struct ksk_buf value = ksk_buf_of(room, sizeof(room));
	struct ksk_fault fault;

	return ksk_journal_state_get(signer->journal, KSK_ANCHORED_STATE,
		       &value, &fault) != KSK_ERR_NOT_FOUND;
}

static void
compare_with_journal(
	struct ksk_signer *signer, const struct ksk_checkpoint *anchor)
{
	struct ksk_anchorage *a = &signer->anchorage;
	struct ksk_value number = {
		.kind = KSK_VALUE_NUMBER, .number = anchor->number};
	struct wanted w = {.anchor = anchor};
	struct ksk_fault fault = {.text = ""};

	if (ksk_journal_query(signer->journal,
		    "SELECT hash FROM record WHERE number = ?", &number, 1,
		    compare, &w, &fault) != KSK_OK) {
		ksk_text_copy(a->why, sizeof(a->why), fault.text);
		return; /* asked again */
	}
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
		a->stage = KSK_ANCHORAGE_GOOD;
	a->written = anchor->number;
}

static void
take_found(struct ksk_signer *signer, const struct ksk_lnk_anchor_found *found)
{
	struct ksk_anchorage *a = &signer->anchorage;
	const struct ksk_checkpoint *anchor = newest(signer, found);

	if (anchor != NULL) {
		compare_with_journal(signer, anchor);
	} else if (found->count != 0) {
		restored(signer,
			"the token's anchor is of another journal than this "
			"one");
	} else if (was_anchored(signer)) {
		restored(signer, "the anchor is gone from the token");
	} else {
		/* The first: nothing is known that could contradict it. */
		a->stage = KSK_ANCHORAGE_GOOD;
	}
	/* Beside the one that counts, others are removed with the next. */
	a->due = a->stage == KSK_ANCHORAGE_GOOD;
}

/* ---- writing ---- */

static void
note_written(struct ksk_signer *signer)
{
	struct ksk_anchorage *a = &signer->anchorage;
	uint8_t number[8];

	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = (uint8_t)(a->wanted >> (56u - 8u * i));
	a->written = a->wanted;
	if (a->failed)
		ksk_log(KSK_LOG_INFO, "anchor-written",
			"the anchor is written again", NULL);
	a->failed = false;
	/* After the anchor: the other way round, a crash in between would
	 * look like an anchor that was taken away. */
	ksk_ignore(ksk_journal_state_set(signer->journal, KSK_ANCHORED_STATE,
		ksk_span_of(number, sizeof(number))));
}

static void
note_lost(struct ksk_signer *signer, const char *why)
{
	struct ksk_anchorage *a = &signer->anchorage;

	a->due = true;
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
		take_found(signer, &errand->found);
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
	if (a->writing || !ksk_errand_free(&signer->crew))
		return;
	if (a->stage == KSK_ANCHORAGE_UNREAD) {
		if (now_ms >= a->next_ms)
			a->writing = ksk_errand_anchor_read(
				&signer->crew, now_ms);
		return;
	}
	if (a->stage != KSK_ANCHORAGE_GOOD)
		return;
	bool moved = ksk_journal_head(signer->journal).number != a->written;
	if ((a->due && (!a->failed || now_ms >= a->next_ms)) ||
		(moved && now_ms >= a->next_ms))
		write_one(signer, now_ms);
}

void
ksk_anchorage_hurry(struct ksk_signer *signer)
{
	struct ksk_anchorage *a = &signer->anchorage;

	if (a->stage == KSK_ANCHORAGE_GOOD &&
		ksk_journal_head(signer->journal).number != a->written)
		a->due = true;
}

bool
ksk_anchorage_waits(const struct ksk_signer *signer)
{
	const struct ksk_anchorage *a = &signer->anchorage;

	return a->stage == KSK_ANCHORAGE_GOOD && (a->due || a->writing);
}

void
ksk_anchorage_accept(struct ksk_signer *signer)
{
	signer->anchorage.stage = KSK_ANCHORAGE_GOOD;
	signer->anchorage.due = true;
}
