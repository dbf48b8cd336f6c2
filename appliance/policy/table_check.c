/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a table, one function per kind: texts end, runs and indexes
 * stay inside, choices are among the known ones, numbers are small enough that
 * sums of a few of them can't overflow. What holds here holds for every
 * reader of the table.
 */
#include "appliance/policy/table_layout.h"

#include <string.h>

static bool
is_text(const char text[KSK_LABEL_CAP])
{
	return memchr(text, 0, KSK_LABEL_CAP) != NULL;
}

static bool
is_run(struct ksk_run run, size_t count, size_t max)
{
	return run.count <= max && run.first <= count &&
		run.count <= count - run.first;
}

static bool
is_time(uint64_t t)
{
	return t <= KSK_TIME_MAX || t == KSK_NEVER;
}

static bool
is_ds(const struct ksk_ds *ds)
{
	return (ds->digest_type == KSK_DIGEST_SHA256 && ds->digest_len == 32) ||
		(ds->digest_type == KSK_DIGEST_SHA384 && ds->digest_len == 48);
}

static bool
is_client(const struct ksk_table *t, size_t i)
{
	const struct ksk_client *c = &t->clients[i];

	if (i > 0 && memcmp(t->clients[i - 1].pin, c->pin, KSK_PIN_LEN) >= 0)
		return false;
	return is_text(c->name) &&
		(c->may &
			~(KSK_MAY_READ | KSK_MAY_SIGN | KSK_MAY_SUBMIT |
				KSK_MAY_JOURNAL | KSK_MAY_ANNOUNCE)) == 0;
}

static bool
is_ksk(const struct ksk_table *t, size_t i)
{
	const struct ksk_policy_ksk *k = &t->ksks[i];

	return is_ds(&k->ds) && is_time(k->from) && is_time(k->until) &&
		k->cds <= 1 && k->revoked <= 1 && is_text(k->token) &&
		is_text(k->label);
}

static bool
is_parent_ds(const struct ksk_table *t, size_t i)
{
	return is_ds(&t->ds[i]);
}

static bool
is_provider(const struct ksk_table *t, size_t i)
{
	const struct ksk_policy_provider *p = &t->providers[i];

	return is_text(p->name) && p->state <= KSK_PROVIDER_LEAVING &&
		p->announced <= 1 && p->proof <= KSK_PROOF_ALL &&
		p->max_keys >= 1 && is_time(p->gone) &&
		is_run(p->keys, t->key_count, KSK_PROVIDER_KEY_MAX);
}

static bool
is_key(const struct ksk_table *t, size_t i)
{
	const struct ksk_policy_key *k = &t->keys[i];

	return is_ds(&k->ds) && is_time(k->retired) && k->withdrawn <= 1 &&
		k->announced == 0;
}

static bool
is_cosigner(const struct ksk_table *t, size_t i)
{
	const struct ksk_policy_cosigner *c = &t->cosigners[i];

	return is_text(c->provider) && is_ds(&c->ds) && c->csk <= 1 &&
		c->in_parent <= 1 && is_time(c->until);
}

static bool
is_zone_client(const struct ksk_table *t, size_t i)
{
	return t->zone_clients[i] < t->client_count;
}

/* A valid name, and above the one before: sorted, none twice. */
static bool
is_zone_name(const struct ksk_table *t, size_t i)
{
	const struct ksk_zone *z = &t->zones[i];
	struct ksk_name name, before;

	if (!is_run(z->name, t->pool_len, KSK_NAME_MAX) ||
		ksk_name_from_wire(
			ksk_span_of(t->pool + z->name.first, z->name.count),
			&name) != KSK_OK)
		return false;
	if (i == 0)
		return true;
	ksk_table_zone_name(t, z - 1, &before);
	return ksk_name_compare(&before, &name) < 0;
}

