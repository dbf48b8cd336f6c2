/* SPDX-License-Identifier: BSD-2-Clause */
/* quirk - see quirk.h. */
#include "hsm/quirk.h"

#include "hsm/p11.h"

#include <string.h>

static const struct ksk_quirk none = {.maker = ""};

static const struct ksk_quirk quirks[] = {
	/*
	 * tpm2-pkcs11 1.9.0. That a template is refused it finds out after
	 * the TPM has made the key, and never frees that key's place. A key
	 * that has signed stays in the TPM until the logout, and of the three
	 * places for objects that a TPM has, loading a key takes one for its
	 * parent: the third key fails at C_SignInit.
	 */
	{
		.maker = "tpm2-software.github.io",
		.plain_templates = true,
		.keys_max = 2,
	},
};

const struct ksk_quirk *
ksk_quirk_find(CK_FUNCTION_LIST *f)
{
	CK_INFO info = {0};
	char maker[sizeof(info.manufacturerID) + 1];

	if (f->C_GetInfo(&info) != CKR_OK)
		return &none;
	ksk_p11_text(info.manufacturerID, sizeof(info.manufacturerID), maker);
	for (size_t i = 0; i < sizeof(quirks) / sizeof(quirks[0]); i++) {
		if (strcmp(maker, quirks[i].maker) == 0)
			return &quirks[i];
	}
	return &none;
}
