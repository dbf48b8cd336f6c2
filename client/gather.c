/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - see gather.h. Each way of gathering is a function here.
 */
#include "client/gather.h"

#include "client/command.h"
#include "client/file.h"
#include "client/ksr.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

/* Copies a record into what was gathered, once. */
static enum ksk_err
add_record(struct ksk_gathered *out, struct ksk_span rdata,
	struct ksk_fault *fault)
{
	struct ksk_rrset *rrset = &out->rrset;
	size_t cap = KSK_RDATA_COUNT_MAX * KSK_RDATA_MAX;
	uint8_t *at;

	if (ksk_rrset_has(rrset, rdata))
		return KSK_OK;
	if (out->memory == NULL)
		out->memory = malloc(cap);
	if (out->memory == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	if (rrset->count == KSK_RDATA_COUNT_MAX || rdata.len > KSK_RDATA_MAX) {
		ksk_fault_set(fault, "it offers more than %u keys",
			KSK_RDATA_COUNT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	at = out->memory + rrset->count * KSK_RDATA_MAX;
	memcpy(at, rdata.data, rdata.len);
	rrset->rdata[rrset->count++] = ksk_span_of(at, rdata.len);
	return KSK_OK;
}

static enum ksk_err
add_set(struct ksk_gathered *out, const struct ksk_rrset *rrset,
	const struct ksk_name *owner, const char *label,
	struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	if (rrset->type != KSK_TYPE_DNSKEY ||
		!ksk_name_equal(&rrset->owner, owner)) {
		ksk_fault_set(fault, "%.200s: it holds no DNSKEY of this zone",
			label);
		return KSK_ERR_BAD_INPUT;
	}
	for (size_t i = 0; err == KSK_OK && i < rrset->count; i++)
		err = add_record(out, rrset->rdata[i], fault);
	return err;
}

/* ---- texts ---- */

static enum ksk_err
bad_text(const char *label, const struct ksk_zonetext_faults *faults,
	struct ksk_fault *fault)
{
	if (faults->count == 0)
		ksk_fault_set(fault, "%.200s: it can't be read", label);
	else if (faults->list[0].line == 0)
		ksk_fault_set(fault, "%.200s: %.300s", label,
			faults->list[0].fault.text);
	else
		ksk_fault_set(fault, "%.200s: line %zu: %.300s", label,
			faults->list[0].line, faults->list[0].fault.text);
	return KSK_ERR_BAD_INPUT;
}

/* The last section that has begun; before the first one that. */
static enum ksk_err
gather_ksr(const struct ksk_name *owner, struct ksk_span text,
	const char *label, uint64_t now, struct ksk_gathered *out,
	struct ksk_fault *fault)
{
	struct ksk_zonetext_faults faults = {0};
	struct ksk_ksr ksr = {0};
	size_t at = 0;
	enum ksk_err err;

	if (ksk_ksr_read(text, &ksr, &faults) != KSK_OK)
		return bad_text(label, &faults, fault);
	while (at + 1 < ksr.count && ksr.section[at + 1].time <= now)
		at++;
	err = add_set(out, &ksr.section[at].rrset, owner, label, fault);
	ksk_ksr_wipe(&ksr);
	return err;
}

enum ksk_err
ksk_gather_text(const struct ksk_name *owner, struct ksk_span text,
	const char *label, uint64_t now, struct ksk_gathered *out,
	struct ksk_fault *fault)
{
	/* The TTL is the policy's: what the text says does not matter. */
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET, .has_ttl = true, .ttl = 3600};
	struct ksk_zonetext_faults faults = {0};
	struct ksk_zonetext zone = {0};
	enum ksk_err err;

	if (ksk_ksr_is(text))
		return gather_ksr(owner, text, label, now, out, fault);
	if (ksk_zonetext_read(text, &options, &zone, &faults) != KSK_OK)
		return bad_text(label, &faults, fault);
	err = add_set(out, &zone.rrset, owner, label, fault);
	ksk_zonetext_wipe(&zone);
	return err;
}

/* ---- the ways ---- */

/* Of several addresses each may know a key that the others lack. */
static enum ksk_err
gather_dns(const struct ksk_name *owner, const struct ksk_served_list *served,
	struct ksk_gathered *out, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;
	bool reached = false;

	for (size_t i = 0; err == KSK_OK && i < served->count; i++) {
		const struct ksk_served *one = &served->list[i];
		const struct ksk_dns_answer *keys = &one->answer[KSK_AT_DNSKEY];

		if (!one->reached || keys->rcode != 0)
			continue;
		reached = true;
		if (keys->rrset.count != 0)
			err = add_set(
				out, &keys->rrset, owner, one->address, fault);
	}
	if (err != KSK_OK || reached)
		return err;
	ksk_fault_set(fault, "none of its servers answers");
	return KSK_ERR_IO;
}

static enum ksk_err
gather_file(const struct ksk_name *owner, const char *path, uint64_t now,
	struct ksk_gathered *out, struct ksk_fault *fault)
{
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KSK_ZONETEXT_MAX, &text, &len, fault);

	if (err == KSK_OK)
		err = ksk_gather_text(
			owner, ksk_span_of(text, len), path, now, out, fault);
	free(text);
	return err;
}

static enum ksk_err
gather_pattern(const struct ksk_name *owner, const char *pattern, uint64_t now,
	struct ksk_gathered *out, struct ksk_fault *fault)
{
	glob_t found = {0};
	enum ksk_err err = KSK_OK;

