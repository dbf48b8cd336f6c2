/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver_update - a dynamic zone takes DNS UPDATE (RFC 2136) with TSIG. One
 * message has the whole DNSKEY RRset and its RRSIGs, on the condition that the
 * set is still the one that was seen. CDS and CDNSKEY follow in messages of
 * their own, records first: BIND throws all RRSIGs of CDS away when CDS
 * changes, those of the same message too.
 */
#include "client/deliver.h"

#include <openssl/rand.h>
#include <stdlib.h>

/* What the primary has, and one message. */
struct update {
	const struct ksk_delivery *delivery;
	struct ksk_dns_server server;
	struct ksk_dns_answer has[KSK_SIGNED_COUNT];
	ldns_rr_list *condition;
	ldns_rr_list *change;
	bool failed; /* memory ran out */
};

/* ---- records ---- */

/* Adds a record. rdata: empty for "all of this type". */
static void
add(struct update *u, ldns_rr_list *list, unsigned class, uint16_t type,
	uint32_t ttl, struct ksk_span rdata)
{
	ldns_rr *rr = ldns_rr_new();
	ldns_rdf *owner = ksk_dns_name(&u->delivery->zone->owner);
	/* One field with all the bytes: it is written, never interpreted. */
	ldns_rdf *field = rdata.len == 0
		? NULL
		: ldns_rdf_new_frm_data(
			  LDNS_RDF_TYPE_UNKNOWN, rdata.len, rdata.data);

	if (rr == NULL || owner == NULL || (rdata.len != 0 && field == NULL))
		goto bad;
	ldns_rr_set_owner(rr, owner);
	owner = NULL;
	ldns_rr_set_type(rr, (ldns_rr_type)type);
	ldns_rr_set_class(rr, (ldns_rr_class) class);
	ldns_rr_set_ttl(rr, ttl);
	if (field != NULL && !ldns_rr_push_rdf(rr, field))
		goto bad;
	field = NULL;
	if (ldns_rr_list_push_rr(list, rr))
		return;
bad:
	u->failed = true;
	ldns_rdf_deep_free(owner);
	ldns_rdf_deep_free(field);
	ldns_rr_free(rr);
}

/* RFC 2136 2.4: the set is exactly this one, or is not there at all. */
static void
demand_set(struct update *u, unsigned at)
{
	const struct ksk_rrset *rrset = &u->has[at].rrset;

	if (rrset->count == 0)
		add(u, u->condition, LDNS_RR_CLASS_NONE, ksk_signed_type(at), 0,
			ksk_span_of(NULL, 0));
	for (size_t i = 0; i < rrset->count; i++)
		add(u, u->condition, LDNS_RR_CLASS_IN, rrset->type, 0,
			rrset->rdata[i]);
}

/* RFC 2136 2.5.2 and 2.5.1: all that is there goes, this comes. */
static void
replace_set(struct update *u, unsigned at)
{
	const struct ksk_signed *want = &u->delivery->want[at];

	add(u, u->change, LDNS_RR_CLASS_ANY, ksk_signed_type(at), 0,
		ksk_span_of(NULL, 0));
	for (size_t i = 0; want->there && i < want->rrset.count; i++)
		add(u, u->change, LDNS_RR_CLASS_IN, ksk_signed_type(at),
			want->rrset.ttl, want->rrset.rdata[i]);
}

static bool
is_wanted(const struct ksk_signed *want, struct ksk_span rrsig)
{
	for (size_t i = 0; i < want->rrsig_count; i++) {
		if (ksk_span_equal(want->rrsig[i], rrsig))
			return true;
	}
	return false;
}

/* Our RRSIGs come, earlier ones go (RFC 2136 2.5.4). Those that the server makes
 * with its own keys are its own business. */
static void
replace_rrsigs(struct update *u, unsigned at)
{
	const struct ksk_signed *want = &u->delivery->want[at];
	const struct ksk_signed *keys = &u->delivery->want[KSK_AT_DNSKEY];
	const struct ksk_dns_answer *has = &u->has[at];

	for (size_t i = 0; i < has->rrsig_count; i++) {
		if (!is_wanted(want, has->rrsig[i]) &&
			!ksk_signed_by_another(keys, has->rrsig[i]))
			add(u, u->change, LDNS_RR_CLASS_NONE, KSK_TYPE_RRSIG, 0,
				has->rrsig[i]);
	}
	for (size_t i = 0; want->there && i < want->rrsig_count; i++)
		add(u, u->change, LDNS_RR_CLASS_IN, KSK_TYPE_RRSIG,
			want->rrset.ttl, want->rrsig[i]);
}

/* ---- messages ---- */

static void
drop_lists(struct update *u)
{
	ldns_rr_list_deep_free(u->condition);
	ldns_rr_list_deep_free(u->change);
	u->condition = u->change = NULL;
}

static void
begin(struct update *u)
{
	drop_lists(u);
	u->condition = ldns_rr_list_new();
	u->change = ldns_rr_list_new();
	u->failed = u->condition == NULL || u->change == NULL;
}

