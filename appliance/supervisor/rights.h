/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights - what kskd gives up of its own rights. As root it keeps three
 * capabilities: to change user and group (of children it starts) and to kill
 * them.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_RIGHTS_H
#define KSK_SUPERVISOR_RIGHTS_H

#include "protocol/err.h"

/* Memory nobody may look into, no core, no SIGPIPE, private files, 0 to 2
 * open. First thing in main. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_rights_begin(struct ksk_fault *fault);

/* Drops all that is not needed once files and sockets are open. KSK_ERR_IO
 * with fault. */
KSK_MUST_USE enum ksk_err ksk_rights_drop(struct ksk_fault *fault);

#endif
