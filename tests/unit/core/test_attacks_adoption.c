/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A80: death and return, decision by decision, as src/core/tcp/gateway_adopt.c states them. The rig's receivers answer what
 * they can't accept, as RFC 9293 3.10.7.4 demands, when rig_settle or rig_answer lets them.
 */
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void begin(enum rig_nat nat)
{
	rig_begin(&rig, nat);
}

/* Time passes, and nobody answers. */
static void wait_for(uint64_t microseconds)
{
	rig.now += microseconds;
	gateway_tick(rig.gateway, rig.now);
}

static void assert_server_got(const char *text)
{
	const struct rig_peer *server = &rig.at->peer[1];

	if (server->got_length != strlen(text) || memcmp(server->got, text, strlen(text)) != 0)
		fail_msg("got \"%s\"", unit_escape((struct bytes){ (const uint8_t *)server->got, server->got_length }));
}

/* An acknowledgement of the server that says less than what it has. */
static void acknowledge_stale(uint32_t missing)
{
	const struct rig_peer *server = &rig.at->peer[1];

	rig_packet(&rig, S, server->next, server->expects - missing, TCP_ACK, 0, "", 0);
}

/* --- the question --- */

static void a80_nothing_is_asked_before_what_is_under_way_has_arrived(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	assert_int_equal(gateway_next_tick(rig.gateway, rig.now), rig.now + rig.limits.settling);
	wait_for(rig.limits.settling - 1);
	assert_int_equal(rig.injected_count, 0);
	wait_for(1);
	assert_int_equal(rig.injected_count, 1);
	/* Nobody is asked who has nothing to receive. */
	assert_true(rig.at->peer[1].asked);
	assert_false(rig.at->peer[0].asked);
}

static void a80_the_question_is_one_that_the_receiver_cannot_accept(void **state)
{
	static const enum rig_nat nats[] = { RIG_SNAT, RIG_DNAT, RIG_PLAIN, RIG_PLAIN6 };

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(nats); index++) {
		enum direction direction = (enum direction)(index % 2);
		const struct rig_peer *receiver;
		const struct packet *probe = &rig.injected[0];

		begin(nats[index / 2]);
		receiver = &rig.at->peer[1 - direction];
		/* The kernel knows an edit of each direction; the peers stand behind them. */
		for (int side = 0; side < 2; side++)
			rig.at->seqadj[side] = (struct seqadj){ rig.at->peer[side].first - 50, 0, 6 + side };
		rig.at->peer[1].expects += 6;
		rig.at->peer[0].expects += 7;
		rig_at(&rig, direction, 0, "2", 0);
		wait_for(rig.limits.settling);
		assert_int_equal(rig.injected_count, 1);
		assert_int_equal(probe->flags, TCP_ACK);
		assert_int_equal(probe->payload.length, 0);
		assert_int_equal(probe->seq, receiver->expects - 1);
		assert_int_equal(probe->ack, receiver->next);
		assert_int_equal(probe->window, 1000);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* Without one that is as new as any that the receiver has seen, Linux is silent (RFC 7323 5.3). */
static void a80_the_question_carries_the_senders_newest_timestamp(void **state)
{
	struct packet_plain plain = { .flags = TCP_ACK, .window = 9, .timestamps = { true, 70, 80 } };
	struct packet_change change = { .flags = TCP_ACK, .payload = { (const uint8_t *)"N", 1 } };
	uint8_t header[PACKET_PLAIN_MAX];
	uint8_t data[PACKET_PLAIN_MAX + 1];
	struct bytes bytes = { header, 0 };
	struct packet packet;

	(void)state;
	begin(RIG_PLAIN);
	plain.tuple = (struct tuple){ rig.at->view.client, rig.at->view.server };
	for (unsigned int i = 0; i < 2; i++) {
		plain.timestamps.value += i;
		bytes.data = header;
		bytes.length = packet_build(&plain, header);
		assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
		change.seq = rig.at->peer[0].first;
		change.ack = rig.at->peer[0].expects;
		bytes.length = packet_rewrite(bytes, &packet, &change, data, sizeof(data));
		bytes.data = data;
		gateway_packet(rig.gateway, bytes, NULL, rig.now, &rig.output);
	}
	wait_for(rig.limits.settling);
	assert_true(rig.injected[0].timestamps.present);
	assert_int_equal(rig.injected[0].timestamps.value, 71);
	assert_int_equal(rig.injected[0].timestamps.echo, 80);
}

static void a80_a_question_that_is_lost_is_asked_again_with_each_repetition(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	for (unsigned int i = 1; i <= 5; i++) {
		wait_for(rig.limits.settling);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		assert_int_equal(rig.output.reason, REASON_ADOPTING);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		rig_at(&rig, C, 3, "P\r\n", 0);
		/* But not more often than once in a settling time, however much is sent. */
		assert_int_equal(rig.injected_count, i);
	}
	assert_server_got("");
	rig_answer(&rig);
	assert_server_got("NOOP\r\n");
}

/* A segment that something is missing before says nothing of where the receiver's window begins. */
static void a80_a_question_from_within_the_window_is_asked_again_from_before_it(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 6, "SYST\r\n", 0);
	rig_settle(&rig);
	assert_int_equal(rig.injected_count, 1);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig.now += rig.limits.settling;
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_answer(&rig);
	assert_server_got("NOOP\r\n");
	rig_at(&rig, C, 6, "SYST\r\n", 0);
	assert_server_got("NOOP\r\nSYST\r\n");
}

