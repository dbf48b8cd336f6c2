/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_token - each token: where its PIN comes from, its module, the paths
 * that are opened to it, and whether it is there. Contract: doctor.h. A module
 * is loaded in a process of its own (apart.h), which looks and does not log
 * in.
 */
#include "appliance/admin/apart.h"
#include "appliance/admin/doctor.h"
#include "hsm/pin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_WAIT_MS 2000u

/* "pin main" */
struct name {
	char text[KSK_LABEL_CAP + 16];
};

static struct name
name_of(const char *what, const struct ksk_config_token *token)
{
	struct name name;

	(void)snprintf(
		name.text, sizeof(name.text), "%s %s", what, token->name);
	return name;
}

/* ---- PIN ---- */

/* Reads the file as kskd does, into locked memory, and forgets it. */
static enum ksk_err
try_pin_file(const char *path, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	struct ksk_pin *pin = NULL;
	int fd = -1;
	enum ksk_err err = ksk_open_trusted(path, "PIN file", true, &fd, fault);

	if (err != KSK_OK)
		return err;
	err = ksk_pin_new(&pin);
	if (err != KSK_OK)
		ksk_fault_set(&why, "no memory may be locked for it");
	else
		err = ksk_pin_read_fd(pin, fd, FILE_WAIT_MS, &why);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %.500s", path, why.text);
	ksk_pin_free(&pin);
	(void)close(fd);
	return err;
}

/* kskd compares the mark with the source; here it is shown. */
static bool
has_mark(const struct ksk_doctor *doctor, const struct ksk_config_token *token)
{
	char path[KSK_PATH_CAP + KSK_LABEL_CAP + 32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/pin-refused.%s",
		doctor->config->state, token->name);
	return lstat(path, &st) == 0;
}

static void
say_source(struct ksk_doctor *doctor, const char *check,
	const struct ksk_config_token *token)
{
	switch (token->pin_kind) {
	case KSK_PIN_FILE:
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, check,
			"%s has a PIN and is nobody else's to read",
			token->pin_source);
		break;
	case KSK_PIN_CREDENTIAL:
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, check,
			"the service manager passes it as the credential %s "
			"(LoadCredential=)",
			token->pin_source);
		break;
	case KSK_PIN_PROMPT:
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, check,
			"a person types it after each start: kskadm unlock %s",
			token->name);
		break;
	}
}

static void
check_pin(struct ksk_doctor *doctor, const struct ksk_config_token *token)
{
	const struct name check = name_of("pin", token);
	struct ksk_fault fault = {""};
	enum ksk_err err = token->pin_kind == KSK_PIN_FILE
		? try_pin_file(token->pin_source, &fault)
		: KSK_OK;

	if (err != KSK_OK)
		ksk_doctor_fault(doctor, check.text, err, &fault);
	else if (has_mark(doctor, token))
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, check.text,
			"the token refused a PIN; unless it has another one by "
			"now, no login is tried: %s",
			token->pin_kind == KSK_PIN_PROMPT
				? "run kskadm unlock"
				: "write the right one into its source and "
				  "reload kskd");
	else
		say_source(doctor, check.text, token);
}

/* ---- module and token ---- */

static bool
check_module(struct ksk_doctor *doctor, const struct ksk_config_token *token)
{
	const struct name check = name_of("module", token);
	struct ksk_fault fault = {""};
	int fd = -1;
	enum ksk_err err = ksk_open_trusted(
		token->module, "PKCS#11 module", false, &fd, &fault);

	if (err == KSK_OK) {
		(void)close(fd);
		err = ksk_module_check(token->module,
			token->has_sha256 ? token->sha256 : NULL, &fault);
	}
	if (err != KSK_OK) {
		ksk_doctor_fault(doctor, check.text, err, &fault);
		return false;
	}
	ksk_doctor_say(doctor, KSK_DOCTOR_OK, check.text, "%s%s", token->module,
		token->has_sha256 ? " has the SHA-256 of the configuration"
				  : "; the configuration names no SHA-256");
	return true;
}

/* A path that does not exist when a worker starts stays closed to it. */
static void
check_paths(struct ksk_doctor *doctor, const struct ksk_config_token *token)
{
	const struct name check = name_of("paths", token);
	struct stat st;

	for (size_t i = 0; i < token->path_count; i++) {
		if (stat(token->path[i], &st) == 0)
			continue;
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, check.text,
			"%s: %s; what is not there when a worker starts is "
			"closed to the module",
			token->path[i], strerror(errno));
		return;
	}
	ksk_doctor_say(doctor, KSK_DOCTOR_OK, check.text, "all %u are there",
		(unsigned)token->path_count);
}

static void
judge_found(struct ksk_doctor *doctor, const char *check,
	const struct ksk_apart_result *result)
{
	const char *label = result->name.label;

	switch (result->pin) {
	case KSK_TOKEN_PIN_LOCKED:
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, check,
			"\"%s\" has locked its PIN: unlock it with the "
			"vendor's tool",
			label);
		break;
	case KSK_TOKEN_PIN_NONE:
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, check,
			"\"%s\" has no PIN yet: set one with the vendor's "
			"tool, or run: kskadm token init",
			label);
		break;
	case KSK_TOKEN_PIN_LAST:
	case KSK_TOKEN_PIN_LOW:
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, check,
			"\"%s\" has seen wrong PINs%s", label,
			result->pin == KSK_TOKEN_PIN_LAST
				? ": one more locks it"
				: "; few more lock it");
		break;
	default:
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, check,
			"\"%s\" is there, serial \"%s\"; no PIN was tried",
			label, result->name.serial);
		break;
	}
}

static void
check_token(struct ksk_doctor *doctor, const struct ksk_config_token *token,
	struct ksk_config_user user)
{
	const struct name check = name_of("token", token);
	const struct ksk_apart_order order = {
		.what = KSK_APART_LOOK, .label = ""};
	struct ksk_apart_result *result = NULL;
	struct ksk_fault fault = {""};

	if (ksk_apart_try(token, user, &order, &result, &fault) == KSK_EXIT_OK)
		judge_found(doctor, check.text, result);
	else
		ksk_doctor_fault(doctor, check.text, KSK_ERR_TOKEN, &fault);
	ksk_apart_free(&result);
}

void
ksk_doctor_tokens(struct ksk_doctor *doctor)
{
	const struct ksk_config *config = doctor->config;

	for (size_t i = 0; i < config->token_count; i++) {
		const struct ksk_config_token *token = &config->token[i];

		check_pin(doctor, token);
		check_paths(doctor, token);
		if (check_module(doctor, token))
			check_token(doctor, token, config->token_user[i]);
	}
}
