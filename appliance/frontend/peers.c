/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers - see peers.h.
 */
#include "appliance/frontend/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ksk_err
ksk_peers_init(struct ksk_peers *peers, size_t cap)
{
	struct ksk_peer *entry = calloc(cap, sizeof *entry);

	if (entry == NULL)
		return KSK_ERR_NO_MEMORY;
	*peers = (struct ksk_peers){.entry = entry, .cap = cap};
	return KSK_OK;
}

/* sockaddr_storage may be looked at as any of its forms only by a copy. */
static struct sockaddr_in
as_in4(const struct sockaddr_storage *address)
{
	struct sockaddr_in out;

	memcpy(&out, address, sizeof out);
	return out;
}

static struct sockaddr_in6
as_in6(const struct sockaddr_storage *address)
{
	struct sockaddr_in6 out;

	memcpy(&out, address, sizeof out);
	return out;
}

/* A mapped address (RFC 4291 2.5.5.2) is an IPv4 peer on a dual socket. */
static struct ksk_peer
key_of(const struct sockaddr_storage *address)
{
	struct ksk_peer key = {.family = 0};

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in in4 = as_in4(address);

		key.family = 4;
		memcpy(key.net, &in4.sin_addr, 4);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 in6 = as_in6(address);
		const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);

		key.family = mapped ? 4 : 6;
		memcpy(key.net, in6.sin6_addr.s6_addr + (mapped ? 12 : 0),
			mapped ? 4 : 8);
	}
	return key;
}

struct ksk_peer *
ksk_peers_find(struct ksk_peers *peers, const struct sockaddr_storage *address)
{
	const struct ksk_peer key = key_of(address);
	struct ksk_peer *free_entry = NULL;

	for (size_t i = 0; i < peers->cap; i++) {
		struct ksk_peer *entry = &peers->entry[i];

		if (entry->count == 0) {
			if (free_entry == NULL)
				free_entry = entry;
			continue;
		}
		if (entry->family == key.family &&
			memcmp(entry->net, key.net, sizeof key.net) == 0)
			return entry;
	}
	if (free_entry != NULL)
		*free_entry = key;
	return free_entry;
}

struct ksk_peer *
ksk_peers_busiest(struct ksk_peers *peers)
{
	struct ksk_peer *best = NULL;

	for (size_t i = 0; i < peers->cap; i++) {
		struct ksk_peer *entry = &peers->entry[i];

		if (entry->count == 0 || entry->young == 0)
			continue;
		if (best == NULL || entry->young > best->young)
			best = entry;
	}
	return best;
}

void
ksk_peers_text(
	const struct sockaddr_storage *address, char *out, size_t out_cap)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in in4 = as_in4(address);

		(void)inet_ntop(AF_INET, &in4.sin_addr, text, sizeof text);
		snprintf(out, out_cap, "%s:%u", text, ntohs(in4.sin_port) + 0u);
		return;
	}
	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 in6 = as_in6(address);

		(void)inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
		snprintf(out, out_cap, "[%s]:%u", text,
			ntohs(in6.sin6_port) + 0u);
		return;
	}
	snprintf(out, out_cap, "%s", text);
}
