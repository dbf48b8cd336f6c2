/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox - see sandbox.h. Order: no_new_privs, capabilities, Landlock,
 * seccomp; each step works without what the later ones take away.
 */
#include "appliance/base/sandbox.h"

#include "appliance/base/sandbox_landlock.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

/* What the C library needs in any program: to end, to come back from a signal
 * handler, to go on after SIGSTOP, and to read the clock on machines where
 * the kernel offers no vDSO clock. */
static const struct ksk_syscall common_calls[] = {
	KSK_ALLOW(exit_group),
	KSK_ALLOW(exit),
	KSK_ALLOW(rt_sigreturn),
	KSK_ALLOW(restart_syscall),
	KSK_ALLOW(clock_gettime),
};

#ifdef KSK_SANITIZED
/* ASan's and UBSan's reports, and LSan's check, which clones a thread that
 * attaches to this process. Absent from every product build. */
static const struct ksk_syscall sanitizer_calls[] = {
	KSK_ALLOW(brk),
	KSK_ALLOW(clone),
	KSK_ALLOW(clone3),
	KSK_ALLOW(close),
	KSK_ALLOW(fcntl),
	KSK_ALLOW(fstat),
	KSK_ALLOW(futex),
	KSK_ALLOW(getdents),
	KSK_ALLOW(getdents64),
	KSK_ALLOW(getpid),
	KSK_ALLOW(getppid),
	KSK_ALLOW(getrandom),
	KSK_ALLOW(getrlimit),
	KSK_ALLOW(gettid),
	{SCMP_SYS(ioctl), 1, TCGETS, 0}, /* is stderr a terminal */
	KSK_ALLOW(kill),
	KSK_ALLOW(lseek),
	KSK_ALLOW(madvise),
	KSK_ALLOW(mmap),
	KSK_ALLOW(mprotect),
	KSK_ALLOW(mremap),
	KSK_ALLOW(munmap),
	KSK_ALLOW(newfstatat),
	KSK_ALLOW(open),
	KSK_ALLOW(openat),
	KSK_ALLOW(prctl),
	KSK_ALLOW(prlimit64),
	KSK_ALLOW(process_vm_readv),
	KSK_ALLOW(ptrace),
	KSK_ALLOW(read),
	KSK_ALLOW(readlink),
	KSK_ALLOW(readlinkat),
	KSK_ALLOW(rt_sigaction),
	KSK_ALLOW(rt_sigprocmask),
	KSK_ALLOW(sched_getaffinity),
	KSK_ALLOW(sched_yield),
	KSK_ALLOW(sigaltstack),
	KSK_ALLOW(stat),
	KSK_ALLOW(tgkill),
	KSK_ALLOW(wait4),
	KSK_ALLOW(write),
};
#endif

static enum ksk_err
drop_capabilities(void)
{
	const cap_t none = cap_init();
	int r;

	if (none == NULL)
		return KSK_ERR_IO;
	r = cap_set_proc(none);
	cap_free(none);
	return r == 0 ? KSK_OK : KSK_ERR_IO;
}

/* Returns 0 or a negative errno. */
static int
add_call(scmp_filter_ctx filter, const struct ksk_syscall *call)
{
	const uint64_t mask = call->mask == 0 ? UINT64_MAX : call->mask;
	int r;

	if (call->arg == KSK_ANY_ARG) {
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->nr, 0);
	} else {
		const struct scmp_arg_cmp cmp = {
			.arg = (unsigned)call->arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = mask,
			.datum_b = call->value,
		};

		r = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, call->nr, 1, &cmp);
	}
	/* A wider row for the same call is there already. */
	return r == -EEXIST ? 0 : r;
}

static int
add_calls(scmp_filter_ctx filter, const struct ksk_syscall *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = add_call(filter, &calls[i]);
	return r;
}

static int
fill_filter(scmp_filter_ctx filter, const struct ksk_sandbox *sandbox)
{
	int r;

	/* Code of another architecture would see other call numbers. */
	r = seccomp_attr_set(
		filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_calls(filter, common_calls,
			sizeof common_calls / sizeof common_calls[0]);
#ifdef KSK_SANITIZED
	if (r == 0)
		r = add_calls(filter, sanitizer_calls,
			sizeof sanitizer_calls / sizeof sanitizer_calls[0]);
#endif
	if (r == 0)
		r = add_calls(filter, sandbox->calls, sandbox->call_count);
	return r;
}

static enum ksk_err
filter_calls(const struct ksk_sandbox *sandbox, struct ksk_fault *fault)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (filter == NULL) {
		ksk_fault_set(fault, "no memory for the seccomp filter");
		return KSK_ERR_IO;
	}
	r = fill_filter(filter, sandbox);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r == 0)
		return KSK_OK;
	ksk_fault_set(fault, "the seccomp filter is refused: %s", strerror(-r));
	return KSK_ERR_IO;
}

enum ksk_err
ksk_sandbox_enter(const struct ksk_sandbox *sandbox, int *out_landlock_abi,
	struct ksk_fault *fault)
{
	int abi = 0;
	enum ksk_err err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		ksk_fault_set(
			fault, "no_new_privs is refused: %s", strerror(errno));
		return KSK_ERR_IO;
	}
	err = drop_capabilities();
	if (err != KSK_OK) {
		ksk_fault_set(fault, "capabilities can't be dropped: %s",
			strerror(errno));
		return err;
	}
	err = ksk_landlock_enter(sandbox, &abi, fault);
	if (err != KSK_OK)
		return err;
	err = filter_calls(sandbox, fault);
	if (err != KSK_OK)
		return err;
	*out_landlock_abi = abi;
	return KSK_OK;
}
