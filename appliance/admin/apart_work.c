/* SPDX-License-Identifier: BSD-2-Clause */
/* apart_work - see apart_work.h. */
#include "appliance/admin/apart_work.h"

#include "hsm/key.h"
#include "hsm/keygen.h"

#include <stdio.h>
#include <string.h>

static enum ksk_exit
code_of(enum ksk_err r)
{
	switch (r) {
	case KSK_OK:
		return KSK_EXIT_OK;
	case KSK_ERR_IO:
		return KSK_EXIT_MODULE;
	case KSK_ERR_PIN_WRONG:
		return KSK_EXIT_PIN;
	case KSK_ERR_PIN_LOCKED:
		return KSK_EXIT_PIN_LOCKED;
	case KSK_ERR_NO_MEMORY:
	case KSK_ERR_INTERNAL:
		return KSK_EXIT_INTERNAL;
	default:
		return KSK_EXIT_TOKEN;
	}
}

void
ksk_apart_fill(struct ksk_apart_key *out, const char *label, struct ksk_span id,
	const struct ksk_key *key)
{
	out->usable = true;
	out->extractable = key->extractable != NULL;
	(void)snprintf(out->why, sizeof(out->why), "%s",
		out->extractable ? key->extractable : "");
	out->algorithm = key->algorithm;
	out->tag = key->tag;
	(void)snprintf(out->label, sizeof(out->label), "%s", label);
	memcpy(out->id, id.data, id.len);
	out->id_len = id.len;
	memcpy(out->dnskey, key->dnskey, key->dnskey_len);
	out->dnskey_len = key->dnskey_len;
}

static enum ksk_err
generate(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	const struct ksk_keygen wanted = {order->algorithm, order->bits,
		order->label, order->extractable};
	uint8_t id[KSK_KEYGEN_ID_LEN];
	struct ksk_key key;
	enum ksk_err r = ksk_keygen(token, &wanted, &key, id, &result->fault);

	if (r != KSK_OK) {
		result->code = r == KSK_ERR_BAD_INPUT ? KSK_EXIT_USAGE
			: r == KSK_ERR_TOKEN          ? KSK_EXIT_TOKEN
						      : KSK_EXIT_KEY;
		return r;
	}
	ksk_apart_fill(&result->key[0], order->label,
		ksk_span_of(id, sizeof(id)), &key);
	result->count = 1;
	return KSK_OK;
}

/* A public object with what can be said about it. */
static void
list_public(const struct ksk_inventory *inventory,
	const struct ksk_token *token, const struct ksk_object *o,
	uint8_t rsa_algorithm, struct ksk_apart_key *out)
{
	uint8_t algorithm = o->kind == KSK_KIND_RSA && rsa_algorithm != 0
		? rsa_algorithm
		: ksk_kind_algorithm(o->kind);
	struct ksk_span id = ksk_span_of(o->id, o->id_len);
	struct ksk_buf rdata = ksk_buf_of(out->dnskey, sizeof(out->dnskey));
	struct ksk_dnskey dnskey;
	struct ksk_key key;

	if (ksk_key_of(inventory, token, o, algorithm, &key, out->why) ==
		KSK_OK) {
		ksk_apart_fill(out, o->label, id, &key);
		return;
	}
	out->algorithm = algorithm;
	(void)snprintf(out->label, sizeof(out->label), "%s", o->label);
	memcpy(out->id, id.data, id.len);
	out->id_len = id.len;
	if (ksk_key_dnskey(o, algorithm, &rdata) == KSK_OK &&
		ksk_dnskey_read(ksk_buf_span(&rdata), &dnskey) == KSK_OK) {
		out->dnskey_len = rdata.len;
		out->tag = dnskey.tag;
	}
}

/* Is the private object the half of some public one? Ambiguous pairs count:
 * their public sides say what is wrong. */
static bool
has_public(const struct ksk_inventory *inventory, const struct ksk_object *o)
{
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *p = &inventory->objects[i];

		if (p->is_private || p->kind != o->kind)
			continue;
		if (ksk_span_equal(ksk_span_of(p->id, p->id_len),
			    ksk_span_of(o->id, o->id_len)) &&
			(p->id_len != 0 || strcmp(p->label, o->label) == 0))
			return true;
		if (o->field_len != 0 &&
			ksk_span_equal(ksk_span_of(p->field, p->field_len),
				ksk_span_of(o->field, o->field_len)))
			return true;
	}
	return false;
}