static bool
are_zone_runs(const struct ksk_table *t, size_t i)
{
	const struct ksk_zone *z = &t->zones[i];

	return is_run(z->clients, t->zone_client_count, KSK_ZONE_CLIENT_MAX) &&
		is_run(z->ksks, t->ksk_count, KSK_KSK_COUNT_MAX) &&
		is_run(z->parent_ds, t->ds_count, KSK_KSK_COUNT_MAX) &&
		is_run(z->providers, t->provider_count,
			KSK_PROVIDER_COUNT_MAX) &&
		is_run(z->cosigners, t->cosigner_count, KSK_KSK_COUNT_MAX) &&
		is_run(z->tag_pairs, t->tag_pair_count, KSK_TAG_PAIR_MAX);
}

static bool
are_zone_waits(const struct ksk_zone *z)
{
	return z->validity <= KSK_VALIDITY_MAX && z->refresh <= z->validity &&
		z->inception_offset <= z->validity &&
		z->min_validity <= z->validity &&
		z->horizon <= KSK_VALIDITY_MAX &&
		z->zone_max_ttl <= KSK_DURATION_MAX &&
		z->propagation <= KSK_DURATION_MAX &&
		z->sign_delay <= KSK_DURATION_MAX &&
		z->parent_ds_ttl <= KSK_DURATION_MAX &&
		z->parent_propagation <= KSK_DURATION_MAX &&
		z->rate_per <= KSK_DURATION_MAX;
}

static bool
is_zone(const struct ksk_table *t, size_t i)
{
	const struct ksk_zone *z = &t->zones[i];

	return is_zone_name(t, i) && are_zone_runs(t, i) && are_zone_waits(z) &&
		z->ttl >= 1 && z->ttl <= KSK_TTL_MAX && z->types >= 1 &&
		z->types <= 7 && z->parent_seen <= KSK_TIME_MAX &&
		z->cds_delete_until <= KSK_TIME_MAX && z->rate_count >= 1 &&
		z->rate_count <= KSK_RATE_MAX && z->rate_per >= 1 &&
		z->has_parent <= 1 && z->new_zone <= 1 &&
		z->accept_outage <= 1 && z->rsa_min_bits >= 1024 &&
		z->rsa_min_bits <= 4096 &&
		(z->algorithms & ~KSK_ALGORITHMS_KNOWN) == 0;
}

/* What is checked, in this order; count: of the table's entries of this kind. */
#define KIND_COUNT 8u

struct kind {
	const char *what;
	size_t count;
	bool (*check)(const struct ksk_table *t, size_t i);
};

static void
list_kinds(const struct ksk_table *t, struct kind out[KIND_COUNT])
{
	const struct kind list[KIND_COUNT] = {
		{"client", t->client_count, is_client},
		{"zone-client", t->zone_client_count, is_zone_client},
		{"ksk", t->ksk_count, is_ksk},
		{"parent-ds", t->ds_count, is_parent_ds},
		{"provider", t->provider_count, is_provider},
		{"key", t->key_count, is_key},
		{"co-signer", t->cosigner_count, is_cosigner},
		{"zone", t->zone_count, is_zone},
	};

	memcpy(out, list, sizeof(list));
}

enum ksk_err
ksk_table_check_some(const struct ksk_table *t, struct ksk_table_checker *at,
	size_t count, struct ksk_fault *fault)
{
	struct kind list[KIND_COUNT];

	list_kinds(t, list);
	for (; at->kind < KIND_COUNT; at->kind++, at->entry = 0) {
		const struct kind *k = &list[at->kind];
		for (; at->entry < k->count; at->entry++, count--) {
			if (count == 0)
				return KSK_ERR_AGAIN;
			if (k->check(t, at->entry))
				continue;
			ksk_fault_set(fault,
				"policy table: %s %zu is out of bounds, order "
				"or range",
				k->what, at->entry);
			return KSK_ERR_MALFORMED;
		}
	}
	return KSK_OK;
}
