/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An FTP server of a few replies, so that what is measured with it is not the server.
 *
 *   server ADDRESS PORT
 *
 * RETR takes its argument for a number of bytes and sends as many zeros over the connection that PORT or PASV has agreed
 * on; that is a process of its own. IPv4, and one thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define LINE_SIZE 256
#define BLOCK_SIZE (1 << 18)

struct session {
	int descriptor;
	int listener;             /* of PASV; or -1 */
	struct sockaddr_in offer; /* of PORT */
	size_t used;              /* bytes of line */
	char line[LINE_SIZE];
};

static int epoll;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const struct session *session, const char *text)
{
	const ssize_t ignored = send(session->descriptor, text, strlen(text), MSG_NOSIGNAL);

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

	if (session->listener >= 0)
		close(session->listener);
	session->listener = socket(AF_INET, SOCK_STREAM, 0);
	getsockname(session->descriptor, (struct sockaddr *)&own, &length);
	own.sin_port = 0;
	if (session->listener < 0 || bind(session->listener, (const struct sockaddr *)&own, sizeof(own)) < 0 ||
	    listen(session->listener, 1) < 0)
		die("PASV");
	getsockname(session->listener, (struct sockaddr *)&own, &length);
	port = ntohs(own.sin_port);
	snprintf(text, sizeof(text), "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u).\r\n", octets[0], octets[1], octets[2],
		 octets[3], port >> 8, port & 255);
	say(session, text);
}

static void transfer(const struct session *session, unsigned long long rest)
{
	static char block[BLOCK_SIZE];
	int data;

	if (session->listener >= 0) {
		data = accept(session->listener, NULL, NULL);
	} else {
		data = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(data, (const struct sockaddr *)&session->offer, sizeof(session->offer)) < 0)
			data = -1;
	}
	while (data >= 0 && rest > 0) {
		const ssize_t sent = send(data, block, rest < BLOCK_SIZE ? rest : BLOCK_SIZE, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		rest -= (unsigned long long)sent;
	}
	close(data);
	say(session, rest ? "426 broken\r\n" : "226 sent\r\n");
}

static void answer_retr(struct session *session)
{
	const unsigned long long size = strtoull(session->line + 4, NULL, 10);

	say(session, "150 coming\r\n");
	if (fork() == 0) {
		transfer(session, size);
		_exit(0);
	}
	if (session->listener >= 0)
		close(session->listener);
	session->listener = -1;
}

static void answer_quit(struct session *session)
{
	say(session, "221 bye\r\n");
	/* As real servers do; what reads the end of its input closes the session. */
	shutdown(session->descriptor, SHUT_RDWR);
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
		{ "RETR", NULL, answer_retr },
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

	while ((length = recv(session->descriptor, data, sizeof(data), MSG_DONTWAIT)) > 0) {
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

static void end_session(struct session *session)
{
	if (session->listener >= 0)
		close(session->listener);
	/* A process that transfers may have it still, and so would the loop. */
	epoll_ctl(epoll, EPOLL_CTL_DEL, session->descriptor, NULL);
	close(session->descriptor);
	free(session);
}

static void accept_sessions(int listener)
{
	const int one = 1;
	int descriptor;

	while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct session *session = calloc(1, sizeof(*session));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

		if (!session)
			die("calloc");
		session->descriptor = descriptor;
		session->listener = -1;
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
			die("epoll_ctl");
		say(session, "220 ready\r\n");
	}
}

static _Noreturn void serve(int listener)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		const int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (!events[i].data.ptr)
				accept_sessions(listener);
			else if (!read_lines(events[i].data.ptr))
				end_session(events[i].data.ptr);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	struct rlimit limit;
	int listener;
	const int one = 1;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) {
		fprintf(stderr, "usage: server ADDRESS PORT\n");
		return 2;
	}
	own.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGCHLD, SIG_IGN);
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
