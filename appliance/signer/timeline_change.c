/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_change - what a released answer and a policy add to a zone's
 * timeline in memory. What may be forgotten stands in timeline_drop.c.
 */
#include "appliance/signer/timeline_internal.h"

#include <stdlib.h>
#include <string.h>

/* What an RRset holds, before it is part of the timeline. */
struct content {
	size_t count;
	/* DNSKEY: member[i].key is KSK_HISTORY_NO_KEY for a key that the
	 * timeline does not know yet; key[i] is what it would be. */
	struct ksk_history_member member[KSK_RDATA_COUNT_MAX];
	struct ksk_history_key key[KSK_RDATA_COUNT_MAX];
	/* CDS, CDNSKEY */
	struct ksk_ds ds[KSK_RDATA_COUNT_MAX];
};

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
start_of(const struct ksk_history_answer *a)
{
	return later(a->inception, a->released);
}

const struct ksk_history *
ksk_timeline_history(const struct ksk_timeline *timeline)
{
	return &timeline->history;
}

uint64_t
ksk_timeline_record(const struct ksk_timeline *timeline,
	const struct ksk_history_answer *answer)
{
	return timeline->record[answer - timeline->history.answer];
}

bool
ksk_timeline_has_room(const struct ksk_timeline *timeline)
{
	const struct ksk_history *h = &timeline->history;
	const size_t most = KSK_TIMELINE_MARGIN * KSK_RDATA_COUNT_MAX;
	return h->answer_count + 2 * KSK_TIMELINE_MARGIN <=
		KSK_TIMELINE_ANSWER_MAX &&
		h->key_count + most <= KSK_TIMELINE_KEY_MAX &&
		h->member_count + 2 * most <= KSK_TIMELINE_MEMBER_MAX &&
		h->ds_count + most <= KSK_TIMELINE_DS_MAX;
}

/* ---- what an RRset holds ---- */

static bool
is_signer(const struct ksk_history_key *key, const struct ksk_ds *signer,
	size_t signer_count)
{
	for (size_t i = 0; i < signer_count; i++)
		if (ksk_ds_equal(&key->sha256, &signer[i]) ||
			ksk_ds_equal(&key->sha384, &signer[i]))
			return true;
	return false;
}

/* What a key that the timeline does not know would be. */
static void
make_key(const struct ksk_timeline *timeline, struct ksk_span plain,
	const struct ksk_ds *sha256, uint16_t flags,
	struct ksk_history_key *out)
{
	memset(out, 0, sizeof(*out));
	out->flags = flags;
	out->sha256 = *sha256;
	if (ksk_ds_build(&timeline->zone, plain, KSK_DIGEST_SHA384,
		    &out->sha384) != KSK_OK)
		abort(); /* OpenSSL has this digest */
}

/* One DNSKEY. A KSK is known by its form without REVOKE (RFC 5011 2.1).
 * known: its DS, if that is known. */
