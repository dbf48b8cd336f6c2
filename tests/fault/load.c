/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - finds the module's own folder, its fault.conf, the control file and
 * the real module; and this process's place in the control file.
 */
#include "tests/fault/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF "fault.conf"
#define CONF_CAP (2 * PATH_MAX)

void
fault_complain(const char *what, const char *about)
{
	char line[PATH_MAX + 200];
	int len = snprintf(
		line, sizeof(line), "libkskfault: %s: %s\n", what, about);

	if (len > 0)
		(void)!write(STDERR_FILENO, line, strlen(line));
}

/* ---- fault.conf ---- */

/* The folder of this .so as the loader was told it. */
static bool
conf_path(char out[PATH_MAX])
{
	Dl_info info;
	const char *slash;
	int len;

	if (dladdr(&fault, &info) == 0 || info.dli_fname == NULL)
		return false;
	slash = strrchr(info.dli_fname, '/');
	if (slash == NULL)
		return false;
	len = snprintf(out, PATH_MAX, "%.*s/" CONF,
		(int)(slash - info.dli_fname), info.dli_fname);
	return len > 0 && len < PATH_MAX;
}

static bool
read_file(const char *path, char out[CONF_CAP])
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, out, CONF_CAP - 1);
	(void)close(fd);
	if (len <= 0)
		return false;
	out[len] = '\0';
	return true;
}

/* Copies what stands after `word` at the beginning of a line. */
static bool
take_line(const char *conf, const char *word, char out[PATH_MAX])
{
	const size_t word_len = strlen(word);

	for (const char *line = conf; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const size_t len = end != NULL ? (size_t)(end - line)
					       : strlen(line);

		if (len > word_len && len - word_len < PATH_MAX &&
			strncmp(line, word, word_len) == 0) {
			memcpy(out, line + word_len, len - word_len);
			out[len - word_len] = '\0';
			return true;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	return false;
}

/* ---- the processes ---- */

static struct flock
lock_of(size_t place)
{
	return (struct flock){.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = FAULT_LOCK_BASE + (off_t)place,
		.l_len = 1};
}

static bool
open_control(void)
{
	/* After a fork the old one is the parent's: its lock stays there. */
	if (fault.lock_fd >= 0)
		(void)close(fault.lock_fd);
	fault.lock_fd = open(fault.control_path, O_RDWR | O_CLOEXEC);
	return fault.lock_fd >= 0;
}

static bool
take_place(void)
{
	for (size_t i = 0; i < FAULT_PROCESSES; i++) {
		struct fault_process *p = &fault.control->process[i];
		struct flock lock = lock_of(i);

		if (fcntl(fault.lock_fd, F_OFD_SETLK, &lock) != 0)
			continue;
		fault.control->sessions_left += p->sessions;
		p->sessions = 0;
		p->pid = (uint64_t)fault.pid;
		fault.process = p;
		return true;
	}
	fault_complain("too many processes", fault.control_path);
	return false;
}

bool
fault_process_join(void)
{
	fault.pid = getpid();
	/* A child of fork has no session: Cryptoki says it must begin anew. */
	memset(fault.session, 0, sizeof(fault.session));
	fault.initialized = false;
	return open_control() && take_place();
}

uint64_t
fault_sessions_now(void)
{
	uint64_t sum = fault.process->sessions;

	for (size_t i = 0; i < FAULT_PROCESSES; i++) {
		const struct fault_process *p = &fault.control->process[i];
		struct flock lock = lock_of(i);

		if (p == fault.process || p->sessions == 0)
			continue;
		if (fcntl(fault.lock_fd, F_OFD_GETLK, &lock) == 0 &&
			lock.l_type != F_UNLCK)
			sum += p->sessions;
	}
	return sum;
}

/* ---- loading ---- */

static bool
map_control(void)
{
	struct fault_control *c;
	struct stat st;

	if (!open_control() || fstat(fault.lock_fd, &st) != 0) {
		fault_complain(fault.control_path, strerror(errno));
		return false;
	}
	if (st.st_size != (off_t)sizeof(*c)) {
		fault_complain(fault.control_path, "is of another size");
		return false;
	}
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED,
		fault.lock_fd, 0);
	if (c == MAP_FAILED) {
		fault_complain(fault.control_path, strerror(errno));
		return false;
	}
	if (c->magic != FAULT_MAGIC || c->version != FAULT_VERSION ||
		c->size != sizeof(*c)) {
		fault_complain(fault.control_path, "is of another version");
		return false;
	}
	fault.control = c;
	return true;
}

static bool
load_real(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = handle == NULL ? NULL
				      : dlsym(handle, "C_GetFunctionList");
	CK_RV (*get)(CK_FUNCTION_LIST **);

	if (symbol == NULL) {
		fault_complain(path, dlerror());
		return false;
	}
	/* ISO C has no cast from a symbol's address to a function. */
	memcpy(&get, &symbol, sizeof(get));
	if (get(&fault.real) == CKR_OK && fault.real != NULL)
		return true;
	fault_complain(path, "C_GetFunctionList fails");
	return false;
}

static bool
load(void)
{
	char path[PATH_MAX];
	char conf[CONF_CAP];

	if (!conf_path(path)) {
		fault_complain("no folder", "the module's own path is unknown");
		return false;
	}
	if (!read_file(path, conf)) {
		fault_complain(path, "can't be read");
		return false;
	}
	if (!take_line(conf, "module ", path) ||
		!take_line(conf, "control ", fault.control_path)) {
		fault_complain(CONF, "needs lines `module` and `control`");
		return false;
	}
	if (!map_control() || !fault_process_join() || !load_real(path))
		return false;
	fault.epoch = fault.control->epoch;
	fault.process_epoch = fault.epoch;
	return true;
}

bool
fault_load(void)
{
	if (fault.real != NULL)
		return fault.pid == getpid() || fault_process_join();
	if (fault.failed)
		return false;
	fault.failed = !load();
	return !fault.failed;
}
