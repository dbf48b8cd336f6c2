/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark - see mark.h. The file holds one line: the source's identity, a blank,
 * reason=WORD. Marks are compared as text, so that there is nothing to parse
 * wrongly.
 */
#include "appliance/supervisor/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MARK_PATH_CAP (KSK_PATH_CAP + KSK_LABEL_CAP + 32u)
#define MARK_TEXT_CAP (KSK_PIN_IDENTITY_CAP + KSK_LABEL_CAP + 16u)
#define REASON " reason="

static void
mark_path(char out[MARK_PATH_CAP], const char *state, const char *token,
	const char *suffix)
{
	snprintf(out, MARK_PATH_CAP, "%s/pin-refused.%s%s", state, token,
		suffix);
}

static bool
sync_folder(const char *state)
{
	const int fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced;

	if (fd < 0)
		return false;
	synced = fsync(fd) == 0;
	close(fd);
	return synced;
}

static bool
write_synced(const char *path, const char *text)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	const size_t len = strlen(text);
	const int fd = open(path, flags, 0600);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return written;
}

enum ksk_err
ksk_mark_write(const char *state, const char *token, const char *identity,
	const char *reason, struct ksk_fault *fault)
{
	char text[MARK_TEXT_CAP], path[MARK_PATH_CAP], new_path[MARK_PATH_CAP];

	snprintf(text, sizeof text, "%s" REASON "%s\n", identity, reason);
	mark_path(path, state, token, "");
	mark_path(new_path, state, token, ".new");
	if (write_synced(new_path, text) && rename(new_path, path) == 0 &&
		sync_folder(state))
		return KSK_OK;
	ksk_fault_set(fault,
		"the mark %s can't be written (%s): do not restart kskd before "
		"the PIN is right",
		path, strerror(errno));
	return KSK_ERR_IO;
}

/* Reads a mark without its line end. Returns false if it can't be read. */
static bool
read_mark(const char *path, char out[MARK_TEXT_CAP])
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, out, MARK_TEXT_CAP - 1);
	close(fd);
	if (n < 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

bool
ksk_mark_stands(const char *state, const char *token, const char *identity,
	char out_reason[KSK_LABEL_CAP])
{
	const bool typed = strcmp(identity, KSK_PIN_IDENTITY_TYPED) == 0;
	char path[MARK_PATH_CAP], text[MARK_TEXT_CAP];
	const size_t len = strlen(identity);
	const char *reason;

	out_reason[0] = '\0';
	mark_path(path, state, token, "");
	if (!read_mark(path, text))
		return errno != ENOENT;
	if (strncmp(text, identity, len) != 0)
		return false;
	reason = typed ? strstr(text, REASON) : text + len;
	if (reason == NULL || strncmp(reason, REASON, strlen(REASON)) != 0)
		return false;
	snprintf(out_reason, KSK_LABEL_CAP, "%.*s", (int)KSK_LABEL_CAP - 1,
		reason + strlen(REASON));
	return true;
}

bool
ksk_mark_clear(const char *state, const char *token)
{
	char path[MARK_PATH_CAP];

	mark_path(path, state, token, "");
	if (unlink(path) != 0)
		return false;
	/* Not synced, the mark comes back after a power cut, for a source that
	 * is not there any more: harmless. */
	(void)sync_folder(state);
	return true;
}
