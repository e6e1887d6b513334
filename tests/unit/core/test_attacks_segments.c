/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A34 to A47, A260 and A261 of the attack catalogue: how bytes are cut, repeated, contradicted and placed. */
#include "attack.h"
#include "gateway_rig.h"

#define OFFER "PORT 10,0,0,5,195,80\r\n"
#define ANNOUNCED "PORT 198,51,100,1,195,80\r\n"

static void again(struct attack *attack, enum direction direction, size_t offset, const char *text)
{
	world_send(&attack->world, direction, offset, text, strlen(text), TCP_PSH);
}

static void a34_a_line_in_any_pieces_is_one_line(void **state)
{
	static const char *const pieces[][8] = {
		{ "PO", "RT 10,0,0", ",5,195,80", "\r", "\n" },
		{ "P", "O", "R", "T 10,0,0,5,195,80\r\n" },
		{ "PORT", " ", "10,0,0,5,195,80", "\r\n" },
		{ "EPR", "T |1|10.0.0.5|500", "00|", "\r", "\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct attack *attack = attack_open(SNAT);
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		for (size_t j = 0; pieces[i][j]; j++) {
			/* Nothing of it leaves before all of it is known. */
			assert_int_equal(attack_heard(attack, C, mark).length, 0);
			attack_say_bytes(attack, C, unit_string(pieces[i][j]));
		}
		assert_true(attack_hears(attack, C, mark, i < 3 ? ANNOUNCED : "EPRT |1|198.51.100.1|50000|\r\n"));
		assert_int_equal(attack->world.pinholes_made, 1);
		attack_end(attack);
	}
}

static void a35_several_lines_in_one_segment_are_all_judged_in_order(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "NOOP\r\n" OFFER "LIST\r\nPORT 10,0,0,99,0,25\r\nNOOP\r\n");
	assert_true(attack_hears(attack, C, mark, "NOOP\r\n" ANNOUNCED "LIST\r\nPORT XXXXXXXXXXXXXX\r\nNOOP\r\n"));
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

static void a36_the_first_copy_of_a_byte_is_law(void **state)
{
	static const char *const others[] = {
		"PORT 10,0,0,99,0,25\r\n\r\n", "PORT 10,0,0,5,0,022\r\n", "EPRT |1|10.0.0.99|25|\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct attack *attack = attack_open(i == 1 ? PLAIN : SNAT);
		struct peer *server = &attack->world.peer[S];
		size_t mark;
		size_t offset;

		attack_login(attack);
		mark = attack_mark(attack, C);
		offset = attack->said[C];
		SAY(attack, C, OFFER);
		/* It was lost behind the gateway: the server has got nothing of it. */
		memset(server->have + mark, 0, WORLD_STREAM_MAX - mark);
		server->got_length = mark;
		world_send(&attack->world, C, offset, others[i], strlen(OFFER), TCP_PSH);
		assert_true(attack_hears(attack, C, mark, i == 1 ? OFFER : ANNOUNCED));
		assert_int_equal(attack->world.pinholes_made, 1);
		attack_end(attack);
	}
}

static void a37_a_rewritten_line_is_repeated_rewritten(void **state)
{
	static const char all[] = OFFER "LIST\r\n";

	(void)state;
	for (size_t length = 1; length < sizeof(all); length++) {
		struct attack *attack = attack_open(SNAT);
		struct peer *server = &attack->world.peer[S];
		size_t mark;
		size_t offset;

		attack_login(attack);
		mark = attack_mark(attack, C);
		offset = attack->said[C];
		SAY(attack, C, OFFER);
		memset(server->have + mark, 0, WORLD_STREAM_MAX - mark);
		server->got_length = mark;
		/* Its first bytes, then merged with what follows. */
		world_send(&attack->world, C, offset, all, length, TCP_PSH);
		world_send(&attack->world, C, offset, all, sizeof(all) - 1, TCP_PSH);
		assert_true(attack_hears(attack, C, mark, ANNOUNCED "LIST\r\n"));
		assert_int_equal(attack_heard(attack, C, mark).length, strlen(ANNOUNCED "LIST\r\n"));
		assert_int_equal(attack->world.pinholes_made, 1);
		attack_end(attack);
	}
}

static void a38_two_rewrites_in_flight_are_both_repeated_right(void **state)
{
	struct attack *attack = attack_open(SNAT);
	struct peer *server = &attack->world.peer[S];
	size_t mark;
	size_t offset;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	offset = attack->said[C];
	SAY(attack, C, OFFER);
	SAY(attack, C, "PORT 10,0,0,5,195,81\r\n");
	SAY(attack, C, "NOOP\r\n");
	memset(server->have + mark, 0, WORLD_STREAM_MAX - mark);
	server->got_length = mark;
	again(attack, C, offset + 2 * strlen(OFFER), "NOOP\r\n");
	again(attack, C, offset + strlen(OFFER), "PORT 10,0,0,5,195,81\r\n");
	again(attack, C, offset, OFFER);
	assert_true(attack_hears(attack, C, mark, ANNOUNCED "PORT 198,51,100,1,195,81\r\nNOOP\r\n"));
	SAY(attack, S, "200 ok\r\n200 ok\r\n200 ok\r\n");
	assert_int_equal(attack->world.peer[C].acknowledged, attack->said[C]);
	attack_end(attack);
}

static void a39_what_comes_before_its_turn_waits_with_its_sender(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;
	size_t offset;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	offset = attack->said[C];
	again(attack, C, offset + 4, " 10,0,0,99,0,25\r\n");
	assert_int_equal(attack->world.output.verdict, GATEWAY_DROP);
	assert_int_equal(attack->world.output.reason, REASON_OUT_OF_ORDER);
	again(attack, C, offset, "PORT");
	again(attack, C, offset + 4, " 10,0,0,99,0,25\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a40_a_segment_that_grows_stays_within_a_safe_size(void **state)
{
	struct attack *attack = attack_open(SNAT);
	static char text[1300];
	size_t mark;
	size_t length = 0;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	memset(text, 'x', sizeof(text));
	/* 1,206 bytes, and four more when the offer has grown. */
	memcpy(text, "CWD ", 4);
	memcpy(text + 1206 - strlen("\r\n" OFFER), "\r\n" OFFER, strlen("\r\n" OFFER));
	attack_say_bytes(attack, C, unit_bytes(text, 1206));
	length = attack->world.output.length;
	assert_int_equal(attack->world.output.verdict, GATEWAY_REPLACE);
	assert_true(length <= 1248);
	/* The rest leaves with the repetition. */
	world_send(&attack->world, C, attack->said[C] - 2, "\r\n", 2, TCP_PSH);
	SAY(attack, C, "NOOP\r\n");
	assert_true(attack_hears(attack, C, mark, ANNOUNCED "NOOP\r\n"));
	attack_end(attack);
}

/* The packet that left last, as the kernel's correction of the other direction leaves its acknowledgement. */
static uint32_t acknowledged_to_client(const struct attack *attack, struct packet *packet)
{
	const struct gateway_output *output = &attack->world.output;

	assert_int_equal(output->verdict, GATEWAY_REPLACE);
	assert_int_equal(packet_parse((struct bytes){ output->packet, output->length }, packet), REASON_NONE);
	return seqadj_revert(&attack->world.seqadj[C], packet->ack) - attack->world.peer[C].first;
}

/* A server that is asked again and again whether it lives says what it has, which is less than its client was told. */
static void a260_what_was_acknowledged_stays_so(void **state)
{
	static const enum place places[] = { PLAIN, SNAT, PLAIN6, SNAT6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct attack *attack = attack_open(places[i]);
		struct packet packet;

		attack_login(attack);
		/* With a correction, and the second time with another. */
		for (int j = 0; j < 2; j++) {
			attack_offer_honestly(attack);
			SAY(attack, C, "NO");
			attack->world.now += 10000;
			gateway_tick(attack->world.gateway, attack->world.now);
			world_send(&attack->world, C, attack->said[C] - 1, "", 0, 0);
			world_send(&attack->world, S, attack->said[S], "", 0, 0);
			assert_int_equal(acknowledged_to_client(attack, &packet), attack->said[C]);
			/* As it does when it speaks. */
			SAY(attack, S, "200 late\r\n");
			assert_int_equal(acknowledged_to_client(attack, &packet), attack->said[C]);
			SAY(attack, C, "OP\r\n");
			world_send(&attack->world, S, attack->said[S], "", 0, 0);
			assert_int_equal(attack->world.output.verdict, GATEWAY_ACCEPT);
		}
		attack_end(attack);
	}
}

static bool may_be_cut(const struct attack *attack)
{
	return attack->world.output.verdict == GATEWAY_REPLACE && !(attack->world.output.packet[6] & 0x40);
}

static unsigned int identification(const struct attack *attack)
{
	return (unsigned int)attack->world.output.packet[4] << 8 | attack->world.output.packet[5];
}

static void a261_what_a_narrow_path_does_not_take_may_be_cut(void **state)
{
	struct attack *attack = attack_open(SNAT);
	static char text[1160];
	unsigned int first;

	(void)state;
	attack_login(attack);
	memset(text, 'x', sizeof(text));
	memcpy(text, "CWD ", 4);
	memcpy(text + sizeof(text) - 2, "\r\n", 2);
	attack_say_bytes(attack, C, unit_bytes(text, sizeof(text)));
	assert_int_equal(attack->world.output.verdict, GATEWAY_ACCEPT);
	/* An offer alone is longer than it came, and shorter than any path is narrow. */
	attack_offer_honestly(attack);
	/* Errors about what comes after it quote numbers that the client does not know. */
	attack_say_bytes(attack, C, unit_bytes(text, sizeof(text)));
	assert_true(may_be_cut(attack));
	/* Its pieces are not taken for those of the next one, though the client puts 0 into both. */
	first = identification(attack);
	attack_say_bytes(attack, C, unit_bytes(text, sizeof(text)));
	assert_true(may_be_cut(attack));
	assert_int_not_equal(identification(attack), first);
	SAY(attack, C, "NOOP\r\n");
	assert_int_equal(attack->world.output.verdict, GATEWAY_ACCEPT);
	/* With its headers it is as long as what the narrowest path takes, and then a byte longer. */
	for (int more = 0; more < 2; more++) {
		memcpy(text + 254 + more, "\r\n", 2);
		attack_say_bytes(attack, C, unit_bytes(text, 256 + (size_t)more));
		assert_int_equal(may_be_cut(attack), more);
	}
	attack_end(attack);

	memset(text + 254, 'x', 3);
	attack = attack_open(SNAT);
	attack_login(attack);
	memcpy(text + 600 - strlen("\r\n" OFFER), "\r\n" OFFER, strlen("\r\n" OFFER));
	attack_say_bytes(attack, C, unit_bytes(text, 600));
	assert_true(attack->world.output.length > 640);
	assert_true(may_be_cut(attack));
	attack_end(attack);

	/* Nothing is corrected, but what was held leaves with what completes it. */
	attack = attack_open(PLAIN);
	attack_login(attack);
	SAY(attack, C, "PO");
	memcpy(text, "RT 10,0,0,5,195,80\r\nCWD ", 24);
	memset(text + 24, 'x', 1000);
	memcpy(text + 1024, "\r\n", 2);
	attack_say_bytes(attack, C, unit_bytes(text, 1026));
	assert_int_equal(attack->world.pinholes_made, 1);
	assert_true(may_be_cut(attack));
	attack_end(attack);
}

static void a41_numbers_that_wrap_change_nothing(void **state)
{
	(void)state;
	for (uint32_t back = 0; back < 80; back++) {
		struct attack *attack = attack_make(SNAT);
		size_t mark;

		attack_start(attack, 0U - back);
		attack_login(attack);
		mark = attack_mark(attack, C);
		SAY(attack, C, OFFER);
		SAY(attack, S, "200 ok\r\n");
		SAY(attack, C, "PORT 10,0,0,99,0,25\r\nNOOP\r\n");
		assert_true(attack_hears(attack, C, mark, ANNOUNCED "PORT XXXXXXXXXXXXXX\r\nNOOP\r\n"));
		attack_end(attack);
	}
}

static void a41_data_in_a_syn_does_not_pass(void **state)
{
	struct attack *attack = attack_make(SNAT);

	(void)state;
	/* A server's, which nobody would judge, because the stream begins behind it. */
	world_start(&attack->world, 1000);
	assert_int_equal(world_send(&attack->world, S, 0, "220 x\r\n", 7, TCP_SYN), GATEWAY_DROP);
	assert_int_equal(attack_mark(attack, S), 0);
	attack_end(attack);

	attack = attack_open(SNAT);
	attack_login(attack);
	assert_int_equal(world_send(&attack->world, C, attack->said[C], OFFER, strlen(OFFER), TCP_SYN), GATEWAY_DROP);
	assert_int_equal(world_send(&attack->world, S, attack->said[S], "220 x\r\n", 7, TCP_SYN), GATEWAY_DROP);
	attack_assert_alive(attack);
	attack_end(attack);
}

/* Where a connection begins, nothing else than the data speaks against it. */
static void a41_a_connection_begins_without_data(void **state)
{
	static struct rig rig;
	const struct rig_peer *client, *server;

	(void)state;
	rig_begin(&rig, RIG_SNAT);
	client = &rig.at->peer[C];
	server = &rig.at->peer[S];
	assert_int_equal(rig_packet(&rig, C, client->first - 1, 0, TCP_SYN, 0, OFFER, strlen(OFFER)), GATEWAY_DROP);
	assert_int_equal(rig_packet(&rig, C, client->first - 1, 0, TCP_SYN, 0, "", 0), GATEWAY_ACCEPT);
	rig.at->shaken = true;
	assert_int_equal(rig_packet(&rig, S, server->first - 1, client->first, TCP_SYN | TCP_ACK, 0, "220 x\r\n", 7),
			 GATEWAY_DROP);
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	rig_end(&rig);
}

static void a42_a_command_with_the_fin_is_judged_and_its_pinhole_ends_with_the_connection(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	/* Even without its end: nothing can follow it. */
	world_send(&attack->world, C, attack->said[C], "PORT 10,0,0,99,0,25", 19, TCP_FIN);
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX"));
	attack_assert_nothing_opened(attack);
	attack_end(attack);

	attack = attack_open(SNAT);
	attack_login(attack);
	attack_offer_honestly(attack);
	world_send(&attack->world, C, attack->said[C], "", 0, TCP_RST);
	assert_int_equal(attack->world.pinhole_count, 0);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_RESET), 1);
	attack_end(attack);
}

static void a43_a_line_without_an_end_ends_the_session(void **state)
{
	static const char *const starts[] = { "PORT ", "CWD ", "" };
	static char junk[1000];

	(void)state;
	memset(junk, 'A', sizeof(junk));
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		for (int direction = 0; direction < 2; direction++) {
			struct attack *attack = attack_open(SNAT);

			attack_login(attack);
			attack_say_bytes(attack, (enum direction)direction, unit_string(starts[i]));
			for (int j = 0; j < 5; j++)
				attack_say_bytes(attack, (enum direction)direction, unit_bytes(junk, sizeof(junk)));
			attack_assert_closed(attack, REASON_LINE_TOO_LONG);
			attack_assert_nothing_opened(attack);
			attack_end(attack);
		}
}

static void a44_one_byte_is_held_and_acknowledged_not_lost(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "P");
	assert_int_equal(attack_heard(attack, C, mark).length, 0);
	attack->world.now += 10000;
	gateway_tick(attack->world.gateway, attack->world.now);
	assert_int_equal(attack->world.injected, 1);
	assert_int_equal(attack->world.peer[C].acknowledged, attack->said[C]);
	SAY(attack, C, "WD\r\n");
	assert_true(attack_hears(attack, C, mark, "PWD\r\n"));
	attack_end(attack);
}

