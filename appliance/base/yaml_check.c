/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares an indexed text with a libcyaml schema and reports *every* place
 * where they differ: unknown keys (with the known ones), missing keys, a list
 * where a text should be, lists too long, texts too long. libcyaml would stop
 * at the first. The walk keeps its own stack: depth is bounded by the index.
 */
#include "appliance/base/yaml_tree.h"

#include <stdio.h>
#include <string.h>

/* One open container; next: its child to look at, at: that child's number. */
struct level {
	uint32_t node;
	uint32_t next;
	size_t at;
	const cyaml_schema_value_t *schema;
};

struct walk {
	const struct ksk_yaml *yaml;
	struct level stack[KSK_YAML_DEPTH_MAX + 1];
	size_t depth;
	ksk_yaml_report_fn report;
	void *ctx;
	bool mappable;
};

static void
report_at(struct walk *w, const struct ksk_yaml_path *path, size_t line,
	size_t column, const char *sentence)
{
	struct ksk_fault fault = {""};

	ksk_yaml_fault_at(&fault, line, column, path->text, sentence);
	w->report(w->ctx, line, column, &fault);
}

/* The path of the child of the topmost level, or of that level itself. */
static void
walk_path(const struct walk *w, bool child, struct ksk_yaml_path *out_path)
{
	*out_path = (struct ksk_yaml_path){.len = 0};
	for (size_t i = 0; i + (child ? 0 : 1) < w->depth; i++) {
		const struct level *l = &w->stack[i];
		const struct ksk_yaml_node *at = &w->yaml->nodes[l->next];

		if (w->yaml->nodes[l->node].kind == KSK_YAML_MAPPING)
			ksk_yaml_path_key(out_path, w->yaml->keys[at->key]);
		else
			ksk_yaml_path_item(out_path, l->at);
	}
}

static void
report_node(
	struct walk *w, const struct ksk_yaml_node *node, const char *sentence)
{
	struct ksk_yaml_path path;

	walk_path(w, true, &path);
	report_at(w, &path, node->line, node->column, sentence);
}

static const cyaml_schema_field_t *
find_field(const cyaml_schema_value_t *schema, const char *key)
{
	const cyaml_schema_field_t *f = schema->mapping.fields;

	for (; f->key != NULL; f++) {
		if (strcmp(f->key, key) == 0)
			return f;
	}
	return NULL;
}

static void
report_unknown(struct walk *w, const struct ksk_yaml_node *node,
	const cyaml_schema_value_t *schema)
{
	const cyaml_schema_field_t *f = schema->mapping.fields;
	const bool hidden = ((unsigned)schema->flags & KSK_YAML_HIDDEN) != 0;
	struct ksk_yaml_path path;
	char why[480];
	size_t len;

	if (hidden)
		len = (size_t)snprintf(
			why, sizeof(why), "a key that is not known; known are");
	else
		len = (size_t)snprintf(why, sizeof(why),
			"there is no key \"%s\" here; known are",
			w->yaml->keys[node->key]);
	for (; f->key != NULL; f++) {
		if (len + strlen(f->key) + 3 > sizeof(why))
			break;
		len += (size_t)snprintf(why + len, sizeof(why) - len, "%s %s",
			f == schema->mapping.fields ? "" : ",", f->key);
	}
	walk_path(w, !hidden, &path);
	report_at(w, &path, node->key_line, node->key_column, why);
}

static bool
is_required(const cyaml_schema_field_t *field)
{
	unsigned flags = (unsigned)field->value.flags;

	return (flags & CYAML_FLAG_OPTIONAL) == 0 ||
		(flags & KSK_YAML_REQUIRED) != 0;
}

static void
report_missing(struct walk *w, uint32_t index, const cyaml_schema_field_t *f)
{
	const struct ksk_yaml_node *node = &w->yaml->nodes[index];
	struct ksk_yaml_path path;
	char why[160];

	(void)snprintf(
		why, sizeof(why), "the key \"%s\" is missing here", f->key);
	walk_path(w, false, &path);
	report_at(w, &path, node->line, node->column, why);
	if (((unsigned)f->value.flags & CYAML_FLAG_OPTIONAL) == 0)
		w->mappable = false;
}

static void
check_missing(
	struct walk *w, uint32_t index, const cyaml_schema_value_t *schema)
{
	const cyaml_schema_field_t *f = schema->mapping.fields;

