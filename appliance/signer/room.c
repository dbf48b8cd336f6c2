/* SPDX-License-Identifier: BSD-2-Clause */
/* room - see room.h. */
#include "appliance/signer/room.h"

#include "appliance/base/log.h"

#include <stdio.h>

/* A journal that can't be written is tried again so often, and so is filling
 * its reserve. */
#define RETRY_MS 500u
#define FILL_MS 1000u

void
ksk_room_failed(struct ksk_signer *signer, const struct ksk_fault *fault,
	uint64_t now_ms)
{
	if (!signer->journal_stuck)
		ksk_log(KSK_LOG_ERROR, "journal-stuck", fault->text, NULL);
	signer->journal_stuck = true;
	signer->stuck_commits = ksk_journal_commits(signer->journal);
	signer->journal_full = true;
	signer->retry_ms = now_ms + RETRY_MS;
	ksk_text_copy(
		signer->journal_why, sizeof(signer->journal_why), fault->text);
}

static void
begin(struct ksk_signer *signer)
{
	uint64_t mib = signer->start.reserve / (1024u * 1024u);

	(void)snprintf(signer->journal_why, sizeof(signer->journal_why),
		"the disk of the journal %.200s is full, and its reserve is "
		"being spent on what must be recorded; ends by itself when "
		"there is room for the reserve again: free %llu MiB",
		ksk_journal_path(signer->journal),
		(unsigned long long)(mib + mib / 4 + 1));
	if (signer->journal_full)
		return;
	signer->journal_full = true;
	ksk_log(KSK_LOG_ERROR, "journal-full", signer->journal_why, NULL);
}

static void
end(struct ksk_signer *signer)
{
	signer->journal_full = false;
	ksk_log(KSK_LOG_INFO, "journal-back",
		"the journal can be written again, and its reserve is whole",
		NULL);
}

void
ksk_room_run(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_journal *journal = signer->journal;

	if (ksk_journal_commits(journal) != signer->stuck_commits)
		signer->journal_stuck = false;
	if (signer->journal_stuck)
		return;
	if (ksk_journal_is_low(journal) && now_ms >= signer->fill_ms) {
		signer->fill_ms = now_ms + FILL_MS;
		(void)ksk_journal_refill(journal);
	}
	if (ksk_journal_is_low(journal))
		begin(signer);
	else if (signer->journal_full)
		end(signer);
}

bool
ksk_room_may_commit(const struct ksk_signer *signer, uint64_t now_ms)
{
	return !signer->journal_stuck || now_ms >= signer->retry_ms;
}
