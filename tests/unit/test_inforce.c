/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_inforce - which policy may come into force after which, the keys it
 * brings, and the rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/packet.h"
#include "appliance/signer/inforce.h"
#include "tests/unit/sample_keyring.h"
#include "tests/unit/sample_table.h"

static const struct ksk_start_signer start = {
	.token_count = 2, .token = {"main", "spare"}};

struct world {
	struct ksk_keyring *keyring;
	struct ksk_inforce now;
	bool has;
	uint64_t version;
	uint8_t hash[KSK_HASH_LEN];
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_int_equal(ksk_keyring_new(&start, &w->keyring), KSK_OK);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	ksk_inforce_wipe(&w->now);
	ksk_keyring_free(&w->keyring);
	free(w);
	return 0;
}

static enum ksk_err
load(struct world *w, int fd, const uint8_t *appliance, struct ksk_fault *fault)
{
	struct ksk_inforce next = {0};
	struct ksk_inforce_progress at = {.zone = 0};
	enum ksk_err err = ksk_inforce_begin(fd, &next, fault);
	close(fd);
	if (err == KSK_OK)
		err = ksk_inforce_some(w->keyring, &next, &at, SIZE_MAX, fault);
	if (err == KSK_OK)
		err = ksk_inforce_may_follow(&next.table, appliance, w->has,
			w->version, w->hash, fault);
	if (err != KSK_OK) {
		ksk_inforce_wipe(&next);
		return err;
	}
	ksk_inforce_wipe(&w->now);
	w->now = next;
	w->has = true;
	w->version = next.table.version;
	memcpy(w->hash, next.table.hash, sizeof w->hash);
	return KSK_OK;
}

static void
accept_policy(struct world *w, unsigned version, const char *second,
	const char *comment)
{
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = load(w, sample_memfd(version, second, comment),
		sample_appliance, &fault);
	if (err != KSK_OK)
		fail_msg("%s", fault.text);
}

static void
refuse_as(struct world *w, int fd, const uint8_t *appliance, enum ksk_err err,
	const char *word)
{
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(load(w, fd, appliance, &fault), err);
	assert_non_null(strstr(fault.text, word));
}

static void
refuse_policy(
	struct world *w, int fd, const uint8_t *appliance, const char *word)
{
	refuse_as(w, fd, appliance, KSK_ERR_BAD_INPUT, word);
}

static void
test_versions_only_grow(void **state)
{
	struct world *w = *state;
	accept_policy(w, 5, "main", "x");
	accept_policy(w, 5, "main", "x");
	refuse_policy(w, sample_memfd(5, "main", "y"), sample_appliance,
		"other content");
	refuse_policy(
		w, sample_memfd(4, "main", "x"), sample_appliance, "lower");
	accept_policy(w, 6, "main", "y");
	assert_int_equal(w->now.table.version, 6);
}

static void
test_another_appliance_is_refused(void **state)
{
	static const uint8_t other[KSK_ID_LEN] = {9};
	refuse_policy(*state, sample_memfd(1, "main", "x"), other,
		"for the appliance ab010203");
}

static void
test_an_unsealed_table_is_refused(void **state)
{
	struct world *w = *state;
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	struct ksk_fault fault = {.text = ""};
	assert_int_not_equal(load(w, fd, sample_appliance, &fault), KSK_OK);
}

static void
test_keys_keep_their_place_over_reloads(void **state)
{
	struct world *w = *state;
	accept_policy(w, 1, "main", "x");
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), 2);
	uint32_t first = w->now.key_of[0];
	for (unsigned v = 2; v < 50; v++)
		accept_policy(w, v, "main", "x");
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), 2);
	assert_int_equal(w->now.key_of[0], first);
	/* On another token it is another key. */
	accept_policy(w, 50, "spare", "x");
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), 2);
	assert_int_equal(ksk_keyring_slots(w->keyring, 1), 1);
}

static void
test_an_unknown_token_has_no_key(void **state)
{
	struct world *w = *state;
	accept_policy(w, 1, "nowhere", "x");
	struct ksk_name name = sample_name("b.example.");
	const struct ksk_zone *zone = ksk_table_zone_find(&w->now.table, &name);
	assert_non_null(zone);
	assert_int_equal(w->now.key_of[zone->ksks.first], KSK_NO_KEY);
}

/* A key is named by the policy in force, and by one on its way for as long as
 * that is. */
