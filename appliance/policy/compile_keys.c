/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins our own side of a zone: KSKs, the DS set seen at the parent,
 * co-signers, pairs of keys with one tag; and the list of all pins of a zone,
 * in which none may stand twice.
 */
#include "appliance/policy/compile_work.h"

#include <stdio.h>
#include <string.h>

void
ksk_compile_pin(struct ksk_work *work, const struct ksk_ds *ds,
	const char *list, size_t index, size_t key)
{
	struct ksk_ds_place pin = {
		.ds = *ds, .list = list, .index = index, .key = key};

	ksk_vec_put(work, &work->pins, &pin);
}

/* Builds the place of a pin; list is its room for the upper step. */
static struct ksk_at
pin_at(const struct ksk_at *at, const struct ksk_ds_place *pin,
	struct ksk_at *list)
{
	*list = (struct ksk_at){
		.up = at, .key = pin->list, .index = pin->index};
	if (pin->key == KSK_NO_INDEX)
		return *list;
	return (struct ksk_at){.up = list, .key = "keys", .index = pin->key};
}

/* The later of the two in the text is the one that is wrong. */
static void
fault_pins(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_ds_place *a, const struct ksk_ds_place *b)
{
	struct ksk_at list_a, list_b;
	struct ksk_at at_a = pin_at(at, a, &list_a);
	struct ksk_at at_b = pin_at(at, b, &list_b);
	size_t line_a = ksk_work_line(work, &at_a, "ds");
	size_t line_b = ksk_work_line(work, &at_b, "ds");
	bool swapped = line_b < line_a;

	ksk_work_fault(work, swapped ? &at_a : &at_b, "ds",
		"this key stands already in line %zu; a key has one owner and "
		"one entry",
		swapped ? line_b : line_a);
}

void
ksk_compile_pins_unique(struct ksk_work *work, const struct ksk_at *at)
{
	const struct ksk_ds_place *pins = work->pins.data;

	for (size_t i = 1; i < work->pins.count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!ksk_ds_equal(&pins[i].ds, &pins[k].ds))
				continue;
			fault_pins(work, at, &pins[k], &pins[i]);
			break;
		}
	}
	work->pins.count = 0;
}

/* A label of PKCS#11 is any text; control characters would hide in logs. */
static void
compile_label(struct ksk_work *work, const struct ksk_at *at, const char *text,
	char out[KSK_LABEL_CAP])
{
	size_t len, i = 0;

	if (text == NULL)
		return;
	len = strlen(text);
	while (i < len && (uint8_t)text[i] >= 0x20 && text[i] != 0x7f)
		i++;
	if (i < len || len >= KSK_LABEL_CAP) {
		ksk_work_fault(work, at, "label",
			"a label has at most 63 bytes and no control "
			"characters");
		return;
	}
	memcpy(out, text, len + 1);
}

static void
compile_ksk_times(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_ksk *doc, struct ksk_policy_ksk *ksk)
{
	ksk->until = KSK_NEVER;
	if (ksk_value_time(work, at, "from", doc->from, &ksk->from) &&
		ksk_value_time(work, at, "until", doc->until, &ksk->until) &&
		ksk->until <= ksk->from)
		ksk_work_fault(
			work, at, "until", "`until` must be later than `from`");
}

static void
compile_ksk(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_ksk *doc, const struct ksk_zone *zone)
{
	struct ksk_policy_ksk ksk;

	memset(&ksk, 0, sizeof(ksk));
	(void)ksk_value_label(work, at, "token", doc->token, ksk.token);
	compile_label(work, at, doc->label, ksk.label);
	if (doc->ds != NULL &&
		ksk_value_ds(
			work, at, "ds", doc->ds, zone->algorithms, &ksk.ds))
		ksk_compile_pin(work, &ksk.ds, "ksk", at->index, KSK_NO_INDEX);
	compile_ksk_times(work, at, doc, &ksk);
	(void)ksk_value_bool(work, at, "revoked", doc->revoked, &ksk.revoked);
	/* A revoked key is none that a parent should point at (RFC 5011
	 * 2.1). */
	ksk.cds = ksk.revoked != 0 ? 0 : 1;
	(void)ksk_value_bool(work, at, "cds", doc->cds, &ksk.cds);
	if (ksk.revoked != 0 && ksk.cds != 0)
		ksk_work_fault(work, at, "cds",
			"a revoked KSK is not named in CDS (RFC 5011 2.1); "
			"write cds: no");
	ksk_vec_put(work, &work->part[KSK_SECTION_KSKS], &ksk);
}

