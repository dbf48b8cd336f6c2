/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_show - what stands at an appliance, documents in force, and how a
 * text differs from the policy in force. Contract: policy_signed.h
 */
#include "client/policy_signed.h"

#include "client/file.h"
#include "client/output.h"

#include "appliance/policy/document.h"
#include "appliance/policy/signed.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- fetching ---- */

/* Takes one reply. out_more: there is more to ask for. */
static enum ksk_step
take_content(const struct ksk_show_reply *body, struct ksk_policy_document *out,
	uint8_t hash[KSK_HASH_LEN], bool *out_more, struct ksk_fault *fault)
{
	uint8_t *data;

	*out_more = false;
	out->standing = body->standing;
	if (!body->has_content)
		return KSK_STEP_DONE;
	if (out->len != body->offset || body->bytes.len == 0 ||
		(out->len != 0 &&
			memcmp(hash, body->hash, KSK_HASH_LEN) != 0)) {
		ksk_fault_set(fault, "the document changed while it was read");
		return KSK_STEP_AGAIN;
	}
	data = realloc(out->data, (size_t)body->total);
	if (data == NULL) {
		ksk_fault_set(fault, "no memory for the document");
		return KSK_STEP_NEXT;
	}
	out->data = data;
	memcpy(data + out->len, body->bytes.data, body->bytes.len);
	memcpy(hash, body->hash, KSK_HASH_LEN);
	out->len += body->bytes.len;
	out->found = true;
	out->is_signed = body->is_signed;
	*out_more = out->len < body->total;
	return KSK_STEP_DONE;
}

static enum ksk_step
ask_once(struct ksk_session *session, struct ksk_request *request,
	struct ksk_policy_document *out, uint8_t hash[KSK_HASH_LEN],
	bool *out_more, struct ksk_fault *fault)
{
	struct ksk_answer answer = {0};
	enum ksk_step step;

	request->show.offset = out->len;
	step = ksk_ask(session, &request, 1, &answer, fault);
	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE)
		step = take_content(
			&answer.reply->show_body, out, hash, out_more, fault);
	ksk_answers_free(&answer, 1);
	return step;
}

enum ksk_step
ksk_policy_fetch(struct ksk_session *session, unsigned kind,
	struct ksk_policy_document *out, struct ksk_fault *fault)
{
	struct ksk_request *request = calloc(1, sizeof(*request));
	uint8_t hash[KSK_HASH_LEN] = {0}, digest[KSK_HASH_LEN];
	enum ksk_step step = KSK_STEP_NEXT;
	bool more = true;

	free(out->data);
	memset(out, 0, sizeof(*out));
	if (request == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return step;
	}
	request->op = KSK_OP_POLICY_SHOW;
	request->show.has_kind = kind != 0;
	request->show.kind = kind;
	do
		step = ask_once(session, request, out, hash, &more, fault);
	while (step == KSK_STEP_DONE && more);
	free(request);
	if (step == KSK_STEP_DONE && out->found &&
		(EVP_Digest(out->data, out->len, digest, NULL, EVP_sha256(),
			 NULL) != 1 ||
			memcmp(digest, hash, KSK_HASH_LEN) != 0)) {
		ksk_fault_set(fault, "the document is not what its hash says");
		return KSK_STEP_NEXT;
	}
	return step;
}

enum ksk_err
ksk_policy_text(struct ksk_span document, bool is_signed, uint8_t **out_text,
	size_t *out_len, struct ksk_fault *fault)
{
	struct ksk_signed opened = {.count = 0};
	uint8_t *copy;
	enum ksk_err err = KSK_OK;

	if (is_signed) {
		err = ksk_signed_open(
			document, KSK_DOCUMENT_TEXT_MAX, &opened, fault);
		document = opened.content;
	}
	if (err != KSK_OK)
		return err;
	copy = malloc(document.len + 1);
	if (copy != NULL) {
		memcpy(copy, document.data, document.len);
		*out_text = copy;
		*out_len = document.len;
	} else {
		ksk_fault_set(fault, "no memory is left");
	}
	ksk_signed_free(&opened);
	return copy == NULL ? KSK_ERR_NO_MEMORY : KSK_OK;
}

