/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_read - the text of a KSR to its sections; see ksr.h. This file knows the
 * headers; what stands between two of them is zone text (zonetext.h).
 */
#include "client/ksr.h"

#include "protocol/dnskey.h"
#include "protocol/zonetext_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define KSR_WORD KSK_ZONETEXT_KSR_WORD

/* RFC 4034 3.1.5: no RRSIG can begin later. */
#define TIME_MAX UINT32_MAX

struct reader {
	struct ksk_span text;
	size_t pos;  /* first byte of the next line */
	size_t line; /* number of the line read last */
	struct ksk_zonetext_faults *faults;
	bool has_dialect, over;
	size_t body; /* first byte behind the last header */
	struct ksk_ksr ksr;
};

/* ---- lines and words ---- */

/* Takes the next line, without its end. */
static bool
next_line(struct reader *r, struct ksk_span *out)
{
	const uint8_t *at = r->text.data + r->pos;
	size_t left = r->text.len - r->pos;
	const uint8_t *end;

	if (left == 0)
		return false;
	end = memchr(at, '\n', left);
	*out = ksk_span_of(at, end == NULL ? left : (size_t)(end - at));
	r->pos += out->len + (end == NULL ? 0u : 1u);
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		out->len--;
	r->line++;
	return true;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Cuts the next word off a line; empty at its end. */
static struct ksk_zonetext_word
cut_word(struct ksk_span *line, size_t number)
{
	struct ksk_zonetext_word word = {.line = number};

	while (line->len > 0 && is_blank(line->data[0]))
		*line = ksk_span_of(line->data + 1, line->len - 1);
	word.text = ksk_span_of(line->data, 0);
	while (line->len > 0 && !is_blank(line->data[0])) {
		word.text.len++;
		*line = ksk_span_of(line->data + 1, line->len - 1);
	}
	return word;
}

/* ---- the time of a section ---- */

static bool
read_digits(struct ksk_span digits, uint64_t *out)
{
	uint64_t value = 0;

	if (digits.len == 0 || digits.len > 14)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(digits.data[i] - '0');
	}
	*out = value;
	return true;
}

/* YYYYMMDDhhmmss, a moment that there is. */
static bool
read_calendar(uint64_t digits, uint64_t *out)
{
	struct tm tm = {
		.tm_year = (int)(digits / 10000000000u) - 1900,
		.tm_mon = (int)(digits / 100000000u % 100) - 1,
		.tm_mday = (int)(digits / 1000000u % 100),
		.tm_hour = (int)(digits / 10000u % 100),
		.tm_min = (int)(digits / 100u % 100),
		.tm_sec = (int)(digits % 100),
	};
	struct tm same = tm;
	time_t time = timegm(&same);

	if (time < 0 || same.tm_year != tm.tm_year ||
		same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday ||
		same.tm_hour != tm.tm_hour || same.tm_min != tm.tm_min ||
		same.tm_sec != tm.tm_sec)
		return false;
	*out = (uint64_t)time;
	return true;
}

static bool
read_time(const struct ksk_zonetext_word *word, enum ksk_ksr_dialect *dialect,
	uint64_t *out)
{
	uint64_t digits;

	if (!read_digits(word->text, &digits) ||
		(word->text.len > 10 && word->text.len != 14))
		return false;
	*dialect = word->text.len == 14 ? KSK_KSR_BIND : KSK_KSR_KNOT;
	*out = digits;
	if (*dialect == KSK_KSR_BIND && !read_calendar(digits, out))
		return false;
	return *out <= TIME_MAX;
}

/* ---- sections ---- */

/* The records of one section, in memory of their own. */
static bool
keep_rrset(const struct ksk_rrset *rrset, struct ksk_ksr_section *section)
{
	size_t len = 0, at = 0;

	for (size_t i = 0; i < rrset->count; i++)
		len += rrset->rdata[i].len;
	section->memory = malloc(len);
	if (section->memory == NULL)
		return false;
	section->rrset = *rrset;
	for (size_t i = 0; i < rrset->count; i++) {
		memcpy(section->memory + at, rrset->rdata[i].data,
			rrset->rdata[i].len);
		section->rrset.rdata[i] = ksk_span_of(
			section->memory + at, rrset->rdata[i].len);
		at += rrset->rdata[i].len;
	}
	return true;
}