static void
compile_parent(struct ksk_work *work, const struct ksk_at *zone_at,
	const struct ksk_doc_parent *doc, struct ksk_zone *zone)
{
	struct ksk_at at = {
		.up = zone_at, .key = "parent-ds", .index = KSK_NO_INDEX};
	struct ksk_vec *vec = &work->part[KSK_SECTION_DS];

	zone->parent_ds.first = (uint32_t)vec->count;
	if (doc == NULL)
		return;
	zone->has_parent = 1;
	if (ksk_value_time(work, &at, "seen", doc->seen, &zone->parent_seen) &&
		zone->parent_seen > work->now)
		ksk_work_fault(work, &at, "seen",
			"this moment is ahead of the clock; write when the DS "
			"set was seen at the parent");
	for (size_t i = 0; i < doc->ds_count; i++) {
		struct ksk_at here = {.up = &at, .key = "ds", .index = i};
		struct ksk_ds ds;

		/* Foreign keys too: any algorithm. */
		memset(&ds, 0, sizeof(ds));
		if (!ksk_value_ds(work, &here, NULL, doc->ds[i], 0, &ds))
			continue;
		for (size_t k = zone->parent_ds.first; k < vec->count; k++) {
			const struct ksk_ds *list = vec->data;

			if (ksk_ds_equal(&list[k], &ds))
				ksk_work_fault(work, &here, NULL,
					"this DS stands in the list already; "
					"keep one");
		}
		ksk_vec_put(work, vec, &ds);
	}
	zone->parent_ds.count = (uint32_t)vec->count - zone->parent_ds.first;
}

static void
compile_cosigner(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_cosigner *doc, const struct ksk_zone *zone)
{
	static const char *const roles[] = {"ksk", "csk", NULL};
	struct ksk_policy_cosigner c;
	unsigned role = 0;

	memset(&c, 0, sizeof(c));
	c.until = KSK_NEVER;
	(void)ksk_value_label(work, at, "provider", doc->provider, c.provider);
	(void)ksk_value_word(work, at, "role", doc->role, roles, &role);
	c.csk = (uint8_t)role;
	if (doc->ds != NULL &&
		ksk_value_ds(work, at, "ds", doc->ds, zone->algorithms, &c.ds))
		ksk_compile_pin(
			work, &c.ds, "co-signers", at->index, KSK_NO_INDEX);
	(void)ksk_value_bool(
		work, at, "in-parent", doc->in_parent, &c.in_parent);
	(void)ksk_value_time(work, at, "until", doc->until, &c.until);
	ksk_vec_put(work, &work->part[KSK_SECTION_COSIGNERS], &c);
}

/* "12345 13" */
static void
compile_tag_pair(
	struct ksk_work *work, const struct ksk_at *at, const char *text)
{
	struct ksk_tag_pair pair;
	const char *blank = strchr(text, ' ');
	uint64_t tag, algorithm;
	char tag_text[8] = "";

	memset(&pair, 0, sizeof(pair));
	if (blank != NULL && (size_t)(blank - text) < sizeof(tag_text))
		memcpy(tag_text, text, (size_t)(blank - text));
	if (ksk_text_uint(tag_text, 0, 65535, &tag) != KSK_OK ||
		ksk_text_uint(blank + 1, 1, 255, &algorithm) != KSK_OK) {
		ksk_work_fault(work, at, NULL,
			"\"%.40s\" is not right here; write key tag and "
			"algorithm, such as \"12345 13\"",
			text);
		return;
	}
	pair.tag = (uint16_t)tag;
	pair.algorithm = (uint8_t)algorithm;
	ksk_vec_put(work, &work->part[KSK_SECTION_TAG_PAIRS], &pair);
}

/* As the rules see it, or wider: a DS of the other digest type counts. */
static bool
in_parent(const struct ksk_work *work, const struct ksk_zone *zone,
	const struct ksk_ds *ds)
{
	const struct ksk_ds *list = work->part[KSK_SECTION_DS].data;

	for (size_t i = 0; i < zone->parent_ds.count; i++) {
		const struct ksk_ds *at = &list[zone->parent_ds.first + i];

		if (at->tag == ds->tag && at->algorithm == ds->algorithm)
			return true;
	}
	return false;
}

/* How many KSKs can stand at a moment: those in time, and those that the
 * parent's DS may hold on to. */
