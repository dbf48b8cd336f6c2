/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command - see command.h.
 */
#include "client/command.h"

#include "client/clock.h"
#include "client/spawn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So long a failure costs something. */
#define SLOW_MS 5000u

#define WORDS_CAP (KSK_SYNC_WORD_MAX + KSK_COMMAND_MORE_MAX + 1u)

/* The last line that says anything. */
static const char *
last_line(char *text)
{
	size_t len = strlen(text);
	char *at;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	at = strrchr(text, '\n');
	return at == NULL ? text : at + 1;
}

static enum ksk_err
judge(const struct ksk_spawn *spawn, struct ksk_command *command,
	struct ksk_fault *fault)
{
	const char *line = last_line(command->err);

	if (spawn->status == 0)
		return KSK_OK;
	if (line[0] == '\0' && command->out != NULL)
		line = last_line((char *)command->out);
	ksk_fault_set(fault, "%.200s ends with %d%s%.300s",
		command->words->word[0], spawn->status,
		line[0] == '\0' ? "" : ": ", line);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
spawn(struct ksk_command *command, const char *const *argv,
	struct ksk_fault *fault)
{
	struct ksk_spawn spawn = {.argv = argv,
		.folder = command->config->folder,
		.input = command->input,
		.timeout_ms = command->config->command_ms};
	enum ksk_err err = ksk_spawn_run(&spawn, fault);

	command->out = spawn.out;
	command->out_len = spawn.out_len;
	command->err = strdup(spawn.err);
	if (command->err == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	return err == KSK_OK ? judge(&spawn, command, fault) : err;
}

/* The provider's number in the file. */
static unsigned
find_turn(const struct ksk_command *command)
{
	unsigned i = 0;

	while (i < command->config->provider_count &&
		&command->config->provider[i] != command->provider)
		i++;
	return i;
}

/* One zone that a program can't do says nothing of the others; a program that
 * takes long for that does. */
static void
note(const struct ksk_command *command, const char *who, enum ksk_err err,
	uint64_t begin_ms)
{
	struct ksk_silent *silent = command->config->silent;
	uint64_t now = ksk_ctl_now_ms();

	if (err == KSK_OK)
		ksk_silent_answered(silent, who);
	else if (err == KSK_ERR_AGAIN || now - begin_ms >= SLOW_MS)
		ksk_silent_failed(silent, who, now);
}

static enum ksk_err
run(struct ksk_command *command, const char *const *argv,
	struct ksk_fault *fault)
{
	struct ksk_silent *silent = command->config->silent;
	unsigned turn = find_turn(command);
	char who[300];
	enum ksk_err err = KSK_ERR_AGAIN;
	uint64_t begin;

	(void)snprintf(
		who, sizeof(who), "program of provider %u: %s", turn, argv[0]);
	ksk_silent_take_turn(silent, turn);
	begin = ksk_ctl_now_ms();
	if (ksk_silent_is(silent, who, begin)) {
		ksk_fault_set(fault,
			"%.200s took too long before in this run: not run "
			"again",
			argv[0]);
	} else {
		err = spawn(command, argv, fault);
		note(command, who, err, begin);
	}
	ksk_silent_end_turn(silent, turn);
	return err;
}

enum ksk_err
ksk_command_run(struct ksk_command *command, struct ksk_fault *fault)
{
	const char *argv[WORDS_CAP] = {0};
	char *filled[KSK_SYNC_WORD_MAX] = {0};
	unsigned count = command->words->count;
	enum ksk_err err = KSK_OK;

	for (unsigned i = 0; err == KSK_OK && i < count; i++) {
		err = ksk_sync_fill(command->words->word[i], command->zone,
			&filled[i], fault);
		argv[i] = filled[i];
	}
	for (unsigned i = 0;
		i < KSK_COMMAND_MORE_MAX && command->more[i] != NULL; i++)
		argv[count + i] = command->more[i];
	if (err == KSK_OK)
		err = run(command, argv, fault);
	for (unsigned i = 0; i < count; i++)
		free(filled[i]);
	return err;
}

void
ksk_command_wipe(struct ksk_command *command)
{
	free(command->out);
	free(command->err);
	command->out = NULL;
	command->err = NULL;
	command->out_len = 0;
}
