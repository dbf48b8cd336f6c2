/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin_source - see pin_source.h.
 */
#include "appliance/supervisor/pin_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Read of a file: the PIN, a line end, and one byte that shows that it is
 * longer. */
#define READ_LEN (KSK_PIN_SOURCE_MAX + 3u)
#define ROOM_LEN KSK_PIN_SOURCE_ROOM
_Static_assert(READ_LEN <= ROOM_LEN, "a PIN file fits the page");

static uint8_t *
new_page(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *page = mmap(NULL, ROOM_LEN, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	/* Not in swap, not in a core, not in a forked child. */
	if (mlock(page, ROOM_LEN) != 0 ||
		madvise(page, ROOM_LEN, MADV_DONTDUMP) != 0 ||
		madvise(page, ROOM_LEN, MADV_DONTFORK) != 0) {
		munmap(page, ROOM_LEN);
		return NULL;
	}
	return page;
}

void
ksk_pin_source_wipe(struct ksk_pin_source *source)
{
	if (source->page != NULL) {
		ksk_wipe(source->page, ROOM_LEN);
		munmap(source->page, ROOM_LEN);
	}
	*source = (struct ksk_pin_source){.page = NULL};
}

enum ksk_err
ksk_pin_source_new(struct ksk_pin_source *out, struct ksk_fault *fault)
{
	uint8_t *page = new_page();

	if (page == NULL) {
		ksk_fault_set(fault,
			"no memory can be locked for a PIN: %s; raise "
			"LimitMEMLOCK",
			strerror(errno));
		return KSK_ERR_NO_MEMORY;
	}
	*out = (struct ksk_pin_source){.page = page};
	return KSK_OK;
}

void
ksk_pin_source_settle(struct ksk_pin_source *source, struct ksk_span pin)
{
	struct timespec now = {.tv_sec = 0};

	if (pin.len > KSK_PIN_SOURCE_MAX)
		abort();
	memmove(source->page, pin.data, pin.len);
	ksk_wipe(source->page + pin.len, ROOM_LEN - pin.len);
	source->len = pin.len;
	/* A name for the moment, not a time that anything is decided by. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	snprintf(source->identity, sizeof source->identity,
		KSK_PIN_IDENTITY_TYPED "%jd.%09ld", (intmax_t)now.tv_sec,
		now.tv_nsec);
}

static enum ksk_err
source_path(const struct ksk_config_token *token, char *out, size_t out_cap,
	struct ksk_fault *fault)
{
	const char *folder;

	switch (token->pin_kind) {
	case KSK_PIN_FILE:
		snprintf(out, out_cap, "%s", token->pin_source);
		return KSK_OK;
	case KSK_PIN_CREDENTIAL:
		folder = getenv("CREDENTIALS_DIRECTORY");
		if (folder == NULL || folder[0] != '/' ||
			strlen(folder) >= KSK_PATH_CAP) {
			ksk_fault_set(fault,
				"token %s takes its PIN from the credential "
				"%s, but the service manager passes none; add "
				"LoadCredential=%s:/path to the unit",
				token->name, token->pin_source,
				token->pin_source);
			return KSK_ERR_NOT_FOUND;
		}
		snprintf(out, out_cap, "%s/%s", folder, token->pin_source);
		return KSK_OK;
	case KSK_PIN_PROMPT:
		break;
	}
	abort(); /* it has no path */
}

static bool
set_identity(int fd, char out[KSK_PIN_IDENTITY_CAP])
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	snprintf(out, KSK_PIN_IDENTITY_CAP,
		"dev=%ju inode=%ju size=%jd mtime=%jd.%09ld ctime=%jd.%09ld",
		(uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		(intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec,
		st.st_ctim.tv_nsec);
	return true;
}

/* Reads up to READ_LEN bytes. */
static bool
read_page(int fd, struct ksk_pin_source *source)
{
	while (source->len < READ_LEN) {
		const ssize_t n = read(
			fd, source->page + source->len, READ_LEN - source->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		source->len += (size_t)n;
	}
	return true;
}

static void
cut_line_end(struct ksk_pin_source *source)
{
	if (source->len == 0 || source->page[source->len - 1] != '\n')
		return;
	source->len--;
	if (source->len > 0 && source->page[source->len - 1] == '\r')
		source->len--;
}

/* Returns NULL if the PIN may be used, else what is odd about it. */
static const char *
find_oddity(const struct ksk_pin_source *source)
{
	if (source->len == 0)
		return "is empty; write the PIN into it";
	if (source->len > KSK_PIN_SOURCE_MAX)
		return "is longer than 256 bytes; it must hold the PIN and "
		       "nothing else";
	if (memchr(source->page, '\0', source->len) != NULL)
		return "has a zero byte inside; write it as plain text";
	if (memchr(source->page, '\n', source->len) != NULL ||
		memchr(source->page, '\r', source->len) != NULL)
		return "has more than one line; it must hold the PIN and at "
		       "most one line end";
	return NULL;
}

static enum ksk_err
read_source(const char *path, int fd, struct ksk_pin_source *source,
	struct ksk_fault *fault)
{
	const char *oddity;
	const enum ksk_err err = ksk_pin_source_new(source, fault);

	if (err != KSK_OK)
		return err;
	if (!read_page(fd, source) || !set_identity(fd, source->identity)) {
		ksk_fault_set(fault, "PIN file %s can't be read: %s", path,
			strerror(errno));
		return KSK_ERR_IO;
	}
	cut_line_end(source);
	oddity = find_oddity(source);
	if (oddity != NULL) {
		ksk_fault_set(fault, "PIN file %s %s", path, oddity);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

enum ksk_err
ksk_pin_source_read(const struct ksk_config_token *token,
	struct ksk_pin_source *out, struct ksk_fault *fault)
{
	char path[2 * KSK_PATH_CAP + 2];
	struct ksk_pin_source source = {.page = NULL};
	enum ksk_err err;
	int fd;

	if (token->pin_kind == KSK_PIN_PROMPT)
		return KSK_OK;
	if ((err = source_path(token, path, sizeof path, fault)) != KSK_OK ||
		(err = ksk_open_trusted(path, "PIN file", true, &fd, fault)) !=
			KSK_OK)
		return err;
	err = read_source(path, fd, &source, fault);
	close(fd);
	if (err != KSK_OK) {
		ksk_pin_source_wipe(&source);
		return err;
	}
	*out = source;
	return KSK_OK;
}

enum ksk_err
ksk_pin_source_pipe(const struct ksk_pin_source *source, int *out_fd)
{
	int fds[2];
	ssize_t n;

	if (source->page == NULL)
		abort(); /* no worker starts without a PIN */
	if (pipe2(fds, O_CLOEXEC) != 0)
		return KSK_ERR_IO;
	/* 256 bytes always fit an empty pipe. */
	n = write(fds[1], source->page, source->len);
	close(fds[1]);
	if (n != (ssize_t)source->len) {
		close(fds[0]);
		return KSK_ERR_IO;
	}
	*out_fd = fds[0];
	return KSK_OK;
}
