/* SPDX-License-Identifier: BSD-2-Clause */
/* hold - see hold.h. */
#include "appliance/signer/hold.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/accept.h"
#include "appliance/signer/anchorage.h"

#include <stdio.h>
#include <string.h>

void
ksk_hold_turn(struct ksk_signer *signer)
{
	signer->sync_asked = false;
}

/* Reads of both clocks further apart belong to no one moment. */
#define SAME_MOMENT_MS 100u
#define READ_TRIES 5u

/* What stops this process between the two reads, a suspended machine or one
 * that is busy, is no step of the clock. */
static void
read_both(uint64_t *out_now, uint64_t *out_boot_ms)
{
	uint64_t before, after = ksk_clock_mono_ms();

	for (unsigned i = 0; i < READ_TRIES; i++) {
		before = after;
		*out_now = ksk_clock_now();
		after = ksk_clock_mono_ms();
		if (after - before <= SAME_MOMENT_MS)
			break;
	}
	*out_boot_ms = after;
}

static struct ksk_clock_reading
read_clocks(struct ksk_signer *signer)
{
	struct ksk_clock_reading reading;

	if (!signer->sync_asked) {
		signer->sync_asked = true;
		signer->synchronised = ksk_clock_synchronised();
	}
	reading.synchronised = signer->synchronised;
	read_both(&reading.now, &reading.boot_ms);
	return reading;
}

static bool
take_latest(void *ctx, const struct ksk_value *column, size_t count)
{
	uint64_t *latest = ctx;

	if (count == 1 && column[0].kind == KSK_VALUE_NUMBER)
		*latest = column[0].number;
	return false;
}

enum ksk_err
ksk_hold_begin(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_clockguard *clock = &signer->clock;
	char id[2 * KSK_ID_LEN + 1];
	enum ksk_err err;

	clock->need_sync = signer->start.need_sync;
	clock->released = KSK_RELEASED;
	ksk_hex_write(ksk_span_of(ksk_journal_id(signer->journal), KSK_ID_LEN),
		id, sizeof(id));
	(void)snprintf(clock->accept, sizeof(clock->accept), "%s%s",
		signer->start.quorum ? "operators' authorise document, journal "
				     : "kskadm accept clock ",
		id);
	/* Records are written in the order of time but for steps of the
	 * clock, so that the newest of the last ones is the newest. */
	err = ksk_journal_query(signer->journal,
		"SELECT max(time) FROM (SELECT time FROM record"
		" ORDER BY number DESC LIMIT 1000)",
		NULL, 0, take_latest, &clock->latest, fault);
	return err != KSK_OK ? err : ksk_anchorage_begin(signer, fault);
}

static void
tell_clock(struct ksk_signer *signer, bool held)
{
	if (held == signer->clock_held)
		return;
	signer->clock_held = held;
	ksk_log(held ? KSK_LOG_ERROR : KSK_LOG_INFO,
		held ? "clock-hold" : "clock-good",
		held ? signer->clock.why : "the clock is believed again", NULL);
}

enum ksk_state
ksk_hold_state(struct ksk_signer *signer, const char **out_why)
{
	struct ksk_clock_reading reading = read_clocks(signer);
	enum ksk_state state = ksk_anchorage_state(signer, out_why);
	bool good = ksk_clockguard_look(&signer->clock, &reading);

	tell_clock(signer, !good);
	if (state == KSK_STATE_RESTORED)
		return state;
	if (!good) {
		*out_why = signer->clock.why;
		return KSK_STATE_CLOCK_HOLD;
	}
	return state;
}

/* Makes a person's word durable, with what follows from it. */
static bool
record_word(struct ksk_signer *signer, const struct ksk_accept_found *found)
{
	const bool restore = (found->what & KSK_ACCEPTED_RESTORE) != 0;
	const char *what = restore ? "restore" : "clock";
	struct ksk_record r = {.time = ksk_clock_now(),
		.kind = KSK_RECORD_ACCEPT,
		.text = what};
	struct ksk_fault fault = {.text = ""};
	uint8_t hash[KSK_HASH_LEN];
	/* First of all what is staged, so that there is room. */
	enum ksk_err err = ksk_journal_commit(signer->journal, &fault);

	if (err == KSK_OK)
		err = restore ? ksk_anchorage_give_up(signer)
			      : ksk_accept_remember(
					signer->journal, found->clock_line);
	if (err == KSK_OK)
		err = ksk_journal_stage(signer->journal, &r, hash);
	if (err == KSK_OK)
		err = ksk_journal_commit(signer->journal, &fault);
	if (err != KSK_OK)
		return false;
	ksk_log(KSK_LOG_WARN, "accepted", "a hold is ended by the file accept",
		"what", what, NULL);
	return true;
}

static void
look_for_accept(struct ksk_signer *signer, uint64_t now_ms)
{
	const char *why;
	bool restored = ksk_anchorage_state(signer, &why) == KSK_STATE_RESTORED;
	unsigned wanted = (restored ? KSK_ACCEPTED_RESTORE : 0) |
		(signer->clock.held ? KSK_ACCEPTED_CLOCK : 0);
	struct ksk_accept_found found, one;

	/* With a quorum nobody alone says so (submit.h). */
	if (signer->start.quorum || signer->journal_stuck)
		return;
	ksk_accept_look(&signer->accept, signer->journal, wanted,
		signer->anchorage.head, ksk_clock_now(), &found);
	one = found;
	one.what = found.what & KSK_ACCEPTED_RESTORE;
	if (one.what != 0 && record_word(signer, &one))
		ksk_anchorage_accept(signer, now_ms);
	one.what = found.what & KSK_ACCEPTED_CLOCK;
	if (one.what != 0 && record_word(signer, &one))
		ksk_hold_accept_clock(signer);
}

void
ksk_hold_accept_clock(struct ksk_signer *signer)
{
	struct ksk_clock_reading reading = read_clocks(signer);

	ksk_clockguard_accept(&signer->clock, &reading);
}

void
ksk_hold_run(struct ksk_signer *signer, uint64_t now_ms)
{
	look_for_accept(signer, now_ms);
	ksk_anchorage_run(signer, now_ms);
}
