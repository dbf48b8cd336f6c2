/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * growth_file - see growth_file.h.
 */
#include "client/growth_file.h"

#include "appliance/base/yaml.h"
#include "client/file.h"
#include "client/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX 65536u

/* Cuts the next word off a line; what is left may be "". */
static char *
take_word(char **rest)
{
	char *word = *rest;
	char *blank = strchr(word, ' ');

	if (blank == NULL) {
		*rest = word + strlen(word);
		return word;
	}
	*blank = '\0';
	*rest = blank + 1;
	return word;
}

static bool
read_hex(const char *text, uint8_t *out, size_t len)
{
	size_t got = 0;

	return ksk_hex_read(text, strlen(text), out, len, &got) == KSK_OK &&
		got == len;
}

/* RECORD HASH APPLIANCE-ID ADDRESS; an address comes last, for it may hold
 * anything. */
static bool
read_line(char *text, struct ksk_growth_line *out)
{
	const char *record = take_word(&text);
	const char *hash = take_word(&text);
	const char *appliance = take_word(&text);

	if (ksk_text_uint(record, 0, UINT64_MAX, &out->mark.record) != KSK_OK ||
		!read_hex(hash, out->mark.hash, KSK_HASH_LEN) ||
		!read_hex(appliance, out->mark.appliance, KSK_ID_LEN) ||
		text[0] == '\0' || strlen(text) >= sizeof(out->address))
		return false;
	ksk_text_copy(out->address, sizeof(out->address), text);
	return true;
}

static bool
add_line(char *text, struct ksk_growth_table *table)
{
	struct ksk_growth_line line;

	if (text[0] == '\0' || text[0] == '#')
		return true;
	if (table->count == KSK_GROWTH_COUNT_MAX || !read_line(text, &line) ||
		ksk_growth_file_find(table, line.address) != NULL)
		return false;
	table->line[table->count++] = line;
	return true;
}

static enum ksk_err
read_lines(const char *path, char *text, size_t len,
	struct ksk_growth_table *out, struct ksk_fault *fault)
{
	size_t number = 1;

	for (char *at = text, *next; at < text + len; at = next, number++) {
		bool zero;

		/* Words are cut off the line when it is read. */
		next = at + strcspn(at, "\n") + 1;
		zero = next[-1] == '\0' && next <= text + len;
		next[-1] = '\0';
		if (!zero && add_line(at, out))
			continue;
		ksk_fault_set(fault,
			"%.400s:line %zu: not RECORD HASH APPLIANCE-ID "
			"ADDRESS, or the address a second time",
			path, number);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

enum ksk_err
ksk_growth_file_read(const char *path, struct ksk_growth_table *out_table,
	struct ksk_fault *fault)
{
	struct ksk_fault why = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read_secret(
		path, FILE_MAX, &text, &len, &why);

	out_table->count = 0;
	if (err == KSK_ERR_NOT_FOUND)
		return KSK_OK;
	if (err != KSK_OK) {
		*fault = why;
		return err;
	}
	err = read_lines(path, (char *)text, len, out_table, fault);
	free(text);
	return err;
}

enum ksk_err
ksk_growth_file_write(const char *path, const struct ksk_growth_table *table,
	struct ksk_fault *fault)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_text_add(&text,
		"# Written by kskctl: the newest journal record seen of each "
		"appliance, which\n# only grows. See kskctl(1); forget one "
		"with: kskctl enroll --forget-record ADDRESS\n");
	for (size_t i = 0; i < table->count; i++) {
		const struct ksk_growth_line *line = &table->line[i];
		char hash[2 * KSK_HASH_LEN + 1], id[2 * KSK_ID_LEN + 1];

		ksk_hex_write(ksk_span_of(line->mark.hash, KSK_HASH_LEN), hash,
			sizeof(hash));
		ksk_hex_write(ksk_span_of(line->mark.appliance, KSK_ID_LEN), id,
			sizeof(id));
		ksk_text_add(&text, "%llu %s %s %s\n",
			(unsigned long long)line->mark.record, hash, id,
			line->address);
	}
	if (text.failed)
		ksk_fault_set(fault, "no memory is left");
	else
		err = ksk_file_replace_private(
			path, text.data, text.len, fault);
	ksk_text_free(&text);
	return err;
}

/* The lock is the folder's: the file itself is another one after each
 * change. */
int
ksk_growth_file_lock(const char *path)
{
	char folder[KSK_GROWTH_PATH_CAP];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL)
		ksk_text_copy(folder, sizeof(folder), ".");
	else
		ksk_text_copy(folder, sizeof(folder), path);
	if (slash != NULL)
		folder[slash == path ? 1 : slash - path] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		(void)close(fd);
		return -1;
	}
	return fd;
}

void
ksk_growth_file_unlock(int lock)
{
	if (lock >= 0)
		(void)close(lock);
}

struct ksk_growth_line *
ksk_growth_file_find(struct ksk_growth_table *table, const char *address)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->line[i].address, address) == 0)
			return &table->line[i];
	}
	return NULL;
}
