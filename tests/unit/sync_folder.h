/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_folder - a folder with files and programs for tests of gather and
 * deliver, and a configuration that stands in it. Only for tests.
 */
#ifndef KSK_TESTS_SYNC_FOLDER_H
#define KSK_TESTS_SYNC_FOLDER_H

#include "client/sync_config.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ksk_sync_config config = {
	.timeout_ms = 10000, .command_ms = 10000};
static struct ksk_sync_zone zone = {
	.owner = {.len = 3, .wire = {1, 'z', 0}}, .text = "z."};

static void
put_file(const char *name, const char *text, mode_t mode)
{
	char path[KSK_PROFILE_PATH_CAP + 64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", config.folder, name);
	file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 ||
		chmod(path, mode) != 0)
		abort();
}

/* Returns what a file holds, "" if it is not there. */
static inline const char *
get_file(const char *name)
{
	static char text[65536];
	char path[KSK_PROFILE_PATH_CAP + 64];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", config.folder, name);
	file = fopen(path, "r");
	if (file == NULL)
		return "";
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	return text;
}

static int
make_folder(void **state)
{
	(void)state;
	(void)snprintf(
		config.folder, sizeof(config.folder), "/tmp/ksk-sync.XXXXXX");
	return mkdtemp(config.folder) == NULL ? -1 : 0;
}

static int
drop_folder(void **state)
{
	char pattern[KSK_PROFILE_PATH_CAP + 4];
	glob_t found = {0};

	(void)state;
	(void)snprintf(pattern, sizeof(pattern), "%s/*", config.folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	}
	globfree(&found);
	return rmdir(config.folder);
}

#endif
