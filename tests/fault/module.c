/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module - the functions that callers see, made from calls.def, and their
 * list. The macros here contain `return` and make whole functions, against
 * the rule of the house: 68 wrappers written out would hide that they all do
 * the same. They are exported too, for callers that take symbols one by one.
 */
#include "tests/fault/module.h"

struct fault_state fault = {.lock_fd = -1};

#define WRAP(name, parameters, arguments, check, target) \
	CK_RV name parameters \
	{ \
		struct fault_call call; \
\
		if (fault_enter(&call, FAULT_##name)) { \
			call.rv = (check); \
			if (call.rv == CKR_OK) \
				call.rv = target arguments; \
		} \
		return fault_leave(&call); \
	}

#define PLAIN(name, parameters, arguments) \
	WRAP(name, parameters, arguments, CKR_OK, fault.real->name)
#define SLOT(name, parameters, arguments) \
	WRAP(name, parameters, arguments, fault_slot_in(&slot), \
		fault.real->name)
#define SESSION(name, parameters, arguments) \
	WRAP(name, parameters, arguments, fault_session_in(&s), \
		fault.real->name)
#define OBJECT(name, parameters, arguments) \
	WRAP(name, parameters, arguments, \
		fault_object_in(&s, &o, CKR_OBJECT_HANDLE_INVALID), \
		fault.real->name)
#define KEY(name, parameters, arguments) \
	WRAP(name, parameters, arguments, \
		fault_object_in(&s, &o, CKR_KEY_HANDLE_INVALID), \
		fault.real->name)
#define OWN(name, parameters, arguments) \
	WRAP(name, parameters, arguments, CKR_OK, own_##name)
/* A rule's answer ends the operation, as a token's would. */
#define SIGN(name, parameters, arguments) \
	CK_RV name parameters \
	{ \
		struct fault_call call; \
\
		if (fault_enter(&call, FAULT_##name)) \
			call.rv = own_##name arguments; \
		else if (call.injected && out != NULL) \
			fault_sign_end(s, call.number, call.rv); \
		return fault_leave(&call); \
	}

#pragma GCC visibility push(default)
#include "tests/fault/calls.def"
#pragma GCC visibility pop

#undef PLAIN
#undef SLOT
#undef SESSION
#undef OBJECT
#undef KEY
#undef OWN
#undef SIGN

static CK_FUNCTION_LIST list_of_ours = {
	.version = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR},
#define POINTER(name, parameters, arguments) .name = name,
#define PLAIN POINTER
#define SLOT POINTER
#define SESSION POINTER
#define OBJECT POINTER
#define KEY POINTER
#define OWN POINTER
#define SIGN POINTER
#include "tests/fault/calls.def"
};

CK_RV
own_C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	if (list == NULL)
		return CKR_ARGUMENTS_BAD;
	*list = &list_of_ours;
	return CKR_OK;
}
