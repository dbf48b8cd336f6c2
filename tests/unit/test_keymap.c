/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of hsm/keymap.h: one line per (key, zone), nothing guessed. */
#include "hsm/keymap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* DNSKEY with flags 257 and its owner */
static const uint8_t rdata[] = {1, 1, 3, 15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
	12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
	30, 31, 32};
#define RDATA ksk_span_of(rdata, sizeof(rdata))

static struct ksk_name
name(const char *text)
{
	struct ksk_name n = {0};

	assert_int_equal(
		ksk_name_from_text(text, strlen(text), &n, NULL), KSK_OK);
	return n;
}

static struct ksk_keymap_entry
entry(const char *zone, const char *label)
{
	struct ksk_keymap_entry e = {.zone = name(zone), .token = "main"};

	assert_int_equal(
		ksk_ds_build(&e.zone, RDATA, KSK_DIGEST_SHA256, &e.ds), KSK_OK);
	snprintf(e.label, sizeof(e.label), "%s", label);
	return e;
}

static enum ksk_err
read_text(const char *text, struct ksk_keymap *out, struct ksk_fault *fault)
{
	return ksk_keymap_read(ksk_span_of(text, strlen(text)), out, fault);
}

static void
test_round_trip(void **state)
{
	static const char *const labels[] = {
		"", "-", "plain-1.a_b", "with blank", "%41", "\xc3\xbc#\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct ksk_keymap_entry e = entry("a\\ b.example.", labels[i]);
		struct ksk_keymap map = {0};
		char line[KSK_KEYMAP_LINE_CAP];

		e.id_len = i; /* 0: none */
		memset(e.id, 0xa5, i);
		assert_int_equal(ksk_keymap_line(&e, line), KSK_OK);
		assert_int_equal(line[strlen(line) - 1], '\n');
		assert_null(memchr(line, '\n', strlen(line) - 1));
		assert_int_equal(read_text(line, &map, NULL), KSK_OK);
		assert_int_equal(map.count, 1);
		assert_string_equal(map.entries[0].label, labels[i]);
		assert_string_equal(map.entries[0].token, "main");
		assert_int_equal(map.entries[0].id_len, i);
		assert_memory_equal(map.entries[0].id, e.id, i);
		assert_true(ksk_name_equal(&map.entries[0].zone, &e.zone));
		assert_true(ksk_ds_equal(&map.entries[0].ds, &e.ds));
		ksk_keymap_free(&map);
		assert_null(map.entries);
	}
}

/* Each of many zones is found, in whatever order the lines stand. */
static void
test_many(void **state)
{
	static const char *const zones[] = {"zz.example.", "a.", "m.example.",
		".", "a.example.", "m.example.", "example.", "b."};
	enum { COUNT = sizeof(zones) / sizeof(zones[0]) };
	struct ksk_keymap map = {0};
	struct ksk_name missing = name("c.");
	char text[COUNT * KSK_KEYMAP_LINE_CAP] = "";

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		struct ksk_keymap_entry e = entry(zones[i], "k");
		if (i == 2) /* the zone's other key */
			e.ds.tag ^= 1;
		assert_int_equal(
			ksk_keymap_line(&e, text + strlen(text)), KSK_OK);
	}
	assert_int_equal(read_text(text, &map, NULL), KSK_OK);
	assert_int_equal(map.count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		struct ksk_name zone = name(zones[i]);
		/* The order of the lines is kept. */
		assert_true(ksk_name_equal(&map.entries[i].zone, &zone));
		assert_true(ksk_keymap_allows(&map, &zone, "main", RDATA));
		assert_false(ksk_keymap_allows_extractable(
			&map, &zone, "main", RDATA));
	}
	assert_false(ksk_keymap_allows(&map, &missing, "main", RDATA));
	/* A KSK of the root is no audit key. */
	assert_true(ksk_keymap_has(&map, "main", RDATA, false));
	assert_false(ksk_keymap_has(&map, "main", RDATA, true));
	ksk_keymap_free(&map);
}

static void
test_allows(void **state)
{
	struct ksk_keymap_entry e = entry("example.com.", "k");
	struct ksk_name zone = name("example.com.");
	struct ksk_name other = name("example.net.");
	struct ksk_name below = name("sub.example.com.");
	uint8_t foreign[sizeof(rdata)];
	struct ksk_keymap map = {0};
	char line[KSK_KEYMAP_LINE_CAP];
	char text[2 * KSK_KEYMAP_LINE_CAP];

	(void)state;
	assert_int_equal(ksk_keymap_line(&e, line), KSK_OK);
	snprintf(text, sizeof(text), "# made by kskadm\n\n%s", line);
	assert_int_equal(read_text(text, &map, NULL), KSK_OK);
	assert_true(ksk_keymap_allows(&map, &zone, "main", RDATA));
	assert_false(ksk_keymap_allows(&map, &other, "main", RDATA));
	assert_false(ksk_keymap_allows(&map, &below, "main", RDATA));
	assert_false(ksk_keymap_allows(&map, &zone, "second", RDATA));
	/* Another key of the same tag: two halves of a word exchanged keep
	 * the sum. */
	memcpy(foreign, rdata, sizeof(rdata));
	foreign[4] = rdata[6];
	foreign[6] = rdata[4];
	assert_false(ksk_keymap_allows(
		&map, &zone, "main", ksk_span_of(foreign, sizeof(foreign))));
	assert_false(
		ksk_keymap_allows(&map, &zone, "main", ksk_span_of("", 0)));
	ksk_keymap_free(&map);
	/* An empty keymap allows nothing. */
	assert_int_equal(read_text("", &map, NULL), KSK_OK);
	assert_false(ksk_keymap_allows(&map, &zone, "main", RDATA));
	ksk_keymap_free(&map);
}

