/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor - kskadm doctor: looks at all that kskd needs, whether it runs or not,
 * and says all that is wrong at once, where kskd stops at the first thing. The
 * contract is doctor.h.
 */
#include "appliance/admin/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const LEVELS[KSK_DOCTOR_LEVELS] = {
	"ok", "warning", "trouble"};

void
ksk_doctor_say(struct ksk_doctor *doctor, enum ksk_doctor_level level,
	const char *check, const char *fmt, ...)
{
	va_list ap;

	doctor->count[level]++;
	(void)printf("%-7s  %s: ", LEVELS[level], check);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	/* A child that is forked later must not say it again. */
	(void)fflush(stdout);
}

void
ksk_doctor_fault(struct ksk_doctor *doctor, const char *check, enum ksk_err err,
	const struct ksk_fault *fault)
{
	ksk_doctor_say(doctor, KSK_DOCTOR_TROUBLE, check, "%s",
		fault->text[0] != '\0' ? fault->text : ksk_err_text(err));
}

/* A line of /proc/locks: "1: FLOCK  ADVISORY  WRITE 1130 fe:01:131079 0 EOF".
 * The device's number there is not that of stat on every file system. */
static bool
is_lock_of(const char *line, ino_t inode)
{
	uintmax_t found = 0;

	return sscanf(line, "%*s FLOCK %*s WRITE %*s %*x:%*x:%ju", &found) ==
		1 &&
		found == (uintmax_t)inode;
}

/* kskd holds a lock for as long as it runs. It is looked up and not tried: a
 * kskd that starts at this moment must not find it taken. */
static bool
is_running(const struct ksk_config *config)
{
	char path[KSK_PATH_CAP + 8], line[256];
	struct stat st;
	bool held = false;
	FILE *locks;

	(void)snprintf(path, sizeof(path), "%s/lock", config->state);
	if (lstat(path, &st) != 0)
		return false;
	locks = fopen("/proc/locks", "re");
	if (locks == NULL)
		return false;
	while (!held && fgets(line, sizeof(line), locks) != NULL)
		held = is_lock_of(line, st.st_ino);
	(void)fclose(locks);
	return held;
}

static enum ksk_exit
conclude(const struct ksk_doctor *doctor)
{
	const unsigned warnings = doctor->count[KSK_DOCTOR_WARNING];
	const unsigned troubles = doctor->count[KSK_DOCTOR_TROUBLE];

	if (warnings + troubles > 0)
		ksk_say("%u trouble, %u warning, %u ok", troubles, warnings,
			doctor->count[KSK_DOCTOR_OK]);
	if (troubles > 0)
		return KSK_EXIT_TROUBLE;
	return warnings > 0 ? KSK_EXIT_WARNING : KSK_EXIT_OK;
}

enum ksk_exit
ksk_verb_doctor(const char *config_path, int argc, char **argv)
{
	struct ksk_doctor doctor = {.running = false};
	struct ksk_fault fault = {""};
	struct ksk_config config;
	enum ksk_err err;

	if (!ksk_args_read(argc, argv, NULL, 0, NULL, 0))
		return KSK_EXIT_USAGE;
	err = ksk_config_load(config_path, &config, &fault);
	if (err != KSK_OK) {
		ksk_doctor_fault(&doctor, "configuration", err, &fault);
		return conclude(&doctor);
	}
	ksk_doctor_say(&doctor, KSK_DOCTOR_OK, "configuration",
		"%s is in order, %u token%s", config.file,
		(unsigned)config.token_count,
		config.token_count == 1 ? "" : "s");
	doctor.config = &config;
	doctor.running = is_running(&config);
	ksk_doctor_files(&doctor);
	ksk_doctor_journal(&doctor);
	ksk_doctor_tokens(&doctor);
	ksk_doctor_box(&doctor);
	return conclude(&doctor);
}
