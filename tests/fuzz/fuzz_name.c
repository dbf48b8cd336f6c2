/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as the wire form and as the text of a name. Every name has
 * one wire form, and its text reads back as the same name.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const struct ksk_name *name)
{
	char text[KSK_NAME_TEXT_CAP];
	struct ksk_name again;

	if (ksk_name_from_wire(ksk_name_span(name), &again) != KSK_OK ||
		!ksk_name_equal(name, &again))
		abort();
	ksk_name_to_text(name, text);
	if (ksk_name_from_text(text, strlen(text), &again, NULL) != KSK_OK ||
		!ksk_name_equal(name, &again))
		abort();
	if (!ksk_name_within(name, name) || ksk_name_labels(name) > 127 ||
		ksk_name_compare(name, &again) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_name name;
	struct ksk_fault fault = {""};

	if (ksk_name_from_wire(ksk_span_of(data, size), &name) == KSK_OK) {
		if (!ksk_span_equal(
			    ksk_name_span(&name), ksk_span_of(data, size)))
			abort();
		check_name(&name);
	}
	if (ksk_name_from_text((const char *)data, size, &name, &fault) ==
		KSK_OK)
		check_name(&name);
	else if (fault.text[0] == '\0')
		abort();
	return 0;
}
