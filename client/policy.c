/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy - what can be done with a policy without an appliance: `check FILE`
 * compiles it as kskd-policy does and names all that is wrong; `signers FILE`
 * tells who signed it; `rules` lists the rules that refusals name. Signing,
 * handing in and reading back: policy_signed.h.
 */
#include "client/file.h"
#include "client/output.h"
#include "client/policy_signed.h"
#include "client/policy_signers.h"

#include "appliance/policy/compile.h"
#include "appliance/policy/rules.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { APPLIANCE, CERTIFICATE, KEY, OUT, COMMAND, DRY_RUN, SIGNED };

struct policy {
	const struct ksk_ctl *ctl;
	bool has_appliance;
	uint8_t appliance[KSK_ID_LEN];
};

static enum ksk_ctl_exit
print_good(const struct ksk_ctl *ctl, const char *path,
	const struct ksk_table *table)
{
	char hex[2 * KSK_HASH_LEN + 1];
	struct ksk_text text = {0};
	enum ksk_err err;

	if (ctl->json) {
		err = ksk_out_json(json_pack(
			"{s:o, s:b, s:I, s:o, s:I, s:I, s:[]}", "file",
			ksk_json_path(path), "good", 1, "version",
			(json_int_t)table->version, "hash",
			ksk_json_hex(table->hash, KSK_HASH_LEN), "zones",
			(json_int_t)table->zone_count, "clients",
			(json_int_t)table->client_count, "errors"));
		return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
	}
	ksk_hex_write(ksk_span_of(table->hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(&text,
		"%s: version %llu, %zu zones, %zu clients, SHA-256 %s\n", path,
		(unsigned long long)table->version, table->zone_count,
		table->client_count, hex);
	err = text.failed ? KSK_ERR_NO_MEMORY
			  : ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

static enum ksk_ctl_exit
print_bad(const struct ksk_ctl *ctl, const char *path,
	const struct ksk_faults *faults)
{
	json_t *errors = json_array();

	for (size_t i = 0; i < faults->count; i++) {
		ksk_say_plain("%s:%s", path, faults->list[i].text);
		(void)json_array_append_new(
			errors, json_string(faults->list[i].text));
	}
	if (ctl->json &&
		ksk_out_json(json_pack("{s:o, s:b, s:O}", "file",
			ksk_json_path(path), "good", 0, "errors", errors)) !=
			KSK_OK)
		ksk_say("%s: has errors", path);
	json_decref(errors);
	return KSK_CTL_BAD_INPUT;
}

static enum ksk_ctl_exit
check_text(const struct policy *policy, const char *path, struct ksk_span text)
{
	struct ksk_faults *faults = calloc(1, sizeof(*faults));
	struct ksk_fault fault = {0};
	struct ksk_table table;
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (faults != NULL)
		err = ksk_policy_compile(text,
			policy->has_appliance ? policy->appliance : NULL,
			(uint64_t)time(NULL), &bytes, &len, faults);
	if (err == KSK_ERR_BAD_INPUT)
		exit = print_bad(policy->ctl, path, faults);
	else if (err != KSK_OK)
		ksk_say("%s: %s", path, ksk_err_text(err));
	else if (ksk_table_open(ksk_span_of(bytes, len), &table, &fault) !=
		KSK_OK)
		ksk_say("%s: %s", path, fault.text);
	else
		exit = print_good(policy->ctl, path, &table);
	free(bytes);
	free(faults);
	return exit;
}

static enum ksk_ctl_exit
check(const struct policy *policy, const char *path)
{
	struct ksk_fault fault = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_ctl_exit exit;

	if (ksk_file_read(path, KSK_DOCUMENT_TEXT_MAX, &text, &len, &fault) !=
		KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	exit = check_text(policy, path, ksk_span_of(text, len));
	free(text);
	return exit;
}

static enum ksk_ctl_exit
rules(const struct ksk_ctl *ctl)
{
	struct ksk_text text = {0};
	json_t *list = json_array();
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	for (size_t i = 0; ksk_rules_id(i) != NULL; i++) {
		ksk_text_add(&text, "%-20s %s\n", ksk_rules_id(i),
			ksk_rules_sentence(i));
		(void)json_array_append_new(list,
			json_pack("{s:s, s:s}", "id", ksk_rules_id(i),
				"sentence", ksk_rules_sentence(i)));
	}
	if (ctl->json)
		err = ksk_out_json(json_incref(list));
	else if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	json_decref(list);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

static enum ksk_err
take_appliance(struct policy *policy, const char *value)
{
	size_t len = 0;

	if (ksk_hex_read(value, strlen(value), policy->appliance, KSK_ID_LEN,
		    &len) != KSK_OK ||
		len != KSK_ID_LEN) {
		ksk_say("--appliance takes the %u hexadecimal digits of "
			"an appliance's id, not %s",
			2 * KSK_ID_LEN, value);
		return KSK_ERR_BAD_INPUT;
	}
	policy->has_appliance = true;
	return KSK_OK;
}

static enum ksk_err
take_option(struct policy *policy, struct ksk_policy_words *words, int option,
	const char *value)
{
	switch (option) {
	case APPLIANCE:
		return take_appliance(policy, value);
	case CERTIFICATE:
		words->certificate = value;
		break;
	case KEY:
		words->key = value;
		break;
	case OUT:
		words->out = value;
		break;
	case COMMAND:
		words->command = true;
		break;
	case DRY_RUN:
		words->dry_run = true;
		break;
	default:
		words->as_signed = true;
		break;
	}
	return KSK_OK;
}

/* Options that an action takes, as bits. */
#define TAKES(option) (1u << (option))

static const struct action {
	const char *name;
	int least, most; /* operands */
	unsigned options;
	enum ksk_ctl_exit (*run)(const struct ksk_policy_words *words);
} actions[] = {
	{"check", 1, 1, TAKES(APPLIANCE), NULL},
	{"signers", 1, 1, 0, NULL},
	{"rules", 0, 0, 0, NULL},
	{"sign", 1, 1,
		TAKES(CERTIFICATE) | TAKES(KEY) | TAKES(OUT) | TAKES(COMMAND),
		ksk_policy_sign},
	{"submit", 1, 1, TAKES(DRY_RUN), ksk_policy_submit},
	{"show", 0, 1, TAKES(OUT) | TAKES(SIGNED), ksk_policy_show},
	{"diff", 1, 1, 0, ksk_policy_diff},
};

static const struct action *
find_action(int operands, char **operand, unsigned given)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		const struct action *a = &actions[i];

		if (operands >= 1 && strcmp(operand[0], a->name) == 0)
			return operands - 1 >= a->least &&
					operands - 1 <= a->most &&
					(given & ~a->options) == 0
				? a
				: NULL;
	}
	return NULL;
}

static enum ksk_ctl_exit
act(const struct action *action, const struct policy *policy,
	const struct ksk_policy_words *words)
{
	if (action->run != NULL)
		return action->run(words);
	if (strcmp(action->name, "check") == 0)
		return check(policy, words->file);
	if (strcmp(action->name, "signers") == 0)
		return ksk_policy_signers(policy->ctl, words->file);
	return rules(policy->ctl);
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct policy policy = {.ctl = ctl};
	struct ksk_policy_words words = {.ctl = ctl};
	const struct action *action;
	const char *value;
	unsigned given = 0;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		given |= TAKES((unsigned)found);
		if (take_option(&policy, &words, found, value) != KSK_OK)
			return KSK_CTL_USAGE;
	}
	if (found != KSK_ARGS_END)
		return found == KSK_ARGS_HELP ? KSK_CTL_DONE : KSK_CTL_USAGE;
	action = find_action(argc - optind, argv + optind, given);
	if (action == NULL) {
		ksk_say("policy takes `check FILE`, `signers FILE`, `rules`, "
			"`sign FILE`, `submit FILE`, `show [policy|authority]` "
			"or `diff FILE`; see --help");
		return KSK_CTL_USAGE;
	}
	words.file = argc - optind > 1 ? argv[optind + 1] : NULL;
	return act(action, &policy, &words);
}

const struct ksk_verb ksk_verb_policy = {
	.name = "policy",
	.operands = "check FILE | signers FILE | rules | sign FILE | submit "
		    "FILE | show [KIND] | diff FILE",
	.sentence = "Checks, signs, hands in and shows policies and other "
		    "documents that operators sign.",
	.options =
		{
			[APPLIANCE] = {"appliance", "HEX",
				"check: the policy must name this appliance"},
			[CERTIFICATE] = {"certificate", "FILE",
				"sign: the operator's certificate (PEM)"},
			[KEY] = {"key", "FILE",
				"sign: its key (PEM), or a pkcs11: URI"},
			[OUT] = {"out", "FILE",
				"sign, show: where to write the document"},
			[COMMAND] = {"command", NULL,
				"sign: print the openssl command, run nothing"},
			[DRY_RUN] = {"dry-run", NULL,
				"submit: judge, change nothing"},
			[SIGNED] = {"signed", NULL,
				"show: the signed document, not its text"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
