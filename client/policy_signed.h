/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_signed - `kskctl policy sign|submit|show|diff`: documents that
 * operators sign, handed to an appliance and read back. Signing is what
 * `openssl cms` does, and no more: the command can be printed instead.
 * Tests: tests/integration/test_kskctl_policy.py
 */
#ifndef KSK_CLIENT_POLICY_SIGNED_H
#define KSK_CLIENT_POLICY_SIGNED_H

#include "client/reach.h"
#include "protocol/msg.h"

/* The words of the command line; NULL where not given. */
struct ksk_policy_words {
	const struct ksk_ctl *ctl;
	const char *file; /* or the kind, for show */
	const char *certificate;
	const char *key; /* a PEM file, or a pkcs11: URI */
	const char *out;
	bool command; /* print it, run nothing */
	bool dry_run;
	bool as_signed; /* show the CMS, not the text */
};

enum ksk_ctl_exit ksk_policy_sign(const struct ksk_policy_words *words);
enum ksk_ctl_exit ksk_policy_submit(const struct ksk_policy_words *words);
enum ksk_ctl_exit ksk_policy_show(const struct ksk_policy_words *words);
enum ksk_ctl_exit ksk_policy_diff(const struct ksk_policy_words *words);

/* Runs a program with this one's input, output and terminal, and waits.
 * Returns its exit status; 127 if it can't be run. */
int ksk_policy_run(const char *const *argv);

/* A document that was read back. data: owned, free(). */
struct ksk_policy_document {
	bool found;
	bool is_signed;
	uint8_t *data;
	size_t len;
	struct ksk_standing_reply standing;
};

/*
 * Reads what stands, and with kind a whole document (0: none).
 * Steps as ksk_answer_judge; what is final was said.
 */
enum ksk_step ksk_policy_fetch(struct ksk_session *session, unsigned kind,
	struct ksk_policy_document *out, struct ksk_fault *fault);

/* Gives the text of a document that may be signed. out_text: owned, free().
 * KSK_ERR_MALFORMED, KSK_ERR_NO_MEMORY with fault. */
KSK_MUST_USE enum ksk_err ksk_policy_text(struct ksk_span document,
	bool is_signed, uint8_t **out_text, size_t *out_len,
	struct ksk_fault *fault);

#endif
