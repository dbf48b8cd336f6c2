/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token_init - makes a token in a free slot, through libp11. A token that is
 * there is never initialised again: that would destroy its keys.
 */
#include "hsm/p11.h"

#include <string.h>

/* Finds a slot whose token is empty; out_taken: a token of the wanted label
 * exists. */
static PKCS11_SLOT *
free_slot(struct ksk_module *m, P11KitUri *uri, bool *out_taken)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
	CK_TOKEN_INFO *want = p11_kit_uri_get_token_info(uri);
	PKCS11_SLOT *found = NULL;

	*out_taken = false;
	for (unsigned i = 0; i < m->slot_count; i++) {
		PKCS11_SLOT *slot = &m->slots[i];
		CK_SLOT_ID id = PKCS11_get_slotid_from_slot(slot);
		CK_TOKEN_INFO info = {0};

		if (slot->token == NULL ||
			m->f->C_GetTokenInfo(id, &info) != CKR_OK)
			continue;
		if ((info.flags & CKF_TOKEN_INITIALIZED) != 0) {
			if (memcmp(info.label, want->label,
				    sizeof(info.label)) == 0 ||
				wanted == id)
				*out_taken = true;
			continue;
		}
		if (found == NULL && (wanted == (CK_SLOT_ID)-1 || wanted == id))
			found = slot;
	}
	return found;
}

static enum ksk_err
make(PKCS11_SLOT *slot, const char *label, const struct ksk_pin *so_pin,
	const struct ksk_pin *pin, struct ksk_fault *fault)
{
	if (PKCS11_init_token(slot->token, so_pin->text, label) != 0)
		return ksk_p11_fail(fault, "C_InitToken", ksk_p11_last_error());
	if (PKCS11_open_session(slot, 1) != 0)
		return ksk_p11_fail(
			fault, "C_OpenSession", ksk_p11_last_error());
	if (PKCS11_login(slot, 1, so_pin->text) != 0)
		return ksk_p11_fail(
			fault, "C_Login (SO)", ksk_p11_last_error());
	if (PKCS11_init_pin(slot->token, pin->text) != 0)
		return ksk_p11_fail(fault, "C_InitPIN", ksk_p11_last_error());
	(void)PKCS11_logout(slot); /* the process ends the login anyway */
	return KSK_OK;
}

static enum ksk_err
choose_and_make(struct ksk_module *m, P11KitUri *uri,
	const struct ksk_pin *so_pin, const struct ksk_pin *pin,
	struct ksk_fault *fault)
{
	CK_TOKEN_INFO *want = p11_kit_uri_get_token_info(uri);
	CK_TOKEN_INFO info = {0};
	PKCS11_SLOT *slot;
	char shown[33];
	char label[33];
	bool taken;
	enum ksk_err r;

	/* p11-kit leaves the field empty where the URI has no token=. */
	if (want->label[0] == '\0') {
		ksk_fault_set(fault,
			"the token's uri has no token=: a new token takes its "
			"label from there");
		return KSK_ERR_BAD_INPUT;
	}
	ksk_p11_text(want->label, sizeof(want->label), shown);
	/* Cryptoki wants 32 bytes, padded with blanks; libp11 hands on the
	 * pointer as it is. */
	(void)snprintf(label, sizeof(label), "%-32s", shown);
	slot = free_slot(m, uri, &taken);
	if (taken) {
		ksk_fault_set(fault,
			"a token \"%s\" is there already; nothing was changed",
			shown);
		return KSK_ERR_AMBIGUOUS;
	}
	if (slot == NULL) {
		ksk_fault_set(fault,
			"the module has no slot with an empty "
			"token");
		return KSK_ERR_NOT_FOUND;
	}
	if (m->f->C_GetTokenInfo(PKCS11_get_slotid_from_slot(slot), &info) ==
			CKR_OK &&
		((r = ksk_pin_fits(so_pin, info.ulMinPinLen, info.ulMaxPinLen,
			  fault)) != KSK_OK ||
			(r = ksk_pin_fits(pin, info.ulMinPinLen,
				 info.ulMaxPinLen, fault)) != KSK_OK))
		return r;
	return make(slot, label, so_pin, pin, fault);
}

enum ksk_err
ksk_token_init(const struct ksk_token_choice *choice,
	const struct ksk_pin *so_pin, const struct ksk_pin *pin,
	struct ksk_fault *fault)
{
	struct ksk_module m = {0};
	P11KitUri *uri = NULL;
	enum ksk_err r;

	if ((r = ksk_uri_read(choice->uri, &uri, fault)) != KSK_OK)
		return r;
	if ((r = ksk_module_load(choice, &m, fault)) == KSK_OK)
		r = choose_and_make(&m, uri, so_pin, pin, fault);
	ksk_module_unload(&m);
	p11_kit_uri_free(uri);
	return r;
}
