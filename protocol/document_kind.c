/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document_kind - the words behind `kind:`, apart from the messages for
 * programs that read no message. Contract: msg_document.h
 */
#include "protocol/msg_document.h"

const char *
ksk_document_kind_text(unsigned kind)
{
	switch (kind) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_DOCUMENT_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}
