/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An FTP server of a few replies, so that what is measured with it is not the server.
 *
 *   server ADDRESS PORT
 *
 * RETR takes its argument for a number of bytes and sends as many zeros over the connection that PORT or PASV has agreed
 * on; STOR takes what comes. IPv4, and one thread, which waits for nobody.
 *
 *   PORT, PASV --> RETR, STOR --150--> connecting, or waiting to be called --> data --226 or 426-->
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit.h"

#define EVENTS 256
#define LINE_SIZE 256
#define BLOCK_SIZE (1 << 18)

/* A descriptor of a session, and what the loop is told of it. */
struct watch {
	struct session *session;
	int descriptor; /* or -1 */
	void (*act)(struct session *session);
};

struct session {
	struct watch control;
	struct watch listener;    /* of PASV */
	struct watch data;
	struct sockaddr_in offer; /* of PORT */
	bool storing;
	unsigned long long rest;  /* bytes that are still to be sent */
	struct session *next;     /* of those that have ended */
	size_t used;              /* bytes of line */
	char line[LINE_SIZE];
};

static int epoll;
/* The loop may have been told of them once more, so they are freed when it has taken all. */
static struct session *ended;

static void watch_open(struct watch *watch, int descriptor, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	watch->descriptor = descriptor;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
		die("epoll_ctl");
}

static void watch_close(struct watch *watch)
{
	if (watch->descriptor >= 0)
		close(watch->descriptor);
	watch->descriptor = -1;
}

static void say(const struct session *session, const char *text)
{
	const ssize_t ignored = send(session->control.descriptor, text, strlen(text), MSG_NOSIGNAL);

	(void)ignored;
}

static void answer_port(struct session *session)
{
	unsigned int numbers[6];

	if (sscanf(session->line + 4, "%u,%u,%u,%u,%u,%u", &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4],
		   &numbers[5]) != 6) {
		say(session, "501 what?\r\n");
		return;
	}
	watch_close(&session->listener);
	session->offer.sin_family = AF_INET;
	session->offer.sin_addr.s_addr = htonl(numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]);
	session->offer.sin_port = htons((uint16_t)(numbers[4] << 8 | numbers[5]));
	say(session, "200 offer taken\r\n");
}

static void answer_pasv(struct session *session)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	const uint8_t *octets = (const uint8_t *)&own.sin_addr;
	unsigned int port;
	char text[80];
	int listener;

	watch_close(&session->listener);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	getsockname(session->control.descriptor, (struct sockaddr *)&own, &length);
	own.sin_port = 0;
	if (listener < 0 || bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 1) < 0)
		die("PASV");
	getsockname(listener, (struct sockaddr *)&own, &length);
	/* Whoever calls waits until a command says what for. */
	watch_open(&session->listener, listener, 0);
	port = ntohs(own.sin_port);
	snprintf(text, sizeof(text), "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u).\r\n", octets[0], octets[1], octets[2],
		 octets[3], port >> 8, port & 255);
	say(session, text);
}

static uint32_t data_events(const struct session *session)
{
	return session->storing ? EPOLLIN : EPOLLOUT;
}

static void end_transfer(struct session *session, const char *reply)
{
	watch_close(&session->data);
	say(session, reply);
}

static void send_data(struct session *session)
{
	static const char block[BLOCK_SIZE];

	while (session->rest > 0) {
		const size_t size = session->rest < BLOCK_SIZE ? (size_t)session->rest : BLOCK_SIZE;
		const ssize_t sent = send(session->data.descriptor, block, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent <= 0) {
			end_transfer(session, "426 broken\r\n");
			return;
		}
		session->rest -= (unsigned long long)sent;
	}
	end_transfer(session, "226 sent\r\n");
}

static void take_data(struct session *session)
{
	static char block[BLOCK_SIZE];
	ssize_t length;

	while ((length = recv(session->data.descriptor, block, sizeof(block), MSG_DONTWAIT)) > 0)
		continue;
	if (length == 0)
		end_transfer(session, "226 stored\r\n");
	else if (errno != EAGAIN)
		end_transfer(session, "426 broken\r\n");
}

