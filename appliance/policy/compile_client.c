/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients: names, pins, rights. The table has them in the order of their pins,
 * which is what a connection is known by; zones name them by name.
 */
#include "appliance/policy/compile_work.h"

#include <stdlib.h>
#include <string.h>

static void
compile_client(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_client *doc)
{
	static const char *const rights[] = {
		"read", "sign", "submit", "journal", "announce", NULL};
	struct ksk_client client;

	/* Padding too: tables of one text are equal byte for byte. */
	memset(&client, 0, sizeof(client));
	(void)ksk_value_label(work, at, "name", doc->name, client.name);
	(void)ksk_value_hex(work, at, "pin", doc->pin, client.pin, KSK_PIN_LEN);
	/* The order of the words is that of the bits KSK_MAY_…. */
	(void)ksk_value_words(
		work, at, "may", doc->may, doc->may_count, rights, &client.may);
	ksk_vec_put(work, &work->part[KSK_SECTION_CLIENTS], &client);
}

static void
check_unique(struct ksk_work *work, const struct ksk_doc *doc)
{
	const struct ksk_client *clients = work->part[KSK_SECTION_CLIENTS].data;
	const struct ksk_at at = {.key = "clients"};
	struct ksk_unique *list = calloc(doc->clients_count, sizeof(*list));
	size_t names = 0, pins = 0;

	if (list == NULL) {
		work->err = KSK_ERR_NO_MEMORY;
		return;
	}
	for (size_t i = 0; i < doc->clients_count; i++) {
		if (clients[i].name[0] != '\0')
			list[names++] = (struct ksk_unique){
				clients[i].name, strlen(clients[i].name), i};
	}
	ksk_work_unique(work, list, names, &at, "name", "client's name");
	for (size_t i = 0; i < doc->clients_count; i++) {
		if (doc->clients[i].pin != NULL)
			list[pins++] = (struct ksk_unique){
				clients[i].pin, KSK_PIN_LEN, i};
	}
	ksk_work_unique(work, list, pins, &at, "pin", "pin");
	free(list);
}

static int
order_pins(const void *a, const void *b)
{
	const struct ksk_client *x = a, *y = b;

	return memcmp(x->pin, y->pin, KSK_PIN_LEN);
}

static int
order_names(const void *a, const void *b)
{
	const struct ksk_client_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void
sort_clients(struct ksk_work *work)
{
	struct ksk_vec *clients = &work->part[KSK_SECTION_CLIENTS];
	const struct ksk_client *list = clients->data;

	qsort(clients->data, clients->count, sizeof(*list), order_pins);
	for (size_t i = 0; i < clients->count; i++) {
		struct ksk_client_name name = {list[i].name, (uint32_t)i};

		ksk_vec_put(work, &work->names, &name);
	}
	qsort(work->names.data, work->names.count,
		sizeof(struct ksk_client_name), order_names);
}

void
ksk_compile_clients(struct ksk_work *work, const struct ksk_doc *doc)
{
	size_t before = work->faults->count;

	for (size_t i = 0; i < doc->clients_count; i++) {
		struct ksk_at at = {.key = "clients", .index = i};

		compile_client(work, &at, &doc->clients[i]);
	}
	if (work->err != KSK_OK || doc->clients_count == 0)
		return;
	check_unique(work, doc);
	work->clients_faulty = work->faults->count != before;
	if (work->err == KSK_OK)
		sort_clients(work);
}
