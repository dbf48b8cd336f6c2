/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker - see worker.h. Each packet has one function; all return an enum
 * ksk_err that finish() turns into the exit code: KSK_ERR_MALFORMED and
 * KSK_ERR_TOO_LARGE mean that the peer broke the format, KSK_ERR_TOKEN that
 * the token failed.
 */
#include "hsm/worker.h"

#include "appliance/base/clock.h"
#include "hsm/job.h"
#include "hsm/key.h"
#include "hsm/sign.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the peer may leave no room for an answer. It reads whenever it can
 * and has at most two packets open, so this never passes in practice. */
#define SEND_WAIT_MS 5000

/* So many times in a row a key does not sign, then it may be the session. */
#define UNSIGNED_MAX 16u

/* A key that was found and may be used; there is no slot for any other. */
struct ksk_worker_slot {
	struct ksk_name zone;
	struct ksk_key key;
};

enum ksk_err
ksk_worker_prepare(struct ksk_worker *worker)
{
	worker->in = ksk_buf_of(malloc(KSK_PACKET_MAX), KSK_PACKET_MAX);
	worker->out = ksk_buf_of(malloc(KSK_PACKET_MAX), KSK_PACKET_MAX);
	worker->tbs = ksk_buf_of(malloc(KSK_TBS_MAX), KSK_TBS_MAX);
	worker->link.fd = -1;
	if (worker->in.data == NULL || worker->out.data == NULL ||
		worker->tbs.data == NULL)
		return KSK_ERR_NO_MEMORY;
	return KSK_OK;
}

static void
forget_slots(struct ksk_worker *w)
{
	for (size_t i = 0; i < w->slot_count; i++)
		free(w->slots[i]);
	free(w->slots);
	w->slots = NULL;
	w->slot_count = 0;
	w->slot_used = 0;
	w->has_audit = false;
}

static void
drop_link(struct ksk_worker *w)
{
	forget_slots(w);
	ksk_link_close(&w->link);
}

void
ksk_worker_free(struct ksk_worker *worker)
{
	drop_link(worker);
	ksk_link_close(&worker->control);
	ksk_keymap_free(&worker->keymap);
	ksk_keymap_free(&worker->prepared_keymap);
	free(worker->in.data);
	free(worker->out.data);
	free(worker->tbs.data);
}

/* Sends w->out, waiting for room. */
static enum ksk_err
answer(struct ksk_worker *w, const struct ksk_link *to)
{
	enum ksk_err r = ksk_link_send(to, ksk_buf_span(&w->out), NULL, 0);

	while (r == KSK_ERR_AGAIN) {
		struct pollfd p = {.fd = to->fd, .events = POLLOUT};

		if (poll(&p, 1, SEND_WAIT_MS) == 0)
			return KSK_ERR_CLOSED;
		r = ksk_link_send(to, ksk_buf_span(&w->out), NULL, 0);
	}
	return r;
}

enum ksk_err
ksk_worker_answer(struct ksk_worker *worker)
{
	return answer(worker, &worker->link);
}

/* ---- the link: KEYS_SET ---- */

static struct ksk_worker_slot *
slot_find(struct ksk_worker *w, uint32_t number)
{
	return number < w->slot_count ? w->slots[number] : NULL;
}

static void
slot_forget(struct ksk_worker *w, uint32_t number)
{
	if (slot_find(w, number) == NULL)
		return;
	free(w->slots[number]);
	w->slots[number] = NULL;
	w->slot_used--;
}

/* Keeps a copy of an empty slot. */
static enum ksk_err
slot_keep(struct ksk_worker *w, uint32_t number,
	const struct ksk_worker_slot *slot)
{
	if (number >= w->slot_count) {
		size_t count = number + 1;
		struct ksk_worker_slot **more = realloc(
			w->slots, count * sizeof(*more));

		if (more == NULL)
			return KSK_ERR_NO_MEMORY;
		memset(more + w->slot_count, 0,
			(count - w->slot_count) * sizeof(*more));
		w->slots = more;
		w->slot_count = count;
	}
	w->slots[number] = malloc(sizeof(*slot));
	if (w->slots[number] == NULL)
		return KSK_ERR_NO_MEMORY;
	*w->slots[number] = *slot;
	w->slot_used++;
	return KSK_OK;
}

