/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FTP clients that do what is measured. IPv4. The server is tests/bench/server.c, through whatever stands in between.
 *
 *   load sessions SOURCE CLIENTS SERVER PORT SECONDS RATE
 *   load trips SOURCE SERVER PORT SECONDS
 *   load hold SOURCE CLIENTS SERVER PORT COUNT
 *   load transfer SOURCE SERVER PORT BYTES active|passive
 *
 * sessions: CLIENTS clients, each from an address of its own, of which SOURCE is the first, log in, offer a port in PORT,
 * say QUIT, and begin again when the server has closed the connection, so the server's end keeps the ports that wait. RATE
 * is how many begin in a second; 0: as many as can. At the end a line tells how many were complete, how many were not, and
 * in how many microseconds.
 *
 * trips: one client says NOOP and PORT in turn, the next when the last was answered, and tells in microseconds how long the
 * middle one and the 99th of a hundred of each took.
 *
 * hold: COUNT sessions are logged in and stay open until it is killed.
 *
 * transfer: one download, and in how many microseconds all its bytes came.
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
#define TRIPS_MAX 1000000
#define BLOCK_SIZE (1 << 20)
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
#define STEPS_TO_HOLD 3 /* it is logged in */

static struct {
	struct client *clients;
	struct sockaddr_in server;
	unsigned int offers;
	unsigned int steps;
	unsigned long complete, broken;
	int epoll;
} load;

static int socket_of(const struct sockaddr_in *own, int flags)
{
	const int descriptor = socket(AF_INET, SOCK_STREAM | flags, 0);
	const int one = 1;

	if (descriptor < 0)
		die("socket");
	/* The port is chosen when the destination is known. */
	setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(descriptor, (const struct sockaddr *)own, sizeof(*own)) < 0)
		die("bind");
	if (connect(descriptor, (const struct sockaddr *)&load.server, sizeof(load.server)) < 0 && errno != EINPROGRESS)
		die("connect");
	return descriptor;
}

static void begin(struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	client->step = 0;
	client->used = 0;
	client->descriptor = socket_of(&client->own, SOCK_NONBLOCK);
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, client->descriptor, &event) < 0)
		die("epoll_ctl");
}

