/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the text of a scalar means. YAML's own ideas of numbers and truth are
 * not used: 010 would be 8, `no` would be text in one reader and false in the
 * next, 1_000 a number in some.
 */
#include "appliance/base/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Durations beyond this are slips; sums of several stay far from overflow. */
#define DURATION_MAX (36500ull * 86400ull)

/* So are sizes beyond this, in MiB. */
#define SIZE_MIB_MAX (1024ull * 1024ull)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads digits without a leading zero, up to UINT64_MAX, and moves *text
 * behind them.
 */
static bool
read_digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t n = 0;
	size_t count = 0;

	for (; is_digit(*p); p++, count++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (count == 0 || (count > 1 && **text == '0'))
		return false;
	*text = p;
	*out = n;
	return true;
}

enum ksk_err
ksk_text_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (!read_digits(&text, &n) || *text != '\0' || n < min || n > max)
		return KSK_ERR_BAD_INPUT;
	*out = n;
	return KSK_OK;
}

enum ksk_err
ksk_text_duration(const char *text, uint64_t *out)
{
	static const char units[] = "wdhms";
	static const uint64_t seconds[] = {604800, 86400, 3600, 60, 1};
	size_t least = 0; /* units before this have been used */
	uint64_t sum = 0, n;

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return KSK_OK;
	}
	for (;;) {
		const char *unit;

		if (!read_digits(&text, &n) || n > DURATION_MAX ||
			*text == '\0')
			return KSK_ERR_BAD_INPUT;
		unit = strchr(units + least, *text);
		if (unit == NULL)
			return KSK_ERR_BAD_INPUT;
		least = (size_t)(unit - units) + 1;
		sum += n * seconds[least - 1];
		if (sum > DURATION_MAX)
			return KSK_ERR_BAD_INPUT;
		text++;
		if (*text == '\0')
			break;
		if (*text++ != ' ')
			return KSK_ERR_BAD_INPUT;
	}
	*out = sum;
	return KSK_OK;
}

enum ksk_err
ksk_text_size(const char *text, uint64_t *out)
{
	uint64_t n;

	if (!read_digits(&text, &n) || n > SIZE_MIB_MAX)
		return KSK_ERR_BAD_INPUT;
	if (strcmp(text, "GiB") == 0)
		n *= 1024;
	else if (strcmp(text, "MiB") != 0)
		return KSK_ERR_BAD_INPUT;
	if (n > SIZE_MIB_MAX)
		return KSK_ERR_BAD_INPUT;
	*out = n * 1024 * 1024;
	return KSK_OK;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, year >= 1970. */
static uint64_t
days_to(uint64_t year, uint64_t month, uint64_t day)
{
	static const uint16_t before[] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	uint64_t y = year - 1;
	uint64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	days += before[month - 1] + (leap && month > 2 ? 1u : 0u);
	return days + day - 1;
}

static uint64_t
month_days(uint64_t year, uint64_t month)
{
	if (month == 12)
		return 31;
	return days_to(year, month + 1, 1) - days_to(year, month, 1);
}

enum ksk_err
ksk_text_time(const char *text, uint64_t *out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	uint64_t field[6] = {0};
	size_t at = 0;

	if (strlen(text) != sizeof(form) - 1)
		return KSK_ERR_BAD_INPUT;
	for (size_t i = 0; form[i] != '\0'; i++) {
		if (form[i] != 'd') {
			if (text[i] != form[i])
				return KSK_ERR_BAD_INPUT;
			at++;
			continue;
		}
		if (!is_digit(text[i]))
			return KSK_ERR_BAD_INPUT;
		field[at] = field[at] * 10 + (uint64_t)(text[i] - '0');
	}
	/* No leap second: 23:59:60 is no moment on the clock we compare to. */
	if (field[0] < 1970 || field[1] < 1 || field[1] > 12 || field[2] < 1 ||
		field[2] > month_days(field[0], field[1]) || field[3] > 23 ||
		field[4] > 59 || field[5] > 59)
		return KSK_ERR_BAD_INPUT;
	*out = days_to(field[0], field[1], field[2]) * 86400 + field[3] * 3600 +
		field[4] * 60 + field[5];
	return KSK_OK;
}

enum ksk_err
ksk_text_bool(const char *text, bool *out)
{
	if (strcmp(text, "yes") == 0) {
		*out = true;
		return KSK_OK;
	}
	if (strcmp(text, "no") == 0) {
		*out = false;
		return KSK_OK;
	}
	return KSK_ERR_BAD_INPUT;
}

const char *
ksk_time_text(char buf[KSK_TIME_CAP], uint64_t seconds)
{
	uint64_t days = seconds / 86400, rest = seconds % 86400;
	uint64_t year = 1970 + days / 366, month = 1;

	if (days > days_to(9999, 12, 31)) {
		(void)snprintf(buf, KSK_TIME_CAP, "never");
		return buf;
	}
	while (days_to(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_to(year, month + 1, 1) <= days)
		month++;
	(void)snprintf(buf, KSK_TIME_CAP, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		(unsigned)(year % 10000), (unsigned)month % 100,
		(unsigned)(days - days_to(year, month, 1) + 1) % 100,
		(unsigned)(rest / 3600) % 100, (unsigned)(rest / 60 % 60),
		(unsigned)(rest % 60));
	return buf;
}

const char *
ksk_duration_text(char buf[KSK_DURATION_CAP], uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t len = 0;

	(void)snprintf(buf, KSK_DURATION_CAP, "0");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t count = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (count != 0)
			len += (size_t)snprintf(buf + len,
				KSK_DURATION_CAP - len, "%s%" PRIu64 "%c",
				len == 0 ? "" : " ", count, units[i].unit);
	}
	return buf;
}
