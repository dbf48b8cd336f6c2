/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - see control.h. A policy comes into force only after its record is
 * durable.
 */
#include "appliance/signer/control.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/loading.h"
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

/* A zone that came to be held after it was attested needs what it needed
 * before. */
static enum ksk_err
stage_needed(struct ksk_signer *signer, uint64_t now)
{
	struct ksk_loading *l = &signer->loading;
	enum ksk_err err = KSK_OK;

	if (!l->needed.known ||
		memchr(l->next.held, 1, l->next.table.zone_count) != NULL)
		err = ksk_needed_build(
			&l->next, &signer->needed, now, &l->needed);
	return err != KSK_OK ? err
			     : ksk_needed_keep(signer->journal, &l->needed);
}

/* Makes a policy's own record durable, when what it says of each zone is. */
static enum ksk_err
record_policy(struct ksk_signer *signer, const struct ksk_inforce *next,
	struct ksk_fault *fault)
{
	const struct ksk_table *table = &next->table;
	uint8_t hash[KSK_HASH_LEN];
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
		err = stage_needed(signer, record.time);
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

/* A policy that was agreed to: what it says of each zone, then its record. A
 * policy that was recorded before is no news. */
static enum ksk_err
record_slice(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_loading *loading = &signer->loading;
	enum ksk_err err;

	if (is_recorded(signer, &loading->next.table))
		return KSK_OK;
	if (loading->step == KSK_LOADING_JUDGED)
		ksk_loading_attest(signer, false);
	err = ksk_loading_run(signer, fault);
	return err != KSK_OK ? err
			     : record_policy(signer, &loading->next, fault);
}

enum ksk_err
ksk_control_first_policy(
	struct ksk_signer *signer, int fd, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_needed_read(
		signer->journal, &signer->needed, fault);

	if (err == KSK_OK)
		err = ksk_loading_begin(signer, fd, fault);
	if (err == KSK_OK)
		err = ksk_loading_run_all(signer, fault);
	if (err == KSK_OK)
		err = ksk_loading_judge(signer, fault);
	if (err == KSK_OK)
		err = ksk_loading_run_all(signer, fault);
	while (err == KSK_OK &&
		(err = record_slice(signer, fault)) == KSK_ERR_AGAIN)
		err = KSK_OK;
	/* A journal of before it was kept. */
	if (err == KSK_OK && !signer->needed.known &&
		!signer->loading.needed.known)
		err = stage_needed(signer, ksk_clock_now());
	/* One that was agreed to before this life is not any more. */
	if (err == KSK_OK)
		err = ksk_verdict_drop(signer->journal);
	if (err != KSK_OK) {
		ksk_loading_drop(signer);
		return err;
	}
	ksk_loading_take(signer, &signer->inforce);
	ksk_office_policy_in_force(signer);
	return KSK_OK;
}

static void
into_force(struct ksk_signer *signer)
{
	char version[KSK_NUM_CAP], zones[KSK_NUM_CAP];
	ksk_inforce_wipe(&signer->inforce);
	ksk_loading_take(signer, &signer->inforce);
	signer->policy_step = KSK_POLICY_NONE;
	signer->review_due = true;
	ksk_office_policy_in_force(signer);
	ksk_crew_look_again(&signer->crew);
	signer->pins_due = true;
	ksk_log(KSK_LOG_INFO, "policy", "a policy is in force", "version",
		ksk_num(version, signer->inforce.table.version), "zones",
		ksk_num(zones, signer->inforce.table.zone_count), NULL);
}

/* The step from a committed policy to its record, a slice of it. */
static void
record_committed(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = record_slice(signer, &fault);

	if (err == KSK_OK) {
		signer->policy_step = KSK_POLICY_RECORDED;
		signer->policy_waits = false;
		ksk_anchorage_hurry(signer, now_ms);
		return;
	}
	/* The old policy stays until the new one's record is durable. */
	if (err != KSK_ERR_AGAIN && !signer->policy_waits) {
		signer->policy_waits = true;
		ksk_log(KSK_LOG_ERROR, "policy-waits", fault.text, NULL);
	}
	signer->policy_step = KSK_POLICY_COMMITTED;
}

static void run_preparing(struct ksk_signer *signer);

void
ksk_control_run(struct ksk_signer *signer, uint64_t now_ms)
{
	if (signer->preparing && !signer->journal_stuck)
		run_preparing(signer);
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
	if (number != signer->prepared_number ||
		signer->policy_step != KSK_POLICY_NONE)
		return;
	signer->commit_due = signer->preparing;
	if (signer->preparing || signer->loading.step < KSK_LOADING_JUDGED)
		return;
	record_committed(signer, ksk_clock_mono_ms());
	ksk_control_run(signer, ksk_clock_mono_ms());
}

/* A policy that was committed and waits must not get lost over the next one.
 * One that is recorded comes into force now: its anchor follows. */
static enum ksk_err
finish_policy(struct ksk_signer *signer, struct ksk_fault *fault)
{
	do
		ksk_control_run(signer, ksk_clock_mono_ms());
	while (signer->policy_step == KSK_POLICY_COMMITTED &&
		!signer->policy_waits && !signer->journal_stuck);
	if (signer->policy_step == KSK_POLICY_RECORDED)
		into_force(signer);
	if (signer->policy_step == KSK_POLICY_NONE)
		return KSK_OK;
	ksk_fault_set(fault,
		"the policy before this one waits for the journal: %.300s",
		signer->journal_why);
	return KSK_ERR_AGAIN;
}

enum ksk_err
ksk_control_submitted(struct ksk_signer *signer, struct ksk_fault *fault)
{
	enum ksk_err err = record_policy(signer, &signer->loading.next, fault);

	if (err != KSK_OK)
		return err;
	signer->policy_step = KSK_POLICY_RECORDED;
	ksk_anchorage_hurry(signer, ksk_clock_mono_ms());
	ksk_control_run(signer, ksk_clock_mono_ms());
	return KSK_OK;
}

static void
forget_prepared(struct ksk_signer *signer)
{
	struct ksk_fault fault;
	const bool kept = signer->loading.step >= KSK_LOADING_JUDGED;

	ksk_loading_drop(signer);
	signer->preparing = false;
	signer->commit_due = false;
	if (!kept || ksk_verdict_drop(signer->journal) == KSK_OK)
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
		    &signer->loading.next) == KSK_OK)
		ksk_ignore(ksk_journal_commit(signer->journal, &fault));
}

