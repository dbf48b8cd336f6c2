/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token - see token.h. Here: module, URI, the choice of the one token, and its
 * session. token_login.c has the login, token_init.c the making of a token.
 */
#include "hsm/p11.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Opens the module file before libp11 does: the loader's own sentence names
 * the missing library, libp11's does not. */
static enum ksk_err
open_library(const char *path, struct ksk_module *m, struct ksk_fault *fault)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	void *symbol;

	m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (m->handle == NULL) {
		ksk_fault_set(
			fault, "the module can't be loaded: %s", dlerror());
		return KSK_ERR_IO;
	}
	symbol = dlsym(m->handle, "C_GetFunctionList");
	if (symbol == NULL) {
		ksk_fault_set(fault,
			"%s is no PKCS#11 module: it has no C_GetFunctionList",
			path);
		return KSK_ERR_IO;
	}
	/* POSIX lets a symbol's address be a function; ISO C has no cast for
	 * it. */
	memcpy(&get, &symbol, sizeof(get));
	if (get(&m->f) != CKR_OK || m->f == NULL) {
		ksk_fault_set(fault, "C_GetFunctionList of %s fails", path);
		return KSK_ERR_IO;
	}
	return KSK_OK;
}

/*
 * p11-kit's client gives everyone who asks for its functions an instance of
 * its own, with a connection of its own: what libp11 has initialised is not
 * what the calls of hsm/ go to. All other modules have one list of functions.
 */
static enum ksk_err
initialise_own(const struct ksk_token_choice *choice, struct ksk_module *m,
	struct ksk_fault *fault)
{
	CK_C_INITIALIZE_ARGS args = {
		.pReserved = (void *)(uintptr_t)choice->init};
	CK_INFO info = {0};
	CK_RV rv;

	if (m->f->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return KSK_OK;
	rv = m->f->C_Initialize(choice->init[0] != '\0' ? &args : NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return ksk_p11_fail(fault, "C_Initialize", rv);
	m->own = rv == CKR_OK;
	return KSK_OK;
}

static enum ksk_err
initialise(const struct ksk_token_choice *choice, struct ksk_module *m,
	struct ksk_fault *fault)
{
	char buf[KSK_CKR_CAP];
	enum ksk_err r;

	m->ctx = PKCS11_CTX_new();
	if (m->ctx == NULL)
		return KSK_ERR_NO_MEMORY;
	if (choice->init[0] != '\0')
		PKCS11_CTX_init_args(m->ctx, choice->init);
	if (PKCS11_CTX_load(m->ctx, choice->module) != 0) {
		ksk_fault_set(fault,
			"the module %s does not initialise (%s): check the "
			"token's environment, paths and init in kskd.yaml",
			choice->module,
			ksk_ckr_text(ksk_p11_last_error(), buf));
		return KSK_ERR_IO;
	}
	m->loaded = true;
	if ((r = initialise_own(choice, m, fault)) != KSK_OK)
		return r;
	if (PKCS11_enumerate_slots(m->ctx, &m->slots, &m->slot_count) != 0)
		return ksk_p11_fail(
			fault, "C_GetSlotList", ksk_p11_last_error());
	return KSK_OK;
}

enum ksk_err
ksk_module_load(const struct ksk_token_choice *choice,
	struct ksk_module *out_module, struct ksk_fault *fault)
{
	struct ksk_module m = {0};
	enum ksk_err r;

	if ((r = open_library(choice->module, &m, fault)) != KSK_OK ||
		(r = initialise(choice, &m, fault)) != KSK_OK) {
		ksk_module_unload(&m);
		return r;
	}
	*out_module = m;
	return KSK_OK;
}

void
ksk_module_unload(struct ksk_module *m)
{
	if (m->slots != NULL)
		PKCS11_release_all_slots(m->ctx, m->slots, m->slot_count);
	if (m->own)
		(void)m->f->C_Finalize(NULL);
	if (m->loaded)
		PKCS11_CTX_unload(m->ctx); /* C_Finalize */
	if (m->ctx != NULL)
		PKCS11_CTX_free(m->ctx);
	*m = (struct ksk_module){0};
}

/* Returns what is wrong with a parsed URI, NULL if nothing is. */
static const char *
uri_trouble(P11KitUri *uri)
{
	CK_ULONG attributes = 0;

	if (p11_kit_uri_any_unrecognized(uri) != 0)
		return "it has an attribute that is not known here, or that "
		       "is too long";
	if (p11_kit_uri_get_pin_value(uri) != NULL ||
		p11_kit_uri_get_pin_source(uri) != NULL)
		return "it holds a PIN or its source: use pin: in kskd.yaml";
	if (p11_kit_uri_get_module_path(uri) != NULL ||
		p11_kit_uri_get_module_name(uri) != NULL)
		return "it names a module: use module: in kskd.yaml";
	(void)p11_kit_uri_get_attributes(uri, &attributes);
	if (attributes != 0)
		return "it names an object: keys are named by the policy";
	return NULL;
}

enum ksk_err
ksk_uri_read(const char *text, P11KitUri **out_uri, struct ksk_fault *fault)
{
	P11KitUri *uri = p11_kit_uri_new();
	const char *wrong;
	int code;

	if (uri == NULL)
		return KSK_ERR_NO_MEMORY;
	code = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
	wrong = code != P11_KIT_URI_OK ? p11_kit_uri_message(code)
				       : uri_trouble(uri);
	if (wrong != NULL) {
		/* The URI itself is not shown: it may hold a PIN. */
		ksk_fault_set(fault,
			"the token's uri is wrong: %s; write "
			"\"pkcs11:token=LABEL\" (RFC 7512)",
			wrong);
		p11_kit_uri_free(uri);
		return KSK_ERR_BAD_INPUT;
	}
	*out_uri = uri;
	return KSK_OK;
}

static bool
matches(P11KitUri *uri, const CK_INFO *module, CK_SLOT_ID id,
	const CK_SLOT_INFO *slot, const CK_TOKEN_INFO *info)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);

