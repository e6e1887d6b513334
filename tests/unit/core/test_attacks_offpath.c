/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A83, A84, A85, A88, A89, A144, A146, A152: packets that prove nothing. Strangers send them who know addresses and ports,
 * and peers who want the gateway to believe what the other peer does not.
 */
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY
#define SECOND UINT64_C(1000000)
#define GREETED (sizeof("220 ready\r\n331 password\r\n230 in\r\n") - 1)
#define BEHIND_LOGIN (sizeof("USER u\r\nPASS p\r\n") - 1)

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void begin_logged_in(enum rig_nat nat)
{
	rig_begin(&rig, nat);
	rig_login(&rig);
}

static void tick(uint64_t later)
{
	rig.now += later;
	gateway_tick(rig.gateway, rig.now);
}

#define TIMESTAMPS 8
#define TCP_MD5 19 /* RFC 2385; of another length here, which makes no difference to who does not know it */

/* A packet without payload that has an option, which goes no further: nobody has received it. */
static enum gateway_verdict send_odd(enum direction direction, uint32_t seq, uint32_t ack, uint8_t flags,
				     uint32_t timestamp, uint16_t window, uint8_t option)
{
	struct tuple tuple = { rig.at->view.client, rig.at->view.server };
	struct packet_plain plain = {
		.tuple = direction == C ? tuple : tuple_reverse(&tuple), .seq = seq, .ack = ack, .flags = flags,
		.window = window, .timestamps = { true, timestamp, 1 },
	};
	struct packet_change change = { .seq = seq, .ack = ack, .flags = flags };
	uint8_t header[PACKET_PLAIN_MAX];
	uint8_t out[PACKET_PLAIN_MAX];
	struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet packet;

	header[20 + TCP_HEADER_PLAIN + 2] = option;
	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	bytes.length = packet_rewrite(bytes, &packet, &change, out, sizeof(out));
	bytes.data = out;
	rig.now += 100;
	gateway_packet(rig.gateway, bytes, NULL, rig.now, &rig.output);
	return rig.output.verdict;
}

/* --- A83: a SYN and ACK that begins, or a reset that ends, what it should not --- */

static void a83_a_blind_syn_and_ack_begins_nothing_where_the_gateway_is_new(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(rig_packet(&rig, S, 0x11111111, 0x22222222, TCP_SYN | TCP_ACK, 0, "", 0), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	/* The session is adopted, and goes on. */
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_settle(&rig);
	assert_int_equal(rig.at->peer[1].got_length, 6);
	assert_true(rig_reported(&rig, "session-open"));
	assert_false(rig_reported(&rig, "session-close"));
}

static void a83_a_syn_and_ack_does_not_begin_an_ended_row_anew(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_RST | TCP_ACK, 0, "", 0);
	assert_true(rig_reported(&rig, "session-close:reset"));
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next - 9, rig.at->peer[1].expects, TCP_SYN | TCP_ACK,
				    0, "", 0),
			 GATEWAY_DROP);
	assert_int_equal(rig_say(&rig, S, "227 Entering Passive Mode (10,0,0,9,0,25)\r\n"), GATEWAY_DROP);
	rig_assert_never_got(&rig, S, "227");
}

