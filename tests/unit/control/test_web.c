/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The metrics over HTTP: what is answered, and that no client costs another one anything. */
#include "control/web.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

#define PLACES 16
#define TEXT_MAX 65536

static struct desk {
	struct event_base *base;
	int listening;
	struct sockaddr_in address;
	struct answer_source source;
	struct web *web;
	unsigned int made;
	enum metrics_format format;
	size_t size; /* of a page */
	char text[TEXT_MAX];
} desk;

static void measure(void *context, struct evbuffer *out, enum metrics_format format)
{
	char block[4096];

	(void)context;
	memset(block, 'x', sizeof(block));
	desk.made++;
	desk.format = format;
	for (size_t left = desk.size; left > 0; left -= left < sizeof(block) ? left : sizeof(block))
		evbuffer_add(out, block, left < sizeof(block) ? left : sizeof(block));
}

static int desk_open(void **state)
{
	struct endpoint endpoint = { .port = 0 };
	socklen_t length = sizeof(desk.address);

	(void)state;
	memset(&desk, 0, sizeof(desk));
	endpoint.address = unit_address("127.0.0.1");
	desk.size = 10;
	desk.base = event_base_new();
	desk.listening = web_listen(&endpoint);
	assert_true(desk.listening >= 0);
	assert_int_equal(getsockname(desk.listening, (struct sockaddr *)&desk.address, &length), 0);
	desk.source.metrics = measure;
	desk.web = web_open(desk.base, desk.listening, &desk.source);
	assert_non_null(desk.web);
	return 0;
}

static int desk_close(void **state)
{
	(void)state;
	web_close(desk.web);
	close(desk.listening);
	event_base_free(desk.base);
	return 0;
}

static int dial(void)
{
	const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(client, (struct sockaddr *)&desk.address, sizeof(desk.address)), 0);
	assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	event_base_loop(desk.base, EVLOOP_NONBLOCK);
	return client;
}

static void say(int client, const char *text, size_t length)
{
	assert_int_equal(send(client, text, length, MSG_NOSIGNAL), length);
	event_base_loop(desk.base, EVLOOP_NONBLOCK);
}

/* Reads until the end, or until nothing comes any more. True: it was closed. */
static bool hear(int client)
{
	size_t length = 0;
	ssize_t got = 1;

	for (int idle = 0; idle < 50 && got != 0 && length < TEXT_MAX - 1; idle++) {
		struct pollfd readable = { .fd = client, .events = POLLIN };

		event_base_loop(desk.base, EVLOOP_NONBLOCK);
		if (poll(&readable, 1, 1) <= 0)
			continue;
		got = recv(client, desk.text + length, TEXT_MAX - 1 - length, 0);
		length += got > 0 ? (size_t)got : 0;
		idle = 0;
		if (got < 0)
			break;
	}
	desk.text[length] = '\0';
	return got <= 0;
}

static void ask(const char *request)
{
	const int client = dial();

	say(client, request, strlen(request));
	assert_true(hear(client));
	close(client);
}

static void assert_answer(const char *request, const char *status, const char *part)
{
	ask(request);
	if (strncmp(desk.text, status, strlen(status)) != 0 || !strstr(desk.text, part))
		fail_msg("\"%s\" is answered by \"%s\"", request, desk.text);
	assert_non_null(strstr(desk.text, "\r\nConnection: close\r\n"));
}

