/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_exchange - one message there, one back, over a TCP connection of its own;
 * see dns.h.
 */
#include "client/dns.h"

#include "client/clock.h"
#include "client/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUDGE_SEC 300u
/* RFC 1035 4.2.2 */
#define LEN_LEN 2u

struct line {
	int fd;
	uint64_t deadline_ms;
	const char *address;
};

static enum ksk_err
wait_for(const struct line *line, short events, struct ksk_fault *fault)
{
	struct pollfd fd = {.fd = line->fd, .events = events};
	uint64_t now = ksk_ctl_now_ms();
	int n = 0;

	if (now < line->deadline_ms)
		n = poll(&fd, 1, (int)(line->deadline_ms - now));
	if (n > 0 || (n < 0 && errno == EINTR))
		return KSK_OK;
	ksk_fault_set(fault, "%s: no answer in time", line->address);
	return KSK_ERR_IO;
}

static enum ksk_err
broken(const struct line *line, ssize_t n, struct ksk_fault *fault)
{
	ksk_fault_set(fault, "%s: %s", line->address,
		n == 0 ? "it closes the connection without an answer"
		       : strerror(errno));
	return KSK_ERR_CLOSED;
}

static enum ksk_err
send_all(
	const struct line *line, struct ksk_span bytes, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;
	size_t sent = 0;

	while (err == KSK_OK && sent < bytes.len) {
		ssize_t n = write(
			line->fd, bytes.data + sent, bytes.len - sent);

		if (n > 0)
			sent += (size_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			err = wait_for(line, POLLOUT, fault);
		else
			err = broken(line, n < 0 ? n : -1, fault);
	}
	return err;
}

static enum ksk_err
receive(const struct line *line, uint8_t *out, size_t len,
	struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;
	size_t got = 0;

	while (err == KSK_OK && got < len) {
		ssize_t n = read(line->fd, out + got, len - got);

		if (n > 0)
			got += (size_t)n;
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			err = wait_for(line, POLLIN, fault);
		else
			err = broken(line, n, fault);
	}
	return err;
}

/* Reads one message. out_wire: owned. */
static enum ksk_err
receive_message(const struct line *line, uint8_t **out_wire, size_t *out_len,
	struct ksk_fault *fault)
{
	uint8_t head[LEN_LEN];
	enum ksk_err err = receive(line, head, sizeof(head), fault);
	uint8_t *wire;
	size_t len;

	if (err != KSK_OK)
		return err;
	len = (size_t)head[0] << 8 | head[1];
	wire = malloc(len + 1);
	if (wire == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_ERR_NO_MEMORY;
	}
	err = receive(line, wire, len, fault);
	if (err != KSK_OK) {
		free(wire);
		return err;
	}
	*out_wire = wire;
	*out_len = len;
	return KSK_OK;
}

static enum ksk_err
talk(const struct ksk_dns_server *server, struct ksk_span query,
	uint8_t **out_wire, size_t *out_len, struct ksk_fault *fault)
{
	const uint8_t head[LEN_LEN] = {
		(uint8_t)(query.len >> 8), (uint8_t)query.len};
	struct line line = {.address = server->endpoint->address};
	bool lost;
	enum ksk_err err;

	line.fd = ksk_dial(server->endpoint, server->timeout_ms, &lost, fault);
	if (line.fd < 0)
		return KSK_ERR_IO;
	line.deadline_ms = ksk_ctl_now_ms() + server->timeout_ms;
	err = send_all(&line, ksk_span_of(head, sizeof(head)), fault);
	if (err == KSK_OK)
		err = send_all(&line, query, fault);
	if (err == KSK_OK)
		err = receive_message(&line, out_wire, out_len, fault);
	(void)close(line.fd);
	return err;
}

/* One that has been silent is not waited for. */
static enum ksk_err
talk_or_not(const struct ksk_dns_server *server, struct ksk_span query,
	uint8_t **out_wire, size_t *out_len, struct ksk_fault *fault)
{
	const char *who = server->endpoint->address;
	uint64_t begin = ksk_ctl_now_ms();
	enum ksk_err err;

	if (ksk_silent_is(server->silent, who, begin)) {
		ksk_silent_say(fault, who);
		return KSK_ERR_AGAIN;
	}
	err = talk(server, query, out_wire, out_len, fault);
	ksk_silent_note(
		server->silent, who, err == KSK_OK, begin, ksk_ctl_now_ms());
	return err;
}

/* ---- the two ends fit ---- */

static enum ksk_err
check_reply(const struct ksk_dns_server *server, const ldns_pkt *query,
	struct ksk_span wire, struct ksk_fault *fault)
{
	const struct ksk_tsig *tsig = server->tsig;
	ldns_pkt *reply = NULL;
	enum ksk_err err = KSK_ERR_MALFORMED;
	char rcode[16];

	if (ldns_wire2pkt(&reply, wire.data, wire.len) != LDNS_STATUS_OK) {
		ksk_fault_set(fault, "%s: the answer is malformed",
			server->endpoint->address);
		return err;
	}
	if (ldns_pkt_id(reply) != ldns_pkt_id(query) || !ldns_pkt_qr(reply) ||
		ldns_pkt_get_opcode(reply) != ldns_pkt_get_opcode(query)) {
		ksk_fault_set(fault, "%s: the answer is to something else",
			server->endpoint->address);
	} else if (tsig != NULL &&
		!ldns_pkt_tsig_verify(reply, wire.data, wire.len, tsig->name,
			tsig->secret, ldns_rr_rdf(ldns_pkt_tsig(query), 3))) {
		ksk_fault_set(fault,
			"%s: the answer (%s) is not signed with the key %.200s",
			server->endpoint->address,
			ksk_dns_rcode_text(ldns_pkt_get_rcode(reply), rcode),
			tsig->name);
		err = KSK_ERR_BAD_SIGNATURE;
	} else {
		err = KSK_OK;
	}
	ldns_pkt_free(reply);
	return err;
}

enum ksk_err
ksk_dns_exchange(const struct ksk_dns_server *server, ldns_pkt *query,
	uint8_t **out_wire, size_t *out_len, struct ksk_fault *fault)
{
	const struct ksk_tsig *tsig = server->tsig;
	uint8_t *out = NULL, *wire = NULL;
	size_t size = 0, len = 0;
	enum ksk_err err = KSK_ERR_INTERNAL;

	if (tsig != NULL &&
		ldns_pkt_tsig_sign(query, tsig->name, tsig->secret, FUDGE_SEC,
			tsig->algorithm, NULL) != LDNS_STATUS_OK) {
		ksk_fault_set(fault, "the key %.200s can't sign", tsig->name);
		return err;
	}
	if (ldns_pkt2wire(&out, query, &size) != LDNS_STATUS_OK ||
		size > UINT16_MAX) {
		ksk_fault_set(fault, "the message can't be written");
		goto out;
	}
	err = talk_or_not(server, ksk_span_of(out, size), &wire, &len, fault);
	if (err == KSK_OK)
		err = check_reply(server, query, ksk_span_of(wire, len), fault);
	if (err != KSK_OK)
		goto out;
	*out_wire = wire;
	*out_len = len;
	wire = NULL;
out:
	free(out);
	free(wire);
	return err;
}