/* Held bytes are let out by what follows, whether the reset was obeyed or not. */
static void a83_a_reset_that_need_not_be_obeyed_ends_no_session(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		begin_logged_in(RIG_SNAT);
		if (kind == 0) {
			send_odd(C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 5, 0, TCP_MD5);
		} else {
			rig_say(&rig, C, "NOOP\r\n");
			/* The server has it, and the number is of before. */
			rig_packet(&rig, C, rig.at->peer[0].next - 6, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0,
				   "", 0);
		}
		assert_false(rig_reported(&rig, "session-close"));
		rig_say(&rig, C, RIG_BOUNCE);
		rig_assert_never_got(&rig, C, "10,0,0,99");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a83_a_reset_in_doubt_ends_a_session_that_stays_silent(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	/* Whoever repeats it gains no time. */
	for (int i = 0; i < 10; i++) {
		rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
		assert_int_equal(rig.pinholes, 1);
		tick(SECOND);
	}
	tick(SECOND);
	assert_true(rig_reported(&rig, "session-close:reset"));
	assert_int_equal(rig.pinholes, 0);
}

static void a83_a_session_that_goes_on_after_a_reset_in_doubt_is_not_ended(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
	tick(9 * SECOND);
	rig_say(&rig, S, "200 ok\r\n");
	for (int i = 0; i < 30; i++)
		tick(SECOND);
	assert_false(rig_reported(&rig, "session-close"));
	assert_int_equal(rig.pinholes, 1);
}

/* Whichever of the others is doubted no more. */
static void a83_each_doubt_ends_when_it_is_ten_seconds_old(void **state)
{
	(void)state;
	for (unsigned int trusted = 0; trusted <= RIG_CONNECTIONS; trusted++) {
		rig_begin(&rig, RIG_PLAIN);
		for (unsigned int i = 0; i < RIG_CONNECTIONS; i++) {
			rig.at = &rig.connections[i];
			rig_login(&rig);
			rig_say(&rig, S, "200 ok\r\n");
			rig_packet(&rig, S, rig.at->peer[1].next - 1, rig.at->peer[1].expects, TCP_RST | TCP_ACK, 0, "", 0);
			tick(SECOND);
		}
		rig.events[0] = '\0';
		if (trusted < RIG_CONNECTIONS) {
			rig.at = &rig.connections[trusted];
			rig_say(&rig, C, "NOOP\r\n");
		}
		for (unsigned int i = 0; i < RIG_CONNECTIONS; i++) {
			tick((i == 0 ? 13 : 2) * SECOND / 2);
			assert_int_equal(gateway_session_count(rig.gateway),
					 RIG_CONNECTIONS - (i + 1) + (trusted <= i ? 1 : 0));
		}
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* --- A84: two connections that look alike at FORWARD --- */

static void a84_a_second_connection_with_the_same_ends_is_refused(void **state)
{
	struct nat_view twin;

	(void)state;
	for (int ended = 0; ended < 2; ended++) {
		begin_logged_in(RIG_DNAT);
		if (ended)
			rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
		twin = rig.at->view;
		twin.server_seen = unit_endpoint("198.51.100.201", 21);
		twin.client_seen.port++;
		rig.lookup_other = &twin;
		rig.others_live = true;
		rig.at->view = twin;
		for (int side = 0; side < 2; side++)
			rig.at->peer[side].next = rig.at->peer[side].first;
		assert_int_equal(rig_packet(&rig, S, 5000, 6000, TCP_SYN | TCP_ACK, 0, "", 0), GATEWAY_DROP);
		assert_int_equal(rig.output.reason, REASON_SHARED_TUPLE);
		assert_true(rig_reported(&rig, "anomaly:shared-tuple"));
		/*
		 * Once conntrack has the first one no more, the second can be had; it is asked again a millisecond later
		 * (A152).
		 */
		rig.others_live = false;
		rig.now += 1000;
		assert_int_equal(rig_packet(&rig, S, 5000, 6000, TCP_SYN | TCP_ACK, 0, "", 0), GATEWAY_ACCEPT);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a84_connections_that_look_alike_are_not_adopted(void **state)
{
	(void)state;
	rig_make(&rig, RIG_DNAT);
	rig.shared = true;
	rig_start(&rig);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_SHARED_TUPLE);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
}

/* --- A85: spoofed handshakes --- */

static void flood(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		rig.at = &rig.connections[1 + i % (RIG_CONNECTIONS - 1)];
		rig_shake(&rig);
	}
}

static void a85_handshakes_that_nobody_answers_take_no_session_and_no_quota(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.quota.sessions = 1;
	rig_start(&rig);
	flood(RIG_CONNECTIONS - 1);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_string_equal(rig.events, "");
	rig.at = &rig.connections[0];
	rig_login(&rig);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

static void a85_handshakes_give_way_to_sessions_and_are_forgotten_soon(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.sessions = 2;
	rig_start(&rig);
	flood(RIG_CONNECTIONS - 1);
	assert_int_equal(gateway_get_counters(rig.gateway)->reasons[REASON_HANDSHAKES_FULL], RIG_CONNECTIONS - 3);
	rig.at = &rig.connections[0];
	rig_login(&rig);
	tick(2 * SECOND);
	assert_true(rig_reported(&rig, "anomaly:handshakes-full"));
	rig.events[0] = '\0';
	tick(11 * SECOND);
	/* Only what lives is left: both rows can be had. */
	rig.at = &rig.connections[1];
	rig_login(&rig);
	assert_int_equal(gateway_session_count(rig.gateway), 2);
}

static void a85_a_slow_client_whose_row_is_gone_is_adopted(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_shake(&rig);
	tick(11 * SECOND);
	rig_acknowledge(&rig, C);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig_at(&rig, S, 0, "220 ready\r\n", 0);
	/* conntrack has not seen an answer: whoever spoke is not believed. */
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig.now += 1000;
	rig_say(&rig, S, "220 ready\r\n");
	assert_int_equal(gateway_session_count(rig.gateway), 1);
	rig_settle(&rig);
	rig_acknowledge(&rig, C);
	assert_int_equal(rig.at->peer[0].got_length, 11);
}

static void a85_only_the_servers_number_completes_a_handshake(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_shake(&rig);
	rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects + 1, TCP_ACK, 0, "", 0);
	rig_packet(&rig, C, rig.at->peer[0].next + 1, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, "220 a\r\n", 7),
			 GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig_acknowledge(&rig, C);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* --- A88: what nobody acknowledges --- */

static void hoard(uint64_t pause)
{
	static char reply[1100];

	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "200-", 4);
	memcpy(reply + sizeof(reply) - 2, "\r\n", 2);
	for (unsigned int i = 1; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		rig_login(&rig);
	}
	for (unsigned int i = 1; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		rig.lose = true;
		for (int j = 0; j < 20; j++) {
			rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, reply,
				   sizeof(reply));
			if (rig.output.verdict != GATEWAY_DROP)
				rig.at->peer[1].next += sizeof(reply);
		}
		rig.lose = false;
		rig.now += pause;
	}
	rig.at = &rig.connections[0];
}

static void a88_a_session_has_its_line_however_much_others_hoard(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.memory = 32 * BUFFER_BLOCK_SIZE;
	rig_start(&rig);
	rig.lose = false;
	hoard(0);
	assert_true(gateway_get_counters(rig.gateway)->reasons[REASON_MEMORY_FULL] > 0);
	rig_login(&rig);
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
	rig.events[0] = '\0';
	tick(2 * SECOND);
	assert_true(rig_reported(&rig, "anomaly:memory-full"));
}

static void a88_a_source_has_its_share(void **state)
{
	(void)state;
	for (int enough = 0; enough < 2; enough++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.quota.bytes = enough ? 200000 : 10000;
		rig_start(&rig);
		hoard(0);
		assert_int_equal(gateway_get_counters(rig.gateway)->reasons[REASON_QUOTA_BYTES] > 0, !enough);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* A sixteenth of it, where less than a quarter of the blocks is left. */
static void a88_and_less_where_memory_is_scarce(void **state)
{
	/* Of eight blocks, four, two, and one. */
	static const struct {
		unsigned int connection;
		size_t length;
	} replies[] = { { 1, 900 }, { 1, 900 }, { 2, 900 }, { 3, 400 } };
	char reply[900];
	enum gateway_verdict verdict;

	(void)state;
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "200-", 4);
	for (int enough = 0; enough < 2; enough++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.memory = 8 * BUFFER_BLOCK_SIZE;
		rig.limits.quota.bytes = enough ? 64000 : 32000;
		rig_start(&rig);
		for (unsigned int i = 0; i < RIG_CONNECTIONS; i++) {
			rig.at = &rig.connections[i];
			rig_login(&rig);
		}
		rig.lose = true;
		for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
			rig.at = &rig.connections[replies[i].connection];
			memcpy(reply + replies[i].length - 2, "\r\n", 2);
			verdict = rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, reply,
					     replies[i].length);
			assert_int_equal(verdict, GATEWAY_ACCEPT);
			rig.at->peer[1].next += (uint32_t)replies[i].length;
			memcpy(reply + replies[i].length - 2, "xx", 2);
		}
		rig.at = &rig.connections[0];
		verdict = rig_say(&rig, C, "NOOP\r\n");
		assert_int_equal(verdict, enough ? GATEWAY_ACCEPT : GATEWAY_DROP);
		assert_int_equal(rig.output.reason, enough ? REASON_NONE : REASON_QUOTA_BYTES);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a88_what_stands_still_goes_where_the_pool_is_short(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.memory = 32 * BUFFER_BLOCK_SIZE;
	rig_start(&rig);
	rig_login(&rig);
	hoard(0);
	for (int i = 0; i < 60; i++) {
		/* A byte now and then is no progress. */
		for (unsigned int j = 1; j < RIG_CONNECTIONS; j++) {
			rig.at = &rig.connections[j];
			rig_packet(&rig, C, rig.at->peer[0].next,
				   rig.at->peer[0].other_first + GREETED + (uint32_t)i / 9, TCP_ACK, 0, "", 0);
		}
		tick(SECOND);
	}
	assert_true(rig_reported(&rig, "session-close:unacknowledged"));
	/* As many as are in the way, and not the one that has next to nothing. */
	assert_in_range(gateway_session_count(rig.gateway), 1, RIG_CONNECTIONS - 1);
	rig.at = &rig.connections[0];
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
}

/* --- A89: fields of packets that are not known to be the peer's --- */

/* The client's line is held, and acknowledged in the server's name: what does that say? */
static const struct packet *acknowledge_held(void)
{
	rig.injected_count = 0;
	rig_say(&rig, C, "PORT 10,");
	tick(UINT64_C(5001));
	assert_int_equal(rig.injected_count, 1);
	return &rig.injected[0];
}

static void a89_a_strangers_timestamp_and_window_are_not_repeated(void **state)
{
	static const uint32_t offsets[][2] = { { 0x11111111, 0x22222222 }, { 0, 0x22222222 }, { 0x11111111, 0 },
		/* What it said before may be repeated, and is not news. */
		{ 0, (uint32_t)-3 } };
	const struct packet *made;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(offsets); index++) {
		begin_logged_in(RIG_SNAT);
		send_odd(C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 7, 1000, TIMESTAMPS);
		send_odd(S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 70, 999, TIMESTAMPS);
		send_odd(S, rig.at->peer[1].next + offsets[index][0], rig.at->peer[1].expects + offsets[index][1],
			 TCP_ACK, 0x40000000, 3, TIMESTAMPS);
		/* Nor is one that goes back. */
		send_odd(S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 60, 3, TIMESTAMPS);
		made = acknowledge_held();
		assert_int_equal(made->window, 999);
		assert_int_equal(made->seq, rig.at->peer[0].expects);
		assert_true(made->timestamps.present);
		assert_int_equal(made->timestamps.value, 70);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Of a peer that has sent timestamps before, however large they are. */
static void a89_what_has_no_timestamp_is_no_news_where_all_else_has_one(void **state)
{
	static const uint32_t timestamps[] = { 70, UINT32_C(0xfffffff0) };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(timestamps); index++) {
		const struct packet *made;

		begin_logged_in(RIG_SNAT);
		send_odd(C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 7, 1000, TIMESTAMPS);
		send_odd(S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, timestamps[index], 999, TIMESTAMPS);
		rig_acknowledge(&rig, S);
		made = acknowledge_held();
		assert_int_equal(made->window, 999);
		assert_true(made->timestamps.present);
		assert_int_equal(made->timestamps.value, timestamps[index]);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a89_a_strangers_acknowledgement_releases_nothing(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_say(&rig, C, RIG_PORT);
	rig.lose = false;
	/* The acknowledgement happens to be right, the place is not. */
	rig_packet(&rig, S, rig.at->peer[1].next + 0x11111111, rig.at->peer[0].next + 2, TCP_ACK, 0, "", 0);
	rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT, 0);
	rig_assert_got(&rig, C, RIG_PORT_SEEN);
}

/* The receiver drops it (RFC 5961 5.2), and the peer's own bytes with these numbers would leave as the stranger's. */
static void a89_payload_with_a_strangers_acknowledgement_is_not_the_peers(void **state)
{
	static const uint32_t offsets[] = { 1, 0x22222222, 0xf0000000 };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(offsets); index++) {
		begin_logged_in(RIG_SNAT);
		assert_int_equal(rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects + offsets[index],
					    TCP_ACK, 0, "DELE x\r\n", 8),
				 GATEWAY_DROP);
		rig_say(&rig, C, "NOOP\r\n");
		rig_assert_got(&rig, C, "NOOP\r\n");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a89_a_stranger_does_not_end_an_adopted_session(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_settle(&rig);
	rig_at(&rig, S, 0, "200 ok\r\n", 0);
	rig_settle(&rig);
	rig_packet(&rig, S, rig.at->peer[1].first + 0x1234567, rig.at->peer[0].first + 0x2345678, TCP_ACK, 0, "", 0);
	assert_false(rig_reported(&rig, "session-close"));
}

/* Its payload is the first that a new gateway sees of the connection. */
static void a89_a_stranger_who_is_first_does_not_stop_an_adoption(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		rig_begin(&rig, RIG_SNAT);
		rig_packet(&rig, side ? S : C, 0x12345678, 0x87654321, TCP_ACK, 0, "NOOP\r\n", 6);
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		rig_settle(&rig);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		rig_settle(&rig);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		assert_int_equal(rig.at->peer[1].got_length, 6);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* --- A144: a peer that writes in the other's name, from where it sits itself --- */

/* What is sent in direction's name comes by that device from now on, and is routed as ever. */
static void comes_by(enum direction direction, uint32_t device)
{
	rig.way[direction].in = device;
}

static void a144_a_client_that_answers_its_own_pasv_is_not_believed(void **state)
{
	static const char *const forged[] = {
		"227 Entering Passive Mode (203,0,113,9,12,234)\r\n", "234 go\r\n", "230 in\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, "PASV\r\n");
		comes_by(S, 1);
		assert_int_equal(rig_at(&rig, S, GREETED, forged[i], 0), GATEWAY_DROP);
		assert_true(rig_reported(&rig, "anomaly:wrong-way"));
		assert_int_equal(rig.pinholes_made, 0);
		comes_by(S, 2);
		rig_say(&rig, S, "227 Entering Passive Mode (203,0,113,9,195,149)\r\n");
		assert_int_equal(rig.pinholes_made, 1);
		rig_end(&rig);
	}
}

static void a144_nor_a_server_that_asks_in_its_clients_name(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	comes_by(C, 2);
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT, 0), GATEWAY_DROP);
	assert_int_equal(rig.pinholes_made, 0);
	comes_by(C, 1);
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
}

/* The client's answer leaves by another device than that by which the server's SYN and ACK came. */
static void a144_a_session_does_not_begin_with_a_forged_syn_and_ack(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_PLAIN);
	comes_by(S, 1);
	rig_shake(&rig);
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_false(rig_reported(&rig, "session-open"));
}

/* A forged greeting may complete a handshake for us, whose client has not been heard yet. */
static void a144_nor_go_on_with_one(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_PLAIN);
	comes_by(S, 1);
	rig_shake(&rig);
	rig_say(&rig, S, "220 ready\r\n");
	assert_int_equal(rig_say(&rig, C, "USER u\r\n"), GATEWAY_DROP);
	assert_true(rig_reported(&rig, "session-close:wrong-way"));
	assert_int_equal(rig.injected_count, 2);
	rig_assert_never_got(&rig, C, "USER");
}

/* Nothing of what is being adopted has passed. It begins again, with what comes its way. */
static void a144_an_adoption_that_begins_with_a_forged_line_begins_again(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_PLAIN);
	comes_by(C, 2);
	rig_at(&rig, C, 0, RIG_PORT, 0);
	assert_int_equal(rig_at(&rig, S, 0, "226 done\r\n", 0), GATEWAY_DROP);
	assert_true(rig_reported(&rig, "session-close:wrong-way"));
	assert_false(rig.at->peer[0].reset || rig.at->peer[1].reset);
	comes_by(C, 1);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, S, 0, "226 done\r\n", 0);
	rig_settle(&rig);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, S, 0, "226 done\r\n", 0);
	assert_int_equal(rig.at->peer[1].got_length, 6);
	rig_assert_never_got(&rig, C, "PORT");
	assert_int_equal(rig.pinholes_made, 0);
}

