/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skr_write - signed bundles to the text of an SKR; see ksr.h. Records are
 * written one a line with their class, which both programs read.
 */
#include "client/ksr.h"

#include "client/rrset_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* What both programs show people and neither reads back. */
static void
add_date(struct ksk_text *text, enum ksk_ksr_dialect dialect, uint64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm = {0};
	char date[40];
	size_t len;

	(void)gmtime_r(&time, &tm);
	len = dialect == KSK_KSR_KNOT
		? strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm)
		: strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	if (len == 0)
		abort(); /* no date of ours is longer */
	ksk_text_add(text, "%s", date);
}

/* The time that is read back. */
static void
add_time(struct ksk_text *text, enum ksk_ksr_dialect dialect, uint64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm = {0};
	char digits[20];

	if (dialect == KSK_KSR_KNOT) {
		ksk_text_add(text, "%" PRIu64, seconds);
		return;
	}
	(void)gmtime_r(&time, &tm);
	if (strftime(digits, sizeof(digits), "%Y%m%d%H%M%S", &tm) == 0)
		abort();
	ksk_text_add(text, "%s", digits);
}

static void
add_header(struct ksk_text *text, enum ksk_ksr_dialect dialect, uint64_t time)
{
	ksk_text_add(text, ";; SignedKeyResponse 1.0 ");
	add_time(text, dialect, time);
	ksk_text_add(text, " (");
	add_date(text, dialect, time);
	ksk_text_add(
		text, ")%s\n", dialect == KSK_KSR_KNOT ? " =========" : "");
}

static void
add_records(struct ksk_text *text, const struct ksk_skr_set *set)
{
	if (set->rrset != NULL)
		ksk_rrset_print(set->rrset, NULL, 0, text);
}

static void
add_rrsigs(struct ksk_text *text, const struct ksk_skr_set *set)
{
	struct ksk_rrset none;

	if (set->rrset == NULL)
		return;
	none = *set->rrset;
	none.count = 0;
	ksk_rrset_print(&none, set->rrsig, set->rrsig_count, text);
}

static void
add_bundle(struct ksk_text *text, enum ksk_ksr_dialect dialect,
	const struct ksk_skr_bundle *bundle)
{
	const struct ksk_skr_set *const set[] = {
		&bundle->dnskey, &bundle->cdnskey, &bundle->cds};

	add_header(text, dialect, bundle->time);
	for (size_t i = 0; i < 3; i++) {
		add_records(text, set[i]);
		if (dialect == KSK_KSR_BIND)
			add_rrsigs(text, set[i]);
	}
	if (dialect == KSK_KSR_BIND)
		return;
	add_rrsigs(text, &bundle->dnskey);
	add_rrsigs(text, &bundle->cds);
	add_rrsigs(text, &bundle->cdnskey);
}

void
ksk_skr_write(const struct ksk_skr_bundle *bundle, size_t count,
	enum ksk_ksr_dialect dialect, uint64_t generated, struct ksk_text *text)
{
	for (size_t i = 0; i < count; i++)
		add_bundle(text, dialect, &bundle[i]);
	ksk_text_add(text, ";; SignedKeyResponse 1.0 generated at ");
	add_date(text, dialect, generated);
	ksk_text_add(text, " by kskctl " KSK_VERSION "\n");
}
