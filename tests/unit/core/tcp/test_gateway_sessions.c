/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of a session as packets show it: how it begins or is adopted, what it waits for, how it ends, and what its
 * row remembers afterwards.
 */
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

#define BEHIND_LOGIN (sizeof("USER u\r\nPASS p\r\n") - 1)
#define SECOND UINT64_C(1000000)
#define PATIENCE UINT64_C(5000)

static struct rig rig;

static void begin_logged_in(enum rig_nat nat)
{
	rig_begin(&rig, nat);
	rig_login(&rig);
}

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void tick(uint64_t later)
{
	rig.now += later;
	gateway_tick(rig.gateway, rig.now);
}

/* A handshake of the same addresses and ports, with numbers of its own, and a greeting. */
static void begin_again(void)
{
	struct rig_connection *connection = rig.at;

	for (int side = 0; side < 2; side++) {
		struct rig_peer *peer = &connection->peer[side];

		memset(peer, 0, sizeof(*peer));
		peer->first = UINT32_C(0x40000000) * (uint32_t)(side + 1) + 5;
		peer->next = peer->first;
		connection->peer[1 - side].expects = 0;
	}
	connection->peer[0].expects = connection->peer[1].first;
	connection->peer[1].expects = connection->peer[0].first;
	memset(connection->seqadj, 0, sizeof(connection->seqadj));
	rig_login(&rig);
}

/* --- beginnings --- */

