/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cds_set - see cds_set.h.
 */
#include "client/cds_set.h"

#include "appliance/base/yaml.h"
#include "client/standing.h"

/* One set while it is built. */
struct build {
	const struct ksk_keys_reply *keys;
	const struct ksk_rrset *dnskey;
	uint64_t start;
	uint64_t now;
	struct ksk_cds_room *room;
	struct ksk_rrset *out;
	struct ksk_fault *fault;
};

bool
ksk_cosigner_is_over(const struct ksk_cosigner_entry *cosigner, uint64_t now)
{
	return cosigner->has_until && cosigner->until <= now;
}

bool
ksk_cds_set_is_wanted(
	const struct ksk_keys_reply *keys, uint16_t type, uint64_t now)
{
	bool allowed = false, wanted = false;

	for (size_t i = 0; i < keys->type_count; i++)
		allowed |= keys->type[i] == type;
	for (size_t i = 0; i < keys->ksk_count; i++)
		wanted |= keys->ksk[i].stands && keys->ksk[i].cds;
	for (size_t i = 0; i < keys->cosigner_count; i++)
		wanted |= keys->cosigner[i].cds &&
			!ksk_cosigner_is_over(&keys->cosigner[i], now);
	return allowed && wanted;
}

static enum ksk_err
add(struct build *b, size_t place, const struct ksk_ds *ds,
	struct ksk_span dnskey)
{
	struct ksk_buf bytes = ksk_buf_of(
		b->room->ds[place], sizeof(b->room->ds[place]));

	if (b->out->count == KSK_RDATA_COUNT_MAX ||
		ksk_ds_write(ds, &bytes) != KSK_OK) {
		ksk_fault_set(b->fault, "more than %u keys are to be named",
			KSK_RDATA_COUNT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	b->out->rdata[b->out->count++] = b->out->type == KSK_TYPE_CDS
		? ksk_buf_span(&bytes)
		: dnskey;
	return KSK_OK;
}

static enum ksk_err
add_ksk(struct build *b, size_t i)
{
	const struct ksk_ksk_entry *ksk = &b->keys->ksk[i];
	uint64_t begin = b->start > b->now ? b->start : b->now;
	char from[KSK_TIME_CAP];

	if (!ksk_standing_is(ksk, b->start, b->now) || !ksk->cds ||
		ksk->dnskey.len == 0 || ksk_standing_revoked(ksk))
		return KSK_OK;
	if (ksk->has_ds_from && ksk->ds_from <= begin)
		return add(b, i, &ksk->ds, ksk->dnskey);
	if (ksk->has_ds_from)
		ksk_fault_set(b->fault,
			"the parent may have the DS of KSK %u from %s",
			ksk->ds.tag, ksk_time_text(from, ksk->ds_from));
	else
		ksk_fault_set(b->fault,
			"the parent may not have the DS of KSK %u yet: it is "
			"new",
			ksk->ds.tag);
	return KSK_ERR_AGAIN;
}

/* RFC 8901 2.1.2: the KSKs of others are named beside ours. A CDNSKEY is the
 * record that stands in the DNSKEY RRset. */
static enum ksk_err
add_cosigner(struct build *b, size_t i)
{
	const struct ksk_cosigner_entry *co = &b->keys->cosigner[i];
	uint64_t begin = b->start > b->now ? b->start : b->now;

	if (!co->cds || ksk_cosigner_is_over(co, begin))
		return KSK_OK;
	for (size_t k = 0; k < b->dnskey->count; k++) {
		if (ksk_ds_matches(
			    &co->ds, &b->keys->owner, b->dnskey->rdata[k]))
			return add(b, KSK_KSK_COUNT_MAX + i, &co->ds,
				b->dnskey->rdata[k]);
	}
	ksk_fault_set(b->fault,
		"key %u of the co-signer %s is to be named in CDS, but does "
		"not stand in DNSKEY",
		co->ds.tag, co->provider);
	return KSK_ERR_NOT_FOUND;
}

enum ksk_err
ksk_cds_set_build(const struct ksk_keys_reply *keys, uint16_t type,
	const struct ksk_rrset *dnskey, uint64_t start, uint64_t now,
	struct ksk_cds_room *room, struct ksk_rrset *out_rrset,
	struct ksk_fault *fault)
{
	struct build b = {.keys = keys,
		.dnskey = dnskey,
		.start = start,
		.now = now,
		.room = room,
		.out = out_rrset,
		.fault = fault};
	enum ksk_err err = KSK_OK;

	*out_rrset = (struct ksk_rrset){
		.owner = keys->owner, .type = type, .ttl = keys->ttl};
	for (size_t i = 0; err == KSK_OK && i < keys->ksk_count; i++)
		err = add_ksk(&b, i);
	for (size_t i = 0; err == KSK_OK && i < keys->cosigner_count; i++)
		err = add_cosigner(&b, i);
	ksk_rrset_sort(out_rrset);
	return err;
}
