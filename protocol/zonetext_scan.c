/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_scan - see zonetext_scan.h. One pass, one byte at a time; each
 * byte is looked at a bounded number of times.
 */
#include "protocol/zonetext_scan.h"

#include <string.h>
#include <strings.h>

#define END (-1)

static int
peek(const struct ksk_zonetext_scan *scan, size_t ahead)
{
	if (ahead >= scan->text.len - scan->pos)
		return END;
	return scan->text.data[scan->pos + ahead];
}

static bool
starts_with(
	const struct ksk_zonetext_scan *scan, size_t ahead, const char *text)
{
	size_t len = strlen(text);

	if (scan->text.len - scan->pos < ahead + len)
		return false;
	return strncasecmp((const char *)scan->text.data + scan->pos + ahead,
		       text, len) == 0;
}

static enum ksk_err
check_zero(struct ksk_span text, struct ksk_zonetext_fault *out_fault)
{
	bool utf16 = text.len >= 2 &&
		(memcmp(text.data, "\xff\xfe", 2) == 0 ||
			memcmp(text.data, "\xfe\xff", 2) == 0);
	size_t line = 1;

	for (size_t i = 0; i < text.len && text.data[i] != 0; i++)
		line += text.data[i] == '\n';
	if (text.len == 0 || memchr(text.data, 0, text.len) == NULL)
		return KSK_OK;
	out_fault->line = utf16 ? 1 : line;
	ksk_fault_set(&out_fault->fault, "%s",
		utf16 ? "the text is UTF-16: save it as UTF-8"
		      : "the text holds a zero byte");
	return KSK_ERR_BAD_INPUT;
}

/* A key's PEM that is given by mistake must not come back word by word in
 * messages, which end in mails and logs. */
static enum ksk_err
check_pem(struct ksk_span text, struct ksk_zonetext_fault *out_fault)
{
	struct ksk_zonetext_scan scan = {.text = text, .line = 1};

	for (bool begin = true; scan.pos < text.len; scan.pos++) {
		if (begin && starts_with(&scan, 0, "-----BEGIN ")) {
			out_fault->line = scan.line;
			ksk_fault_set(&out_fault->fault,
				"this is PEM, a key or a certificate, and no "
				"text of DNS records");
			return KSK_ERR_BAD_INPUT;
		}
		begin = text.data[scan.pos] == '\n';
		scan.line += begin ? 1u : 0u;
	}
	return KSK_OK;
}

enum ksk_err
ksk_zonetext_scan_check(
	struct ksk_span text, struct ksk_zonetext_fault *out_fault)
{
	enum ksk_err err = check_zero(text, out_fault);

	return err == KSK_OK ? check_pem(text, out_fault) : err;
}

void
ksk_zonetext_scan_begin(
	struct ksk_span text, struct ksk_zonetext_scan *out_scan)
{
	*out_scan = (struct ksk_zonetext_scan){.text = text, .line = 1};
	if (starts_with(out_scan, 0, "\xef\xbb\xbf"))
		out_scan->pos = 3;
}

static bool
is_line_end(const struct ksk_zonetext_scan *scan)
{
	int c = peek(scan, 0);

	if (c == END || c == '\n')
		return true;
	return c == '\r' && (peek(scan, 1) == '\n' || peek(scan, 1) == END);
}

/* A word ends at a blank, a line's end, or what has a meaning of its own. */
static bool
is_word_end(const struct ksk_zonetext_scan *scan)
{
	int c = peek(scan, 0);

	return is_line_end(scan) || c == ' ' || c == '\t' || c == ';' ||
		c == '(' || c == ')';
}

/* Keeps the first fault of an entry. */
static void
complain(struct ksk_zonetext_fault *fault, size_t line, const char *text)
{
	if (fault->line != 0)
		return;
	fault->line = line;
	ksk_fault_set(&fault->fault, "%s", text);
}

size_t
ksk_zonetext_find_header(struct ksk_span line, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + 1 < line.len; i++) {
		size_t at = i + 2;

		if (line.data[i] != ';' || line.data[i + 1] != ';')
			continue;
		while (at < line.len &&
			(line.data[at] == ' ' || line.data[at] == '\t'))
			at++;
		if (line.len - at >= len &&
			strncasecmp((const char *)line.data + at, word, len) ==
				0)
			return i;
	}
	return line.len;
}

/*
 * Skips a comment. The headers of a KSR or SKR look like comments: read as
 * such, a file of many sets, one per bundle, would become one set.
 */
static void
skip_comment(struct ksk_zonetext_scan *scan, struct ksk_zonetext_fault *fault)
{
	struct ksk_span comment = ksk_span_of(scan->text.data + scan->pos, 0);
	bool ksr, skr;

	for (; !is_line_end(scan); scan->pos++, comment.len++) {
		if (peek(scan, 0) == '\r')
			complain(fault, scan->line,
				"a carriage return stands inside the line");
	}
	ksr = ksk_zonetext_find_header(comment, KSK_ZONETEXT_KSR_WORD) <
		comment.len;
	skr = ksk_zonetext_find_header(comment, KSK_ZONETEXT_SKR_WORD) <
		comment.len;
	if (!ksr && !skr)
		return;
	complain(fault, scan->line,
		ksr ? "this is a key signing request (KSR), not the zone text "
		      "of one RRset"
		    : "this is a signed key response (SKR), not the zone text "
		      "of one RRset");
	scan->over = true;
}

