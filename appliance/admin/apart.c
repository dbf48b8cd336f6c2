/* SPDX-License-Identifier: BSD-2-Clause */
/* apart - see apart.h. apart_work.c does the work itself. */
#include "appliance/admin/apart.h"

#include "appliance/admin/apart_work.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The module gets this long for C_Finalize when all else is done. */
#define LEAVE_SEC 5u

/* A look waits for nobody's module. */
#define LOOK_SEC 30u

static bool
drop_rights(struct ksk_config_user user)
{
	if (geteuid() == 0 &&
		(setgroups(0, NULL) != 0 ||
			setresgid(user.gid, user.gid, user.gid) != 0 ||
			setresuid(user.uid, user.uid, user.uid) != 0))
		return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
#ifndef KSK_SANITIZED
		&& prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
#endif
		;
}

static bool
set_environment(const struct ksk_config_token *token)
{
	if (clearenv() != 0)
		return false;
	for (size_t i = 0; i < token->environment_count; i++) {
		char *line = strdup(token->environment[i]);

		if (line == NULL || putenv(line) != 0)
			return false;
	}
	return true;
}

/* What a module prints must not stand among what scripts read, and it reads
 * nothing of what is typed or piped to us. */
static bool
set_streams(void)
{
	const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const bool set = null_fd >= 0 &&
		dup2(null_fd, STDIN_FILENO) == STDIN_FILENO &&
		dup2(STDERR_FILENO, STDOUT_FILENO) == STDOUT_FILENO;

	if (null_fd > STDERR_FILENO)
		(void)close(null_fd);
	return set;
}

/* A fork does not keep pages locked; without the lock they are still in no
 * core dump. */
static void
lock_pins(const struct ksk_apart_order *order)
{
	if (order->pin != NULL)
		(void)mlock(order->pin, sizeof(*order->pin));
	if (order->so_pin != NULL)
		(void)mlock(order->so_pin, sizeof(*order->so_pin));
}

static _Noreturn void
work_apart(const struct ksk_config_token *token, struct ksk_config_user user,
	const struct ksk_apart_order *order, struct ksk_apart_result *result)
{
	struct ksk_token *open = NULL;

	lock_pins(order);
	if (order->what == KSK_APART_LOOK)
		(void)alarm(LOOK_SEC); /* its default action ends the process */
	if (!set_streams() || !drop_rights(user) || !set_environment(token)) {
		ksk_fault_set(&result->fault,
			"can't become the token's user (uid %u): %s",
			(unsigned)user.uid, strerror(errno));
		result->code = KSK_EXIT_INTERNAL;
	} else {
		ksk_apart_work(token, order, result, &open);
	}
	result->done = true;
	(void)alarm(LEAVE_SEC);
	ksk_token_close(&open);
	_exit(0);
}

/* The process apart may have been taken over by its module: what it left is
 * bytes from outside. */
static void
check_result(struct ksk_apart_result *r)
{
	r->fault.text[sizeof(r->fault.text) - 1] = '\0';
	r->name.label[sizeof(r->name.label) - 1] = '\0';
	r->name.serial[sizeof(r->name.serial) - 1] = '\0';
	if (r->file_len > sizeof(r->file))
		r->file_len = 0;
	if (r->count > KSK_APART_KEYS)
		r->count = KSK_APART_KEYS;
	for (size_t i = 0; i < r->count; i++) {
		struct ksk_apart_key *k = &r->key[i];

		k->label[sizeof(k->label) - 1] = '\0';
		k->why[sizeof(k->why) - 1] = '\0';
		if (k->id_len > sizeof(k->id))
			k->id_len = sizeof(k->id);
		if (k->dnskey_len > sizeof(k->dnskey))
			k->dnskey_len = 0;
	}
}

/* Returns the status of the process, -1 if there is none. */
static int
wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

/* A module gets the PIN: here as in kskd, its file is root's, and a file. */
static enum ksk_exit
check_module(const struct ksk_config_token *token, struct ksk_fault *fault)
{
	int fd = -1;
	const enum ksk_err r = ksk_open_trusted(
		token->module, "PKCS#11 module", false, &fd, fault);

	if (r == KSK_OK) {
		(void)close(fd);
		return KSK_EXIT_OK;
	}
	return r == KSK_ERR_PERMISSION ? KSK_EXIT_FILE : KSK_EXIT_MODULE;
}

enum ksk_exit
ksk_apart_try(const struct ksk_config_token *token, struct ksk_config_user user,
	const struct ksk_apart_order *order,
	struct ksk_apart_result **out_result, struct ksk_fault *fault)
{
	struct ksk_apart_result *result;
	enum ksk_exit code = check_module(token, fault);
	pid_t pid;
	int status;

	*out_result = NULL;
	if (code != KSK_EXIT_OK)
		return code;
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* What is printed already must not be printed by two processes. */
	(void)fflush(stdout);
	if (result == MAP_FAILED || (pid = fork()) < 0) {
		ksk_fault_set(fault,
			"no process or memory for the token's work: %s",
			strerror(errno));
		return KSK_EXIT_INTERNAL;
	}
	if (pid == 0)
		work_apart(token, user, order, result);
	status = wait_for(pid);
	check_result(result);
	code = result->code;
	if (order->out_begun != NULL)
		*order->out_begun = result->begun;
	if (!result->done) {
		ksk_fault_set(fault,
			WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
				? "the module gave no answer in time (%s %d)"
				: "the module ended the process that used it "
				  "(%s %d)",
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status)
					    : WEXITSTATUS(status));
		code = KSK_EXIT_MODULE;
	} else if (code != KSK_EXIT_OK) {
		ksk_fault_set(fault, "%s",
			result->fault.text[0] != '\0'
				? result->fault.text
				: ksk_err_text(result->err));
	}
	if (code != KSK_EXIT_OK)
		ksk_apart_free(&result);
	*out_result = result;
	return code;
}

enum ksk_exit
ksk_apart_run(const struct ksk_config_token *token, struct ksk_config_user user,
	const struct ksk_apart_order *order,
	struct ksk_apart_result **out_result)
{
	struct ksk_fault fault = {""};
	enum ksk_exit code = ksk_apart_try(
		token, user, order, out_result, &fault);

	if (code != KSK_EXIT_OK)
		ksk_say("%s", fault.text);
	return code;
}

void
ksk_apart_free(struct ksk_apart_result **result)
{
	if (*result != NULL)
		(void)munmap(*result, sizeof(**result));
	*result = NULL;
}
