/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge - lends the product's rules to the model: reads a policy, a history
 * and a request as numbers and hexadecimal, one question per line of standard
 * input, answers one line each. judge.py writes the questions; it knows the
 * order of the numbers.
 *
 *   P <table> <now> <bytes>    the policy's text follows: ok | error TEXT
 *   J <table> <history> <type> <ttl> <inception> <expiration>
 *     <records> …hex           permit | refuse RULE…; the same again when
 *                              what can be forgotten of the past is: forgot
 *                              before it, or differs
 *   S <table> <history> <superseded> … <bundles>
 *     {<ttl> <inception> <expiration> <records> …hex}
 *                              permit | refuse BUNDLE:RULE…; forgot, differs
 *                              as above
 *   L <table> <old table or -> <history>   may it be loaded: as J
 *   C <table> <history> <key>  cov, first drop
 *   D <table> <history> <place of a KSK>   DS change
 *
 * <history>: now, keys, answers, snapshots, waits, announcements, see
 * read_history.
 */
#include "appliance/policy/compile.h"
#include "appliance/policy/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX 4096
#define KEY_MAX 256
#define ANSWER_MAX 1024
#define MEMBER_MAX 16384

static struct {
	uint8_t *bytes;
	struct ksk_table table;
	const struct ksk_zone *zone;
} tables[TABLE_MAX];

static struct {
	uint64_t now;
	struct ksk_history h;
	struct ksk_history_key key[KEY_MAX];
	struct ksk_history_answer answer[ANSWER_MAX];
	struct ksk_history_member member[MEMBER_MAX];
	struct ksk_ds ds[MEMBER_MAX];
	struct ksk_history_parent parent[ANSWER_MAX];
	struct ksk_history_wait wait[ANSWER_MAX];
	struct ksk_history_announced announced[KSK_PROVIDER_COUNT_MAX];
	struct ksk_history_announced_key announced_key[KEY_MAX];
} past;

static char *line, *at;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "judge: %s near \"%.60s\"\n", what, at);
	exit(EXIT_FAILURE);
}

static char *
word(void)
{
	char *begin;

	while (*at == ' ')
		at++;
	if (*at == '\0' || *at == '\n')
		die("a word is missing");
	begin = at;
	at += strcspn(at, " \n");
	if (*at != '\0')
		*at++ = '\0';
	return begin;
}

static uint64_t
number(void)
{
	char *text = word(), *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*end != '\0' || end == text)
		die("this is no number");
	return n;
}

static size_t
count(size_t have, size_t max)
{
	uint64_t n = number();

	if (n > max - have)
		die("there are too many");
	return (size_t)n;
}

static struct ksk_ds
read_ds(void)
{
	struct ksk_ds ds = {.digest_type = 2, .digest_len = 32};
	char *hex;
	size_t len = 0;

	ds.tag = (uint16_t)number();
	ds.algorithm = (uint8_t)number();
	hex = word();
	if (ksk_hex_read(hex, strlen(hex), ds.digest, 32, &len) != KSK_OK ||
		len != 32)
		die("this is no digest");
	return ds;
}

static struct ksk_run
read_ds_run(void)
{
	struct ksk_run run = {.first = (uint32_t)past.h.ds_count};

	for (size_t n = count(past.h.ds_count, MEMBER_MAX); n > 0; n--) {
		past.ds[past.h.ds_count++] = read_ds();
		run.count++;
	}
	return run;
}

static void
read_answer(struct ksk_history_answer *a)
{
	a->seq = number();
	a->type = (uint16_t)number();
	a->ghost = number() != 0;
	a->ttl = (uint32_t)number();
	a->inception = number();
	a->expiration = number();
	a->released = number();
	if (a->type != KSK_TYPE_DNSKEY) {
		a->content = read_ds_run();
		return;
	}
	a->content.first = (uint32_t)past.h.member_count;
	for (size_t n = count(past.h.member_count, MEMBER_MAX); n > 0; n--) {
		struct ksk_history_member *m =
			&past.member[past.h.member_count++];
		m->key = (uint32_t)number();
		m->revoked = false;
		m->signs = number() != 0;
		a->content.count++;
	}
}

