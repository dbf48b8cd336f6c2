/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_cost - what a verdict costs, in answers looked at and never in
 * time: a client must not be able to buy much work with one request. All ZSKs
 * of a zone with the longest past are replaced at once, which is the request
 * that asks the most of early-drop and zsk-coverage. The linker puts
 * __wrap_ksk_walk_next in place of ksk_walk_next (Makefile).
 */
#include "tests/unit/rules_fixture.h"

#include "appliance/policy/rules_times.h"

#define PROVIDERS 3u
#define EACH 10u /* ZSKs of a provider that leave, and so many that come */
#define ZSKS (PROVIDERS * EACH)
#define ANSWERS 256u

static struct {
	struct record rdata[2 * ZSKS];
	struct ksk_history_key key[2 * ZSKS + 1];
	struct ksk_history_answer answer[ANSWERS];
	struct ksk_history_member member[ANSWERS * (ZSKS + 1)];
	struct ksk_history h;
} past;

static size_t looked_at;

bool __real_ksk_walk_next(struct ksk_walk *walk);
bool __wrap_ksk_walk_next(struct ksk_walk *walk);

bool
__wrap_ksk_walk_next(struct ksk_walk *walk)
{
	looked_at++;
	return __real_ksk_walk_next(walk);
}

/* Records that name a key; that no key is behind them is key-form's matter. */
static void
make_keys(void)
{
	for (size_t i = 0; i < 2 * ZSKS; i++) {
		struct record *r = &past.rdata[i];

		r->len = 68;
		memset(r->data, (int)i + 1, r->len);
		memcpy(r->data, "\1\0\3\15", 4);
	}
}

static void
add_known(size_t number, const struct record *r)
{
	struct ksk_history_key *k = &past.key[number];
	struct ksk_span rdata = ksk_span_of(r->data, r->len);
	struct ksk_name zone;

	zone_name(&zone);
	assert_int_equal(ksk_ds_build(&zone, rdata, 2, &k->sha256), KSK_OK);
	assert_int_equal(ksk_ds_build(&zone, rdata, 4, &k->sha384), KSK_OK);
	k->flags = (uint16_t)(r->data[0] << 8 | r->data[1]);
}

/* An answer every hour, each with the KSK and the old ZSKs. */
static void
make_past(void)
{
	struct record ksk = key_of("KSK1", 4);

	for (size_t i = 0; i < 2 * ZSKS; i++)
		add_known(i, &past.rdata[i]);
	add_known(2 * ZSKS, &ksk);
	for (uint32_t i = 0; i < ANSWERS; i++) {
		struct ksk_history_answer *a = &past.answer[i];
		uint64_t hours = ANSWERS - i;

		*a = (struct ksk_history_answer){
			.seq = (i + 2) * KSK_SEQ_PER_RECORD,
			.type = KSK_TYPE_DNSKEY,
			.ttl = TTL,
			.inception = NOW - hours * 3600,
			.expiration = NOW - hours * 3600 + 14 * 86400,
			.released = NOW - hours * 3600,
			.content = {i * (ZSKS + 1), ZSKS + 1}};
		for (uint32_t k = 0; k < ZSKS; k++)
			past.member[i * (ZSKS + 1) + k].key = k;
		past.member[i * (ZSKS + 1) + ZSKS] =
			(struct ksk_history_member){
				.key = 2 * ZSKS, .signs = true};
	}
	past.h = (struct ksk_history){.key = past.key,
		.key_count = 2 * ZSKS + 1,
		.answer = past.answer,
		.answer_count = ANSWERS,
		.member = past.member,
		.member_count = ANSWERS * (ZSKS + 1)};
}

