/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd-signer - decodes, decides, keeps the journal, verifies. It has no
 * network and no PKCS#11: what it can touch is the journal's folder, one link
 * to the frontend and one to each token worker. See ../PRIVSEP.md.
 */
#include "appliance/base/child.h"
#include "appliance/base/clock.h"
#include "appliance/base/exit.h"
#include "appliance/base/log.h"
#include "appliance/base/sandbox.h"
#include "appliance/signer/control.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/journal_read.h"
#include "appliance/signer/outbox.h"
#include "appliance/signer/pipeline.h"
#include "appliance/signer/state.h"
#include "appliance/signer/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* All that this process may ask of the kernel (with sandbox.c's few for
 * every program). No socket, no exec, no clone, no signal to anybody. */
static const struct ksk_syscall calls[] = {
	/* links */
	KSK_ALLOW(recvmsg),
	KSK_ALLOW(sendmsg),
	KSK_ALLOW(poll),
	KSK_ALLOW(close),
	KSK_ALLOW(write), /* the log */
	/* the policy table */
	{SCMP_SYS(mmap), 2, 0, PROT_EXEC}, /* never executable */
	KSK_ALLOW(munmap),
	KSK_ALLOW(mremap),
	KSK_ALLOW(brk),
	KSK_ALLOW(madvise),
	/* the journal: SQLite */
	KSK_ALLOW(openat),
	KSK_ALLOW(read),
	KSK_ALLOW(pread64),
	KSK_ALLOW(pwrite64),
	KSK_ALLOW(lseek),
	KSK_ALLOW(fsync),
	KSK_ALLOW(fdatasync),
	KSK_ALLOW(ftruncate),
	KSK_ALLOW(fallocate), /* its reserve */
	KSK_ALLOW(fstatfs),
	KSK_ALLOW(fcntl),
	KSK_ALLOW(newfstatat),
	KSK_ALLOW(statx), /* is the journal still at its path */
	KSK_ALLOW(fstat),
	KSK_ALLOW(lstat),
	KSK_ALLOW(stat),
	KSK_ALLOW(readlink),
	KSK_ALLOW(access),
	KSK_ALLOW(unlink),
	KSK_ALLOW(fchmod),
	KSK_ALLOW(fchown), /* if it runs as root; no capability helps it */
	KSK_ALLOW(geteuid),
	KSK_ALLOW(getpid),
	/* texts for kskd-policy */
	KSK_ALLOW(memfd_create),
	/* is the clock synchronised; setting it takes a capability */
	KSK_ALLOW(adjtimex),
	KSK_ALLOW(clock_adjtime),
	/* OpenSSL */
	KSK_ALLOW(getrandom),
	KSK_ALLOW(futex),
};

/* Less than kskd gives it after a frontend that took all its time, looks for the
 * end included: what a signer that is killed had not written is lost. */
#define STOP_MS 2000u
#define STOP_POLL_MS 100

static _Noreturn void
give_up(const char *event, const struct ksk_fault *fault, int code)
{
	ksk_log(KSK_LOG_ERROR, event, fault->text, NULL);
	ksk_child_exit(code);
}

static _Noreturn void
no_memory(void)
{
	ksk_log(KSK_LOG_ERROR, "no-memory", "no memory is left", NULL);
	ksk_child_exit(KSK_EXIT_INTERNAL);
}

static _Noreturn void
peer_broken(const char *peer)
{
	ksk_log(KSK_LOG_ERROR, "peer-broken",
		"a process at the other end of a link broke its format and is "
		"taken for compromised",
		"peer", peer, NULL);
	ksk_child_exit(KSK_EXIT_PEER);
}

static void
make_room(struct ksk_signer *signer)
{
	signer->packet = malloc(KSK_PACKET_MAX);
	signer->frame = malloc(KSK_FRAME_MAX);
	signer->tbs = malloc(KSK_TBS_MAX);
	signer->stored = malloc(KSK_STORED_ROOM);
	signer->reading = malloc(KSK_JOURNAL_ROOM);
	signer->reply = calloc(1, sizeof(*signer->reply));
	signer->bundles = malloc(KSK_FRAME_MAX);
	if (signer->packet == NULL || signer->frame == NULL ||
		signer->tbs == NULL || signer->stored == NULL ||
		signer->reading == NULL || signer->reply == NULL ||
		signer->bundles == NULL ||
		ksk_schedule_room_new(&signer->schedule) != KSK_OK ||
		ksk_tickets_new(&signer->tickets) != KSK_OK)
		no_memory();
}

