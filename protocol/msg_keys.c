/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_keys - the reply to op keys: what a client needs to build a set for one
 * zone (PROTOCOL.md 4.2). Contract: msg.h, msg_part.h
 */
#include "protocol/msg_part.h"

static const struct ksk_cbor_field KSK[] = {
	{1, false, "dnskey"},
	{2, true, "ds"},
	{3, true, "from"},
	{4, false, "until"},
	{5, true, "cds"},
	{6, true, "stands"},
	{7, true, "state"},
	{8, false, "why"},
	{9, false, "covered-from"},
	{10, false, "ds-from"},
};

/* An optional moment. */
static void
read_moment(struct ksk_cbor_in *in, bool *out_has, uint64_t *out)
{
	*out_has = true;
	*out = ksk_cbor_in_uint(in, UINT64_MAX);
}

static void
write_moment(struct ksk_cbor_out *out, uint64_t key, bool has, uint64_t moment)
{
	if (!has)
		return;
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_uint(out, moment);
}

static void
read_ksk_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_ksk_entry *out)
{
	switch (key) {
	case 1:
		out->dnskey = ksk_cbor_in_bytes(in, 1, KSK_RDATA_MAX);
		break;
	case 2:
		ksk_msg_ds_read(in, &out->ds);
		break;
	case 3:
		out->from = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 4:
		read_moment(in, &out->has_until, &out->until);
		break;
	case 5:
		out->cds = ksk_cbor_in_bool(in);
		break;
	case 6:
		out->stands = ksk_cbor_in_bool(in);
		break;
	case 7:
		out->state = ksk_cbor_in_uint(in, KSK_STATE_NO_POLICY);
		break;
	case 8:
		ksk_cbor_in_text(in, 1, out->why, sizeof(out->why));
		break;
	case 9:
		read_moment(in, &out->has_covered, &out->covered);
		break;
	default:
		read_moment(in, &out->has_ds_from, &out->ds_from);
		break;
	}
}

static void
read_ksks(struct ksk_cbor_in *in, struct ksk_keys_reply *out)
{
	uint64_t key;

	ksk_cbor_in_array(in, 0, KSK_KSK_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		ksk_cbor_in_map(in, KSK, KSK_FIELD_COUNT(KSK));
		while ((key = ksk_cbor_in_key(in)) != 0)
			read_ksk_field(in, key, &out->ksk[out->ksk_count]);
		out->ksk_count++;
	}
}

static const struct ksk_cbor_field KEY[] = {
	{1, true, "ds"},
	{2, false, "retired"},
	{3, true, "withdrawn"},
	{4, false, "covered-from"},
	{5, false, "drop"},
	{6, false, "exposed-until"},
	{7, false, "source"},
	{8, false, "dnskey"},
};

/* A pinned key's is left out: 0 has no encoding. */
static void
read_source(struct ksk_cbor_in *in, uint64_t *out)
{
	*out = ksk_cbor_in_uint(in, KSK_KEY_FORMER);
	if (*out == KSK_KEY_PINNED)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "0 is left out");
}

static void
read_provider_key(struct ksk_cbor_in *in, struct ksk_provider_key_entry *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, KEY, KSK_FIELD_COUNT(KEY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_ds_read(in, &out->ds);
			break;
		case 2:
			read_moment(in, &out->has_retired, &out->retired);
			break;
		case 3:
			out->withdrawn = ksk_cbor_in_bool(in);
			break;
		case 4:
			read_moment(in, &out->has_covered, &out->covered);
			break;
		case 5:
			read_moment(in, &out->has_drop, &out->drop);
			break;
		case 6:
			read_moment(in, &out->has_exposed, &out->exposed);
			break;
		case 7:
			read_source(in, &out->source);
			break;
		default:
			out->dnskey = ksk_cbor_in_bytes(in, 1, KSK_RDATA_MAX);
			break;
		}
	}
}

static const struct ksk_cbor_field PROVIDER[] = {
	{1, true, "name"},
	{2, true, "state"},
	{3, true, "keys"},
	{4, false, "announced"},
};

#define PROVIDER_STATE_MAX 2u

