/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_files - the files that kskd reads at a start, as it demands them:
 * owner, mode, content. Contract: doctor.h
 */
#include "appliance/admin/doctor.h"
#include "appliance/base/clock.h"
#include "appliance/base/tls_check.h"
#include "appliance/policy/compile.h"
#include "hsm/keymap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A certificate that ends sooner is worth a warning. */
#define SOON_DAYS 30u

static void
close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* Marks of refused PINs and the id stand in it: others may not write there. */
static bool
check_state_folder(struct ksk_doctor *doctor)
{
	struct ksk_fault fault = {""};
	const enum ksk_err err = ksk_check_trusted_folder(
		doctor->config->state, "state folder", &fault);

	if (err == KSK_ERR_NOT_FOUND)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "state",
			"%s; run: kskadm init", fault.text);
	else if (err != KSK_OK)
		ksk_doctor_fault(doctor, "state", err, &fault);
	return err == KSK_OK;
}

static void
check_state(struct ksk_doctor *doctor)
{
	struct ksk_fault fault = {""};
	char hex[2 * KSK_ID_LEN + 1];
	enum ksk_err err;

	if (!check_state_folder(doctor))
		return;
	err = ksk_config_appliance(doctor->config, doctor->id, &fault);
	if (err != KSK_OK) {
		ksk_doctor_fault(doctor, "state", err, &fault);
		return;
	}
	doctor->has_id = true;
	ksk_hex_write(ksk_span_of(doctor->id, KSK_ID_LEN), hex, sizeof(hex));
	ksk_doctor_say(doctor, KSK_DOCTOR_OK, "state", "%s, of appliance %s",
		doctor->config->state, hex);
}

static void
judge_tls(struct ksk_doctor *doctor, int key, int certificate)
{
	const struct ksk_config *config = doctor->config;
	const uint64_t now = ksk_clock_now();
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_tls_check(config, key, certificate, now, &fault);

	if (err != KSK_OK)
		ksk_doctor_fault(doctor, "tls", err, &fault);
	else if (ksk_tls_check(config, key, certificate,
			 now + SOON_DAYS * 86400u, &fault) != KSK_OK)
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "tls",
			"the certificate %s ends within %u days; make a new "
			"one for the same key, so that clients still know it, "
			"then reload kskd: " KSK_TLS_RENEW,
			config->tls_certificate, SOON_DAYS, config->tls_key,
			config->tls_certificate);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "tls",
			"%s is the key of %s, which is within its dates",
			config->tls_key, config->tls_certificate);
}

static void
check_tls(struct ksk_doctor *doctor)
{
	const struct ksk_config *config = doctor->config;
	struct ksk_fault fault = {""};
	int key = -1;
	int certificate = -1;
	enum ksk_err err;

	err = ksk_open_trusted(config->tls_key, "TLS key", true, &key, &fault);
	if (err == KSK_OK)
		err = ksk_open_trusted(config->tls_certificate,
			"TLS certificate", false, &certificate, &fault);
	if (err == KSK_ERR_NOT_FOUND)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "tls",
			"%s; run: kskadm tls init", fault.text);
	else if (err != KSK_OK)
		ksk_doctor_fault(doctor, "tls", err, &fault);
	else
		judge_tls(doctor, key, certificate);
	close_fd(certificate);
	close_fd(key);
}

static void
judge_policy(struct ksk_doctor *doctor, struct ksk_span text,
	struct ksk_faults *faults)
{
	const char *path = doctor->config->policy;
	uint8_t *table = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_policy_compile(text,
		doctor->has_id ? doctor->id : NULL, ksk_clock_now(), &table,
		&len, faults);

	free(table);
	if (err == KSK_OK)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "policy",
			"%s is a good policy", path);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "policy", "%s: %s%s",
			path,
			faults->count > 0 ? faults->list[0].text
					  : ksk_err_text(err),
			faults->count > 1
				? "; there is more: kskadm policy check"
				: "");
}

static void
check_policy(struct ksk_doctor *doctor)
{
	const char *path = doctor->config->policy;
	struct ksk_fault fault = {""};
	struct ksk_faults *faults;
	uint8_t *text = NULL;
	size_t len = 0;
	int fd = -1;
	enum ksk_err err;

	if (doctor->config->quorum) {
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "policy",
			"a quorum of operators decides; kskctl policy show "
			"prints what is in force");
		return;
	}
	err = ksk_open_trusted(path, "policy", false, &fd, &fault);
	close_fd(fd);
	if (err == KSK_OK)
		err = ksk_file_read(
			path, KSK_DOCUMENT_TEXT_MAX, &text, &len, &fault);
	faults = err == KSK_OK ? calloc(1, sizeof(*faults)) : NULL;
	if (faults != NULL)
		judge_policy(doctor, ksk_span_of(text, len), faults);
	else
		ksk_doctor_fault(doctor, "policy",
			err == KSK_OK ? KSK_ERR_NO_MEMORY : err, &fault);
	free(faults);
	free(text);
}

static bool
has_token(const struct ksk_config *config, const char *name)
{
	for (size_t i = 0; i < config->token_count; i++) {
		if (strcmp(config->token[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
judge_keymap(struct ksk_doctor *doctor, const struct ksk_keymap *map)
{
	const char *path = doctor->config->keymap;
	size_t ksks = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct ksk_keymap_entry *e = &map->entries[i];

		if (!has_token(doctor->config, e->token)) {
			ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "keymap",
				"%s has a key of token \"%s\", which the "
				"configuration has not",
				path, e->token);
			return;
		}
		ksks += e->audit ? 0 : 1;
	}
	if (ksks == 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "keymap",
			"%s lets no key sign; run: kskadm key generate, or "
			"kskadm key allow",
			path);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "keymap",
			"%s lets keys sign, %zu line%s", path, ksks,
			ksks == 1 ? "" : "s");
}

static void
check_keymap(struct ksk_doctor *doctor)
{
	const char *path = doctor->config->keymap;
	struct ksk_fault fault = {""};
	struct ksk_fault why = {""};
	struct ksk_keymap map = {0};
	int fd = -1;
	enum ksk_err err = ksk_open_trusted(path, "keymap", false, &fd, &fault);

	if (err == KSK_ERR_NOT_FOUND)
		ksk_fault_set(&fault,
			"%s does not exist; run: kskadm key generate, or "
			"kskadm key allow",
			path);
	if (err == KSK_OK &&
		(err = ksk_keymap_read_fd(fd, &map, &why)) != KSK_OK)
		ksk_fault_set(&fault, "%s: %.500s", path, why.text);
	close_fd(fd);
	if (err == KSK_OK)
		judge_keymap(doctor, &map);
	else
		ksk_doctor_fault(doctor, "keymap", err, &fault);
	ksk_keymap_free(&map);
}

/* Most of the time there is none; one that is not root's stops a start. */
static void
check_accept(struct ksk_doctor *doctor)
{
	const char *path = doctor->config->accept;
	struct ksk_fault fault = {""};
	int fd = -1;
	enum ksk_err err = ksk_open_trusted(
		path, "accept file", false, &fd, &fault);

	close_fd(fd);
	if (err == KSK_ERR_NOT_FOUND)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "accept",
			"no word of a person, none is needed");
	else if (err != KSK_OK)
		ksk_doctor_fault(doctor, "accept", err, &fault);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "accept",
			"%s has a person's word, for kskd to judge", path);
}

void
ksk_doctor_files(struct ksk_doctor *doctor)
{
	check_state(doctor);
	check_tls(doctor);
	check_policy(doctor);
	check_keymap(doctor);
	check_accept(doctor);
}