static void
test_a_policy_that_is_over_names_no_key(void **state)
{
	struct world *w = *state;
	struct ksk_fault fault = {.text = ""};
	const struct ksk_keyring_key *kept, *other;
	accept_policy(w, 2, "main", "x");
	kept = ksk_keyring_at(w->keyring, 0, 0);
	other = ksk_keyring_at(w->keyring, 0, 1);
	assert_int_equal(kept->named, 1);
	assert_int_equal(other->named, 1);
	/* Refused when its keys were there already. */
	refuse_policy(
		w, sample_memfd(1, "main", "x"), sample_appliance, "lower");
	assert_int_equal(kept->named, 1);
	accept_policy(w, 3, "spare", "x");
	assert_int_equal(kept->named, 1);
	assert_int_equal(other->named, 0);
	assert_int_equal(ksk_keyring_at(w->keyring, 1, 0)->named, 1);
	ksk_inforce_wipe(&w->now);
	assert_int_equal(kept->named, 0);
	/* One of which no zone was read. */
	struct ksk_inforce next = {0};
	int fd = sample_memfd(4, "main", "x");
	assert_int_equal(ksk_inforce_begin(fd, &next, &fault), KSK_OK);
	close(fd);
	ksk_inforce_wipe(&next);
	assert_int_equal(kept->named, 0);
}

/* Entry by entry it becomes the same policy. */
static void
test_a_policy_in_parts(void **state)
{
	struct world *w = *state;
	struct ksk_inforce next = {0};
	struct ksk_inforce_progress at = {.zone = 0};
	struct ksk_fault fault = {.text = ""};
	int fd = sample_memfd(1, "nowhere", "x");
	enum ksk_err err;
	unsigned parts = 0;
	assert_int_equal(ksk_inforce_begin(fd, &next, &fault), KSK_OK);
	while ((err = ksk_inforce_some(w->keyring, &next, &at, 1, &fault)) ==
		KSK_ERR_AGAIN)
		parts++;
	assert_int_equal(err, KSK_OK);
	assert_true(parts >= 2 * next.table.zone_count);
	close(fd);
	accept_policy(w, 1, "nowhere", "x");
	assert_int_equal(next.table.map_len, w->now.table.map_len);
	assert_memory_equal(
		next.key_of, w->now.key_of, next.table.ksk_count * 4);
	assert_memory_equal(
		next.zones_of, w->now.zones_of, next.table.client_count * 4);
	ksk_inforce_wipe(&next);
}

static void
test_zones_of_each_client(void **state)
{
	struct world *w = *state;
	accept_policy(w, 1, "main", "x");
	for (size_t i = 0; i < w->now.table.client_count; i++) {
		const struct ksk_client *c = &w->now.table.clients[i];
		assert_int_equal(w->now.zones_of[i],
			strcmp(c->name, "one") == 0 ? 2 : 1);
	}
}

/* So many keys of token main that no sample has, as of earlier policies. */
static void
fill_slots(struct world *w, uint32_t count)
{
	struct ksk_policy_ksk *ksks = calloc(count, sizeof *ksks);
	assert_non_null(ksks);
	for (uint32_t i = 0; i < count; i++) {
		ksks[i].ds.digest_type = KSK_DIGEST_SHA256;
		ksks[i].ds.digest_len = 32;
		for (unsigned b = 0; b < 4; b++)
			ksks[i].ds.digest[b] = (uint8_t)(i >> (24 - 8 * b));
		memcpy(ksks[i].token, "main", sizeof "main");
	}
	struct ksk_zone zone = {.name = {0, 1}, .ksks = {0, count}};
	struct ksk_table table = {.zones = &zone,
		.zone_count = 1,
		.ksks = ksks,
		.ksk_count = count,
		.pool = (const uint8_t *)""};
	free(sample_keys(w->keyring, &table));
	free(ksks);
}

/* A worker would leave at the slot after the last, and the next one too: such
 * a policy is refused, and the one before it stays. */
static void
test_slots_run_out(void **state)
{
	struct world *w = *state;
	fill_slots(w, KSK_SLOT_COUNT_MAX - 1);
	accept_policy(w, 1, "spare", "x");
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), KSK_SLOT_COUNT_MAX);
	refuse_as(w, sample_memfd(2, "main", "x"), sample_appliance,
		KSK_ERR_TOO_LARGE, "restart kskd");
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), KSK_SLOT_COUNT_MAX);
	assert_int_equal(w->now.table.version, 1);
	accept_policy(w, 3, "spare", "x");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions_only_grow),
		TEST(test_another_appliance_is_refused),
		TEST(test_an_unsealed_table_is_refused),
		TEST(test_keys_keep_their_place_over_reloads),
		TEST(test_an_unknown_token_has_no_key),
		TEST(test_zones_of_each_client),
		TEST(test_slots_run_out),
		TEST(test_a_policy_that_is_over_names_no_key),
		TEST(test_a_policy_in_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
