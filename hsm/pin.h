/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin - a PIN in locked memory, from the moment it is read until the login
 * has returned. It is never logged, printed, copied or put into a fault.
 * Tests: tests/unit/test_pin.c
 */
#ifndef KSK_HSM_PIN_H
#define KSK_HSM_PIN_H

#include "protocol/span.h"

/* Longest PIN in bytes; real tokens allow 4 to 255. */
#define KSK_PIN_MAX 256u

/* In one locked page that no core dump holds. text ends in a zero that len
 * does not count. */
struct ksk_pin {
	size_t len;
	char text[KSK_PIN_MAX + 1];
};

/* Makes an empty PIN. out_pin: owned, ksk_pin_free. KSK_ERR_NO_MEMORY: no page
 * could be had or locked. */
KSK_MUST_USE enum ksk_err ksk_pin_new(struct ksk_pin **out_pin);

/* Wipes and frees; accepts NULL and pointers to NULL; sets *pin to NULL. */
void ksk_pin_free(struct ksk_pin **pin);

/*
 * Takes the bytes of a PIN source. One line end (LF or CRLF) is cut off,
 * nothing else; blanks are part of the PIN.
 * KSK_ERR_BAD_INPUT with fault: empty, a zero byte inside, or more than one
 * line. KSK_ERR_TOO_LARGE with fault: over KSK_PIN_MAX bytes. pin: empty
 * after failure.
 */
KSK_MUST_USE enum ksk_err ksk_pin_set(
	struct ksk_pin *pin, struct ksk_span bytes, struct ksk_fault *fault);

/*
 * Reads a PIN source to its end, then as ksk_pin_set.
 * fd: borrowed; a pipe or a regular file. timeout_ms: for the whole reading;
 * a pipe that nobody closes must not hang the caller.
 * Further KSK_ERR_IO with fault: not readable, a folder, or too slow.
 */
KSK_MUST_USE enum ksk_err ksk_pin_read_fd(struct ksk_pin *pin, int fd,
	unsigned timeout_ms, struct ksk_fault *fault);

/*
 * Checks a PIN against the lengths that a token allows, before it can cost a
 * try. min, max: 0 and unknown (all bits set) are no limit.
 * KSK_ERR_BAD_INPUT with fault.
 */
KSK_MUST_USE enum ksk_err ksk_pin_fits(const struct ksk_pin *pin,
	unsigned long min, unsigned long max, struct ksk_fault *fault);

#endif
