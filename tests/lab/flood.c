/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Thousands of control connections at once, for tests/lab/test_flood.py.
 *
 *   flood serve ADDRESS PORT
 *   flood attack KIND COUNT RATE SOURCE SOURCES SERVER SERVERS PORT
 *   flood syn RATE SOURCE SOURCES SERVER PORT
 *   flood packet RATE HEX
 *
 * `serve` is an FTP server of a few replies, which transfers nothing. `attack` keeps COUNT sessions of one KIND open
 * and lets them act RATE times a second, all of them together and in turn: the rate is that of the whole process and
 * not of a session, so that whoever measures something beside it knows what the processor is asked to do. The sessions
 * leave from SOURCES addresses, of which SOURCE is the first, to SERVERS addresses beginning with SERVER. A session
 * that is ended by the other side is opened again. Once a second a line tells what was done so far. `syn` sends RATE
 * SYNs a second in the names of SOURCES addresses, each time from another port, and answers none of what comes back.
 * `packet` sends one IPv4 packet RATE times a second.
 *
 * One process has at most as many sessions as the kernel lets it have descriptors; start several. IPv4 only: the
 * sessions' number is what matters here, and that is the same table for both families.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define TICK_MS 10
/* Connections opened in a tick: 2,000 a second, which no backlog of a server here overflows at. */
#define OPEN_BATCH 20
#define LINE_SIZE 512
#define LONG_SIZE 8000 /* more than the 4,608 bytes that the longest line-length allows */
#define PASV_PORT_FIRST 20000
#define PASV_PORT_COUNT 5000

struct session {
	int descriptor; /* -1: not open */
	bool ready;     /* greeted, and logged in where the kind does that */
	size_t used;    /* bytes of line */
	uint32_t acted;
	char line[LINE_SIZE];
};

struct kind {
	const char *name;
	bool logs_in;
	void (*act)(struct session *session);
};

struct statistics {
	unsigned long open, ready, opened, ended, acted, positive, negative;
};

static struct statistics statistics;

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
}

static struct sockaddr_in endpoint(const char *text, unsigned int number, unsigned int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		die(text);
	address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) + number);
	return address;
}

/* What does not fit into the socket's buffer is not sent: the peer is a gateway that lets the sender wait. */
static void say(const struct session *session, const char *text)
{
	const ssize_t ignored = send(session->descriptor, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)ignored;
}

/* Lets take() have each whole line that can be read; false at the end of the connection. */
static bool read_lines(struct session *session, void (*take)(struct session *session))
{
	char data[4096];
	ssize_t length;

	while ((length = recv(session->descriptor, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < length; i++) {
			if (session->used < sizeof(session->line) - 1)
				session->line[session->used++] = data[i];
			if (data[i] != '\n')
				continue;
			session->line[session->used] = '\0';
			session->used = 0;
			take(session);
		}
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}

/* -------------------------------------------------------- server -------------------------------------------------- */

static void serve_line(struct session *session)
{
	static unsigned int next_port;
	static const struct {
		const char *verb, *reply;
	} replies[] = {
		{ "USER", "331 any password\r\n" }, { "PASS", "230 logged in\r\n" }, { "NOOP", "200 nothing done\r\n" },
		{ "PORT", "200 offer taken\r\n" },  { "QUIT", "221 bye\r\n" },
	};
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	uint8_t octets[4];
	char text[80];

	if (strncasecmp(session->line, "PASV", 4) == 0) {
		const unsigned int port = PASV_PORT_FIRST + next_port++ % PASV_PORT_COUNT;

		if (getsockname(session->descriptor, (struct sockaddr *)&own, &length) < 0)
			return;
		memcpy(octets, &own.sin_addr, sizeof(octets));
		snprintf(text, sizeof(text), "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u).\r\n", octets[0], octets[1],
			 octets[2], octets[3], port >> 8, port & 255);
		say(session, text);
		return;
	}
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		if (strncasecmp(session->line, replies[i].verb, 4) == 0) {
			say(session, replies[i].reply);
			/* As real servers do; what reads the end of its input closes the session. */
			if (strcmp(replies[i].verb, "QUIT") == 0)
				shutdown(session->descriptor, SHUT_RDWR);
			return;
		}
	}
	say(session, "500 not understood\r\n");
}

static void serve_accept(int listener, int epoll)
{
	const int one = 1;
	int descriptor;

	while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct session *session = calloc(1, sizeof(*session));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

		if (!session)
			die("calloc");
		session->descriptor = descriptor;
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
			die("epoll_ctl");
		say(session, "220 ready\r\n");
	}
}