static void a_session_begins_with_the_clients_answer_to_the_server(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_packet(&rig, C, rig.at->peer[0].first - 1, 0, TCP_SYN, 0, "", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	/* Nobody has answered it yet, nor its repetition. */
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_string_equal(rig.events, "");
	rig_acknowledge(&rig, C);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
	assert_string_equal(rig.events, " session-open");
	/* The answer was lost. */
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	assert_string_equal(rig.events, " session-open");
	assert_int_equal(rig.lookups, 1);
}

static void a_late_copy_of_the_handshake_does_not_begin_again(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_shake(&rig);
	assert_false(rig_reported(&rig, "session-close"));
	assert_int_equal(rig.pinholes, 1);
	rig_say(&rig, C, "LIST\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN "LIST\r\n");
}

/*
 * conntrack lets a SYN and ACK of any number pass on an established connection (it is ignored, not invalid), and the
 * client answers it with a challenge (RFC 5961 4.2). Whoever knows the ports can send one.
 */
static void a_forged_handshake_does_not_end_the_session(void **state)
{
	static const uint32_t numbers[][2] = { { 12345, 67890 }, { UINT32_C(0xffffff00), 1 } };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(numbers); index++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, RIG_PORT);
		rig_say(&rig, S, "200 ok\r\n");
		rig_packet(&rig, S, numbers[index][0], numbers[index][1], TCP_SYN | TCP_ACK, 0, "", 0);
		assert_int_equal(rig.pinholes, 1);
		rig_say(&rig, C, "LIST\r\n");
		rig_say(&rig, S, "150 here\r\n");
		rig_assert_got(&rig, C, RIG_PORT_SEEN "LIST\r\n");
		rig_assert_got(&rig, S, "200 ok\r\n150 here\r\n");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void the_same_ports_can_be_used_again(void **state)
{
	static const bool ends[] = { false, true };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(ends); index++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, RIG_PORT);
		if (ends[index]) {
			rig_say_bytes(&rig, S, "", 0, TCP_FIN);
			rig_say_bytes(&rig, C, "", 0, TCP_FIN);
			rig_acknowledge(&rig, S);
			assert_true(rig_reported(&rig, "session-close:connection-ended"));
		}
		/* One that this gateway never saw end: the client has forgotten it too. */
		begin_again();
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		assert_int_equal(rig.pinholes, 0);
		rig_say(&rig, C, RIG_PORT);
		rig_assert_got(&rig, C, RIG_PORT_SEEN);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a_handshake_carries_no_payload_past_the_session(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_packet(&rig, S, rig.at->peer[1].first - 1, rig.at->peer[0].first, TCP_SYN | TCP_ACK, 0, "220 ready\r\n",
		   11);
	assert_int_equal(rig.left.payload.length, 0);
}

static void a_connection_that_the_kernel_does_not_know_does_not_pass(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.lookup_answer = REASON_NO_CONNECTION;
	rig_start(&rig);
	assert_int_equal(rig_shake(&rig), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_NO_CONNECTION);
	assert_int_equal(rig_say(&rig, C, "NOOP\r\n"), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	/* Nothing to inspect. */
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
}

/* Nor does one of which the kernel tells us something else: it would be judged, and answered, as another one. */
static void a_connection_whose_ends_are_not_the_packets_does_not_pass(void **state)
{
	struct nat_view right, others[3];

	(void)state;
	rig_make(&rig, RIG_SNAT);
	right = rig.at->view;
	for (size_t index = 0; index < ARRAY_SIZE(others); index++)
		others[index] = right;
	others[0].client.port++;
	others[1].server.address.octets[3]++;
	others[2].client = right.server;
	others[2].server = right.client;
	rig_start(&rig);
	for (size_t index = 0; index < ARRAY_SIZE(others); index++) {
		rig.lookup_other = &others[index];
		assert_int_equal(rig_shake(&rig), GATEWAY_DROP);
		assert_int_equal(rig.output.reason, REASON_NO_CONNECTION);
		assert_true(rig_reported(&rig, "anomaly:no-connection"));
		assert_int_equal(rig_say(&rig, C, "NOOP\r\n"), GATEWAY_DROP);
		assert_int_equal(gateway_session_count(rig.gateway), 0);
		rig.events[0] = '\0';
		/* Until conntrack is asked again. */
		rig.now += 100000;
	}
	rig.lookup_other = NULL;
	rig.at->peer[0].next = rig.at->peer[0].first;
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	rig_acknowledge(&rig, C);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* --- the table --- */

static void a_full_table_turns_away_or_lets_pass_as_configured(void **state)
{
	(void)state;
	for (int open = 0; open < 2; open++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.sessions = 1;
		rig.limits.table_full_open = open;
		rig_start(&rig);
		rig_login(&rig);
		rig.at = &rig.connections[1];
		assert_int_equal(rig_shake(&rig), open ? GATEWAY_ACCEPT : GATEWAY_DROP);
		assert_int_equal(rig.output.reason, REASON_TABLE_FULL);
		assert_true(rig_reported(&rig, "anomaly:table-full"));
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void rows_of_dead_connections_are_the_first_to_go(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.sessions = 2;
	rig_start(&rig);
	rig_login(&rig);
	rig.at = &rig.connections[1];
	rig_login(&rig);
	rig_say_bytes(&rig, C, "\0\n", 2, 0);
	assert_true(rig_reported(&rig, "session-close:control-byte"));
	rig.at = &rig.connections[2];
	rig_login(&rig);
	rig.at = &rig.connections[0];
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
	assert_int_equal(gateway_session_count(rig.gateway), 2);
}

static void connections_do_not_disturb_each_other(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	for (unsigned int i = 1; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		rig_login(&rig);
	}
	for (unsigned int i = 0; i < 3 * RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i % RIG_CONNECTIONS];
		rig_say(&rig, C, i / RIG_CONNECTIONS == 1 ? "5,195,149\r\n" : "PORT 10,0,0,");
	}
	for (unsigned int i = 0; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		rig_assert_got(&rig, C, RIG_PORT_SEEN);
	}
}

/* --- adoption; more of it in test_attacks_adoption.c --- */

/* Both streams of a connection that is older than the gateway: its client keeps it alive with an old byte. */
static void adopt(void)
{
	const struct rig_peer *client = &rig.at->peer[0];

	rig_packet(&rig, C, client->next - 1, client->expects, TCP_ACK, 0, "", 1);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig_settle(&rig);
	rig_acknowledge(&rig, C);
}

/*
 * The server already has five bytes. The client says that it stands before them, or behind them, and sends something
 * else over them: to the server the line begins with its sixth byte.
 */
static void an_adopted_stream_begins_where_its_receiver_stands(void **state)
{
	static const char attack[] = "RETR PORT 10,0,0,99,9,9\r\n";
	static const struct {
		size_t start; /* of the client's first segment */
		size_t cut;   /* of the attack */
		bool between; /* a part of it is sent before the server has been asked */
	} rows[] = {
		{ 0, 26, false }, { 0, 26, true }, { 0, 1, false }, { 0, 4, true }, { 0, 5, false }, { 0, 6, true },
		{ 5, 26, false }, { 5, 26, true }, { 26, 26, false }, { 26, 26, true }, { 26, 6, false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		size_t cut = rows[index].cut < sizeof(attack) - 1 ? rows[index].cut : sizeof(attack) - 1;
		char first[sizeof(attack)] = { 0 };

		memcpy(first, attack, cut);
		rig_begin(&rig, RIG_PLAIN);
		rig.at->peer[1].expects += 5;
		rig_at(&rig, C, rows[index].start, rows[index].start == 26 ? "NOOP\r\n" : attack + rows[index].start, 0);
		assert_int_equal(rig.output.reason, REASON_ADOPTING);
		if (rows[index].between)
			rig_at(&rig, C, 0, attack, 0);
		rig_settle(&rig);
		for (unsigned int i = 0; i < 3; i++) {
			rig_at(&rig, C, 0, first, 0);
			rig_at(&rig, C, cut, attack + cut, 0);
			rig_at(&rig, C, 0, attack, 0);
			rig_settle(&rig);
		}
		assert_int_equal(rig.at->peer[1].got_length, sizeof(attack) - 1 - 5);
		assert_memory_equal(rig.at->peer[1].got, "PORT XXXXXXXXXXXXX", 18);
		assert_true(rig_reported(&rig, "refuse:foreign-address"));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_PLAIN);
}

static void a_connection_in_the_middle_is_adopted_at_its_next_line(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_int_equal(rig_at(&rig, C, 0, RIG_PORT, 0), GATEWAY_DROP);
	assert_string_equal(rig.events, " session-open");
	/* The server is asked, answers, and gets what was kept; its sender need not say it again, but may. */
	rig_settle(&rig);
	assert_int_equal(rig.pinholes, 1);
	assert_memory_equal(rig.at->peer[1].got, RIG_PORT_SEEN, sizeof(RIG_PORT_SEEN) - 1);
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.at->peer[1].got_length, sizeof(RIG_PORT_SEEN) - 1);
	/* The repetition told where the client stands. */
	rig_say(&rig, S, "200 ok\r\n");
	assert_memory_equal(rig.at->peer[0].got, "200 ok\r\n", 8);
	assert_int_equal(rig.injected_count, 2);
}

static void a_connection_is_adopted_with_the_kernels_correction(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_acknowledge(&rig, C);
	gateway_stop(rig.gateway, false, rig.now);
	/* Another gateway takes over. */
	rig.gateway = gateway_create(rig.memory, &rig.limits, &rig.policy, &rig.ops, (const uint8_t[16]){ 1 });
	adopt();
	rig_say(&rig, C, "LIST\r\n");
	rig_say(&rig, S, "150 here\r\n");
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say(&rig, C, "LIST\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN "LIST\r\n" RIG_PORT_SEEN "LIST\r\n");
	rig_assert_got(&rig, S, "200 ok\r\n150 here\r\n200 ok\r\n");
}

static void a195_a_session_that_is_killed_is_reset_for_both_and_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned int nat = RIG_SNAT; nat <= RIG_PLAIN6; nat++) {
		rig_make(&rig, (enum rig_nat)nat);
		rig_start(&rig);
		gateway_number_sessions(rig.gateway, UINT64_C(7) << 32);
		rig_shake(&rig);
		rig_say(&rig, S, "220 hi\r\n");
		rig_say(&rig, C, "USER a\r\n");
		rig_say(&rig, S, "230 in\r\n");
		assert_false(gateway_kill_session(rig.gateway, 1, rig.now));
		assert_false(gateway_kill_session(rig.gateway, (UINT64_C(7) << 32) + 1, rig.now));
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		assert_true(gateway_kill_session(rig.gateway, UINT64_C(7) << 32, rig.now));
		assert_int_equal(gateway_session_count(rig.gateway), 0);
		assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
		assert_true(rig_reported(&rig, "session-close:killed"));
		assert_int_equal(rig_say(&rig, C, "NOOP\r\n"), GATEWAY_DROP);
		/* Once. */
		assert_false(gateway_kill_session(rig.gateway, UINT64_C(7) << 32, rig.now));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_PLAIN);
}

static void a195_what_a_killed_session_had_offered_is_taken_back(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.pinholes, 1);
	assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
	assert_int_equal(rig.pinholes, 0);
	assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
}

static void the_rest_of_a_line_is_not_taken_for_a_line(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	adopt();
	rig_say(&rig, C, "of a");
	rig_say(&rig, C, " file\r\nNOOP\r\n");
	assert_memory_equal(rig.at->peer[1].got, "of a file\r\nNOOP\r\n", 17);
	rig_say(&rig, C, RIG_BOUNCE);
	assert_true(rig_reported(&rig, "refuse:foreign-address"));
	rig_assert_never_got(&rig, C, "10,0,0,99");
}

/* As long as it is not whole, it could become one. */
static void a_line_that_begins_like_a_rest_is_judged(void **state)
{
	static const char *const lines[] = { RIG_BOUNCE, "227 Entering Passive Mode (10,0,0,99,0,25).\r\n",
					     "227(10,0,0,99,0,25)\r\n" };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lines); index++) {
		enum direction direction = index == 0 ? C : S;

		for (size_t cut = 1; cut < strlen(lines[index]); cut++) {
			rig_begin(&rig, RIG_SNAT);
			adopt();
			rig_say_bytes(&rig, direction, lines[index], cut, 0);
			rig_say(&rig, direction, lines[index] + cut);
			rig_assert_never_got(&rig, direction, "10,0,0,99");
			assert_true(rig_reported(&rig, "refuse"));
			rig_end(&rig);
		}
	}
	rig_begin(&rig, RIG_SNAT);
}

/* What no strict reader takes for a command may be one to a server that skips or strips. */
static void an_odd_line_is_not_taken_for_the_rest_of_one(void **state)
{
	static const char *const lines[] = {
		" " RIG_BOUNCE, "\t" RIG_BOUNCE, "\xff\xf0" RIG_BOUNCE, "\xef\xbb\xbf" RIG_BOUNCE, "P\x08" RIG_BOUNCE,
		"PO\x01RT 10,0,0,99,0,25\r\n",
	};
	unsigned int failed = 0;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lines); index++) {
		rig_begin(&rig, RIG_SNAT);
		adopt();
		rig_at(&rig, C, 0, lines[index], 0);
		if (rig.at->peer[1].got_length > 0 && memcmp(rig.at->peer[1].got, lines[index],
							     strlen(lines[index])) == 0) {
			print_error("\"%s\" passes\n", unit_escape(unit_string(lines[index])));
			failed++;
		}
		assert_true(rig_reported(&rig, "refuse") || rig_reported(&rig, "session-close"));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(failed, 0);
}

