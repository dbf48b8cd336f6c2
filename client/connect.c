/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect - see connect.h.
 */
#include "client/connect.h"

#include "client/clock.h"
#include "client/dial.h"
#include "protocol/msg.h"
#include "protocol/tls_key.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ksk_connection {
	const struct ksk_identity *identity;
	const struct ksk_endpoint *endpoint;
	unsigned timeout_ms;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	bool write_lost;      /* the peer takes no more bytes */
	struct ksk_fault why; /* what is wrong with the server's certificate */
};

/* ---- trust ---- */

/* All pins are compared, in constant time each: which one fits, or how far
 * one fits, shows in no timing. */
static bool
is_pinned(const struct ksk_endpoint *endpoint, const uint8_t pin[KSK_PIN_LEN])
{
	bool found = false;

	for (unsigned i = 0; i < endpoint->pin_count; i++)
		found |= ksk_ct_equal(endpoint->pin[i], pin, KSK_PIN_LEN);
	return found;
}

/* Takes the place of OpenSSL's check of chains (DESIGN: identity is the pin).
 * Returns 1 if the server is the one that is pinned. */
static int
verify_server(X509_STORE_CTX *store, void *arg)
{
	struct ksk_connection *c = arg;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	uint8_t pin[KSK_PIN_LEN];
	char hex[2 * KSK_PIN_LEN + 1], dates[96];
	const char *fault;

	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	if (certificate == NULL ||
		ksk_identity_pin(certificate, pin) != KSK_OK) {
		ksk_fault_set(&c->why, "its certificate can't be read");
		return 0;
	}
	if (!is_pinned(c->endpoint, pin)) {
		ksk_hex_write(ksk_span_of(pin, sizeof(pin)), hex, sizeof(hex));
		ksk_fault_set(&c->why,
			"its pin is %s, which is not in the profile: not the "
			"appliance, or its key was changed",
			hex);
		return 0;
	}
	if (!ksk_tls_key_is_usable(X509_get0_pubkey(certificate))) {
		ksk_fault_set(&c->why,
			"its key is of a kind that is not used; it must "
			"be " KSK_TLS_KEY_KINDS);
		return 0;
	}
	fault = ksk_identity_date_fault(certificate);
	if (fault != NULL) {
		ksk_identity_dates(certificate, dates);
		ksk_fault_set(&c->why, "its certificate %s (%s)", fault, dates);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static bool
make_ctx(struct ksk_connection *c)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL)
		return false;
	SSL_CTX_set_cert_verify_callback(c->ctx, verify_server, c);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_mode(c->ctx,
		SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(c->ctx, TLS1_3_VERSION) == 1 &&
		SSL_CTX_use_certificate(c->ctx, c->identity->certificate) ==
		1 &&
		SSL_CTX_use_PrivateKey(c->ctx, c->identity->key) == 1;
}

static bool
make_ssl(struct ksk_connection *c)
{
	static const unsigned char alpn[] = "\x05" KSK_ALPN;

	c->ssl = SSL_new(c->ctx);
	/* SSL_set_alpn_protos alone returns 0 for success. */
	return c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1 &&
		SSL_set_alpn_protos(c->ssl, alpn, sizeof(alpn) - 1) == 0;
}

/* ---- what an error means ---- */

/* An alert says why; the peer means it, so the try is not repeated. */
static enum ksk_step
explain_alert(struct ksk_connection *c, int alert, struct ksk_fault *fault)
{
	const char *name = SSL_alert_desc_string_long(alert);
	bool mine = (alert >= SSL_AD_BAD_CERTIFICATE &&
			    alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
		alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
		alert == SSL_AD_CERTIFICATE_REQUIRED ||
		alert == SSL_AD_DECRYPT_ERROR;
	char hex[2 * KSK_PIN_LEN + 1];
	const char *dated = ksk_identity_date_fault(c->identity->certificate);

	if (!mine) {
		ksk_fault_set(fault, "%s: it ends the connection: %s",
			c->endpoint->address, name);
		return KSK_STEP_NEXT;
	}
	ksk_hex_write(
		ksk_span_of(c->identity->pin, KSK_PIN_LEN), hex, sizeof(hex));
	ksk_fault_set(fault,
		"%s: it refuses this client's certificate %.200s (pin %s, "
		"%s%s%s): %s; is the pin among the policy's clients, and are "
		"both clocks right?",
		c->endpoint->address, c->identity->path, hex,
		c->identity->dates, dated != NULL ? "; it " : "",
		dated != NULL ? dated : "", name);
	return KSK_STEP_NEXT;
}

/* Sorts an error of OpenSSL: a reason that was given, or a lost connection. */
static enum ksk_step
explain(struct ksk_connection *c, int error, int sys, struct ksk_fault *fault)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	char text[160] = "";

	ERR_clear_error();
	if (c->why.text[0] != '\0') {
		ksk_fault_set(
			fault, "%s: %s", c->endpoint->address, c->why.text);
		return KSK_STEP_NEXT;
	}
	if (error == SSL_ERROR_SSL && reason >= SSL_AD_REASON_OFFSET)
		return explain_alert(c, reason - SSL_AD_REASON_OFFSET, fault);
	if (error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL ||
		reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ksk_fault_set(fault,
			"%s: the connection was lost before the answer was "
			"complete%s%s",
			c->endpoint->address,
			error == SSL_ERROR_SYSCALL && sys != 0 ? ": " : "",
			error == SSL_ERROR_SYSCALL && sys != 0 ? strerror(sys)
							       : "");
		return KSK_STEP_AGAIN;
	}
	ERR_error_string_n(code, text, sizeof(text));
	ksk_fault_set(fault, "%s: no TLS 1.3 as it should be: %s",
		c->endpoint->address, text);
	return KSK_STEP_NEXT;
}

/* ---- the connection ---- */

static enum ksk_step
wait_for(struct ksk_connection *c, short events, unsigned ms,
	struct ksk_fault *fault)
{
	struct pollfd fd = {.fd = c->fd, .events = events};
	int n;

	do {
		n = poll(&fd, 1, (int)ms);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && ms > 0)
		return KSK_STEP_DONE;
	ksk_fault_set(fault, "%s: no answer within %u s", c->endpoint->address,
		c->timeout_ms / 1000);
	return KSK_STEP_NEXT;
}

/* What is left of the time from begin_ms on. */
static unsigned
left_ms(const struct ksk_connection *c, uint64_t begin_ms)
{
	const uint64_t passed_ms = ksk_ctl_now_ms() - begin_ms;

	return passed_ms < c->timeout_ms ? c->timeout_ms - (unsigned)passed_ms
					 : 0;
}

/* The time is for the whole: who gives a byte now and then buys none. */
static enum ksk_step
shake_hands(struct ksk_connection *c, struct ksk_fault *fault)
{
	const uint64_t begin_ms = ksk_ctl_now_ms();

	for (;;) {
		enum ksk_step step;
		int error, sys, n;

		ERR_clear_error();
		errno = 0;
		n = SSL_connect(c->ssl);
		sys = errno;
		if (n == 1)
			return KSK_STEP_DONE;
		error = SSL_get_error(c->ssl, n);
		if (error == SSL_ERROR_WANT_READ)
			step = wait_for(c, POLLIN, left_ms(c, begin_ms), fault);
		else if (error == SSL_ERROR_WANT_WRITE)
			step = wait_for(
				c, POLLOUT, left_ms(c, begin_ms), fault);
		else
			return explain(c, error, sys, fault);
		if (step != KSK_STEP_DONE)
			return step;
	}
}

static enum ksk_step
check_alpn(struct ksk_connection *c, struct ksk_fault *fault)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(c->ssl, &name, &len);
	if (len == strlen(KSK_ALPN) && memcmp(name, KSK_ALPN, len) == 0)
		return KSK_STEP_DONE;
	ksk_fault_set(
		fault, "%s: it does not speak " KSK_ALPN, c->endpoint->address);
	return KSK_STEP_NEXT;
}