#define SLOTS_PER_LINE 4u

/* More than any module's limit. */
#define LIMIT_MAX 8u

static bool
is_among(const unsigned long *handles, size_t count, unsigned long handle)
{
	for (size_t i = 0; i < count; i++) {
		if (handles[i] == handle)
			return true;
	}
	return false;
}

/* Returns false if the module can't sign with one key more. */
static bool
is_within_limit(const struct ksk_worker *w, const struct ksk_key *key,
	char why[KSK_WHY_CAP])
{
	const size_t max = ksk_token_keys_max(w->token);
	unsigned long handles[LIMIT_MAX];
	size_t count = 0;

	if (max == 0 || max > LIMIT_MAX)
		return true;
	for (size_t i = 0; i < w->slot_count && count < max; i++) {
		const struct ksk_worker_slot *s = w->slots[i];

		if (s != NULL && !is_among(handles, count, s->key.handle))
			handles[count++] = s->key.handle;
	}
	if (count < max || is_among(handles, count, key->handle))
		return true;
	(void)snprintf(why, KSK_WHY_CAP,
		"too many keys: this module can sign with %zu keys of one "
		"token; put this one on another token, which has workers of "
		"its own",
		max);
	return false;
}

/* Does a keymap give this key to this zone, and name it where it can leave its
 * token? out_why: if not. */
static bool
is_given(const struct ksk_keymap *keymap, const char *token,
	const struct ksk_name *zone, const struct ksk_key *key,
	const char **out_why)
{
	struct ksk_span dnskey = ksk_span_of(key->dnskey, key->dnskey_len);

	if (!ksk_keymap_allows(keymap, zone, token, dnskey))
		*out_why = KSK_JOB_NOT_GIVEN;
	else if (key->extractable != NULL &&
		!ksk_keymap_allows_extractable(keymap, zone, token, dnskey))
		*out_why = key->extractable;
	else
		return true;
	return false;
}

/* In a reload the signer may ask before this worker has its COMMIT: the
 * prepared keymap counts here too. What is signed is decided per job, by the
 * keymap in force. */
static bool
is_accepted(const struct ksk_worker *w, const struct ksk_name *zone,
	const struct ksk_key *key, char why[KSK_WHY_CAP])
{
	const char *text = "";
	const char *other;

	if (is_given(&w->keymap, w->start.token, zone, key, &text) ||
		(w->prepared &&
			is_given(&w->prepared_keymap, w->start.token, zone, key,
				&other)))
		return true;
	(void)snprintf(why, KSK_WHY_CAP, "%s", text);
	return false;
}

/* What a signer can make a worker hold is bounded by what root wrote. The
 * factor leaves room for keys that a policy names in other words. */
static bool
has_room(const struct ksk_worker *w, char why[KSK_WHY_CAP])
{
	if (w->slot_used <
		SLOTS_PER_LINE * (w->keymap.count + w->prepared_keymap.count))
		return true;
	(void)snprintf(why, KSK_WHY_CAP,
		"too many slots: the policy has named the keys of the keymap "
		"in more ways than %u each; restart kskd",
		SLOTS_PER_LINE);
	return false;
}

/* Why a key can't be used is said now, not at its first signature. */
static enum ksk_err
look_up(struct ksk_worker *w, const struct ksk_inventory *inventory,
	const struct ksk_lnk_key *item, struct ksk_wire_out *out)
{
	struct ksk_lnk_key_found answered = {.slot = item->slot};
	struct ksk_worker_slot slot = {.zone = item->zone};
	enum ksk_err r = KSK_OK;
	bool found;

	if (item->slot >= KSK_SLOT_COUNT_MAX)
		return KSK_ERR_TOO_LARGE;
	slot_forget(w, item->slot);
	found = ksk_key_find(inventory, w->token, &item->zone, &item->ds,
			item->label, &slot.key, answered.why) == KSK_OK;
	if (found)
		answered.forbidden = !is_accepted(w, &item->zone, &slot.key,
					     answered.why) ||
			!is_within_limit(w, &slot.key, answered.why) ||
			!has_room(w, answered.why);
	if (found && !answered.forbidden) {
		r = slot_keep(w, item->slot, &slot);
		answered.dnskey = ksk_span_of(
			slot.key.dnskey, slot.key.dnskey_len);
		answered.why[0] = '\0';
	}
	if (r != KSK_OK)
		return r;
	ksk_lnk_key_found_put(out, &answered);
	return out->err;
}

