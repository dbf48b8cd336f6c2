/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token - one PKCS#11 module, one token on it, one session, one login.
 *
 * libp11 loads and initialises the module, lists slots, initialises tokens and
 * gives random numbers. The login and everything about keys are Cryptoki
 * calls on the same module: libp11 0.4.12 fails to list keys at all when one
 * Ed25519 key is on the token, and it keeps a copy of the PIN in its heap for
 * later logins of its own, each of which could be the one that locks a token.
 *
 * The module is loaded by the process that signs and by no other, after its
 * last change of user; fork and Cryptoki never meet.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_TOKEN_H
#define KSK_HSM_TOKEN_H

#include "hsm/pin.h"

/* Opaque; hsm/p11.h. */
struct ksk_token;

/* All borrowed until the call returns. */
struct ksk_token_choice {
	const char *module; /* absolute path */
	const char *init;   /* reserved string of C_Initialize, "" = none */
	const char *uri;    /* RFC 7512, names the token */
	bool writable;      /* open a session that may create objects */
	/* Looks a few times, within a third of a second, with a new start of the
	 * module each: for a process that nobody starts again. */
	bool patient;
};

/* CK_TOKEN_INFO's texts without padding; what is not printable ASCII is
 * shown as "?". */
struct ksk_token_name {
	char label[33];
	char serial[17];
	char model[17];
	char manufacturer[33];
};

/*
 * Checks that a module's file can be read, and its digest where one is given;
 * before anything of it is loaded.
 * sha256: NULL to take any. KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_module_check(
	const char *path, const uint8_t *sha256, struct ksk_fault *fault);

/*
 * Loads the module, finds the one token that the URI names and opens a
 * session on it. At most one token may be open in a process.
 * out_token: owned, ksk_token_close. Errors, all with fault:
 * KSK_ERR_IO: the module can't be loaded or initialised.
 * KSK_ERR_BAD_INPUT: the URI is wrong, or holds a PIN or names an object.
 * KSK_ERR_NOT_FOUND, KSK_ERR_AMBIGUOUS: not exactly one token matches; the
 * fault lists those that are there. KSK_ERR_TOKEN: the token fails.
 */
KSK_MUST_USE enum ksk_err ksk_token_open(const struct ksk_token_choice *choice,
	struct ksk_token **out_token, struct ksk_fault *fault);

/* Closes the session, finalises the module and frees; may hang as long as the
 * module does. The module stays mapped: modules' exit handlers crash when it
 * is not. Accepts NULL and pointers to NULL. */
void ksk_token_close(struct ksk_token **token);

/* Asks again what the token can do; what it does not answer stays as it was.
 * One bad moment while it was opened must not leave its keys useless. */
void ksk_token_mechanisms(struct ksk_token *token);

/* Returns the token's names, borrowed as long as it is open. */
const struct ksk_token_name *ksk_token_name(const struct ksk_token *token);

/* What a token says of its user PIN without being asked for a login. */
enum ksk_token_pin {
	KSK_TOKEN_PIN_GOOD,
	KSK_TOKEN_PIN_LOW,    /* wrong ones were tried */
	KSK_TOKEN_PIN_LAST,   /* one more wrong one locks it */
	KSK_TOKEN_PIN_LOCKED, /* no login until it is unlocked */
	KSK_TOKEN_PIN_NONE,   /* there is none yet */
};
enum ksk_token_pin ksk_token_pin(const struct ksk_token *token);

/* Returns how many different keys this process can sign with, 0: any number. */
size_t ksk_token_keys_max(const struct ksk_token *token);

/*
 * Logs in as user; exactly one C_Login, and none if the PIN's length is
 * outside of what the token allows or the token says that it is locked.
 * KSK_ERR_PIN_WRONG: refused, or an answer that some modules give for a wrong
 * PIN; must not be tried again with the same PIN. KSK_ERR_PIN_LOCKED.
 * KSK_ERR_BAD_INPUT: length. KSK_ERR_TOKEN: a failure that no PIN causes.
 * All with fault.
 */
KSK_MUST_USE enum ksk_err ksk_token_login(struct ksk_token *token,
	const struct ksk_pin *pin, struct ksk_fault *fault);

/* Fills out with random bytes of the token. KSK_ERR_TOKEN with fault. */
KSK_MUST_USE enum ksk_err ksk_token_random(struct ksk_token *token, void *out,
	size_t len, struct ksk_fault *fault);

/* All borrowed until the call returns. so_is_new: the SO PIN was made for
 * this call, so that no token can have it already. */
struct ksk_token_pins {
	const struct ksk_pin *so_pin, *pin;
	bool so_is_new;
};

/*
 * Initialises an empty token in a free slot: the URI's token label, SO PIN
 * and user PIN; or sets the PIN of a token of that label which has none yet.
 * The module must not be in use by this process; it is finalised again before
 * the call returns.
 * out_begun: set to true before the token may get the new SO PIN, and back to
 * false if it is certain that it did not: after true the SO PIN must not be
 * lost, whatever comes back, and also if nothing does.
 * Errors as ksk_token_open; KSK_ERR_AMBIGUOUS with fault when a token of that
 * name exists already: nothing is overwritten. KSK_ERR_NOT_FOUND: no slot is
 * free.
 */
KSK_MUST_USE enum ksk_err ksk_token_init(const struct ksk_token_choice *choice,
	const struct ksk_token_pins *pins, bool *out_begun,
	struct ksk_fault *fault);

#endif
