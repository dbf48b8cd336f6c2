/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_box - the machine under the appliance: users, clock, address, what
 * the kernel can take away from a process. Contract: doctor.h
 */
#include "appliance/admin/doctor.h"
#include "appliance/base/address.h"
#include "appliance/base/clock.h"
#include "appliance/base/sandbox_landlock.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Names are looked up when the configuration is read: one that nobody has is a
 * fault there. */
static void
check_users(struct ksk_doctor *doctor)
{
	const struct ksk_config *config = doctor->config;

	if (geteuid() != 0) {
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "users",
			"kskadm does not run as root: so kskd would give all "
			"processes one user, and some files can't be looked "
			"at");
		return;
	}
	ksk_doctor_say(doctor, KSK_DOCTOR_OK, "users",
		"frontend %ju, signer %ju, policy %ju, token %ju",
		(uintmax_t)config->frontend.uid, (uintmax_t)config->signer.uid,
		(uintmax_t)config->policy_user.uid,
		(uintmax_t)config->token_user[0].uid);
}

static void
check_clock(struct ksk_doctor *doctor)
{
	const bool synchronised = ksk_clock_synchronised();

	if (ksk_clock_now() < KSK_RELEASED)
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "clock",
			"it is before this program's release: nothing is "
			"signed (clock-hold); set it");
	else if (synchronised)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "clock",
			"the kernel calls it synchronised");
	else if (!doctor->config->need_sync)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "clock",
			"the kernel does not call it synchronised, and the "
			"configuration does not demand it");
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "clock",
			"the kernel does not call it synchronised: nothing is "
			"signed (clock-hold); run an NTP service, or write "
			"clock: {synchronised: no}");
}

/* Binds and lets go again; nothing can connect. Returns 0 or errno. */
static int
try_bind(const char *text)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = 0;
	const int on = 1;
	int number = 0;
	int fd;

	if (ksk_address_read(text, &address, &len) != KSK_OK)
		return EINVAL;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) !=
			0 ||
		bind(fd, (const struct sockaddr *)&address, len) != 0)
		number = errno;
	if (fd >= 0)
		(void)close(fd);
	return number;
}

static const char *
remedy_of(int number)
{
	switch (number) {
	case EADDRINUSE:
		return "; another process listens there, and it is no kskd of "
		       "this configuration: ss -ltnp";
	case EADDRNOTAVAIL:
		return "; no interface of this machine has the address";
	case EACCES:
		return "; a port below 1024 needs root";
	default:
		return "";
	}
}

static void
check_listen(struct ksk_doctor *doctor)
{
	const char *text = doctor->config->listen;
	int number;

	if (doctor->running) {
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "listen",
			"kskd runs; kskctl status says how it is");
		return;
	}
	number = try_bind(text);
	if (number == 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "listen",
			"%s is free; kskd does not run", text);
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "listen", "%s: %s%s",
			text, strerror(number), remedy_of(number));
}

static void
check_landlock(struct ksk_doctor *doctor)
{
	const int abi = ksk_landlock_abi();

	if (abi == 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_WARNING, "landlock",
			"this kernel has none: only owners and modes keep "
			"files from the processes; it is switched on with "
			"lsm=landlock,... at the kernel's start");
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "landlock",
			"this kernel has ABI %d", abi);
}

static void
check_seccomp(struct ksk_doctor *doctor)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0)
		ksk_doctor_say(doctor, KSK_DOCTOR_OK, "seccomp",
			"this kernel can end a process at a forbidden call");
	else
		ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, "seccomp",
			"this kernel has none (%s): no process of the "
			"appliance starts",
			strerror(errno));
}

void
ksk_doctor_box(struct ksk_doctor *doctor)
{
	check_users(doctor);
	check_clock(doctor);
	check_listen(doctor);
	check_landlock(doctor);
	check_seccomp(doctor);
}
