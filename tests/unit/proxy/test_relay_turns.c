/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data connections, and sessions that wait for a certificate, have their turns as everybody else. */
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authority_kit.h"
#include "between.h"
#include "proxy/relay_internal.h"
#include "unit.h"

#define FILE_SIZE 1000U

struct stage {
	struct config *config;
	struct proxy proxy;
	struct relay_account *account;
	struct relay_follower follower;
	int end[RELAY_ENDS]; /* the peers' */
};

static void ignore_notice(void *context, const struct notice *notice)
{
	(void)context;
	(void)notice;
}

static void ignore_change(void *context)
{
	(void)context;
}

/* Two ends of a connection on loopback. */
static void connect_pair(int *near, int *far)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	*far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*far, (struct sockaddr *)&name, length), 0);
	*near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*near >= 0);
	close(listener);
}

static void stage_open(struct stage *stage)
{
	memset(stage, 0, sizeof(*stage));
	stage->config = calloc(1, sizeof(*stage->config));
	assert_non_null(stage->config);
	config_set_defaults(stage->config);
	stage->proxy.tls = authority_tls;
	stage->proxy.config = stage->config;
	stage->proxy.policy = &stage->config->policy;
	stage->proxy.next_session = 1;
	stage->proxy.host.ops.notice = ignore_notice;
	stage->proxy.base = event_base_new();
	assert_non_null(stage->proxy.base);
	/* Nobody else takes turns. */
	stage->proxy.turns.taking = true;
	stage->account = relay_account_open(NULL, NULL);
	assert_non_null(stage->account);
	stage->follower.on_change = ignore_change;
}

static void stage_close(struct stage *stage)
{
	relay_end_all(&stage->proxy.relays);
	relay_account_drop(stage->account);
	while (stage->proxy.first)
		proxy_session_free(stage->proxy.first, REASON_SHUTDOWN);
	event_base_free(stage->proxy.base);
	free(stage->config);
}

static struct relay *begin_upload(struct stage *stage)
{
	struct relay_plan plan = {
		.base = stage->proxy.base, .turns = &stage->proxy.turns, .line = &stage->proxy.nobody,
		.host = &stage->proxy.host,
		.tickets = tls_tickets_make(), .connecting = RELAY_SERVER, .commanded = true, .source = RELAY_CLIENT,
		.account = stage->account, .silence = UINT64_C(60000000), .idle = UINT64_C(60000000),
	};

	assert_non_null(plan.tickets);
	for (int i = 0; i < RELAY_ENDS; i++)
		connect_pair(&plan.descriptor[i], &stage->end[i]);
	assert_true(relay_begin(&stage->proxy.relays, &plan, &stage->follower));
	tls_tickets_drop(plan.tickets);
	return stage->follower.relay;
}

/* What is ready asks for turns, and so many of them are taken. */
static void take_turns(struct stage *stage, int count)
{
	struct turn *next;

	assert_true(event_base_loop(stage->proxy.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
	for (; count > 0 && (next = turn_queue_take(&stage->proxy.turns.queue)) != NULL; count--)
		next->take(next->context);
}

static void say_file(const struct stage *stage)
{
	static const char file[FILE_SIZE];

	assert_int_equal(send(stage->end[RELAY_CLIENT], file, sizeof(file), MSG_NOSIGNAL), sizeof(file));
}

/* What the server has been sent. */
static size_t hear(const struct stage *stage)
{
	static char file[2 * FILE_SIZE];
	const ssize_t got = recv(stage->end[RELAY_SERVER], file, sizeof(file), MSG_DONTWAIT);

	return got > 0 ? (size_t)got : 0;
}

static void close_ends(const struct stage *stage)
{
	for (int i = 0; i < RELAY_ENDS; i++)
		close(stage->end[i]);
}

static void a400_a_data_connection_waits_for_its_turn(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_non_null(begin_upload(&stage));
	say_file(&stage);
	take_turns(&stage, 0);
	assert_int_equal(hear(&stage), 0);
	take_turns(&stage, 1);
	assert_int_equal(hear(&stage), FILE_SIZE);
	stage_close(&stage);
	close_ends(&stage);
}

/* Its deadline came while it waited for its turn, and it was given more time. */
static void a400_a_deadline_of_a_data_connection_that_was_put_off_ends_nothing(void **state)
{
	struct stage stage;
	struct relay *relay;

	(void)state;
	stage_open(&stage);
	relay = begin_upload(&stage);
	take_turns(&stage, 1);
	say_file(&stage);
	relay->expired = true;
	take_turns(&stage, 1);
	assert_int_equal(hear(&stage), FILE_SIZE);
	assert_false(relay->expired);
	stage_close(&stage);
	close_ends(&stage);
}

/* Hundreds may wait for the one who signs. */
static void a400_who_waits_for_a_certificate_waits_for_a_turn(void **state)
{
	const struct endpoint client = { { .family = FAMILY_IPV4, .octets = { 198, 51, 100, 1 } }, 40001 };
	const struct endpoint server = { { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 9 } }, 21 };
	const struct nat_view view = { client, server, server, client };
	struct proxy_session *session;
	struct stage stage;
	int channel[2], legs[2][2];

	(void)state;
	stage_open(&stage);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, legs[i]), 0);
	stage.proxy.mint_channel = channel[0];
	assert_true(mint_watch(&stage.proxy));
	stage.config->proxy.legs = PROXY_LEGS_NONE;
	session = between_begin(&stage.proxy, legs[0][1], legs[1][1], &view, false);
	assert_non_null(session);
	take_turns(&stage, 8);
	assert_null(session->turn.line);
	session->leg[LEG_CLIENT].phase = LEG_MINTING;
	event_active(stage.proxy.mint_watch, EV_READ, 0);
	take_turns(&stage, 0);
	assert_non_null(session->turn.line);
	session->leg[LEG_CLIENT].phase = LEG_CLEAR;
	event_free(stage.proxy.mint_watch);
	event_free(stage.proxy.mint_timer);
	stage_close(&stage);
	for (int i = 0; i < 2; i++) {
		close(legs[i][0]);
		close(channel[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a400_a_data_connection_waits_for_its_turn),
		cmocka_unit_test(a400_a_deadline_of_a_data_connection_that_was_put_off_ends_nothing),
		cmocka_unit_test(a400_who_waits_for_a_certificate_waits_for_a_turn),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
