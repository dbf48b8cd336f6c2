/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_check - what the texts of kskd.yaml mean: defaults, ranges, users.
 */
#include "appliance/base/config_schema.h"

#include "appliance/base/address.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_DEFAULT "/var/lib/ksk"
#define POLICY_DEFAULT KSK_SYSCONFDIR "/policy.yaml"
#define KEYMAP_DEFAULT KSK_SYSCONFDIR "/keymap"
#define ACCEPT_DEFAULT KSK_SYSCONFDIR "/accept"
#define TLS_KEY_DEFAULT KSK_SYSCONFDIR "/tls.key"
#define TLS_CERTIFICATE_DEFAULT KSK_SYSCONFDIR "/tls.crt"
#define JOURNAL_DEFAULT "/journal/journal.db" /* below state */

/* Room for a few thousand records, or a policy that changes a thousand zones.
 */
#define RESERVE_DEFAULT (UINT64_C(16) * 1024 * 1024)
#define RESERVE_MAX (UINT64_C(1024) * 1024 * 1024)

/* The largest uid; the one above means "none" to the kernel. */
#define UID_LAST (UINT32_MAX - 1)

static const char *
or_default(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

static bool
has_odd_part(const char *path)
{
	for (const char *p = path; p != NULL; p = strchr(p + 1, '/')) {
		const size_t len = strcspn(p + 1, "/");

		if ((len == 1 && p[1] == '.') ||
			(len == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

enum ksk_err
ksk_config_path(const struct ksk_config_reader *r, const char *key,
	const char *text, char out[KSK_PATH_CAP])
{
	const size_t len = strlen(text);

	if (text[0] != '/' || has_odd_part(text)) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"\"%s\" is no absolute path; write it from the root "
			"(/), without . and ..",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	if (len >= KSK_PATH_CAP) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"the path is longer than %u bytes", KSK_PATH_CAP - 1);
		return KSK_ERR_BAD_INPUT;
	}
	memcpy(out, text, len + 1);
	return KSK_OK;
}

static enum ksk_err
check_listen(const struct ksk_config_reader *r, const char *text,
	struct ksk_config *c)
{
	struct sockaddr_storage address;
	socklen_t len;

	if (ksk_address_read(text, &address, &len) != KSK_OK) {
		ksk_yaml_fault(r->yaml, r->fault, "listen",
			"\"%s\" is no numeric address with a port; write it "
			"like \"192.0.2.1:8853\" or \"[2001:db8::1]:8853\"",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	snprintf(c->listen, sizeof c->listen, "%s", text);
	return KSK_OK;
}

static enum ksk_err
check_paths(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *c)
{
	const struct ksk_config_text_tls none = {NULL, NULL};
	const struct ksk_config_text_tls *tls = text->tls != NULL ? text->tls
								  : &none;
	enum ksk_err err;

	if ((err = ksk_config_path(r, "state",
		     or_default(text->state, STATE_DEFAULT), c->state)) !=
			KSK_OK ||
		(err = ksk_config_path(r, "policy",
			 or_default(text->policy, POLICY_DEFAULT),
			 c->policy)) != KSK_OK ||
		(err = ksk_config_path(r, "keymap",
			 or_default(text->keymap, KEYMAP_DEFAULT),
			 c->keymap)) != KSK_OK ||
		(err = ksk_config_path(r, "accept",
			 or_default(text->accept, ACCEPT_DEFAULT),
			 c->accept)) != KSK_OK ||
		(err = ksk_config_path(r, "tls.key",
			 or_default(tls->key, TLS_KEY_DEFAULT), c->tls_key)) !=
			KSK_OK)
		return err;
	return ksk_config_path(r, "tls.certificate",
		or_default(tls->certificate, TLS_CERTIFICATE_DEFAULT),
		c->tls_certificate);
}

static enum ksk_err
check_reserve(const struct ksk_config_reader *r, const char *text,
	uint64_t *out_bytes)
{
	*out_bytes = RESERVE_DEFAULT;
	if (text == NULL ||
		(ksk_text_size(text, out_bytes) == KSK_OK && *out_bytes > 0 &&
			*out_bytes <= RESERVE_MAX))
		return KSK_OK;
	ksk_yaml_fault(r->yaml, r->fault, "journal.reserve",
		"\"%s\" is no size from 1MiB to 1GiB; write it like 16MiB or "
		"1GiB",
		text);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
check_journal(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *c)
{
	char path[KSK_PATH_CAP + sizeof JOURNAL_DEFAULT];
	enum ksk_err err = check_reserve(r,
		text->journal == NULL ? NULL : text->journal->reserve,
		&c->reserve);

	if (err != KSK_OK)
		return err;
	if (text->journal != NULL && text->journal->path != NULL)
		return ksk_config_path(
			r, "journal.path", text->journal->path, c->journal);
	snprintf(path, sizeof path, "%s" JOURNAL_DEFAULT, c->state);
	return ksk_config_path(r, "state", path, c->journal);
}

static enum ksk_err
check_clock(const struct ksk_config_reader *r,
	const struct ksk_config_text_clock *text, struct ksk_config *c)
{
	c->need_sync = true;
	if (text == NULL || text->synchronised == NULL ||
		ksk_text_bool(text->synchronised, &c->need_sync) == KSK_OK)
		return KSK_OK;
	ksk_yaml_fault(r->yaml, r->fault, "clock.synchronised",
		"\"%s\" is neither yes nor no", text->synchronised);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
check_bootstrap(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *c)
{
	size_t len = 0;

	for (unsigned i = 0; i < text->bootstrap_count; i++) {
		const char *pin = text->bootstrap[i];

		if (strlen(pin) == 2 * KSK_PIN_LEN &&
			ksk_hex_read(pin, strlen(pin), c->bootstrap[i],
				KSK_PIN_LEN, &len) == KSK_OK)
			continue;
		ksk_yaml_fault(r->yaml, r->fault, "bootstrap-clients",
			"\"%.80s\" is no pin: 64 hexadecimal digits, as "
			"kskctl enroll prints them",
			pin);
		return KSK_ERR_BAD_INPUT;
	}
	c->bootstrap_count = (uint16_t)text->bootstrap_count;
	if (c->quorum || c->bootstrap_count == 0)
		return KSK_OK;
	ksk_yaml_fault(r->yaml, r->fault, "bootstrap-clients",
		"clients come from the policy file with `authority: {mode: "
		"file}`; remove this key");
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
check_authority(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *c)
{
	const char *mode = text->authority == NULL ? NULL
						   : text->authority->mode;

	c->quorum = mode != NULL && strcmp(mode, "quorum") == 0;
	if (mode == NULL || c->quorum || strcmp(mode, "file") == 0)
		return check_bootstrap(r, text, c);
	ksk_yaml_fault(r->yaml, r->fault, "authority.mode",
		"\"%s\" is not known here; write file or quorum", mode);
	return KSK_ERR_BAD_INPUT;
}

/* ---- limits ---- */

static enum ksk_err
check_count(const struct ksk_config_reader *r, const char *key,
	const char *text, uint32_t max, uint32_t *out)
{
	uint64_t n;

	if (text == NULL)
		return KSK_OK;
	if (ksk_text_uint(text, 1, max, &n) != KSK_OK) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"\"%s\" is no number from 1 to %u", text, max);
		return KSK_ERR_BAD_INPUT;
	}
	*out = (uint32_t)n;
	return KSK_OK;
}

static enum ksk_err
check_duration(const struct ksk_config_reader *r, const char *key,
	const char *text, uint32_t max_sec, uint32_t *out_ms)
{
	uint64_t sec;

	if (text == NULL)
		return KSK_OK;
	if (ksk_text_duration(text, &sec) != KSK_OK || sec < 1 ||
		sec > max_sec) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"\"%s\" is no duration from 1s to %us; write it like "
			"30s or 1m 30s",
			text, max_sec);
		return KSK_ERR_BAD_INPUT;
	}
	*out_ms = (uint32_t)sec * 1000;
	return KSK_OK;
}

static enum ksk_err
check_limits(const struct ksk_config_reader *r,
	const struct ksk_config_text_limits *text, struct ksk_config *c)
{
	enum ksk_err err;

	c->limits = (struct ksk_start_frontend){
		.connections = 600,
		.connections_per_address = 64,
		.handshake_ms = 5000,
		.idle_ms = 600000,
		.frame_ms = 10000,
	};
	c->job_ms = 2000;
	if (text == NULL)
		return KSK_OK;
	if ((err = check_count(r, "limits.connections", text->connections,
		     10000, &c->limits.connections)) != KSK_OK ||
		(err = check_count(r, "limits.connections-per-address",
			 text->connections_per_address, 10000,
			 &c->limits.connections_per_address)) != KSK_OK ||
		(err = check_duration(r, "limits.handshake", text->handshake,
			 300, &c->limits.handshake_ms)) != KSK_OK ||
		(err = check_duration(r, "limits.idle", text->idle, 86400,
			 &c->limits.idle_ms)) != KSK_OK ||
		(err = check_duration(r, "limits.frame", text->frame, 300,
			 &c->limits.frame_ms)) != KSK_OK)
		return err;
	return check_duration(r, "limits.job", text->job, 300, &c->job_ms);
}

/* ---- users ---- */

/* is_number: out, the text is a number (its gid is then that of the passwd
 * entry, or the same number). */
static enum ksk_err
find_user(const struct ksk_config_reader *r, const char *key, const char *text,
	struct ksk_config_user *out, bool *out_is_number)
{
	const struct passwd *pw;
	uint64_t uid;

	*out_is_number = text[0] >= '0' && text[0] <= '9';
	if (*out_is_number && ksk_text_uint(text, 1, UID_LAST, &uid) == 0) {
		pw = getpwuid((uid_t)uid);
		*out = (struct ksk_config_user){.uid = (uid_t)uid,
			.gid = pw != NULL ? pw->pw_gid : (gid_t)uid};
		return KSK_OK;
	}
	pw = *out_is_number ? NULL : getpwnam(text);
	if (pw == NULL) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"there is no user \"%s\"; write the name of one that "
			"exists, or a number from 1",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	if (pw->pw_uid == 0) {
		ksk_yaml_fault(r->yaml, r->fault, key,
			"\"%s\" is the superuser; a child of kskd must not be",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	*out = (struct ksk_config_user){.uid = pw->pw_uid, .gid = pw->pw_gid};
	return KSK_OK;
}

static enum ksk_err
find_token_users(const struct ksk_config_reader *r, const char *text,
	struct ksk_config *c)
{
	struct ksk_config_user user;
	bool is_number;
	const enum ksk_err err = find_user(
		r, "users.token", text, &user, &is_number);

	if (err != KSK_OK)
		return err;
	if (is_number && user.uid > UID_LAST - KSK_TOKEN_MAX) {
		ksk_yaml_fault(r->yaml, r->fault, "users.token",
			"the number is too large: token n runs as this number "
			"plus n");
		return KSK_ERR_BAD_INPUT;
	}
	for (uint16_t i = 0; i < c->token_count; i++) {
		c->token_user[i] = user;
		if (is_number && i > 0)
			c->token_user[i] = (struct ksk_config_user){
				.uid = user.uid + i, .gid = user.gid + i};
	}
	return KSK_OK;
}

/* Two kinds of process under one uid could look into each other. */
static enum ksk_err
check_apart(const struct ksk_config_reader *r, const struct ksk_config *c)
{
	const uid_t uids[] = {
		c->frontend.uid, c->signer.uid, c->policy_user.uid};
	bool apart = uids[0] != uids[1] && uids[0] != uids[2] &&
		uids[1] != uids[2];

	for (uint16_t i = 0; i < c->token_count; i++) {
		for (size_t k = 0; k < sizeof uids / sizeof uids[0]; k++)
			apart = apart && c->token_user[i].uid != uids[k];
	}
	if (apart)
		return KSK_OK;
	ksk_yaml_fault(r->yaml, r->fault, "users",
		"two of frontend, signer, policy and token are one user; each "
		"needs its own (with a number N for token, token n runs as "
		"N+n)");
	return KSK_ERR_BAD_INPUT;
}

static void
set_own_user(struct ksk_config *c)
{
	const struct ksk_config_user own = {.uid = geteuid(), .gid = getegid()};

	c->frontend = c->signer = c->policy_user = own;
	for (size_t i = 0; i < KSK_TOKEN_MAX; i++)
		c->token_user[i] = own;
}

static enum ksk_err
check_users(const struct ksk_config_reader *r,
	const struct ksk_config_text_users *text, struct ksk_config *c)
{
	const struct ksk_config_text_users none = {NULL, NULL, NULL, NULL};
	bool is_number;
	enum ksk_err err;

	if (text == NULL)
		text = &none;
	if (geteuid() != 0) {
		set_own_user(c);
		return KSK_OK;
	}
	if ((err = find_user(r, "users.frontend",
		     or_default(text->frontend, "ksk-frontend"), &c->frontend,
		     &is_number)) != KSK_OK ||
		(err = find_user(r, "users.signer",
			 or_default(text->signer, "ksk-signer"), &c->signer,
			 &is_number)) != KSK_OK ||
		(err = find_user(r, "users.policy",
			 or_default(text->policy, "ksk-policy"),
			 &c->policy_user, &is_number)) != KSK_OK ||
		(err = find_token_users(
			 r, or_default(text->token, "ksk-token"), c)) != KSK_OK)
		return err;
	return check_apart(r, c);
}

/* ---- tokens ---- */

static enum ksk_err
check_tokens(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *c)
{
	unsigned workers = 0;

	for (unsigned i = 0; i < text->tokens_count; i++) {
		const enum ksk_err err = ksk_config_check_token(
			r, &text->tokens[i], i, &c->token[i]);

		if (err != KSK_OK)
			return err;
		workers += c->token[i].workers;
		for (unsigned k = 0; k < i; k++) {
			if (c->token[k].anchor && c->token[i].anchor) {
				ksk_yaml_fault(r->yaml, r->fault, "tokens",
					"both \"%s\" and \"%s\" have "
					"`anchor: yes`; one token keeps it",
					c->token[k].name, c->token[i].name);
				return KSK_ERR_BAD_INPUT;
			}
			if (strcmp(c->token[k].name, c->token[i].name) != 0)
				continue;
			ksk_yaml_fault(r->yaml, r->fault, "tokens",
				"two tokens are named \"%s\"; names must "
				"differ",
				c->token[i].name);
			return KSK_ERR_BAD_INPUT;
		}
	}
	if (workers > KSK_WORKER_COUNT_MAX) {
		ksk_yaml_fault(r->yaml, r->fault, "tokens",
			"all tokens have %u workers; at most %u are possible",
			workers, KSK_WORKER_COUNT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	c->token_count = (uint16_t)text->tokens_count;
	return KSK_OK;
}

enum ksk_err
ksk_config_check(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *out_config)
{
	enum ksk_err err;

	if ((err = check_listen(r, text->listen, out_config)) != KSK_OK ||
		(err = check_paths(r, text, out_config)) != KSK_OK ||
		(err = check_journal(r, text, out_config)) != KSK_OK ||
		(err = check_clock(r, text->clock, out_config)) != KSK_OK ||
		(err = check_authority(r, text, out_config)) != KSK_OK ||
		(err = check_limits(r, text->limits, out_config)) != KSK_OK ||
		(err = check_tokens(r, text, out_config)) != KSK_OK)
		return err;
	return check_users(r, text->users, out_config);
}
