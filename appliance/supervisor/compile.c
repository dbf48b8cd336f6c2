/* SPDX-License-Identifier: BSD-2-Clause */
/* compile - see compile.h. */
#include "appliance/supervisor/compile.h"

#include "appliance/base/clock.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/files.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void
ksk_compile_init(struct kskd *k)
{
	memset(&k->compile, 0, sizeof k->compile);
	ksk_policy_run_init(&k->compile.run);
	k->compile.waiting_fd = -1;
}

static void
answer(struct kskd *k, const char *faults, int table_fd)
{
	struct ksk_ctl_compiled done = {
		.number = k->compile.number, .ok = table_fd >= 0};

	if (!k->compile.wanted)
		return;
	k->compile.wanted = false;
	ksk_text_copy(done.faults, sizeof done.faults, faults);
	ksk_control_compiled(k, &done, table_fd);
}

static void
start(struct kskd *k, int fd, uint8_t kind)
{
	struct ksk_fault fault = {""};

	if (ksk_policy_run_start(&k->compile.run, k->folder, &k->settings, fd,
		    kind, &fault) != KSK_OK)
		answer(k, fault.text, -1);
}

/* Memory of its own that nobody can change any more. */
static bool
is_sealed(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

enum ksk_err
ksk_compile_take(struct kskd *k, struct ksk_wire *body, int fd)
{
	struct ksk_compile *c = &k->compile;
	struct ksk_ctl_compile asked;
	enum ksk_err err = ksk_ctl_compile_read(body, &asked);

	if (err == KSK_OK && (fd < 0 || !is_sealed(fd)))
		err = KSK_ERR_MALFORMED;
	if (err != KSK_OK) {
		ksk_file_close(&fd);
		return err;
	}
	c->number = asked.number;
	c->wanted = true;
	/* One that nobody waits for: the signer that asked is gone, or has given
	 * it up. The new one begins when it is over. */
	if (c->run.pid != 0) {
		(void)kill(c->run.pid, SIGKILL);
		ksk_file_close(&c->waiting_fd);
		c->waiting_fd = fd;
		c->waiting_kind = asked.kind;
		return KSK_OK;
	}
	start(k, fd, asked.kind);
	ksk_file_close(&fd);
	return KSK_OK;
}

void
ksk_compile_ended(struct kskd *k, int status)
{
	struct ksk_compile *c = &k->compile;
	struct ksk_fault fault = {""};
	int table = -1;
	enum ksk_exit code = ksk_policy_run_finish(
		&c->run, status, &table, &fault);

	if (c->waiting_fd >= 0) {
		int fd = c->waiting_fd;

		ksk_file_close(&table);
		c->waiting_fd = -1;
		start(k, fd, c->waiting_kind);
		ksk_file_close(&fd);
		return;
	}
	answer(k, code == KSK_EXIT_POLICY ? c->run.faults : fault.text, table);
	ksk_file_close(&table);
}

void
ksk_compile_died(struct kskd *k)
{
	struct ksk_compile *c = &k->compile;

	c->wanted = false;
	ksk_file_close(&c->waiting_fd);
	if (c->run.pid != 0)
		(void)kill(c->run.pid, SIGKILL);
}

void
ksk_compile_run(struct kskd *k, uint64_t now_ms)
{
	if (now_ms < ksk_compile_next(k))
		return;
	/* Its death is the answer. */
	(void)kill(k->compile.run.pid, SIGKILL);
	k->compile.run.until_ms = KSK_NO_MS;
}

uint64_t
ksk_compile_next(const struct kskd *k)
{
	return k->compile.run.pid == 0 ? KSK_NO_MS : k->compile.run.until_ms;
}
