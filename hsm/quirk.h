/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quirk - what a module does in its own way and can't be asked about, by the
 * maker that its C_GetInfo names. The place for such knowledge, and the only
 * one: code elsewhere asks for a property, never for a maker.
 * Tests: tests/token/test_modules.py
 */
#ifndef KSK_HSM_QUIRK_H
#define KSK_HSM_QUIRK_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

struct ksk_quirk {
	const char *maker; /* CK_INFO.manufacturerID without padding */
	/* A new key has all uses that its kind can have; a template that
	 * forbids one is refused, and that costs something. */
	bool plain_templates;
	/* Different keys that one process can sign with; 0: any number. */
	size_t keys_max;
};

/* Returns the row of an initialised module; one that needs nothing, if it has
 * none. Static. */
const struct ksk_quirk *ksk_quirk_find(CK_FUNCTION_LIST *f);

#endif
