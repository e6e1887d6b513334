/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who else sets this host's firewall up, and what that means for the gateway's rules. */
#ifndef CHECK_MANAGERS_H
#define CHECK_MANAGERS_H

#include "check/finding.h"

struct managers {
	bool firewalld;
	bool ufw;
	bool docker;
	bool nftables; /* the service of that name, which loads a file */
};

/* Those that can be seen from here. */
struct managers managers_find(void);

/* What to know of each. by_iptables: the gateway's rules are loaded, and iptables' own. */
void managers_judge(struct check *check, const struct managers *managers, bool by_iptables);

#endif
