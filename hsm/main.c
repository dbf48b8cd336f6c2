/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd-token - the worker: one PKCS#11 module, one login, one session. It has
 * no network (unless the token is one), no journal and no policy; it signs
 * what the keymap allows. Started by kskd only; main() is the list of what
 * happens. See appliance/PRIVSEP.md.
 */
#include "appliance/base/child.h"
#include "appliance/base/exit.h"
#include "appliance/base/log.h"
#include "appliance/base/sandbox.h"
#include "appliance/base/start.h"
#include "hsm/keymap.h"
#include "hsm/token.h"
#include "hsm/worker.h"
#include "protocol/msg.h"

#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "kskd-token"

/* The PIN is in the pipe before this process starts. */
#define PIN_WAIT_MS 5000u

/* C_Finalize of a token that is gone may never return. */
#define LEAVE_SEC 1u

/*
 * What a worker may ask of the kernel: to load the module (openat to munmap),
 * to read and lock its files, to talk to a resource manager or card daemon
 * over AF_UNIX, and our own packets. No exec, no fork, no thread.
 */
static const struct ksk_syscall calls[] = {
	/* memory */
	KSK_ALLOW(brk),
	KSK_ALLOW(mmap),
	KSK_ALLOW(mprotect),
	KSK_ALLOW(mremap),
	KSK_ALLOW(munmap),
	KSK_ALLOW(madvise),
	/* files of the loader, the module and its store */
	KSK_ALLOW(access),
	KSK_ALLOW(close),
	KSK_ALLOW(fcntl),
	KSK_ALLOW(fdatasync),
	KSK_ALLOW(fstat),
	KSK_ALLOW(fsync),
	KSK_ALLOW(ftruncate),
	KSK_ALLOW(getdents64),
	KSK_ALLOW(ioctl),
	KSK_ALLOW(lseek),
	KSK_ALLOW(newfstatat),
	KSK_ALLOW(openat),
	KSK_ALLOW(pread64),
	KSK_ALLOW(pwrite64),
	KSK_ALLOW(read),
	KSK_ALLOW(unlink),
	KSK_ALLOW(write),
	KSK_ALLOW(flock),
	/* what C libraries do */
	KSK_ALLOW(futex),
	KSK_ALLOW(getpid),
	KSK_ALLOW(getuid),
	KSK_ALLOW(geteuid),
	KSK_ALLOW(getrandom),
	KSK_ALLOW(prlimit64),
	KSK_ALLOW(rt_sigaction),
	KSK_ALLOW(rt_sigprocmask),
	/* packets; /dev/log and daemons of tokens */
	KSK_ALLOW(poll),
	KSK_ALLOW(recvmsg),
	KSK_ALLOW(sendmsg),
	{SCMP_SYS(socket), 0, AF_UNIX, 0},
	KSK_ALLOW(connect),
	KSK_ALLOW(sendto),
	KSK_ALLOW(recvfrom),
	/* the end */
	KSK_ALLOW(alarm),
};

