/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module - what the files of libkskfault.so share. fault.h says what the
 * module is; this header is of no use to anybody else.
 */
#ifndef KSK_TESTS_FAULT_MODULE_H
#define KSK_TESTS_FAULT_MODULE_H

#include "tests/fault/fault.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FAULT_SESSIONS 256u

/* One call of ours on its way. */
struct fault_call {
	enum fault_call_number number;
	CK_RV rv;
	uint64_t began_ns; /* CLOCK_MONOTONIC */
	bool injected;     /* a rule has answered */
	bool is_signature; /* the real token has made a signature */
	const struct fault_rule *bend;
};

/* handle 0: free. dead: what it answers, CKR_OK while it lives. */
struct fault_session {
	CK_SESSION_HANDLE handle, real;
	CK_SLOT_ID slot; /* the real one */
	CK_RV dead;
	uint64_t used, last_ns;
	CK_MECHANISM_TYPE mechanism; /* of the last C_SignInit */
};

/* Everything this process knows. A PKCS#11 module has no argument to carry
 * it, so it is a global, the only one; see module.c. */
struct fault_state {
	struct fault_control *control;
	CK_FUNCTION_LIST *real;
	char control_path[PATH_MAX];
	struct fault_process *process;
	int lock_fd;
	pid_t pid;
	bool failed; /* loading was tried and failed */
	bool initialized;
	uint64_t epoch;         /* the loss that sessions have seen */
	uint64_t process_epoch; /* when the module was loaded */
	uint64_t init_epoch;    /* when C_Initialize was called */
	uint64_t slot_shift;
	uint64_t sessions_made;
	struct fault_session session[FAULT_SESSIONS];
	struct fault_call *call;
};

extern struct fault_state fault;

/* ---- module.c, load.c ---- */

/* Loads the real module and maps the control file, once. */
bool fault_load(void);

/* Writes a line to stderr. */
void fault_complain(const char *what, const char *about);

/* Takes a place among the processes: at start, and after a fork. */
bool fault_process_join(void);

/* Sessions open in all living processes. */
uint64_t fault_sessions_now(void);

/* ---- call.c: every call begins and ends here ---- */

/* Returns true if the real call is to be made. */
bool fault_enter(struct fault_call *call, enum fault_call_number number);
CK_RV fault_leave(struct fault_call *call);
uint64_t fault_now_ns(void);

/* ---- session.c ---- */

/* Turns a handle of ours into the real one, or says why it is none. */
CK_RV fault_session_in(CK_SESSION_HANDLE *s);
/* Both, and an object's; `invalid` is what a wrong one gets. */
CK_RV fault_object_in(CK_SESSION_HANDLE *s, CK_OBJECT_HANDLE *o, CK_RV invalid);
/* The entry of a handle of ours, NULL if there is none. */
struct fault_session *fault_session_find(CK_SESSION_HANDLE handle);
/* Ends all sessions that were opened before the token's last loss. */
void fault_session_sweep(void);

/* ---- slot.c ---- */

bool fault_token_is_lost(void);
/* Turns a slot id of ours into the real one; refuses if its token is lost. */
CK_RV fault_slot_in(CK_SLOT_ID *slot);
bool fault_mechanism_is_hidden(CK_MECHANISM_TYPE type);
/* What a login's result becomes, and its count. */
CK_RV fault_pin_judge(CK_RV rv);

/* ---- object.c ---- */

/* s and o are real handles. */
CK_RV fault_handle_in(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_RV invalid);
void fault_handle_out(CK_RV rv, CK_OBJECT_HANDLE *o);
bool fault_has_label(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const char *label);

/* ---- sign.c ---- */

/* A rule has answered rv to C_Sign or C_SignFinal: ends the real operation by
 * a signature that nobody sees or counts. s is a handle of ours. */
void fault_sign_end(
	CK_SESSION_HANDLE s, enum fault_call_number number, CK_RV rv);

/* The functions written by hand, spread over these files. */
#define OWN(name, parameters, arguments) CK_RV own_##name parameters;
#define SIGN OWN
#define PLAIN(name, parameters, arguments)
#define SLOT PLAIN
#define SESSION PLAIN
#define OBJECT PLAIN
#define KEY PLAIN
#include "tests/fault/calls.def"
#undef OWN
#undef SIGN
#undef PLAIN
#undef SLOT
#undef SESSION
#undef OBJECT
#undef KEY

#endif