static void serve(char **arguments)
{
	const struct sockaddr_in own = endpoint(arguments[0], 0, (unsigned int)atoi(arguments[1]));
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const int epoll = epoll_create1(0);
	const int one = 1;
	struct epoll_event events[EVENTS], event = { .events = EPOLLIN, .data.ptr = NULL };

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 4096) < 0)
		die("listen");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		die("epoll_ctl");
	puts("flood: listening");
	for (;;) {
		const int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct session *session = events[i].data.ptr;

			if (!session) {
				serve_accept(listener, epoll);
			} else if (!read_lines(session, serve_line)) {
				close(session->descriptor);
				free(session);
			}
		}
	}
}

/* -------------------------------------------------------- attack -------------------------------------------------- */

static void act_noop(struct session *session)
{
	say(session, "NOOP\r\n");
}

static void act_pasv(struct session *session)
{
	say(session, "PASV\r\n");
}

/* One byte of a line that the gateway holds back, for it could become an offer. It never ends. */
static void act_slow(struct session *session)
{
	static const char beginning[] = "PORT 10,7,1,";
	const char byte[2] = { session->acted < sizeof(beginning) - 1 ? beginning[session->acted] : '1', '\0' };

	say(session, byte);
}

static void act_held(struct session *session)
{
	if (session->acted == 0)
		say(session, "PORT 10,7,1,");
}

static void act_long(struct session *session)
{
	static char line[LONG_SIZE + 1];

	memset(line, 'A', LONG_SIZE);
	say(session, line);
}

static void act_odd(struct session *session)
{
	say(session, "XYZZY 1\r\n");
}

/* An offer that is refused, and told in an event each time. */
static void act_bounce(struct session *session)
{
	say(session, "PORT 203,0,113,250,0,25\r\n");
}

/* The session ends, and another one is opened in its place. */
static void act_churn(struct session *session)
{
	shutdown(session->descriptor, SHUT_RDWR);
}

static void act_mute(struct session *session)
{
	(void)session;
}

static const struct kind kinds[] = {
	{ "noop", true, act_noop },  /* behaves well */
	{ "pasv", true, act_pasv },  /* asks for pinholes and uses none */
	{ "slow", true, act_slow },  /* a byte at a time */
	{ "held", true, act_held },  /* the beginning of an offer, and silence */
	{ "long", true, act_long },  /* a line longer than any */
	{ "odd", true, act_odd },    /* verbs of no RFC */
	{ "bounce", true, act_bounce },
	{ "churn", true, act_churn },
	{ "mute", false, act_mute }, /* never logs in */
};
static const struct kind *kind;

struct attack {
	struct session *sessions;
	unsigned int count, sources, servers, port, next_open, next_act;
	double rate, budget;
	const char *source, *server;
	int epoll;
};

static void attack_line(struct session *session)
{
	const char *line = session->line;

	if (!kind->logs_in && strncmp(line, "220", 3) == 0) {
		session->ready = true;
	} else if (strncmp(line, "220", 3) == 0) {
		say(session, "USER anonymous\r\n");
	} else if (strncmp(line, "331", 3) == 0) {
		say(session, "PASS flood@\r\n");
	} else if (strncmp(line, "230", 3) == 0) {
		session->ready = true;
	} else {
		statistics.positive += line[0] < '4';
		statistics.negative += line[0] >= '4';
		return;
	}
	statistics.ready += session->ready;
}

