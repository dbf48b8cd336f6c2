/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_signers - see policy_signers.h. */
#include "client/policy_signers.h"

#include "client/file.h"
#include "client/output.h"

#include "appliance/policy/signed.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* As much as an appliance takes by parts (PROTOCOL.md 4, part). */
#define DOCUMENT_MAX (64u * 1024u * 1024u)

static json_t *
json_of(const struct ksk_signed *document, const char *path,
	const uint8_t hash[KSK_HASH_LEN])
{
	json_t *list = json_array();

	for (size_t i = 0; i < document->count; i++)
		(void)json_array_append_new(list,
			json_pack("{s:b, s:o, s:s}", "good",
				document->by[i].good, "pin",
				ksk_json_hex(document->by[i].pin, KSK_PIN_LEN),
				"why", document->by[i].why));
	return json_pack("{s:o, s:o, s:o}", "file", ksk_json_path(path), "hash",
		ksk_json_hex(hash, KSK_HASH_LEN), "signatures", list);
}

static void
text_of(const struct ksk_signed *document, const uint8_t hash[KSK_HASH_LEN],
	struct ksk_text *out)
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(out, "document %s\n", hex);
	for (size_t i = 0; i < document->count; i++) {
		const struct ksk_signed_by *by = &document->by[i];
		ksk_hex_write(
			ksk_span_of(by->pin, KSK_PIN_LEN), hex, sizeof(hex));
		ksk_text_add(out, "%s %s%s%s\n", by->good ? "good" : "bad", hex,
			by->good ? "" : " ", by->why);
	}
}

static enum ksk_ctl_exit
print(const struct ksk_ctl *ctl, const struct ksk_signed *document,
	const char *path)
{
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_text text = {0};
	bool good = document->count > 0;
	enum ksk_err err;

	if (EVP_Digest(document->content.data, document->content.len, hash,
		    NULL, EVP_sha256(), NULL) != 1) {
		ksk_say("%s: %s", path, ksk_err_text(KSK_ERR_CRYPTO));
		return KSK_CTL_BAD_INPUT;
	}
	for (size_t i = 0; i < document->count; i++)
		good = good && document->by[i].good;
	if (ctl->json) {
		err = ksk_out_json(json_of(document, path, hash));
	} else {
		text_of(document, hash, &text);
		err = text.failed ? KSK_ERR_NO_MEMORY
				  : ksk_out_text(text.data, text.len);
		ksk_text_free(&text);
	}
	if (document->count == 0)
		ksk_say("%s: nobody signed it", path);
	return err == KSK_OK && good ? KSK_CTL_DONE : KSK_CTL_BAD_INPUT;
}

enum ksk_ctl_exit
ksk_policy_signers(const struct ksk_ctl *ctl, const char *path)
{
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault = {.text = ""};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	uint8_t *der = NULL;
	size_t len = 0;

	if (ksk_file_read(path, DOCUMENT_MAX, &der, &len, &fault) != KSK_OK)
		ksk_say("%s", fault.text);
	else if (ksk_signed_open(ksk_span_of(der, len), DOCUMENT_MAX, &document,
			 &fault) != KSK_OK)
		ksk_say("%s: %s", path, fault.text);
	else
		exit = print(ctl, &document, path);
	ksk_signed_free(&document);
	free(der);
	return exit;
}
