/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file - see file.h.
 */
#include "client/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads until the end; room has max + 2 bytes: one more than allowed, and the
 * final zero. */
static enum ksk_err
read_all(int fd, uint8_t *room, size_t max, size_t *out_len)
{
	size_t len = 0;

	while (len <= max) {
		ssize_t n = read(fd, room + len, max + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return KSK_ERR_IO;
		if (n == 0) {
			room[len] = 0;
			*out_len = len;
			return KSK_OK;
		}
		len += (size_t)n;
	}
	return KSK_ERR_TOO_LARGE;
}

static enum ksk_err
read_fd(int fd, const char *path, size_t max, uint8_t **out_data,
	size_t *out_len, struct ksk_fault *fault)
{
	uint8_t *room = malloc(max + 2);
	enum ksk_err err;

	if (room == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	err = read_all(fd, room, max, out_len);
	if (err == KSK_OK) {
		*out_data = room;
		return KSK_OK;
	}
	ksk_wipe(room, max + 2);
	free(room);
	if (err == KSK_ERR_TOO_LARGE)
		ksk_fault_set(fault, "%s: longer than %zu bytes", path, max);
	else
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
	return err;
}

static enum ksk_err
open_file(const char *path, int *out_fd, struct ksk_fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		return errno == ENOENT ? KSK_ERR_NOT_FOUND : KSK_ERR_IO;
	}
	*out_fd = fd;
	return KSK_OK;
}

enum ksk_err
ksk_file_read(const char *path, size_t max, uint8_t **out_data, size_t *out_len,
	struct ksk_fault *fault)
{
	enum ksk_err err;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_fd(STDIN_FILENO, "standard input", max, out_data,
			out_len, fault);
	err = open_file(path, &fd, fault);
	if (err != KSK_OK)
		return err;
	err = read_fd(fd, path, max, out_data, out_len, fault);
	(void)close(fd);
	return err;
}

static enum ksk_err
check_secret(int fd, const char *path, struct ksk_fault *fault)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		return KSK_ERR_IO;
	}
	if (!S_ISREG(st.st_mode)) {
		ksk_fault_set(fault, "%s: not a regular file", path);
		return KSK_ERR_PERMISSION;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		ksk_fault_set(fault, "%s: belongs to another user", path);
		return KSK_ERR_PERMISSION;
	}
	if ((st.st_mode & 077) != 0) {
		ksk_fault_set(fault,
			"%s: others may read or write it; run: chmod 600 %s",
			path, path);
		return KSK_ERR_PERMISSION;
	}
	return KSK_OK;
}

enum ksk_err
ksk_file_read_secret(const char *path, size_t max, uint8_t **out_data,
	size_t *out_len, struct ksk_fault *fault)
{
	enum ksk_err err;
	int fd;

	err = open_file(path, &fd, fault);
	if (err != KSK_OK)
		return err;
	err = check_secret(fd, path, fault);
	if (err == KSK_OK)
		err = read_fd(fd, path, max, out_data, out_len, fault);
	(void)close(fd);
	return err;
}

bool
ksk_file_write(int fd, const void *bytes, size_t len)
{
	const uint8_t *data = bytes;

	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Opens the folder of a path, or -1. */
static int
open_folder(const char *path, int flags, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL
		? strdup(".")
		: strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = folder == NULL ? -1 : open(folder, flags | O_CLOEXEC, mode);

	free(folder);
	return fd;
}

void
ksk_file_sync_folder(const char *path)
{
	int fd = open_folder(path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return;
	/* Some file systems can't; the file itself is synced. */
	(void)fsync(fd);
	(void)close(fd);
}

/* The mode of the file that is replaced; for a new one what umask leaves. What
 * is no regular file, as /dev/null or a link to one, would be gone and not
 * written to. */
static enum ksk_err
find_mode(const char *path, mode_t *out_mode, struct ksk_fault *fault)
{
	struct stat st;
	mode_t mask;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		*out_mode = st.st_mode & 0777;
		return KSK_OK;
	}
	if (lstat(path, &st) == 0) {
		ksk_fault_set(fault,
			"%s: %s, which is not replaced: name a regular file",
			path,
			S_ISLNK(st.st_mode) ? "a symbolic link"
					    : "no regular file");
		return KSK_ERR_IO;
	}
	if (errno != ENOENT) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		return KSK_ERR_IO;
	}
	mask = umask(0);
	(void)umask(mask);
	*out_mode = 0666 & ~mask;
	return KSK_OK;
}

/* A new file on its way to a path. */
struct fresh {
	const char *path;
	char *name; /* owned; its own until it gets that of path */
	bool named; /* it has that one */
	int fd;
	sigset_t before; /* signals that may end this process */
};

