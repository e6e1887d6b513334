/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Streams that only pass: of a connection that was found within TLS. Nothing of them is read, but where they end matters,
 * and anybody who knows the ports can send a packet that says so.
 */
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY
#define SECOND UINT64_C(1000000)
#define RECORD "\x17\x03\x03\x01\x05"
#define LENGTH (sizeof(RECORD) - 1)

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void pass(enum direction direction)
{
	assert_int_equal(rig_say_bytes(&rig, direction, RECORD, LENGTH, 0), GATEWAY_ACCEPT);
}

/* Both have said a record and acknowledged the other's. */
static void begin_passing(void)
{
	rig_begin(&rig, RIG_SNAT);
	rig_at(&rig, C, 0, RECORD, 0);
	rig_settle(&rig);
	pass(C);
	assert_true(rig_reported(&rig, "tls"));
	pass(S);
	rig_acknowledge(&rig, C);
	rig.events[0] = '\0';
}

static void send_end(enum direction direction, uint32_t offset, uint8_t flags)
{
	const struct rig_peer *peer = &rig.at->peer[direction];

	rig_packet(&rig, direction, peer->next + offset, peer->expects, flags, 0, "", 0);
}

static void wait_for(uint64_t time)
{
	rig.now += time;
	gateway_tick(rig.gateway, rig.now);
}

static void a_reset_ends_them_if_it_has_the_number_that_its_receiver_expects(void **state)
{
	static const struct {
		uint32_t offset;
		bool more;     /* something is under way that nobody has acknowledged */
		bool ends;     /* at once */
		bool doubtful; /* or when ten seconds have passed in silence */
	} rows[] = {
		{ 0, false, true, true },
		{ 0, true, false, true },
		{ (uint32_t)-LENGTH, true, false, true }, /* what was sent last may not have arrived */
		{ (uint32_t)-1, false, false, false },
		{ (uint32_t)-LENGTH - 1, true, false, false },
		{ 1, false, false, false },
		{ 1, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int direction = 0; direction < 2; direction++) {
			begin_passing();
			if (rows[i].more)
				pass((enum direction)direction);
			send_end((enum direction)direction, rows[i].offset, TCP_RST | TCP_ACK);
			assert_int_equal(rig_reported(&rig, "session-close:reset"), rows[i].ends);
			assert_int_equal(rig_reported(&rig, "anomaly:out-of-window"), !rows[i].doubtful);
			wait_for(11 * SECOND);
			assert_int_equal(rig_reported(&rig, "session-close:reset"), rows[i].doubtful);
			rig_end(&rig);
		}
	rig_begin(&rig, RIG_SNAT);
}

/* A reset that is below what its receiver has acknowledged is old, even where that is ahead of what was seen here. */
static void what_a_receiver_has_acknowledged_was_sent(void **state)
{
	(void)state;
	begin_passing();
	/* The client's second record took another way. */
	rig.at->peer[0].next += LENGTH;
	rig.at->peer[1].expects += LENGTH;
	send_end(S, 0, TCP_ACK);
	rig_packet(&rig, C, rig.at->peer[0].next - LENGTH, rig.at->peer[0].expects, TCP_RST | TCP_ACK, 0, "", 0);
	assert_false(rig_reported(&rig, "session-close"));
	/* It is known as soon as the client goes on. */
	pass(C);
	send_end(S, 0, TCP_ACK);
	send_end(C, 0, TCP_RST | TCP_ACK);
	assert_true(rig_reported(&rig, "session-close:reset"));
}

static void they_end_with_both_farewells_at_their_ends(void **state)
{
	static const struct {
		uint32_t offset; /* of the client's */
		bool ends;
	} rows[] = { { 0, true }, { 1, false }, { (uint32_t)-1, false }, { (uint32_t)-LENGTH, false }, { 1000, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin_passing();
		send_end(C, rows[i].offset, TCP_FIN | TCP_ACK);
		send_end(S, 0, TCP_FIN | TCP_ACK);
		assert_int_equal(rig_reported(&rig, "session-close:connection-ended"), rows[i].ends);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* What comes behind a gap passes, but its end is not the stream's. */
static void a_gap_moves_nothing(void **state)
{
	(void)state;
	begin_passing();
	rig_packet(&rig, C, rig.at->peer[0].next + 100, rig.at->peer[0].expects, TCP_ACK, 0, RECORD, LENGTH);
	send_end(C, 100 + LENGTH, TCP_FIN | TCP_ACK);
	send_end(S, 0, TCP_FIN | TCP_ACK);
	assert_false(rig_reported(&rig, "session-close"));
	send_end(C, 0, TCP_FIN | TCP_ACK);
	assert_true(rig_reported(&rig, "session-close:connection-ended"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_reset_ends_them_if_it_has_the_number_that_its_receiver_expects, finish),
		cmocka_unit_test_teardown(what_a_receiver_has_acknowledged_was_sent, finish),
		cmocka_unit_test_teardown(they_end_with_both_farewells_at_their_ends, finish),
		cmocka_unit_test_teardown(a_gap_moves_nothing, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