static void adopted_tls_stays_closed_to_us_and_is_reported(void **state)
{
	static const uint8_t record[] = { 0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, '\n', 0 };

	(void)state;
	for (int first = 0; first < 2; first++) {
		rig_begin(&rig, RIG_SNAT);
		adopt();
		assert_int_equal(rig_say_bytes(&rig, (enum direction)first, record, sizeof(record), 0), GATEWAY_ACCEPT);
		assert_int_equal(rig_say_bytes(&rig, (enum direction)(1 - first), record, sizeof(record), 0),
				 GATEWAY_ACCEPT);
		assert_false(rig_reported(&rig, "session-close"));
		assert_true(rig_reported(&rig, "tls"));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Nobody reads it any more, but its end takes the row. */
static void adopted_tls_ends_with_packets_that_its_peers_believe(void **state)
{
	static const uint8_t record[] = { 0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, 4, 5 };

	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		const struct rig_peer *client;
		uint8_t flags = reset ? TCP_RST | TCP_ACK : TCP_FIN | TCP_ACK;

		rig_begin(&rig, RIG_SNAT);
		client = &rig.at->peer[0];
		adopt();
		rig_say_bytes(&rig, C, record, sizeof(record), 0);
		rig_say_bytes(&rig, S, record, sizeof(record), 0);
		rig_acknowledge(&rig, C);
		rig.events[0] = '\0';
		rig_packet(&rig, C, client->next + 5000, client->expects, flags, 0, "", 0);
		rig_packet(&rig, C, client->next - 5000, client->expects, flags, 0, "", 0);
		assert_false(rig_reported(&rig, "session-close"));
		if (reset) {
			rig_packet(&rig, C, client->next, client->expects, flags, 0, "", 0);
		} else {
			rig_say_bytes(&rig, C, "", 0, TCP_FIN);
			assert_false(rig_reported(&rig, "session-close"));
			rig_say_bytes(&rig, S, "", 0, TCP_FIN);
		}
		assert_true(rig_reported(&rig, reset ? "session-close:reset" : "session-close:connection-ended"));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void adopted_bytes_are_no_tls_where_there_is_none(void **state)
{
	static const uint8_t record[] = { 0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, '\n', 0 };

	(void)state;
	for (int forbidden = 0; forbidden < 2; forbidden++) {
		rig_make(&rig, RIG_SNAT);
		rig.policy.rules[0].tls = forbidden ? TLS_FORBID : TLS_ALLOW;
		rig_start(&rig);
		adopt();
		/* Whoever has spoken in clear is not in the middle of TLS. */
		if (!forbidden)
			rig_say(&rig, C, "NOOP\r\n");
		rig_say_bytes(&rig, forbidden ? C : S, record, sizeof(record), 0);
		assert_false(rig_reported(&rig, "tls"));
		rig_say(&rig, C, RIG_BOUNCE);
		rig_assert_never_got(&rig, C, "10,0,0,99");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* --- ends --- */

static void a_session_ends_when_both_fins_are_acknowledged(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say_bytes(&rig, C, "QUIT\r\n", 6, TCP_FIN);
	assert_true(rig.at->peer[1].finished);
	rig_say_bytes(&rig, S, "221 bye\r\n", 9, TCP_FIN);
	assert_true(rig.at->peer[0].finished);
	assert_false(rig_reported(&rig, "session-close"));
	rig_acknowledge(&rig, C);
	assert_true(rig_reported(&rig, "session-close:connection-ended"));
	assert_int_equal(rig.pinholes, 0);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig_assert_got(&rig, C, RIG_PORT_SEEN "QUIT\r\n");
	/* The last acknowledgement was lost: both say it again. */
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next - 1, rig.at->peer[1].expects, TCP_FIN | TCP_ACK, 0,
				    "", 0),
			 GATEWAY_ACCEPT);
}

static void a_lost_fin_is_repeated(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig.lose = true;
	rig_say_bytes(&rig, C, "QUIT\r\n", 6, TCP_FIN);
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN + sizeof(RIG_PORT) - 1, "QUIT\r\n", TCP_FIN);
	assert_true(rig.at->peer[1].finished);
	rig_assert_got(&rig, C, RIG_PORT_SEEN "QUIT\r\n");
	rig_at(&rig, C, BEHIND_LOGIN + sizeof(RIG_PORT) - 1 + 6, "", TCP_FIN);
	assert_true(rig.left.flags & TCP_FIN);
}

static void a_fin_leaves_with_the_bytes_before_it_or_not_at_all(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	/* Before the bytes. */
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN + 6, "", TCP_FIN), GATEWAY_DROP);
	/* On a line that is held: the line is judged as it is. */
	rig_say(&rig, C, "PORT 10,0,0,5,195");
	assert_int_equal(rig.output.reason, REASON_HELD);
	rig_say_bytes(&rig, C, "", 0, TCP_FIN);
	assert_true(rig.at->peer[1].finished);
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXX");
	assert_int_equal(rig.pinholes_made, 0);
}

