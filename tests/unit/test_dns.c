/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of dns: what is taken from an answer, byte by byte, every cut of it
 * refused or read as less, and a server that is not there.
 */
#include "client/dns.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* An answer for "Z. DNSKEY": owner compressed and in upper case, two keys of
 * five bytes out of order, one RRSIG over them by "z.", and one over SOA. */
static const uint8_t message[] = {
	0x12,
	0x34,
	0x84,
	0x00,
	0,
	1,
	0,
	4,
	0,
	0,
	0,
	0, /* header: QR, AA */
	1,
	'Z',
	0,
	0,
	48,
	0,
	1, /* question */
	0xc0,
	12,
	0,
	48,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	5,
	1,
	0,
	3,
	13,
	9, /* */
	0xc0,
	12,
	0,
	48,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	5,
	1,
	0,
	3,
	13,
	7, /* */
	0xc0,
	12,
	0,
	46,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	22, /* RRSIG */
	0,
	48,
	13,
	1,
	0,
	0,
	0,
	60,
	0,
	0,
	0,
	2,
	0,
	0,
	0,
	1,
	0,
	5, /* */
	1,
	'Z',
	0,
	0xaa, /* */
	0xc0,
	12,
	0,
	46,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	22, /* RRSIG */
	0,
	6,
	13,
	1,
	0,
	0,
	0,
	60,
	0,
	0,
	0,
	2,
	0,
	0,
	0,
	1,
	0,
	5, /* */
	1,
	'Z',
	0,
	0xbb,
};

static struct ksk_name
name_of(const char *text)
{
	struct ksk_name name;

	assert_int_equal(
		ksk_name_from_text(text, strlen(text), &name, NULL), KSK_OK);
	return name;
}

