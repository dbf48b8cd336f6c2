/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pins - see pins.h.
 */
#include "appliance/frontend/pins.h"

enum ksk_err
ksk_pins_read(struct ksk_pins *pins, struct ksk_span body)
{
	const size_t count = body.len / KSK_PIN_LEN;
	struct ksk_wire w = ksk_wire_of(body);

	if (body.len % KSK_PIN_LEN != 0)
		return KSK_ERR_MALFORMED;
	if (count > KSK_PIN_COUNT_MAX)
		return KSK_ERR_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		ksk_wire_copy(&w, pins->pin[i], KSK_PIN_LEN);
	pins->count = count;
	pins->known = true;
	return ksk_wire_end(&w);
}

bool
ksk_pins_has(const struct ksk_pins *pins, const uint8_t pin[KSK_PIN_LEN])
{
	bool found = false;

	for (size_t i = 0; i < pins->count; i++)
		found |= ksk_ct_equal(pins->pin[i], pin, KSK_PIN_LEN);
	return found;
}
