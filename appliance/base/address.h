/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - numeric addresses with a port, as `listen` has them:
 * "192.0.2.1:8853", "[2001:db8::1]:8853". No names: what is listened on must
 * not depend on a resolver.
 * Tests: tests/unit/test_config.c
 */
#ifndef KSK_BASE_ADDRESS_H
#define KSK_BASE_ADDRESS_H

#include "protocol/err.h"

#include <sys/socket.h>

/*
 * Reads an address with its port (1..65535).
 * KSK_ERR_BAD_INPUT: anything else; outputs unchanged.
 */
KSK_MUST_USE enum ksk_err ksk_address_read(const char *text,
	struct sockaddr_storage *out_address, socklen_t *out_len);

#endif
