/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A peer that has more to say than fits into one turn waits for its next; its neighbours have theirs before. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authority_kit.h"
#include "between.h"
#include "proxy/internal.h"
#include "unit.h"

/* Fits into the buffer of a socket pair, and is much more than one turn's work. */
#define FLOOD 65536U
#define TURNS_MAX 2000
/* What a leg holds, and the longest line of a flood for each step. */
#define TURN_MAX (2 * LEG_BUFFER_MAX + SESSION_STEPS * 8)

struct talk {
	struct proxy_session *session;
	int end[LEG_COUNT]; /* the client's, the server's */
};

struct stage {
	struct config *config;
	struct proxy proxy;
	struct talk flood;
	struct talk neighbour;
};

static void ignore_notice(void *context, const struct notice *notice)
{
	(void)context;
	(void)notice;
}

static size_t hear(int descriptor)
{
	char bytes[4096];
	size_t heard = 0;
	ssize_t got;

	while ((got = read(descriptor, bytes, sizeof(bytes))) > 0)
		heard += (size_t)got;
	return heard;
}

/* What is ready asks for turns, and so many of them are taken. */
static void take_turns(struct stage *stage, int count)
{
	struct turn *next;

	assert_true(event_base_loop(stage->proxy.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
	for (; count > 0 && (next = turn_queue_take(&stage->proxy.turns.queue)) != NULL; count--)
		next->take(next->context);
}

static void say(int descriptor, const char *text)
{
	assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
}

static void talk_open(struct stage *stage, struct talk *talk, uint16_t port)
{
	const struct endpoint client = { { .family = FAMILY_IPV4, .octets = { 198, 51, 100, 1 } }, port };
	const struct endpoint server = { { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 9 } }, 21 };
	const struct nat_view view = { client, server, server, client };
	int ends[LEG_COUNT][2];

	for (int i = 0; i < LEG_COUNT; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends[i]), 0);
		talk->end[i] = ends[i][0];
	}
	talk->session = between_begin(&stage->proxy, ends[LEG_CLIENT][1], ends[LEG_SERVER][1], &view, false);
	assert_non_null(talk->session);
	say(talk->end[LEG_SERVER], "220 hello\r\n");
	take_turns(stage, 2);
	assert_true(hear(talk->end[LEG_CLIENT]) > 0);
}

static void stage_open(struct stage *stage, enum proxy_legs legs)
{
	memset(stage, 0, sizeof(*stage));
	stage->config = calloc(1, sizeof(*stage->config));
	assert_non_null(stage->config);
	config_set_defaults(stage->config);
	stage->config->proxy.legs = legs;
	stage->proxy.tls = authority_tls;
	stage->proxy.config = stage->config;
	stage->proxy.policy = &stage->config->policy;
	stage->proxy.next_session = 1;
	stage->proxy.host.ops.notice = ignore_notice;
	stage->proxy.base = event_base_new();
	assert_non_null(stage->proxy.base);
	/* Nobody else takes turns: how many fit into one round of the loop is a matter of time. */
	stage->proxy.turns.taking = true;
	talk_open(stage, &stage->flood, 40001);
	talk_open(stage, &stage->neighbour, 40002);
}

static void stage_close(struct stage *stage)
{
	while (stage->proxy.first)
		proxy_session_free(stage->proxy.first, REASON_SHUTDOWN);
	for (int i = 0; i < LEG_COUNT; i++) {
		close(stage->flood.end[i]);
		close(stage->neighbour.end[i]);
	}
	event_base_free(stage->proxy.base);
	free(stage->config);
}

/* Of what a peer has said: bytes that are still to be judged. */
static size_t flood_left(const struct talk *talk, enum leg_side side)
{
	const struct leg *leg = &talk->session->leg[side];
	int waiting = 0;

	assert_int_equal(ioctl(leg->wire.descriptor, FIONREAD, &waiting), 0);
	return (size_t)waiting + evbuffer_get_length(leg->in);
}

/* A peer says FLOOD bytes of one line again and again, and a neighbour says one. */
static void flood_from(enum leg_side side, const char *line)
{
	struct stage stage;
	char *bytes = malloc(FLOOD);
	const size_t length = strlen(line);
	size_t left = FLOOD - FLOOD % length;
	int turns = 0;

	stage_open(&stage, PROXY_LEGS_NONE);
	assert_non_null(bytes);
	for (size_t i = 0; i < left; i++)
		bytes[i] = line[i % length];
	assert_int_equal(write(stage.flood.end[side], bytes, left), left);
	say(stage.neighbour.end[LEG_CLIENT], "NOOP\r\n");
	take_turns(&stage, 2);
	assert_int_equal(hear(stage.neighbour.end[LEG_SERVER]), 6);
	for (; left > 0 && turns < TURNS_MAX; turns++) {
		const size_t now = flood_left(&stage.flood, side);

		assert_in_range(left - now, 0, TURN_MAX);
		left = now;
		take_turns(&stage, 1);
		hear(stage.flood.end[!side]);
		hear(stage.flood.end[side]);
	}
	assert_int_equal(left, 0);
	assert_true(turns > 1);
	stage_close(&stage);
	free(bytes);
}

