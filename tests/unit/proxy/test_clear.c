/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A168: TLS ends behind the reply to REIN, and a client that reads nothing holds that reply up. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authority_kit.h"
#include "between.h"
#include "proxy/internal.h"
#include "unit.h"

#define TURNS_MAX 50
#define REPLY_LENGTH 1000

struct talk {
	struct config *config;
	struct proxy proxy;
	struct proxy_session *session;
	SSL_CTX *context;
	SSL *client;
	int end[LEG_COUNT]; /* the client's, the server's */
	char heard[4096];   /* by the server, in clear */
	size_t heard_length;
	enum reason end_reason;
};

static void take_notice(void *context, const struct notice *notice)
{
	struct talk *talk = context;

	if (notice->type == NOTICE_SESSION_CLOSE)
		talk->end_reason = notice->reason;
}

static void turn(struct talk *talk)
{
	const size_t room = sizeof(talk->heard) - talk->heard_length - 1;
	ssize_t got;

	assert_true(event_base_loop(talk->proxy.base, EVLOOP_NONBLOCK) >= 0);
	got = read(talk->end[LEG_SERVER], talk->heard + talk->heard_length, room);
	talk->heard_length += got > 0 ? (size_t)got : 0;
}

static bool server_heard(const struct talk *talk, const char *line)
{
	return strstr(talk->heard, line) != NULL;
}

static void client_says(struct talk *talk, const char *line)
{
	assert_int_equal(SSL_write(talk->client, line, (int)strlen(line)), strlen(line));
	turn(talk);
}

static void server_says(struct talk *talk, const char *line)
{
	assert_int_equal(write(talk->end[LEG_SERVER], line, strlen(line)), strlen(line));
	turn(talk);
}

static void client_reads_all(struct talk *talk)
{
	char bytes[4096];

	for (int i = 0; i < TURNS_MAX; i++) {
		while (SSL_read(talk->client, bytes, sizeof(bytes)) > 0)
			;
		turn(talk);
	}
}

/* TLS begins on the client's leg; the server's is in clear. */
static void secure(struct talk *talk)
{
	static const char auth[] = "AUTH TLS\r\n";
	char bytes[256];
	int done = 0;

	assert_int_equal(write(talk->end[LEG_CLIENT], auth, sizeof(auth) - 1), sizeof(auth) - 1);
	turn(talk);
	assert_true(read(talk->end[LEG_CLIENT], bytes, sizeof(bytes)) > 0);
	talk->context = SSL_CTX_new(TLS_client_method());
	talk->client = SSL_new(talk->context);
	SSL_set_fd(talk->client, talk->end[LEG_CLIENT]);
	SSL_set_connect_state(talk->client);
	for (int i = 0; i < TURNS_MAX && done != 1; i++) {
		done = SSL_do_handshake(talk->client);
		turn(talk);
	}
	assert_int_equal(done, 1);
}

static void talk_open(struct talk *talk)
{
	const struct nat_view view = unit_view("198.51.100.1", "203.0.113.9");
	int ends[LEG_COUNT][2];

	memset(talk, 0, sizeof(*talk));
	talk->config = calloc(1, sizeof(*talk->config));
	assert_non_null(talk->config);
	config_set_defaults(talk->config);
	talk->config->proxy.legs = PROXY_LEGS_CLIENT;
	talk->proxy.config = talk->config;
	talk->proxy.policy = &talk->config->policy;
	talk->proxy.tls = authority_tls;
	talk->proxy.next_session = 1;
	talk->proxy.host.ops.context = talk;
	talk->proxy.host.ops.notice = take_notice;
	talk->proxy.base = event_base_new();
	assert_non_null(talk->proxy.base);
	assert_true(turns_open(&talk->proxy.turns, talk->proxy.base));
	for (int i = 0; i < LEG_COUNT; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends[i]), 0);
		talk->end[i] = ends[i][0];
	}
	talk->session = between_begin(&talk->proxy, ends[LEG_CLIENT][1], ends[LEG_SERVER][1], &view, false);
	assert_non_null(talk->session);
	server_says(talk, "220 hello\r\n");
	assert_true(read(talk->end[LEG_CLIENT], talk->heard, sizeof(talk->heard)) > 0);
	memset(talk->heard, 0, sizeof(talk->heard));
	secure(talk);
	client_says(talk, "USER a\r\n");
	server_says(talk, "230 in\r\n");
}

static void talk_close(struct talk *talk)
{
	while (talk->proxy.first)
		proxy_session_free(talk->proxy.first, REASON_SHUTDOWN);
	SSL_free(talk->client);
	SSL_CTX_free(talk->context);
	for (int i = 0; i < LEG_COUNT; i++)
		close(talk->end[i]);
	turns_close(&talk->proxy.turns);
	event_base_free(talk->proxy.base);
	free(talk->config);
}

/* Commands whose answers the client does not read, until one of them has no room in its socket. */
static void fill(struct talk *talk)
{
	const int room = 4096;
	const struct leg *client = &talk->session->leg[LEG_CLIENT];
	char reply[REPLY_LENGTH + 8];

	assert_int_equal(setsockopt(client->wire.descriptor, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	snprintf(reply, sizeof(reply), "200 %0*d\r\n", REPLY_LENGTH, 0);
	for (int i = 0; i < TURNS_MAX && evbuffer_get_length(client->out) == 0; i++) {
		client_says(talk, "NOOP\r\n");
		server_says(talk, reply);
	}
	assert_true(evbuffer_get_length(client->out) > 0);
}

static void a168_what_comes_in_tls_while_its_end_waits_for_room_goes_nowhere(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk);
	fill(&talk);
	client_says(&talk, "REIN\r\n");
	assert_true(server_heard(&talk, "REIN\r\n"));
	server_says(&talk, "220 anew\r\n");
	assert_int_equal(talk.session->leg[LEG_CLIENT].phase, LEG_CLEARING);
	client_says(&talk, "USER secret\r\n");
	client_reads_all(&talk);
	assert_false(server_heard(&talk, "secret"));
	assert_int_equal(talk.end_reason, REASON_BEHIND_REIN);
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a168_what_comes_in_tls_while_its_end_waits_for_room_goes_nowhere),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
