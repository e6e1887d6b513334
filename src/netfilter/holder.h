/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who listens on a netfilter queue? */
#ifndef NETFILTER_HOLDER_H
#define NETFILTER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

struct holder {
	unsigned long port;    /* of netlink */
	unsigned long waiting; /* packets */
	unsigned long inode;   /* of the socket; 0: not found */
	unsigned long pid;     /* 0: not found: it can't be seen from here, being of another container, say */
	char name[64];         /* what it calls itself, in printable characters */
};

/* False: nobody does, or that can't be found out. */
bool holder_find(struct holder *holder, uint16_t queue);

#endif