static void
answer_prepared(
	struct ksk_signer *signer, bool ok, const struct ksk_fault *fault)
{
	struct ksk_ctl_prepared answer = {
		.number = signer->prepared_number, .ok = ok};
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	ksk_text_copy(answer.why, sizeof(answer.why), fault->text);
	if (ksk_ctl_prepared_write(&answer, &buf) == KSK_OK)
		/* Without it kskd gives the reload up by its deadline. */
		ksk_ignore(ksk_link_send(
			&signer->control, ksk_buf_span(&buf), NULL, 0));
}

/* One slice of a reload; its end is told to kskd. */
static void
run_preparing(struct ksk_signer *signer)
{
	struct ksk_fault fault = {.text = ""};
	const bool committed = signer->commit_due;
	enum ksk_err err = ksk_loading_run(signer, &fault);

	if (err == KSK_OK && signer->loading.step == KSK_LOADING_READ) {
		err = ksk_loading_judge(signer, &fault);
		if (err == KSK_OK)
			return;
	}
	if (err == KSK_ERR_AGAIN)
		return;
	if (err != KSK_OK)
		forget_prepared(signer);
	else
		keep_verdict(signer);
	signer->preparing = false;
	answer_prepared(signer, err == KSK_OK, &fault);
	if (err == KSK_OK && committed)
		commit_policy(signer, signer->prepared_number);
}

static void
prepare_policy(struct ksk_signer *signer, uint32_t number, const int fds[2])
{
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = finish_policy(signer, &fault);

	signer->prepared_number = number;
	if (err == KSK_OK) {
		forget_prepared(signer);
		err = ksk_loading_begin(signer, fds[0], &fault);
	}
	if (err != KSK_OK) {
		answer_prepared(signer, false, &fault);
		return;
	}
	if (ksk_accept_take(fds[1], &signer->next_accept) != KSK_OK)
		abort(); /* kskd has looked at its length */
	signer->preparing = true;
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

/* It may never have been prepared here. The workers looked for keys by its
 * keymap too. */
static void
abort_reload(struct ksk_signer *signer, uint32_t number)
{
	if (number == signer->prepared_number &&
		signer->policy_step == KSK_POLICY_NONE)
		forget_prepared(signer);
	ksk_crew_look_again(&signer->crew);
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
	else if (packet == KSK_CTL_COMMIT && signer->start.quorum)
		/* Nothing for this process, but the workers have another
		 * keymap. */
		ksk_crew_look_again(&signer->crew);
	else if (packet == KSK_CTL_COMMIT)
		commit_reload(signer, number);
	else
		abort_reload(signer, number);
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