static void
take_key(const struct ksk_timeline *timeline, struct ksk_span rdata,
	const struct ksk_ds *known, const struct ksk_ds *signer,
	size_t signer_count, struct content *out)
{
	struct ksk_dnskey dnskey;
	struct ksk_ds sha256;
	uint8_t plain[KSK_RDATA_MAX];
	if (rdata.len > sizeof(plain) ||
		ksk_dnskey_read(rdata, &dnskey) != KSK_OK)
		abort(); /* judged, or verified */
	memcpy(plain, rdata.data, rdata.len);
	if ((dnskey.flags & ~KSK_FLAG_REVOKE) == (KSK_FLAG_ZONE | KSK_FLAG_SEP))
		plain[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	const struct ksk_history_key *key = &out->key[out->count];
	struct ksk_history_member *member = &out->member[out->count];
	const struct ksk_span bytes = ksk_span_of(plain, rdata.len);
	if (known != NULL && known->digest_len != 0)
		sha256 = *known;
	else if (ksk_ds_build(&timeline->zone, bytes, KSK_DIGEST_SHA256,
			 &sha256) != KSK_OK)
		abort(); /* OpenSSL has this digest */
	member->key = ksk_history_find(&timeline->history, &sha256);
	if (member->key == KSK_HISTORY_NO_KEY)
		make_key(timeline, bytes, &sha256,
			dnskey.flags & (uint16_t)~KSK_FLAG_REVOKE,
			&out->key[out->count]);
	else
		key = &timeline->key[member->key];
	member->revoked = (dnskey.flags & KSK_FLAG_REVOKE) != 0;
	member->signs = is_signer(key, signer, signer_count);
	out->count++;
}

/* One CDS or CDNSKEY; the delete form names no key (RFC 8078 4). */
static void
take_ds(const struct ksk_timeline *timeline, uint16_t type,
	struct ksk_span rdata, struct content *out)
{
	struct ksk_ds *ds = &out->ds[out->count];
	enum ksk_err err = type == KSK_TYPE_CDS
		? ksk_ds_read(rdata, ds)
		: ksk_ds_build(&timeline->zone, rdata, KSK_DIGEST_SHA256, ds);
	if (err == KSK_OK && ds->algorithm != 0)
		out->count++;
}

static void
take_rrset(const struct ksk_timeline *timeline, const struct ksk_rrset *rrset,
	const struct ksk_ds *known, const struct ksk_ds *signer,
	size_t signer_count, struct content *out)
{
	out->count = 0;
	for (size_t i = 0; i < rrset->count; i++) {
		if (rrset->type == KSK_TYPE_DNSKEY)
			take_key(timeline, rrset->rdata[i],
				known == NULL ? NULL : &known[i], signer,
				signer_count, out);
		else
			take_ds(timeline, rrset->type, rrset->rdata[i], out);
	}
}

/* ---- the same as before? ---- */

static bool
has_member(const struct content *c, const struct ksk_history_member *m)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->member[i].key == m->key &&
			c->member[i].revoked == m->revoked &&
			c->member[i].signs == m->signs)
			return true;
	return false;
}

static bool
has_ds(const struct content *c, const struct ksk_ds *ds)
{
	for (size_t i = 0; i < c->count; i++)
		if (ksk_ds_equal(&c->ds[i], ds))
			return true;
	return false;
}

/* An RRset has no duplicates: as many and all found is equal. */
static bool
is_same(const struct ksk_timeline *timeline, const struct ksk_history_answer *a,
	uint32_t ttl, const struct content *c)
{
	if (a->ghost || a->ttl != ttl || a->content.count != c->count)
		return false;
	for (uint32_t i = 0; i < a->content.count; i++) {
		uint32_t at = a->content.first + i;
		if (a->type == KSK_TYPE_DNSKEY
				? !has_member(c, &timeline->member[at])
				: !has_ds(c, &timeline->ds[at]))
			return false;
	}
	return true;
}

/* The newest answer of a type before another (NULL: of all), or NULL. */
static struct ksk_history_answer *
newest(struct ksk_timeline *timeline, uint16_t type,
	const struct ksk_history_answer *before)
{
	size_t i = before == NULL ? timeline->history.answer_count
				  : (size_t)(before - timeline->answer);
	while (i-- > 0)
		if (timeline->answer[i].type == type)
			return &timeline->answer[i];
	return NULL;
}

const struct ksk_history_answer *
ksk_timeline_same(const struct ksk_timeline *timeline,
	const struct ksk_rrset *rrset, const struct ksk_ds *signer,
	size_t signer_count)
{
	struct content content;
	const struct ksk_history_answer *head = ksk_history_head(
		&timeline->history, rrset->type);
	if (head == NULL)
		return NULL;
	take_rrset(timeline, rrset, NULL, signer, signer_count, &content);
	return is_same(timeline, head, rrset->ttl, &content) ? head : NULL;
}

/* ---- an answer more ---- */

/* Finds the answer that a new one becomes part of, or NULL (timeline.h,
 * folding). */
