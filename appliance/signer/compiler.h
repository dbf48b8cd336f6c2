/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler - has kskd run kskd-policy over a text that the signer holds: in
 * sealed memory over the control socket, and back.
 * Tests: tests/integration/test_quorum.py
 */
#ifndef KSK_SIGNER_COMPILER_H
#define KSK_SIGNER_COMPILER_H

#include "appliance/signer/signer.h"

/* Makes memory for a text. out_fd: owned. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_compiler_open(
	int *out_fd, struct ksk_fault *fault);

/* Appends a part of the text. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_compiler_add(
	int fd, struct ksk_span part, struct ksk_fault *fault);

/* Seals the text and sends it; fd is taken over, also on failure. One request
 * at a time. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_compiler_ask(struct ksk_signer *signer,
	enum ksk_document_kind kind, int fd, struct ksk_fault *fault);

/*
 * Sends a text and waits for the result: before READY, when kskd sends nothing
 * else.
 * out_fd: owned. KSK_ERR_BAD_INPUT: the text is wrong, with its first fault;
 * KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_compiler_wait(struct ksk_signer *signer,
	enum ksk_document_kind kind, struct ksk_span text, int *out_fd,
	struct ksk_fault *fault);

#endif
