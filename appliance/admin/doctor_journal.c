/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_journal - the journal's folder, file and room. Contract: doctor.h.
 * While kskd runs the file is its signer's, who has checked it; else it is
 * opened to be read, and whose it is and of which version is looked at. All
 * of it is followed by kskadm journal check alone.
 */
#include "appliance/admin/doctor.h"
#include "appliance/admin/journal_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHECK "journal"
#define MIB (1024u * 1024u)

/* The signer fills its reserve only where a quarter of it stays free. */
#define SLACK_PART 4u

/* Returns true if the signer alone can change what is in the folder. */
static bool
check_folder(struct ksk_doctor *doctor, const char *folder)
{
	const struct ksk_config *config = doctor->config;
	struct stat st;

	if (stat(folder, &st) != 0) {
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"the folder %s: %s; if this appliance is new, run: "
			"kskadm init; else restore it",
			folder, strerror(errno));
		return false;
	}
	if (st.st_uid != config->signer.uid) {
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"the folder %s belongs to uid %ju; the signer is %ju: "
			"chown -R %ju:%ju %s",
			folder, (uintmax_t)st.st_uid,
			(uintmax_t)config->signer.uid,
			(uintmax_t)config->signer.uid,
			(uintmax_t)config->signer.gid, folder);
		return false;
	}
	if ((st.st_mode & 022) != 0) {
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"the folder %s can be changed by others (mode %04o); "
			"run: chmod go-w %s",
			folder, (unsigned)(st.st_mode & 07777), folder);
		return false;
	}
	return true;
}

static void
judge_missing(struct ksk_doctor *doctor, const char *folder)
{
	char mark[KSK_PATH_CAP + 8];
	struct stat st;

	(void)snprintf(mark, sizeof(mark), "%s/new", folder);
	if (lstat(mark, &st) == 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, CHECK,
			"%s is begun at the first start",
			doctor->config->journal);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"%s is not there, and nothing lets a new one begin: "
			"restore it from a copy",
			doctor->config->journal);
}

static void
judge_content(struct ksk_doctor *doctor)
{
	struct ksk_check check = {.path = doctor->config->journal};
	struct ksk_fault fault = {""};
	uint64_t version = 0;
	enum ksk_err err = ksk_check_peek(&check, &version, &fault);

	ksk_check_close(&check);
	if (err != KSK_OK)
		ksk_doctor_fault(doctor, CHECK, err, &fault);
	else if (version != KSK_CHECK_SCHEMA)
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, CHECK,
			"%s has version %" PRIu64 " and gets version %d at the "
			"next start; keep a copy of it until then",
			check.path, version, KSK_CHECK_SCHEMA);
	else if (doctor->has_id &&
		memcmp(check.appliance, doctor->id, KSK_ID_LEN) != 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"%s is another appliance's; put this one's there",
			check.path);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, CHECK,
			"%s is this appliance's; kskadm journal check follows "
			"every record",
			check.path);
}

static void
check_file(struct ksk_doctor *doctor, const char *folder)
{
	const struct ksk_config *config = doctor->config;
	struct stat st;

	if (lstat(config->journal, &st) != 0 && errno == ENOENT)
		judge_missing(doctor, folder);
	else if (lstat(config->journal, &st) != 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK, "%s: %s",
			config->journal, strerror(errno));
	else if (st.st_uid != config->signer.uid)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"%s belongs to uid %ju; the signer is %ju: chown "
			"%ju:%ju %s*",
			config->journal, (uintmax_t)st.st_uid,
			(uintmax_t)config->signer.uid,
			(uintmax_t)config->signer.uid,
			(uintmax_t)config->signer.gid, config->journal);
	else if (doctor->running)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, CHECK,
			"%s is in use by the kskd that runs", config->journal);
	else
		judge_content(doctor);
}

/* Bytes of the reserve that are set aside already. */
static uint64_t
reserve_held(const char *folder)
{
	char path[KSK_PATH_CAP + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/reserve", folder);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode)
		? (uint64_t)st.st_size
		: 0;
}

static void
check_room(struct ksk_doctor *doctor, const char *folder)
{
	const uint64_t wanted = doctor->config->reserve;
	const uint64_t held = reserve_held(folder);
	const uint64_t missing = held < wanted ? wanted - held : 0;
	struct statvfs fs;
	uint64_t room;

	if (statvfs(folder, &fs) != 0) {
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "room", "%s: %s",
			folder, strerror(errno));
		return;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room < missing + wanted / SLACK_PART)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "room",
			"%" PRIu64 " MiB are free in %s, and %" PRIu64
			" MiB of the journal's reserve are still to be set "
			"aside: make room, or nothing is signed "
			"(journal-full)",
			room / MIB, folder, missing / MIB);
	else if (room < missing + wanted)
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "room",
			"only %" PRIu64 " MiB are free in %s: make room before "
			"the journal is full",
			room / MIB, folder);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "room",
			"%" PRIu64 " MiB are free in %s, and %" PRIu64
			" MiB set aside",
			room / MIB, folder, held / MIB);
}

void
ksk_doctor_journal(struct ksk_doctor *doctor)
{
	char folder[KSK_PATH_CAP];

	if (!ksk_folder_of(doctor->config->journal, folder)) {
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, CHECK,
			"%s: the path must be absolute",
			doctor->config->journal);
		return;
	}
	if (!check_folder(doctor, folder))
		return;
	check_file(doctor, folder);
	check_room(doctor, folder);
}
