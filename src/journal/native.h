/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sentence for systemd's journal, with its parts as fields, by the journal's own protocol: journalctl then finds it by any
 * of them.
 */
#ifndef JOURNAL_NATIVE_H
#define JOURNAL_NATIVE_H

#include <stdbool.h>

#include "ftpalg/notice.h"

#define NATIVE_SOCKET "/run/systemd/journal/socket"

struct native {
	int socket; /* -1: there is no journal */
};

/* Finds the journal at path. Where there is none, nothing is sent. */
void native_open(struct native *native, const char *path);
void native_close(struct native *native);

/*
 * Sends a notice, with its sentence, the priority that syslog(3) has for it, and the line that notice_json_format() has made
 * of it. Never waits. False: the journal does not take it.
 */
bool native_send(const struct native *native, const struct notice *notice, const char *sentence, unsigned int priority,
		 struct bytes json);

#endif
