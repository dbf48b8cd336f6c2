/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_print - see sign_print.h.
 */
#include "client/sign_print.h"

#include "client/rrset_print.h"

void
ksk_sign_print_text(const struct ksk_sign_set *set,
	const struct ksk_sign_reply *reply, struct ksk_text *text)
{
	ksk_rrset_print(&set->request.sign.rrset, reply->rrsig,
		reply->rrsig_count, text);
}

static void
add_done(json_t *value, const struct ksk_rrset *rrset,
	const struct ksk_sign_reply *reply, bool signatures)
{
	(void)json_object_set_new(value, "rrsigs",
		ksk_json_rrsigs(rrset, reply->rrsig,
			signatures ? reply->rrsig_count : 0));
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
	json_t *value;
	char type[10];

	value = json_pack("{s:o, s:o, s:s, s:I, s:s, s:o}", "file",
		ksk_json_path(set->path), "zone", ksk_json_name(&rrset->owner),
		"type", ksk_type_text(rrset->type, type), "ttl",
		(json_int_t)rrset->ttl, "status", fates[fate], "records",
		ksk_json_records(rrset));
	if (value == NULL)
		return NULL;
	if (fate == KSK_SIGN_DONE || fate == KSK_SIGN_PERMITTED)
		add_done(
			value, rrset, &reply->sign_body, fate == KSK_SIGN_DONE);
	if (set->request.sign.has_idempotency)
		(void)json_object_set_new(value, "idempotency",
			ksk_json_hex(
				set->request.sign.idempotency, KSK_ID_LEN));
	if (fate == KSK_SIGN_REFUSED)
		add_refused(value, reply);
	if (fate == KSK_SIGN_UNVERIFIED)
		(void)json_object_set_new(value, "why", json_string(why));
	return value;
}
