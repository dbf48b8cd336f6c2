/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_document - texts of authority, withdraw and authorise documents to a
 * struct ksk_document. The three have a head in common and are read like a
 * policy: strict YAML, schema, then a meaning for each text.
 */
#include "appliance/policy/compile_work.h"
#include "appliance/policy/document.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

struct doc_operator {
	char *name;
	char *pin;
	char *certificate;
};

struct doc_thresholds {
	char *policy;
	char *authority;
	char *authorise;
};

struct doc_key {
	char *zone;
	char *ds;
};

struct doc_client {
	char *pin;
	char **may;
	unsigned may_count;
};

/* Keys of all three kinds; each schema has its own. */
struct doc {
	char *kind;
	char *appliance;
	char *replaces;
	char *not_after;
	char *version;
	struct doc_operator *operators;
	unsigned operators_count;
	struct doc_thresholds *thresholds;
	struct doc_key *keys;
	unsigned keys_count;
	struct doc_client *clients;
	unsigned clients_count;
	char *act;
	char *journal;
	char *record;
	char *record_hash;
	char *nonce;
	char *zone;
	char *provider;
	char *serial;
};

/* Text lengths only keep nonsense out. */
#define TEXT_MAX 2048u
#define PEM_MAX 16384u
#define OPT (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define REQ (OPT | KSK_YAML_REQUIRED)
#define TEXT(key, flags, type, field) \
	CYAML_FIELD_STRING_PTR(key, flags, type, field, 0, TEXT_MAX)
#define HEAD \
	TEXT("kind", REQ, struct doc, kind), \
		TEXT("appliance", REQ, struct doc, appliance), \
		TEXT("not-after", REQ, struct doc, not_after)

static const cyaml_schema_value_t text_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_MAX)};

static const cyaml_schema_field_t operator_fields[] = {
	TEXT("name", REQ, struct doc_operator, name),
	TEXT("pin", OPT, struct doc_operator, pin),
	CYAML_FIELD_STRING_PTR("certificate", OPT, struct doc_operator,
		certificate, 0, PEM_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t operator_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct doc_operator, operator_fields)};

