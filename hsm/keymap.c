/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keymap - see keymap.h. Fields are split at single blanks: the file is
 * written by kskadm, and a line that a person has bent by hand is refused with
 * its number rather than guessed at.
 */
#include "hsm/keymap.h"

#include "protocol/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The words of a line: ksk zone token tag algorithm digest-type digest id
 * label, and a mark that may be missing */
enum field { KIND, ZONE, TOKEN, TAG, ALGORITHM, TYPE, DIGEST, ID, LABEL, MARK };
#define FIELD_COUNT 10u
#define MARK_EXTRACTABLE "extractable"

static bool
is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Splits at single blanks; false unless there are FIELD_COUNT words or one
 * less, the mark then being empty. */
static bool
split(struct ksk_span line, struct ksk_span out[FIELD_COUNT])
{
	size_t start = 0;
	size_t count = 0;

	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && line.data[i] != ' ')
			continue;
		if (i == start || count == FIELD_COUNT)
			return false;
		out[count++] = ksk_span_of(line.data + start, i - start);
		start = i + 1;
	}
	if (count == MARK)
		out[MARK] = ksk_span_of(NULL, 0);
	return count >= MARK;
}

static bool
is_word(struct ksk_span field, const char *word)
{
	return ksk_span_equal(field, ksk_span_of(word, strlen(word)));
}

static bool
read_token(struct ksk_span field, char out[KSK_LABEL_CAP])
{
	if (field.len >= KSK_LABEL_CAP)
		return false;
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] <= ' ' || field.data[i] > '~')
			return false;
	}
	memcpy(out, field.data, field.len);
	out[field.len] = '\0';
	return true;
}

static bool
read_label(struct ksk_span field, char out[KSK_LABEL_CAP])
{
	size_t len = 0;

	if (is_word(field, "-")) {
		out[0] = '\0';
		return true;
	}
	for (size_t i = 0; i < field.len && len < KSK_LABEL_CAP; len++) {
		const char *at = (const char *)field.data + i;
		uint8_t byte = field.data[i];
		size_t one = 0;

		if (is_plain(byte)) {
			i++;
		} else if (byte != '%' || field.len - i < 3 ||
			ksk_hex_read(at + 1, 2, &byte, 1, &one) != KSK_OK ||
			byte == 0) {
			return false;
		} else {
			i += 3;
		}
		out[len] = (char)byte;
	}
	if (len >= KSK_LABEL_CAP)
		return false;
	out[len] = '\0';
	return true;
}

static bool
read_id(struct ksk_span field, struct ksk_keymap_entry *entry)
{
	if (is_word(field, "-"))
		return true;
	return ksk_hex_read((const char *)field.data, field.len, entry->id,
		       sizeof(entry->id), &entry->id_len) == KSK_OK;
}

static const char *
read_entry(struct ksk_span line, struct ksk_keymap_entry *out)
{
	struct ksk_span f[FIELD_COUNT];
	struct ksk_keymap_entry e = {0};
	const char *ds;

	if (!split(line, f) ||
		(!is_word(f[KIND], "ksk") && !is_word(f[KIND], "audit")))
		return "must be \"ksk ZONE TOKEN TAG ALGORITHM DIGESTTYPE "
		       "DIGEST CKA_ID LABEL\", or \"audit . TOKEN …\", with "
		       "single blanks";
	e.audit = is_word(f[KIND], "audit");
	if (e.audit && !is_word(f[ZONE], "."))
		return "an audit key has no zone: write \".\" in its place";
	if (ksk_name_from_text((const char *)f[ZONE].data, f[ZONE].len, &e.zone,
		    NULL) != KSK_OK)
		return "the zone is no domain name";
	if (!read_token(f[TOKEN], e.token))
		return "the token's name is not printable or too long";
	/* The four words of a DS stand next to each other. */
	ds = (const char *)f[TAG].data;
	if (ksk_ds_from_text(ds,
		    f[TAG].len + f[ALGORITHM].len + f[TYPE].len +
			    f[DIGEST].len + 3,
		    &e.ds, NULL) != KSK_OK)
		return "tag, algorithm, digest type and digest are no DS";
	if (!read_id(f[ID], &e))
		return "the CKA_ID is neither hexadecimal nor \"-\"";
	if (!read_label(f[LABEL], e.label))
		return "the label has a bad escape or is too long";
	e.extractable = is_word(f[MARK], MARK_EXTRACTABLE);
	if (!e.extractable && f[MARK].len != 0)
		return "the only word behind the label is \"extractable\"";
	if (e.audit && e.extractable)
		return "an audit key never leaves its token";
	*out = e;
	return NULL;
}

