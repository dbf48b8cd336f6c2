/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - our handles for the real module's sessions: a session can die
 * here while the caller still holds its handle. A dead session is closed in
 * the real module at once, so the login goes with the last one.
 */
#include "tests/fault/module.h"

#include <stdatomic.h>
#include <string.h>

/* A handle is a number that is never used again, and the entry's place. */
#define PLACE_BITS 8

static void
count_open(int by)
{
	uint64_t now;
	uint64_t max = fault.control->sessions_max;

	if (by < 0) {
		fault.process->sessions -= 1;
		return;
	}
	fault.control->sessions_opened += 1;
	now = fault_sessions_now();
	while (max < now &&
		!atomic_compare_exchange_weak(
			&fault.control->sessions_max, &max, now))
		;
}

static void
kill_session(struct fault_session *e, CK_RV code)
{
	e->dead = code;
	count_open(-1);
	fault.control->sessions_killed += 1;
	(void)fault.real->C_CloseSession(e->real);
}

static bool
is_alive(const struct fault_session *e)
{
	return e->handle != 0 && e->dead == CKR_OK;
}

struct fault_session *
fault_session_find(CK_SESSION_HANDLE handle)
{
	struct fault_session *e =
		&fault.session[handle & ((1u << PLACE_BITS) - 1)];

	return handle != 0 && e->handle == handle ? e : NULL;
}

void
fault_session_sweep(void)
{
	const uint64_t epoch = fault.control->epoch;

	if (epoch == fault.epoch)
		return;
	fault.epoch = epoch;
	for (size_t i = 0; i < FAULT_SESSIONS; i++) {
		if (is_alive(&fault.session[i]))
			kill_session(
				&fault.session[i], fault.control->loss_code);
	}
}

/* Ends the session if its time has come. */
static void
grow_old(struct fault_session *e)
{
	const struct fault_control *c = fault.control;
	const uint64_t now = fault_now_ns();

	e->used++;
	if ((c->session_life != 0 && e->used > c->session_life) ||
		(c->session_idle_ms != 0 &&
			(now - e->last_ns) / 1000000 > c->session_idle_ms))
		kill_session(e, c->session_code);
	e->last_ns = now;
}

CK_RV
fault_session_in(CK_SESSION_HANDLE *s)
{
	struct fault_session *e;

	if (!fault.initialized)
		return CKR_OK; /* the real module says what is wrong */
	e = fault_session_find(*s);
	if (e == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	if (e->dead == CKR_OK)
		grow_old(e);
	if (e->dead != CKR_OK)
		return e->dead;
	*s = e->real;
	return CKR_OK;
}

CK_RV
fault_object_in(CK_SESSION_HANDLE *s, CK_OBJECT_HANDLE *o, CK_RV invalid)
{
	const CK_RV rv = fault_session_in(s);

	return rv != CKR_OK ? rv : fault_handle_in(*s, o, invalid);
}

/* ---- opening and closing ---- */

static void
forget_all(void)
{
	memset(fault.session, 0, sizeof(fault.session));
	fault.process->sessions = 0;
}

CK_RV
own_C_Initialize(void *args)
{
	const CK_RV rv = fault.real->C_Initialize(args);

	if (rv != CKR_OK)
		return rv;
	forget_all();
	fault.initialized = true;
	fault.init_epoch = fault.control->epoch;
	fault.control->initialized += 1;
	fault.slot_shift = fault.control->move_slots == 0
		? 0
		: fault.control->initialized * 16;
	return CKR_OK;
}

CK_RV
own_C_Finalize(void *reserved)
{
	const CK_RV rv = fault.real->C_Finalize(reserved);

	if (rv == CKR_OK) {
		forget_all();
		fault.initialized = false;
	}
	return rv;
}

/* A free entry, else one whose session is dead. */
static struct fault_session *
find_room(void)
{
	struct fault_session *dead = NULL;

	for (size_t i = 0; i < FAULT_SESSIONS; i++) {
		struct fault_session *e = &fault.session[i];

		if (e->handle == 0)
			return e;
		if (e->dead != CKR_OK)
			dead = e;
	}
	return dead;
}

static void
fill(struct fault_session *e, CK_SESSION_HANDLE real, CK_SLOT_ID slot)
{
	const size_t place = (size_t)(e - fault.session);

	*e = (struct fault_session){
		.handle = (++fault.sessions_made << PLACE_BITS) | place,
		.real = real,
		.slot = slot,
		.last_ns = fault_now_ns(),
	};
}

CK_RV
own_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
	CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	const uint64_t cap = fault.control->session_cap;
	struct fault_session *e = find_room();
	CK_SESSION_HANDLE real = 0;
	CK_RV rv = fault_slot_in(&slot);

	if (rv != CKR_OK)
		return rv;
	if (e == NULL || out == NULL)
		return out == NULL ? CKR_ARGUMENTS_BAD : CKR_SESSION_COUNT;
	/* Claimed before counted: two processes never both get the last. */
	fault.process->sessions += 1;
	if (cap != 0 && fault_sessions_now() > cap)
		rv = CKR_SESSION_COUNT;
	else
		rv = fault.real->C_OpenSession(
			slot, flags, application, notify, &real);
	if (rv != CKR_OK) {
		fault.process->sessions -= 1;
		return rv;
	}
	count_open(1);
	fill(e, real, slot);
	*out = e->handle;
	return CKR_OK;
}

CK_RV
own_C_CloseSession(CK_SESSION_HANDLE s)
{
	struct fault_session *e = fault_session_find(s);
	CK_RV rv;

	if (e == NULL)
		return fault.initialized ? CKR_SESSION_HANDLE_INVALID
					 : CKR_CRYPTOKI_NOT_INITIALIZED;
	rv = e->dead;
	if (rv == CKR_OK) {
		rv = fault.real->C_CloseSession(e->real);
		if (rv != CKR_OK)
			return rv;
		count_open(-1);
	}
	e->handle = 0;
	return rv;
}

CK_RV
own_C_CloseAllSessions(CK_SLOT_ID slot)
{
	CK_RV rv = fault_slot_in(&slot);

	if (rv == CKR_OK)
		rv = fault.real->C_CloseAllSessions(slot);
	for (size_t i = 0; i < FAULT_SESSIONS && rv == CKR_OK; i++) {
		struct fault_session *e = &fault.session[i];

		if (e->slot != slot)
			continue;
		if (is_alive(e))
			count_open(-1);
		e->handle = 0;
	}
	return rv;
}

CK_RV
own_C_GetSessionInfo(CK_SESSION_HANDLE s, CK_SESSION_INFO *info)
{
	CK_RV rv = fault_session_in(&s);

	if (rv == CKR_OK)
		rv = fault.real->C_GetSessionInfo(s, info);
	if (rv == CKR_OK)
		info->slotID += fault.slot_shift;
	return rv;
}

CK_RV
own_C_SetOperationState(CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG len,
	CK_OBJECT_HANDLE encryption, CK_OBJECT_HANDLE authentication)
{
	CK_RV rv = fault_object_in(&s, &encryption, CKR_KEY_HANDLE_INVALID);

	if (rv == CKR_OK)
		rv = fault_handle_in(
			s, &authentication, CKR_KEY_HANDLE_INVALID);
	if (rv == CKR_OK)
		rv = fault.real->C_SetOperationState(
			s, state, len, encryption, authentication);
	return rv;
}
