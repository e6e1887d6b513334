/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FTP clients that transfer small files, as many as go through. IPv4. The server is tests/bench/server.c.
 *
 *   transfers SOURCE CLIENTS SERVER PORT SECONDS EACH
 *
 * CLIENTS clients, each from an address of its own, of which SOURCE is the first, log in, transfer EACH files one after the
 * other, say QUIT, and begin again. A file's name is its length. In turn it is fetched and stored, and the data connection
 * is the server's (PORT) and the client's (PASV). After SECONDS nothing more begins, and what has begun is finished. Then a
 * line tells how many transfers were asked for, how many were complete, which is a 226 and all bytes, and in how many
 * sessions; how many sessions broke off; and how many microseconds it took.
 *
 *   220 USER 331 PASS 230 --> PORT 200, PASV 227 --> RETR, STOR 150 --> data --> 226 --> the next --> QUIT 221
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit.h"

#define EVENTS 256
#define LINE_SIZE 256
/* From nothing to some segments. */
#define SIZES 5001
/* After this much silence the rest will not come. */
#define PATIENCE 20000

struct watch {
	struct client *client;
	int descriptor; /* or -1 */
	bool (*act)(struct client *client);
};

/* What is waited for. */
enum step { GREETING, NAME, LOGIN, OFFER, BEGINNING, REPLY, LAST_BYTE, GOODBYE };

struct client {
	struct watch control;
	struct watch listener;
	struct watch data;
	struct sockaddr_in own;
	enum step step;
	unsigned int done;   /* transfers of this session */
	bool active, storing;
	size_t size, moved;  /* of the file */
	size_t used;         /* bytes of line */
	char line[LINE_SIZE];
};

static struct {
	struct client *clients;
	unsigned int count, busy;
	struct sockaddr_in server;
	unsigned int each;
	unsigned long asked, complete, sessions, broken;
	uint64_t end;
	int epoll;
} load;

static void watch_open(struct watch *watch, int descriptor, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	watch->descriptor = descriptor;
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
		die("epoll_ctl");
}

static void watch_close(struct watch *watch)
{
	if (watch->descriptor >= 0)
		close(watch->descriptor);
	watch->descriptor = -1;
}

/* A connection to there from the client's own address, without waiting. */
static int call(const struct client *client, const struct sockaddr_in *there)
{
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const int one = 1;

	if (descriptor < 0)
		die("socket");
	setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(descriptor, (const struct sockaddr *)&client->own, sizeof(client->own)) < 0)
		die("bind");
	if (connect(descriptor, (const struct sockaddr *)there, sizeof(*there)) < 0 && errno != EINPROGRESS)
		die("connect");
	return descriptor;
}

/* False where the server does not take it at once, which it does as long as the session goes as it should. */
static bool say(const struct client *client, const char *text)
{
	return send(client->control.descriptor, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static void begin(struct client *client)
{
	client->step = GREETING;
	client->done = 0;
	client->used = 0;
	load.busy++;
	watch_open(&client->control, call(client, &load.server), EPOLLIN);
}

static void end(struct client *client)
{
	watch_close(&client->data);
	watch_close(&client->listener);
	watch_close(&client->control);
	load.busy--;
	load.sessions++;
	load.broken += client->step != GOODBYE;
}

static bool offer_port(struct client *client)
{
	struct sockaddr_in own = client->own;
	socklen_t length = sizeof(own);
	const uint8_t *octets = (const uint8_t *)&own.sin_addr;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char text[LINE_SIZE];

	if (listener < 0 || bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 1) < 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&own, &length);
	watch_open(&client->listener, listener, EPOLLIN);
	snprintf(text, sizeof(text), "PORT %u,%u,%u,%u,%u,%u\r\n", octets[0], octets[1], octets[2], octets[3],
		 ntohs(own.sin_port) >> 8, ntohs(own.sin_port) & 255);
	return say(client, text);
}

static bool next_transfer(struct client *client)
{
	if (client->done == load.each || microseconds() >= load.end) {
		client->step = GOODBYE;
		return say(client, "QUIT\r\n");
	}
	client->step = OFFER;
	client->active = load.asked & 1;
	client->storing = load.asked & 2;
	client->size = load.asked % SIZES;
	client->moved = 0;
	load.asked++;
	return client->active ? offer_port(client) : say(client, "PASV\r\n");
}

static uint32_t data_events(const struct client *client)
{
	return client->storing ? EPOLLOUT : EPOLLIN;
}

static bool call_server(struct client *client)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	const char *text = strchr(client->line, '(');
	unsigned int numbers[6];

	if (!text || sscanf(text, "(%u,%u,%u,%u,%u,%u", &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4],
			    &numbers[5]) != 6)
		return false;
	server.sin_addr.s_addr = htonl(numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]);
	server.sin_port = htons((uint16_t)(numbers[4] << 8 | numbers[5]));
	watch_open(&client->data, call(client, &server), data_events(client));
	return true;
}

static bool take_offer(struct client *client)
{
	char text[LINE_SIZE];

	if (!client->active && !call_server(client))
		return false;
	client->step = BEGINNING;
	snprintf(text, sizeof(text), "%s %zu\r\n", client->storing ? "STOR" : "RETR", client->size);
	return say(client, text);
}

