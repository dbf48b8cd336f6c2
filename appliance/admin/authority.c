/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * authority - the first operators of an appliance: checks their document and
 * leaves it beside the journal, where the signer takes it once, at its next
 * start, if it knows no operators yet (appliance/signer/office.h). Every later
 * authority is signed by the one before.
 */
#include "appliance/admin/admin.h"
#include "appliance/policy/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
compile(const char *path, struct ksk_span text,
	const uint8_t appliance[KSK_ID_LEN], struct ksk_document *out)
{
	struct ksk_faults *faults = calloc(1, sizeof(*faults));
	enum ksk_err r = faults == NULL
		? KSK_ERR_NO_MEMORY
		: ksk_document_compile(
			  KSK_DOCUMENT_AUTHORITY, text, appliance, out, faults);

	if (r == KSK_ERR_BAD_INPUT)
		for (size_t i = 0; i < faults->count; i++)
			ksk_say("%s: %s", path, faults->list[i].text);
	else if (r != KSK_OK)
		ksk_say("%s: %s", path, ksk_err_text(r));
	free(faults);
	if (r == KSK_OK && out->authority.version != 1) {
		ksk_say("%s: the first authority has `version: 1`", path);
		return false;
	}
	return r == KSK_OK;
}

static enum ksk_exit
leave(const struct ksk_config *config, struct ksk_span text)
{
	const struct ksk_owner signer = {
		config->signer.uid, config->signer.gid};
	char folder[KSK_PATH_CAP], path[KSK_PATH_CAP + sizeof("/authority")];
	struct ksk_fault fault = {""};
	enum ksk_err r;

	if (!ksk_folder_of(config->journal, folder))
		return KSK_EXIT_CONFIG;
	(void)snprintf(path, sizeof(path), "%s/authority", folder);
	r = ksk_file_make(path, text, 0600, signer, &fault);
	return r == KSK_OK ? KSK_EXIT_OK : ksk_fail(KSK_EXIT_FILE, r, &fault);
}

static void
print(const struct ksk_document *document)
{
	const struct ksk_authority *a = &document->authority;
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(a->hash, KSK_HASH_LEN), hex, sizeof(hex));
	(void)printf("%s\n", hex);
	for (uint32_t i = 0; i < a->operator_count; i++) {
		ksk_hex_write(ksk_span_of(a->operator[i].pin, KSK_PIN_LEN), hex,
			sizeof(hex));
		(void)printf("%s %s\n", hex, a->operator[i].name);
	}
	ksk_say("kskd fixes these operators at its next start, once; then only "
		"they can change them");
}

enum ksk_exit
ksk_verb_authority(const char *config_path, int argc, char **argv)
{
	struct ksk_config config;
	struct ksk_fault fault = {""};
	struct ksk_document document;
	const char *path = NULL;
	uint8_t id[KSK_ID_LEN], *text = NULL;
	size_t len = 0;
	enum ksk_exit code;
	enum ksk_err r;

	if (!ksk_args_read(argc, argv, NULL, 0, &path, 1))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	if ((r = ksk_config_appliance(&config, id, &fault)) != KSK_OK ||
		(r = ksk_file_read(path, KSK_DOCUMENT_SMALL_MAX, &text, &len,
			 &fault)) != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	code = KSK_EXIT_POLICY;
	if (compile(path, ksk_span_of(text, len), id, &document))
		code = leave(&config, ksk_span_of(text, len));
	free(text);
	if (code == KSK_EXIT_OK)
		print(&document);
	return code;
}