static void
test_refused(void **state)
{
	/* in front of "ksk ZONE TOKEN DS ID LABEL": what is bent */
	static const char *const bad[] = {
		"ksk example.com. main 1 13 2 00 - k",      /* digest length */
		"ksk example.com. main x 13 2 %s - k",      /* tag */
		"ksk example.com. main 1 13 2 %s - k more", /* too many */
		"ksk example.com. main 1 13 2 %s -",        /* too few */
		"ksk  example.com. main 1 13 2 %s - k",     /* two blanks */
		"ksk example.com. main 1 13 2 %s - k ",     /* blank at end */
		"zsk example.com. main 1 13 2 %s - k",      /* kind */
		"ksk exa..mple. main 1 13 2 %s - k",        /* zone */
		"ksk example.com. main 1 13 2 %s 0g k",     /* id */
		"ksk example.com. main 1 13 2 %s 0 k",      /* odd id */
		"ksk example.com. main 1 13 2 %s - k%%4",   /* cut escape */
		"ksk example.com. main 1 13 2 %s - k%%00",  /* zero byte */
		"ksk example.com. main 1 13 2 %s - k\r",    /* CRLF */
		"ksk example.com. m\tain 1 13 2 %s - k",
	};
	char digest[65];

	(void)state;
	memset(digest, 'a', 64);
	digest[64] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ksk_keymap map = {0};
		struct ksk_fault fault = {""};
		char text[400] = "# one\n";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text + 6, sizeof(text) - 6, bad[i], digest);
#pragma GCC diagnostic pop
		assert_int_equal(
			read_text(text, &map, &fault), KSK_ERR_BAD_INPUT);
		assert_ptr_equal(strstr(fault.text, "line 2: "), fault.text);
		assert_null(map.entries);
	}
}

static void
test_long_label(void **state)
{
	char text[400], label[80], digest[65];
	struct ksk_keymap map = {0};

	(void)state;
	memset(label, 'l', sizeof(label));
	memset(digest, 'a', 64);
	digest[64] = '\0';
	snprintf(text, sizeof(text), "ksk e. t 1 13 2 %s - %.63s\n", digest,
		label);
	assert_int_equal(read_text(text, &map, NULL), KSK_OK);
	ksk_keymap_free(&map);
	snprintf(text, sizeof(text), "ksk e. t 1 13 2 %s - %.64s\n", digest,
		label);
	assert_int_equal(read_text(text, &map, NULL), KSK_ERR_BAD_INPUT);
}

static void
test_descriptor(void **state)
{
	struct ksk_keymap_entry e = entry("example.com.", "k");
	struct ksk_keymap map = {0};
	char line[KSK_KEYMAP_LINE_CAP];
	char path[] = "/tmp/ksk-keymap-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	int dir = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ksk_keymap_line(&e, line), KSK_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			write(fd, line, strlen(line)), (ssize_t)strlen(line));
	/* Read from the start, wherever the offset stands. */
	assert_int_equal(ksk_keymap_read_fd(fd, &map, NULL), KSK_OK);
	assert_int_equal(map.count, 1000);
	ksk_keymap_free(&map);
	assert_int_equal(ksk_keymap_read_fd(dir, &map, NULL), KSK_ERR_IO);
	close(dir);
	close(fd);
	e.token[0] = '\0';
	assert_int_equal(ksk_keymap_line(&e, line), KSK_ERR_BAD_INPUT);
	snprintf(e.token, sizeof(e.token), "two words");
	assert_int_equal(ksk_keymap_line(&e, line), KSK_ERR_BAD_INPUT);
}

static void
test_mark(void **state)
{
	struct ksk_keymap_entry e = entry("example.com.", "extractable");
	struct ksk_keymap map = {0};
	struct ksk_fault fault = {""};
	char text[2 * KSK_KEYMAP_LINE_CAP];
	char line[KSK_KEYMAP_LINE_CAP];

	(void)state;
	/* A label of that name is no mark. */
	assert_int_equal(ksk_keymap_line(&e, line), KSK_OK);
	assert_int_equal(read_text(line, &map, &fault), KSK_OK);
	assert_false(map.entries[0].extractable);
	assert_true(ksk_keymap_allows(&map, &e.zone, "main", RDATA));
	assert_false(
		ksk_keymap_allows_extractable(&map, &e.zone, "main", RDATA));
	ksk_keymap_free(&map);
	e.extractable = true;
	assert_int_equal(ksk_keymap_line(&e, line), KSK_OK);
	assert_int_equal(read_text(line, &map, &fault), KSK_OK);
	assert_true(map.entries[0].extractable);
	assert_true(ksk_keymap_allows(&map, &e.zone, "main", RDATA));
	assert_true(
		ksk_keymap_allows_extractable(&map, &e.zone, "main", RDATA));
	assert_false(
		ksk_keymap_allows_extractable(&map, &e.zone, "second", RDATA));
	ksk_keymap_free(&map);
	/* Any other word, and a word behind the mark, is refused. */
	line[strlen(line) - 1] = '\0';
	snprintf(text, sizeof(text), "%s more\n", line);
	assert_int_equal(read_text(text, &map, &fault), KSK_ERR_BAD_INPUT);
	line[strlen(line) - 1] = '\0';
	snprintf(text, sizeof(text), "%s\n", line);
	assert_int_equal(read_text(text, &map, &fault), KSK_ERR_BAD_INPUT);
	assert_non_null(strstr(fault.text, "line 1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_label),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
