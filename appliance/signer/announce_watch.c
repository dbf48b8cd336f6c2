/* SPDX-License-Identifier: BSD-2-Clause */
/* announce_watch - see announce_watch.h. */
#include "appliance/signer/announce_watch.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_announce.h"
#include "appliance/signer/outlook.h"
#include "appliance/signer/signer.h"

#include <stdlib.h>
#include <string.h>

/* Reading all rows takes at most one part in so many of the time. */
#define READ_SHARE 50u
#define TELL_MS (60u * 60u * 1000u)

/* ---- reading ---- */

static bool
take_row(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct ksk_signer *signer = ctx;
	const struct ksk_table *table = &signer->inforce.table;
	const struct ksk_policy_provider *p;
	struct ksk_announce_watched *w;
	const struct ksk_zone *zone;
	char provider[KSK_LABEL_CAP] = "";
	struct ksk_name name;

	(void)column_count;
	if (column[1].bytes.len >= sizeof(provider) ||
		ksk_name_from_wire(column[0].bytes, &name) != KSK_OK)
		return true;
	memcpy(provider, column[1].bytes.data, column[1].bytes.len);
	zone = ksk_table_zone_find(table, &name);
	p = zone == NULL ? NULL : ksk_rules_announcer(table, zone, provider);
	if (p == NULL || p->announced == 0)
		return true;
	w = &signer->announce_watch.watched[p - table->providers];
	w->found = true;
	w->match = ksk_span_equal(
		column[2].bytes, ksk_span_of(p->announcer, KSK_PIN_LEN));
	w->not_before = column[3].number;
	w->not_after = column[4].number;
	return true;
}

static bool
some_announce(const struct ksk_table *table)
{
	for (size_t i = 0; i < table->provider_count; i++) {
		if (table->providers[i].announced != 0)
			return true;
	}
	return false;
}

/* Once per policy. Returns false if nobody announces anything. */
static bool
begin(struct ksk_announce_watch *w, const struct ksk_table *table)
{
	if (table->map == NULL)
		return false;
	if (w->map != table->map) {
		ksk_announce_watch_wipe(w);
		w->map = table->map;
		w->some = some_announce(table);
	}
	return w->some;
}

/* Brings what is watched up to date. Returns false if there is nothing. */
static bool
read_all(struct ksk_signer *signer)
{
	struct ksk_announce_watch *w = &signer->announce_watch;
	const struct ksk_table *table = &signer->inforce.table;
	uint64_t now_ms = ksk_clock_mono_ms();
	uint64_t commits = ksk_journal_commits(signer->journal);
	struct ksk_fault fault = {.text = ""};

	if (!begin(w, table))
		return false;
	if (w->watched != NULL &&
		(w->commits == commits ||
			now_ms - w->read_ms < READ_SHARE * w->took_ms))
		return true;
	free(w->watched);
	w->watched = calloc(table->provider_count, sizeof(*w->watched));
	if (w->watched == NULL)
		return false;
	if (ksk_journal_query(signer->journal,
		    "SELECT zone, provider, pin, not_before, not_after FROM"
		    " announced",
		    NULL, 0, take_row, signer, &fault) != KSK_OK) {
		free(w->watched);
		w->watched = NULL;
		return false;
	}
	w->commits = commits;
	w->read_ms = ksk_clock_mono_ms();
	w->took_ms = w->read_ms - now_ms;
	return true;
}

/* ---- judging ---- */

/* Returns true if it needs attention. */
static bool
look(const struct ksk_announce_watched *w, uint64_t now,
	enum ksk_announced_state *out_state)
{
	const struct ksk_history_announced announced = {
		.not_before = w->not_before, .not_after = w->not_after};

	if (!w->found)
		*out_state = KSK_ANNOUNCED_NONE;
	else if (!w->match)
		*out_state = KSK_ANNOUNCED_VOID;
	else if (now >= w->not_after)
		*out_state = KSK_ANNOUNCED_EXPIRED;
	else if (now < w->not_before)
		return false; /* it comes by itself */
	else
		*out_state = KSK_ANNOUNCED_VALID;
	return *out_state != KSK_ANNOUNCED_VALID ||
		now >= ksk_announced_warn_from(&announced);
}

/* Gives each announcement that needs attention, of a client's zones or (NULL)
 * of all, of one zone or (NULL) of each; `each` returns false to end. */
