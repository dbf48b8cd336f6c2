/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libkskfault.so - a PKCS#11 module for tests only. It wraps a real module,
 * passes every call on, counts it, and on command does what tokens do on
 * their bad days. Tests command it through tests/fault/fault.py.
 * Its own tests: tests/token/test_fault_module.py
 *
 * HOW A TEST USES IT. `Fault(folder)` copies the .so into a folder, writes
 * `fault.conf` beside it and makes the control file. The folder's .so is then
 * the `module` of a token, and the control file one of its `paths`, writable:
 * the module maps it inside the worker's sandbox. Nothing comes from the
 * environment. fault.conf has two lines, `module PATH` (the real module) and
 * `control PATH`.
 *
 * THE CONTROL FILE is struct fault_control below, mapped shared by every
 * process that uses the module and by the test. Commands written into it work
 * from the next call on, in running processes too (a hang is also ended by
 * it). Counters are atomic and outlive a process that is killed. Every field
 * is a 64-bit word of the machine, or text of 32 bytes filled with NUL, so
 * that Python can mirror it without knowing the compiler.
 *
 * RULES. Each of FAULT_RULES rules says: at this call (or at any), when the
 * turn comes (see struct fault_rule), do that: answer a CKR without asking
 * the real module, or after asking it; sleep; hang; crash; bend a signature.
 * A test writes all fields and `serial` last. All due rules act, in the order
 * of their places: a delay and a failure add up.
 *
 * STATES. Besides rules there are lasting conditions: the token is lost,
 * handles have changed, sessions are capped or die, PIN tries run out, objects
 * are gone, mechanisms or attributes are missing or odd.
 *
 * WHAT IT IS NOT. One thread at a time per process. A crash by abort() shows
 * as SIGSYS where seccomp forbids the tgkill. Handles of objects must fit into
 * 40 bits in the real module. One test process writes commands.
 */
#ifndef KSK_TESTS_FAULT_H
#define KSK_TESTS_FAULT_H

#include <p11-kit/pkcs11.h>
#include <stdint.h>

#define FAULT_MAGIC UINT64_C(0x746c7561666b736b) /* "kskfault" */
#define FAULT_VERSION 1u
#define FAULT_RULES 64u
#define FAULT_PROCESSES 64u
#define FAULT_LABEL_CAP 32u
#define FAULT_HIDDEN 16u
#define FAULT_ATTRIBUTES 8u

/* A living process holds an OFD write lock on byte FAULT_LOCK_BASE + its place
 * in `process`: the kernel takes it away when the process dies. */
#define FAULT_LOCK_BASE (1 << 20)

/* Numbers of functions: FAULT_C_Initialize = 0 and so on. */
enum fault_call_number {
#define NUMBER(name, parameters, arguments) FAULT_##name,
#define PLAIN NUMBER
#define SLOT NUMBER
#define SESSION NUMBER
#define OBJECT NUMBER
#define KEY NUMBER
#define OWN NUMBER
#define SIGN NUMBER
#include "tests/fault/calls.def"
#undef PLAIN
#undef SLOT
#undef SESSION
#undef OBJECT
#undef KEY
#undef OWN
#undef SIGN
	FAULT_CALLS,
	FAULT_ANY_CALL = 1000,
};

enum fault_action {
	FAULT_FAIL = 1, /* answer `value`, a CKR (CKR_OK too: a lie) */
	FAULT_DELAY,    /* sleep: early = `value` microseconds more; late =
			   until the call has taken `value` in all */
	FAULT_HANG,     /* sleep until the rule is taken away */
	FAULT_ABORT,
	FAULT_SEGV,
	FAULT_EXIT, /* _exit(`value`) */
	/* at C_Sign and C_SignFinal: */
	FAULT_FLIP,  /* flip bit number `value` of the signature */
	FAULT_SHORT, /* leave out the last `value` bytes */
	FAULT_DER,   /* ECDSA: SEQUENCE of two INTEGERs for r || s */
	/* at C_SignInit: */
	FAULT_OTHER_KEY,  /* sign with the private key labelled `label` */
	FAULT_REFUSE_KEY, /* answer `value` for the key labelled `label` */
};

