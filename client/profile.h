/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile - the client's configuration, a YAML file that `enroll` writes:
 *
 *	key: kskctl.key             relative to the profile's folder
 *	certificate: kskctl.crt
 *	appliances:                 tried in this order
 *	  - address: "ksk.example.net:8853"
 *	    server-pins: [<hex>]    several, so that the server's key can roll
 *
 * Where: --config, else $KSKCTL_CONFIG, else $XDG_CONFIG_HOME/ksk/kskctl.yaml,
 * else ~/.config/ksk/kskctl.yaml.
 * Tests: tests/integration/test_kskctl.py
 */
#ifndef KSK_CLIENT_PROFILE_H
#define KSK_CLIENT_PROFILE_H

#include "client/verb.h"
#include "protocol/limits.h"

#include <stdint.h>

#define KSK_PROFILE_PATH_CAP 1024u
#define KSK_ENDPOINT_MAX 8u
#define KSK_SERVER_PIN_MAX 4u

struct ksk_endpoint {
	char host[256]; /* without brackets */
	char port[6];
	char address[264]; /* as written */
	unsigned pin_count;
	uint8_t pin[KSK_SERVER_PIN_MAX][KSK_PIN_LEN];
};

struct ksk_profile {
	char path[KSK_PROFILE_PATH_CAP];
	char key[KSK_PROFILE_PATH_CAP];         /* as written */
	char certificate[KSK_PROFILE_PATH_CAP]; /* as written */
	unsigned endpoint_count;
	struct ksk_endpoint endpoint[KSK_ENDPOINT_MAX];
};

/* Finds out where the profile is. KSK_ERR_NOT_FOUND with fault: no home. */
KSK_MUST_USE enum ksk_err ksk_profile_path(const struct ksk_ctl *ctl,
	char out[KSK_PROFILE_PATH_CAP], struct ksk_fault *fault);

/*
 * Reads a profile. KSK_ERR_NOT_FOUND, KSK_ERR_BAD_INPUT, KSK_ERR_IO,
 * KSK_ERR_NO_MEMORY, with fault. out_profile: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_profile_load(const char *path,
	struct ksk_profile *out_profile, struct ksk_fault *fault);

/* Writes a profile to its path, whole or not at all. KSK_ERR_IO,
 * KSK_ERR_NO_MEMORY, with fault. */
KSK_MUST_USE enum ksk_err ksk_profile_save(
	const struct ksk_profile *profile, struct ksk_fault *fault);

/* Reads HOST:PORT or [V6]:PORT. KSK_ERR_BAD_INPUT with fault. Pins stay. */
KSK_MUST_USE enum ksk_err ksk_endpoint_read(const char *address,
	struct ksk_endpoint *endpoint, struct ksk_fault *fault);

/* Reads one pin, 64 hexadecimal digits. KSK_ERR_BAD_INPUT with fault. */
KSK_MUST_USE enum ksk_err ksk_pin_read(
	const char *text, uint8_t out[KSK_PIN_LEN], struct ksk_fault *fault);

/* Writes the path of a file named in the profile. */
void ksk_profile_file(const struct ksk_profile *profile, const char *name,
	char out[2 * KSK_PROFILE_PATH_CAP]);

#endif
