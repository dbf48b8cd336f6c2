/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reopen - opens a journal as the signer does at its start and tells what
 * becomes of it: "ok <last record> <its hash>" or "refused <reason>". One line
 * "<path> <appliance id>" of standard input asks, one line answers.
 */
#include "appliance/base/clock.h"
#include "appliance/signer/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
take_line(char *line, uint8_t out_id[KSK_ID_LEN])
{
	char *space = strrchr(line, ' ');
	size_t len = 0;

	if (space == NULL)
		return false;
	*space = '\0';
	return ksk_hex_read(space + 1, strcspn(space + 1, "\n"), out_id,
		       KSK_ID_LEN, &len) == KSK_OK &&
		len == KSK_ID_LEN;
}

static void
reopen(const char *path, const uint8_t id[KSK_ID_LEN])
{
	struct ksk_fault fault = {.text = ""};
	struct ksk_journal *journal = NULL;
	struct ksk_head head;
	char hash[2 * KSK_HASH_LEN + 1];

	if (ksk_journal_open(path, id, ksk_clock_now(), &journal, &fault) !=
		KSK_OK) {
		printf("refused %s\n", fault.text);
		return;
	}
	head = ksk_journal_head(journal);
	ksk_hex_write(ksk_span_of(head.hash, KSK_HASH_LEN), hash, sizeof hash);
	printf("ok %llu %s\n", (unsigned long long)head.number, hash);
	ksk_journal_close(&journal);
}

int
main(void)
{
	char line[4096];

	while (fgets(line, sizeof line, stdin) != NULL) {
		uint8_t id[KSK_ID_LEN];

		if (!take_line(line, id))
			return EXIT_FAILURE;
		reopen(line, id);
		(void)fflush(stdout);
	}
	return EXIT_SUCCESS;
}
