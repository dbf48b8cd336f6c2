/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vector - reads files of tests/vectors: records in zone format, parsed by
 * ldns, so that what is expected comes from a tool that is not ours; and
 * hexadecimal.
 */
#ifndef KSK_TESTS_VECTOR_H
#define KSK_TESTS_VECTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

#include "protocol/rrset.h"

/* One record. tag: ldns's, of a DNSKEY. */
struct vector_record {
	struct ksk_name owner;
	uint16_t type;
	uint32_t ttl;
	uint16_t tag;
	size_t len;
	uint8_t rdata[2048];
};

static inline void
vector_take(struct vector_record *out, const ldns_rr *rr)
{
	ldns_rdf *owner = ldns_rdf_clone(ldns_rr_owner(rr));

	*out = (struct vector_record){
		.type = (uint16_t)ldns_rr_get_type(rr), .ttl = ldns_rr_ttl(rr)};
	ldns_dname2canonical(owner);
	assert_int_equal(KSK_OK,
		ksk_name_from_wire(
			ksk_span_of(ldns_rdf_data(owner), ldns_rdf_size(owner)),
			&out->owner));
	ldns_rdf_deep_free(owner);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		size_t size = ldns_rdf_size(rdf);
		assert_true(out->len + size <= sizeof(out->rdata));
		memcpy(out->rdata + out->len, ldns_rdf_data(rdf), size);
		out->len += size;
	}
	if (out->type == KSK_TYPE_DNSKEY)
		out->tag = ldns_calc_keytag(rr);
}

/* Reads every record of a file; returns how many. */
static inline size_t
vector_zone(const char *path, struct vector_record *out, size_t cap)
{
	char line[8192];
	size_t count = 0;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		ldns_rr *rr = NULL;
		char *comment = strchr(line, ';');
		if (comment != NULL)
			*comment = '\0';
		if (strspn(line, " \t\n") == strlen(line))
			continue;
		assert_int_equal(LDNS_STATUS_OK,
			ldns_rr_new_frm_str(&rr, line, 3600, NULL, NULL));
		assert_true(count < cap);
		vector_take(&out[count], rr);
		count++;
		ldns_rr_free(rr);
	}
	(void)fclose(file);
	return count;
}

/* Reads the hexadecimal of a file, comments and line ends left out. */
static inline size_t
vector_hex(const char *path, uint8_t *out, size_t cap)
{
	char line[8192];
	size_t len = 0;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t got = 0;
		line[strcspn(line, "#\r\n")] = '\0';
		assert_int_equal(KSK_OK,
			ksk_hex_read(line, strlen(line), out + len, cap - len,
				&got));
		len += got;
	}
	(void)fclose(file);
	return len;
}

static inline struct ksk_span
vector_span(const struct vector_record *record)
{
	return ksk_span_of(record->rdata, record->len);
}

static inline struct ksk_name
vector_name(const char *text)
{
	struct ksk_name name;

	assert_int_equal(
		KSK_OK, ksk_name_from_text(text, strlen(text), &name, NULL));
	return name;
}

#endif
