/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pins - where kskadm gets PINs from: a file that is named, the configured
 * source, else the person at the terminal, without echo. Never the command
 * line or the environment.
 */
#ifndef KSK_ADMIN_PINS_H
#define KSK_ADMIN_PINS_H

#include "appliance/admin/admin.h"
#include "hsm/pin.h"

/*
 * Gets the user PIN of a token.
 * file: of --pin-file, or NULL. fresh: the PIN is to be set, so a typed one is
 * asked for twice. out_pin: owned, ksk_pin_free.
 * On failure says why and returns the exit code.
 */
enum ksk_exit ksk_pins_user(const struct ksk_config_token *token,
	const char *file, bool fresh, struct ksk_pin **out_pin);

/* Reads a PIN from a file that is safe to trust, or from standard input, which
 * is called "-" and must be no terminal. Errors as above. */
enum ksk_exit ksk_pins_file(const char *path, struct ksk_pin **out_pin);

/* Asks the terminal. what: "SO PIN of main". Errors as above. */
enum ksk_exit ksk_pins_typed(
	const char *what, bool twice, struct ksk_pin **out_pin);

/* Makes a random PIN of 24 digits and lower-case letters: a charset and length
 * that tokens take. */
enum ksk_exit ksk_pins_random(size_t len, struct ksk_pin **out_pin);

#endif
