/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start - the slice of the configuration that each child gets in its first
 * packet, KSK_CTL_START, and the descriptors that come with it. Children never
 * read kskd.yaml. The body is u8 kind, then the struct of that kind.
 * Tests: tests/unit/test_start.c
 */
#ifndef KSK_BASE_START_H
#define KSK_BASE_START_H

#include "appliance/base/packet.h"
#include "appliance/base/sandbox.h"

enum ksk_child_kind {
	KSK_CHILD_FRONTEND = 1,
	KSK_CHILD_SIGNER = 2,
	KSK_CHILD_WORKER = 3,
};

/* Descriptors: 0 listening socket (non-blocking), 1 TLS key (PEM), 2 TLS
 * certificate (PEM). */
struct ksk_start_frontend {
	uint32_t connections; /* in all */
	uint32_t connections_per_address;
	uint32_t handshake_ms; /* wall clock, whole handshake */
	uint32_t idle_ms;      /* no frame begun */
	uint32_t frame_ms;     /* a begun frame must end */
};

#define KSK_WORKER_COUNT_MAX 64u
#define KSK_PATH_CAP 512u

/* Clients that kskd.yaml lets submit. */
#define KSK_BOOTSTRAP_MAX 8u

/* The longest file accept: some lines of words. */
#define KSK_ACCEPT_MAX 4096u

/* Descriptors: 0 policy table, 1 a person's words (signer/accept.h), both
 * sealed memfds; the same come with PREPARE. None of them with a quorum. The journal is opened by path
 * under its own uid. */
struct ksk_start_signer {
	uint8_t appliance[KSK_ID_LEN];
	char journal[KSK_PATH_CAP]; /* absolute path of the file */
	uint32_t job_ms;            /* a job is overdue after this */
	uint64_t reserve;           /* bytes set aside beside the journal */
	uint16_t token_count;
	char token[8][KSK_LABEL_CAP]; /* names, as in the policy */
	uint16_t worker_count;
	uint16_t worker_token[KSK_WORKER_COUNT_MAX]; /* index into token */
	bool need_sync;        /* the kernel's clock must be synchronised */
	uint16_t anchor_token; /* keeps the journal's anchor; or none */
	/* Policies come as signed documents; there is no descriptor then. */
	bool quorum;
	uint16_t bootstrap_count;
	/* pins of clients that may read and submit whatever the policy says */
	uint8_t bootstrap[KSK_BOOTSTRAP_MAX][KSK_PIN_LEN];
};
#define KSK_TOKEN_NONE 0xffffu

#define KSK_ENVIRONMENT_MAX 16u
#define KSK_MODULE_PATHS_MAX 16u

/* Descriptors: 0 pipe with the PIN, then end of file; 1 keymap. */
struct ksk_start_worker {
	uint16_t index;
	char token[KSK_LABEL_CAP]; /* name in configuration and policy */
	char module[KSK_PATH_CAP]; /* absolute path */
	bool has_sha256;
	uint8_t sha256[KSK_HASH_LEN]; /* of the module file */
	char uri[KSK_PATH_CAP];       /* RFC 7512: which token */
	char init[KSK_PATH_CAP];      /* C_Initialize's reserved string, "" */
	bool network;
	bool anchor; /* the journal's anchor is kept on this token */
	uint16_t environment_count;
	char environment[KSK_ENVIRONMENT_MAX][KSK_PATH_CAP]; /* NAME=value */
	uint16_t path_count;
	char path[KSK_MODULE_PATHS_MAX][KSK_PATH_CAP]; /* Landlock */
	uint8_t path_access[KSK_MODULE_PATHS_MAX]; /* enum ksk_path_access */
};

KSK_MUST_USE enum ksk_err ksk_start_frontend_write(
	const struct ksk_start_frontend *s, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_start_frontend_read(
	struct ksk_span packet, struct ksk_start_frontend *out);
KSK_MUST_USE enum ksk_err ksk_start_signer_write(
	const struct ksk_start_signer *s, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_start_signer_read(
	struct ksk_span packet, struct ksk_start_signer *out);
KSK_MUST_USE enum ksk_err ksk_start_worker_write(
	const struct ksk_start_worker *s, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_start_worker_read(
	struct ksk_span packet, struct ksk_start_worker *out);

#endif
