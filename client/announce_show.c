/* SPDX-License-Identifier: BSD-2-Clause */
/* announce_show - see announce_show.h. */
#include "client/announce_show.h"

#include "client/file.h"
#include "client/output.h"

#include "appliance/base/yaml.h"
#include "appliance/policy/rules_announce.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- reading ---- */

enum ksk_err
ksk_announce_load(struct ksk_announce_file *file)
{
	struct ksk_faults faults = {.count = 0};
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_file_read(file->path, KSK_ANNOUNCEMENT_MAX,
		&file->der, &file->len, &fault);

	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return err;
	}
	err = ksk_signed_open(ksk_span_of(file->der, file->len),
		KSK_ANNOUNCEMENT_TEXT_MAX, &file->document, &fault);
	if (err != KSK_OK) {
		ksk_say("%s: %s", file->path, fault.text);
		return err;
	}
	err = ksk_announcement_read(
		file->document.content, &file->text, &faults);
	for (size_t i = 0; i < faults.count; i++)
		ksk_say_plain("%s: %s", file->path, faults.list[i].text);
	return err;
}

void
ksk_announce_free(struct ksk_announce_file *file)
{
	ksk_signed_free(&file->document);
	free(file->der);
	file->der = NULL;
}

/* ---- what it says ---- */

static json_t *
json_key(const struct ksk_announcement *a, size_t i)
{
	char text[KSK_DS_TEXT_CAP] = "";
	struct ksk_ds ds;
	json_t *value;

	if (ksk_ds_build(&a->zone, a->key[i].rdata, KSK_DIGEST_SHA256, &ds) ==
		KSK_OK)
		ksk_ds_to_text(&ds, text);
	value = json_pack("{s:s}", "ds", text);
	if (value != NULL && a->key[i].retired != KSK_NEVER)
		(void)json_object_set_new(
			value, "retired", ksk_json_time(a->key[i].retired));
	return value;
}

static json_t *
make_json(const struct ksk_announce_file *file)
{
	const struct ksk_announcement *a = &file->text;
	json_t *keys = json_array(), *signatures = json_array();
	json_t *value;

	for (size_t i = 0; i < a->key_count; i++)
		(void)json_array_append_new(keys, json_key(a, i));
	for (size_t i = 0; i < file->document.count; i++) {
		const struct ksk_signed_by *by = &file->document.by[i];

		(void)json_array_append_new(signatures,
			json_pack("{s:b, s:o, s:s}", "good", by->good, "pin",
				ksk_json_hex(by->pin, KSK_PIN_LEN), "why",
				by->why));
	}
	value = json_pack("{s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o}", "file",
		ksk_json_path(file->path), "zone", ksk_json_name(&a->zone),
		"provider", a->provider, "serial", (json_int_t)a->serial,
		"not-before", ksk_json_time(a->not_before), "not-after",
		ksk_json_time(a->not_after), "keys", keys, "signatures",
		signatures);
	if (value != NULL && a->has_appliance)
		(void)json_object_set_new(value, "appliance",
			ksk_json_hex(a->appliance, KSK_ID_LEN));
	return value;
}

static void
add_signatures(const struct ksk_signed *document, struct ksk_text *out)
{
	char hex[2 * KSK_PIN_LEN + 1];

	for (size_t i = 0; i < document->count; i++) {
		const struct ksk_signed_by *by = &document->by[i];

		ksk_hex_write(
			ksk_span_of(by->pin, KSK_PIN_LEN), hex, sizeof(hex));
		ksk_text_add(out, "signed by: %s, %s%s\n", hex,
			by->good ? "good" : "bad: ", by->why);
	}
}

