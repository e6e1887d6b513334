/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does the kernel have what the gateway speaks to? Asking loads its module, as running the gateway would. */
#ifndef NETFILTER_SUBSYSTEM_H
#define NETFILTER_SUBSYSTEM_H

#include <stdint.h>

/* Each: 0, or why there is no answer, as -errno. */
int subsystem_try_queue(void);
int subsystem_try_conntrack(void);
int subsystem_try_log(void);

/* net.netfilter.nf_conntrack_tcp_timeout_established, in seconds; 0 where it can't be read. */
uint32_t subsystem_read_established(void);

#endif
