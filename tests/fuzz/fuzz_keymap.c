/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as a keymap file. Entries that are read can be written,
 * and read again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/keymap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct ksk_keymap_entry *entry)
{
	char line[KSK_KEYMAP_LINE_CAP];
	struct ksk_keymap again = {0};

	if (ksk_keymap_line(entry, line) != KSK_OK ||
		ksk_keymap_read(ksk_span_of(line, strlen(line)), &again,
			NULL) != KSK_OK ||
		again.count != 1 ||
		!ksk_name_equal(&again.entries[0].zone, &entry->zone) ||
		!ksk_ds_equal(&again.entries[0].ds, &entry->ds) ||
		strcmp(again.entries[0].label, entry->label) != 0)
		abort();
	ksk_keymap_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_fault fault = {""};
	struct ksk_keymap keymap = {0};

	if (ksk_keymap_read(ksk_span_of(data, size), &keymap, &fault) !=
		KSK_OK) {
		if (fault.text[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < keymap.count && i < 64; i++)
		check(&keymap.entries[i]);
	ksk_keymap_free(&keymap);
	return 0;
}
