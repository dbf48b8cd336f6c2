/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of documents that operators sign. The first byte chooses: '2' to
 * '4' a text of that kind (what compiles must open), 'S' a signed file, 'B' the
 * bytes that kskd-policy hands back, 'W' what the journal keeps of withdrawals
 * (read, written, the same).
 */
#include "appliance/policy/signed.h"
#include "appliance/policy/withdrawn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static void
compile(enum ksk_document_kind kind, struct ksk_span text)
{
	static struct ksk_faults faults;
	static struct ksk_document document, again;
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_document_compile(
		kind, text, NULL, &document, &faults);

	if (err != KSK_OK) {
		demand(err == KSK_ERR_BAD_INPUT && faults.count > 0);
		demand(strncmp(faults.list[0].text, "line ", 5) == 0);
		return;
	}
	demand(ksk_document_kind_of(text) <= KSK_DOCUMENT_KIND_MAX);
	demand(ksk_document_open(ksk_span_of(&document, sizeof(document)),
		       &again, &fault) == KSK_OK);
	demand(memcmp(&document, &again, sizeof(again)) == 0);
}

static void
open_bytes(struct ksk_span bytes)
{
	static uint8_t whole[sizeof(struct ksk_document)];
	static struct ksk_document document;
	static struct ksk_withdrawals all;
	struct ksk_fault fault = {""};

	memset(whole, 0, sizeof(whole));
	if (bytes.len > sizeof(whole))
		bytes.len = sizeof(whole);
	memcpy(whole, bytes.data, bytes.len);
	if (ksk_document_open(ksk_span_of(whole, sizeof(whole)), &document,
		    &fault) != KSK_OK) {
		demand(fault.text[0] != '\0');
		return;
	}
	all.count = 0;
	if (document.kind == KSK_DOCUMENT_WITHDRAW)
		demand(ksk_withdrawals_add(&all, &document) == KSK_OK);
}

static void
open_signed(struct ksk_span der)
{
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault = {""};

	if (ksk_signed_open(der, 1u << 20, &document, &fault) != KSK_OK) {
		demand(fault.text[0] != '\0' && document.count == 0);
		return;
	}
	(void)ksk_document_kind_of(document.content);
	ksk_signed_free(&document);
}

static void
read_withdrawn(struct ksk_span bytes)
{
	static struct ksk_withdrawals all;
	static uint8_t room[KSK_WITHDRAWALS_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	if (ksk_withdrawals_read(bytes, &all) != KSK_OK)
		return;
	demand(ksk_withdrawals_write(&all, &buf) == KSK_OK);
	demand(ksk_span_equal(bytes, ksk_buf_span(&buf)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_span rest;

	if (size == 0)
		return 0;
	rest = ksk_span_of(data + 1, size - 1);
	switch (data[0]) {
	case '2':
	case '3':
	case '4':
		compile((enum ksk_document_kind)(data[0] - '0'), rest);
		break;
	case 'S':
		open_signed(rest);
		break;
	case 'B':
		open_bytes(rest);
		break;
	case 'W':
		read_withdrawn(rest);
		break;
	default:
		break;
	}
	return 0;
}
