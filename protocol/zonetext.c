/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext - see zonetext.h. From entries of words (zonetext_scan.c) to one
 * RRset: directives, what stands in front of the RDATA, what belongs to the
 * set. zonetext_field.c checks RDATA, zonetext_ldns.c reads it.
 */
#include "protocol/zonetext.h"

#include "protocol/dnskey.h"
#include "protocol/zonetext_field.h"
#include "protocol/zonetext_ldns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_COUNT (KSK_RDATA_COUNT_MAX + KSK_RRSIG_COUNT_MAX)

struct reader {
	const struct ksk_zonetext_options *options;
	struct ksk_zonetext_scan scan;
	struct ksk_zonetext_entry entry;
	struct ksk_zonetext_faults *faults;
	size_t ttl_fault_count; /* faults that a TTL would mend */
	bool has_origin, has_owner, has_default_ttl, has_set, has_ttl;
	struct ksk_name origin; /* $ORIGIN */
	struct ksk_name owner;  /* of the record before */
	uint32_t default_ttl;   /* $TTL */
	size_t set_line;        /* of the set's first record */
	size_t ttl_line;        /* of the record that gave the set's TTL */
	size_t record_count;    /* of the whole text */
	size_t filled_count;    /* records that took the policy's TTL */
	size_t rdata_line[KSK_RDATA_COUNT_MAX];
	struct ksk_zonetext zone;
	struct ksk_buf memory;
	char strict[KSK_ZONETEXT_STRICT_CAP];
};

/* One record while it is read. */
struct record {
	size_t line;
	struct ksk_name owner;
	uint16_t type;
	bool has_ttl;
	uint32_t ttl;
	size_t next; /* first word of the RDATA */
};

void
ksk_zonetext_note(
	struct ksk_zonetext_faults *list, size_t line, const char *fmt, ...)
{
	char text[KSK_FAULT_CAP];
	va_list args;

	if (list->count == KSK_ZONETEXT_FAULT_MAX) {
		list->dropped++;
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	list->list[list->count].line = line;
	ksk_fault_set(&list->list[list->count].fault, "%s", text);
	list->count++;
}

static void
add_fault(struct reader *r, const struct ksk_zonetext_fault *fault)
{
	ksk_zonetext_note(r->faults, fault->line, "%s", fault->fault.text);
}

/* ---- directives (RFC 1035 5.1, RFC 2308 4) ---- */

static void
read_origin(struct reader *r, const struct ksk_zonetext_word *word)
{
	struct ksk_fault why = {0};

	if (ksk_zonetext_name(word, r->has_origin ? &r->origin : NULL,
		    &r->origin, &why) == KSK_OK)
		r->has_origin = true;
	else
		ksk_zonetext_note(
			r->faults, word->line, "$ORIGIN: %s", why.text);
}

static void
read_default_ttl(struct reader *r, const struct ksk_zonetext_word *word)
{
	struct ksk_fault why = {0};

	if (ksk_zonetext_ttl(word, &r->default_ttl, &why) == KSK_OK)
		r->has_default_ttl = true;
	else
		ksk_zonetext_note(r->faults, word->line, "$TTL: %s", why.text);
}

static void
read_directive(struct reader *r)
{
	const struct ksk_zonetext_entry *entry = &r->entry;
	const struct ksk_zonetext_word *word = entry->word;
	char show[KSK_ZONETEXT_SHOW_CAP];

	if (r->options->section)
		ksk_zonetext_note(r->faults, entry->line,
			"directives are not read in a KSR: programs disagree "
			"on how far they reach");
	else if (!ksk_zonetext_word_is(word, "$ORIGIN") &&
		!ksk_zonetext_word_is(word, "$TTL"))
		ksk_zonetext_note(r->faults, entry->line,
			"%s is not read here: only $ORIGIN and $TTL are",
			ksk_zonetext_word_show(word, show));
	else if (entry->count != 2)
		ksk_zonetext_note(r->faults, entry->line, "%s takes one value",
			ksk_zonetext_word_show(word, show));
	else if (ksk_zonetext_word_is(word, "$ORIGIN"))
		read_origin(r, &entry->word[1]);
	else
		read_default_ttl(r, &entry->word[1]);
}

/* ---- the words in front of the RDATA ---- */

static bool
read_owner(struct reader *r, struct record *record)
{
	const struct ksk_zonetext_word *word = r->entry.word;
	struct ksk_fault why = {0};

	if (r->entry.blank && !r->has_owner) {
		ksk_zonetext_note(r->faults, record->line,
			"the line begins with a blank, but no owner name "
			"stands above it");
		return false;
	}
	if (!r->entry.blank) {
		r->has_owner = false;
		if (ksk_zonetext_name(word, r->has_origin ? &r->origin : NULL,
			    &r->owner, &why) != KSK_OK) {
			ksk_zonetext_note(r->faults, word->line,
				"the owner name: %s", why.text);
			return false;
		}
		r->has_owner = true;
		record->next = 1;
	}
	record->owner = r->owner;
	return true;
}

static bool
is_number(const struct ksk_zonetext_word *word)
{
	return word->text.len > 0 && word->text.data[0] >= '0' &&
		word->text.data[0] <= '9';
}

static bool
read_type(struct reader *r, struct record *record)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	const struct ksk_zonetext_word *word = &r->entry.word[record->next];

