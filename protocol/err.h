/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err - the one vocabulary for "something broke".
 *
 * A policy that says no is not an error: see msg.h (struct ksk_refusal). What
 * a peer is told is neither: see msg.h (enum ksk_status).
 * Tests: tests/unit/test_err.c
 */
#ifndef KSK_PROTOCOL_ERR_H
#define KSK_PROTOCOL_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* name, value, sentence */
#define KSK_ERR_TABLE(X) \
	X(KSK_OK, 0, "done") \
	X(KSK_ERR_INTERNAL, -1, "a step failed for an unnamed reason") \
	X(KSK_ERR_MALFORMED, -2, "the bytes break their format") \
	X(KSK_ERR_TOO_LARGE, -3, "a limit is exceeded") \
	X(KSK_ERR_NO_ROOM, -4, "the output does not fit its buffer") \
	X(KSK_ERR_NOT_FOUND, -5, "there is no such thing") \
	X(KSK_ERR_AMBIGUOUS, -6, "more than one thing matches") \
	X(KSK_ERR_IO, -7, "the operating system reports an error") \
	X(KSK_ERR_NO_MEMORY, -8, "no memory is left") \
	X(KSK_ERR_CRYPTO, -9, "the cryptographic library reports an error") \
	X(KSK_ERR_BAD_SIGNATURE, -10, "the signature does not verify") \
	X(KSK_ERR_UNSUPPORTED, -11, "this is not supported") \
	X(KSK_ERR_CLOSED, -12, "the peer has closed the connection") \
	X(KSK_ERR_AGAIN, -13, "not now, try again") \
	X(KSK_ERR_BAD_INPUT, -14, "a person's input is wrong") \
	X(KSK_ERR_PERMISSION, -15, "owner or mode of a file is unsafe") \
	X(KSK_ERR_PIN_WRONG, -16, "the token refuses the PIN") \
	X(KSK_ERR_PIN_LOCKED, -17, "the token has locked the PIN") \
	X(KSK_ERR_TOKEN, -18, "the token reports an error")

enum ksk_err {
#define X(name, value, text) name = (value),
	KSK_ERR_TABLE(X)
#undef X
};

#define KSK_MUST_USE __attribute__((warn_unused_result))
#define KSK_FORMAT(fmt, first) __attribute__((format(printf, fmt, first)))

/* Bytes of room for the sentence of a fault, its final zero included. */
#define KSK_FAULT_CAP 640

/*
 * What is wrong, where, and what to do about it, for a person. Filled by the
 * function that finds the trouble; logged or printed once, by the function
 * that decides what to do. Never holds a secret. text is "" when unset.
 */
struct ksk_fault {
	char text[KSK_FAULT_CAP];
};

/*
 * Returns the sentence for an error value; "unknown error" for any other
 * number. The text is static.
 */
const char *ksk_err_text(enum ksk_err err);

/*
 * Writes a sentence into a fault, cut to fit; replaces what was there.
 * fault: in/out, may be NULL (nothing happens).
 */
void ksk_fault_set(struct ksk_fault *fault, const char *fmt, ...)
	KSK_FORMAT(2, 3);

/* Passes over a result on purpose, where a plain (void) would not silence
 * gcc. The caller's comment says why it may. */
static inline void
ksk_ignore(enum ksk_err err)
{
	(void)err;
}

#endif
