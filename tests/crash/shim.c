/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shim - between the signer and the kernel, in a test binary only: every call
 * by which the journal reaches the disk and every packet that leaves is
 * written to a trace, in order, and the process can be made to stand still on
 * either side of any of them until the test kills it. Its disk can be full: then
 * what would need more blocks than there is room for fails as a full disk does,
 * and a file that is made shorter makes room.
 *
 * The trace is a file "kskd-signer.trace" beside the program, made by the test
 * and mapped shared: what is in it outlives a kill -9. Its form is
 * struct trace_head, then events; tests/crash/trace.py reads it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRACE_MAGIC UINT64_C(0x6b736b7472616365)
#define TRACED_FD_MAX 64
#define TRACED_PACKET_MAX 64

enum event {
	EVENT_BOOT = 1,
	EVENT_OPEN = 2, /* data: the path */
	EVENT_WRITE = 3,
	EVENT_TRUNCATE = 4, /* offset: the new size */
	EVENT_SYNC = 5,
	EVENT_UNLINK = 6, /* data: the path */
	EVENT_SEND = 7,   /* data: the packet */
};

struct trace_head {
	uint64_t magic;
	uint64_t size; /* of the whole file */
	_Atomic uint64_t used;
	/* Stand still at the stop_nth event (1 = the next) of kind stop_kind
	 * whose data begins with the two bytes stop_packet (0: any), before or
	 * after it happens. 0: never. Events count once a packet stop_from (0:
	 * from now on) has left. */
	_Atomic uint64_t stop_nth;
	uint64_t stop_kind;
	uint64_t stop_packet;
	uint64_t stop_after;
	_Atomic uint64_t stop_from;
	_Atomic uint64_t reached; /* pid of who stands still */
	_Atomic uint64_t silent;  /* 1: events are not kept */
	_Atomic uint64_t limited; /* 1: the disk has so many bytes of … */
	_Atomic uint64_t room;
	/* By number: packets that left, or were about to. */
	_Atomic uint64_t sent[TRACED_PACKET_MAX];
};

struct event_head {
	uint32_t kind;
	uint32_t file; /* descriptor */
	uint64_t offset;
	uint64_t len;
};

static struct trace_head *trace;
static bool traced[TRACED_FD_MAX];

static void
stand_still(void)
{
	atomic_store(&trace->reached, (uint64_t)getpid());
	for (;;)
		(void)poll(NULL, 0, 1000);
}

/* Returns true if this is the event to stand still at. */
static bool
is_stop(enum event kind, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (trace == NULL || atomic_load(&trace->stop_nth) == 0 ||
		atomic_load(&trace->stop_from) != 0 || trace->stop_kind != kind)
		return false;
	if (trace->stop_packet != 0 &&
		(len < 2 || trace->stop_packet != (uint64_t)p[0] * 256 + p[1]))
		return false;
	return atomic_fetch_sub(&trace->stop_nth, 1) == 1;
}

/* Before it leaves: who is killed on the way has sent it for all that
 * anybody knows. */
static void
count_packet(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (trace != NULL && len >= 2 && p[0] == 0 && p[1] < TRACED_PACKET_MAX)
		atomic_fetch_add(&trace->sent[p[1]], 1);
}

/* From here on events count, if they waited for this packet. */
static void
packet_left(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (trace != NULL && len >= 2 &&
		atomic_load(&trace->stop_from) == (uint64_t)p[0] * 256 + p[1])
		atomic_store(&trace->stop_from, 0);
}

static void
put(enum event kind, int file, uint64_t offset, const void *data, size_t len)
{
	struct event_head head = {.kind = kind,
		.file = (uint32_t)file,
		.offset = offset,
		.len = len};
	uint64_t used;

	if (trace == NULL || atomic_load(&trace->silent) != 0)
		return;
	used = atomic_load(&trace->used);
	if (used + sizeof head + len + 8 > trace->size)
		abort(); /* a longer run needs a larger trace */
	memcpy((uint8_t *)trace + used, &head, sizeof head);
	if (len > 0)
		memcpy((uint8_t *)trace + used + sizeof head, data, len);
	atomic_store(&trace->used, (used + sizeof head + len + 7) / 8 * 8);
}

__attribute__((constructor)) static void
open_trace(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 8);
	struct stat st;
	int fd;
	void *map;

	if (n <= 0)
		abort();
	memcpy(path + n, ".trace", 7);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return; /* nobody wants one */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, 0);
	close(fd);
	if (map == MAP_FAILED ||
		((struct trace_head *)map)->magic != TRACE_MAGIC)
		abort();
	trace = map;
	put(EVENT_BOOT, 0, 0, NULL, 0);
}

static bool
is_traced(int fd)
{
	return fd >= 0 && fd < TRACED_FD_MAX && traced[fd];
}

