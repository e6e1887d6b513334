/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which other programs set up this host's firewall, and what that means for the gateway's rules. */
#ifndef CHECK_MANAGERS_H
#define CHECK_MANAGERS_H

#include "check/finding.h"

struct managers {
	bool firewalld;
	bool ufw;
	bool docker;
	bool nftables; /* the service of that name, which loads a file */
	bool kube_proxy;
	bool cilium;
	uint16_t ipvs_port; /* a control port that IPVS has a virtual server on, else 0 */
};

/* Those that can be seen from here. */
struct managers managers_find(const struct config *config);

/* The control port that a line of the kernel's list of IPVS has a virtual server on; 0: none. */
uint16_t managers_read_ipvs(const struct config *config, const char *line);

/* Reports what to know about each. by_iptables: the gateway's rules are loaded, and are iptables' own. */
void managers_judge(struct check *check, const struct managers *managers, bool by_iptables);

#endif
