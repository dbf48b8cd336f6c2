/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - see check.h.
 */
#include "appliance/signer/check.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"

#include <stdlib.h>
#include <string.h>

/* The RRSIG of a job, as the request, the policy and the key make it. */
static void
prepare(const struct ksk_ticket *ticket, const struct ksk_job *job,
	const struct ksk_keyring_key *key, struct ksk_rrsig *out_rrsig)
{
	ksk_rrsig_prepare(&ticket->request.sign.rrset, ticket->window,
		key->ds.algorithm, job->revoked ? key->revoked_tag : key->tag,
		out_rrsig);
	out_rrsig->signature = ksk_span_of(job->signature, job->signature_len);
}

static bool
verifies(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_job *job, const struct ksk_keyring_key *key)
{
	struct ksk_rrsig rrsig;
	prepare(ticket, job, key, &rrsig);
	struct ksk_buf tbs = ksk_buf_of(signer->tbs, KSK_TBS_MAX);
	return ksk_tbs_build(&ticket->request.sign.rrset, &rrsig, &tbs) ==
		KSK_OK &&
		ksk_verify_bytes(key->verify, ksk_buf_span(&tbs),
			rrsig.signature) == KSK_OK;
}

static void
log_wrong(struct ksk_signer *signer, const struct ksk_keyring_key *key)
{
	char zone[KSK_NAME_TEXT_CAP], tag[KSK_NUM_CAP];
	ksk_name_to_text(&key->zone, zone);
	ksk_log(KSK_LOG_ERROR, "bad-signature",
		"a token's signature does not verify and is not released",
		"zone", zone, "tag", ksk_num(tag, key->ds.tag), "token",
		signer->start.token[key->token], NULL);
}

void
ksk_check_ticket(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	for (size_t i = 0; i < ticket->job_count; i++) {
		struct ksk_job *job = &ticket->job[i];
		if (job->stage != KSK_JOB_ANSWERED)
			continue;
		const struct ksk_keyring_key *key = ksk_keyring_key(
			signer->keyring, job->key);
		/* Nobody can look at it any more, and whose fault that is, it
		 * is not its worker's. */
		if (key->state != KSK_KEY_FOUND) {
			job->stage = KSK_JOB_LOST;
			continue;
		}
		bool right = verifies(signer, ticket, job, key);
		if (!right)
			log_wrong(signer, key);
		ksk_crew_judged(&signer->crew, job, right, ksk_clock_mono_ms());
	}
}

void
ksk_check_rrsigs(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	struct ksk_span out[KSK_RRSIG_COUNT_MAX])
{
	for (size_t i = 0; i < ticket->job_count; i++) {
		const struct ksk_job *job = &ticket->job[i];
		struct ksk_rrsig rrsig;
		prepare(ticket, job, ksk_keyring_key(signer->keyring, job->key),
			&rrsig);
		struct ksk_buf buf = ksk_buf_of(
			signer->rrsig[i], KSK_RRSIG_MAX);
		if (job->stage != KSK_JOB_SIGNED ||
			ksk_rrsig_write(&rrsig, &buf) != KSK_OK)
			abort(); /* only verified signatures come here */
		out[i] = ksk_buf_span(&buf);
	}
}
