/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - one zone as `kskctl check` sees it: what the appliance says must be
 * served (check_ask.c), what every address serves (check_zone.c,
 * check_denial.c), signatures
 * that no journal knows (check_journal.c), what is told (check_print.c). Only
 * for these and check.c. Nothing is changed anywhere.
 * Tests: tests/providers/test_check.py
 */
#ifndef KSK_CLIENT_CHECK_H
#define KSK_CLIENT_CHECK_H

#include "client/held.h"
#include "client/output.h"
#include "client/served.h"
#include "client/verb.h"

/* The exit codes of monitoring plugins. */
enum ksk_check_level {
	KSK_CHECK_OK,
	KSK_CHECK_WARNING,
	KSK_CHECK_CRITICAL,
	KSK_CHECK_UNKNOWN,
};

const char *ksk_check_level_text(enum ksk_check_level level);

struct ksk_check_zone {
	struct ksk_ctl ctl;
	const struct ksk_sync_config *config;
	const struct ksk_sync_zone *zone;
	uint64_t now;
	uint64_t warning;  /* seconds left of a signature; 0: a fourth */
	uint64_t critical; /* … of the usual validity; 0: an eighth */
	/* From the appliance. */
	struct ksk_held *held; /* while it runs; then NULL */
	struct ksk_signed want[KSK_SIGNED_COUNT];
	/* What came of it: ksk_check_give. */
	enum ksk_check_level level; /* the worst */
	json_t *problems;           /* [{level, provider?, address?, text}] */
	json_t *addresses;          /* [{provider, address, ok, size}] */
	bool has_parent;
	bool parent_ok;
	unsigned foreign; /* signatures that no journal knows */
	uint64_t end;     /* of the first signature that ends; 0: none */
};

/* Adds a problem. provider, address: "" for none. */
void ksk_check_add(struct ksk_check_zone *z, enum ksk_check_level level,
	const char *provider, const char *address, const char *fmt, ...)
	KSK_FORMAT(5, 6);

/* Checks a zone. ctl, config, zone, now, warning, critical are set, all else
 * is zero. */
void ksk_check_zone_run(struct ksk_check_zone *z);

/* What came of it, for another process, and back. give: owned by the caller;
 * NULL: no memory. take: makes the lists, and fills in what it is given; false
 * if it is not that. */
json_t *ksk_check_give(const struct ksk_check_zone *z);
bool ksk_check_take(struct ksk_check_zone *z, json_t *value);

void ksk_check_zone_wipe(struct ksk_check_zone *z);

/* A ksk_work_fn; ctx: struct ksk_check_zone. Fills in held and want. */
enum ksk_step ksk_check_ask(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

/*
 * Looks for signatures of our KSKs over what an address serves that are not
 * those of the answers in effect, and looks each of them up in the export of
 * the journal. One that is not there was made by somebody else with the key.
 */
void ksk_check_journal(struct ksk_check_zone *z, const char *provider,
	const struct ksk_served *served);

/* Returns true if a key of the DNSKEY RRset that must be made this RRSIG. */
bool ksk_check_is_signed(const struct ksk_check_zone *z,
	const struct ksk_rrset *rrset, struct ksk_span rrsig);

/* Asks an address for a name that nobody has, and looks whether it is proved
 * that nobody has it. */
void ksk_check_denial(struct ksk_check_zone *z,
	const struct ksk_sync_provider *provider, const char *address);

/* The forms in which zones are told. */
void ksk_check_print_line(const struct ksk_check_zone *zones, size_t count,
	struct ksk_text *text);
json_t *ksk_check_print_json(const struct ksk_check_zone *zones, size_t count);
void ksk_check_print_metrics(const struct ksk_check_zone *zones, size_t count,
	struct ksk_text *text);

/* The worst of some zones. */
enum ksk_check_level ksk_check_worst(
	const struct ksk_check_zone *zones, size_t count);

#endif
