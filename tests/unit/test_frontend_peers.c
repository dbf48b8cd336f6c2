/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_frontend_peers - which addresses count as one peer. The frontend is a
 * program, not a library, so its file is taken in whole.
 */
#include "appliance/frontend/peers.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sockaddr_storage
address(const char *text, uint16_t port)
{
	struct sockaddr_storage out = {.ss_family = AF_UNSPEC};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	in4.sin_port = in6.sin6_port = htons(port);
	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
		memcpy(&out, &in4, sizeof in4);
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&out, &in6, sizeof in6);
	else
		fail();
	return out;
}

static struct ksk_peer *
add(struct ksk_peers *peers, const char *text)
{
	const struct sockaddr_storage a = address(text, 1);
	struct ksk_peer *peer = ksk_peers_find(peers, &a);

	if (peer != NULL)
		peer->count++;
	return peer;
}

static void
test_one_peer(void **state)
{
	static const char *const pairs[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"::1", "::2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct ksk_peers peers = {.cap = 0};
		struct ksk_peer *first;

		assert_int_equal(ksk_peers_init(&peers, 4), KSK_OK);
		first = add(&peers, pairs[i][0]);
		assert_non_null(first);
		assert_ptr_equal(add(&peers, pairs[i][1]), first);
		assert_int_equal(first->count, 2);
		free(peers.entry);
	}
}

static void
test_two_peers(void **state)
{
	static const char *const pairs[][2] = {
		{"192.0.2.1", "192.0.2.2"},
		{"2001:db8:1:2::1", "2001:db8:1:3::1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2"},
		{"0.0.0.0", "::"},
		{"::ffff:0.0.0.0", "::1"},
		{"32.1.13.184", "2001:db8::"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct ksk_peers peers = {.cap = 0};
		struct ksk_peer *first;

		assert_int_equal(ksk_peers_init(&peers, 4), KSK_OK);
		first = add(&peers, pairs[i][0]);
		assert_non_null(first);
		assert_ptr_not_equal(add(&peers, pairs[i][1]), first);
		assert_int_equal(first->count, 1);
		free(peers.entry);
	}
}

static void
test_full_table(void **state)
{
	struct ksk_peers peers = {.cap = 0};
	struct ksk_peer *first;

	(void)state;
	assert_int_equal(ksk_peers_init(&peers, 2), KSK_OK);
	first = add(&peers, "192.0.2.1");
	assert_non_null(add(&peers, "192.0.2.2"));
	assert_null(add(&peers, "192.0.2.3"));
	assert_ptr_equal(add(&peers, "192.0.2.1"), first);
	/* An entry without connections is given away. */
	first->count = 0;
	assert_ptr_equal(add(&peers, "192.0.2.3"), first);
	assert_int_equal(first->count, 1);
	free(peers.entry);
}

static void
test_busiest(void **state)
{
	struct ksk_peers peers = {.cap = 0};
	struct ksk_peer *some, *most;

	(void)state;
	assert_int_equal(ksk_peers_init(&peers, 4), KSK_OK);
	assert_null(ksk_peers_busiest(&peers));
	some = add(&peers, "192.0.2.1");
	most = add(&peers, "192.0.2.2");
	assert_null(ksk_peers_busiest(&peers));
	some->young = 1;
	assert_ptr_equal(ksk_peers_busiest(&peers), some);
	most->young = 2;
	assert_ptr_equal(ksk_peers_busiest(&peers), most);
	/* What is left in an entry that is free does not count. */
	most->count = 0;
	assert_ptr_equal(ksk_peers_busiest(&peers), some);
	free(peers.entry);
}

static void
test_text(void **state)
{
	struct sockaddr_storage a = address("192.0.2.1", 8853);
	char text[64];

	(void)state;
	ksk_peers_text(&a, text, sizeof text);
	assert_string_equal(text, "192.0.2.1:8853");
	a = address("2001:db8::1", 1);
	ksk_peers_text(&a, text, sizeof text);
	assert_string_equal(text, "[2001:db8::1]:1");
	a.ss_family = AF_UNIX;
	ksk_peers_text(&a, text, sizeof text);
	assert_string_equal(text, "?");
	a = address("2001:db8::1", 1);
	ksk_peers_text(&a, text, 8);
	assert_string_equal(text, "[2001:d");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_peer),
		cmocka_unit_test(test_two_peers),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_busiest),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
