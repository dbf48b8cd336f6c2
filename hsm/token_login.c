/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token_login - the one login of a process, and random numbers. What must
 * never happen here is a second C_Login with a PIN that was refused: three of
 * them lock a TPM, ten a smart card, for good.
 */
#include "hsm/p11.h"

/* Failures that have nothing to do with the PIN: another try later is safe. */
static bool
is_harmless(CK_RV rv)
{
	switch (rv) {
	case CKR_HOST_MEMORY:
	case CKR_DEVICE_ERROR:
	case CKR_DEVICE_MEMORY:
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_SESSION_CLOSED:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_COUNT:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
		return true;
	default:
		return false;
	}
}

static enum ksk_err
judge(CK_RV rv, struct ksk_fault *fault)
{
	char buf[KSK_CKR_CAP];

	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return KSK_OK;
	if (is_harmless(rv))
		return ksk_p11_fail(fault, "C_Login", rv);
	if (rv == CKR_PIN_LOCKED) {
		ksk_fault_set(fault,
			"the token has locked the PIN (%s): unlock it with "
			"the vendor's tool",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_PIN_LOCKED;
	}
	if (rv == CKR_USER_PIN_NOT_INITIALIZED) {
		ksk_fault_set(fault,
			"the token has no user PIN yet (%s): set one with the "
			"vendor's tool or kskadm token init",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_PIN_WRONG;
	}
	if (rv == CKR_PIN_EXPIRED) {
		ksk_fault_set(fault,
			"the PIN has expired (%s): set a new one with the "
			"vendor's tool, and write it into the PIN's source",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_PIN_WRONG;
	}
	/* Modules have answered a wrong PIN with CKR_GENERAL_ERROR or
	 * CKR_FUNCTION_FAILED; a caller that took it for a hiccup locked the
	 * token. */
	ksk_fault_set(fault,
		"the token refuses the PIN (%s); it is not tried again until "
		"the PIN's source changes",
		ksk_ckr_text(rv, buf));
	return KSK_ERR_PIN_WRONG;
}

enum ksk_token_pin
ksk_token_pin(const struct ksk_token *token)
{
	if ((token->flags & CKF_USER_PIN_LOCKED) != 0)
		return KSK_TOKEN_PIN_LOCKED;
	if ((token->flags & CKF_USER_PIN_INITIALIZED) == 0)
		return KSK_TOKEN_PIN_NONE;
	if ((token->flags & CKF_USER_PIN_FINAL_TRY) != 0)
		return KSK_TOKEN_PIN_LAST;
	return (token->flags & CKF_USER_PIN_COUNT_LOW) != 0
		? KSK_TOKEN_PIN_LOW
		: KSK_TOKEN_PIN_GOOD;
}

enum ksk_err
ksk_token_login(struct ksk_token *token, const struct ksk_pin *pin,
	struct ksk_fault *fault)
{
	unsigned char *text;
	enum ksk_err r;

	r = ksk_pin_fits(pin, token->pin_min, token->pin_max, fault);
	if (r != KSK_OK)
		return r;
	if ((token->flags & CKF_USER_PIN_LOCKED) != 0)
		return judge(CKR_PIN_LOCKED, fault);
	/* Cryptoki's header knows no const. */
	text = (unsigned char *)(uintptr_t)pin->text;
	return judge(token->module.f->C_Login(
			     token->session, CKU_USER, text, pin->len),
		fault);
}

enum ksk_err
ksk_token_random(
	struct ksk_token *token, void *out, size_t len, struct ksk_fault *fault)
{
	if (len > 4096)
		return KSK_ERR_TOO_LARGE;
	if (PKCS11_generate_random(token->slot, out, (unsigned)len) != 0)
		return ksk_p11_fail(
			fault, "C_GenerateRandom", ksk_p11_last_error());
	return KSK_OK;
}
