/* SPDX-License-Identifier: BSD-2-Clause */
/* ceremony_transcript - lines of a transcript, see ceremony.h. Whatever a module
 * or a person puts into a text, it stays on its line and behind its mark. */
#include "appliance/admin/ceremony.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum ksk_exit
ksk_transcript_open(const char *path, struct ksk_transcript *out_transcript)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *file;

	if (fd < 0) {
		ksk_say("%s can't be made: %s%s", path, strerror(errno),
			errno == EEXIST ? "; nothing is overwritten" : "");
		return KSK_EXIT_FILE;
	}
	/* It holds no secrets and is made to be shown. */
	file = fchmod(fd, 0644) == 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		ksk_say("%s can't be written", path);
		(void)close(fd);
		return KSK_EXIT_FILE;
	}
	*out_transcript = (struct ksk_transcript){.file = file};
	return KSK_EXIT_OK;
}

static void
put_text(struct ksk_transcript *t, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		int done = (c < 0x20 && c != '\t') || c == 0x7f
			? fprintf(t->file, "\\x%02x", c)
			: fputc(c, t->file);

		t->failed = t->failed || done < 0;
	}
}

void
ksk_transcript_output(struct ksk_transcript *t, const char *mark,
	const char *text, size_t len)
{
	if (fprintf(t->file, "%s ", mark) < 0)
		t->failed = true;
	put_text(t, text, len);
	if (fputc('\n', t->file) < 0)
		t->failed = true;
}

void
ksk_transcript_put(
	struct ksk_transcript *t, const char *name, const char *fmt, ...)
{
	char text[4096];
	char mark[64];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(mark, sizeof(mark), "%s:", name);
	ksk_transcript_output(t, mark, text, strlen(text));
}

bool
ksk_transcript_sync(struct ksk_transcript *t)
{
	if (fflush(t->file) != 0 || fsync(fileno(t->file)) != 0)
		t->failed = true;
	return !t->failed;
}

static bool
hash_fd(int fd, uint8_t out[EVP_MAX_MD_SIZE])
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

bool
ksk_file_sha256(const char *path, char out[2 * KSK_HASH_LEN + 1])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && hash_fd(fd, hash);

	if (fd >= 0)
		(void)close(fd);
	if (ok)
		ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), out,
			2 * KSK_HASH_LEN + 1);
	else
		(void)snprintf(out, 2 * KSK_HASH_LEN + 1, "unreadable");
	return ok;
}
