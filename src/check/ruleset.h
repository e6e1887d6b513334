/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CHECK_RULESET_H
#define CHECK_RULESET_H

#include "config/config.h"

/* What the rules in force do for one family. Bits of ports are indexes into config->control_ports. */
struct check_ruleset {
	bool carrier;            /* a rule attaches the carrier */
	bool queue;              /* a rule feeds a worker's queue */
	bool scatters;           /* ... and one chooses for each packet, so no worker sees the whole of a connection */
	bool bypass;             /* ... with bypass */
	bool foreign_helper;     /* a rule attaches the kernel's own ftp helper */
	bool syn_first;          /* a rule asks whether what is NEW begins with a SYN */
	bool copies;             /* a rule copies segments of data connections to the configured group */
	bool offloads;           /* a rule gives connections to a flowtable, past the chains of forward */
	bool other_zone;         /* a rule puts packets into another zone than the configured one */
	uint16_t translated_port; /* a DNAT sends a control port to this one, which is none; else 0 */
	uint32_t carrier_ports;
	uint32_t queue_ports;
	uint32_t first_queue;    /* where a rule feeds a worker's queue: of all queues that such rules feed */
	uint32_t last_queue;
};

/* Reads what iptables-save or ip6tables-save printed. */
void check_ruleset_read_iptables(const struct config *config, const char *text, struct check_ruleset *ruleset);
/* Reads what "nft list ruleset" printed. */
void check_ruleset_read_nft(const struct config *config, const char *text, struct check_ruleset *ipv4,
			    struct check_ruleset *ipv6);

#endif
