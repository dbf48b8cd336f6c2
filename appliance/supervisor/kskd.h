/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd - the state of the supervisor: one table of processes, one edge for
 * each link, one entry for each token. It lives in main.c; every other file
 * gets it as an argument. Who changes what:
 *
 *	procs.c    starts, ends, restarts processes
 *	links.c    makes links when both ends are ready
 *	control.c  packets from and to children
 *	workers.c  logins, token states
 *	locked.c   tokens that wait for a PIN, PIN marks
 *	unlock.c   PINs that are typed
 *	reload.c   SIGHUP
 *	compile.c  runs of kskd-policy for the signer
 *	stop.c     SIGTERM, and the way out of a start that fails
 */
#ifndef KSK_SUPERVISOR_KSKD_H
#define KSK_SUPERVISOR_KSKD_H

#include "appliance/base/packet.h"
#include "appliance/supervisor/policy_run.h"
#include "appliance/supervisor/settings.h"
#include "protocol/msg.h"

#include <poll.h>

/* Never, for moments in milliseconds. */
#define KSK_NO_MS UINT64_MAX

enum ksk_phase {
	KSK_PHASE_DOWN,     /* not running; may start from due_ms on */
	KSK_PHASE_STARTING, /* executed, has not sent READY */
	KSK_PHASE_READY,
};

/* Bytes of room for how a process ended (death.h), final zero included. */
#define KSK_DEATH_TEXT_CAP 96u

/* What a child has said to a reload. */
enum ksk_answer { KSK_ANSWER_NONE, KSK_ANSWER_DUE, KSK_ANSWER_OK };

struct ksk_proc {
	enum ksk_child_kind kind;
	uint16_t index; /* of a worker */
	uint16_t token; /* of a worker */
	enum ksk_phase phase;
	pid_t pid; /* 0 when down */
	struct ksk_link control;
	uint64_t started_ms;
	uint64_t due_ms;        /* when down */
	unsigned fails;         /* deaths without 30 s of life between them */
	uint64_t kill_ms;       /* kskd kills it then, unless … */
	const char *kill_why;   /* … this is over */
	const char *killed_for; /* why kskd killed it; NULL: it did not */
	uint32_t settings;      /* number of the settings it works with */
	enum ksk_answer answer;
	int pin_fd; /* kept until the login's outcome is known, else -1: a
		     * PIN that is still in the pipe was not tried */
	/* Of that PIN: a reload may bring another while it is tried. */
	char pin_identity[KSK_PIN_IDENTITY_CAP];
	bool login_known;
	bool logged_in;
};

/* An edge between two processes. */
struct ksk_edge_state {
	uint32_t generation; /* of the last link made */
	bool up;             /* both ends live and have it */
};

struct ksk_token_state {
	/* What keeps workers from logging in; READY: nothing known. */
	enum ksk_state trouble;
	uint8_t err; /* enum ksk_err, negated */
	char why[KSK_FAULT_CAP];
	enum ksk_state told; /* the state as last logged and told */
	char told_why[KSK_FAULT_CAP];
	int login; /* index in procs of the worker that logs in, or -1 */
	bool locked;
	unsigned unknown;     /* logins in a row whose outcome nobody knows */
	unsigned fails;       /* logins in a row that failed */
	uint64_t next_try_ms; /* no login before */
	/* How a worker died last without a login, as it was logged: the next
	 * one that dies alike is no news. "" after a login. */
	char died[KSK_DEATH_TEXT_CAP];
	uint64_t start_ms; /* that a worker takes to log in, 0 = not known */
};

enum ksk_reload_phase {
	KSK_RELOAD_NONE,
	KSK_RELOAD_READING,   /* kskd-policy runs */
	KSK_RELOAD_PREPARING, /* children have been asked */
	KSK_RELOAD_WAITING,   /* for one that is away, before all anew */
};

struct ksk_reload {
	enum ksk_reload_phase phase;
	bool again;        /* another SIGHUP came meanwhile */
	unsigned absences; /* tries that ended because a child was away */
	const struct ksk_proc *absent; /* the last of them */
	uint32_t number;               /* of the last reload that was tried */
	uint64_t until_ms;
	bool last; /* all others have agreed, the signer is asked */
	struct ksk_policy_run run;
	struct ksk_settings next;
};

/* A run of kskd-policy for the signer (compile.h). */
struct ksk_compile {
	struct ksk_policy_run run;
	bool wanted; /* the signer that asked waits for it */
	uint32_t number;
	int waiting_fd; /* -1, or the text of a request that waits for the end
			 * of a run that nobody wants any more */
	uint8_t waiting_kind;
};

/* Connections of kskadm unlock at one time: people type. */
#define KSK_UNLOCK_PEER_MAX 4u

struct ksk_unlock_peer {
	int fd; /* -1: nobody */
	uid_t uid;
	bool asked;     /* its PIN is being tried … */
	uint16_t token; /* … at this token */
	uint64_t until_ms;
};

/* Where PINs are handed in (unlock.h). */
struct ksk_unlock_desk {
	int listen_fd; /* -1: no token's PIN is typed */
	struct ksk_unlock_peer peer[KSK_UNLOCK_PEER_MAX];
};

struct ksk_stop {
	bool on;
	int code; /* kskd's exit code */
	unsigned stage;
	uint64_t begun_ms;
};

/* Frontend, signer, workers. */
#define KSK_PROC_FRONTEND 0u
#define KSK_PROC_SIGNER 1u
#define KSK_PROC_WORKER 2u /* the first of them */
#define KSK_PROC_MAX (2u + KSK_WORKER_COUNT_MAX)

struct kskd {
	const char *config_path;
	char folder[KSK_PATH_CAP]; /* of the children's programs */
	struct ksk_settings settings;
	uint32_t settings_number; /* the reload that they came with, or 0 */
	int lock_fd;
	int listen_fd;
	int signal_fd;
	size_t proc_count;
	struct ksk_proc proc[KSK_PROC_MAX];
	struct ksk_edge_state frontend_edge;
	struct ksk_edge_state worker_edge[KSK_WORKER_COUNT_MAX];
	struct ksk_token_state token[KSK_TOKEN_MAX];
	uint64_t links_ms; /* when a link that could not be made is tried again;
			    * 0: there is none */
	bool links_failed; /* and that was said */
	bool signer_seen;  /* the signer has been ready once */
	bool up;           /* frontend and signer have been ready */
	struct ksk_reload reload;
	struct ksk_compile compile;
	struct ksk_unlock_desk unlock;
	struct ksk_stop stop;
	uint8_t packet[KSK_PACKET_MAX];  /* received */
	uint8_t sending[KSK_PACKET_MAX]; /* to be sent */
};

static inline struct ksk_edge_state *
ksk_kskd_edge(struct kskd *k, const struct ksk_proc *worker)
{
	return &k->worker_edge[worker->index];
}

/* "ready", "locked", …; here as well as in protocol/msg.h, because kskd has no
 * decoder of messages in it. */
static inline const char *
ksk_kskd_state_text(unsigned state)
{
	switch (state) {
#define X(name, value, text) \
	case value: \
		return text;
		KSK_STATE_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}

/* Back-off after so many failures: 0 for none, then 100 ms doubling to
 * 10 s. */
uint64_t ksk_backoff_ms(unsigned fails);

#endif
