/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls - see tls.h.
 */
#include "appliance/frontend/tls.h"

#include "appliance/frontend/identity.h"
#include "protocol/msg.h"
#include "protocol/tls_key.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

/* ALPN's list form: one length byte, then the name (RFC 7301 3.1). */
static const unsigned char alpn[] = "\005" KSK_ALPN;

/* A client's first flight and its certificate: more is an attack on memory. */
#define CERT_LIST_MAX 16384L

/* No finite-field groups: they let a stranger buy much of our time. */
static const int groups[] = {NID_X25519, NID_X9_62_prime256v1, NID_secp384r1};

/* OpenSSL turns verify codes into alerts. This one has no row in its table and
 * so becomes certificate_unknown. */
#define VERIFY_PIN_UNKNOWN X509_V_ERR_NO_EXPLICIT_POLICY

static struct ksk_tls_hello *
hello_of(const SSL *ssl)
{
	return (struct ksk_tls_hello *)SSL_get_app_data(ssl);
}

static enum ksk_fold_reason
judge(struct ksk_tls_hello *hello, X509 *certificate)
{
	if (ksk_identity_pin(certificate, hello->pin) != KSK_OK)
		return KSK_FOLD_HANDSHAKE;
	ksk_hex_write(ksk_span_of(hello->pin, sizeof hello->pin),
		hello->detail.pin, sizeof hello->detail.pin);
	if (!hello->pins->known)
		return KSK_FOLD_NO_PINS;
	if (!ksk_pins_has(hello->pins, hello->pin))
		return KSK_FOLD_PIN;
	if (!ksk_tls_key_is_usable(X509_get0_pubkey(certificate)))
		return KSK_FOLD_KIND;
	return ksk_identity_dates(certificate);
}

/* The alert lets an enrolled client tell why (RFC 8446 6.2); a stranger learns
 * only that it is one. no-pins passes: a client may try again. */
static int
verify_code(enum ksk_fold_reason reason)
{
	switch ((unsigned)reason) {
	case KSK_FOLD_EXPIRED:
		return X509_V_ERR_CERT_HAS_EXPIRED;
	case KSK_FOLD_EARLY:
		return X509_V_ERR_CERT_NOT_YET_VALID;
	case KSK_FOLD_DATES:
		return X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
	case KSK_FOLD_KIND:
		return X509_V_ERR_EE_KEY_TOO_SMALL;
	case KSK_FOLD_NO_PINS:
		return X509_V_ERR_UNSPECIFIED;
	default:
		return VERIFY_PIN_UNKNOWN;
	}
}

/* Stands in for OpenSSL's chain building: there is no issuer to ask. */
static int
verify(X509_STORE_CTX *store, void *arg)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ksk_tls_hello *hello = hello_of(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);

	(void)arg;
	hello->refused = judge(hello, certificate);
	if (hello->refused == KSK_FOLD_NONE) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	ksk_identity_describe(certificate, &hello->detail);
	X509_STORE_CTX_set_error(store, verify_code(hello->refused));
	return 0;
}

/* OpenSSL asks select_alpn only if the client offers any. Clients of older TLS
 * go on, to be told that their version is what is wrong. */
static int
demand_alpn(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *data;
	size_t len;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl,
		    TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
		    &len) == 1 ||
		SSL_client_hello_get0_ext(
			ssl, TLSEXT_TYPE_supported_versions, &data, &len) != 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	hello_of(ssl)->refused = KSK_FOLD_ALPN;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned int in_len, void *arg)
{
	unsigned char *chosen = NULL;

	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn, sizeof alpn - 1, in,
		    in_len) == OPENSSL_NPN_NEGOTIATED) {
		*out = chosen;
		return SSL_TLSEXT_ERR_OK;
	}
	hello_of(ssl)->refused = KSK_FOLD_ALPN;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

enum ksk_err
ksk_tls_init(void)
{
	unsigned char byte;

	/* openssl.cnf could load code and weaken what is demanded here. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
			    OPENSSL_INIT_LOAD_SSL_STRINGS |
			    OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		    NULL) != 1 ||
		RAND_bytes(&byte, 1) != 1)
		return KSK_ERR_CRYPTO;
	return KSK_OK;
}

/* Everything of the context but key and certificate. */
static bool
set_rules(SSL_CTX *context)
{
	SSL_CTX_set_options(context,
		SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
			SSL_OP_NO_RENEGOTIATION |
			SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_max_cert_list(context, CERT_LIST_MAX);
	SSL_CTX_set_verify(context,
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, verify, NULL);
	SSL_CTX_set_client_hello_cb(context, demand_alpn, NULL);
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_num_tickets(context, 0) == 1 &&
		SSL_CTX_set_max_early_data(context, 0) == 1 &&
		SSL_CTX_set1_groups(context, (int *)(uintptr_t)groups,
			sizeof groups / sizeof groups[0]) == 1;
}

SSL_CTX *
ksk_tls_context(EVP_PKEY *key, X509 *certificate)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL)
		return NULL;
	if (set_rules(context) &&
		SSL_CTX_use_certificate(context, certificate) == 1 &&
		SSL_CTX_use_PrivateKey(context, key) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

SSL *
ksk_tls_accept(SSL_CTX *context, struct ksk_tls_hello *hello)
{
	SSL *ssl = SSL_new(context);

	if (ssl == NULL)
		return NULL;
	if (SSL_set_app_data(ssl, hello) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* Reasons from SSL_AD_REASON_OFFSET on are alerts that the client sent. */
static bool
is_alert(int reason)
{
	return reason >= SSL_AD_REASON_OFFSET &&
		reason < SSL_AD_REASON_OFFSET + 256;
}

static enum ksk_fold_reason
reason_of(unsigned long err)
{
	const int reason = ERR_GET_REASON(err);

	if (is_alert(reason))
		return KSK_FOLD_ALERT;
	switch (reason) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return KSK_FOLD_NO_CERTIFICATE;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return KSK_FOLD_VERSION;
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
	case SSL_R_LENGTH_TOO_SHORT:
	case SSL_R_UNKNOWN_PROTOCOL:
		return KSK_FOLD_NOT_TLS;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return KSK_FOLD_LEFT;
	default:
		return KSK_FOLD_HANDSHAKE;
	}
}

enum ksk_fold_reason
ksk_tls_reason(struct ksk_tls_hello *hello, unsigned long err)
{
	const char *words;

	if (hello->refused != KSK_FOLD_NONE)
		return hello->refused;
	if (err == 0)
		return KSK_FOLD_LEFT;
	words = ERR_reason_error_string(err);
	snprintf(hello->detail.what, sizeof hello->detail.what, "%s",
		words != NULL ? words : "unknown error");
	return reason_of(err);
}
