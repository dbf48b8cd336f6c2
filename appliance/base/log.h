/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - one line per event to standard error, in one write: program, level,
 * event name, sentence, key="value" pairs. Values are quoted and escaped here,
 * so that nothing a peer chose can forge a line. Never give it a secret.
 * protocol/, hsm/ (except its main.c) and policy/ (except its main.c) do not
 * log.
 * Tests: tests/unit/test_log.c
 */
#ifndef KSK_BASE_LOG_H
#define KSK_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum ksk_log_level {
	KSK_LOG_ERROR,
	KSK_LOG_WARN,
	KSK_LOG_INFO,
	KSK_LOG_DEBUG,
};

/* Sets the program's name (static text) and the least level that is written.
 * With $JOURNAL_STREAM set by the service manager lines begin with <N>. */
void ksk_log_init(const char *program, enum ksk_log_level level);

/*
 * Writes one line.
 * event: static word ("worker-dead"). sentence: lower case, no full stop.
 * Then pairs of const char *key, const char *value, ended by NULL; a NULL
 * value is written as "-". A line is cut at 2,048 bytes.
 */
void ksk_log(enum ksk_log_level level, const char *event, const char *sentence,
	...) __attribute__((sentinel));

/* Writes a number into buf as decimal text and returns buf. */
#define KSK_NUM_CAP 24
const char *ksk_num(char buf[KSK_NUM_CAP], uint64_t n);

#endif
