/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_prune - `kskadm journal prune`: the verb. See journal_prune.h.
 *
 * The journal belongs to the signer's user, and so does the folder it lies in:
 * whatever is done there is done as that user.
 */
#include "appliance/admin/journal_prune.h"

#include "appliance/base/clock.h"
#include "appliance/base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum ksk_err
become(const struct ksk_config_user *user, struct ksk_fault *fault)
{
	if (geteuid() != 0 ||
		(setgroups(0, NULL) == 0 &&
			setresgid(user->gid, user->gid, user->gid) == 0 &&
			setresuid(user->uid, user->uid, user->uid) == 0))
		return KSK_OK;
	ksk_fault_set(fault, "the signer's user can't be taken on: %s",
		strerror(errno));
	return KSK_ERR_PERMISSION;
}

/* What the signer's user may not read is read before. */
static enum ksk_err
prepare(struct ksk_prune *p, const char *key, const struct ksk_config *config,
	struct ksk_fault *fault)
{
	struct ksk_check exported = {.db = NULL};
	enum ksk_err err = ksk_check_trust(&p->check, key, fault);

	if (err == KSK_OK)
		err = ksk_check_trust(&p->after, key, fault);
	if (err == KSK_OK)
		err = ksk_check_trust(&exported, key, fault);
	p->exported = exported.chain;
	if (err != KSK_OK)
		return err;
	p->export_fd = open(p->export_path, O_RDONLY | O_CLOEXEC);
	if (p->export_fd < 0) {
		ksk_fault_set(fault, "%s: %s", p->export_path, strerror(errno));
		return KSK_ERR_IO;
	}
	for (uint16_t i = 0; i < config->token_count; i++)
		p->has_anchor = p->has_anchor || config->token[i].anchor;
	return become(&config->signer, fault);
}

static uint64_t
size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Gives the space back to the disk. Without it the journal fills it again. */
static void
shrink(struct ksk_prune *p)
{
	sqlite3 *db = p->check.db;

	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (sqlite3_exec(db,
		    "PRAGMA wal_checkpoint(TRUNCATE); VACUUM;"
		    "PRAGMA wal_checkpoint(TRUNCATE);",
		    NULL, NULL, NULL) != SQLITE_OK)
		ksk_say("%s keeps its size, and what was freed in it is used "
			"again first: %s",
			p->check.path, sqlite3_errmsg(db));
}

static void
print_done(struct ksk_prune *p, uint64_t size)
{
	const struct ksk_chain_state *state = ksk_chain_state(p->after.chain);

	(void)printf("pruned: records %" PRIu64 " to %" PRIu64
		     "; of all older ones %" PRIu64 " stay\n"
		     "records: %" PRIu64 " to %" PRIu64 "\n",
		p->check.oldest, p->through, p->after.stay_count, state->first,
		state->head);
	(void)printf("bytes: %" PRIu64 " before, %" PRIu64 " after\n", size,
		size_of(p->check.path));
}

static enum ksk_err
run(struct ksk_prune *p, struct ksk_fault *fault)
{
	uint64_t size = size_of(p->check.path);
	enum ksk_err err = ksk_check_all(&p->check, fault);

	if (err == KSK_OK)
		err = ksk_prune_bound(p, fault);
	if (err == KSK_OK)
		err = ksk_prune_export(p, fault);
	if (err != KSK_OK)
		return err;
	if (!p->found) {
		(void)printf("nothing is pruned: %s\n", p->why);
		return KSK_OK;
	}
	err = ksk_prune_run(p, fault);
	if (err != KSK_OK)
		return err;
	shrink(p);
	print_done(p, size);
	return KSK_OK;
}

static bool
read_age(struct ksk_prune *p, const char *text)
{
	uint64_t age;

	if (text == NULL)
		return true;
	if (ksk_text_duration(text, &age) != KSK_OK || age == 0 ||
		age > p->now) {
		ksk_say("--older-than takes a time like 90d, not \"%s\"", text);
		return false;
	}
	p->younger = p->now - age;
	return true;
}

enum ksk_exit
ksk_verb_journal_prune(const char *config_path, int argc, char **argv)
{
	struct ksk_prune p = {.export_fd = -1, .now = ksk_clock_now()};
	const char *key = NULL, *age = NULL;
	const struct ksk_option options[] = {
		{"export", &p.export_path, NULL, true},
		{"audit-key", &key, NULL, true},
		{"older-than", &age, NULL, false}};
	struct ksk_fault fault = {""};
	struct ksk_config config;

	if (!ksk_args_read(argc, argv, options, 3, NULL, 0) ||
		!read_age(&p, age))
		return KSK_EXIT_USAGE;
	enum ksk_exit code = ksk_admin_config(config_path, &config);
	if (code != KSK_EXIT_OK)
		return code;
	p.check.path = p.after.path = config.journal;
	enum ksk_err err = prepare(&p, key, &config, &fault);
	if (err == KSK_OK)
		err = run(&p, &fault);
	ksk_check_close(&p.check);
	ksk_chain_free(&p.after.chain);
	ksk_chain_free(&p.exported);
	if (p.export_fd >= 0)
		(void)close(p.export_fd);
	return err == KSK_OK ? KSK_EXIT_OK
			     : ksk_fail(ksk_check_exit(err), err, &fault);
}
