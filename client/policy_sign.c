/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_sign - one operator's signature on a document: runs `openssl cms`
 * with the words that a person would type. A document that is signed already
 * gets one more. Contract: policy_signed.h
 */
#include "client/policy_signed.h"

#include "client/file.h"
#include "client/output.h"
#include "client/policy_signers.h"

#include "appliance/policy/document.h"
#include "appliance/policy/signed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORD_MAX 32u

struct command {
	size_t count;
	const char *word[WORD_MAX];
};

static void
add(struct command *c, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		c->word[c->count++] = words[i];
	c->word[c->count] = NULL;
}

static bool
is_token(const char *key)
{
	return strncmp(key, "pkcs11:", 7) == 0;
}

/* The last words are the same for a first signature and for a further one. */
static void
build(struct command *c, const struct ksk_policy_words *w, bool again)
{
	const char *const first[] = {"openssl", "cms", "-sign", "-binary",
		"-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER",
		NULL};
	const char *const more[] = {"openssl", "cms", "-resign", "-inform",
		"DER", "-binary", "-nosmimecap", "-md", "sha256", "-outform",
		"DER", NULL};
	const char *const token[] = {
		"-engine", "pkcs11", "-keyform", "engine", NULL};
	const char *const rest[] = {"-signer", w->certificate, "-inkey", w->key,
		"-in", w->file, "-out", w->out, NULL};

	add(c, again ? more : first);
	if (is_token(w->key))
		add(c, token);
	add(c, rest);
}

int
ksk_policy_run(const char *const *argv)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		/* execvp takes no const and changes nothing. */
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

/* As a shell takes it. */
static void
quote(struct ksk_text *text, const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_./:=-";

	if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
		ksk_text_add(text, "%s", word);
		return;
	}
	ksk_text_add(text, "'");
	for (; *word != '\0'; word++)
		ksk_text_add(text, *word == '\'' ? "'\\''" : "%c", *word);
	ksk_text_add(text, "'");
}

static enum ksk_ctl_exit
print_command(const struct command *c)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	for (size_t i = 0; i < c->count; i++) {
		ksk_text_add(&text, "%s", i == 0 ? "" : " ");
		quote(&text, c->word[i]);
	}
	ksk_text_add(&text, "\n");
	if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

/* Is it a text of ours, or one that is signed already? */
static enum ksk_err
look(const char *path, bool *out_again, struct ksk_fault *fault)
{
	struct ksk_signed document = {.count = 0};
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KSK_DOCUMENT_MAX, &data, &len, fault);

	if (err != KSK_OK)
		return err;
	*out_again = false;
	if (ksk_document_kind_of(ksk_span_of(data, len)) == 0) {
		err = ksk_signed_open(ksk_span_of(data, len),
			KSK_DOCUMENT_TEXT_MAX, &document, fault);
		if (err != KSK_OK)
			ksk_fault_set(fault,
				"%s: neither a text with `kind: policy`, "
				"authority, withdraw or authorise, nor one "
				"that is signed",
				path);
		ksk_signed_free(&document);
		*out_again = true;
	}
	free(data);
	return err;
}

enum ksk_ctl_exit
ksk_policy_sign(const struct ksk_policy_words *words)
{
	struct command command = {.count = 0};
	struct ksk_fault fault = {.text = ""};
	bool again = false;
	int status;

	if (words->certificate == NULL || words->key == NULL ||
		words->out == NULL) {
		ksk_say("policy sign needs --certificate, --key and --out");
		return KSK_CTL_USAGE;
	}
	if (is_token(words->key) && strstr(words->key, "pin-value=") != NULL) {
		ksk_say("the PIN must not stand in the URI, where others see "
			"it: leave it out and type it, or use pin-source");
		return KSK_CTL_USAGE;
	}
	if (look(words->file, &again, &fault) != KSK_OK) {
		ksk_say("%s", fault.text);
		return KSK_CTL_BAD_INPUT;
	}
	build(&command, words, again);
	if (words->command)
		return print_command(&command);
	status = ksk_policy_run(command.word);
	if (status != 0) {
		ksk_say("openssl cms ends with %d%s", status,
			status == 127 ? ": is openssl installed?" : "");
		return KSK_CTL_BAD_INPUT;
	}
	return ksk_policy_signers(words->ctl, words->out);
}
