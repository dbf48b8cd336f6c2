/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files - files made once and files replaced whole, see admin.h. What is
 * printed as done is on the disk: files and their folders are synced.
 */
#include "appliance/admin/admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum ksk_err
fail(struct ksk_fault *fault, const char *path, const char *what)
{
	ksk_fault_set(fault, "%s %s: %s", path, what, strerror(errno));
	return KSK_ERR_IO;
}

bool
ksk_folder_of(const char *path, char out[KSK_PATH_CAP])
{
	const char *slash = strrchr(path, '/');
	size_t len;

	if (slash == NULL)
		return false;
	len = slash == path ? 1 : (size_t)(slash - path);
	if (len >= KSK_PATH_CAP)
		return false;
	memcpy(out, path, len);
	out[len] = '\0';
	return true;
}

static bool
write_all(int fd, struct ksk_span content)
{
	size_t done = 0;

	while (done < content.len) {
		ssize_t n = write(fd, content.data + done, content.len - done);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			done += (size_t)n;
	}
	return true;
}

static bool
sync_folder(const char *path)
{
	char folder[KSK_PATH_CAP];
	int fd;
	bool ok;

	if (!ksk_folder_of(path, folder))
		(void)snprintf(folder, sizeof(folder), ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* The owner is set before the content is there, and only by root: nobody else
 * may give files away. */
static bool
fill(int fd, struct ksk_span content, mode_t mode, struct ksk_owner owner)
{
	return (geteuid() != 0 || fchown(fd, owner.uid, owner.gid) == 0) &&
		fchmod(fd, mode) == 0 && write_all(fd, content) &&
		fsync(fd) == 0;
}

enum ksk_err
ksk_file_make(const char *path, struct ksk_span content, mode_t mode,
	struct ksk_owner owner, struct ksk_fault *fault)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum ksk_err r = KSK_OK;

	if (fd < 0 && errno == EEXIST) {
		ksk_fault_set(fault,
			"%s is there already; nothing is "
			"overwritten",
			path);
		return KSK_ERR_AMBIGUOUS;
	}
	if (fd < 0)
		return fail(fault, path, "can't be made");
	if (!fill(fd, content, mode, owner) || !sync_folder(path)) {
		r = fail(fault, path, "can't be written");
		(void)unlink(path);
	}
	(void)close(fd);
	return r;
}

enum ksk_err
ksk_file_replace(
	const char *path, struct ksk_span content, struct ksk_fault *fault)
{
	char beside[KSK_PATH_CAP + 8];
	struct stat st;
	struct ksk_owner owner = {geteuid(), getegid()};
	enum ksk_err r = KSK_OK;
	int fd;

	if (stat(path, &st) == 0)
		owner = (struct ksk_owner){st.st_uid, st.st_gid};
	(void)snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return fail(fault, path, "can't be written");
	if (!fill(fd, content, 0644, owner) || rename(beside, path) != 0 ||
		!sync_folder(path)) {
		r = fail(fault, path, "can't be replaced");
		(void)unlink(beside); /* gone if it was renamed */
	}
	(void)close(fd);
	return r;
}

static bool
is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = dir != NULL;

	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	if (dir != NULL)
		(void)closedir(dir);
	return empty;
}

/* A folder that was there and holds something is left as it is, or refused: a
 * slip in the configuration must not give /var/lib away. */
static enum ksk_err
take_folder(int fd, const char *path, mode_t mode, struct ksk_owner owner,
	struct ksk_fault *fault)
{
	bool root = geteuid() == 0;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(fault, path, "can't be looked at");
	if (!is_empty(path)) {
		if (!root || st.st_uid == owner.uid)
			return KSK_OK;
		ksk_fault_set(fault,
			"%s is not empty and belongs to uid %u, not %u; if it "
			"is the right folder, run: chown -R %u %s",
			path, (unsigned)st.st_uid, (unsigned)owner.uid,
			(unsigned)owner.uid, path);
		return KSK_ERR_PERMISSION;
	}
	if ((root && fchown(fd, owner.uid, owner.gid) != 0) ||
		fchmod(fd, mode) != 0 || fsync(fd) != 0)
		return fail(fault, path, "can't be given its owner and mode");
	return KSK_OK;
}

enum ksk_err
ksk_folder_make(const char *path, mode_t mode, struct ksk_owner owner,
	struct ksk_fault *fault)
{
	int fd;
	enum ksk_err r;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail(fault, path, "can't be made");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(fault, path, "is no folder");
	r = take_folder(fd, path, mode, owner, fault);
	(void)close(fd);
	if (r == KSK_OK && !sync_folder(path))
		r = fail(fault, path, "can't be synced");
	return r;
}

enum ksk_err
ksk_file_read(const char *path, size_t cap, uint8_t **out, size_t *out_len,
	struct ksk_fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *data = malloc(cap + 1);
	size_t len = 0;
	ssize_t n = 1;
	enum ksk_err r = KSK_ERR_NO_MEMORY;

	if (fd < 0) {
		r = errno == ENOENT ? KSK_ERR_NOT_FOUND : KSK_ERR_IO;
		(void)fail(fault, path, "can't be opened");
		goto out;
	}
	if (data == NULL)
		goto out;
	while (n > 0 && len < cap + 1) {
		n = read(fd, data + len, cap + 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0) {
		r = fail(fault, path, "can't be read");
		goto out;
	}
	if (len > cap) {
		r = KSK_ERR_TOO_LARGE;
		ksk_fault_set(fault, "%s is longer than %zu bytes", path, cap);
		goto out;
	}
	data[len] = 0;
	*out = data;
	*out_len = len;
	data = NULL;
	r = KSK_OK;
out:
	free(data);
	if (fd >= 0)
		(void)close(fd);
	return r;
}
