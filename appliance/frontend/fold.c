/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fold - see fold.h.
 */
#include "appliance/frontend/fold.h"

#include "appliance/base/clock.h"

#define WINDOW_MS 1000u

/* How often counts are looked at, while there are any. */
#define TICK_MS 250u

static const struct {
	enum ksk_log_level level;
	const char *event;
	const char *reason;
	const char *sentence;
} rows[] = {
#define X(name, level, event, reason, sentence) \
	{KSK_LOG_##level, event, reason, sentence},
	KSK_FOLD_TABLE(X)
#undef X
};

/* An empty value is shown as absent. */
static const char *
shown(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static void
write_line(struct ksk_fold *fold, size_t reason, uint64_t now_ms)
{
	struct ksk_fold_case *c = &fold->cases[reason];
	const struct ksk_fold_detail *d = &c->detail;
	char count[KSK_NUM_CAP];

	ksk_num(count, c->count);
	if (d->pin[0] == '\0') {
		ksk_log(rows[reason].level, rows[reason].event,
			rows[reason].sentence, "reason", rows[reason].reason,
			"count", count, "address", shown(d->address), "what",
			shown(d->what), (const char *)NULL);
	} else {
		ksk_log(rows[reason].level, rows[reason].event,
			rows[reason].sentence, "reason", rows[reason].reason,
			"count", count, "address", shown(d->address), "pin",
			d->pin, "subject", shown(d->subject), "serial",
			shown(d->serial), "not-after", shown(d->until),
			(const char *)NULL);
	}
	c->count = 0;
	c->line_ms = now_ms;
}

static bool
is_due(const struct ksk_fold_case *c, uint64_t now_ms)
{
	return c->line_ms == 0 || now_ms - c->line_ms >= WINDOW_MS;
}

static void
arm(struct ksk_fold *fold)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000u};

	if (evtimer_pending(fold->timer, NULL) == 0)
		(void)evtimer_add(fold->timer, &tick);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_fold *fold = (struct ksk_fold *)arg;
	const uint64_t now_ms = ksk_clock_mono_ms();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < KSK_FOLD_COUNT; i++) {
		if (fold->cases[i].count == 0)
			continue;
		if (is_due(&fold->cases[i], now_ms))
			write_line(fold, i, now_ms);
		else
			arm(fold);
	}
}

enum ksk_err
ksk_fold_init(struct ksk_fold *fold, struct event_base *base)
{
	*fold = (struct ksk_fold){.timer = evtimer_new(base, on_timer, fold)};
	return fold->timer != NULL ? KSK_OK : KSK_ERR_NO_MEMORY;
}

void
ksk_fold_add(struct ksk_fold *fold, enum ksk_fold_reason reason,
	const struct ksk_fold_detail *detail)
{
	struct ksk_fold_case *c = &fold->cases[reason];
	const uint64_t now_ms = ksk_clock_mono_ms();

	c->count++;
	c->detail = *detail;
	if (is_due(c, now_ms))
		write_line(fold, reason, now_ms);
	else
		arm(fold);
}

void
ksk_fold_flush(struct ksk_fold *fold)
{
	const uint64_t now_ms = ksk_clock_mono_ms();

	for (size_t i = 0; i < KSK_FOLD_COUNT; i++) {
		if (fold->cases[i].count > 0)
			write_line(fold, i, now_ms);
	}
}
