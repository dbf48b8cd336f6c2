/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor - what the files of `kskadm doctor` share: each looks at one side of
 * the box and says one line for each thing it looked at. None changes
 * anything, and none gives a token a PIN.
 * Tests: tests/token/test_doctor.py
 */
#ifndef KSK_ADMIN_DOCTOR_H
#define KSK_ADMIN_DOCTOR_H

#include "appliance/admin/admin.h"

enum ksk_doctor_level {
	KSK_DOCTOR_OK,
	KSK_DOCTOR_WARNING, /* it works, but somebody should look */
	KSK_DOCTOR_TROUBLE, /* something will not work */
};
#define KSK_DOCTOR_LEVELS 3u

struct ksk_doctor {
	const struct ksk_config *config; /* borrowed */
	bool running;                    /* a kskd has the state folder */
	bool has_id;
	uint8_t id[KSK_ID_LEN]; /* of the appliance */
	unsigned count[KSK_DOCTOR_LEVELS];
};

/* Says one line. check: what was looked at, "tls" or "token main". The sentence
 * says what was found and, unless all is well, what to do. */
void ksk_doctor_say(struct ksk_doctor *doctor, enum ksk_doctor_level level,
	const char *check, const char *fmt, ...) KSK_FORMAT(4, 5);

/* Says a line with a fault in it, or the error's own sentence. */
void ksk_doctor_fault(struct ksk_doctor *doctor, const char *check,
	enum ksk_err err, const struct ksk_fault *fault);

/* Files: state, TLS, policy, keymap, accept. */
void ksk_doctor_files(struct ksk_doctor *doctor);

/* The journal and the room it has. */
void ksk_doctor_journal(struct ksk_doctor *doctor);

/* Each token: PIN, module, paths, and whether it is there. */
void ksk_doctor_tokens(struct ksk_doctor *doctor);

/* The machine: users, clock, address, kernel. */
void ksk_doctor_box(struct ksk_doctor *doctor);

#endif
