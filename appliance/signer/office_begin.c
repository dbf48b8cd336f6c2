/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * office_begin - what the journal keeps of operators' decisions, read at start;
 * the first authority, which `kskadm` leaves as the file "authority" beside the
 * journal; the policy in force, compiled anew from its document. Contract:
 * office.h
 */
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/compiler.h"
#include "appliance/signer/control.h"
#include "appliance/signer/office_internal.h"
#include "appliance/signer/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the authority in the journal: another form is another number. */
#define FORM 1u

/* ---- the authority's form ---- */

enum ksk_err
ksk_office_write_authority(const struct ksk_authority *authority,
	const uint8_t name[KSK_HASH_LEN], bool is_signed, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_wire_out_of(out);

	ksk_wire_put_u8(&w, FORM);
	ksk_wire_put_bytes(&w, ksk_span_of(name, KSK_HASH_LEN));
	ksk_wire_put_u8(&w, is_signed ? 1 : 0);
	ksk_wire_put_u64(&w, authority->version);
	ksk_wire_put_bytes(&w, ksk_span_of(authority->hash, KSK_HASH_LEN));
	for (unsigned k = 1; k <= KSK_DOCUMENT_KIND_MAX; k++)
		ksk_wire_put_u32(&w, authority->threshold[k]);
	ksk_wire_put_u16(&w, (uint16_t)authority->operator_count);
	for (uint32_t i = 0; i < authority->operator_count; i++) {
		ksk_wire_put_text(&w, authority->operator[i].name);
		ksk_wire_put_bytes(&w,
			ksk_span_of(authority->operator[i].pin, KSK_PIN_LEN));
	}
	return w.err;
}

static enum ksk_err
read_authority(struct ksk_span bytes, struct ksk_office *office)
{
	struct ksk_wire w = ksk_wire_of(bytes);
	struct ksk_authority a = {.version = 0};
	uint8_t name[KSK_HASH_LEN];
	uint8_t is_signed;
	enum ksk_err err;

	if (ksk_wire_u8(&w) != FORM)
		ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	ksk_wire_copy(&w, name, sizeof(name));
	is_signed = ksk_wire_u8(&w);
	a.version = ksk_wire_u64(&w);
	ksk_wire_copy(&w, a.hash, sizeof(a.hash));
	for (unsigned k = 1; k <= KSK_DOCUMENT_KIND_MAX; k++)
		a.threshold[k] = ksk_wire_u32(&w);
	a.operator_count = ksk_wire_u16(&w);
	if (a.operator_count > KSK_OPERATOR_COUNT_MAX || a.version == 0)
		ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	for (uint32_t i = 0; i < a.operator_count && w.err == KSK_OK; i++) {
		ksk_wire_text(&w, a.operator[i].name, KSK_LABEL_CAP);
		ksk_wire_copy(&w, a.operator[i].pin, KSK_PIN_LEN);
	}
	err = ksk_wire_end(&w);
	if (err != KSK_OK)
		return KSK_ERR_MALFORMED;
	office->authority = a;
	memcpy(office->authority_document, name, sizeof(name));
	office->authority_signed = is_signed != 0;
	return KSK_OK;
}

/* ---- what the journal has ---- */

/* Reads one small thing; not having it is no error. */
static enum ksk_err
read_state(struct ksk_signer *signer, const char *name, struct ksk_buf *out,
	struct ksk_fault *fault)
{
	enum ksk_err err = ksk_journal_state_get(
		signer->journal, name, out, fault);