static void a45_a_227_without_a_number_passes(void **state)
{
	struct attack *attack = attack_open(DNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "REIN\r\n");
	mark = attack_mark(attack, S);
	SAY(attack, S, "227 Logout.\r\n");
	assert_true(attack_hears(attack, S, mark, "227 Logout.\r\n"));
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

/* As world_send, with one byte of the TCP checksum wrong. */
static void send_corrupted(struct attack *attack, const char *text)
{
	struct world *world = &attack->world;
	struct packet_plain plain = {
		.tuple = { world->view.client, world->view.server }, .flags = TCP_ACK, .window = 1000,
	};
	uint8_t header[PACKET_PLAIN_MAX];
	uint8_t out[512];
	struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet packet;
	struct packet_change change = {
		.seq = world->peer[C].first + (uint32_t)attack->said[C],
		.ack = world->peer[C].peer_first + (uint32_t)world->peer[C].got_length,
		.flags = TCP_ACK, .payload = unit_string(text),
	};

	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	bytes.length = packet_rewrite(bytes, &packet, &change, out, sizeof(out));
	bytes.data = out;
	out[36] ^= 1;
	gateway_packet(world->gateway, bytes, NULL, world->now, &world->output);
}

static void a46_a_packet_with_a_bad_checksum_is_not_believed(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	send_corrupted(attack, "NOOP xxxxxxxxxxxxxx\r\n");
	assert_int_equal(attack->world.output.verdict, GATEWAY_DROP);
	assert_int_equal(attack->world.output.reason, REASON_BAD_CHECKSUM);
	SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
	attack_end(attack);
}

static void a46_a_decoy_that_expires_on_the_way_is_what_the_server_gets(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	struct peer *server = &attack->world.peer[S];
	size_t mark;
	size_t offset;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	offset = attack->said[C];
	SAY(attack, C, "NOOP xxxxxxxxxxxxxx\r\n");
	memset(server->have + mark, 0, WORLD_STREAM_MAX - mark);
	server->got_length = mark;
	again(attack, C, offset, "PORT 10,0,0,99,0,25\r\n");
	assert_true(attack_hears(attack, C, mark, "NOOP xxxxxxxxxxxxxx\r\n"));
	attack_end(attack);
}

static void a46_a_reset_that_the_server_never_saw_does_not_stop_inspection(void **state)
{
	static const size_t offsets[] = { 0, 100000, SIZE_MAX - 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		world_send(&attack->world, C, attack->said[C] + offsets[i], "", 0, TCP_RST);
		attack->world.peer[S].reset = false;
		SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
		assert_false(attack_hears(attack, C, mark, "10,0,0,99"));
		/* One that the server would not have believed ends nothing. */
		assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_RESET), i == 0);
		attack_end(attack);
	}
}

