/* SPDX-License-Identifier: BSD-2-Clause */
/* common - configuration, tokens and zones for the verbs, see admin.h. */
#include "appliance/admin/admin.h"

#include <stdio.h>
#include <string.h>

enum ksk_exit
ksk_admin_config(const char *path, struct ksk_config *out_config)
{
	struct ksk_fault fault = {""};
	enum ksk_err r = ksk_config_load(path, out_config, &fault);

	switch (r) {
	case KSK_OK:
		return KSK_EXIT_OK;
	case KSK_ERR_BAD_INPUT:
	case KSK_ERR_TOO_LARGE:
		return ksk_fail(KSK_EXIT_CONFIG, r, &fault);
	case KSK_ERR_NO_MEMORY:
	case KSK_ERR_INTERNAL:
		return ksk_fail(KSK_EXIT_INTERNAL, r, &fault);
	default:
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	}
}

const struct ksk_config_token *
ksk_admin_token(const struct ksk_config *config, const char *name)
{
	for (size_t i = 0; i < config->token_count; i++) {
		if (strcmp(config->token[i].name, name) == 0)
			return &config->token[i];
	}
	ksk_say("%s has no token \"%s\"; it has:", config->file, name);
	for (size_t i = 0; i < config->token_count; i++)
		(void)fprintf(stderr, "  %s\n", config->token[i].name);
	return NULL;
}

bool
ksk_admin_zone(const char *text, struct ksk_name *out_zone)
{
	struct ksk_fault fault = {""};
	enum ksk_err r = ksk_name_from_text(
		text, strlen(text), out_zone, &fault);

	if (r == KSK_OK)
		return true;
	(void)ksk_fail(KSK_EXIT_USAGE, r, &fault);
	return false;
}
