/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd - the supervisor: configuration, descriptors, links, start, restart,
 * stop. It reads no byte from outside, and from its children, and from root
 * where PINs are typed, only packets of fixed forms. main is the checklist,
 * loop is the rest of its life.
 */
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/compile.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/links.h"
#include "appliance/supervisor/listen.h"
#include "appliance/supervisor/procs.h"
#include "appliance/supervisor/reload.h"
#include "appliance/supervisor/rights.h"
#include "appliance/supervisor/spawn.h"
#include "appliance/supervisor/stop.h"
#include "appliance/supervisor/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CONFIG_DEFAULT KSK_SYSCONFDIR "/kskd.yaml"

/* The one supervisor of this process. */
static struct kskd kskd;

struct options {
	const char *config;
	bool check; /* -n */
};

static int
usage(FILE *out, int code)
{
	fputs("usage: kskd [-c FILE] [-n] [-V] [-h]\n"
	      "  -c, --config FILE  configuration (default " CONFIG_DEFAULT
	      ")\n"
	      "  -n, --check        check configuration, files and policy, then "
	      "exit\n"
	      "  -V, --version      print the version\n"
	      "  -h, --help         print this\n"
	      "kskd runs in the foreground; see kskd(8).\n",
		out);
	return code;
}

/* Returns -1 to go on, else the exit code. */
static int
read_options(int argc, char *argv[], struct options *out)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'n'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*out = (struct options){.config = CONFIG_DEFAULT};
	while ((c = getopt_long(argc, argv, "c:nVh", long_options, NULL)) !=
		-1) {
		switch (c) {
		case 'c':
			out->config = optarg;
			break;
		case 'n':
			out->check = true;
			break;
		case 'V':
			puts("kskd " KSK_VERSION);
			return KSK_EXIT_OK;
		case 'h':
			return usage(stdout, KSK_EXIT_OK);
		default:
			return usage(stderr, KSK_EXIT_USAGE);
		}
	}
	return optind == argc ? -1 : usage(stderr, KSK_EXIT_USAGE);
}

/* Logs why kskd does not start. Returns the code, for the caller's return. */
static int
give_up(enum ksk_exit code, const struct ksk_fault *fault)
{
	ksk_log(KSK_LOG_ERROR, "not-started", fault->text, (const char *)NULL);
	return (int)code;
}

/* Configuration, files and policy: what -n checks. */
static int
load(struct kskd *k, const char *config)
{
	struct ksk_policy_run *run = &k->reload.run;
	struct ksk_fault fault = {""};
	enum ksk_exit code;

	k->config_path = config;
	ksk_settings_init(&k->settings);
	ksk_settings_init(&k->reload.next);
	ksk_compile_init(k);
	code = ksk_settings_load(config, &k->settings, &fault);
	if (code != KSK_EXIT_OK)
		return give_up(code, &fault);
	if (ksk_spawn_folder(k->folder, &fault) != KSK_OK)
		return give_up(KSK_EXIT_INTERNAL, &fault);
	if (k->settings.config.quorum)
		return KSK_EXIT_OK;
	if (ksk_policy_run_start(run, k->folder, &k->settings, -1, 0, &fault) !=
		KSK_OK)
		return give_up(KSK_EXIT_INTERNAL, &fault);
	code = ksk_policy_run_wait(run, &k->settings.policy_table, &fault);
	if (code == KSK_EXIT_OK)
		return KSK_EXIT_OK;
	if (fault.text[0] != '\0')
		return give_up(code, &fault);
	ksk_policy_run_log(run, k->settings.config.policy);
	return (int)code;
}

/* A lock that the kernel drops with the process: a stale one can't be. */
static int
lock_state(struct kskd *k)
{
	struct ksk_fault fault;
	char path[KSK_PATH_CAP + 8];

	snprintf(path, sizeof path, "%s/lock", k->settings.config.state);
	k->lock_fd = open(
		path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->lock_fd < 0) {
		ksk_fault_set(&fault,
			"%s can't be opened: %s; run: kskadm init", path,
			strerror(errno));
		return give_up(KSK_EXIT_FILE, &fault);
	}
	if (flock(k->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return KSK_EXIT_OK;
	ksk_fault_set(&fault,
		"another kskd runs with the state folder %s; stop it first",
		k->settings.config.state);
	return give_up(KSK_EXIT_RUNNING, &fault);
}

static int
open_listener(struct kskd *k)
{
	struct ksk_fault fault;

	return ksk_listen_open(k->settings.config.listen, &k->listen_fd,
		       &fault) == KSK_OK
		? KSK_EXIT_OK
		: give_up(KSK_EXIT_LISTEN, &fault);
}

static int
open_unlock(struct kskd *k)
{
	struct ksk_fault fault;

	return ksk_unlock_open(k, &fault) == KSK_OK
		? KSK_EXIT_OK
		: give_up(KSK_EXIT_FILE, &fault);
}

static void
warn_not_separated(void)
{
	if (geteuid() != 0)
		ksk_log(KSK_LOG_WARN, "not-separated",
			"kskd does not run as root: all processes have one "
			"user and are kept apart by their sandboxes only",
			(const char *)NULL);
}

static int
open_signals(struct kskd *k)
{
	struct ksk_fault fault;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0) {
		k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
		if (k->signal_fd >= 0)
			return KSK_EXIT_OK;
	}
	ksk_fault_set(&fault, "signals can't be read: %s", strerror(errno));
	return give_up(KSK_EXIT_INTERNAL, &fault);
}

static int
drop_rights(void)
{
	struct ksk_fault fault;

	return ksk_rights_drop(&fault) == KSK_OK
		? KSK_EXIT_OK
		: give_up(KSK_EXIT_SANDBOX, &fault);
}

static void
read_signals(struct kskd *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof info) == sizeof info) {
		switch (info.ssi_signo) {
		case SIGHUP:
			if (!k->stop.on)
				ksk_reload_begin(k);
			break;
		case SIGINT:
		case SIGTERM:
			ksk_stop_begin(k, KSK_EXIT_OK);
			break;
		default:
			break; /* SIGCHLD: reaped in every turn */
		}
	}
}