static void a144_a_route_that_changes_is_followed(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.way[C].out = 3;
	rig_say(&rig, C, "NOOP\r\n");
	assert_int_equal(rig_at(&rig, S, GREETED, "200 ok\r\n", 0), GATEWAY_DROP);
	comes_by(S, 3);
	rig_say(&rig, S, "200 ok\r\n");
	rig_assert_got(&rig, S, "200 ok\r\n");
}

/* The server goes by another way while its client waits for it and says nothing. */
static void a262_a_way_that_changes_in_silence_is_asked_for(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.injected_count = 0;
	rig.way[C].out = 3;
	comes_by(S, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_at(&rig, S, GREETED, "226 done\r\n", 0), GATEWAY_DROP);
	assert_int_equal(rig.injected_count, 1);
	assert_int_equal(rig.injected[0].flags, TCP_ACK);
	assert_int_equal(rig.injected[0].seq, rig.at->peer[C].expects - 1);
	assert_int_equal(rig.injected[0].tuple.destination.port, rig.at->view.client.port);
	rig_acknowledge(&rig, C);
	rig_say(&rig, S, "226 done\r\n");
	rig_assert_got(&rig, S, "226 done\r\n");
	/* The same question about a client's way goes to the server. */
	rig.way[S].out = 4;
	comes_by(C, 4);
	rig.now += SECOND;
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN, "NOOP\r\n", 0), GATEWAY_DROP);
	assert_int_equal(rig.injected_count, 2);
	assert_int_equal(rig.injected[1].tuple.destination.port, rig.at->view.server.port);
}

