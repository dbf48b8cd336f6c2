/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module_check - is the PKCS#11 module's file the one that was configured?
 * Guards against an exchanged or updated file. Root, who can replace the file
 * between this look and the loading, is trusted anyway.
 */
#include "hsm/token.h"
#include "protocol/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

static bool
hash_file(int fd, uint8_t out[EVP_MAX_MD_SIZE])
{
	uint8_t block[16384];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
		EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	while (ok) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n <= 0) {
			ok = n == 0 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
			break;
		}
		ok = EVP_DigestUpdate(ctx, block, (size_t)n) == 1;
	}
	EVP_MD_CTX_free(ctx);
	return ok;
}

enum ksk_err
ksk_module_check(
	const char *path, const uint8_t *sha256, struct ksk_fault *fault)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	char hex[2 * KSK_HASH_LEN + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool hashed;

	if (fd < 0) {
		ksk_fault_set(fault, "the module %s can't be opened: %s", path,
			strerror(errno));
		return KSK_ERR_IO;
	}
	hashed = sha256 != NULL && hash_file(fd, hash);
	(void)close(fd);
	if (sha256 == NULL)
		return KSK_OK;
	if (!hashed) {
		ksk_fault_set(fault, "the module %s can't be read", path);
		return KSK_ERR_IO;
	}
	if (memcmp(hash, sha256, KSK_HASH_LEN) == 0)
		return KSK_OK;
	ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_fault_set(fault,
		"the module %s has changed: its SHA-256 is %s; if that is "
		"right, correct sha256: in kskd.yaml",
		path, hex);
	return KSK_ERR_IO;
}