/* ---- a disk that is full ---- */

#define BLOCK 4096u

static uint64_t
blocks_of(uint64_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

/* Takes the room that a file needs to have a length; false: there is none. */
static bool
take_room(int fd, uint64_t len)
{
	struct stat st;

	if (trace == NULL || atomic_load(&trace->limited) == 0 ||
		fstat(fd, &st) != 0 || (uint64_t)st.st_size >= len)
		return true;
	uint64_t more = blocks_of(len) - blocks_of((uint64_t)st.st_size);
	if (more > atomic_load(&trace->room)) {
		errno = ENOSPC;
		return false;
	}
	atomic_fetch_sub(&trace->room, more);
	return true;
}

static void
give_room(uint64_t before, uint64_t after)
{
	if (trace != NULL && blocks_of(before) > blocks_of(after))
		atomic_fetch_add(
			&trace->room, blocks_of(before) - blocks_of(after));
}

/* ---- the calls of libsqlite3 and of the signer itself ---- */

int open64(const char *path, int flags, ...);
int open(const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset);
int ftruncate64(int fd, off64_t size);
int ftruncate(int fd, off_t size);
int fallocate(int fd, int mode, off_t offset, off_t len);
int fstatfs(int fd, struct statfs *out);

/* Nothing is ever read from the reserve, so that no cut can hurt it. */
static bool
is_reserve(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL && strcmp(slash, "/reserve") == 0;
}

static int
open_traced(const char *path, int flags, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);

	if (fd >= 0 && fd < TRACED_FD_MAX) {
		traced[fd] = trace != NULL && !is_reserve(path) &&
			((flags & O_ACCMODE) != O_RDONLY ||
				(flags & O_DIRECTORY) != 0);
		if (traced[fd])
			put(EVENT_OPEN, fd, 0, path, strlen(path));
	}
	return fd;
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_list list;
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	return open_traced(path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_list list;
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	return open_traced(path, flags, mode);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	bool stop = is_traced(fd) && is_stop(EVENT_WRITE, data, len);
	ssize_t n;

	if (stop && trace->stop_after == 0)
		stand_still();
	if (!take_room(fd, (uint64_t)offset + len))
		return -1;
	n = syscall(SYS_pwrite64, fd, data, len, offset);
	if (n > 0 && is_traced(fd))
		put(EVENT_WRITE, fd, (uint64_t)offset, data, (size_t)n);
	if (stop)
		stand_still();
	return n;
}

int
ftruncate64(int fd, off64_t size)
{
	struct stat st = {.st_size = 0};
	int result = fstat(fd, &st) == 0 ? (int)syscall(SYS_ftruncate, fd, size)
					 : -1;

	if (result == 0)
		give_room((uint64_t)st.st_size, (uint64_t)size);

	if (result == 0 && is_traced(fd))
		put(EVENT_TRUNCATE, fd, (uint64_t)size, NULL, 0);
	return result;
}

int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (!take_room(fd, (uint64_t)(offset + len)))
		return -1;
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

int
fstatfs(int fd, struct statfs *out)
{
	int result = (int)syscall(SYS_fstatfs, fd, out);

	if (result == 0 && trace != NULL && atomic_load(&trace->limited) != 0) {
		out->f_bsize = BLOCK;
		out->f_bavail = atomic_load(&trace->room) / BLOCK;
	}
	return result;
}

static int
sync_by(long nr, int fd)
{
	bool stop = is_traced(fd) && is_stop(EVENT_SYNC, NULL, 0);
	int result;

	if (stop && trace->stop_after == 0)
		stand_still();
	result = (int)syscall(nr, fd);
	if (result == 0 && is_traced(fd))
		put(EVENT_SYNC, fd, 0, NULL, 0);
	if (stop)
		stand_still();
	return result;
}

int
fdatasync(int fd)
{
	return sync_by(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return sync_by(SYS_fsync, fd);
}

int
unlink(const char *path)
{
	int result = (int)syscall(SYS_unlink, path);

	if (result == 0)
		put(EVENT_UNLINK, 0, 0, path, strlen(path));
	return result;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const void *data = msg->msg_iovlen > 0 ? msg->msg_iov[0].iov_base : "";
	size_t len = msg->msg_iovlen > 0 ? msg->msg_iov[0].iov_len : 0;
	bool stop = is_stop(EVENT_SEND, data, len);
	ssize_t n;

	if (stop && trace->stop_after == 0)
		stand_still();
	count_packet(data, len);
	n = syscall(SYS_sendmsg, fd, msg, flags);
	if (n >= 0) {
		put(EVENT_SEND, fd, 0, data, len);
		packet_left(data, len);
	}
	if (stop)
		stand_still();
	return n;
}
