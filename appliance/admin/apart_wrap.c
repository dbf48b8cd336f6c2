/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apart_wrap - orders about backups. Files go in and out as bytes: they are
 * read and written by the process that may, and decoded by this one, where a
 * decoder that goes wrong has the rights of the token's user only.
 */
#include "appliance/admin/apart_work.h"

#include "hsm/wrap.h"

static enum ksk_err
make_recipient(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	uint8_t bytes[KSK_WRAP_MODULUS_MAX + 16];
	struct ksk_buf room = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_buf file = ksk_buf_of(result->file, sizeof(result->file));
	struct ksk_wrap_recipient made;
	enum ksk_err r = ksk_wrap_recipient_make(
		token, order->label, &made, &room, &result->fault);

	if (r == KSK_OK)
		r = ksk_wrap_recipient_write(&made, &file);
	result->file_len = r == KSK_OK ? file.len : 0;
	return r;
}

static enum ksk_err
backup(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	struct ksk_buf room = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_buf file = ksk_buf_of(result->file, sizeof(result->file));
	struct ksk_wrap_recipient recipient;
	struct ksk_wrap_request request = {
		.zone = order->zone,
		.label = order->label,
		.rsa_algorithm = order->algorithm,
		.recipient = &recipient,
	};
	struct ksk_wrap_backup made;
	enum ksk_err r;

	if ((r = ksk_wrap_recipient_read(
		     order->file, &recipient, &result->fault)) != KSK_OK ||
		(r = ksk_wrap_digest(order->file, request.recipient_digest)) !=
			KSK_OK ||
		(r = ksk_wrap_backup_make(token, &request, &made, &room,
			 &result->fault)) != KSK_OK ||
		(r = ksk_wrap_backup_write(&made, &file)) != KSK_OK)
		return r;
	result->file_len = file.len;
	return KSK_OK;
}

static enum ksk_err
restore(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	char zone[KSK_NAME_TEXT_CAP];
	uint8_t id[KSK_CKA_ID_MAX];
	size_t id_len = 0;
	struct ksk_wrap_backup b;
	struct ksk_key key;
	enum ksk_err r = ksk_wrap_backup_read(order->file, &b, &result->fault);

	if (r == KSK_OK && !ksk_name_equal(&b.zone, order->zone)) {
		ksk_name_to_text(&b.zone, zone);
		ksk_fault_set(&result->fault,
			"the backup is of a key for %.300s", zone);
		r = KSK_ERR_MALFORMED;
	}
	if (r != KSK_OK ||
		(r = ksk_wrap_restore(token, &b, order->extractable, &key, id,
			 &id_len, &result->fault)) != KSK_OK)
		return r;
	ksk_apart_fill(&result->key[0], b.label, ksk_span_of(id, id_len), &key);
	result->count = 1;
	return KSK_OK;
}

enum ksk_err
ksk_apart_wrap(struct ksk_token *token, const struct ksk_apart_order *order,
	struct ksk_apart_result *result)
{
	enum ksk_err r = order->what == KSK_APART_RECIPIENT
		? make_recipient(token, order, result)
		: order->what == KSK_APART_BACKUP
		? backup(token, order, result)
		: restore(token, order, result);

	switch (r) {
	case KSK_ERR_BAD_INPUT:
		result->code = KSK_EXIT_USAGE;
		break;
	case KSK_ERR_NOT_FOUND:
	case KSK_ERR_AMBIGUOUS:
	case KSK_ERR_UNSUPPORTED:
	case KSK_ERR_MALFORMED:
	case KSK_ERR_TOO_LARGE:
		result->code = KSK_EXIT_KEY;
		break;
	default:
		break;
	}
	return r;
}