static enum ksk_err
judge(const struct update *u, struct ksk_span wire, struct ksk_fault *fault)
{
	ldns_pkt *reply = NULL;
	unsigned rcode = LDNS_RCODE_FORMERR;
	char buf[16];

	if (ldns_wire2pkt(&reply, wire.data, wire.len) == LDNS_STATUS_OK)
		rcode = ldns_pkt_get_rcode(reply);
	ldns_pkt_free(reply);
	if (rcode == LDNS_RCODE_NOERROR)
		return KSK_OK;
	ksk_fault_set(fault, "%s: the update is answered with %s%s",
		u->server.endpoint->address, ksk_dns_rcode_text(rcode, buf),
		rcode == LDNS_RCODE_NXRRSET || rcode == LDNS_RCODE_YXRRSET
			? ": somebody else changes the RRset"
			: rcode == LDNS_RCODE_SERVFAIL
			? ": it can't sign the zone with this set"
			: "");
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
send_update(struct update *u, struct ksk_fault *fault)
{
	ldns_rdf *zone = ksk_dns_name(&u->delivery->zone->owner);
	ldns_pkt *pkt = NULL;
	uint8_t *wire = NULL;
	size_t len = 0;
	uint16_t id = 0;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (!u->failed && zone != NULL)
		pkt = ldns_update_pkt_new(
			zone, LDNS_RR_CLASS_IN, u->condition, u->change, NULL);
	if (pkt == NULL) {
		ldns_rdf_deep_free(zone);
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	(void)RAND_bytes((uint8_t *)&id, sizeof(id));
	ldns_pkt_set_id(pkt, id);
	err = ksk_dns_exchange(&u->server, pkt, &wire, &len, fault);
	if (err == KSK_OK)
		err = judge(u, ksk_span_of(wire, len), fault);
	free(wire);
	ldns_pkt_free(pkt);
	return err;
}

/* ---- the steps ---- */

static enum ksk_err
ask(struct update *u, unsigned at, struct ksk_fault *fault)
{
	char rcode[16];
	enum ksk_err err;

	ksk_dns_answer_wipe(&u->has[at]);
	err = ksk_dns_ask(&u->server, &u->delivery->zone->owner,
		ksk_signed_type(at), &u->has[at], fault);
	if (err != KSK_OK || u->has[at].rcode == 0)
		return err;
	ksk_fault_set(fault, "%s: it answers %s for the zone",
		u->server.endpoint->address,
		ksk_dns_rcode_text(u->has[at].rcode, rcode));
	return KSK_ERR_BAD_INPUT;
}

/* True if a set and our RRSIGs over it are there as they must be. */
static bool
is_done(const struct update *u, unsigned at)
{
	const struct ksk_signed *want = &u->delivery->want[at];
	const struct ksk_signed *keys = &u->delivery->want[KSK_AT_DNSKEY];
	const struct ksk_dns_answer *has = &u->has[at];
	size_t found = 0;

	if (!want->there)
		return has->rrset.count == 0;
	if (!ksk_rrsets_equal(&has->rrset, &want->rrset) || has->mixed_ttl)
		return false;
	for (size_t i = 0; i < has->rrsig_count; i++) {
		if (is_wanted(want, has->rrsig[i]))
			found++;
		else if (!ksk_signed_by_another(keys, has->rrsig[i]))
			return false;
	}
	return found == want->rrsig_count;
}

static enum ksk_err
update_dnskey(struct update *u, struct ksk_fault *fault)
{
	if (is_done(u, KSK_AT_DNSKEY))
		return KSK_OK;
	begin(u);
	demand_set(u, KSK_AT_DNSKEY);
	replace_set(u, KSK_AT_DNSKEY);
	replace_rrsigs(u, KSK_AT_DNSKEY);
	return send_update(u, fault);
}

/* A change of DNSKEY may have cost the RRSIGs over CDS: it is looked at behind
 * that. */
static enum ksk_err
update_cds(struct update *u, unsigned at, struct ksk_fault *fault)
{
	const struct ksk_signed *want = &u->delivery->want[at];
	enum ksk_err err = ask(u, at, fault);

	if (err != KSK_OK || is_done(u, at))
		return err;
	if (!want->there ||
		!ksk_rrsets_equal(&u->has[at].rrset, &want->rrset)) {
		begin(u);
		demand_set(u, at);
		replace_set(u, at);
		err = send_update(u, fault);
	}
	if (err != KSK_OK || !want->there)
		return err;
	begin(u);
	replace_rrsigs(u, at);
	return send_update(u, fault);
}

enum ksk_err
ksk_deliver_update(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	struct update u = {.delivery = delivery,
		.server = {.endpoint = &delivery->provider->primary,
			.tsig = &delivery->provider->update_tsig,
			.timeout_ms = delivery->config->timeout_ms,
			.silent = delivery->config->silent}};
	enum ksk_err err = ask(&u, KSK_AT_DNSKEY, fault);

	if (err == KSK_OK)
		err = update_dnskey(&u, fault);
	if (err == KSK_OK)
		err = update_cds(&u, KSK_AT_CDS, fault);
	if (err == KSK_OK)
		err = update_cds(&u, KSK_AT_CDNSKEY, fault);
	drop_lists(&u);
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++)
		ksk_dns_answer_wipe(&u.has[i]);
	return err;
}