	return (wanted == (CK_SLOT_ID)-1 || wanted == id) &&
		p11_kit_uri_match_module_info(uri, module) == 1 &&
		p11_kit_uri_match_slot_info(uri, slot) == 1 &&
		p11_kit_uri_match_token_info(uri, info) == 1;
}

static void
read_name(const CK_TOKEN_INFO *info, struct ksk_token_name *out)
{
	ksk_p11_text(info->label, sizeof(info->label), out->label);
	ksk_p11_text(
		info->serialNumber, sizeof(info->serialNumber), out->serial);
	ksk_p11_text(info->model, sizeof(info->model), out->model);
	ksk_p11_text(info->manufacturerID, sizeof(info->manufacturerID),
		out->manufacturer);
}

/* Keeps a list of tokens for the fault, as far as it fits. */
static void
note_token(const CK_TOKEN_INFO *info, char *list, size_t cap)
{
	struct ksk_token_name name;
	size_t len = strlen(list);

	read_name(info, &name);
	(void)snprintf(list + len, cap - len, "%s\"%s\" (serial %s, %s)",
		len == 0 ? "" : ", ", name.label, name.serial, name.model);
}

static void
take(struct ksk_token *t, PKCS11_SLOT *slot, CK_SLOT_ID id,
	const CK_TOKEN_INFO *info)
{
	t->slot = slot;
	t->slot_id = id;
	t->flags = info->flags;
	t->pin_min = info->ulMinPinLen;
	t->pin_max = info->ulMaxPinLen;
	read_name(info, &t->name);
}

/* Looks at every token; the last match is taken, the caller judges how many
 * there are. */
static unsigned
look(struct ksk_token *t, P11KitUri *uri, char *list, size_t cap)
{
	CK_FUNCTION_LIST *f = t->module.f;
	CK_INFO module = {0};
	unsigned found = 0;

	(void)f->C_GetInfo(&module); /* zeroes match nothing */
	for (unsigned i = 0; i < t->module.slot_count; i++) {
		PKCS11_SLOT *slot = &t->module.slots[i];
		CK_SLOT_ID id = PKCS11_get_slotid_from_slot(slot);
		CK_TOKEN_INFO info = {0};
		CK_SLOT_INFO slot_info = {0};

		if (f->C_GetSlotInfo(id, &slot_info) != CKR_OK ||
			f->C_GetTokenInfo(id, &info) != CKR_OK ||
			(info.flags & CKF_TOKEN_INITIALIZED) == 0)
			continue;
		note_token(&info, list, cap);
		if (!matches(uri, &module, id, &slot_info, &info))
			continue;
		take(t, slot, id, &info);
		found++;
	}
	return found;
}

