/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn - starts one of our programs, clean: from the folder of kskd's own
 * binary, under its own user, with an empty environment, no argument but its
 * name, and exactly the descriptors that are given.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_SPAWN_H
#define KSK_SUPERVISOR_SPAWN_H

#include "appliance/base/config.h"

#define KSK_SPAWN_FD_MAX 8u
#define KSK_SPAWN_NULL (-1) /* /dev/null in this place */

/* All borrowed until the call returns. */
struct ksk_spawn {
	const char *folder;  /* where the program lies */
	const char *program; /* its name */
	struct ksk_config_user user;
	int fd[KSK_SPAWN_FD_MAX]; /* fd[i] becomes descriptor i */
	size_t fd_count;
};

/* Writes the folder of this process's own binary. KSK_ERR_IO, KSK_ERR_TOO_LARGE
 * with fault. */
KSK_MUST_USE enum ksk_err ksk_spawn_folder(
	char out[KSK_PATH_CAP], struct ksk_fault *fault);

/* Starts a program. KSK_ERR_IO: no process could be made. A program that can't
 * be executed ends with KSK_EXIT_INTERNAL after one line in the log. */
KSK_MUST_USE enum ksk_err ksk_spawn(
	const struct ksk_spawn *spawn, pid_t *out_pid);

#endif
