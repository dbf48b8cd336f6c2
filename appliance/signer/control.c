/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - see control.h. A policy comes into force only after its record is
 * durable.
 */
#include "appliance/signer/control.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/load.h"
#include "appliance/signer/outbox.h"
#include "appliance/signer/verdict.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* True if this is the policy that was in force last. */
static bool
is_recorded(struct ksk_signer *signer, const struct ksk_table *table)
{
	uint64_t version;
	uint8_t hash[KSK_HASH_LEN];
	return ksk_journal_policy(signer->journal, &version, hash) &&
		version == table->version &&
		memcmp(hash, table->hash, sizeof(hash)) == 0;
}

static const struct ksk_table *
table_before(const struct ksk_signer *signer)
{
	return signer->inforce.table.map == NULL ? NULL
						 : &signer->inforce.table;
}

/* Makes durable what a policy says of each zone, then its own record. */
static enum ksk_err
record_policy(struct ksk_signer *signer, const struct ksk_inforce *next,
	struct ksk_fault *fault)
{
	const struct ksk_table *table = &next->table;
	uint8_t hash[KSK_HASH_LEN];
	if (is_recorded(signer, table))
		return KSK_OK;
	struct ksk_record record = {.time = ksk_clock_now(),
		.kind = KSK_RECORD_POLICY,
		.has_policy = true,
		.policy_version = table->version};
	memcpy(record.policy_hash, table->hash, sizeof(record.policy_hash));
	/* What is staged before it becomes durable with it; the pipeline acts
	 * on that at its next commit, never before. */
	enum ksk_err err = ksk_journal_commit(signer->journal, fault);
	/* Tried before, when the disk was full: it stood ready. */
	if (err == KSK_OK && is_recorded(signer, table))
		return KSK_OK;
	if (err == KSK_OK)
		err = ksk_load_attest(signer, table_before(signer), table,
			record.time, fault);
	if (err == KSK_OK)
		err = ksk_verdict_keep(
			signer->journal, KSK_VERDICT_IN_FORCE, next);
	if (err == KSK_OK)
		err = ksk_verdict_drop(signer->journal);
	if (err == KSK_OK)
		err = ksk_office_stage_policy(signer, &record);
	if (err == KSK_OK)
		err = ksk_journal_stage(signer->journal, &record, hash);
	if (err != KSK_OK)
		return err;
	signer->policy_record = record.number;
	ksk_submit_recorded(&signer->submission, &record, hash);
	return ksk_journal_commit(signer->journal, fault);
}

/* What was found of a policy when it was judged, at a start.
 * KSK_ERR_NOT_FOUND: nobody has judged it. */
static enum ksk_err
recall(struct ksk_signer *signer, struct ksk_inforce *policy,
	struct ksk_fault *fault)
{
	return ksk_verdict_recall(signer->journal,
		is_recorded(signer, &policy->table) ? KSK_VERDICT_IN_FORCE
						    : KSK_VERDICT_AHEAD,
		policy, fault);
}

enum ksk_err
ksk_control_load(struct ksk_signer *signer, int fd, struct ksk_inforce *out,
	struct ksk_fault *fault)
{
	uint64_t version = 0;
	uint8_t hash[KSK_HASH_LEN] = {0};
	bool has = ksk_journal_policy(signer->journal, &version, hash);
	const struct ksk_inforce *before = table_before(signer) == NULL
		? NULL
		: &signer->inforce;
	enum ksk_err err = ksk_inforce_load(fd, signer->start.appliance, has,
		version, hash, signer->keyring, out, fault);
	if (err == KSK_OK &&
		(err = ksk_office_narrow(signer, out, fault)) != KSK_OK)
		ksk_inforce_wipe(out);
	if (err != KSK_OK)
		return err;
	err = before == NULL ? recall(signer, out, fault) : KSK_ERR_NOT_FOUND;
	if (err == KSK_ERR_NOT_FOUND)
		err = ksk_load_judge(
			signer, before, out, ksk_clock_now(), fault);
	if (err != KSK_OK)
		ksk_inforce_wipe(out);
	return err;
}

enum ksk_err
ksk_control_first_policy(
	struct ksk_signer *signer, int fd, struct ksk_fault *fault)
{
	struct ksk_inforce next = {0};
	enum ksk_err err = ksk_control_load(signer, fd, &next, fault);
	if (err == KSK_OK)
		err = record_policy(signer, &next, fault);
	/* One that was agreed to before this life is not any more. */
	if (err == KSK_OK)
		err = ksk_verdict_drop(signer->journal);
	if (err != KSK_OK) {
		ksk_inforce_wipe(&next);
		return err;
	}
	signer->inforce = next;
	ksk_office_policy_in_force(signer);
	return KSK_OK;
}

