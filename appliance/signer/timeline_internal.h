/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_internal - what the files timeline*.c share. Nobody else includes
 * it.
 */
#ifndef KSK_SIGNER_TIMELINE_INTERNAL_H
#define KSK_SIGNER_TIMELINE_INTERNAL_H

#include "appliance/signer/timeline.h"

/* Returns the journal, borrowed. */
struct ksk_journal *ksk_timelines_journal(
	const struct ksk_timelines *timelines);

/* Gives the statements of ksk_announced_begin. */
void ksk_timelines_announced(const struct ksk_timelines *timelines,
	size_t *out_put, size_t *out_drop);

/* A row that belongs to the timeline was staged. */
void ksk_timelines_mark(
	const struct ksk_timelines *timelines, struct ksk_timeline *timeline);

#endif