static void
read_provider(struct ksk_cbor_in *in, struct ksk_provider_entry *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, PROVIDER, KSK_FIELD_COUNT(PROVIDER));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_cbor_in_text(in, 1, out->name, sizeof(out->name));
			break;
		case 2:
			out->state = ksk_cbor_in_uint(in, PROVIDER_STATE_MAX);
			break;
		case 3:
			ksk_cbor_in_array(in, 0, KSK_PROVIDER_KEY_MAX);
			while (ksk_cbor_in_item(in)) {
				read_provider_key(
					in, &out->key[out->key_count]);
				out->key_count++;
			}
			break;
		default:
			out->has_announced = true;
			ksk_msg_announced_read(in, &out->announced);
			break;
		}
	}
}

static void
read_providers(struct ksk_cbor_in *in, struct ksk_keys_reply *out)
{
	ksk_cbor_in_array(in, 0, KSK_PROVIDER_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		read_provider(in, &out->provider[out->provider_count]);
		out->provider_count++;
	}
}

static void
read_types(struct ksk_cbor_in *in, struct ksk_keys_reply *out)
{
	ksk_cbor_in_array(in, 0, KSK_FIELD_COUNT(out->type));
	while (ksk_cbor_in_item(in)) {
		uint16_t type = (uint16_t)ksk_cbor_in_uint(in, UINT16_MAX);
		if (out->type_count > 0 &&
			type <= out->type[out->type_count - 1])
			ksk_cbor_in_fail(
				in, KSK_ERR_MALFORMED, "not ascending");
		out->type[out->type_count] = type;
		out->type_count++;
	}
}

static const struct ksk_cbor_field COSIGNER[] = {
	{1, true, "ds"},
	{2, true, "provider"},
	{3, true, "csk"},
	{4, true, "cds"},
	{5, false, "until"},
};

static void
read_cosigner(struct ksk_cbor_in *in, struct ksk_cosigner_entry *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, COSIGNER, KSK_FIELD_COUNT(COSIGNER));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_ds_read(in, &out->ds);
			break;
		case 2:
			ksk_cbor_in_text(
				in, 1, out->provider, sizeof(out->provider));
			break;
		case 3:
			out->csk = ksk_cbor_in_bool(in);
			break;
		case 4:
			out->cds = ksk_cbor_in_bool(in);
			break;
		default:
			read_moment(in, &out->has_until, &out->until);
			break;
		}
	}
}

static const struct ksk_cbor_field KEYS_REPLY[] = {
	{1, true, "owner"},
	{2, true, "ttl"},
	{3, true, "window"},
	{4, true, "types"},
	{5, true, "ksks"},
	{6, true, "providers"},
	{7, true, "co-signers"},
};

static void
read_keys_reply_field(
	struct ksk_cbor_in *in, uint64_t key, struct ksk_keys_reply *out)
{
	switch (key) {
	case 1:
		ksk_msg_name_read(in, &out->owner);
		break;
	case 2:
		out->ttl = (uint32_t)ksk_cbor_in_uint(in, KSK_TTL_MAX);
		break;
	case 3:
		ksk_msg_window_read(in, &out->window);
		/* Clients compute with its length. */
		if (in->err == KSK_OK &&
			out->window.expiration <= out->window.inception)
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"the expiration is not later than the "
				"inception");
		break;
	case 4:
		read_types(in, out);
		break;
	case 5:
		read_ksks(in, out);
		break;
	case 6:
		read_providers(in, out);
		break;
	default:
		ksk_cbor_in_array(in, 0, KSK_FIELD_COUNT(out->cosigner));
		while (ksk_cbor_in_item(in)) {
			read_cosigner(in, &out->cosigner[out->cosigner_count]);
			out->cosigner_count++;
		}
		break;
	}
}

void
ksk_msg_keys_reply_read(struct ksk_cbor_in *in, struct ksk_keys_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, KEYS_REPLY, KSK_FIELD_COUNT(KEYS_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0)
		read_keys_reply_field(in, key, out);
}