static void
walk(struct ksk_signer *signer, const struct ksk_client *client,
	const struct ksk_zone *only, uint64_t now,
	bool (*each)(void *ctx, const struct ksk_zone *zone, uint32_t provider,
		enum ksk_announced_state state),
	void *ctx)
{
	const struct ksk_table *t = &signer->inforce.table;

	for (size_t z = 0; z < t->zone_count; z++) {
		const struct ksk_zone *zone = &t->zones[z];

		if (only != NULL && zone != only)
			continue;
		for (uint32_t i = 0; i < zone->providers.count; i++) {
			uint32_t at = zone->providers.first + i;
			enum ksk_announced_state state;

			if (t->providers[at].announced == 0 ||
				!look(&signer->announce_watch.watched[at], now,
					&state) ||
				(client != NULL &&
					!ksk_table_zone_has_client(
						t, zone, client)))
				continue;
			if (!each(ctx, zone, at, state))
				return;
		}
	}
}

/* ---- status ---- */

struct filling {
	struct ksk_signer *signer;
	struct ksk_status_reply *body;
};

static bool
add_notice(void *ctx, const struct ksk_zone *zone, uint32_t provider,
	enum ksk_announced_state state)
{
	struct filling *f = ctx;
	const struct ksk_table *table = &f->signer->inforce.table;
	const struct ksk_history *history = ksk_outlook_history(
		f->signer, zone);
	const struct ksk_history_announced *a = NULL;
	struct ksk_announced_notice *n =
		&f->body->notice[f->body->notice_count++];

	ksk_table_zone_name(table, zone, &n->owner);
	ksk_text_copy(n->provider, sizeof(n->provider),
		table->providers[provider].name);
	n->state = state;
	n->not_after = f->signer->announce_watch.watched[provider].not_after;
	if (history != NULL && state != KSK_ANNOUNCED_NONE)
		a = ksk_announced_find(history, n->provider);
	n->accepted = a == NULL ? 0 : a->accepted;
	return f->body->notice_count < KSK_ANNOUNCED_NOTICE_MAX;
}

void
ksk_announce_watch_status(struct ksk_signer *signer,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now, struct ksk_status_reply *body)
{
	struct filling f = {.signer = signer, .body = body};

	if (read_all(signer))
		walk(signer, client, only, now, add_notice, &f);
}

/* ---- the log ---- */

struct telling {
	const struct ksk_signer *signer;
	size_t count;
	const struct ksk_zone *zone; /* of the first */
	uint32_t provider;
	enum ksk_announced_state state;
};

static bool
count_one(void *ctx, const struct ksk_zone *zone, uint32_t provider,
	enum ksk_announced_state state)
{
	struct telling *t = ctx;

	if (t->count++ == 0) {
		t->zone = zone;
		t->provider = provider;
		t->state = state;
	}
	return true;
}

static void
tell(const struct telling *t)
{
	const struct ksk_table *table = &t->signer->inforce.table;
	uint64_t end = t->signer->announce_watch.watched[t->provider].not_after;
	char zone[KSK_NAME_TEXT_CAP], count[KSK_NUM_CAP], text[KSK_TIME_CAP];
	struct ksk_name name;

	ksk_table_zone_name(table, t->zone, &name);
	ksk_name_to_text(&name, zone);
	ksk_log(KSK_LOG_WARN, "announcement-due",
		"providers must announce their keys: no new key can enter "
		"without a valid announcement; this is the first",
		"count", ksk_num(count, t->count), "zone", zone, "provider",
		table->providers[t->provider].name, "state",
		ksk_announced_text(t->state), "not-after",
		t->state == KSK_ANNOUNCED_NONE ? "-" : ksk_time_text(text, end),
		NULL);
}

void
ksk_announce_watch_run(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_announce_watch *w = &signer->announce_watch;
	struct telling t = {.signer = signer};

	if (w->map == signer->inforce.table.map && w->told_ms != 0 &&
		now_ms - w->told_ms < TELL_MS)
		return;
	if (read_all(signer))
		walk(signer, NULL, NULL, ksk_clock_now(), count_one, &t);
	w->map = signer->inforce.table.map;
	w->told_ms = now_ms;
	if (t.count > 0)
		tell(&t);
}

void
ksk_announce_watch_wipe(struct ksk_announce_watch *watch)
{
	free(watch->watched);
	memset(watch, 0, sizeof(*watch));
}
