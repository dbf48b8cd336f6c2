/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document - see document.h. The bytes come from kskd-policy: nothing in them
 * is believed before all of it was looked at.
 */
#include "appliance/policy/document.h"

#include "appliance/policy/table_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool
is_operator(const struct ksk_operator *o)
{
	return memchr(o->name, 0, sizeof(o->name)) != NULL;
}

static bool
is_threshold(uint32_t threshold, uint32_t count)
{
	return threshold >= 1 && threshold <= count;
}

static bool
is_authority(const struct ksk_authority *a)
{
	if (a->version < 1 || a->version > INT64_MAX || a->operator_count < 1 ||
		a->operator_count > KSK_OPERATOR_COUNT_MAX)
		return false;
	for (uint32_t i = 0; i < a->operator_count; i++) {
		if (!is_operator(&a->operator[i]))
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (memcmp(a->operator[i].pin, a->operator[k].pin,
				    KSK_PIN_LEN) == 0)
				return false;
	}
	for (unsigned kind = 1; kind <= KSK_DOCUMENT_KIND_MAX; kind++)
		if (!is_threshold(a->threshold[kind], a->operator_count))
			return false;
	return true;
}

static bool
is_ds(const struct ksk_ds *ds)
{
	return (ds->digest_type == KSK_DIGEST_SHA256 && ds->digest_len == 32) ||
		(ds->digest_type == KSK_DIGEST_SHA384 && ds->digest_len == 48);
}

static bool
is_taken(const struct ksk_taken *t)
{
	const uint32_t all = KSK_MAY_READ | KSK_MAY_SIGN | KSK_MAY_SUBMIT |
		KSK_MAY_JOURNAL | KSK_MAY_ANNOUNCE;
	struct ksk_name name;

	if (t->is_key > 1)
		return false;
	if (t->is_key == 0)
		return t->may != 0 && (t->may & ~all) == 0;
	return is_ds(&t->ds) &&
		(t->zone[0] == 0 ||
			ksk_name_from_wire(ksk_span_of(t->zone + 1, t->zone[0]),
				&name) == KSK_OK);
}

static bool
is_authorise(const struct ksk_authorise *a)
{
	struct ksk_name name;

	if (a->act != KSK_ACT_SERIAL)
		return a->act <= KSK_ACT_CLOCK;
	return memchr(a->provider, 0, sizeof(a->provider)) != NULL &&
		a->serial <= INT64_MAX && a->zone[0] != 0 &&
		ksk_name_from_wire(
			ksk_span_of(a->zone + 1, a->zone[0]), &name) == KSK_OK;
}

static bool
is_document(const struct ksk_document *d)
{
	switch (d->kind) {
	case KSK_DOCUMENT_AUTHORITY:
		return is_authority(&d->authority);
	case KSK_DOCUMENT_WITHDRAW:
		if (d->taken_count < 1 || d->taken_count > KSK_TAKEN_MAX)
			return false;
		for (uint32_t i = 0; i < d->taken_count; i++)
			if (!is_taken(&d->taken[i]))
				return false;
		return true;
	case KSK_DOCUMENT_AUTHORISE:
		return is_authorise(&d->authorise);
	default:
		return false;
	}
}

enum ksk_err
ksk_document_open(struct ksk_span bytes, struct ksk_document *out,
	struct ksk_fault *fault)
{
	struct ksk_document document;

	if (bytes.len != sizeof(document)) {
		ksk_fault_set(fault, "document: not of this build, or cut off");
		return KSK_ERR_MALFORMED;
	}
	memcpy(&document, bytes.data, sizeof(document));
	if (memcmp(document.magic, KSK_DOCUMENT_MAGIC,
		    sizeof(document.magic)) != 0 ||
		document.not_after > KSK_TIME_MAX || !is_document(&document)) {
		ksk_fault_set(fault, "document: a value is out of range");
		return KSK_ERR_MALFORMED;
	}
	*out = document;
	return KSK_OK;
}

enum ksk_err
ksk_document_map(int fd, struct ksk_document *out, struct ksk_fault *fault)
{
	const int demanded = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	/* One byte more shows that there is more. */
	uint8_t bytes[sizeof(struct ksk_document) + 1];
	size_t len = 0;
	ssize_t n = 1;

	if (seals < 0 || (seals & demanded) != demanded) {
		ksk_fault_set(fault, "document: the memory is not sealed");
		return KSK_ERR_MALFORMED;
	}
	while (len < sizeof(bytes) && n > 0) {
		n = pread(fd, bytes + len, sizeof(bytes) - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0) {
		ksk_fault_set(fault, "document: %s", strerror(errno));
		return KSK_ERR_IO;
	}
	return ksk_document_open(ksk_span_of(bytes, len), out, fault);
}

/* ---- which kind a text says it is ---- */

static unsigned
kind_of_word(struct ksk_span word)
{
	static const char *const words[] = {
#define X(name, value, text) [value] = (text),
		KSK_DOCUMENT_TABLE(X)
#undef X
	};

	while (word.len > 0 && (word.data[0] == ' ' || word.data[0] == '\t')) {
		word.data++;
		word.len--;
	}
	for (unsigned k = 1; k <= KSK_DOCUMENT_KIND_MAX; k++) {
		size_t len = strlen(words[k]);
		if (word.len >= len && memcmp(word.data, words[k], len) == 0 &&
			(word.len == len || word.data[len] == ' ' ||
				word.data[len] == '#' ||
				word.data[len] == '\r'))
			return k;
	}
	return 0;
}

/* No text has it; what stands before the text in a signed document does. */
static bool
is_control(uint8_t c)
{
	return c < ' ' && c != '\t' && c != '\n' && c != '\r';
}

unsigned
ksk_document_kind_of(struct ksk_span text)
{
	static const char key[] = "kind:";
	const size_t key_len = sizeof(key) - 1;
	size_t start = 0;

	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && is_control(text.data[i]))
			return 0;
		if (i < text.len && text.data[i] != '\n')
			continue;
		if (i - start > key_len &&
			memcmp(text.data + start, key, key_len) == 0)
			return kind_of_word(
				ksk_span_of(text.data + start + key_len,
					i - start - key_len));
		start = i + 1;
	}
	return 0;
}