	for (; f->key != NULL; f++) {
		uint32_t i = w->yaml->nodes[index].first;

		if (!is_required(f))
			continue;
		while (i != KSK_YAML_NONE &&
			strcmp(w->yaml->keys[w->yaml->nodes[i].key], f->key) !=
				0)
			i = w->yaml->nodes[i].next;
		if (i == KSK_YAML_NONE)
			report_missing(w, index, f);
	}
}

static const char *
kind_text(unsigned kind)
{
	static const char *const text[] = {
		"a single value", "keys and values", "a list"};

	return text[kind];
}

static enum ksk_yaml_kind
kind_of(const cyaml_schema_value_t *schema)
{
	switch (schema->type) {
	case CYAML_MAPPING:
	case CYAML_BITFIELD:
		return KSK_YAML_MAPPING;
	case CYAML_SEQUENCE:
	case CYAML_SEQUENCE_FIXED:
	case CYAML_FLAGS:
		return KSK_YAML_SEQUENCE;
	default:
		return KSK_YAML_SCALAR;
	}
}

static bool
check_kind(struct walk *w, const struct ksk_yaml_node *node,
	const cyaml_schema_value_t *schema)
{
	char why[120];

	if (node->kind == (unsigned)kind_of(schema))
		return true;
	(void)snprintf(why, sizeof(why), "%s stands here; %s must",
		kind_text(node->kind), kind_text((unsigned)kind_of(schema)));
	report_node(w, node, why);
	w->mappable = false;
	return false;
}

/* Lengths of texts and lists: outside these libcyaml stops. */
static void
check_len(struct walk *w, const struct ksk_yaml_node *node,
	const cyaml_schema_value_t *schema)
{
	bool list = node->kind == KSK_YAML_SEQUENCE;
	uint32_t min, max;
	char why[120];

	if (schema->type == CYAML_STRING) {
		min = schema->string.min;
		max = schema->string.max;
	} else if (list && schema->type != CYAML_FLAGS) {
		min = schema->sequence.min;
		max = schema->sequence.max;
	} else {
		return;
	}
	if (node->len >= min && node->len <= max)
		return;
	if (node->len < min)
		(void)snprintf(why, sizeof(why), "at least %u %s must be here",
			min, list ? "entries" : "characters");
	else
		(void)snprintf(why, sizeof(why),
			"%u %s are too many; at most %u", node->len,
			list ? "entries" : "characters", max);
	report_node(w, node, why);
	w->mappable = false;
}

static void
enter(struct walk *w, uint32_t index, const cyaml_schema_value_t *schema)
{
	w->stack[w->depth++] = (struct level){
		.node = index,
		.next = w->yaml->nodes[index].first,
		.schema = schema,
	};
	if (schema->type == CYAML_MAPPING)
		check_missing(w, index, schema);
}

/* Looks at one child; true if it was entered. */
static bool
check_child(struct walk *w, const struct level *l)
{
	const struct ksk_yaml_node *node = &w->yaml->nodes[l->next];
	const cyaml_schema_value_t *schema = l->schema;

	if (schema->type == CYAML_MAPPING) {
		const cyaml_schema_field_t *f = find_field(
			schema, w->yaml->keys[node->key]);

		if (f == NULL) {
			report_unknown(w, node, schema);
			return false;
		}
		schema = &f->value;
	} else {
		schema = schema->sequence.entry;
	}
	if (schema->type == CYAML_IGNORE || !check_kind(w, node, schema))
		return false;
	check_len(w, node, schema);
	if (schema->type != CYAML_MAPPING && schema->type != CYAML_SEQUENCE &&
		schema->type != CYAML_SEQUENCE_FIXED)
		return false;
	enter(w, l->next, schema);
	return true;
}

bool
ksk_yaml_check(const struct ksk_yaml *yaml, const cyaml_schema_value_t *schema,
	ksk_yaml_report_fn report, void *ctx)
{
	struct walk w = {
		.yaml = yaml, .report = report, .ctx = ctx, .mappable = true};

	enter(&w, 0, schema);
	while (w.depth != 0) {
		struct level *l = &w.stack[w.depth - 1];

		if (l->next == KSK_YAML_NONE) {
			w.depth--;
			if (w.depth == 0)
				break;
			l = &w.stack[w.depth - 1];
		} else if (check_child(&w, l)) {
			continue;
		}
		l->next = yaml->nodes[l->next].next;
		l->at++;
	}
	return w.mappable;
}
