/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_ldns - see zonetext_ldns.h.
 */
#include "protocol/zonetext_ldns.h"

#include "protocol/zonetext_field.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum ksk_err
ksk_zonetext_type(const struct ksk_zonetext_word *word, uint16_t *out_type)
{
	char name[KSK_ZONETEXT_SHOW_CAP];
	enum ksk_err err = ksk_zonetext_numbered(word, "TYPE", out_type);
	ldns_rr_type type;

	if (err != KSK_ERR_NOT_FOUND)
		return err == KSK_OK ? KSK_OK : KSK_ERR_NOT_FOUND;
	/* ldns reads TYPE48x as TYPE48. */
	if (word->text.len >= 4 &&
		strncasecmp((const char *)word->text.data, "TYPE", 4) == 0)
		return KSK_ERR_NOT_FOUND;
	/* Cut at 40 bytes: longer than any mnemonic. */
	type = ldns_get_rr_type_by_name(ksk_zonetext_word_show(word, name));
	if (type == 0 || type > UINT16_MAX)
		return KSK_ERR_NOT_FOUND;
	*out_type = (uint16_t)type;
	return KSK_OK;
}

/* Base64 of a key has one form only: the text must come back letter by letter.
 * Hexadecimal has two cases. */
static bool
is_as_written(const struct ksk_zonetext_record *record, struct ksk_span rdata)
{
	char text[KSK_ZONETEXT_RECORD_CAP];
	size_t len, want = strlen(record->strict);
	bool key = record->type == KSK_TYPE_DNSKEY ||
		record->type == KSK_TYPE_CDNSKEY;

	if (record->strict[0] == '\\') {
		ksk_hex_write(rdata, text, sizeof(text));
		return strcasecmp(text, strrchr(record->strict, ' ') + 1) == 0;
	}
	if (!key && record->type != KSK_TYPE_DS && record->type != KSK_TYPE_CDS)
		return true;
	if (ksk_zonetext_record(record->owner, record->type, record->ttl, rdata,
		    text) != KSK_OK)
		return false;
	len = strlen(text);
	if (len <= want)
		return false;
	if (key)
		return strcmp(text + len - want, record->strict) == 0;
	return strcasecmp(text + len - want, record->strict) == 0;
}

/* Appends the RDATA in canonical form (RFC 4034 6.2). */
static enum ksk_err
put_rdata(ldns_rr *rr, struct ksk_buf *rdata)
{
	ldns_rr2canonical(rr);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *field = ldns_rr_rdf(rr, i);

		/* ldns leaves a key of no bytes out. */
		if (field == NULL || ldns_rdf_data(field) == NULL)
			return KSK_ERR_MALFORMED;
		if (ksk_buf_put(rdata, ldns_rdf_data(field),
			    ldns_rdf_size(field)) != KSK_OK)
			return KSK_ERR_TOO_LARGE;
	}
	return rdata->len == 0 ? KSK_ERR_MALFORMED : KSK_OK;
}

/* Lets ldns read the line. out_rr: owned by the caller, ldns_rr_free. */
static enum ksk_err
read_line(const struct ksk_zonetext_record *record, const char *line,
	ldns_rr **out_rr)
{
	ldns_rdf *origin = NULL;
	ldns_status status;

	if (record->origin != NULL) {
		origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME,
			record->origin->len, record->origin->wire);
		if (origin == NULL)
			return KSK_ERR_NO_MEMORY;
	}
	status = ldns_rr_new_frm_str(out_rr, line, 0, origin, NULL);
	ldns_rdf_deep_free(origin);
	if (status == LDNS_STATUS_MEM_ERR)
		return KSK_ERR_NO_MEMORY;
	return status == LDNS_STATUS_OK ? KSK_OK : KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_zonetext_ldns(const struct ksk_zonetext_record *record, size_t want_len,
	struct ksk_buf *memory, struct ksk_span *out_rdata)
{
	size_t cap = KSK_ZONETEXT_STRICT_CAP + KSK_NAME_TEXT_CAP + 64;
	struct ksk_buf rdata = ksk_buf_of(
		memory->data + memory->len, memory->cap - memory->len);
	char owner[KSK_NAME_TEXT_CAP], type[10];
	char *line = malloc(cap);
	ldns_rr *rr = NULL;
	enum ksk_err err;

	if (line == NULL)
		return KSK_ERR_NO_MEMORY;
	if (rdata.cap > KSK_RDATA_MAX)
		rdata.cap = KSK_RDATA_MAX;
	ksk_name_to_text(record->owner, owner);
	(void)snprintf(line, cap, "%s %u IN %s %s", owner, record->ttl,
		ksk_type_text(record->type, type), record->strict);
	err = read_line(record, line, &rr);
	if (err == KSK_OK && (uint16_t)ldns_rr_get_type(rr) != record->type)
		err = KSK_ERR_MALFORMED;
	if (err == KSK_OK)
		err = put_rdata(rr, &rdata);
	ldns_rr_free(rr);
	free(line);
	if (err != KSK_OK)
		return err;
	if (want_len != 0 && rdata.len != want_len)
		return KSK_ERR_MALFORMED;
	*out_rdata = ksk_buf_span(&rdata);
	if (!is_as_written(record, *out_rdata))
		return KSK_ERR_MALFORMED;
	memory->len += rdata.len;
	return KSK_OK;
}
