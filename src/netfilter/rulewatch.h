/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Has somebody changed nft's rules? iptables' are among them, but not its legacy variant's, of which nobody hears. */
#ifndef NETFILTER_RULEWATCH_H
#define NETFILTER_RULEWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;

struct rulewatch {
	struct mnl_socket *socket;
	uint32_t pid;  /* the process that made the last change; 0: not known */
	char name[32]; /* what that process calls itself, in printable characters */
};

/* Returns 0 or -errno; then nothing needs closing. */
int rulewatch_open(struct rulewatch *watch);
void rulewatch_close(struct rulewatch *watch);

/*
 * Takes what has come, without waiting. True: tables, chains or rules may have changed. Elements of sets don't count, of
 * which programs that ban addresses change many.
 */
bool rulewatch_take(struct rulewatch *watch);

#endif
