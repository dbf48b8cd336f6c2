/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew - the token's workers as the signer sees them: who has which job, who
 * may get more, who is overdue. Hands jobs out and takes answers in; verifies
 * nothing (pipeline.c) and kills nobody (kskd does).
 *
 * A job that a worker was given is asked again only after that worker is dead,
 * and once at most. If the worker's token failed, only a process that started
 * after that is asked: what ended one session has mostly ended them all, and
 * the worker beside it does not know yet.
 *
 * Workers that are being replaced are waited for, once: from the first sign
 * that a replacement does not come either until a worker is up, a request is
 * refused at once.
 *
 * A key that some workers can use and others can't, process after process, is
 * found, and asked of those that can.
 *
 * No worker says when a token gets better. So a key that is missing is looked
 * for again, at growing intervals, by one worker; and after a job that two
 * workers died over, the token counts as barren until a signature comes: one
 * request at a time then is tried, once, if there is a worker, and all others
 * are refused at once.
 * Tests: tests/integration/test_faults.py, tests/integration/test_kill.py,
 * tests/unit/test_crew.c
 */
#ifndef KSK_SIGNER_CREW_H
#define KSK_SIGNER_CREW_H

#include "appliance/signer/errand.h"
#include "appliance/signer/keyring.h"
#include "appliance/signer/ticket.h"

/* A job that no worker takes within this time is lost. */
#define KSK_QUEUE_MS 3000u

/* A worker that has not looked up its keys within this time is overdue: a
 * network HSM with a full packet of keys takes seconds. Once it is known how
 * long it takes, a worker has KSK_LOOK_TIMES as long, at least limits.job. */
#define KSK_LOOK_MS 30000u
#define KSK_LOOK_TIMES 8u

/* Missing keys are looked for again after … up to …, and never for more than
 * a tenth of the worker's time. */
#define KSK_AGAIN_LEAST_MS 500u
#define KSK_AGAIN_MOST_MS 3000u

/* So long after the last failure a token that gave no signature is worth its
 * login again: a readiness check must not keep requests away for ever. */
#define KSK_BARREN_MS 60000u

/* Keys of one KEYS_SET: their answers must fit one packet too. */
#define KSK_KEYS_PER_PACKET 24u

#define KSK_WORKER_OPEN_MAX (KSK_WORKER_PACKETS * KSK_WORKER_JOBS)

/* Which slots a worker is asked to look up. */
enum ksk_round {
	KSK_ROUND_ALL = 0, /* every one */
	KSK_ROUND_MISSING, /* those it knows and that have no key */
	KSK_ROUND_PROOF,   /* the first: does its session live? */
};

struct ksk_worker {
	struct ksk_link link;
	uint64_t born; /* number of its link, counted over all workers */
	uint16_t token;
	bool leaving;   /* said that its token failed */
	bool wrong;     /* gave a signature that does not verify, or lost a
			 * key that others have: it is replaced */
	bool veteran;   /* has looked up all keys once */
	bool overdue;   /* reported to kskd */
	uint32_t known; /* slots [0, known) may be signed with */
	enum ksk_round round;
	uint32_t looked;  /* slots [0, looked) were answered this round */
	uint32_t setting; /* slots of the open KEYS_SET, 0 = none */
	uint32_t set[KSK_KEYS_PER_PACKET]; /* which */
	uint64_t set_ms;                   /* when it was sent */
	bool again;         /* a new round begins after its answer */
	uint64_t answer_ms; /* when its last packet came */
	uint16_t errand;    /* answer that is awaited (errand.h), 0: none */
	uint64_t errand_ms; /* since when */
	bool audit_asked;
	bool has_audit;                           /* it found the audit key */
	uint32_t packet_left[KSK_WORKER_PACKETS]; /* unanswered jobs */
	size_t open_count;
	struct ksk_job *open[KSK_WORKER_OPEN_MAX];
};

struct ksk_queue {
	struct ksk_job *head, *tail;
	size_t count;
};

struct ksk_token_view {
	struct ksk_queue first; /* any worker may have these */
	struct ksk_queue again; /* these wait for a younger one (job.after) */
	bool told;              /* kskd said why there is no worker */
	enum ksk_state state;
	char why[KSK_WHY_CAP];
	uint64_t up_ms; /* when a worker was up last */
	bool down;      /* none is, and it is known that a restart alone does
			 * not end that: nobody waits for it */
	bool barren;    /* two workers died over a job, none has signed since */
	uint64_t barren_ms;
	uint64_t look_ms;       /* that a look-up takes, 0 = not known */
	uint64_t job_us;        /* that a signature takes, 0 = not known */
	uint64_t lost_born;     /* of the youngest worker when a key was lost */
	uint64_t again_ms;      /* when missing keys are looked for next */
	uint64_t again_wait_ms; /* and how long after that */
};

