/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enroll - introduces this client to an appliance: makes its key if it has
 * none, notes the appliance and the pin of its key in the profile, prints what
 * the policy needs. No connection is made: whom to trust comes from a person,
 * never from the network. A key that exists is kept.
 */
#include "client/enroll.h"

#include "client/growth.h"
#include "client/identity.h"
#include "client/output.h"
#include "client/verb.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLIANCE, SERVER_PIN, NAME, DIR, FORGET_RECORD };

struct enroll {
	const struct ksk_ctl *ctl;
	const char *dir;
	const char *forget; /* the address to forget the record of */
	unsigned options;   /* that were given */
	char name[KSK_LABEL_CAP];
	struct ksk_endpoint endpoint;
	struct ksk_profile profile;
	uint8_t pin[KSK_PIN_LEN];
};

/* Names go into YAML and logs as they are. */
static bool
is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len < KSK_LABEL_CAP && strspn(name, allowed) == len;
}

/* The machine's name up to its first dot, what does not fit a name left
 * out. */
static void
default_name(char out[KSK_LABEL_CAP])
{
	char host[256] = "";
	size_t len = 0;

	(void)gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; host[i] != '\0' && host[i] != '.'; i++) {
		char c[2] = {host[i], '\0'};

		if (c[0] >= 'A' && c[0] <= 'Z')
			c[0] = (char)(c[0] - 'A' + 'a');
		if (is_name(c) && len < KSK_LABEL_CAP - 1)
			out[len++] = c[0];
	}
	out[len] = '\0';
	if (len == 0)
		(void)snprintf(out, KSK_LABEL_CAP, "client");
}

/* mkdir -p of the folder that path lies in, for this user alone. */
static enum ksk_err
make_folders(const char *path, struct ksk_fault *fault)
{
	char folder[KSK_PROFILE_PATH_CAP];

	(void)snprintf(folder, sizeof(folder), "%s", path);
	for (char *at = folder + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
			ksk_fault_set(fault, "%s: %s", folder, strerror(errno));
			return KSK_ERR_IO;
		}
		*at = '/';
	}
	return KSK_OK;
}