	if (glob(pattern, 0, NULL, &found) != 0) {
		ksk_fault_set(fault, "%.400s: there is no such file", pattern);
		err = KSK_ERR_NOT_FOUND;
	}
	for (size_t i = 0; err == KSK_OK && i < found.gl_pathc; i++)
		err = gather_file(owner, found.gl_pathv[i], now, out, fault);
	globfree(&found);
	return err;
}

static enum ksk_err
gather_files(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone, const struct ksk_sync_list *files,
	uint64_t now, struct ksk_gathered *out, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	for (unsigned i = 0; err == KSK_OK && i < files->count; i++) {
		char *path = NULL;

		err = ksk_sync_path(
			config, files->word[i], zone->text, &path, fault);
		if (err == KSK_OK)
			err = gather_pattern(
				&zone->owner, path, now, out, fault);
		free(path);
	}
	return err;
}

static enum ksk_err
gather_exec(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone,
	const struct ksk_sync_provider *provider, uint64_t now,
	struct ksk_gathered *out, struct ksk_fault *fault)
{
	const struct ksk_sync_list *command = &provider->gather_command;
	struct ksk_command run = {.config = config,
		.provider = provider,
		.zone = zone->text,
		.words = command};
	enum ksk_err err = ksk_command_run(&run, fault);

	if (err == KSK_OK && run.out_len == 0) {
		ksk_fault_set(fault, "%.200s prints nothing", command->word[0]);
		err = KSK_ERR_BAD_INPUT;
	}
	if (err == KSK_OK)
		err = ksk_gather_text(&zone->owner,
			ksk_span_of(run.out, run.out_len), command->word[0],
			now, out, fault);
	ksk_command_wipe(&run);
	return err;
}

void
ksk_gather(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone,
	const struct ksk_sync_provider *provider,
	const struct ksk_served_list *served, uint64_t now,
	struct ksk_gathered *out)
{
	enum ksk_err err = KSK_ERR_INTERNAL;

	ksk_gathered_wipe(out);
	switch (provider->gather) {
	case KSK_GATHER_DNS:
		err = gather_dns(&zone->owner, served, out, &out->why);
		break;
	case KSK_GATHER_KEYS:
		err = gather_files(config, zone, &provider->gather_files, now,
			out, &out->why);
		break;
	case KSK_GATHER_EXEC:
		err = gather_exec(config, zone, provider, now, out, &out->why);
		break;
	case KSK_GATHER_ANNOUNCED:
		err = KSK_OK; /* by ksk_gather_announced */
		break;
	}
	out->failed = err != KSK_OK;
	ksk_rrset_sort(&out->rrset);
}

/* ---- what was announced to the appliance ---- */

static const struct ksk_provider_entry *
find_entry(const struct ksk_keys_reply *keys, const char *provider)
{
	for (size_t i = 0; i < keys->provider_count; i++) {
		if (strcmp(keys->provider[i].name, provider) == 0)
			return &keys->provider[i];
	}
	return NULL;
}

/* A key that the appliance lists for the provider must be the one of its DS:
 * what it tells is not believed but compared, as everywhere. */
static enum ksk_err
add_announced(const struct ksk_keys_reply *keys,
	const struct ksk_provider_key_entry *key, struct ksk_gathered *out,
	struct ksk_fault *fault)
{
	bool listed = key->source == KSK_KEY_ANNOUNCED ||
		key->source == KSK_KEY_KEPT;

	if (key->dnskey.len == 0 && !listed)
		return KSK_OK;
	if (key->dnskey.len == 0) {
		ksk_fault_set(fault,
			"the appliance does not tell the record of key %u, "
			"which it announced",
			key->ds.tag);
		return KSK_ERR_NOT_FOUND;
	}
	if (!ksk_ds_matches(&key->ds, &keys->owner, key->dnskey)) {
		ksk_fault_set(fault,
			"the appliance tells another record than that of key "
			"%u",
			key->ds.tag);
		return KSK_ERR_BAD_SIGNATURE;
	}
	return add_record(out, key->dnskey, fault);
}

void
ksk_gather_announced(const struct ksk_keys_reply *keys,
	const struct ksk_sync_provider *provider, struct ksk_gathered *out)
{
	const struct ksk_provider_entry *entry = find_entry(
		keys, provider->name);
	enum ksk_err err = KSK_ERR_NOT_FOUND;

	ksk_gathered_wipe(out);
	if (entry == NULL || !entry->has_announced)
		ksk_fault_set(&out->why,
			"the policy does not say that it announces its keys");
	else if (entry->announced.state == KSK_ANNOUNCED_NONE)
		ksk_fault_set(&out->why,
			"the appliance has no announcement of it; `kskctl "
			"announce` brings one");
	else
		err = KSK_OK;
	for (size_t i = 0; err == KSK_OK && i < entry->key_count; i++)
		err = add_announced(keys, &entry->key[i], out, &out->why);
	out->failed = err != KSK_OK;
	ksk_rrset_sort(&out->rrset);
}

void
ksk_gathered_wipe(struct ksk_gathered *gathered)
{
	free(gathered->memory);
	*gathered = (struct ksk_gathered){0};
}