/* A KSR names what a provider signs with; the KSKs are ours to add, and a key
 * with the SEP bit that is not ours has no place (RFC 8901 7). */
static void
check_keys(struct reader *r, const struct ksk_ksr_section *section)
{
	for (size_t i = 0; i < section->rrset.count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(section->rrset.rdata[i], &key) != KSK_OK ||
			key.flags == KSK_FLAG_ZONE)
			continue;
		ksk_zonetext_note(r->faults, section->line,
			"the section holds key %u with flags %u: a KSR names "
			"ZSKs, which have flags 256; KSKs are added here",
			key.tag, key.flags);
	}
}

static void
check_section(struct reader *r, const struct ksk_ksr_section *section)
{
	char here[KSK_NAME_TEXT_CAP], there[KSK_NAME_TEXT_CAP], type[10];
	const struct ksk_rrset *set = &section->rrset;
	size_t first = r->ksr.section[0].line;

	if (set->type != KSK_TYPE_DNSKEY) {
		ksk_zonetext_note(r->faults, section->line,
			"the section holds %s records: only DNSKEY records "
			"stand in a KSR",
			ksk_type_text(set->type, type));
		return;
	}
	check_keys(r, section);
	if (section == r->ksr.section) {
		r->ksr.owner = set->owner;
		r->ksr.ttl = set->ttl;
		return;
	}
	if (!ksk_name_equal(&set->owner, &r->ksr.owner)) {
		ksk_name_to_text(&set->owner, here);
		ksk_name_to_text(&r->ksr.owner, there);
		ksk_zonetext_note(r->faults, section->line,
			"the section is of the zone %.200s, that of line %zu "
			"of %.200s: a KSR is for one zone",
			here, first, there);
	}
	if (set->ttl != r->ksr.ttl)
		ksk_zonetext_note(r->faults, section->line,
			"the section has the TTL %u, that of line %zu %u: all "
			"must have one",
			set->ttl, first, r->ksr.ttl);
}

/* Passes on what is wrong with a section's records. Their lines are counted
 * from the one behind the header. */
static void
complain_all(struct reader *r, const struct ksk_zonetext_faults *faults,
	size_t header)
{
	for (size_t i = 0; i < faults->count; i++)
		ksk_zonetext_note(r->faults, header + faults->list[i].line,
			"%s%s",
			faults->list[i].line == 0 ? "the section below: " : "",
			faults->list[i].fault.text);
	r->faults->dropped += faults->dropped;
}

/* The text between the last header and here is a section's. */
static enum ksk_err
end_section(struct reader *r, size_t end)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET, .section = true};
	struct ksk_ksr_section *section = &r->ksr.section[r->ksr.count];
	struct ksk_zonetext_faults faults = {0};
	struct ksk_zonetext zone = {0};
	enum ksk_err err;

	if (section->line == 0)
		return KSK_OK;
	err = ksk_zonetext_read(
		ksk_span_of(r->text.data + r->body, end - r->body), &options,
		&zone, &faults);
	if (err == KSK_ERR_NO_MEMORY)
		return err;
	if (err != KSK_OK) {
		complain_all(r, &faults, section->line);
		section->line = 0;
		return KSK_OK;
	}
	if (!keep_rrset(&zone.rrset, section))
		err = KSK_ERR_NO_MEMORY;
	else
		check_section(r, section);
	ksk_zonetext_wipe(&zone);
	r->ksr.count++;
	return err;
}

/* ---- headers ---- */

