/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights - see rights.h.
 */
#include "appliance/supervisor/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const cap_value_t kept[] = {CAP_KILL, CAP_SETGID, CAP_SETUID};
#define KEPT_COUNT ((int)(sizeof kept / sizeof kept[0]))

/* A socket of ours in the place of standard error would get the log. */
static bool
open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

enum ksk_err
ksk_rights_begin(struct ksk_fault *fault)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	const struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};

	umask(077);
	if (!open_standard_fds() || sigaction(SIGPIPE, &ignore, NULL) != 0 ||
		setrlimit(RLIMIT_CORE, &no_core) != 0) {
		ksk_fault_set(fault, "the process can't be prepared: %s",
			strerror(errno));
		return KSK_ERR_IO;
	}
#ifndef KSK_SANITIZED
	/* The leak check attaches to its own process. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		ksk_fault_set(fault, "memory can't be kept private: %s",
			strerror(errno));
		return KSK_ERR_IO;
	}
#endif
	return KSK_OK;
}

static bool
is_kept(cap_value_t cap)
{
	for (int i = 0; i < KEPT_COUNT; i++) {
		if (kept[i] == cap)
			return true;
	}
	return false;
}

/* It takes CAP_SETPCAP, which a service manager that has bounded the set
 * itself does not leave us. */
static void
narrow_bounds(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++) {
		if (!is_kept(cap))
			(void)cap_drop_bound(cap);
	}
}

static bool
set_capabilities(bool root)
{
	const cap_t caps = cap_init();
	bool done = caps != NULL;

	if (root)
		done = done &&
			cap_set_flag(caps, CAP_PERMITTED, KEPT_COUNT, kept,
				CAP_SET) == 0 &&
			cap_set_flag(caps, CAP_EFFECTIVE, KEPT_COUNT, kept,
				CAP_SET) == 0;
	done = done && cap_set_proc(caps) == 0;
	cap_free(caps);
	return done;
}

enum ksk_err
ksk_rights_drop(struct ksk_fault *fault)
{
	const bool root = geteuid() == 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		ksk_fault_set(
			fault, "no_new_privs is refused: %s", strerror(errno));
		return KSK_ERR_IO;
	}
	if (root)
		narrow_bounds();
	if (set_capabilities(root))
		return KSK_OK;
	ksk_fault_set(fault,
		"capabilities can't be set (%s); as root kskd needs CAP_KILL, "
		"CAP_SETGID and CAP_SETUID",
		strerror(errno));
	return KSK_ERR_IO;
}
