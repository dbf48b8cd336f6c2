/* SPDX-License-Identifier: BSD-2-Clause */
/* reserve - see reserve.h. */
#include "appliance/signer/reserve.h"

#include "appliance/base/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* It is given back in so many pieces, none of them tiny. */
#define PIECE_COUNT 8u
#define PIECE_MIN (128u * 1024u)

/* A fraction of it that must be free beside it before it is filled again: else
 * a disk that stays full would be full again at the next record. */
#define SLACK_PART 4u

/* Bytes written at once where the file system can't set space aside. */
#define WRITE_LEN 65536u

static enum ksk_err
path_of(const char *journal, char out[KSK_PATH_CAP], struct ksk_fault *fault)
{
	const char *slash = strrchr(journal, '/');
	int n = slash == NULL ? -1
			      : snprintf(out, KSK_PATH_CAP, "%.*s/reserve",
					(int)(slash - journal), journal);

	if (n > 0 && (size_t)n < KSK_PATH_CAP)
		return KSK_OK;
	ksk_fault_set(fault, "the path of the journal's reserve is too long");
	return KSK_ERR_IO;
}

bool
ksk_reserve_is_lack(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

/* ---- the file's length, and the blocks behind it ---- */

static bool
shorten(struct ksk_reserve *reserve, uint64_t len)
{
	bool done;

	do
		done = ftruncate(reserve->fd, (off_t)len) == 0;
	while (!done && errno == EINTR);
	if (done)
		reserve->held = len;
	/* Some file systems give blocks back only with their next commit. */
	(void)fsync(reserve->fd);
	return done;
}

/* Zeroes take their blocks as well. */
static bool
write_zeroes(int fd, uint64_t from, uint64_t to)
{
	static const uint8_t zeroes[WRITE_LEN];

	while (from < to) {
		size_t len = to - from < WRITE_LEN ? (size_t)(to - from)
						   : WRITE_LEN;
		ssize_t n = pwrite(fd, zeroes, len, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		from += (uint64_t)n;
	}
	return true;
}

static bool
lengthen(const struct ksk_reserve *reserve)
{
	int done;

	do
		done = fallocate(reserve->fd, 0, 0, (off_t)reserve->wanted);
	while (done != 0 && errno == EINTR);
	if (done != 0 && errno == EOPNOTSUPP &&
		write_zeroes(reserve->fd, reserve->held, reserve->wanted))
		done = 0;
	return done == 0 && fsync(reserve->fd) == 0;
}

/* Looked for first: a try that fails takes the last space from everybody for a
 * moment. */
static bool
has_room(const struct ksk_reserve *reserve)
{
	uint64_t needed = reserve->wanted - reserve->held +
		reserve->wanted / SLACK_PART;
	struct statfs st;

	if (fstatfs(reserve->fd, &st) != 0)
		return false;
	uint64_t block = (uint64_t)st.f_bsize;
	return block == 0 || st.f_bavail >= needed / block + 1;
}

/* ---- the whole ---- */

bool
ksk_reserve_is_whole(const struct ksk_reserve *reserve)
{
	return reserve->fd < 0 || reserve->held == reserve->wanted;
}

bool
ksk_reserve_fill(struct ksk_reserve *reserve)
{
	uint64_t before = reserve->held;

	if (ksk_reserve_is_whole(reserve))
		return true;
	if (!has_room(reserve))
		return false;
	if (!lengthen(reserve)) {
		/* A quota, which the count of free blocks does not show, may
		 * have left a part of it. */
		(void)shorten(reserve, before);
		return false;
	}
	reserve->held = reserve->wanted;
	return true;
}

bool
ksk_reserve_spend(struct ksk_reserve *reserve)
{
	uint64_t piece = reserve->wanted / PIECE_COUNT;

	if (piece < PIECE_MIN)
		piece = PIECE_MIN;
	if (reserve->fd < 0 || reserve->held == 0)
		return false;
	return shorten(
		reserve, reserve->held > piece ? reserve->held - piece : 0);
}

/* What the file has: its length counts as far as there are blocks behind it. */
static bool
measure(struct ksk_reserve *reserve)
{
	struct stat st;

	if (fstat(reserve->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	uint64_t len = (uint64_t)st.st_size;
	uint64_t blocks = (uint64_t)st.st_blocks * 512u;
	reserve->held = len < blocks ? len : blocks;
	if (len != reserve->held || reserve->held > reserve->wanted)
		return shorten(reserve,
			reserve->held < reserve->wanted ? reserve->held
							: reserve->wanted);
	return true;
}

enum ksk_err
ksk_reserve_open(const char *journal, uint64_t wanted,
	struct ksk_reserve *out_reserve, struct ksk_fault *fault)
{
	char path[KSK_PATH_CAP];
	enum ksk_err err = path_of(journal, path, fault);

	if (err != KSK_OK)
		return err;
	struct ksk_reserve reserve = {.wanted = wanted,
		.fd = open(
			path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
	if (reserve.fd < 0 || !measure(&reserve)) {
		ksk_fault_set(fault,
			"the journal's reserve %s can't be used: %s", path,
			strerror(errno));
		ksk_reserve_close(&reserve);
		return KSK_ERR_IO;
	}
	(void)ksk_reserve_fill(&reserve);
	*out_reserve = reserve;
	return KSK_OK;
}

void
ksk_reserve_close(struct ksk_reserve *reserve)
{
	if (reserve->fd >= 0)
		(void)close(reserve->fd);
	reserve->fd = -1;
}
