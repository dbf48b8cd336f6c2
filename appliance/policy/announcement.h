/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announcement - the text by which a provider says which ZSKs it signs with:
 * lines "key: value", then its DNSKEY records as zone text has them, one a
 * line. The provider signs it (signed.h); whether it counts is judged by
 * rules_announce.c. Reading is total: every text is either one announcement or
 * a list of what is wrong, each with its line. kskd.policy(5), ANNOUNCEMENTS,
 * has the form.
 * Tests: tests/unit/test_announcement.c, tests/fuzz/fuzz_announcement.c
 */
#ifndef KSK_POLICY_ANNOUNCEMENT_H
#define KSK_POLICY_ANNOUNCEMENT_H

#include "appliance/policy/compile.h"
#include "appliance/policy/table.h"
#include "protocol/msg.h"

/* One key of each algorithm in a roll and one in reserve is a few KiB, with
 * RSA-4096 too. */
#define KSK_ANNOUNCEMENT_TEXT_MAX (24u * 1024u)

/* From not-before to not-after: a provider that says nothing for a year adds
 * no key. */
#define KSK_ANNOUNCEMENT_SECONDS_MAX (366u * 86400u)

struct ksk_announcement_key {
	struct ksk_span rdata; /* borrowed from room */
	uint64_t retired;      /* KSK_NEVER if not stated */
	size_t line;           /* of its record */
};

struct ksk_announcement {
	bool has_appliance;
	uint8_t appliance[KSK_ID_LEN];
	struct ksk_name zone;
	char provider[KSK_LABEL_CAP];
	uint64_t serial;     /* 1 or more */
	uint64_t not_before; /* its keys may be new from this second … */
	uint64_t not_after;  /* … and before this one */
	size_t key_count;    /* 1 or more, all different */
	struct ksk_announcement_key key[KSK_PROVIDER_KEY_MAX];
	uint8_t room[KSK_PROVIDER_KEY_MAX * KSK_RDATA_MAX];
};

/*
 * Reads a text.
 * text: borrowed until return. out: large, and undefined after failure.
 * KSK_ERR_BAD_INPUT with faults, in the order of the text, each beginning with
 * "line N: "; then those of the whole.
 */
KSK_MUST_USE enum ksk_err ksk_announcement_read(struct ksk_span text,
	struct ksk_announcement *out, struct ksk_faults *faults);

#endif
