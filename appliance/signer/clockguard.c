/* SPDX-License-Identifier: BSD-2-Clause */
/* clockguard - see clockguard.h. */
#include "appliance/signer/clockguard.h"

#include "appliance/base/yaml.h"

#include <stdio.h>

static int64_t
difference_ms(const struct ksk_clock_reading *r)
{
	return (int64_t)(r->now * 1000) - (int64_t)r->boot_ms;
}

static uint64_t
distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

static bool
hold(struct ksk_clockguard *g, const char *why)
{
	(void)snprintf(g->why, sizeof(g->why), "%s", why);
	g->held = true;
	return false;
}

/* Realtime and boottime have moved together since a while. */
static bool
has_agreed(struct ksk_clockguard *g, const struct ksk_clock_reading *r)
{
	int64_t now = difference_ms(r);

	if (!g->agrees || distance(now, g->agreed_ms) > 2000) {
		g->agrees = true;
		g->agreed_ms = now;
		g->agreed_from = r->boot_ms;
	}
	return r->boot_ms - g->agreed_from >= KSK_CLOCK_AGREE_MS;
}

static bool
check_floor(struct ksk_clockguard *g, const struct ksk_clock_reading *r)
{
	char now[KSK_TIME_CAP], least[KSK_TIME_CAP];

	if (r->now >= g->released)
		return true;
	(void)snprintf(g->why, sizeof(g->why),
		"the clock says %s, which is before this program was released "
		"(%s); ends when the clock is set right",
		ksk_time_text(now, r->now), ksk_time_text(least, g->released));
	g->held = true;
	return false;
}

static bool
check_back(struct ksk_clockguard *g, const struct ksk_clock_reading *r)
{
	char now[KSK_TIME_CAP], latest[KSK_TIME_CAP];

	if (r->now + KSK_CLOCK_BACK_SECONDS < g->latest) {
		g->back = true;
		g->agrees = false;
		(void)snprintf(g->why, sizeof(g->why),
			"the clock says %s, but the journal's newest record is "
			"of %s; ends a minute after the clock is right again, "
			"or with `%s` if it is right now",
			ksk_time_text(now, r->now),
			ksk_time_text(latest, g->latest), g->accept);
		g->held = true;
		return false;
	}
	if (g->back && !has_agreed(g, r))
		return hold(g,
			"the clock was behind the journal's newest record; "
			"ends once it has run evenly for a minute");
	g->back = false;
	return true;
}

static bool
check_jump(struct ksk_clockguard *g, const struct ksk_clock_reading *r)
{
	int64_t now = difference_ms(r);
	uint64_t step;

	if (!g->has_reference) {
		g->has_reference = true;
		g->reference_ms = now;
	}
	step = distance(now, g->reference_ms);
	if (step > KSK_CLOCK_JUMP_MS) {
		g->jumped = true;
		if (step >= KSK_CLOCK_STEP_MS) {
			(void)has_agreed(g, r);
			(void)snprintf(g->why, sizeof(g->why),
				"the clock jumped by an hour or more; ends "
				"when it is set back, or with `%s` if it is "
				"right now",
				g->accept);
			g->held = true;
			return false;
		}
		if (!has_agreed(g, r))
			return hold(g,
				"the clock jumped by more than five minutes; "
				"ends once it has run evenly for a minute");
		g->reference_ms = now;
	} else if (g->jumped && !has_agreed(g, r)) {
		return hold(g,
			"the clock jumped and is back; ends once it has run "
			"evenly for a minute");
	}
	g->jumped = false;
	return true;
}

bool
ksk_clockguard_look(
	struct ksk_clockguard *guard, const struct ksk_clock_reading *reading)
{
	/* A clock that was right goes on without its source for a while; one
	 * that never was is not believed at all. */
	if (guard->need_sync && !reading->synchronised)
		return hold(guard,
			"the kernel's clock is not synchronised (adjtimex); "
			"ends when an NTP daemon has set it, or write `clock: "
			"{synchronised: no}` in kskd.yaml if something else "
			"keeps it right");
	if (!check_floor(guard, reading) || !check_back(guard, reading) ||
		!check_jump(guard, reading))
		return false;
	guard->held = false;
	guard->agrees = false;
	guard->why[0] = '\0';
	return true;
}

void
ksk_clockguard_note(struct ksk_clockguard *guard, uint64_t now)
{
	if (now > guard->latest)
		guard->latest = now;
}

void
ksk_clockguard_accept(
	struct ksk_clockguard *guard, const struct ksk_clock_reading *reading)
{
	guard->has_reference = true;
	guard->reference_ms = difference_ms(reading);
	guard->jumped = guard->back = guard->agrees = false;
	/* Older times of records are forgiven with it. */
	guard->latest = reading->now;
}
