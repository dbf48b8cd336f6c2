/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event pass over a YAML text: refuses all that makes two readers
 * understand two things (anchors, aliases, tags, directives, several
 * documents, repeated keys, values left out) and builds the tree of places.
 * libyaml's parser keeps its own stack, so nothing here recurses.
 */
#include "appliance/base/yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* An open container. key: of the entry whose value comes next. */
struct frame {
	uint32_t node;
	uint32_t last; /* newest child or KSK_YAML_NONE */
	bool mapping;
	bool flow; /* {…} */
	bool has_key;
	uint16_t key;
	uint16_t key_column;
	uint32_t key_line;
};

struct build {
	struct ksk_yaml *yaml;
	struct frame stack[KSK_YAML_DEPTH_MAX];
	size_t depth;
	size_t documents;
	bool ended;
	struct ksk_fault *fault;
};

static uint16_t
cap_column(size_t column)
{
	return column >= UINT16_MAX ? UINT16_MAX : (uint16_t)(column + 1);
}

static void
build_path(const struct build *b, struct ksk_yaml_path *out_path)
{
	*out_path = (struct ksk_yaml_path){.len = 0};
	for (size_t i = 0; i < b->depth; i++) {
		const struct frame *f = &b->stack[i];
		bool inner = i + 1 == b->depth; /* its entry is yet to come */
		uint32_t len = b->yaml->nodes[f->node].len;

		if (!f->mapping)
			ksk_yaml_path_item(out_path, inner ? len : len - 1);
		else if (!inner || f->has_key)
			ksk_yaml_path_key(out_path, b->yaml->keys[f->key]);
	}
}

static enum ksk_err
refuse(const struct build *b, const yaml_mark_t *mark, const char *sentence)
{
	struct ksk_yaml_path path;

	build_path(b, &path);
	ksk_yaml_fault_at(b->fault, mark->line + 1, mark->column + 1, path.text,
		sentence);
	return KSK_ERR_BAD_INPUT;
}

/* Finds or adds a key. Returns KSK_YAML_KEY_MAX if there is no room. */
static size_t
intern_key(struct ksk_yaml *yaml, const char *key)
{
	for (size_t i = 0; i < yaml->key_count; i++) {
		if (strcmp(yaml->keys[i], key) == 0)
			return i;
	}
	if (yaml->key_count == KSK_YAML_KEY_MAX)
		return KSK_YAML_KEY_MAX;
	memcpy(yaml->keys[yaml->key_count], key, strlen(key) + 1);
	return yaml->key_count++;
}

