/* SPDX-License-Identifier: BSD-2-Clause */
/* approve - see approve.h. */
#include "appliance/policy/approve.h"

#include "appliance/base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *id;
	const char *sentence;
} rules[] = {
#define X(name, id, sentence) [name] = {id, sentence},
	KSK_APPROVE_TABLE(X)
#undef X
};

const char *
ksk_approve_id(size_t index)
{
	return index < sizeof(rules) / sizeof(rules[0]) ? rules[index].id
							: NULL;
}

const char *
ksk_approve_sentence(size_t index)
{
	return index < sizeof(rules) / sizeof(rules[0]) ? rules[index].sentence
							: NULL;
}

void
ksk_approve_refuse(struct ksk_refusals *refusals, enum ksk_approve_rule rule,
	const char *fmt, ...)
{
	struct ksk_refusal *one;
	va_list ap;

	if (refusals->count == KSK_REFUSAL_COUNT_MAX) {
		refusals->dropped++;
		return;
	}
	one = &refusals->list[refusals->count++];
	memset(one, 0, sizeof(*one));
	ksk_text_copy(one->rule, sizeof(one->rule), rules[rule].id);
	va_start(ap, fmt);
	(void)vsnprintf(one->why, sizeof(one->why), fmt, ap);
	va_end(ap);
}

/* ---- who signed ---- */

static const struct ksk_operator *
find_operator(
	const struct ksk_authority *authority, const uint8_t pin[KSK_PIN_LEN])
{
	for (uint32_t i = 0; authority != NULL && i < authority->operator_count;
		i++)
		if (memcmp(authority->operator[i].pin, pin, KSK_PIN_LEN) == 0)
			return &authority->operator[i];
	return NULL;
}

static bool
has_signed(const struct ksk_approvers *who, const uint8_t pin[KSK_PIN_LEN])
{
	for (size_t i = 0; i < who->count; i++)
		if (memcmp(who->pin[i], pin, KSK_PIN_LEN) == 0)
			return true;
	return false;
}

/* One signature: a blemish, or one more approver. may_be_new: an operator that
 * nobody knows yet is passed over. */
static void
judge_signer(const struct ksk_authority *authority,
	const struct ksk_authority *next, bool may_be_new,
	const struct ksk_signed_by *by, size_t number,
	struct ksk_approvers *who, struct ksk_refusals *refusals)
{
	const struct ksk_operator *operator= find_operator(authority, by->pin);
	char hex[2 * KSK_PIN_LEN + 1];

	if (operator== NULL)
		operator= find_operator(next, by->pin);
	ksk_hex_write(ksk_span_of(by->pin, KSK_PIN_LEN), hex, sizeof(hex));
	if (!by->good) {
		ksk_approve_refuse(refusals, KSK_APPROVE_SIGNATURE,
			"signature %zu%s%s: %.250s",
			number, operator== NULL ? "" : " by ",
				operator== NULL ? "" : operator->name, by->why);
		return;
	}
	if (operator== NULL) {
		if (!may_be_new)
			ksk_approve_refuse(refusals, KSK_APPROVE_OPERATOR,
				"signature %zu is by the key %s, which is no "
				"operator's; sign again without it",
				number, hex);
		return;
	}
	if (has_signed(who, by->pin)) {
		ksk_approve_refuse(refusals, KSK_APPROVE_OPERATOR,
			"%s signed twice; each operator signs once",
			operator->name);
		return;
	}
	memcpy(who->pin[who->count++], by->pin, KSK_PIN_LEN);
}

static bool
reaches(const struct ksk_authority *authority, unsigned kind,
	const struct ksk_approvers *who, const char *whose,
	struct ksk_refusals *refusals)
{
	uint32_t count = 0;

	for (size_t i = 0; i < who->count; i++)
		if (find_operator(authority, who->pin[i]) != NULL)
			count++;
	if (count >= authority->threshold[kind])
		return true;
	ksk_approve_refuse(refusals, KSK_APPROVE_QUORUM,
		"%u of %s operators signed; a document of kind %s needs %u",
		count, whose, ksk_document_kind_text(kind),
		authority->threshold[kind]);
	return false;
}

bool
ksk_approve_signers(const struct ksk_authority *authority, unsigned kind,
	const struct ksk_signed *document, const struct ksk_authority *next,
	struct ksk_approvers *out, struct ksk_refusals *refusals)
{
	bool may_be_new = kind == KSK_DOCUMENT_AUTHORITY && next == NULL;
	size_t before = refusals->count;
	struct ksk_approvers who = {.count = 0};

