/* SPDX-License-Identifier: BSD-2-Clause */
/* pins - see pins.h. */
#include "appliance/admin/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define FILE_WAIT_MS 5000u

/* What writes to a pipe may ask a person first. */
#define PIPE_WAIT_MS 60000u

#define STANDARD_INPUT "-"

/* 32 characters: five bits of a random byte each. */
static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
_Static_assert(sizeof(alphabet) - 1 == 32, "one character per five bits");

static enum ksk_exit
new_pin(struct ksk_pin **out_pin)
{
	if (ksk_pin_new(out_pin) == KSK_OK)
		return KSK_EXIT_OK;
	ksk_say("no memory may be locked for a PIN (RLIMIT_MEMLOCK)");
	return KSK_EXIT_INTERNAL;
}

enum ksk_exit
ksk_pins_random(size_t len, struct ksk_pin **out_pin)
{
	struct ksk_pin *pin = NULL;
	enum ksk_exit code = new_pin(&pin);

	if (code != KSK_EXIT_OK)
		return code;
	if (len > KSK_PIN_MAX ||
		RAND_bytes((unsigned char *)pin->text, (int)len) != 1) {
		ksk_pin_free(&pin);
		ksk_say("no random bytes for a PIN");
		return KSK_EXIT_INTERNAL;
	}
	for (size_t i = 0; i < len; i++)
		pin->text[i] = alphabet[(unsigned char)pin->text[i] % 32];
	pin->len = len;
	*out_pin = pin;
	return KSK_EXIT_OK;
}