/* Only for `network: yes`: a module that reaches its token over TCP. */
static const struct ksk_syscall network_calls[] = {
	{SCMP_SYS(socket), 0, AF_INET, 0},
	{SCMP_SYS(socket), 0, AF_INET6, 0},
	{SCMP_SYS(socket), 0, AF_NETLINK, 0}, /* getaddrinfo */
	KSK_ALLOW(bind),
	KSK_ALLOW(getsockname),
	KSK_ALLOW(getpeername),
	KSK_ALLOW(getsockopt),
	KSK_ALLOW(setsockopt),
	KSK_ALLOW(shutdown),
	KSK_ALLOW(select),
	KSK_ALLOW(pselect6),
	KSK_ALLOW(sendmmsg),
	KSK_ALLOW(uname),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define READ_EXECUTE (KSK_PATH_READ | KSK_PATH_EXECUTE)

/* What any module needs of the file system; its own paths are configured. */
static const struct ksk_path_rule system_paths[] = {
	{"/lib", READ_EXECUTE},
	{"/lib64", READ_EXECUTE},
	{"/usr/lib", READ_EXECUTE},
	{"/usr/lib64", READ_EXECUTE},
	{"/usr/local/lib", READ_EXECUTE},
	{"/etc/ld.so.cache", KSK_PATH_READ},
	{"/etc/ssl/openssl.cnf", KSK_PATH_READ},
	{"/etc/localtime", KSK_PATH_READ},
	{"/dev/null", KSK_PATH_READ | KSK_PATH_WRITE},
	{"/dev/random", KSK_PATH_READ},
	{"/dev/urandom", KSK_PATH_READ},
};

static const struct ksk_path_rule network_paths[] = {
	{"/etc/gai.conf", KSK_PATH_READ},
	{"/etc/host.conf", KSK_PATH_READ},
	{"/etc/hosts", KSK_PATH_READ},
	{"/etc/nsswitch.conf", KSK_PATH_READ},
	{"/etc/resolv.conf", KSK_PATH_READ},
	{"/etc/services", KSK_PATH_READ},
};

#define PATH_MAX_COUNT \
	(COUNT(system_paths) + COUNT(network_paths) + 1 + \
		KSK_MODULE_PATHS_MAX + KSK_ENVIRONMENT_MAX)

/* What the process ends with if C_Finalize hangs; set before the alarm. */
static volatile sig_atomic_t leaving_with = KSK_EXIT_TOKEN;

static void
on_alarm(int number)
{
	(void)number;
	_exit(leaving_with);
}

static void
log_fault(const char *event, const char *sentence, const char *token,
	const struct ksk_fault *fault)
{
	ksk_log(KSK_LOG_ERROR, event, sentence, "token", token, "why",
		fault->text, (const char *)NULL);
}

/* ---- the first packet ---- */

static enum ksk_exit
take_start(struct ksk_worker *w, int *out_pin_fd, int *out_keymap_fd)
{
	int fds[KSK_LINK_FD_MAX];
	size_t count = 0;
	enum ksk_err r;

	if ((r = ksk_worker_prepare(w)) != KSK_OK)
		return KSK_EXIT_INTERNAL;
	r = ksk_child_start(&w->control, &w->in, fds, &count);
	if (r == KSK_ERR_CLOSED)
		return KSK_EXIT_OK; /* kskd is gone */
	if (r == KSK_OK)
		r = ksk_start_worker_read(ksk_buf_span(&w->in), &w->start);
	if (r != KSK_OK || count != 2) {
		ksk_log(KSK_LOG_ERROR, "peer-broken",
			"the first packet from kskd is not this worker's start",
			"why", ksk_err_text(r), (const char *)NULL);
		return KSK_EXIT_PEER;
	}
	*out_pin_fd = fds[0];
	*out_keymap_fd = fds[1];
	return KSK_EXIT_OK;
}

/* ---- before the sandbox ---- */

/* The module sees the environment of the configuration and nothing else. */
static bool
set_environment(struct ksk_start_worker *start)
{
	if (clearenv() != 0)
		return false;
	for (size_t i = 0; i < start->environment_count; i++) {
		if (putenv(start->environment[i]) != 0)
			return false;
	}
	return true;
}

/* ---- the sandbox ---- */

static size_t
add_rules(struct ksk_path_rule *out, size_t count,
	const struct ksk_path_rule *rules, size_t rule_count)
{
	memcpy(out + count, rules, rule_count * sizeof(*rules));
	return count + rule_count;
}

/*
 * folder: room for the module's folder. Files and folders that the
 * environment names (SOFTHSM2_CONF, TPM2_PKCS11_STORE) may be read.
 */
static size_t
list_paths(const struct ksk_start_worker *start, char folder[KSK_PATH_CAP],
	struct ksk_path_rule out[PATH_MAX_COUNT])
{
	size_t n = add_rules(out, 0, system_paths, COUNT(system_paths));
	char *slash;

	if (start->network)
		n = add_rules(out, n, network_paths, COUNT(network_paths));
	memcpy(folder, start->module, KSK_PATH_CAP);
	slash = strrchr(folder, '/');
	if (slash != NULL && slash != folder) {
		*slash = '\0';
		out[n++] = (struct ksk_path_rule){folder, READ_EXECUTE};
	}
	for (size_t i = 0; i < start->environment_count; i++) {
		const char *value = strchr(start->environment[i], '=');

		if (value != NULL && value[1] == '/' && value[2] != '\0')
			out[n++] = (struct ksk_path_rule){
				value + 1, KSK_PATH_READ};
	}
	for (size_t i = 0; i < start->path_count; i++)
		out[n++] = (struct ksk_path_rule){
			start->path[i], start->path_access[i]};
	return n;
}

static enum ksk_exit
enter_sandbox(const struct ksk_start_worker *start)
{
	struct ksk_syscall allowed[COUNT(calls) + COUNT(network_calls)];
	struct ksk_path_rule paths[PATH_MAX_COUNT];
	char folder[KSK_PATH_CAP];
	struct ksk_sandbox sandbox = {
		.calls = allowed,
		.call_count = COUNT(calls),
		.paths = paths,
		.path_count = list_paths(start, folder, paths),
		.network = start->network,
	};
	struct ksk_fault fault = {""};
	int abi = 0;

	memcpy(allowed, calls, sizeof(calls));
	if (start->network) {
		memcpy(allowed + COUNT(calls), network_calls,
			sizeof(network_calls));
		sandbox.call_count += COUNT(network_calls);
	}
	if (ksk_sandbox_enter(&sandbox, &abi, &fault) != KSK_OK) {
		log_fault("sandbox-failed", "the sandbox can't be entered",
			start->token, &fault);
		return KSK_EXIT_SANDBOX;
	}
	if (abi == 0)
		ksk_log(KSK_LOG_WARN, "no-landlock",
			"the kernel has no Landlock, files are guarded by "
			"owner and mode only",
			(const char *)NULL);
	return KSK_EXIT_OK;
}

/* ---- token and login ---- */

static enum ksk_exit
exit_of_open(enum ksk_err r)
{
	switch (r) {
	case KSK_ERR_IO:
		return KSK_EXIT_MODULE;
	case KSK_ERR_BAD_INPUT:
		return KSK_EXIT_CONFIG;
	case KSK_ERR_NO_MEMORY:
		return KSK_EXIT_INTERNAL;
	default:
		return KSK_EXIT_TOKEN;
	}
}

static enum ksk_exit
exit_of_login(enum ksk_err r)
{
	switch (r) {
	case KSK_ERR_PIN_WRONG:
		return KSK_EXIT_PIN;
	case KSK_ERR_PIN_LOCKED:
		return KSK_EXIT_PIN_LOCKED;
	case KSK_ERR_BAD_INPUT:
		return KSK_EXIT_PIN_SOURCE;
	default:
		return KSK_EXIT_TOKEN;
	}
}

/* Tells kskd what became of the login: the others wait for it. */
static void
report_login(struct ksk_worker *w, enum ksk_err r, enum ksk_exit code,
	const struct ksk_fault *fault)
{
	struct ksk_ctl_state state = {
		.index = w->start.index,
		.state = KSK_STATE_READY,
		.err = (uint8_t)-r,
	};

	if (r != KSK_OK) {
		bool pin = code == KSK_EXIT_PIN ||
			code == KSK_EXIT_PIN_LOCKED ||
			code == KSK_EXIT_PIN_SOURCE;

		state.state = pin ? KSK_STATE_LOCKED : KSK_STATE_TOKEN_DOWN;
		memcpy(state.why, fault->text, sizeof(state.why));
	}
	/* A control socket that takes nothing shows in the loop. */
	if (ksk_ctl_state_write(KSK_CTL_LOGIN, &state, &w->out) == KSK_OK)
		(void)!ksk_link_send(
			&w->control, ksk_buf_span(&w->out), NULL, 0);
}

static enum ksk_err
read_pin_and_login(struct ksk_worker *w, struct ksk_pin *pin, int pin_fd,
	enum ksk_exit *out_code, struct ksk_fault *fault)
{
	enum ksk_err r = ksk_pin_read_fd(pin, pin_fd, PIN_WAIT_MS, fault);

	(void)close(pin_fd);
	if (r != KSK_OK) {
		*out_code = KSK_EXIT_PIN_SOURCE;
		return r;
	}
	r = ksk_token_login(w->token, pin, fault);
	if (r != KSK_OK)
		*out_code = exit_of_login(r);
	return r;
}

static enum ksk_exit
open_token(struct ksk_worker *w, struct ksk_pin **pin, int pin_fd)
{
	const struct ksk_token_choice choice = {
		.module = w->start.module,
		.init = w->start.init,
		.uri = w->start.uri,
		.writable = w->start.anchor,
	};
	struct ksk_fault fault = {""};
	enum ksk_exit code = KSK_EXIT_OK;
	enum ksk_err r = ksk_module_check(w->start.module,
		w->start.has_sha256 ? w->start.sha256 : NULL, &fault);

	if (r == KSK_OK)
		r = ksk_token_open(&choice, &w->token, &fault);
	if (r != KSK_OK)
		code = exit_of_open(r);
	else
		r = read_pin_and_login(w, *pin, pin_fd, &code, &fault);
	ksk_pin_free(pin);
	if (fault.text[0] == '\0' && r != KSK_OK)
		ksk_fault_set(&fault, "%s", ksk_err_text(r));
	report_login(w, r, code, &fault);
	return code;
}

static enum ksk_exit
load_keymap(struct ksk_worker *w, int fd)
{
	struct ksk_fault fault = {""};
	enum ksk_err r = ksk_keymap_read_fd(fd, &w->keymap, &fault);

	(void)close(fd);
	if (r == KSK_OK)
		return KSK_EXIT_OK;
	log_fault("keymap-wrong", "the keymap can't be used", w->start.token,
		&fault);
	return KSK_EXIT_FILE;
}

static enum ksk_exit
announce(struct ksk_worker *w)
{
	const struct ksk_token_name *name = ksk_token_name(w->token);

	ksk_log(KSK_LOG_INFO, "token-ready", "logged in", "token",
		w->start.token, "label", name->label, "serial", name->serial,
		"model", name->model, "manufacturer", name->manufacturer,
		(const char *)NULL);
	if (ksk_ctl_plain_write(KSK_CTL_READY, &w->out) != KSK_OK)
		return KSK_EXIT_INTERNAL;
	if (ksk_link_send(&w->control, ksk_buf_span(&w->out), NULL, 0) !=
		KSK_OK)
		return KSK_EXIT_INTERNAL;
	return KSK_EXIT_OK;
}

static enum ksk_exit
serve(struct ksk_worker *w)
{
	struct ksk_fault fault = {""};
	enum ksk_exit code = ksk_worker_run(w, &fault);

	if (code == KSK_EXIT_PEER)
		log_fault("peer-broken", "a peer breaks the packet format",
			w->start.token, &fault);
	else if (code != KSK_EXIT_OK)
		log_fault("token-failed", "this worker leaves", w->start.token,
			&fault);
	return code;
}

static _Noreturn void
leave(struct ksk_worker *w, enum ksk_exit code)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	leaving_with = (int)code;
	if (sigaction(SIGALRM, &action, NULL) != 0)
		abort();
	(void)alarm(LEAVE_SEC);
	ksk_worker_free(w);
	ksk_token_close(&w->token);
	(void)alarm(0);
	ksk_child_exit((int)code);
}