static void
into_force(struct ksk_signer *signer)
{
	char version[KSK_NUM_CAP], zones[KSK_NUM_CAP];
	ksk_inforce_wipe(&signer->inforce);
	signer->inforce = signer->prepared;
	memset(&signer->prepared, 0, sizeof(signer->prepared));
	signer->policy_step = KSK_POLICY_NONE;
	signer->review_due = true;
	ksk_office_policy_in_force(signer);
	ksk_crew_look_again(&signer->crew);
	signer->pins_due = true;
	ksk_log(KSK_LOG_INFO, "policy", "a policy is in force", "version",
		ksk_num(version, signer->inforce.table.version), "zones",
		ksk_num(zones, signer->inforce.table.zone_count), NULL);
}

/* The step from a committed policy to its record. */
static void
record_committed(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_fault fault = {.text = ""};
	if (record_policy(signer, &signer->prepared, &fault) == KSK_OK) {
		signer->policy_step = KSK_POLICY_RECORDED;
		ksk_anchorage_hurry(signer, now_ms);
		return;
	}
	/* The old policy stays until the new one's record is durable. */
	if (signer->policy_step == KSK_POLICY_NONE)
		ksk_log(KSK_LOG_ERROR, "policy-waits", fault.text, NULL);
	signer->policy_step = KSK_POLICY_COMMITTED;
}

void
ksk_control_run(struct ksk_signer *signer, uint64_t now_ms)
{
	if (signer->policy_step == KSK_POLICY_COMMITTED &&
		!signer->journal_stuck)
		record_committed(signer, now_ms);
	if (signer->policy_step == KSK_POLICY_RECORDED &&
		ksk_anchorage_covers(signer, signer->policy_record))
		into_force(signer);
}

static void
commit_policy(struct ksk_signer *signer, uint32_t number)
{
	if (signer->prepared.table.map == NULL ||
		number != signer->prepared_number ||
		signer->policy_step != KSK_POLICY_NONE)
		return;
	record_committed(signer, ksk_clock_mono_ms());
	ksk_control_run(signer, ksk_clock_mono_ms());
}

/* A policy that was committed and waits must not get lost over the next one.
 * One that is recorded comes into force now: its anchor follows. */
static enum ksk_err
finish_policy(struct ksk_signer *signer, struct ksk_fault *fault)
{
	ksk_control_run(signer, ksk_clock_mono_ms());
	if (signer->policy_step == KSK_POLICY_RECORDED)
		into_force(signer);
	if (signer->policy_step == KSK_POLICY_NONE)
		return KSK_OK;
	ksk_fault_set(fault,
		"the policy before this one waits for the journal: %.300s",
		signer->journal_why);
	return KSK_ERR_AGAIN;
}

void
ksk_control_submitted(struct ksk_signer *signer, struct ksk_inforce *next)
{
	struct ksk_fault fault = {.text = ""};
	/* No reload has a policy in hand: with a quorum none comes from
	 * kskd. One that waits for its anchor comes into force first; for the
	 * journal none waits, or this one could not be staged. */
	ksk_ignore(finish_policy(signer, &fault));
	ksk_inforce_wipe(&signer->prepared);
	signer->policy_step = KSK_POLICY_NONE;
	signer->prepared = *next;
	memset(next, 0, sizeof(*next));
	signer->prepared_number = 0;
	commit_policy(signer, 0);
}

static void
forget_prepared(struct ksk_signer *signer)
{
	struct ksk_fault fault;
	if (signer->prepared.table.map == NULL)
		return;
	ksk_inforce_wipe(&signer->prepared);
	if (ksk_verdict_drop(signer->journal) == KSK_OK)
		return;
	/* With the next commit or with this one. */
	ksk_ignore(ksk_journal_commit(signer->journal, &fault));
	ksk_ignore(ksk_verdict_drop(signer->journal));
}

/* From the agreement on kskd may start the signer anew with this policy. A
 * journal that can't be written forbids no reload. */
static void
keep_verdict(struct ksk_signer *signer)
{
	struct ksk_fault fault;
	if (ksk_verdict_keep(signer->journal, KSK_VERDICT_AHEAD,
		    &signer->prepared) == KSK_OK)
		ksk_ignore(ksk_journal_commit(signer->journal, &fault));
}

static void
prepare_policy(struct ksk_signer *signer, uint32_t number, const int fds[2])
{
	struct ksk_ctl_prepared answer = {.number = number};
	struct ksk_fault fault = {.text = ""};
	if (finish_policy(signer, &fault) == KSK_OK) {
		forget_prepared(signer);
		answer.ok = ksk_control_load(signer, fds[0], &signer->prepared,
				    &fault) == KSK_OK;
	}
	if (answer.ok &&
		ksk_accept_take(fds[1], &signer->next_accept) != KSK_OK)
		abort(); /* kskd has looked at its length */
	if (answer.ok) {
		signer->prepared_number = number;
		keep_verdict(signer);
	}
	ksk_text_copy(answer.why, sizeof(answer.why), fault.text);
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	if (ksk_ctl_prepared_write(&answer, &buf) == KSK_OK)
		/* Without it kskd gives the reload up by its deadline. */
		ksk_ignore(ksk_link_send(
			&signer->control, ksk_buf_span(&buf), NULL, 0));
}

