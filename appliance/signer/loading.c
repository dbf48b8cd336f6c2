/* SPDX-License-Identifier: BSD-2-Clause */
/* loading - see loading.h. */
#include "appliance/signer/loading.h"

#include "appliance/base/clock.h"
#include "appliance/signer/load.h"
#include "appliance/signer/pipeline_internal.h"
#include "appliance/signer/verdict.h"

#include <stdlib.h>
#include <string.h>

/* A slice: what waits for its turn waits no longer than this, a few times. */
#define SLICE_MS 2u
/* Entries that are checked between two looks at the clock. */
#define CHECKS 256u

static const struct ksk_inforce *
policy_before(const struct ksk_signer *signer)
{
	return signer->inforce.table.map == NULL ? NULL : &signer->inforce;
}

static void
take_touched(void *ctx, const struct ksk_name *zone)
{
	ksk_loading_touch(ctx, zone);
}

static void
mark_again(struct ksk_loading *l, uint32_t at)
{
	if (l->touched[at] != 0)
		return;
	l->touched[at] = 1;
	l->again[l->again_count++] = at;
}

void
ksk_loading_touch(struct ksk_signer *signer, const struct ksk_name *zone)
{
	struct ksk_loading *l = &signer->loading;
	const struct ksk_zone *found;

	if (l->touched == NULL || l->attests)
		return;
	found = ksk_table_zone_find(&l->next.table, zone);
	if (found != NULL)
		mark_again(l, (uint32_t)(found - l->next.table.zones));
}

enum ksk_err
ksk_loading_begin(struct ksk_signer *signer, int fd, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	enum ksk_err err;

	ksk_loading_drop(signer);
	err = ksk_inforce_begin(fd, &l->next, fault);
	if (err == KSK_OK)
		l->step = KSK_LOADING_READING;
	return err;
}

void
ksk_loading_drop(struct ksk_signer *signer)
{
	struct ksk_loading *l = &signer->loading;

	if (l->touched != NULL)
		ksk_timelines_watch(signer->timelines, NULL, NULL);
	ksk_inforce_wipe(&l->next);
	ksk_needed_wipe(&l->needed);
	free(l->touched);
	free(l->again);
	memset(l, 0, sizeof(*l));
}

void
ksk_loading_take(struct ksk_signer *signer, struct ksk_inforce *out)
{
	struct ksk_loading *l = &signer->loading;

	*out = l->next;
	memset(&l->next, 0, sizeof(l->next));
	if (l->needed.known) {
		ksk_needed_wipe(&signer->needed);
		signer->needed = l->needed;
		memset(&l->needed, 0, sizeof(l->needed));
	}
	ksk_loading_drop(signer);
}

/* ---- judging ---- */

/* From now on every change counts. */
static enum ksk_err
watch(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	const size_t count = l->next.table.zone_count + 1;

	l->touched = calloc(count, sizeof(l->touched[0]));
	l->again = calloc(count, sizeof(l->again[0]));
	if (l->touched == NULL || l->again == NULL) {
		ksk_fault_set(fault, "no memory for the policy");
		return KSK_ERR_NO_MEMORY;
	}
	ksk_timelines_watch(signer->timelines, take_touched, signer);
	return KSK_OK;
}

/* What was found of the policy when it was judged in an earlier life.
 * KSK_ERR_NOT_FOUND: nobody has judged it. */
static enum ksk_err
recall(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_inforce *next = &signer->loading.next;
	uint64_t version;
	uint8_t hash[KSK_HASH_LEN];
	const bool recorded = ksk_journal_policy(
				      signer->journal, &version, hash) &&
		version == next->table.version &&
		memcmp(hash, next->table.hash, sizeof(hash)) == 0;

	return ksk_verdict_recall(signer->journal,
		recorded ? KSK_VERDICT_IN_FORCE : KSK_VERDICT_AHEAD, next,
		fault);
}

enum ksk_err
ksk_loading_judge(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	uint64_t version = 0;
	uint8_t hash[KSK_HASH_LEN] = {0};
	const bool has = ksk_journal_policy(signer->journal, &version, hash);
	enum ksk_err err = ksk_inforce_may_follow(&l->next.table,
		signer->start.appliance, has, version, hash, fault);

	if (err == KSK_OK)
		err = ksk_office_narrow(signer, &l->next, fault);
	if (err != KSK_OK)
		return err;
	l->may_refuse = policy_before(signer) != NULL;
	if (!l->may_refuse) {
		err = recall(signer, fault);
		if (err == KSK_OK)
			l->step = KSK_LOADING_JUDGED;
		if (err != KSK_ERR_NOT_FOUND)
			return err;
	}
	err = watch(signer, fault);
	if (err == KSK_OK)
		l->step = KSK_LOADING_JUDGING;
	return err;
}