/* Waits for the slice; the descriptor is the policy's table, the other one a
 * person's words. */
static int
take_start(struct ksk_signer *signer)
{
	struct ksk_buf buf = ksk_buf_of(signer->packet, KSK_PACKET_MAX);
	int fds[KSK_LINK_FD_MAX];
	size_t count = 0;
	if (ksk_child_start(&signer->control, &buf, fds, &count) != KSK_OK ||
		ksk_start_signer_read(ksk_buf_span(&buf), &signer->start) !=
			KSK_OK ||
		count != (signer->start.quorum ? 0u : 2u))
		peer_broken("kskd");
	if (signer->start.quorum)
		return -1;
	if (ksk_accept_take(fds[1], &signer->accept) != KSK_OK)
		peer_broken("kskd");
	(void)close(fds[1]);
	return fds[0];
}

/* The journal's folder is all of the file system that stays reachable. */
static void
enter_sandbox(const struct ksk_signer *signer)
{
	char folder[KSK_PATH_CAP];
	ksk_text_copy(folder, sizeof(folder), signer->start.journal);
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = '\0';
	const struct ksk_path_rule paths[] = {
		{folder, KSK_PATH_READ | KSK_PATH_WRITE}};
	const struct ksk_sandbox sandbox = {.calls = calls,
		.call_count = sizeof(calls) / sizeof(calls[0]),
		.paths = paths,
		.path_count = 1};
	struct ksk_fault fault = {.text = ""};
	int abi = 0;
	if (ksk_sandbox_enter(&sandbox, &abi, &fault) != KSK_OK)
		give_up("sandbox-failed", &fault, KSK_EXIT_SANDBOX);
	if (abi == 0)
		ksk_log(KSK_LOG_WARN, "no-landlock",
			"the kernel has no Landlock: files are kept apart by "
			"owner and mode only",
			NULL);
	ksk_probe("kskd-signer");
}