static void metrics_are_there_for_get_and_head_and_nothing_else_is(void **state)
{
	(void)state;
	assert_answer("GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 10\r\n");
	assert_string_equal(strstr(desk.text, "\r\n\r\n"), "\r\n\r\nxxxxxxxxxx");
	assert_answer("GET /metrics?collect[]=all HTTP/1.0\n\n", "HTTP/1.1 200 OK\r\n", "text/plain; version=0.0.4");
	assert_int_equal(desk.format, METRICS_TEXT);
	assert_answer("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 10\r\n");
	assert_string_equal(strstr(desk.text, "\r\n\r\n"), "\r\n\r\n");
	assert_int_equal(desk.made, 3);
	assert_answer("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "Not Found\n");
	assert_answer("GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "Not Found\n");
	assert_answer("GET http://r/metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "Not Found\n");
	assert_answer("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n");
	assert_answer("get /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "Allow");
	assert_answer("GET /metrics\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n");
	assert_answer("\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n");
	assert_answer("\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n");
	assert_int_equal(desk.made, 3);
}

static void who_asks_for_openmetrics_gets_that(void **state)
{
	(void)state;
	assert_answer("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n\r\n",
		      "HTTP/1.1 200 OK\r\n", "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
	assert_int_equal(desk.format, METRICS_OPENMETRICS);
	assert_answer("GET /metrics HTTP/1.1\r\nX: 1\r\nACCEPT: text/plain, Application/OpenMetrics-Text\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		      "openmetrics");
	assert_answer("GET /metrics HTTP/1.1\r\nX: accept: application/openmetrics-text\r\n\r\n", "HTTP/1.1 200 OK\r\n", "text/plain");
}

static void a86_a_request_has_4096_bytes_and_comes_in_any_pieces(void **state)
{
	static char longest[4097];
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n";
	int client = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		say(client, request + i, 1);
	assert_true(hear(client));
	assert_ptr_equal(strstr(desk.text, "HTTP/1.1 200 OK\r\n"), desk.text);
	close(client);
	memset(longest, 'a', sizeof(longest));
	client = dial();
	say(client, longest, 4095);
	assert_false(hear(client));
	say(client, longest, 1);
	assert_true(hear(client));
	assert_ptr_equal(strstr(desk.text, "HTTP/1.1 431 "), desk.text);
	close(client);
}

/* Seventeen clients that say nothing: the first has lost its place, and whoever speaks finds one. */
static void a86_who_is_silent_keeps_nobody_out(void **state)
{
	int silent[PLACES + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = dial();
	assert_true(hear(silent[0]));
	assert_false(hear(silent[1]));
	assert_answer("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", "xxx");
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* However busily it sends, or however slowly it reads. */
static void a86_a_client_has_five_seconds(void **state)
{
	int slow, deaf;
	uint64_t end;

	(void)state;
	desk.size = (size_t)16 << 20;
	slow = dial();
	deaf = dial();
	say(deaf, "GET /metrics HTTP/1.1\r\n\r\n", 25);
	end = clock_microseconds() + 7000000;
	while (clock_microseconds() < end) {
		send(slow, "G", 1, MSG_NOSIGNAL);
		usleep(100000);
		event_base_loop(desk.base, EVLOOP_NONBLOCK);
		web_tick(desk.web);
	}
	assert_true(hear(slow));
	assert_string_equal(desk.text, "");
	/* It has what was on its way, and no more. */
	for (ssize_t got = 1; got > 0;)
		got = recv(deaf, desk.text, sizeof(desk.text), 0);
	assert_true(hear(deaf));
	close(slow);
	close(deaf);
}

static void the_next_process_finds_the_address_while_it_is_served(void **state)
{
	struct endpoint endpoint = { .port = ntohs(desk.address.sin_port) };
	int next;

	(void)state;
	endpoint.address = unit_address("127.0.0.1");
	next = web_listen(&endpoint);
	assert_true(next >= 0);
	close(next);
}

int main(void)
{
#define ON_A_DESK(test) cmocka_unit_test_setup_teardown(test, desk_open, desk_close)
	const struct CMUnitTest tests[] = {
		ON_A_DESK(metrics_are_there_for_get_and_head_and_nothing_else_is),
		ON_A_DESK(who_asks_for_openmetrics_gets_that),
		ON_A_DESK(a86_a_request_has_4096_bytes_and_comes_in_any_pieces),
		ON_A_DESK(a86_who_is_silent_keeps_nobody_out),
		ON_A_DESK(a86_a_client_has_five_seconds),
		ON_A_DESK(the_next_process_finds_the_address_while_it_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
