/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_appliance - a client that keeps so many requests in flight over one
 * connection and reads every reply whole:
 *
 *   bench_appliance PORT CERTIFICATE KEY ZONE SET IN-FLIGHT SECONDS
 *
 * SET: a file with one DNSKEY RDATA per line, hexadecimal, in canonical order.
 * The first and the last RRSIG are verified with the set's KSK. Prints
 * "RATE P50 P99", per second and in microseconds. The server is not
 * authenticated: it is a child of the same test on the loopback interface.
 */
#include "tests/bench/bench.h"

#include "protocol/frame.h"
#include "protocol/msg.h"
#include "protocol/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLIGHT_MAX 256u
#define LATENCY_MAX 2000000u
#define WARM_SEC 0.3
#define ROOM (1024u * 1024u)
#define TTL 3600u

struct client {
	int fd;
	SSL *ssl;
	uint8_t set[16384]; /* the RDATAs of the request */
	struct ksk_request request;
	double sent[FLIGHT_MAX]; /* by number modulo */
	uint8_t in[ROOM], out[ROOM];
	size_t in_len, out_len;
	struct ksk_reply reply;
	size_t replies;
	double count_from;
	size_t counted; /* replies that came since */
	double latency[LATENCY_MAX];
	size_t count;                /* of them, those asked for since */
	uint8_t last[KSK_FRAME_MAX]; /* frame of the last reply */
	size_t last_len;
};

/* ---- the request ---- */

static void
read_set(struct client *c, const char *zone, const char *path)
{
	struct ksk_rrset *set = &c->request.sign.rrset;
	FILE *f = fopen(path, "r");
	char line[4096];
	size_t used = 0;

	c->request.op = KSK_OP_SIGN;
	c->request.has_body = true;
	set->type = KSK_TYPE_DNSKEY;
	set->ttl = TTL;
	if (f == NULL ||
		ksk_name_from_text(zone, strlen(zone), &set->owner, NULL) !=
			KSK_OK)
		bench_fail("%s or %s can't be read", path, zone);
	while (fgets(line, sizeof(line), f) != NULL) {
		size_t len = 0;

		if (set->count == KSK_RDATA_COUNT_MAX ||
			ksk_hex_read(line, strcspn(line, "\n"), c->set + used,
				sizeof(c->set) - used, &len) != KSK_OK)
			bench_fail("%s is no list of RDATA", path);
		set->rdata[set->count++] = ksk_span_of(c->set + used, len);
		used += len;
	}
	(void)fclose(f);
}

static void
put_request(struct client *c)
{
	struct ksk_buf buf = ksk_buf_of(c->out + c->out_len, ROOM - c->out_len);

	c->request.number++;
	buf.len = KSK_FRAME_HEAD_LEN;
	if (ksk_request_write(&c->request, &buf) != KSK_OK)
		bench_fail("the request can't be written");
	ksk_frame_head_write(buf.len - KSK_FRAME_HEAD_LEN, buf.data);
	c->out_len += buf.len;
	c->sent[c->request.number % FLIGHT_MAX] = bench_now();
}

/* ---- replies ---- */

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)ctx;
	(void)number;
	return KSK_OP_SIGN;
}

static void
read_reply(struct client *c, struct ksk_span frame)
{
	struct ksk_fault fault = {""};

	if (ksk_reply_read(frame, op_of, c, &c->reply, &fault) != KSK_OK)
		bench_fail("reply: %s", fault.text);
	if (c->reply.status != KSK_STATUS_DONE ||
		c->reply.sign_body.rrsig_count == 0)
		bench_fail("reply: %s %s",
			ksk_status_text((unsigned)c->reply.status),
			c->reply.refusals.count > 0
				? c->reply.refusals.list[0].why
				: c->reply.text);
}

static void
check_rrsig(struct client *c)
{
	const struct ksk_rrset *set = &c->request.sign.rrset;
	struct ksk_rrsig rrsig;
	struct ksk_fault fault = {""};

	for (size_t i = 0; i < set->count; i++) {
		struct ksk_dnskey key;

		if (ksk_dnskey_read(set->rdata[i], &key) != KSK_OK ||
			(key.flags & KSK_FLAG_SEP) == 0)
			continue;
		if (ksk_rrsig_read(c->reply.sign_body.rrsig[0], &rrsig) !=
				KSK_OK ||
			ksk_verify_rrsig(set, &rrsig, &set->owner,
				set->rdata[i], 0, &fault) != KSK_OK)
			bench_fail("RRSIG: %s", fault.text);
		return;
	}
	bench_fail("the set has no KSK");
}

