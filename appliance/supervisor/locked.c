/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locked - see locked.h.
 */
#include "appliance/supervisor/locked.h"

#include "appliance/base/log.h"
#include "appliance/supervisor/mark.h"
#include "appliance/supervisor/workers.h"

#include <stdio.h>
#include <string.h>

static const struct ksk_config_token *
config_of(const struct kskd *k, uint16_t index)
{
	return &k->settings.config.token[index];
}

/* Why a token is locked, from the word of its mark. */
static const char *
reason_text(const char *word)
{
	if (strcmp(word, "pin-wrong") == 0)
		return "the token refused the PIN";
	if (strcmp(word, "pin-locked") == 0)
		return "the token has locked the PIN; unlock it with the "
		       "vendor's tool";
	if (strcmp(word, "pin-unfit") == 0)
		return "the PIN can't be used with this token";
	return "two logins in a row ended without an answer, each may have "
	       "been a refused PIN";
}

static enum ksk_err
reason_err(const char *word)
{
	if (strcmp(word, "pin-locked") == 0)
		return KSK_ERR_PIN_LOCKED;
	if (strcmp(word, "pin-unfit") == 0)
		return KSK_ERR_BAD_INPUT;
	return strcmp(word, "pin-wrong") == 0 ? KSK_ERR_PIN_WRONG
					      : KSK_ERR_TOKEN;
}

/* What a person does about it. */
static void
way_out(const struct ksk_config_token *token, const char *word,
	char out[KSK_LABEL_CAP + 96])
{
	const size_t cap = KSK_LABEL_CAP + 96;

	if (token->pin_kind != KSK_PIN_PROMPT)
		snprintf(out, cap,
			"when the PIN is right, rewrite or touch its source, "
			"then reload kskd");
	else if (strcmp(word, "pin-locked") == 0)
		snprintf(out, cap, "then run: kskadm unlock %s --pin-reset",
			token->name);
	else
		snprintf(out, cap, "waits for its PIN: kskadm unlock %s",
			token->name);
}

static void
show(struct kskd *k, uint16_t index, const char *word, const char *detail)
{
	char way[KSK_LABEL_CAP + 96], why[KSK_FAULT_CAP];

	way_out(config_of(k, index), word, way);
	if (detail[0] == '\0')
		snprintf(why, sizeof why, "%s; %s", reason_text(word), way);
	else
		snprintf(why, sizeof why, "%s; %s (%.*s)", reason_text(word),
			way, 300, detail);
	k->token[index].locked = true;
	ksk_workers_trouble(k, index, KSK_STATE_LOCKED, reason_err(word), why);
}

void
ksk_locked_set(
	struct kskd *k, uint16_t index, const char *word, const char *detail)
{
	const struct ksk_config_token *token = config_of(k, index);
	struct ksk_pin_source *pin = &k->settings.pin[index];
	struct ksk_fault fault = {""};

	ksk_log(KSK_LOG_ERROR, "pin-refused",
		token->pin_kind == KSK_PIN_PROMPT
			? "no login is tried any more until a PIN is typed"
			: "no login is tried any more until the PIN's source "
			  "changes",
		"token", token->name, "reason", word, (const char *)NULL);
	if (ksk_mark_write(k->settings.config.state, token->name, pin->identity,
		    word, &fault) != KSK_OK)
		ksk_log(KSK_LOG_ERROR, "mark-not-written", fault.text, "token",
			token->name, (const char *)NULL);
	if (token->pin_kind == KSK_PIN_PROMPT)
		ksk_pin_source_wipe(pin);
	show(k, index, word, detail);
}

static void
clear_mark(struct kskd *k, uint16_t index, const char *sentence)
{
	const char *name = config_of(k, index)->name;

	if (ksk_mark_clear(k->settings.config.state, name))
		ksk_log(KSK_LOG_INFO, "mark-cleared", sentence, "token", name,
			(const char *)NULL);
}

/* A PIN that was typed in an earlier life and refused stays a reason: it is
 * what a person wants to know, and a token's own lock does not end with us. */
static void
wait_for_pin(struct kskd *k, uint16_t index)
{
	const struct ksk_config_token *token = config_of(k, index);
	char word[KSK_LABEL_CAP], why[KSK_LABEL_CAP + 96];

	if (ksk_mark_stands(k->settings.config.state, token->name,
		    KSK_PIN_IDENTITY_TYPED, word)) {
		show(k, index, word, "");
		return;
	}
	clear_mark(k, index, "its PIN is typed from now on");
	k->token[index].locked = true;
	way_out(token, "", why);
	ksk_workers_trouble(k, index, KSK_STATE_LOCKED, KSK_ERR_AGAIN, why);
}

void
ksk_locked_look(struct kskd *k, uint16_t index)
{
	const struct ksk_config_token *token = config_of(k, index);
	char word[KSK_LABEL_CAP];

	if (token->pin_kind == KSK_PIN_PROMPT)
		wait_for_pin(k, index);
	else if (ksk_mark_stands(k->settings.config.state, token->name,
			 k->settings.pin[index].identity, word))
		show(k, index, word, "");
	else
		clear_mark(k, index,
			"the PIN's source has changed, it is tried again");
}

void
ksk_locked_typed(struct kskd *k, uint16_t index)
{
	struct ksk_token_state *token = &k->token[index];

	clear_mark(k, index, "another PIN was typed, it is tried");
	token->locked = false;
	token->unknown = token->fails = 0;
	token->next_try_ms = 0;
}
