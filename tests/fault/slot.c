/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slot - slots, the token in them, its mechanisms and its PIN.
 */
#include "tests/fault/module.h"

#include <string.h>

#define MECHANISM_MAX 1024u

bool
fault_token_is_lost(void)
{
	const struct fault_control *c = fault.control;

	if (c->lost != 0)
		return true;
	switch ((enum fault_recovery)c->recovery) {
	case FAULT_RECOVER_SESSION:
		return false;
	case FAULT_RECOVER_INITIALIZE:
		return fault.init_epoch != c->epoch;
	case FAULT_RECOVER_PROCESS:
		return fault.process_epoch != c->epoch;
	}
	return true;
}

CK_RV
fault_slot_in(CK_SLOT_ID *slot)
{
	if (fault.initialized && fault_token_is_lost())
		return CKR_TOKEN_NOT_PRESENT;
	*slot -= fault.slot_shift;
	return CKR_OK;
}

/* ---- slots ---- */

CK_RV
own_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
	CK_RV rv;

	if (fault.initialized && present != CK_FALSE && count != NULL &&
		fault_token_is_lost()) {
		*count = 0;
		return CKR_OK;
	}
	rv = fault.real->C_GetSlotList(present, list, count);
	for (CK_ULONG i = 0; rv == CKR_OK && list != NULL && i < *count; i++)
		list[i] += fault.slot_shift;
	return rv;
}

CK_RV
own_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	const CK_RV rv = fault.real->C_GetSlotInfo(
		slot - fault.slot_shift, info);

	if (rv == CKR_OK && fault_token_is_lost())
		info->flags &= ~CKF_TOKEN_PRESENT;
	return rv;
}

CK_RV
own_C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	const CK_RV rv = fault.real->C_WaitForSlotEvent(flags, slot, reserved);

	if (rv == CKR_OK)
		*slot += fault.slot_shift;
	return rv;
}

/* ---- the token ---- */

static void
show_pin_state(CK_TOKEN_INFO *info)
{
	const uint64_t limit = fault.control->pin_limit;
	const uint64_t refused = fault.control->pin_refused;

	if (limit == 0 || fault.control->pin_flags == 0)
		return;
	if (refused >= limit)
		info->flags |= CKF_USER_PIN_LOCKED;
	else if (refused + 1 == limit)
		info->flags |= CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW;
	else if (refused != 0)
		info->flags |= CKF_USER_PIN_COUNT_LOW;
}

CK_RV
own_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = fault_slot_in(&slot);

	if (rv == CKR_OK)
		rv = fault.real->C_GetTokenInfo(slot, info);
	if (rv != CKR_OK)
		return rv;
	switch ((enum fault_serial)fault.control->serial) {
	case FAULT_SERIAL_REAL:
		break;
	case FAULT_SERIAL_EMPTY:
		memset(info->serialNumber, ' ', sizeof(info->serialNumber));
		break;
	case FAULT_SERIAL_ZERO:
		memset(info->serialNumber, '0', sizeof(info->serialNumber));
		break;
	}
	show_pin_state(info);
	return CKR_OK;
}

/* ---- mechanisms ---- */

bool
fault_mechanism_is_hidden(CK_MECHANISM_TYPE type)
{
	const struct fault_control *c = fault.control;

	for (size_t i = 0; i < FAULT_HIDDEN && i < c->hidden_count; i++) {
		if (c->hidden[i] == type)
			return true;
	}
	return false;
}

static CK_ULONG
leave_out_hidden(CK_MECHANISM_TYPE *list, CK_ULONG count)
{
	CK_ULONG kept = 0;

	for (CK_ULONG i = 0; i < count; i++) {
		if (!fault_mechanism_is_hidden(list[i]))
			list[kept++] = list[i];
	}
	return kept;
}

CK_RV
own_C_GetMechanismList(
	CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	CK_MECHANISM_TYPE all[MECHANISM_MAX];
	CK_ULONG n = MECHANISM_MAX;
	CK_ULONG room;
	CK_RV rv = fault_slot_in(&slot);

	if (rv != CKR_OK)
		return rv;
	if (count == NULL || fault.control->hidden_count == 0)
		return fault.real->C_GetMechanismList(slot, list, count);
	rv = fault.real->C_GetMechanismList(slot, all, &n);
	if (rv != CKR_OK)
		return rv;
	room = *count;
	*count = leave_out_hidden(all, n);
	if (list == NULL)
		return CKR_OK;
	if (room < *count)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(list, all, *count * sizeof(all[0]));
	return CKR_OK;
}

CK_RV
own_C_GetMechanismInfo(
	CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	const CK_RV rv = fault_slot_in(&slot);

	if (rv != CKR_OK)
		return rv;
	if (fault_mechanism_is_hidden(type))
		return CKR_MECHANISM_INVALID;
	return fault.real->C_GetMechanismInfo(slot, type, info);
}

/* ---- the PIN ---- */

static bool
pin_is_locked(void)
{
	return fault.control->pin_limit != 0 &&
		fault.control->pin_refused >= fault.control->pin_limit;
}

CK_RV
own_C_Login(
	CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG pin_len)
{
	CK_RV rv = fault_session_in(&s);

	if (rv != CKR_OK)
		return rv;
	if (pin_is_locked())
		return CKR_PIN_LOCKED;
	rv = fault.real->C_Login(s, user, pin, pin_len);
	if (rv == CKR_OK)
		fault.control->pin_refused = 0;
	return rv;
}

/* Also what a rule answered: a module that refuses every PIN locks too. */
CK_RV
fault_pin_judge(CK_RV rv)
{
	if (rv != CKR_PIN_INCORRECT)
		return rv;
	if (pin_is_locked())
		return CKR_PIN_LOCKED;
	fault.control->pin_refused += 1;
	return rv;
}