/* Takes the descriptor over, or closes it. */
static enum ksk_err
take_link(struct ksk_signer *signer, struct ksk_wire *body, int fd)
{
	struct ksk_ctl_link link;
	enum ksk_err err = ksk_ctl_link_read(body, &link);
	if (err != KSK_OK)
		return err;
	if (link.edge == KSK_EDGE_FRONTEND_SIGNER) {
		ksk_link_close(&signer->frontend);
		signer->frontend = (struct ksk_link){
			.fd = fd, .generation = link.generation};
		signer->owed = 0;
		signer->pins_due = true;
		return KSK_OK;
	}
	if (link.index >= signer->start.worker_count)
		return KSK_ERR_MALFORMED;
	ksk_crew_link(&signer->crew, link.index, link.generation, fd,
		ksk_clock_mono_ms());
	return KSK_OK;
}

static enum ksk_err
take_dead(struct ksk_signer *signer, struct ksk_wire *body)
{
	struct ksk_ctl_worker dead;
	enum ksk_err err = ksk_ctl_worker_read(body, &dead);
	if (err == KSK_OK && dead.index >= signer->start.worker_count)
		err = KSK_ERR_MALFORMED;
	if (err != KSK_OK)
		return err;
	/* What it answered before its end counts. */
	const uint64_t now_ms = ksk_clock_mono_ms();
	while ((err = ksk_crew_receive(&signer->crew, dead.index, now_ms)) ==
		KSK_OK)
		;
	if (err == KSK_ERR_MALFORMED)
		return err;
	ksk_crew_dead(&signer->crew, dead.index, dead.generation, now_ms);
	return KSK_OK;
}

static enum ksk_err
take_state(struct ksk_signer *signer, struct ksk_wire *body)
{
	struct ksk_ctl_state told;
	enum ksk_err err = ksk_ctl_state_read(body, &told);
	if (err == KSK_OK && told.index >= signer->start.token_count)
		err = KSK_ERR_MALFORMED;
	if (err == KSK_OK)
		ksk_crew_token_state(&signer->crew, &told);
	return err;
}

/* A person's words are taken with the reload that brings them, also where the
 * policy has to wait. */
static void
commit_reload(struct ksk_signer *signer, uint32_t number)
{
	if (number == signer->prepared_number)
		signer->accept = signer->next_accept;
	commit_policy(signer, number);
}

static enum ksk_err
take_number(struct ksk_signer *signer, uint16_t packet, struct ksk_wire *body,
	const int fds[2])
{
	uint32_t number;
	enum ksk_err err = ksk_ctl_number_read(body, &number);
	if (err != KSK_OK)
		return err;
	if (packet == KSK_CTL_PREPARE)
		prepare_policy(signer, number, fds);
	else if (packet == KSK_CTL_COMMIT)
		commit_reload(signer, number);
	else if (number == signer->prepared_number &&
		signer->policy_step == KSK_POLICY_NONE)
		forget_prepared(signer);
	return KSK_OK;
}

/* Descriptors that a packet must bring. */
static size_t
fds_of(uint16_t packet)
{
	if (packet == KSK_CTL_PREPARE)
		return 2;
	return packet == KSK_CTL_LINK ? 1 : 0;
}

/* out_kept: the descriptor of a link has a new owner. */
static enum ksk_err
take(struct ksk_signer *signer, struct ksk_span packet, const int fds[2],
	size_t fd_count, bool *out_kept)
{
	struct ksk_wire body;
	uint16_t number = ksk_packet_open(packet, &body);
	if (number == KSK_CTL_COMPILED) {
		*out_kept = true;
		return ksk_submit_compiled(signer, &body, fds[0]);
	}
	if (fd_count != fds_of(number))
		return KSK_ERR_MALFORMED;
	enum ksk_err err;
	switch (number) {
	case KSK_CTL_LINK:
		err = take_link(signer, &body, fds[0]);
		*out_kept = err == KSK_OK;
		return err;
	case KSK_CTL_DEAD:
		return take_dead(signer, &body);
	case KSK_CTL_TOKEN_STATE:
		return take_state(signer, &body);
	case KSK_CTL_PREPARE:
	case KSK_CTL_COMMIT:
	case KSK_CTL_ABORT:
		return take_number(signer, number, &body, fds);
	case KSK_CTL_STOP:
		signer->stopping = true;
		return ksk_wire_end(&body);
	default:
		return KSK_ERR_MALFORMED;
	}
}

enum ksk_err
ksk_control_receive(struct ksk_signer *signer)
{
	struct ksk_buf buf = ksk_buf_of(signer->packet, KSK_PACKET_MAX);
	int fds[2] = {-1, -1};
	size_t fd_count = 0;
	enum ksk_err err = ksk_link_recv(
		&signer->control, &buf, fds, 2, &fd_count);
	if (err != KSK_OK)
		return err;
	bool kept = false;
	err = take(signer, ksk_buf_span(&buf), fds, fd_count, &kept);
	for (size_t i = 0; i < fd_count && !kept; i++)
		(void)close(fds[i]);
	return err;
}
