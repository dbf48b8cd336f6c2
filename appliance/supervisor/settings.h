/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings - all that kskd reads from files: one value, loaded as a whole and
 * swapped as a whole. Whatever can be seen to be wrong is seen here, before
 * anything is started or changed.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_SETTINGS_H
#define KSK_SUPERVISOR_SETTINGS_H

#include "appliance/base/exit.h"
#include "appliance/supervisor/pin_source.h"

/* Large: static memory. Descriptors are sealed memory files, owned, -1 when
 * not there. */
struct ksk_settings {
	struct ksk_config config;
	uint8_t appliance[KSK_ID_LEN];
	int policy_text;
	int policy_table; /* of kskd-policy, after a policy run */
	int tls_key;
	int tls_certificate;
	int keymap;
	int accept; /* empty where there is no such file */
	struct ksk_pin_source pin[KSK_TOKEN_MAX];
};

/* Makes settings empty. */
void ksk_settings_init(struct ksk_settings *s);

/* Frees what is held and makes settings empty. */
void ksk_settings_free(struct ksk_settings *s);

/*
 * Reads and checks everything but the policy's meaning.
 * path: kskd.yaml. out: empty before; after failure it may hold a part, free
 * it. Returns KSK_EXIT_OK, or the exit code that kskd would leave with, with
 * fault.
 */
KSK_MUST_USE enum ksk_exit ksk_settings_load(
	const char *path, struct ksk_settings *out, struct ksk_fault *fault);

/* Gives the PINs that were typed to the settings that come next, for tokens
 * whose PIN is typed in both. */
void ksk_settings_keep_typed(
	struct ksk_settings *now, struct ksk_settings *next);

/* Returns NULL, or the name of the first key that differs and can't be changed
 * by a reload. */
const char *ksk_settings_fixed(
	const struct ksk_config *now, const struct ksk_config *next);

#endif