static void
begin_section(struct reader *r, const struct ksk_zonetext_word *word)
{
	struct ksk_ksr_section *section = &r->ksr.section[r->ksr.count];
	char show[KSK_ZONETEXT_SHOW_CAP];
	enum ksk_ksr_dialect dialect;
	uint64_t time;

	if (!read_time(word, &dialect, &time)) {
		ksk_zonetext_note(r->faults, r->line,
			"%s is no time: Knot writes seconds since 1970 in at "
			"most 10 digits, BIND YYYYMMDDhhmmss, both before "
			"2106-02-07",
			word->text.len == 0
				? "nothing"
				: ksk_zonetext_word_show(word, show));
		return;
	}
	if (r->has_dialect && dialect != r->ksr.dialect)
		ksk_zonetext_note(r->faults, r->line,
			"the time is in the form of %s, those above in that "
			"of %s",
			ksk_ksr_dialect_text(dialect),
			ksk_ksr_dialect_text(r->ksr.dialect));
	else if (r->ksr.count > 0 && section[-1].time >= time)
		ksk_zonetext_note(r->faults, r->line,
			"the section does not begin later than that of line "
			"%zu: times must rise",
			section[-1].line);
	else if (r->ksr.count == KSK_KSR_SECTION_MAX)
		ksk_zonetext_note(r->faults, r->line, "more than %u sections",
			KSK_KSR_SECTION_MAX);
	else
		section->line = r->line;
	section->time = time;
	r->has_dialect = true;
	r->ksr.dialect = dialect;
}

static void
read_header(struct reader *r, struct ksk_span line)
{
	struct ksk_zonetext_word word = cut_word(&line, r->line);
	char show[KSK_ZONETEXT_SHOW_CAP];

	/* ksk_zonetext_find_header() has seen ";;" and the word behind it. */
	if (word.text.len == 2)
		word = cut_word(&line, r->line);
	if (word.text.len != sizeof(KSR_WORD) - 1 ||
		memcmp(word.text.data, KSR_WORD, word.text.len) != 0) {
		ksk_zonetext_note(r->faults, r->line,
			"the header does not begin with \";; " KSR_WORD "\"");
		return;
	}
	word = cut_word(&line, r->line);
	if (!ksk_zonetext_word_is(&word, "1.0")) {
		ksk_zonetext_note(r->faults, r->line,
			"the version is %s: only 1.0 is known",
			ksk_zonetext_word_show(&word, show));
		return;
	}
	word = cut_word(&line, r->line);
	r->over = ksk_zonetext_word_is(&word, "generated");
	if (!r->over)
		begin_section(r, &word);
}

/* Says what a line outside of all sections holds that is no comment. */
static void
check_outside(struct reader *r, struct ksk_span line)
{
	struct ksk_zonetext_word word = cut_word(&line, r->line);

	if (word.text.len == 0 || word.text.data[0] == ';')
		return;
	ksk_zonetext_note(r->faults, r->line,
		r->over ? "text stands behind the last line of the KSR"
			: "a record stands before the first header");
}

static enum ksk_err
read_one(struct reader *r, struct ksk_span line, size_t begin, bool *out_header)
{
	size_t at = ksk_zonetext_find_header(line, KSR_WORD);
	bool inside = at > 0 && at < line.len;
	enum ksk_err err = KSK_OK;

	if (ksk_zonetext_find_header(line, KSK_ZONETEXT_SKR_WORD) < line.len) {
		ksk_zonetext_note(r->faults, r->line,
			"this is a signed key response (SKR): a request is "
			"read here");
		r->over = true;
		return KSK_ERR_BAD_INPUT;
	}
	if (inside)
		ksk_zonetext_note(r->faults, r->line,
			"a header stands behind something else on its line");
	*out_header = at == 0 && line.len > 0;
	if (!*out_header)
		return KSK_OK;
	if (r->over) {
		ksk_zonetext_note(r->faults, r->line,
			"a header stands behind the last line");
		return KSK_OK;
	}
	if (r->body != 0)
		err = end_section(r, begin);
	r->body = r->pos;
	if (err == KSK_OK)
		read_header(r, line);
	return err;
}