	if (record->next == r->entry.count) {
		ksk_zonetext_note(r->faults, record->line,
			"the record ends before its type");
		return false;
	}
	if (ksk_zonetext_type(word, &record->type) != KSK_OK) {
		ksk_zonetext_note(r->faults, word->line,
			"%s is neither a TTL, a class nor a record type",
			ksk_zonetext_word_show(word, show));
		return false;
	}
	record->next++;
	return true;
}

/* RFC 1035 5.1: TTL and class stand in either order, each at most once. */
static bool
read_head(struct reader *r, struct record *record)
{
	struct ksk_fault why = {0};
	bool has_class = false;
	uint16_t class = 1;

	for (; record->next < r->entry.count; record->next++) {
		const struct ksk_zonetext_word *word =
			&r->entry.word[record->next];

		if (!record->has_ttl && is_number(word)) {
			if (ksk_zonetext_ttl(word, &record->ttl, &why) !=
				KSK_OK) {
				ksk_zonetext_note(
					r->faults, word->line, "%s", why.text);
				return false;
			}
			record->has_ttl = true;
		} else if (!has_class && ksk_zonetext_class(word, &class)) {
			has_class = true;
		} else {
			break;
		}
	}
	if (class != 1) {
		ksk_zonetext_note(r->faults, record->line,
			"the record's class is not IN");
		return false;
	}
	return read_type(r, record);
}

/* ---- does the record belong to the set? ---- */

static bool
may_be_set(const struct reader *r, uint16_t type)
{
	if (r->options->form == KSK_ZONETEXT_SET)
		return type == KSK_TYPE_DNSKEY || type == KSK_TYPE_CDS ||
			type == KSK_TYPE_CDNSKEY;
	return type != 41 && (type < 128 || type > 255);
}

static bool
check_type(struct reader *r, const struct record *record)
{
	char a[10], b[10];
	const char *type = ksk_type_text(record->type, a);

	if (r->options->form == KSK_ZONETEXT_PROOF &&
		record->type == KSK_TYPE_RRSIG)
		return true;
	if (!may_be_set(r, record->type)) {
		ksk_zonetext_note(r->faults, record->line,
			"records of type %s do not belong here%s", type,
			r->options->form == KSK_ZONETEXT_SET
				? ": only DNSKEY, CDS or CDNSKEY do"
				: "");
		return false;
	}
	if (!r->has_set || record->type == r->zone.rrset.type)
		return true;
	ksk_zonetext_note(r->faults, record->line,
		"a record of type %s stands among those of type %s that begin "
		"in line %zu: one type per text",
		type, ksk_type_text(r->zone.rrset.type, b), r->set_line);
	return false;
}

static bool
check_owner(struct reader *r, const struct record *record)
{
	char here[KSK_NAME_TEXT_CAP], there[KSK_NAME_TEXT_CAP];

	if (!r->has_set || ksk_name_equal(&record->owner, &r->zone.rrset.owner))
		return true;
	ksk_name_to_text(&record->owner, here);
	ksk_name_to_text(&r->zone.rrset.owner, there);
	ksk_zonetext_note(r->faults, record->line,
		"the owner is %.250s, but %.250s in line %zu: one RRset has "
		"one owner",
		here, there, r->set_line);
	return false;
}

/* A TTL is never filled in silently: readers disagree on what an absent one
 * means, and the signature covers it. */
static bool
fill_ttl(struct reader *r, struct record *record)
{
	if (record->has_ttl)
		return true;
	record->has_ttl = r->has_default_ttl || r->options->has_ttl;
	if (r->has_default_ttl) {
		record->ttl = r->default_ttl;
	} else if (r->options->has_ttl) {
		record->ttl = r->options->ttl;
		r->filled_count++;
	} else {
		ksk_zonetext_note(r->faults, record->line,
			"the record has no TTL, and no $TTL stands above it");
		r->ttl_fault_count++;
	}
	return record->has_ttl;
}

