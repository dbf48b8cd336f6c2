/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample_table - a small compiled policy for tests of the signer's parts: two
 * zones, two clients, real P-256 keys.
 */
#ifndef KSK_TESTS_SAMPLE_TABLE_H
#define KSK_TESTS_SAMPLE_TABLE_H

#include "appliance/policy/compile.h"
#include "appliance/policy/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t sample_appliance[KSK_ID_LEN] = {0xab, 1, 2, 3};

/* 257 3 13 and a point of the curve. */
static const uint8_t sample_ksk[68] = {0x01, 0x01, 0x03, 0x0d,
	/* x */ 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc,
	0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
	0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
	/* y */ 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7,
	0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
	0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static inline void
sample_ds(const char *zone, char out[KSK_DS_TEXT_CAP])
{
	struct ksk_name name;
	struct ksk_ds ds;
	if (ksk_name_from_text(zone, strlen(zone), &name, NULL) != KSK_OK ||
		ksk_ds_build(&name, ksk_span_of(sample_ksk, sizeof sample_ksk),
			KSK_DIGEST_SHA256, &ds) != KSK_OK)
		abort();
	ksk_ds_to_text(&ds, out);
}

static inline void
sample_zone(char *text, size_t cap, const char *zone, const char *clients,
	const char *token)
{
	char ds[KSK_DS_TEXT_CAP];
	sample_ds(zone, ds);
	size_t at = strlen(text);
	snprintf(text + at, cap - at,
		"  - name: %s\n    clients: [%s]\n    ttl: 1h\n"
		"    sign: [DNSKEY]\n    rate: 10/1h\n"
		"    signature: {validity: 14d, refresh: 5d, inception-offset:"
		" 1h, horizon: 0, min-validity: 1d}\n"
		"    waits: {zone-max-ttl: 1d, propagation: 1h, sign-delay:"
		" 1h, parent-ds-ttl: 1d, parent-propagation: 1h}\n"
		"    ksk: [{token: %s, label: k, ds: \"%s\","
		" from: 2020-01-01T00:00:00Z}]\n    providers: []\n",
		zone, clients, token, ds);
}

/* A sealed memfd with a policy: zone a.example. for clients one and two on
 * token main, zone b.example. for one on token `second`. */
static inline int
sample_memfd(unsigned version, const char *second, const char *comment)
{
	static char text[8192];
	char id[2 * KSK_ID_LEN + 1];
	ksk_hex_write(ksk_span_of(sample_appliance, KSK_ID_LEN), id, sizeof id);
	snprintf(text, sizeof text,
		"# %s\nkind: policy\nappliance: %s\nversion: %u\nclients:\n"
		"  - {name: one, pin: %064d, may: [read, sign]}\n"
		"  - {name: two, pin: %063d1, may: [read]}\nzones:\n",
		comment, id, version, 0, 0);
	sample_zone(text, sizeof text, "a.example.", "one, two", "main");
	sample_zone(text, sizeof text, "b.example.", "one", second);

	uint8_t *bytes = NULL;
	size_t len = 0;
	static struct ksk_faults faults;
	if (ksk_policy_compile(ksk_span_of(text, strlen(text)), NULL,
		    1800000000, &bytes, &len, &faults) != KSK_OK) {
		fprintf(stderr, "%s\n", faults.list[0].text);
		abort();
	}
	int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK |
				F_SEAL_WRITE) != 0)
		abort();
	free(bytes);
	return fd;
}

static inline struct ksk_name
sample_name(const char *text)
{
	struct ksk_name name;
	if (ksk_name_from_text(text, strlen(text), &name, NULL) != KSK_OK)
		abort();
	return name;
}

#endif