static void
read_parent(struct ksk_history_parent *p)
{
	p->seen = number();
	p->ds = read_ds_run();
	p->acted_cds = ksk_history_acted(&past.h, KSK_TYPE_CDS,
		past.ds + p->ds.first, p->ds.count, p->seen);
	p->acted_cdnskey = ksk_history_acted(&past.h, KSK_TYPE_CDNSKEY,
		past.ds + p->ds.first, p->ds.count, p->seen);
	past.h.parent_count++;
}

static void
read_announced(struct ksk_history_announced *a)
{
	char *provider = word(), *pin;
	size_t len = 0;

	memset(a, 0, sizeof(*a));
	ksk_text_copy(a->provider, sizeof(a->provider), provider);
	pin = word();
	if (ksk_hex_read(pin, strlen(pin), a->pin, KSK_PIN_LEN, &len) !=
			KSK_OK ||
		len != KSK_PIN_LEN)
		die("this is no pin");
	a->not_before = number();
	a->not_after = number();
	a->keys.first = (uint32_t)past.h.announced_key_count;
	for (size_t n = count(past.h.announced_key_count, KEY_MAX); n > 0;
		n--) {
		struct ksk_history_announced_key *k =
			&past.announced_key[past.h.announced_key_count++];
		memset(k, 0, sizeof(*k));
		k->sha256 = read_ds();
		k->retired = number();
		k->former = number() != 0;
		a->keys.count++;
	}
	past.h.announced_count++;
}

static void
read_history(void)
{
	memset(&past.h, 0, sizeof(past.h));
	past.h.key = past.key;
	past.h.answer = past.answer;
	past.h.member = past.member;
	past.h.ds = past.ds;
	past.h.parent = past.parent;
	past.h.wait = past.wait;
	past.h.announced = past.announced;
	past.h.announced_key = past.announced_key;
	past.now = number();
	for (size_t n = count(0, KEY_MAX); n > 0; n--) {
		struct ksk_history_key *k = &past.key[past.h.key_count++];
		memset(k, 0, sizeof(*k));
		k->sha256 = read_ds();
		k->flags = (uint16_t)number();
		k->ours = number() != 0;
	}
	for (size_t n = count(0, ANSWER_MAX); n > 0; n--) {
		struct ksk_history_answer *a =
			&past.answer[past.h.answer_count];
		memset(a, 0, sizeof(*a));
		read_answer(a);
		past.h.answer_count++;
	}
	for (size_t n = count(0, ANSWER_MAX); n > 0; n--)
		read_parent(&past.parent[past.h.parent_count]);
	for (size_t n = count(0, ANSWER_MAX); n > 0; n--) {
		struct ksk_history_wait *w = &past.wait[past.h.wait_count++];
		w->zone_max_ttl = number();
		w->parent_ds_ttl = number();
		w->unloaded = number();
	}
	for (size_t n = count(0, KSK_PROVIDER_COUNT_MAX); n > 0; n--)
		read_announced(&past.announced[past.h.announced_count]);
	if (!ksk_history_is_sound(&past.h))
		die("the history is not sound");
}

static size_t
table(void)
{
	uint64_t n = number();

	if (n >= TABLE_MAX || tables[n].zone == NULL)
		die("there is no such table");
	return (size_t)n;
}

static void
read_policy(void)
{
	static struct ksk_faults faults;
	struct ksk_fault fault = {""};
	uint64_t n = number(), now = number();
	size_t len = number(), out_len = 0;
	char *text = malloc(len);
	struct ksk_table *t;

	if (n >= TABLE_MAX || text == NULL || fread(text, 1, len, stdin) != len)
		die("the policy is cut off");
	free(tables[n].bytes);
	tables[n].bytes = NULL;
	t = &tables[n].table;
	tables[n].zone = NULL;
	if (ksk_policy_compile(ksk_span_of(text, len), NULL, now,
		    &tables[n].bytes, &out_len, &faults) != KSK_OK)
		printf("error %s\n", faults.list[0].text);
	else if (ksk_table_open(ksk_span_of(tables[n].bytes, out_len), t,
			 &fault) != KSK_OK)
		printf("error %s\n", fault.text);
	else {
		tables[n].zone = t->zones;
		printf("ok\n");
	}
	free(text);
}

