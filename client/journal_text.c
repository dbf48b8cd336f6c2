/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_text - see journal_text.h. A record's texts are printable: its reader
 * takes no others.
 */
#include "client/journal_text.h"

#include "appliance/base/yaml.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

bool
ksk_record_subject_of(
	const struct ksk_record *record, struct ksk_record_subject *out)
{
	if (record->has_rrset) {
		out->owner = record->rrset.owner;
		out->type = record->rrset.type;
		return true;
	}
	if (!record->has_owner)
		return false;
	out->owner = record->owner;
	out->type = 0;
	return true;
}

/* RFC 4034 3.1.5: an RRSIG has the lower 32 bits; the moment meant is the one
 * next to the record's. */
static uint64_t
moment(uint64_t near, uint32_t low)
{
	int32_t off = (int32_t)(low - (uint32_t)near);

	if (off < 0 && near < (uint64_t) - (int64_t)off)
		return 0;
	return near + (uint64_t)(int64_t)off;
}

/* ---- text ---- */

static void
add_hex(struct ksk_text *text, const char *name, const uint8_t *bytes,
	size_t len)
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(bytes, len), hex, sizeof(hex));
	ksk_text_add(text, "  %s: %s\n", name, hex);
}

static void
add_ds(struct ksk_text *text, const char *name, const struct ksk_ds *ds)
{
	char line[KSK_DS_TEXT_CAP];

	ksk_ds_to_text(ds, line);
	ksk_text_add(text, "  %s: %s\n", name, line);
}

static void
add_rrset(struct ksk_text *text, const struct ksk_rrset *rrset)
{
	struct ksk_dnskey key;

	ksk_text_add(
		text, "  set: %zu records, TTL %u", rrset->count, rrset->ttl);
	for (size_t i = 0; i < rrset->count; i++) {
		if (rrset->type != KSK_TYPE_DNSKEY ||
			ksk_dnskey_read(rrset->rdata[i], &key) != KSK_OK)
			continue;
		ksk_text_add(text, "%s %u/%u", i == 0 ? ", keys" : ",", key.tag,
			key.flags);
	}
	ksk_text_add(text, "\n");
}

static void
add_window(struct ksk_text *text, const char *name, uint64_t inception,
	uint64_t expiration)
{
	char from[KSK_TIME_CAP], to[KSK_TIME_CAP];

	ksk_text_add(text, "  %s: %s to %s\n", name,
		ksk_time_text(from, inception), ksk_time_text(to, expiration));
}

static void
add_rrsig(struct ksk_text *text, const struct ksk_record *record,
	struct ksk_span rdata)
{
	struct ksk_rrsig rrsig;
	char name[64];

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK) {
		ksk_text_add(text, "  rrsig: not readable\n");
		return;
	}
	(void)snprintf(name, sizeof(name), "rrsig by key %u %s", rrsig.tag,
		ksk_algorithm_text(rrsig.algorithm));
	add_window(text, name, moment(record->time, rrsig.inception),
		moment(record->time, rrsig.expiration));
}

static void
add_attest(struct ksk_text *text, const struct ksk_record *record)
{
	char when[KSK_TIME_CAP];

	if (record->has_attested)
		ksk_text_add(text, "  parent-ds seen: %s\n",
			ksk_time_text(when, record->seen));
	for (size_t i = 0; i < record->attested_count; i++)
		add_ds(text, "parent-ds", &record->attested[i]);
	if (record->has_waits)
		ksk_text_add(text,
			"  waits: zone-max-ttl %" PRIu64
			" s, parent-ds-ttl %" PRIu64 " s\n",
			record->zone_max_ttl, record->parent_ds_ttl);
	for (size_t i = 0; i < record->proven_count; i++)
		add_ds(text, "proven", &record->proven[i]);
}

