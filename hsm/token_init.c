/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token_init - makes a token in a free slot, through libp11. A token that is
 * there is never initialised again: that would destroy its keys.
 */
#include "hsm/p11.h"

#include <string.h>

/* Where a new token may go. */
struct places {
	PKCS11_SLOT *empty;
	PKCS11_SLOT *half; /* of the wanted label, initialised, without a PIN */
	bool taken;        /* a token of the wanted label or slot is whole */
};

static void
look_at(struct ksk_module *m, PKCS11_SLOT *slot, CK_SLOT_ID wanted,
	const CK_TOKEN_INFO *want, struct places *out)
{
	const CK_SLOT_ID id = PKCS11_get_slotid_from_slot(slot);
	CK_TOKEN_INFO info = {0};
	bool named;

	if (slot->token == NULL || m->f->C_GetTokenInfo(id, &info) != CKR_OK)
		return;
	if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
		if (out->empty == NULL &&
			(wanted == (CK_SLOT_ID)-1 || wanted == id))
			out->empty = slot;
		return;
	}
	named = memcmp(info.label, want->label, sizeof(info.label)) == 0;
	if (!named && wanted != id)
		return;
	if (named && out->half == NULL &&
		(info.flags & CKF_USER_PIN_INITIALIZED) == 0)
		out->half = slot;
	else
		out->taken = true;
}

static struct places
look(struct ksk_module *m, P11KitUri *uri)
{
	const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
	const CK_TOKEN_INFO *want = p11_kit_uri_get_token_info(uri);
	struct places places = {NULL, NULL, false};

	for (unsigned i = 0; i < m->slot_count; i++)
		look_at(m, &m->slots[i], wanted, want, &places);
	return places;
}

static enum ksk_err
set_pin(PKCS11_SLOT *slot, const struct ksk_token_pins *pins,
	struct ksk_fault *fault)
{
	if (PKCS11_open_session(slot, 1) != 0)
		return ksk_p11_fail(
			fault, "C_OpenSession", ksk_p11_last_error());
	if (PKCS11_login(slot, 1, pins->so_pin->text) != 0)
		return ksk_p11_fail(
			fault, "C_Login (SO)", ksk_p11_last_error());
	if (PKCS11_init_pin(slot->token, pins->pin->text) != 0)
		return ksk_p11_fail(fault, "C_InitPIN", ksk_p11_last_error());
	(void)PKCS11_logout(slot); /* the process ends the login anyway */
	return KSK_OK;
}

/* Has the token its SO PIN? Where that can't be told it counts as so. */
static bool
is_initialised(struct ksk_module *m, PKCS11_SLOT *slot)
{
	CK_TOKEN_INFO info = {0};

	return m->f->C_GetTokenInfo(PKCS11_get_slotid_from_slot(slot), &info) !=
		CKR_OK ||
		(info.flags & CKF_TOKEN_INITIALIZED) != 0;
}

static enum ksk_err
make(struct ksk_module *m, PKCS11_SLOT *slot, const char *label,
	const struct ksk_token_pins *pins, bool *out_begun,
	struct ksk_fault *fault)
{
	/* Said first: a module may end the process. */
	*out_begun = true;
	if (PKCS11_init_token(slot->token, pins->so_pin->text, label) != 0) {
		const CK_RV rv = ksk_p11_last_error();

		*out_begun = is_initialised(m, slot);
		return ksk_p11_fail(fault, "C_InitToken", rv);
	}
	return set_pin(slot, pins, fault);
}

/* A token whose making was cut off before it had a PIN. */
static enum ksk_err
complete(PKCS11_SLOT *slot, const char *shown,
	const struct ksk_token_pins *pins, struct ksk_fault *fault)
{
	if (!pins->so_is_new)
		return set_pin(slot, pins, fault);
	ksk_fault_set(fault,
		"a token \"%s\" is there already and has no PIN yet; nothing "
		"was changed; give its SO PIN with --so-pin-file",
		shown);
	return KSK_ERR_AMBIGUOUS;
}

static enum ksk_err
check_lengths(struct ksk_module *m, PKCS11_SLOT *slot,
	const struct ksk_token_pins *pins, struct ksk_fault *fault)
{
	CK_TOKEN_INFO info = {0};
	enum ksk_err r;

	if (m->f->C_GetTokenInfo(PKCS11_get_slotid_from_slot(slot), &info) !=
		CKR_OK)
		return KSK_OK;
	r = ksk_pin_fits(
		pins->so_pin, info.ulMinPinLen, info.ulMaxPinLen, fault);
	return r != KSK_OK ? r
			   : ksk_pin_fits(pins->pin, info.ulMinPinLen,
				     info.ulMaxPinLen, fault);
}

static enum ksk_err
choose_and_make(struct ksk_module *m, P11KitUri *uri,
	const struct ksk_token_pins *pins, bool *out_begun,
	struct ksk_fault *fault)
{
	const CK_TOKEN_INFO *want = p11_kit_uri_get_token_info(uri);
	struct places places;
	char shown[33];
	char label[33];
	enum ksk_err r;

	/* p11-kit leaves the field empty where the URI has no token=, and full
	 * of blanks where that has no label. */
	ksk_p11_text(want->label, sizeof(want->label), shown);
	if (shown[0] == '\0') {
		ksk_fault_set(fault,
			"the token's uri has no token=: a new token takes its "
			"label from there");
		return KSK_ERR_BAD_INPUT;
	}
	/* Cryptoki wants 32 bytes, padded with blanks, as p11-kit has them;
	 * libp11 hands on the pointer as it is. */
	memcpy(label, want->label, sizeof(want->label));
	label[sizeof(want->label)] = '\0';
	places = look(m, uri);
	if (places.taken) {
		ksk_fault_set(fault,
			"a token \"%s\" is there already; nothing was changed",
			shown);
		return KSK_ERR_AMBIGUOUS;
	}
	if (places.half == NULL && places.empty == NULL) {
		ksk_fault_set(fault,
			"the module has no slot with an empty "
			"token");
		return KSK_ERR_NOT_FOUND;
	}
	r = check_lengths(m, places.half != NULL ? places.half : places.empty,
		pins, fault);
	if (r != KSK_OK)
		return r;
	if (places.half != NULL)
		return complete(places.half, shown, pins, fault);
	return make(m, places.empty, label, pins, out_begun, fault);
}

enum ksk_err
ksk_token_init(const struct ksk_token_choice *choice,
	const struct ksk_token_pins *pins, bool *out_begun,
	struct ksk_fault *fault)
{
	struct ksk_module m = {0};
	P11KitUri *uri = NULL;
	enum ksk_err r;

	if ((r = ksk_uri_read(choice->uri, &uri, fault)) != KSK_OK)
		return r;
	if ((r = ksk_module_load(choice, &m, fault)) == KSK_OK)
		r = choose_and_make(&m, uri, pins, out_begun, fault);
	ksk_module_unload(&m);
	p11_kit_uri_free(uri);
	return r;
}