/* ---- show ---- */

static enum ksk_err
print_json(const struct ksk_standing_reply *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->withdrawal_count; i++)
		(void)json_array_append_new(
			list, ksk_json_hex(s->withdrawal[i], KSK_HASH_LEN));
	return ksk_out_json(json_pack(
		"{s:s, s:I, s:o, s:I, s:o, s:o, s:I, s:o, s:o}", "mode",
		s->quorum ? "quorum" : "file", "authority-version",
		(json_int_t)s->authority_version, "authority-hash",
		ksk_json_hex(s->authority_hash, KSK_HASH_LEN), "policy-version",
		(json_int_t)s->policy_version, "policy-hash",
		ksk_json_hex(s->policy_hash, KSK_HASH_LEN), "journal",
		ksk_json_hex(s->journal, KSK_ID_LEN), "record",
		(json_int_t)s->record, "record-hash",
		ksk_json_hex(s->record_hash, KSK_HASH_LEN), "withdrawals",
		list));
}

static void
add_version(struct ksk_text *text, const char *what, uint64_t version,
	const uint8_t hash[KSK_HASH_LEN])
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), hex, sizeof(hex));
	if (version == 0)
		ksk_text_add(text, "%s none\n", what);
	else
		ksk_text_add(text, "%s version %" PRIu64 " %s\n", what, version,
			hex);
}

static enum ksk_err
print_standing(const struct ksk_ctl *ctl, const struct ksk_standing_reply *s)
{
	struct ksk_text text = {0};
	char hex[2 * KSK_HASH_LEN + 1];
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (ctl->json)
		return print_json(s);
	ksk_text_add(&text, "mode %s\n", s->quorum ? "quorum" : "file");
	add_version(
		&text, "authority", s->authority_version, s->authority_hash);
	add_version(&text, "policy", s->policy_version, s->policy_hash);
	ksk_hex_write(ksk_span_of(s->journal, KSK_ID_LEN), hex, sizeof(hex));
	ksk_text_add(&text, "journal %s\n", hex);
	ksk_hex_write(
		ksk_span_of(s->record_hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(&text, "record %" PRIu64 " %s\n", s->record, hex);
	for (size_t i = 0; i < s->withdrawal_count; i++) {
		ksk_hex_write(ksk_span_of(s->withdrawal[i], KSK_HASH_LEN), hex,
			sizeof(hex));
		ksk_text_add(&text, "withdrawn by %s\n", hex);
	}
	if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err;
}

struct show {
	const struct ksk_policy_words *words;
	unsigned kind; /* 0: only what stands */
	struct ksk_policy_document document;
};

static enum ksk_err
print_document(const struct show *s, struct ksk_fault *fault)
{
	const struct ksk_policy_document *d = &s->document;
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err;

	if (s->words->as_signed)
		return ksk_file_replace(s->words->out, d->data, d->len, fault);
	err = ksk_policy_text(
		ksk_span_of(d->data, d->len), d->is_signed, &text, &len, fault);
	if (err == KSK_OK && s->words->out != NULL)
		err = ksk_file_replace(s->words->out, text, len, fault);
	else if (err == KSK_OK)
		err = ksk_out_text((const char *)text, len);
	free(text);
	return err;
}

static enum ksk_step
say_none(struct ksk_session *session)
{
	ksk_say("%s: it has no such document; with `authority: {mode: file}` "
		"the policy is a file at the box",
		session->address);
	session->exit = KSK_CTL_LATER;
	return KSK_STEP_OVER;
}

static enum ksk_step
show_work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct show *s = ctx;
	struct ksk_fault why = {.text = ""};
	enum ksk_err err;
	enum ksk_step step = ksk_policy_fetch(
		session, s->kind, &s->document, fault);

	if (step != KSK_STEP_DONE)
		return step;
	if (s->kind == 0) {
		err = print_standing(s->words->ctl, &s->document.standing);
	} else if (!s->document.found) {
		return say_none(session);
	} else {
		err = print_document(s, &why);
	}
	if (why.text[0] != '\0')
		ksk_say("%s", why.text);
	session->exit = err == KSK_OK ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
	return KSK_STEP_DONE;
}

enum ksk_ctl_exit
ksk_policy_show(const struct ksk_policy_words *words)
{
	struct show s = {.words = words};
	enum ksk_ctl_exit exit;

	if (words->file != NULL && strcmp(words->file, "policy") == 0)
		s.kind = KSK_DOCUMENT_POLICY;
	else if (words->file != NULL && strcmp(words->file, "authority") == 0)
		s.kind = KSK_DOCUMENT_AUTHORITY;
	if ((words->file != NULL && s.kind == 0) ||
		(words->as_signed && (s.kind == 0 || words->out == NULL))) {
		ksk_say("policy show takes nothing, `policy` or `authority`; "
			"--signed needs one of these, and --out");
		return KSK_CTL_USAGE;
	}
	exit = ksk_reach(words->ctl, show_work, &s);
	free(s.document.data);
	return exit;
}

/* ---- diff ---- */

static bool
put_memory(const void *data, size_t len, char path[32])
{
	int fd = memfd_create("policy", 0); /* diff inherits it */

	if (fd < 0)
		return false;
	(void)snprintf(path, 32, "/dev/fd/%d", fd);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const uint8_t *)data + at, len - at);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return lseek(fd, 0, SEEK_SET) == 0;
}