/* A terminal would show what is typed, and has no end. */
static enum ksk_exit
from_pipe(struct ksk_pin **out_pin)
{
	struct ksk_fault fault = {""};
	struct ksk_pin *pin = NULL;
	enum ksk_exit code;
	enum ksk_err r;

	if (isatty(STDIN_FILENO) != 0) {
		ksk_say("standard input is a terminal; without --pin-file the "
			"PIN is asked for and not shown");
		return KSK_EXIT_PIN_SOURCE;
	}
	if ((code = new_pin(&pin)) != KSK_EXIT_OK)
		return code;
	r = ksk_pin_read_fd(pin, STDIN_FILENO, PIPE_WAIT_MS, &fault);
	if (r != KSK_OK) {
		ksk_pin_free(&pin);
		return ksk_fail(KSK_EXIT_PIN_SOURCE, r, &fault);
	}
	*out_pin = pin;
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_pins_file(const char *path, struct ksk_pin **out_pin)
{
	if (strcmp(path, STANDARD_INPUT) == 0)
		return from_pipe(out_pin);
	struct ksk_fault fault = {""};
	struct ksk_pin *pin = NULL;
	int fd = -1;
	enum ksk_exit code = new_pin(&pin);
	enum ksk_err r;

	if (code != KSK_EXIT_OK)
		return code;
	r = ksk_open_trusted(path, "PIN file", true, &fd, &fault);
	if (r == KSK_OK) {
		struct ksk_fault why = {""};

		r = ksk_pin_read_fd(pin, fd, FILE_WAIT_MS, &why);
		(void)close(fd);
		if (r != KSK_OK)
			ksk_fault_set(&fault, "%s: %.500s", path, why.text);
	}
	if (r != KSK_OK) {
		ksk_pin_free(&pin);
		return ksk_fail(KSK_EXIT_PIN_SOURCE, r, &fault);
	}
	*out_pin = pin;
	return KSK_EXIT_OK;
}

/* One line from the terminal, which gives a line at a time and no end of file:
 * ksk_pin_read_fd would wait for one. */
static enum ksk_err
read_line(int tty, struct ksk_pin *pin, struct ksk_fault *fault)
{
	ssize_t n;
	size_t len;

	/* With its line end, so that one that is too long is not cut. */
	do
		n = read(tty, pin->text, KSK_PIN_MAX + 1);
	while (n < 0 && errno == EINTR);
	len = n > 0 ? (size_t)n : 0;
	if (len > 0 && pin->text[len - 1] == '\n')
		len--;
	if (len > KSK_PIN_MAX) {
		ksk_fault_set(
			fault, "the PIN is longer than %u bytes", KSK_PIN_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	pin->len = len;
	pin->text[len] = '\0';
	if (len > 0)
		return KSK_OK;
	ksk_fault_set(fault, "the PIN is empty");
	return KSK_ERR_BAD_INPUT;
}

/* Waits for a line, or for a signal that is kept back. */
static enum ksk_err
wait_line(int tty, int signal_fd, struct ksk_pin *pin, struct ksk_fault *fault)
{
	struct pollfd fds[] = {
		{.fd = tty, .events = POLLIN},
		{.fd = signal_fd, .events = POLLIN},
	};

	while (poll(fds, 2, -1) < 0) {
		if (errno != EINTR)
			return KSK_ERR_IO;
	}
	if (fds[1].revents == 0)
		return read_line(tty, pin, fault);
	ksk_fault_set(fault, "interrupted");
	return KSK_ERR_IO;
}

static enum ksk_err
ask_hidden(int tty, const char *what, const char *again, int signal_fd,
	struct ksk_pin *pin, struct ksk_fault *fault)
{
	struct termios shown;
	struct termios hidden;
	enum ksk_err r;

	if (tcgetattr(tty, &shown) != 0) {
		ksk_fault_set(fault, "the terminal does not answer");
		return KSK_ERR_IO;
	}
	hidden = shown;
	hidden.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
	/* Before the prompt: whoever answers that at once is not flushed away.
	 */
	if (tcsetattr(tty, TCSAFLUSH, &hidden) != 0) {
		ksk_fault_set(fault, "the terminal can't hide what is typed");
		return KSK_ERR_IO;
	}
	(void)dprintf(tty, "%s%s: ", what, again);
	r = wait_line(tty, signal_fd, pin, fault);
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	(void)dprintf(tty, "\n");
	return r;
}

/* What would end or stop this process waits until the terminal shows again
 * what is typed: else it would stay as it is for whoever uses it next. */
static enum ksk_err
ask(int tty, const char *what, const char *again, struct ksk_pin *pin,
	struct ksk_fault *fault)
{
	static const int kept_back[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
	enum ksk_err r = KSK_ERR_IO;
	sigset_t set, before;
	int signal_fd;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(kept_back) / sizeof(*kept_back); i++)
		(void)sigaddset(&set, kept_back[i]);
	if (sigprocmask(SIG_BLOCK, &set, &before) != 0)
		return r;
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd >= 0) {
		r = ask_hidden(tty, what, again, signal_fd, pin, fault);
		(void)close(signal_fd);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

enum ksk_exit
ksk_pins_typed(const char *what, bool twice, struct ksk_pin **out_pin)
{
	struct ksk_fault fault = {""};
	struct ksk_pin *pin = NULL;
	struct ksk_pin *again = NULL;
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	enum ksk_exit code = KSK_EXIT_PIN_SOURCE;
	enum ksk_err r = KSK_ERR_IO;

	if (tty < 0) {
		ksk_say("no PIN: there is no terminal to ask for the %s; "
			"give a file",
			what);
		return KSK_EXIT_PIN_SOURCE;
	}
	if (new_pin(&pin) != KSK_EXIT_OK || new_pin(&again) != KSK_EXIT_OK) {
		code = KSK_EXIT_INTERNAL;
		goto out;
	}
	r = ask(tty, what, "", pin, &fault);
	if (r == KSK_OK && twice)
		r = ask(tty, what, " again", again, &fault);
	if (r == KSK_OK && twice &&
		(pin->len != again->len ||
			!ksk_ct_equal(pin->text, again->text, pin->len))) {
		ksk_fault_set(&fault, "the two are not the same");
		r = KSK_ERR_BAD_INPUT;
	}
	if (r == KSK_OK) {
		*out_pin = pin;
		pin = NULL;
		code = KSK_EXIT_OK;
	} else {
		(void)ksk_fail(code, r, &fault);
	}
out:
	ksk_pin_free(&pin);
	ksk_pin_free(&again);
	(void)close(tty);
	return code;
}

static enum ksk_exit
from_credential(const char *name, struct ksk_pin **out_pin)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[2 * KSK_PATH_CAP];

	if (folder == NULL)
		return KSK_EXIT_PIN_SOURCE;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return ksk_pins_file(path, out_pin);
}

enum ksk_exit
ksk_pins_user(const struct ksk_config_token *token, const char *file,
	bool fresh, struct ksk_pin **out_pin)
{
	char what[KSK_LABEL_CAP + 16];

	(void)snprintf(what, sizeof(what), "PIN of %s", token->name);
	if (file != NULL)
		return ksk_pins_file(file, out_pin);
	switch (token->pin_kind) {
	case KSK_PIN_FILE:
		if (!fresh || access(token->pin_source, F_OK) == 0)
			return ksk_pins_file(token->pin_source, out_pin);
		break;
	case KSK_PIN_CREDENTIAL:
		/* Only units of the service manager have credentials; a
		 * person types. */
		if (getenv("CREDENTIALS_DIRECTORY") != NULL)
			return from_credential(token->pin_source, out_pin);
		break;
	case KSK_PIN_PROMPT:
		break;
	}
	return ksk_pins_typed(what, fresh, out_pin);
}