static size_t
forget_answers(const struct ksk_zone *zone, uint16_t type)
{
	static uint64_t entered[KEY_MAX];
	struct ksk_history *h = &past.h;
	size_t count = ksk_history_droppable(zone, h, type, past.now);
	size_t left = count, next = 0;

	for (uint32_t k = 0; k < h->key_count; k++)
		entered[k] = ksk_history_entered(zone, h, k, count);
	for (uint32_t k = 0; type == KSK_TYPE_DNSKEY && k < h->key_count; k++)
		past.key[k].entered = entered[k];
	for (size_t i = 0; i < h->answer_count; i++) {
		if (h->answer[i].type != type || left == 0)
			past.answer[next++] = h->answer[i];
		else
			left--;
	}
	h->answer_count = next;
	return count;
}

/* Forgets what no rule can need; returns how much that is. */
static size_t
forget(const struct ksk_zone *zone)
{
	size_t count = forget_answers(zone, KSK_TYPE_DNSKEY) +
		forget_answers(zone, KSK_TYPE_CDS) +
		forget_answers(zone, KSK_TYPE_CDNSKEY);
	size_t parents = ksk_history_parents_droppable(zone, &past.h, past.now);

	past.h.parent += parents;
	past.h.parent_count -= parents;
	return count + parents;
}

static bool
same_refusals(const struct ksk_refusals *a, const struct ksk_refusals *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->list[i].rule, b->list[i].rule) != 0)
			return false;
	}
	return true;
}

static void
answer(bool permitted, const struct ksk_refusals *refusals)
{
	printf(permitted ? "permit" : "refuse");
	for (size_t i = 0; i < refusals->count; i++)
		printf(" %s", refusals->list[i].rule);
	printf("\n");
}

static void
judge(void)
{
	static uint8_t records[KSK_RDATA_COUNT_MAX][KSK_RDATA_MAX];
	static struct ksk_refusals refusals, again;
	size_t n = table();
	struct ksk_sign sign = {.has_window = true};
	struct ksk_candidate candidate = {
		.sign = &sign, .client = tables[n].table.clients};
	struct ksk_permit permit;
	bool permitted;

	read_history();
	candidate.history = &past.h;
	candidate.now = past.now;
	ksk_table_zone_name(
		&tables[n].table, tables[n].zone, &sign.rrset.owner);
	sign.rrset.type = (uint16_t)number();
	sign.rrset.ttl = (uint32_t)number();
	sign.window.inception = number();
	sign.window.expiration = number();
	for (size_t i = count(0, KSK_SUPERSEDE_COUNT_MAX); i > 0; i--)
		sign.supersede[sign.supersede_count++] = number();
	for (size_t i = count(0, KSK_RDATA_COUNT_MAX); i > 0; i--) {
		char *hex = word();
		size_t len = 0, have = sign.rrset.count;

		if (ksk_hex_read(hex, strlen(hex), records[have], KSK_RDATA_MAX,
			    &len) != KSK_OK)
			die("this is no record");
		sign.rrset.rdata[sign.rrset.count++] = ksk_span_of(
			records[have], len);
	}
	ksk_rrset_sort(&sign.rrset);
	permitted = ksk_rules_judge(&tables[n].table, tables[n].zone,
		&candidate, &permit, &refusals);
	if (forget(tables[n].zone) != 0) {
		(void)ksk_rules_judge(&tables[n].table, tables[n].zone,
			&candidate, &permit, &again);
		printf(same_refusals(&refusals, &again) ? "forgot "
							: "differs ");
	}
	answer(permitted, &refusals);
}

/* ---- schedules ---- */

#define RECORD_MAX 64

static uint8_t pool[RECORD_MAX][KSK_RDATA_MAX];

/* Gives a record its place, which is that of the same one if it is known. */
static size_t
place_record(struct ksk_schedule *schedule)
{
	uint8_t record[KSK_RDATA_MAX];
	char *hex = word();
	size_t len = 0, i = 0;

	if (ksk_hex_read(hex, strlen(hex), record, sizeof(record), &len) !=
		KSK_OK)
		die("this is no record");
	while (i < schedule->rdata_count &&
		!ksk_span_equal(schedule->rdata[i], ksk_span_of(record, len)))
		i++;
	if (i == RECORD_MAX)
		die("there are too many records");
	if (i == schedule->rdata_count) {
		memcpy(pool[i], record, len);
		schedule->rdata[i] = ksk_span_of(pool[i], len);
		schedule->rdata_count++;
	}
	return i;
}

