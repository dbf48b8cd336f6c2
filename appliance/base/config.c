/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - see config.h. Here: the file, from path to value. The keys stand in
 * config_schema.c, their meaning in config_check.c and config_token.c.
 */
#include "appliance/base/config.h"

#include "appliance/base/config_schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A kskd.yaml with eight tokens, and ample comments, is far below. */
#define FILE_MAX_LEN (256u * 1024u)

#define APPLIANCE_ID_FILE "/appliance-id"

/* Reads a whole file, up to cap bytes; a longer one is KSK_ERR_TOO_LARGE. */
static enum ksk_err
read_file(int fd, uint8_t *out, size_t cap, size_t *out_len)
{
	size_t len = 0;

	while (len <= cap) {
		const ssize_t n = read(fd, out + len, cap + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return KSK_ERR_IO;
		if (n == 0) {
			*out_len = len;
			return KSK_OK;
		}
		len += (size_t)n;
	}
	return KSK_ERR_TOO_LARGE;
}

/* Puts the file's name in front of a fault that has line and column. */
static void
prefix_fault(struct ksk_fault *fault, const char *path)
{
	struct ksk_fault inner;

	if (fault == NULL)
		return;
	inner = *fault;
	ksk_fault_set(fault, "%s: %s", path, inner.text);
}

static enum ksk_err
read_indexed(const struct ksk_yaml *yaml, struct ksk_config *out_config,
	struct ksk_fault *fault)
{
	const struct ksk_config_reader reader = {.yaml = yaml, .fault = fault};
	void *data = NULL;
	enum ksk_err err;

	err = ksk_yaml_load(yaml, &ksk_config_schema, &data, fault);
	if (err != KSK_OK)
		return err;
	err = ksk_config_check(&reader, data, out_config);
	ksk_yaml_release(&ksk_config_schema, &data);
	return err;
}

static enum ksk_err
read_text(struct ksk_span text, struct ksk_config *out_config,
	struct ksk_fault *fault)
{
	struct ksk_yaml *yaml = NULL;
	enum ksk_err err;

	err = ksk_yaml_index(text, FILE_MAX_LEN, &yaml, fault);
	if (err != KSK_OK)
		return err;
	err = read_indexed(yaml, out_config, fault);
	ksk_yaml_free(&yaml);
	return err;
}

/* Reads an open kskd.yaml. room: FILE_MAX_LEN + 1 bytes. */
static enum ksk_err
read_open(int fd, uint8_t *room, struct ksk_config *out_config,
	struct ksk_fault *fault)
{
	enum ksk_err err;
	size_t len = 0;

	err = read_file(fd, room, FILE_MAX_LEN, &len);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "the file can't be read: %s",
			err == KSK_ERR_TOO_LARGE ? "it is longer than 256 KiB"
						 : strerror(errno));
		return err == KSK_ERR_TOO_LARGE ? KSK_ERR_BAD_INPUT : err;
	}
	return read_text(ksk_span_of(room, len), out_config, fault);
}

enum ksk_err
ksk_config_load(const char *path, struct ksk_config *out_config,
	struct ksk_fault *fault)
{
	struct ksk_config *config = NULL;
	uint8_t *room = NULL;
	int fd = -1;
	enum ksk_err err;

	err = ksk_open_trusted(path, "configuration", false, &fd, fault);
	if (err != KSK_OK)
		return err;
	err = KSK_ERR_NO_MEMORY;
	config = calloc(1, sizeof *config);
	room = malloc(FILE_MAX_LEN + 1);
	if (config == NULL || room == NULL) {
		ksk_fault_set(fault, "no memory is left");
		goto out;
	}
	err = read_open(fd, room, config, fault);
	if (err != KSK_OK) {
		prefix_fault(fault, path);
		goto out;
	}
	snprintf(config->file, sizeof config->file, "%s", path);
	*out_config = *config;
out:
	free(room);
	free(config);
	close(fd);
	return err;
}

/* 32 hexadecimal digits and one line feed, as kskadm writes them. */
static bool
read_id(const uint8_t *text, size_t text_len, uint8_t out_id[KSK_ID_LEN])
{
	uint8_t id[KSK_ID_LEN];
	size_t len = 0;

	if (text_len > 0 && text[text_len - 1] == '\n')
		text_len--;
	if (ksk_hex_read((const char *)text, text_len, id, sizeof id, &len) !=
			KSK_OK ||
		len != KSK_ID_LEN)
		return false;
	memcpy(out_id, id, sizeof id);
	return true;
}

enum ksk_err
ksk_config_appliance(const struct ksk_config *config,
	uint8_t out_id[KSK_ID_LEN], struct ksk_fault *fault)
{
	char path[KSK_PATH_CAP + sizeof APPLIANCE_ID_FILE];
	uint8_t text[2 * KSK_ID_LEN + 3];
	size_t len = 0;
	enum ksk_err err;
	int fd;

	snprintf(path, sizeof path, "%s" APPLIANCE_ID_FILE, config->state);
	err = ksk_open_trusted(path, "appliance id", false, &fd, fault);
	if (err == KSK_ERR_NOT_FOUND)
		ksk_fault_set(fault,
			"appliance id %s does not exist; run: kskadm init",
			path);
	if (err != KSK_OK)
		return err;
	err = read_file(fd, text, sizeof text - 1, &len);
	close(fd);
	if (err == KSK_ERR_IO) {
		ksk_fault_set(fault, "appliance id %s can't be read: %s", path,
			strerror(errno));
		return err;
	}
	if (err != KSK_OK || !read_id(text, len, out_id)) {
		ksk_fault_set(fault,
			"appliance id %s does not hold 32 hexadecimal digits; "
			"restore the file as kskadm init wrote it",
			path);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}
