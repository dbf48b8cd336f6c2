/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings - see settings.h.
 */
#include "appliance/supervisor/settings.h"

#include "appliance/base/clock.h"
#include "appliance/base/tls_check.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/module_file.h"
#include "protocol/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
ksk_settings_init(struct ksk_settings *s)
{
	memset(s, 0, sizeof *s);
	s->policy_text = s->policy_table = -1;
	s->tls_key = s->tls_certificate = s->keymap = s->accept = -1;
}

void
ksk_settings_free(struct ksk_settings *s)
{
	ksk_file_close(&s->policy_text);
	ksk_file_close(&s->policy_table);
	ksk_file_close(&s->tls_key);
	ksk_file_close(&s->tls_certificate);
	ksk_file_close(&s->keymap);
	ksk_file_close(&s->accept);
	for (size_t i = 0; i < KSK_TOKEN_MAX; i++)
		ksk_pin_source_wipe(&s->pin[i]);
	ksk_settings_init(s);
}

static enum ksk_exit
load_config(const char *path, struct ksk_settings *s, struct ksk_fault *fault)
{
	switch (ksk_config_load(path, &s->config, fault)) {
	case KSK_OK:
		return KSK_EXIT_OK;
	case KSK_ERR_NOT_FOUND:
	case KSK_ERR_PERMISSION:
	case KSK_ERR_IO:
		return KSK_EXIT_FILE;
	case KSK_ERR_NO_MEMORY:
		return KSK_EXIT_INTERNAL;
	default:
		return KSK_EXIT_CONFIG;
	}
}

/* Most of the time there is none. */
static enum ksk_exit
load_accept(struct ksk_settings *s, struct ksk_fault *fault)
{
	const struct ksk_file accept = {
		s->config.accept, "accept file", false, KSK_ACCEPT_MAX};
	enum ksk_err err = ksk_file_snapshot(&accept, &s->accept, fault);

	if (err == KSK_ERR_NOT_FOUND) {
		fault->text[0] = '\0'; /* no failure to be told */
		err = ksk_file_empty(&accept, &s->accept, fault);
	}
	return err == KSK_OK ? KSK_EXIT_OK : KSK_EXIT_FILE;
}

static enum ksk_exit
load_files(struct ksk_settings *s, struct ksk_fault *fault)
{
	const struct ksk_file policy = {
		s->config.policy, "policy", false, KSK_DOCUMENT_TEXT_MAX};
	const struct ksk_file keymap = {
		s->config.keymap, "keymap", false, KSK_KEYMAP_TEXT_MAX};

	/* Marks of refused PINs stand in it: who could remove one could have a
	 * token locked. One that is missing shows with the id. */
	switch (ksk_check_trusted_folder(
		s->config.state, "state folder", fault)) {
	case KSK_OK:
	case KSK_ERR_NOT_FOUND:
		break;
	default:
		return KSK_EXIT_FILE;
	}
	if (ksk_config_appliance(&s->config, s->appliance, fault) != KSK_OK ||
		(!s->config.quorum &&
			ksk_file_snapshot(&policy, &s->policy_text, fault) !=
				KSK_OK))
		return KSK_EXIT_FILE;
	switch (ksk_file_snapshot(&keymap, &s->keymap, fault)) {
	case KSK_OK:
		return load_accept(s, fault);
	case KSK_ERR_NOT_FOUND:
		ksk_fault_set(fault,
			"keymap %s does not exist: no key may sign; run: "
			"kskadm key generate, or kskadm key allow",
			s->config.keymap);
		return KSK_EXIT_FILE;
	default:
		return KSK_EXIT_FILE;
	}
}

/* An unsafe owner or mode is one thing, whatever the file is for. */
static enum ksk_exit
code_of(enum ksk_err err, enum ksk_exit otherwise)
{
	if (err == KSK_OK)
		return KSK_EXIT_OK;
	return err == KSK_ERR_PERMISSION ? KSK_EXIT_FILE : otherwise;
}

static enum ksk_exit
load_tls(struct ksk_settings *s, struct ksk_fault *fault)
{
	const struct ksk_file key = {
		s->config.tls_key, "TLS key", true, KSK_TLS_FILE_MAX};
	const struct ksk_file certificate = {s->config.tls_certificate,
		"TLS certificate", false, KSK_TLS_FILE_MAX};
	const struct ksk_file *missing = &key;
	enum ksk_err err;

	err = ksk_file_snapshot(&key, &s->tls_key, fault);
	if (err == KSK_OK) {
		missing = &certificate;
		err = ksk_file_snapshot(
			&certificate, &s->tls_certificate, fault);
	}
	if (err == KSK_ERR_NOT_FOUND)
		ksk_fault_set(fault,
			"%s %s does not exist; run: kskadm tls init",
			missing->what, missing->path);
	if (err == KSK_OK)
		err = ksk_tls_check(&s->config, s->tls_key, s->tls_certificate,
			ksk_clock_now(), fault);
	return code_of(err, KSK_EXIT_TLS);
}

