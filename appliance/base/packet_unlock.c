/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_unlock - see packet_unlock.h.
 */
#include "appliance/base/packet_unlock.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* No PIN of any kind holds these: a packet that does is none of kskadm's. */
static bool
is_pin(struct ksk_span pin)
{
	return pin.len > 0 && memchr(pin.data, '\0', pin.len) == NULL &&
		memchr(pin.data, '\n', pin.len) == NULL &&
		memchr(pin.data, '\r', pin.len) == NULL;
}

enum ksk_err
ksk_unlock_write_head(const struct ksk_unlock *ask, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_ADM_UNLOCK);

	if (ask->token[0] == '\0' || ask->pin.len == 0 ||
		ask->pin.len > KSK_UNLOCK_PIN_MAX)
		return KSK_ERR_MALFORMED;
	ksk_wire_put_text(&w, ask->token);
	ksk_wire_put_u8(&w, ask->pin_reset);
	ksk_wire_put_u16(&w, (uint16_t)ask->pin.len);
	return w.err;
}

enum ksk_err
ksk_unlock_read(struct ksk_span packet, struct ksk_unlock *out)
{
	struct ksk_unlock ask = {.pin_reset = false};
	struct ksk_wire w;
	uint8_t reset;
	enum ksk_err err;

	if (ksk_packet_open(packet, &w) != KSK_ADM_UNLOCK)
		return KSK_ERR_MALFORMED;
	ksk_wire_text(&w, ask.token, sizeof ask.token);
	reset = ksk_wire_u8(&w);
	ask.pin = ksk_wire_block(&w, KSK_UNLOCK_PIN_MAX);
	err = ksk_wire_end(&w);
	if (err != KSK_OK)
		return err;
	if (ask.token[0] == '\0' || reset > 1 || !is_pin(ask.pin))
		return KSK_ERR_MALFORMED;
	ask.pin_reset = reset == 1;
	*out = ask;
	return KSK_OK;
}

enum ksk_err
ksk_unlocked_write(const struct ksk_unlocked *answer, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_ADM_UNLOCKED);

	ksk_wire_put_u8(&w, (uint8_t)answer->outcome);
	ksk_wire_put_text(&w, answer->why);
	return w.err;
}

enum ksk_err
ksk_unlocked_read(struct ksk_span packet, struct ksk_unlocked *out)
{
	struct ksk_unlocked answer = {.outcome = KSK_UNLOCK_FAILED};
	struct ksk_wire w;
	uint8_t outcome;
	enum ksk_err err;

	if (ksk_packet_open(packet, &w) != KSK_ADM_UNLOCKED)
		return KSK_ERR_MALFORMED;
	outcome = ksk_wire_u8(&w);
	ksk_wire_text(&w, answer.why, sizeof answer.why);
	err = ksk_wire_end(&w);
	if (err != KSK_OK)
		return err;
	if (outcome > KSK_UNLOCK_OUTCOME_MAX)
		return KSK_ERR_MALFORMED;
	answer.outcome = (enum ksk_unlock_outcome)outcome;
	*out = answer;
	return KSK_OK;
}

void
ksk_unlock_address(int state_fd, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* By way of the descriptor: sun_path is too short for paths. */
	snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s",
		state_fd, KSK_UNLOCK_SOCKET);
}
