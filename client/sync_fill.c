/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_fill - the zone's name in paths and commands; see sync_config.h.
 */
#include "client/sync_config.h"

#include "client/output.h"

#include <stdlib.h>
#include <string.h>

static enum ksk_err
fill(struct ksk_text *out, const char *text, const char *zone,
	struct ksk_fault *fault)
{
	size_t len = strlen(zone);

	for (; *text != '\0'; text++) {
		if (*text != '%') {
			ksk_text_add(out, "%c", *text);
			continue;
		}
		text++;
		if (*text == 'z')
			ksk_text_add(out, "%s", zone);
		else if (*text == 'n')
			ksk_text_add(out, "%.*s",
				(int)(len > 1 ? len - 1 : len), zone);
		else if (*text == '%')
			ksk_text_add(out, "%%");
		else {
			ksk_fault_set(fault,
				"behind %% stands z, the zone with its final "
				"dot, n, the zone without, or %%");
			return KSK_ERR_BAD_INPUT;
		}
	}
	return KSK_OK;
}

static enum ksk_err
finish(struct ksk_text *text, enum ksk_err err, char **out,
	struct ksk_fault *fault)
{
	ksk_text_add(text, "%s", "");
	if (err == KSK_OK && text->failed) {
		ksk_fault_set(fault, "no memory is left");
		err = KSK_ERR_NO_MEMORY;
	}
	if (err == KSK_OK)
		*out = text->data;
	else
		ksk_text_free(text);
	return err;
}

enum ksk_err
ksk_sync_fill(
	const char *text, const char *zone, char **out, struct ksk_fault *fault)
{
	struct ksk_text filled = {0};
	enum ksk_err err = fill(&filled, text, zone, fault);

	return finish(&filled, err, out, fault);
}

enum ksk_err
ksk_sync_path(const struct ksk_sync_config *config, const char *text,
	const char *zone, char **out, struct ksk_fault *fault)
{
	struct ksk_text filled = {0};
	enum ksk_err err;

	if (strchr(text, '%') != NULL && strchr(zone, '/') != NULL) {
		ksk_fault_set(fault,
			"%.300s: the zone's name has a slash and can't be part "
			"of a path",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	if (text[0] != '/')
		ksk_text_add(&filled, "%s/", config->folder);
	err = fill(&filled, text, zone, fault);
	return finish(&filled, err, out, fault);
}
