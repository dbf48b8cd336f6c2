/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_check - compiles a policy as kskd-policy does and prints all errors.
 * The appliance id is compared only where this box has one: a policy can be
 * checked before the appliance is made.
 */
#include "appliance/admin/admin.h"
#include "appliance/base/clock.h"
#include "appliance/policy/compile.h"

#include <stdio.h>
#include <stdlib.h>

/* Without a configuration (a laptop) any appliance's policy is checked. */
static bool
find_appliance(const char *config_path, uint8_t out_id[KSK_ID_LEN])
{
	static struct ksk_config config; /* large */
	struct ksk_fault fault = {""};

	if (ksk_config_load(config_path, &config, &fault) == KSK_OK &&
		ksk_config_appliance(&config, out_id, &fault) == KSK_OK)
		return true;
	ksk_say("the appliance id is not compared: %s", fault.text);
	return false;
}

enum ksk_exit
ksk_verb_policy_check(const char *config_path, int argc, char **argv)
{
	const char *file = NULL;
	struct ksk_fault fault = {""};
	struct ksk_faults *faults = NULL;
	uint8_t id[KSK_ID_LEN];
	uint8_t *text = NULL;
	uint8_t *table = NULL;
	size_t len = 0;
	size_t table_len = 0;
	enum ksk_exit code = KSK_EXIT_INTERNAL;
	enum ksk_err r;

	if (!ksk_args_read(argc, argv, NULL, 0, &file, 1))
		return KSK_EXIT_USAGE;
	r = ksk_file_read(file, KSK_DOCUMENT_TEXT_MAX, &text, &len, &fault);
	if (r != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	faults = calloc(1, sizeof(*faults));
	if (faults == NULL)
		goto out;
	r = ksk_policy_compile(ksk_span_of(text, len),
		find_appliance(config_path, id) ? id : NULL, ksk_clock_now(),
		&table, &table_len, faults);
	for (size_t i = 0; i < faults->count; i++)
		ksk_say("%s: %s", file, faults->list[i].text);
	if (r == KSK_OK)
		ksk_say("%s is a good policy", file);
	else if (faults->count == 0)
		ksk_say("%s: %s", file, ksk_err_text(r));
	code = r == KSK_OK ? KSK_EXIT_OK : KSK_EXIT_POLICY;
out:
	free(table);
	free(faults);
	free(text);
	return code;
}
