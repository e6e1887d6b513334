/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A401: whoever says something and then that this was all is heard to the last line. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "between.h"
#include "proxy/internal.h"
#include "unit.h"

#define TURNS_MAX 200
#define SAID_MAX 65536U

struct talk {
	struct config *config;
	struct proxy proxy;
	int end[LEG_COUNT];
	char heard[LEG_COUNT][SAID_MAX];
	size_t length[LEG_COUNT];
	bool ended[LEG_COUNT]; /* and then the end */
};

static void ignore_notice(void *context, const struct notice *notice)
{
	(void)context;
	(void)notice;
}

/* A peer reads what there is. */
static void hear(struct talk *talk, enum leg_side side)
{
	ssize_t got = 1;

	while (got > 0) {
		char *at = talk->heard[side] + talk->length[side];

		got = recv(talk->end[side], at, SAID_MAX - 1 - talk->length[side], MSG_DONTWAIT);
		talk->length[side] += got > 0 ? (size_t)got : 0;
		talk->ended[side] = talk->ended[side] || got == 0;
	}
}

static void go_on(struct talk *talk)
{
	for (int i = 0; i < TURNS_MAX; i++)
		assert_true(event_base_loop(talk->proxy.base, EVLOOP_NONBLOCK) >= 0);
}

static void say(struct talk *talk, enum leg_side side, const char *text)
{
	assert_int_equal(write(talk->end[side], text, strlen(text)), strlen(text));
}

static void say_end(struct talk *talk, enum leg_side side)
{
	assert_int_equal(shutdown(talk->end[side], SHUT_WR), 0);
}

static struct talk *talk_open(void)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	const struct nat_view view = unit_view("198.51.100.1", "203.0.113.9");
	const int small = 4096;
	int ends[LEG_COUNT][2];

	assert_non_null(talk);
	talk->config = calloc(1, sizeof(*talk->config));
	assert_non_null(talk->config);
	config_set_defaults(talk->config);
	talk->config->proxy.legs = PROXY_LEGS_CLIENT;
	talk->proxy.config = talk->config;
	talk->proxy.policy = &talk->config->policy;
	talk->proxy.next_session = 1;
	talk->proxy.host.ops.notice = ignore_notice;
	talk->proxy.base = event_base_new();
	assert_non_null(talk->proxy.base);
	assert_true(turns_open(&talk->proxy.turns, talk->proxy.base));
	for (int i = 0; i < LEG_COUNT; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends[i]), 0);
		talk->end[i] = ends[i][0];
	}
	assert_int_equal(setsockopt(ends[LEG_CLIENT][1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_non_null(between_begin(&talk->proxy, ends[LEG_CLIENT][1], ends[LEG_SERVER][1], &view, false));
	say(talk, LEG_SERVER, "220 hello\r\n");
	go_on(talk);
	hear(talk, LEG_CLIENT);
	talk->length[LEG_CLIENT] = 0;
	return talk;
}

static void talk_close(struct talk *talk)
{
	while (talk->proxy.first)
		proxy_session_free(talk->proxy.first, REASON_SHUTDOWN);
	for (int i = 0; i < LEG_COUNT; i++)
		close(talk->end[i]);
	turns_close(&talk->proxy.turns);
	event_base_free(talk->proxy.base);
	free(talk->config);
	free(talk);
}

/* More than a leg holds, the last line, and the end. */
static size_t server_says_all(struct talk *talk)
{
	static const char beginning[] = "211-first line\r\n", line[] = " one line more of a reply that goes on\r\n";
	static const char end[] = "211 end\r\n221 bye\r\n";
	static char text[3 * LEG_BUFFER_MAX];
	size_t length = sizeof(beginning) - 1;

	memcpy(text, beginning, length);
	for (; length < 2 * LEG_BUFFER_MAX; length += sizeof(line) - 1)
		memcpy(text + length, line, sizeof(line) - 1);
	memcpy(text + length, end, sizeof(end));
	/* At once: the end is there when the first line is. */
	say(talk, LEG_SERVER, text);
	say_end(talk, LEG_SERVER);
	return length + sizeof(end) - 1;
}

static void client_hears_all(struct talk *talk, size_t length)
{
	for (int i = 0; i < TURNS_MAX && !talk->ended[LEG_CLIENT]; i++) {
		assert_true(event_base_loop(talk->proxy.base, EVLOOP_NONBLOCK) >= 0);
		hear(talk, LEG_CLIENT);
	}
	assert_int_equal(talk->length[LEG_CLIENT], length);
	assert_true(talk->ended[LEG_CLIENT]);
}

static void a401_a_server_that_goes_is_heard_to_its_last_line(void **state)
{
	struct talk *talk = talk_open();
	size_t length;

	(void)state;
	say(talk, LEG_CLIENT, "HELP\r\nQUIT\r\n");
	go_on(talk);
	length = server_says_all(talk);
	/* The client reads nothing yet. */
	go_on(talk);
	client_hears_all(talk, length);
	talk_close(talk);
}

static void a401_so_is_one_whose_client_has_said_all(void **state)
{
	struct talk *talk = talk_open();
	size_t length;

	(void)state;
	say(talk, LEG_CLIENT, "HELP\r\nQUIT\r\n");
	say_end(talk, LEG_CLIENT);
	go_on(talk);
	length = server_says_all(talk);
	go_on(talk);
	client_hears_all(talk, length);
	talk_close(talk);
}

static void a401_commands_that_wait_for_a_reply_come_before_their_clients_end(void **state)
{
	struct talk *talk = talk_open();

	(void)state;
	/* PROT is the proxy's own, and waits. */
	say(talk, LEG_CLIENT, "USER a\r\nPROT C\r\nQUIT\r\n");
	say_end(talk, LEG_CLIENT);
	go_on(talk);
	hear(talk, LEG_SERVER);
	assert_string_equal(talk->heard[LEG_SERVER], "USER a\r\n");
	assert_false(talk->ended[LEG_SERVER]);
	say(talk, LEG_SERVER, "230 in\r\n");
	go_on(talk);
	hear(talk, LEG_SERVER);
	assert_non_null(strstr(talk->heard[LEG_SERVER], "QUIT\r\n"));
	assert_true(talk->ended[LEG_SERVER]);
	say(talk, LEG_SERVER, "221 bye\r\n");
	say_end(talk, LEG_SERVER);
	go_on(talk);
	hear(talk, LEG_CLIENT);
	assert_non_null(strstr(talk->heard[LEG_CLIENT], "221 bye\r\n"));
	assert_true(talk->ended[LEG_CLIENT]);
	assert_null(talk->proxy.first);
	talk_close(talk);
}

static void a401_a_line_without_an_end_keeps_no_session(void **state)
{
	struct talk *talk = talk_open();

	(void)state;
	say(talk, LEG_CLIENT, "NOOP");
	say_end(talk, LEG_CLIENT);
	go_on(talk);
	hear(talk, LEG_SERVER);
	assert_int_equal(talk->length[LEG_SERVER], 0);
	assert_true(talk->ended[LEG_SERVER]);
	talk_close(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a401_a_server_that_goes_is_heard_to_its_last_line),
		cmocka_unit_test(a401_so_is_one_whose_client_has_said_all),
		cmocka_unit_test(a401_commands_that_wait_for_a_reply_come_before_their_clients_end),
		cmocka_unit_test(a401_a_line_without_an_end_keeps_no_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