static void a_line_that_ends_with_the_connection_is_a_line(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say_bytes(&rig, C, RIG_BOUNCE, sizeof(RIG_BOUNCE) - 3, TCP_FIN);
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXXXX");
	begin_again();
	rig_say_bytes(&rig, S, "227 Entering Passive Mode (203,0,113,9,195,149)", 47, TCP_FIN);
	assert_true(rig_reported(&rig, "refuse:unsolicited"));
}

static void a_reset_ends_the_session_and_takes_the_pinhole_along(void **state)
{
	(void)state;
	for (int direction = 0; direction < 2; direction++) {
		const struct rig_peer *peer;

		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, RIG_PORT);
		rig_say(&rig, S, "200 ok\r\n");
		rig_acknowledge(&rig, C);
		peer = &rig.at->peer[direction];
		assert_int_not_equal(rig_packet(&rig, (enum direction)direction, peer->next, peer->expects,
						TCP_RST | TCP_ACK,
						0, "", 0), GATEWAY_DROP);
		assert_true(rig.at->peer[1 - direction].reset);
		assert_true(rig_reported(&rig, "session-close:reset"));
		assert_int_equal(rig.pinholes, 0);
		assert_int_equal(gateway_session_count(rig.gateway), 0);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a_reset_from_a_sender_with_held_bytes_has_the_receivers_number(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, C, "PORT 10,");
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
	assert_true(rig.at->peer[1].reset);
}

/* --- sessions that are beyond help --- */