	if (err == KSK_OK || err == KSK_ERR_NOT_FOUND || err == KSK_ERR_IO)
		return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
	ksk_fault_set(fault,
		"the journal's \"%s\" is damaged: restore it from "
		"a backup",
		name);
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
take_states(struct ksk_signer *signer, uint8_t *room, struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;
	struct ksk_buf authority = ksk_buf_of(room, KSK_AUTHORITY_FORM_MAX);
	struct ksk_buf withdrawn = ksk_buf_of(room, KSK_WITHDRAWALS_MAX);
	struct ksk_buf policy = ksk_buf_of(
		office->policy_document, KSK_HASH_LEN);
	struct ksk_buf nonces = ksk_buf_of(
		office->nonce, sizeof(office->nonce));
	enum ksk_err err = read_state(
		signer, KSK_STATE_AUTHORITY, &authority, fault);

	if (err == KSK_OK && authority.len > 0)
		err = read_authority(ksk_buf_span(&authority), office);
	if (err == KSK_OK)
		err = read_state(
			signer, KSK_STATE_WITHDRAWN, &withdrawn, fault);
	if (err == KSK_OK && withdrawn.len > 0)
		err = ksk_withdrawals_read(
			ksk_buf_span(&withdrawn), &office->withdrawals);
	if (err == KSK_OK)
		err = read_state(
			signer, KSK_STATE_POLICY_DOCUMENT, &policy, fault);
	if (err == KSK_OK)
		err = read_state(signer, KSK_STATE_NONCES, &nonces, fault);
	if (err == KSK_ERR_MALFORMED && fault->text[0] == '\0')
		ksk_fault_set(fault,
			"what operators decided is damaged in the journal: "
			"restore it from a backup");
	office->has_policy_document = policy.len == KSK_HASH_LEN;
	office->nonce_count = nonces.len / KSK_NONCE_LEN;
	office->after = office->withdrawals;
	return err;
}

static enum ksk_err
keep_documents(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;
	uint8_t names[2][KSK_HASH_LEN];
	size_t count = 0;

	if (office->authority.version != 0)
		memcpy(names[count++], office->authority_document,
			KSK_HASH_LEN);
	if (office->has_policy_document)
		memcpy(names[count++], office->policy_document, KSK_HASH_LEN);
	return ksk_store_keep(&office->store,
		(const uint8_t(*)[KSK_HASH_LEN])names, count, fault);
}

/* ---- the first authority ---- */

static bool
first_path(const struct ksk_signer *signer, char out[KSK_PATH_CAP])
{
	const char *path = ksk_journal_path(signer->journal);
	const char *slash = strrchr(path, '/');
	int n = slash == NULL ? -1
			      : snprintf(out, KSK_PATH_CAP, "%.*s/authority",
					(int)(slash - path), path);

	return n > 0 && (size_t)n < KSK_PATH_CAP;
}

/* Returns bytes read; 0: there is no such file, or it is empty. */
static size_t
slurp(const char *path, uint8_t *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return 0;
	while (len < cap && n > 0) {
		n = read(fd, out + len, cap - len);
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	return len;
}

static enum ksk_err
record_first(struct ksk_signer *signer, const struct ksk_document *document,
	struct ksk_span text, struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;
	struct ksk_record record = {.time = ksk_clock_now(),
		.kind = KSK_RECORD_AUTHORITY,
		.has_document = true};
	uint8_t hash[KSK_HASH_LEN];
	enum ksk_err err;

	memcpy(record.document, document->hash, KSK_HASH_LEN);
	err = ksk_store_put(&office->store, document->hash, text, 0);
	if (err == KSK_OK)
		err = ksk_office_stage_authority(
			signer, &document->authority, document->hash, false);
	if (err == KSK_OK)
		err = ksk_journal_stage(signer->journal, &record, hash);
	if (err == KSK_OK)
		err = ksk_journal_commit(signer->journal, fault);
	if (err != KSK_OK)
		return err;
	office->authority = document->authority;
	memcpy(office->authority_document, document->hash, KSK_HASH_LEN);
	office->authority_signed = false;
	ksk_log(KSK_LOG_INFO, "authority", "the first authority is fixed",
		NULL);
	return KSK_OK;
}

static enum ksk_err
check_first(const struct ksk_signer *signer,
	const struct ksk_document *document, struct ksk_fault *fault)
{
	if (document->kind != KSK_DOCUMENT_AUTHORITY ||
		memcmp(document->appliance, signer->start.appliance,
			KSK_ID_LEN) != 0) {
		ksk_fault_set(
			fault, "the first authority is for another appliance");
		return KSK_ERR_BAD_INPUT;
	}
	if (document->authority.version == 1)
		return KSK_OK;
	ksk_fault_set(fault, "the first authority must have version 1");
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_first(struct ksk_signer *signer, uint8_t *room, struct ksk_fault *fault)
{
	struct ksk_document document;
	char path[KSK_PATH_CAP];
	size_t len;
	int fd = -1;
	enum ksk_err err;

	if (!first_path(signer, path) ||
		(len = slurp(path, room, KSK_DOCUMENT_SMALL_MAX)) == 0)
		return KSK_OK;
	if (signer->office.authority.version == 0) {
		struct ksk_span text = ksk_span_of(room, len);
		err = ksk_compiler_wait(
			signer, KSK_DOCUMENT_AUTHORITY, text, &fd, fault);
		if (err != KSK_OK)
			return err;
		err = ksk_document_map(fd, &document, fault);
		(void)close(fd);
		if (err != KSK_OK ||
			(err = check_first(signer, &document, fault)) !=
				KSK_OK ||
			(err = record_first(signer, &document, text, fault)) !=
				KSK_OK)
			return err;
	}
	/* It is fixed now: a file that stays can't fix it again. */
	if (unlink(path) != 0)
		ksk_log(KSK_LOG_WARN, "authority-stays",
			"the file authority can't be removed", "path", path,
			NULL);
	return KSK_OK;
}

/* ---- all ---- */

static void
take_bootstrap(struct ksk_signer *signer)
{
	for (uint16_t i = 0; i < signer->start.bootstrap_count; i++) {
		struct ksk_client *client = &signer->office.bootstrap[i];
		memcpy(client->pin, signer->start.bootstrap[i], KSK_PIN_LEN);
		client->may = KSK_MAY_READ | KSK_MAY_SUBMIT;
		ksk_text_copy(client->name, sizeof(client->name), "bootstrap");
	}
}

enum ksk_err
ksk_office_begin(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;
	uint8_t *room = malloc(KSK_DOCUMENT_SMALL_MAX);
	enum ksk_err err;

	_Static_assert(KSK_DOCUMENT_SMALL_MAX >= KSK_WITHDRAWALS_MAX,
		"one room for both");
	if (room == NULL) {
		ksk_fault_set(fault, "no memory");
		return KSK_ERR_NO_MEMORY;
	}
	take_bootstrap(signer);
	err = ksk_store_begin(&office->store, signer->journal, fault);
	if (err == KSK_OK)
		err = take_states(signer, room, fault);
	if (err == KSK_OK)
		err = take_first(signer, room, fault);
	if (err == KSK_OK)
		err = keep_documents(signer, fault);
	free(room);
	if (err == KSK_OK && signer->start.quorum &&
		office->authority.version == 0) {
		ksk_fault_set(fault,
			"authority.mode is quorum, and this appliance has no "
			"operators: kskadm authority FILE, then start again");
		err = KSK_ERR_NOT_FOUND;
	}
	return err;
}

static enum ksk_err
load_policy(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_office *office = &signer->office;
	struct ksk_signed document = {.count = 0};
	uint8_t *der = NULL;
	size_t len = 0;
	int fd = -1;
	enum ksk_err err = ksk_store_read(
		&office->store, office->policy_document, &der, &len, fault);

	if (err == KSK_OK)
		err = ksk_signed_open(ksk_span_of(der, len),
			KSK_DOCUMENT_TEXT_MAX, &document, fault);
	free(der);
	if (err == KSK_OK)
		err = ksk_compiler_wait(signer, KSK_DOCUMENT_POLICY,
			document.content, &fd, fault);
	ksk_signed_free(&document);
	if (err != KSK_OK)
		return err;
	err = ksk_control_first_policy(signer, fd, fault);
	(void)close(fd);
	return err;
}

void
ksk_office_first_policy(struct ksk_signer *signer)
{
	struct ksk_fault fault = {.text = ""};

	if (!signer->office.has_policy_document ||
		load_policy(signer, &fault) == KSK_OK)
		return;
	ksk_log(KSK_LOG_ERROR, "no-policy",
		"the policy that the journal holds can't come into force",
		"why", fault.text, NULL);
}
