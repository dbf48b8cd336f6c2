/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin - see pin.h. Reading goes straight into the locked page, so that no
 * other memory ever holds the PIN.
 */
#include "hsm/pin.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The page behind a PIN: the value and the room to read its source into, which
 * is longer by a line end and one byte that shows excess. */
struct page {
	struct ksk_pin pin; /* first: the caller's pointer is the page's */
	uint8_t source[KSK_PIN_MAX + 3];
};
_Static_assert(sizeof(struct page) <= 4096, "a PIN fits one page");
#define PAGE_LEN 4096u

enum ksk_err
ksk_pin_new(struct ksk_pin **out_pin)
{
	void *page = mmap(NULL, PAGE_LEN, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return KSK_ERR_NO_MEMORY;
	if (mlock(page, PAGE_LEN) != 0 ||
		madvise(page, PAGE_LEN, MADV_DONTDUMP) != 0) {
		(void)munmap(page, PAGE_LEN); /* nothing was in it */
		return KSK_ERR_NO_MEMORY;
	}
	*out_pin = page;
	return KSK_OK;
}

void
ksk_pin_free(struct ksk_pin **pin)
{
	if (pin == NULL || *pin == NULL)
		return;
	ksk_wipe(*pin, PAGE_LEN);
	(void)munmap(*pin, PAGE_LEN); /* also unlocks */
	*pin = NULL;
}

static enum ksk_err
check(struct ksk_span bytes, struct ksk_fault *fault)
{
	if (bytes.len == 0) {
		ksk_fault_set(fault, "the PIN is empty");
		return KSK_ERR_BAD_INPUT;
	}
	if (memchr(bytes.data, '\n', bytes.len) != NULL ||
		memchr(bytes.data, '\r', bytes.len) != NULL) {
		ksk_fault_set(fault, "the PIN has more than one line");
		return KSK_ERR_BAD_INPUT;
	}
	if (memchr(bytes.data, 0, bytes.len) != NULL) {
		ksk_fault_set(fault, "the PIN has a zero byte inside");
		return KSK_ERR_BAD_INPUT;
	}
	if (bytes.len > KSK_PIN_MAX) {
		ksk_fault_set(
			fault, "the PIN is longer than %u bytes", KSK_PIN_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	return KSK_OK;
}

enum ksk_err
ksk_pin_set(struct ksk_pin *pin, struct ksk_span bytes, struct ksk_fault *fault)
{
	enum ksk_err r;

	ksk_wipe(pin, sizeof(*pin));
	if (bytes.len > 0 && bytes.data[bytes.len - 1] == '\n') {
		bytes.len--;
		if (bytes.len > 0 && bytes.data[bytes.len - 1] == '\r')
			bytes.len--;
	}
	if ((r = check(bytes, fault)) != KSK_OK)
		return r;
	memcpy(pin->text, bytes.data, bytes.len);
	pin->len = bytes.len;
	return KSK_OK;
}

/* CLOCK_MONOTONIC directly: a wait inside this one function, which no test
 * needs to move. */
static uint64_t
mono_ms(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* can't fail */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Reads until the end or until cap bytes are there. */
static enum ksk_err
read_all(int fd, unsigned timeout_ms, uint8_t *data, size_t cap,
	size_t *out_len, struct ksk_fault *fault)
{
	uint64_t end = mono_ms() + timeout_ms;
	size_t len = 0;

	while (len < cap) {
		uint64_t now = mono_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)(end - now)) == 0) {
			ksk_fault_set(fault, "the PIN does not come in time");
			return KSK_ERR_IO;
		}
		n = read(fd, data + len, cap - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			ksk_fault_set(fault, "the PIN can't be read: %s",
				strerror(errno));
			return KSK_ERR_IO;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out_len = len;
	return KSK_OK;
}

enum ksk_err
ksk_pin_read_fd(struct ksk_pin *pin, int fd, unsigned timeout_ms,
	struct ksk_fault *fault)
{
	struct page *page = (struct page *)pin;
	size_t len = 0;
	enum ksk_err r;

	ksk_wipe(page, sizeof(*page));
	r = read_all(fd, timeout_ms, page->source, sizeof(page->source), &len,
		fault);
	if (r == KSK_OK)
		r = ksk_pin_set(pin, ksk_span_of(page->source, len), fault);
	ksk_wipe(page->source, sizeof(page->source));
	return r;
}

enum ksk_err
ksk_pin_fits(const struct ksk_pin *pin, unsigned long min, unsigned long max,
	struct ksk_fault *fault)
{
	bool too_short = min != 0 && min != ~0UL && pin->len < min;
	bool too_long = max != 0 && max != ~0UL && pin->len > max;

	if (!too_short && !too_long)
		return KSK_OK;
	ksk_fault_set(fault,
		"the token takes PINs of %lu to %lu bytes; this one has "
		"another length and is not tried",
		min, max);
	return KSK_ERR_BAD_INPUT;
}