/* False where the server does not take it all at once, which it does as long as the session goes as it should. */
static bool say(const struct client *client, const char *text, size_t length)
{
	return send(client->descriptor, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool offer_port(const struct client *client, unsigned int port)
{
	const uint8_t *octets = (const uint8_t *)&client->own.sin_addr;
	char text[LINE_SIZE];
	const int length = snprintf(text, sizeof(text), "PORT %u,%u,%u,%u,%u,%u\r\n", octets[0], octets[1], octets[2],
				    octets[3], port >> 8, port & 255);

	return say(client, text, (size_t)length);
}

static bool offer(const struct client *client)
{
	return offer_port(client, OFFER_FIRST + load.offers++ % OFFER_COUNT);
}

/* False where the session has ended, or the line is another one than there should be. */
static bool take_line(struct client *client)
{
	const struct step *step = &steps[client->step];

	if (client->step == load.steps || strncmp(client->line, step->code, 3) != 0)
		return false;
	client->step++;
	if (client->step == load.steps && load.steps != STEPS)
		return true;
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

static void make_clients(const char *source, unsigned int count)
{
	struct sockaddr_in first = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, source, &first.sin_addr) != 1)
		die(source);
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
}

/* Clients that have nothing to do, as a stack. */
struct idle {
	struct client **clients;
	unsigned int count;
};

static void begin_due(struct idle *idle, uint64_t elapsed, double rate, unsigned long *begun)
{
	while (idle->count > 0 && (rate <= 0 || (double)*begun < (double)elapsed * rate / 1e6)) {
		begin(idle->clients[--idle->count]);
		(*begun)++;
	}
}

static void run_sessions(unsigned int count, double seconds, double rate)
{
	const uint64_t began = microseconds();
	const uint64_t duration = (uint64_t)(seconds * 1e6);
	struct idle idle = { .clients = calloc(count, sizeof(struct client *)), .count = count };
	struct epoll_event events[EVENTS];
	unsigned long begun = 0;
	uint64_t elapsed;

	if (!idle.clients)
		die("no memory");
	for (unsigned int i = 0; i < count; i++)
		idle.clients[i] = &load.clients[i];
	while ((elapsed = microseconds() - began) < duration) {
		int ready;

		begin_due(&idle, elapsed, rate, &begun);
		ready = epoll_wait(load.epoll, events, EVENTS, rate > 0 ? 1 : 100);
		for (int i = 0; i < ready; i++) {
			struct client *client = events[i].data.ptr;

			if (take_bytes(client))
				continue;
			close(client->descriptor);
			load.complete += client->step == STEPS;
			load.broken += client->step != STEPS;
			idle.clients[idle.count++] = client;
		}
	}
	free(idle.clients);
	printf("complete=%lu broken=%lu microseconds=%llu\n", load.complete, load.broken,
	       (unsigned long long)(microseconds() - began));
}

static void read_reply(struct client *client, const char *code)
{
	client->used = 0;
	do {
		const ssize_t length = recv(client->descriptor, client->line + client->used, LINE_SIZE - 1 - client->used,
					    0);

		if (length <= 0)
			die("recv");
		client->used += (size_t)length;
	} while (client->line[client->used - 1] != '\n' && client->used < LINE_SIZE - 1);
	client->line[client->used] = '\0';
	if (strncmp(client->line, code, 3) != 0) {
		fprintf(stderr, "load: instead of %s: %s\n", code, client->line);
		exit(1);
	}
}

static void say_line(struct client *client, const char *line, const char *code)
{
	say(client, line, strlen(line));
	read_reply(client, code);
}

static struct client *log_in(const char *source)
{
	struct client *client;

	make_clients(source, 1);
	client = load.clients;
	client->descriptor = socket_of(&client->own, 0);
	read_reply(client, "220");
	say_line(client, steps[0].answer, "331");
	say_line(client, steps[1].answer, "230");
	return client;
}

static int compare_times(const void *left, const void *right)
{
	const uint32_t a = *(const uint32_t *)left;
	const uint32_t b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void print_times(const char *what, uint32_t *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare_times);
	printf("%s_trips=%zu %s_median=%u %s_99=%u ", what, count, what, times[count / 2], what, times[count * 99 / 100]);
}

static void run_trips(const char *source, double seconds)
{
	static uint32_t times[2][TRIPS_MAX];
	struct client *client = log_in(source);
	const uint64_t end = microseconds() + (uint64_t)(seconds * 1e6);
	size_t count = 0;

	do {
		uint64_t before = microseconds();

		say_line(client, "NOOP\r\n", "200");
		times[0][count] = (uint32_t)(microseconds() - before);
		before = microseconds();
		offer(client);
		read_reply(client, "200");
		times[1][count++] = (uint32_t)(microseconds() - before);
	} while (microseconds() < end && count < TRIPS_MAX);
	print_times("noop", times[0], count);
	print_times("port", times[1], count);
	putchar('\n');
	say_line(client, "QUIT\r\n", "221");
}

static _Noreturn void run_hold(unsigned int clients, unsigned int count)
{
	struct client *held = calloc(count, sizeof(*held));
	struct epoll_event events[EVENTS];
	unsigned int opened = 0;

	if (!held)
		die("no memory");
	load.steps = STEPS_TO_HOLD;
	for (unsigned int ready = 0; ready < count;) {
		int seen;

		for (; opened < count && opened - ready < 32; opened++) {
			held[opened].own = load.clients[opened % clients].own;
			begin(&held[opened]);
		}
		seen = epoll_wait(load.epoll, events, EVENTS, 10000);
		if (seen <= 0)
			die("no answer");
		for (int i = 0; i < seen; i++) {
			struct client *client = events[i].data.ptr;

			if (!take_bytes(client))
				die("a session has ended");
			ready += client->step == STEPS_TO_HOLD;
		}
	}
	printf("held=%u\n", count);
	fflush(stdout);
	for (;;)
		pause();
}

static int open_passive(struct client *client)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	unsigned int numbers[6];
	const char *begin_of_numbers;
	int data;

	say_line(client, "PASV\r\n", "227");
	begin_of_numbers = strchr(client->line, '(');
	if (!begin_of_numbers || sscanf(begin_of_numbers, "(%u,%u,%u,%u,%u,%u", &numbers[0], &numbers[1], &numbers[2],
					&numbers[3], &numbers[4], &numbers[5]) != 6)
		die("227");
	server.sin_addr.s_addr = htonl(numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]);
	server.sin_port = htons((uint16_t)(numbers[4] << 8 | numbers[5]));
	data = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(data, (const struct sockaddr *)&server, sizeof(server)) < 0)
		die("data connection");
	return data;
}

