/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does the kernel have what the gateway speaks to? Asking loads its module, as running the gateway would. */
#ifndef NETFILTER_SUBSYSTEM_H
#define NETFILTER_SUBSYSTEM_H

/* Each: 0, or why there is no answer, as -errno. */
int subsystem_try_queue(void);
int subsystem_try_conntrack(void);

#endif
