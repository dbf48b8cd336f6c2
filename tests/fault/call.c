/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call - the beginning and the end of every call: counters, and the rules
 * that are due. Sleeping is a futex wait, because the worker's seccomp list
 * has no nanosleep and poll knows no microseconds.
 */
#include "tests/fault/module.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define HANG_STEP_NS (5 * SECOND_NS / 1000)
#define ALWAYS (UINT64_C(1) << 32)

uint64_t
fault_now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		abort();
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void
sleep_until(uint64_t when_ns)
{
	const struct timespec t = {.tv_sec = (time_t)(when_ns / SECOND_NS),
		.tv_nsec = (long)(when_ns % SECOND_NS)};
	uint32_t word = 0;

	/* Nobody wakes the word; a signal may end the wait early. */
	while (fault_now_ns() < when_ns)
		(void)syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0u,
			&t, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* ---- is a rule due? ---- */

/* splitmix64: the same seed gives the same run of chances. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static bool
take_one_of(struct fault_rule *rule)
{
	uint64_t fired = rule->fired;

	do {
		if (rule->times != 0 && fired >= rule->times)
			return false;
	} while (
		!atomic_compare_exchange_weak(&rule->fired, &fired, fired + 1));
	return true;
}

static bool
is_due(struct fault_rule *rule, const struct fault_call *call, bool late)
{
	uint64_t n;

	if (rule->serial == 0 || (rule->late != 0) != late)
		return false;
	if (rule->call != FAULT_ANY_CALL && rule->call != call->number)
		return false;
	n = atomic_fetch_add(&rule->seen, 1) + 1;
	if (n <= rule->skip)
		return false;
	n -= rule->skip;
	if (rule->every > 1 && n % rule->every != 0)
		return false;
	if (rule->chance < ALWAYS &&
		(mix(rule->seed + n) >> 32) >= rule->chance)
		return false;
	return take_one_of(rule);
}

/* ---- what a rule does ---- */

static void
hang(const struct fault_rule *rule, uint64_t serial)
{
	while (rule->serial == serial)
		sleep_until(fault_now_ns() + HANG_STEP_NS);
}

static void
touch_nothing(void)
{
	int *volatile nothing = NULL;

	*(volatile int *)nothing = 1;
	abort();
}

static void
act(struct fault_call *call, const struct fault_rule *rule, uint64_t serial)
{
	switch ((enum fault_action)rule->action) {
	case FAULT_FAIL:
		call->rv = rule->value;
		call->injected = true;
		break;
	case FAULT_DELAY:
		sleep_until(
			(rule->late != 0 ? call->began_ns : fault_now_ns()) +
			rule->value * 1000);
		break;
	case FAULT_HANG:
		hang(rule, serial);
		break;
	case FAULT_ABORT:
		abort();
	case FAULT_SEGV:
		touch_nothing();
		break;
	case FAULT_EXIT:
		_exit((int)rule->value);
	case FAULT_FLIP:
	case FAULT_SHORT:
	case FAULT_DER:
	case FAULT_OTHER_KEY:
	case FAULT_REFUSE_KEY:
		call->bend = rule;
		break;
	}
}

static void
apply_rules(struct fault_call *call, bool late)
{
	for (size_t i = 0; i < FAULT_RULES; i++) {
		struct fault_rule *rule = &fault.control->rule[i];
		const uint64_t serial = rule->serial;

		if (is_due(rule, call, late))
			act(call, rule, serial);
	}
}

/* ---- the call ---- */

bool
fault_enter(struct fault_call *call, enum fault_call_number number)
{
	*call = (struct fault_call){.number = number, .rv = CKR_GENERAL_ERROR};
	if (!fault_load())
		return false;
	call->began_ns = fault_now_ns();
	fault.call = call;
	fault.control->count[number].calls += 1;
	fault_session_sweep();
	apply_rules(call, false);
	return !call->injected;
}

CK_RV
fault_leave(struct fault_call *call)
{
	struct fault_count *count;

	if (fault.real == NULL || fault.call != call)
		return CKR_GENERAL_ERROR; /* not loaded */
	if (call->is_signature)
		fault.control->signatures_made += 1;
	apply_rules(call, true);
	if (call->number == FAULT_C_Login)
		call->rv = fault_pin_judge(call->rv);
	count = &fault.control->count[call->number];
	if (call->rv == CKR_OK)
		count->ok += 1;
	else
		count->failed += 1;
	if (call->injected)
		count->injected += 1;
	if (call->is_signature && call->rv == CKR_OK)
		fault.control->signatures_given += 1;
	fault.call = NULL;
	return call->rv;
}
