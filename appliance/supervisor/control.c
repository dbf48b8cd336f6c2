/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - sending; what comes from children is in receive.c.
 */
#include "appliance/supervisor/control.h"

#include "appliance/supervisor/files.h"
#include "appliance/supervisor/procs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ksk_buf
sending_of(struct kskd *k)
{
	return ksk_buf_of(k->sending, sizeof k->sending);
}

/* Packets of ours always fit; a writer that fails is a bug. */
static void
must(enum ksk_err err)
{
	if (err != KSK_OK)
		abort();
}

/* fds: borrowed; -1 among them: a descriptor could not be had. */
static void
send_packet(struct ksk_proc *proc, const struct ksk_buf *packet, const int *fds,
	size_t fd_count)
{
	enum ksk_err err;

	for (size_t i = 0; i < fd_count; i++) {
		if (fds[i] < 0) {
			ksk_proc_kill(proc, "no descriptor was left for it");
			return;
		}
	}
	err = ksk_link_send(
		&proc->control, ksk_buf_span(packet), fds, fd_count);
	if (err == KSK_ERR_CLOSED)
		ksk_proc_closed(proc);
	else if (err != KSK_OK)
		/* It reads this socket first of all: a full one is a hang. */
		ksk_proc_kill(proc, "its control socket takes no packet");
}

static void
close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ksk_file_close(&fds[i]);
}

static void
start_frontend(struct kskd *k, struct ksk_proc *proc)
{
	struct ksk_buf packet = sending_of(k);
	int own[2] = {ksk_file_reopen(k->settings.tls_key),
		ksk_file_reopen(k->settings.tls_certificate)};
	const int fds[3] = {k->listen_fd, own[0], own[1]};

	must(ksk_start_frontend_write(&k->settings.config.limits, &packet));
	send_packet(proc, &packet, fds, 3);
	close_all(own, 2);
}

static void
start_signer(struct kskd *k, struct ksk_proc *proc)
{
	const struct ksk_config *config = &k->settings.config;
	struct ksk_start_signer start = {
		.job_ms = config->job_ms,
		.reserve = config->reserve,
		.need_sync = config->need_sync,
		.quorum = config->quorum,
		.bootstrap_count = config->bootstrap_count,
		.token_count = config->token_count,
		.worker_count = (uint16_t)(k->proc_count - KSK_PROC_WORKER),
	};
	struct ksk_buf packet = sending_of(k);
	int fds[2] = {-1, -1};

	memcpy(start.bootstrap, config->bootstrap, sizeof start.bootstrap);
	memcpy(start.appliance, k->settings.appliance, KSK_ID_LEN);
	memcpy(start.journal, config->journal, sizeof start.journal);
	start.anchor_token = KSK_TOKEN_NONE;
	for (uint16_t i = 0; i < config->token_count; i++) {
		memcpy(start.token[i], config->token[i].name, KSK_LABEL_CAP);
		if (config->token[i].anchor)
			start.anchor_token = i;
	}
	for (size_t i = KSK_PROC_WORKER; i < k->proc_count; i++)
		start.worker_token[k->proc[i].index] = k->proc[i].token;
	must(ksk_start_signer_write(&start, &packet));
	if (config->quorum) {
		send_packet(proc, &packet, NULL, 0);
		return;
	}
	fds[0] = ksk_file_reopen(k->settings.policy_table);
	fds[1] = ksk_file_reopen(k->settings.accept);
	send_packet(proc, &packet, fds, 2);
	close_all(fds, 2);
}

static void
fill_worker(const struct ksk_proc *proc, const struct ksk_config_token *token,
	struct ksk_start_worker *out)
{
	*out = (struct ksk_start_worker){
		.index = proc->index,
		.has_sha256 = token->has_sha256,
		.network = token->network,
		.anchor = token->anchor,
		.environment_count = token->environment_count,
		.path_count = token->path_count,
	};
	memcpy(out->token, token->name, sizeof out->token);
	memcpy(out->module, token->module, sizeof out->module);
	memcpy(out->sha256, token->sha256, sizeof out->sha256);
	memcpy(out->uri, token->uri, sizeof out->uri);
	memcpy(out->init, token->init, sizeof out->init);
	memcpy(out->environment, token->environment, sizeof out->environment);
	memcpy(out->path, token->path, sizeof out->path);
	memcpy(out->path_access, token->path_access, sizeof out->path_access);
}

