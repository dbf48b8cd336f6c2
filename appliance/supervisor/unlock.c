/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unlock - see unlock.h. Whether a PIN may be tried is judged in take_pin;
 * what becomes of it is workers.c's.
 */
#include "appliance/supervisor/unlock.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/packet_unlock.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/locked.h"
#include "appliance/supervisor/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* kskadm connects when the PIN has been typed. */
#define ASK_WITHIN_MS 5000u

/* Two logins that hang until they are killed, and what is around them. */
#define OUTCOME_WITHIN_MS 70000u

_Static_assert(KSK_UNLOCK_ASK_CAP <= KSK_PIN_SOURCE_ROOM,
	"a packet fits the page that it is received into");
_Static_assert(KSK_UNLOCK_PIN_MAX == KSK_PIN_SOURCE_MAX, "one limit for PINs");

void
ksk_unlock_init(struct kskd *k)
{
	k->unlock = (struct ksk_unlock_desk){.listen_fd = -1};
	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++)
		k->unlock.peer[i].fd = -1;
}

/* ---- the socket ---- */

static bool
is_wanted(const struct ksk_config *config)
{
	for (size_t i = 0; i < config->token_count; i++) {
		if (config->token[i].pin_kind == KSK_PIN_PROMPT)
			return true;
	}
	return false;
}

