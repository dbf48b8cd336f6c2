/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of the announcement: any bytes are one announcement, whose values
 * are in their ranges, or a list of faults.
 */
#include "appliance/policy/announcement.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static void
check(const struct ksk_announcement *a)
{
	struct ksk_dnskey key;

	demand(a->zone.len >= 1 && a->zone.wire[a->zone.len - 1] == 0);
	demand(a->provider[0] != '\0' &&
		memchr(a->provider, 0, KSK_LABEL_CAP) != NULL);
	demand(a->serial >= 1 && a->serial <= INT64_MAX);
	demand(a->not_before < a->not_after &&
		a->not_after - a->not_before <= KSK_ANNOUNCEMENT_SECONDS_MAX);
	demand(a->key_count >= 1 && a->key_count <= KSK_PROVIDER_KEY_MAX);
	for (size_t i = 0; i < a->key_count; i++) {
		demand(ksk_dnskey_read(a->key[i].rdata, &key) == KSK_OK);
		demand(key.flags == KSK_FLAG_ZONE);
		for (size_t k = 0; k < i; k++)
			demand(!ksk_span_equal(
				a->key[i].rdata, a->key[k].rdata));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ksk_announcement out;
	static struct ksk_faults faults;
	enum ksk_err err = ksk_announcement_read(
		ksk_span_of(data, size), &out, &faults);

	demand((err == KSK_OK) == (faults.count == 0));
	if (err == KSK_OK) {
		check(&out);
		return 0;
	}
	demand(err == KSK_ERR_BAD_INPUT &&
		faults.count <= KSK_POLICY_FAULT_MAX);
	for (size_t i = 0; i < faults.count; i++)
		demand(faults.list[i].text[0] != '\0' &&
			strchr(faults.list[i].text, '\n') == NULL);
	return 0;
}
