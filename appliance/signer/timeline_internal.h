/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_internal - what the files timeline*.c share. Nobody else includes
 * it.
 */
#ifndef KSK_SIGNER_TIMELINE_INTERNAL_H
#define KSK_SIGNER_TIMELINE_INTERNAL_H

#include "appliance/signer/timeline.h"

/* Returns the journal, borrowed. */
struct ksk_journal *ksk_timelines_journal(struct ksk_timelines *timelines);

#endif
