/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pair - finds the private half that belongs to a public key object. Never by
 * signing something: the only bytes that a KSK signs are those of an RRSIG.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_PAIR_H
#define KSK_HSM_PAIR_H

#include "hsm/inventory.h"

/*
 * Finds the private half of a public object: the one whose own public
 * components are equal, where the token shows them; else the one with the
 * same id (or, where the ids are empty, the same label), provided that neither
 * another private object nor another public key has it too. Label and id
 * together decide where the id alone does not.
 * out_private: borrowed from the inventory. out_count: how many may be it.
 * KSK_ERR_NOT_FOUND: none. KSK_ERR_AMBIGUOUS: several, or one that may belong
 * to another public key.
 */
KSK_MUST_USE enum ksk_err ksk_pair_find(const struct ksk_inventory *inventory,
	const struct ksk_object *public_half,
	const struct ksk_object **out_private, size_t *out_count);

#endif
