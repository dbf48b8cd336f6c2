/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce_show - an announcement in a file, read as the appliance reads it:
 * what it says, who signed it, and what is wrong with it. Only for announce.c.
 */
#ifndef KSK_CLIENT_ANNOUNCE_SHOW_H
#define KSK_CLIENT_ANNOUNCE_SHOW_H

#include "client/verb.h"

#include "appliance/policy/announcement.h"
#include "appliance/policy/signed.h"

/* Zero it before use. */
struct ksk_announce_file {
	const char *path;
	uint8_t *der; /* owned */
	size_t len;
	struct ksk_signed document; /* owned */
	struct ksk_announcement text;
};

/* Reads and opens the file. KSK_ERR_BAD_INPUT and others: said on standard
 * error, each mistake with its line. */
KSK_MUST_USE enum ksk_err ksk_announce_load(struct ksk_announce_file *file);
void ksk_announce_free(struct ksk_announce_file *file);

/* Prints it. policy: path of a policy to judge it by, or NULL. */
enum ksk_ctl_exit ksk_announce_show(const struct ksk_ctl *ctl,
	const struct ksk_announce_file *file, const char *policy);

#endif
