/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule cds. A wrong word in CDS or CDNSKEY hands the delegation to a
 * foreign key or deletes it, so the content must be exactly what the policy
 * computes, record by record.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"

#include <string.h>

static bool
is_delete(const struct ksk_case *c, struct ksk_span rdata)
{
	/* RFC 8078 4: CDS 0 0 0 00, CDNSKEY 0 3 0 AA== */
	static const uint8_t cds[] = {0, 0, 0, 0, 0};
	static const uint8_t cdnskey[] = {0, 0, 3, 0, 0};

	return ksk_span_equal(rdata,
		c->rrset->type == KSK_TYPE_CDS
			? ksk_span_of(cds, sizeof(cds))
			: ksk_span_of(cdnskey, sizeof(cdnskey)));
}

bool
ksk_case_has_delete(const struct ksk_case *c)
{
	for (size_t i = 0; i < c->rrset->count; i++) {
		if (is_delete(c, c->rrset->rdata[i]))
			return true;
	}
	return false;
}

/* True if a record names the key of the DS. */
static bool
names_key(const struct ksk_case *c, size_t record, const struct ksk_ds *ds)
{
	struct ksk_span rdata = c->rrset->rdata[record];
	struct ksk_ds have;

	if (c->rrset->type == KSK_TYPE_CDNSKEY)
		return ksk_case_matches(c, &c->key[record], ds);
	return ksk_ds_read(rdata, &have) == KSK_OK && ksk_ds_equal(&have, ds);
}

static bool
set_names_key(const struct ksk_case *c, const struct ksk_ds *ds)
{
	for (size_t i = 0; i < c->rrset->count; i++) {
		if (names_key(c, i, ds))
			return true;
	}
	return false;
}

/* True if the policy wants this KSK at the parent. */
static bool
is_wanted_ksk(const struct ksk_case *c, uint32_t ksk)
{
	const struct ksk_policy_ksk *k = &c->table->ksks[ksk];

	return k->cds != 0 && k->revoked == 0 && ksk_case_stands(c, ksk);
}

static bool
is_wanted_cosigner(const struct ksk_case *c, uint32_t cosigner)
{
	const struct ksk_policy_cosigner *co = &c->table->cosigners[cosigner];

	return co->in_parent != 0 && c->start < co->until;
}

static void
refuse_delete(struct ksk_case *c)
{
	if (c->rrset->count != 1) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the delete form must stand alone (RFC 8078 4); remove "
			"it or all others");
		return;
	}
	if (c->candidate->now < c->zone->cds_delete_until)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"the delete form would make the zone insecure; it is signed "
		"only while the policy says `cds-delete: {until: …}` "
		"(RFC 8078 4)");
}

/* A record that names a KSK of ours which should not be at the parent. */
static bool
refuse_unwanted(struct ksk_case *c, size_t record)
{
	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		uint32_t at = c->zone->ksks.first + i;
		const struct ksk_policy_ksk *k = &c->table->ksks[at];

		if (!names_key(c, record, &k->ds))
			continue;
		if (!is_wanted_ksk(c, at))
			ksk_case_refuse(c, k->ds.tag, NULL,
				"the KSK \"%s\" %s; remove it", k->label,
				k->revoked != 0 ? "is revoked (RFC 5011 2.1)"
					: k->cds == 0
					? "is not named in CDS (`cds: no`)"
					: "does not stand at that time");
		return true;
	}
	for (uint32_t i = 0; i < c->zone->cosigners.count; i++) {
		uint32_t at = c->zone->cosigners.first + i;
		const struct ksk_policy_cosigner *co = &c->table->cosigners[at];

		if (!names_key(c, record, &co->ds))
			continue;
		if (!is_wanted_cosigner(c, at))
			ksk_case_refuse(c, co->ds.tag, co->provider,
				"this co-signer is not `in-parent`, or its "
				"`until` has passed; remove it");
		return true;
	}
	return false;
}

static const char *
find_zsk_owner(const struct ksk_case *c, size_t record)
{
	for (uint32_t i = 0; i < c->zone->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&c->table->providers[c->zone->providers.first + i];

		for (uint32_t k = 0; k < p->keys.count; k++) {
			if (names_key(c, record,
				    &c->table->keys[p->keys.first + k].ds))
				return p->name;
		}
	}
	return NULL;
}