static void
takes_the_set_and_its_rrsigs(void **state)
{
	struct ksk_name owner = name_of("z.");
	struct ksk_dns_answer answer = {0};
	struct ksk_fault fault = {0};

	(void)state;
	assert_int_equal(ksk_dns_read(ksk_span_of(message, sizeof(message)),
				 &owner, KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_OK);
	assert_int_equal(answer.rcode, 0);
	assert_true(answer.authoritative);
	assert_int_equal(answer.size, sizeof(message));
	assert_int_equal(answer.rrset.count, 2);
	assert_int_equal(answer.rrset.ttl, 60);
	assert_true(ksk_rrset_is_canonical(&answer.rrset));
	assert_int_equal(answer.rrset.rdata[0].data[4], 7);
	assert_int_equal(answer.rrsig_count, 1);
	assert_int_equal(answer.rrsig[0].len, 22);
	/* RFC 4034 6.2: the signer's name is in lower case. */
	assert_int_equal(answer.rrsig[0].data[19], 'z');
	ksk_dns_answer_wipe(&answer);
	assert_int_equal(answer.rrset.count, 0);
}

static void
passes_over_what_is_about_others(void **state)
{
	struct ksk_name other = name_of("y."), owner = name_of("z.");
	struct ksk_dns_answer answer = {0};
	struct ksk_fault fault = {0};

	(void)state;
	assert_int_equal(ksk_dns_read(ksk_span_of(message, sizeof(message)),
				 &other, KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_OK);
	assert_int_equal(answer.rrset.count, 0);
	assert_int_equal(answer.rrsig_count, 0);
	ksk_dns_answer_wipe(&answer);
	assert_int_equal(ksk_dns_read(ksk_span_of(message, sizeof(message)),
				 &owner, KSK_TYPE_SOA, &answer, &fault),
		KSK_OK);
	assert_int_equal(answer.rrset.count, 0);
	assert_int_equal(answer.rrsig_count, 1);
	ksk_dns_answer_wipe(&answer);
}

static void
refuses_every_cut(void **state)
{
	struct ksk_name owner = name_of("z.");
	uint8_t copy[sizeof(message)];

	(void)state;
	for (size_t len = 0; len < sizeof(message); len++) {
		struct ksk_dns_answer answer = {.size = 77};
		struct ksk_fault fault = {0};

		memcpy(copy, message, len);
		assert_int_not_equal(
			ksk_dns_read(ksk_span_of(copy, len), &owner,
				KSK_TYPE_DNSKEY, &answer, &fault),
			KSK_OK);
		assert_int_equal(answer.size, 77);
		assert_true(fault.text[0] != '\0');
	}
}

/* RFC 2181 5.2 */
static void
tells_different_ttls(void **state)
{
	static const size_t first_ttl = 12 + 7 + 6 + 3;
	struct ksk_name owner = name_of("z.");
	struct ksk_dns_answer answer = {0};
	struct ksk_fault fault = {0};
	uint8_t copy[sizeof(message)];

	(void)state;
	memcpy(copy, message, sizeof(message));
	for (unsigned ttl = 60; ttl <= 61; ttl++) {
		assert_int_equal(copy[first_ttl], 60);
		copy[first_ttl] = (uint8_t)ttl;
		assert_int_equal(
			ksk_dns_read(ksk_span_of(copy, sizeof(copy)), &owner,
				KSK_TYPE_DNSKEY, &answer, &fault),
			KSK_OK);
		assert_int_equal(answer.rrset.ttl, ttl);
		assert_int_equal(answer.mixed_ttl, ttl == 61);
		ksk_dns_answer_wipe(&answer);
	}
}

/* RFC 2181 9: TC over TCP, too, means that something is missing. */
static void
refuses_what_says_that_it_is_cut(void **state)
{
	struct ksk_name owner = name_of("z.");
	struct ksk_dns_answer answer = {.size = 77};
	struct ksk_fault fault = {0};
	uint8_t copy[sizeof(message)];

	(void)state;
	memcpy(copy, message, sizeof(message));
	copy[2] |= 0x02;
	assert_int_equal(ksk_dns_read(ksk_span_of(copy, sizeof(copy)), &owner,
				 KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_ERR_MALFORMED);
	assert_int_equal(answer.size, 77);
	assert_non_null(strstr(fault.text, "cut"));
}

static void
says_that_nobody_answers(void **state)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ksk_endpoint endpoint;
	struct ksk_dns_server server = {
		.endpoint = &endpoint, .timeout_ms = 200};
	struct ksk_name owner = name_of("z.");
	struct ksk_dns_answer answer = {0};
	struct ksk_fault fault = {0};
	char address[40];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(
		address, sizeof(address), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(ksk_endpoint_read(address, &endpoint, &fault), KSK_OK);
	/* Nobody listens. */
	assert_int_equal(
		ksk_dns_ask(&server, &owner, KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_ERR_IO);
	assert_non_null(strstr(fault.text, address));
	/* Somebody takes the connection and says nothing. */
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(
		ksk_dns_ask(&server, &owner, KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_ERR_IO);
	assert_non_null(strstr(fault.text, "no answer in time"));
	/* Nobody is left. */
	close(fd);
	assert_int_equal(
		ksk_dns_ask(&server, &owner, KSK_TYPE_DNSKEY, &answer, &fault),
		KSK_ERR_IO);
	assert_null(answer.memory);
}

static void
finds_all_addresses(void **state)
{
	struct ksk_endpoint of, out[KSK_DNS_ADDRESS_MAX];
	struct ksk_fault fault = {0};
	size_t count = 0;

	(void)state;
	assert_int_equal(ksk_endpoint_read("[::1]:53", &of, &fault), KSK_OK);
	assert_int_equal(
		ksk_dns_addresses(&of, NULL, out, &count, &fault), KSK_OK);
	assert_int_equal(count, 1);
	assert_string_equal(out[0].address, "[::1]:53");
	assert_int_equal(
		ksk_endpoint_read("no.such.name.invalid:53", &of, &fault),
		KSK_OK);
	assert_int_equal(ksk_dns_addresses(&of, NULL, out, &count, &fault),
		KSK_ERR_NOT_FOUND);
	assert_int_equal(count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_set_and_its_rrsigs),
		cmocka_unit_test(passes_over_what_is_about_others),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(tells_different_ttls),
		cmocka_unit_test(refuses_what_says_that_it_is_cut),
		cmocka_unit_test(says_that_nobody_answers),
		cmocka_unit_test(finds_all_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
