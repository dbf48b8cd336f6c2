/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from a policy's text to its table: index, compare with the schema,
 * map, judge the head, the clients and the zones, write the table. A text that
 * is no strict YAML stops at its first fault, since nothing behind that can be
 * trusted to mean what it seems to; all other faults are collected.
 */
#include "appliance/policy/compile_work.h"
#include "protocol/limits.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void
compile_appliance(struct ksk_work *work, const char *text)
{
	char have[2 * KSK_ID_LEN + 1];

	if (text == NULL ||
		!ksk_value_hex(work, NULL, "appliance", text,
			work->head.appliance, KSK_ID_LEN))
		return;
	if (work->appliance == NULL ||
		memcmp(work->appliance, work->head.appliance, KSK_ID_LEN) == 0)
		return;
	ksk_hex_write(
		ksk_span_of(work->appliance, KSK_ID_LEN), have, sizeof(have));
	ksk_work_fault(work, NULL, "appliance",
		"this policy is for appliance %s; this one is %s (kskadm init "
		"gave it that id)",
		text, have);
}

static void
compile_head(struct ksk_work *work, const struct ksk_doc *doc)
{
	static const char *const kinds[] = {"policy", NULL};
	unsigned kind = 0;

	(void)ksk_value_word(work, NULL, "kind", doc->kind, kinds, &kind);
	compile_appliance(work, doc->appliance);
	(void)ksk_value_uint(work, NULL, "version", doc->version, 1, INT64_MAX,
		&work->head.version);
	work->head.not_after = KSK_NEVER;
	(void)ksk_value_time(
		work, NULL, "not-after", doc->not_after, &work->head.not_after);
	work->head.has_replaces = doc->replaces != NULL;
	if (doc->replaces != NULL && strcmp(doc->replaces, "none") != 0)
		(void)ksk_value_hex(work, NULL, "replaces", doc->replaces,
			work->head.replaces, KSK_HASH_LEN);
	for (unsigned i = 0; i < doc->lifts_count; i++) {
		const struct ksk_at at = {.key = "lifts", .index = i};
		uint8_t hash[KSK_HASH_LEN] = {0};

		(void)ksk_value_hex(
			work, &at, NULL, doc->lifts[i], hash, KSK_HASH_LEN);
		ksk_vec_put(work, &work->part[KSK_SECTION_LIFTS], hash);
	}
}

static bool
hash_text(struct ksk_span text, uint8_t out[KSK_HASH_LEN])
{
	return EVP_Digest(text.data, text.len, out, NULL, EVP_sha256(), NULL) ==
		1;
}

static void
begin_work(struct ksk_work *work)
{
	for (size_t i = 0; i < KSK_SECTION_COUNT; i++)
		work->part[i].size = ksk_table_entry_size(
			(enum ksk_table_section)i);
	work->names.size = sizeof(struct ksk_client_name);
	work->pins.size = sizeof(struct ksk_ds_place);
}

static void
end_work(struct ksk_work *work)
{
	for (size_t i = 0; i < KSK_SECTION_COUNT; i++)
		free(work->part[i].data);
	free(work->names.data);
	free(work->pins.data);
}

static enum ksk_err
compile_doc(struct ksk_work *work, const struct ksk_doc *doc)
{
	compile_head(work, doc);
	ksk_compile_clients(work, doc);
	ksk_compile_zones(work, doc);
	if (work->err != KSK_OK)
		return work->err;
	return work->faults->count == 0 ? KSK_OK : KSK_ERR_BAD_INPUT;
}

static enum ksk_err
compile_indexed(struct ksk_work *work, uint8_t **out_bytes, size_t *out_len)
{
	struct ksk_faults *faults = work->faults;
	void *doc = NULL;
	enum ksk_err err;

	if (!ksk_yaml_check(work->yaml, &ksk_doc_schema, ksk_work_report, work))
		return KSK_ERR_BAD_INPUT;
	err = ksk_yaml_map(work->yaml, &ksk_doc_schema, &doc, &faults->list[0]);
	if (err != KSK_OK) {
		faults->count = err == KSK_ERR_BAD_INPUT ? 1 : 0;
		return err;
	}
	err = compile_doc(work, doc);
	if (err == KSK_OK)
		err = ksk_compile_table(work, out_bytes, out_len);
	ksk_yaml_release(&ksk_doc_schema, &doc);
	return err;
}

enum ksk_err
ksk_policy_compile(struct ksk_span text, const uint8_t *appliance, uint64_t now,
	uint8_t **out_bytes, size_t *out_len, struct ksk_faults *faults)
{
	struct ksk_work work = {
		.now = now, .appliance = appliance, .faults = faults};
	struct ksk_yaml *yaml = NULL;
	enum ksk_err err;

	*faults = (struct ksk_faults){.count = 0};
	err = ksk_yaml_index(
		text, KSK_DOCUMENT_TEXT_MAX, &yaml, &faults->list[0]);
	if (err == KSK_ERR_BAD_INPUT || err == KSK_ERR_TOO_LARGE) {
		faults->count = 1;
		return KSK_ERR_BAD_INPUT;
	}
	if (err != KSK_OK)
		return err;
	work.yaml = yaml;
	begin_work(&work);
	err = hash_text(text, work.head.hash)
		? compile_indexed(&work, out_bytes, out_len)
		: KSK_ERR_CRYPTO;
	end_work(&work);
	ksk_yaml_free(&yaml);
	return err;
}