/* Adds the appliance, or a pin to one that is there. */
static enum ksk_err
add_endpoint(struct enroll *e, struct ksk_fault *fault)
{
	struct ksk_profile *profile = &e->profile;
	struct ksk_endpoint *to = NULL;

	for (unsigned i = 0; i < profile->endpoint_count; i++) {
		if (strcmp(profile->endpoint[i].address, e->endpoint.address) ==
			0)
			to = &profile->endpoint[i];
	}
	if (to == NULL && profile->endpoint_count == KSK_ENDPOINT_MAX) {
		ksk_fault_set(fault, "%.300s: it has %u appliances already",
			profile->path, KSK_ENDPOINT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	if (to == NULL) {
		profile->endpoint[profile->endpoint_count++] = e->endpoint;
		return KSK_OK;
	}
	for (unsigned i = 0; i < to->pin_count; i++) {
		if (memcmp(to->pin[i], e->endpoint.pin[0], KSK_PIN_LEN) == 0)
			return KSK_OK;
	}
	if (to->pin_count == KSK_SERVER_PIN_MAX) {
		ksk_fault_set(fault, "%.300s: %s has %u pins already",
			profile->path, to->address, KSK_SERVER_PIN_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	memcpy(to->pin[to->pin_count++], e->endpoint.pin[0], KSK_PIN_LEN);
	return KSK_OK;
}

static enum ksk_err
keep_identity(struct enroll *e, struct ksk_fault *fault)
{
	struct ksk_identity identity = {0};
	enum ksk_err err = ksk_identity_load(&e->profile, &identity, fault);

	if (err != KSK_OK)
		return err;
	memcpy(e->pin, identity.pin, KSK_PIN_LEN);
	ksk_identity_wipe(&identity);
	return KSK_OK;
}

/* A new profile with a new key beside it, or with one that an enrolment left
 * which was cut off. */
static enum ksk_err
begin_profile(struct enroll *e, const char *path, struct ksk_fault *fault)
{
	struct ksk_profile *profile = &e->profile;
	char key[2 * KSK_PROFILE_PATH_CAP], cert[2 * KSK_PROFILE_PATH_CAP];
	enum ksk_err err = make_folders(path, fault);

	if (err != KSK_OK)
		return err;
	*profile = (struct ksk_profile){
		.key = "kskctl.key", .certificate = "kskctl.crt"};
	(void)snprintf(profile->path, sizeof(profile->path), "%s", path);
	ksk_profile_file(profile, profile->key, key);
	ksk_profile_file(profile, profile->certificate, cert);
	err = ksk_enroll_key(key, cert, e->name, e->pin, fault);
	return err == KSK_ERR_AMBIGUOUS ? keep_identity(e, fault) : err;
}

static enum ksk_err
find_path(const struct enroll *e, char out[KSK_PROFILE_PATH_CAP],
	struct ksk_fault *fault)
{
	int len;

	if (e->dir == NULL)
		return ksk_profile_path(e->ctl, out, fault);
	len = snprintf(out, KSK_PROFILE_PATH_CAP, "%s/kskctl.yaml", e->dir);
	if (len > 0 && (unsigned)len < KSK_PROFILE_PATH_CAP)
		return KSK_OK;
	ksk_fault_set(fault, "the folder's path is too long");
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
enroll(struct enroll *e, struct ksk_fault *fault)
{
	char path[KSK_PROFILE_PATH_CAP];
	enum ksk_err err = find_path(e, path, fault);

	if (err != KSK_OK)
		return err;
	err = ksk_profile_load(path, &e->profile, fault);
	if (err == KSK_OK)
		err = keep_identity(e, fault);
	else if (err == KSK_ERR_NOT_FOUND)
		err = begin_profile(e, path, fault);
	if (err == KSK_OK)
		err = add_endpoint(e, fault);
	if (err == KSK_OK)
		err = ksk_profile_save(&e->profile, fault);
	return err;
}

static enum ksk_ctl_exit
print(const struct enroll *e)
{
	char hex[2 * KSK_PIN_LEN + 1];
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_hex_write(ksk_span_of(e->pin, KSK_PIN_LEN), hex, sizeof(hex));
	if (e->ctl->json) {
		err = ksk_out_json(json_pack("{s:s, s:s, s:o}", "name", e->name,
			"pin", hex, "profile", ksk_json_path(e->profile.path)));
	} else {
		ksk_text_add(&text,
			"# add to the policy; then list the name at each "
			"zone's clients\n"
			"clients:\n"
			"  - {name: %s, pin: %s, may: [read, sign]}\n",
			e->name, hex);
		if (!text.failed)
			err = ksk_out_text(text.data, text.len);
	}
	ksk_text_free(&text);
	ksk_say("profile %s", e->profile.path);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

/* A person says that another journal is right from now on. */
static enum ksk_ctl_exit
forget(const struct enroll *e)
{
	struct ksk_fault fault = {0};
	struct ksk_growth_mark mark;
	char path[KSK_PROFILE_PATH_CAP], hex[2 * KSK_HASH_LEN + 1];
	enum ksk_err err = ksk_profile_path(e->ctl, path, &fault);

	if (err == KSK_OK)
		err = ksk_growth_forget(path, e->forget, &mark, &fault);
	if (err != KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	ksk_hex_write(ksk_span_of(mark.hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_say("%s: record %" PRIu64
		", hash %s, is forgotten; the next reply is taken as it is",
		e->forget, mark.record, hex);
	if (!e->ctl->json)
		return KSK_CTL_DONE;
	err = ksk_out_json(json_pack("{s:s, s:I, s:s, s:o}", "address",
		e->forget, "record", (json_int_t)mark.record, "record-hash",
		hex, "appliance", ksk_json_hex(mark.appliance, KSK_ID_LEN)));
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

/* Takes one option. Returns false if it is wrong, which was said. */
static bool
take_option(struct enroll *e, int option, const char *value)
{
	struct ksk_fault fault = {0};
	enum ksk_err err = KSK_OK;

	e->options++;
	if (option == APPLIANCE)
		err = ksk_endpoint_read(value, &e->endpoint, &fault);
	else if (option == FORGET_RECORD)
		err = ksk_endpoint_read(value, &e->endpoint, &fault);
	else if (option == SERVER_PIN)
		err = ksk_pin_read(value, e->endpoint.pin[0], &fault);
	else if (option == DIR)
		e->dir = value;
	else if (is_name(value))
		(void)snprintf(e->name, sizeof(e->name), "%s", value);
	else
		ksk_fault_set(&fault,
			"a name is 1 to %u letters, digits, dots, hyphens or "
			"underscores, not %.100s",
			KSK_LABEL_CAP - 1, value);
	if (option == SERVER_PIN)
		e->endpoint.pin_count = 1;
	if (option == FORGET_RECORD)
		e->forget = value;
	if (fault.text[0] == '\0' && err == KSK_OK)
		return true;
	ksk_say("%s", fault.text);
	return false;
}

static bool
is_complete(const struct enroll *e, int operands)
{
	if (e->forget != NULL && (e->options != 1 || operands != 0))
		ksk_say("--forget-record goes alone");
	else if (e->forget != NULL)
		return true;
	else if (e->endpoint.address[0] == '\0')
		ksk_say("enroll needs --appliance HOST:PORT");
	else if (e->endpoint.pin_count == 0)
		ksk_say("enroll needs --server-pin HEX: kskadm prints it at "
			"the appliance, and it must reach you on another way "
			"than this network");
	else if (operands != 0)
		ksk_say("enroll takes no operand");
	else
		return true;
	return false;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct ksk_fault fault = {0};
	struct enroll *e = calloc(1, sizeof(*e));
	enum ksk_ctl_exit exit = KSK_CTL_USAGE;
	const char *value;
	int found;

	if (e == NULL)
		return KSK_CTL_LATER;
	e->ctl = ctl;
	default_name(e->name);
	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (!take_option(e, found, value))
			goto out;
	}
	if (found == KSK_ARGS_HELP)
		exit = KSK_CTL_DONE;
	if (found != KSK_ARGS_END || !is_complete(e, argc - optind))
		goto out;
	exit = KSK_CTL_BAD_INPUT;
	if (e->forget != NULL)
		exit = forget(e);
	else if (enroll(e, &fault) == KSK_OK)
		exit = print(e);
	else
		ksk_say("%s", fault.text);
out:
	free(e);
	return exit;
}

const struct ksk_verb ksk_verb_enroll = {
	.name = "enroll",
	.operands = "",
	.sentence = "Makes this client's key and notes an appliance in the "
		    "profile.",
	.options =
		{
			[APPLIANCE] = {"appliance", "HOST:PORT",
				"where it listens; [ADDRESS]:PORT for IPv6"},
			[SERVER_PIN] = {"server-pin", "HEX",
				"the pin of its key, as kskadm prints it"},
			[NAME] = {"name", "NAME",
				"this client's name in the policy"},
			[DIR] = {"dir", "FOLDER", "where key and profile go"},
			[FORGET_RECORD] = {"forget-record", "ADDRESS",
				"take its journal as new; alone"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
