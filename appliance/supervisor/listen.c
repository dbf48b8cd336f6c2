/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen - see listen.h.
 */
#include "appliance/supervisor/listen.h"

#include "appliance/base/address.h"
#include "appliance/base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections that wait for a frontend: more than a restart collects. */
#define BACKLOG 256

#define FIRST_PASSED_FD 3

/* Returns how many sockets the service manager passes to this process. */
static uint64_t
count_passed(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	uint64_t pid_number, n;

	if (pid == NULL || count == NULL ||
		ksk_text_uint(pid, 1, INT32_MAX, &pid_number) != KSK_OK ||
		pid_number != (uint64_t)getpid() ||
		ksk_text_uint(count, 1, INT32_MAX, &n) != KSK_OK)
		return 0;
	return n;
}

static bool
has_option(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t len = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 &&
		value == wanted;
}

static bool
is_tcp_listener(int fd)
{
	return has_option(fd, SO_ACCEPTCONN, 1) &&
		has_option(fd, SO_TYPE, SOCK_STREAM) &&
		(has_option(fd, SO_DOMAIN, AF_INET) ||
			has_option(fd, SO_DOMAIN, AF_INET6));
}

static enum ksk_err
take_passed(uint64_t count, int *out_fd, struct ksk_fault *fault)
{
	const int fd = FIRST_PASSED_FD;
	int flags;

	if (count != 1 || !is_tcp_listener(fd)) {
		ksk_fault_set(fault,
			"the service manager must pass exactly one listening "
			"TCP socket (ListenStream=)");
		return KSK_ERR_IO;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		ksk_fault_set(fault, "the passed socket can't be used: %s",
			strerror(errno));
		return KSK_ERR_IO;
	}
	*out_fd = fd;
	return KSK_OK;
}

static const char *
remedy_of(int number)
{
	switch (number) {
	case EADDRINUSE:
		return "another process listens there; find it with: ss -ltnp";
	case EADDRNOTAVAIL:
		return "no interface of this machine has the address";
	case EACCES:
		return "a port below 1024 needs root";
	default:
		return "see listen in kskd.yaml(5)";
	}
}

static enum ksk_err
bind_own(const char *text, int *out_fd, struct ksk_fault *fault)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = 0;
	const int on = 1;
	int fd;

	if (ksk_address_read(text, &address, &len) != KSK_OK)
		abort();
	fd = socket(address.ss_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
		bind(fd, (const struct sockaddr *)&address, len) == 0 &&
		listen(fd, BACKLOG) == 0) {
		*out_fd = fd;
		return KSK_OK;
	}
	ksk_fault_set(fault, "listen on %s: %s: %s", text, strerror(errno),
		remedy_of(errno));
	if (fd >= 0)
		close(fd);
	return KSK_ERR_IO;
}

enum ksk_err
ksk_listen_open(const char *address, int *out_fd, struct ksk_fault *fault)
{
	const uint64_t passed = count_passed();

	if (passed > 0)
		return take_passed(passed, out_fd, fault);
	return bind_own(address, out_fd, fault);
}
