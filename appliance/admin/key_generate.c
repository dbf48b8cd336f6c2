/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_generate - makes a KSK and gives it to one zone, or a token's audit key. The keymap's line is
 * written after the key is there; a key without a line signs nothing, and
 * `kskadm key allow` adds the line later.
 */
#include "appliance/admin/key.h"
#include "appliance/admin/pins.h"
#include "appliance/base/clock.h"
#include "appliance/base/yaml.h"
#include "protocol/audit_key.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RSA_BITS_DEFAULT 2048ul

struct wish {
	const char *token, *zone, *algorithm, *bits, *label, *pin_file;
	bool extractable, audit;
	struct ksk_name zone_name;
	unsigned long algorithm_number, bits_number;
};

/* A KSK is for a zone; the audit key is for none (the root stands there). */
static bool
choose_purpose(struct wish *w)
{
	if (w->audit) {
		if (w->zone != NULL || w->extractable) {
			ksk_say("--audit goes without --zone and "
				"--extractable");
			return false;
		}
		w->zone = ".";
		w->algorithm = w->algorithm == NULL ? "13" : w->algorithm;
		return true;
	}
	if (w->zone != NULL && w->algorithm != NULL)
		return true;
	ksk_say("--zone and --algorithm are needed, or --audit");
	return false;
}

/* It could not be written into the policy as it is. */
static bool
has_control(const char *label)
{
	for (const char *c = label; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return true;
	}
	return false;
}

static bool
read_wish(int argc, char **argv, struct wish *w)
{
	const struct ksk_option options[] = {
		{"token", &w->token, NULL, true},
		{"zone", &w->zone, NULL, false},
		{"algorithm", &w->algorithm, NULL, false},
		{"bits", &w->bits, NULL, false},
		{"label", &w->label, NULL, false},
		{"pin-file", &w->pin_file, NULL, false},
		{"extractable", NULL, &w->extractable, false},
		{"audit", NULL, &w->audit, false},
	};

	if (!ksk_args_read(argc, argv, options,
		    sizeof(options) / sizeof(options[0]), NULL, 0) ||
		!choose_purpose(w) ||
		!ksk_args_number("algorithm", w->algorithm, 1, 255,
			&w->algorithm_number) ||
		!ksk_admin_zone(w->zone, &w->zone_name))
		return false;
	if (w->algorithm_number == 8 || w->algorithm_number == 10)
		w->bits_number = RSA_BITS_DEFAULT;
	if (w->bits != NULL &&
		!ksk_args_number("bits", w->bits, 1024, 16384, &w->bits_number))
		return false;
	if (w->label != NULL && strlen(w->label) >= KSK_LABEL_CAP) {
		ksk_say("--label is longer than %u bytes", KSK_LABEL_CAP - 1);
		return false;
	}
	if (w->label != NULL && has_control(w->label)) {
		ksk_say("--label has a control character");
		return false;
	}
	return true;
}

/* "example-com-2026" for example.com., cut to leave room for one letter. */
static void
make_label(const struct ksk_name *zone, char out[KSK_LABEL_CAP])
{
	char name[KSK_NAME_TEXT_CAP];
	time_t now = (time_t)ksk_clock_now();
	struct tm tm = {0};
	size_t len;

	(void)gmtime_r(&now, &tm);
	ksk_name_to_text(zone, name);
	len = strlen(name);
	if (len > 1)
		name[len - 1] = '\0';
	for (char *c = name; *c != '\0'; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') ||
			(*c >= '0' && *c <= '9') || *c == '-' || *c == '_';

		if (!plain)
			*c = '-';
	}
	(void)snprintf(out, KSK_LABEL_CAP - 1, "%.48s-%d",
		zone->len == 1 ? "audit" : name, tm.tm_year + 1900);
}

/* Takes the first letter that makes a label nobody has: one process apart per
 * try would log in each time, so the list of labels is asked for once. */
static enum ksk_exit
choose_label(const struct ksk_config *config,
	const struct ksk_config_token *token, const struct wish *w,
	char out[KSK_LABEL_CAP])
{
	struct ksk_apart_result *all = NULL;
	size_t len;
	enum ksk_exit code = ksk_key_ask(
		config, token, w->pin_file, 0, "", &all);

	if (code != KSK_EXIT_OK)
		return code;
	make_label(&w->zone_name, out);
	len = strlen(out);
	code = KSK_EXIT_KEY;
	for (char c = 'a'; c <= 'z' && code != KSK_EXIT_OK; c++) {
		bool used = false;

		out[len] = c;
		out[len + 1] = '\0';
		for (size_t i = 0; i < all->count; i++)
			used = used || strcmp(all->key[i].label, out) == 0;
		if (!used)
			code = KSK_EXIT_OK;
	}
	ksk_apart_free(&all);
	if (code != KSK_EXIT_OK)
		ksk_say("no label is left for this zone and year; give "
			"--label");
	return code;
}

