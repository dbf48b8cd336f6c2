/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - see child.h.
 */
#include "appliance/base/child.h"

#include "appliance/base/clock.h"
#include "appliance/base/exit.h"
#include "appliance/base/log.h"
#include "appliance/base/packet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef KSK_SANITIZED
#include <sanitizer/lsan_interface.h>
#endif

#define START_WAIT_MS 10000u

_Noreturn void
ksk_child_exit(int code)
{
#ifdef KSK_SANITIZED
	/* _exit passes over the check at exit. */
	if (__lsan_do_recoverable_leak_check() != 0)
		code = KSK_EXIT_LEAK;
#endif
	_exit(code);
}

static _Noreturn void
fail(const char *sentence)
{
	ksk_log(KSK_LOG_ERROR, "not-started", sentence, (const char *)NULL);
	_exit(KSK_EXIT_USAGE);
}

static bool
is_control_socket(void)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(KSK_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) ==
		0 &&
		type == SOCK_SEQPACKET;
}

/* kskd made the control socket, so its credentials name kskd. If kskd died
 * before the prctl, no signal comes, but somebody else is the parent. */
static bool
is_orphan(void)
{
	struct ucred cred = {.pid = 0};
	socklen_t len = sizeof cred;

	return getsockopt(KSK_CONTROL_FD, SOL_SOCKET, SO_PEERCRED, &cred,
		       &len) != 0 ||
		cred.pid != getppid();
}

static void
set_signals(void)
{
	static const int ignored[] = {
		SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXFSZ};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
		if (sigaction(ignored[i], &ignore, NULL) != 0)
			abort();
	}
	/* exec keeps the mask of the process that started this one. */
	if (sigemptyset(&none) != 0 ||
		sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		abort();
}

static bool
protect_memory(void)
{
	const struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};

	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		return false;
#ifndef KSK_SANITIZED
	/* The leak check attaches to its own process. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return false;
#endif
	return true;
}

struct ksk_link
ksk_child_begin(const char *program)
{
	ksk_log_init(program, KSK_LOG_INFO);
	/* Executed by descriptor: the kernel knows no better name. */
	if (prctl(PR_SET_NAME, program, 0, 0, 0) != 0)
		fail("the process can't be named");
	if (!is_control_socket())
		fail("this program is started by kskd only, not by hand");
	set_signals();
	umask(077);
	if (!protect_memory())
		fail("the kernel refuses to keep this process's memory "
		     "private");
	if (close_range(KSK_CONTROL_FD + 1, ~0u, 0) != 0)
		fail("inherited descriptors can't be closed");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		fail("the kernel refuses to watch kskd");
	if (is_orphan())
		fail("kskd is gone");
	return (struct ksk_link){.fd = KSK_CONTROL_FD, .generation = 0};
}

static void
wait_readable(int fd, uint64_t until_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	const uint64_t now_ms = ksk_clock_mono_ms();

	if (now_ms < until_ms)
		(void)poll(&pfd, 1, (int)(until_ms - now_ms));
}

static bool
is_start(struct ksk_span packet)
{
	struct ksk_wire body;

	return ksk_packet_open(packet, &body) == KSK_CTL_START;
}

enum ksk_err
ksk_child_start(const struct ksk_link *control, struct ksk_buf *buf,
	int out_fds[KSK_LINK_FD_MAX], size_t *out_fd_count)
{
	const uint64_t until_ms = ksk_clock_mono_ms() + START_WAIT_MS;
	int fds[KSK_LINK_FD_MAX];
	size_t count = 0;
	enum ksk_err err;

	while ((err = ksk_link_recv(control, buf, fds, KSK_LINK_FD_MAX,
			&count)) == KSK_ERR_AGAIN &&
		ksk_clock_mono_ms() < until_ms)
		wait_readable(control->fd, until_ms);
	if (err != KSK_OK)
		return err;
	if (!is_start(ksk_buf_span(buf))) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return KSK_ERR_MALFORMED;
	}
	for (size_t i = 0; i < count; i++)
		out_fds[i] = fds[i];
	*out_fd_count = count;
	return KSK_OK;
}
