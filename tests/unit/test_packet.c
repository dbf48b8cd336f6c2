/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet: for each packet a round trip, the same bytes when written
 * again, refusal of every prefix and of a byte more, and values out of range.
 */
#include "appliance/base/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t room[KSK_PACKET_MAX], again_room[KSK_PACKET_MAX];
static uint8_t copy[KSK_PACKET_MAX];

/* Reads a body and writes what it read to again. Returns the reader's error. */
typedef enum ksk_err rewrite_fn(
	uint16_t nr, struct ksk_wire *body, struct ksk_buf *again);

/* Runs the reader on an exact heap copy, so that ASan sees a read beyond. */
static enum ksk_err
read_exact(rewrite_fn *rewrite, const uint8_t *bytes, size_t len,
	struct ksk_buf *again)
{
	uint8_t *heap = malloc(len > 0 ? len : 1);
	struct ksk_wire body;
	enum ksk_err err;
	uint16_t nr;

	assert_non_null(heap);
	memcpy(heap, bytes, len);
	nr = ksk_packet_open(ksk_span_of(heap, len), &body);
	err = nr == 0xffff ? body.err : rewrite(nr, &body, again);
	free(heap);
	return err;
}

static void
check_packet(rewrite_fn *rewrite, const struct ksk_buf *packet)
{
	struct ksk_buf again = ksk_buf_of(again_room, sizeof again_room);

	assert_int_equal(
		read_exact(rewrite, packet->data, packet->len, &again), KSK_OK);
	assert_int_equal(again.len, packet->len);
	assert_memory_equal(again.data, packet->data, packet->len);
	for (size_t len = 0; len < packet->len; len++)
		assert_int_not_equal(
			read_exact(rewrite, packet->data, len, &again), KSK_OK);
	memcpy(copy, packet->data, packet->len);
	copy[packet->len] = 0;
	assert_int_not_equal(
		read_exact(rewrite, copy, packet->len + 1, &again), KSK_OK);
}

/* The packet with one byte changed is refused. */
static void
check_refused(rewrite_fn *rewrite, const struct ksk_buf *packet, size_t at,
	uint8_t value)
{
	struct ksk_buf again = ksk_buf_of(again_room, sizeof again_room);

	assert_true(at < packet->len);
	memcpy(copy, packet->data, packet->len);
	copy[at] = value;
	assert_int_not_equal(
		read_exact(rewrite, copy, packet->len, &again), KSK_OK);
}

static void
test_numbers(void **state)
{
	const uint16_t known[] = {
#define X(name, value) value,
		KSK_PACKET_TABLE(X)
#undef X
	};
	struct ksk_wire body;
	size_t hits = 0;

	(void)state;
	for (uint32_t nr = 0; nr <= 0xffff; nr++) {
		const uint8_t bytes[2] = {(uint8_t)(nr >> 8), (uint8_t)nr};
		const uint16_t got = ksk_packet_open(
			ksk_span_of(bytes, 2), &body);

		if (got == 0xffff) {
			assert_int_equal(body.err, KSK_ERR_MALFORMED);
			continue;
		}
		assert_int_equal(got, nr);
		assert_int_equal(ksk_wire_end(&body), KSK_OK);
		hits++;
	}
	assert_int_equal(hits, sizeof known / sizeof known[0]);
}

static enum ksk_err
rewrite_plain(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	const enum ksk_err err = ksk_wire_end(body);

	return err != KSK_OK ? err : ksk_ctl_plain_write(nr, again);
}

static enum ksk_err
rewrite_number(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	uint32_t number = 0;
	const enum ksk_err err = ksk_ctl_number_read(body, &number);

	return err != KSK_OK ? err : ksk_ctl_number_write(nr, number, again);
}

static void
test_plain_and_number(void **state)
{
	const enum ksk_packet plain[] = {KSK_CTL_READY, KSK_CTL_STOP,
		KSK_LNK_AUDIT_ASK, KSK_LNK_ANCHOR_READ};
	const enum ksk_packet number[] = {
		KSK_CTL_PREPARE, KSK_CTL_COMMIT, KSK_CTL_ABORT};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ksk_ctl_plain_write(plain[i], &buf), KSK_OK);
		check_packet(rewrite_plain, &buf);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(
			ksk_ctl_number_write(number[i], 0xdeadbeef, &buf),
			KSK_OK);
		check_packet(rewrite_number, &buf);
	}
}

