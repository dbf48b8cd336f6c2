/* SPDX-License-Identifier: BSD-2-Clause */
/* args - the command line of a verb, see admin.h. */
#include "appliance/admin/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What others chose, as labels of a token, moves no cursor and makes no line
 * of its own. Bytes above ASCII are left: they are most likely UTF-8. */
void
ksk_say(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	(void)fprintf(stderr, "kskadm: %s\n", line);
}

enum ksk_exit
ksk_fail(enum ksk_exit code, enum ksk_err err, const struct ksk_fault *fault)
{
	ksk_say("%s", fault->text[0] != '\0' ? fault->text : ksk_err_text(err));
	return code;
}

/* Finds the option that a word names; out_value: what follows "=". */
static const struct ksk_option *
find_option(const char *word, const struct ksk_option *options, size_t count,
	const char **out_value)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < count; i++) {
		if (strlen(options[i].name) == len &&
			strncmp(options[i].name, word, len) == 0) {
			*out_value = word[len] == '=' ? word + len + 1 : NULL;
			return &options[i];
		}
	}
	return NULL;
}

/* Takes argv[*at] as an option, and the word after it as its value. */
static bool
take_option(int argc, char **argv, int *at, const struct ksk_option *options,
	size_t count)
{
	const char *value = NULL;
	const struct ksk_option *o = find_option(
		argv[*at] + 2, options, count, &value);

	if (o == NULL || (o->flag != NULL && value != NULL)) {
		ksk_say("%s is not known here; see --help", argv[*at]);
		return false;
	}
	if (o->flag != NULL) {
		*o->flag = true;
		return true;
	}
	if (value == NULL && *at + 1 < argc)
		value = argv[++*at];
	if (value == NULL || *o->value != NULL) {
		ksk_say("--%s %s", o->name,
			value == NULL ? "wants a value" : "is given twice");
		return false;
	}
	*o->value = value;
	return true;
}

static bool
check_required(const struct ksk_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (options[i].required && *options[i].value == NULL) {
			ksk_say("--%s is missing; see --help", options[i].name);
			return false;
		}
	}
	return true;
}

bool
ksk_args_read(int argc, char **argv, const struct ksk_option *options,
	size_t option_count, const char **operands, size_t operand_count)
{
	size_t taken = 0;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) == 0) {
			if (!take_option(argc, argv, &i, options, option_count))
				return false;
		} else if (taken == operand_count) {
			ksk_say("\"%s\" is one word too many; see --help",
				argv[i]);
			return false;
		} else {
			operands[taken++] = argv[i];
		}
	}
	if (taken < operand_count) {
		ksk_say("a word is missing; see --help");
		return false;
	}
	return check_required(options, option_count);
}

bool
ksk_args_number(const char *option, const char *text, unsigned long min,
	unsigned long max, unsigned long *out)
{
	unsigned long value = 0;
	size_t len = strlen(text);
	bool good = len > 0 && len < 10 && strspn(text, "0123456789") == len;

	for (size_t i = 0; good && i < len; i++)
		value = value * 10 + (unsigned long)(text[i] - '0');
	if (!good || value < min || value > max) {
		ksk_say("--%s wants a number from %lu to %lu", option, min,
			max);
		return false;
	}
	*out = value;
	return true;
}
