/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A transfer as a line of the log that wu-ftpd, vsftpd and ProFTPD write, xferlog(5). */
#ifndef JOURNAL_XFERLOG_H
#define JOURNAL_XFERLOG_H

#include "ftpalg/notice.h"

/* With its newline: a path, a user, and numbers. */
#define XFERLOG_MAX 640

/*
 * Writes the line of a NOTICE_TRANSFER that has ended at time, microseconds of the wall clock. Returns its length; 0: it was
 * no file, but a list.
 */
size_t xferlog_format(const struct notice *notice, uint64_t time, char line[XFERLOG_MAX]);

#endif
