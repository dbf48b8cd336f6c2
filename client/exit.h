/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit - the stable exit codes of kskctl, documented in kskctl(1). Scripts
 * build on them: they never change their meaning.
 */
#ifndef KSK_CLIENT_EXIT_H
#define KSK_CLIENT_EXIT_H

enum ksk_ctl_exit {
	KSK_CTL_DONE = 0,
	KSK_CTL_REFUSED = 1,     /* the policy says no */
	KSK_CTL_USAGE = 2,       /* wrong command line */
	KSK_CTL_UNREACHABLE = 3, /* the appliance can't be reached or trusted,
				  * or does not trust this client */
	KSK_CTL_LATER = 4,       /* not ready, try later */
	KSK_CTL_BAD_INPUT = 5,   /* a file or name is wrong */
	KSK_CTL_UNVERIFIED = 6,  /* the answer did not verify */
};

#endif