/* Zero it, then ksk_crew_init. */
struct ksk_crew {
	const struct ksk_start_signer *start;
	struct ksk_keyring *keyring;
	struct ksk_worker worker[KSK_WORKER_COUNT_MAX];
	struct ksk_token_view token[KSK_TOKEN_COUNT_MAX];
	struct ksk_errand errand;
	struct ksk_audit_view audit;
	uint64_t next_job;
	uint64_t links;    /* made so far */
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
void ksk_crew_link(struct ksk_crew *crew, uint16_t index, uint32_t generation,
	int fd, uint64_t now_ms);

/* A worker of that generation is dead: its jobs go back to the queue, those
 * asked twice are lost. */
void ksk_crew_dead(struct ksk_crew *crew, uint16_t index, uint32_t generation,
	uint64_t now_ms);

/* kskd says what became of a token's workers. */
void ksk_crew_token_state(
	struct ksk_crew *crew, const struct ksk_ctl_state *told);

/* Asks every worker about every key again, without a gap in service: after a
 * change of policy or keymap. */
void ksk_crew_look_again(struct ksk_crew *crew);

/* Queues all jobs of a ticket. */
void ksk_crew_queue(
	struct ksk_crew *crew, struct ksk_ticket *ticket, uint64_t now_ms);

/* Takes the first job out of a queue, which must not be empty. */
void ksk_crew_unqueue(struct ksk_crew *crew, struct ksk_queue *queue);

/* A job's signature was looked at; a wrong one is lost, and its worker is
 * reported as overdue. */
void ksk_crew_judged(struct ksk_crew *crew, struct ksk_job *job, bool right,
	uint64_t now_ms);

/* Has a token's workers that have nothing to do show that they still can. */
void ksk_crew_prove(struct ksk_crew *crew, uint16_t token);

/* A worker refused a job for a key that it found, so that it knows better by
 * now, say by a new keymap: it looks its keys up again, if it has nothing else
 * to look up. */
void ksk_crew_doubt(struct ksk_crew *crew, struct ksk_worker *worker);

/* A key of the token that was missing is there: before another worker signs,
 * it must have looked too. finder: the worker that saw it. */
void ksk_crew_found_again(
	struct ksk_crew *crew, const struct ksk_worker *finder);

/* Hands out what can be handed out. */
void ksk_crew_push(struct ksk_crew *crew, uint64_t now_ms);

/*
 * Takes one packet of a worker.
 * KSK_ERR_AGAIN: none is there. KSK_ERR_CLOSED: the link is gone (and closed).
 * KSK_ERR_MALFORMED: the worker broke its format, or answered what nobody
 * asked.
 */
KSK_MUST_USE enum ksk_err ksk_crew_receive(
	struct ksk_crew *crew, uint16_t index, uint64_t now_ms);

/* Returns true if a worker has something to answer: a packet of it may be
 * there. */
bool ksk_crew_owes(const struct ksk_crew *crew, uint16_t index);

/* Loses jobs that waited too long in a queue, and finds the next worker that
 * is overdue, or gave a wrong signature, and was not reported; false if there
 * is none. A worker is overdue when it has given no answer for limits.job
 * while a job was its turn. */
bool ksk_crew_overdue(struct ksk_crew *crew, uint64_t now_ms,
	struct ksk_ctl_worker *out_worker);

/* The signer itself has not run for a while, say of a suspended machine: what
 * is open is as new as now, for its answers could not be taken. */
void ksk_crew_resumed(struct ksk_crew *crew, uint64_t now_ms);

/* Returns true if a linked worker is looking up keys. */
bool ksk_crew_looks(const struct ksk_crew *crew);

/* Returns true if a linked worker has room for jobs and nothing to do. */
bool ksk_crew_idle(const struct ksk_crew *crew);

/* Returns the workers of a token that are linked, have looked up all keys, those
 * aside that a policy named since, and are not about to be replaced. */
size_t ksk_crew_up(const struct ksk_crew *crew, uint16_t token);

/* Returns a token's state; READY if any worker is up and the last jobs were
 * signed. out_why: borrowed, what it is and what ends it, "" when ready. */
enum ksk_state ksk_crew_token(
	const struct ksk_crew *crew, uint16_t token, const char **out_why);

/* Returns true if a request is worth being tried though the token is not
 * ready: its workers are just being replaced, or one is up and the last jobs
 * failed (ksk_crew_is_barren: not more than one request then). */
bool ksk_crew_worth_a_try(const struct ksk_crew *crew, uint16_t token);

/* Returns true if the last jobs of a token gave no signature. */
bool ksk_crew_is_barren(const struct ksk_crew *crew, uint16_t token);

#endif
