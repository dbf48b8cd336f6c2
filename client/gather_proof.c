/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather_proof - files in which a provider shows that it holds its ZSKs: zone
 * text of one RRset with RRSIGs; see gather.h.
 */
#include "client/gather.h"

#include "client/file.h"

#include <glob.h>
#include <stdlib.h>

/* Reads one file behind those that are there. */
static enum ksk_err
read_proof(const char *path, struct ksk_proofs *out)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_PROOF};
	struct ksk_zonetext_faults faults = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err;

	if (out->count == KSK_EVIDENCE_COUNT_MAX) {
		ksk_fault_set(&out->why, "more than %u files with proofs",
			KSK_EVIDENCE_COUNT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	err = ksk_file_read(path, KSK_ZONETEXT_MAX, &text, &len, &out->why);
	if (err != KSK_OK)
		return err;
	err = ksk_zonetext_read(ksk_span_of(text, len), &options,
		&out->zone[out->count], &faults);
	free(text);
	if (err == KSK_OK)
		out->count++;
	else if (faults.count == 0)
		ksk_fault_set(&out->why, "%.200s: %s", path, ksk_err_text(err));
	else if (faults.list[0].line == 0)
		ksk_fault_set(&out->why, "%.200s: %.250s", path,
			faults.list[0].fault.text);
	else
		ksk_fault_set(&out->why, "%.200s: line %zu: %.250s", path,
			faults.list[0].line, faults.list[0].fault.text);
	return err;
}

/* A key that has entered needs no proof: that no file is there is no fault. */
static enum ksk_err
read_pattern(const char *pattern, struct ksk_proofs *out)
{
	glob_t found = {0};
	enum ksk_err err = KSK_OK;

	if (glob(pattern, 0, NULL, &found) != 0)
		return KSK_OK;
	for (size_t i = 0; err == KSK_OK && i < found.gl_pathc; i++)
		err = read_proof(found.gl_pathv[i], out);
	globfree(&found);
	return err;
}

void
ksk_gather_proofs(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone,
	const struct ksk_sync_provider *provider, struct ksk_proofs *out)
{
	enum ksk_err err = KSK_OK;

	ksk_proofs_wipe(out);
	for (unsigned i = 0; err == KSK_OK && i < provider->proof_files.count;
		i++) {
		char *path = NULL;

		err = ksk_sync_path(config, provider->proof_files.word[i],
			zone->text, &path, &out->why);
		if (err == KSK_OK)
			err = read_pattern(path, out);
		free(path);
	}
	out->failed = err != KSK_OK;
}

void
ksk_proofs_wipe(struct ksk_proofs *proofs)
{
	for (size_t i = 0; i < proofs->count; i++)
		ksk_zonetext_wipe(&proofs->zone[i]);
	*proofs = (struct ksk_proofs){0};
}
