/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsig - see tsig.h.
 */
#include "client/tsig.h"

#include "client/file.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX 8192u
#define WORD_CAP 300u

/* RFC 8945 6: of these the library knows no others that are still good. */
static const char *const algorithms[] = {"hmac-sha256", "hmac-sha512"};

/* The text behind comments and blanks. */
static const char *
skip(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n");
		if (at[0] != '#' && (at[0] != '/' || at[1] != '/'))
			return at;
		at += strcspn(at, "\n");
	}
}

/* Takes a word, a text in quotes or one of { } ; as a word. Returns what is
 * behind it, NULL if there is none that fits. */
static const char *
take_word(const char *at, char out[WORD_CAP])
{
	size_t len;

	at = skip(at);
	if (at[0] == '"') {
		at++;
		len = strcspn(at, "\"\n");
		if (at[len] != '"' || len >= WORD_CAP)
			return NULL;
		(void)snprintf(out, WORD_CAP, "%.*s", (int)len, at);
		return at + len + 1;
	}
	len = strcspn(at, " \t\r\n{};\"");
	if (len == 0 && at[0] != '\0')
		len = 1;
	if (len == 0 || len >= WORD_CAP)
		return NULL;
	(void)snprintf(out, WORD_CAP, "%.*s", (int)len, at);
	return at + len;
}

static enum ksk_err
bad(struct ksk_fault *fault, const char *why)
{
	ksk_fault_set(fault, "no TSIG key: %s", why);
	return KSK_ERR_BAD_INPUT;
}

static bool
is_base64(const char *text)
{
	uint8_t out[KSK_TSIG_SECRET_CAP];
	size_t len = strlen(text);
	int n;

	if (len == 0 || len % 4 != 0 || len >= KSK_TSIG_SECRET_CAP)
		return false;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	ksk_wipe(out, sizeof(out));
	return n > 0;
}

/* Checks the three parts and puts them together. */
static enum ksk_err
take(const char *algorithm, const char *name, const char *secret,
	struct ksk_tsig *out_key, struct ksk_fault *fault)
{
	const char *known = NULL;
	struct ksk_name owner;

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		size_t len = strlen(algorithms[i]);

		if (strncasecmp(algorithm, algorithms[i], len) == 0 &&
			(algorithm[len] == '\0' ||
				strcmp(algorithm + len, ".") == 0))
			known = algorithms[i];
	}
	if (known == NULL)
		return bad(
			fault, "the algorithm is hmac-sha256 or hmac-sha512");
	if (ksk_name_from_text(name, strlen(name), &owner, NULL) != KSK_OK)
		return bad(fault, "its name is no domain name");
	if (!is_base64(secret))
		return bad(fault, "its secret is no base64");
	(void)snprintf(
		out_key->algorithm, sizeof(out_key->algorithm), "%s.", known);
	ksk_name_to_text(&owner, out_key->name);
	(void)snprintf(out_key->secret, sizeof(out_key->secret), "%s", secret);
	return KSK_OK;
}

/* ALGORITHM:NAME:SECRET */
static enum ksk_err
read_line(const char *text, struct ksk_tsig *out_key, struct ksk_fault *fault)
{
	char part[3][WORD_CAP] = {"", "", ""};
	enum ksk_err err = KSK_ERR_BAD_INPUT;
	const char *at = skip(text);
	int i = 0;

	for (; i < 3; i++) {
		size_t len = strcspn(at, i < 2 ? ": \t\r\n" : " \t\r\n");

		if (len == 0 || len >= WORD_CAP || (i < 2 && at[len] != ':'))
			break;
		(void)snprintf(part[i], WORD_CAP, "%.*s", (int)len, at);
		at += len + (i < 2);
	}
	if (i == 3 && *skip(at) == '\0')
		err = take(part[0], part[1], part[2], out_key, fault);
	else
		(void)bad(fault,
			"neither `key NAME { algorithm …; secret …; };` nor "
			"ALGORITHM:NAME:SECRET");
	ksk_wipe(part, sizeof(part));
	return err;
}

/* algorithm A; secret S; }; in any order. Returns what follows, or NULL. */
static const char *
read_clauses(const char *at, char algorithm[WORD_CAP], char secret[WORD_CAP])
{
	char word[WORD_CAP];

	while ((at = take_word(at, word)) != NULL && strcmp(word, "}") != 0) {
		if (strcmp(word, "algorithm") == 0)
			at = take_word(at, algorithm);
		else if (strcmp(word, "secret") == 0)
			at = take_word(at, secret);
		else
			return NULL;
		if (at == NULL || (at = take_word(at, word)) == NULL ||
			strcmp(word, ";") != 0)
			return NULL;
	}
	if (at == NULL || (at = take_word(at, word)) == NULL ||
		strcmp(word, ";") != 0)
		return NULL;
	return skip(at);
}

static enum ksk_err
read_clause(const char *text, struct ksk_tsig *out_key, struct ksk_fault *fault)
{
	char name[WORD_CAP] = "", brace[WORD_CAP] = "";
	char algorithm[WORD_CAP] = "", secret[WORD_CAP] = "";
	enum ksk_err err;
	const char *at = take_word(text, name);

	if (at != NULL)
		at = take_word(at, brace);
	if (at != NULL && strcmp(brace, "{") == 0)
		at = read_clauses(at, algorithm, secret);
	else
		at = NULL;
	if (at == NULL || *at != '\0')
		err = bad(fault,
			"it must read `key NAME { algorithm …; secret …; };` "
			"and hold one key");
	else
		err = take(algorithm, name, secret, out_key, fault);
	ksk_wipe(secret, sizeof(secret));
	return err;
}

enum ksk_err
ksk_tsig_read(
	const char *text, struct ksk_tsig *out_key, struct ksk_fault *fault)
{
	struct ksk_tsig key = {.name = ""};
	char word[WORD_CAP];
	const char *at = take_word(text, word);
	enum ksk_err err;

	if (at != NULL && strcmp(word, "key") == 0)
		err = read_clause(at, &key, fault);
	else
		err = read_line(text, &key, fault);
	if (err == KSK_OK)
		*out_key = key;
	ksk_wipe(word, sizeof(word));
	ksk_wipe(&key, sizeof(key));
	return err;
}

enum ksk_err
ksk_tsig_load(
	const char *path, struct ksk_tsig *out_key, struct ksk_fault *fault)
{
	struct ksk_fault why = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read_secret(
		path, FILE_MAX, &text, &len, fault);

	if (err != KSK_OK)
		return err;
	if (memchr(text, 0, len) != NULL)
		err = bad(&why, "it has zero bytes");
	else
		err = ksk_tsig_read((const char *)text, out_key, &why);
	ksk_wipe(text, len);
	free(text);
	if (err != KSK_OK)
		ksk_fault_set(fault, "%s: %s", path, why.text);
	return err;
}