static void a46_silence_does_not_stop_inspection(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	size_t mark;
	size_t said;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	said = attack->said[C];
	attack->world.now += attack->world.limits.idle + 1;
	gateway_tick(attack->world.gateway, attack->world.now);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_IDLE), 1);
	/* It is a session like one that is older than the gateway. */
	SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
	world_settle_adoption(&attack->world);
	attack->said[C] = said;
	SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
	assert_false(attack_hears(attack, C, mark, "10,0,0,99"));
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
	/* Nor does it end a connection whose peers still live. */
	assert_false(attack->world.peer[C].reset);
	SAY(attack, S, "501 no\r\n");
	attack_offer_honestly(attack);
	attack_end(attack);
}

static void a46_a_feigned_handshake_does_not_begin_a_session_anew(void **state)
{
	struct attack *attack = attack_make(PLAIN);

	(void)state;
	attack_start(attack, 1000);
	assert_int_equal(world_send(&attack->world, C, 0, "", 0, TCP_SYN), GATEWAY_DROP);
	attack_login(attack);
	attack_offer_honestly(attack);
	assert_int_equal(world_send(&attack->world, C, 777, "", 0, TCP_SYN), GATEWAY_DROP);
	assert_int_equal(world_send(&attack->world, S, 777, "", 0, TCP_SYN), GATEWAY_DROP);
	assert_int_equal(attack->world.pinhole_count, 1);
	attack_assert_alive(attack);
	attack_end(attack);
}

