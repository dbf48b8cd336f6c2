/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew - the token's workers as the signer sees them: who has which job, who
 * may get more, who is overdue. Hands jobs out and takes answers in; verifies
 * nothing (pipeline.c) and kills nobody (kskd does).
 *
 * A job that a worker was given is asked again only after that worker is dead,
 * and once at most.
 * Tests: tests/integration/test_kill.py, tests/unit/test_crew.c
 */
#ifndef KSK_SIGNER_CREW_H
#define KSK_SIGNER_CREW_H

#include "appliance/signer/keyring.h"
#include "appliance/signer/ticket.h"

/* A job that no worker takes within this time is lost. */
#define KSK_QUEUE_MS 3000u

/* A worker that has not looked up its keys within this time is overdue: a
 * network HSM with a full packet of keys takes seconds. */
#define KSK_LOOK_MS 30000u

#define KSK_WORKER_OPEN_MAX (KSK_WORKER_PACKETS * KSK_WORKER_JOBS)

struct ksk_worker {
	struct ksk_link link;
	uint16_t token;
	bool leaving;     /* said that its token failed */
	bool wrong;       /* gave a signature that does not verify */
	bool overdue;     /* reported to kskd */
	uint32_t known;   /* slots [0, known) may be signed with */
	uint32_t looked;  /* slots [0, looked) were answered this round */
	uint32_t setting; /* slots of the open KEYS_SET, 0 = none */
	uint64_t set_ms;  /* when it was sent */
	bool again;       /* a new round begins after its answer */
	uint32_t packet_left[KSK_WORKER_PACKETS]; /* unanswered jobs */
	size_t open_count;
	struct ksk_job *open[KSK_WORKER_OPEN_MAX];
};

struct ksk_token_view {
	struct ksk_job *head, *tail; /* queue */
	size_t queued;
	bool told; /* kskd said why there is no worker */
	enum ksk_state state;
	char why[KSK_WHY_CAP];
};

/* Zero it, then ksk_crew_init. */
struct ksk_crew {
	const struct ksk_start_signer *start;
	struct ksk_keyring *keyring;
	struct ksk_worker worker[KSK_WORKER_COUNT_MAX];
	struct ksk_token_view token[KSK_TOKEN_COUNT_MAX];
	uint64_t next_job;
	size_t asked;      /* jobs at workers */
	size_t queued;     /* jobs in queues */
	bool keys_changed; /* an answer changed a key; the reader clears it */
	uint8_t *packet;   /* KSK_PACKET_MAX bytes, owned */
};

/* start, keyring: borrowed for the crew's life. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_crew_init(struct ksk_crew *crew,
	const struct ksk_start_signer *start, struct ksk_keyring *keyring);

/* A new link to a worker; takes fd. Jobs still at the one before are treated
 * as ksk_crew_dead does: kskd links a worker anew only after its death. */
void ksk_crew_link(
	struct ksk_crew *crew, uint16_t index, uint32_t generation, int fd);

/* A worker of that generation is dead: its jobs go back to the queue, those
 * asked twice are lost. */
void ksk_crew_dead(struct ksk_crew *crew, uint16_t index, uint32_t generation);

/* kskd says what became of a token's workers. */
void ksk_crew_token_state(
	struct ksk_crew *crew, const struct ksk_ctl_state *told);

/* Asks every worker about every key again, without a gap in service: after a
 * change of policy or keymap. */
void ksk_crew_look_again(struct ksk_crew *crew);

/* Queues all jobs of a ticket. */
void ksk_crew_queue(
	struct ksk_crew *crew, struct ksk_ticket *ticket, uint64_t now_ms);

/* Takes the first job out of a token's queue, which must not be empty. */
void ksk_crew_unqueue(struct ksk_crew *crew, struct ksk_token_view *view);

/* Hands out what can be handed out. */
void ksk_crew_push(struct ksk_crew *crew, uint64_t now_ms);

/*
 * Takes one packet of a worker.
 * KSK_ERR_AGAIN: none is there. KSK_ERR_CLOSED: the link is gone (and closed).
 * KSK_ERR_MALFORMED: the worker broke its format, or answered what nobody
 * asked.
 */
KSK_MUST_USE enum ksk_err ksk_crew_receive(
	struct ksk_crew *crew, uint16_t index);

/* Loses jobs that waited too long in a queue, and finds the next worker that
 * is overdue, or gave a wrong signature, and was not reported; false if there
 * is none. */
bool ksk_crew_overdue(struct ksk_crew *crew, uint64_t now_ms,
	struct ksk_ctl_worker *out_worker);

/* Returns true if a linked worker has room for jobs and nothing to do. */
bool ksk_crew_idle(const struct ksk_crew *crew);

/* Returns the workers of a token that are linked and have looked up all keys.
 */
size_t ksk_crew_up(const struct ksk_crew *crew, uint16_t token);

/* Returns a token's state; READY if any worker is up. out_why: borrowed, what
 * it is and what ends it, "" when ready. */
enum ksk_state ksk_crew_token(
	const struct ksk_crew *crew, uint16_t token, const char **out_why);

#endif
