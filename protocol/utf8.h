/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8 - says how much of a text is well-formed UTF-8 (RFC 3629). Total: any
 * bytes in, a length out; looks at every byte once.
 * Tests: tests/unit/test_cbor.c
 */
#ifndef KSK_PROTOCOL_UTF8_H
#define KSK_PROTOCOL_UTF8_H

#include <stddef.h>

/*
 * Returns how many of the first bytes of a text are whole, well-formed
 * characters; equal to len if all are. Overlong forms, surrogates and numbers
 * above U+10FFFF are not well-formed (RFC 3629 4).
 * text: borrowed, may be NULL when len is 0.
 */
size_t ksk_utf8_valid_len(const char *text, size_t len);

/*
 * Returns the length of the first character of a text; 0 if there is none, it
 * is not well-formed, or it is a control character (U+0000 to U+001F, U+007F
 * to U+009F), which could play tricks on the terminal it is printed to.
 * text: borrowed, may be NULL when len is 0.
 */
size_t ksk_utf8_printable_len(const char *text, size_t len);

#endif