enum ksk_step
ksk_connection_open(const struct ksk_identity *identity,
	const struct ksk_endpoint *endpoint, unsigned timeout_ms,
	struct ksk_connection **out_connection, struct ksk_fault *fault)
{
	struct ksk_connection *c = calloc(1, sizeof(*c));
	enum ksk_step step = KSK_STEP_NEXT;
	bool lost = false;

	if (c == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return KSK_STEP_NEXT;
	}
	c->identity = identity;
	c->endpoint = endpoint;
	c->timeout_ms = timeout_ms;
	c->fd = ksk_dial(endpoint, timeout_ms, &lost, fault);
	if (c->fd < 0) {
		step = lost ? KSK_STEP_AGAIN : KSK_STEP_NEXT;
		goto out;
	}
	if (!make_ctx(c) || !make_ssl(c)) {
		ksk_fault_set(fault, "TLS can't be set up with %.200s",
			identity->path);
		goto out;
	}
	step = shake_hands(c, fault);
	if (step == KSK_STEP_DONE)
		step = check_alpn(c, fault);
	if (step == KSK_STEP_DONE) {
		*out_connection = c;
		c = NULL;
	}
out:
	ksk_connection_close(&c);
	return step;
}

void
ksk_connection_write(
	struct ksk_connection *c, struct ksk_span bytes, size_t *out_len)
{
	size_t written = 0;
	int error;

	*out_len = bytes.len;
	if (c->write_lost || bytes.len == 0)
		return;
	ERR_clear_error();
	if (SSL_write_ex(c->ssl, bytes.data, bytes.len, &written) == 1) {
		*out_len = written;
		return;
	}
	error = SSL_get_error(c->ssl, 0);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		*out_len = 0;
	else
		c->write_lost = true;
}

enum ksk_step
ksk_connection_read(
	struct ksk_connection *c, struct ksk_buf *out, struct ksk_fault *fault)
{
	size_t len = 0;
	int error, sys;

	if (out->len == out->cap)
		return KSK_STEP_DONE;
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(c->ssl, out->data + out->len, out->cap - out->len,
		    &len) == 1) {
		out->len += len;
		return KSK_STEP_DONE;
	}
	sys = errno;
	error = SSL_get_error(c->ssl, 0);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return KSK_STEP_DONE;
	return explain(c, error, sys, fault);
}

enum ksk_step
ksk_connection_wait(struct ksk_connection *c, bool writing, uint64_t begin_ms,
	struct ksk_fault *fault)
{
	if (SSL_pending(c->ssl) > 0)
		return KSK_STEP_DONE;
	return wait_for(c,
		writing && !c->write_lost ? POLLIN | POLLOUT : POLLIN,
		begin_ms == 0 ? c->timeout_ms : left_ms(c, begin_ms), fault);
}

void
ksk_connection_close(struct ksk_connection **connection)
{
	struct ksk_connection *c = *connection;

	if (c == NULL)
		return;
	if (c->ssl != NULL && SSL_is_init_finished(c->ssl))
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c);
	*connection = NULL;
}
