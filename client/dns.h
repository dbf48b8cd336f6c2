/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns - questions to name servers over TCP (RFC 7766), with TSIG if a key is
 * given (RFC 8945), through ldns; and what came back, in our own types. Every
 * wait has a limit. An answer is believed as far as its form goes; what it says
 * is the caller's to verify.
 * Tests: tests/unit/test_dns.c, tests/fuzz/fuzz_dns.c
 */
#ifndef KSK_CLIENT_DNS_H
#define KSK_CLIENT_DNS_H

#include "client/profile.h"
#include "client/silent.h"
#include "client/tsig.h"
#include "protocol/rrset.h"

#include <ldns/ldns.h>

/* Addresses of one name. */
#define KSK_DNS_ADDRESS_MAX 16u

/* RRSIGs over one RRset: each of our KSKs and each ZSK may be one. */
#define KSK_DNS_RRSIG_MAX 24u

/* Who is asked. */
struct ksk_dns_server {
	const struct ksk_endpoint *endpoint; /* borrowed */
	const struct ksk_tsig *tsig;         /* borrowed; NULL: none */
	unsigned timeout_ms;                 /* for connecting, for an answer */
	struct ksk_silent *silent; /* borrowed; NULL: all is waited for */
};

struct ksk_dns_answer {
	unsigned rcode;
	bool authoritative;
	bool mixed_ttl;         /* records, or RRSIGs, differ in it */
	size_t size;            /* of the message, bytes */
	struct ksk_rrset rrset; /* canonical; count 0: not there */
	size_t rrsig_count;     /* RRSIGs that cover it */
	struct ksk_span rrsig[KSK_DNS_RRSIG_MAX];
	uint8_t *memory; /* owned: ksk_dns_answer_wipe */
};

/*
 * Finds all addresses of a server, as endpoints with the address in numbers,
 * each once.
 * silent: NULL for none.
 * KSK_ERR_NOT_FOUND with fault. Outputs unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_dns_addresses(const struct ksk_endpoint *of,
	struct ksk_silent *silent, struct ksk_endpoint out[KSK_DNS_ADDRESS_MAX],
	size_t *out_count, struct ksk_fault *fault);

/*
 * Asks for one RRset with its RRSIGs.
 * out_answer: owned, ksk_dns_answer_wipe; unchanged on failure.
 * A connection that is lost is tried once more: some servers drop all of them
 * when they load a zone.
 * KSK_ERR_IO: it can't be reached or does not answer in time; KSK_ERR_CLOSED:
 * it closes the connection; KSK_ERR_AGAIN: it was silent and is not asked;
 * KSK_ERR_MALFORMED, KSK_ERR_TOO_LARGE: the answer's form;
 * KSK_ERR_BAD_SIGNATURE: the TSIG; KSK_ERR_NO_MEMORY; with fault.
 * Any rcode is KSK_OK.
 */
KSK_MUST_USE enum ksk_err ksk_dns_ask(const struct ksk_dns_server *server,
	const struct ksk_name *owner, uint16_t type,
	struct ksk_dns_answer *out_answer, struct ksk_fault *fault);

/* Accepts a zeroed one. */
void ksk_dns_answer_wipe(struct ksk_dns_answer *answer);

/* Takes what the answer section of a message says about an owner and type.
 * Errors of form as ksk_dns_ask. */
KSK_MUST_USE enum ksk_err ksk_dns_read(struct ksk_span wire,
	const struct ksk_name *owner, uint16_t type,
	struct ksk_dns_answer *out_answer, struct ksk_fault *fault);

/* As ksk_dns_read of the authority section. */
KSK_MUST_USE enum ksk_err ksk_dns_read_authority(struct ksk_span wire,
	const struct ksk_name *owner, uint16_t type,
	struct ksk_dns_answer *out_answer, struct ksk_fault *fault);

/* Asks as ksk_dns_ask and gives the message as it came. out_wire: owned,
 * free(). */
KSK_MUST_USE enum ksk_err ksk_dns_ask_wire(const struct ksk_dns_server *server,
	const struct ksk_name *owner, uint16_t type, uint8_t **out_wire,
	size_t *out_len, struct ksk_fault *fault);

/*
 * Sends a message, signed if the server has a key, and takes the answer.
 * query: in/out, gets its TSIG. out_wire: owned, free(); ldns must be able to
 * read it. A message is sent once. Errors as ksk_dns_ask.
 */
KSK_MUST_USE enum ksk_err ksk_dns_exchange(const struct ksk_dns_server *server,
	ldns_pkt *query, uint8_t **out_wire, size_t *out_len,
	struct ksk_fault *fault);

/* Returns "NOERROR", "SERVFAIL", …; static or in buf. */
const char *ksk_dns_rcode_text(unsigned rcode, char buf[16]);

/* Makes names for ldns. NULL: no memory. Owned, ldns_rdf_deep_free. */
ldns_rdf *ksk_dns_name(const struct ksk_name *name);

#endif
