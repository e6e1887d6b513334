/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker gives up before it reads the first byte from a peer: user, capabilities, system calls. */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum sandbox_kind {
	SANDBOX_WORKER, /* the queue: its sockets are all open, and it only reads from them */
	SANDBOX_BROKER, /* changes the firewall for the worker; no file, no connection */
	SANDBOX_CONTROL, /* tells what happens; its files are given to it, and it has no capability */
	SANDBOX_KEYS,   /* signs; no file, no connection, no capability */
	SANDBOX_PROXY,  /* makes and accepts connections */
	SANDBOX_RESOLVER, /* asks the name service; no capability */
	SANDBOX_PROBE,  /* the same, and needs no capability */
};

/* Does this build restrict system calls? */
bool sandbox_has_filter(void);

/*
 * Becomes user (or stays who it is, where user is "" or it is not root), keeps no capability but CAP_NET_ADMIN (a worker,
 * control, a keys process or a probe: none), and from then on is killed by any system call that a process of this kind does
 * not need. Everything must be open by now; what libraries fetch on first use must have been used. The kernel will kill it
 * when parent ends, where that is not 0. Returns 0, or -1 with what failed, and what to do, in error (of size bytes).
 */
int sandbox_enter(const char *user, enum sandbox_kind kind, pid_t parent, char *error, size_t size);

#endif