static void both_peers_are_reset_with_the_numbers_that_they_expect(void **state)
{
	static const struct {
		const char *name;
		const char *before; /* sent and acknowledged */
		const char *held;
		const char *last;
		size_t length;
	} rows[] = {
		{ "one line", "", NULL, TEXT("\0\r\n") },
		{ "behind an edit", RIG_PORT, NULL, TEXT("\0\r\n") },
		{ "a line that came in pieces", RIG_PORT, "PORT", TEXT("\0\r\n") },
		{ "behind good lines in the same segment", RIG_PORT, NULL, TEXT("NOOP\r\n\0\r\n") },
		{ "behind an edit in the same segment", "", NULL, TEXT(RIG_PORT "\0\r\n") },
	};
	unsigned int failed = 0;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, rows[index].before);
		rig_acknowledge(&rig, S);
		if (rows[index].held)
			rig_say(&rig, C, rows[index].held);
		rig_say_bytes(&rig, C, rows[index].last, rows[index].length, 0);
		assert_int_equal(rig.output.verdict, GATEWAY_DROP);
		assert_int_equal(rig.output.reason, REASON_CONTROL_BYTE);
		assert_true(rig_reported(&rig, "session-close:control-byte"));
		assert_int_equal(rig.injected_count, 2);
		if (!rig.at->peer[0].reset || !rig.at->peer[1].reset) {
			print_error("%s: client %d, server %d\n", rows[index].name, rig.at->peer[0].reset,
				    rig.at->peer[1].reset);
			failed++;
		}
		assert_int_equal(rig.pinholes, 0);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(failed, 0);
}

static void whoever_speaks_on_in_a_killed_session_is_reset_again(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
	for (int direction = 0; direction < 2; direction++) {
		rig.at->peer[direction].reset = false;
		rig.injected_count = 0;
		assert_int_equal(rig_say(&rig, (enum direction)direction, "NOOP\r\n"), GATEWAY_DROP);
		assert_int_equal(rig.injected_count, 1);
		assert_true(rig.at->peer[direction].reset);
		assert_int_equal(rig.injected[0].seq, rig.at->peer[direction].expects);
		assert_int_equal(rig.injected[0].ack, rig.at->peer[direction].next);
	}
	/* A reset is not answered (RFC 9293 3.10.7.1). */
	rig.injected_count = 0;
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next, 0, TCP_RST, 0, "", 0), GATEWAY_DROP);
	assert_int_equal(rig.injected_count, 0);
}

static void a_killed_connection_can_be_opened_again(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
	rig.injected_count = 0;
	assert_int_equal(rig_packet(&rig, C, 77, 0, TCP_SYN, 0, "", 0), GATEWAY_ACCEPT);
	assert_int_equal(rig.injected_count, 0);
	begin_again();
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
}

static void a_client_that_speaks_first_is_reset_at_once(void **state)
{
	static const char *const texts[] = { "USER u\r\n", "GET / HTTP/1.1\r\n", "GET /", "\x16\x03\x01\x02" };
	unsigned int failed = 0;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(texts); index++) {
		rig_begin(&rig, RIG_SNAT);
		rig_shake(&rig);
		rig_say(&rig, C, texts[index]);
		if (!rig_reported(&rig, "session-close:client-first")) {
			print_error("\"%s\" waits\n", unit_escape(unit_string(texts[index])));
			failed++;
		}
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(failed, 0);
}

/* --- TLS --- */

static void tls_passes_behind_234(void **state)
{
	static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x00, 0x07, '\n', 0, '\r', 'P', 'O', 'R', 'T' };

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say(&rig, C, "AUTH TLS\r\n");
	rig_say(&rig, S, "234 go\r\n");
	assert_true(rig_reported(&rig, "tls"));
	assert_int_equal(rig.pinholes, 0);
	for (unsigned int i = 0; i < 20; i++) {
		rig_say_bytes(&rig, C, record, sizeof(record), 0);
		assert_int_not_equal(rig.output.verdict, GATEWAY_DROP);
		rig_say_bytes(&rig, S, record, sizeof(record), 0);
		assert_int_not_equal(rig.output.verdict, GATEWAY_DROP);
	}
	assert_int_equal(rig.at->peer[1].got_length,
			 BEHIND_LOGIN + sizeof(RIG_PORT_SEEN) - 1 + 10 + 20 * sizeof(record));
	assert_false(rig_reported(&rig, "session-close"));
	rig_say_bytes(&rig, C, record, sizeof(record), TCP_FIN);
	rig_say_bytes(&rig, S, record, sizeof(record), TCP_FIN);
	assert_true(rig.at->peer[0].finished && rig.at->peer[1].finished);
	rig_acknowledge(&rig, C);
	assert_true(rig_reported(&rig, "session-close:connection-ended"));
}

