/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * yaml - strict reading of our YAML files. An event pass with libyaml refuses
 * what libcyaml lets through (anchors, aliases, tags, several documents,
 * repeated keys) and keeps where each path stands, so that every later error
 * can name line and column. Then libcyaml maps text to structs by a schema in
 * which every scalar is a string; the readers below give them meaning
 * (libcyaml reads 010 as 8).
 * Tests: tests/unit/test_yaml.c
 */
#ifndef KSK_BASE_YAML_H
#define KSK_BASE_YAML_H

#include "protocol/span.h"

#include <cyaml/cyaml.h>

/* Where each path of a text stands. Opaque. */
struct ksk_yaml;

/*
 * Checks a text and indexes it.
 * text: borrowed for as long as the index lives. max_len: longer is refused.
 * out_yaml: owned, ksk_yaml_free.
 * KSK_ERR_BAD_INPUT, KSK_ERR_TOO_LARGE with fault "line L, column C: …";
 * KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_yaml_index(struct ksk_span text, size_t max_len,
	struct ksk_yaml **out_yaml, struct ksk_fault *fault);

void ksk_yaml_free(struct ksk_yaml **yaml);

/*
 * Maps an indexed text to structs with libcyaml.
 * schema: CYAML_VALUE_MAPPING of the top. out_data: owned, ksk_yaml_release.
 * KSK_ERR_BAD_INPUT with fault: line, column, path, and for an unknown key the
 * known ones at that place; for a missing key its name.
 */
KSK_MUST_USE enum ksk_err ksk_yaml_load(const struct ksk_yaml *yaml,
	const cyaml_schema_value_t *schema, void **out_data,
	struct ksk_fault *fault);

void ksk_yaml_release(const cyaml_schema_value_t *schema, void **data);

/*
 * The two halves of ksk_yaml_load, for a reader that wants every fault of a
 * text at once.
 *
 * ksk_yaml_check compares an indexed text with a schema and calls report once
 * per difference. fault: borrowed until the call returns. Returns true if
 * ksk_yaml_map can map the text in spite of what was reported (unknown keys,
 * and missing ones that are marked KSK_YAML_REQUIRED).
 *
 * ksk_yaml_map calls libcyaml; unknown keys are passed over, texts of missing
 * ones are NULL. Errors as ksk_yaml_load.
 */
typedef void (*ksk_yaml_report_fn)(
	void *ctx, size_t line, size_t column, const struct ksk_fault *fault);
bool ksk_yaml_check(const struct ksk_yaml *yaml,
	const cyaml_schema_value_t *schema, ksk_yaml_report_fn report,
	void *ctx);
KSK_MUST_USE enum ksk_err ksk_yaml_map(const struct ksk_yaml *yaml,
	const cyaml_schema_value_t *schema, void **out_data,
	struct ksk_fault *fault);

/* A flag of ours beside CYAML_FLAG_OPTIONAL: libcyaml does not stop where the
 * key is missing, ksk_yaml_check reports it. Far above libcyaml's own bits. */
#define KSK_YAML_REQUIRED (1u << 24)

/* The same for a mapping: a key of it that is not known is not shown, for
 * somebody may have written a secret in its place. */
#define KSK_YAML_HIDDEN (1u << 25)

/*
 * Sets a fault "line L, column C: <path>: <sentence>". path in the form
 * "zones[0].providers[1].name"; an unknown path takes its nearest parent's
 * place.
 */
void ksk_yaml_fault(const struct ksk_yaml *yaml, struct ksk_fault *fault,
	const char *path, const char *fmt, ...) KSK_FORMAT(4, 5);

/* Gives line and column of a path, with the same rule. */
void ksk_yaml_place(const struct ksk_yaml *yaml, const char *path,
	size_t *out_line, size_t *out_column);

/* Scalars. Each reads a whole text; KSK_ERR_BAD_INPUT, out unchanged. */

/* Decimal without sign or leading zero, min..max. */
KSK_MUST_USE enum ksk_err ksk_text_uint(
	const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* "14d 1h", "90s", "5m", units w d h m s, each at most once, descending, one
 * blank between; "0". A bare number is refused, so are more than 100 years. */
KSK_MUST_USE enum ksk_err ksk_text_duration(const char *text, uint64_t *out);
/* "16MiB", "2GiB": bytes. A bare number is refused, so is more than 1024GiB. */
KSK_MUST_USE enum ksk_err ksk_text_size(const char *text, uint64_t *out);
/* RFC 3339 with Z: 2026-11-01T00:00:00Z. */
KSK_MUST_USE enum ksk_err ksk_text_time(const char *text, uint64_t *out);
/* yes | no */
KSK_MUST_USE enum ksk_err ksk_text_bool(const char *text, bool *out);

/* Writes RFC 3339 with Z; "never" past the year 9999. Returns buf. */
#define KSK_TIME_CAP 24
const char *ksk_time_text(char buf[KSK_TIME_CAP], uint64_t seconds);

/* Writes a duration as ksk_text_duration reads it: "14d 1h". Returns buf. */
#define KSK_DURATION_CAP 48
const char *ksk_duration_text(char buf[KSK_DURATION_CAP], uint64_t seconds);

#endif
