/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns - a question and what it is answered with; see dns.h. The bytes move in
 * dns_exchange.c.
 */
#include "client/dns.h"

#include "client/clock.h"

#include <netdb.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EDNS_SIZE 4096u

const char *
ksk_dns_rcode_text(unsigned rcode, char buf[16])
{
	static const char *const text[] = {"NOERROR", "FORMERR", "SERVFAIL",
		"NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
		"NXRRSET", "NOTAUTH", "NOTZONE"};

	if (rcode < sizeof(text) / sizeof(*text))
		return text[rcode];
	(void)snprintf(buf, 16, "RCODE%u", rcode);
	return buf;
}

ldns_rdf *
ksk_dns_name(const struct ksk_name *name)
{
	return ldns_rdf_new_frm_data(
		LDNS_RDF_TYPE_DNAME, name->len, name->wire);
}

/* ---- addresses ---- */

/* Fills an endpoint from an address in numbers. */
static bool
fill_endpoint(const struct addrinfo *from, const struct ksk_endpoint *of,
	struct ksk_endpoint *to)
{
	*to = (struct ksk_endpoint){0};
	if (getnameinfo(from->ai_addr, from->ai_addrlen, to->host,
		    sizeof(to->host), NULL, 0, NI_NUMERICHOST) != 0)
		return false;
	(void)snprintf(to->port, sizeof(to->port), "%s", of->port);
	(void)snprintf(to->address, sizeof(to->address), "%s%.240s%s:%s",
		from->ai_family == AF_INET6 ? "[" : "", to->host,
		from->ai_family == AF_INET6 ? "]" : "", to->port);
	return true;
}

static bool
is_there(const struct ksk_endpoint *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].address, list[count].address) == 0)
			return true;
	}
	return false;
}

/* Looks a name up; one that takes long and fails is not looked up for every
 * zone. */
static enum ksk_err
look_up(const struct ksk_endpoint *of, struct ksk_silent *silent,
	struct addrinfo **out_list, struct ksk_fault *fault)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV};
	uint64_t begin = ksk_ctl_now_ms();
	/* Its addresses answer for themselves. */
	char who[sizeof(of->host) + 8];
	int found;

	(void)snprintf(who, sizeof(who), "name %s", of->host);
	if (ksk_silent_is(silent, who, begin)) {
		ksk_silent_say(fault, of->address);
		return KSK_ERR_NOT_FOUND;
	}
	found = getaddrinfo(of->host, of->port, &hints, out_list);
	ksk_silent_note(silent, who, found == 0, begin, ksk_ctl_now_ms());
	if (found == 0)
		return KSK_OK;
	ksk_fault_set(fault, "%s: %s", of->address, gai_strerror(found));
	return KSK_ERR_NOT_FOUND;
}

enum ksk_err
ksk_dns_addresses(const struct ksk_endpoint *of, struct ksk_silent *silent,
	struct ksk_endpoint out[KSK_DNS_ADDRESS_MAX], size_t *out_count,
	struct ksk_fault *fault)
{
	struct addrinfo *list = NULL;
	size_t count = 0;
	enum ksk_err err = look_up(of, silent, &list, fault);

	if (err != KSK_OK)
		return err;
	for (const struct addrinfo *at = list;
		at != NULL && count < KSK_DNS_ADDRESS_MAX; at = at->ai_next) {
		if (fill_endpoint(at, of, &out[count]) && !is_there(out, count))
			count++;
	}
	freeaddrinfo(list);
	*out_count = count;
	return KSK_OK;
}

/* ---- reading ---- */

/* RDATA in canonical form (RFC 4034 6.2) behind what memory holds. */
static enum ksk_err
put_rdata(ldns_rr *rr, struct ksk_buf *memory, struct ksk_span *out)
{
	size_t start = memory->len;

	ldns_rr2canonical(rr);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *field = ldns_rr_rdf(rr, i);

		if (field == NULL)
			return KSK_ERR_MALFORMED;
		if (ksk_buf_put(memory, ldns_rdf_data(field),
			    ldns_rdf_size(field)) != KSK_OK)
			return KSK_ERR_TOO_LARGE;
	}
	*out = ksk_span_of(memory->data + start, memory->len - start);
	return out->len <= KSK_RDATA_MAX ? KSK_OK : KSK_ERR_TOO_LARGE;
}

static bool
is_about(const ldns_rr *rr, const ldns_rdf *owner, uint16_t type)
{
	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
		ldns_dname_compare(ldns_rr_owner(rr), owner) != 0)
		return false;
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG)
		return ldns_rr_rrsig_typecovered(rr) != NULL &&
			ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == type;
	return ldns_rr_get_type(rr) == (ldns_rr_type)type;
}

static enum ksk_err
take_record(ldns_rr *rr, struct ksk_buf *memory, struct ksk_dns_answer *answer)
{
	struct ksk_span rdata;
	enum ksk_err err = put_rdata(rr, memory, &rdata);

	if (err != KSK_OK)
		return err;
	/* RFC 2181 5.2, RFC 4034 3 */
	if (answer->rrset.count + answer->rrsig_count == 0)
		answer->rrset.ttl = ldns_rr_ttl(rr);
	else if (answer->rrset.ttl != ldns_rr_ttl(rr))
		answer->mixed_ttl = true;
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG) {
		if (answer->rrsig_count == KSK_DNS_RRSIG_MAX)
			return KSK_ERR_TOO_LARGE;
		answer->rrsig[answer->rrsig_count++] = rdata;
		return KSK_OK;
	}
	if (answer->rrset.count == KSK_RDATA_COUNT_MAX)
		return KSK_ERR_TOO_LARGE;
	answer->rrset.rdata[answer->rrset.count++] = rdata;
	return KSK_OK;
}