/* Sets the urgent pointer of the next line and sends it; returns the flags with which it left. */
static uint8_t say_urgent(struct attack *attack, struct bytes text, uint16_t pointer)
{
	struct world *world = &attack->world;
	struct packet_plain plain = {
		.tuple = { world->view.client, world->view.server }, .flags = TCP_ACK, .window = 1000,
	};
	uint8_t header[PACKET_PLAIN_MAX];
	uint8_t out[512];
	struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet packet;
	struct packet_change change = {
		.seq = world->peer[C].first + (uint32_t)attack->said[C],
		.ack = world->peer[C].peer_first + (uint32_t)world->peer[C].got_length,
		.flags = TCP_ACK | TCP_URG, .payload = text, .urgent = pointer,
	};

	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	bytes.length = packet_rewrite(bytes, &packet, &change, out, sizeof(out));
	bytes.data = out;
	attack->said[C] += text.length;
	gateway_packet(world->gateway, bytes, NULL, world->now, &world->output);
	if (world->output.verdict == GATEWAY_REPLACE) {
		bytes.data = world->output.packet;
		bytes.length = world->output.length;
	}
	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	return packet.flags;
}

static void a47_an_urgent_byte_is_in_line_but_for_telnets_own(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		uint16_t pointer;
		bool urgent;
	} rows[] = {
		{ TEXT("NOXOP\r\n"), 3, false },
		{ TEXT("PORT 10,0,0,5,195,80\r\n"), 18, false },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), 4, true },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), 3, true },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), 5, false },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), 2000, false },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		uint8_t flags;

		attack_login(attack);
		flags = say_urgent(attack, unit_bytes(rows[i].text, rows[i].length), rows[i].pointer);
		assert_int_equal((flags & TCP_URG) != 0, rows[i].urgent);
		assert_false(attack->world.peer[C].reset);
		attack_end(attack);
	}
}

