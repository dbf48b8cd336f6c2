/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * denial - see denial.h. The closest encloser of a name with one label below
 * the apex is the apex itself, which keeps the proofs short.
 */
#include "client/denial.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_CAP 24u

/* What resolvers still take; each one more is work that a server demands. */
#define ITERATIONS_MAX 150u

/* Bytes of SHA-1, the only hash of NSEC3. */
#define HASH_LEN 20u

/* The names that a proof is about, and what there is to prove it. */
struct proof {
	ldns_rdf *apex;
	ldns_rdf *name;     /* label.apex */
	ldns_rdf *wildcard; /* *.apex */
	const ldns_rr_list *records;
	ldns_rr_type type; /* NSEC or NSEC3 */
};

/* ---- their form: ldns believes what they say ---- */

/* RFC 4034 4.1.2: blocks by rising number, of 1 to 32 bytes each. */
static bool
is_bitmap(const ldns_rdf *bitmap)
{
	const uint8_t *data = ldns_rdf_data(bitmap);
	size_t size = ldns_rdf_size(bitmap), at = 0;
	int last = -1;

	while (at < size) {
		if (size - at < 2 || data[at] <= last || data[at + 1] == 0 ||
			data[at + 1] > 32 || data[at + 1] > size - at - 2)
			return false;
		last = data[at];
		at += 2u + data[at + 1];
	}
	return true;
}

/* RFC 5155 3: a hash of SHA-1 right below the apex, and the next one. An empty
 * bitmap is left out. */
static const char *
trouble_of_nsec3(const struct proof *p, const ldns_rr *nsec)
{
	size_t count = ldns_rr_rd_count(nsec);
	const ldns_rdf *next;

	if (count < 5 || (count == 6 && !is_bitmap(ldns_rr_rdf(nsec, 5))))
		return "an NSEC3 record is malformed";
	if (ldns_nsec3_algorithm(nsec) != LDNS_SHA1)
		return "an NSEC3 record has another hash than SHA-1";
	if (ldns_nsec3_iterations(nsec) > ITERATIONS_MAX)
		return "an NSEC3 record has more than 150 iterations, which "
		       "resolvers take for insecure (RFC 9276 3.2)";
	next = ldns_rr_rdf(nsec, 4);
	if (ldns_rdf_size(next) != 1u + HASH_LEN ||
		ldns_rdf_data(next)[0] != HASH_LEN ||
		ldns_dname_label_count(ldns_rr_owner(nsec)) !=
			ldns_dname_label_count(p->apex) + 1)
		return "an NSEC3 record is malformed";
	return NULL;
}

/* Returns NULL, or what is wrong with a record of the proof's type. */
static const char *
find_trouble(const struct proof *p)
{
	const char *trouble = NULL;

	for (size_t i = 0;
		trouble == NULL && i < ldns_rr_list_rr_count(p->records); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->records, i);

		if (ldns_rr_get_type(rr) != p->type)
			continue;
		if (p->type == LDNS_RR_TYPE_NSEC3)
			trouble = trouble_of_nsec3(p, rr);
		else if (ldns_rr_rd_count(rr) != 2 ||
			!is_bitmap(ldns_rr_rdf(rr, 1)))
			trouble = "an NSEC record is malformed";
	}
	return trouble;
}

/* ---- what the records say ---- */

/* The name as the owners of the records have it; owned. */
static ldns_rdf *
as_owner(const struct proof *p, const ldns_rr *nsec, const ldns_rdf *name)
{
	ldns_rdf *hash, *out = NULL;

	if (p->type == LDNS_RR_TYPE_NSEC)
		return ldns_rdf_clone(name);
	hash = ldns_nsec3_hash_name_frm_nsec3(nsec, name);
	if (hash != NULL)
		out = ldns_dname_cat_clone(hash, p->apex);
	ldns_rdf_deep_free(hash);
	return out;
}

enum relation { APART, MATCHES, COVERS };

static enum relation
relate(const struct proof *p, const ldns_rr *nsec, const ldns_rdf *name)
{
	ldns_rdf *owner = as_owner(p, nsec, name);
	enum relation out = APART;

	if (owner == NULL)
		return APART;
	ldns_dname2canonical(owner);
	if (ldns_dname_compare(owner, ldns_rr_owner(nsec)) == 0)
		out = MATCHES;
	else if (ldns_nsec_covers_name(nsec, owner))
		out = COVERS;
	ldns_rdf_deep_free(owner);
	return out;
}

static bool
has_type(const struct proof *p, const ldns_rr *nsec, ldns_rr_type type)
{
	const ldns_rdf *bitmap = p->type == LDNS_RR_TYPE_NSEC
		? ldns_nsec_get_bitmap(nsec)
		: ldns_nsec3_bitmap(nsec);

	return bitmap != NULL && ldns_nsec_bitmap_covers_type(bitmap, type);
}

