/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd-frontend - the only process that hears strangers. It turns TLS into
 * frames and hands them to the signer, and knows nothing else: no disk, no
 * policy, no token, no other network than the socket it was given.
 */
#include "appliance/base/child.h"
#include "appliance/base/exit.h"
#include "appliance/base/log.h"
#include "appliance/base/sandbox.h"
#include "appliance/frontend/credentials.h"
#include "appliance/frontend/frontend.h"

#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROGRAM "kskd-frontend"

/* Descriptors besides those of connections, with some to spare. */
#define OTHER_DESCRIPTORS 64u

/* A connection's slot is 24 bits of its id. */
#define CONNECTIONS_MAX (1u << 20)

/* Everything else ends the process. With what every program may do (sandbox.c)
 * these are fewer than thirty. */
static const struct ksk_syscall calls[] = {
	/* connections: accepted, read, written, ended, never made */
	KSK_ALLOW(accept4),
	KSK_ALLOW(read),
	KSK_ALLOW(write),
	KSK_ALLOW(close),
	KSK_ALLOW(shutdown),
	{SCMP_SYS(setsockopt), 2, TCP_NODELAY, 0},
	{SCMP_SYS(setsockopt), 2, TCP_QUICKACK, 0},
	/* links */
	KSK_ALLOW(sendmsg),
	KSK_ALLOW(recvmsg),
	/* event loop */
	KSK_ALLOW(epoll_wait),
	KSK_ALLOW(epoll_ctl),
	/* OpenSSL: seeding, and whether this is still the same process */
	KSK_ALLOW(getrandom),
	KSK_ALLOW(getpid),
	/* memory, never executable */
	KSK_ALLOW(brk),
	{SCMP_SYS(mmap), 2, 0, PROT_EXEC},
	{SCMP_SYS(mprotect), 2, 0, PROT_EXEC},
	KSK_ALLOW(mremap),
	KSK_ALLOW(munmap),
	KSK_ALLOW(madvise),
	KSK_ALLOW(futex),
};

static struct ksk_frontend front;

static _Noreturn void
fail(int code, const char *event, const char *sentence, const char *cause)
{
	ksk_log(KSK_LOG_ERROR, event, sentence, "cause", cause,
		(const char *)NULL);
	ksk_child_exit(code);
}

static void
must(enum ksk_err err)
{
	if (err != KSK_OK)
		fail(KSK_EXIT_INTERNAL, "not-started",
			"the frontend can't be set up", ksk_err_text(err));
}

static bool
is_usable(const struct ksk_start_frontend *limits)
{
	return limits->connections > 0 &&
		limits->connections <= CONNECTIONS_MAX &&
		limits->connections_per_address > 0 &&
		limits->handshake_ms > 0 && limits->idle_ms > 0 &&
		limits->frame_ms > 0;
}

static void
receive_start(struct ksk_link control, int out_fds[KSK_LINK_FD_MAX])
{
	struct ksk_buf buf = ksk_buf_of(
		front.control.data, sizeof front.control.data);
	size_t fd_count = 0;
	enum ksk_err err = ksk_child_start(&control, &buf, out_fds, &fd_count);

	if (err == KSK_OK)
		err = ksk_start_frontend_read(
			ksk_buf_span(&buf), &front.limits);
	if (err == KSK_OK && (fd_count != 3 || !is_usable(&front.limits)))
		err = KSK_ERR_MALFORMED;
	if (err == KSK_ERR_CLOSED)
		ksk_child_exit(KSK_EXIT_OK);
	if (err != KSK_OK)
		ksk_control_die("kskd", err);
}

/* Descriptors for all connections; what is missing is met by `rest` in
 * listen.c, but the operator should know. */
static void
raise_descriptors(void)
{
	const rlim_t need = front.limits.connections + OTHER_DESCRIPTORS;
	char have[KSK_NUM_CAP];
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < need)
		ksk_log(KSK_LOG_WARN, "few-descriptors",
			"the limit of open files is below limits.connections, "
			"raise LimitNOFILE",
			"limit", ksk_num(have, limit.rlim_cur),
			(const char *)NULL);
}

static void
load_credentials(const int fds[KSK_LINK_FD_MAX])
{
	struct ksk_fault fault = {.text = ""};

	must(ksk_tls_init());
	if (ksk_credentials_load(fds[1], fds[2], false, &front.tls, &fault) !=
		KSK_OK)
		fail(KSK_EXIT_TLS, "tls-unusable",
			"TLS key or certificate can't be used", fault.text);
	close(fds[1]);
	close(fds[2]);
}

static void
log_libevent(int severity, const char *text)
{
	ksk_log(severity >= EVENT_LOG_ERR ? KSK_LOG_ERROR : KSK_LOG_DEBUG,
		"event-loop", "libevent has something to say", "text", text,
		(const char *)NULL);
}

/* Callbacks of strangers are left after two milliseconds if others wait. With
 * the list of changes a write that is asked for and done in one turn costs no
 * epoll_ctl; the kernel's bug with dup() that libevent warns of can't come, as
 * no descriptor is duplicated here. */
static struct event_base *
make_base(void)
{
	const struct timeval slice = {.tv_usec = 2000};
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	event_set_log_callback(log_libevent);
	if (config != NULL &&
		event_config_set_flag(config,
			EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
				EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0 &&
		event_config_set_max_dispatch_interval(
			config, &slice, -1, KSK_PRIORITY_STRANGER) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	if (base == NULL ||
		event_base_priority_init(base, KSK_PRIORITY_COUNT) != 0)
		must(KSK_ERR_NO_MEMORY);
	return base;
}

static void
set_up(struct ksk_link control, int listen_fd)
{
	front.base = make_base();
	must(ksk_fold_init(&front.fold, front.base));
	must(ksk_peers_init(&front.peers, front.limits.connections));
	must(ksk_conn_init(&front, front.limits.connections));
	must(ksk_relay_init(&front));
	must(ksk_listen_init(&front, listen_fd));
	must(ksk_control_init(&front, control));
}

static void
enter_sandbox(void)
{
	const struct ksk_sandbox sandbox = {
		.calls = calls,
		.call_count = sizeof calls / sizeof calls[0],
	};
	struct ksk_fault fault = {.text = ""};
	int landlock_abi = 0;

	if (ksk_sandbox_enter(&sandbox, &landlock_abi, &fault) != KSK_OK)
		fail(KSK_EXIT_SANDBOX, "sandbox-failed",
			"the sandbox can't be entered", fault.text);
	if (landlock_abi == 0)
		ksk_log(KSK_LOG_WARN, "no-landlock",
			"this kernel has no Landlock; files are out of reach "
			"by seccomp alone",
			(const char *)NULL);
}

int
main(void)
{
	const struct ksk_link control = ksk_child_begin(PROGRAM);
	int fds[KSK_LINK_FD_MAX];

	receive_start(control, fds);
	raise_descriptors();
	load_credentials(fds);
	set_up(control, fds[0]);
	enter_sandbox();
	ksk_probe(PROGRAM);
	ksk_control_ready(&front);
	(void)event_base_dispatch(front.base);
	fail(KSK_EXIT_INTERNAL, "event-loop", "the event loop has ended", NULL);
}