/* Removes a socket that an earlier kskd left. Nothing else is touched. */
static bool
remove_stale(int folder)
{
	struct stat st;

	if (fstatat(folder, KSK_UNLOCK_SOCKET, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	return unlinkat(folder, KSK_UNLOCK_SOCKET, 0) == 0;
}

/* Nobody can connect before listen, so the mode is right in time. */
static int
listen_in(int folder)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
	const int fd = socket(AF_UNIX, type, 0);
	struct sockaddr_un address;

	ksk_unlock_address(folder, &address);
	if (fd >= 0 && remove_stale(folder) &&
		bind(fd, (const struct sockaddr *)&address, sizeof address) ==
			0 &&
		fchmodat(folder, KSK_UNLOCK_SOCKET, 0600, 0) == 0 &&
		listen(fd, (int)KSK_UNLOCK_PEER_MAX) == 0)
		return fd;
	if (fd >= 0) {
		const int number = errno;

		close(fd);
		errno = number;
	}
	return -1;
}

static int
open_folder(const struct kskd *k)
{
	return open(k->settings.config.state, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

enum ksk_err
ksk_unlock_open(struct kskd *k, struct ksk_fault *fault)
{
	int folder;

	if (!is_wanted(&k->settings.config)) {
		ksk_unlock_close(k);
		return KSK_OK;
	}
	if (k->unlock.listen_fd >= 0)
		return KSK_OK;
	folder = open_folder(k);
	if (folder >= 0)
		k->unlock.listen_fd = listen_in(folder);
	if (k->unlock.listen_fd < 0)
		ksk_fault_set(fault,
			"no socket for kskadm unlock can be made at %s/%s: %s",
			k->settings.config.state, KSK_UNLOCK_SOCKET,
			strerror(errno));
	if (folder >= 0)
		close(folder);
	return k->unlock.listen_fd < 0 ? KSK_ERR_IO : KSK_OK;
}

static void
drop(struct ksk_unlock_peer *peer)
{
	ksk_file_close(&peer->fd);
	peer->asked = false;
}

void
ksk_unlock_close(struct kskd *k)
{
	int folder;

	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++)
		drop(&k->unlock.peer[i]);
	if (k->unlock.listen_fd < 0)
		return;
	ksk_file_close(&k->unlock.listen_fd);
	folder = open_folder(k);
	if (folder < 0)
		return;
	/* One that stays is replaced at the next start. */
	(void)unlinkat(folder, KSK_UNLOCK_SOCKET, 0);
	close(folder);
}

/* ---- answers ---- */

/* One packet always fits an empty socket; who has left gets none. */
static void
answer(struct ksk_unlock_peer *peer, enum ksk_unlock_outcome outcome,
	const char *why)
{
	struct ksk_unlocked packet = {.outcome = outcome};
	uint8_t room[KSK_UNLOCK_ANSWER_CAP];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	ksk_text_copy(packet.why, sizeof packet.why, why);
	if (ksk_unlocked_write(&packet, &buf) == KSK_OK)
		(void)send(peer->fd, buf.data, buf.len,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	drop(peer);
}

static struct ksk_unlock_peer *
find_waiting(struct kskd *k, uint16_t index)
{
	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		struct ksk_unlock_peer *peer = &k->unlock.peer[i];

		if (peer->fd >= 0 && peer->asked && peer->token == index)
			return peer;
	}
	return NULL;
}

static enum ksk_unlock_outcome
outcome_of(const struct ksk_token_state *token)
{
	if (token->trouble == KSK_STATE_READY)
		return KSK_UNLOCK_DONE;
	if (token->trouble != KSK_STATE_LOCKED)
		return KSK_UNLOCK_KEPT;
	switch (-(int)token->err) {
	case KSK_ERR_PIN_WRONG:
		return KSK_UNLOCK_WRONG;
	case KSK_ERR_PIN_LOCKED:
		return KSK_UNLOCK_LOCKED;
	case KSK_ERR_BAD_INPUT:
		return KSK_UNLOCK_UNFIT;
	default:
		return KSK_UNLOCK_UNKNOWN;
	}
}

void
ksk_unlock_tell(struct kskd *k, uint16_t index)
{
	const struct ksk_token_state *token = &k->token[index];
	struct ksk_unlock_peer *peer = find_waiting(k, index);

	if (peer != NULL)
		answer(peer, outcome_of(token), token->why);
}

/* ---- a PIN ---- */

static bool
find_token(const struct ksk_config *config, const char *name, uint16_t *out)
{
	for (uint16_t i = 0; i < config->token_count; i++) {
		if (strcmp(config->token[i].name, name) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* Returns KSK_UNLOCK_DONE if the PIN may be tried. out_why: on refusal. */
static enum ksk_unlock_outcome
judge(struct kskd *k, const struct ksk_unlock *ask, uint16_t *out_index,
	const char **out_why)
{
	const struct ksk_token_state *token;
	uint16_t index;

	*out_why = "kskd has no such token";
	if (!find_token(&k->settings.config, ask->token, &index))
		return KSK_UNLOCK_NO_TOKEN;
	token = &k->token[index];
	*out_index = index;
	*out_why = "its PIN is not typed: kskd takes it from the source that "
		   "its configuration names";
	if (k->settings.config.token[index].pin_kind != KSK_PIN_PROMPT)
		return KSK_UNLOCK_NOT_TYPED;
	*out_why = "it is unlocked already; this PIN was not used";
	if (k->settings.pin[index].page != NULL &&
		ksk_workers_has_login(k, index))
		return KSK_UNLOCK_ALREADY;
	*out_why = "another PIN is being tried; this one was not used";
	if (token->login >= 0 || find_waiting(k, index) != NULL)
		return KSK_UNLOCK_BUSY;
	*out_why = token->why;
	if (!ask->pin_reset && token->trouble == KSK_STATE_LOCKED &&
		token->err == (uint8_t)-KSK_ERR_PIN_LOCKED)
		return KSK_UNLOCK_LOCKED;
	return KSK_UNLOCK_DONE;
}

/* Returns true if no worker is left that a PIN could be tried by. */
static bool
all_logged_in(const struct kskd *k, uint16_t index)
{
	for (size_t i = KSK_PROC_WORKER; i < k->proc_count; i++) {
		if (k->proc[i].token == index && !k->proc[i].logged_in)
			return false;
	}
	return true;
}

static void
log_peer(enum ksk_log_level level, const char *event, const char *sentence,
	const struct ksk_unlock_peer *peer, const char *token)
{
	char uid[KSK_NUM_CAP];

	ksk_log(level, event, sentence, "token", token, "uid",
		ksk_num(uid, peer->uid), (const char *)NULL);
}

/* source: taken over if its PIN is, else the caller's. */
static void
take_pin(struct kskd *k, struct ksk_unlock_peer *peer,
	const struct ksk_unlock *ask, struct ksk_pin_source *source)
{
	const char *why;
	uint16_t index = 0;
	const enum ksk_unlock_outcome outcome = judge(k, ask, &index, &why);

	if (outcome != KSK_UNLOCK_DONE) {
		log_peer(KSK_LOG_INFO, "pin-not-used", why, peer, ask->token);
		answer(peer, outcome, why);
		return;
	}
	log_peer(KSK_LOG_INFO, "pin-typed", "a person has typed a PIN", peer,
		ask->token);
	ksk_pin_source_settle(source, ask->pin);
	ksk_pin_source_wipe(&k->settings.pin[index]);
	k->settings.pin[index] = *source;
	*source = (struct ksk_pin_source){.page = NULL};
	ksk_locked_typed(k, index);
	if (all_logged_in(k, index)) {
		answer(peer, KSK_UNLOCK_KEPT,
			"its workers are logged in by an earlier PIN; this one "
			"is tried when one of them starts anew");
		return;
	}
	peer->asked = true;
	peer->token = index;
	peer->until_ms = ksk_clock_mono_ms() + OUTCOME_WITHIN_MS;
}

/* Descriptors that a peer sends are closed by the kernel: there is no room for
 * them. */
static void
receive_packet(struct kskd *k, struct ksk_unlock_peer *peer)
{
	struct ksk_pin_source source = {.page = NULL};
	struct ksk_fault fault = {""};
	struct ksk_unlock ask;
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (ksk_pin_source_new(&source, &fault) != KSK_OK) {
		answer(peer, KSK_UNLOCK_FAILED, fault.text);
		return;
	}
	iov = (struct iovec){
		.iov_base = source.page, .iov_len = KSK_UNLOCK_ASK_CAP};
	n = recvmsg(peer->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n > 0 && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
		ksk_unlock_read(ksk_span_of(source.page, (size_t)n), &ask) ==
			KSK_OK) {
		take_pin(k, peer, &ask, &source);
	} else if (n > 0) {
		log_peer(KSK_LOG_WARN, "unlock-refused",
			"a packet that is none was dropped", peer, NULL);
		drop(peer);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		drop(peer);
	}
	ksk_pin_source_wipe(&source);
}

/* ---- connections ---- */

/* The mode of the socket keeps others away; this is for the day when somebody
 * has changed it. */
static bool
is_allowed(int fd, uid_t *out_uid)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	*out_uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid();
}

static struct ksk_unlock_peer *
find_free(struct ksk_unlock_desk *desk)
{
	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		if (desk->peer[i].fd < 0)
			return &desk->peer[i];
	}
	return NULL;
}

static void
accept_one(struct ksk_unlock_desk *desk, struct ksk_unlock_peer *peer)
{
	*peer = (struct ksk_unlock_peer){
		.fd = accept4(desk->listen_fd, NULL, NULL,
			SOCK_CLOEXEC | SOCK_NONBLOCK),
		.until_ms = ksk_clock_mono_ms() + ASK_WITHIN_MS,
	};
	if (peer->fd < 0 || is_allowed(peer->fd, &peer->uid))
		return;
	log_peer(KSK_LOG_WARN, "unlock-refused",
		"a user who may not hand in a PIN was dropped", peer, NULL);
	drop(peer);
}

void
ksk_unlock_poll(const struct kskd *k, struct pollfd *out_fds)
{
	bool room = false;

	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		const int fd = k->unlock.peer[i].fd;

		out_fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
		room = room || fd < 0;
	}
	out_fds[KSK_UNLOCK_PEER_MAX] = (struct pollfd){
		.fd = room ? k->unlock.listen_fd : -1, .events = POLLIN};
}

void
ksk_unlock_receive(struct kskd *k, const struct pollfd *fds)
{
	struct ksk_unlock_peer *free_one = find_free(&k->unlock);

	if (fds[KSK_UNLOCK_PEER_MAX].revents != 0 && free_one != NULL &&
		k->unlock.listen_fd >= 0)
		accept_one(&k->unlock, free_one);
	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		struct ksk_unlock_peer *peer = &k->unlock.peer[i];

		if (fds[i].revents == 0 || peer->fd != fds[i].fd)
			continue;
		/* It has nothing more to say: it left, or it says too much. */
		if (peer->asked)
			drop(peer);
		else
			receive_packet(k, peer);
	}
}

void
ksk_unlock_run(struct kskd *k, uint64_t now_ms)
{
	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		struct ksk_unlock_peer *peer = &k->unlock.peer[i];

		if (peer->fd < 0 || now_ms < peer->until_ms)
			continue;
		if (peer->asked)
			answer(peer, KSK_UNLOCK_KEPT,
				"no login has ended yet; kskd keeps the PIN");
		else
			drop(peer);
	}
}

uint64_t
ksk_unlock_next(const struct kskd *k)
{
	uint64_t next = KSK_NO_MS;

	for (size_t i = 0; i < KSK_UNLOCK_PEER_MAX; i++) {
		const struct ksk_unlock_peer *peer = &k->unlock.peer[i];

		if (peer->fd >= 0 && peer->until_ms < next)
			next = peer->until_ms;
	}
	return next;
}
