/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of the policy file as data. Lists are as long as a reply of the
 * protocol can show them (msg.h).
 */
#include "appliance/policy/compile_schema.h"
#include "appliance/policy/table_layout.h"
#include "protocol/msg.h"

#include "appliance/base/packet.h"

/* Text lengths only keep nonsense out; compile*.c judges the content. */
#define TEXT_MAX 2048u
#define PEM_MAX 16384u

#define OPT (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define REQ (OPT | KSK_YAML_REQUIRED)

#define TEXT(key, flags, type, field) \
	CYAML_FIELD_STRING_PTR(key, flags, type, field, 0, TEXT_MAX)
#define LIST(key, flags, type, field, entry, min, max) \
	CYAML_FIELD_SEQUENCE(key, flags, type, field, &(entry), min, max)

static const cyaml_schema_value_t text_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_MAX)};

static const cyaml_schema_field_t client_fields[] = {
	TEXT("name", REQ, struct ksk_doc_client, name),
	TEXT("pin", REQ, struct ksk_doc_client, pin),
	LIST("may", REQ, struct ksk_doc_client, may, text_value, 1, 5),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_client, client_fields)};

static const cyaml_schema_field_t signature_fields[] = {
	TEXT("validity", OPT, struct ksk_doc_signature, validity),
	TEXT("refresh", OPT, struct ksk_doc_signature, refresh),
	TEXT("inception-offset", OPT, struct ksk_doc_signature,
		inception_offset),
	TEXT("horizon", OPT, struct ksk_doc_signature, horizon),
	TEXT("min-validity", OPT, struct ksk_doc_signature, min_validity),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t waits_fields[] = {
	TEXT("zone-max-ttl", REQ, struct ksk_doc_waits, zone_max_ttl),
	TEXT("propagation", REQ, struct ksk_doc_waits, propagation),
	TEXT("sign-delay", REQ, struct ksk_doc_waits, sign_delay),
	TEXT("parent-ds-ttl", REQ, struct ksk_doc_waits, parent_ds_ttl),
	TEXT("parent-propagation", REQ, struct ksk_doc_waits,
		parent_propagation),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t ksk_fields[] = {
	TEXT("token", REQ, struct ksk_doc_ksk, token),
	TEXT("label", OPT, struct ksk_doc_ksk, label),
	TEXT("ds", REQ, struct ksk_doc_ksk, ds),
	TEXT("from", OPT, struct ksk_doc_ksk, from),
	TEXT("until", OPT, struct ksk_doc_ksk, until),
	TEXT("cds", OPT, struct ksk_doc_ksk, cds),
	TEXT("revoked", OPT, struct ksk_doc_ksk, revoked),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t ksk_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_ksk, ksk_fields)};

static const cyaml_schema_field_t parent_fields[] = {
	TEXT("seen", REQ, struct ksk_doc_parent, seen),
	LIST("ds", REQ, struct ksk_doc_parent, ds, text_value, 0,
		KSK_KSK_COUNT_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t key_fields[] = {
	TEXT("ds", REQ, struct ksk_doc_key, ds),
	TEXT("retired", OPT, struct ksk_doc_key, retired),
	TEXT("withdrawn", OPT, struct ksk_doc_key, withdrawn),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t key_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_key, key_fields)};

static const cyaml_schema_field_t provider_fields[] = {
	TEXT("name", REQ, struct ksk_doc_provider, name),
	TEXT("state", REQ, struct ksk_doc_provider, state),
	TEXT("gone", OPT, struct ksk_doc_provider, gone),
	TEXT("source", OPT, struct ksk_doc_provider, source),
	CYAML_FIELD_STRING_PTR("certificate", OPT, struct ksk_doc_provider,
		certificate, 0, PEM_MAX),
	LIST("keys", OPT, struct ksk_doc_provider, keys, key_value, 0,
		KSK_PROVIDER_KEY_MAX),
	TEXT("max-keys", OPT, struct ksk_doc_provider, max_keys),
	TEXT("proof", OPT, struct ksk_doc_provider, proof),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t provider_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_provider, provider_fields)};

static const cyaml_schema_field_t cosigner_fields[] = {
	TEXT("provider", REQ, struct ksk_doc_cosigner, provider),
	TEXT("role", REQ, struct ksk_doc_cosigner, role),
	TEXT("ds", REQ, struct ksk_doc_cosigner, ds),
	TEXT("in-parent", OPT, struct ksk_doc_cosigner, in_parent),
	TEXT("until", OPT, struct ksk_doc_cosigner, until),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t cosigner_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_cosigner, cosigner_fields)};

static const cyaml_schema_field_t delete_fields[] = {
	TEXT("until", REQ, struct ksk_doc_delete, until),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t zone_fields[] = {
	TEXT("name", REQ, struct ksk_doc_zone, name),
	LIST("clients", REQ, struct ksk_doc_zone, clients, text_value, 0,
		KSK_ZONE_CLIENT_MAX),
	TEXT("ttl", REQ, struct ksk_doc_zone, ttl),
	LIST("sign", REQ, struct ksk_doc_zone, sign, text_value, 1, 3),
	LIST("algorithms", OPT, struct ksk_doc_zone, algorithms, text_value, 1,
		6),
	TEXT("rsa-min-bits", OPT, struct ksk_doc_zone, rsa_min_bits),
	TEXT("rate", OPT, struct ksk_doc_zone, rate),
	LIST("tag-pairs", OPT, struct ksk_doc_zone, tag_pairs, text_value, 0,
		KSK_TAG_PAIR_MAX),
	TEXT("new-zone", OPT, struct ksk_doc_zone, new_zone),
	TEXT("accept-outage", OPT, struct ksk_doc_zone, accept_outage),
	CYAML_FIELD_MAPPING_PTR("cds-delete", OPT, struct ksk_doc_zone,
		cds_delete, delete_fields),
	CYAML_FIELD_MAPPING_PTR("signature", OPT, struct ksk_doc_zone,
		signature, signature_fields),
	CYAML_FIELD_MAPPING_PTR(
		"waits", REQ, struct ksk_doc_zone, waits, waits_fields),
	LIST("ksk", REQ, struct ksk_doc_zone, ksk, ksk_value, 1,
		KSK_KSK_COUNT_MAX),
	CYAML_FIELD_MAPPING_PTR(
		"parent-ds", OPT, struct ksk_doc_zone, parent, parent_fields),
	LIST("providers", REQ, struct ksk_doc_zone, providers, provider_value,
		0, KSK_PROVIDER_COUNT_MAX),
	LIST("co-signers", OPT, struct ksk_doc_zone, cosigners, cosigner_value,
		0, KSK_KSK_COUNT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t zone_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct ksk_doc_zone, zone_fields)};

static const cyaml_schema_field_t doc_fields[] = {
	TEXT("kind", REQ, struct ksk_doc, kind),
	TEXT("appliance", REQ, struct ksk_doc, appliance),
	TEXT("version", REQ, struct ksk_doc, version),
	TEXT("replaces", OPT, struct ksk_doc, replaces),
	TEXT("not-after", OPT, struct ksk_doc, not_after),
	LIST("lifts", OPT, struct ksk_doc, lifts, text_value, 0,
		KSK_WITHDRAWAL_COUNT_MAX),
	LIST("clients", REQ, struct ksk_doc, clients, client_value, 0,
		KSK_CLIENT_COUNT_MAX),
	LIST("zones", REQ, struct ksk_doc, zones, zone_value, 0,
		CYAML_UNLIMITED),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t ksk_doc_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct ksk_doc, doc_fields)};