static void a160_a_client_that_says_nothing_again_and_again_has_its_turn(void **state)
{
	(void)state;
	flood_from(LEG_CLIENT, "\r\n");
	flood_from(LEG_CLIENT, "\n");
}

static void a160_a_client_that_the_proxy_itself_answers_has_its_turn(void **state)
{
	(void)state;
	flood_from(LEG_CLIENT, "ADAT x\r\n");
	flood_from(LEG_CLIENT, "PROT Q\r\n");
}

static void a160_a_server_that_goes_on_with_a_reply_has_its_turn(void **state)
{
	(void)state;
	flood_from(LEG_SERVER, "200-\r\n");
}

static void a400_what_is_ready_waits_for_its_turn(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, PROXY_LEGS_NONE);
	take_turns(&stage, 2);
	say(stage.flood.end[LEG_CLIENT], "NOOP\r\n");
	say(stage.neighbour.end[LEG_CLIENT], "NOOP\r\n");
	take_turns(&stage, 0);
	assert_int_equal(hear(stage.flood.end[LEG_SERVER]) + hear(stage.neighbour.end[LEG_SERVER]), 0);
	take_turns(&stage, 1);
	assert_int_equal(hear(stage.flood.end[LEG_SERVER]) + hear(stage.neighbour.end[LEG_SERVER]), 6);
	take_turns(&stage, 1);
	assert_int_equal(hear(stage.flood.end[LEG_SERVER]) + hear(stage.neighbour.end[LEG_SERVER]), 6);
	stage_close(&stage);
}

/* The ClientHello is one step; the answer with keys and a signature is another one. */
static void a400_a_turn_has_one_step_of_a_handshake(void **state)
{
	struct stage stage;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(context);

	(void)state;
	stage_open(&stage, PROXY_LEGS_CLIENT);
	say(stage.flood.end[LEG_CLIENT], "AUTH TLS\r\n");
	take_turns(&stage, 2);
	assert_true(hear(stage.flood.end[LEG_CLIENT]) > 0);
	take_turns(&stage, 2);
	SSL_set_fd(client, stage.flood.end[LEG_CLIENT]);
	assert_int_equal(SSL_connect(client), -1);
	take_turns(&stage, 1);
	assert_int_equal(hear(stage.flood.end[LEG_CLIENT]), 0);
	take_turns(&stage, 1);
	assert_true(hear(stage.flood.end[LEG_CLIENT]) > 0);
	SSL_free(client);
	SSL_CTX_free(context);
	stage_close(&stage);
}

/* The class of the turn that a session asks for when its client says something, in this state. */
static enum turn_class class_in(struct stage *stage, struct talk *talk, enum session_state state)
{
	talk->session->session.state = state;
	say(talk->end[LEG_CLIENT], "NOOP\r\n");
	take_turns(stage, 0);
	assert_non_null(talk->session->turn.line);
	turns_forget(&stage->proxy.turns, &talk->session->turn);
	return talk->session->turn.class;
}

static void a400_who_is_logged_in_does_not_stand_with_those_who_are_not(void **state)
{
	struct stage stage;
	struct leg *client;

	(void)state;
	stage_open(&stage, PROXY_LEGS_NONE);
	take_turns(&stage, 2);
	client = &stage.flood.session->leg[LEG_CLIENT];
	assert_int_equal(class_in(&stage, &stage.flood, SESSION_LOGIN), TURN_UNSETTLED);
	assert_int_equal(class_in(&stage, &stage.flood, SESSION_READY), TURN_SETTLED);
	assert_int_equal(class_in(&stage, &stage.flood, SESSION_OPAQUE), TURN_SETTLED);
	/* A handshake is one, whoever makes it. */
	client->phase = LEG_SHAKING;
	assert_int_equal(class_in(&stage, &stage.flood, SESSION_READY), TURN_UNSETTLED);
	client->phase = LEG_CLEAR;
	stage_close(&stage);
}

/* Its deadline came while it waited for its turn, and so did a line, which gave it more time. */
static void a400_a_deadline_that_was_put_off_ends_nothing(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, PROXY_LEGS_NONE);
	take_turns(&stage, 2);
	stage.flood.session->session.state = SESSION_READY;
	proxy_session_set_timer(stage.flood.session, 60);
	stage.flood.session->expired = true;
	say(stage.flood.end[LEG_CLIENT], "NOOP\r\n");
	take_turns(&stage, 2);
	assert_int_equal(hear(stage.flood.end[LEG_SERVER]), 6);
	assert_false(stage.flood.session->expired);
	assert_false(stage.flood.session->closing);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a160_a_client_that_says_nothing_again_and_again_has_its_turn),
		cmocka_unit_test(a160_a_client_that_the_proxy_itself_answers_has_its_turn),
		cmocka_unit_test(a160_a_server_that_goes_on_with_a_reply_has_its_turn),
		cmocka_unit_test(a400_what_is_ready_waits_for_its_turn),
		cmocka_unit_test(a400_a_turn_has_one_step_of_a_handshake),
		cmocka_unit_test(a400_a_deadline_that_was_put_off_ends_nothing),
		cmocka_unit_test(a400_who_is_logged_in_does_not_stand_with_those_who_are_not),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
