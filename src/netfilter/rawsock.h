/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole IP packets that the gateway itself sends: resets, and acknowledgements of held bytes. */
#ifndef NETFILTER_RAWSOCK_H
#define NETFILTER_RAWSOCK_H

#include "ftpalg/base.h"

struct rawsock {
	int ipv4;
	int ipv6; /* negative where the host has no IPv6 */
};

/*
 * Opens the sockets. mark goes on every packet, and a rule in raw OUTPUT must exempt that mark from connection
 * tracking: the packets carry the peers' addresses, and tracked they would clash with the connection that they belong
 * to. Returns 0 or -errno; then nothing needs closing.
 */
int rawsock_open(struct rawsock *rawsock, uint32_t mark);
/* Closes what is open: negative descriptors are none. */
void rawsock_close(struct rawsock *rawsock);

/* Sends one packet, headers included; never blocks. Returns 0 or -errno. */
int rawsock_send(const struct rawsock *rawsock, struct bytes packet);

#endif