#ifdef KSK_SANITIZED
/* SoftHSM loses the name of the curve of each Edwards key that it reads, and
 * the unwinder sees no further up than libcrypto. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so";
}
#endif

int
main(void)
{
	static struct ksk_worker worker; /* large; lives as long as main */
	struct ksk_worker *w = &worker;
	struct ksk_pin *pin = NULL;
	int pin_fd = -1;
	int keymap_fd = -1;
	enum ksk_exit code;

	w->control = ksk_child_begin(PROGRAM);
	code = take_start(w, &pin_fd, &keymap_fd);
	if (code != KSK_EXIT_OK || pin_fd < 0)
		ksk_child_exit((int)code);
	if (ksk_pin_new(&pin) != KSK_OK || !set_environment(&w->start)) {
		ksk_log(KSK_LOG_ERROR, "not-started",
			"no memory, or no page may be locked "
			"(RLIMIT_MEMLOCK)",
			(const char *)NULL);
		ksk_child_exit(KSK_EXIT_INTERNAL);
	}
	if ((code = enter_sandbox(&w->start)) != KSK_EXIT_OK)
		ksk_child_exit((int)code);
	ksk_probe(PROGRAM);
	if ((code = load_keymap(w, keymap_fd)) == KSK_EXIT_OK &&
		(code = open_token(w, &pin, pin_fd)) == KSK_EXIT_OK &&
		(code = announce(w)) == KSK_EXIT_OK)
		code = serve(w);
	ksk_pin_free(&pin);
	leave(w, code);
}
