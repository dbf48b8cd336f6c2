/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_set - from a file to a request; see sign_set.h. The check of the reply
 * is in sign_check.c.
 */
#include "client/sign_set.h"

#include "client/file.h"
#include "client/output.h"
#include "client/signed.h"
#include "client/standing.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static const char *
label(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* Says all that is wrong, or worth a note. */
static void
say_faults(const char *path, const char *word,
	const struct ksk_zonetext_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct ksk_zonetext_fault *fault = &faults->list[i];

		if (fault->line == 0)
			ksk_say_plain("%s: %s%s", label(path), word,
				fault->fault.text);
		else
			ksk_say_plain("%s:line %zu: %s%s", label(path),
				fault->line, word, fault->fault.text);
	}
	if (faults->dropped != 0)
		ksk_say_plain(
			"%s: %s%zu more", label(path), word, faults->dropped);
}

/* Reads the text with or without the policy's TTL. */
static enum ksk_err
read_text(struct ksk_sign_set *set, const struct ksk_zonetext_options *options,
	struct ksk_zonetext_faults *faults)
{
	enum ksk_err err = ksk_zonetext_read(
		ksk_span_of(set->text, set->text_len), options, &set->zone,
		faults);

	if (err != KSK_OK)
		return err;
	set->owner = set->zone.rrset.owner;
	set->type = set->zone.rrset.type;
	say_faults(set->path, "note: ", &set->zone.notes);
	return KSK_OK;
}

enum ksk_err
ksk_sign_set_load(struct ksk_sign_set *set)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET};
	struct ksk_zonetext_faults faults;
	struct ksk_fault fault = {0};
	enum ksk_err err = ksk_file_read(set->path, KSK_ZONETEXT_MAX,
		&set->text, &set->text_len, &fault);

	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return err;
	}
	err = read_text(set, &options, &faults);
	if (err == KSK_OK)
		return KSK_OK;
	if (faults.lacks_ttl) {
		set->lacks_ttl = true;
		set->owner = faults.owner;
		set->type = faults.type;
		return KSK_OK;
	}
	say_faults(set->path, "", &faults);
	if (faults.count == 0)
		ksk_say("%s: %s", label(set->path), ksk_err_text(err));
	return err;
}

enum ksk_err
ksk_sign_evidence_load(struct ksk_sign_evidence *evidence)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_PROOF};
	struct ksk_zonetext_faults faults;
	struct ksk_fault fault = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		evidence->path, KSK_ZONETEXT_MAX, &text, &len, &fault);

	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return err;
	}
	err = ksk_zonetext_read(
		ksk_span_of(text, len), &options, &evidence->zone, &faults);
	free(text);
	if (err != KSK_OK && faults.count == 0)
		ksk_say("%s: %s", label(evidence->path), ksk_err_text(err));
	else if (err != KSK_OK)
		say_faults(evidence->path, "", &faults);
	return err;
}

/* ---- the request ---- */

static enum ksk_err
fill_ttl(struct ksk_sign_set *set, uint32_t ttl, struct ksk_fault *fault)
{
	struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET, .has_ttl = true, .ttl = ttl};
	struct ksk_zonetext_faults faults;

	if (!set->lacks_ttl)
		return KSK_OK;
	if (read_text(set, &options, &faults) != KSK_OK) {
		say_faults(set->path, "", &faults);
		ksk_fault_set(fault, "%s: it can't be read with the zone's TTL",
			label(set->path));
		return KSK_ERR_BAD_INPUT;
	}
	set->lacks_ttl = false;
	return KSK_OK;
}

/* The window as the command line wants it; what it leaves out is as the
 * appliance would choose. */
