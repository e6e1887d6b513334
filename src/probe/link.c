/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void link_open(struct link *link, int descriptor)
{
	memset(link, 0, sizeof(*link));
	link->descriptor = descriptor;
}

void link_close(struct link *link)
{
	if (link->descriptor >= 0)
		close(link->descriptor);
	link->descriptor = -1;
	link->in_length = 0;
	probe_bytes_free(&link->out);
}

void link_print(struct link *link, const char *format, ...)
{
	char line[LINK_LINE_MAX];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 2, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(line) - 2)
		return;
	memcpy(line + length, "\r\n", 2);
	probe_bytes_append(&link->out, line, (size_t)length + 2);
}

void link_flush(struct link *link)
{
	ssize_t sent;

	if (link->descriptor < 0 || link->out.length == 0)
		return;
	sent = send(link->descriptor, link->out.data, link->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0) {
		link->failed = link->failed || (errno != EAGAIN && errno != EINTR);
		return;
	}
	link->out.length -= (size_t)sent;
	memmove(link->out.data, link->out.data + sent, link->out.length);
}

/* The line up to end, which is the position of its LF, leaves the buffer. */
static void take_line(struct link *link, size_t end, char line[LINK_LINE_MAX])
{
	size_t length = end > 0 && link->in[end - 1] == '\r' ? end - 1 : end;

	memcpy(line, link->in, length);
	line[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] >= 0x7f)
			line[i] = '?';
	link->in_length -= end + 1;
	memmove(link->in, link->in + end + 1, link->in_length);
}

bool link_read(struct link *link, char line[LINK_LINE_MAX])
{
	const char *end;
	ssize_t got;

	for (;;) {
		end = memchr(link->in, '\n', link->in_length);
		if (end) {
			take_line(link, (size_t)(end - link->in), line);
			return true;
		}
		if (link->descriptor < 0 || link->failed)
			return false;
		/* A line that is longer is not of this protocol. */
		if (link->in_length == sizeof(link->in)) {
			link->failed = true;
			return false;
		}
		got = recv(link->descriptor, link->in + link->in_length, sizeof(link->in) - link->in_length,
			   MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (got <= 0) {
			link->failed = true;
			return false;
		}
		link->in_length += (size_t)got;
	}
}