static enum ksk_err
find_token(struct ksk_token *t, const char *uri_text, struct ksk_fault *fault)
{
	char list[400] = "";
	P11KitUri *uri = NULL;
	unsigned found;
	enum ksk_err r;

	if ((r = ksk_uri_read(uri_text, &uri, fault)) != KSK_OK)
		return r;
	found = look(t, uri, list, sizeof(list));
	p11_kit_uri_free(uri);
	if (found == 1)
		return KSK_OK;
	if (found > 1) {
		ksk_fault_set(fault,
			"%u tokens match the uri, add serial= to it; there "
			"are: %s",
			found, list);
		return KSK_ERR_AMBIGUOUS;
	}
	ksk_fault_set(fault, "no token matches the uri; there %s: %s",
		list[0] == '\0' ? "is" : "are",
		list[0] == '\0' ? "none (check environment and paths, or run "
				  "kskadm token init)"
				: list);
	return KSK_ERR_NOT_FOUND;
}

void
ksk_token_mechanisms(struct ksk_token *t)
{
	for (size_t i = 0; i < KSK_MECHANISM_COUNT; i++) {
		CK_MECHANISM_INFO info = {0};
		struct ksk_mechanism_range *r = &t->range[i];

		if (t->module.f->C_GetMechanismInfo(t->slot_id,
			    ksk_mechanisms[i].type, &info) != CKR_OK)
			continue;
		r->signs = (info.flags & CKF_SIGN) != 0;
		r->min = info.ulMinKeySize;
		r->max = info.ulMaxKeySize;
		/* Some modules give the sizes of RSA keys in bytes. */
		if (ksk_alg_is_rsa(ksk_mechanisms[i].algorithm) &&
			r->max != 0 && r->max <= 1024) {
			r->min *= 8;
			r->max *= 8;
		}
	}
}

static enum ksk_err
open_session(struct ksk_token *t, bool writable, struct ksk_fault *fault)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0);
	CK_RV rv = t->module.f->C_OpenSession(
		t->slot_id, flags, NULL, NULL, &t->session);

	if (rv != CKR_OK)
		return ksk_p11_fail(fault, "C_OpenSession", rv);
	t->has_session = true;
	return KSK_OK;
}

/* SoftHSM takes a token for none if it begins in the moment in which another
 * process has emptied its file to write it anew, and does not look again. */
#define LOOKS_MAX 5u
#define LOOK_AGAIN_MS 60

static enum ksk_err
load_and_find(const struct ksk_token_choice *choice, struct ksk_token *t,
	struct ksk_fault *fault)
{
	const unsigned looks = choice->patient ? LOOKS_MAX : 1;
	enum ksk_err r;

	for (unsigned i = 1;; i++) {
		if ((r = ksk_module_load(choice, &t->module, fault)) != KSK_OK)
			return r;
		r = find_token(t, choice->uri, fault);
		if (r != KSK_ERR_NOT_FOUND || i == looks)
			return r;
		ksk_module_unload(&t->module);
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

enum ksk_err
ksk_token_open(const struct ksk_token_choice *choice,
	struct ksk_token **out_token, struct ksk_fault *fault)
{
	struct ksk_token *t = calloc(1, sizeof(*t));
	enum ksk_err r;

	if (t == NULL)
		return KSK_ERR_NO_MEMORY;
	if ((r = load_and_find(choice, t, fault)) != KSK_OK ||
		(r = open_session(t, choice->writable, fault)) != KSK_OK) {
		ksk_token_close(&t);
		return r;
	}
	t->quirk = ksk_quirk_find(t->module.f);
	ksk_token_mechanisms(t);
	*out_token = t;
	return KSK_OK;
}

void
ksk_token_close(struct ksk_token **token)
{
	if (token == NULL || *token == NULL)
		return;
	if ((*token)->has_session)
		(void)(*token)->module.f->C_CloseSession((*token)->session);
	ksk_module_unload(&(*token)->module);
	free(*token);
	*token = NULL;
}

const struct ksk_token_name *
ksk_token_name(const struct ksk_token *token)
{
	return &token->name;
}

size_t
ksk_token_keys_max(const struct ksk_token *token)
{
	return token->quirk->keys_max;
}
