/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - see link.h. Uses no system calls but socketpair, setsockopt (by kskd
 * only), sendmsg, recvmsg and close, so that sandbox lists stay short.
 */
#include "appliance/base/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel doubles it and counts its own overhead: 1 MiB of packets fit. */
#define SEND_ROOM (1024 * 1024)

union control {
	struct cmsghdr align;
	unsigned char room[CMSG_SPACE(KSK_LINK_FD_MAX * sizeof(int))];
};

/* Without CAP_NET_ADMIN the kernel gives what net.core.wmem_max allows;
 * credits and POLLOUT do the rest. */
static void
widen(int fd)
{
	const int room = SEND_ROOM;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

enum ksk_err
ksk_link_pair(int out_fds[2])
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fds[2];

	if (socketpair(AF_UNIX, type, 0, fds) != 0)
		return KSK_ERR_IO;
	widen(fds[0]);
	widen(fds[1]);
	out_fds[0] = fds[0];
	out_fds[1] = fds[1];
	return KSK_OK;
}

void
ksk_link_close(struct ksk_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

static void
attach_fds(struct msghdr *msg, union control *control, const int *fds,
	size_t fd_count)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof *control);
	msg->msg_control = control->room;
	msg->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
}

static enum ksk_err
err_of(int number)
{
	switch (number) {
	case EAGAIN:
	case ENOBUFS:
		return KSK_ERR_AGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
		return KSK_ERR_CLOSED;
	default:
		return KSK_ERR_IO;
	}
}

enum ksk_err
ksk_link_send(const struct ksk_link *link, struct ksk_span packet,
	const int *fds, size_t fd_count)
{
	/* msghdr is not const; sendmsg only reads. */
	struct iovec iov = {
		.iov_base = (void *)(uintptr_t)packet.data,
		.iov_len = packet.len,
	};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	ssize_t n;

	if (packet.len == 0 || packet.len > KSK_PACKET_MAX ||
		fd_count > KSK_LINK_FD_MAX)
		abort();
	if (link->fd < 0)
		return KSK_ERR_CLOSED;
	if (fd_count > 0)
		attach_fds(&msg, &control, fds, fd_count);
	do
		n = sendmsg(link->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_of(errno) : KSK_OK;
}

/* Takes the descriptors out of a received message. Returns how many; *out_odd:
 * there was something else than descriptors. */
static size_t
collect_fds(struct msghdr *msg, int fds[KSK_LINK_FD_MAX], bool *out_odd)
{
	size_t count = 0;

	*out_odd = false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
		c = CMSG_NXTHDR(msg, c)) {
		const size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
			len > (KSK_LINK_FD_MAX - count) * sizeof(int)) {
			*out_odd = true;
			continue;
		}
		memcpy(fds + count, CMSG_DATA(c), len);
		count += len / sizeof(int);
	}
	return count;
}

static void
close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* recvmsg gives 0 for an empty packet and for the end. A second look tells
 * which: after the end it stays 0. */
static enum ksk_err
judge_empty(int fd)
{
	unsigned char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && err_of(errno) == KSK_ERR_CLOSED)
		? KSK_ERR_CLOSED
		: KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_link_recv(const struct ksk_link *link, struct ksk_buf *buf, int *out_fds,
	size_t fd_cap, size_t *out_fd_count)
{
	struct iovec iov = {.iov_base = buf->data, .iov_len = buf->cap};
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room,
	};
	int fds[KSK_LINK_FD_MAX];
	size_t fd_count;
	bool odd;
	ssize_t n;

	if (buf->cap < KSK_PACKET_MAX)
		abort();
	if (link->fd < 0)
		return KSK_ERR_CLOSED;
	do
		n = recvmsg(link->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_of(errno);
	fd_count = collect_fds(&msg, fds, &odd);
	if (odd || fd_count > fd_cap ||
		(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
		(size_t)n > KSK_PACKET_MAX || (n == 0 && fd_count > 0)) {
		close_fds(fds, fd_count);
		return KSK_ERR_MALFORMED;
	}
	if (n == 0)
		return judge_empty(link->fd);
	if (fd_count > 0)
		memcpy(out_fds, fds, fd_count * sizeof(int));
	if (out_fd_count != NULL)
		*out_fd_count = fd_count;
	buf->len = (size_t)n;
	return KSK_OK;
}
