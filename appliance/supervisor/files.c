/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files - see files.h.
 */
#include "appliance/supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Copies to the end of from. KSK_ERR_TOO_LARGE: beyond max_len. */
static enum ksk_err
copy_all(int from, int to, size_t max_len)
{
	uint8_t room[4096];
	size_t total = 0;
	enum ksk_err err = KSK_ERR_IO;

	for (;;) {
		const ssize_t n = read(from, room, sizeof room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (n == 0) {
			err = KSK_OK;
			break;
		}
		total += (size_t)n;
		if (total > max_len) {
			err = KSK_ERR_TOO_LARGE;
			break;
		}
		if (!write_all(to, room, (size_t)n))
			break;
	}
	ksk_wipe(room, sizeof room);
	return err;
}

static enum ksk_err
fill_memory_file(
	const struct ksk_file *file, int from, int to, struct ksk_fault *fault)
{
	const enum ksk_err err = copy_all(from, to, file->max_len);

	if (err == KSK_ERR_TOO_LARGE) {
		ksk_fault_set(fault, "%s %s is longer than %zu bytes",
			file->what, file->path, file->max_len);
		return err;
	}
	if (err != KSK_OK || fcntl(to, F_ADD_SEALS, SEALS) != 0) {
		ksk_fault_set(fault, "%s %s can't be read: %s", file->what,
			file->path, strerror(errno));
		return KSK_ERR_IO;
	}
	return KSK_OK;
}

static enum ksk_err
make_memory_file(
	const struct ksk_file *file, int *out_fd, struct ksk_fault *fault)
{
	*out_fd = memfd_create(file->what, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*out_fd >= 0)
		return KSK_OK;
	ksk_fault_set(fault, "no memory file for %s: %s", file->path,
		strerror(errno));
	return KSK_ERR_IO;
}

enum ksk_err
ksk_file_empty(
	const struct ksk_file *file, int *out_fd, struct ksk_fault *fault)
{
	int to = -1;
	const enum ksk_err err = make_memory_file(file, &to, fault);

	if (err != KSK_OK)
		return err;
	if (fcntl(to, F_ADD_SEALS, SEALS) != 0)
		abort(); /* it was made for that */
	*out_fd = to;
	return KSK_OK;
}

enum ksk_err
ksk_file_snapshot(
	const struct ksk_file *file, int *out_fd, struct ksk_fault *fault)
{
	int from = -1;
	int to = -1;
	enum ksk_err err;

	err = ksk_open_trusted(
		file->path, file->what, file->secret, &from, fault);
	if (err != KSK_OK)
		return err;
	err = make_memory_file(file, &to, fault);
	if (err != KSK_OK)
		goto out;
	err = fill_memory_file(file, from, to, fault);
	if (err != KSK_OK)
		goto out;
	*out_fd = to;
	to = -1;
out:
	ksk_file_close(&to);
	ksk_file_close(&from);
	return err;
}

void
ksk_file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
