/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apart - PKCS#11 work in a process of its own: forked, turned into the
 * token's user for good, and only then is the module loaded. So a vendor's
 * code never runs as root, and what a module writes belongs to the user who
 * will need it (SoftHSM writes its files as whoever runs it).
 */
#ifndef KSK_ADMIN_APART_H
#define KSK_ADMIN_APART_H

#include "appliance/admin/admin.h"
#include "hsm/keygen.h"
#include "hsm/keymap.h"
#include "hsm/wrap_file.h"

/* Keys of one list; a token with more is listed in part. */
#define KSK_APART_KEYS 512u

/* One key as the work reports it. */
struct ksk_apart_key {
	char label[KSK_LABEL_CAP];
	size_t id_len;
	uint8_t id[KSK_CKA_ID_MAX];
	bool usable;
	bool extractable;  /* usable only with the keymap's mark */
	uint8_t algorithm; /* 8 for any RSA key unless asked otherwise */
	uint16_t tag;
	char why[KSK_WHY_CAP]; /* "" if usable and not extractable */
	size_t dnskey_len;     /* 0: the token does not show it */
	uint8_t dnskey[KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX];
};

/* What is to be done. All borrowed. */
enum ksk_apart_what {
	KSK_APART_TOKEN_INIT, /* pin, so_pin, so_is_new, out_begun */
	KSK_APART_GENERATE,   /* pin, algorithm, bits, label, extractable */
	KSK_APART_LIST,       /* pin, algorithm (10, or 0), label or "" */
	/* hsm/wrap.h. file: what another of them wrote */
	KSK_APART_RECIPIENT, /* pin, label; writes a file */
	KSK_APART_BACKUP, /* pin, zone, label, algorithm, file; writes a file */
	KSK_APART_RESTORE, /* pin, zone, file, extractable */
	KSK_APART_LOOK,    /* no PIN, no login: is the token there? */
};

struct ksk_apart_order {
	enum ksk_apart_what what;
	struct ksk_pin *pin;
	struct ksk_pin *so_pin;
	bool so_is_new;  /* struct ksk_token_pins */
	bool *out_begun; /* may be NULL; ksk_token_init */
	uint8_t algorithm;
	unsigned bits;
	const char *label;
	const struct ksk_name *zone;
	struct ksk_span file;
	bool extractable;
};

/* What came of it; filled by the process apart, checked by the other. */
struct ksk_apart_result {
	bool done;  /* the work is finished, whatever becomes of the module */
	bool begun; /* of ksk_token_init */
	enum ksk_exit code;
	enum ksk_err err;
	struct ksk_fault fault;
	struct ksk_token_name name;
	uint8_t pin;     /* enum ksk_token_pin */
	size_t file_len; /* of what is to be written to a file */
	uint8_t file[KSK_WRAP_FILE_MAX];
	bool more; /* keys were left out */
	size_t count;
	struct ksk_apart_key key[KSK_APART_KEYS];
};

/*
 * Does the work and waits for it.
 * token, user: of the configuration. out_result: owned, ksk_apart_free.
 * On failure says why on standard error and returns the exit code.
 */
enum ksk_exit ksk_apart_run(const struct ksk_config_token *token,
	struct ksk_config_user user, const struct ksk_apart_order *order,
	struct ksk_apart_result **out_result);

/* As ksk_apart_run, but says nothing: fault has the reason, and out_result is
 * NULL after a failure. */
enum ksk_exit ksk_apart_try(const struct ksk_config_token *token,
	struct ksk_config_user user, const struct ksk_apart_order *order,
	struct ksk_apart_result **out_result, struct ksk_fault *fault);

void ksk_apart_free(struct ksk_apart_result **result);

#endif
