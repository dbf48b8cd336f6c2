/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ceremony - what the files of the verb `ceremony` share: a script of steps,
 * and the transcript of what came of them. A step is one verb of kskadm with
 * its words, run by a process of its own; PINs come from files or from the
 * terminal, which no transcript sees.
 * Tests: tests/token/test_ceremony.py
 */
#ifndef KSK_ADMIN_CEREMONY_H
#define KSK_ADMIN_CEREMONY_H

#include "appliance/admin/admin.h"

#include <stdio.h>

#define KSK_STEP_MAX 256u
#define KSK_STEP_WORDS_MAX 48u

/* One step of a script; words are borrowed from its text. */
struct ksk_step {
	unsigned line;
	const char *text; /* the line as it stands there */
	size_t count;
	char *word[KSK_STEP_WORDS_MAX + 1]; /* ends in NULL */
};

/* text, copy: owned; text is cut into words, copy into lines. */
struct ksk_script {
	char *text, *copy;
	size_t count;
	struct ksk_step *step;
};

/*
 * Reads a whole script, before any step is run: words are separated by blanks,
 * "..." holds blanks together, a backslash at its end joins a line to the next,
 * lines that begin with # and empty ones are left out. Says what is wrong, with its line, and returns the exit code.
 * out_script: ksk_script_free, also after a failure.
 */
enum ksk_exit ksk_script_read(const char *path, struct ksk_script *out_script);
void ksk_script_free(struct ksk_script *script);

/* ---- the transcript ---- */

struct ksk_transcript {
	FILE *file;
	bool failed; /* something could not be written */
};

/* Makes the file; one that is there is not overwritten. Says why not. */
enum ksk_exit ksk_transcript_open(
	const char *path, struct ksk_transcript *out_transcript);

/* Writes a line "NAME: text"; what is not printable in it becomes \xNN. */
void ksk_transcript_put(struct ksk_transcript *t, const char *name,
	const char *fmt, ...) KSK_FORMAT(3, 4);

/* Writes a line of output with a mark in front: "mark text". */
void ksk_transcript_output(struct ksk_transcript *t, const char *mark,
	const char *text, size_t len);

/* Makes all that was written durable; false if anything could not be. */
bool ksk_transcript_sync(struct ksk_transcript *t);

/* Writes the SHA-256 of a file as hexadecimal, "unreadable" if it can't be
 * read. Returns false then. */
bool ksk_file_sha256(const char *path, char out[2 * KSK_HASH_LEN + 1]);

/* ---- one step ---- */

/* Runs a step; its output goes to the terminal and the transcript. Returns its
 * exit code, KSK_EXIT_INTERNAL if it has none. */
enum ksk_exit ksk_step_run(const char *config, const struct ksk_step *step,
	struct ksk_transcript *t);

#endif