static void
add_counted(struct ksk_text *text, const struct ksk_record *record)
{
	const struct ksk_counted *counted = &record->counted;
	char first[KSK_TIME_CAP], last[KSK_TIME_CAP];

	if (!record->has_counted)
		return;
	ksk_text_add(text, "  counted: %" PRIu64 " from %s to %s",
		counted->count, ksk_time_text(first, counted->first),
		ksk_time_text(last, counted->last));
	if (counted->has_refusal)
		ksk_text_add(text, ", as record %" PRIu64, counted->refusal);
	else
		ksk_text_add(text, ", beyond what one client gets in a minute");
	ksk_text_add(text, "\n");
}

static void
add_pruned(struct ksk_text *text, const struct ksk_record *record)
{
	const struct ksk_pruned *pruned = &record->pruned;

	if (!record->has_pruned)
		return;
	ksk_text_add(
		text, "  pruned: up to record %" PRIu64 "\n", pruned->through);
	add_hex(text, "its hash", pruned->hash, KSK_HASH_LEN);
	add_hex(text, "those that stay", pruned->stays, KSK_HASH_LEN);
}

static void
add_document(struct ksk_text *text, const struct ksk_record *record)
{
	if (!record->has_document)
		return;
	add_hex(text, "document", record->document, KSK_HASH_LEN);
	for (size_t i = 0; i < record->operator_count; i++)
		add_hex(text, "signed by", record->operator[i], KSK_PIN_LEN);
}

static void
add_reset(struct ksk_text *text, const struct ksk_record *record)
{
	if (record->has_reset)
		ksk_text_add(text,
			"  serial of provider %s: %" PRIu64
			", set back to %" PRIu64 "\n",
			record->reset.provider, record->reset.before,
			record->reset.after);
}

static void
add_announced(struct ksk_text *text, const struct ksk_record *record)
{
	const struct ksk_announced *announced = &record->announced;

	if (record->has_announced)
		ksk_text_add(text,
			"  announced: provider %s, serial %" PRIu64
			", document of %zu bytes\n",
			announced->provider, announced->serial,
			announced->document.len);
}

static void
add_lists(struct ksk_text *text, const struct ksk_record *record)
{
	for (size_t i = 0; i < record->signer_count; i++)
		add_ds(text, "signer", &record->signer[i]);
	for (size_t i = 0; i < record->rrsig_count; i++)
		add_rrsig(text, record, record->rrsig[i]);
	for (size_t i = 0; i < record->rule_count; i++)
		ksk_text_add(text, "  refused by: %s\n", record->rule[i]);
}

static void
add_first_line(struct ksk_text *text, const struct ksk_record *record,
	const struct ksk_record_subject *subject)
{
	char when[KSK_TIME_CAP], name[KSK_NAME_TEXT_CAP], type[10];

	ksk_text_add(text, "%" PRIu64 " %s %s", record->number,
		ksk_time_text(when, record->time),
		ksk_record_text((unsigned)record->kind));
	if (subject != NULL) {
		ksk_name_to_text(&subject->owner, name);
		ksk_text_add(text, " %s", name);
		if (subject->type != 0)
			ksk_text_add(text, " %s",
				ksk_type_text(subject->type, type));
	}
	if (record->has_about)
		ksk_text_add(text, " of intent %" PRIu64, record->about);
	ksk_text_add(text, "\n");
}

void
ksk_record_add_text(struct ksk_text *text, const struct ksk_record *record,
	const struct ksk_record_subject *subject,
	const uint8_t hash[KSK_HASH_LEN])
{
	add_first_line(text, record, subject);
	if (record->has_rrset)
		add_rrset(text, &record->rrset);
	if (record->has_window)
		add_window(text, "window", record->window.inception,
			record->window.expiration);
	add_lists(text, record);
	add_attest(text, record);
	add_counted(text, record);
	add_pruned(text, record);
	add_announced(text, record);
	add_reset(text, record);
	add_document(text, record);
	if (record->text != NULL)
		ksk_text_add(text, "  text: %s\n", record->text);
	if (record->has_policy)
		ksk_text_add(text, "  policy: version %" PRIu64 "\n",
			record->policy_version);
	if (record->has_pin)
		add_hex(text, "client", record->pin, KSK_PIN_LEN);
	add_hex(text, "hash", hash, KSK_HASH_LEN);
}