static void
start_worker(struct kskd *k, struct ksk_proc *proc)
{
	struct ksk_start_worker start;
	struct ksk_buf packet = sending_of(k);
	int fds[2] = {-1, ksk_file_reopen(k->settings.keymap)};

	if (ksk_pin_source_pipe(&k->settings.pin[proc->token], &fds[0]) !=
		KSK_OK)
		fds[0] = -1;
	fill_worker(proc, &k->settings.config.token[proc->token], &start);
	must(ksk_start_worker_write(&start, &packet));
	k->token[proc->token].login = (int)(proc - k->proc);
	send_packet(proc, &packet, fds, 2);
	proc->pin_fd = fds[0];
	memcpy(proc->pin_identity, k->settings.pin[proc->token].identity,
		KSK_PIN_IDENTITY_CAP);
	ksk_file_close(&fds[1]);
}

void
ksk_control_start(struct kskd *k, struct ksk_proc *proc)
{
	switch (proc->kind) {
	case KSK_CHILD_FRONTEND:
		start_frontend(k, proc);
		break;
	case KSK_CHILD_SIGNER:
		start_signer(k, proc);
		break;
	case KSK_CHILD_WORKER:
		start_worker(k, proc);
		break;
	}
}

void
ksk_control_link(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_ctl_link *link, int fd)
{
	struct ksk_buf packet = sending_of(k);

	must(ksk_ctl_link_write(link, &packet));
	send_packet(proc, &packet, &fd, 1);
}

static void
tell_signer(struct kskd *k, const struct ksk_buf *packet)
{
	struct ksk_proc *signer = &k->proc[KSK_PROC_SIGNER];

	if (signer->phase == KSK_PHASE_READY)
		send_packet(signer, packet, NULL, 0);
}

void
ksk_control_dead(struct kskd *k, const struct ksk_ctl_worker *dead)
{
	struct ksk_buf packet = sending_of(k);

	must(ksk_ctl_worker_write(KSK_CTL_DEAD, dead, &packet));
	tell_signer(k, &packet);
}

void
ksk_control_token(struct kskd *k, const struct ksk_ctl_state *state)
{
	struct ksk_buf packet = sending_of(k);

	must(ksk_ctl_state_write(KSK_CTL_TOKEN_STATE, state, &packet));
	tell_signer(k, &packet);
}

void
ksk_control_compiled(
	struct kskd *k, const struct ksk_ctl_compiled *answer, int table_fd)
{
	struct ksk_proc *signer = &k->proc[KSK_PROC_SIGNER];
	struct ksk_buf packet = sending_of(k);
	int own = answer->ok ? ksk_file_reopen(table_fd) : -1;

	must(ksk_ctl_compiled_write(answer, &packet));
	if (signer->pid != 0)
		send_packet(signer, &packet, &own, answer->ok ? 1 : 0);
	ksk_file_close(&own);
}

void
ksk_control_prepare(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_settings *settings, uint32_t number)
{
	struct ksk_buf packet = sending_of(k);
	int fds[2] = {-1, -1};
	size_t count = 1;

	switch (proc->kind) {
	case KSK_CHILD_FRONTEND:
		fds[0] = ksk_file_reopen(settings->tls_key);
		fds[1] = ksk_file_reopen(settings->tls_certificate);
		count = 2;
		break;
	case KSK_CHILD_SIGNER:
		fds[0] = ksk_file_reopen(settings->policy_table);
		fds[1] = ksk_file_reopen(settings->accept);
		count = 2;
		break;
	case KSK_CHILD_WORKER:
		fds[0] = ksk_file_reopen(settings->keymap);
		break;
	}
	must(ksk_ctl_number_write(KSK_CTL_PREPARE, number, &packet));
	send_packet(proc, &packet, fds, count);
	close_all(fds, 2);
}

void
ksk_control_number(struct kskd *k, struct ksk_proc *proc, enum ksk_packet nr,
	uint32_t number)
{
	struct ksk_buf packet = sending_of(k);

	must(ksk_ctl_number_write(nr, number, &packet));
	send_packet(proc, &packet, NULL, 0);
}

void
ksk_control_stop(struct kskd *k, struct ksk_proc *proc)
{
	struct ksk_buf packet = sending_of(k);

	must(ksk_ctl_plain_write(KSK_CTL_STOP, &packet));
	send_packet(proc, &packet, NULL, 0);
}