/* True if a record covers a name: it does not exist. */
static bool
is_covered(const struct proof *p, const ldns_rdf *name)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(p->records); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->records, i);

		if (ldns_rr_get_type(rr) == p->type &&
			relate(p, rr, name) == COVERS)
			return true;
	}
	return false;
}

/* True if a record is the name's own. without_address: and says that it has no
 * address. */
static bool
is_matched(const struct proof *p, const ldns_rdf *name, bool without_address)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(p->records); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->records, i);

		if (ldns_rr_get_type(rr) != p->type ||
			relate(p, rr, name) != MATCHES)
			continue;
		if (!without_address ||
			(!has_type(p, rr, LDNS_RR_TYPE_A) &&
				!has_type(p, rr, LDNS_RR_TYPE_CNAME)))
			return true;
	}
	return false;
}

/* RFC 4035 5.4 and RFC 5155 8.4 to 8.7 for a name right below the apex. */
static bool
judge(const struct proof *p, unsigned rcode, struct ksk_fault *why)
{
	bool nsec3 = p->type == LDNS_RR_TYPE_NSEC3;

	/* RFC 9824: a record made up for the very name. */
	if (rcode == LDNS_RCODE_NOERROR && is_matched(p, p->name, true))
		return true;
	if (nsec3 && !is_matched(p, p->apex, false))
		ksk_fault_set(why, "no NSEC3 record is that of the apex");
	else if (!is_covered(p, p->name))
		ksk_fault_set(why, "no %s record covers the name",
			nsec3 ? "NSEC3" : "NSEC");
	else if (rcode == LDNS_RCODE_NXDOMAIN && !is_covered(p, p->wildcard))
		ksk_fault_set(why, "no %s record covers the wildcard",
			nsec3 ? "NSEC3" : "NSEC");
	else if (rcode == LDNS_RCODE_NOERROR &&
		!is_matched(p, p->wildcard, true))
		ksk_fault_set(why,
			"no %s record says what the wildcard has not",
			nsec3 ? "NSEC3" : "NSEC");
	else
		return true;
	return false;
}

/* ---- taking an answer apart ---- */

static bool
counts(const ldns_rr *rr)
{
	ldns_rr_type type = ldns_rr_get_type(rr);

	return type == LDNS_RR_TYPE_SOA || type == LDNS_RR_TYPE_NSEC ||
		type == LDNS_RR_TYPE_NSEC3;
}

static bool
is_there(const struct ksk_denial *d, const ldns_rr *rr)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct ksk_rrset *rrset = &d->set[i].rrset;
		const ldns_rdf *owner = ldns_rr_owner(rr);

		if (rrset->type == (uint16_t)ldns_rr_get_type(rr) &&
			rrset->owner.len == ldns_rdf_size(owner) &&
			memcmp(rrset->owner.wire, ldns_rdf_data(owner),
				rrset->owner.len) == 0)
			return true;
	}
	return false;
}

/* Each RRset of the authority section, once, from the same bytes. */
static enum ksk_err
take_sets(struct ksk_span wire, const ldns_rr_list *authority,
	struct ksk_denial *d, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	for (size_t i = 0;
		err == KSK_OK && i < ldns_rr_list_rr_count(authority); i++) {
		ldns_rr *rr = ldns_rr_list_rr(authority, i);
		const ldns_rdf *owner = ldns_rr_owner(rr);
		struct ksk_name name;

		ldns_dname2canonical(owner);
		if (!counts(rr) || is_there(d, rr))
			continue;
		if (d->count == KSK_DENIAL_SET_MAX) {
			ksk_fault_set(fault, "more sets than a proof has");
			return KSK_ERR_TOO_LARGE;
		}
		err = ksk_name_from_wire(
			ksk_span_of(ldns_rdf_data(owner), ldns_rdf_size(owner)),
			&name);
		if (err == KSK_OK)
			err = ksk_dns_read_authority(wire, &name,
				(uint16_t)ldns_rr_get_type(rr),
				&d->set[d->count], fault);
		if (err == KSK_OK)
			d->count++;
	}
	return err;
}

/* RFC 4034 6.2: what is asked for is not in the answer by any other name. */
static bool
is_positive(const ldns_pkt *pkt, const ldns_rdf *name)
{
	const ldns_rr_list *answer = ldns_pkt_answer(pkt);

	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		if (ldns_dname_compare(
			    ldns_rr_owner(ldns_rr_list_rr(answer, i)), name) ==
			0)
			return true;
	}
	return false;
}

