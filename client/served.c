/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * served - see served.h; the comparison stands in served_compare.c.
 */
#include "client/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asks one address everything. The first question that is not answered is the
 * last: the others would wait as long. */
static void
ask_address(const struct ksk_dns_server *server, const struct ksk_name *owner,
	struct ksk_served *served)
{
	for (unsigned i = 0; i < KSK_SERVED_COUNT; i++) {
		uint16_t type = i == KSK_AT_SOA ? KSK_TYPE_SOA
						: ksk_signed_type(i);

		enum ksk_err err = ksk_dns_ask(
			server, owner, type, &served->answer[i], &served->why);

		served->skipped = err == KSK_ERR_AGAIN;
		if (err != KSK_OK)
			return;
	}
	served->reached = true;
}

/* Two names may lead to one address. */
static bool
is_there(const struct ksk_served_list *served, const char *address)
{
	for (size_t i = 0; i < served->count; i++) {
		if (strcmp(served->list[i].address, address) == 0)
			return true;
	}
	return false;
}

/* Grows the list by one. NULL: no memory. */
static struct ksk_served *
add(struct ksk_served_list *served, const char *address)
{
	struct ksk_served *list = realloc(
		served->list, (served->count + 1) * sizeof(*list));
	struct ksk_served *one;

	if (list == NULL)
		return NULL;
	served->list = list;
	one = &list[served->count++];
	*one = (struct ksk_served){0};
	ksk_text_copy(one->address, sizeof(one->address), address);
	return one;
}

static enum ksk_err
ask_server(const struct ksk_dns_server *as, const struct ksk_endpoint *named,
	const struct ksk_name *owner, struct ksk_served_list *served)
{
	struct ksk_endpoint address[KSK_DNS_ADDRESS_MAX];
	struct ksk_dns_server server = *as;
	struct ksk_fault why = {0};
	bool found = true;
	size_t count = 1;

	address[0] = *named;
	if (ksk_dns_addresses(named, as->silent, address, &count, &why) !=
		KSK_OK)
		found = false;
	for (size_t i = 0; i < count; i++) {
		struct ksk_served *one;

		if (is_there(served, address[i].address))
			continue;
		one = add(served, address[i].address);
		if (one == NULL)
			return KSK_ERR_NO_MEMORY;
		one->why = why;
		server.endpoint = &address[i];
		if (found)
			ask_address(&server, owner, one);
	}
	return KSK_OK;
}

enum ksk_err
ksk_served_ask(const struct ksk_sync_config *config,
	const struct ksk_sync_provider *provider, const struct ksk_name *owner,
	struct ksk_served_list *served)
{
	const struct ksk_dns_server as = {
		.tsig = provider->has_tsig ? &provider->tsig : NULL,
		.timeout_ms = config->timeout_ms,
		.silent = config->silent};
	enum ksk_err err = KSK_OK;

	ksk_served_free(served);
	for (unsigned i = 0; err == KSK_OK && i < provider->server_count; i++)
		err = ask_server(&as, &provider->server[i], owner, served);
	return err;
}

void
ksk_served_free(struct ksk_served_list *served)
{
	for (size_t i = 0; i < served->count; i++) {
		for (unsigned k = 0; k < KSK_SERVED_COUNT; k++)
			ksk_dns_answer_wipe(&served->list[i].answer[k]);
	}
	free(served->list);
	*served = (struct ksk_served_list){0};
}

/* ---- active keys ---- */

static size_t
add_active(struct ksk_span rdata, struct ksk_active out[KSK_ACTIVE_MAX],
	size_t count)
{
	struct ksk_rrsig rrsig;

	if (count == KSK_ACTIVE_MAX || ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return count;
	for (size_t i = 0; i < count; i++) {
		if (out[i].tag == rrsig.tag &&
			out[i].algorithm == rrsig.algorithm)
			return count;
	}
	out[count] = (struct ksk_active){
		.tag = rrsig.tag, .algorithm = rrsig.algorithm};
	return count + 1;
}

size_t
ksk_served_active(const struct ksk_served_list *served,
	struct ksk_active out[KSK_ACTIVE_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < served->count; i++) {
		const struct ksk_dns_answer *soa =
			&served->list[i].answer[KSK_AT_SOA];

		for (size_t k = 0; k < soa->rrsig_count; k++)
			count = add_active(soa->rrsig[k], out, count);
	}
	return count;
}

bool
ksk_active_in(const struct ksk_active *active, const struct ksk_rrset *dnskey)
{
	for (size_t i = 0; i < dnskey->count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(dnskey->rdata[i], &key) == KSK_OK &&
			key.tag == active->tag &&
			key.algorithm == active->algorithm)
			return true;
	}
	return false;
}

static bool
has_algorithm(const struct ksk_rrset *dnskey, uint8_t algorithm)
{
	struct ksk_dnskey key;

	for (size_t i = 0; i < dnskey->count; i++) {
		if (ksk_dnskey_read(dnskey->rdata[i], &key) == KSK_OK &&
			key.algorithm == algorithm)
			return true;
	}
	return false;
}

bool
ksk_active_fits(const struct ksk_active *active, size_t count, size_t at,
	const struct ksk_rrset *dnskey)
{
	bool other = false;

	if (ksk_active_in(&active[at], dnskey))
		return true;
	for (size_t i = 0; i < count; i++)
		other |= ksk_active_in(&active[i], dnskey);
	return other && !has_algorithm(dnskey, active[at].algorithm);
}
