/* SPDX-License-Identifier: BSD-2-Clause */
/* accept - see accept.h. */
#include "appliance/signer/accept.h"

#include "appliance/base/log.h"
#include "appliance/base/yaml.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 5u

/* Lines about the clock that are remembered; each has an end besides. */
#define USED_MAX 16u
static const char used_name[] = "accepted-lines";

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

static void
digest(struct ksk_span line, uint8_t out[KSK_HASH_LEN])
{
	if (EVP_Digest(line.data, line.len, out, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* OpenSSL has SHA-256 */
}

void
ksk_accept_read(struct ksk_span text, const uint8_t journal[KSK_ID_LEN],
	struct ksk_head head, uint64_t now, struct ksk_accept_found *out,
	struct ksk_fault *fault)
{
	size_t start = 0, number = 1;

	*out = (struct ksk_accept_found){.what = KSK_ACCEPTED_NOTHING};
	fault->text[0] = '\0';
	for (size_t i = 0; i <= text.len; i++) {
		struct line l = {.count = 0};
		const char *why = "it is not made of words and single blanks";
		struct ksk_span one = ksk_span_of(text.data + start, i - start);
		unsigned what = KSK_ACCEPTED_NOTHING;

		if (i < text.len && text.data[i] != '\n')
			continue;
		if (one.len > 0 && split(one, &l))
			why = read_line(&l, journal, head, now, &what);
		if (one.len > 0 && why != NULL)
			ksk_fault_set(fault,
				"line %zu of the file accept is not taken: %s",
				number, why);
		if (what == KSK_ACCEPTED_CLOCK)
			digest(one, out->clock_line);
		out->what |= what;
		start = i + 1;
		number++;
	}
}

/* ---- lines that were taken ---- */

static enum ksk_err
read_used(struct ksk_journal *journal, struct ksk_buf *out)
{
	struct ksk_fault fault;
	enum ksk_err err = ksk_journal_state_get(
		journal, used_name, out, &fault);

	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* What can't be known counts as taken. */
static bool
is_used(struct ksk_journal *journal, const uint8_t line[KSK_HASH_LEN])
{
	uint8_t room[USED_MAX * KSK_HASH_LEN];
	struct ksk_buf used = ksk_buf_of(room, sizeof(room));

	if (read_used(journal, &used) != KSK_OK)
		return true;
	for (size_t at = 0; at + KSK_HASH_LEN <= used.len; at += KSK_HASH_LEN)
		if (memcmp(room + at, line, KSK_HASH_LEN) == 0)
			return true;
	return false;
}

enum ksk_err
ksk_accept_remember(
	struct ksk_journal *journal, const uint8_t line[KSK_HASH_LEN])
{
	uint8_t room[(USED_MAX + 1) * KSK_HASH_LEN];
	struct ksk_buf used = ksk_buf_of(room, USED_MAX * KSK_HASH_LEN);
	enum ksk_err err = read_used(journal, &used);
	struct ksk_span all;

	if (err != KSK_OK)
		return err;
	memcpy(room + used.len, line, KSK_HASH_LEN);
	all = ksk_span_of(room, used.len + KSK_HASH_LEN);
	if (all.len > used.cap)
		all = ksk_span_of(room + KSK_HASH_LEN, used.cap);
	return ksk_journal_state_set(journal, used_name, all);
}

/* ---- the file ---- */

enum ksk_err
ksk_accept_take(int fd, struct ksk_accept *out)
{
	uint8_t room[KSK_ACCEPT_MAX + 1];
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0) {
		n = pread(fd, room + len, sizeof(room) - len, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return KSK_ERR_IO;
		len += (size_t)n;
		if (len == sizeof(room))
			return KSK_ERR_NO_ROOM;
	}
	memcpy(out->text, room, len);
	out->len = len;
	out->tried = KSK_ACCEPTED_NOTHING;
	return KSK_OK;
}

void
ksk_accept_look(struct ksk_accept *accept, struct ksk_journal *journal,
	unsigned wanted, struct ksk_head head, uint64_t now,
	struct ksk_accept_found *out)
{
	struct ksk_fault fault;
	unsigned fresh = wanted & ~accept->tried;

	out->what = KSK_ACCEPTED_NOTHING;
	/* A hold that has ended may begin again. */
	accept->tried = wanted;
	if (fresh == 0 || accept->len == 0)
		return;
	ksk_accept_read(ksk_span_of(accept->text, accept->len),
		ksk_journal_id(journal), head, now, out, &fault);
	out->what &= fresh;
	if ((out->what & KSK_ACCEPTED_CLOCK) != 0 &&
		is_used(journal, out->clock_line)) {
		out->what &= ~(unsigned)KSK_ACCEPTED_CLOCK;
		ksk_fault_set(&fault,
			"the line about the clock in the file accept was taken "
			"before; write a new one");
	}
	if (fault.text[0] != '\0')
		ksk_log(KSK_LOG_ERROR, "accept-refused", fault.text, NULL);
}