enum ksk_err
ksk_loading_narrow(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	enum ksk_err err;

	if (l->step < KSK_LOADING_JUDGING)
		return KSK_OK; /* it will be, when it is judged */
	err = ksk_office_narrow(signer, &l->next, fault);
	if (l->step == KSK_LOADING_JUDGING)
		l->judged.len = 0;
	return err;
}

static enum ksk_err
judge_name(struct ksk_signer *signer, const struct ksk_name *name,
	struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	enum ksk_err err = ksk_load_judge(signer, policy_before(signer),
		&l->next, name, l->may_refuse, ksk_clock_now(), &l->refused,
		fault);

	if (err != KSK_ERR_NO_ROOM)
		return err;
	ksk_pipeline_commit(signer, ksk_clock_mono_ms());
	return ksk_load_judge(signer, policy_before(signer), &l->next, name,
		l->may_refuse, ksk_clock_now(), &l->refused, fault);
}

static enum ksk_err
end_judging(const struct ksk_loading *l, struct ksk_fault *fault)
{
	if (l->refused_count == 0)
		return KSK_OK;
	*fault = l->refused_why;
	if (l->refused_count > 1)
		ksk_fault_set(fault, "%.500s; %zu zones more, see the log",
			l->refused_why.text, l->refused_count - 1);
	return KSK_ERR_BAD_INPUT;
}

/* People want to know of all zones at once, and of some if it is most. */
static enum ksk_err
note_refused(struct ksk_loading *l, struct ksk_fault *fault)
{
	if (l->refused_count++ == 0)
		l->refused_why = *fault;
	return l->refused_count < KSK_LOADING_REFUSED_MAX
		? KSK_OK
		: end_judging(l, fault);
}

/* The next zones that have a timeline. KSK_OK: there are no more. */
static enum ksk_err
judge_some(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	struct ksk_name names[KSK_TIMELINES_NAMES];
	size_t count = 0;
	enum ksk_err err = ksk_timelines_names(
		signer->timelines, &l->judged, names, &count, fault);

	for (size_t i = 0; i < count && err == KSK_OK; i++) {
		err = judge_name(signer, &names[i], fault);
		if (err == KSK_ERR_BAD_INPUT)
			err = note_refused(l, fault);
		l->judged = names[i];
	}
	if (err != KSK_OK)
		return err;
	return count < KSK_TIMELINES_NAMES ? end_judging(l, fault)
					   : KSK_ERR_AGAIN;
}

/* ---- attesting ---- */

void
ksk_loading_attest(struct ksk_signer *signer, bool may_refuse)
{
	struct ksk_loading *l = &signer->loading;

	l->may_refuse = may_refuse && policy_before(signer) != NULL;
	l->slices = 0;
	l->step = KSK_LOADING_ATTESTING;
}

/* What a policy says of a zone can't be kept: the zone was judged before, so
 * this takes an answer between that and now. */