	if (authority->version == 0) {
		ksk_approve_refuse(refusals, KSK_APPROVE_QUORUM,
			"this appliance has no operators; kskadm authority "
			"gives it the first ones");
		return false;
	}
	for (size_t i = 0; i < document->count; i++)
		judge_signer(authority, next, may_be_new, &document->by[i],
			i + 1, &who, refusals);
	(void)reaches(authority, kind, &who, "the", refusals);
	if (next != NULL)
		(void)reaches(next, kind, &who, "the document's own", refusals);
	if (refusals->count != before)
		return false;
	*out = who;
	return true;
}

/* ---- what it says of itself ---- */

static void
check_appliance(const struct ksk_standing *standing,
	const struct ksk_claim *claim, struct ksk_refusals *refusals)
{
	char theirs[2 * KSK_ID_LEN + 1], ours[2 * KSK_ID_LEN + 1];

	if (memcmp(claim->appliance, standing->appliance, KSK_ID_LEN) == 0)
		return;
	ksk_hex_write(ksk_span_of(claim->appliance, KSK_ID_LEN), theirs,
		sizeof(theirs));
	ksk_hex_write(ksk_span_of(standing->appliance, KSK_ID_LEN), ours,
		sizeof(ours));
	ksk_approve_refuse(refusals, KSK_APPROVE_APPLIANCE,
		"the document is for appliance %s, this is %s", theirs, ours);
}

static void
check_time(const struct ksk_standing *standing, const struct ksk_claim *claim,
	struct ksk_refusals *refusals)
{
	char text[KSK_TIME_CAP];

	if (!claim->has_not_after)
		ksk_approve_refuse(refusals, KSK_APPROVE_NOT_AFTER,
			"a signed document needs `not-after`");
	else if (claim->not_after <= standing->now)
		ksk_approve_refuse(refusals, KSK_APPROVE_NOT_AFTER,
			"the document's time was over at %s; sign it again "
			"with a later one",
			ksk_time_text(text, claim->not_after));
}

static void
check_replaces(const struct ksk_standing *standing,
	const struct ksk_claim *claim, struct ksk_refusals *refusals)
{
	static const uint8_t none[KSK_HASH_LEN] = {0};
	const uint8_t *due = none;
	char hex[2 * KSK_HASH_LEN + 1];

	if (claim->kind == KSK_DOCUMENT_AUTHORISE)
		return; /* bound to a record instead */
	if (claim->kind == KSK_DOCUMENT_AUTHORITY)
		due = standing->authority->hash;
	else if (standing->policy_version != 0)
		due = standing->policy_hash;
	if (claim->has_replaces &&
		memcmp(claim->replaces, due, KSK_HASH_LEN) == 0)
		return;
	ksk_hex_write(ksk_span_of(due, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_approve_refuse(refusals, KSK_APPROVE_REPLACES,
		"the document does not replace what is in force; write "
		"`replaces: %s`",
		due == none ? "none" : hex);
}

static void
check_version(const struct ksk_standing *standing,
	const struct ksk_claim *claim, struct ksk_refusals *refusals)
{
	uint64_t last = standing->policy_version;

	if (claim->kind == KSK_DOCUMENT_POLICY && claim->version <= last)
		ksk_approve_refuse(refusals, KSK_APPROVE_VERSION,
			"the policy's version %llu is not higher than %llu, "
			"which was in force before",
			(unsigned long long)claim->version,
			(unsigned long long)last);
	last = standing->authority->version;
	if (claim->kind == KSK_DOCUMENT_AUTHORITY && claim->version != last + 1)
		ksk_approve_refuse(refusals, KSK_APPROVE_VERSION,
			"the authority's version is %llu; the next one is %llu",
			(unsigned long long)claim->version,
			(unsigned long long)last + 1);
}

bool
ksk_approve_claim(const struct ksk_standing *standing,
	const struct ksk_claim *claim, struct ksk_refusals *refusals)
{
	size_t before = refusals->count;

	check_appliance(standing, claim, refusals);
	check_time(standing, claim, refusals);
	check_version(standing, claim, refusals);
	check_replaces(standing, claim, refusals);
	return refusals->count == before;
}

struct ksk_claim
ksk_claim_of_table(const struct ksk_table *table)
{
	return (struct ksk_claim){.kind = KSK_DOCUMENT_POLICY,
		.appliance = table->appliance,
		.has_not_after = table->not_after != KSK_NEVER,
		.not_after = table->not_after,
		.has_replaces = table->has_replaces,
		.replaces = table->replaces,
		.version = table->version,
		.hash = table->hash};
}

struct ksk_claim
ksk_claim_of_document(const struct ksk_document *document)
{
	return (struct ksk_claim){.kind = document->kind,
		.appliance = document->appliance,
		.has_not_after = true,
		.not_after = document->not_after,
		.has_replaces = true,
		.replaces = document->replaces,
		.version = document->authority.version,
		.hash = document->hash};
}