/* RFC 2181 5.2 */
static bool
check_ttl(struct reader *r, const struct record *record)
{
	if (!r->has_ttl) {
		r->has_ttl = true;
		r->ttl_line = record->line;
		r->zone.rrset.ttl = record->ttl;
		return true;
	}
	if (record->ttl == r->zone.rrset.ttl)
		return true;
	ksk_zonetext_note(r->faults, record->line,
		"the TTL is %u, but %u in line %zu: one RRset has one TTL "
		"(RFC 2181 5.2)",
		record->ttl, r->zone.rrset.ttl, r->ttl_line);
	return false;
}

/* The first record that could belong to a set says which set it is. */
static void
begin_set(struct reader *r, const struct record *record)
{
	if (r->has_set || record->type == KSK_TYPE_RRSIG)
		return;
	r->has_set = true;
	r->set_line = record->line;
	r->zone.rrset.owner = record->owner;
	r->zone.rrset.type = record->type;
}

/* ---- RDATA ---- */

/* A key's form is a matter of its bytes alone (RFC 3110 2, RFC 6605 4, RFC
 * 8080 3). Whether its algorithm may be used is the policy's. */
static bool
check_key(struct reader *r, const struct record *record, struct ksk_span rdata)
{
	struct ksk_fault why = {0};
	struct ksk_dnskey key;

	if (record->type != KSK_TYPE_DNSKEY && record->type != KSK_TYPE_CDNSKEY)
		return true;
	if (ksk_dnskey_read(rdata, &key) != KSK_OK) {
		ksk_zonetext_note(
			r->faults, record->line, "the key is cut off");
		return false;
	}
	if (ksk_dnskey_form(&key, &why) != KSK_ERR_MALFORMED)
		return true;
	ksk_zonetext_note(r->faults, record->line, "%s", why.text);
	return false;
}

static bool
read_rdata(struct reader *r, const struct record *record, struct ksk_span *out)
{
	struct ksk_zonetext_rdata rdata = {
		.type = record->type,
		.word = r->entry.word + record->next,
		.count = r->entry.count - record->next,
		.line = record->line,
		.origin = r->has_origin ? &r->origin : NULL,
	};
	struct ksk_zonetext_record source = {
		.owner = &record->owner,
		.origin = rdata.origin,
		.type = record->type,
		.ttl = record->ttl,
		.strict = r->strict,
	};
	struct ksk_buf strict = ksk_buf_of(r->strict, sizeof(r->strict) - 1);
	struct ksk_zonetext_fault fault;
	size_t want_len = 0;
	enum ksk_err err;

	if (ksk_zonetext_strict(&rdata, &strict, &want_len, &fault) != KSK_OK) {
		add_fault(r, &fault);
		return false;
	}
	r->strict[strict.len] = '\0';
	err = ksk_zonetext_ldns(&source, want_len, &r->memory, out);
	if (err == KSK_ERR_TOO_LARGE)
		ksk_zonetext_note(r->faults, record->line,
			"the record's data exceeds %u bytes", KSK_RDATA_MAX);
	else if (err != KSK_OK)
		ksk_zonetext_note(r->faults, record->line,
			"the record's data can't be read");
	if (err != KSK_OK)
		return false;
	return check_key(r, record, *out);
}

/* ---- collecting ---- */

static void
keep_rdata(struct reader *r, const struct record *record, struct ksk_span rdata)
{
	struct ksk_rrset *rrset = &r->zone.rrset;

	r->zone.record_count++;
	for (size_t i = 0; i < rrset->count; i++) {
		if (!ksk_span_equal(rrset->rdata[i], rdata))
			continue;
		ksk_zonetext_note(&r->zone.notes, record->line,
			"the record is that of line %zu again: taken once",
			r->rdata_line[i]);
		return;
	}
	r->rdata_line[rrset->count] = record->line;
	rrset->rdata[rrset->count++] = rdata;
}

static void
keep_rrsig(struct reader *r, const struct record *record, struct ksk_span rdata)
{
	if (r->zone.rrsig_count == KSK_RRSIG_COUNT_MAX)
		ksk_zonetext_note(r->faults, record->line,
			"more than %u RRSIGs", KSK_RRSIG_COUNT_MAX);
	else
		r->zone.rrsig[r->zone.rrsig_count++] = rdata;
}

static void
read_record(struct reader *r)
{
	struct record record = {.line = r->entry.line};
	struct ksk_span rdata;

	if (!read_owner(r, &record) || !read_head(r, &record) ||
		!check_type(r, &record) || !check_owner(r, &record))
		return;
	begin_set(r, &record);
	if (!fill_ttl(r, &record))
		return;
	if (record.type != KSK_TYPE_RRSIG && !check_ttl(r, &record))
		return;
	if (!read_rdata(r, &record, &rdata))
		return;
	if (record.type == KSK_TYPE_RRSIG)
		keep_rrsig(r, &record, rdata);
	else
		keep_rdata(r, &record, rdata);
}