/* Reads to the closing quotation mark, which must be on the same line. */
static void
skip_quoted(struct ksk_zonetext_scan *scan, struct ksk_zonetext_fault *fault)
{
	scan->pos++;
	while (!is_line_end(scan) && peek(scan, 0) != '"') {
		if (peek(scan, 0) == '\\')
			scan->pos++;
		if (!is_line_end(scan))
			scan->pos++;
	}
	if (is_line_end(scan)) {
		complain(fault, scan->line,
			"a quotation mark is not closed on its line");
		return;
	}
	scan->pos++;
	if (!is_word_end(scan))
		complain(fault, scan->line,
			"a quoted text and a word are not separated");
}

static void
skip_plain(struct ksk_zonetext_scan *scan, struct ksk_zonetext_fault *fault)
{
	while (!is_word_end(scan)) {
		int c = peek(scan, 0);

		if (c == '"')
			complain(fault, scan->line,
				"a quotation mark stands inside a word");
		else if (c == '\r')
			complain(fault, scan->line,
				"a carriage return stands inside the line");
		else if (c < 0x20 || c == 0x7f)
			complain(fault, scan->line,
				"a control character stands in the line");
		scan->pos++;
		if (c == '\\' && is_line_end(scan))
			complain(fault, scan->line,
				"a backslash stands at the end of the line");
		else if (c == '\\')
			scan->pos++;
	}
}

static void
take_word(struct ksk_zonetext_scan *scan, struct ksk_zonetext_entry *entry,
	struct ksk_zonetext_fault *fault)
{
	size_t start = scan->pos;

	if (peek(scan, 0) == '"')
		skip_quoted(scan, fault);
	else
		skip_plain(scan, fault);
	if (entry->count == KSK_ZONETEXT_WORD_MAX) {
		complain(fault, scan->line, "the record has too many words");
		return;
	}
	if (entry->count == 0)
		entry->line = scan->line;
	entry->word[entry->count++] = (struct ksk_zonetext_word){
		.text = ksk_span_of(scan->text.data + start, scan->pos - start),
		.line = scan->line,
	};
}

static void
take_parenthesis(
	struct ksk_zonetext_scan *scan, struct ksk_zonetext_fault *fault)
{
	bool opens = peek(scan, 0) == '(';

	scan->pos++;
	if (opens && scan->open_line != 0 && fault->line == 0) {
		fault->line = scan->line;
		ksk_fault_set(&fault->fault,
			"a parenthesis opens inside the one that opened in "
			"line %zu: that one is not closed",
			scan->open_line);
	}
	if (!opens && scan->open_line == 0)
		complain(fault, scan->line,
			"a parenthesis closes that never opened");
	if (!opens)
		scan->open_line = 0;
	else if (scan->open_line == 0)
		scan->open_line = scan->line;
}

static void
take_line_end(struct ksk_zonetext_scan *scan)
{
	if (peek(scan, 0) == '\r')
		scan->pos++;
	if (peek(scan, 0) == '\n')
		scan->pos++;
	scan->line++;
}

/* Reads up to the end of a line that no parenthesis continues. */
static void
take_entry(struct ksk_zonetext_scan *scan, struct ksk_zonetext_entry *entry,
	struct ksk_zonetext_fault *fault)
{
	while (!scan->over) {
		int c = peek(scan, 0);

		if (c == END)
			return;
		if (is_line_end(scan)) {
			take_line_end(scan);
			if (scan->open_line == 0)
				return;
		} else if (c == ' ' || c == '\t') {
			scan->pos++;
		} else if (c == ';') {
			skip_comment(scan, fault);
		} else if (c == '(' || c == ')') {
			take_parenthesis(scan, fault);
		} else {
			take_word(scan, entry, fault);
		}
	}
}

enum ksk_err
ksk_zonetext_scan_next(struct ksk_zonetext_scan *scan,
	struct ksk_zonetext_entry *entry, struct ksk_zonetext_fault *out_fault)
{
	struct ksk_zonetext_fault fault = {0};

	entry->count = 0;
	while (entry->count == 0 && fault.line == 0) {
		if (scan->over ||
			(peek(scan, 0) == END && scan->open_line == 0))
			return KSK_ERR_NOT_FOUND;
		if (peek(scan, 0) == END)
			break;
		entry->blank = peek(scan, 0) == ' ' || peek(scan, 0) == '\t';
		take_entry(scan, entry, &fault);
	}
	/* RFC 1035 5.1: what an open parenthesis swallowed is not one record
	 * but several; say where it opened and nothing of them. */
	if (scan->open_line != 0 && !scan->over) {
		fault.line = 0;
		complain(&fault, scan->open_line,
			"the parenthesis that opens here is not closed");
		scan->over = true;
	}
	if (fault.line == 0)
		return KSK_OK;
	*out_fault = fault;
	return KSK_ERR_BAD_INPUT;
}

bool
ksk_zonetext_word_is(const struct ksk_zonetext_word *word, const char *text)
{
	return word->text.len == strlen(text) &&
		strncasecmp((const char *)word->text.data, text,
			word->text.len) == 0;
}

const char *
ksk_zonetext_word_show(
	const struct ksk_zonetext_word *word, char buf[KSK_ZONETEXT_SHOW_CAP])
{
	size_t len = word->text.len;
	bool cut = len > KSK_ZONETEXT_SHOW_CAP - 4;

	if (cut)
		len = KSK_ZONETEXT_SHOW_CAP - 4;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = word->text.data[i];

		buf[i] = c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	memcpy(buf + len, cut ? "..." : "", cut ? 4 : 1);
	return buf;
}
