/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place that calls libcyaml. The text was indexed and checked before,
 * so libcyaml should find nothing to complain about; if it does all the same,
 * its own words are passed on.
 */
#include "appliance/base/yaml_tree.h"

#include <stdio.h>
#include <string.h>

static void keep_log(cyaml_log_t level, void *ctx, const char *fmt,
	va_list args) KSK_FORMAT(3, 0);

/* Keeps the first error that libcyaml logs. */
static void
keep_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct ksk_fault *kept = ctx;

	if (level < CYAML_LOG_ERROR || kept->text[0] != '\0')
		return;
	(void)vsnprintf(kept->text, sizeof(kept->text), fmt, args);
	kept->text[strcspn(kept->text, "\n")] = '\0';
}

static cyaml_config_t
make_config(struct ksk_fault *kept)
{
	return (cyaml_config_t){
		.log_fn = keep_log,
		.log_ctx = kept,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS | CYAML_CFG_IGNORE_UNKNOWN_KEYS,
	};
}

enum ksk_err
ksk_yaml_map(const struct ksk_yaml *yaml, const cyaml_schema_value_t *schema,
	void **out_data, struct ksk_fault *fault)
{
	struct ksk_fault kept = {""};
	cyaml_config_t config = make_config(&kept);
	cyaml_data_t *data = NULL;
	cyaml_err_t err;

	err = cyaml_load_data(
		yaml->text.data, yaml->text.len, &config, schema, &data, NULL);
	if (err == CYAML_ERR_OOM)
		return KSK_ERR_NO_MEMORY;
	if (err != CYAML_OK) {
		ksk_fault_set(fault,
			"line 1, column 1: the text can't be mapped: %s (%s)",
			cyaml_strerror(err), kept.text);
		return KSK_ERR_BAD_INPUT;
	}
	*out_data = data;
	return KSK_OK;
}

/* The first fault of a check, by its place in the text. */
struct first {
	size_t line;
	size_t column;
	bool found;
	struct ksk_fault fault;
};

static void
keep_first(void *ctx, size_t line, size_t column, const struct ksk_fault *fault)
{
	struct first *first = ctx;

	if (first->found &&
		(first->line < line ||
			(first->line == line && first->column <= column)))
		return;
	*first = (struct first){
		.line = line, .column = column, .found = true, .fault = *fault};
}

enum ksk_err
ksk_yaml_load(const struct ksk_yaml *yaml, const cyaml_schema_value_t *schema,
	void **out_data, struct ksk_fault *fault)
{
	struct first first = {.found = false};

	(void)ksk_yaml_check(yaml, schema, keep_first, &first);
	if (first.found) {
		ksk_fault_set(fault, "%s", first.fault.text);
		return KSK_ERR_BAD_INPUT;
	}
	return ksk_yaml_map(yaml, schema, out_data, fault);
}

void
ksk_yaml_release(const cyaml_schema_value_t *schema, void **data)
{
	struct ksk_fault kept = {""};
	cyaml_config_t config = make_config(&kept);

	if (data == NULL || *data == NULL)
		return;
	/* It can only fail for NULL arguments of ours. */
	(void)cyaml_free(&config, schema, *data, 0);
	*data = NULL;
}