/* Beyond the limit records are only counted: no work grows with them. */
static void
read_entry(struct reader *r)
{
	if (!r->entry.blank && r->entry.word[0].text.data[0] == '$') {
		read_directive(r);
		return;
	}
	r->record_count++;
	if (r->record_count == KSK_RDATA_COUNT_MAX + 1)
		ksk_zonetext_note(r->faults, r->entry.line,
			"more than %u records: an RRset may hold no more",
			KSK_RDATA_COUNT_MAX);
	if (r->record_count <= KSK_RDATA_COUNT_MAX)
		read_record(r);
}

static void
read_entries(struct reader *r)
{
	for (;;) {
		struct ksk_zonetext_fault fault;
		enum ksk_err err = ksk_zonetext_scan_next(
			&r->scan, &r->entry, &fault);

		if (err == KSK_ERR_NOT_FOUND)
			return;
		if (err == KSK_OK)
			read_entry(r);
		else
			add_fault(r, &fault);
	}
}

/* ---- the text as a whole ---- */

/* RFC 4035 5.3.2: a signature covers the TTL that its zone gave, whatever a
 * cache has left of it. */
static void
check_proof(struct reader *r)
{
	char type[10];

	if (r->zone.rrsig_count == 0)
		ksk_zonetext_note(r->faults, 0, "the text holds no RRSIG");
	for (size_t i = 0; i < r->zone.rrsig_count; i++) {
		struct ksk_rrsig rrsig;

		if (ksk_rrsig_read(r->zone.rrsig[i], &rrsig) != KSK_OK) {
			ksk_zonetext_note(
				r->faults, 0, "RRSIG %zu can't be read", i + 1);
			return;
		}
		if (rrsig.type != r->zone.rrset.type)
			ksk_zonetext_note(r->faults, 0,
				"RRSIG %zu does not cover the %s records",
				i + 1, ksk_type_text(r->zone.rrset.type, type));
		if (i > 0 && rrsig.ttl != r->zone.rrset.ttl)
			ksk_zonetext_note(r->faults, 0,
				"the RRSIGs have different original TTLs");
		r->zone.rrset.ttl = rrsig.ttl;
	}
}

static void
check_whole(struct reader *r)
{
	if (r->faults->count != 0)
		return;
	if (r->zone.rrset.count == 0) {
		ksk_zonetext_note(r->faults, 0, "the text holds no records%s",
			r->zone.rrsig_count != 0 ? " but RRSIGs" : "");
		return;
	}
	if (r->filled_count != 0)
		ksk_zonetext_note(&r->zone.notes, 0,
			"%zu of %zu records have no TTL: the policy's, %u, is "
			"taken",
			r->filled_count, r->record_count, r->options->ttl);
	if (r->options->form == KSK_ZONETEXT_PROOF)
		check_proof(r);
	ksk_rrset_sort(&r->zone.rrset);
}

static enum ksk_err
finish(struct reader *r, struct ksk_zonetext *out_zone)
{
	struct ksk_zonetext_faults *faults = r->faults;

	check_whole(r);
	if (faults->count != 0) {
		faults->lacks_ttl = faults->dropped == 0 && r->has_set &&
			faults->count == r->ttl_fault_count;
		faults->owner = r->zone.rrset.owner;
		faults->type = r->zone.rrset.type;
		return KSK_ERR_BAD_INPUT;
	}
	*out_zone = r->zone;
	r->zone.memory = NULL;
	return KSK_OK;
}

enum ksk_err
ksk_zonetext_read(struct ksk_span text,
	const struct ksk_zonetext_options *options,
	struct ksk_zonetext *out_zone, struct ksk_zonetext_faults *faults)
{
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	struct ksk_zonetext_fault fault;
	struct reader *r;

	*faults = (struct ksk_zonetext_faults){0};
	if (text.len > KSK_ZONETEXT_MAX) {
		ksk_zonetext_note(faults, 0, "the text exceeds %u bytes",
			KSK_ZONETEXT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return KSK_ERR_NO_MEMORY;
	r->options = options;
	r->faults = faults;
	r->zone.memory = malloc(MEMORY_COUNT * KSK_RDATA_MAX);
	if (r->zone.memory == NULL)
		goto out;
	r->memory = ksk_buf_of(r->zone.memory, MEMORY_COUNT * KSK_RDATA_MAX);
	ksk_zonetext_scan_begin(text, &r->scan);
	if (options->section)
		r->scan.pos = 0;
	if (ksk_zonetext_scan_check(text, &fault) == KSK_OK)
		read_entries(r);
	else
		add_fault(r, &fault);
	err = finish(r, out_zone);
out:
	free(r->zone.memory);
	free(r);
	return err;
}

void
ksk_zonetext_wipe(struct ksk_zonetext *zone)
{
	free(zone->memory);
	*zone = (struct ksk_zonetext){0};
}
