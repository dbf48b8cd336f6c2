/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept - a person's word that ends a hold: writes one line into the file
 * that kskd.yaml names (`accept`). kskd passes it to the signer at its next
 * reload or start (appliance/signer/accept.h). What the line must name is what `kskctl status`
 * shows, so that nobody accepts what they have not looked at.
 */
#include "appliance/admin/admin.h"
#include "appliance/base/clock.h"
#include "appliance/base/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FOR_DEFAULT "1h"

struct word {
	const char *journal, *number, *hash, *how_long;
	uint64_t seconds, record;
};

static bool
is_hex(const char *text, size_t len)
{
	uint8_t bytes[KSK_HASH_LEN];
	size_t have = 0;

	return ksk_hex_read(text, strlen(text), bytes, sizeof(bytes), &have) ==
		KSK_OK &&
		have == len;
}

static bool
check_words(struct word *w)
{
	const char *how_long = w->how_long == NULL ? FOR_DEFAULT : w->how_long;

	if (!is_hex(w->journal, KSK_ID_LEN)) {
		ksk_say("\"%s\" is no journal id: 32 hexadecimal digits, as "
			"the status shows them",
			w->journal);
		return false;
	}
	if (ksk_text_duration(how_long, &w->seconds) != KSK_OK ||
		w->seconds == 0) {
		ksk_say("--for takes a time like 1h, not \"%s\"", how_long);
		return false;
	}
	if (w->number == NULL)
		return true;
	if (ksk_text_uint(w->number, 0, INT64_MAX, &w->record) != KSK_OK ||
		!is_hex(w->hash, KSK_HASH_LEN)) {
		ksk_say("\"%s %s\" is no record number and hash, as the "
			"status shows them",
			w->number, w->hash);
		return false;
	}
	return true;
}

static enum ksk_exit
write_line(const char *config_path, const struct word *w)
{
	char line[512], until[KSK_TIME_CAP];
	struct ksk_fault fault = {""};
	struct ksk_config config;
	enum ksk_exit code = ksk_admin_config(config_path, &config);
	int len;
	enum ksk_err r;

	if (code != KSK_EXIT_OK)
		return code;
	if (config.quorum) {
		ksk_say("here holds end by an authorise document that operators "
			"sign (`authority: {mode: quorum}`): kskctl policy "
			"submit");
		return KSK_EXIT_USAGE;
	}
	ksk_time_text(until, ksk_clock_now() + w->seconds);
	len = w->number == NULL
		? snprintf(line, sizeof(line), "accept-clock %s %s\n",
			  w->journal, until)
		: snprintf(line, sizeof(line),
			  "accept-restore %s %" PRIu64 " %s %s\n", w->journal,
			  w->record, w->hash, until);
	r = ksk_file_replace(
		config.accept, ksk_span_of(line, (size_t)len), &fault);
	if (r != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	ksk_say("written to %s, good until %s; kskd takes it when it is "
		"reloaded (systemctl reload kskd) or started, and logs "
		"\"accepted\" or why not",
		config.accept, until);
	return KSK_EXIT_OK;
}

static enum ksk_exit
run(const char *config_path, int argc, char **argv, size_t operands)
{
	struct word w = {0};
	const char *given[3] = {NULL, NULL, NULL};
	const struct ksk_option options[] = {{"for", &w.how_long, NULL, false}};

	if (!ksk_args_read(argc, argv, options, 1, given, operands))
		return KSK_EXIT_USAGE;
	w.journal = given[0];
	w.number = given[1];
	w.hash = given[2];
	return check_words(&w) ? write_line(config_path, &w) : KSK_EXIT_USAGE;
}

enum ksk_exit
ksk_verb_accept_clock(const char *config_path, int argc, char **argv)
{
	return run(config_path, argc, argv, 1);
}

enum ksk_exit
ksk_verb_accept_restore(const char *config_path, int argc, char **argv)
{
	return run(config_path, argc, argv, 3);
}
