/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_needed - which providers the last policy needed is known after a start,
 * and says nothing of a zone whose entry never came into force.
 */
#include "rules_fixture.h"

#include "journal_fixture.h"

#include "appliance/signer/needed.h"

#define LEAVING(gone) \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}]}, {name: " \
	"beta, state: leaving" gone ", keys: [{ds: \"@ZSKB@\"}]}, {name: " \
	"gamma, state: joining, keys: [{ds: \"@ZSKC@\"}]}]"
#define ALPHA 1u
#define BETA 2u

static uint8_t held[1];

/* What the loaded policy needs, made durable and read again. */
static void
pass(struct ksk_test_journal *t, struct ksk_needed *needed)
{
	struct ksk_inforce policy = {.table = fx.table, .held = held};
	struct ksk_needed made = {.known = false};

	assert_int_equal(ksk_needed_build(&policy, needed, NOW, &made), KSK_OK);
	assert_int_equal(ksk_needed_keep(t->journal, &made), KSK_OK);
	journal_commit(t);
	journal_reopen(t);
	ksk_needed_wipe(&made);
	ksk_needed_wipe(needed);
	assert_int_equal(
		ksk_needed_read(t->journal, needed, &t->fault), KSK_OK);
	assert_true(needed->known);
}

static void
test_needed(void **state)
{
	struct ksk_needed needed = {.known = false};
	struct ksk_test_journal *t = *state;

	assert_int_equal(
		ksk_needed_read(t->journal, &needed, &t->fault), KSK_OK);
	assert_false(needed.known);
	load_policy((struct parts){.providers = LEAVING("")});
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), 0);
	pass(t, &needed);
	assert_int_equal(
		ksk_needed_of(&needed, &fx.table, fx.zone), ALPHA | BETA);
	/* By its name, wherever it stands. */
	load_policy((struct parts){
		.providers = "[{name: beta, state: serving, keys: [{ds: "
			     "\"@ZSKB@\"}]}]"});
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), 1);
	/* Left for longer than zone-max-ttl. */
	load_policy((struct parts){
		.providers = LEAVING(", gone: 2027-01-14T08:00:00Z")});
	pass(t, &needed);
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), ALPHA);
	load_policy((struct parts){
		.providers = LEAVING(", gone: 2027-01-14T08:00:01Z")});
	pass(t, &needed);
	assert_int_equal(
		ksk_needed_of(&needed, &fx.table, fx.zone), ALPHA | BETA);
	/* Nobody at all is something that is known. */
	load_policy((struct parts){
		.providers = "[{name: gamma, state: joining, keys: [{ds: "
			     "\"@ZSKC@\"}]}]"});
	pass(t, &needed);
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), 0);
	ksk_needed_wipe(&needed);
}

static void
test_held_zone(void **state)
{
	struct ksk_needed needed = {.known = false};
	struct ksk_test_journal *t = *state;

	load_policy((struct parts){0});
	held[0] = 1;
	pass(t, &needed);
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), 0);
	held[0] = 0;
	pass(t, &needed);
	/* What was needed goes on, what the held entry adds does not. */
	load_policy((struct parts){
		.providers = "[{name: gamma, state: serving, keys: [{ds: "
			     "\"@ZSKC@\"}]}, {name: alpha, state: serving, "
			     "keys: [{ds: \"@ZSKA@\"}]}]"});
	held[0] = 1;
	pass(t, &needed);
	assert_int_equal(ksk_needed_of(&needed, &fx.table, fx.zone), 2);
	held[0] = 0;
	ksk_needed_wipe(&needed);
}

static void
test_damage(void **state)
{
	struct ksk_needed needed = {.known = false};
	struct ksk_test_journal *t = *state;

	assert_int_equal(ksk_journal_state_set(
				 t->journal, "needed", ksk_span_of("123", 3)),
		KSK_OK);
	journal_commit(t);
	assert_int_equal(ksk_needed_read(t->journal, &needed, &t->fault),
		KSK_ERR_MALFORMED);
	assert_non_null(strstr(t->fault.text, "damaged"));
	assert_false(needed.known);
	assert_null(needed.digest);
}

static int
end(void **state)
{
	(void)teardown(state);
	return journal_teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, journal_setup, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_needed),
		T(test_held_zone),
		T(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
