/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_operand - a zone named on the command line.
 */
#ifndef KSK_CLIENT_ZONE_OPERAND_H
#define KSK_CLIENT_ZONE_OPERAND_H

#include "protocol/msg.h"

/* Reads a zone's name into a request's body. KSK_ERR_BAD_INPUT: said on
 * standard error, with a hint to the A-label for other scripts. */
KSK_MUST_USE enum ksk_err ksk_zone_operand(
	const char *text, struct ksk_request *request);

#endif
