/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample_keyring - the keyring of the policy of sample_table.h.
 */
#ifndef KSK_TESTS_SAMPLE_KEYRING_H
#define KSK_TESTS_SAMPLE_KEYRING_H

#include "appliance/signer/keyring.h"

#include <stdlib.h>

/* One key number per table.ksks; owned, free(). */
static inline uint32_t *
sample_keys(struct ksk_keyring *keyring, const struct ksk_table *table)
{
	uint32_t *map = calloc(table->ksk_count + 1, sizeof *map);
	if (map == NULL)
		abort();
	for (size_t z = 0; z < table->zone_count; z++)
		if (ksk_keyring_load_zone(
			    keyring, table, &table->zones[z], map) != KSK_OK)
			abort();
	return map;
}

#endif
