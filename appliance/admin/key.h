/* SPDX-License-Identifier: BSD-2-Clause */
/* key - what the verbs about keys share. */
#ifndef KSK_ADMIN_KEY_H
#define KSK_ADMIN_KEY_H

#include "appliance/admin/apart.h"
#include "hsm/keymap.h"

/* Prints records in zone text, without TTL. types: bits. */
#define KSK_PRINT_DNSKEY 1u
#define KSK_PRINT_DS 2u /* digest types 2 and 4 */
#define KSK_PRINT_CDS 4u
#define KSK_PRINT_CDNSKEY 8u
void ksk_key_print(const struct ksk_apart_key *key, const struct ksk_name *zone,
	unsigned types);

/* Reads the keymap; a missing one is empty. out_map: owned, ksk_keymap_free.
 * On failure says why and returns the exit code. */
enum ksk_exit ksk_keymap_load(
	const struct ksk_config *config, struct ksk_keymap *out_map);

/* Returns true if an entry is about this key on this token; an RSA key is
 * compared as one of the entry's algorithm. */
bool ksk_keymap_is_of(const struct ksk_keymap_entry *entry, const char *token,
	const struct ksk_apart_key *key);

/* audit: as the token's audit key; zone is the root then. KSK_EXIT_KEY: the
 * key has the other purpose already, or the token another audit key.
 * Adds a line to the keymap, with the mark if the key is extractable, in place
 * of one without. Present already: says so, KSK_EXIT_OK. On failure says why
 * and returns the exit code. */
enum ksk_exit ksk_keymap_add(const struct ksk_config *config,
	const struct ksk_config_token *token, const struct ksk_name *zone,
	const struct ksk_apart_key *key, bool audit);

/* Checks that the keymap can be read before a key is made for it. */
enum ksk_exit ksk_keymap_check(const struct ksk_config *config);

/* Lists a token's keys; label "" for all. Says why on failure. */
enum ksk_exit ksk_key_ask(const struct ksk_config *config,
	const struct ksk_config_token *token, const char *pin_file,
	uint8_t rsa_algorithm, const char *label,
	struct ksk_apart_result **out_result);

#endif
