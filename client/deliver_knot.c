/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver_knot - Knot DNS with an offline KSK takes an SKR: keymgr checks and
 * imports it, knotc makes the running server look. keymgr 3.2 says "OK" and
 * ends with 0 when it has found an error, and an import is not atomic: what it
 * prints is read, and nothing is imported that did not validate.
 */
#include "client/deliver.h"

#include "client/command.h"
#include "client/file.h"
#include "client/ksr.h"

#include <stdlib.h>
#include <string.h>

/* Knot wants the section's signatures valid at the section's own time. */
#define BACKDATE_SEC 1u

static enum ksk_err
write_skr(const struct ksk_delivery *delivery, const char *path,
	struct ksk_fault *fault)
{
	struct ksk_skr_bundle bundle = {.time = delivery->now - BACKDATE_SEC};
	struct ksk_skr_set *const place[KSK_SIGNED_COUNT] = {
		&bundle.dnskey, &bundle.cds, &bundle.cdnskey};
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++) {
		const struct ksk_signed *set = &delivery->want[i];

		if (set->there)
			*place[i] = (struct ksk_skr_set){.rrset = &set->rrset,
				.rrsig = set->rrsig,
				.rrsig_count = set->rrsig_count};
	}
	ksk_skr_write(&bundle, 1, KSK_KSR_KNOT, delivery->now, &text);
	if (text.failed)
		ksk_fault_set(fault, "no memory is left");
	else
		err = ksk_file_replace(path, text.data, text.len, fault);
	ksk_text_free(&text);
	return err;
}

/* True if a place in a text stands within a name that is told there. */
static bool
is_within(const char *text, const char *place, const char *name)
{
	size_t len = strlen(name);
	const char *at = text;

	while (len != 0 && (at = strstr(at, name)) != NULL && at <= place) {
		if (place < at + len)
			return true;
		at++;
	}
	return false;
}

/* The first line in which keymgr or knotc complains. Zones and paths are told
 * too, and may be called anything. */
static const char *
find_complaint(const char *text, const char *zone, const char *path)
{
	static const char *const words[] = {
		"error", "Error", "invalid", "failed", "malformed"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const char *at = text == NULL ? NULL : strstr(text, words[i]);

		while (at != NULL &&
			(is_within(text, at, zone) ||
				is_within(text, at, path)))
			at = strstr(at + 1, words[i]);
		if (at == NULL)
			continue;
		while (at > text && at[-1] != '\n')
			at--;
		return at;
	}
	return NULL;
}

/* Runs a program with more words. out_text: what it printed, owned, NULL for
 * nothing; may be NULL. */
static enum ksk_err
run(const struct ksk_delivery *delivery, const struct ksk_sync_list *words,
	const char *const more[KSK_COMMAND_MORE_MAX], char **out_text,
	struct ksk_fault *fault)
{
	struct ksk_command command = {.config = delivery->config,
		.provider = delivery->provider,
		.zone = delivery->zone->text,
		.words = words};
	const char *zone = delivery->zone->text, *complaint;
	const char *path = more[2] == NULL ? "" : more[2];
	enum ksk_err err;

	for (unsigned i = 0; i < KSK_COMMAND_MORE_MAX; i++)
		command.more[i] = more[i];
	err = ksk_command_run(&command, fault);
	if (err == KSK_OK) {
		complaint = find_complaint(command.err, zone, path);
		if (complaint == NULL)
			complaint = find_complaint(
				(const char *)command.out, zone, path);
		if (complaint != NULL) {
			ksk_fault_set(fault, "%.200s says: %.*s",
				words->word[0], (int)strcspn(complaint, "\n"),
				complaint);
			err = KSK_ERR_BAD_INPUT;
		}
	}
	if (err == KSK_OK && out_text != NULL) {
		*out_text = (char *)command.out;
		command.out = NULL;
	}
	ksk_command_wipe(&command);
	return err;
}

/* A zone that was loaded without any SKR is not served: it must be loaded
 * again, `zone-keys-load` says OK and does nothing then. One that is served has
 * a number behind "serial:", the other a dash. */
static enum ksk_err
load(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	const struct ksk_sync_list *knotc = &delivery->provider->knotc;
	const char *zone = delivery->zone->text;
	const char *const status[KSK_COMMAND_MORE_MAX] = {
		"zone-status", zone, "+serial"};
	const char *const keys[KSK_COMMAND_MORE_MAX] = {"zone-keys-load", zone};
	const char *const whole[KSK_COMMAND_MORE_MAX] = {"zone-reload", zone};
	char *text = NULL;
	bool served;
	enum ksk_err err = run(delivery, knotc, status, &text, fault);

	if (err != KSK_OK)
		return err;
	served = text == NULL || strstr(text, "serial: -") == NULL;
	free(text);
	return run(delivery, knotc, served ? keys : whole, NULL, fault);
}

enum ksk_err
ksk_deliver_knot(const struct ksk_delivery *delivery, struct ksk_fault *fault)
{
	const struct ksk_sync_provider *provider = delivery->provider;
	const char *zone = delivery->zone->text;
	char *path = NULL;
	enum ksk_err err = ksk_sync_path(
		delivery->config, provider->skr_path, zone, &path, fault);
	const char *const validate[KSK_COMMAND_MORE_MAX] = {
		zone, "validate-skr", path};
	const char *const import[KSK_COMMAND_MORE_MAX] = {
		zone, "import-skr", path};

	if (err == KSK_OK)
		err = write_skr(delivery, path, fault);
	if (err == KSK_OK)
		err = run(delivery, &provider->keymgr, validate, NULL, fault);
	if (err == KSK_OK)
		err = run(delivery, &provider->keymgr, import, NULL, fault);
	if (err == KSK_OK)
		err = load(delivery, fault);
	free(path);
	return err;
}
