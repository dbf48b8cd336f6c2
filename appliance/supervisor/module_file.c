/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module_file - see module_file.h.
 */
#include "appliance/supervisor/module_file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

static bool
hash_fd(int fd, EVP_MD_CTX *ctx, uint8_t out[KSK_HASH_LEN])
{
	uint8_t room[16384];

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return false;
	for (;;) {
		const ssize_t n = read(fd, room, sizeof room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
		if (EVP_DigestUpdate(ctx, room, (size_t)n) != 1)
			return false;
	}
}

static enum ksk_err
check_digest(
	const struct ksk_config_token *token, int fd, struct ksk_fault *fault)
{
	uint8_t have[KSK_HASH_LEN];
	char text[2 * KSK_HASH_LEN + 1];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool hashed = hash_fd(fd, ctx, have);

	EVP_MD_CTX_free(ctx);
	if (!hashed) {
		ksk_fault_set(fault, "module %s can't be read: %s",
			token->module, strerror(errno));
		return KSK_ERR_IO;
	}
	if (memcmp(have, token->sha256, sizeof have) == 0)
		return KSK_OK;
	ksk_hex_write(ksk_span_of(have, sizeof have), text, sizeof text);
	ksk_fault_set(fault,
		"module %s has the SHA-256 %s, not that of the configuration; "
		"if it was upgraded on purpose, write the new one",
		token->module, text);
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_module_file_check(
	const struct ksk_config_token *token, struct ksk_fault *fault)
{
	enum ksk_err err;
	int fd;

	err = ksk_open_trusted(
		token->module, "PKCS#11 module", false, &fd, fault);
	if (err != KSK_OK)
		return err;
	if (token->has_sha256)
		err = check_digest(token, fd, fault);
	close(fd);
	return err;
}
