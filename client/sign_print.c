/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_print - see sign_print.h.
 */
#include "client/sign_print.h"

#include <stdlib.h>

static void
add_record(struct ksk_text *text, const struct ksk_rrset *rrset, uint16_t type,
	struct ksk_span rdata)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	/* What verified was read before: it can be written. */
	if (ksk_zonetext_record(&rrset->owner, type, rrset->ttl, rdata, line) !=
		KSK_OK)
		abort();
	ksk_text_add(text, "%s\n", line);
}

void
ksk_sign_print_text(const struct ksk_sign_set *set,
	const struct ksk_sign_reply *reply, struct ksk_text *text)
{
	const struct ksk_rrset *rrset = &set->request.sign.rrset;

	for (size_t i = 0; i < rrset->count; i++)
		add_record(text, rrset, rrset->type, rrset->rdata[i]);
	for (size_t i = 0; i < reply->rrsig_count; i++)
		add_record(text, rrset, KSK_TYPE_RRSIG, reply->rrsig[i]);
}

static json_t *
json_record(const struct ksk_rrset *rrset, uint16_t type, struct ksk_span rdata)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	if (ksk_zonetext_record(&rrset->owner, type, rrset->ttl, rdata, line) !=
		KSK_OK)
		return NULL;
	return json_string(line);
}

static void
add_done(json_t *value, const struct ksk_rrset *rrset,
	const struct ksk_sign_reply *reply, bool signatures)
{
	json_t *list = json_array();

	for (size_t i = 0; signatures && i < reply->rrsig_count; i++)
		(void)json_array_append_new(list,
			json_record(rrset, KSK_TYPE_RRSIG, reply->rrsig[i]));
	(void)json_object_set_new(value, "rrsigs", list);
	(void)json_object_set_new(
		value, "window", ksk_json_window(reply->window));
	(void)json_object_set_new(value, "policy-version",
		json_integer((json_int_t)reply->policy_version));
	if (reply->has_record) {
		(void)json_object_set_new(value, "record",
			json_integer((json_int_t)reply->record));
		(void)json_object_set_new(value, "record-hash",
			ksk_json_hex(reply->record_hash, KSK_HASH_LEN));
	}
	(void)json_object_set_new(value, "warnings",
		ksk_json_refusals(reply->warning, reply->warning_count));
}

static void
add_refused(json_t *value, const struct ksk_reply *reply)
{
	(void)json_object_set_new(value, "reply",
		json_string(ksk_status_text((unsigned)reply->status)));
	(void)json_object_set_new(value, "refusals",
		ksk_json_refusals(reply->refusals.list, reply->refusals.count));
	if (reply->text[0] != '\0')
		(void)json_object_set_new(
			value, "text", json_string(reply->text));
}

json_t *
ksk_sign_print_refused(
	const struct ksk_name *owner, const struct ksk_reply *reply)
{
	json_t *value = json_pack("{s:o, s:s}", "zone", ksk_json_name(owner),
		"status", "refused");

	add_refused(value, reply);
	return value;
}

json_t *
ksk_sign_print_json(const struct ksk_sign_set *set,
	const struct ksk_reply *reply, enum ksk_sign_fate fate, const char *why)
{
	static const char *const fates[] = {
		[KSK_SIGN_DONE] = "done",
		[KSK_SIGN_PERMITTED] = "permitted",
		[KSK_SIGN_REFUSED] = "refused",
		[KSK_SIGN_UNVERIFIED] = "unverified",
	};
	const struct ksk_rrset *rrset = &set->request.sign.rrset;
	json_t *records = json_array(), *value;
	char type[10];

	for (size_t i = 0; i < rrset->count; i++)
		(void)json_array_append_new(records,
			json_record(rrset, rrset->type, rrset->rdata[i]));
	value = json_pack("{s:o, s:o, s:s, s:I, s:s, s:o}", "file",
		ksk_json_path(set->path), "zone", ksk_json_name(&rrset->owner),
		"type", ksk_type_text(rrset->type, type), "ttl",
		(json_int_t)rrset->ttl, "status", fates[fate], "records",
		records);
	if (value == NULL)
		return NULL;
	if (fate == KSK_SIGN_DONE || fate == KSK_SIGN_PERMITTED)
		add_done(
			value, rrset, &reply->sign_body, fate == KSK_SIGN_DONE);
	if (fate == KSK_SIGN_REFUSED)
		add_refused(value, reply);
	if (fate == KSK_SIGN_UNVERIFIED)
		(void)json_object_set_new(value, "why", json_string(why));
	return value;
}