static enum ksk_err
on_keys_set(
	struct ksk_worker *w, struct ksk_wire *body, struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	struct ksk_wire_out out = ksk_packet_begin(&w->out, KSK_LNK_KEYS_FOUND);
	enum ksk_err r = ksk_inventory_read(w->token, &inventory, fault);

	ksk_token_mechanisms(w->token);
	while (r == KSK_OK && ksk_wire_more(body)) {
		struct ksk_lnk_key item = {0};

		ksk_lnk_key_get(body, &item);
		if (body->err == KSK_OK)
			r = look_up(w, &inventory, &item, &out);
	}
	ksk_inventory_free(&inventory);
	/* Answers that do not fit one packet: the signer asked for too many
	 * at once. */
	if (r == KSK_ERR_NO_ROOM)
		r = KSK_ERR_TOO_LARGE;
	if (r == KSK_OK)
		r = ksk_wire_end(body);
	return r != KSK_OK ? r : answer(w, &w->link);
}

/* ---- the link: SIGN ---- */

/* Fills the outcome of a job; KSK_ERR_TOKEN with fault: the worker leaves
 * after this packet. signature: room of the answer. */
static enum ksk_err
sign_one(struct ksk_worker *w, const struct ksk_lnk_job *job,
	struct ksk_lnk_signed *out, struct ksk_buf *signature,
	struct ksk_fault *fault)
{
	const struct ksk_worker_slot *slot = slot_find(w, job->slot);
	enum ksk_err r;

	out->outcome = KSK_JOB_REFUSED;
	if (slot == NULL) {
		(void)snprintf(out->why, sizeof(out->why),
			"no usable key was found for this slot");
		return KSK_OK;
	}
	if (ksk_job_build(&w->keymap, w->start.token, &slot->zone, &slot->key,
		    job, ksk_clock_now(), &w->tbs, out->why) != KSK_OK)
		return KSK_OK;
	r = ksk_sign(
		w->token, &slot->key, ksk_buf_span(&w->tbs), signature, fault);
	if (r == KSK_ERR_UNSUPPORTED && ++w->unsigned_count < UNSIGNED_MAX) {
		(void)snprintf(out->why, sizeof(out->why),
			"the token does not sign with this key (%.200s)",
			fault->text);
		fault->text[0] = '\0';
		return KSK_OK;
	}
	if (r != KSK_OK) {
		out->outcome = KSK_JOB_FAILED;
		(void)snprintf(
			out->why, sizeof(out->why), "%.390s", fault->text);
		return KSK_ERR_TOKEN;
	}
	w->unsigned_count = 0;
	out->outcome = KSK_JOB_DONE;
	out->signature = ksk_buf_span(signature);
	return KSK_OK;
}

/* A job after one that failed: the token is not asked again. */
static void
fail_one(struct ksk_lnk_signed *out, const struct ksk_fault *fault)
{
	out->outcome = KSK_JOB_FAILED;
	(void)snprintf(out->why, sizeof(out->why), "%.390s", fault->text);
}

/* The signer verifies and the journal counts every signature, so a packet is
 * read to its end before the token sees the first of its jobs. */
static enum ksk_err
check_jobs(struct ksk_wire body)
{
	size_t count = 0;

	while (ksk_wire_more(&body)) {
		struct ksk_lnk_job job = {0};

		ksk_lnk_job_get(&body, &job);
		if (++count > KSK_WORKER_JOBS)
			return KSK_ERR_TOO_LARGE;
	}
	return ksk_wire_end(&body);
}