/* The line for the policy, as YAML: double quotes with the few escapes that
 * a label can need. */
static void
print_snippet(const struct wish *w, const struct ksk_apart_key *key)
{
	char from[KSK_TIME_CAP];
	char text[KSK_DS_TEXT_CAP];
	struct ksk_ds ds;

	if (ksk_ds_build(&w->zone_name,
		    ksk_span_of(key->dnskey, key->dnskey_len),
		    KSK_DIGEST_SHA256, &ds) != KSK_OK)
		return;
	ksk_ds_to_text(&ds, text);
	(void)printf("- {token: %s, label: \"", w->token);
	for (const char *c = key->label; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			(void)putchar('\\');
		(void)putchar(*c);
	}
	(void)printf("\", ds: \"%s\", from: %s, cds: yes}\n", text,
		ksk_time_text(from, ksk_clock_now()));
}

/* Its public half is what an auditor needs. */
static enum ksk_exit
finish_audit(const struct ksk_apart_key *key, enum ksk_exit code)
{
	uint8_t rdata[KSK_AUDIT_KEY_MAX];
	char text[KSK_AUDIT_KEY_TEXT_CAP];

	if (key->dnskey_len <= sizeof(rdata)) {
		memcpy(rdata, key->dnskey, key->dnskey_len);
		rdata[0] = KSK_AUDIT_FLAGS >> 8;
		rdata[1] = KSK_AUDIT_FLAGS & 0xff;
		if (ksk_audit_key_to_text(ksk_span_of(rdata, key->dnskey_len),
			    text) == KSK_OK)
			(void)printf("%s\n", text);
	}
	if (code != KSK_EXIT_OK) {
		ksk_say("the key is made, but it is not in the keymap");
		return code;
	}
	ksk_say("made audit key \"%s\"; the line above is its public half: "
		"give it to whoever verifies exports of the journal, and "
		"reload kskd",
		key->label);
	return KSK_EXIT_OK;
}

static enum ksk_exit
finish(const struct ksk_config *config, const struct ksk_config_token *token,
	const struct wish *w, const struct ksk_apart_key *key)
{
	enum ksk_exit code = ksk_keymap_add(
		config, token, &w->zone_name, key, w->audit);

	if (w->audit)
		return finish_audit(key, code);
	ksk_key_print(key, &w->zone_name, KSK_PRINT_DNSKEY | KSK_PRINT_DS);
	print_snippet(w, key);
	if (code != KSK_EXIT_OK) {
		ksk_say("the key is made, but it is not in the keymap; mend "
			"that and run kskadm key allow");
		return code;
	}
	ksk_say("made key \"%s\", tag %u, and allowed it for %s; the last line "
		"is for ksk: in the policy",
		key->label, (unsigned)key->tag, w->zone);
	if (key->extractable)
		ksk_say("it can leave the token in wrapped form, and the "
			"keymap marks it so: make its backup with kskadm key "
			"backup");
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_verb_key_generate(const char *config_path, int argc, char **argv)
{
	struct wish w = {0};
	char label[KSK_LABEL_CAP] = "";
	const struct ksk_config_token *token;
	struct ksk_config config;
	struct ksk_apart_order order = {.what = KSK_APART_GENERATE};
	struct ksk_apart_result *result = NULL;
	enum ksk_exit code;

	if (!read_wish(argc, argv, &w))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	token = ksk_admin_token(&config, w.token);
	if (token == NULL)
		return KSK_EXIT_USAGE;
	if ((code = ksk_keymap_check(&config)) != KSK_EXIT_OK)
		return code;
	if (w.label != NULL)
		(void)snprintf(label, sizeof(label), "%s", w.label);
	else if ((code = choose_label(&config, token, &w, label)) !=
		KSK_EXIT_OK)
		return code;
	order.algorithm = (uint8_t)w.algorithm_number;
	order.bits = (unsigned)w.bits_number;
	order.label = label;
	order.extractable = w.extractable;
	code = ksk_pins_user(token, w.pin_file, false, &order.pin);
	if (code == KSK_EXIT_OK)
		code = ksk_apart_run(token,
			config.token_user[token - config.token], &order,
			&result);
	if (code == KSK_EXIT_OK)
		code = finish(&config, token, &w, &result->key[0]);
	ksk_apart_free(&result);
	ksk_pin_free(&order.pin);
	return code;
}