static void plaintext_around_auth_ends_the_session(void **state)
{
	static const struct {
		const char *name;
		struct {
			enum direction direction;
			const char *text;
		} turns[6];
		const char *reason;
	} rows[] = {
		{ "a command in AUTH's segment", { { C, "AUTH TLS\r\nUSER u\r\n" } }, "session-close:behind-auth" },
		{ "a command behind AUTH", { { C, "AUTH TLS\r\n" }, { C, "USER u\r\n" } },
		  "session-close:behind-auth" },
		{ "the beginning of one in AUTH's segment",
		  { { C, "AUTH TLS\r\nUS" }, { S, "234 go\r\n" }, { C, "ER u\r\n" } }, "session-close:behind-auth" },
		{ "the beginning of one, and then TLS",
		  { { C, "AUTH TLS\r\nUSER" }, { S, "234 go\r\n" }, { C, "\x16\x03\x01" } },
		  "session-close:behind-auth" },
		{ "a reply in 234's segment", { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n230 in\r\n" } },
		  "session-close:behind-auth" },
		{ "a reply behind 234", { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n" }, { S, "230 in\r\n" } },
		  "session-close:behind-auth" },
		{ "a server that speaks first", { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n" }, { S, "\x16\x03\x01" } },
		  "session-close:behind-auth" },
		{ "a command behind 234", { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n" }, { C, "USER u\r\n" } },
		  "session-close:not-tls" },
		{ "a command behind the first byte of a record",
		  { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n" }, { C, "\x16" }, { C, "\r\n" RIG_BOUNCE } },
		  "session-close:not-tls" },
		{ "an alert as the first record", { { C, "AUTH TLS\r\n" }, { S, "234 go\r\n" }, { C, "\x15\x03\x01" } },
		  "session-close:not-tls" },
	};
	unsigned int failed = 0;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		begin_logged_in(RIG_SNAT);
		for (size_t turn = 0; turn < 6 && rows[index].turns[turn].text; turn++)
			rig_say(&rig, rows[index].turns[turn].direction, rows[index].turns[turn].text);
		if (!rig_reported(&rig, rows[index].reason)) {
			print_error("%s:%s\n", rows[index].name, rig.events);
			failed++;
		}
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(failed, 0);
}

/* The edited 227 is still needed when TLS has begun. */
static void edits_are_repeated_behind_234_until_they_are_acknowledged(void **state)
{
	const struct rig_peer *client;
	uint32_t before;

	(void)state;
	begin_logged_in(RIG_DNAT);
	client = &rig.at->peer[0];
	rig_say(&rig, C, "PASV\r\nAUTH TLS\r\n");
	before = client->expects;
	rig.lose = true;
	rig_say(&rig, S, "227 10,0,0,2,195,149\r\n");
	rig_say(&rig, S, "234 go\r\n");
	rig.lose = false;
	/* Somebody's hello, on behalf of a client that has seen nothing yet. */
	rig_packet(&rig, C, client->next, before, TCP_ACK, 0, "\x16\x03\x01", 3);
	rig.at->peer[0].next += 3;
	rig_at(&rig, S, sizeof("220 ready\r\n331 password\r\n230 in\r\n") - 1, "227 10,0,0,2,195,149\r\n", 0);
	rig_at(&rig, S, sizeof("220 ready\r\n331 password\r\n230 in\r\n") - 1 + 22, "234 go\r\n", 0);
	rig_assert_got(&rig, S, "227 198,51,100,200,195,149\r\n234 go\r\n");
	rig_say(&rig, C, "\x01");
	rig_say(&rig, S, "\x16\x03\x03");
	rig_say(&rig, C, "\x02");
	rig_say(&rig, S, "\x17\x03\x03");
	rig_assert_got(&rig, S, "227 198,51,100,200,195,149\r\n234 go\r\n\x16\x03\x03\x17\x03\x03");
}

static void a_reset_of_any_number_does_not_end_an_encrypted_session(void **state)
{
	static const uint32_t offsets[] = { 1, 12345, UINT32_C(0x40000000), UINT32_C(0xfffffff0) };
	static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x00, 0x01, 0x02 };

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(offsets); index++) {
		enum direction direction = (enum direction)(index % 2);

		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, "AUTH TLS\r\n");
		rig_say(&rig, S, "234 go\r\n");
		for (unsigned int i = 0; i < 3; i++) {
			rig_say_bytes(&rig, C, record, sizeof(record), 0);
			rig_say_bytes(&rig, S, record, sizeof(record), 0);
		}
		rig_packet(&rig, direction, rig.at->peer[direction].next + offsets[index / 2],
			   rig.at->peer[direction].expects, TCP_RST | TCP_ACK, 0, "", 0);
		assert_false(rig_reported(&rig, "session-close"));
		assert_int_not_equal(rig_say_bytes(&rig, C, record, sizeof(record), 0), GATEWAY_DROP);
		assert_int_not_equal(rig_say_bytes(&rig, S, record, sizeof(record), 0), GATEWAY_DROP);
		/* The right one does, where nothing is under way. */
		rig_acknowledge(&rig, direction_opposite(direction));
		rig_packet(&rig, direction, rig.at->peer[direction].next, rig.at->peer[direction].expects,
			   TCP_RST | TCP_ACK, 0, "", 0);
		assert_true(rig.at->peer[1 - direction].reset);
		assert_true(rig_reported(&rig, "session-close:reset"));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Two packets of a stranger, one in each peer's name; neither peer takes them. */
static void fins_of_any_number_do_not_end_an_encrypted_session(void **state)
{
	static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x00, 0x01, 0x02 };

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "AUTH TLS\r\n");
	rig_say(&rig, S, "234 go\r\n");
	for (unsigned int i = 0; i < 3; i++) {
		rig_say_bytes(&rig, C, record, sizeof(record), 0);
		rig_say_bytes(&rig, S, record, sizeof(record), 0);
	}
	for (int direction = 0; direction < 2; direction++)
		rig_packet(&rig, (enum direction)direction, rig.at->peer[direction].next + 1000000,
			   rig.at->peer[direction].expects, TCP_FIN | TCP_ACK, 0, "", 0);
	assert_false(rig_reported(&rig, "session-close"));
	rig_say_bytes(&rig, C, record, sizeof(record), 0);
	assert_int_not_equal(rig.output.verdict, GATEWAY_DROP);
	assert_false(rig.at->peer[0].reset || rig.at->peer[1].reset);
}

/* --- patience --- */

static void held_bytes_are_acknowledged_when_the_sender_waits(void **state)
{
	uint32_t next;

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "PORT 10,0,0,5,");
	assert_int_equal(rig.output.reason, REASON_HELD);
	next = rig.at->peer[0].next;
	tick(PATIENCE - 200);
	assert_int_equal(rig.injected_count, 0);
	assert_in_range(gateway_next_tick(rig.gateway, rig.now), rig.now, rig.now + 200);
	tick(200);
	assert_int_equal(rig.injected_count, 1);
	assert_int_equal(rig.injected[0].flags, TCP_ACK);
	assert_int_equal(rig.injected[0].ack, next);
	assert_int_equal(rig.injected[0].seq, rig.at->peer[0].expects);
	assert_int_equal(rig.injected[0].window, 1000);
	rig_say(&rig, C, "195,149\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN);
	tick(SECOND);
	assert_int_equal(rig.injected_count, 1);
}

static void what_was_acknowledged_for_the_receiver_is_repeated_to_it(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "PORT 10,0,0,5,");
	tick(PATIENCE);
	rig.lose = true;
	rig_say(&rig, C, "195,149\r\n");
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN + 14, "195,149\r\n", 0);
	rig_assert_got(&rig, C, RIG_PORT_SEEN);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN "NOOP\r\n");
}

