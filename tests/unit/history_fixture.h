/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_fixture - a timeline for the zone of rules_fixture.h, answer by
 * answer. Times are given in hours from NOW: `after(-3)`.
 */
#ifndef KSK_TEST_HISTORY_FIXTURE_H
#define KSK_TEST_HISTORY_FIXTURE_H

#include "rules_fixture.h"

#include "appliance/policy/history.h"

static struct {
	struct ksk_history h;
	struct ksk_history_key key[64];
	struct ksk_history_answer answer[64];
	struct ksk_history_member member[512];
	struct ksk_ds ds[64];
	struct ksk_history_parent parent[16];
	struct ksk_history_wait wait[4];
	uint64_t seq;
} past;

static inline uint64_t
after(int hours)
{
	return (uint64_t)((int64_t)NOW + hours * 3600);
}

static inline void
begin_history(void)
{
	memset(&past, 0, sizeof(past));
	past.h.key = past.key;
	past.h.answer = past.answer;
	past.h.member = past.member;
	past.h.ds = past.ds;
	past.h.parent = past.parent;
	past.h.wait = past.wait;
	past.seq = 1;
	fx.candidate.history = &past.h;
}

/* A key's number in the history; it is added if it is new. */
static inline uint32_t
known(const char *name, size_t len)
{
	const char *colon = memchr(name, ':', len);
	struct record r = key_of(
		name, colon == NULL ? len : (size_t)(colon - name));
	struct ksk_span rdata = ksk_span_of(r.data, r.len);
	struct ksk_history_key *k = &past.key[past.h.key_count];
	struct ksk_name zone;
	uint32_t found;

	zone_name(&zone);
	assert_int_equal(ksk_ds_build(&zone, rdata, 2, &k->sha256), KSK_OK);
	found = ksk_history_find(&past.h, &k->sha256);
	if (found != KSK_HISTORY_NO_KEY)
		return found;
	assert_int_equal(ksk_ds_build(&zone, rdata, 4, &k->sha384), KSK_OK);
	k->flags = (uint16_t)(r.data[0] << 8 | r.data[1]);
	k->ours = k->flags == 257;
	return (uint32_t)past.h.key_count++;
}

static inline struct ksk_history_answer *
push(uint16_t type, uint64_t inception, uint64_t released)
{
	struct ksk_history_answer *a = &past.answer[past.h.answer_count++];

	assert_true(past.h.answer_count <= 64);
	*a = (struct ksk_history_answer){
		.seq = KSK_SEQ_PER_RECORD * ++past.seq,
		.type = type,
		.ttl = TTL,
		.inception = inception,
		.expiration = inception + 14 * 86400,
		.released = released,
	};
	memset(a->hash, (int)past.seq, sizeof(a->hash));
	return a;
}

/* Released `hours` from NOW with an inception an hour earlier; KSKs sign. */
static inline struct ksk_history_answer *
signed_at(int hours, const char *names)
{
	struct ksk_history_answer *a = push(
		KSK_TYPE_DNSKEY, after(hours - 1), after(hours));

	a->content.first = (uint32_t)past.h.member_count;
	while (*names != '\0') {
		size_t len = strcspn(names, " ");
		uint32_t key = known(names, len);

		past.member[past.h.member_count++] =
			(struct ksk_history_member){.key = key,
				.signs = past.key[key].flags == 257};
		a->content.count++;
		names += len;
		names += strspn(names, " ");
	}
	return a;
}

static inline struct ksk_run
push_ds(const char *names)
{
	struct ksk_run run = {.first = (uint32_t)past.h.ds_count};

	while (*names != '\0') {
		size_t len = strcspn(names, " ");

		past.ds[past.h.ds_count++] = past.key[known(names, len)].sha256;
		run.count++;
		names += len;
		names += strspn(names, " ");
	}
	return run;
}

static inline struct ksk_history_answer *
cds_at(int hours, const char *names)
{
	struct ksk_history_answer *a = push(
		KSK_TYPE_CDS, after(hours - 1), after(hours));

	a->content = push_ds(names);
	return a;
}

static inline void
seen_at(int hours, const char *names)
{
	struct ksk_run run = push_ds(names);
	struct ksk_history_parent *p = &past.parent[past.h.parent_count];

	*p = (struct ksk_history_parent){.seen = after(hours), .ds = run};
	p->acted_cds = ksk_history_acted(
		&past.h, KSK_TYPE_CDS, past.ds + run.first, run.count, p->seen);
	p->acted_cdnskey = ksk_history_acted(&past.h, KSK_TYPE_CDNSKEY,
		past.ds + run.first, run.count, p->seen);
	past.h.parent_count++;
}

/* Providers of which alpha has two ZSKs. */
#define TWO \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: " \
	"\"@ZSKC@\"}]}, {name: beta, state: serving, keys: [{ds: " \
	"\"@ZSKB@\"}]}]"

/* A zone whose KSK1 the parent knows. */
static inline void
begin_zone(struct parts p)
{
	load_policy(p);
	begin_history();
	seen_at(-200, "KSK1");
}

/* A CDS set of one key. */
static inline void
ask_cds(const char *name)
{
	struct record r = {.len = 36};
	struct ksk_buf buf = ksk_buf_of(r.data, sizeof(r.data));

	begin_set(KSK_TYPE_CDS);
	assert_int_equal(
		ksk_ds_write(&past.key[known(name, strlen(name))].sha256, &buf),
		KSK_OK);
	r.len = buf.len;
	add_record(&r);
}

#endif
