/* SPDX-License-Identifier: BSD-2-Clause */
/* key - see key.h. */
#include "appliance/admin/key.h"

#include "appliance/admin/pins.h"

#include <openssl/evp.h>
#include <stdio.h>

static void
print_key(const char *zone, const char *type, const struct ksk_apart_key *key)
{
	unsigned char text[4 * (KSK_KEY_FIELD_MAX / 3 + 2)];
	const uint8_t *field = key->dnskey + KSK_DNSKEY_HEAD_LEN;

	(void)EVP_EncodeBlock(
		text, field, (int)(key->dnskey_len - KSK_DNSKEY_HEAD_LEN));
	(void)printf("%s IN %s 257 3 %u %s\n", zone, type,
		(unsigned)key->algorithm, (const char *)text);
}

static void
print_ds(const char *zone, const char *type, const struct ksk_name *owner,
	const struct ksk_apart_key *key, uint8_t digest_type)
{
	char text[KSK_DS_TEXT_CAP];
	struct ksk_ds ds;

	if (ksk_ds_build(owner, ksk_span_of(key->dnskey, key->dnskey_len),
		    digest_type, &ds) != KSK_OK)
		return;
	ksk_ds_to_text(&ds, text);
	(void)printf("%s IN %s %s\n", zone, type, text);
}

void
ksk_key_print(const struct ksk_apart_key *key, const struct ksk_name *zone,
	unsigned types)
{
	char name[KSK_NAME_TEXT_CAP];

	ksk_name_to_text(zone, name);
	if ((types & KSK_PRINT_DNSKEY) != 0)
		print_key(name, "DNSKEY", key);
	if ((types & KSK_PRINT_DS) != 0) {
		print_ds(name, "DS", zone, key, KSK_DIGEST_SHA256);
		print_ds(name, "DS", zone, key, KSK_DIGEST_SHA384);
	}
	if ((types & KSK_PRINT_CDS) != 0)
		print_ds(name, "CDS", zone, key, KSK_DIGEST_SHA256);
	if ((types & KSK_PRINT_CDNSKEY) != 0)
		print_key(name, "CDNSKEY", key);
}

enum ksk_exit
ksk_key_ask(const struct ksk_config *config,
	const struct ksk_config_token *token, const char *pin_file,
	uint8_t rsa_algorithm, const char *label,
	struct ksk_apart_result **out_result)
{
	struct ksk_apart_order order = {
		.what = KSK_APART_LIST,
		.algorithm = rsa_algorithm,
		.label = label,
	};
	enum ksk_exit code = ksk_pins_user(token, pin_file, false, &order.pin);

	if (code != KSK_EXIT_OK)
		return code;
	code = ksk_apart_run(token, config->token_user[token - config->token],
		&order, out_result);
	ksk_pin_free(&order.pin);
	return code;
}