static enum ksk_err
take_records(const ldns_rr_list *list, const ldns_rdf *owner, uint16_t type,
	struct ksk_buf *memory, struct ksk_dns_answer *answer)
{
	enum ksk_err err = KSK_OK;

	for (size_t i = 0; err == KSK_OK && i < ldns_rr_list_rr_count(list);
		i++) {
		ldns_rr *rr = ldns_rr_list_rr(list, i);

		if (is_about(rr, owner, type))
			err = take_record(rr, memory, answer);
	}
	ksk_rrset_sort(&answer->rrset);
	return err;
}

static enum ksk_err
read_section(struct ksk_span wire, ldns_pkt_section section,
	const struct ksk_name *owner, uint16_t type,
	struct ksk_dns_answer *out_answer, struct ksk_fault *fault)
{
	/* Names in RDATA grow when they are no longer compressed: each by less
	 * than a name, and each record has one at most that counts here. */
	size_t cap = wire.len +
		(KSK_RDATA_COUNT_MAX + KSK_DNS_RRSIG_MAX) * 2 * KSK_NAME_MAX;
	struct ksk_dns_answer answer = {
		.size = wire.len, .rrset = {.owner = *owner, .type = type}};
	struct ksk_buf memory = ksk_buf_of(malloc(cap), cap);
	ldns_rdf *name = ksk_dns_name(owner);
	ldns_pkt *pkt = NULL;
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	bool cut = false;

	if (memory.data == NULL || name == NULL)
		goto out;
	err = KSK_ERR_MALFORMED;
	if (ldns_wire2pkt(&pkt, wire.data, wire.len) != LDNS_STATUS_OK)
		goto out;
	/* RFC 2181 9: of an answer that is cut nothing can be believed. */
	cut = ldns_pkt_tc(pkt);
	if (cut)
		goto out;
	answer.rcode = ldns_pkt_get_rcode(pkt);
	answer.authoritative = ldns_pkt_aa(pkt);
	err = take_records(section == LDNS_SECTION_ANSWER
			? ldns_pkt_answer(pkt)
			: ldns_pkt_authority(pkt),
		name, type, &memory, &answer);
	if (err != KSK_OK)
		goto out;
	answer.memory = memory.data;
	memory.data = NULL;
	*out_answer = answer;
out:
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s",
			err == KSK_ERR_TOO_LARGE
				? "more or larger records than can be right"
				: cut ? "the answer is cut (TC), over TCP too"
				      : ksk_err_text(err));
	ldns_pkt_free(pkt);
	ldns_rdf_deep_free(name);
	free(memory.data);
	return err;
}

enum ksk_err
ksk_dns_read(struct ksk_span wire, const struct ksk_name *owner, uint16_t type,
	struct ksk_dns_answer *out_answer, struct ksk_fault *fault)
{
	return read_section(
		wire, LDNS_SECTION_ANSWER, owner, type, out_answer, fault);
}

enum ksk_err
ksk_dns_read_authority(struct ksk_span wire, const struct ksk_name *owner,
	uint16_t type, struct ksk_dns_answer *out_answer,
	struct ksk_fault *fault)
{
	return read_section(
		wire, LDNS_SECTION_AUTHORITY, owner, type, out_answer, fault);
}

void
ksk_dns_answer_wipe(struct ksk_dns_answer *answer)
{
	free(answer->memory);
	*answer = (struct ksk_dns_answer){0};
}

/* ---- asking ---- */

/* NULL: no memory. Owned, ldns_pkt_free. */
static ldns_pkt *
make_query(const struct ksk_name *owner, uint16_t type)
{
	ldns_rdf *name = ksk_dns_name(owner);
	ldns_pkt *query = NULL;
	uint16_t id = 0;

	if (name != NULL)
		query = ldns_pkt_query_new(
			name, (ldns_rr_type)type, LDNS_RR_CLASS_IN, 0);
	if (query == NULL) {
		ldns_rdf_deep_free(name);
		return NULL;
	}
	(void)RAND_bytes((uint8_t *)&id, sizeof(id));
	ldns_pkt_set_id(query, id);
	ldns_pkt_set_edns_udp_size(query, EDNS_SIZE);
	ldns_pkt_set_edns_do(query, true);
	return query;
}

static enum ksk_err
ask_once(const struct ksk_dns_server *server, const struct ksk_name *owner,
	uint16_t type, uint8_t **out_wire, size_t *out_len,
	struct ksk_fault *fault)
{
	ldns_pkt *query = make_query(owner, type);
	enum ksk_err err;

	if (query == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	err = ksk_dns_exchange(server, query, out_wire, out_len, fault);
	ldns_pkt_free(query);
	return err;
}

enum ksk_err
ksk_dns_ask_wire(const struct ksk_dns_server *server,
	const struct ksk_name *owner, uint16_t type, uint8_t **out_wire,
	size_t *out_len, struct ksk_fault *fault)
{
	enum ksk_err err = ask_once(
		server, owner, type, out_wire, out_len, fault);

	if (err == KSK_ERR_CLOSED)
		err = ask_once(server, owner, type, out_wire, out_len, fault);
	return err;
}

enum ksk_err
ksk_dns_ask(const struct ksk_dns_server *server, const struct ksk_name *owner,
	uint16_t type, struct ksk_dns_answer *out_answer,
	struct ksk_fault *fault)
{
	struct ksk_fault why = {0};
	uint8_t *wire = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_dns_ask_wire(
		server, owner, type, &wire, &len, &why);

	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s", why.text);
		return err;
	}
	err = ksk_dns_read(
		ksk_span_of(wire, len), owner, type, out_answer, &why);
	free(wire);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %.400s", server->endpoint->address,
			why.text);
	return err;
}
