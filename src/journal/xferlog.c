/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   Sat Nov 28 14:01:07 2026 1 10.0.0.5 20000003 /pub/a.bin b _ o r anna ftp 0 * c
 *
 *   when it ended, local time; seconds, at least one; client; bytes; file; ascii or binary; no special action; out to the
 *   client or in from it; anonymous or a real user; the user; the service; authentication by nobody else; complete or
 *   incomplete
 *
 * Programs that read it split it at blanks. So a blank, or what would not be seen, is an underscore in the names of files
 * and of users, as in what ProFTPD writes: a blank would shift all fields after it, and a line's end would be another
 * transfer. The events have the exact names.
 */
#include "journal/xferlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "ftpalg/address.h"

#define SECOND UINT64_C(1000000)
#define XFERLOG_NAME_MAX (NOTICE_PATH_MAX + ESCAPE_MAX + 1)

static void put_name(struct bytes name, char text[XFERLOG_NAME_MAX])
{
	size_t at = 0;

	while (name.length > 0 && at < NOTICE_PATH_MAX) {
		const uint8_t first = *name.data;
		char shown[ESCAPE_MAX];
		const size_t length = escape_take(&name, ESCAPE_UNICODE, shown);

		if (first == ' ' || (shown[0] == '\\' && first != '\\')) {
			text[at++] = '_';
		} else if (first == '\\') {
			text[at++] = '\\'; /* it is doubled, for programs that would undo that */
		} else {
			memcpy(text + at, shown, length);
			at += length;
		}
	}
	/* An empty field would be missing. */
	if (at == 0)
		text[at++] = '-';
	text[at] = '\0';
}

static bool is_anonymous(const char *user)
{
	return strcmp(user, "anonymous") == 0 || strcmp(user, "ftp") == 0;
}

size_t xferlog_format(const struct notice *notice, uint64_t time, char line[XFERLOG_MAX])
{
	static const struct notice_file nothing;
	static const struct notice_transfer nowhere;
	const struct notice_file *file = notice->file ? notice->file : &nothing;
	const struct notice_transfer *end = notice->transfer ? notice->transfer : &nowhere;
	const uint64_t seconds = (notice->duration + SECOND / 2) / SECOND;
	const time_t when = (time_t)(time / SECOND);
	const bool up = verb_is_upload(notice->verb);
	char path[XFERLOG_NAME_MAX], user[XFERLOG_NAME_MAX], client[ADDRESS_TEXT_MAX] = "-", moment[32];
	struct tm local;
	int length;

	if (!up && notice->verb != VERB_RETR)
		return 0;
	if (!localtime_r(&when, &local) || strftime(moment, sizeof(moment), "%a %b %e %H:%M:%S %Y", &local) == 0)
		return 0;
	put_name(file->path, path);
	put_name(file->user, user);
	if (notice->view)
		client[address_format(&notice->view->client.address, client)] = '\0';
	length = snprintf(line, XFERLOG_MAX, "%s %" PRIu64 " %s %" PRIu64 " %s %c _ %c %c %s ftp 0 * %c\n", moment,
			  seconds > 0 ? seconds : 1, client, end->counted ? end->bytes : 0, path, file->ascii ? 'a' : 'b',
			  up ? 'i' : 'o', is_anonymous(user) ? 'a' : 'r', user,
			  end->outcome == TRANSFER_COMPLETE ? 'c' : 'i');
	return length > 0 && length < XFERLOG_MAX ? (size_t)length : 0;
}