static enum ksk_err
rewrite_compile(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	struct ksk_ctl_compile p;
	const enum ksk_err err = ksk_ctl_compile_read(body, &p);

	(void)nr;
	return err != KSK_OK ? err : ksk_ctl_compile_write(&p, again);
}

static enum ksk_err
rewrite_compiled(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	static struct ksk_ctl_compiled p;
	const enum ksk_err err = ksk_ctl_compiled_read(body, &p);

	(void)nr;
	return err != KSK_OK ? err : ksk_ctl_compiled_write(&p, again);
}

static void
test_compile(void **state)
{
	static struct ksk_ctl_compiled done = {.number = 7, .ok = true};
	struct ksk_ctl_compile p = {.number = 7, .kind = 4};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_ctl_compile_write(&p, &buf), KSK_OK);
	check_packet(rewrite_compile, &buf);
	check_refused(rewrite_compile, &buf, 6, 0);
	check_refused(rewrite_compile, &buf, 6, 5);
	assert_int_equal(ksk_ctl_compiled_write(&done, &buf), KSK_OK);
	check_packet(rewrite_compiled, &buf);
	check_refused(rewrite_compiled, &buf, 6, 2);
	done.ok = false;
	memset(done.faults, 'x', sizeof done.faults - 1);
	assert_int_equal(ksk_ctl_compiled_write(&done, &buf), KSK_OK);
	check_packet(rewrite_compiled, &buf);
	check_refused(rewrite_compiled, &buf, 10, 0); /* zero in a text */
}

static enum ksk_err
rewrite_prepared(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	struct ksk_ctl_prepared p;
	const enum ksk_err err = ksk_ctl_prepared_read(body, &p);

	assert_int_equal(nr, KSK_CTL_PREPARED);
	return err != KSK_OK ? err : ksk_ctl_prepared_write(&p, again);
}

static void
test_prepared(void **state)
{
	struct ksk_ctl_prepared p = {.number = 7, .ok = true, .why = "because"};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_ctl_prepared_write(&p, &buf), KSK_OK);
	check_packet(rewrite_prepared, &buf);
	check_refused(rewrite_prepared, &buf, 6, 2);  /* a bool */
	check_refused(rewrite_prepared, &buf, 10, 0); /* zero in a text */
	memset(p.why, 'w', sizeof p.why - 1);
	assert_int_equal(ksk_ctl_prepared_write(&p, &buf), KSK_OK);
	check_packet(rewrite_prepared, &buf);
	/* One byte more than the text has room for. */
	room[8]++;
	room[buf.len++] = 'w';
	check_refused(rewrite_prepared, &buf, 6, 1);
}

static enum ksk_err
rewrite_link(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	struct ksk_ctl_link p;
	const enum ksk_err err = ksk_ctl_link_read(body, &p);

	assert_int_equal(nr, KSK_CTL_LINK);
	return err != KSK_OK ? err : ksk_ctl_link_write(&p, again);
}

static void
test_link(void **state)
{
	const struct ksk_ctl_link worker = {
		.edge = KSK_EDGE_SIGNER_WORKER, .index = 63, .generation = 9};
	const struct ksk_ctl_link frontend = {
		.edge = KSK_EDGE_FRONTEND_SIGNER, .generation = UINT32_MAX};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_ctl_link_write(&worker, &buf), KSK_OK);
	check_packet(rewrite_link, &buf);
	check_refused(rewrite_link, &buf, 2, 0);
	check_refused(rewrite_link, &buf, 2, 3);
	check_refused(rewrite_link, &buf, 4, 64);
	/* The frontend's edge has no index. */
	check_refused(rewrite_link, &buf, 2, KSK_EDGE_FRONTEND_SIGNER);
	assert_int_equal(ksk_ctl_link_write(&frontend, &buf), KSK_OK);
	check_packet(rewrite_link, &buf);
}

static enum ksk_err
rewrite_worker(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	struct ksk_ctl_worker p;
	const enum ksk_err err = ksk_ctl_worker_read(body, &p);

	return err != KSK_OK ? err : ksk_ctl_worker_write(nr, &p, again);
}

