/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROCESS_RULESTATE_H
#define PROCESS_RULESTATE_H

#include <stdatomic.h>
#include <stdint.h>

enum rulestate {
	RULESTATE_UNKNOWN, /* not looked at yet, or this host does not forward the family, or nobody can tell */
	RULESTATE_LOADED,
	RULESTATE_GONE,    /* or never loaded */
};

enum { RULESTATE_IPV4, RULESTATE_IPV6, RULESTATE_FAMILIES };

/* What a supervisor shows of the firewall's rules to those of its processes that tell it on, in memory that all map. */
struct rulestate_page {
	_Atomic uint32_t state[RULESTATE_FAMILIES]; /* enum rulestate */
	_Atomic uint64_t since[RULESTATE_FAMILIES]; /* microseconds since 1970; 0: not known */
	_Atomic uint32_t nft;                       /* 1: nft's are, or were, loaded; 0: those of iptables */
	/* the process that had changed rules when state last changed; 0: not known */
	_Atomic uint32_t author;
	char author_name[32];                       /* what it calls itself, with a NUL at the end */
};

#endif
