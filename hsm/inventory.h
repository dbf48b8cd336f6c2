/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inventory - all key objects of a token, read once, as plain values. Looking
 * keys up in it costs no call: a token full of stray objects slows a start
 * down by one pass over them, not by one per key.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_INVENTORY_H
#define KSK_HSM_INVENTORY_H

#include "hsm/token.h"
#include "protocol/limits.h"

/* Kinds of keys that matter here; two RSA algorithms share one kind. */
enum ksk_key_kind {
	KSK_KIND_OTHER = 0, /* of no use for DNSSEC */
	KSK_KIND_RSA,
	KSK_KIND_P256,
	KSK_KIND_P384,
	KSK_KIND_ED25519,
	KSK_KIND_ED448,
};

/* A boolean attribute; a token need not tell. */
enum ksk_told { KSK_TOLD_NOT = 0, KSK_TOLD_NO, KSK_TOLD_YES };

/* Key field of a DNSKEY with RSA-4096 and a long exponent. */
#define KSK_KEY_FIELD_MAX 1100u

struct ksk_object {
	unsigned long handle; /* CK_OBJECT_HANDLE */
	bool is_private;
	enum ksk_key_kind kind;
	size_t id_len; /* 0 also for an id that is too long to be kept */
	uint8_t id[64];
	char label[KSK_LABEL_CAP]; /* "" also for one that is too long */
	size_t field_len; /* 0: the token does not show its public part */
	uint8_t field[KSK_KEY_FIELD_MAX]; /* in DNS form */
	char odd[120]; /* why a public key has no field, "" if it has */
	/* private keys only */
	enum ksk_told extractable, sensitive, signs, always_authenticate;
	unsigned allowed; /* rows of ksk_mechanisms */
};

/* objects: owned, count of them. */
struct ksk_inventory {
	size_t count;
	struct ksk_object *objects;
};

/*
 * Reads all public and private key objects; of keys of no use only public ones
 * with a label, odd says why. Private ones are seen after the login only.
 * out_inventory: owned, ksk_inventory_free.
 * KSK_ERR_TOKEN, KSK_ERR_NO_MEMORY, KSK_ERR_TOO_LARGE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_inventory_read(const struct ksk_token *token,
	struct ksk_inventory *out_inventory, struct ksk_fault *fault);

/* Accepts a zeroed inventory; leaves a zeroed one. */
void ksk_inventory_free(struct ksk_inventory *inventory);

/* Returns the kind that an algorithm needs; OTHER for an unknown one. */
enum ksk_key_kind ksk_kind_of(uint8_t algorithm);

/* Returns the first algorithm of a kind (8 for RSA), 0 for OTHER. */
uint8_t ksk_kind_algorithm(enum ksk_key_kind kind);

/* Returns "RSA", "P-256", …; static. */
const char *ksk_kind_text(enum ksk_key_kind kind);

#endif