static void
judge_all(struct proof *p, struct ksk_denial *d)
{
	bool some[2] = {false, false};
	const char *trouble;

	for (size_t i = 0; i < ldns_rr_list_rr_count(p->records); i++) {
		ldns_rr_type type = ldns_rr_get_type(
			ldns_rr_list_rr(p->records, i));

		some[0] |= type == LDNS_RR_TYPE_NSEC;
		some[1] |= type == LDNS_RR_TYPE_NSEC3;
	}
	if (d->rcode != LDNS_RCODE_NXDOMAIN && d->rcode != LDNS_RCODE_NOERROR)
		return;
	if (!some[0] && !some[1]) {
		ksk_fault_set(&d->why, "there is no NSEC and no NSEC3 record");
		return;
	}
	p->type = some[0] ? LDNS_RR_TYPE_NSEC : LDNS_RR_TYPE_NSEC3;
	trouble = find_trouble(p);
	if (trouble != NULL)
		ksk_fault_set(&d->why, "%s", trouble);
	else
		d->proved = judge(p, d->rcode, &d->why);
}

/* Owned; NULL: no memory, or a label that is none. */
static ldns_rdf *
below(const ldns_rdf *apex, const char *label)
{
	ldns_rdf *first = ldns_dname_new_frm_str(label);
	ldns_rdf *out = first == NULL ? NULL
				      : ldns_dname_cat_clone(first, apex);

	ldns_rdf_deep_free(first);
	return out;
}

enum ksk_err
ksk_denial_read(struct ksk_span wire, const struct ksk_name *apex,
	const char *label, struct ksk_denial *out_denial,
	struct ksk_fault *fault)
{
	struct ksk_denial d = {0};
	struct proof p = {.apex = ksk_dns_name(apex)};
	ldns_pkt *pkt = NULL;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_fault_set(fault, "no memory is left");
	if (p.apex == NULL || (p.name = below(p.apex, label)) == NULL ||
		(p.wildcard = below(p.apex, "*")) == NULL)
		goto out;
	err = KSK_ERR_MALFORMED;
	ksk_fault_set(fault, "%s", ksk_err_text(err));
	if (ldns_wire2pkt(&pkt, wire.data, wire.len) != LDNS_STATUS_OK)
		goto out;
	p.records = ldns_pkt_authority(pkt);
	d.rcode = ldns_pkt_get_rcode(pkt);
	d.positive = is_positive(pkt, p.name);
	err = take_sets(wire, p.records, &d, fault);
	if (err != KSK_OK)
		goto out;
	if (!d.positive)
		judge_all(&p, &d);
	*out_denial = d;
	d = (struct ksk_denial){0};
out:
	ksk_denial_wipe(&d);
	ldns_pkt_free(pkt);
	ldns_rdf_deep_free(p.apex);
	ldns_rdf_deep_free(p.name);
	ldns_rdf_deep_free(p.wildcard);
	return err;
}

/* ---- asking ---- */

static enum ksk_err
name_below(const struct ksk_name *apex, const char *label, struct ksk_name *out)
{
	char zone[KSK_NAME_TEXT_CAP], text[KSK_NAME_TEXT_CAP + LABEL_CAP];
	int len;

	ksk_name_to_text(apex, zone);
	len = snprintf(
		text, sizeof(text), "%s.%s", label, apex->len == 1 ? "" : zone);
	return ksk_name_from_text(text, (size_t)len, out, NULL);
}

enum ksk_err
ksk_denial_ask(const struct ksk_dns_server *server, const struct ksk_name *apex,
	struct ksk_denial *out_denial, struct ksk_fault *fault)
{
	struct ksk_fault why = {0};
	char label[LABEL_CAP];
	struct ksk_name name;
	uint8_t *wire = NULL;
	uint32_t number = 0;
	size_t len = 0;
	enum ksk_err err;

	/* A new one each time: no cache on the way can know it. */
	(void)RAND_bytes((uint8_t *)&number, sizeof(number));
	(void)snprintf(label, sizeof(label), "ksk-check-%08x", number);
	err = name_below(apex, label, &name);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "no name fits below the zone's");
		return err;
	}
	err = ksk_dns_ask_wire(
		server, &name, LDNS_RR_TYPE_A, &wire, &len, &why);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s", why.text);
		return err;
	}
	err = ksk_denial_read(
		ksk_span_of(wire, len), apex, label, out_denial, &why);
	free(wire);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %.400s", server->endpoint->address,
			why.text);
	return err;
}

void
ksk_denial_wipe(struct ksk_denial *denial)
{
	for (size_t i = 0; i < denial->count; i++)
		ksk_dns_answer_wipe(&denial->set[i]);
	*denial = (struct ksk_denial){0};
}
