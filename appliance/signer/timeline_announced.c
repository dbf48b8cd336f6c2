/* SPDX-License-Identifier: BSD-2-Clause */
/* timeline_announced - see timeline_announced.h. */
#include "appliance/signer/timeline_announced.h"

#include "appliance/policy/rules_announce.h"
#include "appliance/signer/timeline_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

static size_t
find_at(const struct ksk_timeline *timeline, const char *provider)
{
	const struct ksk_history *h = &timeline->history;
	size_t at = 0;

	while (at < h->announced_count &&
		strcmp(timeline->announced[at].provider, provider) != 0)
		at++;
	return at;
}

/* An entry of a provider that the policy no longer has, and whose announcement
 * can't be brought again. */
static size_t
find_spare(const struct ksk_timeline *timeline, const struct ksk_accepted *a)
{
	const struct ksk_history *h = &timeline->history;

	for (size_t i = 0; i < h->announced_count; i++) {
		const struct ksk_history_announced *entry =
			&timeline->announced[i];

		if (entry->not_after <= a->now &&
			ksk_rules_announcer(
				a->table, a->zone, entry->provider) == NULL)
			return i;
	}
	return h->announced_count;
}

static enum ksk_err
add_keys(const struct ksk_accepted *a, struct ksk_announced_change *out)
{
	for (size_t i = 0; i < a->announcement->key_count; i++) {
		const struct ksk_announcement_key *from =
			&a->announcement->key[i];
		struct ksk_history_announced_key *to = &out->key[i];

		memset(to, 0, sizeof(*to));
		to->retired = from->retired;
		if (ksk_ds_build(&a->announcement->zone, from->rdata,
			    KSK_DIGEST_SHA256, &to->sha256) != KSK_OK ||
			ksk_ds_build(&a->announcement->zone, from->rdata,
				KSK_DIGEST_SHA384, &to->sha384) != KSK_OK)
			return KSK_ERR_CRYPTO;
	}
	out->entry.keys.count = (uint32_t)a->announcement->key_count;
	return KSK_OK;
}

static bool
is_in(const struct ksk_announced_change *change, const struct ksk_ds *sha256)
{
	for (uint32_t i = 0; i < change->entry.keys.count; i++) {
		if (ksk_ds_equal(&change->key[i].sha256, sha256))
			return true;
	}
	return false;
}

/* Keys of the announcement before, and of those before that, that a set may
 * hold. */
static enum ksk_err
add_former(const struct ksk_timeline *timeline, const struct ksk_accepted *a,
	const struct ksk_history_announced *last,
	struct ksk_announced_change *out)
{
	for (uint32_t i = 0; i < last->keys.count; i++) {
		const struct ksk_history_announced_key *k =
			&timeline->announced_key[last->keys.first + i];
		struct ksk_history_announced_key *to;

		if (is_in(out, &k->sha256) ||
			(!a->under_way &&
				!ksk_announced_is_listed(a->zone,
					&timeline->history, &k->sha256,
					a->now)))
			continue;
		if (out->entry.keys.count == KSK_ANNOUNCED_KEY_MAX)
			return KSK_ERR_NO_ROOM;
		to = &out->key[out->entry.keys.count++];
		*to = *k;
		to->former = true;
	}
	return KSK_OK;
}

enum ksk_err
ksk_announced_build(const struct ksk_timeline *timeline,
	const struct ksk_accepted *accepted, struct ksk_announced_change *out)
{
	const struct ksk_announcement *a = accepted->announcement;
	const struct ksk_history *h = &timeline->history;
	size_t kept = h->announced_key_count;
	enum ksk_err err;

	out->entry = (struct ksk_history_announced){.serial = a->serial,
		.not_before = a->not_before,
		.not_after = a->not_after,
		.accepted = accepted->now};
	ksk_text_copy(out->entry.provider, KSK_LABEL_CAP, a->provider);
	memcpy(out->entry.pin, accepted->pin, KSK_PIN_LEN);
	memcpy(out->entry.hash, accepted->hash, KSK_HASH_LEN);
	out->dropped[0] = '\0';
	out->at = find_at(timeline, a->provider);
	err = add_keys(accepted, out);
	if (err == KSK_OK && out->at < h->announced_count)
		err = add_former(
			timeline, accepted, &timeline->announced[out->at], out);
	if (err != KSK_OK)
		return err;
	if (out->at == KSK_TIMELINE_ANNOUNCED_MAX) {
		out->at = find_spare(timeline, accepted);
		if (out->at == h->announced_count)
			return KSK_ERR_NO_ROOM;
		ksk_text_copy(out->dropped, KSK_LABEL_CAP,
			timeline->announced[out->at].provider);
	}
	if (out->at < h->announced_count)
		kept -= timeline->announced[out->at].keys.count;
	return kept + out->entry.keys.count > KSK_TIMELINE_ANNOUNCED_KEY_MAX
		? KSK_ERR_NO_ROOM
		: KSK_OK;
}