/* The text of a file that may be signed. */
static enum ksk_err
read_text(const char *path, uint8_t **out, size_t *out_len,
	struct ksk_fault *fault)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_file_read(
		path, KSK_DOCUMENT_MAX, &data, &len, fault);

	if (err == KSK_OK)
		err = ksk_policy_text(ksk_span_of(data, len),
			ksk_document_kind_of(ksk_span_of(data, len)) == 0, out,
			out_len, fault);
	free(data);
	return err;
}

static enum ksk_err
compare(const struct show *s, struct ksk_fault *fault)
{
	const struct ksk_policy_document *d = &s->document;
	char a[32], b[32];
	const char *const argv[] = {"diff", "-u", "--label", "in force",
		"--label", s->words->file, a, b, NULL};
	uint8_t *have = NULL, *next = NULL;
	size_t have_len = 0, next_len = 0;
	enum ksk_err err = KSK_OK;
	int status;

	if (d->found)
		err = ksk_policy_text(ksk_span_of(d->data, d->len),
			d->is_signed, &have, &have_len, fault);
	if (err == KSK_OK)
		err = read_text(s->words->file, &next, &next_len, fault);
	if (err == KSK_OK &&
		(!put_memory(have, have_len, a) ||
			!put_memory(next, next_len, b))) {
		ksk_fault_set(fault, "no memory is left");
		err = KSK_ERR_NO_MEMORY;
	}
	free(have);
	free(next);
	if (err != KSK_OK)
		return err;
	status = ksk_policy_run(argv);
	if (status == 0 || status == 1)
		return KSK_OK;
	ksk_fault_set(fault, "diff ends with %d", status);
	return KSK_ERR_IO;
}

static enum ksk_step
diff_work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct show *s = ctx;
	struct ksk_fault why = {.text = ""};
	enum ksk_step step = ksk_policy_fetch(
		session, s->kind, &s->document, fault);

	if (step != KSK_STEP_DONE)
		return step;
	/* With a quorum the first one differs from nothing. */
	if (!s->document.found && !s->document.standing.quorum)
		return say_none(session);
	session->exit = KSK_CTL_DONE;
	if (compare(s, &why) != KSK_OK) {
		ksk_say("%s", why.text);
		session->exit = KSK_CTL_BAD_INPUT;
	}
	return KSK_STEP_DONE;
}

enum ksk_ctl_exit
ksk_policy_diff(const struct ksk_policy_words *words)
{
	struct show s = {.words = words, .kind = KSK_DOCUMENT_POLICY};
	enum ksk_ctl_exit exit = ksk_reach(words->ctl, diff_work, &s);

	free(s.document.data);
	return exit;
}
