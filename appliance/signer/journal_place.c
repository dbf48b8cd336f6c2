/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_place - is what is written to still the file at its path? A file that
 * was moved, removed or replaced takes records for as long as it is open, and
 * with the process they are gone: nobody finds them at the next start. The same
 * goes for its log (WAL). Contract: journal_internal.h
 */
#include "appliance/signer/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Returns true unless another file stands there, or none. Its times are not
 * asked for: who has seen them makes each write after that pay for new ones,
 * and every commit with it. */
static bool
is_same(const char *path, struct ksk_place *place)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &st) != 0)
		/* A folder that is closed to us hides the file, no more. */
		return errno == EACCES || !place->seen;
	if (!place->seen)
		*place = (struct ksk_place){
			st.stx_dev_major, st.stx_dev_minor, st.stx_ino, true};
	return st.stx_dev_major == place->major &&
		st.stx_dev_minor == place->minor && st.stx_ino == place->ino;
}

enum ksk_err
ksk_journal_check_place(struct ksk_journal *journal, struct ksk_fault *fault)
{
	char log[KSK_PATH_CAP + sizeof("-wal")];
	const char *lost = NULL;

	(void)snprintf(log, sizeof(log), "%s-wal", journal->path);
	if (!is_same(journal->path, &journal->file))
		lost = journal->path;
	else if (!is_same(log, &journal->log))
		lost = log;
	if (lost == NULL)
		return KSK_OK;
	ksk_fault_set(fault,
		"the journal's file %s was removed or replaced while it was in "
		"use: put the very same file back (by moving it), or stop "
		"kskd, which may take what it wrote since with it, and restore "
		"the newest copy",
		lost);
	return KSK_ERR_IO;
}
