/* SPDX-License-Identifier: BSD-2-Clause */
/* job - see job.h. */
#include "hsm/job.h"

#include <stdio.h>
#include <string.h>

/* No policy's window is longer than KSK_VALIDITY_MAX, begins further ahead or is
 * over for longer. The signer looked at its clock a little earlier. */
#define CLOCK_SLACK 86400u
#define NEAR (KSK_VALIDITY_MAX + CLOCK_SLACK)

/* A signer that is taken over must not collect signatures for the years to
 * come: RRSIG times reach 68 years (RFC 4034 3.1.5). */
static const char *
find_window_trouble(struct ksk_window window, uint64_t now)
{
	if (window.expiration <= window.inception)
		return "the window ends before it begins";
	if (window.expiration - window.inception > KSK_VALIDITY_MAX)
		return "the window is longer than any policy allows (366 "
		       "days)";
	if (window.inception > now && window.inception - now > NEAR)
		return "the window begins more than 367 days ahead of this "
		       "worker's clock";
	if (window.expiration < now && now - window.expiration > NEAR)
		return "the window is over for more than 367 days by this "
		       "worker's clock";
	return NULL;
}

/* Returns the demand that is not met, NULL if all are. */
static const char *
find_trouble(const struct ksk_keymap *keymap, const char *token,
	const struct ksk_name *zone, const struct ksk_key *key,
	const struct ksk_lnk_job *job, uint64_t now)
{
	const struct ksk_rrset *set = &job->rrset;

	if (set->type != KSK_TYPE_DNSKEY && set->type != KSK_TYPE_CDS &&
		set->type != KSK_TYPE_CDNSKEY)
		return "only DNSKEY, CDS and CDNSKEY are signed";
	if (!ksk_name_equal(&set->owner, zone))
		return "the owner is not the apex of the key's zone";
	if (!ksk_keymap_allows(keymap, zone, token,
		    ksk_span_of(key->dnskey, key->dnskey_len)))
		return KSK_JOB_NOT_GIVEN;
	if (key->extractable != NULL &&
		!ksk_keymap_allows_extractable(keymap, zone, token,
			ksk_span_of(key->dnskey, key->dnskey_len)))
		return key->extractable;
	if (ksk_keymap_has(keymap, token,
		    ksk_span_of(key->dnskey, key->dnskey_len), true))
		return "this is the audit key; it signs no RRset";
	if (set->ttl > KSK_TTL_MAX)
		return "the TTL is above 2147483647 (RFC 2181 8)";
	if (set->count == 0 || set->count > KSK_RDATA_COUNT_MAX ||
		!ksk_rrset_is_canonical(set))
		return "the RRset is not in canonical form";
	return find_window_trouble(job->window, now);
}

enum ksk_err
ksk_job_build(const struct ksk_keymap *keymap, const char *token,
	const struct ksk_name *zone, const struct ksk_key *key,
	const struct ksk_lnk_job *job, uint64_t now, struct ksk_buf *out,
	char out_why[KSK_WHY_CAP])
{
	const char *trouble = find_trouble(keymap, token, zone, key, job, now);
	uint16_t tag = job->revoked ? key->revoked_tag : key->tag;
	struct ksk_rrsig rrsig;
	enum ksk_err r = KSK_ERR_BAD_INPUT;

	if (trouble != NULL) {
		(void)snprintf(out_why, KSK_WHY_CAP, "%s", trouble);
		return r;
	}
	out->len = 0;
	ksk_rrsig_prepare(
		&job->rrset, job->window, key->algorithm, tag, &rrsig);
	r = ksk_tbs_build(&job->rrset, &rrsig, out);
	if (r != KSK_OK) {
		(void)snprintf(out_why, KSK_WHY_CAP, "%s", ksk_err_text(r));
		r = KSK_ERR_BAD_INPUT;
	}
	return r;
}