static enum ksk_err
hold_or_refuse(struct ksk_loading *l, size_t at, struct ksk_fault *fault)
{
	char text[KSK_NAME_TEXT_CAP];
	struct ksk_name name;

	if (!l->may_refuse) {
		l->next.held[at] = 1;
		return KSK_OK;
	}
	ksk_table_zone_name(&l->next.table, &l->next.table.zones[at], &name);
	ksk_name_to_text(&name, text);
	ksk_fault_set(fault,
		"zone %.200s: too many snapshots and waits are kept; wait a "
		"day",
		text);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
attest_zone(struct ksk_signer *signer, size_t at, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	const struct ksk_inforce *before = policy_before(signer);
	enum ksk_err err = KSK_ERR_NO_ROOM;

	for (unsigned i = 0; i < 2 && err == KSK_ERR_NO_ROOM; i++) {
		if (i > 0)
			ksk_pipeline_commit(signer, ksk_clock_mono_ms());
		l->attests = true;
		err = ksk_load_attest(signer,
			before == NULL ? NULL : &before->table, &l->next.table,
			&l->next.table.zones[at], ksk_clock_now(), fault);
		l->attests = false;
	}
	if (ksk_journal_staged(signer->journal) > 0 && signer->staged_ms == 0)
		signer->staged_ms = ksk_clock_mono_ms();
	if (err == KSK_ERR_NO_ROOM)
		ksk_fault_set(fault, "%s", signer->journal_why);
	return err == KSK_ERR_TOO_LARGE ? hold_or_refuse(l, at, fault) : err;
}

/* Zones of one look at the clock. */
#define ZONES 8u

/* The next zones of the policy. KSK_OK: there are no more. */
static enum ksk_err
attest_some(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;

	for (size_t i = 0; i < ZONES; i++) {
		enum ksk_err err;
		if (l->attested == l->next.table.zone_count)
			return KSK_OK;
		err = attest_zone(signer, l->attested, fault);
		if (err == KSK_OK)
			err = ksk_needed_add(&l->needed, &l->next, l->attested,
				&signer->needed, ksk_clock_now());
		if (err != KSK_OK)
			return err;
		l->attested++;
	}
	return KSK_ERR_AGAIN;
}

/* ---- what changed meanwhile ---- */

static enum ksk_err
look_again(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	const uint32_t at = l->again[--l->again_count];
	struct ksk_name name;
	enum ksk_err err;

	/* Off the list first: where the journal is full, a commit in here can
	 * change the zone once more. */
	l->touched[at] = 0;
	ksk_table_zone_name(&l->next.table, &l->next.table.zones[at], &name);
	err = judge_name(signer, &name, fault);
	if (err == KSK_OK && l->step >= KSK_LOADING_ATTESTING)
		err = attest_zone(signer, at, fault);
	if (err != KSK_OK)
		mark_again(l, at);
	return err;
}

/* Zones that are few are done now, many a few at a time. */
static enum ksk_err
catch_up(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	size_t left = l->again_count <= KSK_LOADING_FEW ||
			l->slices >= KSK_LOADING_SLICES_MAX
		? 0
		: l->again_count - KSK_LOADING_FEW;

	while (l->again_count > left) {
		enum ksk_err err = look_again(signer, fault);
		if (err != KSK_OK)
			return err;
	}
	return l->again_count == 0 ? KSK_OK : KSK_ERR_AGAIN;
}

/* ---- one after the other ---- */

/* Returns KSK_OK if the step is over. */
static enum ksk_err
go_on(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;

	switch (l->step) {
	case KSK_LOADING_READING:
		return ksk_inforce_some(
			signer->keyring, &l->next, &l->reading, CHECKS, fault);
	case KSK_LOADING_JUDGING:
		return judge_some(signer, fault);
	case KSK_LOADING_ATTESTING:
		return attest_some(signer, fault);
	case KSK_LOADING_NONE:
	case KSK_LOADING_READ:
		return KSK_OK;
	case KSK_LOADING_JUDGED:
	case KSK_LOADING_ATTESTED:
		return catch_up(signer, fault);
	}
	return KSK_ERR_INTERNAL;
}

static bool
is_open(enum ksk_loading_step step)
{
	return step == KSK_LOADING_READING || step == KSK_LOADING_JUDGING ||
		step == KSK_LOADING_ATTESTING;
}

enum ksk_err
ksk_loading_run(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *l = &signer->loading;
	const uint64_t begin_ms = ksk_clock_mono_ms();
	enum ksk_err err;

	l->slices++;
	do {
		err = go_on(signer, fault);
		if (err == KSK_OK && is_open(l->step)) {
			l->step++;
			l->slices = 0;
			if (l->step != KSK_LOADING_READ)
				err = KSK_ERR_AGAIN; /* what changed since */
		}
	} while (err == KSK_ERR_AGAIN &&
		ksk_clock_mono_ms() - begin_ms < SLICE_MS);
	return err;
}

enum ksk_err
ksk_loading_run_all(struct ksk_signer *signer, struct ksk_fault *fault)
{
	enum ksk_err err;

	do
		err = ksk_loading_run(signer, fault);
	while (err == KSK_ERR_AGAIN);
	return err;
}

bool
ksk_loading_hurries(const struct ksk_signer *signer)
{
	const bool commits = signer->policy_step == KSK_POLICY_COMMITTED &&
		!signer->policy_waits;

	return !signer->journal_stuck &&
		(is_open(signer->loading.step) || signer->preparing || commits);
}