static void
read_bundle(struct ksk_schedule *schedule, struct ksk_bundle *bundle)
{
	bundle->type = KSK_TYPE_DNSKEY;
	bundle->ttl = (uint32_t)number();
	bundle->window.inception = number();
	bundle->window.expiration = number();
	for (size_t i = count(0, KSK_RDATA_COUNT_MAX); i > 0; i--)
		bundle->index[bundle->count++] = (uint8_t)place_record(
			schedule);
}

static void
tell_bundles(bool permitted, const struct ksk_refusals *refusals)
{
	printf(permitted ? "permit" : "refuse");
	for (size_t i = 0; i < refusals->count; i++)
		printf(" %u:%s", (unsigned)refusals->list[i].bundle,
			refusals->list[i].rule);
	printf("\n");
}

static void
judge_schedule(void)
{
	static struct ksk_schedule schedule;
	static struct ksk_refusals refusals, again;
	static struct ksk_schedule_room *room;
	size_t n = table();
	struct ksk_candidate candidate = {
		.client = tables[n].table.clients, .history = &past.h};
	bool permitted;

	if (room == NULL && ksk_schedule_room_new(&room) != KSK_OK)
		die("no memory is left");
	memset(&schedule, 0, sizeof(schedule));
	read_history();
	candidate.now = past.now;
	ksk_table_zone_name(&tables[n].table, tables[n].zone, &schedule.owner);
	for (size_t i = count(0, KSK_SUPERSEDE_COUNT_MAX); i > 0; i--)
		schedule.supersede[schedule.supersede_count++] = number();
	for (size_t i = count(0, KSK_SCHEDULE_BUNDLE_MAX); i > 0; i--)
		read_bundle(
			&schedule, &schedule.bundle[schedule.bundle_count++]);
	permitted = ksk_rules_judge_schedule(&tables[n].table, tables[n].zone,
		&schedule, &candidate, room, &refusals);
	if (forget(tables[n].zone) != 0) {
		(void)ksk_rules_judge_schedule(&tables[n].table, tables[n].zone,
			&schedule, &candidate, room, &again);
		printf(same_refusals(&refusals, &again) ? "forgot "
							: "differs ");
	}
	tell_bundles(permitted, &refusals);
}

static void
load(void)
{
	static struct ksk_refusals refusals;
	size_t n = table(), old = table();
	struct ksk_load l = {.table = &tables[n].table,
		.zone = tables[n].zone,
		.old_table = &tables[old].table,
		.old_zone = tables[old].zone,
		.history = &past.h};

	read_history();
	l.now = past.now;
	answer(ksk_rules_judge_load(&l, &refusals), &refusals);
}

static void
cover(void)
{
	size_t n = table();
	uint32_t key;

	read_history();
	key = (uint32_t)count(0, past.h.key_count);
	printf("%" PRIu64 " %" PRIu64 "\n",
		ksk_history_covered(tables[n].zone, &past.h, key),
		ksk_history_first_drop(&tables[n].table, tables[n].zone,
			&past.h, past.now, key));
}

static void
ds_change(void)
{
	size_t n = table();

	read_history();
	printf("%" PRIu64 "\n",
		ksk_history_ds_change(&tables[n].table, tables[n].zone, &past.h,
			past.now,
			tables[n].zone->ksks.first + (uint32_t)number()));
}

int
main(void)
{
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		const char *what;

		at = line;
		what = word();
		switch (what[0]) {
		case 'P':
			read_policy();
			break;
		case 'J':
			judge();
			break;
		case 'S':
			judge_schedule();
			break;
		case 'L':
			load();
			break;
		case 'C':
			cover();
			break;
		case 'D':
			ds_change();
			break;
		default:
			die("there is no such question");
		}
		(void)fflush(stdout);
	}
	for (size_t i = 0; i < TABLE_MAX; i++)
		free(tables[i].bytes);
	free(line);
	return EXIT_SUCCESS;
}
