/* SPDX-License-Identifier: BSD-2-Clause */
/* accept - see accept.h. */
#include "appliance/signer/accept.h"

#include "appliance/base/log.h"
#include "appliance/base/start.h"
#include "appliance/base/yaml.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 4096u
#define WORD_MAX 5u

struct line {
	size_t count;
	char word[WORD_MAX][2 * KSK_HASH_LEN + 1];
};

/* Splits at single blanks. */
static bool
split(struct ksk_span text, struct line *out)
{
	size_t start = 0;

	out->count = 0;
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.data[i] != ' ')
			continue;
		if (out->count == WORD_MAX ||
			i - start >= sizeof(out->word[0]) || i == start)
			return false;
		memcpy(out->word[out->count], text.data + start, i - start);
		out->word[out->count++][i - start] = '\0';
		start = i + 1;
	}
	return true;
}

static bool
is_hex(const char *word, const uint8_t *want, size_t len)
{
	uint8_t bytes[KSK_HASH_LEN];
	size_t have = 0;

	return ksk_hex_read(word, strlen(word), bytes, sizeof(bytes), &have) ==
		KSK_OK &&
		have == len && memcmp(bytes, want, len) == 0;
}

/* What one line accepts, or why it accepts nothing. */
static const char *
read_line(const struct line *l, const uint8_t journal[KSK_ID_LEN],
	struct ksk_head head, uint64_t now, unsigned *out)
{
	bool clock = strcmp(l->word[0], "accept-clock") == 0;
	bool restore = strcmp(l->word[0], "accept-restore") == 0;
	uint64_t number = 0, not_after = 0;

	if ((!clock || l->count != 3) && (!restore || l->count != 5))
		return "it is neither \"accept-clock JOURNAL-ID NOT-AFTER\" "
		       "nor \"accept-restore JOURNAL-ID NUMBER HASH "
		       "NOT-AFTER\"";
	if (!is_hex(l->word[1], journal, KSK_ID_LEN))
		return "it is about another journal";
	if (ksk_text_time(l->word[l->count - 1], &not_after) != KSK_OK)
		return "its last word is no time";
	if (not_after <= now)
		return "its time is over";
	if (restore &&
		(ksk_text_uint(l->word[2], 0, UINT64_MAX, &number) != KSK_OK ||
			number != head.number ||
			!is_hex(l->word[3], head.hash, KSK_HASH_LEN)))
		return "it is about another head of the journal";
	*out |= clock ? KSK_ACCEPTED_CLOCK : KSK_ACCEPTED_RESTORE;
	return NULL;
}

unsigned
ksk_accept_read(struct ksk_span text, const uint8_t journal[KSK_ID_LEN],
	struct ksk_head head, uint64_t now, struct ksk_fault *fault)
{
	unsigned out = KSK_ACCEPTED_NOTHING;
	size_t start = 0, number = 1;

	fault->text[0] = '\0';
	for (size_t i = 0; i <= text.len; i++) {
		struct line l = {.count = 0};
		const char *why = "it is not made of words and single blanks";

		if (i < text.len && text.data[i] != '\n')
			continue;
		if (i > start) {
			if (split(ksk_span_of(text.data + start, i - start),
				    &l))
				why = read_line(&l, journal, head, now, &out);
			if (why != NULL)
				ksk_fault_set(fault,
					"line %zu of the file accept is not "
					"taken: %s",
					number, why);
		}
		start = i + 1;
		number++;
	}
	return out;
}

/* ---- the file ---- */

static bool
path_of(const char *journal_path, char out[KSK_PATH_CAP])
{
	const char *slash = strrchr(journal_path, '/');
	int n = slash == NULL
		? -1
		: snprintf(out, KSK_PATH_CAP, "%.*s/accept",
			  (int)(slash - journal_path), journal_path);

	return n > 0 && (size_t)n < KSK_PATH_CAP;
}

/* Returns how much was read; 0: no file, or an empty one. */
static size_t
slurp(const char *path, uint8_t out[FILE_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return 0;
	while (len < FILE_MAX && n > 0) {
		n = read(fd, out + len, FILE_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	return len;
}

static bool
record(struct ksk_journal *journal, const char *what, uint64_t now)
{
	struct ksk_record r = {
		.time = now, .kind = KSK_RECORD_ACCEPT, .text = what};
	struct ksk_fault fault = {.text = ""};
	uint8_t hash[KSK_HASH_LEN];

	/* What is staged before becomes durable with it. */
	if (ksk_journal_stage(journal, &r, hash) == KSK_OK &&
		ksk_journal_commit(journal, &fault) == KSK_OK) {
		ksk_log(KSK_LOG_WARN, "accepted",
			"a hold is ended by the file accept", "what", what,
			NULL);
		return true;
	}
	return false;
}

unsigned
ksk_accept_look(struct ksk_journal *journal, const char *journal_path,
	unsigned wanted, struct ksk_head head, uint64_t now)
{
	char path[KSK_PATH_CAP];
	uint8_t text[FILE_MAX];
	struct ksk_fault fault;
	unsigned found, taken = KSK_ACCEPTED_NOTHING;
	size_t len;

	if (!path_of(journal_path, path) || (len = slurp(path, text)) == 0)
		return taken;
	found = ksk_accept_read(ksk_span_of(text, len), ksk_journal_id(journal),
		head, now, &fault);
	/* Away first: one that can't be removed would be taken again. */
	if (unlink(path) != 0) {
		ksk_log(KSK_LOG_ERROR, "accept-stays",
			"the file accept can't be removed, so it is not taken",
			"path", path, NULL);
		return taken;
	}
	if (fault.text[0] != '\0')
		ksk_log(KSK_LOG_ERROR, "accept-refused", fault.text, NULL);
	if ((found & wanted & KSK_ACCEPTED_CLOCK) != 0 &&
		record(journal, "clock", now))
		taken |= KSK_ACCEPTED_CLOCK;
	if ((found & wanted & KSK_ACCEPTED_RESTORE) != 0 &&
		record(journal, "restore", now))
		taken |= KSK_ACCEPTED_RESTORE;
	return taken;
}
