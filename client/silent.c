/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * silent - see silent.h. A table in shared memory. Its file has the locks: a
 * record lock belongs to one process and ends with it, so that none that was
 * killed leaves the others waiting.
 */
#include "client/silent.h"

#include "protocol/span.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENTRY_MAX 1024u
#define WHO_CAP 320u

/* The bytes of the file that stand for locks: the turns, then the table. */
#define TABLE_LOCK KSK_SILENT_TURNS

struct entry {
	char who[WHO_CAP];
	bool answered;     /* in this run, at least once */
	unsigned failures; /* since then */
	uint64_t tried_ms; /* when the last failure was noted, or a try began
			    * behind that */
};

struct table {
	size_t count;
	struct entry entry[ENTRY_MAX];
};

struct ksk_silent {
	int fd;
	struct table *table;
};

struct ksk_silent *
ksk_silent_new(void)
{
	struct ksk_silent *silent = malloc(sizeof(*silent));
	void *room = MAP_FAILED;

	if (silent == NULL)
		return NULL;
	silent->fd = memfd_create("ksk-silent", MFD_CLOEXEC);
	if (silent->fd >= 0 &&
		ftruncate(silent->fd, (off_t)sizeof(struct table)) == 0)
		room = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE,
			MAP_SHARED, silent->fd, 0);
	if (room != MAP_FAILED) {
		silent->table = room;
		return silent;
	}
	if (silent->fd >= 0)
		(void)close(silent->fd);
	free(silent);
	return NULL;
}

void
ksk_silent_free(struct ksk_silent **silent)
{
	struct ksk_silent *s = *silent;

	if (s == NULL)
		return;
	(void)munmap(s->table, sizeof(*s->table));
	(void)close(s->fd);
	free(s);
	*silent = NULL;
}

/* ---- locks ---- */

/* Where there is no lock two may do the same at once: no harm but time. */
static void
lock(const struct ksk_silent *s, short type, unsigned byte)
{
	struct flock record = {.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)byte,
		.l_len = 1};
	int done;

	do {
		done = fcntl(s->fd, F_SETLKW, &record);
	} while (done != 0 && errno == EINTR);
}

void
ksk_silent_take_turn(struct ksk_silent *silent, unsigned turn)
{
	if (silent != NULL && turn < KSK_SILENT_TURNS)
		lock(silent, F_WRLCK, turn);
}

void
ksk_silent_end_turn(struct ksk_silent *silent, unsigned turn)
{
	if (silent != NULL && turn < KSK_SILENT_TURNS)
		lock(silent, F_UNLCK, turn);
}

/* ---- the table ---- */

static struct entry *
find(struct table *table, const char *who)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strncmp(table->entry[i].who, who, WHO_CAP - 1) == 0)
			return &table->entry[i];
	}
	return NULL;
}

/* Finds or adds. NULL: the table is full, one more is not remembered. */
static struct entry *
find_or_add(struct table *table, const char *who)
{
	struct entry *entry = find(table, who);

	if (entry != NULL || table->count == ENTRY_MAX)
		return entry;
	entry = &table->entry[table->count];
	*entry = (struct entry){0};
	ksk_text_copy(entry->who, sizeof(entry->who), who);
	table->count++;
	return entry;
}

/* One process tries, the others go on without. */
static bool
is_silent(struct entry *entry, uint64_t now_ms)
{
	unsigned most = entry->answered ? KSK_SILENT_ONCE : KSK_SILENT_NEVER;

	if (entry->failures < most)
		return false;
	if (now_ms < entry->tried_ms + KSK_SILENT_AGAIN_MS)
		return true;
	entry->tried_ms = now_ms;
	return false;
}

bool
ksk_silent_is(struct ksk_silent *silent, const char *who, uint64_t now_ms)
{
	struct entry *entry;
	bool is;

	if (silent == NULL)
		return false;
	lock(silent, F_WRLCK, TABLE_LOCK);
	entry = find(silent->table, who);
	is = entry != NULL && is_silent(entry, now_ms);
	lock(silent, F_UNLCK, TABLE_LOCK);
	return is;
}

void
ksk_silent_answered(struct ksk_silent *silent, const char *who)
{
	struct entry *entry;

	if (silent == NULL)
		return;
	lock(silent, F_WRLCK, TABLE_LOCK);
	entry = find_or_add(silent->table, who);
	if (entry != NULL) {
		entry->answered = true;
		entry->failures = 0;
	}
	lock(silent, F_UNLCK, TABLE_LOCK);
}

void
ksk_silent_failed(struct ksk_silent *silent, const char *who, uint64_t now_ms)
{
	struct entry *entry;

	if (silent == NULL)
		return;
	lock(silent, F_WRLCK, TABLE_LOCK);
	entry = find_or_add(silent->table, who);
	if (entry != NULL) {
		entry->failures++;
		entry->tried_ms = now_ms;
	}
	lock(silent, F_UNLCK, TABLE_LOCK);
}

void
ksk_silent_note(struct ksk_silent *silent, const char *who, bool answered,
	uint64_t begin_ms, uint64_t now_ms)
{
	if (answered)
		ksk_silent_answered(silent, who);
	else if (now_ms - begin_ms >= KSK_SILENT_MIN_MS)
		ksk_silent_failed(silent, who, now_ms);
}

void
ksk_silent_say(struct ksk_fault *fault, const char *who)
{
	ksk_fault_set(fault,
		"%.300s: no answer before in this run: not waited for again",
		who);
}