/* Makes room for one more entry, doubling. */
static enum ksk_err
grow(struct ksk_keymap *map, size_t *cap)
{
	struct ksk_keymap_entry *more;
	size_t want = *cap == 0 ? 16 : *cap * 2;

	if (map->count < *cap)
		return KSK_OK;
	if (map->count >= KSK_KEYMAP_ENTRY_MAX)
		return KSK_ERR_TOO_LARGE;
	more = realloc(map->entries, want * sizeof(*more));
	if (more == NULL)
		return KSK_ERR_NO_MEMORY;
	map->entries = more;
	*cap = want;
	return KSK_OK;
}

/* One audit key for a token: which of two would sign? */
static const char *
second_audit(const struct ksk_keymap *map)
{
	const struct ksk_keymap_entry *e = &map->entries[map->count];

	return e->audit && ksk_keymap_audit(map, e->token) != NULL
		? "the token has an audit key already"
		: NULL;
}

static enum ksk_err
add_line(struct ksk_keymap *map, size_t *cap, struct ksk_span line,
	size_t number, struct ksk_fault *fault)
{
	const char *wrong;
	enum ksk_err r;

	if (line.len == 0 || line.data[0] == '#')
		return KSK_OK;
	if ((r = grow(map, cap)) != KSK_OK) {
		ksk_fault_set(fault, "line %zu: %s", number, ksk_err_text(r));
		return r;
	}
	wrong = read_entry(line, &map->entries[map->count]);
	if (wrong == NULL)
		wrong = second_audit(map);
	if (wrong != NULL) {
		ksk_fault_set(fault, "line %zu: %s", number, wrong);
		return KSK_ERR_BAD_INPUT;
	}
	map->count++;
	return KSK_OK;
}

/* Any order does in which the root comes first. */
static int
compare_zones(const struct ksk_name *a, const struct ksk_name *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->wire, b->wire, a->len);
}

static bool
is_before(const struct ksk_keymap *map, uint32_t x, uint32_t y)
{
	int order = compare_zones(&map->entries[x].zone, &map->entries[y].zone);

	return order != 0 ? order < 0 : x < y;
}

/* Lets by_zone[at] sink in a heap of so many whose top is the last. */
static void
sink(struct ksk_keymap *map, size_t at, size_t count)
{
	uint32_t *heap = map->by_zone;

	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		uint32_t value = heap[at];

		if (child + 1 < count &&
			is_before(map, heap[child], heap[child + 1]))
			child++;
		if (!is_before(map, value, heap[child]))
			return;
		heap[at] = heap[child];
		heap[child] = value;
	}
}

/* Not qsort: the C library's asks the kernel how much memory there is, and a
 * worker may not. */
static enum ksk_err
sort(struct ksk_keymap *map)
{
	map->by_zone = malloc((map->count + 1) * sizeof(*map->by_zone));
	if (map->by_zone == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t i = 0; i < map->count; i++)
		map->by_zone[i] = (uint32_t)i;
	for (size_t i = map->count / 2; i-- > 0;)
		sink(map, i, map->count);
	for (size_t i = map->count; i-- > 1;) {
		uint32_t last = map->by_zone[0];

		map->by_zone[0] = map->by_zone[i];
		map->by_zone[i] = last;
		sink(map, 0, i);
	}
	return KSK_OK;
}