/* ---- JSON ---- */

static void
set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *
json_number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *
json_ds_list(const struct ksk_ds *ds, size_t count)
{
	json_t *list = json_array();
	char line[KSK_DS_TEXT_CAP];

	for (size_t i = 0; i < count; i++) {
		ksk_ds_to_text(&ds[i], line);
		(void)json_array_append_new(list, json_string(line));
	}
	return list;
}

static json_t *
json_rrset(const struct ksk_rrset *rrset)
{
	json_t *records = json_array();
	struct ksk_dnskey key;

	for (size_t i = 0; i < rrset->count; i++) {
		json_t *entry = json_object();
		char *hex = malloc(2 * rrset->rdata[i].len + 1);
		if (hex != NULL) {
			ksk_hex_write(rrset->rdata[i], hex,
				2 * rrset->rdata[i].len + 1);
			set(entry, "rdata", json_string(hex));
			free(hex);
		}
		if (rrset->type == KSK_TYPE_DNSKEY &&
			ksk_dnskey_read(rrset->rdata[i], &key) == KSK_OK) {
			set(entry, "key-tag", json_integer(key.tag));
			set(entry, "flags", json_integer(key.flags));
			set(entry, "algorithm", json_integer(key.algorithm));
		}
		(void)json_array_append_new(records, entry);
	}
	return json_pack("{s:I, s:o}", "ttl", (json_int_t)rrset->ttl, "records",
		records);
}

static json_t *
json_rrsigs(const struct ksk_record *record)
{
	json_t *list = json_array();
	struct ksk_rrsig rrsig;

	for (size_t i = 0; i < record->rrsig_count; i++) {
		if (ksk_rrsig_read(record->rrsig[i], &rrsig) != KSK_OK) {
			(void)json_array_append_new(list, json_null());
			continue;
		}
		(void)json_array_append_new(list,
			json_pack("{s:i, s:i, s:o, s:o}", "key-tag", rrsig.tag,
				"algorithm", rrsig.algorithm, "inception",
				ksk_json_time(
					moment(record->time, rrsig.inception)),
				"expiration",
				ksk_json_time(moment(
					record->time, rrsig.expiration))));
	}
	return list;
}

static void
set_attest(json_t *object, const struct ksk_record *record)
{
	if (record->has_attested)
		set(object, "parent-ds",
			json_pack("{s:o, s:o}", "seen",
				ksk_json_time(record->seen), "ds",
				json_ds_list(record->attested,
					record->attested_count)));
	if (record->has_waits)
		set(object, "waits",
			json_pack("{s:o, s:o}", "zone-max-ttl",
				json_number(record->zone_max_ttl),
				"parent-ds-ttl",
				json_number(record->parent_ds_ttl)));
	if (record->proven_count > 0)
		set(object, "proven",
			json_ds_list(record->proven, record->proven_count));
}

static void
set_counted(json_t *object, const struct ksk_record *record)
{
	const struct ksk_counted *counted = &record->counted;
	json_t *value;

	if (!record->has_counted)
		return;
	value = json_pack("{s:o, s:o, s:o, s:o}", "count",
		json_number(counted->count), "first",
		ksk_json_time(counted->first), "last",
		ksk_json_time(counted->last), "digest",
		ksk_json_hex(counted->digest, KSK_HASH_LEN));
	if (counted->has_refusal)
		set(value, "refusal", json_number(counted->refusal));
	set(object, "counted", value);
}

static void
set_pruned(json_t *object, const struct ksk_record *record)
{
	const struct ksk_pruned *pruned = &record->pruned;

	if (record->has_pruned)
		set(object, "pruned",
			json_pack("{s:o, s:o, s:o}", "through",
				json_number(pruned->through), "hash",
				ksk_json_hex(pruned->hash, KSK_HASH_LEN),
				"stays",
				ksk_json_hex(pruned->stays, KSK_HASH_LEN)));
}

