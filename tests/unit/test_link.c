/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of link: whole packets, descriptors, and what a broken peer sends.
 */
#include "appliance/base/link.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t room[KSK_PACKET_MAX];
static uint8_t sent[KSK_PACKET_MAX + 8];

struct pair {
	struct ksk_link a, b;
};

static struct pair
make_pair(void)
{
	int fds[2];

	assert_int_equal(ksk_link_pair(fds), KSK_OK);
	return (struct pair){.a = {.fd = fds[0]}, .b = {.fd = fds[1]}};
}

static void
close_pair(struct pair *p)
{
	ksk_link_close(&p->a);
	ksk_link_close(&p->b);
}

static void
test_pair_flags(void **state)
{
	struct pair p = make_pair();

	(void)state;
	assert_int_equal(fcntl(p.a.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(p.b.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close_pair(&p);
	assert_int_equal(p.a.fd, -1);
	ksk_link_close(&p.a);
}

static void
test_packets_keep_their_bounds(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	memset(sent, 'x', KSK_PACKET_MAX);
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of("ab", 2), NULL, 0), KSK_OK);
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of(sent, KSK_PACKET_MAX), NULL, 0),
		KSK_OK);
	assert_int_equal(ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_OK);
	assert_int_equal(buf.len, 2);
	assert_memory_equal(room, "ab", 2);
	assert_int_equal(ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_OK);
	assert_int_equal(buf.len, KSK_PACKET_MAX);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_ERR_AGAIN);
	assert_int_equal(buf.len, KSK_PACKET_MAX);
	close_pair(&p);
}

/* What was sent before the end is still read. */
static void
test_closed_peer(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_link none = {.fd = -1};

	(void)state;
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of("a", 1), NULL, 0), KSK_OK);
	ksk_link_close(&p.a);
	assert_int_equal(ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_OK);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_ERR_CLOSED);
	assert_int_equal(ksk_link_send(&p.b, ksk_span_of("a", 1), NULL, 0),
		KSK_ERR_CLOSED);
	assert_int_equal(ksk_link_send(&none, ksk_span_of("a", 1), NULL, 0),
		KSK_ERR_CLOSED);
	assert_int_equal(
		ksk_link_recv(&none, &buf, NULL, 0, NULL), KSK_ERR_CLOSED);
	close_pair(&p);
}

/* A full link says so; after the peer has read, it takes packets again. */
static void
test_full_link(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	enum ksk_err err = KSK_OK;
	size_t count = 0;

	(void)state;
	while (err == KSK_OK && count < 10000) {
		err = ksk_link_send(
			&p.a, ksk_span_of(sent, KSK_PACKET_MAX), NULL, 0);
		if (err == KSK_OK)
			count++;
	}
	assert_int_equal(err, KSK_ERR_AGAIN);
	assert_true(count >= 4);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(
			ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_OK);
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of(sent, KSK_PACKET_MAX), NULL, 0),
		KSK_OK);
	close_pair(&p);
}

static void
test_descriptors_travel(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	int fds[KSK_LINK_FD_MAX], got[KSK_LINK_FD_MAX];
	size_t count = 0;
	char c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of("x", 1), fds, KSK_LINK_FD_MAX),
		KSK_OK);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, got, KSK_LINK_FD_MAX, &count),
		KSK_OK);
	assert_int_equal(count, KSK_LINK_FD_MAX);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(
			fcntl(got[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(write(got[1], "!", 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	for (size_t i = 0; i < KSK_LINK_FD_MAX; i++) {
		close(fds[i]);
		close(got[i]);
	}
	close_pair(&p);
}

static int
lowest_free_fd(void)
{
	const int fd = dup(0);

	close(fd);
	return fd;
}

/* A descriptor where none is due means a broken peer, and must not stay open
 * here. */
static void
test_unasked_descriptor_is_refused(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	const int two[2] = {0, 0};
	const int before = lowest_free_fd();
	int got[1];
	size_t count = 77;

	(void)state;
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of("x", 1), two, 1), KSK_OK);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_ERR_MALFORMED);
	assert_int_equal(
		ksk_link_send(&p.a, ksk_span_of("x", 1), two, 2), KSK_OK);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, got, 1, &count), KSK_ERR_MALFORMED);
	assert_int_equal(count, 77);
	assert_int_equal(lowest_free_fd(), before);
	close_pair(&p);
}

/* More descriptors than the protocol has are cut by the kernel: refused. */
static void
test_too_many_descriptors(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	const int before = lowest_free_fd();
	union {
		struct cmsghdr align;
		unsigned char room[CMSG_SPACE(6 * sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room,
	};
	struct cmsghdr *c;
	const int fds[6] = {0};
	int got[KSK_LINK_FD_MAX];
	size_t count;

	(void)state;
	memset(&control, 0, sizeof control);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	assert_int_equal(sendmsg(p.a.fd, &msg, 0), 1);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, got, KSK_LINK_FD_MAX, &count),
		KSK_ERR_MALFORMED);
	assert_int_equal(lowest_free_fd(), before);
	close_pair(&p);
}

static void
test_cut_and_empty_packets(void **state)
{
	struct pair p = make_pair();
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(
		send(p.a.fd, sent, KSK_PACKET_MAX + 1, 0), KSK_PACKET_MAX + 1);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_ERR_MALFORMED);
	assert_int_equal(send(p.a.fd, sent, 0, 0), 0);
	assert_int_equal(
		ksk_link_recv(&p.b, &buf, NULL, 0, NULL), KSK_ERR_MALFORMED);
	close_pair(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair_flags),
		cmocka_unit_test(test_packets_keep_their_bounds),
		cmocka_unit_test(test_closed_peer),
		cmocka_unit_test(test_full_link),
		cmocka_unit_test(test_descriptors_travel),
		cmocka_unit_test(test_unasked_descriptor_is_refused),
		cmocka_unit_test(test_too_many_descriptors),
		cmocka_unit_test(test_cut_and_empty_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