static bool
is_key_text(const char *text, size_t len)
{
	if (len == 0 || len >= KSK_YAML_KEY_CAP)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			!(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

static enum ksk_err
refuse_repeated(struct build *b, const yaml_event_t *e, uint32_t first_line)
{
	char why[160];
	const char *key = (const char *)e->data.scalar.value;

	(void)snprintf(why, sizeof(why),
		"the key \"%s\" stands here twice, first in line %u; keep one",
		key, first_line);
	return refuse(b, &e->start_mark, why);
}

static enum ksk_err
take_key(struct build *b, const yaml_event_t *e)
{
	struct frame *top = &b->stack[b->depth - 1];
	const char *text = (const char *)e->data.scalar.value;
	size_t key;

	if (e->type != YAML_SCALAR_EVENT ||
		e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		!is_key_text(text, e->data.scalar.length))
		return refuse(b, &e->start_mark,
			"a key must be one plain word of letters, digits and "
			"hyphens, without quotes");
	key = intern_key(b->yaml, text);
	if (key == KSK_YAML_KEY_MAX)
		return refuse(b, &e->start_mark,
			"the text has more than 256 different keys");
	for (uint32_t i = b->yaml->nodes[top->node].first; i != KSK_YAML_NONE;
		i = b->yaml->nodes[i].next) {
		if (b->yaml->nodes[i].key == key)
			return refuse_repeated(
				b, e, b->yaml->nodes[i].key_line);
	}
	top->has_key = true;
	top->key = (uint16_t)key;
	top->key_line = (uint32_t)(e->start_mark.line + 1);
	top->key_column = cap_column(e->start_mark.column);
	return KSK_OK;
}

static enum ksk_err
grow(struct ksk_yaml *yaml)
{
	size_t cap = yaml->node_cap == 0 ? 256 : yaml->node_cap * 2;
	struct ksk_yaml_node *nodes;

	if (yaml->node_count < yaml->node_cap)
		return KSK_OK;
	nodes = realloc(yaml->nodes, cap * sizeof(*nodes));
	if (nodes == NULL)
		return KSK_ERR_NO_MEMORY;
	yaml->nodes = nodes;
	yaml->node_cap = cap;
	return KSK_OK;
}

/* Hangs the newest node into the open container. */
static void
link_node(struct build *b, uint32_t index)
{
	struct ksk_yaml_node *nodes = b->yaml->nodes;
	struct frame *top;

	if (b->depth == 0)
		return;
	top = &b->stack[b->depth - 1];
	if (top->mapping) {
		nodes[index].key = top->key;
		nodes[index].key_line = top->key_line;
		nodes[index].key_column = top->key_column;
	}
	if (top->last == KSK_YAML_NONE)
		nodes[top->node].first = index;
	else
		nodes[top->last].next = index;
	top->last = index;
	nodes[top->node].len++;
	top->has_key = false;
}

static enum ksk_err
add_node(struct build *b, const yaml_event_t *e, enum ksk_yaml_kind kind,
	size_t len, uint32_t *out_index)
{
	uint32_t index = (uint32_t)b->yaml->node_count;
	enum ksk_err err;

	if (b->yaml->node_count == KSK_YAML_NODE_MAX)
		return refuse(b, &e->start_mark,
			"the text holds more than 8,000,000 values");
	err = grow(b->yaml);
	if (err != KSK_OK)
		return err;
	b->yaml->nodes[index] = (struct ksk_yaml_node){
		.first = KSK_YAML_NONE,
		.next = KSK_YAML_NONE,
		.len = (uint32_t)len,
		.line = (uint32_t)(e->start_mark.line + 1),
		.key_line = (uint32_t)(e->start_mark.line + 1),
		.column = cap_column(e->start_mark.column),
		.key_column = cap_column(e->start_mark.column),
		.kind = (uint8_t)kind,
	};
	b->yaml->node_count++;
	link_node(b, index);
	*out_index = index;
	return KSK_OK;
}

/* In {x} the x may be meant as the value, and be a secret: it is not shown. */
static enum ksk_err
refuse_empty(struct build *b, const yaml_event_t *e)
{
	struct frame *top = &b->stack[b->depth - 1];

	if (top->mapping && top->flow) {
		top->has_key = false;
		return refuse(b, &e->start_mark,
			"a key without a value stands here; write {key: "
			"value}");
	}
	return refuse(b, &e->start_mark,
		"no value stands here; write one, or \"\" for an "
		"empty text, or [] for an empty list");
}

static enum ksk_err
take_scalar(struct build *b, const yaml_event_t *e)
{
	const uint8_t *value = e->data.scalar.value;
	size_t len = e->data.scalar.length;
	uint32_t index;

	if (b->depth == 0)
		return refuse(b, &e->start_mark,
			"the text must be keys and values, `key: value`");
	if (len == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse_empty(b, e);
	if (memchr(value, 0, len) != NULL)
		return refuse(b, &e->start_mark,
			"the value holds a zero byte; remove it");
	return add_node(b, e, KSK_YAML_SCALAR, len, &index);
}

static enum ksk_err
take_container(struct build *b, const yaml_event_t *e, bool mapping)
{
	uint32_t index;
	enum ksk_err err;

	if (b->depth == 0 && !mapping)
		return refuse(b, &e->start_mark,
			"the text must be keys and values, `key: value`, not "
			"a list");
	if (b->depth == KSK_YAML_DEPTH_MAX)
		return refuse(b, &e->start_mark,
			"values are nested more than 16 deep");
	/* A node's path is that of its place: entered before the push. */
	err = add_node(b, e, mapping ? KSK_YAML_MAPPING : KSK_YAML_SEQUENCE, 0,
		&index);
	if (err != KSK_OK)
		return err;
	b->stack[b->depth++] = (struct frame){
		.node = index,
		.last = KSK_YAML_NONE,
		.mapping = mapping,
		.flow = mapping &&
			e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
	};
	return KSK_OK;
}

static enum ksk_err
take_value(struct build *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(b, e);
	case YAML_MAPPING_START_EVENT:
		return take_container(b, e, true);
	case YAML_SEQUENCE_START_EVENT:
		return take_container(b, e, false);
	default:
		return refuse(b, &e->start_mark, "this is not a value");
	}
}

/* Anchors and tags change what a value means without changing its text. */
static enum ksk_err
check_plain(struct build *b, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	}
	if (anchor != NULL)
		return refuse(b, &e->start_mark,
			"anchors (&name) are not allowed; write the value out "
			"at each place");
	if (tag != NULL)
		return refuse(b, &e->start_mark,
			"tags (!type) are not allowed; remove the tag");
	return KSK_OK;
}

static enum ksk_err
take_node(struct build *b, const yaml_event_t *e)
{
	const struct frame *top;
	enum ksk_err err = check_plain(b, e);

	if (err != KSK_OK)
		return err;
	top = b->depth == 0 ? NULL : &b->stack[b->depth - 1];
	if (top != NULL && top->mapping && !top->has_key)
		return take_key(b, e);
	return take_value(b, e);
}

static enum ksk_err
take_document(struct build *b, const yaml_event_t *e)
{
	const yaml_tag_directive_t *first =
		e->data.document_start.tag_directives.start;

	if (e->data.document_start.version_directive != NULL ||
		first != e->data.document_start.tag_directives.end)
		return refuse(b, &e->start_mark,
			"directives (%YAML, %TAG) are not allowed; remove the "
			"line");
	if (b->documents++ != 0)
		return refuse(b, &e->start_mark,
			"a second document begins here; a file holds one");
	return KSK_OK;
}

static enum ksk_err
take_event(struct build *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return KSK_OK;
	case YAML_STREAM_END_EVENT:
		b->ended = true;
		return KSK_OK;
	case YAML_DOCUMENT_START_EVENT:
		return take_document(b, e);
	case YAML_ALIAS_EVENT:
		return refuse(b, &e->start_mark,
			"aliases (*name) are not allowed; write the value out "
			"here");
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return take_node(b, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return KSK_OK;
	}
	return KSK_ERR_INTERNAL;
}

/* libyaml gives a byte offset, not a mark, for what it can't decode. */
static yaml_mark_t
mark_of_offset(struct ksk_span text, size_t offset)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < offset && i < text.len; i++) {
		mark.column++;
		if (text.data[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

static enum ksk_err
refuse_syntax(const struct build *b, const yaml_parser_t *parser)
{
	yaml_mark_t mark = parser->problem_mark;
	char why[240];

	if (parser->error == YAML_MEMORY_ERROR)
		return KSK_ERR_NO_MEMORY;
	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(b->yaml->text, parser->problem_offset);
	(void)snprintf(why, sizeof(why), "this is not YAML: %s%s%s",
		parser->problem == NULL ? "it can't be read" : parser->problem,
		parser->context == NULL ? "" : ", ",
		parser->context == NULL ? "" : parser->context);
	return refuse(b, &mark, why);
}

static enum ksk_err
read_events(struct build *b, yaml_parser_t *parser)
{
	yaml_event_t e;
	enum ksk_err err;

	while (!b->ended) {
		if (yaml_parser_parse(parser, &e) == 0)
			return refuse_syntax(b, parser);
		err = take_event(b, &e);
		yaml_event_delete(&e);
		if (err != KSK_OK)
			return err;
	}
	if (b->documents == 0) {
		ksk_yaml_fault_at(b->fault, 1, 1, "", "the text is empty");
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

static enum ksk_err
check_start(struct ksk_span text, size_t max_len, struct ksk_fault *fault)
{
	static const uint8_t mark[] = {0xef, 0xbb, 0xbf};

	if (text.len > max_len) {
		ksk_fault_set(fault,
			"line 1, column 1: the text has %zu bytes, at most %zu "
			"are read",
			text.len, max_len);
		return KSK_ERR_TOO_LARGE;
	}
	if (text.len >= sizeof(mark) &&
		memcmp(text.data, mark, sizeof(mark)) == 0) {
		ksk_yaml_fault_at(fault, 1, 1, "",
			"the text begins with a byte-order mark; save it as "
			"UTF-8 without");
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

enum ksk_err
ksk_yaml_index(struct ksk_span text, size_t max_len, struct ksk_yaml **out_yaml,
	struct ksk_fault *fault)
{
	struct build b = {.fault = fault};
	yaml_parser_t parser;
	enum ksk_err err = check_start(text, max_len, fault);

	if (err != KSK_OK)
		return err;
	b.yaml = calloc(1, sizeof(*b.yaml));
	if (b.yaml == NULL)
		return KSK_ERR_NO_MEMORY;
	b.yaml->text = text;
	if (yaml_parser_initialize(&parser) == 0) {
		ksk_yaml_free(&b.yaml);
		return KSK_ERR_NO_MEMORY;
	}
	/* Stated, so that no byte-order mark can make it UTF-16. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.data, text.len);
	err = read_events(&b, &parser);
	yaml_parser_delete(&parser);
	if (err != KSK_OK) {
		ksk_yaml_free(&b.yaml);
		return err;
	}
	*out_yaml = b.yaml;
	return KSK_OK;
}

void
ksk_yaml_free(struct ksk_yaml **yaml)
{
	if (yaml == NULL || *yaml == NULL)
		return;
	free((*yaml)->nodes);
	free(*yaml);
	*yaml = NULL;
}
