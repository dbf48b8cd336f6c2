/* SPDX-License-Identifier: BSD-2-Clause */
/* ceremony_script - reads a script of steps, see ceremony.h. */
#include "appliance/admin/ceremony.h"

#include <stdlib.h>
#include <string.h>

#define SCRIPT_MAX 65536u
#define LINE_MAX_LEN 1024u /* it stands whole in the transcript */

static enum ksk_exit
wrong(const char *path, unsigned line, const char *what)
{
	ksk_say("%s, line %u: %s", path, line, what);
	return KSK_EXIT_USAGE;
}

/* Takes the next word off a line; cuts it where it stands. Returns what is
 * wrong, NULL if nothing is; *out_word: NULL at the end of the line. */
static const char *
next_word(char **rest, char **out_word)
{
	char *p = *rest + strspn(*rest, " \t");
	bool quoted = *p == '"';
	char *end;

	*out_word = NULL;
	*rest = p;
	if (*p == '\0')
		return NULL;
	p += quoted;
	end = p + strcspn(p, quoted ? "\"" : " \t\"");
	if (quoted && *end != '"')
		return "a quotation mark without its second one";
	if (!quoted && *end == '"')
		return "a quotation mark inside a word";
	*rest = *end == '\0' ? end : end + 1;
	if (quoted && **rest != '\0' && strchr(" \t", **rest) == NULL)
		return "a quotation mark inside a word";
	*end = '\0';
	*out_word = p;
	return NULL;
}

static const char *
read_words(char *line, struct ksk_step *step)
{
	char *rest = line;
	char *word = NULL;
	const char *trouble;

	while ((trouble = next_word(&rest, &word)) == NULL && word != NULL) {
		if (step->count == KSK_STEP_WORDS_MAX)
			return "too many words";
		step->word[step->count++] = word;
	}
	return trouble;
}

/* A step must be a verb before the first step is run: a typing error is no
 * reason to end a ceremony half way. */
static const char *
judge(const struct ksk_step *step)
{
	if (strcmp(step->word[0], "ceremony") == 0)
		return "a ceremony inside a ceremony";
	if (strcmp(step->word[0], "say") == 0)
		return step->count == 2 ? NULL
					: "say wants one text in quotation "
					  "marks";
	if (!ksk_admin_is_verb((int)step->count, step->word))
		return "there is no such verb; see kskadm --help";
	return NULL;
}

static bool
is_text(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] < 0x20 && text[i] != '\t' && text[i] != '\n') ||
			text[i] == 0x7f)
			return false;
	}
	return true;
}

/* A backslash at the end of a line joins it to the next one: the line end
 * becomes a mark that no file may have in it, so that lines can be counted. */
#define JOINT '\r'

static void
join_lines(char *text)
{
	for (; *text != '\0'; text++) {
		if (text[0] == '\\' && text[1] == '\n') {
			text[0] = ' ';
			text[1] = JOINT;
		}
	}
}

/* Makes blanks of the joints. Returns how many there were. */
static unsigned
open_joints(char *line)
{
	unsigned count = 0;

	for (; *line != '\0'; line++) {
		if (*line == JOINT) {
			*line = ' ';
			count++;
		}
	}
	return count;
}

/* Reads the lines of text; the same lines of copy stay whole. */
static enum ksk_exit
read_lines(const char *path, struct ksk_script *script)
{
	char *text = script->text;
	char *copy = script->copy;

	unsigned number = 1;
	unsigned joints = 0;

	for (; *text != '\0'; number += 1 + joints) {
		size_t len = strcspn(text, "\n");
		char *next = text + len + (text[len] == '\n');
		struct ksk_step step = {.line = number, .text = copy};
		const char *trouble;

		copy[len] = text[len] = '\0';
		joints = open_joints(text);
		(void)open_joints(copy);
		copy += next - text;
		if (text[strspn(text, " \t")] == '#' ||
			text[strspn(text, " \t")] == '\0') {
			text = next;
			continue;
		}
		trouble = len > LINE_MAX_LEN ? "a line that is too long"
					     : read_words(text, &step);
		if (trouble == NULL)
			trouble = judge(&step);
		if (trouble == NULL && script->count == KSK_STEP_MAX)
			trouble = "too many steps";
		if (trouble != NULL)
			return wrong(path, number, trouble);
		script->step[script->count++] = step;
		text = next;
	}
	if (script->count == 0)
		return wrong(path, 1, "a script without a step");
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_script_read(const char *path, struct ksk_script *out_script)
{
	struct ksk_fault fault = {""};
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum ksk_err r = ksk_file_read(path, SCRIPT_MAX, &bytes, &len, &fault);

	*out_script = (struct ksk_script){0};
	if (r != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	out_script->text = (char *)bytes;
	if (!is_text(bytes, len))
		return wrong(path, 1, "a byte that is no text in the file");
	join_lines(out_script->text);
	out_script->copy = strdup(out_script->text);
	out_script->step = calloc(KSK_STEP_MAX, sizeof(struct ksk_step));
	if (out_script->copy == NULL || out_script->step == NULL)
		return ksk_fail(KSK_EXIT_INTERNAL, KSK_ERR_NO_MEMORY, &fault);
	return read_lines(path, out_script);
}

void
ksk_script_free(struct ksk_script *script)
{
	free(script->text);
	free(script->copy);
	free(script->step);
	*script = (struct ksk_script){0};
}