static uint64_t
earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long poll may wait. */
static int
wait_ms(const struct kskd *k, uint64_t now_ms)
{
	const uint64_t next = earliest(
		earliest(ksk_procs_next(k), ksk_links_next(k)),
		earliest(ksk_compile_next(k),
			earliest(ksk_unlock_next(k),
				earliest(ksk_reload_next(k),
					ksk_stop_next(k)))));

	if (next == KSK_NO_MS)
		return -1;
	if (next <= now_ms)
		return 0;
	return next - now_ms > INT_MAX ? INT_MAX : (int)(next - now_ms);
}

#define POLL_SIGNALS 0u
#define POLL_POLICY 1u
#define POLL_COMPILE 2u
#define POLL_UNLOCK 3u                                /* the first of them */
#define POLL_PROC (POLL_UNLOCK + KSK_UNLOCK_POLL_MAX) /* the first of them */

static void
poll_once(struct kskd *k)
{
	struct pollfd fds[POLL_PROC + KSK_PROC_MAX];
	const bool reading = k->reload.phase == KSK_RELOAD_READING;

	fds[POLL_SIGNALS] = (struct pollfd){
		.fd = k->signal_fd, .events = POLLIN};
	fds[POLL_POLICY] = (struct pollfd){
		.fd = reading ? k->reload.run.fault_fd : -1, .events = POLLIN};
	fds[POLL_COMPILE] = (struct pollfd){
		.fd = k->compile.run.fault_fd, .events = POLLIN};
	ksk_unlock_poll(k, &fds[POLL_UNLOCK]);
	for (size_t i = 0; i < k->proc_count; i++)
		fds[POLL_PROC + i] = (struct pollfd){
			.fd = k->proc[i].control.fd, .events = POLLIN};
	if (poll(fds, POLL_PROC + k->proc_count,
		    wait_ms(k, ksk_clock_mono_ms())) < 0)
		return;
	if (fds[POLL_POLICY].revents != 0)
		ksk_policy_run_read(&k->reload.run);
	if (fds[POLL_COMPILE].revents != 0)
		ksk_policy_run_read(&k->compile.run);
	for (size_t i = 0; i < k->proc_count; i++) {
		if (fds[POLL_PROC + i].revents != 0)
			ksk_control_receive(k, &k->proc[i]);
	}
	ksk_unlock_receive(k, &fds[POLL_UNLOCK]);
	if (fds[POLL_SIGNALS].revents != 0)
		read_signals(k);
}

/* Deaths, then what time brings, then what the kernel tells. */
static void
loop(struct kskd *k)
{
	for (;;) {
		uint64_t now_ms;

		ksk_procs_reap(k);
		now_ms = ksk_clock_mono_ms();
		if (k->stop.on && ksk_stop_run(k, now_ms))
			return;
		ksk_reload_run(k, now_ms);
		ksk_compile_run(k, now_ms);
		ksk_unlock_run(k, now_ms);
		ksk_procs_run(k, now_ms);
		ksk_links_run(k, now_ms);
		poll_once(k);
	}
}

static int
leave(struct kskd *k, int code)
{
	ksk_unlock_close(k);
	ksk_settings_free(&k->reload.next);
	ksk_settings_free(&k->settings);
	ksk_file_close(&k->listen_fd);
	ksk_file_close(&k->signal_fd);
	ksk_file_close(&k->lock_fd);
	return code;
}

int
main(int argc, char *argv[])
{
	struct kskd *k = &kskd;
	struct options options;
	struct ksk_fault fault = {""};
	int code = read_options(argc, argv, &options);

	if (code >= 0)
		return code;
	ksk_log_init("kskd", KSK_LOG_INFO);
	k->lock_fd = k->listen_fd = k->signal_fd = -1;
	ksk_unlock_init(k);
	if (ksk_rights_begin(&fault) != KSK_OK)
		return give_up(KSK_EXIT_INTERNAL, &fault);
	/* No configuration file of OpenSSL's is read. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return KSK_EXIT_INTERNAL;
	code = load(k, options.config);
	if (code != KSK_EXIT_OK)
		return leave(k, code);
	if (options.check) {
		puts("kskd: configuration, files and policy are in order");
		return leave(k, KSK_EXIT_OK);
	}
	if ((code = lock_state(k)) != KSK_EXIT_OK ||
		(code = open_listener(k)) != KSK_EXIT_OK ||
		(code = open_unlock(k)) != KSK_EXIT_OK ||
		(code = drop_rights()) != KSK_EXIT_OK ||
		(code = open_signals(k)) != KSK_EXIT_OK)
		return leave(k, code);
	warn_not_separated();
	ksk_procs_init(k);
	loop(k);
	ksk_log(KSK_LOG_INFO, "stopped", "all children have ended",
		(const char *)NULL);
	return leave(k, k->stop.code);
}