static void a262_a_way_is_asked_for_ten_times_a_second_at_most(void **state)
{
	uint64_t asked;

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.injected_count = 0;
	comes_by(S, 3);
	rig_at(&rig, S, GREETED, "226 done\r\n", 0);
	asked = rig.now;
	rig.now = asked + SECOND / 10 - 1 - 100; /* which the rig adds */
	rig_at(&rig, S, GREETED, "226 done\r\n", 0);
	assert_int_equal(rig.injected_count, 1);
	rig.now = asked + SECOND / 10 - 100;
	rig_at(&rig, S, GREETED, "226 done\r\n", 0);
	assert_int_equal(rig.injected_count, 2);
}

/* A client that waits for a SYN and ACK would answer with a reset, and what an adopted peer expects is not known yet. */
static void a262_nobody_is_asked_for_a_way_before_both_have_been_heard(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_shake(&rig);
	comes_by(C, 2);
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_WRONG_WAY);
	assert_int_equal(rig.injected_count, 0);
	rig_end(&rig);

	rig_begin(&rig, RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	comes_by(S, 1);
	assert_int_equal(rig_at(&rig, S, 0, "200 ok\r\n", 0), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_WRONG_WAY);
	assert_int_equal(rig.injected_count, 0);
}

/* What a client says in its server's name comes by the wrong way before the question and behind it. */
static void a262_who_forges_gains_nothing_by_the_question(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "PASV\r\n");
	comes_by(S, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_at(&rig, S, GREETED, "227 Entering Passive Mode (203,0,113,9,12,234)\r\n", 0),
				 GATEWAY_DROP);
		rig_acknowledge(&rig, C);
		rig.now += SECOND;
	}
	assert_int_equal(rig.pinholes_made, 0);
}

