/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - kskd.yaml as a value. Read by kskd and kskadm only; children get
 * their slice in a packet (start.h). Strict: unknown, repeated or misspelt
 * keys, anchors, aliases, tags and several documents are refused; every error
 * names file, line, column, key and what would be right.
 * Tests: tests/unit/test_config.c
 */
#ifndef KSK_BASE_CONFIG_H
#define KSK_BASE_CONFIG_H

#include "appliance/base/start.h"

#include <sys/types.h>

#define KSK_TOKEN_MAX 8u

enum ksk_pin_kind {
	KSK_PIN_FILE,       /* pin: {file: /path} */
	KSK_PIN_CREDENTIAL, /* pin: {credential: NAME} in
			     * $CREDENTIALS_DIRECTORY */
	KSK_PIN_PROMPT,     /* pin: {prompt: yes}: kskadm unlock */
};

struct ksk_config_token {
	char name[KSK_LABEL_CAP];
	char module[KSK_PATH_CAP];
	bool has_sha256;
	uint8_t sha256[KSK_HASH_LEN];
	char uri[KSK_PATH_CAP]; /* pkcs11:token=…, RFC 7512 */
	enum ksk_pin_kind pin_kind;
	char pin_source[KSK_PATH_CAP]; /* path, or credential's name */
	uint16_t workers;              /* 1..16, default 2 */
	bool network;
	bool anchor; /* at most one token has it */
	char init[KSK_PATH_CAP];
	uint16_t environment_count;
	char environment[KSK_ENVIRONMENT_MAX][KSK_PATH_CAP];
	uint16_t path_count;
	char path[KSK_MODULE_PATHS_MAX][KSK_PATH_CAP];
	uint8_t path_access[KSK_MODULE_PATHS_MAX];
};

/* Numeric ids; names are looked up when the file is read. Equal to the
 * process's own when it does not run as root. */
struct ksk_config_user {
	uid_t uid;
	gid_t gid;
};

/*
 *	appliance: state lives in the folder `state`
 *	listen: "127.0.0.1:8853"              address:port or [v6]:port
 *	state: /var/lib/ksk                   appliance-id, PIN marks
 *	policy: /etc/ksk/policy.yaml
 *	keymap: /etc/ksk/keymap
 *	accept: /etc/ksk/accept               a person's words; may be missing
 *	tls: {key: /etc/ksk/tls.key, certificate: /etc/ksk/tls.crt}
 *	users: {frontend: ksk-frontend, signer: ksk-signer,
 *	        token: ksk-token, policy: ksk-policy}    names or numbers;
 *	        `token` may be a number base for one uid per token: N, N+1, …
 *	        only if numeric
 *	authority: {mode: file}               file | quorum
 *	bootstrap-clients: [<pin>]            with quorum: they may always submit
 *	journal: {path: /var/lib/ksk/journal/journal.db, reserve: 16MiB}
 *	clock: {synchronised: yes}
 *	limits: {connections: 600, connections-per-address: 64,
 *	         handshake: 5s, idle: 10m, frame: 10s, job: 2s}
 *	tokens:
 *	  - name: main
 *	    module: /usr/lib/softhsm/libsofthsm2.so
 *	    sha256: <hex>                     optional
 *	    uri: "pkcs11:token=ksk"
 *	    pin: {file: /etc/ksk/pin.main}
 *	    workers: 2
 *	    network: no
 *	    anchor: yes                       the journal's anchor
 *	    init: ""
 *	    environment: ["SOFTHSM2_CONF=/etc/ksk/softhsm2.conf"]
 *	    paths: [{path: /var/lib/ksk/tokens, access: rw}]     r | rx | rw
 */
struct ksk_config {
	char file[KSK_PATH_CAP]; /* where it was read from */
	char listen[KSK_LABEL_CAP];
	char state[KSK_PATH_CAP];
	char policy[KSK_PATH_CAP];
	char keymap[KSK_PATH_CAP];
	char accept[KSK_PATH_CAP];
	char tls_key[KSK_PATH_CAP];
	char tls_certificate[KSK_PATH_CAP];
	struct ksk_config_user frontend, signer, policy_user;
	struct ksk_config_user token_user[KSK_TOKEN_MAX];
	char journal[KSK_PATH_CAP];
	uint64_t reserve; /* bytes beside it for a full disk */
	bool need_sync;   /* clock.synchronised, default yes */
	bool quorum;      /* authority.mode: policies come signed */
	uint16_t bootstrap_count;
	uint8_t bootstrap[KSK_BOOTSTRAP_MAX][KSK_PIN_LEN];
	struct ksk_start_frontend limits;
	uint32_t job_ms;
	uint16_t token_count;
	struct ksk_config_token token[KSK_TOKEN_MAX];
};

/*
 * Reads and checks kskd.yaml. The file must belong to root (or to the user who
 * runs this, if not root) and must not be writable by others.
 * KSK_ERR_NOT_FOUND, KSK_ERR_PERMISSION, KSK_ERR_BAD_INPUT, KSK_ERR_IO, all
 * with fault. out_config: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_config_load(const char *path,
	struct ksk_config *out_config, struct ksk_fault *fault);

/* Reads <state>/appliance-id. KSK_ERR_NOT_FOUND (fault: run kskadm init),
 * KSK_ERR_BAD_INPUT, KSK_ERR_PERMISSION, KSK_ERR_IO. */
KSK_MUST_USE enum ksk_err ksk_config_appliance(const struct ksk_config *config,
	uint8_t out_id[KSK_ID_LEN], struct ksk_fault *fault);

/*
 * Opens a file whose content is trusted: read only, CLOEXEC, a regular file,
 * owned by root or by the caller's own uid, not writable by group or others;
 * with secret also not readable by group or others.
 * what: the file's role for the fault ("TLS key"). out_fd: owned by the
 * caller. KSK_ERR_NOT_FOUND; KSK_ERR_PERMISSION: owner or mode; KSK_ERR_IO: no
 * regular file, or not readable; all with fault: path, what is wrong, the
 * command that mends it.
 */
KSK_MUST_USE enum ksk_err ksk_open_trusted(const char *path, const char *what,
	bool secret, int *out_fd, struct ksk_fault *fault);

/* Checks the same of a folder. KSK_ERR_NOT_FOUND, KSK_ERR_PERMISSION; KSK_ERR_IO:
 * no folder; all with fault. */
KSK_MUST_USE enum ksk_err ksk_check_trusted_folder(
	const char *path, const char *what, struct ksk_fault *fault);

/* Opens a descriptor's file anew, read only, at its beginning. Returns the
 * descriptor (owned, CLOEXEC), or -1 with errno. */
int ksk_file_reopen(int fd);

#endif
