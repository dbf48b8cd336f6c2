/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync - the verb that keeps the common DNSKEY RRset at all providers as it
 * must be: several zones at a time, told in the order of the file; safe to be
 * run every five minutes, and by one run at a time.
 */
#include "client/sync.h"

#include "client/fan.h"
#include "client/reach.h"
#include "client/silent.h"

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
	size_t first; /* zone of the file */
	size_t count;
	json_t *json;
	enum ksk_ctl_exit exit; /* the worst of all zones */
	bool deaf;              /* standard output can't be written */
};

/* Two that deliver at the same moment would undo each other's work. The
 * processes of a run hold the lock together. Returns a descriptor that holds
 * it, or -1, said on standard error. */
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

/* NULL: no memory. Owned, free(). */
static struct ksk_sync_run *
new_run(const struct sync *s, size_t i)
{
	struct ksk_sync_run *run = calloc(1, sizeof(*run));

	if (run == NULL) {
		ksk_say("no memory is left");
		return NULL;
	}
	run->ctl = *s->ctl;
	if (s->ctl->config == NULL)
		run->ctl.config = s->profile;
	run->config = s->config;
	run->zone = &s->config->zone[s->first + i];
	run->dry_run = s->dry_run;
	run->progress = isatty(2) == 1;
	return run;
}

static void
print(const struct sync *s, const struct ksk_sync_run *run,
	struct ksk_text *result)
{
	if (s->ctl->json)
		ksk_text_add_json(result, ksk_sync_print_json(run));
	else
		ksk_sync_print_text(run, result);
}

/* One zone, in a process of its own. */
static int
do_zone(void *ctx, size_t i, struct ksk_text *result)
{
	struct sync *s = ctx;
	struct ksk_sync_run *run = new_run(s, i);
	enum ksk_ctl_exit exit;

	if (run == NULL)
		return KSK_CTL_LATER;
	exit = ksk_sync_zone(run);
	print(s, run, result);
	ksk_sync_wipe(run);
	free(run);
	return (int)exit;
}

/* A result that did not come must not look like one that is in order. */
static enum ksk_ctl_exit
note_lost(struct sync *s, size_t i, struct ksk_text *result)
{
	struct ksk_sync_run *run = new_run(s, i);

	if (run == NULL)
		return KSK_CTL_LATER;
	(void)ksk_sync_not_done(
		run, "the process for this zone ended without a result");
	print(s, run, result);
	ksk_sync_wipe(run);
	free(run);
	return KSK_CTL_LATER;
}

static void
put_out(struct sync *s, struct ksk_span result)
{
	if (s->ctl->json) {
		json_t *value = json_loadb(
			(const char *)result.data, result.len, 0, NULL);

		if (value == NULL || json_array_append_new(s->json, value) != 0)
			s->exit = ksk_ctl_worse(s->exit, KSK_CTL_BAD_INPUT);
		return;
	}
	/* Who can't read about it any more has his zones done all the same. */
	if (!s->deaf &&
		ksk_out_text((const char *)result.data, result.len) != KSK_OK)
		s->deaf = true;
}

/* What became of a zone, in the order of the file. */
static void
take_zone_result(void *ctx, size_t i, int status, struct ksk_span result)
{
	struct sync *s = ctx;
	struct ksk_text text = {0};

	if (status == KSK_FAN_LOST) {
		s->exit = ksk_ctl_worse(s->exit, note_lost(s, i, &text));
		result = ksk_span_of(text.data, text.len);
	} else {
		s->exit = ksk_ctl_worse(s->exit, (enum ksk_ctl_exit)status);
	}
	if (result.len != 0)
		put_out(s, result);
	ksk_text_free(&text);
}

/* Which zones: all, or the one that is asked for. */
static bool
find_zones(struct sync *s)
{
	s->count = s->config->zone_count;
	if (!s->has_zone)
		return true;
	s->count = 1;
	for (; s->first < s->config->zone_count; s->first++) {
		if (ksk_name_equal(&s->config->zone[s->first].owner, &s->zone))
			return true;
	}
	ksk_say("%s has no such zone", s->config->path);
	return false;
}

static enum ksk_ctl_exit
do_zones(struct sync *s)
{
	struct ksk_fan fan = {
		.ctx = s, .work = do_zone, .take = take_zone_result};

	if (!find_zones(s))
		return KSK_CTL_BAD_INPUT;
	fan.count = s->count;
	s->exit = KSK_CTL_DONE;
	if (ksk_fan_run(&fan) != KSK_OK) {
		ksk_say("no memory is left");
		return KSK_CTL_LATER;
	}
	if (s->ctl->json &&
		ksk_out_json(json_pack("{s:O}", "zones", s->json)) != KSK_OK)
		s->deaf = true;
	return s->deaf ? ksk_ctl_worse(s->exit, KSK_CTL_BAD_INPUT) : s->exit;
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
	if (err == KSK_OK) {
		s->config->silent = s->ctl->silent = ksk_silent_new();
		exit = do_zones(s);
		ksk_silent_free(&s->ctl->silent);
	} else {
		ksk_say("%s", fault.text);
	}
	json_decref(s->json);
	free(s->profile);
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
