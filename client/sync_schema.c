/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_schema - see sync_schema.h.
 */
#include "client/sync_schema.h"

#include "client/sync_config.h"

#define TEXT_MAX 4096u
#define REQ CYAML_FLAG_POINTER
#define OPT (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, flags, type, field) \
	CYAML_FIELD_STRING_PTR(key, flags, type, field, 1, TEXT_MAX)
#define LIST(key, flags, type, field, entry, min, max) \
	CYAML_FIELD_SEQUENCE(key, flags, type, field, &(entry), min, max)

static const cyaml_schema_value_t text_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_MAX)};

static const cyaml_schema_field_t gather_fields[] = {
	TEXT("by", REQ, struct ksk_sync_doc_gather, by),
	LIST("files", OPT, struct ksk_sync_doc_gather, files, text_value, 1,
		KSK_SYNC_FILE_MAX),
	LIST("command", OPT, struct ksk_sync_doc_gather, command, text_value, 1,
		KSK_SYNC_WORD_MAX),
	LIST("proofs", OPT, struct ksk_sync_doc_gather, proofs, text_value, 1,
		KSK_SYNC_FILE_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t deliver_fields[] = {
	TEXT("by", REQ, struct ksk_sync_doc_deliver, by),
	TEXT("server", OPT, struct ksk_sync_doc_deliver, server),
	TEXT("tsig", OPT, struct ksk_sync_doc_deliver, tsig),
	LIST("keymgr", OPT, struct ksk_sync_doc_deliver, keymgr, text_value, 1,
		KSK_SYNC_WORD_MAX),
	LIST("knotc", OPT, struct ksk_sync_doc_deliver, knotc, text_value, 1,
		KSK_SYNC_WORD_MAX),
	TEXT("skr", OPT, struct ksk_sync_doc_deliver, skr),
	TEXT("dnskey", OPT, struct ksk_sync_doc_deliver, dnskey),
	TEXT("rrsig", OPT, struct ksk_sync_doc_deliver, rrsig),
	LIST("command", OPT, struct ksk_sync_doc_deliver, command, text_value,
		1, KSK_SYNC_WORD_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t provider_fields[] = {
	TEXT("name", REQ, struct ksk_sync_doc_provider, name),
	LIST("servers", REQ, struct ksk_sync_doc_provider, servers, text_value,
		1, KSK_SYNC_SERVER_MAX),
	TEXT("own-ksk", OPT, struct ksk_sync_doc_provider, own_ksk),
	TEXT("tsig", OPT, struct ksk_sync_doc_provider, tsig),
	CYAML_FIELD_MAPPING_PTR("gather", REQ, struct ksk_sync_doc_provider,
		gather, gather_fields),
	CYAML_FIELD_MAPPING_PTR("deliver", REQ, struct ksk_sync_doc_provider,
		deliver, deliver_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t provider_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_sync_doc_provider, provider_fields)};

static const cyaml_schema_field_t zone_fields[] = {
	TEXT("name", REQ, struct ksk_sync_doc_zone, name),
	LIST("providers", REQ, struct ksk_sync_doc_zone, providers, text_value,
		1, KSK_SYNC_MEMBER_MAX),
	TEXT("refresh", OPT, struct ksk_sync_doc_zone, refresh),
	LIST("parent", OPT, struct ksk_sync_doc_zone, parent, text_value, 1,
		KSK_SYNC_SERVER_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t zone_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_sync_doc_zone, zone_fields)};

static const cyaml_schema_field_t doc_fields[] = {
	TEXT("profile", OPT, struct ksk_sync_doc, profile),
	TEXT("journal", OPT, struct ksk_sync_doc, journal),
	TEXT("timeout", OPT, struct ksk_sync_doc, timeout),
	TEXT("command-timeout", OPT, struct ksk_sync_doc, command_timeout),
	TEXT("settle", OPT, struct ksk_sync_doc, settle),
	LIST("providers", REQ, struct ksk_sync_doc, providers, provider_value,
		1, KSK_SYNC_PROVIDER_MAX),
	LIST("zones", REQ, struct ksk_sync_doc, zones, zone_value, 1,
		KSK_SYNC_ZONE_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t ksk_sync_schema = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct ksk_sync_doc, doc_fields),
};