static void
take_frame(struct client *c, struct ksk_span frame, bool again)
{
	double now = bench_now();

	read_reply(c, frame);
	double sent = c->sent[c->reply.number % FLIGHT_MAX];
	if (c->replies++ == 0)
		check_rrsig(c);
	if (now >= c->count_from)
		c->counted++;
	if (sent >= c->count_from && c->count < LATENCY_MAX)
		c->latency[c->count++] = now - sent;
	memcpy(c->last, frame.data, frame.len);
	c->last_len = frame.len;
	if (again)
		put_request(c);
}

/* Returns how many replies were whole. */
static size_t
take_frames(struct client *c, bool again)
{
	size_t at = 0;
	size_t count = 0;
	uint32_t len = 0;

	while (c->in_len - at >= KSK_FRAME_HEAD_LEN) {
		if (ksk_frame_head_read(c->in + at, &len) != KSK_OK)
			bench_fail("a reply's length is wrong");
		if (c->in_len - at < KSK_FRAME_HEAD_LEN + len)
			break;
		take_frame(c, ksk_span_of(c->in + at + KSK_FRAME_HEAD_LEN, len),
			again);
		at += KSK_FRAME_HEAD_LEN + len;
		count++;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	return count;
}

/* ---- the connection ---- */

static void
wait_for(struct client *c, int result)
{
	int error = SSL_get_error(c->ssl, result);
	struct pollfd p = {.fd = c->fd};

	if (error == SSL_ERROR_WANT_READ)
		p.events = POLLIN;
	else if (error == SSL_ERROR_WANT_WRITE)
		p.events = POLLOUT;
	else
		bench_fail("the connection is lost (%d)", error);
	if (poll(&p, 1, 10000) != 1)
		bench_fail("no reply within 10 seconds");
}

static void
flush(struct client *c)
{
	size_t at = 0;

	while (at < c->out_len) {
		int n = SSL_write(c->ssl, c->out + at, (int)(c->out_len - at));

		if (n > 0)
			at += (size_t)n;
		else
			wait_for(c, n);
	}
	c->out_len = 0;
}

/* Reads what is there, at least something. */
static void
fill(struct client *c)
{
	size_t before = c->in_len;

	do {
		int n = SSL_read(
			c->ssl, c->in + c->in_len, (int)(ROOM - c->in_len));

		if (n > 0)
			c->in_len += (size_t)n;
		else if (c->in_len > before)
			return;
		else
			wait_for(c, n);
	} while (c->in_len == before || SSL_has_pending(c->ssl) == 1);
}

static void
dial(struct client *c, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
		connect(c->fd, (struct sockaddr *)&address, sizeof(address)) !=
			0 ||
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) !=
			0)
		bench_fail("connect: %s", strerror(errno));
}

static void
shake_hands(struct client *c, const char *certificate, const char *key)
{
	static const unsigned char alpn[] = "\x05" KSK_ALPN;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
		SSL_CTX_use_certificate_file(
			ctx, certificate, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		bench_fail("%s or %s can't be used", certificate, key);
	(void)SSL_CTX_set_mode(ctx,
		SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
		SSL_set_alpn_protos(c->ssl, alpn, sizeof(alpn) - 1) != 0 ||
		SSL_connect(c->ssl) != 1)
		bench_fail(
			"TLS: %s", ERR_reason_error_string(ERR_peek_error()));
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
		bench_fail("fcntl: %s", strerror(errno));
}

/* ---- the measurement ---- */

static void
run(struct client *c, size_t in_flight, double seconds)
{
	double begin = bench_now();

	c->count_from = begin + WARM_SEC;
	for (size_t i = 0; i < in_flight; i++)
		put_request(c);
	flush(c);
	while (bench_now() < c->count_from + seconds) {
		fill(c);
		(void)take_frames(c, true);
		flush(c);
	}
	double took = bench_now() - c->count_from;
	size_t counted = c->counted;
	for (size_t left = in_flight; left > 0; left -= take_frames(c, false))
		fill(c);
	read_reply(c, ksk_span_of(c->last, c->last_len));
	check_rrsig(c);
	/* Those that came in after the end tell of latency, not of the rate. */
	double p50 = bench_quantile(c->latency, c->count, 0.5);
	double p99 = bench_quantile(c->latency, c->count, 0.99);
	printf("%.3f %.3f %.3f\n", (double)counted / took, p50 * 1e6,
		p99 * 1e6);
}

int
main(int argc, char **argv)
{
	static struct client c; /* large */

	if (argc != 8)
		bench_fail("usage: see the top of bench_appliance.c");
	size_t in_flight = (size_t)bench_number(argv[6]);
	if (in_flight == 0 || in_flight > FLIGHT_MAX)
		bench_fail("at most %u in flight", FLIGHT_MAX);
	read_set(&c, argv[4], argv[5]);
	dial(&c, (int)bench_number(argv[1]));
	shake_hands(&c, argv[2], argv[3]);
	run(&c, in_flight, bench_number(argv[7]));
	(void)SSL_shutdown(c.ssl);
	return 0;
}