static void a47_a_verb_behind_a_telnet_code_is_one_that_no_loss_turns_into_another(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {
		{ TEXT("\xff\xf2XPORT 10,0,0,99,0,25\r\n") },
		{ TEXT("\xff\xf4\xff\xf2XPORT 10,0,0,99,0,25\r\n") },
		{ TEXT("\xff\xfb\x01XPASV\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		attack_say_bytes(attack, C, unit_bytes(rows[i].text, rows[i].length));
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_ODD_VERB), 1);
		assert_false(attack_hears(attack, C, mark, "P"));
		attack_end(attack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a34_a_line_in_any_pieces_is_one_line),
		cmocka_unit_test(a35_several_lines_in_one_segment_are_all_judged_in_order),
		cmocka_unit_test(a36_the_first_copy_of_a_byte_is_law),
		cmocka_unit_test(a37_a_rewritten_line_is_repeated_rewritten),
		cmocka_unit_test(a38_two_rewrites_in_flight_are_both_repeated_right),
		cmocka_unit_test(a39_what_comes_before_its_turn_waits_with_its_sender),
		cmocka_unit_test(a40_a_segment_that_grows_stays_within_a_safe_size),
		cmocka_unit_test(a260_what_was_acknowledged_stays_so),
		cmocka_unit_test(a261_what_a_narrow_path_does_not_take_may_be_cut),
		cmocka_unit_test(a41_numbers_that_wrap_change_nothing),
		cmocka_unit_test(a41_data_in_a_syn_does_not_pass),
		cmocka_unit_test(a41_a_connection_begins_without_data),
		cmocka_unit_test(a42_a_command_with_the_fin_is_judged_and_its_pinhole_ends_with_the_connection),
		cmocka_unit_test(a43_a_line_without_an_end_ends_the_session),
		cmocka_unit_test(a44_one_byte_is_held_and_acknowledged_not_lost),
		cmocka_unit_test(a45_a_227_without_a_number_passes),
		cmocka_unit_test(a46_a_packet_with_a_bad_checksum_is_not_believed),
		cmocka_unit_test(a46_a_decoy_that_expires_on_the_way_is_what_the_server_gets),
		cmocka_unit_test(a46_a_reset_that_the_server_never_saw_does_not_stop_inspection),
		cmocka_unit_test(a46_silence_does_not_stop_inspection),
		cmocka_unit_test(a46_a_feigned_handshake_does_not_begin_a_session_anew),
		cmocka_unit_test(a47_an_urgent_byte_is_in_line_but_for_telnets_own),
		cmocka_unit_test(a47_a_verb_behind_a_telnet_code_is_one_that_no_loss_turns_into_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
