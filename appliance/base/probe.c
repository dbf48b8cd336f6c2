/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe - the product's form of ksk_probe: nothing. It stands alone in its
 * file so that a test binary can put tests/probe_test.c in its place.
 */
#include "appliance/base/child.h"

void
ksk_probe(const char *program)
{
	(void)program;
}