static void
list_provider(size_t provider, char *out, size_t cap)
{
	size_t len = (size_t)snprintf(out, cap,
		"%s{name: p%zu, state: serving, max-keys: 24, keys: [",
		provider == 0 ? "" : ", ", provider);

	for (size_t i = 0; i < 2 * EACH; i++) {
		size_t k = provider * EACH + i % EACH + i / EACH * ZSKS;
		char ds[KSK_DS_TEXT_CAP];

		ds_text_of(ksk_span_of(past.rdata[k].data, past.rdata[k].len),
			2, ds);
		len += (size_t)snprintf(out + len, cap - len, "%s{ds: \"%s\"}",
			i == 0 ? "" : ", ", ds);
	}
	assert_true(len + 3 < cap);
	(void)snprintf(out + len, cap - len, "]}");
}

static void
begin(void)
{
	static char providers[16384];

	make_keys();
	providers[0] = '[';
	providers[1] = '\0';
	for (size_t i = 0; i < PROVIDERS; i++)
		list_provider(i, providers + strlen(providers),
			sizeof(providers) - strlen(providers));
	memcpy(providers + strlen(providers), "]", 2);
	load_policy((struct parts){.providers = providers});
	make_past();
	fx.candidate.history = &past.h;
}

static void
ask_for(size_t first)
{
	struct record ksk = key_of("KSK1", 4);

	begin_set(KSK_TYPE_DNSKEY);
	add_record(&ksk);
	for (size_t i = 0; i < ZSKS; i++)
		add_record(&past.rdata[first + i]);
	ksk_rrset_sort(&fx.sign.rrset);
	looked_at = 0;
	judge();
}

static size_t
count_refusals(const char *rule)
{
	size_t count = 0;

	for (size_t i = 0; i < fx.refusals.count; i++)
		count += strcmp(fx.refusals.list[i].rule, rule) == 0;
	return count + (size_t)fx.refusals.dropped;
}

/* Three walks for each key that leaves and a few for the set, not one for each
 * pair of a key that leaves and one that stays: that would be 900 walks. */
static void
test_all_keys_replaced(void **state)
{
	(void)state;
	begin();
	ask_for(ZSKS);
	assert_non_null(find_refusal("zsk-coverage", "put it back"));
	assert_non_null(find_refusal("early-drop", ""));
	assert_true(count_refusals("early-drop") >= ZSKS);
	assert_true(looked_at >= ANSWERS); /* it counts */
	assert_true(looked_at <= (3 * ZSKS + 30) * (ANSWERS + 2));
}

static void
test_nothing_replaced(void **state)
{
	(void)state;
	begin();
	ask_for(0);
	assert_int_equal(count_refusals("early-drop"), 0);
	assert_int_equal(count_refusals("zsk-coverage"), 0);
	assert_true(looked_at <= 30 * (ANSWERS + 2));
}

/* The same answers as one walk for each key gives. */
static void
test_since(void **state)
{
	struct ksk_since since[KSK_RDATA_COUNT_MAX];
	uint32_t key[KSK_RDATA_COUNT_MAX];
	struct ksk_times times;
	uint64_t by;

	(void)state;
	begin();
	/* Each key is missing somewhere else, and one enters before all. */
	for (uint32_t i = 0; i < ANSWERS; i++) {
		past.answer[i].content.first += i % 3;
		past.answer[i].content.count = 1 + i * 7 % 28;
	}
	past.key[3].entered = 5;
	for (uint32_t i = 0; i < KSK_RDATA_COUNT_MAX; i++)
		key[i] = i == 31 ? KSK_HISTORY_NO_KEY : i;
	ksk_times_init(&times, fx.zone, &past.h, NULL);
	ksk_times_since(&times, key, KSK_RDATA_COUNT_MAX, since);
	for (uint32_t i = 0; i < 31; i++) {
		assert_true(since[i].cov == ksk_times_cov(&times, i));
		assert_true(since[i].run ==
			ksk_times_run(&times, i, KSK_NEVER, &by));
	}
	assert_true(since[0].cov != since[5].cov);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_keys_replaced),
		T(test_nothing_replaced),
		T(test_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
