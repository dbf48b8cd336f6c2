/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as the RDATA of a DNSKEY, a DS and an RRSIG, and as the
 * text of a DS. A key whose form is good can be prepared for verification;
 * RDATA that is read is written back byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_key(struct ksk_span rdata)
{
	static const uint8_t zeros[KSK_SIGNATURE_MAX];
	struct ksk_verify_key *prepared = NULL;
	struct ksk_name owner = {.len = 1};
	struct ksk_fault fault = {""};
	struct ksk_dnskey key;
	struct ksk_ds ds;

	if (ksk_dnskey_read(rdata, &key) != KSK_OK)
		return;
	size_t bits = ksk_dnskey_rsa_bits(&key);
	enum ksk_err form = ksk_dnskey_form(&key, &fault);
	if (form == KSK_ERR_CRYPTO || (form != KSK_OK && !fault.text[0]))
		abort();
	if (form == KSK_OK && bits != 0 && (bits < 1024 || bits > 4096))
		abort();
	if (ksk_ds_build(&owner, rdata, KSK_DIGEST_SHA256, &ds) != KSK_OK ||
		!ksk_ds_matches(&ds, &owner, rdata))
		abort();
	enum ksk_err err = ksk_verify_key_new(rdata, &prepared);
	if (err != KSK_OK && err != KSK_ERR_UNSUPPORTED && form == KSK_OK)
		abort();
	if (err == KSK_OK && form != KSK_OK)
		abort();
	for (size_t len = 64; err == KSK_OK && len <= sizeof(zeros); len += 2) {
		if (ksk_verify_bytes(
			    prepared, rdata, ksk_span_of(zeros, len)) == KSK_OK)
			abort();
	}
	ksk_verify_key_free(&prepared);
}

static void
check_ds(struct ksk_span rdata)
{
	uint8_t room[64];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	char text[KSK_DS_TEXT_CAP];
	struct ksk_ds ds, again;

	if (ksk_ds_read(rdata, &ds) == KSK_OK &&
		(ksk_ds_write(&ds, &buf) != KSK_OK ||
			!ksk_span_equal(ksk_buf_span(&buf), rdata)))
		abort();
	if (ksk_ds_from_text((const char *)rdata.data, rdata.len, &ds, NULL) !=
		KSK_OK)
		return;
	ksk_ds_to_text(&ds, text);
	if (ksk_ds_from_text(text, strlen(text), &again, NULL) != KSK_OK ||
		!ksk_ds_equal(&ds, &again))
		abort();
}

static void
check_rrsig(struct ksk_span rdata)
{
	static uint8_t room[KSK_FRAME_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_rrsig rrsig;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return;
	if (ksk_rrsig_write(&rrsig, &buf) != KSK_OK ||
		!ksk_span_equal(ksk_buf_span(&buf), rdata))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_span rdata = ksk_span_of(data, size);

	if (size > KSK_FRAME_MAX)
		return 0;
	check_key(rdata);
	check_ds(rdata);
	check_rrsig(rdata);
	return 0;
}