static enum ksk_err
on_sign(struct ksk_worker *w, struct ksk_wire *body, struct ksk_fault *fault)
{
	struct ksk_wire_out out = ksk_packet_begin(&w->out, KSK_LNK_SIGNED);
	enum ksk_err token = KSK_OK;
	enum ksk_err r = check_jobs(*body);

	if (r != KSK_OK)
		return r;
	while (ksk_wire_more(body)) {
		uint8_t room[KSK_SIGNATURE_MAX];
		struct ksk_buf signature = ksk_buf_of(room, sizeof(room));
		struct ksk_lnk_job job = {0};
		struct ksk_lnk_signed item = {0};

		ksk_lnk_job_get(body, &job);
		item.job = job.job;
		if (token == KSK_OK)
			token = sign_one(w, &job, &item, &signature, fault);
		else
			fail_one(&item, fault);
		ksk_lnk_signed_put(&out, &item);
	}
	if (out.err != KSK_OK)
		return KSK_ERR_INTERNAL;
	r = answer(w, &w->link);
	return token != KSK_OK ? token : r;
}

static enum ksk_err
on_link_packet(struct ksk_worker *w, struct ksk_fault *fault)
{
	size_t none = 0;
	struct ksk_wire body;
	enum ksk_err r = ksk_link_recv(&w->link, &w->in, NULL, 0, &none);

	if (r != KSK_OK)
		return r;
	switch (ksk_packet_open(ksk_buf_span(&w->in), &body)) {
	case KSK_LNK_KEYS_SET:
		return on_keys_set(w, &body, fault);
	case KSK_LNK_SIGN:
		return on_sign(w, &body, fault);
	case KSK_LNK_AUDIT_ASK:
		return ksk_worker_on_audit_ask(w, &body);
	case KSK_LNK_ATTEST:
		return ksk_worker_on_attest(w, &body, fault);
	case KSK_LNK_ANCHOR_READ:
		return ksk_worker_on_anchor_read(w, &body, fault);
	case KSK_LNK_ANCHOR_WRITE:
		return ksk_worker_on_anchor_write(w, &body, fault);
	default:
		return KSK_ERR_MALFORMED;
	}
}

/* ---- control ---- */

/* Takes a descriptor out of a packet that must carry exactly one. */
static enum ksk_err
on_link(struct ksk_worker *w, struct ksk_wire *body, int fd)
{
	struct ksk_ctl_link link = {0};
	enum ksk_err r = ksk_ctl_link_read(body, &link);

	if (r != KSK_OK || link.edge != KSK_EDGE_SIGNER_WORKER ||
		link.index != w->start.index) {
		(void)close(fd);
		return KSK_ERR_MALFORMED;
	}
	drop_link(w);
	w->link = (struct ksk_link){.fd = fd, .generation = link.generation};
	return KSK_OK;
}

static enum ksk_err
on_prepare(struct ksk_worker *w, struct ksk_wire *body, int fd)
{
	struct ksk_ctl_prepared reply = {.ok = true};
	struct ksk_fault fault = {""};
	struct ksk_keymap keymap = {0};
	enum ksk_err r = ksk_ctl_number_read(body, &reply.number);

	if (r == KSK_OK && ksk_keymap_read_fd(fd, &keymap, &fault) != KSK_OK) {
		reply.ok = false;
		(void)snprintf(reply.why, sizeof(reply.why), "keymap: %.600s",
			fault.text);
	}
	(void)close(fd);
	if (r != KSK_OK)
		return r;
	ksk_keymap_free(&w->prepared_keymap);
	w->prepared_keymap = keymap;
	w->prepared = reply.ok;
	w->prepared_number = reply.number;
	r = ksk_ctl_prepared_write(&reply, &w->out);
	return r != KSK_OK ? KSK_ERR_INTERNAL : answer(w, &w->control);
}

