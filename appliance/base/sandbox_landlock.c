/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox_landlock - Landlock by raw system calls: the C library has no
 * wrappers, and its header may be older than the running kernel. Numbers and
 * bits are those of the kernel's user API, which never change.
 */
#include "appliance/base/sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_VERSION (1u << 0)
#define RULE_PATH_BENEATH 1

/* Rights over files, by the ABI that brought them. */
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_ALL UINT64_C(3)              /* ABI 4: bind, connect of TCP */
#define SCOPE_ALL UINT64_C(3)            /* ABI 6: abstract sockets, signals */

/* Rights that a rule for something else than a folder may name. */
#define FS_OF_FILE \
	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* struct landlock_ruleset_attr. Older kernels take the longer form as long as
 * the fields they do not know are zero. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scope;
};

/* struct landlock_path_beneath_attr */
struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

int
ksk_landlock_abi(void)
{
	const long abi = syscall(
		SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t
known_rights(int abi)
{
	uint64_t fs = FS_ABI_1;

	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= 3)
		fs |= FS_TRUNCATE;
	if (abi >= 5)
		fs |= FS_IOCTL_DEV;
	return fs;
}

static uint64_t
rights_of(unsigned access)
{
	uint64_t fs = 0;

	if ((access & KSK_PATH_READ) != 0)
		fs |= FS_READ_FILE | FS_READ_DIR;
	if ((access & KSK_PATH_EXECUTE) != 0)
		fs |= FS_EXECUTE;
	if ((access & KSK_PATH_WRITE) != 0)
		fs |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |
			FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE |
			FS_IOCTL_DEV;
	return fs;
}

/* Returns 0, or -1 with errno. */
static int
add_open_path(int ruleset, int fd, uint64_t rights)
{
	struct path_beneath rule = {.allowed = rights, .parent = fd};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILE;
	if (rule.allowed == 0)
		return 0;
	return (int)syscall(
		SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0u);
}

/* What does not exist, or is out of this user's reach anyway, needs no rule. */
static int
add_path(int ruleset, const char *path, uint64_t rights)
{
	const int fd = open(path, O_PATH | O_CLOEXEC);
	int r;
	int saved;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			? 0
			: -1;
	r = add_open_path(ruleset, fd, rights);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static enum ksk_err
add_paths(int ruleset, uint64_t known, const struct ksk_sandbox *sandbox,
	struct ksk_fault *fault)
{
	for (size_t i = 0; i < sandbox->path_count; i++) {
		const struct ksk_path_rule *rule = &sandbox->paths[i];

		if (add_path(ruleset, rule->path,
			    rights_of(rule->access) & known) == 0)
			continue;
		ksk_fault_set(fault, "Landlock refuses a rule for %s: %s",
			rule->path, strerror(errno));
		return KSK_ERR_IO;
	}
#ifdef KSK_SANITIZED
	/* The leak check lists the process's threads and mappings. */
	if (add_path(ruleset, "/proc", rights_of(KSK_PATH_READ) & known) != 0)
		return KSK_ERR_IO;
#endif
	return KSK_OK;
}

static enum ksk_err
restrict_self(int ruleset, uint64_t known, const struct ksk_sandbox *sandbox,
	struct ksk_fault *fault)
{
	const enum ksk_err err = add_paths(ruleset, known, sandbox, fault);

	if (err != KSK_OK)
		return err;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0u) == 0)
		return KSK_OK;
	ksk_fault_set(fault, "Landlock is refused: %s", strerror(errno));
	return KSK_ERR_IO;
}

enum ksk_err
ksk_landlock_enter(const struct ksk_sandbox *sandbox, int *out_abi,
	struct ksk_fault *fault)
{
	const int abi = ksk_landlock_abi();
	const struct ruleset attr = {
		.fs = known_rights(abi),
		.net = abi >= 4 && !sandbox->network ? NET_ALL : 0,
		.scope = abi >= 6 ? SCOPE_ALL : 0,
	};
	enum ksk_err err;
	int ruleset;

	if (abi == 0) {
		*out_abi = 0;
		return KSK_OK;
	}
	ruleset = (int)syscall(
		SYS_landlock_create_ruleset, &attr, sizeof attr, 0u);
	if (ruleset < 0) {
		ksk_fault_set(fault, "Landlock gives no ruleset: %s",
			strerror(errno));
		return KSK_ERR_IO;
	}
	err = restrict_self(ruleset, attr.fs, sandbox, fault);
	close(ruleset);
	if (err == KSK_OK)
		*out_abi = abi;
	return err;
}