/* As openssl reads it: -inform PEM wants lines, `base64 -d` none. */
static json_t *
json_base64(struct ksk_span bytes)
{
	unsigned char *text = malloc(4 * ((bytes.len + 2) / 3) + 1);
	json_t *value = NULL;

	if (text == NULL)
		return NULL;
	(void)EVP_EncodeBlock(text, bytes.data, (int)bytes.len);
	value = json_string((const char *)text);
	free(text);
	return value;
}

static void
set_announced(json_t *object, const struct ksk_record *record)
{
	const struct ksk_announced *announced = &record->announced;

	if (record->has_announced)
		set(object, "announced",
			json_pack("{s:s, s:o, s:o}", "provider",
				announced->provider, "serial",
				json_number(announced->serial), "document",
				json_base64(announced->document)));
}

static void
set_document(json_t *object, const struct ksk_record *record)
{
	json_t *operators = json_array();

	for (size_t i = 0; i < record->operator_count; i++)
		(void)json_array_append_new(operators,
			ksk_json_hex(record->operator[i], KSK_PIN_LEN));
	set(object, "document",
		json_pack("{s:o, s:o}", "hash",
			ksk_json_hex(record->document, KSK_HASH_LEN),
			"operators", operators));
}

static void
set_rules(json_t *object, const struct ksk_record *record)
{
	json_t *rules = json_array();

	for (size_t i = 0; i < record->rule_count; i++)
		(void)json_array_append_new(
			rules, json_string(record->rule[i]));
	set(object, "rules", rules);
}

static void
set_fields(json_t *object, const struct ksk_record *record)
{
	if (record->has_about)
		set(object, "intent", json_number(record->about));
	if (record->has_rrset)
		set(object, "set", json_rrset(&record->rrset));
	if (record->has_window)
		set(object, "window", ksk_json_window(record->window));
	if (record->signer_count > 0)
		set(object, "signers",
			json_ds_list(record->signer, record->signer_count));
	if (record->rrsig_count > 0)
		set(object, "rrsigs", json_rrsigs(record));
	if (record->rule_count > 0)
		set_rules(object, record);
	set_attest(object, record);
	set_counted(object, record);
	set_pruned(object, record);
	set_announced(object, record);
	if (record->has_reset)
		set(object, "reset",
			json_pack("{s:s, s:o, s:o}", "provider",
				record->reset.provider, "before",
				json_number(record->reset.before), "after",
				json_number(record->reset.after)));
	if (record->has_document)
		set_document(object, record);
	if (record->text != NULL)
		set(object, "text", json_string(record->text));
	if (record->has_policy)
		set(object, "policy",
			json_pack("{s:o, s:o}", "version",
				json_number(record->policy_version), "hash",
				ksk_json_hex(
					record->policy_hash, KSK_HASH_LEN)));
	if (record->has_pin)
		set(object, "client", ksk_json_hex(record->pin, KSK_PIN_LEN));
}

static void
set_subject(json_t *object, const struct ksk_record_subject *subject)
{
	char type[10];

	if (subject == NULL)
		return;
	set(object, "zone", ksk_json_name(&subject->owner));
	if (subject->type != 0)
		set(object, "type",
			json_string(ksk_type_text(subject->type, type)));
}

void
ksk_record_add_json(struct ksk_text *text, const struct ksk_record *record,
	const struct ksk_record_subject *subject,
	const uint8_t hash[KSK_HASH_LEN])
{
	json_t *object = json_pack("{s:o, s:o, s:s}", "record",
		json_number(record->number), "time",
		ksk_json_time(record->time), "kind",
		ksk_record_text((unsigned)record->kind));

	set_subject(object, subject);
	set_fields(object, record);
	set(object, "hash", ksk_json_hex(hash, KSK_HASH_LEN));
	char *line = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	if (line == NULL)
		text->failed = true;
	else
		ksk_text_add(text, "%s\n", line);
	free(line);
}