static void
write_ksk(struct ksk_cbor_out *out, const struct ksk_ksk_entry *ksk,
	bool with_why)
{
	const char *why = with_why ? ksk->why : "";

	ksk_cbor_out_map(out,
		5u + (ksk->dnskey.len > 0 ? 1u : 0u) +
			(ksk->has_until ? 1u : 0u) +
			(why[0] != '\0' ? 1u : 0u) +
			(ksk->has_covered ? 1u : 0u) +
			(ksk->has_ds_from ? 1u : 0u));
	if (ksk->dnskey.len > 0) {
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_bytes(out, ksk->dnskey);
	}
	ksk_cbor_out_uint(out, 2);
	ksk_msg_ds_write(out, &ksk->ds);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, ksk->from);
	write_moment(out, 4, ksk->has_until, ksk->until);
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_bool(out, ksk->cds);
	ksk_cbor_out_uint(out, 6);
	ksk_cbor_out_bool(out, ksk->stands);
	ksk_cbor_out_uint(out, 7);
	ksk_cbor_out_uint(out, ksk->state);
	ksk_msg_why_write(out, 8, why);
	write_moment(out, 9, ksk->has_covered, ksk->covered);
	write_moment(out, 10, ksk->has_ds_from, ksk->ds_from);
}

static void
write_provider_key(struct ksk_cbor_out *out,
	const struct ksk_provider_key_entry *key, bool with_dnskey)
{
	bool dnskey = with_dnskey && key->dnskey.len > 0;

	ksk_cbor_out_map(out,
		2u + (key->has_retired ? 1u : 0u) +
			(key->has_covered ? 1u : 0u) +
			(key->has_drop ? 1u : 0u) +
			(key->has_exposed ? 1u : 0u) +
			(key->source != KSK_KEY_PINNED ? 1u : 0u) +
			(dnskey ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_msg_ds_write(out, &key->ds);
	write_moment(out, 2, key->has_retired, key->retired);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bool(out, key->withdrawn);
	write_moment(out, 4, key->has_covered, key->covered);
	write_moment(out, 5, key->has_drop, key->drop);
	write_moment(out, 6, key->has_exposed, key->exposed);
	write_moment(out, 7, key->source != KSK_KEY_PINNED, key->source);
	if (!dnskey)
		return;
	ksk_cbor_out_uint(out, 8);
	ksk_cbor_out_bytes(out, key->dnskey);
}

static void
write_provider(struct ksk_cbor_out *out,
	const struct ksk_provider_entry *provider, bool with_dnskey)
{
	ksk_cbor_out_map(out, provider->has_announced ? 4 : 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_text(out, provider->name);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, provider->state);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_array(out, provider->key_count);
	for (size_t i = 0; i < provider->key_count; i++)
		write_provider_key(out, &provider->key[i], with_dnskey);
	if (!provider->has_announced)
		return;
	ksk_cbor_out_uint(out, 4);
	ksk_msg_announced_write(out, &provider->announced);
}

static void
write_cosigner(
	struct ksk_cbor_out *out, const struct ksk_cosigner_entry *cosigner)
{
	ksk_cbor_out_map(out, cosigner->has_until ? 5 : 4);
	ksk_cbor_out_uint(out, 1);
	ksk_msg_ds_write(out, &cosigner->ds);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_text(out, cosigner->provider);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bool(out, cosigner->csk);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_bool(out, cosigner->cds);
	write_moment(out, 5, cosigner->has_until, cosigner->until);
}

void
ksk_msg_keys_reply_write(struct ksk_cbor_out *out,
	const struct ksk_keys_reply *reply, bool with_why, bool with_dnskey)
{
	ksk_cbor_out_map(out, 7);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&reply->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, reply->ttl);
	ksk_cbor_out_uint(out, 3);
	ksk_msg_window_write(out, &reply->window);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_array(out, reply->type_count);
	for (size_t i = 0; i < reply->type_count; i++)
		ksk_cbor_out_uint(out, reply->type[i]);
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_array(out, reply->ksk_count);
	for (size_t i = 0; i < reply->ksk_count; i++)
		write_ksk(out, &reply->ksk[i], with_why);
	ksk_cbor_out_uint(out, 6);
	ksk_cbor_out_array(out, reply->provider_count);
	for (size_t i = 0; i < reply->provider_count; i++)
		write_provider(out, &reply->provider[i], with_dnskey);
	ksk_cbor_out_uint(out, 7);
	ksk_cbor_out_array(out, reply->cosigner_count);
	for (size_t i = 0; i < reply->cosigner_count; i++)
		write_cosigner(out, &reply->cosigner[i]);
}
