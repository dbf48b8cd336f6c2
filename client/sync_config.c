/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_config - see sync_config.h.
 */
#include "client/sync_config.h"

#include "client/file.h"
#include "client/sync_schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16u * 1024u * 1024u)
#define PATH_CAP 100

#define TIMEOUT_SEC 10u
#define COMMAND_SEC 60u
#define SETTLE_SEC 20u
#define LIMIT_SEC 3600u

/* A text, where it stands in the file, and the whole. */
struct load {
	struct ksk_sync_config *config;
	const struct ksk_sync_doc *doc;
	const struct ksk_yaml *yaml;
	struct ksk_fault *fault;
};

static enum ksk_err
bad(const struct load *l, const char *path, const char *why)
{
	ksk_yaml_fault(l->yaml, l->fault, path, "%s", why);
	return KSK_ERR_BAD_INPUT;
}

/* ---- values ---- */

static enum ksk_err
take_limit(const struct load *l, const char *path, const char *text,
	unsigned standard, unsigned *out_ms)
{
	uint64_t sec = standard;

	if (text != NULL &&
		(ksk_text_duration(text, &sec) != KSK_OK || sec == 0 ||
			sec > LIMIT_SEC))
		return bad(l, path, "a duration from 1s to 1h, like `10s`");
	*out_ms = (unsigned)sec * 1000u;
	return KSK_OK;
}

/* HOST, HOST:PORT, ADDRESS, [ADDRESS], [ADDRESS]:PORT */
static enum ksk_err
take_server(const struct load *l, const char *path, const char *text,
	struct ksk_endpoint *out)
{
	size_t len = strlen(text);
	struct ksk_fault why = {0};
	char with_port[280];
	bool has_port = len > 0 && text[len - 1] != ']' &&
		strchr(text, ':') != NULL;

	(void)snprintf(with_port, sizeof(with_port), "%.264s%s", text,
		has_port ? "" : ":53");
	if (ksk_endpoint_read(with_port, out, &why) == KSK_OK)
		return KSK_OK;
	return bad(l, path,
		"HOST, HOST:PORT, ADDRESS or [ADDRESS]:PORT is wanted; an IPv6 "
		"address stands in brackets");
}

static enum ksk_err
take_servers(const struct load *l, const char *path, char **text,
	unsigned count, struct ksk_endpoint *out)
{
	char at[PATH_CAP];

	for (unsigned i = 0; i < count; i++) {
		enum ksk_err err;

		(void)snprintf(at, sizeof(at), "%.80s[%u]", path, i);
		err = take_server(l, at, text[i], &out[i]);
		if (err != KSK_OK)
			return err;
	}
	return KSK_OK;
}

static enum ksk_err
take_tsig(const struct load *l, const char *path, const char *name,
	struct ksk_tsig *out)
{
	struct ksk_fault why = {0};
	char *file = NULL;
	enum ksk_err err = ksk_sync_path(l->config, name, ".", &file, &why);

	if (err == KSK_OK)
		err = ksk_tsig_load(file, out, &why);
	free(file);
	if (err != KSK_OK)
		ksk_yaml_fault(l->yaml, l->fault, path, "%.500s", why.text);
	return err;
}

/* A text with the zone's name in it must be well formed from the start. */
static enum ksk_err
check_fill(const struct load *l, const char *path, const char *text)
{
	struct ksk_fault why = {0};
	char *out = NULL;
	enum ksk_err err = ksk_sync_fill(text, ".", &out, &why);

	free(out);
	return err == KSK_OK ? KSK_OK : bad(l, path, why.text);
}

static enum ksk_err
take_list(const struct load *l, const char *path, char **word, unsigned count,
	struct ksk_sync_list *out)
{
	char at[PATH_CAP];

	for (unsigned i = 0; i < count; i++) {
		enum ksk_err err;

		(void)snprintf(at, sizeof(at), "%.80s[%u]", path, i);
		err = check_fill(l, at, word[i]);
		if (err != KSK_OK)
			return err;
	}
	*out = (struct ksk_sync_list){.word = word, .count = count};
	return KSK_OK;
}

/* Finds a word in a list. Returns its index, or -1. */
static int
find_word(const char *text, const char *const *words, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	return -1;
}

/* ---- providers ---- */