static int listen_active(struct client *client)
{
	struct sockaddr_in own = client->own;
	socklen_t length = sizeof(own);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 1) < 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&own, &length);
	offer_port(client, ntohs(own.sin_port));
	read_reply(client, "200");
	return listener;
}

static void run_transfer(const char *source, unsigned long long size, bool active)
{
	static char block[BLOCK_SIZE];
	struct client *client = log_in(source);
	unsigned long long taken = 0;
	char command[LINE_SIZE];
	uint64_t began;
	ssize_t length;
	int data;

	say_line(client, "TYPE I\r\n", "200");
	data = active ? listen_active(client) : open_passive(client);
	snprintf(command, sizeof(command), "RETR %llu\r\n", size);
	say(client, command, strlen(command));
	if (active)
		data = accept(data, NULL, NULL);
	began = microseconds();
	while ((length = recv(data, block, sizeof(block), 0)) > 0)
		taken += (unsigned long long)length;
	printf("bytes=%llu microseconds=%llu\n", taken, (unsigned long long)(microseconds() - began));
}

static int usage(void)
{
	fprintf(stderr, "usage: load sessions SOURCE CLIENTS SERVER PORT SECONDS RATE\n"
		"       load trips SOURCE SERVER PORT SECONDS\n"
		"       load hold SOURCE CLIENTS SERVER PORT COUNT\n"
		"       load transfer SOURCE SERVER PORT BYTES active|passive\n");
	return 2;
}

/* SERVER PORT */
static void set_server(char **words)
{
	load.server.sin_family = AF_INET;
	load.server.sin_port = htons((uint16_t)strtoul(words[1], NULL, 10));
	if (inet_pton(AF_INET, words[0], &load.server.sin_addr) != 1)
		exit(usage());
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	const bool many = argc > 6 && (strcmp(mode, "sessions") == 0 || strcmp(mode, "hold") == 0);
	const unsigned int clients = many ? (unsigned int)strtoul(argv[3], NULL, 10) : 1;

	if (argc < 6)
		return usage();
	raise_limits();
	load.steps = STEPS;
	set_server(argv + (many ? 4 : 3));
	if (many)
		make_clients(argv[2], clients);
	if (many && argc == 8)
		run_sessions(clients, strtod(argv[6], NULL), strtod(argv[7], NULL));
	else if (many && argc == 7)
		run_hold(clients, (unsigned int)strtoul(argv[6], NULL, 10));
	else if (argc == 6 && strcmp(mode, "trips") == 0)
		run_trips(argv[2], strtod(argv[5], NULL));
	else if (argc == 7 && strcmp(mode, "transfer") == 0)
		run_transfer(argv[2], strtoull(argv[5], NULL, 10), strcmp(argv[6], "active") == 0);
	else
		return usage();
	return 0;
}