/* Where the zone's entries begin in by_zone, or would. */
static size_t
find_zone(const struct ksk_keymap *map, const struct ksk_name *zone)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct ksk_keymap_entry *e =
			&map->entries[map->by_zone[middle]];

		if (compare_zones(&e->zone, zone) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The zone's entry at a place of by_zone, NULL behind its last. */
static const struct ksk_keymap_entry *
entry_at(
	const struct ksk_keymap *map, size_t place, const struct ksk_name *zone)
{
	const struct ksk_keymap_entry *e = place < map->count
		? &map->entries[map->by_zone[place]]
		: NULL;

	return e != NULL && ksk_name_equal(&e->zone, zone) ? e : NULL;
}

enum ksk_err
ksk_keymap_read(struct ksk_span text, struct ksk_keymap *out_keymap,
	struct ksk_fault *fault)
{
	struct ksk_keymap map = {0};
	size_t cap = 0;
	size_t number = 1;
	size_t start = 0;
	enum ksk_err r = KSK_OK;

	for (size_t i = 0; i <= text.len && r == KSK_OK; i++) {
		if (i < text.len && text.data[i] != '\n')
			continue;
		if (i > start)
			r = add_line(&map, &cap,
				ksk_span_of(text.data + start, i - start),
				number, fault);
		start = i + 1;
		number++;
	}
	if (r == KSK_OK)
		r = sort(&map);
	if (r != KSK_OK) {
		ksk_keymap_free(&map);
		return r;
	}
	*out_keymap = map;
	return KSK_OK;
}

/* Reads a descriptor from its start to its end into owned memory. */
static enum ksk_err
slurp(int fd, uint8_t **out_data, size_t *out_len)
{
	uint8_t *data = NULL;
	size_t cap = 0;
	size_t len = 0;
	enum ksk_err r = KSK_ERR_IO;

	for (;;) {
		ssize_t n;

		if (len == cap) {
			uint8_t *more = NULL;

			cap = cap == 0 ? 16384 : cap * 2;
			r = KSK_ERR_TOO_LARGE;
			if (cap > KSK_KEYMAP_TEXT_MAX)
				break;
			r = KSK_ERR_NO_MEMORY;
			more = realloc(data, cap);
			if (more == NULL)
				break;
			data = more;
		}
		n = pread(fd, data + len, cap - len, (off_t)len);
		r = KSK_ERR_IO;
		if (n < 0 && errno != EINTR)
			break;
		if (n == 0) {
			*out_data = data;
			*out_len = len;
			return KSK_OK;
		}
		if (n > 0)
			len += (size_t)n;
	}
	free(data);
	return r;
}

enum ksk_err
ksk_keymap_read_fd(
	int fd, struct ksk_keymap *out_keymap, struct ksk_fault *fault)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err r = slurp(fd, &data, &len);

	if (r != KSK_OK) {
		ksk_fault_set(fault, "can't be read: %s", ksk_err_text(r));
		return r;
	}
	r = ksk_keymap_read(ksk_span_of(data, len), out_keymap, fault);
	free(data);
	return r;
}

void
ksk_keymap_free(struct ksk_keymap *keymap)
{
	free(keymap->entries);
	free(keymap->by_zone);
	*keymap = (struct ksk_keymap){0};
}

#define LABEL_TEXT_CAP (3 * KSK_LABEL_CAP)

static void
label_text(const char *label, char out[LABEL_TEXT_CAP])
{
	size_t len = 0;
	bool lone_dash = label[0] == '\0' || strcmp(label, "-") == 0;

	if (lone_dash) {
		(void)snprintf(out, LABEL_TEXT_CAP, "%s",
			label[0] == '\0' ? "-" : "%2d");
		return;
	}
	for (const char *p = label; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (is_plain(c))
			out[len++] = *p;
		else
			len += (size_t)snprintf(out + len, LABEL_TEXT_CAP - len,
				"%%%02x", (unsigned)c);
	}
	out[len] = '\0';
}

