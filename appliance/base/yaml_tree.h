/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * yaml_tree - the index behind yaml.h, shared by yaml_index.c (builds it),
 * yaml_check.c (compares it with a schema) and yaml_load.c. Nobody else
 * includes it. One node per value, in the order of the text; keys are kept
 * once each, because a policy repeats the same few a million times.
 * Tests: tests/unit/test_yaml.c
 */
#ifndef KSK_BASE_YAML_TREE_H
#define KSK_BASE_YAML_TREE_H

#include "appliance/base/yaml.h"

/* Containers inside containers: the policy needs 7 (zones, zone, providers,
 * provider, keys, key, value). */
#define KSK_YAML_DEPTH_MAX 16u

/* Values of one text: a policy of 100,000 zones has 5 million. */
#define KSK_YAML_NODE_MAX 8000000u

/* Different keys of one text: ours know fewer than 100. */
#define KSK_YAML_KEY_MAX 256u

/* Room for one key: the longest we know has 24 characters. */
#define KSK_YAML_KEY_CAP 64u

/* Room for a path in a fault; longer ones are cut. */
#define KSK_YAML_PATH_CAP 200u

#define KSK_YAML_NONE UINT32_MAX

enum ksk_yaml_kind {
	KSK_YAML_SCALAR,
	KSK_YAML_MAPPING,
	KSK_YAML_SEQUENCE,
};

/* first, next: index of the first child and of the next sibling, or
 * KSK_YAML_NONE. len: bytes of a scalar, entries of a container. key: index
 * into keys, for entries of mappings. Lines and columns count from 1; columns
 * stop at 65,535. */
struct ksk_yaml_node {
	uint32_t first;
	uint32_t next;
	uint32_t len;
	uint32_t line;
	uint32_t key_line;
	uint16_t column;
	uint16_t key_column;
	uint16_t key;
	uint8_t kind; /* enum ksk_yaml_kind */
};

struct ksk_yaml {
	struct ksk_span text;
	struct ksk_yaml_node *nodes; /* [0] is the top */
	size_t node_count;
	size_t node_cap;
	size_t key_count;
	char keys[KSK_YAML_KEY_MAX][KSK_YAML_KEY_CAP];
};

/* A path under construction: "zones[3].name". Cut when full. */
struct ksk_yaml_path {
	size_t len;
	char text[KSK_YAML_PATH_CAP];
};

void ksk_yaml_path_key(struct ksk_yaml_path *path, const char *key);
void ksk_yaml_path_item(struct ksk_yaml_path *path, size_t index);

/* Sets "line L, column C: PATH: sentence"; an empty path is left out. */
void ksk_yaml_fault_at(struct ksk_fault *fault, size_t line, size_t column,
	const char *path, const char *sentence);

#endif