/* Where one device of a packet is not known, its way is not. */
static void a144_where_ways_differ_the_operator_says_so(void **state)
{
	static const struct gateway_way ways[] = { { 7, 1 }, { 0, 0 }, { 0, 1 }, { 7, 0 } };

	(void)state;
	for (size_t unknown = 0; unknown < ARRAY_SIZE(ways); unknown++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.reverse_path = unknown > 0;
		rig.way[S] = ways[unknown];
		rig_start(&rig);
		rig_login(&rig);
		rig_say(&rig, C, "PASV\r\n");
		rig_say(&rig, S, "227 Entering Passive Mode (203,0,113,9,195,149)\r\n");
		assert_int_equal(rig.pinholes_made, 1);
		rig_end(&rig);
	}
}

/* --- A146: a peer that goes on with what has ended --- */

/* Each reset costs the broker a look at conntrack and a raw packet, so a packet must not buy one. */
static void a146_who_goes_on_with_a_killed_session_is_told_ten_times_a_second(void **state)
{
	(void)state;
	for (int direction = 0; direction < 2; direction++) {
		begin_logged_in(RIG_SNAT);
		rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
		rig.injected_count = 0;
		/* 100 microseconds pass with each. */
		for (unsigned int i = 0; i < 20000; i++)
			assert_int_equal(rig_at(&rig, (enum direction)direction, 100, "NOOP\r\n", 0), GATEWAY_DROP);
		assert_in_range(rig.injected_count, 19, 21);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* --- A152: packets that are refused, as fast as they come --- */

static enum gateway_verdict answer_blindly(void)
{
	return rig_packet(&rig, S, 0x11111111, 0x22222222, TCP_SYN | TCP_ACK, 0, "", 0);
}

static void a152_who_answers_in_mid_session_has_conntrack_asked_ten_times_a_second(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lookups = 0;
	/* 100 microseconds pass with each. */
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(answer_blindly(), GATEWAY_DROP);
	/* 1, 2, 4 to 64 ms, and 100 ms from then on. */
	assert_in_range(rig.lookups, 25, 28);
	/* The session goes on, and has noticed nothing. */
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
}

static void a152_what_speaks_and_is_nobodys_has_conntrack_asked_ten_times_a_second(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig.lookup_answer = REASON_NO_CONNECTION;
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(rig_at(&rig, C, 0, "NOOP\r\n", 0), GATEWAY_DROP);
	assert_in_range(rig.lookups, 25, 28);
	/* Who has been silent for a while is heard at once, and what the other one says was never refused. */
	rig.lookups = 0;
	rig_at(&rig, S, 0, "220 ready\r\n", 0);
	assert_int_equal(rig.lookups, 1);
	rig.now += SECOND;
	rig.lookup_answer = REASON_NONE;
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_settle(&rig);
	assert_int_equal(rig.at->peer[1].got_length, 6);
}

/* Whatever strangers send, once conntrack would have it pass it does a tenth of a second later at most. */
static void a152_a_refusal_is_not_for_longer_than_a_tenth_of_a_second(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(answer_blindly(), GATEWAY_DROP);
	/* The client's SYN has come, and the strangers go on. */
	rig.at->shaken = true;
	for (unsigned int i = 0; i < 1000; i++)
		answer_blindly();
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	rig_acknowledge(&rig, C);
	rig_say(&rig, S, "220 ready\r\n");
	assert_int_equal(rig.at->peer[0].got_length, 11);
}

static void a152_who_is_turned_away_is_told_ten_times_a_second(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig.shared = true;
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(rig_shake(&rig), GATEWAY_DROP);
	assert_in_range(rig.injected_count, 50, 56);
}

/* Nor is more done for those whom conntrack has, and for whom there is no room. */
static void a152_who_finds_no_room_is_told_ten_times_a_second(void **state)
{
	(void)state;
	for (int shaken = 0; shaken < 2; shaken++)
		for (int full = 0; full < 2; full++) {
			rig_make(&rig, RIG_SNAT);
			rig.limits.sessions = full ? 1 : RIG_CONNECTIONS;
			rig.limits.quota.sessions = 1;
			rig_start(&rig);
			rig_login(&rig);
			rig.at = &rig.connections[1];
			rig.lookups = 0;
			rig.injected_count = 0;
			for (unsigned int i = 0; i < 20000; i++) {
				if (shaken)
					rig_shake(&rig);
				else
					rig_at(&rig, C, 0, "NOOP\r\n", 0);
			}
			/* There is room for a handshake, and for no session. */
			if (shaken && !full) {
				assert_int_equal(rig.lookups, 1);
			} else {
				assert_in_range(rig.lookups, 25, 28);
				assert_in_range(rig.injected_count, 50, 56);
			}
			rig_end(&rig);
		}
	rig_begin(&rig, RIG_SNAT);
}

static void a152_a_server_that_speaks_to_who_does_not_answer_has_conntrack_asked_ten_times_a_second(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_shake(&rig);
	rig.lookups = 0;
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[0].first, TCP_ACK, 0,
					    "220 ready\r\n", 11),
				 GATEWAY_DROP);
	assert_in_range(rig.lookups, 25, 28);
}

