/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trusted - opening files whose content is trusted, and opening them again:
 * declared in config.h.
 */
#include "appliance/base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum ksk_err
refuse_open(const char *path, const char *what, struct ksk_fault *fault)
{
	const int number = errno;

	if (number == ENOENT || number == ENOTDIR) {
		ksk_fault_set(fault, "%s %s does not exist", what, path);
		return KSK_ERR_NOT_FOUND;
	}
	ksk_fault_set(fault, "%s %s can't be opened: %s", what, path,
		strerror(number));
	return number == EACCES ? KSK_ERR_PERMISSION : KSK_ERR_IO;
}

static enum ksk_err
check_kind(const char *path, const char *what, const struct stat *st,
	struct ksk_fault *fault)
{
	if (S_ISREG(st->st_mode))
		return KSK_OK;
	ksk_fault_set(fault, "%s %s is a %s; it must be a regular file", what,
		path,
		S_ISDIR(st->st_mode) ? "folder" : "device, pipe or socket");
	return KSK_ERR_IO;
}

static enum ksk_err
check_owner(const char *path, const char *what, const struct stat *st,
	struct ksk_fault *fault)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return KSK_OK;
	ksk_fault_set(fault,
		"%s %s belongs to uid %ju, who could change it; make it "
		"root's: chown root %s",
		what, path, (uintmax_t)st->st_uid, path);
	return KSK_ERR_PERMISSION;
}

static enum ksk_err
check_mode(const char *path, const char *what, bool secret,
	const struct stat *st, struct ksk_fault *fault)
{
	const unsigned mode = st->st_mode & 07777u;

	if ((mode & 022) != 0) {
		ksk_fault_set(fault,
			"%s %s can be changed by others (mode %04o); run: "
			"chmod go-w %s",
			what, path, mode, path);
		return KSK_ERR_PERMISSION;
	}
	if (secret && (mode & 077) != 0) {
		ksk_fault_set(fault,
			"%s %s is open to others (mode %04o); run: chmod 600 "
			"%s",
			what, path, mode, path);
		return KSK_ERR_PERMISSION;
	}
	return KSK_OK;
}

enum ksk_err
ksk_open_trusted(const char *path, const char *what, bool secret, int *out_fd,
	struct ksk_fault *fault)
{
	/* NONBLOCK: a pipe without a writer must not hold us here. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum ksk_err err = KSK_ERR_IO;
	struct stat st;

	if (fd < 0)
		return refuse_open(path, what, fault);
	if (fstat(fd, &st) != 0) {
		(void)refuse_open(path, what, fault);
		goto out;
	}
	if ((err = check_kind(path, what, &st, fault)) != KSK_OK ||
		(err = check_owner(path, what, &st, fault)) != KSK_OK ||
		(err = check_mode(path, what, secret, &st, fault)) != KSK_OK)
		goto out;
	*out_fd = fd;
	return KSK_OK;
out:
	close(fd);
	return err;
}

enum ksk_err
ksk_check_trusted_folder(
	const char *path, const char *what, struct ksk_fault *fault)
{
	struct stat st;
	enum ksk_err err;

	if (stat(path, &st) != 0)
		return refuse_open(path, what, fault);
	if (!S_ISDIR(st.st_mode)) {
		ksk_fault_set(fault, "%s %s is no folder", what, path);
		return KSK_ERR_IO;
	}
	err = check_owner(path, what, &st, fault);
	return err != KSK_OK ? err : check_mode(path, what, false, &st, fault);
}

int
ksk_file_reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}
