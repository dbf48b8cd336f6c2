/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * office - what operators decided, as the journal keeps it: who they are, the
 * document of the policy in force, what is withdrawn, which nonces were used;
 * and what follows for the policy and its clients. submit.h is how it changes.
 * Tests: tests/integration/test_quorum.py, tests/integration/test_withdraw.py
 */
#ifndef KSK_SIGNER_OFFICE_H
#define KSK_SIGNER_OFFICE_H

#include "appliance/policy/approve.h"
#include "appliance/policy/withdrawn.h"
#include "appliance/signer/document_store.h"
#include "appliance/signer/inforce.h"
#include "appliance/signer/upload.h"

/* Nonces of authorise documents that are remembered: the last ones. An older
 * document names a head that the journal has left behind long ago. */
#define KSK_NONCE_COUNT_MAX 256u

struct ksk_signer;

struct ksk_office {
	struct ksk_store store;
	struct ksk_uploads uploads;
	struct ksk_authority authority; /* version 0: none */
	uint8_t authority_document[KSK_HASH_LEN];
	bool authority_signed; /* it is CMS; else a text: the first */
	bool has_policy_document;
	uint8_t policy_document[KSK_HASH_LEN];
	struct ksk_withdrawals withdrawals;
	/* Once the prepared policy is in force: without what it lifts. */
	struct ksk_withdrawals after;
	/* With a document that is being handed in. */
	struct ksk_withdrawals next;
	size_t nonce_count;
	uint8_t nonce[KSK_NONCE_COUNT_MAX][KSK_NONCE_LEN];
	/* What kskd.yaml lets submit, as clients without a zone. */
	struct ksk_client bootstrap[KSK_BOOTSTRAP_MAX];
	uint32_t compiled; /* number of the last request to kskd */
	uint32_t given_up; /* one whose answer may come, and counts no more */
};

/*
 * Reads what the journal has; takes the first authority that `kskadm` left
 * beside it, once. Before READY.
 * KSK_ERR_NOT_FOUND: policies are to come signed, and nobody may sign them.
 * KSK_ERR_MALFORMED, KSK_ERR_BAD_INPUT, KSK_ERR_IO, KSK_ERR_NO_MEMORY. All
 * with fault.
 */
KSK_MUST_USE enum ksk_err ksk_office_begin(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* With a quorum: brings the policy that the journal holds into force; one that
 * can't be is said in the log, and no policy is in force then. Before READY. */
void ksk_office_first_policy(struct ksk_signer *signer);

void ksk_office_wipe(struct ksk_office *office);

/* ---- clients ---- */

/* Finds a client by its pin: of the policy, or of kskd.yaml. NULL: neither. */
const struct ksk_client *ksk_office_client(
	const struct ksk_signer *signer, const uint8_t pin[KSK_PIN_LEN]);

/* Returns true if a client may submit. */
bool ksk_office_may_submit(const struct ksk_signer *signer,
	const struct ksk_client *client, const uint8_t pin[KSK_PIN_LEN]);

/* ---- the policy ---- */

/* Takes what is withdrawn away from a policy that is about to be judged; what
 * the policy lifts comes back with it. Errors as ksk_withdrawals_narrow. */
KSK_MUST_USE enum ksk_err ksk_office_narrow(struct ksk_signer *signer,
	struct ksk_inforce *next, struct ksk_fault *fault);

/* Stages beside a policy's record what changes with it, and puts into the
 * record what the policy follows from. KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_office_stage_policy(
	struct ksk_signer *signer, struct ksk_record *record);

/* The prepared policy is in force. */
void ksk_office_policy_in_force(struct ksk_signer *signer);

/* ---- what is staged for the other kinds ---- */

/* Each stages what the journal keeps. KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_office_stage_authority(struct ksk_signer *signer,
	const struct ksk_authority *next, const uint8_t name[KSK_HASH_LEN],
	bool is_signed);
KSK_MUST_USE enum ksk_err ksk_office_stage_withdrawals(
	struct ksk_signer *signer, const struct ksk_withdrawals *next);
KSK_MUST_USE enum ksk_err ksk_office_stage_nonce(
	struct ksk_signer *signer, const uint8_t nonce[KSK_NONCE_LEN]);

/* Narrows the policy in force, and a prepared one, by what stands. Returns
 * false if there is no memory: then nobody may sign. */
bool ksk_office_narrow_all(struct ksk_signer *signer);

bool ksk_office_knows_nonce(
	const struct ksk_office *office, const uint8_t nonce[KSK_NONCE_LEN]);

#endif