/* The road between may lose what the gateway sends as well. */
static void an_acknowledgement_of_held_bytes_that_was_lost_is_sent_again(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "PORT 10,");
	tick(PATIENCE);
	assert_int_equal(rig.injected_count, 1);
	/* It never arrived: the sender's timer ends, after a fifth of a second at the earliest. */
	rig.now += 200000;
	rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,", 0);
	tick(PATIENCE);
	assert_int_equal(rig.injected_count, 2);
	assert_int_equal(rig.injected[1].ack, rig.at->peer[0].next);
}

/*
 * Bytes that have left and been lost behind the gateway are repeated by their sender, as long as nobody tells it that
 * they arrived. If it then waits for their answer, nobody is left who would.
 */
static void bytes_that_have_left_are_acknowledged_by_their_receiver_only(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_say(&rig, C, "NOOP\r\nPO");
	rig.lose = false;
	tick(PATIENCE);
	for (unsigned int i = 0; i < rig.injected_count; i++)
		assert_false(seq_before(rig.at->peer[0].first + BEHIND_LOGIN, rig.injected[i].ack));
}

/* --- time --- */

static void a_silent_session_is_forgotten(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.idle = 60 * SECOND;
	rig_start(&rig);
	rig_login(&rig);
	rig_say(&rig, C, RIG_PORT);
	tick(59 * SECOND);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
	/* A keep-alive is a sign of life. */
	rig_packet(&rig, C, rig.at->peer[0].next - 1, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
	tick(59 * SECOND);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
	tick(2 * SECOND);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_true(rig_reported(&rig, "session-close:idle"));
	assert_int_equal(rig.pinholes, 0);
}

/* However often another one speaks that was there before it. */
static void a_silent_session_is_forgotten_a_sixty_fourth_later_at_most(void **state)
{
	uint64_t silent;

	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.idle = 64 * SECOND;
	rig_start(&rig);
	rig_login(&rig);
	rig.at = &rig.connections[1];
	rig_login(&rig);
	silent = rig.now;
	rig.at = &rig.connections[0];
	while (rig.now - silent < 65 * SECOND) {
		assert_true(gateway_session_count(rig.gateway) == 2 || rig.now - silent > 64 * SECOND);
		rig_acknowledge(&rig, C);
		tick(SECOND / 2);
	}
	tick(0);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* Another connection has just ended, and its row is the first in the line of those to be forgotten. */
static void a_silent_session_that_speaks_again_is_inspected(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.idle = 60 * SECOND;
	rig_start(&rig);
	rig_login(&rig);
	rig.now += 60 * SECOND;
	rig.at = &rig.connections[1];
	rig_login(&rig);
	rig_say_bytes(&rig, S, "", 0, TCP_FIN);
	rig_say_bytes(&rig, C, "", 0, TCP_FIN);
	rig_acknowledge(&rig, S);
	rig.at = &rig.connections[0];
	tick(SECOND);
	assert_true(rig_reported(&rig, "session-close:idle"));
	rig_say(&rig, C, RIG_BOUNCE);
	rig_assert_never_got(&rig, C, "10,0,0,99");
}

static void rows_of_ended_sessions_are_forgotten_later(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
	tick(29 * SECOND);
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	/* Whoever speaks on is not forgotten, or the next line would be that of an adopted session. */
	tick(2 * SECOND);
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	tick(31 * SECOND);
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_ACCEPT);
}

static void a_gateway_that_stops_closes_pinholes_or_leaves_them(void **state)
{
	(void)state;
	for (int close = 0; close < 2; close++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, RIG_PORT);
		rig.at = &rig.connections[1];
		rig_login(&rig);
		gateway_stop(rig.gateway, close, rig.now);
		assert_int_equal(gateway_session_count(rig.gateway), 0);
		assert_int_equal(rig.pinholes, close ? 0 : 1);
		assert_true(rig_reported(&rig, "session-close:shutdown"));
		assert_int_equal(rig_reported(&rig, "pinhole-close:shutdown"), close);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void another_policy_holds_for_all_sessions(void **state)
{
	static struct policy strict;

	(void)state;
	begin_logged_in(RIG_SNAT);
	policy_rule_set_defaults(&strict.rules[0]);
	strict.rules[0].active = false;
	strict.rule_count = 1;
	gateway_set_policy(rig.gateway, &strict);
	memset(&rig.policy, 0, sizeof(rig.policy));
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	rig.at = &rig.connections[1];
	rig_login(&rig);
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
}

static void ipv6_is_no_different(void **state)
{
	(void)state;
	begin_logged_in(RIG_PLAIN6);
	rig_say(&rig, C, "EPRT |2|2001:db8::5|50000|\r\n");
	assert_int_equal(rig.pinholes, 1);
	rig_say(&rig, S, "200 ok\r\n");
	rig_say(&rig, C, "EPRT |2|2001:db8::99|50000|\r\n");
	rig_assert_never_got(&rig, C, "2001:db8::99");
	rig_say(&rig, S, "501 no\r\n");
	rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
	assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_session_begins_with_the_clients_answer_to_the_server, finish),
		cmocka_unit_test_teardown(a_late_copy_of_the_handshake_does_not_begin_again, finish),
		cmocka_unit_test_teardown(a_forged_handshake_does_not_end_the_session, finish),
		cmocka_unit_test_teardown(the_same_ports_can_be_used_again, finish),
		cmocka_unit_test_teardown(a_handshake_carries_no_payload_past_the_session, finish),
		cmocka_unit_test_teardown(a_connection_that_the_kernel_does_not_know_does_not_pass, finish),
		cmocka_unit_test_teardown(a_connection_whose_ends_are_not_the_packets_does_not_pass, finish),
		cmocka_unit_test_teardown(a_full_table_turns_away_or_lets_pass_as_configured, finish),
		cmocka_unit_test_teardown(rows_of_dead_connections_are_the_first_to_go, finish),
		cmocka_unit_test_teardown(connections_do_not_disturb_each_other, finish),
		cmocka_unit_test_teardown(an_adopted_stream_begins_where_its_receiver_stands, finish),
		cmocka_unit_test_teardown(a_connection_in_the_middle_is_adopted_at_its_next_line, finish),
		cmocka_unit_test_teardown(a_connection_is_adopted_with_the_kernels_correction, finish),
		cmocka_unit_test_teardown(a195_a_session_that_is_killed_is_reset_for_both_and_leaves_nothing, finish),
		cmocka_unit_test_teardown(a195_what_a_killed_session_had_offered_is_taken_back, finish),
		cmocka_unit_test_teardown(the_rest_of_a_line_is_not_taken_for_a_line, finish),
		cmocka_unit_test_teardown(a_line_that_begins_like_a_rest_is_judged, finish),
		cmocka_unit_test_teardown(an_odd_line_is_not_taken_for_the_rest_of_one, finish),
		cmocka_unit_test_teardown(adopted_tls_stays_closed_to_us_and_is_reported, finish),
		cmocka_unit_test_teardown(adopted_tls_ends_with_packets_that_its_peers_believe, finish),
		cmocka_unit_test_teardown(adopted_bytes_are_no_tls_where_there_is_none, finish),
		cmocka_unit_test_teardown(a_session_ends_when_both_fins_are_acknowledged, finish),
		cmocka_unit_test_teardown(a_lost_fin_is_repeated, finish),
		cmocka_unit_test_teardown(a_fin_leaves_with_the_bytes_before_it_or_not_at_all, finish),
		cmocka_unit_test_teardown(a_line_that_ends_with_the_connection_is_a_line, finish),
		cmocka_unit_test_teardown(a_reset_ends_the_session_and_takes_the_pinhole_along, finish),
		cmocka_unit_test_teardown(a_reset_from_a_sender_with_held_bytes_has_the_receivers_number, finish),
		cmocka_unit_test_teardown(both_peers_are_reset_with_the_numbers_that_they_expect, finish),
		cmocka_unit_test_teardown(whoever_speaks_on_in_a_killed_session_is_reset_again, finish),
		cmocka_unit_test_teardown(a_killed_connection_can_be_opened_again, finish),
		cmocka_unit_test_teardown(a_client_that_speaks_first_is_reset_at_once, finish),
		cmocka_unit_test_teardown(tls_passes_behind_234, finish),
		cmocka_unit_test_teardown(plaintext_around_auth_ends_the_session, finish),
		cmocka_unit_test_teardown(edits_are_repeated_behind_234_until_they_are_acknowledged, finish),
		cmocka_unit_test_teardown(a_reset_of_any_number_does_not_end_an_encrypted_session, finish),
		cmocka_unit_test_teardown(fins_of_any_number_do_not_end_an_encrypted_session, finish),
		cmocka_unit_test_teardown(held_bytes_are_acknowledged_when_the_sender_waits, finish),
		cmocka_unit_test_teardown(what_was_acknowledged_for_the_receiver_is_repeated_to_it, finish),
		cmocka_unit_test_teardown(an_acknowledgement_of_held_bytes_that_was_lost_is_sent_again, finish),
		cmocka_unit_test_teardown(bytes_that_have_left_are_acknowledged_by_their_receiver_only, finish),
		cmocka_unit_test_teardown(a_silent_session_is_forgotten, finish),
		cmocka_unit_test_teardown(a_silent_session_is_forgotten_a_sixty_fourth_later_at_most, finish),
		cmocka_unit_test_teardown(a_silent_session_that_speaks_again_is_inspected, finish),
		cmocka_unit_test_teardown(rows_of_ended_sessions_are_forgotten_later, finish),
		cmocka_unit_test_teardown(a_gateway_that_stops_closes_pinholes_or_leaves_them, finish),
		cmocka_unit_test_teardown(another_policy_holds_for_all_sessions, finish),
		cmocka_unit_test_teardown(ipv6_is_no_different, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
