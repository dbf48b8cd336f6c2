/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox - takes rights away from this process for good: Landlock by the
 * kernel's ABI, capabilities, then a seccomp allow list whose default is to
 * kill the process. The lists stand as tables at the top of each main file.
 * Tests: tests/unit/test_sandbox.c, tests/integration/test_sandbox.py
 */
#ifndef KSK_BASE_SANDBOX_H
#define KSK_BASE_SANDBOX_H

#include "protocol/err.h"

#include <stdbool.h>

#define KSK_ANY_ARG (-1)

/* One allowed system call. arg: index 0..5 of the argument that must equal
 * value after masking with mask (mask 0 = all bits), or KSK_ANY_ARG. Several
 * rows may name one call: any of them suffices. */
struct ksk_syscall {
	int nr;
	int arg;
	uint64_t value;
	uint64_t mask;
};

#define KSK_ALLOW(name) \
	{ \
		SCMP_SYS(name), KSK_ANY_ARG, 0, 0 \
	}

enum ksk_path_access {
	KSK_PATH_READ = 1,    /* read files and folders below */
	KSK_PATH_EXECUTE = 2, /* and execute (map) them */
	KSK_PATH_WRITE = 4,   /* create, write, remove, truncate below */
};

/* One file or folder that stays reachable. Paths that do not exist are passed
 * over. */
struct ksk_path_rule {
	const char *path;
	unsigned access;
};

struct ksk_sandbox {
	const struct ksk_syscall *calls;
	size_t call_count;
	const struct ksk_path_rule *paths; /* none: no file can be opened */
	size_t path_count;
	bool network; /* true: TCP connect and bind stay possible (Landlock
			 * ABI >= 4); sockets are the seccomp list's matter */
};

/*
 * Enters the sandbox: no_new_privs, empty capability sets, Landlock with as
 * much as the kernel's ABI offers (none: logged by the caller from
 * *out_landlock_abi == 0), seccomp. Sanitized builds allow the few further
 * calls that the sanitizers need (in sandbox.c, nowhere else).
 * KSK_ERR_IO with fault names the step; the process must then exit.
 */
KSK_MUST_USE enum ksk_err ksk_sandbox_enter(const struct ksk_sandbox *sandbox,
	int *out_landlock_abi, struct ksk_fault *fault);

#endif