static void
make_text(const struct ksk_announce_file *file, struct ksk_text *out)
{
	const struct ksk_announcement *a = &file->text;
	char name[KSK_NAME_TEXT_CAP], from[KSK_TIME_CAP], until[KSK_TIME_CAP];
	char hex[2 * KSK_ID_LEN + 1];

	ksk_name_to_text(&a->zone, name);
	ksk_text_add(out,
		"zone: %s\nprovider: %s\nserial: %llu\n"
		"valid: from %s until %s\n",
		name, a->provider, (unsigned long long)a->serial,
		ksk_time_text(from, a->not_before),
		ksk_time_text(until, a->not_after));
	if (a->has_appliance) {
		ksk_hex_write(ksk_span_of(a->appliance, KSK_ID_LEN), hex,
			sizeof(hex));
		ksk_text_add(out, "appliance: %s\n", hex);
	}
	add_signatures(&file->document, out);
	for (size_t i = 0; i < a->key_count; i++) {
		char text[KSK_DS_TEXT_CAP] = "?", when[KSK_TIME_CAP];
		struct ksk_ds ds;

		if (ksk_ds_build(&a->zone, a->key[i].rdata, KSK_DIGEST_SHA256,
			    &ds) == KSK_OK)
			ksk_ds_to_text(&ds, text);
		ksk_text_add(out, "key: %s%s%s\n", text,
			a->key[i].retired == KSK_NEVER ? "" : ", retired ",
			a->key[i].retired == KSK_NEVER
				? ""
				: ksk_time_text(when, a->key[i].retired));
	}
}

/* ---- what a policy says to it ---- */

static enum ksk_ctl_exit
judge(const struct ksk_announce_file *file, const struct ksk_table *table)
{
	struct ksk_refusals *refusals = calloc(1, sizeof(*refusals));
	struct ksk_announce announce = {.document = &file->document,
		.announcement = &file->text,
		.offline = true,
		.now = (uint64_t)time(NULL)};
	enum ksk_ctl_exit exit = KSK_CTL_DONE;
	bool known;

	if (refusals == NULL ||
		EVP_Digest(file->document.content.data,
			file->document.content.len, announce.hash, NULL,
			EVP_sha256(), NULL) != 1) {
		free(refusals);
		return KSK_CTL_LATER;
	}
	if (!ksk_rules_judge_announce(table,
		    ksk_table_zone_find(table, &file->text.zone), &announce,
		    &known, refusals)) {
		ksk_say_refusals(refusals);
		exit = KSK_CTL_REFUSED;
	}
	free(refusals);
	return exit;
}

static enum ksk_ctl_exit
judge_text(const struct ksk_announce_file *file, const char *path,
	struct ksk_span text)
{
	struct ksk_faults *faults = calloc(1, sizeof(*faults));
	struct ksk_fault fault = {.text = ""};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	struct ksk_table table;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (faults == NULL)
		return KSK_CTL_LATER;
	if (ksk_policy_compile(text, NULL, (uint64_t)time(NULL), &bytes, &len,
		    faults) != KSK_OK) {
		for (size_t i = 0; i < faults->count; i++)
			ksk_say_plain("%s:%s", path, faults->list[i].text);
	} else if (ksk_table_open(ksk_span_of(bytes, len), &table, &fault) !=
		KSK_OK) {
		ksk_say("%s: %s", path, fault.text);
	} else {
		exit = judge(file, &table);
	}
	free(bytes);
	free(faults);
	return exit;
}

static enum ksk_ctl_exit
judge_by(const struct ksk_announce_file *file, const char *path)
{
	struct ksk_fault fault = {.text = ""};
	enum ksk_ctl_exit exit;
	uint8_t *text = NULL;
	size_t len = 0;

	if (ksk_file_read(path, KSK_DOCUMENT_TEXT_MAX, &text, &len, &fault) !=
		KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	exit = judge_text(file, path, ksk_span_of(text, len));
	free(text);
	return exit;
}

enum ksk_ctl_exit
ksk_announce_show(const struct ksk_ctl *ctl,
	const struct ksk_announce_file *file, const char *policy)
{
	const struct ksk_signed *document = &file->document;
	bool good = document->count == 1 && document->by[0].good;
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (ctl->json) {
		err = ksk_out_json(make_json(file));
	} else {
		make_text(file, &text);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
		ksk_text_free(&text);
	}
	if (err != KSK_OK)
		return KSK_CTL_BAD_INPUT;
	if (policy != NULL)
		return judge_by(file, policy);
	if (!good)
		ksk_say("%s: it needs exactly one good signature, by the key "
			"of the provider's certificate",
			file->path);
	return good ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}
