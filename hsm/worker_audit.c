/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker_audit - the packets about the audit key and the anchor. As in
 * worker.c, KSK_ERR_TOKEN means that the worker leaves after its answer.
 */
#include "hsm/worker.h"

#include "hsm/anchor.h"
#include "hsm/audit.h"

#include <stdio.h>
#include <string.h>

static enum ksk_err
send(struct ksk_worker *w, enum ksk_err written, enum ksk_err token)
{
	enum ksk_err r = written == KSK_OK ? ksk_worker_answer(w)
					   : KSK_ERR_INTERNAL;

	return token == KSK_ERR_TOKEN ? token : r;
}

enum ksk_err
ksk_worker_on_audit_ask(struct ksk_worker *w, struct ksk_wire *body)
{
	uint8_t room[KSK_AUDIT_KEY_MAX];
	struct ksk_buf rdata = ksk_buf_of(room, sizeof(room));
	struct ksk_lnk_audit_found found = {0};
	enum ksk_err r = ksk_wire_end(body);

	if (r != KSK_OK)
		return r;
	r = ksk_audit_find(
		w->token, &w->keymap, w->start.token, &w->audit, found.why);
	w->has_audit = r == KSK_OK;
	if (w->has_audit) {
		found.why[0] = '\0';
		ksk_audit_public(&w->audit, &rdata);
	}
	found.key = ksk_buf_span(&rdata);
	return send(w, ksk_lnk_audit_found_write(&found, &w->out), r);
}

/* The keymap may have been changed since the key was looked up. */
static bool
is_still_audit(const struct ksk_worker *w)
{
	return w->has_audit &&
		ksk_keymap_has(&w->keymap, w->start.token,
			ksk_span_of(w->audit.dnskey, w->audit.dnskey_len),
			true);
}

enum ksk_err
ksk_worker_on_attest(
	struct ksk_worker *w, struct ksk_wire *body, struct ksk_fault *fault)
{
	uint8_t room[KSK_SIGNATURE_MAX];
	struct ksk_buf signature = ksk_buf_of(room, sizeof(room));
	struct ksk_lnk_attested done = {.outcome = KSK_JOB_REFUSED};
	struct ksk_lnk_attest what;
	enum ksk_err r = ksk_lnk_attest_read(body, &what);

	if (r != KSK_OK)
		return r;
	if (!is_still_audit(w)) {
		(void)snprintf(done.why, sizeof(done.why),
			"this worker has no audit key");
		return send(w, ksk_lnk_attested_write(&done, &w->out), KSK_OK);
	}
	r = ksk_audit_sign(w->token, &w->audit, &what, &signature, fault);
	if (r == KSK_OK)
		done.outcome = KSK_JOB_DONE;
	else if (r != KSK_ERR_UNSUPPORTED)
		done.outcome = KSK_JOB_FAILED;
	done.signature = ksk_buf_span(&signature);
	if (r != KSK_OK)
		(void)snprintf(
			done.why, sizeof(done.why), "%.390s", fault->text);
	if (done.outcome == KSK_JOB_REFUSED)
		fault->text[0] = '\0'; /* the worker stays */
	return send(w, ksk_lnk_attested_write(&done, &w->out),
		done.outcome != KSK_JOB_FAILED ? KSK_OK : KSK_ERR_TOKEN);
}

enum ksk_err
ksk_worker_on_anchor_read(
	struct ksk_worker *w, struct ksk_wire *body, struct ksk_fault *fault)
{
	struct ksk_lnk_anchor_found found = {0};
	enum ksk_err r = ksk_wire_end(body);

	if (r != KSK_OK)
		return r;
	r = ksk_anchor_read(w->token, found.anchor, KSK_ANCHOR_COUNT_MAX,
		&found.count, fault);
	found.ok = r == KSK_OK;
	if (!found.ok) {
		found.count = 0;
		(void)snprintf(
			found.why, sizeof(found.why), "%.390s", fault->text);
	}
	return send(w, ksk_lnk_anchor_found_write(&found, &w->out), r);
}

enum ksk_err
ksk_worker_on_anchor_write(
	struct ksk_worker *w, struct ksk_wire *body, struct ksk_fault *fault)
{
	struct ksk_lnk_anchor_written done = {.ok = false};
	struct ksk_checkpoint anchor;
	enum ksk_err r = ksk_lnk_anchor_write_read(body, &anchor);

	if (r != KSK_OK)
		return r;
	if (!w->start.anchor) {
		(void)snprintf(done.why, sizeof(done.why),
			"kskd.yaml keeps no anchor on this token");
		return send(w, ksk_lnk_anchor_written_write(&done, &w->out),
			KSK_OK);
	}
	r = ksk_anchor_write(w->token, &anchor, fault);
	done.ok = r == KSK_OK;
	if (!done.ok)
		(void)snprintf(
			done.why, sizeof(done.why), "%.390s", fault->text);
	return send(w, ksk_lnk_anchor_written_write(&done, &w->out), r);
}