static enum ksk_exit
load_tokens(struct ksk_settings *s, struct ksk_fault *fault)
{
	for (uint16_t i = 0; i < s->config.token_count; i++) {
		const struct ksk_config_token *token = &s->config.token[i];

		enum ksk_err err = ksk_module_file_check(token, fault);

		if (err != KSK_OK)
			return code_of(err, KSK_EXIT_MODULE);
		err = ksk_pin_source_read(token, &s->pin[i], fault);
		if (err != KSK_OK)
			return code_of(err, KSK_EXIT_PIN_SOURCE);
	}
	return KSK_EXIT_OK;
}

/* The signer opens the journal, and begins one where kskadm init allows it;
 * here only what an operator forgets. */
static enum ksk_exit
check_journal(const struct ksk_settings *s, struct ksk_fault *fault)
{
	char folder[KSK_PATH_CAP];
	struct stat st;

	memcpy(folder, s->config.journal, sizeof folder);
	*strrchr(folder, '/') = '\0';
	if (folder[0] == '\0' || stat(folder, &st) == 0 || errno == EACCES)
		return KSK_EXIT_OK;
	ksk_fault_set(fault,
		"the journal's folder %s: %s; if this appliance is new, run: "
		"kskadm init; else restore it",
		folder, strerror(errno));
	return KSK_EXIT_JOURNAL;
}

enum ksk_exit
ksk_settings_load(
	const char *path, struct ksk_settings *out, struct ksk_fault *fault)
{
	enum ksk_exit code;

	if ((code = load_config(path, out, fault)) != KSK_EXIT_OK ||
		(code = load_files(out, fault)) != KSK_EXIT_OK ||
		(code = load_tls(out, fault)) != KSK_EXIT_OK ||
		(code = load_tokens(out, fault)) != KSK_EXIT_OK)
		return code;
	return check_journal(out, fault);
}

void
ksk_settings_keep_typed(struct ksk_settings *now, struct ksk_settings *next)
{
	/* The tokens are the same ones: another list takes a restart. */
	for (uint16_t i = 0; i < now->config.token_count; i++) {
		if (now->config.token[i].pin_kind != KSK_PIN_PROMPT ||
			next->config.token[i].pin_kind != KSK_PIN_PROMPT)
			continue;
		next->pin[i] = now->pin[i];
		now->pin[i] = (struct ksk_pin_source){.page = NULL};
	}
}

static bool
same_user(struct ksk_config_user a, struct ksk_config_user b)
{
	return a.uid == b.uid && a.gid == b.gid;
}

static bool
same_users(const struct ksk_config *a, const struct ksk_config *b)
{
	bool same = same_user(a->frontend, b->frontend) &&
		same_user(a->signer, b->signer) &&
		same_user(a->policy_user, b->policy_user);

	for (size_t i = 0; i < a->token_count; i++)
		same = same && same_user(a->token_user[i], b->token_user[i]);
	return same;
}

static bool
same_limits(const struct ksk_config *a, const struct ksk_config *b)
{
	const struct ksk_start_frontend *x = &a->limits;
	const struct ksk_start_frontend *y = &b->limits;

	return x->connections == y->connections &&
		x->connections_per_address == y->connections_per_address &&
		x->handshake_ms == y->handshake_ms &&
		x->idle_ms == y->idle_ms && x->frame_ms == y->frame_ms &&
		a->job_ms == b->job_ms;
}

static bool
same_lists(const struct ksk_config_token *a, const struct ksk_config_token *b)
{
	if (a->environment_count != b->environment_count ||
		a->path_count != b->path_count)
		return false;
	for (size_t i = 0; i < a->environment_count; i++) {
		if (strcmp(a->environment[i], b->environment[i]) != 0)
			return false;
	}
	for (size_t i = 0; i < a->path_count; i++) {
		if (strcmp(a->path[i], b->path[i]) != 0 ||
			a->path_access[i] != b->path_access[i])
			return false;
	}
	return true;
}

/* All but the source of the PIN. */
static bool
same_token(const struct ksk_config_token *a, const struct ksk_config_token *b)
{
	return strcmp(a->name, b->name) == 0 &&
		strcmp(a->module, b->module) == 0 &&
		a->has_sha256 == b->has_sha256 &&
		memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0 &&
		strcmp(a->uri, b->uri) == 0 && a->workers == b->workers &&
		a->network == b->network && a->anchor == b->anchor &&
		strcmp(a->init, b->init) == 0 && same_lists(a, b);
}

const char *
ksk_settings_fixed(const struct ksk_config *now, const struct ksk_config *next)
{
	if (strcmp(now->listen, next->listen) != 0)
		return "listen";
	if (strcmp(now->state, next->state) != 0)
		return "state";
	if (strcmp(now->journal, next->journal) != 0)
		return "journal.path";
	if (now->reserve != next->reserve)
		return "journal.reserve";
	if (now->quorum != next->quorum)
		return "authority.mode";
	if (now->bootstrap_count != next->bootstrap_count ||
		memcmp(now->bootstrap, next->bootstrap,
			now->bootstrap_count * sizeof now->bootstrap[0]) != 0)
		return "bootstrap-clients";
	if (now->need_sync != next->need_sync)
		return "clock.synchronised";
	if (!same_limits(now, next))
		return "limits";
	if (now->token_count != next->token_count)
		return "tokens";
	for (size_t i = 0; i < now->token_count; i++) {
		if (!same_token(&now->token[i], &next->token[i]))
			return "tokens";
	}
	return same_users(now, next) ? NULL : "users";
}
