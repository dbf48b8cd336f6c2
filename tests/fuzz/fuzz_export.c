/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as a journal's export (PROTOCOL 8.3), followed to its end.
 * Each item that is taken is written back byte for byte; a failure has a
 * reason; what is followed is counted right.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_item(const struct ksk_export_item *item, struct ksk_span taken)
{
	static uint8_t room[KSK_EXPORT_ITEM_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	if (ksk_export_put(&buf, item->kind, item->body) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), taken))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_chain *chain = NULL;
	struct ksk_span rest = ksk_span_of(data, size);
	struct ksk_export_item item;
	uint64_t records = 0;

	if (ksk_chain_new(&chain) != KSK_OK)
		abort();
	for (;;) {
		struct ksk_span from = rest;
		struct ksk_fault fault = {""};
		if (ksk_export_take(&rest, &item) != KSK_OK) {
			if (rest.data != from.data || rest.len != from.len)
				abort();
			break;
		}
		check_item(&item, ksk_span_of(from.data, from.len - rest.len));
		if (ksk_chain_item(chain, &item, &fault) != KSK_OK) {
			if (fault.text[0] == '\0')
				abort();
			break;
		}
		records += item.kind == KSK_EXPORT_RECORD;
	}
	const struct ksk_chain_state *state = ksk_chain_state(chain);
	if (state->count != records || state->proven)
		abort();
	ksk_chain_free(&chain);
	return 0;
}
