/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ceremony - runs a script of steps and leaves a transcript: what it was done
 * with, each command, what it said, when, and how it ended. The first step
 * that fails is the last. SHA-256 of the transcript is printed, for everybody
 * present to write down.
 */
#include "appliance/admin/ceremony.h"

#include "appliance/base/clock.h"
#include "appliance/base/yaml.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static void
put_time(struct ksk_transcript *t, const char *name)
{
	char text[KSK_TIME_CAP];

	ksk_transcript_put(t, name, "%s", ksk_time_text(text, ksk_clock_now()));
}

static void
put_file(struct ksk_transcript *t, const char *name, const char *path)
{
	char hash[2 * KSK_HASH_LEN + 1];

	(void)ksk_file_sha256(path, hash);
	ksk_transcript_put(t, name, "%s, SHA-256 %s", path, hash);
}

static void
put_tool(struct ksk_transcript *t)
{
	char hash[2 * KSK_HASH_LEN + 1];

	(void)ksk_file_sha256("/proc/self/exe", hash);
	ksk_transcript_put(
		t, "tool", "kskadm " KSK_VERSION ", SHA-256 %s", hash);
}

/* What the ceremony is done with. */
static void
put_head(struct ksk_transcript *t, const char *config_path,
	const struct ksk_config *config, const char *script)
{
	struct utsname name;

	ksk_transcript_put(t, "ksk ceremony transcript", "1");
	put_time(t, "began");
	put_tool(t);
	if (uname(&name) == 0)
		ksk_transcript_put(t, "host", "%s, %s %s", name.nodename,
			name.sysname, name.release);
	put_file(t, "configuration", config_path);
	put_file(t, "script", script);
	for (size_t i = 0; i < config->token_count; i++) {
		char label[KSK_LABEL_CAP + 16];

		(void)snprintf(label, sizeof(label), "module of %s",
			config->token[i].name);
		put_file(t, label, config->token[i].module);
	}
}

/* `say` is no verb: its words are for the transcript. */
static enum ksk_exit
do_step(const char *config_path, const struct ksk_step *step,
	struct ksk_transcript *t)
{
	enum ksk_exit code = KSK_EXIT_OK;

	ksk_transcript_put(t, "line", "%u", step->line);
	put_time(t, "began");
	if (!ksk_transcript_sync(t))
		return KSK_EXIT_FILE;
	if (strcmp(step->word[0], "say") == 0)
		ksk_transcript_output(
			t, "#", step->word[1], strlen(step->word[1]));
	else
		code = ksk_step_run(config_path, step, t);
	put_time(t, "ended");
	ksk_transcript_put(t, "exit code", "%d", (int)code);
	return code;
}

static enum ksk_exit
do_steps(const char *config_path, const struct ksk_script *script,
	struct ksk_transcript *t)
{
	enum ksk_exit code = KSK_EXIT_OK;
	size_t done = 0;

	while (done < script->count) {
		const struct ksk_step *step = &script->step[done];

		ksk_say("step %zu of %zu: %s", done + 1, script->count,
			step->text);
		if (fputc('\n', t->file) < 0)
			t->failed = true;
		ksk_transcript_put(t, "step", "%zu of %zu: %s", done + 1,
			script->count, step->text);
		code = do_step(config_path, step, t);
		if (code == KSK_EXIT_OK && !ksk_transcript_sync(t))
			code = KSK_EXIT_FILE;
		if (code != KSK_EXIT_OK)
			break;
		done++;
	}
	if (fputc('\n', t->file) < 0)
		t->failed = true;
	if (code == KSK_EXIT_OK)
		ksk_transcript_put(
			t, "result", "all %zu steps are done", script->count);
	else
		ksk_transcript_put(t, "result",
			"failed at step %zu of %zu, exit code %d; the steps "
			"after it were not begun",
			done + 1, script->count, (int)code);
	put_time(t, "ended");
	return code;
}

/* A person who presses Ctrl-C ends the step, and a screen that is gone ends
 * nothing; either way the transcript is finished. */
static void
outlive_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

static enum ksk_exit
run(const char *config_path, const struct ksk_config *config,
	const char *script_path, const struct ksk_script *script,
	const char *path)
{
	char hash[2 * KSK_HASH_LEN + 1];
	struct ksk_transcript t;
	enum ksk_exit code = ksk_transcript_open(path, &t);

	if (code != KSK_EXIT_OK)
		return code;
	outlive_signals();
	put_head(&t, config_path, config, script_path);
	code = do_steps(config_path, script, &t);
	(void)ksk_transcript_sync(&t);
	if (fclose(t.file) != 0)
		t.failed = true;
	if (t.failed || !ksk_file_sha256(path, hash)) {
		ksk_say("%s can't be written: the ceremony has no transcript",
			path);
		return KSK_EXIT_FILE;
	}
	if (code != KSK_EXIT_OK)
		ksk_say("the ceremony has failed; %s says where", path);
	(void)printf("%s  %s\n", hash, path);
	return code;
}

enum ksk_exit
ksk_verb_ceremony(const char *config_path, int argc, char **argv)
{
	const char *path = NULL;
	const char *script_path = NULL;
	const struct ksk_option options[] = {
		{"transcript", &path, NULL, true},
	};
	struct ksk_script script = {0};
	struct ksk_config config;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 1, &script_path, 1))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) == KSK_EXIT_OK &&
		(code = ksk_script_read(script_path, &script)) == KSK_EXIT_OK)
		code = run(config_path, &config, script_path, &script, path);
	ksk_script_free(&script);
	return code;
}