static void a80_a_receiver_that_speaks_by_itself_need_not_be_asked(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig.now += rig.limits.settling;
	rig_acknowledge(&rig, S);
	assert_server_got("NOOP\r\n");
	gateway_tick(rig.gateway, rig.now);
	assert_int_equal(rig.injected_count, 1);
	assert_int_equal(rig.injected[0].payload.length, 6);
}

static void a80_both_receivers_are_asked_where_both_senders_wait(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	/* They crossed on their way. */
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, S, 0, "226 done\r\n", 0);
	rig_settle(&rig);
	rig_settle(&rig);
	assert_server_got("NOOP\r\n");
	assert_memory_equal(rig.at->peer[0].got, "226 done\r\n", 10);
}

/* --- the answer --- */

static void a80_an_answer_from_before_the_question_is_not_believed(void **state)
{
	(void)state;
	/* Sent by the server before it had the last ten bytes, under way when the gateway began. */
	begin(RIG_PLAIN);
	rig.at->peer[1].expects += 10;
	rig_at(&rig, C, 0, "NOOP xxxxxPORT 10,0,0,99,9,9\r\n", 0);
	acknowledge_stale(10);
	rig_at(&rig, C, 0, "NOOP xxxxxPORT 10,0,0,99,9,9\r\n", 0);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig_settle(&rig);
	assert_server_got("PORT XXXXXXXXXXXXX\r\n");
}

static void a80_an_answer_that_says_less_than_another_is_not_believed(void **state)
{
	(void)state;
	begin(RIG_PLAIN);
	rig.at->peer[1].expects += 10;
	rig_at(&rig, C, 0, "NOOP xxxxxPORT 10,0,0,99,9,9\r\n", 0);
	acknowledge_stale(0);
	wait_for(rig.limits.settling);
	/* It came late, or somebody made it. */
	acknowledge_stale(10);
	rig_at(&rig, C, 0, "NOOP xxxxxPORT 10,0,0,99,9,9\r\n", 0);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig_answer(&rig);
	assert_server_got("PORT XXXXXXXXXXXXX\r\n");
}

