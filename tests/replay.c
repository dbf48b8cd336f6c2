/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay - a plain main for fuzz entries: runs LLVMFuzzerTestOneInput over
 * every file given, folders walked, so that `make check` keeps every input
 * that ever mattered without needing libFuzzer. Ends in "N inputs replayed".
 */
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly the file's size, so that a read behind it is seen. */
static int
replay_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size == 0 ? 1 : size);
	FILE *file = fopen(path, "rb");
	int failed = data == NULL || file == NULL ||
		fread(data, 1, size, file) != size;

	if (failed)
		perror(path);
	else
		(void)LLVMFuzzerTestOneInput(data, size);
	if (file != NULL)
		(void)fclose(file);
	free(data);
	return failed;
}

int
main(int argc, char **argv)
{
	size_t count = 0;
	int failed = 0;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s FILE-OR-FOLDER…\n", argv[0]);
		return 2;
	}
	FTS *walk = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (walk == NULL) {
		perror(argv[0]);
		return 1;
	}
	for (FTSENT *e; (e = fts_read(walk)) != NULL;) {
		if (e->fts_info == FTS_F) {
			failed |= replay_file(
				e->fts_accpath, (size_t)e->fts_statp->st_size);
			count++;
		} else if (e->fts_info != FTS_D && e->fts_info != FTS_DP) {
			(void)fprintf(
				stderr, "%s: can't be read\n", e->fts_path);
			failed = 1;
		}
	}
	(void)fts_close(walk);
	printf("%zu inputs replayed\n", count);
	return failed != 0 || count == 0;
}