static void move_data(struct session *session)
{
	if (session->storing)
		take_data(session);
	else
		send_data(session);
}

static void take_call(struct session *session)
{
	const int data = accept4(session->listener.descriptor, NULL, NULL, SOCK_NONBLOCK);

	if (data < 0)
		return;
	watch_close(&session->listener);
	watch_open(&session->data, data, data_events(session));
}

static void call(struct session *session)
{
	const int data = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (data < 0)
		die("socket");
	if (connect(data, (const struct sockaddr *)&session->offer, sizeof(session->offer)) < 0 && errno != EINPROGRESS) {
		close(data);
		say(session, "425 nobody there\r\n");
		return;
	}
	watch_open(&session->data, data, data_events(session));
}

static void begin_transfer(struct session *session)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &session->listener };

	watch_close(&session->data);
	session->rest = strtoull(session->line + 4, NULL, 10);
	say(session, "150 coming\r\n");
	if (session->listener.descriptor < 0)
		call(session);
	else if (epoll_ctl(epoll, EPOLL_CTL_MOD, session->listener.descriptor, &event) < 0)
		die("epoll_ctl");
}

static void answer_retr(struct session *session)
{
	session->storing = false;
	begin_transfer(session);
}

static void answer_stor(struct session *session)
{
	session->storing = true;
	begin_transfer(session);
}

static void answer_quit(struct session *session)
{
	say(session, "221 bye\r\n");
	/* As real servers do; what reads the end of its input closes the session. */
	shutdown(session->control.descriptor, SHUT_RDWR);
}

static void answer(struct session *session)
{
	static const struct {
		const char *verb, *reply;
		void (*act)(struct session *session);
	} verbs[] = {
		{ "USER", "331 any password\r\n", NULL }, { "PASS", "230 logged in\r\n", NULL },
		{ "NOOP", "200 nothing done\r\n", NULL }, { "PORT", NULL, answer_port },
		{ "QUIT", NULL, answer_quit }, { "PASV", NULL, answer_pasv }, { "TYPE", "200 done\r\n", NULL },
		{ "RETR", NULL, answer_retr }, { "STOR", NULL, answer_stor },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strncasecmp(session->line, verbs[i].verb, 4) != 0)
			continue;
		if (verbs[i].act)
			verbs[i].act(session);
		else
			say(session, verbs[i].reply);
		return;
	}
	say(session, "500 not understood\r\n");
}

/* False at the end of the connection. */
static bool read_lines(struct session *session)
{
	char data[4096];
	ssize_t length;

	while ((length = recv(session->control.descriptor, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < length; i++) {
			if (session->used < sizeof(session->line) - 1)
				session->line[session->used++] = data[i];
			if (data[i] != '\n')
				continue;
			session->line[session->used] = '\0';
			session->used = 0;
			answer(session);
		}
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}

static void take_control(struct session *session)
{
	if (read_lines(session))
		return;
	watch_close(&session->listener);
	watch_close(&session->data);
	watch_close(&session->control);
	session->next = ended;
	ended = session;
}

static void free_ended(void)
{
	while (ended) {
		struct session *session = ended;

		ended = session->next;
		free(session);
	}
}

static void accept_sessions(int listener)
{
	const int one = 1;
	int descriptor;

	while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct session *session = calloc(1, sizeof(*session));

		if (!session)
			die("calloc");
		session->control = (struct watch){ session, -1, take_control };
		session->listener = (struct watch){ session, -1, take_call };
		session->data = (struct watch){ session, -1, move_data };
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch_open(&session->control, descriptor, EPOLLIN);
		say(session, "220 ready\r\n");
	}
}

static _Noreturn void serve(int listener)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		const int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			const struct watch *watch = events[i].data.ptr;

			if (!watch)
				accept_sessions(listener);
			else if (watch->descriptor >= 0)
				watch->act(watch->session);
		}
		free_ended();
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int listener;
	const int one = 1;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) {
		fprintf(stderr, "usage: server ADDRESS PORT\n");
		return 2;
	}
	own.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	raise_limits();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	epoll = epoll_create1(0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 4096) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		die("listen");
	puts("server: listening");
	fflush(stdout);
	serve(listener);
}
