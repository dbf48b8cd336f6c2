/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of the rows that a journal keeps of a zone's past, which may come
 * back from a damaged or foreign copy: any bytes are damage, or a sound
 * timeline that is written back byte for byte. With an odd first byte the rest
 * is the row of a provider's announcement.
 */
#include "appliance/policy/announced_body.h"
#include "appliance/policy/timeline_body.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ksk_timeline timeline;
static uint8_t room[1024u * 1024u];

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static void
check_timeline(struct ksk_span body)
{
	const struct ksk_history *h = &timeline.history;
	struct ksk_buf again = ksk_buf_of(room, sizeof(room));

	if (ksk_timeline_read(body, &timeline) != KSK_OK)
		return;
	demand(ksk_history_is_sound(h));
	demand(body.len <= ksk_timeline_body_len(&timeline));
	demand(ksk_timeline_write(&timeline, &again) == KSK_OK);
	demand(ksk_span_equal(body, ksk_buf_span(&again)));
	(void)ksk_history_in_effect(h, KSK_TYPE_DNSKEY, UINT32_MAX);
	(void)ksk_history_head(h, KSK_TYPE_CDS);
	for (uint32_t i = 0; i < h->key_count; i++)
		(void)ksk_history_exposed(h, i);
}

static void
check_announced(struct ksk_span body)
{
	const struct ksk_history *h = &timeline.history;
	struct ksk_buf again = ksk_buf_of(room, sizeof(room));

	if (ksk_announced_read(body, &timeline) != KSK_OK)
		return;
	demand(h->announced_count == 1);
	demand(body.len <= KSK_ANNOUNCED_BODY_MAX);
	demand(ksk_announced_write(
		       &h->announced[0], h->announced_key, &again) == KSK_OK);
	demand(ksk_span_equal(body, ksk_buf_span(&again)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ksk_name root = {.len = 1};

	if (size == 0)
		return 0;
	ksk_timeline_clear(&timeline, &root);
	if (data[0] % 2 == 0)
		check_timeline(ksk_span_of(data + 1, size - 1));
	else
		check_announced(ksk_span_of(data + 1, size - 1));
	return 0;
}