/* What is held is acknowledged once, and again for who seems not to have heard it. */
static void a152_who_repeats_what_is_held_is_told_ten_times_a_second(void **state)
{
	unsigned int told;

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.injected_count = 0;
	for (unsigned int i = 0; i < 20000; i++) {
		rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0", 0);
		tick(0);
	}
	assert_in_range(rig.injected_count, 19, 21);
	for (told = rig.injected_count; rig.injected_count == told; tick(0))
		rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0", 0);
	told = rig.injected_count;
	/* A byte more is news. */
	rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0,", 0);
	tick(5000);
	assert_int_equal(rig.injected_count, told + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a83_a_blind_syn_and_ack_begins_nothing_where_the_gateway_is_new, finish),
		cmocka_unit_test_teardown(a83_a_syn_and_ack_does_not_begin_an_ended_row_anew, finish),
		cmocka_unit_test_teardown(a83_a_reset_that_need_not_be_obeyed_ends_no_session, finish),
		cmocka_unit_test_teardown(a83_a_reset_in_doubt_ends_a_session_that_stays_silent, finish),
		cmocka_unit_test_teardown(a83_a_session_that_goes_on_after_a_reset_in_doubt_is_not_ended, finish),
		cmocka_unit_test_teardown(a83_each_doubt_ends_when_it_is_ten_seconds_old, finish),
		cmocka_unit_test_teardown(a84_a_second_connection_with_the_same_ends_is_refused, finish),
		cmocka_unit_test_teardown(a84_connections_that_look_alike_are_not_adopted, finish),
		cmocka_unit_test_teardown(a85_handshakes_that_nobody_answers_take_no_session_and_no_quota, finish),
		cmocka_unit_test_teardown(a85_handshakes_give_way_to_sessions_and_are_forgotten_soon, finish),
		cmocka_unit_test_teardown(a85_a_slow_client_whose_row_is_gone_is_adopted, finish),
		cmocka_unit_test_teardown(a85_only_the_servers_number_completes_a_handshake, finish),
		cmocka_unit_test_teardown(a88_a_session_has_its_line_however_much_others_hoard, finish),
		cmocka_unit_test_teardown(a88_a_source_has_its_share, finish),
		cmocka_unit_test_teardown(a88_and_less_where_memory_is_scarce, finish),
		cmocka_unit_test_teardown(a88_what_stands_still_goes_where_the_pool_is_short, finish),
		cmocka_unit_test_teardown(a89_a_strangers_timestamp_and_window_are_not_repeated, finish),
		cmocka_unit_test_teardown(a89_what_has_no_timestamp_is_no_news_where_all_else_has_one, finish),
		cmocka_unit_test_teardown(a89_a_strangers_acknowledgement_releases_nothing, finish),
		cmocka_unit_test_teardown(a89_payload_with_a_strangers_acknowledgement_is_not_the_peers, finish),
		cmocka_unit_test_teardown(a89_a_stranger_who_is_first_does_not_stop_an_adoption, finish),
		cmocka_unit_test_teardown(a89_a_stranger_does_not_end_an_adopted_session, finish),
		cmocka_unit_test_teardown(a144_a_client_that_answers_its_own_pasv_is_not_believed, finish),
		cmocka_unit_test_teardown(a144_nor_a_server_that_asks_in_its_clients_name, finish),
		cmocka_unit_test_teardown(a144_a_session_does_not_begin_with_a_forged_syn_and_ack, finish),
		cmocka_unit_test_teardown(a144_nor_go_on_with_one, finish),
		cmocka_unit_test_teardown(a144_an_adoption_that_begins_with_a_forged_line_begins_again, finish),
		cmocka_unit_test_teardown(a144_a_route_that_changes_is_followed, finish),
		cmocka_unit_test_teardown(a262_a_way_that_changes_in_silence_is_asked_for, finish),
		cmocka_unit_test_teardown(a262_a_way_is_asked_for_ten_times_a_second_at_most, finish),
		cmocka_unit_test_teardown(a262_nobody_is_asked_for_a_way_before_both_have_been_heard, finish),
		cmocka_unit_test_teardown(a262_who_forges_gains_nothing_by_the_question, finish),
		cmocka_unit_test_teardown(a144_where_ways_differ_the_operator_says_so, finish),
		cmocka_unit_test_teardown(a146_who_goes_on_with_a_killed_session_is_told_ten_times_a_second, finish),
		cmocka_unit_test_teardown(a152_who_answers_in_mid_session_has_conntrack_asked_ten_times_a_second, finish),
		cmocka_unit_test_teardown(a152_what_speaks_and_is_nobodys_has_conntrack_asked_ten_times_a_second, finish),
		cmocka_unit_test_teardown(a152_a_refusal_is_not_for_longer_than_a_tenth_of_a_second, finish),
		cmocka_unit_test_teardown(a152_who_is_turned_away_is_told_ten_times_a_second, finish),
		cmocka_unit_test_teardown(a152_who_finds_no_room_is_told_ten_times_a_second, finish),
		cmocka_unit_test_teardown(
			a152_a_server_that_speaks_to_who_does_not_answer_has_conntrack_asked_ten_times_a_second, finish),
		cmocka_unit_test_teardown(a152_who_repeats_what_is_held_is_told_ten_times_a_second, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