static void
open_all(struct ksk_signer *signer, int policy_fd)
{
	struct ksk_fault fault = {.text = ""};
	if (ksk_keyring_new(&signer->start, &signer->keyring) != KSK_OK ||
		ksk_crew_init(&signer->crew, &signer->start, signer->keyring) !=
			KSK_OK)
		no_memory();
	if (ksk_journal_open(signer->start.journal, signer->start.appliance,
		    ksk_clock_now(), &signer->journal, &fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (ksk_journal_keep_reserve(
		    signer->journal, signer->start.reserve, &fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (ksk_checkpoint_start(signer, ksk_clock_mono_ms(), &fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (ksk_timelines_new(signer->journal, &signer->timelines, &fault) !=
			KSK_OK ||
		ksk_idempotency_begin(&signer->idempotency, signer->journal,
			&fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (ksk_office_begin(signer, &fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (signer->start.quorum)
		ksk_office_first_policy(signer);
	else if (ksk_control_first_policy(signer, policy_fd, &fault) != KSK_OK)
		give_up("policy", &fault, KSK_EXIT_POLICY);
	if (ksk_hold_begin(signer, &fault) != KSK_OK)
		give_up("journal", &fault, KSK_EXIT_JOURNAL);
	if (policy_fd >= 0)
		(void)close(policy_fd);
}

static void
say_ready(const struct ksk_signer *signer)
{
	uint8_t room[16];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	if (ksk_ctl_plain_write(KSK_CTL_READY, &buf) != KSK_OK ||
		ksk_link_send(&signer->control, ksk_buf_span(&buf), NULL, 0) !=
			KSK_OK)
		peer_broken("kskd");
}

static void
read_control(struct ksk_signer *signer)
{
	enum ksk_err err;
	while ((err = ksk_control_receive(signer)) == KSK_OK)
		;
	if (err == KSK_ERR_CLOSED)
		ksk_child_exit(KSK_EXIT_OK); /* kskd is dead */
	if (err != KSK_ERR_AGAIN)
		peer_broken("kskd");
}

/* Takes all requests of one packet. */
static void
take_requests(
	struct ksk_signer *signer, struct ksk_span packet, uint64_t now_ms)
{
	struct ksk_wire body;
	if (ksk_packet_open(packet, &body) != KSK_LNK_REQUESTS)
		peer_broken("kskd-frontend");
	/* One at least: packets that cost no credit could come for ever. */
	do {
		struct ksk_lnk_request item;
		ksk_lnk_request_get(&body, &item);
		if (body.err != KSK_OK ||
			ksk_pipeline_take(signer, &item, now_ms) != KSK_OK)
			peer_broken("kskd-frontend");
	} while (ksk_wire_more(&body));
	if (ksk_wire_end(&body) != KSK_OK)
		peer_broken("kskd-frontend");
}

static void
read_frontend(struct ksk_signer *signer, uint8_t *packet, uint64_t now_ms)
{
	for (;;) {
		struct ksk_buf buf = ksk_buf_of(packet, KSK_PACKET_MAX);
		size_t none = 0;
		enum ksk_err err = ksk_link_recv(
			&signer->frontend, &buf, NULL, 0, &none);
		if (err == KSK_ERR_AGAIN)
			return;
		if (err == KSK_ERR_MALFORMED)
			peer_broken("kskd-frontend");
		if (err != KSK_OK) {
			ksk_link_close(&signer->frontend);
			return;
		}
		take_requests(signer, ksk_buf_span(&buf), now_ms);
	}
}

static void
read_worker(struct ksk_signer *signer, uint16_t index, uint64_t now_ms)
{
	enum ksk_err err;
	do
		err = ksk_crew_receive(&signer->crew, index, now_ms);
	while (err == KSK_OK && ksk_crew_owes(&signer->crew, index));
	if (err == KSK_ERR_MALFORMED)
		peer_broken("kskd-token");
}

static void
report_overdue(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_ctl_worker late;
	while (ksk_crew_overdue(&signer->crew, now_ms, &late)) {
		uint8_t room[64];
		struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
		char index[KSK_NUM_CAP];
		if (signer->crew.worker[late.index].wrong)
			ksk_log(KSK_LOG_WARN, "worker-wrong",
				"a token worker gave a wrong signature, or "
				"misses a key that was there, and is replaced",
				"worker", ksk_num(index, late.index), NULL);
		else
			ksk_log(KSK_LOG_WARN, "worker-overdue",
				"a token worker does not answer and is "
				"replaced",
				"worker", ksk_num(index, late.index), NULL);
		if (ksk_ctl_worker_write(KSK_CTL_OVERDUE, &late, &buf) !=
				KSK_OK ||
			ksk_link_send(&signer->control, ksk_buf_span(&buf),
				NULL, 0) != KSK_OK)
			peer_broken("kskd");
	}
}

struct polled {
	struct pollfd fd[2 + KSK_WORKER_COUNT_MAX];
	nfds_t count;
};

/* A frontend is not read while it could ask for more than there are places;
 * nor would its end be of any use then. */
static void
fill_poll(const struct ksk_signer *signer, bool full, struct polled *p)
{
	bool reads = !signer->stopping &&
		ksk_tickets_have_room(signer->tickets, signer->owed);
	p->fd[0] = (struct pollfd){.fd = signer->control.fd, .events = POLLIN};
	p->fd[1] = (struct pollfd){.fd = reads || full || signer->stopping
			? signer->frontend.fd
			: -1,
		.events = (short)((reads ? POLLIN : 0) | (full ? POLLOUT : 0))};
	for (uint16_t i = 0; i < signer->start.worker_count; i++)
		p->fd[2 + i] = (struct pollfd){
			.fd = signer->crew.worker[i].link.fd, .events = POLLIN};
	p->count = 2u + signer->start.worker_count;
}

static void
read_all(struct ksk_signer *signer, const struct polled *p, uint8_t *packet)
{
	uint64_t now_ms = ksk_clock_mono_ms();
	/* Links first: what a packet of kskd announces may be answered on
	 * them, but a death it reports must not overtake an answer. */
	for (uint16_t i = 0; i < signer->start.worker_count; i++)
		if (p->fd[2 + i].revents != 0)
			read_worker(signer, i, now_ms);
	if (p->fd[0].revents != 0)
		read_control(signer);
	if ((p->fd[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
		(p->fd[1].events & POLLIN) != 0 &&
		signer->frontend.fd == p->fd[1].fd && !signer->stopping)
		read_frontend(signer, packet, now_ms);
}

static _Noreturn void
stop(struct ksk_signer *signer)
{
	struct ksk_fault fault;
	/* Sums and marks that no answer waits for. */
	ksk_ignore(ksk_journal_commit(signer->journal, &fault));
	ksk_loading_drop(signer);
	ksk_timelines_free(&signer->timelines);
	ksk_outlook_wipe(&signer->outlook);
	ksk_announce_watch_wipe(&signer->announce_watch);
	ksk_exposed_wipe(&signer->exposed);
	ksk_journal_close(&signer->journal);
	ksk_audit_wipe(&signer->audit);
	ksk_submit_wipe(signer);
	ksk_office_wipe(&signer->office);
	ksk_inforce_wipe(&signer->inforce);
	ksk_needed_wipe(&signer->needed);
	ksk_keyring_free(&signer->keyring);
	ksk_tickets_free(&signer->tickets);
	free(signer->crew.packet);
	free(signer->packet);
	free(signer->frame);
	free(signer->tbs);
	free(signer->stored);
	free(signer->reading);
	free(signer->reply);
	free(signer->bundles);
	ksk_schedule_room_free(&signer->schedule);
	free(signer);
	ksk_child_exit(KSK_EXIT_OK);
}

/* Longer than any turn takes beside its wait. */
#define STALL_MS 1000u

static void
look_for_stall(struct ksk_signer *signer, int wait_ms, uint64_t now_ms)
{
	uint64_t most = STALL_MS + (wait_ms > 0 ? (uint64_t)wait_ms : 0);

	if (now_ms - signer->turn_ms > most)
		ksk_crew_resumed(&signer->crew, now_ms);
	signer->turn_ms = now_ms;
}

/* One turn: read what came, move requests on, send what is ready. */
static bool
turn(struct ksk_signer *signer, bool full, uint8_t *packet)
{
	struct polled p;
	fill_poll(signer, full, &p);
	int wait = ksk_pipeline_wait(signer, ksk_clock_mono_ms());
	if (signer->stopping && wait > STOP_POLL_MS)
		wait = STOP_POLL_MS;
	if (poll(p.fd, p.count, wait) < 0 && errno != EINTR) {
		struct ksk_fault fault = {.text = "poll fails"};
		give_up("event-loop", &fault, KSK_EXIT_INTERNAL);
	}
	ksk_hold_turn(signer);
	read_all(signer, &p, packet);
	uint64_t now_ms = ksk_clock_mono_ms();
	look_for_stall(signer, wait, now_ms);
	report_overdue(signer, now_ms);
	ksk_hold_run(signer, now_ms);
	ksk_pipeline_run(signer, now_ms);
	/* What is ready leaves before what nobody waits for. */
	(void)ksk_outbox_flush(signer);
	ksk_control_run(signer, now_ms);
	if (signer->pins_due && signer->frontend.fd >= 0)
		signer->pins_due = !ksk_outbox_pins(signer);
	ksk_state_review(signer, now_ms);
	ksk_announce_watch_run(signer, now_ms);
	return ksk_outbox_flush(signer);
}

int
main(void)
{
	struct ksk_signer *signer = calloc(1, sizeof(*signer));
	uint8_t *packet = malloc(KSK_PACKET_MAX);
	if (signer == NULL || packet == NULL)
		return KSK_EXIT_INTERNAL;
	signer->control = ksk_child_begin("kskd-signer");
	signer->frontend.fd = -1;
	/* No configuration file of OpenSSL's is read. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return KSK_EXIT_INTERNAL;
	make_room(signer);
	int policy_fd = take_start(signer);
	enter_sandbox(signer);
	open_all(signer, policy_fd);
	say_ready(signer);

	bool full = false;
	uint64_t stop_ms = 0;
	for (;;) {
		full = turn(signer, full, packet);
		if (!signer->stopping)
			continue;
		uint64_t now_ms = ksk_clock_mono_ms();
		if (stop_ms == 0) {
			stop_ms = now_ms + STOP_MS;
			ksk_anchorage_hurry(signer, now_ms);
		}
		if ((signer->tickets->active_count == 0 &&
			    !ksk_anchorage_waits(signer)) ||
			now_ms >= stop_ms) {
			free(packet);
			stop(signer);
		}
	}
}
