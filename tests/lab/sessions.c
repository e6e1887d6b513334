/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many short sessions a second? For tests/lab/bench_sessions.py; the server is `flood serve`.
 *
 *   sessions SOURCE CLIENTS SERVER PORT SECONDS
 *
 * CLIENTS clients, each from an address of its own, of which SOURCE is the first, log in, offer a port in PORT, say QUIT,
 * and begin again when the server has closed the connection, so the server's end keeps the ports that wait. At the end one
 * line tells how many sessions were complete, how many were not, and in how many microseconds. IPv4.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define LINE_SIZE 256
/* Offers of sessions that live at a time must differ: the clients have one address outside. */
#define OFFER_FIRST 40000U
#define OFFER_COUNT 20000U

struct client {
	int descriptor;
	unsigned int step;
	size_t used; /* bytes of line */
	struct sockaddr_in own;
	char line[LINE_SIZE];
};

/* What the server says, and the answer to it; the offer goes between the two halves of its own. */
static const struct step {
	const char *code, *answer;
} steps[] = {
	{ "220", "USER anonymous\r\n" },
	{ "331", "PASS guest@\r\n" },
	{ "230", NULL },
	{ "200", "QUIT\r\n" },
	{ "221", "" },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static struct {
	struct client *clients;
	struct sockaddr_in server;
	unsigned int offers;
	unsigned long complete, broken;
	int epoll;
} load;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sessions: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void begin(struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	const int one = 1;

	client->step = 0;
	client->used = 0;
	client->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (client->descriptor < 0)
		die("socket");
	/* The port is chosen when the destination is known. */
	setsockopt(client->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(client->descriptor, (const struct sockaddr *)&client->own, sizeof(client->own)) < 0)
		die("bind");
	if (connect(client->descriptor, (const struct sockaddr *)&load.server, sizeof(load.server)) < 0 &&
	    errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, client->descriptor, &event) < 0)
		die("epoll_ctl");
}

/* False where the server does not take it all at once, which it does as long as the session goes as it should. */
static bool say(const struct client *client, const char *text, size_t length)
{
	return send(client->descriptor, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool offer(const struct client *client)
{
	const unsigned int port = OFFER_FIRST + load.offers++ % OFFER_COUNT;
	const uint8_t *octets = (const uint8_t *)&client->own.sin_addr;
	char text[LINE_SIZE];
	const int length = snprintf(text, sizeof(text), "PORT %u,%u,%u,%u,%u,%u\r\n", octets[0], octets[1], octets[2],
				    octets[3], port >> 8, port & 255);

	return say(client, text, (size_t)length);
}

static bool take_line(struct client *client)
{
	const struct step *step = &steps[client->step];

	if (client->step == STEPS || strncmp(client->line, step->code, 3) != 0)
		return false;
	client->step++;
	return step->answer ? say(client, step->answer, strlen(step->answer)) : offer(client);
}

/* False at the end of the session, be it as it should be or not. */
static bool take_bytes(struct client *client)
{
	const ssize_t length = recv(client->descriptor, client->line + client->used, LINE_SIZE - 1 - client->used, 0);

	if (length <= 0)
		return length < 0 && (errno == EAGAIN || errno == EINTR);
	client->used += (size_t)length;
	client->line[client->used] = '\0';
	if (client->line[client->used - 1] != '\n')
		return client->used < LINE_SIZE - 1;
	client->used = 0;
	return take_line(client);
}

static void run(unsigned int count, double seconds)
{
	const uint64_t began = microseconds();
	const uint64_t end = began + (uint64_t)(seconds * 1e6);
	struct epoll_event events[EVENTS];

	for (unsigned int i = 0; i < count; i++)
		begin(&load.clients[i]);
	while (microseconds() < end) {
		const int ready = epoll_wait(load.epoll, events, EVENTS, 100);

		for (int i = 0; i < ready; i++) {
			struct client *client = events[i].data.ptr;

			if (take_bytes(client))
				continue;
			close(client->descriptor);
			load.complete += client->step == STEPS;
			load.broken += client->step != STEPS;
			begin(client);
		}
	}
	printf("complete=%lu broken=%lu microseconds=%llu\n", load.complete, load.broken,
	       (unsigned long long)(microseconds() - began));
}

int main(int argc, char **argv)
{
	struct sockaddr_in first = { .sin_family = AF_INET };
	unsigned int count;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &first.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[3], &load.server.sin_addr) != 1) {
		fprintf(stderr, "usage: sessions SOURCE CLIENTS SERVER PORT SECONDS\n");
		return 2;
	}
	count = (unsigned int)strtoul(argv[2], NULL, 10);
	load.server.sin_family = AF_INET;
	load.server.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	load.clients = calloc(count, sizeof(*load.clients));
	load.epoll = epoll_create1(0);
	if (!load.clients || load.epoll < 0)
		die("no memory");
	for (unsigned int i = 0; i < count; i++) {
		load.clients[i].own = first;
		load.clients[i].own.sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + i);
	}
	/* Nor may they be those of a run before, whose last pinholes wait. */
	load.offers = (unsigned int)(microseconds() % OFFER_COUNT);
	run(count, strtod(argv[5], NULL));
	return 0;
}
