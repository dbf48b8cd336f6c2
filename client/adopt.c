/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt - gives an answer that was signed elsewhere to an appliance as
 * history: out of a file, or out of another appliance of the profile. It is
 * verified here first; what proves itself needs no trust in who brings it.
 */
#include "client/adopt.h"

#include "client/sign_set.h"
#include "client/zone_operand.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum ksk_err
refuse_file(const char *path, const char *why)
{
	ksk_say("%s: %s", strcmp(path, "-") == 0 ? "standard input" : path,
		why);
	return KSK_ERR_BAD_INPUT;
}

/* A DNSKEY RRset proves itself by a key in it; whether that is a KSK of the
 * zone is for the appliance's policy. */
static enum ksk_err
check_file(const struct ksk_sign_evidence *file)
{
	const struct ksk_zonetext *zone = &file->zone;
	struct ksk_pool pool = {0};
	struct ksk_fault fault = {0};
	bool found = false, pinned;

	if (zone->rrset.type != KSK_TYPE_DNSKEY)
		return refuse_file(file->path,
			"only a DNSKEY RRset is adopted: it proves itself");
	ksk_pool_add_set(&pool, &zone->rrset, NULL);
	for (size_t i = 0; i < zone->rrsig_count; i++) {
		enum ksk_err err = ksk_pool_check(&pool, &zone->rrset,
			zone->rrsig[i], (uint64_t)time(NULL), &pinned, &fault);

		if (err == KSK_ERR_BAD_SIGNATURE)
			return refuse_file(file->path, fault.text);
		found |= err == KSK_OK;
	}
	if (found)
		return KSK_OK;
	return refuse_file(file->path,
		"no RRSIG is by a key with the SEP bit in the set: it proves "
		"nothing");
}

static enum ksk_ctl_exit
print(struct ksk_adopt_run *a, enum ksk_ctl_exit exit)
{
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (a->ctl->json)
		err = ksk_out_json(json_pack("{s:o, s:O}", "zone",
			ksk_json_name(&a->held.owner), "appliances", a->json));
	else if (!a->text.failed)
		err = ksk_out_text(a->text.data, a->text.len);
	return err != KSK_OK && exit == KSK_CTL_DONE ? KSK_CTL_BAD_INPUT : exit;
}

static enum ksk_ctl_exit
adopt_file(struct ksk_adopt_run *a, const char *path)
{
	struct ksk_sign_evidence file = {.path = path};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;

	if (ksk_sign_evidence_load(&file) != KSK_OK)
		return exit;
	if (check_file(&file) == KSK_OK) {
		a->rrset = &file.zone.rrset;
		a->rrsig = file.zone.rrsig;
		a->rrsig_count = file.zone.rrsig_count;
		a->held.owner = a->rrset->owner;
		exit = a->all ? ksk_reach_each(a->ctl, ksk_adopt_feed, a)
			      : ksk_reach(a->ctl, ksk_adopt_feed, a);
		exit = print(a, exit);
	}
	ksk_zonetext_wipe(&file.zone);
	return exit;
}

/* From the appliance that has the newest answer to all that lack it. */
static enum ksk_ctl_exit
adopt_zone(struct ksk_adopt_run *a, const char *name)
{
	struct ksk_request zone = {0};
	enum ksk_ctl_exit found, fed;

	if (ksk_zone_operand(name, &zone) != KSK_OK)
		return KSK_CTL_BAD_INPUT;
	a->held.owner = zone.zone.owner;
	a->all = true;
	found = ksk_reach_each(a->ctl, ksk_adopt_find, a);
	if (a->rrsig_count == 0) {
		ksk_say("%s: no appliance of the profile gives an answer that "
			"another one could adopt",
			name);
		return found != KSK_CTL_DONE ? found : KSK_CTL_LATER;
	}
	fed = print(a, ksk_reach_each(a->ctl, ksk_adopt_feed, a));
	return fed != KSK_CTL_DONE ? fed : found;
}

static bool
is_zone(const char *operand)
{
	size_t len = strlen(operand);

	return len > 0 && operand[len - 1] == '.';
}

static enum ksk_ctl_exit
adopt(struct ksk_ctl *ctl, bool all, const char *operand)
{
	struct ksk_adopt_run *a = calloc(1, sizeof(*a));
	enum ksk_ctl_exit exit;

	if (a == NULL)
		return KSK_CTL_LATER;
	a->ctl = ctl;
	a->all = all;
	a->path = operand;
	a->held.type = KSK_TYPE_DNSKEY;
	a->json = json_array();
	exit = is_zone(operand) ? adopt_zone(a, operand)
				: adopt_file(a, operand);
	ksk_held_free(&a->source);
	ksk_held_free(&a->held);
	ksk_text_free(&a->text);
	json_decref(a->json);
	free(a);
	return exit;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	const char *value;
	bool all = false;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0)
		all = true;
	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	if (argc - optind != 1) {
		ksk_say("adopt takes a file of zone text, - for standard "
			"input, or a zone with its final dot");
		return KSK_CTL_USAGE;
	}
	return adopt(ctl, all, argv[optind]);
}

const struct ksk_verb ksk_verb_adopt = {
	.name = "adopt",
	.operands = "FILE | - | ZONE.",
	.sentence = "Gives a DNSKEY answer of elsewhere to an appliance as "
		    "history.",
	.options =
		{
			{"all", NULL,
				"to every appliance of the profile that lacks "
				"it"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