static void
list_private(const struct ksk_object *o, struct ksk_apart_key *out)
{
	out->algorithm = ksk_kind_algorithm(o->kind);
	(void)snprintf(out->label, sizeof(out->label), "%s", o->label);
	memcpy(out->id, o->id, o->id_len);
	out->id_len = o->id_len;
	(void)snprintf(out->why, sizeof(out->why),
		"public half missing: write its public key to the token with "
		"the same CKA_ID");
}

static enum ksk_err
list(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	struct ksk_inventory inventory = {0};
	enum ksk_err r = ksk_inventory_read(token, &inventory, &result->fault);

	for (size_t i = 0; r == KSK_OK && i < inventory.count; i++) {
		const struct ksk_object *o = &inventory.objects[i];

		if (order->label[0] != '\0' &&
			strcmp(order->label, o->label) != 0)
			continue;
		if (o->is_private && has_public(&inventory, o))
			continue;
		if (result->count == KSK_APART_KEYS) {
			result->more = true;
			break;
		}
		if (o->is_private)
			list_private(o, &result->key[result->count++]);
		else
			list_public(&inventory, token, o, order->algorithm,
				&result->key[result->count++]);
	}
	ksk_inventory_free(&inventory);
	return r;
}

static bool
writes(enum ksk_apart_what what)
{
	return what != KSK_APART_LIST && what != KSK_APART_BACKUP &&
		what != KSK_APART_LOOK;
}

static enum ksk_err
open_token(const struct ksk_config_token *token,
	const struct ksk_apart_order *order, struct ksk_apart_result *result,
	struct ksk_token **out_token)
{
	const struct ksk_token_choice choice = {
		.module = token->module,
		.init = token->init,
		.uri = token->uri,
		.writable = writes(order->what),
		.patient = true,
	};
	enum ksk_err r;

	r = ksk_token_open(&choice, out_token, &result->fault);
	if (r != KSK_OK) {
		result->code = r == KSK_ERR_BAD_INPUT ? KSK_EXIT_CONFIG
						      : code_of(r);
		return r;
	}
	result->name = *ksk_token_name(*out_token);
	result->pin = (uint8_t)ksk_token_pin(*out_token);
	if (order->what == KSK_APART_LOOK)
		return KSK_OK;
	r = ksk_token_login(*out_token, order->pin, &result->fault);
	if (r != KSK_OK)
		result->code = r == KSK_ERR_BAD_INPUT ? KSK_EXIT_PIN_SOURCE
						      : code_of(r);
	ksk_wipe(order->pin, sizeof(*order->pin));
	return r;
}

static enum ksk_err
use_token(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	switch (order->what) {
	case KSK_APART_TOKEN_INIT:
		break;
	case KSK_APART_LOOK:
		return KSK_OK;
	case KSK_APART_GENERATE:
		return generate(token, order, result);
	case KSK_APART_LIST:
		return list(token, order, result);
	case KSK_APART_RECIPIENT:
	case KSK_APART_BACKUP:
	case KSK_APART_RESTORE:
		return ksk_apart_wrap(token, order, result);
	}
	return KSK_ERR_INTERNAL;
}

void
ksk_apart_work(const struct ksk_config_token *token,
	const struct ksk_apart_order *order, struct ksk_apart_result *result,
	struct ksk_token **out_token)
{
	const struct ksk_token_choice empty = {
		.module = token->module,
		.init = token->init,
		.uri = token->uri,
	};
	const struct ksk_token_pins pins = {
		.so_pin = order->so_pin,
		.pin = order->pin,
		.so_is_new = order->so_is_new,
	};
	enum ksk_err r = ksk_module_check(token->module,
		token->has_sha256 ? token->sha256 : NULL, &result->fault);

	if (r == KSK_OK && order->what == KSK_APART_TOKEN_INIT)
		r = ksk_token_init(
			&empty, &pins, &result->begun, &result->fault);
	else if (r == KSK_OK &&
		(r = open_token(token, order, result, out_token)) == KSK_OK)
		r = use_token(*out_token, order, result);
	result->err = r;
	if (r != KSK_OK && result->code == KSK_EXIT_OK)
		result->code = code_of(r);
}