static size_t
count_standing(
	const struct ksk_work *work, const struct ksk_zone *zone, uint64_t at)
{
	const struct ksk_policy_ksk *list = work->part[KSK_SECTION_KSKS].data;
	size_t count = 0;

	for (size_t i = 0; i < zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k = &list[zone->ksks.first + i];

		if ((k->from <= at && at < k->until) ||
			in_parent(work, zone, &k->ds))
			count++;
	}
	return count;
}

/* Answers hold KSK_RRSIG_COUNT_MAX signatures. */
static void
check_standing(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_zone *zone)
{
	for (size_t i = 0; i < zone->ksks.count; i++) {
		const struct ksk_policy_ksk *list =
			work->part[KSK_SECTION_KSKS].data;
		size_t count = count_standing(
			work, zone, list[zone->ksks.first + i].from);

		if (count <= KSK_RRSIG_COUNT_MAX)
			continue;
		ksk_work_fault(work, at, "ksk",
			"%zu KSKs would stand at one moment; at most %u: give "
			"old ones an `until`",
			count, KSK_RRSIG_COUNT_MAX);
		return;
	}
}

static bool
is_named_pair(const struct ksk_work *work, const struct ksk_zone *zone,
	const struct ksk_ds *ds)
{
	const struct ksk_tag_pair *list =
		work->part[KSK_SECTION_TAG_PAIRS].data;

	for (size_t i = 0; i < zone->tag_pairs.count; i++) {
		const struct ksk_tag_pair *p = &list[zone->tag_pairs.first + i];

		if (p->tag == ds->tag && p->algorithm == ds->algorithm)
			return true;
	}
	return false;
}

/*
 * Two KSKs with one tag and algorithm, pinned by digests of two types, are
 * most likely one key; a digest can't be turned into the other. One key with
 * two entries would have to stand twice, so that no set would ever pass
 * ksk-present; two keys need `tag-pairs` anyway.
 */
static void
check_ksks_distinct(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_zone *zone)
{
	const struct ksk_policy_ksk *list;

	/* There may be none in the whole policy, and no list. */
	if (zone->ksks.count < 2)
		return;
	list = work->part[KSK_SECTION_KSKS].data;
	list += zone->ksks.first;
	for (size_t i = 0; i < zone->ksks.count; i++) {
		struct ksk_at here = {.up = at, .key = "ksk", .index = i};

		for (size_t k = 0; k < i; k++) {
			struct ksk_at first = {
				.up = at, .key = "ksk", .index = k};

			if (list[k].ds.tag != list[i].ds.tag ||
				list[k].ds.algorithm != list[i].ds.algorithm ||
				list[k].ds.digest_type ==
					list[i].ds.digest_type ||
				is_named_pair(work, zone, &list[i].ds))
				continue;
			ksk_work_fault(work, &here, "ds",
				"this looks like the key of line %zu by another "
				"digest type; a KSK has one entry, remove one. "
				"If they are two keys, name the pair in "
				"`tag-pairs`: \"%u %u\"",
				ksk_work_line(work, &first, "ds"),
				list[i].ds.tag, list[i].ds.algorithm);
			return;
		}
	}
}

void
ksk_compile_keys(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone)
{
	struct ksk_vec *part = work->part;

	zone->ksks.first = (uint32_t)part[KSK_SECTION_KSKS].count;
	zone->ksks.count = doc->ksk_count;
	for (size_t i = 0; i < doc->ksk_count; i++) {
		struct ksk_at here = {.up = at, .key = "ksk", .index = i};

		compile_ksk(work, &here, &doc->ksk[i], zone);
	}
	compile_parent(work, at, doc->parent, zone);
	zone->cosigners.first = (uint32_t)part[KSK_SECTION_COSIGNERS].count;
	zone->cosigners.count = doc->cosigners_count;
	for (size_t i = 0; i < doc->cosigners_count; i++) {
		struct ksk_at here = {
			.up = at, .key = "co-signers", .index = i};

		compile_cosigner(work, &here, &doc->cosigners[i], zone);
	}
	zone->tag_pairs.first = (uint32_t)part[KSK_SECTION_TAG_PAIRS].count;
	zone->tag_pairs.count = doc->tag_pairs_count;
	for (size_t i = 0; i < doc->tag_pairs_count; i++) {
		struct ksk_at here = {.up = at, .key = "tag-pairs", .index = i};

		compile_tag_pair(work, &here, doc->tag_pairs[i]);
	}
	if (work->err != KSK_OK)
		return;
	check_ksks_distinct(work, at, zone);
	check_standing(work, at, zone);
}