static void
test_worker(void **state)
{
	const struct ksk_ctl_worker p = {.index = 63, .generation = 12};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_ctl_worker_write(KSK_CTL_DEAD, &p, &buf), KSK_OK);
	check_packet(rewrite_worker, &buf);
	assert_int_equal(
		ksk_ctl_worker_write(KSK_CTL_OVERDUE, &p, &buf), KSK_OK);
	check_packet(rewrite_worker, &buf);
	check_refused(rewrite_worker, &buf, 3, 64);
	check_refused(rewrite_worker, &buf, 2, 1);
}

static enum ksk_err
rewrite_state(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	struct ksk_ctl_state p;
	const enum ksk_err err = ksk_ctl_state_read(body, &p);

	return err != KSK_OK ? err : ksk_ctl_state_write(nr, &p, again);
}

static void
test_state(void **state)
{
	const enum ksk_packet nr[] = {
		KSK_CTL_TOKEN_STATE, KSK_CTL_LOGIN, KSK_CTL_STATE};
	const struct ksk_ctl_state p = {
		.index = 1, .state = 7, .err = 18, .why = "gone"};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ksk_ctl_state_write(nr[i], &p, &buf), KSK_OK);
		check_packet(rewrite_state, &buf);
	}
	check_refused(rewrite_state, &buf, 3, 64);
	check_refused(rewrite_state, &buf, 4, 8);
	check_refused(rewrite_state, &buf, 5, 19);
}

/* ---- items of the links: one rewriter for all, two items each ---- */

static const struct ksk_name zone = {.len = 13, .wire = "\7example\3com"};

static enum ksk_err
rewrite_items(uint16_t nr, struct ksk_wire *body, struct ksk_buf *again)
{
	union {
		struct ksk_lnk_request request;
		struct ksk_lnk_reply reply;
		struct ksk_lnk_key key;
		struct ksk_lnk_key_found found;
		struct ksk_lnk_job job;
		struct ksk_lnk_signed done;
	} u;
	struct ksk_wire_out w = ksk_packet_begin(again, nr);
	enum ksk_err err;
	size_t count = 0;

	for (; ksk_wire_more(body); count++) {
#define ITEM(number, name, field) \
	if (nr == (number)) { \
		ksk_lnk_##name##_get(body, &u.field); \
		if (body->err == KSK_OK) \
			ksk_lnk_##name##_put(&w, &u.field); \
	}
		ITEM(KSK_LNK_REQUESTS, request, request)
		ITEM(KSK_LNK_REPLIES, reply, reply)
		ITEM(KSK_LNK_KEYS_SET, key, key)
		ITEM(KSK_LNK_KEYS_FOUND, key_found, found)
		ITEM(KSK_LNK_SIGN, job, job)
		ITEM(KSK_LNK_SIGNED, signed, done)
#undef ITEM
	}
	err = ksk_wire_end(body);
	if (err != KSK_OK)
		return err;
	/* A prefix that ends between the two items is a packet of its own. */
	assert_int_equal(w.err, KSK_OK);
	return count == 2 ? KSK_OK : KSK_ERR_MALFORMED;
}

static void
test_requests(void **state)
{
	struct ksk_lnk_request item = {
		.conn = UINT64_MAX, .frame = ksk_span_of("frame", 5)};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_REQUESTS);
	const size_t before = buf.len;

	(void)state;
	memset(item.pin, 0xaa, sizeof item.pin);
	ksk_lnk_request_put(&w, &item);
	ksk_lnk_request_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);
	check_refused(rewrite_items, &buf, before + 40, 1);

	w = ksk_packet_begin(&buf, KSK_LNK_REQUESTS);
	item.frame = ksk_span_of(NULL, 0);
	ksk_lnk_request_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
	assert_int_equal(buf.len, before);
}

static void
test_replies(void **state)
{
	struct ksk_lnk_reply item = {
		.conn = 3, .close = true, .frame = ksk_span_of("frame", 5)};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_REPLIES);

	(void)state;
	ksk_lnk_reply_put(&w, &item);
	item.close = false;
	ksk_lnk_reply_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);
	check_refused(rewrite_items, &buf, 2 + 8, 2);

	item.frame = ksk_span_of(NULL, 0);
	ksk_lnk_reply_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
}

