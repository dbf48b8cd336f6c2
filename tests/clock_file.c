/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock_file - the clock of a whole program in a test: the machine's, moved by
 * what a file beside the program says. It is linked into build/testclock only,
 * in the place of the product's clock.
 *
 * The file is "<program>.clock": int64 seconds that CLOCK_REALTIME is moved
 * by, int64 milliseconds that CLOCK_BOOTTIME is moved by, uint64 1 if the
 * clock counts as synchronised; mapped shared, so that a test can move it at
 * any moment.
 */
#include "appliance/base/clock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct moved {
	_Atomic int64_t seconds;
	_Atomic int64_t boot_ms;
	_Atomic uint64_t synchronised;
};

static struct moved *moved;

__attribute__((constructor)) static void
open_clock(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 8);
	void *map;
	int fd;

	if (n <= 0)
		abort();
	memcpy(path + n, ".clock", 7);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort(); /* a test clock that nobody sets is no clock */
	map = mmap(
		NULL, sizeof *moved, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		abort();
	moved = map;
}

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		abort();
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t
ksk_clock_now(void)
{
	return (uint64_t)(read_ms(CLOCK_REALTIME) / 1000 +
		atomic_load(&moved->seconds));
}

uint64_t
ksk_clock_mono_ms(void)
{
	return (uint64_t)(read_ms(CLOCK_BOOTTIME) +
		atomic_load(&moved->boot_ms));
}

bool
ksk_clock_synchronised(void)
{
	return atomic_load(&moved->synchronised) == 1;
}
