/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_ask - the answers in effect of a zone, verified; see check.h.
 */
#include "client/check.h"

#include "client/cds_set.h"

static void
take_last(struct ksk_check_zone *z, unsigned at)
{
	const struct ksk_last_answer_reply *last = z->held->last;
	struct ksk_signed *want = &z->want[at];
	struct ksk_fault why = {0};
	char buf[10];
	uint64_t first;

	if (last == NULL || ksk_held_is_ahead(z->held, z->now, &first))
		return;
	if (ksk_held_check(z->held, z->now, &why) != KSK_OK)
		ksk_check_add(z, KSK_CHECK_CRITICAL, "", "",
			"the appliance's answer for %s does not verify: %.200s",
			ksk_type_text(ksk_signed_type(at), buf), why.text);
	if (ksk_signed_copy(&last->rrset, last->rrsig, last->rrsig_count,
		    want) != KSK_OK)
		return;
	want->window = last->window;
	want->record = last->record;
}

static enum ksk_step
hold(struct ksk_session *session, struct ksk_check_zone *z, unsigned at,
	struct ksk_fault *fault)
{
	enum ksk_step step;

	z->held->owner = z->zone->owner;
	z->held->type = ksk_signed_type(at);
	step = ksk_held_ask(session, z->held, z->now, fault);
	if (step == KSK_STEP_DONE)
		take_last(z, at);
	return step;
}

enum ksk_step
ksk_check_ask(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_check_zone *z = ctx;
	enum ksk_step step = KSK_STEP_DONE;

	(void)json_array_clear(z->problems);
	z->level = KSK_CHECK_OK;
	for (unsigned i = 0; step == KSK_STEP_DONE && i < KSK_SIGNED_COUNT;
		i++) {
		ksk_signed_wipe(&z->want[i]);
		if (i == KSK_AT_DNSKEY ||
			ksk_cds_set_is_wanted(
				z->held->keys, ksk_signed_type(i), z->now))
			step = hold(session, z, i, fault);
	}
	return step;
}
