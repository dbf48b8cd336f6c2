/* SPDX-License-Identifier: BSD-2-Clause */
/* job - see job.h. */
#include "hsm/job.h"

#include <stdio.h>
#include <string.h>

/* RRSIG times are compared in serial arithmetic (RFC 4034 3.1.5, RFC 1982):
 * half the number space is the longest window that means what it says. */
#define WINDOW_MAX 0x7fffffffu

/* Returns the demand that is not met, NULL if all are. */
static const char *
find_trouble(const struct ksk_keymap *keymap, const char *token,
	const struct ksk_name *zone, const struct ksk_key *key,
	const struct ksk_lnk_job *job)
{
	const struct ksk_rrset *set = &job->rrset;

	if (set->type != KSK_TYPE_DNSKEY && set->type != KSK_TYPE_CDS &&
		set->type != KSK_TYPE_CDNSKEY)
		return "only DNSKEY, CDS and CDNSKEY are signed";
	if (!ksk_name_equal(&set->owner, zone))
		return "the owner is not the apex of the key's zone";
	if (!ksk_keymap_allows(keymap, zone, token,
		    ksk_span_of(key->dnskey, key->dnskey_len)))
		return "the keymap does not give this key to this zone; allow "
		       "it with \"kskadm key allow\"";
	if (key->extractable != NULL &&
		!ksk_keymap_allows_extractable(keymap, zone, token,
			ksk_span_of(key->dnskey, key->dnskey_len)))
		return key->extractable;
	if (ksk_keymap_has(keymap, token,
		    ksk_span_of(key->dnskey, key->dnskey_len), true))
		return "this is the audit key; it signs no RRset";
	if (job->window.expiration <= job->window.inception)
		return "the window ends before it begins";
	if (job->window.expiration - job->window.inception > WINDOW_MAX)
		return "the window is longer than an RRSIG can say";
	if (set->ttl > KSK_TTL_MAX)
		return "the TTL is above 2147483647 (RFC 2181 8)";
	if (set->count == 0 || set->count > KSK_RDATA_COUNT_MAX ||
		!ksk_rrset_is_canonical(set))
		return "the RRset is not in canonical form";
	return NULL;
}

enum ksk_err
ksk_job_build(const struct ksk_keymap *keymap, const char *token,
	const struct ksk_name *zone, const struct ksk_key *key,
	const struct ksk_lnk_job *job, struct ksk_buf *out,
	char out_why[KSK_WHY_CAP])
{
	const char *trouble = find_trouble(keymap, token, zone, key, job);
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
