/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "client/access.h"

#define REQUEST_MAX 4096
#define READ_SIZE 65536

void client_init(struct client *client, const char *path, bool absent_open)
{
	*client = (struct client){ .socket = -1, .path = path, .absent_open = absent_open };
}

void client_close(struct client *client)
{
	if (client->socket >= 0)
		close(client->socket);
	free(client->buffer);
	client->socket = -1;
	client->buffer = NULL;
	client->size = client->start = client->end = client->taken = 0;
}

static int tell_absence(struct client *client)
{
	snprintf(client->problem, sizeof(client->problem), "ftpalg is not running (no answer on %s); control connections %s",
		 client->path, client->absent_open ? "pass uninspected (absent = open)" : "stand still (absent = closed)");
	return -1;
}

static int tell_connect_error(struct client *client, int error)
{
	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
		return tell_absence(client);
	if (error == EACCES || error == EPERM)
		access_tell(client->path, client->problem, sizeof(client->problem));
	else if (error == EAGAIN)
		snprintf(client->problem, sizeof(client->problem), "ftpalg has too many clients at %s; try again", client->path);
	else
		snprintf(client->problem, sizeof(client->problem), "%s: %s", client->path, strerror(error));
	return -1;
}

static int connect_socket(struct client *client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(client->path) >= sizeof(address.sun_path)) {
		/* A path may be longer than the message. */
		snprintf(client->problem, sizeof(client->problem), "%.*s... is too long for a socket's name",
			 (int)sizeof(address.sun_path), client->path);
		return -1;
	}
	memcpy(address.sun_path, client->path, strlen(client->path) + 1);
	client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&address, sizeof(address)) != 0)
		return tell_connect_error(client, errno);
	return 0;
}

static bool is_word(const char *word)
{
	for (const char *byte = word; *byte; byte++)
		if ((unsigned char)*byte <= ' ' || *byte == 0x7f)
			return false;
	return *word != '\0';
}

/* Returns the length of the request, or 0. */
static size_t put_together(struct client *client, const char *const *words, size_t count, char request[REQUEST_MAX])
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_word(words[i]) || strlen(words[i]) + 2 > REQUEST_MAX - length) {
			snprintf(client->problem, sizeof(client->problem),
				 "what is asked for is one word or several, of %d bytes in all, without blanks in them", REQUEST_MAX);
			return 0;
		}
		length += (size_t)snprintf(request + length, REQUEST_MAX - length, "%s%s", i > 0 ? " " : "", words[i]);
	}
	request[length++] = '\n';
	return length;
}

int client_ask(struct client *client, const char *const *words, size_t count)
{
	char request[REQUEST_MAX];
	const size_t length = put_together(client, words, count, request);

	client_close(client);
	client->code[0] = '\0';
	if (length == 0 || connect_socket(client) != 0)
		return -1;
	/* A socket that was just made takes as much at once. */
	if (send(client->socket, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		return tell_absence(client);
	return 0;
}

static enum client_result fail(struct client *client, const char *what)
{
	snprintf(client->problem, sizeof(client->problem), "%s: %s", client->path, what);
	return CLIENT_FAILED;
}

/* Escaped: it goes to a terminal. */
static void copy_words(char *out, size_t size, const char *words)
{
	struct bytes rest = { (const uint8_t *)words, strlen(words) };
	size_t length = 0;

	while (rest.length > 0 && length + ESCAPE_MAX < size)
		length += escape_take(&rest, ESCAPE_UNICODE, out + length);
	out[length] = '\0';
}

/* What the gateway says is wrong with a request. */
static bool take_error(struct client *client, const json_t *object)
{
	const char *error = json_string_value(json_object_get(object, "error"));
	const char *code = json_string_value(json_object_get(object, "code"));

	if (!error)
		return false;
	copy_words(client->problem, sizeof(client->problem), error);
	copy_words(client->code, sizeof(client->code), code ? code : "");
	return true;
}

/* A line has come: is it one of the answer? */
static enum client_result judge_line(struct client *client, const struct bytes *line, json_t **object)
{
	json_t *read = NULL;

	if (line->length == 0)
		return CLIENT_END;
	if (object || line->data[0] == '{')
		read = json_loadb((const char *)line->data, line->length, 0, NULL);
	if (read && take_error(client, read)) {
		json_decref(read);
		return CLIENT_FAILED;
	}
	if (object && !json_is_object(read)) {
		json_decref(read);
		return fail(client, "what answers there is not ftpalg, or another version of it: a line is no JSON object");
	}
	if (object)
		*object = read;
	else
		json_decref(read);
	return CLIENT_LINE;
}

/* Takes a whole line from what has come. */
static bool take_line(struct client *client, struct bytes *line)
{
	uint8_t *start = client->buffer ? client->buffer + client->start : NULL;
	const uint8_t *end = start ? memchr(start, '\n', client->end - client->start) : NULL;

	if (!end)
		return false;
	*line = (struct bytes){ start, (size_t)(end - start) };
	client->start += line->length + 1;
	client->taken += line->length + 1;
	return true;
}

static bool make_room(struct client *client)
{
	if (client->start > 0) {
		memmove(client->buffer, client->buffer + client->start, client->end - client->start);
		client->end -= client->start;
		client->start = 0;
	}
	if (client->size - client->end < READ_SIZE) {
		uint8_t *grown = realloc(client->buffer, 2 * client->size + READ_SIZE);

		if (!grown)
			return false;
		client->buffer = grown;
		client->size = 2 * client->size + READ_SIZE;
	}
	return true;
}

/* CLIENT_LINE: something has come. */
static enum client_result receive(struct client *client, int milliseconds)
{
	struct pollfd poller = { .fd = client->socket, .events = POLLIN };
	ssize_t got;

	if (client->end - client->start > CLIENT_LINE_MAX || (!client->endless && client->taken > CLIENT_ANSWER_MAX))
		return fail(client, "the answer is too long to be one of ftpalg's");
	if (!make_room(client))
		return fail(client, "no memory for the answer");
	if (poll(&poller, 1, milliseconds) == 0)
		return CLIENT_WAIT;
	got = recv(client->socket, client->buffer + client->end, client->size - client->end, 0);
	if (got > 0)
		client->end += (size_t)got;
	else if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_WAIT;
	else
		return fail(client, "the answer has ended in the middle: ftpalg was stopped, or closed the connection");
	return CLIENT_LINE;
}

enum client_result client_read(struct client *client, int milliseconds, struct bytes *line, json_t **object)
{
	const uint64_t deadline = milliseconds < 0 ? UINT64_MAX : clock_microseconds() + (uint64_t)milliseconds * 1000;

	while (!take_line(client, line)) {
		const uint64_t now = clock_microseconds();
		const enum client_result result =
			receive(client, milliseconds < 0 ? -1 : now < deadline ? (int)((deadline - now + 999) / 1000) : 0);

		if (result == CLIENT_FAILED || (result == CLIENT_WAIT && clock_microseconds() >= deadline))
			return result;
	}
	return judge_line(client, line, object);
}

void client_tell_silence(struct client *client, unsigned int seconds)
{
	snprintf(client->problem, sizeof(client->problem),
		 "ftpalg has not answered on %s for %u s: its control process hangs, or another program listens there", client->path,
		 seconds);
}
