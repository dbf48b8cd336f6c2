/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unlock - kskadm unlock: hands a PIN that a person has typed to the kskd that
 * runs, waits for the first login and says what became of it. The PIN goes out
 * of locked memory straight into the socket.
 */
#include "appliance/admin/admin.h"
#include "appliance/admin/pins.h"
#include "appliance/base/packet_unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer than kskd needs for an answer in any case. */
#define ANSWER_WITHIN_MS 75000

_Static_assert(KSK_UNLOCK_PIN_MAX == KSK_PIN_MAX, "one limit for PINs");

static enum ksk_exit
say_unreachable(const struct ksk_config *config, int number)
{
	if (number == EACCES || number == EPERM) {
		ksk_say("kskd belongs to another user, who alone may unlock "
			"its tokens");
		return KSK_EXIT_FILE;
	}
	if (number == ENOENT || number == ECONNREFUSED)
		ksk_say("no kskd takes PINs in %s: start it, or reload it if "
			"its configuration has changed",
			config->state);
	else
		ksk_say("kskd can't be reached in %s: %s", config->state,
			strerror(number));
	return KSK_EXIT_NO_KSKD;
}

/* Whoever listens is who gets the PIN. */
static bool
is_kskd(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || peer.uid == geteuid());
}

/* Returns 0, or errno. */
static int
connect_in(const char *state, int fd)
{
	const int folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un address;
	int number;

	if (folder < 0)
		return errno;
	ksk_unlock_address(folder, &address);
	number = connect(fd, (const struct sockaddr *)&address,
			 sizeof(address)) == 0
		? 0
		: errno;
	(void)close(folder);
	return number;
}

/* out_fd: owned. On failure says why. */
static enum ksk_exit
reach(const struct ksk_config *config, int *out_fd)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const int number = fd < 0 ? errno : connect_in(config->state, fd);

	if (number == 0 && is_kskd(fd)) {
		*out_fd = fd;
		return KSK_EXIT_OK;
	}
	if (fd >= 0)
		(void)close(fd);
	if (number != 0)
		return say_unreachable(config, number);
	ksk_say("%s/%s is not kskd's: neither root nor you listen there",
		config->state, KSK_UNLOCK_SOCKET);
	return KSK_EXIT_FILE;
}

static bool
send_pin(int fd, const struct ksk_config_token *token, bool reset,
	struct ksk_pin *pin)
{
	struct ksk_unlock ask = {
		.pin_reset = reset, .pin = ksk_span_of(pin->text, pin->len)};
	uint8_t room[KSK_UNLOCK_ASK_CAP];
	struct ksk_buf head = ksk_buf_of(room, sizeof(room));
	struct iovec parts[2];
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

	ksk_text_copy(ask.token, sizeof(ask.token), token->name);
	if (ksk_unlock_write_head(&ask, &head) != KSK_OK)
		return false;
	parts[0] = (struct iovec){.iov_base = room, .iov_len = head.len};
	parts[1] = (struct iovec){.iov_base = pin->text, .iov_len = pin->len};
	return sendmsg(fd, &msg, MSG_NOSIGNAL) ==
		(ssize_t)(head.len + pin->len);
}

static bool
receive_answer(int fd, struct ksk_unlocked *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t room[KSK_UNLOCK_ANSWER_CAP];
	ssize_t n;

	if (poll(&p, 1, ANSWER_WITHIN_MS) != 1)
		return false;
	n = recv(fd, room, sizeof(room), MSG_TRUNC | MSG_DONTWAIT);
	return n > 0 && (size_t)n <= sizeof(room) &&
		ksk_unlocked_read(ksk_span_of(room, (size_t)n), out) == KSK_OK;
}

/* Exit code of each outcome. */
static enum ksk_exit
exit_of(enum ksk_unlock_outcome outcome)
{
	switch (outcome) {
	case KSK_UNLOCK_DONE:
	case KSK_UNLOCK_ALREADY:
		return KSK_EXIT_OK;
	case KSK_UNLOCK_WRONG:
		return KSK_EXIT_PIN;
	case KSK_UNLOCK_LOCKED:
		return KSK_EXIT_PIN_LOCKED;
	case KSK_UNLOCK_UNFIT:
	case KSK_UNLOCK_NOT_TYPED:
		return KSK_EXIT_PIN_SOURCE;
	case KSK_UNLOCK_UNKNOWN:
	case KSK_UNLOCK_KEPT:
	case KSK_UNLOCK_BUSY:
		return KSK_EXIT_TOKEN;
	case KSK_UNLOCK_NO_TOKEN:
		return KSK_EXIT_USAGE;
	case KSK_UNLOCK_FAILED:
		break;
	}
	return KSK_EXIT_INTERNAL;
}

static enum ksk_exit
say_outcome(const char *token, const struct ksk_unlocked *answer)
{
	switch (answer->outcome) {
	case KSK_UNLOCK_DONE:
		(void)printf("token %s is unlocked\n", token);
		break;
	case KSK_UNLOCK_KEPT:
		ksk_say("token %s is not unlocked yet: %s; kskd keeps the PIN "
			"and goes on by itself",
			token, answer->why);
		break;
	default:
		ksk_say("token %s: %s", token, answer->why);
		break;
	}
	return exit_of(answer->outcome);
}

static enum ksk_exit
hand_in(const struct ksk_config *config, const struct ksk_config_token *token,
	bool reset, struct ksk_pin *pin)
{
	struct ksk_unlocked answer;
	enum ksk_exit code;
	bool answered;
	int fd = -1;

	code = reach(config, &fd);
	if (code != KSK_EXIT_OK)
		return code;
	answered = send_pin(fd, token, reset, pin);
	/* It has gone, or it is of no use any more. */
	ksk_wipe(pin, sizeof(*pin));
	answered = answered && receive_answer(fd, &answer);
	(void)close(fd);
	if (answered)
		return say_outcome(token->name, &answer);
	ksk_say("kskd gives no answer; its log and kskctl status say what "
		"became of token %s",
		token->name);
	return KSK_EXIT_NO_KSKD;
}

/* A person should not type in vain. */
static enum ksk_exit
check_first(
	const struct ksk_config *config, const struct ksk_config_token *token)
{
	enum ksk_exit code;
	int fd = -1;

	if (token->pin_kind != KSK_PIN_PROMPT) {
		ksk_say("the PIN of token %s is not typed: kskd takes it from "
			"%s %s",
			token->name,
			token->pin_kind == KSK_PIN_FILE ? "the file"
							: "the credential",
			token->pin_source);
		return KSK_EXIT_PIN_SOURCE;
	}
	code = reach(config, &fd);
	if (code == KSK_EXIT_OK)
		(void)close(fd);
	return code;
}

enum ksk_exit
ksk_verb_unlock(const char *config_path, int argc, char **argv)
{
	const char *name = NULL;
	const char *pin_file = NULL;
	bool reset = false;
	const struct ksk_option options[] = {
		{"pin-file", &pin_file, NULL, false},
		{"pin-reset", NULL, &reset, false},
	};
	const struct ksk_config_token *token;
	struct ksk_config config;
	struct ksk_pin *pin = NULL;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 2, &name, 1))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	token = ksk_admin_token(&config, name);
	if (token == NULL)
		return KSK_EXIT_USAGE;
	code = check_first(&config, token);
	if (code == KSK_EXIT_OK)
		code = ksk_pins_user(token, pin_file, false, &pin);
	if (code == KSK_EXIT_OK)
		code = hand_in(&config, token, reset, pin);
	ksk_pin_free(&pin);
	return code;
}
