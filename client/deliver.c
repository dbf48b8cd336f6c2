/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver - see deliver.h; and the two ways that need nobody's protocol: files
 * and programs.
 */
#include "client/deliver.h"

#include "client/command.h"
#include "client/file.h"
#include "client/rrset_print.h"

#include <stdlib.h>
#include <string.h>

/* ---- a program that is fed with JSON ---- */

static json_t *
json_set(const struct ksk_signed *set)
{
	if (!set->there)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I, s:o}", "records",
		ksk_json_records(&set->rrset), "rrsigs",
		ksk_json_rrsigs(&set->rrset, set->rrsig, set->rrsig_count),
		"window", ksk_json_window(set->window), "record",
		(json_int_t)set->record, "record-hash",
		ksk_json_hex(set->record_hash, KSK_HASH_LEN));
}

json_t *
ksk_deliver_json(const struct ksk_delivery *delivery)
{
	const struct ksk_signed *want = delivery->want;

	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "zone",
		delivery->zone->text, "provider", delivery->provider->name,
		"ttl", (json_int_t)want[KSK_AT_DNSKEY].rrset.ttl, "dnskey",
		json_set(&want[KSK_AT_DNSKEY]), "cds",
		json_set(&want[KSK_AT_CDS]), "cdnskey",
		json_set(&want[KSK_AT_CDNSKEY]));
}

enum ksk_err
ksk_deliver_exec(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	struct ksk_command run = {.config = delivery->config,
		.provider = delivery->provider,
		.zone = delivery->zone->text,
		.words = &delivery->provider->deliver_command};
	json_t *value = ksk_deliver_json(delivery);
	char *text = value == NULL
		? NULL
		: json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	json_decref(value);
	if (text == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	run.input = ksk_span_of(text, strlen(text));
	err = ksk_command_run(&run, fault);
	ksk_command_wipe(&run);
	free(text);
	return err;
}

/* ---- two fragments of a zone file ---- */

/* Replaces a file unless it says the same already: its time stays then, and
 * what watches it has nothing to do. */
static enum ksk_err
replace(const struct ksk_delivery *delivery, const char *name,
	struct ksk_text *text, struct ksk_fault *fault)
{
	uint8_t *old = NULL;
	size_t len = 0;
	char *path = NULL;
	bool same;
	enum ksk_err err = ksk_sync_path(
		delivery->config, name, delivery->zone->text, &path, fault);

	if (err != KSK_OK)
		return err;
	same = ksk_file_read(path, KSK_ZONETEXT_MAX, &old, &len, fault) ==
			KSK_OK &&
		len == text->len && memcmp(old, text->data, len) == 0;
	if (!same)
		err = ksk_file_replace(path, text->data, text->len, fault);
	free(old);
	free(path);
	return err;
}

static void
add_sets(const struct ksk_delivery *delivery, struct ksk_text *records,
	struct ksk_text *rrsigs)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++) {
		const struct ksk_signed *set = &delivery->want[i];

		if (!set->there)
			continue;
		ksk_rrset_print(&set->rrset, NULL, 0, records);
		for (size_t k = 0; k < set->rrsig_count; k++) {
			/* What was verified can be written. */
			if (ksk_zonetext_record(&set->rrset.owner,
				    KSK_TYPE_RRSIG, set->rrset.ttl,
				    set->rrsig[k], line) != KSK_OK)
				abort();
			ksk_text_add(rrsigs, "%s\n", line);
		}
	}
}

enum ksk_err
ksk_deliver_files(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	const struct ksk_sync_provider *provider = delivery->provider;
	struct ksk_command run = {.config = delivery->config,
		.provider = provider,
		.zone = delivery->zone->text,
		.words = &provider->deliver_command};
	struct ksk_text records = {0}, rrsigs = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	add_sets(delivery, &records, &rrsigs);
	ksk_fault_set(fault, "no memory is left");
	if (!records.failed && !rrsigs.failed)
		err = replace(delivery, provider->dnskey_path, &records, fault);
	if (err == KSK_OK)
		err = replace(delivery, provider->rrsig_path, &rrsigs, fault);
	if (err == KSK_OK && run.words->count != 0) {
		err = ksk_command_run(&run, fault);
		ksk_command_wipe(&run);
	}
	ksk_text_free(&records);
	ksk_text_free(&rrsigs);
	return err;
}

/* ---- which way ---- */

enum ksk_err
ksk_deliver(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	switch (delivery->provider->deliver) {
	case KSK_DELIVER_UPDATE:
		return ksk_deliver_update(delivery, fault);
	case KSK_DELIVER_KNOT:
		return ksk_deliver_knot(delivery, fault);
	case KSK_DELIVER_FILES:
		return ksk_deliver_files(delivery, fault);
	case KSK_DELIVER_EXEC:
		return ksk_deliver_exec(delivery, fault);
	case KSK_DELIVER_NONE:
		return KSK_OK;
	}
	return KSK_ERR_INTERNAL;
}