/* Beside the path, with room for what makes it different. */
static bool
make_name(struct fresh *f)
{
	size_t cap = strlen(f->path) + sizeof(".XXXXXX");

	f->name = malloc(cap);
	if (f->name != NULL)
		(void)snprintf(f->name, cap, "%s.XXXXXX", f->path);
	return f->name != NULL;
}

/* A process that is asked to end does so a moment later, when no half file is
 * there. */
static void
hold_signals(struct fresh *f)
{
	sigset_t asked;

	(void)sigemptyset(&asked);
	(void)sigaddset(&asked, SIGTERM);
	(void)sigaddset(&asked, SIGINT);
	(void)sigaddset(&asked, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &asked, &f->before);
}

static void
drop_fresh(struct fresh *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	if (f->named)
		(void)unlink(f->name);
	free(f->name);
	(void)sigprocmask(SIG_SETMASK, &f->before, NULL);
}

/* Opens a new file for a path. What was opened is dropped by the caller,
 * whatever comes back. */
static enum ksk_err
open_fresh(const char *path, struct fresh *f, struct ksk_fault *fault)
{
	*f = (struct fresh){.path = path, .fd = -1};
	hold_signals(f);
	if (!make_name(f)) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	/* Without a name nothing stays behind a process that is killed; not
	 * every file system has that, and /proc gives it its name. */
	if (access("/proc/self/fd", X_OK) == 0)
		f->fd = open_folder(path, O_TMPFILE | O_WRONLY, 0600);
	if (f->fd < 0) {
		f->fd = mkostemp(f->name, O_CLOEXEC);
		f->named = f->fd >= 0;
	}
	if (f->fd >= 0)
		return KSK_OK;
	ksk_fault_set(fault, "%s: %s", path, strerror(errno));
	return KSK_ERR_IO;
}

/* A link never replaces a file: it gets a name of its own first. */
static bool
give_name(struct fresh *f)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	for (int i = 0; !f->named && i < 100; i++) {
		char *end = f->name + strlen(f->path) + 1;
		uint8_t random[6];

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return false;
		for (size_t k = 0; k < sizeof(random); k++)
			end[k] = digits[random[k] % (sizeof(digits) - 1)];
		f->named = linkat(AT_FDCWD, self, AT_FDCWD, f->name,
				   AT_SYMLINK_FOLLOW) == 0;
		if (!f->named && errno != EEXIST)
			return false;
	}
	return f->named;
}

static bool
write_and_rename(struct fresh *f, mode_t mode, const void *data, size_t len)
{
	bool good = ksk_file_write(f->fd, data, len) &&
		fchmod(f->fd, mode) == 0 && fsync(f->fd) == 0 && give_name(f);
	int fd = f->fd;

	/* close reports what a network file system could not keep. */
	f->fd = -1;
	if (close(fd) != 0)
		good = false;
	if (!good || rename(f->name, f->path) != 0)
		return false;
	f->named = false;
	return true;
}

static enum ksk_err
replace(const char *path, mode_t mode, const void *data, size_t len,
	struct ksk_fault *fault)
{
	struct fresh f;
	enum ksk_err err = open_fresh(path, &f, fault);

	if (err == KSK_OK && !write_and_rename(&f, mode, data, len)) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		err = KSK_ERR_IO;
	}
	if (err == KSK_OK)
		ksk_file_sync_folder(path);
	drop_fresh(&f);
	return err;
}

enum ksk_err
ksk_file_check(const char *path, struct ksk_fault *fault)
{
	struct fresh f;
	mode_t mode;
	enum ksk_err err = find_mode(path, &mode, fault);

	if (err != KSK_OK)
		return err;
	err = open_fresh(path, &f, fault);
	drop_fresh(&f);
	return err;
}

enum ksk_err
ksk_file_replace(
	const char *path, const void *data, size_t len, struct ksk_fault *fault)
{
	mode_t mode;
	enum ksk_err err = find_mode(path, &mode, fault);

	return err == KSK_OK ? replace(path, mode, data, len, fault) : err;
}

enum ksk_err
ksk_file_replace_private(
	const char *path, const void *data, size_t len, struct ksk_fault *fault)
{
	mode_t mode;
	enum ksk_err err = find_mode(path, &mode, fault);

	return err == KSK_OK ? replace(path, 0600, data, len, fault) : err;
}

enum ksk_err
ksk_file_create(
	const char *path, const void *data, size_t len, struct ksk_fault *fault)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good;

	if (fd < 0) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		return errno == EEXIST ? KSK_ERR_AMBIGUOUS : KSK_ERR_IO;
	}
	good = ksk_file_write(fd, data, len) && fsync(fd) == 0;
	if (close(fd) != 0)
		good = false;
	if (!good) {
		ksk_fault_set(fault, "%s: %s", path, strerror(errno));
		(void)unlink(path);
		return KSK_ERR_IO;
	}
	ksk_file_sync_folder(path);
	return KSK_OK;
}
