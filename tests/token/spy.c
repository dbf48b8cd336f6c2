/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spy - a PKCS#11 module around SoftHSM that counts and bends what goes
 * through it, for tests only. Environment:
 *	SPY_LOG       file that gets one line per C_Login, C_Sign, C_Finalize
 *	SPY_LOGIN_RV  what C_Login answers, hexadecimal, without a real login
 *	SPY_SIGN_FAIL the n-th C_Sign answers CKR_DEVICE_REMOVED
 *	SPY_BEND      letters: d  ECDSA signatures as DER
 *	                       r  no CKM_RSA_PKCS
 *	                       e  CKM_EDDSA wants its parameters
 *	                       h  C_Finalize never returns
 *	                       b  EC points without their OCTET STRING
 *	                       k  RSA keys up to 2048 bits only, in bytes
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST real, ours;
static CK_MECHANISM_TYPE mechanism;
static unsigned long signs;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static int
is_bent(char letter)
{
	const char *bend = getenv("SPY_BEND");

	return bend != NULL && strchr(bend, letter) != NULL;
}

static void
note(const char *word)
{
	const char *path = getenv("SPY_LOG");
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, word, strlen(word)) < 0)
		abort();
	close(fd);
}

static CK_RV
spy_login(CK_SESSION_HANDLE s, CK_USER_TYPE user, unsigned char *pin,
	CK_ULONG len)
{
	const char *rv = getenv("SPY_LOGIN_RV");

	note("C_Login\n");
	if (rv != NULL)
		return strtoul(rv, NULL, 16);
	return real.C_Login(s, user, pin, len);
}

static CK_RV
spy_sign_init(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM plain = *m;

	mechanism = m->mechanism;
	if (m->mechanism == CKM_EDDSA && is_bent('e')) {
		/* a CK_EDDSA_PARAMS: BBOOL, ULONG, pointer */
		if (m->ulParameterLen != 24)
			return CKR_MECHANISM_PARAM_INVALID;
		plain.pParameter = NULL;
		plain.ulParameterLen = 0;
	}
	return real.C_SignInit(s, &plain, key);
}

/* Writes a positive INTEGER; returns the bytes written. */
static size_t
put_integer(const unsigned char *n, size_t len, unsigned char *out)
{
	size_t at = 2;

	while (len > 1 && n[0] == 0) {
		n++;
		len--;
	}
	if ((n[0] & 0x80) != 0)
		out[at++] = 0;
	memcpy(out + at, n, len);
	out[0] = 2;
	out[1] = (unsigned char)(at - 2 + len);
	return at + len;
}

static CK_RV
spy_sign(CK_SESSION_HANDLE s, unsigned char *data, CK_ULONG len,
	unsigned char *signature, CK_ULONG *signature_len)
{
	const char *fail = getenv("SPY_SIGN_FAIL");
	unsigned char raw[200];
	CK_ULONG raw_len = sizeof(raw);
	size_t at = 2;
	CK_RV rv;

	note("C_Sign\n");
	if (fail != NULL && ++signs == strtoul(fail, NULL, 10))
		return CKR_DEVICE_REMOVED;
	if (!is_bent('d') || mechanism != CKM_ECDSA)
		return real.C_Sign(s, data, len, signature, signature_len);
	rv = real.C_Sign(s, data, len, raw, &raw_len);
	if (rv != CKR_OK)
		return rv;
	at += put_integer(raw, raw_len / 2, signature + at);
	at += put_integer(raw + raw_len / 2, raw_len / 2, signature + at);
	signature[0] = 0x30;
	signature[1] = (unsigned char)(at - 2);
	*signature_len = at;
	return CKR_OK;
}

static CK_RV
spy_mechanism_info(
	CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	CK_RV rv = real.C_GetMechanismInfo(slot, type, info);

	if (type == CKM_RSA_PKCS && is_bent('r'))
		return CKR_MECHANISM_INVALID;
	if ((type == CKM_RSA_PKCS || type == CKM_SHA256_RSA_PKCS) &&
		is_bent('k')) {
		info->ulMinKeySize = 64;
		info->ulMaxKeySize = 256;
	}
	return rv;
}

static CK_RV
spy_attribute(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a,
	CK_ULONG count)
{
	CK_RV rv = real.C_GetAttributeValue(s, object, a, count);

	if (rv == CKR_OK && a->type == CKA_EC_POINT && is_bent('b') &&
		a->pValue != NULL && a->ulValueLen > 2) {
		a->ulValueLen -= 2;
		memmove(a->pValue, (char *)a->pValue + 2, a->ulValueLen);
	}
	return rv;
}

static CK_RV
spy_finalize(void *reserved)
{
	note("C_Finalize\n");
	while (is_bent('h'))
		poll(NULL, 0, 1000);
	return real.C_Finalize(reserved);
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *handle = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_FUNCTION_LIST *found = NULL;
	void *symbol = handle == NULL ? NULL
				      : dlsym(handle, "C_GetFunctionList");

	if (symbol == NULL)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &symbol, sizeof(get));
	if (get(&found) != CKR_OK)
		return CKR_GENERAL_ERROR;
	real = *found;
	ours = real;
	ours.C_Login = spy_login;
	ours.C_SignInit = spy_sign_init;
	ours.C_Sign = spy_sign;
	ours.C_GetMechanismInfo = spy_mechanism_info;
	ours.C_GetAttributeValue = spy_attribute;
	ours.C_Finalize = spy_finalize;
	*list = &ours;
	return CKR_OK;
}
