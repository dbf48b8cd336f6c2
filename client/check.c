/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - the verb for monitoring: does every address of every provider serve
 * what the appliance signed? Changes nothing. Its exit codes are those of
 * monitoring plugins.
 */
#include "client/check.h"

#include "appliance/base/yaml.h"
#include "client/fan.h"
#include "client/silent.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ZONE, WARNING, CRITICAL, PROMETHEUS };

struct check {
	struct ksk_ctl *ctl;
	struct ksk_sync_config *config;
	char *profile; /* path of the profile that the file names */
	bool prometheus;
	bool has_zone;
	struct ksk_name zone;
	uint64_t warning;
	uint64_t critical;
	size_t count;
	struct ksk_check_zone *zones;
};

static enum ksk_err
print(const struct check *c)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (c->ctl->json)
		return ksk_out_json(ksk_check_print_json(c->zones, c->count));
	if (c->prometheus)
		ksk_check_print_metrics(c->zones, c->count, &text);
	else
		ksk_check_print_line(c->zones, c->count, &text);
	if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err;
}

/* One zone, in a process of its own. */
static int
do_zone(void *ctx, size_t i, struct ksk_text *result)
{
	struct check *c = ctx;
	struct ksk_check_zone *z = &c->zones[i];

	z->now = (uint64_t)time(NULL);
	ksk_check_zone_run(z);
	ksk_text_add_json(result, ksk_check_give(z));
	ksk_check_zone_wipe(z);
	return 0;
}

/* A result that did not come must not look like one that is in order. */
static void
take_zone(void *ctx, size_t i, int status, struct ksk_span result)
{
	struct check *c = ctx;
	struct ksk_check_zone *z = &c->zones[i];
	json_t *value = status == KSK_FAN_LOST
		? NULL
		: json_loadb((const char *)result.data, result.len, 0, NULL);

	if (!ksk_check_take(z, value))
		ksk_check_add(z, KSK_CHECK_UNKNOWN, "", "",
			"the process for this zone ended without a result");
	json_decref(value);
}

static void
add_zone(struct check *c, const struct ksk_sync_zone *zone)
{
	struct ksk_check_zone *z = &c->zones[c->count++];

	z->ctl = *c->ctl;
	if (c->ctl->config == NULL)
		z->ctl.config = c->profile;
	z->config = c->config;
	z->zone = zone;
	z->now = (uint64_t)time(NULL);
	z->warning = c->warning;
	z->critical = c->critical;
}

static enum ksk_check_level
do_zones(struct check *c)
{
	struct ksk_fan fan = {.ctx = c, .work = do_zone, .take = take_zone};
	enum ksk_check_level level = KSK_CHECK_UNKNOWN;

	c->zones = calloc(c->config->zone_count, sizeof(*c->zones));
	if (c->zones == NULL) {
		ksk_say("no memory is left");
		return level;
	}
	for (unsigned i = 0; i < c->config->zone_count; i++) {
		const struct ksk_sync_zone *zone = &c->config->zone[i];

		if (!c->has_zone || ksk_name_equal(&zone->owner, &c->zone))
			add_zone(c, zone);
	}
	fan.count = c->count;
	if (c->count == 0)
		ksk_say("%s has no such zone", c->config->path);
	else if (ksk_fan_run(&fan) != KSK_OK)
		ksk_say("no memory is left");
	else if (print(c) == KSK_OK)
		level = ksk_check_worst(c->zones, c->count);
	for (size_t i = 0; i < c->count; i++)
		ksk_check_zone_wipe(&c->zones[i]);
	free(c->zones);
	return level;
}

static enum ksk_check_level
check_file(struct check *c, const char *path)
{
	struct ksk_fault fault = {0};
	enum ksk_check_level level = KSK_CHECK_UNKNOWN;
	enum ksk_err err = ksk_sync_config_load(path, &c->config, &fault);

	if (err == KSK_OK && c->config->profile != NULL)
		err = ksk_sync_path(c->config, c->config->profile, ".",
			&c->profile, &fault);
	if (err == KSK_OK) {
		c->config->silent = c->ctl->silent = ksk_silent_new();
		level = do_zones(c);
		ksk_silent_free(&c->ctl->silent);
	} else {
		ksk_say("%s", fault.text);
	}
	free(c->profile);
	ksk_sync_config_free(&c->config);
	return level;
}

static enum ksk_err
take_duration(const char *option, const char *value, uint64_t *out)
{
	if (ksk_text_duration(value, out) == KSK_OK && *out != 0)
		return KSK_OK;
	ksk_say("--%s takes a duration like 3d or 12h, not %s", option, value);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_option(struct check *c, int option, const char *value)
{
	struct ksk_fault fault = {0};

	switch (option) {
	case ZONE:
		c->has_zone = true;
		if (ksk_name_from_text(
			    value, strlen(value), &c->zone, &fault) == KSK_OK)
			return KSK_OK;
		ksk_say("--zone: %s", fault.text);
		return KSK_ERR_BAD_INPUT;
	case WARNING:
		return take_duration("warning", value, &c->warning);
	case CRITICAL:
		return take_duration("critical", value, &c->critical);
	default:
		c->prometheus = true;
		return KSK_OK;
	}
}

/* All that is not a level of its own is UNKNOWN, as plugins have it. */
static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct check c = {.ctl = ctl};
	const char *value;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (take_option(&c, found, value) != KSK_OK)
			return (enum ksk_ctl_exit)KSK_CHECK_UNKNOWN;
	}
	if (found == KSK_ARGS_HELP)
		return KSK_CTL_DONE;
	if (found != KSK_ARGS_END)
		return (enum ksk_ctl_exit)KSK_CHECK_UNKNOWN;
	if (argc - optind != 1) {
		ksk_say("check takes one file; see kskctl check --help");
		return (enum ksk_ctl_exit)KSK_CHECK_UNKNOWN;
	}
	return (enum ksk_ctl_exit)check_file(&c, argv[optind]);
}

const struct ksk_verb ksk_verb_check = {
	.name = "check",
	.operands = "FILE",
	.sentence = "Checks what all providers serve, for monitoring.",
	.options =
		{
			[ZONE] = {"zone", "NAME", "only this zone of the file"},
			[WARNING] = {"warning", "DURATION",
				"warn when less is left of a signature"},
			[CRITICAL] = {"critical", "DURATION",
				"critical when less is left"},
			[PROMETHEUS] = {"prometheus", NULL,
				"print metrics for Prometheus"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
