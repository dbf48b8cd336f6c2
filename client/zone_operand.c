/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_operand - see zone_operand.h.
 */
#include "client/zone_operand.h"

#include "client/output.h"

#include <string.h>

enum ksk_err
ksk_zone_operand(const char *text, struct ksk_request *request)
{
	struct ksk_fault fault = {0};
	enum ksk_err err = ksk_name_from_text(
		text, strlen(text), &request->zone.owner, &fault);

	if (err != KSK_OK) {
		ksk_say("zone %s: %s", text, fault.text);
		return err;
	}
	request->zone.has_owner = true;
	request->has_body = true;
	return KSK_OK;
}