/* An item that finds no room leaves the items before it whole. */
static void
test_item_without_room(void **state)
{
	const struct ksk_lnk_reply item = {
		.conn = 3, .frame = ksk_span_of("frame", 5)};
	uint8_t small[2 + 16 + 15];
	struct ksk_buf buf = ksk_buf_of(small, sizeof small);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_REPLIES);

	(void)state;
	ksk_lnk_reply_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	assert_int_equal(buf.len, 18);
	ksk_lnk_reply_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_NO_ROOM);
	assert_int_equal(buf.len, 18);
}

static void
test_keys_set(void **state)
{
	struct ksk_lnk_key item = {.slot = 9,
		.zone = zone,
		.ds = {.tag = 23456,
			.algorithm = 13,
			.digest_type = KSK_DIGEST_SHA256,
			.digest_len = 32},
		.label = "example-com-2026a"};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_KEYS_SET);

	(void)state;
	ksk_lnk_key_put(&w, &item);
	item.ds.digest_type = KSK_DIGEST_SHA384;
	item.ds.digest_len = 48;
	item.label[0] = '\0';
	ksk_lnk_key_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);
	/* Upper case in the zone's name, a digest type without a length. */
	check_refused(rewrite_items, &buf, 2 + 4 + 2 + 1, 'E');
	check_refused(rewrite_items, &buf, 2 + 4 + 2 + 13 + 3, 1);

	item.ds.digest_len = 47;
	ksk_lnk_key_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
	w = ksk_packet_begin(&buf, KSK_LNK_KEYS_SET);
	item.ds.digest_len = 48;
	item.zone.len = 0;
	ksk_lnk_key_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
}

static void
test_keys_found(void **state)
{
	struct ksk_lnk_key_found item = {
		.slot = 9, .dnskey = ksk_span_of("\1\1\3\15abc", 7)};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_KEYS_FOUND);

	(void)state;
	ksk_lnk_key_found_put(&w, &item);
	item = (struct ksk_lnk_key_found){
		.slot = 1, .why = "not there", .forbidden = true};
	ksk_lnk_key_found_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);

	/* Neither key nor reason; a key that is forbidden. */
	item.why[0] = '\0';
	ksk_lnk_key_found_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
	w = ksk_wire_out_of(&buf);
	item.dnskey = ksk_span_of("\1\1\3\15abc", 7);
	ksk_lnk_key_found_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
	buf.len = 0;
	w = ksk_packet_begin(&buf, KSK_LNK_KEYS_FOUND);
	ksk_wire_put_bytes(&w, ksk_span_of("\0\0\0\1\0\0\0\0\0", 9));
	check_refused(rewrite_items, &buf, 5, 1);
}

static void
test_sign(void **state)
{
	struct ksk_lnk_job item = {.job = 1,
		.slot = 2,
		.revoked = true,
		.window = {.inception = 3, .expiration = UINT64_MAX},
		.rrset = {.owner = zone,
			.type = KSK_TYPE_DNSKEY,
			.ttl = 3600,
			.count = 2,
			.rdata = {{(const uint8_t *)"abcd", 4},
				{(const uint8_t *)"efghi", 5}}}};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_SIGN);
	const size_t count_at = 2 + 8 + 4 + 1 + 16 + 2 + 13 + 2 + 4;

	(void)state;
	ksk_lnk_job_put(&w, &item);
	ksk_lnk_job_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);
	check_refused(rewrite_items, &buf, 2 + 8 + 4, 2);
	check_refused(rewrite_items, &buf, count_at + 1, 0);
	check_refused(rewrite_items, &buf, count_at + 1, 33);
	check_refused(rewrite_items, &buf, count_at, 1);

	item.rrset.count = KSK_RDATA_COUNT_MAX + 1;
	ksk_lnk_job_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
}

