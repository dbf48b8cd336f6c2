/* SPDX-License-Identifier: BSD-2-Clause */
/* office - see office.h. Reading at start stands in office_begin.c. */
#include "appliance/signer/office.h"

#include "appliance/base/log.h"
#include "appliance/signer/office_internal.h"
#include "appliance/signer/signer.h"
#include "appliance/signer/submit.h"

#include <stdlib.h>
#include <string.h>

void
ksk_office_wipe(struct ksk_office *office)
{
	ksk_uploads_wipe(&office->uploads);
	memset(office, 0, sizeof(*office));
}

/* ---- clients ---- */

static const struct ksk_client *
find_bootstrap(const struct ksk_signer *signer, const uint8_t pin[KSK_PIN_LEN])
{
	for (uint16_t i = 0; i < signer->start.bootstrap_count; i++)
		if (memcmp(signer->office.bootstrap[i].pin, pin, KSK_PIN_LEN) ==
			0)
			return &signer->office.bootstrap[i];
	return NULL;
}

const struct ksk_client *
ksk_office_client(
	const struct ksk_signer *signer, const uint8_t pin[KSK_PIN_LEN])
{
	const struct ksk_client *client = ksk_table_client_find(
		&signer->inforce.table, pin);

	return client != NULL && client->may != 0 ? client
						  : find_bootstrap(signer, pin);
}

bool
ksk_office_may_submit(const struct ksk_signer *signer,
	const struct ksk_client *client, const uint8_t pin[KSK_PIN_LEN])
{
	return (client->may & KSK_MAY_SUBMIT) != 0 ||
		find_bootstrap(signer, pin) != NULL;
}

/* ---- the policy ---- */

static enum ksk_err
narrow(const struct ksk_withdrawals *all, struct ksk_table *table,
	struct ksk_fault *fault)
{
	struct ksk_table narrowed;
	enum ksk_err err;

	if (!ksk_withdrawals_touch(all, table))
		return KSK_OK;
	err = ksk_withdrawals_narrow(all, table, &narrowed, fault);
	if (err != KSK_OK)
		return err;
	ksk_table_unmap(table);
	*table = narrowed;
	return KSK_OK;
}

enum ksk_err
ksk_office_narrow(struct ksk_signer *signer, struct ksk_inforce *next,
	struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;

	office->after = office->withdrawals;
	for (size_t i = 0; i < next->table.lift_count; i++)
		(void)ksk_withdrawals_lift(
			&office->after, next->table.lifts + i * KSK_HASH_LEN);
	return narrow(&office->after, &next->table, fault);
}

bool
ksk_office_narrow_all(struct ksk_signer *signer)
{
	struct ksk_fault fault = {.text = ""};
	struct ksk_office *office = &signer->office;

	signer->review_due = true;
	signer->pins_due = true;
	if (ksk_loading_narrow(signer, &fault) != KSK_OK)
		return false;
	return signer->inforce.table.map == NULL ||
		narrow(&office->withdrawals, &signer->inforce.table, &fault) ==
		KSK_OK;
}

enum ksk_err
ksk_office_stage_policy(struct ksk_signer *signer, struct ksk_record *record)
{
	struct ksk_office *office = &signer->office;
	const struct ksk_submission *s = &signer->submission;
	enum ksk_err err = KSK_OK;

	if (office->after.count != office->withdrawals.count)
		err = ksk_office_stage_withdrawals(signer, &office->after);
	if (err != KSK_OK || !ksk_submit_is_policy(s))
		return err;
	ksk_submit_mark(s, record);
	if (office->has_policy_document &&
		memcmp(office->policy_document, s->name, KSK_HASH_LEN) != 0)
		err = ksk_store_drop(&office->store, office->policy_document);
	if (err == KSK_OK)
		err = ksk_journal_state_set(signer->journal,
			KSK_STATE_POLICY_DOCUMENT,
			ksk_span_of(s->name, KSK_HASH_LEN));
	return err;
}

void
ksk_office_policy_in_force(struct ksk_signer *signer)
{
	struct ksk_office *office = &signer->office;

	office->withdrawals = office->after;
	if (!ksk_submit_is_policy(&signer->submission))
		return;
	office->has_policy_document = true;
	memcpy(office->policy_document, signer->submission.name, KSK_HASH_LEN);
}

/* ---- other kinds ---- */

enum ksk_err
ksk_office_stage_authority(struct ksk_signer *signer,
	const struct ksk_authority *next, const uint8_t name[KSK_HASH_LEN],
	bool is_signed)
{
	struct ksk_office *office = &signer->office;
	uint8_t room[KSK_AUTHORITY_FORM_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	enum ksk_err err = ksk_office_write_authority(
		next, name, is_signed, &buf);

	if (err == KSK_OK && office->authority.version != 0 &&
		memcmp(office->authority_document, name, KSK_HASH_LEN) != 0)
		err = ksk_store_drop(
			&office->store, office->authority_document);
	if (err == KSK_OK)
		err = ksk_journal_state_set(signer->journal,
			KSK_STATE_AUTHORITY, ksk_buf_span(&buf));
	return err;
}

enum ksk_err
ksk_office_stage_withdrawals(
	struct ksk_signer *signer, const struct ksk_withdrawals *next)
{
	uint8_t *room = malloc(KSK_WITHDRAWALS_MAX);
	struct ksk_buf buf = ksk_buf_of(room, KSK_WITHDRAWALS_MAX);
	enum ksk_err err = room == NULL ? KSK_ERR_NO_MEMORY
					: ksk_withdrawals_write(next, &buf);

	if (err == KSK_OK)
		err = ksk_journal_state_set(signer->journal,
			KSK_STATE_WITHDRAWN, ksk_buf_span(&buf));
	free(room);
	return err;
}

bool
ksk_office_knows_nonce(
	const struct ksk_office *office, const uint8_t nonce[KSK_NONCE_LEN])
{
	for (size_t i = 0; i < office->nonce_count; i++)
		if (memcmp(office->nonce[i], nonce, KSK_NONCE_LEN) == 0)
			return true;
	return false;
}

enum ksk_err
ksk_office_stage_nonce(
	struct ksk_signer *signer, const uint8_t nonce[KSK_NONCE_LEN])
{
	struct ksk_office *office = &signer->office;

	if (office->nonce_count == KSK_NONCE_COUNT_MAX) {
		office->nonce_count--;
		memmove(office->nonce[0], office->nonce[1],
			office->nonce_count * KSK_NONCE_LEN);
	}
	/* Remembered at once: one that is not recorded after all is lost,
	 * which hurts nobody. */
	memcpy(office->nonce[office->nonce_count++], nonce, KSK_NONCE_LEN);
	return ksk_journal_state_set(signer->journal, KSK_STATE_NONCES,
		ksk_span_of(
			office->nonce, office->nonce_count * KSK_NONCE_LEN));
}
