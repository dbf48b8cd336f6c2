/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths into a YAML text and the faults that name them: "line 7, column 3:
 * zones[0].ttl: …". A path that does not exist takes the place of its nearest
 * parent that does, which is where a missing key should be written.
 */
#include "appliance/base/yaml_tree.h"

#include <stdio.h>
#include <string.h>

static void
append(struct ksk_yaml_path *path, const char *text)
{
	size_t room = sizeof(path->text) - 1 - path->len;
	size_t len = strlen(text);

	if (len > room)
		len = room;
	memcpy(path->text + path->len, text, len);
	path->len += len;
	path->text[path->len] = '\0';
}

void
ksk_yaml_path_key(struct ksk_yaml_path *path, const char *key)
{
	if (path->len != 0)
		append(path, ".");
	append(path, key);
}

void
ksk_yaml_path_item(struct ksk_yaml_path *path, size_t index)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "[%zu]", index);
	append(path, text);
}

void
ksk_yaml_fault_at(struct ksk_fault *fault, size_t line, size_t column,
	const char *path, const char *sentence)
{
	ksk_fault_set(fault, "line %zu, column %zu: %s%s%s", line, column, path,
		path[0] == '\0' ? "" : ": ", sentence);
}

static uint32_t
find_key(const struct ksk_yaml *yaml, uint32_t node, const char *key,
	size_t key_len)
{
	uint32_t i = yaml->nodes[node].first;

	if (yaml->nodes[node].kind != KSK_YAML_MAPPING)
		return KSK_YAML_NONE;
	for (; i != KSK_YAML_NONE; i = yaml->nodes[i].next) {
		const char *have = yaml->keys[yaml->nodes[i].key];

		if (strlen(have) == key_len && memcmp(have, key, key_len) == 0)
			return i;
	}
	return KSK_YAML_NONE;
}

static uint32_t
find_item(const struct ksk_yaml *yaml, uint32_t node, uint64_t index)
{
	uint32_t i = yaml->nodes[node].first;

	if (yaml->nodes[node].kind != KSK_YAML_SEQUENCE)
		return KSK_YAML_NONE;
	while (index-- != 0 && i != KSK_YAML_NONE)
		i = yaml->nodes[i].next;
	return i;
}

/* Takes one step of a path and moves *path behind it. */
static uint32_t
take_step(const struct ksk_yaml *yaml, uint32_t node, const char **path)
{
	const char *p = *path;
	uint64_t index = 0;
	size_t len;

	if (*p == '[') {
		for (p++; *p >= '0' && *p <= '9'; p++)
			index = index * 10 + (uint64_t)(*p - '0');
		*path = *p == ']' ? p + 1 : p;
		return find_item(yaml, node, index);
	}
	if (*p == '.')
		p++;
	len = strcspn(p, ".[");
	*path = p + len;
	return find_key(yaml, node, p, len);
}

void
ksk_yaml_place(const struct ksk_yaml *yaml, const char *path, size_t *out_line,
	size_t *out_column)
{
	uint32_t node = 0;

	while (*path != '\0') {
		uint32_t next = take_step(yaml, node, &path);

		if (next == KSK_YAML_NONE)
			break;
		node = next;
	}
	*out_line = yaml->nodes[node].line;
	*out_column = yaml->nodes[node].column;
}

void
ksk_yaml_fault(const struct ksk_yaml *yaml, struct ksk_fault *fault,
	const char *path, const char *fmt, ...)
{
	struct ksk_fault sentence = {""};
	size_t line, column;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence.text, sizeof(sentence.text), fmt, ap);
	va_end(ap);
	ksk_yaml_place(yaml, path, &line, &column);
	ksk_yaml_fault_at(fault, line, column, path, sentence.text);
}