static void
test_signed(void **state)
{
	struct ksk_lnk_signed item = {.job = 1,
		.outcome = KSK_JOB_DONE,
		.signature = ksk_span_of("sig", 3)};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_SIGNED);

	(void)state;
	ksk_lnk_signed_put(&w, &item);
	item = (struct ksk_lnk_signed){
		.job = 2, .outcome = KSK_JOB_FAILED, .why = "unplugged"};
	ksk_lnk_signed_put(&w, &item);
	assert_int_equal(w.err, KSK_OK);
	check_packet(rewrite_items, &buf);
	check_refused(rewrite_items, &buf, 2 + 8, 3);
	/* A signature of a job that is not done. */
	check_refused(rewrite_items, &buf, 2 + 8, KSK_JOB_REFUSED);

	item.outcome = KSK_JOB_DONE;
	ksk_lnk_signed_put(&w, &item);
	assert_int_equal(w.err, KSK_ERR_MALFORMED);
}

#define REWRITE(type, name) \
	static enum ksk_err rewrite_##name( \
		uint16_t nr, struct ksk_wire *body, struct ksk_buf *again) \
	{ \
		type value; \
		const enum ksk_err err = ksk_lnk_##name##_read(body, &value); \
		(void)nr; \
		return err != KSK_OK ? err \
				     : ksk_lnk_##name##_write(&value, again); \
	}
REWRITE(struct ksk_lnk_audit_found, audit_found)
REWRITE(struct ksk_lnk_attest, attest)
REWRITE(struct ksk_lnk_attested, attested)
REWRITE(struct ksk_lnk_anchor_found, anchor_found)
REWRITE(struct ksk_checkpoint, anchor_write)
REWRITE(struct ksk_lnk_anchor_written, anchor_written)

static void
test_audit(void **state)
{
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_lnk_audit_found found = {
		.key = ksk_span_of("key", 3), .why = ""};
	struct ksk_lnk_attest attest = {.has_nonce = true,
		.what = {.nonce = {1}, .head = {.number = 7}, .state = 3}};
	struct ksk_lnk_attested done = {
		.outcome = KSK_JOB_DONE, .signature = ksk_span_of("sig", 3)};

	(void)state;
	assert_int_equal(ksk_lnk_audit_found_write(&found, &buf), KSK_OK);
	check_packet(rewrite_audit_found, &buf);
	found.why[0] = 'x';
	assert_int_equal(
		ksk_lnk_audit_found_write(&found, &buf), KSK_ERR_MALFORMED);
	assert_int_equal(ksk_lnk_attest_write(&attest, &buf), KSK_OK);
	check_packet(rewrite_attest, &buf);
	/* A checkpoint has neither nonce nor state. */
	check_refused(rewrite_attest, &buf, 2, 0);
	attest = (struct ksk_lnk_attest){.what = {.head = {.time = 9}}};
	assert_int_equal(ksk_lnk_attest_write(&attest, &buf), KSK_OK);
	check_packet(rewrite_attest, &buf);
	check_refused(rewrite_attest, &buf, buf.len - 1, 1);
	assert_int_equal(ksk_lnk_attested_write(&done, &buf), KSK_OK);
	check_packet(rewrite_attested, &buf);
	check_refused(rewrite_attested, &buf, 2, KSK_JOB_FAILED);
}

static void
test_anchor(void **state)
{
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_lnk_anchor_found found = {.ok = true,
		.count = 2,
		.anchor = {{.number = 1}, {.number = 2, .hash = {3}}}};
	struct ksk_lnk_anchor_written written = {.why = "no"};

	(void)state;
	assert_int_equal(ksk_lnk_anchor_found_write(&found, &buf), KSK_OK);
	check_packet(rewrite_anchor_found, &buf);
	check_refused(rewrite_anchor_found, &buf, 3, 1);
	check_refused(rewrite_anchor_found, &buf, 3, 9);
	assert_int_equal(
		ksk_lnk_anchor_write_write(&found.anchor[1], &buf), KSK_OK);
	check_packet(rewrite_anchor_write, &buf);
	assert_int_equal(ksk_lnk_anchor_written_write(&written, &buf), KSK_OK);
	check_packet(rewrite_anchor_written, &buf);
	check_refused(rewrite_anchor_written, &buf, 2, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_anchor),
		cmocka_unit_test(test_plain_and_number),
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_worker),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_item_without_room),
		cmocka_unit_test(test_keys_set),
		cmocka_unit_test(test_keys_found),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
