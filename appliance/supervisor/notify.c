/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - see notify.h.
 */
#include "appliance/supervisor/notify.h"

#include "protocol/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
ksk_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof sun.sun_path)
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void
ksk_notify_status(const char *state, const char *why)
{
	char text[KSK_FAULT_CAP + 64];

	snprintf(text, sizeof text, "STATUS=%s%s%s", state,
		why[0] != '\0' ? ": " : "", why);
	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	}
	ksk_notify(text);
}

void
ksk_notify_reloading(void)
{
	struct timespec ts;
	char text[96];

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		return;
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
	ksk_notify(text);
}
