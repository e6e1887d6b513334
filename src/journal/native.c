/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   FIELD=value<newline> ...     in one datagram
 *
 * An event's members are fields: client_ip is FTPALG_CLIENT_IP. They are taken from its line of JSON, so that both have the
 * same names and one place knows them; each element of a list is a field. No value has a newline in it, because a line of
 * JSON has none and what peers said is escaped as well.
 *
 * MESSAGE_ID says which kind of event it is, for programs that collect by it: a number that is drawn once and never changes.
 */
#include "journal/native.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIELD_PREFIX "FTPALG_"
/* Twice a line of JSON: names grow by a prefix, and there is a sentence. */
#define NATIVE_MAX 10240

static const char *const message_ids[NOTICE_COUNT] = {
	[NOTICE_SESSION_OPEN] = "724a66fb0e4b4482ba4e44ecf560a2ab", [NOTICE_LOGIN] = "862e6a3626594c959b2aa2b709aec7be",
	[NOTICE_OFFER] = "747d2bb6e40a46148615bb1b5766b01f", [NOTICE_PINHOLE_OPEN] = "90e1203e45aa4346be8a22ebc7a4f15b",
	[NOTICE_PINHOLE_USED] = "844dde0d63644a6d88e8caff85de7317", [NOTICE_PINHOLE_CLOSE] = "34ba2694b8e243cf88dbf9cfc53a478f",
	[NOTICE_REFUSE] = "11d004ae10ce4360a14ab7271eff4581", [NOTICE_REWRITE] = "e820ff4d9cb943c8bbdbd46f8235076e",
	[NOTICE_TLS] = "bd838f18210b44fbb9fa679fa938bfbf", [NOTICE_RELAY] = "2cf131a64dbe48fcaa79c6789be486a9",
	[NOTICE_TRANSFER] = "d814b7326bcb498898a635b9b0707860", [NOTICE_MINT] = "2c8b1e09238846bbbf1a55ef3c23a3f8",
	[NOTICE_ANOMALY] = "ffbd05c9313747fea6267ed8bc9b2931", [NOTICE_SESSION_CLOSE] = "b2eacf241a5945dca37eaa62d1253b6a",
	[NOTICE_EVENTS_LOST] = "894e54181cc348548019288a02b66d4c", [NOTICE_SESSIONS_LOST] = "e731b4c7b8384a15a92226fc9aa963ac",
	[NOTICE_RELOAD] = "341204180ca6485e84567d68f8865a5a", [NOTICE_RULES_GONE] = "b4c4a65f25264c3dbe66a65f8b4cdb62",
	[NOTICE_RULES_BACK] = "c2b67ccc6b994aaf802e3d053bf10365", [NOTICE_HOST_CHANGED] = "7d1f0a3c52c94c60a7ed4cf3a1b86e02",
	[NOTICE_HOST_LOST] = "e96f4f0c1b0a4b2d9c35d8a7f2740b1e", [NOTICE_NEWS_LOST] = "916cbaa74af04177b86073955281d174",
};

struct datagram {
	size_t length;
	char text[NATIVE_MAX];
};

void native_open(struct native *native, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	native->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (native->socket >= 0 && connect(native->socket, (const struct sockaddr *)&address, sizeof(address)) < 0)
		native_close(native);
}

void native_close(struct native *native)
{
	if (native->socket >= 0)
		close(native->socket);
	native->socket = -1;
}

static void put(struct datagram *datagram, char character)
{
	if (datagram->length < sizeof(datagram->text))
		datagram->text[datagram->length++] = character;
}

static void put_text(struct datagram *datagram, const char *text)
{
	while (*text)
		put(datagram, *text++);
}

static void put_field(struct datagram *datagram, const char *name, const char *value)
{
	put_text(datagram, name);
	put(datagram, '=');
	put_text(datagram, value);
	put(datagram, '\n');
}

/* The part of our line up to a character, without that. What follows is left in line. */
static struct bytes cut_at(struct bytes *line, char end)
{
	const struct bytes part = { line->data, 0 };
	struct bytes found = part;

	while (line->length > 0 && *line->data != (uint8_t)end) {
		line->data++;
		line->length--;
		found.length++;
	}
	if (line->length > 0) {
		line->data++;
		line->length--;
	}
	return found;
}

static void put_name(struct datagram *datagram, struct bytes name)
{
	put_text(datagram, FIELD_PREFIX);
	for (size_t i = 0; i < name.length; i++)
		put(datagram, (char)toupper(name.data[i]));
	put(datagram, '=');
}

/* A string, whose quotation mark has been taken already. */
static void put_string(struct datagram *datagram, struct bytes *line)
{
	while (line->length > 0 && *line->data != '"') {
		if (*line->data == '\\' && line->length > 1) {
			line->data++;
			line->length--;
		}
		put(datagram, (char)*line->data);
		line->data++;
		line->length--;
	}
	cut_at(line, '"');
}

static bool take(struct bytes *line, char character)
{
	if (line->length == 0 || *line->data != (uint8_t)character)
		return false;
	line->data++;
	line->length--;
	return true;
}

static bool is_end(uint8_t character)
{
	return character == ',' || character == '}' || character == ']';
}

static void put_value(struct datagram *datagram, struct bytes name, struct bytes *line)
{
	put_name(datagram, name);
	if (take(line, '"'))
		put_string(datagram, line);
	while (line->length > 0 && !is_end(*line->data)) {
		put(datagram, (char)*line->data);
		line->data++;
		line->length--;
	}
	put(datagram, '\n');
}

/* {"name":value,...}, where a value is a string, a number, true, false or a list of such. */
static void put_members(struct datagram *datagram, struct bytes line)
{
	bool more = take(&line, '{') && line.length > 0 && *line.data == '"';

	while (more) {
		struct bytes name;

		take(&line, '"');
		name = cut_at(&line, '"');
		take(&line, ':');
		if (take(&line, '[')) {
			while (line.length > 0 && !is_end(*line.data)) {
				put_value(datagram, name, &line);
				take(&line, ',');
			}
			take(&line, ']');
		} else {
			put_value(datagram, name, &line);
		}
		more = take(&line, ',');
	}
}

bool native_send(const struct native *native, const struct notice *notice, const char *sentence, unsigned int priority,
		 struct bytes json)
{
	const char digit[2] = { (char)('0' + priority % 8), '\0' };
	struct datagram datagram;

	if (native->socket < 0)
		return false;
	datagram.length = 0;
	put_field(&datagram, "MESSAGE", sentence);
	put_field(&datagram, "PRIORITY", digit);
	put_field(&datagram, "SYSLOG_IDENTIFIER", "ftpalg");
	put_field(&datagram, "MESSAGE_ID", message_ids[notice->type]);
	put_members(&datagram, json);
	/* A field that was cut would be wrong. */
	return datagram.length < sizeof(datagram.text) &&
	       send(native->socket, datagram.text, datagram.length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)datagram.length;
}
