/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_journal - a signature by one of our KSKs that verifies is the
 * appliance's work, or the key is not its alone. The journal knows every
 * signature that the appliance ever made or adopted; see check.h.
 */
#include "client/check.h"

#include "client/journal.h"
#include "protocol/record.h"
#include "protocol/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One process at a time brings the export up to date: behind the turns of the
 * providers. */
#define JOURNAL_TURN KSK_SYNC_PROVIDER_MAX

/* True if one of our KSKs made this RRSIG over this set, whenever. */
static bool
is_ours(const struct ksk_check_zone *z, const struct ksk_rrset *rrset,
	struct ksk_span rdata, uint16_t *out_tag)
{
	const struct ksk_keys_reply *keys = z->held->keys;
	struct ksk_rrsig rrsig;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return false;
	*out_tag = rrsig.tag;
	for (size_t i = 0; i < keys->ksk_count; i++) {
		if (keys->ksk[i].dnskey.len != 0 &&
			ksk_verify_rrsig(rrset, &rrsig, &keys->owner,
				keys->ksk[i].dnskey, 0, NULL) == KSK_OK)
			return true;
	}
	return false;
}

static bool
is_wanted(const struct ksk_signed *want, struct ksk_span rdata)
{
	for (size_t i = 0; want->there && i < want->rrsig_count; i++) {
		if (ksk_span_equal(want->rrsig[i], rdata))
			return true;
	}
	return false;
}

/* ---- the export ---- */

/* Where a record is read to. */
struct room {
	bool has_first;
	uint64_t first; /* number of the export's first record */
	struct ksk_record record;
	struct ksk_record_room texts;
};

/* Only what a record holds as its signatures counts: in other fields a client
 * could have placed the same bytes. */
static bool
record_has(struct room *room, struct ksk_span encoded, struct ksk_span rrsig)
{
	const struct ksk_record *record = &room->record;

	if (ksk_record_read(encoded, &room->texts, &room->record, NULL) !=
		KSK_OK)
		return false;
	if (!room->has_first)
		room->first = record->number;
	room->has_first = true;
	if (record->kind != KSK_RECORD_RESULT &&
		record->kind != KSK_RECORD_ADOPT)
		return false;
	for (size_t i = 0; i < record->rrsig_count; i++) {
		if (ksk_span_equal(record->rrsig[i], rrsig))
			return true;
	}
	return false;
}

/* Reads on until the signature is found. KSK_ERR_NOT_FOUND: it is not there,
 * and out_first is the number of the first record that is. */
static enum ksk_err
search(struct ksk_export_file *reader, struct ksk_span rrsig,
	uint64_t *out_first, struct ksk_fault *fault)
{
	struct room *room = calloc(1, sizeof(*room));
	struct ksk_export_item item;
	enum ksk_err err;

	if (room == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	while ((err = ksk_export_file_next(reader, &item, fault)) == KSK_OK) {
		if (item.kind == KSK_EXPORT_RECORD &&
			record_has(room, item.body, rrsig))
			break;
	}
	*out_first = room->first;
	free(room);
	return err;
}

static enum ksk_err
search_file(const char *path, struct ksk_span rrsig, uint64_t *out_first,
	struct ksk_fault *fault)
{
	struct ksk_export_file *reader = NULL;
	FILE *file = fopen(path, "rbe");
	enum ksk_err err = KSK_ERR_IO;

	if (file == NULL)
		ksk_fault_set(fault, "%.300s: %s", path, strerror(errno));
	else
		err = ksk_export_file_new(file, path, &reader);
	if (err == KSK_OK)
		err = search(reader, rrsig, out_first, fault);
	ksk_export_file_free(&reader);
	if (file != NULL)
		(void)fclose(file);
	return err;
}

/* Brings the export up to the journal's head, then looks. */
static enum ksk_err
look_up(struct ksk_check_zone *z, struct ksk_span rrsig, uint64_t *out_first,
	struct ksk_fault *fault)
{
	struct ksk_journal_options options = {.ctl = &z->ctl};
	char *path = NULL;
	enum ksk_err err = ksk_sync_path(
		z->config, z->config->journal, z->zone->text, &path, fault);

	if (err != KSK_OK)
		return err;
	options.out = path;
	ksk_silent_take_turn(z->config->silent, JOURNAL_TURN);
	if (ksk_journal_export(&options) == KSK_CTL_DONE) {
		err = search_file(path, rrsig, out_first, fault);
	} else {
		ksk_fault_set(
			fault, "%.300s could not be brought up to date", path);
		err = KSK_ERR_IO;
	}
	ksk_silent_end_turn(z->config->silent, JOURNAL_TURN);
	free(path);
	return err;
}

/* True if the time of a signature is over. */
static bool
has_expired(const struct ksk_check_zone *z, struct ksk_span rdata)
{
	struct ksk_rrsig rrsig;

	/* RFC 4034 3.1.5: serial arithmetic. */
	return ksk_rrsig_read(rdata, &rrsig) == KSK_OK &&
		(int32_t)(rrsig.expiration - (uint32_t)z->now) < 0;
}

/* A journal is pruned only of signatures that have expired; whoever begins an
 * export later than that has chosen not to know. */
static void
tell_missing(struct ksk_check_zone *z, const char *provider,
	const char *address, uint16_t tag, struct ksk_span rrsig,
	uint64_t first)
{
	char later[100] = "";

	if (first != 0 && has_expired(z, rrsig)) {
		ksk_check_add(z, KSK_CHECK_UNKNOWN, provider, address,
			"KSK %u made a signature that has expired and is not "
			"in the export, which begins with record %" PRIu64
			": look in an older one",
			tag, first);
		return;
	}
	if (first != 0)
		(void)snprintf(later, sizeof(later),
			", unless the export begins too late, with record "
			"%" PRIu64,
			first);
	z->foreign++;
	ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
		"KSK %u made a signature that the appliance never made: "
		"somebody else has the key%s",
		tag, later);
}

static void
judge(struct ksk_check_zone *z, const char *provider, const char *address,
	uint16_t tag, struct ksk_span rrsig)
{
	struct ksk_fault fault = {0};
	uint64_t first = 0;
	enum ksk_err err;

	if (z->config->journal == NULL) {
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
			"KSK %u made a signature that is not in effect; name "
			"an export with `journal` to know whether the "
			"appliance did",
			tag);
		return;
	}
	err = look_up(z, rrsig, &first, &fault);
	if (err == KSK_ERR_NOT_FOUND) {
		tell_missing(z, provider, address, tag, rrsig, first);
	} else if (err != KSK_OK) {
		ksk_check_add(z, KSK_CHECK_UNKNOWN, provider, address,
			"a signature by KSK %u can't be looked up: %.200s", tag,
			fault.text);
	}
	/* One that is found is an old one: the comparison told that. */
}

void
ksk_check_journal(struct ksk_check_zone *z, const char *provider,
	const struct ksk_served *served)
{
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++) {
		const struct ksk_dns_answer *answer = &served->answer[i];

		for (size_t k = 0; k < answer->rrsig_count; k++) {
			uint16_t tag;

			if (answer->rrset.count != 0 &&
				!is_wanted(&z->want[i], answer->rrsig[k]) &&
				is_ours(z, &answer->rrset, answer->rrsig[k],
					&tag))
				judge(z, provider, served->address, tag,
					answer->rrsig[k]);
		}
	}
}