static enum ksk_err
read_all(struct reader *r)
{
	struct ksk_span line;
	enum ksk_err err = KSK_OK;
	bool header = false;

	for (size_t begin = r->pos; err == KSK_OK && next_line(r, &line);
		begin = r->pos) {
		err = read_one(r, line, begin, &header);
		if (err == KSK_OK && !header && (r->body == 0 || r->over))
			check_outside(r, line);
	}
	if (err != KSK_OK)
		return err;
	if (r->body == 0) {
		ksk_zonetext_note(r->faults, 0,
			"the text has no line that begins with \";; " KSR_WORD
			"\": it is no KSR");
		return KSK_OK;
	}
	if (!r->over) {
		err = end_section(r, r->text.len);
		ksk_zonetext_note(r->faults, r->line,
			"the text is cut off: its last line, \";; " KSR_WORD
			" 1.0 generated …\", is missing");
	}
	return err;
}

static enum ksk_err
read_text(struct reader *r)
{
	struct ksk_zonetext_fault fault;
	enum ksk_err err;

	if (ksk_zonetext_scan_check(r->text, &fault) != KSK_OK) {
		ksk_zonetext_note(
			r->faults, fault.line, "%s", fault.fault.text);
		return KSK_ERR_BAD_INPUT;
	}
	if (r->text.len >= 3 && memcmp(r->text.data, "\xef\xbb\xbf", 3) == 0)
		r->pos = 3;
	err = read_all(r);
	if (err == KSK_OK && r->faults->count == 0 && r->ksr.count == 0)
		ksk_zonetext_note(r->faults, 0, "the KSR has no section");
	return err == KSK_OK && r->faults->count > 0 ? KSK_ERR_BAD_INPUT : err;
}

enum ksk_err
ksk_ksr_read(struct ksk_span text, struct ksk_ksr *out_ksr,
	struct ksk_zonetext_faults *faults)
{
	struct reader r = {.text = text, .faults = faults};
	enum ksk_err err;

	*faults = (struct ksk_zonetext_faults){0};
	if (text.len > KSK_ZONETEXT_MAX) {
		ksk_zonetext_note(r.faults, 0, "the text exceeds %u bytes",
			KSK_ZONETEXT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	/* One place more than sections: that behind the last is looked at. */
	r.ksr.section = calloc(KSK_KSR_SECTION_MAX + 1, sizeof(*r.ksr.section));
	if (r.ksr.section == NULL)
		return KSK_ERR_NO_MEMORY;
	err = read_text(&r);
	if (err == KSK_OK)
		*out_ksr = r.ksr;
	else
		ksk_ksr_wipe(&r.ksr);
	return err;
}

bool
ksk_ksr_is(struct ksk_span text)
{
	struct ksk_zonetext_faults faults = {0};
	struct reader r = {.text = text, .faults = &faults};
	struct ksk_span line;

	while (next_line(&r, &line)) {
		if (ksk_zonetext_find_header(line, KSR_WORD) < line.len)
			return true;
	}
	return false;
}

void
ksk_ksr_wipe(struct ksk_ksr *ksr)
{
	for (size_t i = 0; ksr->section != NULL && i <= KSK_KSR_SECTION_MAX;
		i++)
		free(ksr->section[i].memory);
	free(ksr->section);
	*ksr = (struct ksk_ksr){0};
}

/* ---- their names ---- */

const char *
ksk_ksr_dialect_text(enum ksk_ksr_dialect dialect)
{
	return dialect == KSK_KSR_KNOT ? "knot" : "bind";
}

enum ksk_err
ksk_ksr_dialect_read(const char *text, enum ksk_ksr_dialect *out_dialect)
{
	if (strcmp(text, "knot") == 0)
		*out_dialect = KSK_KSR_KNOT;
	else if (strcmp(text, "bind") == 0)
		*out_dialect = KSK_KSR_BIND;
	else
		return KSK_ERR_BAD_INPUT;
	return KSK_OK;
}