/* One of our KSKs by tag and algorithm, but not by digest. */
static bool
is_near(const struct ksk_case *c, const struct ksk_ds *ds)
{
	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		const struct ksk_ds *k =
			&c->table->ksks[c->zone->ksks.first + i].ds;

		if (k->tag == ds->tag && k->algorithm == ds->algorithm)
			return true;
	}
	return false;
}

static void
refuse_cds(struct ksk_case *c, size_t record)
{
	struct ksk_span rdata = c->rrset->rdata[record];
	uint32_t tag = rdata.len < 2
		? KSK_NO_TAG
		: (uint32_t)(rdata.data[0] << 8 | rdata.data[1]);
	unsigned type = rdata.len < 4 ? 0 : rdata.data[3];
	const char *owner;
	struct ksk_ds ds;

	if (type != KSK_DIGEST_SHA256 && type != KSK_DIGEST_SHA384) {
		ksk_case_refuse(c, tag, NULL,
			"digest type %u%s is not signed; use type 2 "
			"(RFC 8624 3.3, RFC 9905)",
			type, type == 1 ? " (SHA-1)" : "");
		return;
	}
	if (ksk_ds_read(rdata, &ds) != KSK_OK) {
		ksk_case_refuse(c, tag, NULL,
			"a digest of type %u has %u bytes, not %zu (RFC 4509 "
			"2.1, RFC 6605 2)",
			type, type == KSK_DIGEST_SHA256 ? 32u : 48u,
			rdata.len - 4);
		return;
	}
	owner = find_zsk_owner(c, record);
	if (owner != NULL)
		ksk_case_refuse(c, tag, owner,
			"this is a ZSK; only KSKs are named (RFC 8901 2.1.1)");
	else if (is_near(c, &ds))
		ksk_case_refuse(c, tag, NULL,
			"the digest is not that of our KSK with this tag as "
			"the policy has it; make it with the policy's digest "
			"type over the owner in lower case (RFC 4034 5.1.4)");
	else
		ksk_case_refuse(c, tag, NULL,
			"this is no KSK of the policy and no co-signer; "
			"remove it");
}

static void
refuse_cdnskey(struct ksk_case *c, size_t record)
{
	const char *owner = find_zsk_owner(c, record);
	const struct ksk_case_key *k = &c->key[record];

	if (!k->readable)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"a record of %zu bytes is too short for a CDNSKEY",
			k->rdata.len);
	else if (owner != NULL || k->key.flags == KSK_FLAGS_ZSK)
		ksk_case_refuse(c, k->key.tag, owner,
			"this is a ZSK; only KSKs are named (RFC 8901 2.1.1)");
	else
		ksk_case_refuse(c, k->key.tag, NULL,
			"this is no KSK of the policy and no co-signer; "
			"remove it");
}

static void
check_missing(struct ksk_case *c)
{
	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		uint32_t at = c->zone->ksks.first + i;
		const struct ksk_policy_ksk *k = &c->table->ksks[at];

		if (is_wanted_ksk(c, at) && !set_names_key(c, &k->ds))
			ksk_case_refuse(c, k->ds.tag, NULL,
				"the KSK \"%s\" is missing; add its record, or "
				"write `cds: no` at it",
				k->label);
	}
	for (uint32_t i = 0; i < c->zone->cosigners.count; i++) {
		uint32_t at = c->zone->cosigners.first + i;
		const struct ksk_policy_cosigner *co = &c->table->cosigners[at];

		if (is_wanted_cosigner(c, at) && !set_names_key(c, &co->ds))
			ksk_case_refuse(c, co->ds.tag, co->provider,
				"this co-signer's key is missing; add its "
				"record, or write `in-parent: no` at it");
	}
}

static bool
has_signer(const struct ksk_case *c)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		if (!c->standing[i].revoked)
			return true;
	}
	return false;
}

void
ksk_rule_cds(struct ksk_case *c)
{
	if (!has_signer(c))
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"no KSK of the policy stands that could sign this "
			"(RFC 7344 4.1)");
	if (ksk_case_has_delete(c)) {
		refuse_delete(c);
		return;
	}
	for (size_t i = 0; i < c->rrset->count; i++) {
		if (refuse_unwanted(c, i))
			continue;
		if (c->rrset->type == KSK_TYPE_CDS)
			refuse_cds(c, i);
		else
			refuse_cdnskey(c, i);
	}
	check_missing(c);
}
