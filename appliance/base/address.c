/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - see address.h.
 */
#include "appliance/base/address.h"

#include "appliance/base/yaml.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Copies [text, end) with a final zero. */
static bool
cut_host(const char *text, const char *end, char out[INET6_ADDRSTRLEN])
{
	const size_t len = (size_t)(end - text);

	if (len == 0 || len >= INET6_ADDRSTRLEN)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool
read_v4(const char *host, uint16_t port, struct sockaddr_storage *out,
	socklen_t *out_len)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		return false;
	*out = (struct sockaddr_storage){.ss_family = AF_INET};
	memcpy(out, &sin, sizeof sin);
	*out_len = sizeof sin;
	return true;
}

static bool
read_v6(const char *host, uint16_t port, struct sockaddr_storage *out,
	socklen_t *out_len)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET6, host, &sin6.sin6_addr) != 1)
		return false;
	*out = (struct sockaddr_storage){.ss_family = AF_INET6};
	memcpy(out, &sin6, sizeof sin6);
	*out_len = sizeof sin6;
	return true;
}

enum ksk_err
ksk_address_read(const char *text, struct sockaddr_storage *out_address,
	socklen_t *out_len)
{
	const char *colon = strrchr(text, ':');
	const bool v6 = text[0] == '[';
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	bool read;

	if (colon == NULL || ksk_text_uint(colon + 1, 1, 65535, &port) != 0)
		return KSK_ERR_BAD_INPUT;
	if (v6 && (colon < text + 2 || colon[-1] != ']'))
		return KSK_ERR_BAD_INPUT;
	if (!cut_host(text + (v6 ? 1 : 0), colon - (v6 ? 1 : 0), host))
		return KSK_ERR_BAD_INPUT;
	read = v6 ? read_v6(host, (uint16_t)port, out_address, out_len)
		  : read_v4(host, (uint16_t)port, out_address, out_len);
	return read ? KSK_OK : KSK_ERR_BAD_INPUT;
}