typedef _Atomic uint64_t fault_word;

/* Turns: of the calls that match, the first `skip` are let go; then each
 * `every`th (0, 1: each one); of these only by chance (of 2^32; 2^32 =
 * always), drawn from `seed` and the call's number; at most `times` (0: no
 * limit). */
struct fault_rule {
	fault_word serial; /* 0 = no rule here; never used twice */
	fault_word call;   /* a number of calls.def, or FAULT_ANY_CALL */
	fault_word late;   /* 0: before the real call; 1: after it */
	fault_word skip, every, chance, seed, times;
	fault_word action; /* enum fault_action */
	fault_word value;
	char label[FAULT_LABEL_CAP];
	fault_word seen, fired; /* written by the module */
};

/* All processes together. calls - ok - failed = never came back. */
struct fault_count {
	fault_word calls, ok, failed;
	fault_word injected; /* of them, those that a rule answered */
};

struct fault_process {
	fault_word pid, sessions;
};

enum fault_recovery {
	FAULT_RECOVER_SESSION, /* a new session sees the token again */
	FAULT_RECOVER_INITIALIZE,
	FAULT_RECOVER_PROCESS,
};

enum fault_drop { FAULT_DROP_NOTHING, FAULT_DROP_ALL, FAULT_DROP_LABEL };

enum fault_serial {
	FAULT_SERIAL_REAL,
	FAULT_SERIAL_EMPTY, /* spaces */
	FAULT_SERIAL_ZERO,  /* characters '0' */
};

enum fault_quirk {
	FAULT_ATTRIBUTE_HIDE = 1, /* CKR_ATTRIBUTE_TYPE_INVALID */
	FAULT_ATTRIBUTE_EMPTY,
	FAULT_ATTRIBUTE_TRUE,
	FAULT_ATTRIBUTE_FALSE,
	FAULT_ATTRIBUTE_RAW, /* without its OCTET STRING */
};

struct fault_attribute {
	fault_word type, quirk;
};

struct fault_control {
	fault_word magic, version, size;

	/* The token. `epoch` grows at every loss and every return: sessions
	 * opened in an older one are dead and answer loss_code. */
	fault_word lost, epoch, recovery, loss_code;

	/* Objects. Handles carry handle_epoch; those of another are invalid. */
	fault_word handle_epoch, drop;
	char drop_label[FAULT_LABEL_CAP];

	/* Sessions, 0 = no limit. The cap is for all processes together; a
	 * session dies after `life` calls, or idle for longer than idle_ms,
	 * and answers session_code from then on. */
	fault_word session_cap, session_life, session_idle_ms, session_code;

	/* PINs: after `limit` refused ones in a row, CKR_PIN_LOCKED (0: as the
	 * real module does). pin_flags: C_GetTokenInfo shows it. */
	fault_word pin_limit, pin_flags;

	/* Identity: slot ids change at every C_Initialize; the serial. */
	fault_word move_slots, serial;

	fault_word hidden_count, hidden[FAULT_HIDDEN]; /* mechanisms */
	fault_word attribute_count;
	struct fault_attribute attribute[FAULT_ATTRIBUTES];

	struct fault_rule rule[FAULT_RULES];

	/* What happened. */
	struct fault_count count[FAULT_CALLS];
	fault_word signatures_made;  /* by the real token */
	fault_word signatures_given; /* of them, those with CKR_OK to the
					caller */
	fault_word initialized;      /* C_Initialize that said CKR_OK */
	fault_word pin_refused;      /* in a row */
	fault_word sessions_opened, sessions_killed, sessions_max;
	fault_word sessions_left; /* open when their process ended */
	struct fault_process process[FAULT_PROCESSES];
};

#endif
