/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - see log.h. A line is built in a local buffer and leaves in one write,
 * so that lines of several processes do not mix.
 */
#include "appliance/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048u
#define JOURNAL_SOCKET "/run/systemd/journal/stdout"

/* The log's own state; one of the few places that may have any. */
static const char *log_program = "ksk";
static enum ksk_log_level log_level = KSK_LOG_INFO;
static bool log_priority;

struct line {
	char text[LINE_MAX_LEN];
	size_t len; /* one byte is kept for the line feed */
};

static void
put_byte(struct line *line, char c)
{
	if (line->len < sizeof line->text - 1)
		line->text[line->len++] = c;
}

static void
put_text(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		put_byte(line, *text);
}

/* An escape is written whole or not at all. */
static void
put_escape(struct line *line, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	if (line->len + 4 > sizeof line->text - 1) {
		line->len = sizeof line->text - 1;
		memset(line->text + line->len - 3, '.', 3);
		return;
	}
	put_text(line, "\\x");
	put_byte(line, digits[c >> 4]);
	put_byte(line, digits[c & 15]);
}

/* Printable ASCII stays; all else is escaped, line feeds above all: nobody
 * but us begins a line, and a terminal sees no control sequence. */
static void
put_escaped(struct line *line, const char *text, bool quoted)
{
	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e) {
			put_escape(line, c);
			continue;
		}
		if (quoted && (c == '"' || c == '\\'))
			put_byte(line, '\\');
		put_byte(line, (char)c);
	}
}

static void
put_pair(struct line *line, const char *key, const char *value)
{
	put_byte(line, ' ');
	put_text(line, key);
	put_byte(line, '=');
	if (value == NULL) {
		put_byte(line, '-');
		return;
	}
	put_byte(line, '"');
	put_escaped(line, value, true);
	put_byte(line, '"');
}

/* sd-daemon(3): <3> error, <4> warning, <6> info, <7> debug. */
static void
put_head(struct line *line, enum ksk_log_level level)
{
	static const char *const prefix[] = {"<3>", "<4>", "<6>", "<7>"};
	static const char *const name[] = {"error", "warn", "info", "debug"};

	if (log_priority)
		put_text(line, prefix[level]);
	put_text(line, log_program);
	put_text(line, ": ");
	put_text(line, name[level]);
	put_byte(line, ' ');
}

/* $JOURNAL_STREAM names device and inode of the stream (systemd.exec(5)); it
 * may have been inherited by a process whose standard error goes elsewhere. */
static bool
is_named_stream(void)
{
	const char *wanted = getenv("JOURNAL_STREAM");
	char have[2 * KSK_NUM_CAP];
	struct stat st;

	if (wanted == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(have, sizeof have, "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	return strcmp(wanted, have) == 0;
}

/* Children have no environment; the socket's peer says the same. */
static bool
is_journal_socket(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNSPEC};
	socklen_t len = sizeof sun - 1;

	if (getpeername(STDERR_FILENO, (struct sockaddr *)&sun, &len) != 0)
		return false;
	return sun.sun_family == AF_UNIX &&
		strcmp(sun.sun_path, JOURNAL_SOCKET) == 0;
}

void
ksk_log_init(const char *program, enum ksk_log_level level)
{
	log_program = program;
	log_level = level;
	log_priority = is_named_stream() || is_journal_socket();
}

void
ksk_log(enum ksk_log_level level, const char *event, const char *sentence, ...)
{
	struct line line = {.len = 0};
	const char *key;
	va_list ap;

	if (level > log_level)
		return;
	put_head(&line, level);
	put_text(&line, event);
	put_text(&line, ": ");
	put_escaped(&line, sentence, false);
	va_start(ap, sentence);
	while ((key = va_arg(ap, const char *)) != NULL)
		put_pair(&line, key, va_arg(ap, const char *));
	va_end(ap);
	line.text[line.len++] = '\n';
	/* A log that can't be written must not stop the work. */
	if (write(STDERR_FILENO, line.text, line.len) < 0)
		return;
}

const char *
ksk_num(char buf[KSK_NUM_CAP], uint64_t n)
{
	snprintf(buf, KSK_NUM_CAP, "%" PRIu64, n);
	return buf;
}
