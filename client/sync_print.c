/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_print - what became of a zone, as lines for people and as JSON; see
 * sync.h.
 */
#include "client/sync.h"

#include "appliance/base/yaml.h"
#include "client/rrset_print.h"

#include <inttypes.h>

static const char *
signing_text(enum ksk_sync_signing signing)
{
	switch (signing) {
	case KSK_SYNC_KEPT:
		return "kept";
	case KSK_SYNC_SIGNED:
		return "signed";
	case KSK_SYNC_WOULD:
		return "would be signed";
	case KSK_SYNC_REFUSED:
		return "refused";
	case KSK_SYNC_UNSIGNED:
		return "not signed";
	}
	return "unknown";
}

static const char *
note_text(enum ksk_note_kind kind)
{
	return kind == KSK_NOTE_WAIT ? "wait" : "fault";
}

/* ---- text ---- */

static void
add_head(const struct ksk_sync_run *run, struct ksk_text *text)
{
	const struct ksk_signed *dnskey = &run->want[KSK_AT_DNSKEY];
	char until[KSK_TIME_CAP];
	json_t *change;
	size_t i;

	ksk_text_add(
		text, "%s: %s", run->zone->text, signing_text(run->signing));
	if (dnskey->there)
		ksk_text_add(text, ", record %" PRIu64 " until %s",
			dnskey->record,
			ksk_time_text(until, dnskey->window.expiration));
	json_array_foreach(run->changes, i, change) ksk_text_add(
		text, "%s %s", i == 0 ? ":" : ",", json_string_value(change));
	ksk_text_add(text, "\n");
}

static void
add_refusals(const struct ksk_sync_run *run, struct ksk_text *text)
{
	const char *type;
	json_t *list, *one;
	size_t i;

	json_object_foreach(run->refusals, type, list)
	{
		json_array_foreach(list, i, one)
		{
			json_t *tag = json_object_get(one, "key-tag");
			json_t *whose = json_object_get(one, "provider");

			ksk_text_add(text, "  refused: %s: %s: ", type,
				json_string_value(
					json_object_get(one, "rule")));
			if (json_is_string(whose))
				ksk_text_add(
					text, "%s: ", json_string_value(whose));
			if (tag != NULL)
				ksk_text_add(text,
					"key %" JSON_INTEGER_FORMAT ": ",
					json_integer_value(tag));
			ksk_text_add(text, "%s\n",
				json_string_value(json_object_get(one, "why")));
		}
	}
}

static void
add_member(const struct ksk_sync_member *member, struct ksk_text *text)
{
	const char *name = member->provider->name;
	json_t *server, *fault;
	size_t i, k;

	ksk_text_add(text, "  %s: %s%s%s\n", name,
		ksk_sync_state_text(member->state),
		member->why.text[0] != '\0' ? ": " : "", member->why.text);
	if (member->gathered.failed)
		ksk_text_add(text, "  %s: not gathered: %s\n", name,
			member->gathered.why.text);
	if (member->proofs.failed)
		ksk_text_add(text, "  %s: its proofs can't be read: %s\n", name,
			member->proofs.why.text);
	json_array_foreach(member->servers, i, server)
	{
		json_array_foreach(json_object_get(server, "faults"), k,
			fault) ksk_text_add(text, "  %s: %s: %s\n", name,
			json_string_value(json_object_get(server, "address")),
			json_string_value(fault));
	}
}

void
ksk_sync_print_text(const struct ksk_sync_run *run, struct ksk_text *text)
{
	const struct ksk_notes *notes = &run->choice.notes;

	add_head(run, text);
	add_refusals(run, text);
	for (unsigned i = 0; i < run->count; i++)
		add_member(&run->member[i], text);
	for (size_t i = 0; i < notes->count; i++) {
		const struct ksk_note *note = &notes->list[i];

		ksk_text_add(text, "  %s: %s%s%s\n", note_text(note->kind),
			note->provider, note->provider[0] != '\0' ? ": " : "",
			note->text);
	}
	if (notes->dropped != 0)
		ksk_text_add(text, "  %zu more\n", notes->dropped);
	ksk_text_make_printable(text);
}

/* ---- JSON ---- */

static json_t *
json_answer(const struct ksk_signed *set)
{
	if (!set->there)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:b}", "records",
		ksk_json_records(&set->rrset), "rrsigs",
		ksk_json_rrsigs(&set->rrset, set->rrsig, set->rrsig_count),
		"window", ksk_json_window(set->window), "record",
		(json_int_t)set->record, "record-hash",
		ksk_json_hex(set->record_hash, KSK_HASH_LEN), "fresh",
		set->fresh);
}

static json_t *
json_member(const struct ksk_sync_member *member)
{
	json_t *value = json_pack("{s:s, s:s, s:O}", "name",
		member->provider->name, "state",
		ksk_sync_state_text(member->state), "servers", member->servers);

	if (value != NULL && member->why.text[0] != '\0')
		(void)json_object_set_new(
			value, "why", ksk_json_words(member->why.text));
	if (value != NULL && member->gathered.failed)
		(void)json_object_set_new(value, "not-gathered",
			ksk_json_words(member->gathered.why.text));
	if (value != NULL && member->proofs.failed)
		(void)json_object_set_new(value, "proofs-not-read",
			ksk_json_words(member->proofs.why.text));
	return value;
}

static json_t *
json_notes(const struct ksk_notes *notes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < notes->count; i++) {
		const struct ksk_note *note = &notes->list[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:s, s:o}", "kind",
				note_text(note->kind), "provider",
				note->provider, "text",
				ksk_json_words(note->text)));
	}
	return list;
}

json_t *
ksk_sync_print_json(const struct ksk_sync_run *run)
{
	json_t *members = json_array();

	for (unsigned i = 0; i < run->count; i++)
		(void)json_array_append_new(
			members, json_member(&run->member[i]));
	return json_pack("{s:s, s:s, s:O, s:O, s:o, s:o, s:o, s:o, s:o}",
		"zone", run->zone->text, "signing", signing_text(run->signing),
		"changes", run->changes, "refusals", run->refusals, "dnskey",
		json_answer(&run->want[KSK_AT_DNSKEY]), "cds",
		json_answer(&run->want[KSK_AT_CDS]), "cdnskey",
		json_answer(&run->want[KSK_AT_CDNSKEY]), "providers", members,
		"notes", json_notes(&run->choice.notes));
}
