/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_text - one record of the journal as text and as JSON.
 * Tests: tests/integration/test_journal.py
 */
#ifndef KSK_CLIENT_JOURNAL_TEXT_H
#define KSK_CLIENT_JOURNAL_TEXT_H

#include "client/output.h"
#include "protocol/record.h"

/* What a record is about. type: 0 for a zone as a whole. */
struct ksk_record_subject {
	struct ksk_name owner;
	uint16_t type;
};

/* Finds what a record itself names; false if it names nothing. */
bool ksk_record_subject_of(
	const struct ksk_record *record, struct ksk_record_subject *out);

/* Each appends one record with its hash. subject: NULL if it is not known. */
void ksk_record_add_text(struct ksk_text *text, const struct ksk_record *record,
	const struct ksk_record_subject *subject,
	const uint8_t hash[KSK_HASH_LEN]);
void ksk_record_add_json(struct ksk_text *text, const struct ksk_record *record,
	const struct ksk_record_subject *subject,
	const uint8_t hash[KSK_HASH_LEN]);

#endif
