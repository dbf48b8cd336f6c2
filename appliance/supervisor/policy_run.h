/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_run - one run of kskd-policy: the policy's text in, a sealed table or
 * lines of faults out. kskd looks at neither text nor table. The caller waits
 * for the fault descriptor's end and for the process, in its loop (reload) or
 * with ksk_policy_run_wait (start).
 *
 * kskd-policy has 0: pipe with 16 bytes appliance id, 8 bytes time and a
 * document kind (0: the policy file), 1:
 * /dev/null, 2: log, 3: text, 4: memfd for the table, 5: pipe for faults.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_POLICY_RUN_H
#define KSK_SUPERVISOR_POLICY_RUN_H

#include "appliance/supervisor/settings.h"

/* As many faults as kskd-policy writes, each with its line end. */
#define KSK_POLICY_FAULTS_CAP (20u * (KSK_FAULT_CAP + 1u))

/* pid: 0 when none runs. */
struct ksk_policy_run {
	pid_t pid;
	int table_fd;
	int fault_fd; /* -1 once it has ended */
	uint64_t until_ms;
	size_t faults_len;
	char faults[KSK_POLICY_FAULTS_CAP + 1]; /* text with a final zero */
};

void ksk_policy_run_init(struct ksk_policy_run *run);

/*
 * Starts kskd-policy from folder.
 * text_fd: borrowed, at its beginning; -1: the settings' policy text. kind: of
 * the document, 0 for the policy file. KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_policy_run_start(struct ksk_policy_run *run,
	const char *folder, const struct ksk_settings *settings, int text_fd,
	uint8_t kind, struct ksk_fault *fault);

/* Takes what has come on fault_fd; closes it at its end. */
void ksk_policy_run_read(struct ksk_policy_run *run);

/*
 * Ends a run whose process has been waited for.
 * status: of waitpid. out_table: owned, gets the table on success.
 * Returns KSK_EXIT_OK; KSK_EXIT_POLICY with run->faults if the policy is
 * wrong, else with fault; KSK_EXIT_INTERNAL with fault.
 */
KSK_MUST_USE enum ksk_exit ksk_policy_run_finish(struct ksk_policy_run *run,
	int status, int *out_table, struct ksk_fault *fault);

/* Waits for the run's end, kills it at its deadline, then as _finish. */
KSK_MUST_USE enum ksk_exit ksk_policy_run_wait(
	struct ksk_policy_run *run, int *out_table, struct ksk_fault *fault);

/* Logs each fault line, with the file's name in front. */
void ksk_policy_run_log(const struct ksk_policy_run *run, const char *path);

#endif
