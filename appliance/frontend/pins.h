/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pins - the clients that may connect, as the signer said it last. A client is
 * its key and nothing else: the SHA-256 of its SubjectPublicKeyInfo; names are
 * for people (PROTOCOL.md 1).
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_PINS_H
#define KSK_FRONTEND_PINS_H

#include "appliance/base/packet.h"

/* known: a list has come, be it an empty one. It outlives the signer. */
struct ksk_pins {
	bool known;
	size_t count;
	uint8_t pin[KSK_PIN_COUNT_MAX][KSK_PIN_LEN];
};

/*
 * Replaces the list by the body of a KSK_LNK_PINS packet.
 * KSK_ERR_MALFORMED: no whole number of pins. KSK_ERR_TOO_LARGE: more than
 * KSK_PIN_COUNT_MAX. The list is unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_pins_read(
	struct ksk_pins *pins, struct ksk_span body);

/* Returns true if the pin is in the list. The time taken depends on the length
 * of the list only. */
bool ksk_pins_has(const struct ksk_pins *pins, const uint8_t pin[KSK_PIN_LEN]);

#endif
