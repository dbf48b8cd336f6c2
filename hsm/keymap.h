/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keymap - which key may sign for which zone, as the person with root at the
 * box has written it down. The worker obeys this file and not the policy: a
 * signer that is taken over can't make a key sign for a zone that the keymap
 * does not give it. One line per (key, zone), no wildcards:
 *
 *	ksk ZONE TOKEN TAG ALGORITHM DIGESTTYPE HEX-DIGEST CKA_ID LABEL
 *
 * and optionally the word "extractable" behind it: without that mark a key
 * that can leave its token (CKA_EXTRACTABLE) signs nothing.
 *
 * And one line per token for the key that signs checkpoints and proofs, with
 * the root (".") in the zone's place:
 *
 *	audit . TOKEN TAG ALGORITHM DIGESTTYPE HEX-DIGEST CKA_ID LABEL
 *
 * A key has one purpose: an audit key signs no RRset, a KSK no checkpoint.
 *
 * CKA_ID is hexadecimal, LABEL has %XX for bytes outside A-Z a-z 0-9 . _ -,
 * and either is "-" when empty. Both help a person to find the object; the
 * digest (a DS) decides. Lines that begin with # are comments.
 * Tests: tests/unit/test_keymap.c
 */
#ifndef KSK_HSM_KEYMAP_H
#define KSK_HSM_KEYMAP_H

#include "protocol/dnskey.h"

#define KSK_CKA_ID_MAX 64u

/* Bytes of room for one line with its line end and a final zero: four times a
 * name, a label in escapes, and the digits. */
#define KSK_KEYMAP_LINE_CAP 2048u

struct ksk_keymap_entry {
	struct ksk_name zone;
	char token[KSK_LABEL_CAP]; /* name in kskd.yaml */
	struct ksk_ds ds;
	size_t id_len;
	uint8_t id[KSK_CKA_ID_MAX];
	char label[KSK_LABEL_CAP]; /* CKA_LABEL, "" if none */
	bool extractable;          /* the mark stands behind the label */
	bool audit;                /* the audit key; zone is the root */
};

/* entries: owned, count of them, in the order of the lines. by_zone: owned,
 * their indexes by the zone's name, for a signature asks for one of a hundred
 * thousand. */
struct ksk_keymap {
	size_t count;
	struct ksk_keymap_entry *entries;
	uint32_t *by_zone;
};

/*
 * Reads a whole keymap.
 * out_keymap: owned, ksk_keymap_free.
 * KSK_ERR_BAD_INPUT with fault "line N: …"; KSK_ERR_TOO_LARGE; KSK_ERR_NO_
 * MEMORY. out_keymap: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_keymap_read(struct ksk_span text,
	struct ksk_keymap *out_keymap, struct ksk_fault *fault);

/* As ksk_keymap_read, from a descriptor (borrowed, read from its start).
 * Further KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_keymap_read_fd(
	int fd, struct ksk_keymap *out_keymap, struct ksk_fault *fault);

/* Accepts a zeroed keymap; leaves a zeroed one. */
void ksk_keymap_free(struct ksk_keymap *keymap);

/*
 * Writes one line with its line end and a final zero.
 * KSK_ERR_BAD_INPUT: token is empty or not made of printable ASCII without
 * blanks.
 */
KSK_MUST_USE enum ksk_err ksk_keymap_line(
	const struct ksk_keymap_entry *entry, char out[KSK_KEYMAP_LINE_CAP]);

/*
 * Returns true if the keymap gives the zone this key on this token. dnskey:
 * the key's RDATA in its unrevoked form.
 */
bool ksk_keymap_allows(const struct ksk_keymap *keymap,
	const struct ksk_name *zone, const char *token, struct ksk_span dnskey);

/*
 * Finds the audit key that the keymap gives a token, borrowed; NULL if none.
 */
const struct ksk_keymap_entry *ksk_keymap_audit(
	const struct ksk_keymap *keymap, const char *token);

/* Returns true if a key has a line of that kind on this token, for any zone.
 * dnskey: as for ksk_keymap_allows. */
bool ksk_keymap_has(const struct ksk_keymap *keymap, const char *token,
	struct ksk_span dnskey, bool audit);

/* As ksk_keymap_allows, for a key that can leave its token: the entry must
 * have the mark. */
bool ksk_keymap_allows_extractable(const struct ksk_keymap *keymap,
	const struct ksk_name *zone, const char *token, struct ksk_span dnskey);

#endif