static const cyaml_schema_field_t threshold_fields[] = {
	TEXT("policy", REQ, struct doc_thresholds, policy),
	TEXT("authority", REQ, struct doc_thresholds, authority),
	TEXT("authorise", REQ, struct doc_thresholds, authorise),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t authority_fields[] = {
	HEAD,
	TEXT("replaces", REQ, struct doc, replaces),
	TEXT("version", REQ, struct doc, version),
	CYAML_FIELD_SEQUENCE("operators", REQ, struct doc, operators,
		&operator_value, 1, KSK_OPERATOR_COUNT_MAX),
	CYAML_FIELD_MAPPING_PTR(
		"thresholds", REQ, struct doc, thresholds, threshold_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t key_fields[] = {
	TEXT("zone", OPT, struct doc_key, zone),
	TEXT("ds", REQ, struct doc_key, ds),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t key_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_key, key_fields)};

static const cyaml_schema_field_t client_fields[] = {
	TEXT("pin", REQ, struct doc_client, pin),
	CYAML_FIELD_SEQUENCE(
		"may", OPT, struct doc_client, may, &text_value, 1, 5),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_value = {CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct doc_client, client_fields)};

static const cyaml_schema_field_t withdraw_fields[] = {
	HEAD,
	TEXT("replaces", REQ, struct doc, replaces),
	CYAML_FIELD_SEQUENCE(
		"keys", OPT, struct doc, keys, &key_value, 0, KSK_TAKEN_MAX),
	CYAML_FIELD_SEQUENCE("clients", OPT, struct doc, clients, &client_value,
		0, KSK_TAKEN_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t authorise_fields[] = {
	HEAD,
	TEXT("act", REQ, struct doc, act),
	TEXT("journal", REQ, struct doc, journal),
	TEXT("record", REQ, struct doc, record),
	TEXT("record-hash", REQ, struct doc, record_hash),
	TEXT("nonce", REQ, struct doc, nonce),
	TEXT("zone", OPT, struct doc, zone),
	TEXT("provider", OPT, struct doc, provider),
	TEXT("serial", OPT, struct doc, serial),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schemas[] = {
	[KSK_DOCUMENT_AUTHORITY] = {CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct doc, authority_fields)},
	[KSK_DOCUMENT_WITHDRAW] = {CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct doc, withdraw_fields)},
	[KSK_DOCUMENT_AUTHORISE] = {CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct doc, authorise_fields)},
};

/* ---- the head ---- */

static void
compile_head(
	struct ksk_work *work, const struct doc *doc, struct ksk_document *out)
{
	const char *const kinds[] = {ksk_document_kind_text(out->kind), NULL};
	unsigned kind = 0;

	(void)ksk_value_word(work, NULL, "kind", doc->kind, kinds, &kind);
	(void)ksk_value_time(
		work, NULL, "not-after", doc->not_after, &out->not_after);
	if (doc->replaces != NULL && strcmp(doc->replaces, "none") != 0)
		(void)ksk_value_hex(work, NULL, "replaces", doc->replaces,
			out->replaces, KSK_HASH_LEN);
	if (!ksk_value_hex(work, NULL, "appliance", doc->appliance,
		    out->appliance, KSK_ID_LEN) ||
		doc->appliance == NULL || work->appliance == NULL ||
		memcmp(work->appliance, out->appliance, KSK_ID_LEN) == 0)
		return;
	ksk_work_fault(work, NULL, "appliance",
		"this document is for another appliance (kskadm init gave "
		"this one its id)");
}

/* ---- authority ---- */

/* The pin of the one certificate of a PEM text. */
static bool
pin_of_certificate(const char *text, uint8_t out_pin[KSK_PIN_LEN])
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *first = bio == NULL ? NULL
				  : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509 *second = first == NULL ? NULL
				     : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	uint8_t *der = NULL;
	int len = first == NULL
		? 0
		: i2d_X509_PUBKEY(X509_get_X509_PUBKEY(first), &der);
	bool good = second == NULL && len > 0 &&
		EVP_Digest(der, (size_t)len, out_pin, NULL, EVP_sha256(),
			NULL) == 1;

	OPENSSL_free(der);
	X509_free(first);
	X509_free(second);
	BIO_free(bio);
	ERR_clear_error();
	return good;
}

static void
compile_operator(struct ksk_work *work, const struct ksk_at *at,
	const struct doc_operator *doc, struct ksk_operator *out)
{
	(void)ksk_value_label(work, at, "name", doc->name, out->name);
	(void)ksk_value_hex(work, at, "pin", doc->pin, out->pin, KSK_PIN_LEN);
	if ((doc->pin == NULL) == (doc->certificate == NULL))
		ksk_work_fault(work, at, NULL,
			"an operator has either `pin` (SHA-256 of the public "
			"key) or `certificate: |` with one certificate in PEM "
			"form below it");
	else if (doc->certificate != NULL &&
		!pin_of_certificate(doc->certificate, out->pin))
		ksk_work_fault(work, at, "certificate",
			"this is not one X.509 certificate in PEM form");
}

static void
check_unique(struct ksk_work *work, const struct ksk_authority *a)
{
	struct ksk_unique list[KSK_OPERATOR_COUNT_MAX];
	const struct ksk_at at = {.key = "operators"};

	for (uint32_t i = 0; i < a->operator_count; i++)
		list[i] = (struct ksk_unique){
			a->operator[i].name, strlen(a->operator[i].name), i};
	ksk_work_unique(work, list, a->operator_count, &at, "name", "operator");
	for (uint32_t i = 0; i < a->operator_count; i++)
		list[i] = (struct ksk_unique){
			a->operator[i].pin, KSK_PIN_LEN, i};
	ksk_work_unique(work, list, a->operator_count, &at, "pin", "key");
}

static void
compile_authority(
	struct ksk_work *work, const struct doc *doc, struct ksk_document *out)
{
	struct ksk_authority *a = &out->authority;
	const struct ksk_at at = {.key = "thresholds", .index = KSK_NO_INDEX};
	const struct doc_thresholds none = {NULL, NULL, NULL};
	const struct doc_thresholds *t = doc->thresholds == NULL
		? &none
		: doc->thresholds;
	uint64_t n[3] = {1, 1, 1};
	const uint64_t most = doc->operators_count;

	(void)ksk_value_uint(
		work, NULL, "version", doc->version, 1, INT64_MAX, &a->version);
	for (unsigned i = 0; i < doc->operators_count; i++) {
		const struct ksk_at here = {.key = "operators", .index = i};
		compile_operator(
			work, &here, &doc->operators[i], &a->operator[i]);
	}
	a->operator_count = doc->operators_count;
	memcpy(a->hash, out->hash, KSK_HASH_LEN);
	if (work->faults->count == 0)
		check_unique(work, a);
	(void)ksk_value_uint(work, &at, "policy", t->policy, 1, most, &n[0]);
	(void)ksk_value_uint(
		work, &at, "authority", t->authority, 1, most, &n[1]);
	(void)ksk_value_uint(
		work, &at, "authorise", t->authorise, 1, most, &n[2]);
	a->threshold[KSK_DOCUMENT_POLICY] = (uint32_t)n[0];
	a->threshold[KSK_DOCUMENT_AUTHORITY] = (uint32_t)n[1];
	a->threshold[KSK_DOCUMENT_AUTHORISE] = (uint32_t)n[2];
	a->threshold[KSK_DOCUMENT_WITHDRAW] = 1;
}

/* ---- withdraw ---- */

static struct ksk_taken *
next_taken(struct ksk_work *work, struct ksk_document *out)
{
	if (out->taken_count < KSK_TAKEN_MAX)
		return &out->taken[out->taken_count++];
	ksk_work_fault(work, NULL, "clients",
		"keys and clients together are at most %u", KSK_TAKEN_MAX);
	return NULL;
}

/* out: length, then wire form. */
static void
compile_zone(struct ksk_work *work, const struct ksk_at *at, const char *text,
	uint8_t out[KSK_NAME_MAX + 1])
{
	struct ksk_name name;
	struct ksk_fault why = {""};

	if (ksk_name_from_text(text, strlen(text), &name, &why) != KSK_OK) {
		ksk_work_fault(work, at, "zone", "%s", why.text);
		return;
	}
	out[0] = name.len;
	memcpy(out + 1, name.wire, name.len);
}

static void
compile_key(struct ksk_work *work, const struct ksk_at *at,
	const struct doc_key *doc, struct ksk_taken *out)
{
	out->is_key = 1;
	(void)ksk_value_ds(work, at, "ds", doc->ds, 0, &out->ds);
	if (doc->zone != NULL)
		compile_zone(work, at, doc->zone, out->zone);
}

static void
compile_client(struct ksk_work *work, const struct ksk_at *at,
	const struct doc_client *doc, struct ksk_taken *out)
{
	/* In the order of the bits KSK_MAY_…. */
	static const char *const rights[] = {
		"read", "sign", "submit", "journal", "announce", NULL};

	out->may = KSK_MAY_READ | KSK_MAY_SIGN | KSK_MAY_SUBMIT |
		KSK_MAY_JOURNAL | KSK_MAY_ANNOUNCE;
	(void)ksk_value_hex(work, at, "pin", doc->pin, out->pin, KSK_PIN_LEN);
	(void)ksk_value_words(
		work, at, "may", doc->may, doc->may_count, rights, &out->may);
}

static void
compile_withdraw(
	struct ksk_work *work, const struct doc *doc, struct ksk_document *out)
{
	for (unsigned i = 0; i < doc->keys_count; i++) {
		const struct ksk_at at = {.key = "keys", .index = i};
		struct ksk_taken *taken = next_taken(work, out);
		if (taken != NULL)
			compile_key(work, &at, &doc->keys[i], taken);
	}
	for (unsigned i = 0; i < doc->clients_count; i++) {
		const struct ksk_at at = {.key = "clients", .index = i};
		struct ksk_taken *taken = next_taken(work, out);
		if (taken != NULL)
			compile_client(work, &at, &doc->clients[i], taken);
	}
	if (out->taken_count == 0)
		ksk_work_fault(work, NULL, "kind",
			"this document takes nothing away: list `keys` or "
			"`clients`");
}

/* ---- authorise ---- */

static void
compile_serial(
	struct ksk_work *work, const struct doc *doc, struct ksk_authorise *out)
{
	const bool all = doc->zone != NULL && doc->provider != NULL &&
		doc->serial != NULL;
	const bool none = doc->zone == NULL && doc->provider == NULL &&
		doc->serial == NULL;

	if (out->act == KSK_ACT_SERIAL ? !all : !none) {
		ksk_work_fault(work, NULL, "act",
			"reset-serial needs `zone`, `provider` and `serial`, "
			"and the others have none of these");
		return;
	}
	if (none)
		return;
	compile_zone(work, NULL, doc->zone, out->zone);
	(void)ksk_value_label(
		work, NULL, "provider", doc->provider, out->provider);
	(void)ksk_value_uint(
		work, NULL, "serial", doc->serial, 0, INT64_MAX, &out->serial);
}

static void
compile_authorise(
	struct ksk_work *work, const struct doc *doc, struct ksk_document *out)
{
	/* In the order of enum ksk_act. */
	static const char *const acts[] = {
		"accept-restore", "accept-clock", "reset-serial", NULL};
	struct ksk_authorise *a = &out->authorise;
	unsigned act = 0;

	(void)ksk_value_word(work, NULL, "act", doc->act, acts, &act);
	a->act = act;
	(void)ksk_value_hex(
		work, NULL, "journal", doc->journal, a->journal, KSK_ID_LEN);
	(void)ksk_value_uint(
		work, NULL, "record", doc->record, 0, INT64_MAX, &a->record);
	(void)ksk_value_hex(work, NULL, "record-hash", doc->record_hash,
		a->record_hash, KSK_HASH_LEN);
	(void)ksk_value_hex(
		work, NULL, "nonce", doc->nonce, a->nonce, KSK_NONCE_LEN);
	compile_serial(work, doc, a);
}

/* ---- all ---- */

static void
compile_doc(
	struct ksk_work *work, const struct doc *doc, struct ksk_document *out)
{
	compile_head(work, doc, out);
	switch ((enum ksk_document_kind)out->kind) {
	case KSK_DOCUMENT_AUTHORITY:
		compile_authority(work, doc, out);
		break;
	case KSK_DOCUMENT_WITHDRAW:
		compile_withdraw(work, doc, out);
		break;
	case KSK_DOCUMENT_AUTHORISE:
		compile_authorise(work, doc, out);
		break;
	case KSK_DOCUMENT_POLICY:
		abort(); /* the caller's mistake: compile.h */
	}
}

static enum ksk_err
compile_indexed(struct ksk_work *work, struct ksk_document *out)
{
	const cyaml_schema_value_t *schema = &schemas[out->kind];
	struct ksk_faults *faults = work->faults;
	void *doc = NULL;
	enum ksk_err err;

	if (!ksk_yaml_check(work->yaml, schema, ksk_work_report, work))
		return KSK_ERR_BAD_INPUT;
	err = ksk_yaml_map(work->yaml, schema, &doc, &faults->list[0]);
	if (err != KSK_OK) {
		faults->count = err == KSK_ERR_BAD_INPUT ? 1 : 0;
		return err;
	}
	compile_doc(work, doc, out);
	ksk_yaml_release(schema, &doc);
	if (work->err != KSK_OK)
		return work->err;
	return faults->count == 0 ? KSK_OK : KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_document_compile(enum ksk_document_kind kind, struct ksk_span text,
	const uint8_t *appliance, struct ksk_document *out,
	struct ksk_faults *faults)
{
	struct ksk_work work = {.appliance = appliance, .faults = faults};
	struct ksk_yaml *yaml = NULL;
	struct ksk_document document;
	enum ksk_err err;

	/* Padding too: what one text gives is the same byte for byte. */
	memset(&document, 0, sizeof(document));
	memcpy(document.magic, KSK_DOCUMENT_MAGIC, sizeof(document.magic));
	document.kind = kind;
	*faults = (struct ksk_faults){.count = 0};
	if (EVP_Digest(text.data, text.len, document.hash, NULL, EVP_sha256(),
		    NULL) != 1)
		return KSK_ERR_CRYPTO;
	err = ksk_yaml_index(
		text, KSK_DOCUMENT_SMALL_MAX, &yaml, &faults->list[0]);
	if (err == KSK_ERR_BAD_INPUT || err == KSK_ERR_TOO_LARGE) {
		faults->count = 1;
		return KSK_ERR_BAD_INPUT;
	}
	if (err != KSK_OK)
		return err;
	work.yaml = yaml;
	err = compile_indexed(&work, &document);
	ksk_yaml_free(&yaml);
	if (err == KSK_OK)
		*out = document;
	return err;
}