static enum ksk_err
take_gather(const struct load *l, const char *at,
	const struct ksk_sync_doc_gather *from, struct ksk_sync_provider *to)
{
	static const char *const words[] = {"dns", "keys", "exec", "announced"};
	int by = find_word(from->by, words, 4);
	char path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(path, sizeof(path), "%s.gather.by", at);
	if (by < 0)
		return bad(l, path, "it is dns, keys, exec or announced");
	to->gather = (enum ksk_gather_by)by;
	if ((from->files != NULL) != (to->gather == KSK_GATHER_KEYS))
		return bad(l, path, "`files` go with keys, and keys with them");
	if ((from->command != NULL) != (to->gather == KSK_GATHER_EXEC))
		return bad(
			l, path, "`command` goes with exec, and exec with it");
	(void)snprintf(path, sizeof(path), "%s.gather.files", at);
	err = take_list(
		l, path, from->files, from->files_count, &to->gather_files);
	(void)snprintf(path, sizeof(path), "%s.gather.command", at);
	if (err == KSK_OK)
		err = take_list(l, path, from->command, from->command_count,
			&to->gather_command);
	(void)snprintf(path, sizeof(path), "%s.gather.proofs", at);
	if (err == KSK_OK)
		err = take_list(l, path, from->proofs, from->proofs_count,
			&to->proof_files);
	return err;
}

/* Which keys go with which way of delivery. */
static enum ksk_err
check_deliver(const struct load *l, const char *path,
	const struct ksk_sync_doc_deliver *from, enum ksk_deliver_by by)
{
	bool update = by == KSK_DELIVER_UPDATE;
	bool files = by == KSK_DELIVER_FILES;
	bool knot = by == KSK_DELIVER_KNOT;

	if ((from->server != NULL) != update || (from->tsig != NULL) != update)
		return bad(l, path,
			"`server` and `tsig` go with update, and update with "
			"both");
	if ((from->dnskey != NULL) != files || (from->rrsig != NULL) != files)
		return bad(l, path,
			"`dnskey` and `rrsig` go with files, and files with "
			"both");
	if ((from->keymgr != NULL) != knot || (from->knotc != NULL) != knot ||
		(from->skr != NULL) != knot)
		return bad(l, path,
			"`keymgr`, `knotc` and `skr` go with knot, and knot "
			"with all three");
	if (by == KSK_DELIVER_EXEC && from->command == NULL)
		return bad(l, path, "exec needs `command`");
	if (from->command != NULL && by != KSK_DELIVER_EXEC && !files)
		return bad(l, path, "`command` goes with exec or files");
	return KSK_OK;
}

static enum ksk_err
take_deliver_files(const struct load *l, const char *at,
	const struct ksk_sync_doc_deliver *from, struct ksk_sync_provider *to)
{
	char path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(path, sizeof(path), "%s.deliver.dnskey", at);
	err = check_fill(l, path, from->dnskey);
	(void)snprintf(path, sizeof(path), "%s.deliver.rrsig", at);
	if (err == KSK_OK)
		err = check_fill(l, path, from->rrsig);
	to->dnskey_path = from->dnskey;
	to->rrsig_path = from->rrsig;
	return err;
}

static enum ksk_err
take_deliver_knot(const struct load *l, const char *at,
	const struct ksk_sync_doc_deliver *from, struct ksk_sync_provider *to)
{
	char path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(path, sizeof(path), "%s.deliver.keymgr", at);
	err = take_list(l, path, from->keymgr, from->keymgr_count, &to->keymgr);
	(void)snprintf(path, sizeof(path), "%s.deliver.knotc", at);
	if (err == KSK_OK)
		err = take_list(
			l, path, from->knotc, from->knotc_count, &to->knotc);
	(void)snprintf(path, sizeof(path), "%s.deliver.skr", at);
	if (err == KSK_OK)
		err = check_fill(l, path, from->skr);
	to->skr_path = from->skr;
	return err;
}

static enum ksk_err
take_deliver_update(const struct load *l, const char *at,
	const struct ksk_sync_doc_deliver *from, struct ksk_sync_provider *to)
{
	char path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(path, sizeof(path), "%s.deliver.server", at);
	err = take_server(l, path, from->server, &to->primary);
	(void)snprintf(path, sizeof(path), "%s.deliver.tsig", at);
	if (err == KSK_OK)
		err = take_tsig(l, path, from->tsig, &to->update_tsig);
	return err;
}