static struct ksk_history_answer *
find_fold(struct ksk_timeline *timeline, const struct ksk_release *release,
	const struct content *content)
{
	const struct ksk_rrset *rrset = release->rrset;
	struct ksk_history_answer *head = newest(timeline, rrset->type, NULL);
	if (head == NULL || start_of(head) > release->released ||
		release->window.inception > release->released ||
		!is_same(timeline, head, rrset->ttl, content))
		return NULL;
	if (rrset->type == KSK_TYPE_DNSKEY)
		return head;
	const struct ksk_history_answer *before = newest(
		timeline, rrset->type, head);
	return before != NULL && is_same(timeline, before, rrset->ttl, content)
		? head
		: NULL;
}

static void
fold(struct ksk_timeline *timeline, struct ksk_history_answer *answer,
	const struct ksk_release *release)
{
	answer->expiration = later(
		answer->expiration, release->window.expiration);
	if (answer->type != KSK_TYPE_DNSKEY) {
		answer->inception = later(
			answer->inception, release->window.inception);
		answer->released = later(answer->released, release->released);
	}
	memcpy(answer->hash, release->hash, sizeof(answer->hash));
	timeline->record[answer - timeline->answer] = release->record;
}

/* Gives each key of the content its number and what it is from now on. */
static void
enter_keys(struct ksk_timeline *timeline, struct content *content)
{
	struct ksk_history *h = &timeline->history;
	for (size_t i = 0; i < content->count; i++) {
		struct ksk_history_member *m = &content->member[i];
		if (m->key == KSK_HISTORY_NO_KEY) {
			if (h->key_count == KSK_TIMELINE_KEY_MAX)
				abort(); /* ksk_timeline_has_room */
			m->key = (uint32_t)h->key_count;
			timeline->key[h->key_count++] = content->key[i];
		}
		if (m->signs)
			timeline->key[m->key].ours = true;
	}
}

static void
note_keys(struct ksk_timeline *timeline, const struct content *content,
	const struct ksk_release *release)
{
	for (size_t i = 0; i < content->count; i++) {
		struct ksk_history_key *key =
			&timeline->key[content->member[i].key];
		key->exposed = later(key->exposed, release->window.expiration);
	}
	for (size_t i = 0; i < release->proven_count; i++) {
		uint32_t key = ksk_history_find(
			&timeline->history, &release->proven[i]);
		if (key != KSK_HISTORY_NO_KEY)
			timeline->key[key].proven = true;
	}
}

/* Appends an answer whose content begins at the end of its array. */
static void
append(struct ksk_timeline *timeline, struct ksk_history_answer answer,
	const struct ksk_history_member *members, const struct ksk_ds *ds,
	uint64_t record)
{
	struct ksk_history *h = &timeline->history;
	const uint32_t count = answer.content.count;
	const bool keys = answer.type == KSK_TYPE_DNSKEY;
	if (h->answer_count == KSK_TIMELINE_ANSWER_MAX ||
		count > (keys ? KSK_TIMELINE_MEMBER_MAX - h->member_count
			      : KSK_TIMELINE_DS_MAX - h->ds_count))
		abort(); /* ksk_timeline_has_room */
	if (keys) {
		answer.content.first = (uint32_t)h->member_count;
		memcpy(&timeline->member[h->member_count], members,
			count * sizeof(*members));
		h->member_count += count;
	} else {
		answer.content.first = (uint32_t)h->ds_count;
		memcpy(&timeline->ds[h->ds_count], ds, count * sizeof(*ds));
		h->ds_count += count;
	}
	timeline->record[h->answer_count] = record;
	timeline->answer[h->answer_count++] = answer;
}

static void
append_ghost(struct ksk_timeline *timeline,
	const struct ksk_history_answer *adopted,
	const struct ksk_history_member *members)
{
	struct ksk_history_answer ghost;
	struct ksk_history_member own[KSK_RDATA_COUNT_MAX];
	size_t count = ksk_history_ghost(
		&timeline->history, adopted, members, &ghost, own);
	ghost.content.count = (uint32_t)count;
	append(timeline, ghost, own, NULL, 0);
}