static void attack_open(struct attack *attack, unsigned int number)
{
	const struct sockaddr_in source = endpoint(attack->source, number % attack->sources, 0);
	const struct sockaddr_in server = endpoint(attack->server, number % attack->servers, attack->port);
	struct session *session = &attack->sessions[number];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };
	const int one = 1;

	memset(session, 0, sizeof(*session));
	session->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (session->descriptor < 0)
		die("socket");
	/* The port is chosen when the destination is known, so that as many connections fit as there are ports. */
	setsockopt(session->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(session->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(session->descriptor, (const struct sockaddr *)&source, sizeof(source)) < 0)
		die("bind");
	if (connect(session->descriptor, (const struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(attack->epoll, EPOLL_CTL_ADD, session->descriptor, &event) < 0)
		die("epoll_ctl");
	statistics.open++;
	statistics.opened++;
}

static void attack_close(struct session *session)
{
	close(session->descriptor);
	session->descriptor = -1;
	statistics.open--;
	statistics.ended++;
	statistics.ready -= session->ready;
}

static void attack_tick(struct attack *attack)
{
	unsigned int opened = 0;

	for (unsigned int i = 0; i < attack->count && opened < OPEN_BATCH && statistics.open < attack->count; i++) {
		const unsigned int number = attack->next_open++ % attack->count;

		if (attack->sessions[number].descriptor < 0) {
			attack_open(attack, number);
			opened++;
		}
	}
	attack->budget += attack->rate * TICK_MS / 1000;
	for (unsigned int i = 0; i < attack->count && attack->budget >= 1; i++) {
		struct session *session = &attack->sessions[attack->next_act++ % attack->count];

		if (session->descriptor < 0 || !session->ready)
			continue;
		kind->act(session);
		session->acted++;
		statistics.acted++;
		attack->budget -= 1;
	}
	/* What could not be done in time is not made up for. */
	if (attack->budget > attack->rate)
		attack->budget = attack->rate;
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void attack_loop(struct attack *attack)
{
	struct epoll_event events[EVENTS];
	uint64_t next_tick = milliseconds(), next_report = next_tick;

	for (;;) {
		const uint64_t now = milliseconds();
		int count;

		if (now >= next_tick) {
			attack_tick(attack);
			next_tick = now + TICK_MS;
		}
		if (now >= next_report) {
			printf("open=%lu ready=%lu opened=%lu ended=%lu acted=%lu positive=%lu negative=%lu\n",
			       statistics.open, statistics.ready, statistics.opened, statistics.ended,
			       statistics.acted, statistics.positive, statistics.negative);
			next_report = now + 1000;
		}
		count = epoll_wait(attack->epoll, events, EVENTS, TICK_MS);
		for (int i = 0; i < count; i++)
			if (!read_lines(events[i].data.ptr, attack_line))
				attack_close(events[i].data.ptr);
	}
}

static int attack(char **arguments)
{
	struct attack attack = {
		.count = (unsigned int)atoi(arguments[1]),
		.rate = atof(arguments[2]),
		.source = arguments[3],
		.sources = (unsigned int)atoi(arguments[4]),
		.server = arguments[5],
		.servers = (unsigned int)atoi(arguments[6]),
		.port = (unsigned int)atoi(arguments[7]),
		.epoll = epoll_create1(0),
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, arguments[0]) == 0)
			kind = &kinds[i];
	attack.sessions = calloc(attack.count, sizeof(*attack.sessions));
	if (!kind || !attack.sessions || attack.sources == 0 || attack.servers == 0 || attack.epoll < 0)
		return 2;
	for (unsigned int i = 0; i < attack.count; i++)
		attack.sessions[i].descriptor = -1;
	attack_loop(&attack);
	return 0;
}

/* -------------------------------------------------------- SYNs ---------------------------------------------------- */

static uint32_t sum16(uint32_t sum, const uint8_t *at, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

static void syn_send(int raw, const struct sockaddr_in *source, const struct sockaddr_in *server, uint16_t port)
{
	/* 20 bytes of IPv4, 24 of TCP with an MSS. */
	uint8_t packet[44] = { 0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 6, [32] = 0x60, 0x02, 0xff, 0xff, [40] = 2, 4, 5, 0xb4 };
	const uint16_t source_port = htons(port);

	memcpy(packet + 12, &source->sin_addr, 4);
	memcpy(packet + 16, &server->sin_addr, 4);
	memcpy(packet + 20, &source_port, 2);
	memcpy(packet + 22, &server->sin_port, 2);
	put_checksum(packet + 36, sum16(6 + 24, packet + 12, 32));
	if (sendto(raw, packet, sizeof(packet), 0, (const struct sockaddr *)server, sizeof(*server)) > 0)
		statistics.acted++;
}

static void syn_flood(char **arguments)
{
	const double rate = atof(arguments[0]);
	const unsigned int sources = (unsigned int)atoi(arguments[2]);
	const struct sockaddr_in server = endpoint(arguments[3], 0, (unsigned int)atoi(arguments[4]));
	const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	uint64_t next_report = milliseconds(), last = next_report;
	double budget = 0;

	if (raw < 0 || sources == 0)
		die("socket");
	for (;;) {
		const uint64_t now = milliseconds();

		for (budget += rate * (double)(now - last) / 1000; budget >= 1; budget -= 1) {
			const struct sockaddr_in source = endpoint(arguments[1], (unsigned int)statistics.acted % sources,
								   0);

			syn_send(raw, &source, &server, (uint16_t)(1024 + statistics.acted / sources % 60000));
		}
		last = now;
		if (now >= next_report) {
			printf("open=0 ready=0 acted=%lu\n", statistics.acted);
			next_report = now + 1000;
		}
		poll(NULL, 0, 1);
	}
}

static void packet_flood(char **arguments)
{
	const double rate = atof(arguments[0]);
	const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint64_t next_report = milliseconds(), last = next_report;
	double budget = 0;
	uint8_t packet[256];
	size_t length = 0;

	for (const char *hex = arguments[1]; hex[0] && hex[1] && length < sizeof(packet); hex += 2) {
		const char byte[] = { hex[0], hex[1], '\0' };

		packet[length++] = (uint8_t)strtoul(byte, NULL, 16);
	}
	if (raw < 0 || length < 40)
		die("packet");
	memcpy(&to.sin_addr, packet + 16, 4);
	for (;;) {
		const uint64_t now = milliseconds();

		for (budget += rate * (double)(now - last) / 1000; budget >= 1; budget -= 1)
			if (sendto(raw, packet, length, 0, (const struct sockaddr *)&to, sizeof(to)) > 0)
				statistics.acted++;
		last = now;
		if (now >= next_report) {
			printf("open=0 ready=0 acted=%lu\n", statistics.acted);
			next_report = now + 1000;
		}
		poll(NULL, 0, 1);
	}
}

int main(int argument_count, char **arguments)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_limits();
	if (argument_count == 4 && strcmp(arguments[1], "serve") == 0)
		serve(arguments + 2);
	if (argument_count == 10 && strcmp(arguments[1], "attack") == 0)
		return attack(arguments + 2);
	if (argument_count == 7 && strcmp(arguments[1], "syn") == 0)
		syn_flood(arguments + 2);
	else if (argument_count == 4 && strcmp(arguments[1], "packet") == 0)
		packet_flood(arguments + 2);
	fprintf(stderr, "usage: flood serve ADDRESS PORT\n"
		"       flood syn RATE SOURCE SOURCES SERVER PORT\n"
		"       flood packet RATE HEX\n"
		"       flood attack KIND COUNT RATE SOURCE SOURCES SERVER SERVERS PORT\n");
	return 2;
}
