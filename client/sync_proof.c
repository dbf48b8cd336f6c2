/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_proof - that a provider holds a ZSK which enters the set is shown by
 * what it signed with it: its SOA, as its servers show it, or zone data in a
 * file that it gave. Only proofs of keys that are new are sent, and only those
 * that verify: the appliance refuses a set with a bad one. See sync.h.
 */
#include "client/sync.h"

#include "protocol/verify.h"

/* Where proofs go, and for which keys. */
struct proofs {
	const struct ksk_rrset *set;  /* to be signed */
	const struct ksk_rrset *last; /* signed last; NULL: none */
	uint64_t now;
	struct ksk_sign *sign;
};

static bool
is_proven(const struct proofs *p, const struct ksk_rrsig *rrsig)
{
	for (size_t i = 0; i < p->sign->evidence_count; i++) {
		struct ksk_rrsig other;

		if (ksk_rrsig_read(p->sign->evidence[i].rrsig, &other) ==
				KSK_OK &&
			other.tag == rrsig->tag &&
			other.algorithm == rrsig->algorithm)
			return true;
	}
	return false;
}

/* True if a ZSK that is new in the set made this RRSIG, and it is valid. */
static bool
proves(const struct proofs *p, const struct ksk_rrset *rrset,
	const struct ksk_rrsig *rrsig)
{
	for (size_t i = 0; i < p->set->count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(p->set->rdata[i], &key) != KSK_OK ||
			(key.flags & KSK_FLAG_SEP) != 0 ||
			key.tag != rrsig->tag ||
			(p->last != NULL &&
				ksk_rrset_has(p->last, p->set->rdata[i])))
			continue;
		if (ksk_verify_rrsig(rrset, rrsig, &p->set->owner,
			    p->set->rdata[i], p->now, NULL) == KSK_OK)
			return true;
	}
	return false;
}

static void
add(struct proofs *p, const struct ksk_rrset *rrset,
	const struct ksk_span *rrsigs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ksk_rrsig rrsig;

		if (p->sign->evidence_count == KSK_EVIDENCE_COUNT_MAX ||
			ksk_rrsig_read(rrsigs[i], &rrsig) != KSK_OK ||
			is_proven(p, &rrsig) || !proves(p, rrset, &rrsig))
			continue;
		p->sign->has_evidence = true;
		p->sign->evidence[p->sign->evidence_count++] =
			(struct ksk_evidence){.kind = KSK_EVIDENCE_DATA,
				.rrset = *rrset,
				.rrsig = rrsigs[i]};
	}
}

void
ksk_sync_add_proofs(
	struct ksk_sync_run *run, uint64_t now, struct ksk_sign *sign)
{
	const struct ksk_last_answer_reply *last = run->held.last;
	struct proofs p = {.set = &sign->rrset,
		.last = last == NULL ? NULL : &last->rrset,
		.now = now,
		.sign = sign};

	for (unsigned i = 0; i < run->count; i++) {
		const struct ksk_sync_member *member = &run->member[i];

		for (size_t k = 0; k < member->proofs.count; k++) {
			const struct ksk_zonetext *zone =
				&member->proofs.zone[k];

			add(&p, &zone->rrset, zone->rrsig, zone->rrsig_count);
		}
		for (size_t k = 0; k < member->served.count; k++) {
			const struct ksk_dns_answer *soa =
				&member->served.list[k].answer[KSK_AT_SOA];

			add(&p, &soa->rrset, soa->rrsig, soa->rrsig_count);
		}
	}
}