/* The settling time was too short for it, and nothing has been read. */
/* A stranger's numbers begin nothing again where one of the streams has begun, whichever. */
static void a80_who_is_far_off_is_not_heard_when_one_receiver_has_answered(void **state)
{
	static const char *const lines[] = { "NOOP\r\n", "200 ok\r\n" };

	(void)state;
	for (int first = 0; first < 2; first++) {
		const enum direction direction = (enum direction)first;
		const enum direction opposite = (enum direction)(1 - first);
		const struct rig_peer *peer;

		begin(RIG_SNAT);
		rig_at(&rig, C, 0, lines[C], 0);
		rig_at(&rig, S, 0, lines[S], 0);
		rig.now += rig.limits.settling;
		rig_acknowledge(&rig, direction);
		/* What was said towards it is let out now, and what it said itself waits for the other receiver. */
		peer = &rig.at->peer[1 - first];
		assert_int_equal(rig.at->peer[first].got_length, strlen(lines[1 - first]));
		assert_int_equal(peer->got_length, 0);
		rig_packet(&rig, opposite, peer->next + 1000000, peer->expects, TCP_ACK, 0, "", 0);
		rig_acknowledge(&rig, opposite);
		assert_int_equal(peer->got_length, strlen(lines[first]));
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

static void a80_an_answer_that_is_corrected_in_time_moves_the_beginning(void **state)
{
	(void)state;
	begin(RIG_PLAIN);
	rig.at->peer[1].expects += 10;
	rig_at(&rig, C, 30, "NOOP\r\n", 0);
	rig.now += rig.limits.settling;
	acknowledge_stale(10);
	acknowledge_stale(0);
	assert_false(rig_reported(&rig, "session-close"));
	rig_at(&rig, C, 0, "NOOP xxxxxPORT 10,0,0,99,9,9\r\n", 0);
	assert_server_got("PORT XXXXXXXXXXXXX\r\n");
}

static void a80_a_receiver_that_has_more_than_was_let_out_closes_the_session(void **state)
{
	static const enum rig_nat nats[] = { RIG_SNAT, RIG_PLAIN6 };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(nats); index++) {
		begin(nats[index]);
		/* Its own numbers, of which nothing is known, are anywhere. */
		rig.at->peer[1].next -= 0x40000000;
		rig.at->peer[0].expects -= 0x40000000;
		rig.at->peer[1].expects += 20;
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		rig.now += rig.limits.settling;
		/* What was believed: the number of ten bytes before. */
		acknowledge_stale(20);
		acknowledge_stale(14);
		assert_false(rig_reported(&rig, "session-close"));
		acknowledge_stale(0);
		assert_true(rig_reported(&rig, "session-close:adoption-failed"));
		assert_true(rig.at->peer[0].reset);
		rig_at(&rig, C, 0, "NOOP\r\n" RIG_BOUNCE, 0);
		assert_server_got("");
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* Nobody is left who knows the bytes that the edit put there. */
static void a80_a_receiver_within_an_edit_closes_the_session(void **state)
{
	(void)state;
	for (int begun = 0; begun < 2; begun++) {
		begin(RIG_SNAT);
		rig.at->seqadj[0] = (struct seqadj){ rig.at->peer[0].first + 5, 0, 6 };
		rig.at->peer[1].expects += 8;
		rig_at(&rig, C, 0, "CWD abcdefghijklmno\r\n", 0);
		/* What the other one says goes on meanwhile, so that its receiver expects another number than at first. */
		if (begun) {
			acknowledge_stale(0);
			rig.now += rig.limits.settling;
			rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
			rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[1].expects - 1, TCP_ACK, 0, "150 on\r\n", 8);
			rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects, TCP_ACK, 0, "", 0);
			rig.at->peer[1].next += 8;
			assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0,
						    "226 ok\r\n", 8),
					 GATEWAY_DROP);
		} else {
			rig_settle(&rig);
		}
		assert_true(rig_reported(&rig, "session-close:adoption-failed"));
		assert_true(rig.at->peer[0].reset);
		assert_true(rig.at->peer[1].reset);
		assert_server_got("");
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

/* --- what passes meanwhile --- */

static void a80_a_fin_waits_and_nothing_else_without_payload_does(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "QUIT\r\n", 0);
	assert_int_equal(rig_at(&rig, C, 6, "", 0), GATEWAY_ACCEPT);
	assert_int_equal(rig_at(&rig, S, 0, "", 0), GATEWAY_ACCEPT);
	assert_int_equal(rig_at(&rig, C, 6, "", TCP_FIN), GATEWAY_DROP);
	assert_false(rig.at->peer[1].finished);
	/* A side that says nothing else too. */
	assert_int_equal(rig_at(&rig, S, 0, "", TCP_FIN), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig_settle(&rig);
	assert_server_got("QUIT\r\n");
	rig_at(&rig, C, 6, "", TCP_FIN);
	assert_true(rig.at->peer[1].finished);
}

static void a80_a_fin_with_the_last_line_waits_with_it(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, RIG_BOUNCE, TCP_FIN);
	assert_false(rig.at->peer[1].finished);
	rig_settle(&rig);
	/* Its sender repeats it. */
	rig_at(&rig, C, 0, RIG_BOUNCE, TCP_FIN);
	assert_true(rig.at->peer[1].finished);
	assert_server_got("PORT XXXXXXXXXXXXXX\r\n");
}

