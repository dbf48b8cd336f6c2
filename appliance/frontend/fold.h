/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fold - what the frontend cut off or refused, in the log: at most one line a
 * second for each reason, with a count, so that a flood from outside can't
 * become a flood of lines. A line shows the latest case. Whatever a peer chose
 * is escaped by log.h.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_FOLD_H
#define KSK_FRONTEND_FOLD_H

#include "appliance/base/log.h"
#include "protocol/err.h"

#include <event2/event.h>
#include <stdbool.h>

/* name, level, event, reason, sentence */
#define KSK_FOLD_TABLE(X) \
	X(KSK_FOLD_NONE, INFO, "nothing", "none", "nothing is wrong") \
	X(KSK_FOLD_NO_PINS, WARN, "handshake-refused", "no-pins", \
		"the signer has not yet said which clients may connect") \
	X(KSK_FOLD_PIN, WARN, "handshake-refused", "pin-unknown", \
		"no client of the policy has this key") \
	X(KSK_FOLD_EXPIRED, WARN, "handshake-refused", "expired", \
		"the client's certificate has expired") \
	X(KSK_FOLD_EARLY, WARN, "handshake-refused", "not-yet-valid", \
		"the client's certificate is not valid yet") \
	X(KSK_FOLD_DATES, WARN, "handshake-refused", "bad-dates", \
		"the client's certificate has dates that can't be read") \
	X(KSK_FOLD_KIND, WARN, "handshake-refused", "key-kind", \
		"the client's key is weak, or of a kind that is not used") \
	X(KSK_FOLD_NO_CERTIFICATE, WARN, "handshake-refused", \
		"no-certificate", "the client shows no certificate") \
	X(KSK_FOLD_ALPN, WARN, "handshake-refused", "alpn", \
		"the client does not offer ksk/1") \
	X(KSK_FOLD_VERSION, WARN, "handshake-refused", "tls-version", \
		"the client does not offer TLS 1.3") \
	X(KSK_FOLD_NOT_TLS, WARN, "handshake-refused", "not-tls", \
		"the bytes are not TLS") \
	X(KSK_FOLD_ALERT, WARN, "handshake-refused", "client-alert", \
		"the client refuses the handshake") \
	X(KSK_FOLD_LEFT, INFO, "handshake-refused", "left", \
		"the client left before the handshake was done") \
	X(KSK_FOLD_SLOW_HANDSHAKE, WARN, "handshake-refused", "deadline", \
		"the handshake took too long") \
	X(KSK_FOLD_HANDSHAKE, WARN, "handshake-refused", "broken", \
		"the handshake breaks the rules of TLS") \
	X(KSK_FOLD_FULL, WARN, "connection-refused", "connections", \
		"as many connections are open as the limits allow") \
	X(KSK_FOLD_ADDRESS, WARN, "connection-refused", \
		"connections-per-address", \
		"one address has as many connections as the limits allow") \
	X(KSK_FOLD_DISPLACED, WARN, "connection-refused", "displaced", \
		"an unfinished handshake gave way to a newer one") \
	X(KSK_FOLD_DESCRIPTORS, ERROR, "connection-refused", "descriptors", \
		"no descriptor is left, accepting pauses") \
	X(KSK_FOLD_LENGTH, WARN, "connection-closed", "frame-length", \
		"a frame is empty or too long") \
	X(KSK_FOLD_SLOW_FRAME, WARN, "connection-closed", "frame-deadline", \
		"a frame took too long to arrive") \
	X(KSK_FOLD_STUCK, WARN, "connection-closed", "not-reading", \
		"the client does not read its replies") \
	X(KSK_FOLD_REMOVED, INFO, "connection-closed", "pin-removed", \
		"the client was taken out of the policy")

enum ksk_fold_reason {
#define X(name, level, event, reason, sentence) name,
	KSK_FOLD_TABLE(X)
#undef X
};

#define KSK_FOLD_COUNT (KSK_FOLD_REMOVED + 1)

/* The latest case. Each is text, "" if there is nothing to say; cut to fit. */
struct ksk_fold_detail {
	char address[64];  /* and port */
	char pin[65];      /* hexadecimal */
	char subject[256]; /* RFC 4514 form */
	char serial[48];   /* hexadecimal */
	char until[40];    /* the end of the certificate */
	char what[96];     /* OpenSSL's words */
};

struct ksk_fold_case {
	uint64_t count;   /* cases since the last line */
	uint64_t line_ms; /* when that was, 0 = never */
	struct ksk_fold_detail detail;
};

struct ksk_fold {
	struct event *timer;
	struct ksk_fold_case cases[KSK_FOLD_COUNT];
};

/* Prepares an empty fold. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_fold_init(
	struct ksk_fold *fold, struct event_base *base);

/* Counts one case, and writes a line now or within a second. detail: borrowed
 * until return. */
void ksk_fold_add(struct ksk_fold *fold, enum ksk_fold_reason reason,
	const struct ksk_fold_detail *detail);

/* Writes a line for every count that none was written for yet. */
void ksk_fold_flush(struct ksk_fold *fold);

#endif