static enum ksk_err
on_commit(struct ksk_worker *w, struct ksk_wire *body)
{
	uint32_t number = 0;
	enum ksk_err r = ksk_ctl_number_read(body, &number);

	if (r != KSK_OK || !w->prepared || number != w->prepared_number)
		return KSK_ERR_MALFORMED;
	ksk_keymap_free(&w->keymap);
	w->keymap = w->prepared_keymap;
	w->prepared_keymap = (struct ksk_keymap){0};
	w->prepared = false;
	return KSK_OK;
}

/* An abort may come for a reload that this worker could not prepare. */
static enum ksk_err
on_abort(struct ksk_worker *w, struct ksk_wire *body)
{
	uint32_t number = 0;
	enum ksk_err r = ksk_ctl_number_read(body, &number);

	if (r != KSK_OK)
		return r;
	ksk_keymap_free(&w->prepared_keymap);
	w->prepared = false;
	return KSK_OK;
}

static enum ksk_err
on_control_packet(struct ksk_worker *w, bool *out_stop)
{
	int fds[KSK_LINK_FD_MAX] = {-1, -1, -1, -1};
	size_t count = 0;
	struct ksk_wire body;
	uint16_t nr;
	enum ksk_err r = ksk_link_recv(
		&w->control, &w->in, fds, KSK_LINK_FD_MAX, &count);

	if (r != KSK_OK)
		return r;
	nr = ksk_packet_open(ksk_buf_span(&w->in), &body);
	if (nr == KSK_CTL_LINK && count == 1)
		return on_link(w, &body, fds[0]);
	if (nr == KSK_CTL_PREPARE && count == 1)
		return on_prepare(w, &body, fds[0]);
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
	if (count != 0)
		return KSK_ERR_MALFORMED;
	switch (nr) {
	case KSK_CTL_COMMIT:
		return on_commit(w, &body);
	case KSK_CTL_ABORT:
		return on_abort(w, &body);
	case KSK_CTL_STOP:
		*out_stop = true;
		return ksk_wire_end(&body);
	default:
		return KSK_ERR_MALFORMED;
	}
}

/* ---- the loop ---- */

static enum ksk_exit
finish(enum ksk_err r, const char *peer, struct ksk_fault *fault)
{
	switch (r) {
	case KSK_ERR_TOKEN:
		return KSK_EXIT_TOKEN;
	case KSK_ERR_MALFORMED:
	case KSK_ERR_TOO_LARGE:
		ksk_fault_set(
			fault, "a packet from %s: %s", peer, ksk_err_text(r));
		return KSK_EXIT_PEER;
	default:
		if (fault->text[0] == '\0')
			ksk_fault_set(fault, "%s", ksk_err_text(r));
		return KSK_EXIT_INTERNAL;
	}
}

/* Waits for the next packet; control goes first. */
static enum ksk_err
wait_packet(struct ksk_worker *w, bool *out_control, bool *out_link)
{
	struct pollfd p[2] = {
		{.fd = w->control.fd, .events = POLLIN},
		{.fd = w->link.fd, .events = POLLIN}, /* -1 is passed over */
	};

	while (poll(p, 2, -1) < 0) {
		if (errno != EINTR)
			return KSK_ERR_INTERNAL;
	}
	*out_control = p[0].revents != 0;
	*out_link = p[1].revents != 0;
	return KSK_OK;
}

enum ksk_exit
ksk_worker_run(struct ksk_worker *worker, struct ksk_fault *fault)
{
	bool stop = false;

	fault->text[0] = '\0';
	while (!stop) {
		bool control = false;
		bool link = false;
		enum ksk_err r = wait_packet(worker, &control, &link);

		if (r == KSK_OK && control)
			r = on_control_packet(worker, &stop);
		if (control && r == KSK_ERR_CLOSED)
			return KSK_EXIT_OK; /* kskd is gone */
		if (r != KSK_OK && r != KSK_ERR_AGAIN)
			return finish(r, "kskd", fault);
		if (control || !link)
			continue;
		r = on_link_packet(worker, fault);
		if (r == KSK_ERR_CLOSED)
			drop_link(worker);
		else if (r != KSK_OK && r != KSK_ERR_AGAIN)
			return finish(r, "the signer", fault);
	}
	return KSK_EXIT_OK;
}
