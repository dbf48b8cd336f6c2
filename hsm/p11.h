/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * p11 - what the files of hsm/ share about an open token, and the few
 * Cryptoki calls that several of them make. Included by hsm/ only; no type of
 * PKCS#11 leaves this folder.
 */
#ifndef KSK_HSM_P11_H
#define KSK_HSM_P11_H

#include "hsm/ckr.h"
#include "hsm/mechanism.h"
#include "hsm/quirk.h"
#include "hsm/token.h"

#include <libp11.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

/* A loaded and initialised module with its slots. */
struct ksk_module {
	void *handle; /* of dlopen; never closed, see ksk_token_close */
	CK_FUNCTION_LIST *f;
	PKCS11_CTX *ctx;
	bool loaded; /* ctx has initialised the module */
	bool own;    /* f is another instance, initialised by us */
	PKCS11_SLOT *slots;
	unsigned slot_count;
};

struct ksk_token {
	struct ksk_module module;
	PKCS11_SLOT *slot; /* of module.slots */
	CK_SLOT_ID slot_id;
	CK_SESSION_HANDLE session;
	bool has_session;
	CK_FLAGS flags;
	unsigned long pin_min, pin_max;
	struct ksk_token_name name;
	const struct ksk_quirk *quirk; /* static */
	struct ksk_mechanism_range range[KSK_MECHANISM_COUNT];
};

/* Loads, initialises, lists slots. out_module: owned, ksk_module_unload.
 * Errors as ksk_token_open. */
KSK_MUST_USE enum ksk_err ksk_module_load(const struct ksk_token_choice *choice,
	struct ksk_module *out_module, struct ksk_fault *fault);
void ksk_module_unload(struct ksk_module *module);

/* Parses and checks a token's URI. out_uri: owned, p11_kit_uri_free.
 * KSK_ERR_BAD_INPUT, KSK_ERR_NO_MEMORY with fault. */
KSK_MUST_USE enum ksk_err ksk_uri_read(
	const char *text, P11KitUri **out_uri, struct ksk_fault *fault);

/* Sets fault "CALL: CKR_NAME" and returns KSK_ERR_TOKEN. */
enum ksk_err ksk_p11_fail(struct ksk_fault *fault, const char *call, CK_RV rv);

/* Returns the CKR value of libp11's last error, CKR_GENERAL_ERROR if it has
 * none. */
CK_RV ksk_p11_last_error(void);

/* Copies a blank-padded field of Cryptoki as text. out: len + 1 bytes. */
void ksk_p11_text(const unsigned char *field, size_t len, char *out);

/*
 * Reads one attribute. out, cap: room. out_len: what is in use.
 * KSK_ERR_NOT_FOUND: the object has it not, hides it, or it does not fit.
 * KSK_ERR_TOKEN with fault.
 */
KSK_MUST_USE enum ksk_err ksk_p11_attribute(const struct ksk_token *token,
	CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, size_t cap,
	size_t *out_len, struct ksk_fault *fault);

/*
 * Finds the handles of all objects of a class.
 * out_handles: owned, free(); NULL when there is none.
 * KSK_ERR_TOKEN, KSK_ERR_NO_MEMORY, KSK_ERR_TOO_LARGE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_p11_find(const struct ksk_token *token,
	CK_OBJECT_CLASS object_class, CK_OBJECT_HANDLE **out_handles,
	size_t *out_count, struct ksk_fault *fault);

#endif