/* The reply and the last byte come in any order. */
static bool finish_transfer(struct client *client)
{
	if (client->step != LAST_BYTE || client->data.descriptor >= 0 || client->listener.descriptor >= 0)
		return true;
	if (client->moved != client->size)
		return false;
	client->done++;
	load.complete++;
	return next_transfer(client);
}

static bool take_right_line(struct client *client)
{
	switch (client->step) {
	case GREETING:
		client->step = NAME;
		return say(client, "USER anonymous\r\n");
	case NAME:
		client->step = LOGIN;
		return say(client, "PASS guest@\r\n");
	case LOGIN:
		return next_transfer(client);
	case OFFER:
		return take_offer(client);
	case BEGINNING:
		client->step = REPLY;
		return true;
	case REPLY:
		client->step = LAST_BYTE;
		return finish_transfer(client);
	case LAST_BYTE:
		return false;
	case GOODBYE:
		break;
	}
	return true;
}

/* False where the line is another one than there should be. */
static bool take_line(struct client *client)
{
	static const char *const codes[] = { "220", "331", "230", "2", "150", "226", "nothing", "221" };
	const char *code = codes[client->step];

	if (strncmp(client->line, code, strlen(code)) == 0)
		return take_right_line(client);
	fprintf(stderr, "transfers: instead of %s: %s", code, client->line);
	return false;
}

static bool take_control(struct client *client)
{
	char bytes[LINE_SIZE];
	const ssize_t length = recv(client->control.descriptor, bytes, sizeof(bytes), 0);

	if (length <= 0)
		return length < 0 && errno == EAGAIN;
	for (ssize_t i = 0; i < length; i++) {
		if (client->used == sizeof(client->line) - 1)
			return false;
		client->line[client->used++] = bytes[i];
		if (bytes[i] != '\n')
			continue;
		client->line[client->used] = '\0';
		client->used = 0;
		if (!take_line(client))
			return false;
	}
	return true;
}

static bool take_call(struct client *client)
{
	const int data = accept4(client->listener.descriptor, NULL, NULL, SOCK_NONBLOCK);

	if (data < 0)
		return errno == EAGAIN;
	watch_close(&client->listener);
	watch_open(&client->data, data, data_events(client));
	return true;
}

/* A file fits into what a socket takes at once. */
static bool store(struct client *client)
{
	static const char zeros[SIZES];
	const ssize_t sent = send(client->data.descriptor, zeros, client->size, MSG_NOSIGNAL);

	if (sent < 0)
		return false;
	client->moved = (size_t)sent;
	watch_close(&client->data);
	return finish_transfer(client);
}

static bool fetch(struct client *client)
{
	char bytes[SIZES];
	const ssize_t length = recv(client->data.descriptor, bytes, sizeof(bytes), 0);

	if (length < 0)
		return errno == EAGAIN;
	client->moved += (size_t)length;
	if (length > 0)
		return true;
	watch_close(&client->data);
	return finish_transfer(client);
}

static bool move_data(struct client *client)
{
	return client->storing ? store(client) : fetch(client);
}

static void make_clients(const char *source)
{
	struct sockaddr_in first = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, source, &first.sin_addr) != 1)
		die(source);
	load.clients = calloc(load.count, sizeof(*load.clients));
	load.epoll = epoll_create1(0);
	if (!load.clients || load.epoll < 0)
		die("no memory");
	for (unsigned int i = 0; i < load.count; i++) {
		struct client *client = &load.clients[i];

		client->own = first;
		client->own.sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + i);
		client->control = (struct watch){ client, -1, take_control };
		client->listener = (struct watch){ client, -1, take_call };
		client->data = (struct watch){ client, -1, move_data };
	}
}

static void take_events(void)
{
	struct epoll_event events[EVENTS];
	const int count = epoll_wait(load.epoll, events, EVENTS, PATIENCE);

	if (count == 0) {
		errno = ETIMEDOUT;
		die("nothing happens");
	}
	for (int i = 0; i < count; i++) {
		const struct watch *watch = events[i].data.ptr;

		if (watch->descriptor < 0 || watch->act(watch->client))
			continue;
		end(watch->client);
		if (microseconds() < load.end)
			begin(watch->client);
	}
}

static void run(double seconds)
{
	const uint64_t began = microseconds();

	load.end = began + (uint64_t)(seconds * 1e6);
	for (unsigned int i = 0; i < load.count; i++)
		begin(&load.clients[i]);
	while (load.busy > 0)
		take_events();
	printf("asked=%lu complete=%lu sessions=%lu broken=%lu microseconds=%llu\n", load.asked, load.complete, load.sessions,
	       load.broken, (unsigned long long)(microseconds() - began));
}

int main(int argc, char **argv)
{
	if (argc != 7 || inet_pton(AF_INET, argv[3], &load.server.sin_addr) != 1) {
		fprintf(stderr, "usage: transfers SOURCE CLIENTS SERVER PORT SECONDS EACH\n");
		return 2;
	}
	load.server.sin_family = AF_INET;
	load.server.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	load.count = (unsigned int)strtoul(argv[2], NULL, 10);
	load.each = (unsigned int)strtoul(argv[6], NULL, 10);
	raise_limits();
	make_clients(argv[1]);
	run(strtod(argv[5], NULL));
	return 0;
}
