/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Providers of a zone: their state, where their keys come from, and the keys.
 */
#include "appliance/policy/certificate.h"
#include "appliance/policy/compile_work.h"

#include <string.h>

static void
compile_key(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_key *doc, const struct ksk_zone *zone)
{
	struct ksk_policy_key key;

	memset(&key, 0, sizeof(key));
	key.retired = KSK_NEVER;
	if (doc->ds != NULL &&
		ksk_value_ds(
			work, at, "ds", doc->ds, zone->algorithms, &key.ds))
		ksk_compile_pin(
			work, &key.ds, "providers", at->up->index, at->index);
	(void)ksk_value_time(work, at, "retired", doc->retired, &key.retired);
	(void)ksk_value_bool(
		work, at, "withdrawn", doc->withdrawn, &key.withdrawn);
	ksk_vec_put(work, &work->part[KSK_SECTION_KEYS], &key);
}

static void
compile_certificate(struct ksk_work *work, const struct ksk_at *at,
	const char *text, struct ksk_policy_provider *p)
{
	struct ksk_fault fault = {""};

	if (p->announced == 0) {
		if (text != NULL)
			ksk_work_fault(work, at, "certificate",
				"only a provider with source: announced has a "
				"certificate; remove it");
		return;
	}
	if (text == NULL)
		ksk_work_fault(work, at, NULL,
			"source: announced needs `certificate: |` with one "
			"X.509 certificate in PEM form below it");
	else if (ksk_certificate_read(text, p->announcer, &fault) != KSK_OK)
		ksk_work_fault(work, at, "certificate",
			"%s; write `certificate: |` and below it, indented, "
			"the certificate whose key signs this provider's "
			"announcements",
			fault.text);
}

static void
compile_state(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_provider *doc, struct ksk_policy_provider *p)
{
	/* The order of the words is that of enum ksk_provider_state. */
	static const char *const states[] = {
		"joining", "serving", "leaving", NULL};
	unsigned state = KSK_PROVIDER_SERVING;

	p->gone = KSK_NEVER;
	if (!ksk_value_word(work, at, "state", doc->state, states, &state))
		return;
	p->state = (uint8_t)state;
	if (doc->gone != NULL && state != KSK_PROVIDER_LEAVING)
		ksk_work_fault(work, at, "gone",
			"`gone` is the moment from which no resolver asks a "
			"leaving provider; remove it or write state: leaving");
	(void)ksk_value_time(work, at, "gone", doc->gone, &p->gone);
}

static void
compile_provider(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_provider *doc, const struct ksk_zone *zone)
{
	static const char *const sources[] = {"pinned", "announced", NULL};
	static const char *const proofs[] = {"none", "one", "all", NULL};
	struct ksk_policy_provider p;
	unsigned source = 0, proof = KSK_PROOF_NONE;
	uint64_t max_keys = 3;

	memset(&p, 0, sizeof(p));
	(void)ksk_value_label(work, at, "name", doc->name, p.name);
	compile_state(work, at, doc, &p);
	(void)ksk_value_word(work, at, "source", doc->source, sources, &source);
	p.announced = (uint8_t)source;
	compile_certificate(work, at, doc->certificate, &p);
	(void)ksk_value_uint(work, at, "max-keys", doc->max_keys, 1,
		KSK_PROVIDER_KEY_MAX, &max_keys);
	p.max_keys = (uint8_t)max_keys;
	(void)ksk_value_word(work, at, "proof", doc->proof, proofs, &proof);
	p.proof = (uint8_t)proof;
	p.keys.first = (uint32_t)work->part[KSK_SECTION_KEYS].count;
	p.keys.count = doc->keys_count;
	for (size_t i = 0; i < doc->keys_count; i++) {
		struct ksk_at here = {.up = at, .key = "keys", .index = i};

		compile_key(work, &here, &doc->keys[i], zone);
	}
	ksk_vec_put(work, &work->part[KSK_SECTION_PROVIDERS], &p);
}

static void
check_unique(struct ksk_work *work, const struct ksk_at *zone_at,
	const struct ksk_doc_zone *doc)
{
	struct ksk_unique list[KSK_PROVIDER_COUNT_MAX];
	const struct ksk_at at = {.up = zone_at, .key = "providers"};
	size_t count = 0;

	for (size_t i = 0; i < doc->providers_count; i++) {
		const char *name = doc->providers[i].name;

		if (name != NULL)
			list[count++] = (struct ksk_unique){
				name, strlen(name), i};
	}
	ksk_work_unique(work, list, count, &at, "name", "provider");
}

void
ksk_compile_providers(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone)
{
	zone->providers.first =
		(uint32_t)work->part[KSK_SECTION_PROVIDERS].count;
	zone->providers.count = doc->providers_count;
	for (size_t i = 0; i < doc->providers_count; i++) {
		struct ksk_at here = {.up = at, .key = "providers", .index = i};

		compile_provider(work, &here, &doc->providers[i], zone);
	}
	check_unique(work, at, doc);
}
