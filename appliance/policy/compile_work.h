/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_work - what the files compile_*.c share: the work in hand, growing
 * arrays, places in the text, and readers that turn a text into a value or
 * into a fault. Nobody else includes it.
 *
 * The readers: text NULL means that the key is missing; out then keeps what it
 * holds (the default) and the result is true. Needed keys are reported before
 * (ksk_yaml_check); callers that can't go on without one test for NULL. A
 * wrong text is a fault, out is unchanged, the result is false.
 */
#ifndef KSK_POLICY_COMPILE_WORK_H
#define KSK_POLICY_COMPILE_WORK_H

#include "appliance/policy/compile.h"
#include "appliance/policy/compile_schema.h"
#include "appliance/policy/table_layout.h"

/* A growing array. */
struct ksk_vec {
	void *data;
	size_t size; /* of one entry */
	size_t count;
	size_t cap;
};

/* A place in the text: key[index], or key alone with index KSK_NO_INDEX. */
#define KSK_NO_INDEX SIZE_MAX
struct ksk_at {
	const struct ksk_at *up; /* NULL at the top */
	const char *key;
	size_t index;
};

struct ksk_work {
	const struct ksk_yaml *yaml;
	uint64_t now;
	const uint8_t *appliance; /* NULL: any */
	struct ksk_faults *faults;
	size_t line[KSK_POLICY_FAULT_MAX];
	size_t column[KSK_POLICY_FAULT_MAX];
	enum ksk_err err; /* KSK_ERR_NO_MEMORY stays */
	struct ksk_table_head head;
	struct ksk_vec part[KSK_SECTION_COUNT];
	bool clients_faulty;  /* then zones' clients are not judged */
	struct ksk_vec names; /* struct ksk_client_name, sorted by name */
	struct ksk_vec pins;  /* struct ksk_ds_place of one zone */
};

/* Where a client stands in the table. */
struct ksk_client_name {
	const char *name;
	uint32_t index;
};

/* ---- compile_work.c ---- */

/* Appends an entry; out of memory is kept in work->err. */
void ksk_vec_put(struct ksk_work *work, struct ksk_vec *vec, const void *entry);

/* Adds a fault at key below at (key NULL: at itself). Keeps the first 20 by
 * their place. */
void ksk_work_fault(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *fmt, ...) KSK_FORMAT(4, 5);

/* ksk_yaml_report_fn over a struct ksk_work. */
void ksk_work_report(
	void *ctx, size_t line, size_t column, const struct ksk_fault *fault);

/* Returns the line of a place. */
size_t ksk_work_line(
	const struct ksk_work *work, const struct ksk_at *at, const char *key);

/* Returns true once no further fault can be kept: stop looking. */
bool ksk_work_is_full(const struct ksk_work *work);

/* An entry that must not stand twice. */
struct ksk_unique {
	const void *key;
	size_t key_len;
	size_t index; /* in the list `at` names */
};

/* Reports each key that stands twice in list (sorted here): a fault at
 * at[index].key that names the line of the one before. */
void ksk_work_unique(struct ksk_work *work, struct ksk_unique *list,
	size_t count, const struct ksk_at *at, const char *key,
	const char *what);

/* ---- compile_value.c ---- */
bool ksk_value_uint(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint64_t min, uint64_t max,
	uint64_t *out);
bool ksk_value_duration(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint64_t max, uint64_t *out);
bool ksk_value_time(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint64_t *out);
bool ksk_value_bool(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint8_t *out);

/* A word of a list that ends in NULL; out: its index. */
bool ksk_value_word(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, const char *const *words,
	unsigned *out);

/* The words of a list as bits 1 << index. */
bool ksk_value_words(struct ksk_work *work, const struct ksk_at *at,
	const char *key, char *const *texts, size_t count,
	const char *const *words, uint32_t *out);

/* A name of ours: letters, digits, . _ -, 1 to 63 characters. */
bool ksk_value_label(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, char out[KSK_LABEL_CAP]);

/* Exactly len bytes in hexadecimal. */
bool ksk_value_hex(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint8_t *out, size_t len);

/* A DS; its algorithm must be in algorithms (0: any). */
bool ksk_value_ds(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint32_t algorithms,
	struct ksk_ds *out);

/* ---- one file each ---- */
void ksk_compile_clients(struct ksk_work *work, const struct ksk_doc *doc);
void ksk_compile_zones(struct ksk_work *work, const struct ksk_doc *doc);

/* The parts of a zone that pin keys; run after its scalars. */
void ksk_compile_keys(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone);
void ksk_compile_providers(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone);

/* A DS that pins a key, with its place: list[index].ds, or
 * list[index].keys[key].ds. */
struct ksk_ds_place {
	struct ksk_ds ds;
	const char *list;
	size_t index;
	size_t key; /* KSK_NO_INDEX if none */
};
void ksk_compile_pin(struct ksk_work *work, const struct ksk_ds *ds,
	const char *list, size_t index, size_t key);

/* Reports each key that is pinned twice in a zone; forgets the pins. */
void ksk_compile_pins_unique(struct ksk_work *work, const struct ksk_at *at);

/* Sorts the zones and writes the table. */
KSK_MUST_USE enum ksk_err ksk_compile_table(
	struct ksk_work *work, uint8_t **out_bytes, size_t *out_len);

#endif
