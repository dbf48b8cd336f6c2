/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults in the order of the text, places, growing arrays, duplicates.
 */
#include "appliance/policy/compile_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* zones[0].providers[1].keys[2].ds */
#define PATH_DEPTH 8u
#define PATH_CAP 160u

void
ksk_vec_put(struct ksk_work *work, struct ksk_vec *vec, const void *entry)
{
	if (work->err != KSK_OK)
		return;
	if (vec->count == vec->cap) {
		size_t cap = vec->cap == 0 ? 64 : vec->cap * 2;
		void *data = realloc(vec->data, cap * vec->size);

		if (data == NULL) {
			work->err = KSK_ERR_NO_MEMORY;
			return;
		}
		vec->data = data;
		vec->cap = cap;
	}
	memcpy((uint8_t *)vec->data + vec->count * vec->size, entry, vec->size);
	vec->count++;
}

static size_t
append_step(char *path, size_t len, const char *key, size_t index)
{
	int n;

	if (key == NULL)
		return len;
	if (index == KSK_NO_INDEX)
		n = snprintf(path + len, PATH_CAP - len, "%s%s",
			len == 0 ? "" : ".", key);
	else
		n = snprintf(path + len, PATH_CAP - len, "%s%s[%zu]",
			len == 0 ? "" : ".", key, index);
	if (n < 0 || (size_t)n >= PATH_CAP - len)
		return PATH_CAP - 1;
	return len + (size_t)n;
}

static void
write_path(const struct ksk_at *at, const char *key, char path[PATH_CAP])
{
	const struct ksk_at *steps[PATH_DEPTH];
	size_t depth = 0, len = 0;

	for (; at != NULL && depth < PATH_DEPTH; at = at->up)
		steps[depth++] = at;
	path[0] = '\0';
	while (depth-- != 0)
		len = append_step(
			path, len, steps[depth]->key, steps[depth]->index);
	(void)append_step(path, len, key, KSK_NO_INDEX);
}

bool
ksk_work_is_full(const struct ksk_work *work)
{
	return work->faults->count == KSK_POLICY_FAULT_MAX ||
		work->err != KSK_OK;
}

/* Faults are printed one per line: a value must not bring its own. */
static void
clean(struct ksk_fault *fault)
{
	for (char *c = fault->text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
}

void
ksk_work_report(
	void *ctx, size_t line, size_t column, const struct ksk_fault *fault)
{
	struct ksk_work *work = ctx;
	struct ksk_faults *faults = work->faults;
	size_t i = faults->count;

	while (i > 0 &&
		(work->line[i - 1] > line ||
			(work->line[i - 1] == line &&
				work->column[i - 1] > column)))
		i--;
	if (i == KSK_POLICY_FAULT_MAX)
		return;
	if (faults->count < KSK_POLICY_FAULT_MAX)
		faults->count++;
	for (size_t k = faults->count - 1; k > i; k--) {
		faults->list[k] = faults->list[k - 1];
		work->line[k] = work->line[k - 1];
		work->column[k] = work->column[k - 1];
	}
	faults->list[i] = *fault;
	clean(&faults->list[i]);
	work->line[i] = line;
	work->column[i] = column;
}

void
ksk_work_fault(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *fmt, ...)
{
	struct ksk_fault sentence = {""}, fault = {""};
	char path[PATH_CAP];
	size_t line, column;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence.text, sizeof(sentence.text), fmt, ap);
	va_end(ap);
	write_path(at, key, path);
	ksk_yaml_fault(work->yaml, &fault, path, "%s", sentence.text);
	ksk_yaml_place(work->yaml, path, &line, &column);
	ksk_work_report(work, line, column, &fault);
}

size_t
ksk_work_line(
	const struct ksk_work *work, const struct ksk_at *at, const char *key)
{
	char path[PATH_CAP];
	size_t line, column;

	write_path(at, key, path);
	ksk_yaml_place(work->yaml, path, &line, &column);
	return line;
}

static int
order_unique(const void *a, const void *b)
{
	const struct ksk_unique *x = a, *y = b;
	int order = memcmp(x->key, y->key,
		x->key_len < y->key_len ? x->key_len : y->key_len);

	if (order != 0)
		return order;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

void
ksk_work_unique(struct ksk_work *work, struct ksk_unique *list, size_t count,
	const struct ksk_at *at, const char *key, const char *what)
{
	if (count < 2)
		return;
	qsort(list, count, sizeof(*list), order_unique);
	for (size_t i = 1; i < count && !ksk_work_is_full(work); i++) {
		struct ksk_at first = *at, second = *at;

		if (list[i].key_len != list[i - 1].key_len ||
			memcmp(list[i].key, list[i - 1].key, list[i].key_len) !=
				0)
			continue;
		first.index = list[i - 1].index;
		second.index = list[i].index;
		ksk_work_fault(work, &second, key,
			"this %s stands already in line %zu; keep one", what,
			ksk_work_line(work, &first, key));
	}
}