static void a80_a_reset_ends_the_wait_if_its_receiver_could_obey_it(void **state)
{
	/* Whether the receiver has said where it stands, and the number of the reset: zero, or so far from there. */
	static const struct {
		bool known, zero;
		uint32_t off;
		bool ends;
	} rows[] = {
		{ false, false, 0, false },
		{ false, true, 0, false },
		{ true, false, 1, false },
		{ true, false, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(RIG_SNAT);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		if (rows[i].known)
			acknowledge_stale(0);
		rig_packet(&rig, C, rows[i].zero ? 0 : rig.at->peer[0].first + rows[i].off, rig.at->peer[0].expects,
			   TCP_RST | TCP_ACK, 0, "", 0);
		assert_int_equal(rig.at->peer[1].reset, !rows[i].zero && rows[i].off == 0);
		assert_int_equal(rig_reported(&rig, "session-close:reset"), rows[i].ends);
		/* Somebody guessed. */
		if (!rows[i].ends) {
			rig_settle(&rig);
			assert_server_got("NOOP\r\n");
		}
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

/* It may acknowledge anything, and nobody has to answer it. */
static void a80_a_reset_after_the_wait_is_no_answer(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, S, 0, "200 ok\r\n", 0);
	rig_settle(&rig);
	assert_server_got("NOOP\r\n");
	rig_packet(&rig, S, rig.at->peer[1].first + 8, rig.at->peer[1].expects + 100, TCP_RST | TCP_ACK, 0, "", 0);
	assert_false(rig_reported(&rig, "session-close:adoption-failed"));
}

/* Neither in the name of the session that ended nor, too early, in that of another one that has its row. */
static void a80_who_has_ended_asks_nobody(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.sessions = 1;
	rig_start(&rig);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	acknowledge_stale(0);
	rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
	assert_true(rig_reported(&rig, "session-close:reset"));
	wait_for(rig.limits.settling);
	assert_int_equal(rig.injected_count, 0);
	rig_end(&rig);

	rig_make(&rig, RIG_SNAT);
	rig.limits.sessions = 1;
	rig_start(&rig);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	acknowledge_stale(0);
	rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
	wait_for(rig.limits.settling / 2);
	rig.at = &rig.connections[1];
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	wait_for(rig.limits.settling / 2);
	assert_int_equal(rig.injected_count, 0);
	wait_for(rig.limits.settling / 2);
	assert_int_equal(rig.injected_count, 1);
}

/* Nor are numbers that are too far from the row to be a peer's, when both receivers have answered. */
static void a80_who_is_far_off_contradicts_nobody(void **state)
{
	/* From the next number, and from what was let out. */
	static const struct {
		int32_t seq, ack;
		bool contradicts;
	} rows[] = {
		{ 0, 5000000, false }, { 0, -5000000, false }, { 5000000, 20, false }, { -5000000, 20, false },
		{ 0, 20, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(RIG_SNAT);
		rig_at(&rig, C, 0, "NOOP\r\n", 0);
		rig_at(&rig, S, 0, "200 ok\r\n", 0);
		rig_settle(&rig);
		assert_server_got("NOOP\r\n");
		rig_packet(&rig, S, rig.at->peer[1].first + 8 + (uint32_t)rows[i].seq,
			   rig.at->peer[1].expects + (uint32_t)rows[i].ack, TCP_ACK, 0, "", 0);
		assert_int_equal(rig_reported(&rig, "session-close:adoption-failed"), rows[i].contradicts);
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

/* A keep-alive of the old kind has one byte that the receiver has. */
static void a80_a_keep_alive_is_answered_and_begins_the_stream(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_packet(&rig, C, rig.at->peer[0].next - 1, rig.at->peer[0].expects, TCP_ACK, 0, "", 1);
	rig_settle(&rig);
	assert_int_equal(rig.left.flags, TCP_ACK);
	assert_int_equal(rig.left.ack, rig.at->peer[0].next);
	rig_say(&rig, C, "NOOP\r\n");
	assert_server_got("NOOP\r\n");
}

static void a80_the_same_ports_can_be_used_again_while_receivers_are_asked(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig.at->peer[0].next = rig.at->peer[0].first;
	rig_login(&rig);
	wait_for(rig.limits.settling);
	assert_int_equal(rig.injected_count, 0);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* --- what is kept --- */

static void a80_of_several_segments_the_lowest_is_kept(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 6, "SYST\r\n", 0);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, C, 6, "SYST\r\n", 0);
	rig_settle(&rig);
	assert_server_got("NOOP\r\n");
}

static void a80_what_is_kept_is_rewritten_like_any_other(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n" RIG_PORT RIG_BOUNCE, 0);
	rig_settle(&rig);
	assert_server_got("NOOP\r\n" RIG_PORT_SEEN "PORT XXXXXXXXXXXXXX\r\n");
	assert_int_equal(rig.pinholes_made, 1);
}

static void a80_what_is_kept_can_close_the_session(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_say_bytes(&rig, C, "NOOP\r\n\0\r\n", 9, 0);
	rig_settle(&rig);
	assert_server_got("");
	assert_true(rig_reported(&rig, "session-close:control-byte"));
	assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
}

static void a80_what_is_kept_and_too_long_for_one_packet_leaves_in_several(void **state)
{
	static char text[20 * 73 + 1];

	(void)state;
	begin(RIG_PLAIN6);
	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(text) - 1; i += 73) {
		memcpy(text + i, "CWD ", 4);
		memcpy(text + i + 71, "\r\n", 2);
	}
	rig_at(&rig, C, 0, text, 0);
	rig_settle(&rig);
	assert_server_got(text);
	assert_int_equal(rig.injected_count, 3);
}

static void a80_what_is_kept_is_given_back(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.memory = 1 * BUFFER_BLOCK_SIZE;
	rig.limits.idle = 60 * UINT64_C(1000000);
	rig_start(&rig);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	/* Where there is no room the sender's repetition does it. */
	rig.at = &rig.connections[1];
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_settle(&rig);
	assert_server_got("");
	rig.at = &rig.connections[0];
	rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, "", 0);
	rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects, TCP_RST, 0, "", 0);
	rig.at = &rig.connections[1];
	wait_for(rig.limits.idle + 1);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_settle(&rig);
	assert_server_got("NOOP\r\n");
}

/* What the other side said in clear, and waits, is not forgotten when the first bytes of this one look like TLS. */
static void a80_what_is_kept_in_clear_is_no_tls(void **state)
{
	(void)state;
	for (int clear = 0; clear < 2; clear++) {
		begin(RIG_PLAIN);
		rig_at(&rig, C, 0, clear ? RIG_BOUNCE : "\x17\x03\x03\x01\x05", 0);
		/* The client has told where it stands; the server has as well, but too early to be believed. */
		rig_acknowledge(&rig, S);
		rig.now += rig.limits.settling;
		rig_acknowledge(&rig, C);
		rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[1].expects - 1, TCP_ACK, 0,
			   "\x17\x03\x03\x01\x05", 5);
		assert_int_equal(rig_reported(&rig, "tls"), !clear);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* Its type, from 20 to 23, and the major version 3, in five bytes. */
static void a80_only_the_header_of_a_record_is_tls(void **state)
{
	static const struct {
		const char *text;
		bool tls;
	} rows[] = {
		{ "\x13\x03\x03\x01\x05", false },
		{ "\x14\x03\x03\x01\x05", true },
		{ "\x17\x03\x03\x01\x05", true },
		{ "\x18\x03\x03\x01\x05", false },
		{ "\x17\x02\x03\x01\x05", false },
		{ "\x17\x04\x03\x01\x05", false },
		{ "\x17\x03\x03\x01", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(RIG_PLAIN);
		rig_at(&rig, C, 0, rows[i].text, 0);
		rig_settle(&rig);
		rig_at(&rig, C, 0, rows[i].text, 0);
		assert_int_equal(rig_reported(&rig, "tls"), rows[i].tls);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* The other peer has said nothing since, and stands somewhere: the stream towards it is not read either. */
static void a80_one_peer_within_tls_is_enough(void **state)
{
	(void)state;
	begin(RIG_PLAIN);
	rig_acknowledge(&rig, C);
	rig_at(&rig, C, 0, "\x17\x03\x03\x01\x05", 0);
	rig.now += rig.limits.settling;
	acknowledge_stale(0);
	/* Older than what the client has acknowledged before, so that nobody knows where it stands. */
	rig_packet(&rig, C, rig.at->peer[0].first, rig.at->peer[0].expects - 1, TCP_ACK, 0, "\x17\x03\x03\x01\x05", 5);
	assert_true(rig_reported(&rig, "tls"));
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, "\x17\x03\x03", 3),
			 GATEWAY_ACCEPT);
}

#define FEIGNED "\x17\x03\x03\x01\x05\r\n" RIG_BOUNCE

static void begin_with_short_idle_time(void)
{
	rig_make(&rig, RIG_PLAIN);
	rig.limits.idle = 60 * UINT64_C(1000000);
	rig_start(&rig);
}

/* The client says something after a silence for which its session was forgotten. Was it taken for TLS? */
static bool is_tls_after_silence(const char *text)
{
	wait_for(2 * rig.limits.idle);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	rig.events[0] = '\0';
	rig_say(&rig, C, text);
	rig_settle(&rig);
	/* What was kept, and looks like TLS, passes when it is repeated. */
	rig_packet(&rig, C, rig.at->peer[0].next - (uint32_t)strlen(text), rig.at->peer[0].expects, TCP_ACK, 0, text,
		   strlen(text));
	return rig_reported(&rig, "tls");
}

/* The first line of an adopted session may be one that looks like TLS, and this one was read before. */
static void a383_what_was_read_in_clear_is_no_tls_after_a_long_silence(void **state)
{
	(void)state;
	begin_with_short_idle_time();
	rig_login(&rig);
	for (int times = 0; times < 3; times++) {
		assert_false(is_tls_after_silence(times == 1 ? "NOOP\r\n" : FEIGNED));
		assert_null(memmem(rig.at->peer[1].got, rig.at->peer[1].got_length, "10,0,0,99", 9));
	}
	rig_end(&rig);
	begin(RIG_PLAIN);
}

/* Who has begun TLS by AUTH meanwhile is in TLS after the next silence. */
static void a383_who_begins_tls_after_a_long_silence_is_in_tls_after_the_next(void **state)
{
	(void)state;
	begin_with_short_idle_time();
	rig_login(&rig);
	assert_false(is_tls_after_silence("NOOP\r\n"));
	rig_say(&rig, S, "200 ok\r\n");
	rig_settle(&rig);
	rig_say(&rig, C, "AUTH TLS\r\n");
	rig_settle(&rig);
	rig_say(&rig, S, "234 go on\r\n");
	rig_settle(&rig);
	rig_say(&rig, C, "\x16\x03\x01\x02\x05");
	assert_true(rig_reported(&rig, "tls"));
	assert_true(is_tls_after_silence("\x17\x03\x03\x01\x05"));
	assert_true(is_tls_after_silence("\x17\x03\x03\x01\x05"));
	rig_end(&rig);
	begin(RIG_PLAIN);
}

/* --- how the dialogue goes on --- */

static void a80_a_server_that_greets_has_logged_nobody_in(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_at(&rig, S, 0, "220 ready\r\n", 0);
	rig_settle(&rig);
	rig.at->peer[1].next += 11;
	rig_say(&rig, C, RIG_PORT);
	rig_answer(&rig);
	assert_true(rig_reported(&rig, "refuse:not-logged-in"));
	assert_int_equal(rig.pinholes_made, 0);
}

/* What waits in an adopted session nobody knows: what looks like the answer to TYPE may be one to a command before it. */
static void a351_of_an_adopted_session_any_other_end_counts(void **state)
{
	(void)state;
	begin(RIG_PLAIN);
	rig_at(&rig, C, 0, "TYPE I\r\n", 0);
	rig_settle(&rig);
	rig_at(&rig, S, 0, "200 /x\n", 0);
	rig_settle(&rig);
	rig_at(&rig, C, 8, "PASV\r\n", 0);
	rig_at(&rig, S, 7, "227 (203,0,113,9,12,234)\r\n", 0);
	assert_true(rig_reported(&rig, "refuse:torn-reply"));
	assert_int_equal(rig.pinholes_made, 0);
}

/* As long as it is not whole, it could become a line. */
static void a80_a_first_line_in_pieces_is_judged_whole(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < sizeof(RIG_BOUNCE) - 1; cut++) {
		char first[sizeof(RIG_BOUNCE)] = { 0 };

		memcpy(first, RIG_BOUNCE, cut);
		begin(RIG_SNAT);
		rig_at(&rig, C, 0, first, 0);
		rig_settle(&rig);
		rig_at(&rig, C, cut, &RIG_BOUNCE[cut], 0);
		assert_server_got("PORT XXXXXXXXXXXXXX\r\n");
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

/* The server has the beginning of a line that the last gateway judged whole, and the client gives it another end. */
static void a80_the_end_of_another_offer_closes_the_session(void **state)
{
	static const char *const rests[] = {
		"99,0,25\r\n", ",0,25\r\n", "10,0,0,99,0,25\r\n", "RT 10,0,0,99,0,25\r\n",
		"ORT 10,0,0,99,0,25 \r\n", "|1|10.0.0.99|25|\r\n", "0.99|25|\r\n", "25|\r\n", "PRT |2|2001:db8::99|25|\r\n",
		"!2!fe80::99!25!\r\n", "db8::99!25!\r\n",
	};
	static const char *const harmless[] = { "file\r\n", "a file of 2026.txt\r\n", "\r\n", "1\r\n", "XYZZY 12\r\n",
						"le-(1).txt\r\n" };
	unsigned int failed = 0;

	(void)state;
	for (size_t index = 0; index < 2 * (ARRAY_SIZE(rests) + ARRAY_SIZE(harmless)); index++) {
		bool closes = index / 2 < ARRAY_SIZE(rests);
		const char *rest = closes ? rests[index / 2] : harmless[index / 2 - ARRAY_SIZE(rests)];
		size_t half = index % 2 ? strlen(rest) / 2 : 0;
		char first[40] = { 0 };

		begin(RIG_PLAIN);
		memcpy(first, rest, half);
		rig_at(&rig, C, 0, half > 0 ? first : rest, 0);
		rig_settle(&rig);
		if (half > 0)
			rig_at(&rig, C, half, rest + half, 0);
		if (rig_reported(&rig, "session-close:adoption-failed") != closes ||
		    (rig.at->peer[1].got_length == 0) != closes) {
			print_error("\"%s\":%s\n", unit_escape(unit_string(rest)), rig.events);
			failed++;
		}
		rig_end(&rig);
	}
	assert_int_equal(failed, 0);
	/* An odd line is a line to some, and refused whole. */
	begin(RIG_PLAIN);
	rig_at(&rig, C, 0, " 10,0,0,99,0,25\r\n", 0);
	rig_settle(&rig);
	rig_assert_never_got(&rig, C, "99");
}

static void a80_the_rest_of_a_line_does_not_pass_where_a_verb_is_denied(void **state)
{
	(void)state;
	rig_make(&rig, RIG_PLAIN);
	rig.policy.rules[0].download = false;
	rig_start(&rig);
	rig_at(&rig, C, 0, "secret\r\n", 0);
	rig_settle(&rig);
	assert_true(rig_reported(&rig, "session-close:adoption-failed"));
	assert_server_got("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a80_nothing_is_asked_before_what_is_under_way_has_arrived, finish),
		cmocka_unit_test_teardown(a80_the_question_is_one_that_the_receiver_cannot_accept, finish),
		cmocka_unit_test_teardown(a80_the_question_carries_the_senders_newest_timestamp, finish),
		cmocka_unit_test_teardown(a80_a_question_that_is_lost_is_asked_again_with_each_repetition, finish),
		cmocka_unit_test_teardown(a80_a_question_from_within_the_window_is_asked_again_from_before_it, finish),
		cmocka_unit_test_teardown(a80_a_receiver_that_speaks_by_itself_need_not_be_asked, finish),
		cmocka_unit_test_teardown(a80_both_receivers_are_asked_where_both_senders_wait, finish),
		cmocka_unit_test_teardown(a80_an_answer_from_before_the_question_is_not_believed, finish),
		cmocka_unit_test_teardown(a80_an_answer_that_says_less_than_another_is_not_believed, finish),
		cmocka_unit_test_teardown(a80_who_is_far_off_is_not_heard_when_one_receiver_has_answered, finish),
		cmocka_unit_test_teardown(a80_an_answer_that_is_corrected_in_time_moves_the_beginning, finish),
		cmocka_unit_test_teardown(a80_a_receiver_that_has_more_than_was_let_out_closes_the_session, finish),
		cmocka_unit_test_teardown(a80_a_receiver_within_an_edit_closes_the_session, finish),
		cmocka_unit_test_teardown(a80_a_fin_waits_and_nothing_else_without_payload_does, finish),
		cmocka_unit_test_teardown(a80_a_fin_with_the_last_line_waits_with_it, finish),
		cmocka_unit_test_teardown(a80_a_reset_ends_the_wait_if_its_receiver_could_obey_it, finish),
		cmocka_unit_test_teardown(a80_a_reset_after_the_wait_is_no_answer, finish),
		cmocka_unit_test_teardown(a80_who_has_ended_asks_nobody, finish),
		cmocka_unit_test_teardown(a80_who_is_far_off_contradicts_nobody, finish),
		cmocka_unit_test_teardown(a80_a_keep_alive_is_answered_and_begins_the_stream, finish),
		cmocka_unit_test_teardown(a80_the_same_ports_can_be_used_again_while_receivers_are_asked, finish),
		cmocka_unit_test_teardown(a80_of_several_segments_the_lowest_is_kept, finish),
		cmocka_unit_test_teardown(a80_what_is_kept_is_rewritten_like_any_other, finish),
		cmocka_unit_test_teardown(a80_what_is_kept_can_close_the_session, finish),
		cmocka_unit_test_teardown(a80_what_is_kept_and_too_long_for_one_packet_leaves_in_several, finish),
		cmocka_unit_test_teardown(a80_what_is_kept_is_given_back, finish),
		cmocka_unit_test_teardown(a80_what_is_kept_in_clear_is_no_tls, finish),
		cmocka_unit_test_teardown(a80_only_the_header_of_a_record_is_tls, finish),
		cmocka_unit_test_teardown(a80_one_peer_within_tls_is_enough, finish),
		cmocka_unit_test_teardown(a383_what_was_read_in_clear_is_no_tls_after_a_long_silence, finish),
		cmocka_unit_test_teardown(a383_who_begins_tls_after_a_long_silence_is_in_tls_after_the_next, finish),
		cmocka_unit_test_teardown(a80_a_server_that_greets_has_logged_nobody_in, finish),
		cmocka_unit_test_teardown(a351_of_an_adopted_session_any_other_end_counts, finish),
		cmocka_unit_test_teardown(a80_a_first_line_in_pieces_is_judged_whole, finish),
		cmocka_unit_test_teardown(a80_the_end_of_another_offer_closes_the_session, finish),
		cmocka_unit_test_teardown(a80_the_rest_of_a_line_does_not_pass_where_a_verb_is_denied, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