/* ---- changing ---- */

/* Closes the gap that the keys of an entry leave. */
static void
remove_keys(struct ksk_timeline *timeline, size_t at)
{
	struct ksk_history *h = &timeline->history;
	struct ksk_run gone = timeline->announced[at].keys;
	size_t behind = gone.first + gone.count;

	memmove(&timeline->announced_key[gone.first],
		&timeline->announced_key[behind],
		(h->announced_key_count - behind) *
			sizeof(timeline->announced_key[0]));
	h->announced_key_count -= gone.count;
	for (size_t i = 0; i < h->announced_count; i++) {
		if (timeline->announced[i].keys.first >= behind)
			timeline->announced[i].keys.first -= gone.count;
	}
}

void
ksk_announced_apply(struct ksk_timeline *timeline,
	const struct ksk_announced_change *change)
{
	struct ksk_history *h = &timeline->history;
	struct ksk_run keys = change->entry.keys;

	if (change->at < h->announced_count)
		remove_keys(timeline, change->at);
	else
		h->announced_count++;
	keys.first = (uint32_t)h->announced_key_count;
	memcpy(&timeline->announced_key[keys.first], change->key,
		keys.count * sizeof(change->key[0]));
	h->announced_key_count += keys.count;
	timeline->announced[change->at] = change->entry;
	timeline->announced[change->at].keys = keys;
}

/* ---- rows ---- */

enum ksk_err
ksk_announced_begin(struct ksk_journal *journal, size_t *out_put,
	size_t *out_drop, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_journal_statement(journal,
		"INSERT OR REPLACE INTO announced VALUES(?, ?, ?, ?, ?, ?)",
		out_put, fault);

	return err != KSK_OK
		? err
		: ksk_journal_statement(journal,
			  "DELETE FROM announced WHERE zone = ? AND"
			  " provider = ?",
			  out_drop, fault);
}

bool
ksk_announced_has_room(const struct ksk_timelines *timelines)
{
	return ksk_journal_has_room(ksk_timelines_journal(timelines), 2,
		2u * (KSK_NAME_MAX + KSK_LABEL_CAP) + KSK_PIN_LEN +
			KSK_ANNOUNCED_BODY_MAX);
}

static struct ksk_value
text_value(const char *text)
{
	return (struct ksk_value){.kind = KSK_VALUE_TEXT,
		.bytes = ksk_span_of(text, strlen(text))};
}

static struct ksk_value
bytes_value(struct ksk_span bytes)
{
	return (struct ksk_value){.kind = KSK_VALUE_BYTES, .bytes = bytes};
}

static struct ksk_value
number_value(uint64_t number)
{
	return (struct ksk_value){.kind = KSK_VALUE_NUMBER, .number = number};
}

void
ksk_announced_stage(struct ksk_timelines *timelines,
	struct ksk_timeline *timeline, size_t at, const char *dropped)
{
	const struct ksk_history_announced *entry = &timeline->announced[at];
	uint8_t room[KSK_ANNOUNCED_BODY_MAX];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	size_t put, drop;

	ksk_timelines_announced(timelines, &put, &drop);
	if (ksk_announced_write(entry, timeline->announced_key, &body) !=
		KSK_OK)
		abort(); /* room for the longest */
	const struct ksk_value gone[] = {
		bytes_value(ksk_name_span(&timeline->zone)),
		text_value(dropped),
	};
	const struct ksk_value values[] = {
		gone[0],
		text_value(entry->provider),
		bytes_value(ksk_span_of(entry->pin, KSK_PIN_LEN)),
		number_value(entry->not_before),
		number_value(entry->not_after),
		bytes_value(ksk_buf_span(&body)),
	};
	struct ksk_journal *journal = ksk_timelines_journal(timelines);
	if ((dropped[0] != '\0' &&
		    ksk_journal_stage_row(journal, drop, gone, 2) != KSK_OK) ||
		ksk_journal_stage_row(journal, put, values, 6) != KSK_OK)
		abort(); /* ksk_announced_has_room */
	ksk_timelines_mark(timelines, timeline);
}