static enum ksk_err
set_window(struct ksk_sign *sign, const struct ksk_keys_reply *keys,
	const struct ksk_sign_options *options, struct ksk_fault *fault)
{
	uint64_t len = keys->window.expiration - keys->window.inception;

	sign->has_window = options->has_inception || options->has_expiration;
	if (!sign->has_window)
		return KSK_OK;
	sign->window.inception = options->has_inception
		? options->inception
		: keys->window.inception;
	sign->window.expiration = options->has_expiration
		? options->expiration
		: sign->window.inception + len;
	if (sign->window.expiration > sign->window.inception)
		return KSK_OK;
	ksk_fault_set(fault, "the expiration is not later than the inception");
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
add_ksk(struct ksk_rrset *rrset, struct ksk_span dnskey, const char *path,
	struct ksk_fault *fault)
{
	if (ksk_rrset_has(rrset, dnskey))
		return KSK_OK;
	if (rrset->count == KSK_RDATA_COUNT_MAX) {
		ksk_fault_set(fault,
			"%s: with the KSKs it has more than %u records",
			label(path), KSK_RDATA_COUNT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	rrset->rdata[rrset->count++] = dnskey;
	return KSK_OK;
}

/* Checks every KSK that must stand, and adds it to a DNSKEY set. */
static enum ksk_err
add_ksks(struct ksk_sign_set *set, const struct ksk_keys_reply *keys,
	bool exact, uint64_t now, struct ksk_fault *fault)
{
	struct ksk_sign *sign = &set->request.sign;
	uint64_t start = sign->has_window ? sign->window.inception : 0;

	for (size_t i = 0; i < keys->ksk_count; i++) {
		const struct ksk_ksk_entry *ksk = &keys->ksk[i];
		enum ksk_err err;

		if (!ksk_standing_is(ksk, start, now))
			continue;
		err = ksk_standing_check(&keys->owner, ksk, fault);
		if (err == KSK_OK && set->type == KSK_TYPE_DNSKEY && !exact)
			err = add_ksk(
				&sign->rrset, ksk->dnskey, set->path, fault);
		if (err != KSK_OK)
			return err;
	}
	ksk_rrset_sort(&sign->rrset);
	return KSK_OK;
}

/* One entry per RRSIG of the file. A proof over a DNSKEY RRset counts for the
 * very set that is to be signed only. */
static enum ksk_err
add_evidence(struct ksk_sign *sign, const struct ksk_sign_evidence *evidence,
	struct ksk_fault *fault)
{
	const struct ksk_zonetext *zone = &evidence->zone;
	bool dnskey = zone->rrset.type == KSK_TYPE_DNSKEY;

	if (!ksk_name_within(&zone->rrset.owner, &sign->rrset.owner))
		return KSK_OK;
	if (dnskey && !ksk_rrsets_equal(&zone->rrset, &sign->rrset)) {
		ksk_fault_set(fault,
			"%s: its DNSKEY RRset is not the one to be signed",
			label(evidence->path));
		return KSK_ERR_BAD_INPUT;
	}
	for (size_t i = 0; i < zone->rrsig_count; i++) {
		if (sign->evidence_count == KSK_EVIDENCE_COUNT_MAX) {
			ksk_fault_set(fault, "more than %u proofs",
				KSK_EVIDENCE_COUNT_MAX);
			return KSK_ERR_BAD_INPUT;
		}
		sign->evidence[sign->evidence_count++] = (struct ksk_evidence){
			.kind = dnskey ? KSK_EVIDENCE_DNSKEY
				       : KSK_EVIDENCE_DATA,
			.rrset = zone->rrset,
			.rrsig = zone->rrsig[i],
		};
	}
	sign->has_evidence = true;
	return KSK_OK;
}

/* PROTOCOL 4.3: the hash of the newest answer; zeroes where there is none. */
static enum ksk_err
set_previous(struct ksk_sign *sign, const struct ksk_last_answer_reply *last,
	const struct ksk_sign_options *options, struct ksk_fault *fault)
{
	sign->has_previous = options->order != KSK_SIGN_PREVIOUS_ANY;
	if (options->order == KSK_SIGN_PREVIOUS_GIVEN)
		memcpy(sign->previous, options->previous, KSK_HASH_LEN);
	if (options->order != KSK_SIGN_PREVIOUS_ASKED || last == NULL)
		return KSK_OK;
	memcpy(sign->previous,
		last->has_head ? last->head_hash : last->record_hash,
		KSK_HASH_LEN);
	for (size_t i = 0; !last->has_head && i < last->later_count; i++) {
		if (last->later[i].record < last->record)
			continue;
		ksk_fault_set(fault,
			"the appliance does not tell the hash of its newest "
			"answer: give it with --previous");
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

/* A dry run leaves nothing behind that could be given again. */
static enum ksk_err
set_idempotency(struct ksk_sign *sign, const struct ksk_sign_options *options,
	struct ksk_fault *fault)
{
	sign->has_idempotency = !options->dry_run &&
		options->repeat != KSK_SIGN_REPEAT_NONE;
	if (!sign->has_idempotency)
		return KSK_OK;
	if (options->repeat == KSK_SIGN_REPEAT_GIVEN) {
		memcpy(sign->idempotency, options->idempotency, KSK_ID_LEN);
		return KSK_OK;
	}
	if (RAND_bytes(sign->idempotency, KSK_ID_LEN) == 1)
		return KSK_OK;
	ksk_fault_set(fault, "the system gives no random bytes");
	return KSK_ERR_CRYPTO;
}

/* What ties this request to others: the one before, those that it replaces,
 * and repeats of itself. */
static enum ksk_err
set_order(struct ksk_sign *sign, const struct ksk_last_answer_reply *last,
	const struct ksk_sign_options *options, struct ksk_fault *fault)
{
	enum ksk_err err = set_previous(sign, last, options, fault);

	if (err != KSK_OK)
		return err;
	sign->supersede_count = options->supersede_count;
	memcpy(sign->supersede, options->supersede,
		options->supersede_count * sizeof(sign->supersede[0]));
	return set_idempotency(sign, options, fault);
}

enum ksk_err
ksk_sign_set_build(struct ksk_sign_set *set, const struct ksk_keys_reply *keys,
	const struct ksk_last_answer_reply *last,
	const struct ksk_sign_options *options,
	const struct ksk_sign_evidence *evidence, uint64_t now,
	struct ksk_fault *fault)
{
	struct ksk_sign *sign = &set->request.sign;
	enum ksk_err err = fill_ttl(set, keys->ttl, fault);

	if (err != KSK_OK)
		return err;
	set->request = (struct ksk_request){
		.op = KSK_OP_SIGN, .has_body = true};
	sign->rrset = set->zone.rrset;
	sign->has_dry_run = options->dry_run;
	sign->dry_run = options->dry_run;
	if ((err = set_window(sign, keys, options, fault)) != KSK_OK ||
		(err = set_order(sign, last, options, fault)) != KSK_OK ||
		(err = add_ksks(set, keys, options->exact, now, fault)) !=
			KSK_OK)
		return err;
	if (set->type != KSK_TYPE_DNSKEY)
		return KSK_OK;
	for (size_t i = 0; err == KSK_OK && i < options->evidence_count; i++)
		err = add_evidence(sign, &evidence[i], fault);
	return err;
}

void
ksk_sign_set_wipe(struct ksk_sign_set *set)
{
	ksk_zonetext_wipe(&set->zone);
	free(set->text);
	*set = (struct ksk_sign_set){0};
}
