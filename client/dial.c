/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dial - see dial.h.
 */
#include "client/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Returns 0, or an errno. */
static int
wait_connected(int fd, unsigned timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	int error = 0, n;
	socklen_t len = sizeof(error);

	do {
		n = poll(&poll_fd, 1, (int)timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return ETIMEDOUT;
	if (n < 0)
		return errno;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

/* Returns a descriptor, or -1 with *out_error. */
static int
dial_one(const struct addrinfo *to, unsigned timeout_ms, int *out_error)
{
	int one = 1;
	int fd = socket(to->ai_family,
		to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		to->ai_protocol);

	if (fd < 0) {
		*out_error = errno;
		return -1;
	}
	/* Small frames in both directions: waiting for more costs 40 ms. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*out_error = 0;
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
		*out_error = errno == EINPROGRESS
			? wait_connected(fd, timeout_ms)
			: errno;
	if (*out_error == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int
ksk_dial(const struct ksk_endpoint *endpoint, unsigned timeout_ms,
	bool *out_lost, struct ksk_fault *fault)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	int error = 0, fd = -1;
	int found = getaddrinfo(endpoint->host, endpoint->port, &hints, &list);

	*out_lost = false;
	if (found != 0) {
		ksk_fault_set(fault, "%s: %s", endpoint->address,
			gai_strerror(found));
		return -1;
	}
	for (const struct addrinfo *to = list; to != NULL && fd < 0;
		to = to->ai_next)
		fd = dial_one(to, timeout_ms, &error);
	freeaddrinfo(list);
	*out_lost = fd < 0 && error == ECONNRESET;
	if (fd < 0)
		ksk_fault_set(
			fault, "%s: %s", endpoint->address, strerror(error));
	return fd;
}
