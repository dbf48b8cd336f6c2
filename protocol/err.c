/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err - sentences for error values, and the filling of faults. Contract: err.h
 */
#include "protocol/err.h"

#include <stdio.h>
#include <string.h>

#include "protocol/utf8.h"

const char *
ksk_err_text(enum ksk_err err)
{
	switch (err) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_ERR_TABLE(X)
#undef X
	}
	return "unknown error";
}

void
ksk_fault_set(struct ksk_fault *fault, const char *fmt, ...)
{
	/* A local buffer, because the fault's own text may be an argument. */
	char text[KSK_FAULT_CAP];
	va_list args;

	if (fault == NULL)
		return;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		text[0] = '\0';
	size_t len = strnlen(text, sizeof(text) - 1);
	/* A cut must not leave half a character: the text goes into replies,
	 * where RFC 8949 3.1 demands UTF-8. */
	if ((size_t)n > len)
		len = ksk_utf8_valid_len(text, len);
	memcpy(fault->text, text, len);
	fault->text[len] = '\0';
}
