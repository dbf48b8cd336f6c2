/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit - the stable exit codes of kskd, its children and kskadm. They are
 * documented in kskd(8) and kskadm(8) and never change their meaning. kskctl
 * has its own (client/exit.h).
 */
#ifndef KSK_BASE_EXIT_H
#define KSK_BASE_EXIT_H

enum ksk_exit {
	KSK_EXIT_OK = 0,
	KSK_EXIT_INTERNAL = 1,    /* a bug, or out of memory */
	KSK_EXIT_USAGE = 2,       /* wrong command line */
	KSK_EXIT_CONFIG = 3,      /* kskd.yaml is wrong */
	KSK_EXIT_POLICY = 4,      /* the policy is wrong */
	KSK_EXIT_TLS = 5,         /* TLS key or certificate unusable */
	KSK_EXIT_LISTEN = 6,      /* address or port can't be had */
	KSK_EXIT_FILE = 7,        /* a file is missing, or its owner or
				       * mode is unsafe */
	KSK_EXIT_MODULE = 8,      /* PKCS#11 module missing, changed or
				       * unusable */
	KSK_EXIT_TOKEN = 9,       /* token not found, or it fails */
	KSK_EXIT_PIN = 10,        /* wrong PIN: not tried again */
	KSK_EXIT_PIN_LOCKED = 11, /* PIN locked by the token */
	KSK_EXIT_PIN_SOURCE = 12, /* PIN file unreadable or odd */
	KSK_EXIT_KEY = 13,        /* key missing, ambiguous or unfit */
	KSK_EXIT_JOURNAL = 14,    /* journal missing, foreign, damaged */
	KSK_EXIT_PEER = 15,       /* a peer broke its packet format */
	KSK_EXIT_SANDBOX = 16,    /* the sandbox could not be entered */
	KSK_EXIT_RUNNING = 17,    /* another kskd uses the state folder */
	KSK_EXIT_NO_KSKD = 18,    /* no kskd runs, or it does not answer */
	KSK_EXIT_WARNING = 19,    /* kskadm doctor: warnings */
	KSK_EXIT_TROUBLE = 20,    /* kskadm doctor: trouble */
	KSK_EXIT_LEAK = 99,       /* sanitized builds only: memory leaked */
};

#endif