enum ksk_err
ksk_keymap_line(
	const struct ksk_keymap_entry *entry, char out[KSK_KEYMAP_LINE_CAP])
{
	char zone[KSK_NAME_TEXT_CAP];
	char ds[KSK_DS_TEXT_CAP];
	char id[2 * KSK_CKA_ID_MAX + 1] = "-";
	char label[LABEL_TEXT_CAP];
	char token[KSK_LABEL_CAP];
	size_t token_len = strlen(entry->token);

	if (token_len == 0 ||
		!read_token(ksk_span_of(entry->token, token_len), token))
		return KSK_ERR_BAD_INPUT;
	ksk_name_to_text(&entry->zone, zone);
	ksk_ds_to_text(&entry->ds, ds);
	if (entry->id_len != 0)
		ksk_hex_write(
			ksk_span_of(entry->id, entry->id_len), id, sizeof(id));
	label_text(entry->label, label);
	(void)snprintf(out, KSK_KEYMAP_LINE_CAP, "%s %s %s %s %s %s%s\n",
		entry->audit ? "audit" : "ksk", zone, token, ds, id, label,
		entry->extractable ? " " MARK_EXTRACTABLE : "");
	return KSK_OK;
}

/* True if it may be the entry's key on this token. */
static bool
is_like(const struct ksk_keymap_entry *e, const struct ksk_dnskey *key,
	const char *token)
{
	return e->ds.tag == key->tag && e->ds.algorithm == key->algorithm &&
		strcmp(e->token, token) == 0;
}

static bool
allows(const struct ksk_keymap *keymap, const struct ksk_name *zone,
	const char *token, struct ksk_span dnskey, bool extractable)
{
	const struct ksk_keymap_entry *e;
	struct ksk_dnskey key;

	if (ksk_dnskey_read(dnskey, &key) != KSK_OK)
		return false;
	for (size_t at = find_zone(keymap, zone);
		(e = entry_at(keymap, at, zone)) != NULL; at++)
		/* The cheap comparisons first: the last one hashes. */
		if (!e->audit && is_like(e, &key, token) &&
			(e->extractable || !extractable) &&
			ksk_ds_matches(&e->ds, zone, dnskey))
			return true;
	return false;
}

const struct ksk_keymap_entry *
ksk_keymap_audit(const struct ksk_keymap *keymap, const char *token)
{
	for (size_t i = 0; i < keymap->count; i++) {
		if (keymap->entries[i].audit &&
			strcmp(keymap->entries[i].token, token) == 0)
			return &keymap->entries[i];
	}
	return NULL;
}

bool
ksk_keymap_has(const struct ksk_keymap *keymap, const char *token,
	struct ksk_span dnskey, bool audit)
{
	struct ksk_dnskey key;

	if (ksk_dnskey_read(dnskey, &key) != KSK_OK)
		return false;
	/* Audit keys are the root's, which comes first: few are looked at. */
	for (size_t at = 0; at < keymap->count; at++) {
		const struct ksk_keymap_entry *e =
			&keymap->entries[keymap->by_zone[at]];

		if (audit && e->zone.len > 1)
			return false;
		if (e->audit == audit && is_like(e, &key, token) &&
			ksk_ds_matches(&e->ds, &e->zone, dnskey))
			return true;
	}
	return false;
}

bool
ksk_keymap_allows(const struct ksk_keymap *keymap, const struct ksk_name *zone,
	const char *token, struct ksk_span dnskey)
{
	return allows(keymap, zone, token, dnskey, false);
}

bool
ksk_keymap_allows_extractable(const struct ksk_keymap *keymap,
	const struct ksk_name *zone, const char *token, struct ksk_span dnskey)
{
	return allows(keymap, zone, token, dnskey, true);
}