void
ksk_timeline_add(struct ksk_timeline *timeline, const struct ksk_zone *zone,
	const struct ksk_release *release)
{
	const struct ksk_rrset *rrset = release->rrset;
	struct content content;
	take_rrset(timeline, rrset, release->key, release->signer,
		release->signer_count, &content);
	const bool keys = rrset->type == KSK_TYPE_DNSKEY;
	if (keys) {
		enter_keys(timeline, &content);
		note_keys(timeline, &content, release);
	}
	struct ksk_history_answer *same = find_fold(
		timeline, release, &content);
	if (same != NULL) {
		fold(timeline, same, release);
		return;
	}
	struct ksk_history_answer answer = {
		.seq = release->record * KSK_SEQ_PER_RECORD,
		.type = rrset->type,
		.ttl = rrset->ttl,
		.inception = release->window.inception,
		.expiration = release->window.expiration,
		.released = release->released,
		.content = {.count = (uint32_t)content.count}};
	memcpy(answer.hash, release->hash, sizeof(answer.hash));
	if (release->adopted && keys &&
		newest(timeline, KSK_TYPE_DNSKEY, NULL) == NULL)
		append_ghost(timeline, &answer, content.member);
	append(timeline, answer, content.member, content.ds, release->record);
	if (zone != NULL)
		ksk_timeline_drop(timeline, zone, release->released);
}

/* ---- what a policy says ---- */

enum ksk_err
ksk_timeline_attest(
	struct ksk_timeline *timeline, const struct ksk_attest *attest)
{
	struct ksk_history *h = &timeline->history;
	const bool shrinks = attest->has_waits && timeline->has_waits &&
		(attest->zone_max_ttl < timeline->zone_max_ttl ||
			attest->parent_ds_ttl < timeline->parent_ds_ttl);
	if ((attest->has_attested &&
		    (h->parent_count == KSK_TIMELINE_PARENT_MAX ||
			    attest->ds_count >
				    KSK_TIMELINE_DS_MAX - h->ds_count)) ||
		(shrinks && h->wait_count == KSK_TIMELINE_WAIT_MAX))
		return KSK_ERR_NO_ROOM;

	if (shrinks)
		timeline->wait[h->wait_count++] = (struct ksk_history_wait){
			.zone_max_ttl = timeline->zone_max_ttl,
			.parent_ds_ttl = timeline->parent_ds_ttl,
			.unloaded = attest->time};
	if (attest->has_waits) {
		timeline->has_waits = true;
		timeline->zone_max_ttl = attest->zone_max_ttl;
		timeline->parent_ds_ttl = attest->parent_ds_ttl;
	}
	if (!attest->has_attested)
		return KSK_OK;
	struct ksk_history_parent parent = {.seen = attest->seen,
		.ds = {.first = (uint32_t)h->ds_count,
			.count = (uint32_t)attest->ds_count},
		.acted_cds = ksk_history_acted(h, KSK_TYPE_CDS, attest->ds,
			attest->ds_count, attest->seen),
		.acted_cdnskey = ksk_history_acted(h, KSK_TYPE_CDNSKEY,
			attest->ds, attest->ds_count, attest->seen)};
	for (size_t i = 0; i < attest->ds_count; i++)
		timeline->ds[h->ds_count++] = attest->ds[i];
	timeline->parent[h->parent_count++] = parent;
	return KSK_OK;
}

bool
ksk_timeline_waits(const struct ksk_timeline *timeline,
	uint64_t *out_zone_max_ttl, uint64_t *out_parent_ds_ttl)
{
	if (!timeline->has_waits)
		return false;
	*out_zone_max_ttl = timeline->zone_max_ttl;
	*out_parent_ds_ttl = timeline->parent_ds_ttl;
	return true;
}

uint64_t
ksk_timeline_expires(const struct ksk_timeline *timeline, uint64_t now)
{
	static const uint16_t types[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};
	uint64_t expires = 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct ksk_history_answer *a = ksk_history_in_effect(
			&timeline->history, types[i], now);
		if (a != NULL && !a->ghost &&
			(expires == 0 || a->expiration < expires))
			expires = a->expiration;
	}
	return expires;
}
