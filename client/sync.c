/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync - the verb that keeps the common DNSKEY RRset at all providers as it
 * must be: one zone after the other, safe to be run every five minutes, and by
 * one process at a time.
 */
#include "client/sync.h"

#include "client/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { DRY_RUN, ZONE };

struct sync {
	struct ksk_ctl *ctl;
	struct ksk_sync_config *config;
	char *profile; /* path of the profile that the file names */
	bool dry_run;
	bool has_zone;
	struct ksk_name zone;
	struct ksk_text text;
	json_t *json;
};

/* Two that deliver at the same moment would undo each other's work. Returns a
 * descriptor that holds the lock, or -1, said on standard error. */
static int
lock(const char *path, enum ksk_ctl_exit *out_exit)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*out_exit = KSK_CTL_BAD_INPUT;
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0 && errno == EWOULDBLOCK) {
		ksk_say("%s: another sync is at work with this file", path);
		*out_exit = KSK_CTL_LATER;
	} else {
		ksk_say("%s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static enum ksk_ctl_exit
do_zone(struct sync *s, const struct ksk_sync_zone *zone)
{
	struct ksk_sync_run *run = calloc(1, sizeof(*run));
	enum ksk_ctl_exit exit;

	if (run == NULL) {
		ksk_say("no memory is left");
		return KSK_CTL_LATER;
	}
	run->ctl = *s->ctl;
	if (s->ctl->config == NULL)
		run->ctl.config = s->profile;
	run->config = s->config;
	run->zone = zone;
	run->dry_run = s->dry_run;
	run->progress = isatty(2) == 1;
	exit = ksk_sync_zone(run);
	if (s->ctl->json)
		(void)json_array_append_new(s->json, ksk_sync_print_json(run));
	else
		ksk_sync_print_text(run, &s->text);
	ksk_sync_wipe(run);
	free(run);
	return exit;
}

static enum ksk_ctl_exit
do_zones(struct sync *s)
{
	enum ksk_ctl_exit exit = KSK_CTL_DONE;
	bool found = !s->has_zone;

	for (unsigned i = 0; i < s->config->zone_count; i++) {
		const struct ksk_sync_zone *zone = &s->config->zone[i];

		if (s->has_zone && !ksk_name_equal(&zone->owner, &s->zone))
			continue;
		found = true;
		exit = ksk_ctl_worse(exit, do_zone(s, zone));
		if (s->text.len == 0)
			continue;
		if (ksk_out_text(s->text.data, s->text.len) != KSK_OK)
			return ksk_ctl_worse(exit, KSK_CTL_BAD_INPUT);
		s->text.len = 0;
	}
	if (!found) {
		ksk_say("%s has no such zone", s->config->path);
		return KSK_CTL_BAD_INPUT;
	}
	if (s->ctl->json &&
		ksk_out_json(json_pack("{s:O}", "zones", s->json)) != KSK_OK)
		return ksk_ctl_worse(exit, KSK_CTL_BAD_INPUT);
	return exit;
}

static enum ksk_ctl_exit
sync_file(struct sync *s, const char *path)
{
	struct ksk_fault fault = {0};
	enum ksk_ctl_exit exit;
	int held = lock(path, &exit);
	enum ksk_err err;

	if (held < 0)
		return exit;
	s->json = json_array();
	exit = KSK_CTL_BAD_INPUT;
	err = ksk_sync_config_load(path, &s->config, &fault);
	if (err == KSK_OK && s->config->profile != NULL)
		err = ksk_sync_path(s->config, s->config->profile, ".",
			&s->profile, &fault);
	if (err == KSK_OK)
		exit = do_zones(s);
	else
		ksk_say("%s", fault.text);
	json_decref(s->json);
	free(s->profile);
	ksk_text_free(&s->text);
	ksk_sync_config_free(&s->config);
	(void)close(held);
	return exit;
}

static enum ksk_err
take_zone(struct sync *s, const char *value)
{
	struct ksk_fault fault = {0};

	s->has_zone = true;
	if (ksk_name_from_text(value, strlen(value), &s->zone, &fault) ==
		KSK_OK)
		return KSK_OK;
	ksk_say("--zone: %s", fault.text);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_ctl_exit
run(struct ksk_ctl *ctl, const struct ksk_verb *verb, int argc, char **argv)
{
	struct sync s = {.ctl = ctl};
	const char *value;
	int found;

	while ((found = ksk_args_next(ctl, verb, argc, argv, &value)) >= 0) {
		if (found == DRY_RUN)
			s.dry_run = true;
		else if (take_zone(&s, value) != KSK_OK)
			return KSK_CTL_USAGE;
	}
	if (found == KSK_ARGS_HELP)
		return KSK_CTL_DONE;
	if (found != KSK_ARGS_END)
		return KSK_CTL_USAGE;
	if (argc - optind != 1) {
		ksk_say("sync takes one file; see kskctl sync --help");
		return KSK_CTL_USAGE;
	}
	return sync_file(&s, argv[optind]);
}

const struct ksk_verb ksk_verb_sync = {
	.name = "sync",
	.operands = "FILE",
	.sentence = "Gathers, has signed and delivers at all providers.",
	.options =
		{
			[DRY_RUN] = {"dry-run", NULL,
				"show what would change, change nothing"},
			[ZONE] = {"zone", "NAME", "only this zone of the file"},
			{NULL, NULL, NULL},
		},
	.run = run,
};
