/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskd-policy - one shot, started by kskd: reads the policy's text, writes its
 * table into a memory file and seals it. YAML is the most tangled format we
 * read; here a fault in its reader has nothing to reach.
 *
 * Descriptors: 0 pipe with 25 bytes (appliance id, the moment as a 64-bit
 * big-endian number, and a document kind: then the text is one that the signer
 * has, whoever it is for; 0: the policy file of this appliance), 2 log, 3 the policy's text, 4 an empty memfd to fill, 5
 * pipe for the faults, one per line. Exit: 0, or KSK_EXIT_POLICY with faults
 * written, or another code of exit.h after one line in the log.
 */
#include "appliance/base/child.h"
#include "appliance/base/exit.h"
#include "appliance/base/log.h"
#include "appliance/base/sandbox.h"
#include "appliance/policy/document.h"
#include "protocol/limits.h"
#include "protocol/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_FD 0
#define TEXT_FD 3
#define TABLE_FD 4
#define FAULT_FD 5

#define SEALS (F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE)

/* One byte more shows that a text is longer. */
#define TEXT_CAP (KSK_DOCUMENT_TEXT_MAX + 1u)

/* What reading, allocating, writing and sealing take. No path, no socket, no
 * new descriptor, no process. */
static const struct ksk_syscall calls[] = {
	KSK_ALLOW(read),
	KSK_ALLOW(write),
	KSK_ALLOW(brk),
	KSK_ALLOW(mmap),
	KSK_ALLOW(mremap),
	KSK_ALLOW(munmap),
	KSK_ALLOW(madvise),
	KSK_ALLOW(futex),
	KSK_ALLOW(getrandom),
	KSK_ALLOW(sysinfo), /* qsort asks before it sorts many zones */
	{SCMP_SYS(fcntl), 1, F_ADD_SEALS, 0},
};

static const struct ksk_sandbox sandbox = {
	.calls = calls,
	.call_count = sizeof(calls) / sizeof(calls[0]),
};

static _Noreturn void
leave(int code, const char *sentence, const char *why)
{
	ksk_log(KSK_LOG_ERROR, "policy-reader-failed", sentence, "why", why,
		NULL);
	ksk_child_exit(code);
}

/* Started by hand it would fill whatever the descriptors happen to be. */
static void
check_descriptors(void)
{
	struct stat st;

	if (fcntl(TABLE_FD, F_GET_SEALS) < 0 || fstat(TABLE_FD, &st) != 0 ||
		st.st_size != 0 || fstat(TEXT_FD, &st) != 0 ||
		fstat(FAULT_FD, &st) != 0)
		leave(KSK_EXIT_USAGE,
			"kskd-policy is started by kskd, not by hand",
			"descriptors 3, 4 and 5 are not what kskd passes");
}

static void
enter_sandbox(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	const struct rlimit none = {0, 0};
	struct ksk_fault fault = {""};
	int abi = 0;

	if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
		prctl(PR_SET_DUMPABLE, 0) != 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
		setrlimit(RLIMIT_CORE, &none) != 0)
		leave(KSK_EXIT_SANDBOX, "the process can't be prepared",
			strerror(errno));
	if (ksk_sandbox_enter(&sandbox, &abi, &fault) != KSK_OK)
		leave(KSK_EXIT_SANDBOX, "the sandbox can't be entered",
			fault.text);
	ksk_probe("kskd-policy");
}

/* Reads to the end of file or to cap bytes. Returns how many. */
static size_t
read_all(int fd, uint8_t *out, size_t cap, const char *what)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, out + len, cap - len);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			leave(KSK_EXIT_FILE, what, strerror(errno));
		len += (size_t)n;
	}
	return len;
}

static bool
write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len != 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static void
read_start(uint8_t out_appliance[KSK_ID_LEN], uint64_t *out_now,
	unsigned *out_kind)
{
	uint8_t start[KSK_ID_LEN + 8 + 1 + 1];
	size_t len = read_all(
		START_FD, start, sizeof(start), "the start can't be read");
	struct ksk_wire w = ksk_wire_of(ksk_span_of(start, len));

	ksk_wire_copy(&w, out_appliance, KSK_ID_LEN);
	*out_now = ksk_wire_u64(&w);
	*out_kind = ksk_wire_u8(&w);
	if (ksk_wire_end(&w) != KSK_OK || *out_kind > KSK_DOCUMENT_KIND_MAX)
		leave(KSK_EXIT_USAGE,
			"kskd-policy is started by kskd, not by hand",
			"descriptor 0 does not hold 25 bytes");
}

static void
write_faults(const struct ksk_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const char *text = faults->list[i].text;

		if (!write_all(FAULT_FD, text, strlen(text)) ||
			!write_all(FAULT_FD, "\n", 1))
			leave(KSK_EXIT_POLICY, "the faults can't be written",
				strerror(errno));
	}
}

static void
write_table(const uint8_t *bytes, size_t len)
{
	if (!write_all(TABLE_FD, bytes, len))
		leave(KSK_EXIT_INTERNAL, "the table can't be written",
			strerror(errno));
	if (fcntl(TABLE_FD, F_ADD_SEALS, SEALS) != 0)
		leave(KSK_EXIT_INTERNAL, "the table can't be sealed",
			strerror(errno));
}

/* A policy is a table, everything else a struct ksk_document. */
static enum ksk_err
compile_kind(unsigned kind, struct ksk_span text, const uint8_t *appliance,
	uint64_t now, struct ksk_faults *faults)
{
	static struct ksk_document document;
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum ksk_err err;

	if (kind == 0 || kind == KSK_DOCUMENT_POLICY)
		err = ksk_policy_compile(text, kind == 0 ? appliance : NULL,
			now, &bytes, &len, faults);
	else
		err = ksk_document_compile((enum ksk_document_kind)kind, text,
			NULL, &document, faults);
	if (err != KSK_OK)
		return err;
	if (bytes != NULL)
		write_table(bytes, len);
	else
		write_table((const uint8_t *)&document, sizeof(document));
	free(bytes);
	return KSK_OK;
}

static int
compile_text(struct ksk_span text)
{
	static struct ksk_faults faults;
	uint8_t appliance[KSK_ID_LEN];
	uint64_t now = 0;
	unsigned kind = 0;
	enum ksk_err err;

	read_start(appliance, &now, &kind);
	err = compile_kind(kind, text, appliance, now, &faults);
	if (err == KSK_ERR_BAD_INPUT) {
		write_faults(&faults);
		return KSK_EXIT_POLICY;
	}
	if (err != KSK_OK)
		leave(KSK_EXIT_INTERNAL, "the text can't be compiled",
			ksk_err_text(err));
	return KSK_EXIT_OK;
}

int
main(void)
{
	uint8_t *text;
	size_t len;
	int code;

	ksk_log_init("kskd-policy", KSK_LOG_INFO);
	check_descriptors();
	/* Before the sandbox, and without a look at openssl.cnf. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		leave(KSK_EXIT_INTERNAL, "OpenSSL can't be prepared", NULL);
	enter_sandbox();
	text = malloc(TEXT_CAP);
	if (text == NULL)
		leave(KSK_EXIT_INTERNAL, "no memory for the text", NULL);
	len = read_all(TEXT_FD, text, TEXT_CAP, "the policy can't be read");
	code = compile_text(ksk_span_of(text, len));
	free(text);
	ksk_child_exit(code);
}
