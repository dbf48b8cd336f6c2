/* SPDX-License-Identifier: BSD-2-Clause */
/* compiler - see compiler.h. */
#include "appliance/signer/compiler.h"

#include "appliance/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* kskd gives kskd-policy 20 s. */
#define WAIT_MS 30000u

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool
write_all(int fd, struct ksk_span text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.data, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text.data += n;
		text.len -= (size_t)n;
	}
	return true;
}

static enum ksk_err
no_memory(struct ksk_fault *fault)
{
	ksk_fault_set(fault, "no memory for the text: %s", strerror(errno));
	return KSK_ERR_IO;
}

enum ksk_err
ksk_compiler_open(int *out_fd, struct ksk_fault *fault)
{
	int fd = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return no_memory(fault);
	*out_fd = fd;
	return KSK_OK;
}

enum ksk_err
ksk_compiler_add(int fd, struct ksk_span part, struct ksk_fault *fault)
{
	return write_all(fd, part) ? KSK_OK : no_memory(fault);
}

enum ksk_err
ksk_compiler_ask(struct ksk_signer *signer, enum ksk_document_kind kind, int fd,
	struct ksk_fault *fault)
{
	struct ksk_ctl_compile ask = {
		.number = signer->office.compiled + 1, .kind = (uint8_t)kind};
	uint8_t room[16];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	enum ksk_err err = KSK_ERR_IO;

	if (lseek(fd, 0, SEEK_SET) != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		err = no_memory(fault);
		(void)close(fd);
		return err;
	}
	if (ksk_ctl_compile_write(&ask, &buf) == KSK_OK)
		err = ksk_link_send(
			&signer->control, ksk_buf_span(&buf), &fd, 1);
	(void)close(fd);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "kskd takes no text now");
		return KSK_ERR_IO;
	}
	signer->office.compiled++;
	return KSK_OK;
}

/* Waits for the one packet. */
static enum ksk_err
receive(struct ksk_signer *signer, struct ksk_buf *buf, int *out_fd,
	size_t *out_count)
{
	const uint64_t until_ms = ksk_clock_mono_ms() + WAIT_MS;
	enum ksk_err err;

	while ((err = ksk_link_recv(&signer->control, buf, out_fd, 1,
			out_count)) == KSK_ERR_AGAIN &&
		ksk_clock_mono_ms() < until_ms) {
		struct pollfd p = {.fd = signer->control.fd, .events = POLLIN};
		(void)poll(&p, 1, 1000);
	}
	return err;
}

enum ksk_err
ksk_compiler_wait(struct ksk_signer *signer, enum ksk_document_kind kind,
	struct ksk_span text, int *out_fd, struct ksk_fault *fault)
{
	struct ksk_buf buf = ksk_buf_of(signer->packet, KSK_PACKET_MAX);
	struct ksk_ctl_compiled done = {.ok = false};
	struct ksk_wire body;
	size_t count = 0;
	int fd = -1;
	enum ksk_err err = ksk_compiler_open(&fd, fault);

	if (err == KSK_OK &&
		(err = ksk_compiler_add(fd, text, fault)) != KSK_OK)
		(void)close(fd);
	if (err == KSK_OK)
		err = ksk_compiler_ask(signer, kind, fd, fault);
	if (err != KSK_OK)
		return err;
	err = receive(signer, &buf, &fd, &count);
	if (err == KSK_OK &&
		(ksk_packet_open(ksk_buf_span(&buf), &body) !=
				KSK_CTL_COMPILED ||
			ksk_ctl_compiled_read(&body, &done) != KSK_OK ||
			done.number != signer->office.compiled ||
			done.ok != (count == 1)))
		err = KSK_ERR_MALFORMED;
	if (err == KSK_OK && done.ok) {
		*out_fd = fd;
		return KSK_OK;
	}
	if (count == 1)
		(void)close(fd);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "kskd gave no answer about the text: %s",
			ksk_err_text(err));
		return KSK_ERR_IO;
	}
	ksk_fault_set(
		fault, "%.*s", (int)strcspn(done.faults, "\n"), done.faults);
	return KSK_ERR_BAD_INPUT;
}
