/* SPDX-License-Identifier: BSD-2-Clause */
/* pair - see pair.h. */
#include "hsm/pair.h"

#include <string.h>

static struct ksk_span
field_of(const struct ksk_object *o)
{
	return ksk_span_of(o->field, o->field_len);
}

/* Private halves that show the same public key. */
static size_t
proven(const struct ksk_inventory *inventory, const struct ksk_object *public,
	const struct ksk_object **out)
{
	size_t count = 0;

	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (!o->is_private || o->kind != public->kind ||
			o->field_len == 0 ||
			!ksk_span_equal(field_of(o), field_of(public)))
			continue;
		*out = o;
		count++;
	}
	return count;
}

/* Ids equal, or both empty and the labels equal; strict: labels too. */
static bool
is_named_alike(
	const struct ksk_object *a, const struct ksk_object *b, bool strict)
{
	bool labels = a->label[0] != '\0' && strcmp(a->label, b->label) == 0;

	if (a->kind != b->kind)
		return false;
	if (a->id_len == 0 || b->id_len == 0)
		return a->id_len == b->id_len && labels;
	return ksk_span_equal(ksk_span_of(a->id, a->id_len),
		       ksk_span_of(b->id, b->id_len)) &&
		(!strict || labels);
}

/* Private halves that hide their public key and have the same name; rivals
 * are other public keys of that name. */
static size_t
named(const struct ksk_inventory *inventory, const struct ksk_object *public,
	bool strict, const struct ksk_object **out, size_t *out_rivals)
{
	size_t count = 0;

	*out_rivals = 0;
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (!is_named_alike(public, o, strict))
			continue;
		if (o->is_private && o->field_len == 0) {
			*out = o;
			count++;
		} else if (!o->is_private &&
			!ksk_span_equal(field_of(o), field_of(public))) {
			(*out_rivals)++;
		}
	}
	return count;
}

enum ksk_err
ksk_pair_find(const struct ksk_inventory *inventory,
	const struct ksk_object *public_half,
	const struct ksk_object **out_private, size_t *out_count)
{
	const struct ksk_object *found = NULL;
	size_t rivals = 0;
	size_t count = proven(inventory, public_half, &found);

	/* Copies of a proven half stay ambiguous: they may differ in what may
	 * be done with them. */
	if (count == 0) {
		const struct ksk_object *one = NULL;
		size_t left = 0;

		count = named(inventory, public_half, false, &found, &rivals);
		if ((count > 1 || rivals > 0) &&
			named(inventory, public_half, true, &one, &left) == 1 &&
			left == 0) {
			found = one;
			count = 1;
			rivals = 0;
		}
	}
	*out_count = count;
	if (count == 0)
		return KSK_ERR_NOT_FOUND;
	if (count > 1 || rivals > 0)
		return KSK_ERR_AMBIGUOUS;
	*out_private = found;
	return KSK_OK;
}