static enum ksk_err
take_deliver(const struct load *l, const char *at,
	const struct ksk_sync_doc_deliver *from, struct ksk_sync_provider *to)
{
	static const char *const words[] = {
		"update", "knot", "files", "exec", "none"};
	int by = find_word(from->by, words, 5);
	char path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(path, sizeof(path), "%s.deliver.by", at);
	if (by < 0)
		return bad(l, path, "it is update, knot, files, exec or none");
	to->deliver = (enum ksk_deliver_by)by;
	err = check_deliver(l, path, from, to->deliver);
	if (err == KSK_OK && to->deliver == KSK_DELIVER_FILES)
		err = take_deliver_files(l, at, from, to);
	if (err == KSK_OK && to->deliver == KSK_DELIVER_KNOT)
		err = take_deliver_knot(l, at, from, to);
	if (err == KSK_OK && to->deliver == KSK_DELIVER_UPDATE)
		err = take_deliver_update(l, at, from, to);
	(void)snprintf(path, sizeof(path), "%s.deliver.command", at);
	if (err == KSK_OK)
		err = take_list(l, path, from->command, from->command_count,
			&to->deliver_command);
	return err;
}

static int
find_provider(const struct ksk_sync_doc *doc, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(doc->providers[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static enum ksk_err
take_own_ksk(const struct load *l, const char *at, const char *value,
	struct ksk_sync_provider *to)
{
	char path[PATH_CAP];

	to->own_ksk = value != NULL && strcmp(value, "yes") == 0;
	if (value == NULL || to->own_ksk || strcmp(value, "no") == 0)
		return KSK_OK;
	(void)snprintf(path, sizeof(path), "%s.own-ksk", at);
	return bad(l, path, "it is yes or no");
}

static enum ksk_err
take_provider(const struct load *l, unsigned i)
{
	const struct ksk_sync_doc_provider *from = &l->doc->providers[i];
	struct ksk_sync_provider *to = &l->config->provider[i];
	char at[40], path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(at, sizeof(at), "providers[%u]", i);
	(void)snprintf(path, sizeof(path), "%s.name", at);
	if (strlen(from->name) >= KSK_LABEL_CAP)
		return bad(l, path, "a name of the policy is shorter");
	if (find_provider(l->doc, i, from->name) >= 0)
		return bad(l, path, "this provider is there already");
	to->name = from->name;
	to->server_count = from->servers_count;
	(void)snprintf(path, sizeof(path), "%s.servers", at);
	err = take_servers(
		l, path, from->servers, from->servers_count, to->server);
	(void)snprintf(path, sizeof(path), "%s.tsig", at);
	to->has_tsig = from->tsig != NULL;
	if (err == KSK_OK && to->has_tsig)
		err = take_tsig(l, path, from->tsig, &to->tsig);
	if (err == KSK_OK)
		err = take_own_ksk(l, at, from->own_ksk, to);
	if (err == KSK_OK)
		err = take_gather(l, at, from->gather, to);
	if (err == KSK_OK)
		err = take_deliver(l, at, from->deliver, to);
	return err;
}

/* ---- zones ---- */

static enum ksk_err
take_members(const struct load *l, const char *at,
	const struct ksk_sync_doc_zone *from, struct ksk_sync_zone *to)
{
	char path[PATH_CAP];

	for (unsigned i = 0; i < from->providers_count; i++) {
		int found = find_provider(
			l->doc, l->doc->providers_count, from->providers[i]);

		(void)snprintf(path, sizeof(path), "%s.providers[%u]", at, i);
		if (found < 0)
			return bad(l, path,
				"there is no such provider in this file");
		for (unsigned k = 0; k < i; k++) {
			if (to->provider[k] == (unsigned)found)
				return bad(l, path, "it is named twice");
		}
		to->provider[to->count++] = (unsigned)found;
	}
	return KSK_OK;
}

static enum ksk_err
take_zone(const struct load *l, unsigned i)
{
	const struct ksk_sync_doc_zone *from = &l->doc->zones[i];
	struct ksk_sync_zone *to = &l->config->zone[i];
	struct ksk_fault why = {0};
	char at[40], path[PATH_CAP];
	enum ksk_err err;

	(void)snprintf(at, sizeof(at), "zones[%u]", i);
	(void)snprintf(path, sizeof(path), "%s.name", at);
	if (ksk_name_from_text(
		    from->name, strlen(from->name), &to->owner, &why) != KSK_OK)
		return bad(l, path, why.text);
	ksk_name_to_text(&to->owner, to->text);
	for (unsigned k = 0; k < i; k++) {
		if (ksk_name_equal(&l->config->zone[k].owner, &to->owner))
			return bad(l, path, "this zone is there already");
	}
	err = take_members(l, at, from, to);
	(void)snprintf(path, sizeof(path), "%s.refresh", at);
	to->has_refresh = from->refresh != NULL;
	if (err == KSK_OK && to->has_refresh &&
		ksk_text_duration(from->refresh, &to->refresh) != KSK_OK)
		return bad(l, path, "a duration, like `5d` or `12h`");
	(void)snprintf(path, sizeof(path), "%s.parent", at);
	to->parent_count = from->parent_count;
	if (err == KSK_OK)
		err = take_servers(
			l, path, from->parent, from->parent_count, to->parent);
	return err;
}

/* ---- the whole ---- */

static enum ksk_err
take_all(const struct load *l)
{
	struct ksk_sync_config *config = l->config;
	enum ksk_err err;

	config->profile = l->doc->profile;
	config->journal = l->doc->journal;
	config->provider_count = l->doc->providers_count;
	config->zone_count = l->doc->zones_count;
	config->provider = calloc(
		config->provider_count, sizeof(*config->provider));
	config->zone = calloc(config->zone_count, sizeof(*config->zone));
	if (config->provider == NULL || config->zone == NULL) {
		ksk_fault_set(l->fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	err = take_limit(l, "timeout", l->doc->timeout, TIMEOUT_SEC,
		&config->timeout_ms);
	if (err == KSK_OK)
		err = take_limit(l, "command-timeout", l->doc->command_timeout,
			COMMAND_SEC, &config->command_ms);
	if (err == KSK_OK)
		err = take_limit(l, "settle", l->doc->settle, SETTLE_SEC,
			&config->settle_ms);
	for (unsigned i = 0; err == KSK_OK && i < config->provider_count; i++)
		err = take_provider(l, i);
	for (unsigned i = 0; err == KSK_OK && i < config->zone_count; i++)
		err = take_zone(l, i);
	return err;
}

/* Programs run in the file's folder: it must be the same from there. */
static enum ksk_err
set_path(struct ksk_sync_config *config, const char *path,
	struct ksk_fault *fault)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	char folder[KSK_PROFILE_PATH_CAP], *real;
	enum ksk_err err = KSK_OK;

	if (strlen(path) >= sizeof(config->path)) {
		ksk_fault_set(fault, "the path is too long");
		return KSK_ERR_BAD_INPUT;
	}
	(void)snprintf(config->path, sizeof(config->path), "%s", path);
	if (slash == NULL)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		(void)snprintf(folder, sizeof(folder), "%.*s",
			(int)(len == 0 ? 1 : len), path);
	real = realpath(folder, NULL);
	if (real == NULL || strlen(real) >= sizeof(config->folder)) {
		ksk_fault_set(fault, "%.300s: %s", path,
			real == NULL ? strerror(errno) : "path too long");
		err = KSK_ERR_NOT_FOUND;
	} else {
		(void)snprintf(
			config->folder, sizeof(config->folder), "%s", real);
	}
	free(real);
	return err;
}

static enum ksk_err
read_yaml(struct ksk_span text, struct ksk_sync_config *config,
	struct ksk_fault *fault)
{
	struct ksk_yaml *yaml = NULL;
	enum ksk_err err = ksk_yaml_index(text, FILE_MAX, &yaml, fault);

	if (err == KSK_OK)
		err = ksk_yaml_load(
			yaml, &ksk_sync_schema, &config->doc, fault);
	if (err == KSK_OK) {
		struct load l = {.config = config,
			.doc = config->doc,
			.yaml = yaml,
			.fault = fault};

		err = take_all(&l);
	}
	ksk_yaml_free(&yaml);
	return err;
}

enum ksk_err
ksk_sync_config_load(const char *path, struct ksk_sync_config **out_config,
	struct ksk_fault *fault)
{
	struct ksk_sync_config *config = calloc(1, sizeof(*config));
	struct ksk_fault why = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_fault_set(fault, "no memory is left");
	if (config == NULL || (err = set_path(config, path, fault)) != KSK_OK)
		goto out;
	err = ksk_file_read(path, FILE_MAX, &text, &len, fault);
	if (err != KSK_OK)
		goto out;
	err = read_yaml(ksk_span_of(text, len), config, &why);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "%.200s:%s", path, why.text);
		goto out;
	}
	*out_config = config;
	config = NULL;
out:
	free(text);
	ksk_sync_config_free(&config);
	return err;
}

void
ksk_sync_config_free(struct ksk_sync_config **config)
{
	struct ksk_sync_config *c = *config;

	if (c == NULL)
		return;
	for (unsigned i = 0; c->provider != NULL && i < c->provider_count; i++)
		ksk_wipe(&c->provider[i], sizeof(c->provider[i]));
	free(c->provider);
	free(c->zone);
	if (c->doc != NULL)
		ksk_yaml_release(&ksk_sync_schema, &c->doc);
	free(c);
	*config = NULL;
}
