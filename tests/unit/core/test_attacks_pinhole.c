/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A18 to A33 of the attack catalogue: making the gateway believe that an endpoint was negotiated. */
#include "ftpalg/session.h"
#include "attack.h"

static const enum place everywhere[] = { PLAIN, SNAT, DNAT, PLAIN6, SNAT6 };

#define FORGED "227 Entering Passive Mode (203,0,113,9,195,80)"
#define PADDING "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"

static void a18_an_error_reply_cut_before_227_opens_nothing(void **state)
{
	static const char reply[] = "500 '" PADDING FORGED "': command not understood.\r\n";

	(void)state;
	for (size_t cut = 1; cut < sizeof(reply) - 1; cut++) {
		struct attack *attack = attack_open(cut % 2 ? PLAIN : DNAT);

		attack_login(attack);
		/* It is a request, so that a 227 at the start of a segment would have something to answer. */
		SAY(attack, C, "PASV " PADDING FORGED "\r\n");
		attack_say_cut(attack, S, unit_bytes(reply, sizeof(reply) - 1), cut);
		attack_assert_nothing_opened(attack);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a18_over_ipv6_with_229_likewise(void **state)
{
	static const char reply[] = "500 '" PADDING "229 Extended (|||50000|)': command not understood.\r\n";

	(void)state;
	for (size_t cut = 1; cut < sizeof(reply) - 1; cut++) {
		struct attack *attack = attack_open(cut % 2 ? PLAIN6 : SNAT6);

		attack_login(attack);
		SAY(attack, C, "EPSV " PADDING "229 Extended (|||50000|)\r\n");
		attack_say_cut(attack, S, unit_bytes(reply, sizeof(reply) - 1), cut);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

static void a19_a_retransmission_that_begins_at_227_opens_nothing(void **state)
{
	static const char reply[] = "550 " PADDING FORGED "\r\n";
	size_t at = strlen("550 " PADDING);
	struct attack *attack = attack_open(PLAIN);
	size_t offset;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV " PADDING FORGED "\r\n");
	offset = attack->said[S];
	attack_say_cut(attack, S, unit_bytes(reply, sizeof(reply) - 1), at);
	/* The client acknowledged the first part; the server repeats from there, with other boundaries too. */
	for (size_t length = 1; length <= sizeof(reply) - 1 - at; length++)
		world_send(&attack->world, S, offset + at, reply + at, length, TCP_PSH);
	attack_assert_nothing_opened(attack);
	attack_assert_alive(attack);
	attack_end(attack);
}

static void a20_text_inside_a_multi_line_reply_is_no_offer(void **state)
{
	static const char *const replies[] = {
		"220-hello\r\n" FORGED "\r\n220 end\r\n",
		"220-hello\r\n227-x\r\n" FORGED "\r\n220 end\r\n",
		"220-hello\r\n221 x\r\n" FORGED "\r\n220 end\r\n",
		"220-hello\r\n229 Extended (|||50000|)\r\n220 end\r\n",
		"220-hello\r\n 220 not yet\r\n" FORGED "\r\n220 end\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(replies[i]));
		attack_assert_nothing_opened(attack);
		assert_false(attack_hears(attack, S, mark, "(203"));
		assert_false(attack_hears(attack, S, mark, "(|||"));
		attack_end(attack);
	}
}

static void a21_an_unsolicited_227_opens_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, S);
	SAY(attack, S, FORGED "\r\n");
	SAY(attack, S, "229 Extended (|||50000|)\r\n");
	SAY(attack, S, "228 Long (4,4,203,0,113,9,2,195,80)\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 3);
	assert_false(attack_hears(attack, S, mark, "(203"));
	/* The answer of one form to a request of another, of which some would read the first six numbers. */
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "228 Long (4,4,203,0,113,9,2,195,80)\r\n");
	SAY(attack, C, "LIST\r\n");
	SAY(attack, S, FORGED "\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 5);
	attack_assert_alive(attack);
	attack_end(attack);
}

static void a21_of_two_227_for_one_pasv_the_second_opens_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, FORGED "\r\n227 Entering Passive Mode (203,0,113,9,195,99)\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	assert_int_equal(attack->world.pinholes[0].destination.port, 50000);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 1);
	attack_end(attack);
}

static void a22_a_file_name_that_contains_a_227_is_no_offer(void **state)
{
	static const char *const replies[] = {
		"257 \"x\r\n" FORGED "\" created\r\n",
		"257 \"x\n" FORGED "\" created\r\n",
		"213-status\r\n" FORGED "\r\n213 end\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct attack *attack = attack_open(DNAT);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "PWD\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(replies[i]));
		attack_assert_nothing_opened(attack);
		assert_false(attack_hears(attack, S, mark, "(203"));
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 1);
		attack_end(attack);
	}
}

static void a23_a_port_at_the_start_of_a_segment_is_not_a_line(void **state)
{
	static const char line[] = "RETR " PADDING "PORT 10,0,0,5,195,80\r\n";

	(void)state;
	for (size_t cut = 1; cut < sizeof(line) - 1; cut++) {
		struct attack *attack = attack_open(cut % 2 ? PLAIN : SNAT);
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		attack_say_cut(attack, C, unit_bytes(line, sizeof(line) - 1), cut);
		attack_assert_nothing_opened(attack);
		assert_true(attack_hears(attack, C, mark, line));
		attack_end(attack);
	}
}

static void a23_a_line_that_was_injected_is_judged_like_any_other(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "CWD a\r\nPORT 10,0,0,5,0,139\r\nPORT 10,0,0,5,13,61\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_LOW_PORT), 1);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_DENIED_PORT), 1);
	attack_end(attack);
}

static void a24_http_on_the_control_port_ends_the_session_for_good(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: x\r\n\r\n" PADDING "\r\nPORT 10,0,0,5,195,80\r\n";
	static const char *const first[] = { "", "220 ready\r\n" };

	(void)state;
	for (size_t greeting = 0; greeting < 2; greeting++)
		for (size_t cut = 0; cut < sizeof(post) - 1; cut++) {
			struct attack *attack = attack_open(SNAT);
			size_t mark = 0;

			attack_say_bytes(attack, S, unit_string(first[greeting]));
			mark = attack_mark(attack, C);
			attack_say_cut(attack, C, unit_bytes(post, sizeof(post) - 1), cut);
			attack_assert_closed(attack, greeting ? REASON_NOT_FTP : REASON_CLIENT_FIRST);
			assert_int_equal(attack_heard(attack, C, mark).length, 0);
			/* Whatever comes behind it. */
			SAY(attack, S, "220 ready\r\n230 in\r\n");
			SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
			attack_assert_nothing_opened(attack);
			assert_int_equal(attack_heard(attack, C, mark).length, 0);
			attack_end(attack);
		}
}

/* A row that were given up would let the connection be adopted, as one that is older than the gateway. */
static void a24_peers_that_miss_their_resets_gain_nothing(void **state)
{
	static const char offer[] = "PORT 10,0,0,5,195,80\r\n";
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	SAY(attack, S, "220 ready\r\n");
	mark = attack_mark(attack, C);
	SAY(attack, C, "POST / HTTP/1.1\r\n");
	attack_assert_closed(attack, REASON_NOT_FTP);
	/* Where the server stands, as it has got none of it. */
	for (int i = 0; i < 3; i++) {
		world_send(&attack->world, C, mark, offer, sizeof(offer) - 1, 0);
		SAY(attack, S, "200 ok\r\n");
		world_settle_adoption(&attack->world);
	}
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_heard(attack, C, mark).length, 0);
	attack_end(attack);
}

static void a24_before_the_login_an_offer_opens_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++) {
		struct attack *attack = attack_open(everywhere[i]);

		SAY(attack, S, "220 ready\r\n");
		SAY(attack, C, "USER u\r\n");
		SAY(attack, S, "331 password\r\n");
		if (attack_is_ipv6(everywhere[i]))
			SAY(attack, C, "EPRT |2|2001:db8::5|50000|\r\n");
		else if (everywhere[i] == DNAT)
			SAY(attack, C, "PORT 198,51,100,77,195,80\r\n");
		else
			SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
		attack_assert_nothing_opened(attack);
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_NOT_LOGGED_IN), 1);
		attack_end(attack);
	}
}

static void a24_a_header_field_ends_the_session_even_behind_a_good_verb(void **state)
{
	static const char *const firsts[] = { "USER / HTTP/1.1\r\n", "NOOP\r\n", "\r\n", " POST / HTTP/1.1\r\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		struct attack *attack = attack_open(SNAT);
		size_t mark;

		SAY(attack, S, "220 ready\r\n");
		attack_say_bytes(attack, C, unit_string(firsts[i]));
		mark = attack_mark(attack, C);
		SAY(attack, C, "Host: ftp.example\r\nPORT 10,0,0,5,195,80\r\n");
		attack_assert_closed(attack, REASON_NOT_FTP);
		assert_int_equal(attack_heard(attack, C, mark).length, 0);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

static void a24_a_client_of_unknown_verbs_is_not_let_to_the_login(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "NOOP\r\n");
	for (int i = 0; i < SESSION_UNKNOWN_MAX; i++) {
		SAY(attack, C, "WHATEVER it is\r\n");
		SAY(attack, S, "500 ?\r\n");
	}
	assert_false(attack->world.peer[C].reset);
	SAY(attack, C, "WHATEVER it is\r\n");
	attack_assert_closed(attack, REASON_NOT_FTP);
	attack_end(attack);
}

/* A first verb of no RFC is a server's own, or OPEN to an FTP proxy, and so are many. */
static void a103_a_client_may_begin_with_a_verb_that_nobody_knows(void **state)
{
	static const char *const firsts[] = {
		"XCRYPT ON\r\n", "OPEN ftp.example.net\r\n", "OPEN ftp.example.net:2121\r\n", "SITE ftp.example.net\r\n",
		"MEDIA SDRAM\r\n", "CSID Name=x; Version=1.1;\r\n", "OPEN a/b/1.1\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		struct attack *attack = attack_open(SNAT);

		SAY(attack, S, "220 ready\r\n");
		attack_say_bytes(attack, C, unit_string(firsts[i]));
		SAY(attack, S, i % 2 ? "220 ftp.example.net\r\n" : "500 ?\r\n");
		for (int verb = 0; verb < 20; verb++) {
			SAY(attack, C, "XV\r\n");
			SAY(attack, S, "500 ?\r\n");
		}
		SAY(attack, C, "USER u\r\n");
		SAY(attack, S, "331 password\r\n");
		SAY(attack, C, "PASS x\r\n");
		SAY(attack, S, "230 in\r\n");
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
		assert_int_equal(attack->world.pinhole_count, 1);
		attack_end(attack);
	}
}

/* A lured browser chooses method and path of its first line, but not its end; of what has none, the first word tells. */
static void a103_what_begins_like_another_protocol_gets_nothing(void **state)
{
	static const char *const firsts[] = {
		"XCRYPT /ON HTTP/1.1\r\n", "OPEN ftp.example.net HTTP/1.0\r\n", "x x http/2\r\n", "PRI * HTTP/2.0\r\n",
		"SETUP rtsp://x RTSP/1.0\r\n", "INVITE sip:x SIP/2.0 \r\n", "REQMOD x ICAP/1.0\n", "GET /\r\n", "post x\r\n",
		"HEAD x\r\n", "EHLO x\r\n", "HELO x\r\n", "Host: x\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++)
		for (size_t cut = 0; cut < strlen(firsts[i]); cut++) {
			struct attack *attack = attack_open(SNAT);
			size_t mark;

			SAY(attack, S, "220 ready\r\n");
			mark = attack_mark(attack, C);
			attack_say_cut(attack, C, unit_string(firsts[i]), cut);
			attack_assert_closed(attack, REASON_NOT_FTP);
			SAY(attack, C, "USER u\r\nPORT 10,0,0,5,195,80\r\n");
			assert_int_equal(attack_heard(attack, C, mark).length, 0);
			attack_assert_nothing_opened(attack);
			attack_end(attack);
		}
}

static void a25_behind_http_no_other_inside_host_can_be_named(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "POST / HTTP/1.1\r\nPORT 192,0,2,99,195,80\r\n");
	attack_assert_closed(attack, REASON_NOT_FTP);
	attack_end(attack);
	/* And if all of the dialogue were played, the address would still be judged. */
	attack = attack_open(SNAT);
	attack_login(attack);
	SAY(attack, C, "PORT 192,0,2,99,195,80\r\n");
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS), 1);
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a26_colluding_peers_get_one_pinhole_to_no_listed_service(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PORT 10,0,0,5,13,61\r\n"); /* 3389 */
	SAY(attack, S, "200 ok\r\n");
	attack_assert_nothing_opened(attack);
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\nPORT 10,0,0,5,195,81\r\nPORT 10,0,0,5,195,82\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	assert_int_equal(attack->world.pinholes[0].destination.port, 50002);
	attack_end(attack);
}

static void a27_an_offer_without_a_transfer_is_for_one_minute(void **state)
{
	struct attack *attack = attack_open(DNAT);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, FORGED "\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	assert_int_equal(attack->world.pinholes[0].timeout, 60);
	attack_end(attack);
}

static void a28_the_pinhole_is_for_the_peers_address_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++) {
		struct attack *attack = attack_open(everywhere[i]);
		const struct nat_view *view = &attack->world.view;
		const struct expectation *pinhole = &attack->world.pinholes[0];

		attack_login(attack);
		attack_offer_honestly(attack);
		assert_true(address_equal(&pinhole->source, &view->server.address));
		assert_true(address_equal(&pinhole->destination.address, &view->client_seen.address));
		SAY(attack, C, "EPSV\r\n");
		SAY(attack, S, "229 Extended (|||50000|)\r\n");
		assert_int_equal(attack->world.pinhole_count, 1);
		assert_true(address_equal(&pinhole->source, &view->client.address));
		assert_true(address_equal(&pinhole->destination.address, &view->server_seen.address));
		assert_int_equal(pinhole->destination.port, 50000);
		attack_end(attack);
	}
}

static void a29_an_offer_of_the_filter_itself_is_refused_and_does_not_arrive(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "PORT 198,51,100,1,195,80\r\n");
	SAY(attack, C, "PORT 192,0,2,1,195,80\r\n");
	attack_assert_nothing_opened(attack);
	assert_false(attack_hears(attack, C, mark, "198"));
	assert_false(attack_hears(attack, C, mark, "192"));
	attack_end(attack);
}

static void a30_text_without_a_login_opens_nothing(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "NOOP\r\n");
	SAY(attack, C, "PRIVMSG x :PORT 10,0,0,5,195,80\r\n");
	SAY(attack, C, "HELP\r\nPORT 10,0,0,5,195,80\r\n");
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "200 ok\r\n500 ?\r\n214 no\r\n501 ?\r\n" FORGED "\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_NOT_LOGGED_IN), 2);
	attack_end(attack);
}

static void a31_an_encrypted_session_opens_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	attack_offer_honestly(attack);
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 go\r\n");
	assert_int_equal(attack->world.pinhole_count, 0);
	SAY(attack, C, "\x16\x03\x01\x00\x05hello");
	SAY(attack, S, "\x16\x03\x03\x00\x05hello");
	SAY(attack, C, "\x17\x03\x03\x00\x16PORT 10,0,0,5,195,80\r\n");
	SAY(attack, S, "\x17\x03\x03\x00\x30" FORGED "\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	assert_int_equal(attack->world.pinhole_count, 0);
	attack_end(attack);
}

static void another_connection(struct attack *attack)
{
	attack->world.view.client.port++;
	attack->world.view.client_seen.port++;
	attack->said[C] = 0;
	attack->said[S] = 0;
	memset(attack->world.peer, 0, sizeof(attack->world.peer));
	attack->world.peer[C].first = attack->world.peer[S].peer_first = 1000;
	attack->world.peer[S].first = attack->world.peer[C].peer_first = 500000;
	world_shake_hands(&attack->world);
}

static void a32_a_connection_that_finds_no_row_is_turned_away_visibly(void **state)
{
	struct attack *attack = attack_make(SNAT);

	(void)state;
	attack->world.limits.sessions = 4;
	attack_start(attack, 1000);
	for (int i = 1; i < 4; i++) {
		another_connection(attack);
		assert_int_equal(attack->world.output.verdict, GATEWAY_ACCEPT);
	}
	another_connection(attack);
	assert_int_equal(attack->world.output.verdict, GATEWAY_DROP);
	assert_int_equal(attack->world.output.reason, REASON_TABLE_FULL);
	assert_int_equal(attack_count(attack, NOTICE_ANOMALY, REASON_TABLE_FULL), 1);
	assert_true(attack->world.peer[C].reset && attack->world.peer[S].reset);
	SAY(attack, C, "PORT 192,0,2,99,0,25\r\n");
	assert_int_equal(attack_mark(attack, C), 0);
	attack_end(attack);
}

static void a32_a_reused_port_is_a_new_session(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	attack_login(attack);
	attack_offer_honestly(attack);
	attack->world.view.client.port--;
	attack->world.view.client_seen.port--;
	another_connection(attack);
	assert_int_equal(attack->world.pinhole_count, 0);
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
	assert_true(attack->world.peer[C].reset);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_CONNECTION_ENDED), 1);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_CLIENT_FIRST), 1);
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

static void a33_a_source_has_a_quota_of_sessions(void **state)
{
	struct attack *attack = attack_make(SNAT);

	(void)state;
	attack->world.limits.quota.sessions = 3;
	attack_start(attack, 1000);
	another_connection(attack);
	another_connection(attack);
	another_connection(attack);
	assert_int_equal(attack->world.output.reason, REASON_QUOTA_SESSIONS);
	/* It costs nobody else a session. */
	attack->world.view.client.address = unit_address("10.0.0.6");
	another_connection(attack);
	assert_int_equal(attack->world.output.verdict, GATEWAY_ACCEPT);
	attack_end(attack);
}

static void a33_a_flood_of_offers_has_one_pinhole_and_a_rate(void **state)
{
	struct attack *attack = attack_make(SNAT);

	(void)state;
	attack->world.limits.quota.pinhole_rate = 2;
	attack_start(attack, 1000);
	attack_login(attack);
	for (int i = 0; i < 40; i++) {
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
		SAY(attack, S, "200 ok\r\n");
		assert_true(attack->world.pinhole_count <= 1);
	}
	assert_int_equal(attack->world.pinholes_made, 20);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_QUOTA_RATE), 20);
	attack_end(attack);
}

static void a33_all_sessions_of_a_source_share_its_pinholes(void **state)
{
	struct attack *attack = attack_make(SNAT);

	(void)state;
	attack->world.limits.quota.pinholes = 2;
	attack_start(attack, 1000);
	for (int i = 0; i < 3; i++) {
		if (i > 0)
			another_connection(attack);
		attack_login(attack);
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
	}
	assert_int_equal(attack->world.pinhole_count, 2);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_QUOTA_PINHOLES), 1);
	attack_end(attack);
}

/* What GNU wget, lftp and Net::FTP read in any 2yz to their PASV (doc/readers.md). */
static void a82_an_answer_by_another_code_is_judged_too(void **state)
{
	static const char *const replies[] = {
		"200 Entering Passive Mode (192,0,2,99,195,80)\r\n",
		"250 Entering Passive Mode (203,0,113,10,195,80)\r\n",
		"200 ok 192, 0, 2, 99, 195, 80\r\n",
		"299 1,,,,,25\r\n",
		"200 ok (203,0,113,9,0,25)\r\n",
		"200-ok\r\n 203,0,113,10,195,80\r\n200 ok\r\n",
		"200-203,0,113,10,195,80\r\n200 ok\r\n",
		"150 203,0,113,10,195,80\r\n",
		"331 203,0,113,10,195,80\r\n",
		"500 203,0,113,10,195,80\r\n",
		"200x 203,0,113,10,195,80\r\n",
		"203,0,113,10,195,80\r\n",
		"220 (|||25|)\r\n",
		"220 |||25|\r\n",
		"220 !!! 25!\r\n",
		"220 (---25-)\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(replies); index++) {
		static const char *const requests[] = { "PASV\r\n", "EPSV\r\n", "CPSV\r\n", "LPSV\r\n" };

		for (size_t request = 0; request < ARRAY_SIZE(requests); request++) {
			struct attack *attack = attack_open(PLAIN);
			struct bytes reply = unit_string(replies[index]);
			size_t mark;

			attack_login(attack);
			attack_say_bytes(attack, C, unit_string(requests[request]));
			mark = attack_mark(attack, S);
			attack_say_cut(attack, S, reply, reply.length / 2);
			attack_assert_nothing_opened(attack);
			if (hostport_could_be_read(attack_heard(attack, S, mark)))
				fail_msg("%s", replies[index]);
			attack_assert_alive(attack);
			attack_end(attack);
		}
	}
}

static void a82_an_answer_by_another_code_that_names_the_server_is_an_offer(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "200 Entering Passive Mode (203,0,113,9,195,80)\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	SAY(attack, S, "200 Entering Passive Mode (203,0,113,9,195,81)\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

/* The client does not know that its request was overwritten, and reads what the server says to that. */
static void a391_what_is_said_to_a_request_that_was_overwritten_is_judged(void **state)
{
	static const struct {
		const char *request;
		const char *reply;
		bool passes;
	} rows[] = {
		{ "PASV\r\n", "200 Entering Passive Mode (203,0,113,10,195,80)\r\n", false },
		{ "PASV\r\n", "221 [203,0,113,10,195,80]\r\n", false },
		{ "PASV\r\n", "200 Entering Passive Mode (203,0,113,9,195,80)\r\n", false },
		{ "PASV\r\n", "331 (203,0,113,10,195,80)\r\n", false },
		{ "PASV\r\n", "227 (203,0,113,9,195,80)\r\n", false },
		{ "PASV\r\n", "200-a\r\n (203,0,113,10,195,80)\r\n200 b\r\n", false },
		{ "PASV\r\n", "200 a b c d e f 19 196\r\n", false },
		{ "NOOP\r\nPASV\r\n", "200 (203,0,113,10,195,80)\r\n", false },
		{ "CPSV\r\n", "200 (203,0,113,10,195,80)\r\n", false },
		{ "EPSV\r\n", "200 (|||50000|)\r\n", false },
		{ "EPSV\r\n", "200 |ab5060\r\n", false },
		{ "EPSV\r\n", "200-a\r\n200 |ab5060\r\n", false },
		{ "EPSV\r\n", "229 (|||50000|)\r\n", false },
		{ "PASV\r\n", "500 'XXXX': what\r\n", true },
		{ "EPSV\r\n", "500 see 5060\r\n", true },
		{ "PASV\r\nNOOP\r\n", "500 what\r\n200 |ab5060 5060\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_make(PLAIN);
		struct bytes reply = unit_string(rows[i].reply);
		struct bytes heard;
		size_t mark;

		attack->world.policy.rules[0].passive = false;
		attack_start(attack, 1000);
		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].request));
		mark = attack_mark(attack, S);
		attack_say_cut(attack, S, reply, reply.length / 2);
		attack_assert_nothing_opened(attack);
		heard = attack_heard(attack, S, mark);
		if ((heard.length == reply.length && memcmp(heard.data, reply.data, reply.length) == 0) != rows[i].passes)
			fail_msg("row %zu", i);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* A port, with bytes around it that are no delimiters to most; the last two numbers. Each is what a usual client reads. */
static void a350_an_answer_with_a_port_in_it_is_judged(void **state)
{
	static const struct {
		const char *request;
		const char *reply;
		bool passes;
	} rows[] = {
		{ "EPSV\r\n", "200 |ab5060\r\n", false }, /* Midnight Commander */
		{ "EPSV\r\n", "200 (abc5060\r\n", false }, /* GVfs */
		{ "EPSV\r\n", "200 (a|b|c|5060)\r\n", false }, /* .NET */
		{ "EPSV\r\n", "200 ((((5060(\r\n", false }, /* GNU wget */
		{ "EPSV\r\n", "200 (5555060)5)\r\n", false }, /* Net::FTP */
		{ "EPSV\r\n", "200 1115060\r\n", false }, /* lftp */
		{ "EPSV\r\n", "200  5060\r\n", false }, /* lftp */
		{ "EPSV\r\n", "200 (|||-15536|)\r\n", false }, /* lftp */
		{ "EPSV\r\n", "331 |!|5060!\r\n", false }, /* basic-ftp */
		{ "EPSV\r\n", "200-|ab5060\r\n200 ok\r\n", false },
		{ "EPSV\r\n", "200-ok\r\n |ab5060\r\n200 ok\r\n", false },
		{ "EPSV\r\n", "200ok |ab5060\r\n", false },
		{ "SPSV\r\n", "200 |ab5060\r\n", false },
		{ "EPSV\r\n", " +0200 |ab5060\r\n", false }, /* Midnight Commander */
		{ "EPSV\r\n", " -0200 |ab5060\r\n", false },
		{ "EPSV\r\n", "200\t|ab5060\r\n", false },
		{ "EPSV\r\n", "2000 |ab\r\n", false },
		{ "EPSV\r\n", "4294967496 |ab5060\r\n", false }, /* Midnight Commander: 200 in 32 bits */
		{ "EPSV\r\n", "229-(|||\r\n229 )\r\n", false }, /* .NET: 229 */
		{ "EPSV\r\n", "200-(|\r\n200-|\r\n |\r\n200 )\r\n", false },
		{ "EPSV\r\n", " (55550605)\r\n200 ok\r\n", false }, /* Net::FTP */
		{ "EPSV\r\n", "500-no\r\n (55550605)\r\n226 ok\r\n500 no\r\n", false }, /* Net::FTP */
		{ "EPSV\r\n", "500-no\r\n226 |ab5060\r\n500 no\r\n", false }, /* lftp, wget: the end of it */
		{ "EPSV\r\n", "500-no\r\n226\t|ab5060\r\n500 no\r\n", false },
		{ "EPSV\r\n", "500-(55550605)\r\n226 ok\r\n500 no\r\n", false }, /* Net::FTP, a392: joined, and 226 */
		{ "EPSV\r\n", "425-(55550605)\r\n229 (|\r\n425 no\r\n", false },
		{ "EPSV\r\n", "500-a\r\n500-(55550605)\r\n 500-b\r\n226\tok\r\n500 no\r\n", false },
		{ "EPSV\r\n", "500-(55550605)\r\n226\r\n500 no\r\n", false },
		{ "EPSV\r\n", "500-(55550605)\r\n226-ok\r\n425 ok\r\n500 no\r\n", true },
		{ "NOOP\r\n", "500-(55550605)\r\n226 ok\r\n500 no\r\n", true },
		{ "PASV\r\n", "200 a b c d e f 19 196\r\n", false }, /* .NET */
		{ "PASV\r\n", "200-a b c d e f\r\n200 19 196\r\n", false },
		{ "PASV\r\n", "200-a b c d e f\r\n a 19 196\r\n200 ok\r\n", false },
		{ "EPSV\r\n", "500\tno\r\n226 (   50000 )\r\n", false }, /* GNU wget: one reply */
		{ "PASV\r\n", "500\tno\r\n226 a b c d e f 19 196\r\n", false },
		/* Nobody's port. */
		{ "EPSV\r\n", "202 OK\r\n", true },
		{ "EPSV\r\n", "200-yes\r\n200 no\r\n", true },
		{ "EPSV\r\n", "500 what is 5060?\r\n", true },
		{ "EPSV\r\n", "500-see 5060\r\n500 or 5061\r\n", true },
		{ "EPSV\r\n", "500-a|b\r\n500 c\r\n", true },
		{ "EPSV\r\n", "200 a|b\r\n", true },
		{ "PASV\r\n", "200-a|b\r\n200 c\r\n", true },
		{ "NOOP\r\n", "200-a|b\r\n200 c\r\n", true },
		{ "NOOP\r\n", "500\tno\r\n226 (   50000 )\r\n", true },
		{ "EPSV\r\n", "500x |ab5060\r\n", true },
		{ "EPSV\r\n", "(ready)\r\n", true },
		{ "EPSV\r\n", "see 5060\r\n", true },
		{ "EPSV\r\n", "- 5060\r\n", true },
		{ "EPSV\r\n", "500-no\r\n221 bye\r\n500 no\r\n", true },
		{ "PASV\r\n", "200 Already in passive mode 1\r\n", true },
		{ "NOOP\r\n", "200 |ab5060 5060\r\n", true },
		{ "NOOP\r\n", "200 ok\r\n200 |ab5060 5060\r\n", true },
		{ "NOOP\r\nEPSV\r\n", "200 |ab5060 5060\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		struct bytes reply = unit_string(rows[i].reply);
		struct bytes heard;
		size_t mark;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].request));
		mark = attack_mark(attack, S);
		attack_say_cut(attack, S, reply, reply.length / 2);
		attack_assert_nothing_opened(attack);
		heard = attack_heard(attack, S, mark);
		if ((heard.length == reply.length && memcmp(heard.data, reply.data, reply.length) == 0) != rows[i].passes)
			fail_msg("row %zu", i);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* A client that has had an answer to a command that waits for it here is in step, and has its request answered next. */
static void a350_the_answer_to_who_is_before_us_is_judged(void **state)
{
	static const struct {
		const char *command;
		const char *answer;
		const char *request;
		const char *reply;
		bool passes;
	} rows[] = {
		{ "PWD\r\n", "229 (|||22|)\r\n", "EPSV\r\n", "200 |ab5060\r\n", false },
		{ "PWD\r\n", "229 (|||22|)\r\n", "EPSV\r\n", "200-|ab5060\r\n200 ok\r\n", false },
		{ "PWD\r\n", "257x\r\n", "EPSV\r\n", "200 |ab5060\r\n", false },
		{ "PWD\r\n", "150 x\r\n", "EPSV\r\n", "200 |ab5060\r\n", false },
		{ "PWD\r\n", "500-a\r\n250 b\r\n", "EPSV\r\n", "226 |ab5060\r\n", false },
		{ "PWD\r\n", "257x\r\n", "SPSV\r\n", "200 |ab5060\r\n", false },
		{ "PASV\r\n", "200x\r\n", "EPSV\r\n", "200 |ab5060\r\n", false },
		{ "PASV\r\n", "200x\r\n", "SPSV\r\n", "200 |ab5060\r\n", false },
		{ "PWD\r\n", "257x\r\n", "PASV\r\n", "200 a b c d e f 19 196\r\n", false },
		{ "PWD\r\n", "257x\r\n", "PASV\r\n", "200 a 196\r\n", true },
		{ "PWD\r\n", "257x\r\n", "NOOP\r\n", "200 |ab5060\r\n", true },
		/* Nothing waits, but a reply goes on, of which some have seen the end. */
		{ "PWD\r\n", "257 x\r\n211-a\r\n250 b\r\n", "NOOP\r\nEPSV\r\n", "211 |ab5060\r\n", false },
		/* Nothing waited, so these are a client's that does not wait. */
		{ "PWD\r\n", "257 x\r\n257x\r\n", "NOOP\r\nEPSV\r\n", "200 |ab5060\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		struct bytes reply = unit_string(rows[i].reply);
		struct bytes heard;
		size_t mark;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].command));
		attack_say_bytes(attack, S, unit_string(rows[i].answer));
		attack_say_bytes(attack, C, unit_string(rows[i].request));
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, reply);
		attack_assert_nothing_opened(attack);
		heard = attack_heard(attack, S, mark);
		if ((heard.length == reply.length && memcmp(heard.data, reply.data, reply.length) == 0) != rows[i].passes)
			fail_msg("row %zu", i);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* What answers EPSV answers PASV to some, by any code: it is overwritten, and the 227 after it nobody asked for. */
static void a350_what_some_read_has_answered_the_request(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "200 (|||5000|)\r\n");
	SAY(attack, S, "227 (203,0,113,9,12,234)\r\n");
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

/* It may have been the answer to the command before, so the request waits on. */
static void a350_a_request_behind_another_command_is_not_used_up(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PWD\r\n");
	SAY(attack, S, "257x\r\n");
	SAY(attack, C, "EPSV\r\n");
	SAY(attack, S, "257 /5060\r\n");
	attack_assert_nothing_opened(attack);
	SAY(attack, S, "229 Entering Extended Passive Mode (|||50000|)\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

/* What GridFTP's clients read: an endpoint in the middle of a transfer, and any 2yz that answers SPAS. */
static void a354_gridftp_announces_nothing_unjudged(void **state)
{
	static const struct {
		const char *request;
		const char *reply;
		bool passes;
	} rows[] = {
		{ "GET path=/x;pasv;\r\n", "127 PORT (10,0,0,99,0,25)\r\n", false },
		{ "RETR x\r\n", "129 Delayed (10,0,0,99,0,25)\r\n", false },
		{ "NOOP\r\n", "127 PORT (10,0,0,99,0,25)\r\n", false },
		{ "RETR x\r\n", "127-PORT (10,0,0,99,0,25)\r\n127 ok\r\n", false },
		{ "RETR x\r\n", "129-PORT\r\n 10,0,0,99,0,25\r\n129 ok\r\n", false },
		{ "RETR x\r\n", "150-ok\r\n127 (10,0,0,99,0,25)\r\n150 ok\r\n", false },
		{ "SPAS\r\n", "200 (10,0,0,99,0,25)\r\n", false },
		{ "SPAS\r\n", "229-Striped\r\n 10,0,0,99,0,25\r\n229 End\r\n", false },
		{ "SPAS 2\r\n", "250-x\r\n |1|10.0.0.99|2525|\r\n250 e\r\n", false },
		{ "RETR x\r\n", "128 PORT (10,0,0,99,0,25)\r\n", true },
		{ "RETR x\r\n", "150 x (10 bytes)\r\n", true },
		{ "SPAS\r\n", "500 what?\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		struct bytes reply = unit_string(rows[i].reply);
		struct bytes heard;
		size_t mark;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].request));
		mark = attack_mark(attack, S);
		attack_say_cut(attack, S, reply, reply.length / 2);
		attack_assert_nothing_opened(attack);
		heard = attack_heard(attack, S, mark);
		if ((heard.length == reply.length && memcmp(heard.data, reply.data, reply.length) == 0) != rows[i].passes)
			fail_msg("row %zu", i);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* Who splits at the commas, skips any separator, takes out letters, or knows other alphabets, reads what others don't. */
static void a215_an_answer_that_few_can_read_is_judged_too(void **state)
{
	static const char *const replies[] = {
		"200 (10.0.0.99,0,25)\r\n",             /* FileZilla 2, WinSCP */
		"200 mail.corp.example (mail.corp.example,0,25)\r\n",
		"331 10.0.0.99,0,25\r\n",
		"200 (10,0x,0,99,0,25)\r\n",             /* Twisted */
		"200 10,0,0x0,99,0,25\r\n",              /* axel */
		"227 (\xd9\xa1\xd9\xa0,\xd9\xa0,\xd9\xa0,\xd9\xa9,\xd9\xa0,\xd9\xa2\xd9\xa5)\r\n", /* aioftp */
		"229 (|||\xd9\xa1\xd9\xa0\xd9\xa1\xd9\xa0|)\r\n",
		"227-ok\r\n227-(\xd9\xa1\xd9\xa0,\xd9\xa0,\xd9\xa0,\xd9\xa9,\xd9\xa0,\xd9\xa2)\r\n227 ok\r\n",
		"200 ok\r\n200 (10.0.0.99,0,25)\r\n",    /* who is a reply behind takes it for the next answer */
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(replies); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(replies[index]));
		attack_assert_nothing_opened(attack);
		if (attack_hears(attack, S, mark, "99") || attack_hears(attack, S, mark, "mail") ||
		    attack_hears(attack, S, mark, "\xd9"))
			fail_msg("%s", replies[index]);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a215_beside_the_numbers_of_an_answer_nothing_is_left_to_read(void **state)
{
	static const struct {
		const char *reply;
		const char *heard;
	} rows[] = {
		/* libfetch takes any byte for a separator, and begins at the first digit. */
		{ "227 at 10.0.0.99.0.25 (203,0,113,9,195,80)\r\n", "227 at   . . .  . .   (203,0,113,9,195,80)\r\n" },
		{ "227 Passive mode 1 OK (203,0,113,9,195,80)\r\n", "227 Passive mode   OK (203,0,113,9,195,80)\r\n" },
		/* Twisted takes letters and parentheses out, and what they part becomes one number. */
		{ "227 1(203,0,113,9,195,80)2\r\n", "227  (203,0,113,9,195,80) \r\n" },
		/* Scripts take the first four parts for a name, and int() reads digits of every alphabet. */
		{ "227 (mail,corp,example,com, 203,0,113,9,195,80)\r\n", "227 (mail corp example com  203,0,113,9,195,80)\r\n" },
		{ "227 (\xd9\xa1, 203,0,113,9,195,80)\r\n", "227 (\xd9\xa1  203,0,113,9,195,80)\r\n" },
		{ "227-one, two\r\n227-so (203,0,113,9,195,80), ok\r\n227 ok\r\n", "so (203,0,113,9,195,80)  ok\r\n227 ok\r\n" },
		{ "229 ok (|||50000|) (1025)\r\n", "229 ok (|||50000|) (    )\r\n" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(rows[index].reply));
		assert_int_equal(attack->world.pinholes_made, 1);
		if (!attack_hears(attack, S, mark, rows[index].heard))
			fail_msg("%s", unit_escape(attack_heard(attack, S, mark)));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* Some readers take the first line of a reply, some the last, some all of it, some count off four bytes of each. */
static void a93_the_lines_of_one_answer_hold_one_endpoint(void **state)
{
	static const char *const replies[] = {
		"227-(203,0,113,9,195,80)\r\n227 (192,0,2,99,195,80)\r\n",
		"227-(203,0,113,9,195,80)\r\n192,0,2,99,195,80\r\n227 ok\r\n",
		"227-ok\r\n227 (203,0,113,9,195,80)\r\n227 (192,0,2,99,195,80)\r\n",
		"227-(203,0,113,9,195,80)\r\n200 (192,0,2,99,195,80)\r\n227 ok\r\n",
		"229-(|||50000|)\r\n229 (192,0,2,99,195,80)\r\n",
		"227-(203,0,113,9,195,80)\r\n227 (203,0,113,9,195,81)\r\n",
		"227-ok\r\n    203,0,113,9,195,80\r\n229 (|||25|)\r\n227 ok\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(replies); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(replies[index]));
		assert_int_equal(attack->world.pinholes_made, 1);
		assert_false(attack_hears(attack, S, mark, "192,0,2,99"));
		assert_false(attack_hears(attack, S, mark, "|||25|"));
		assert_false(attack_hears(attack, S, mark, "195,81"));
		assert_true(attack_hears(attack, S, mark, index == 4 ? "|||50000|" : "203,0,113,9"));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a93_numbers_that_some_would_begin_elsewhere_open_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	/* Whoever counts off a code and a space reads 3.0.113.9. */
	SAY(attack, S, "227-ok\r\n  203,0,113,9,195,80\r\n227 ok\r\n");
	attack_assert_nothing_opened(attack);
	attack_assert_alive(attack);
	attack_end(attack);
}

/* A longer address takes words before it, but not the place of a code that a line does not have. */
static void a93_no_endpoint_moves_to_where_some_count_off_a_code(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	size_t mark;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	mark = attack_mark(attack, S);
	SAY(attack, S, "227-ok\r\n -, (10,9,9,9,195,80)\r\n227 ok\r\n");
	assert_false(attack_hears(attack, S, mark, "\r\n (203,"));
	assert_false(attack_hears(attack, S, mark, "\r\n  (203,"));
	attack_assert_alive(attack);
	attack_end(attack);
}

/* What was said too early waits in the client's buffer, and is the answer to whatever it asks next. */
static void a94_a_client_that_is_a_reply_behind_reads_no_endpoint(void **state)
{
	static const char *const early[] = {
		"200 ok\r\n200 (192,0,2,99,195,80)\r\n",
		"200 ok\r\n200 ok\r\n",
		"200-ok\r\n226 end\r\n200 ok\r\n",
		"200-ok\r\n200x\r\n200 ok\r\n",
		"200x\r\n200 ok\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(early); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark = attack_mark(attack, S);

		attack_login(attack);
		SAY(attack, C, "TYPE I\r\n");
		attack_say_bytes(attack, S, unit_string(early[index]));
		SAY(attack, C, "NOOP\r\n");
		SAY(attack, S, "200 (192,0,2,99,195,80)\r\n");
		assert_false(attack_hears(attack, S, mark, "192,0,2,99"));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* BSD ftp keeps the first numbers behind a 227, in whichever line of a reply that has one, for its next request. */
static void a218_numbers_behind_a_227_without_any_are_not_kept(void **state)
{
	static const char *const answers[] = {
		"211-status\r\n227-x\r\n211 (192,0,2,99,195,80)\r\n",
		"211-status\r\n227 x\r\n (192,0,2,99,195,80)\r\n211 end\r\n",
		"211-status\r\n2271 files\r\n211 (192,0,2,99,195,80)\r\n",
		"211-status\r\n227\r\n211-(192,0,2,99,195,80)\r\n211 end\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(answers); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "SYST\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(answers[index]));
		if (attack_hears(attack, S, mark, "192,0,2,99"))
			fail_msg("%s", answers[index]);
		attack_assert_alive(attack);
		attack_offer_honestly(attack);
		attack_end(attack);
	}
}

/* GNU wget takes a 1yz for the answer to SYST, BSD ftp one for the greeting, and both go on, a reply behind. */
static void a217_an_early_answer_puts_a_client_a_reply_behind(void **state)
{
	static const struct {
		const char *greeting;
		const char *command;
		const char *answer;
	} rows[] = {
		{ "220 hi\r\n", "SYST\r\n", "150 a moment\r\n257 \"/\"\r\n" },
		{ "220 hi\r\n", "SYST\r\n", "150-a\r\n150 moment\r\n257 \"/\"\r\n" },
		{ "220 hi\r\n", "RETR f\r\n", "150 here\r\n125 still\r\n226 done\r\n" },
		{ "220 hi\r\n", "SYST\r\n", "a moment\r\n215 UNIX\r\n" },
		{ "220 hi\r\n", "SYST\r\n", "\r\n215 UNIX\r\n" },
		{ "120 wait\r\n220 hi\r\n", "SYST\r\n", "215 UNIX\r\n" },
		{ "wait\r\n220 hi\r\n", "SYST\r\n", "215 UNIX\r\n" },
		{ "220 hi\r\n", "SYST\r\n", "215 UNIX\r\n421 later\r\n" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark = attack_mark(attack, S);

		attack_say_bytes(attack, S, unit_string(rows[index].greeting));
		SAY(attack, C, "USER u\r\n");
		SAY(attack, S, "331 p\r\n");
		SAY(attack, C, "PASS x\r\n");
		SAY(attack, S, "230 in\r\n");
		attack_say_bytes(attack, C, unit_string(rows[index].command));
		attack_say_bytes(attack, S, unit_string(rows[index].answer));
		SAY(attack, C, "SIZE f\r\n");
		SAY(attack, S, "213 (192,0,2,99,195,80)\r\n");
		if (attack_hears(attack, S, mark, "192,0,2,99"))
			fail_msg("%s", rows[index].answer);
		attack_assert_alive(attack);
		attack_offer_honestly(attack);
		attack_end(attack);
	}
}

/* In step, a name is a name: nobody expects an endpoint. */
static void a94_a_name_of_numbers_passes_where_nobody_expects_an_endpoint(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	size_t mark = attack_mark(attack, S);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PWD\r\n");
	SAY(attack, S, "257 \"/192,0,2,99,195,80\"\r\n");
	assert_true(attack_hears(attack, S, mark, "/192,0,2,99,195,80"));
	attack_end(attack);
}

/* Pairing finds back, and whoever leaves commands unanswered gains no announcement by it. */
static void a95_out_of_step_a_forged_227_gains_nothing(void **state)
{
	static const char *const dialogues[] = {
		/* commands that are never answered, or twice, then a name */
		"C NOOP|C NOOP|C ABOR|C MKD x|S 257 \"x|S " FORGED,
		"C PASV|C MKD x|S 257 \"x|S " FORGED,
		"C PASV|S 500 no|C MKD x|S 257 \"x|S " FORGED,
		"C PASV|S 250 late|C MKD x|S 257 \"x|S " FORGED,
		"C PASV|C RETR f|S 150 go|S " FORGED,
		"C RETR f|S 150 go|C ABOR|S 226 ok|C STAT d|S 213-d|S " FORGED "|S 213 end|S " FORGED,
		"C PASV|C STAT d|S 213-d|S " FORGED "|S 213 end|S " FORGED,
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(dialogues); index++) {
		struct attack *attack = attack_open(PLAIN);
		const char *at = dialogues[index];

		attack_login(attack);
		while (*at != '\0') {
			char line[128];
			size_t length = strcspn(at, "|");

			snprintf(line, sizeof(line), "%.*s\r\n", (int)length - 2, at + 2);
			attack_say_bytes(attack, at[0] == 'C' ? C : S, unit_string(line));
			at += length + (at[length] == '|');
		}
		if (attack->world.pinholes_made > 0)
			fail_msg("%s", dialogues[index]);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a95_pairing_finds_back(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	for (unsigned int round = 0; round < 5; round++) {
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, "250 late\r\n227 (203,0,113,9,195,80)\r\n");
		SAY(attack, C, "RETR f\r\n");
		SAY(attack, S, "150 go\r\n");
		SAY(attack, C, "NOOP\r\nABOR\r\n");
		SAY(attack, S, "226 done\r\n");
		assert_int_equal(attack->world.pinholes_made, round + 1);
	}
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 0);
	attack_end(attack);
}

static void a95_a_keep_alive_is_no_flood(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "STOR big\r\n");
	SAY(attack, S, "150 go\r\n");
	for (unsigned int count = 0; count < 1000; count++)
		SAY(attack, C, "NOOP\r\nPWD\r\nTYPE I\r\n");
	SAY(attack, S, "226 done\r\n");
	for (unsigned int count = 0; count < 3000; count++)
		SAY(attack, S, "200 ok\r\n");
	assert_int_equal(attack_count(attack, NOTICE_ANOMALY, REASON_UNSOLICITED), 0);
	SAY(attack, S, "200 ok\r\n");
	assert_int_equal(attack_count(attack, NOTICE_ANOMALY, REASON_UNSOLICITED), 1);
	attack_assert_alive(attack);
	attack_end(attack);
}

/* With whatever it is that a client keeps its session alive. */
static void a95_any_command_can_keep_alive(void **state)
{
	static const char *const rows[][2] = {
		{ "STAT\r\n", "211 ok\r\n" }, { "REST 0\r\n", "350 ok\r\n" },  { "ALLO 1\r\n", "202 ok\r\n" },
		{ "FEAT\r\n", "211 ok\r\n" }, { "OPTS A\r\n", "200 ok\r\n" },  { "SIZE f\r\n", "213 1\r\n" },
		{ "MDTM f\r\n", "213 1\r\n" }, { "NOOP\r\nPWD\r\n", "200 ok\r\n200 ok\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);

		attack_login(attack);
		SAY(attack, C, "STOR big\r\n");
		SAY(attack, S, "150 go\r\n");
		for (unsigned int count = 0; count < 100; count++)
			attack_say_bytes(attack, C, unit_string(rows[i][0]));
		/* Some are answered at once (STAT), others when the transfer has ended. */
		for (unsigned int count = 0; count < 50; count++)
			attack_say_bytes(attack, S, unit_string(rows[i][1]));
		SAY(attack, S, "226 done\r\n");
		for (unsigned int count = 0; count < 50; count++)
			attack_say_bytes(attack, S, unit_string(rows[i][1]));
		if (attack_count(attack, NOTICE_ANOMALY, REASON_UNSOLICITED) != 0)
			fail_msg("row %zu", i);
		attack_say_bytes(attack, S, unit_string("200 ok\r\n"));
		assert_int_equal(attack_count(attack, NOTICE_ANOMALY, REASON_UNSOLICITED), 1);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* A message file, or a listing, could pretend that its reply has ended. */
static void a96_a_pretended_end_is_believed_of_the_servers_own_words_only(void **state)
{
	static const struct {
		const char *command;
		const char *reply;
		unsigned int pinholes;
	} rows[] = {
		{ "CWD d\r\n", "250-\r\n150 end\r\n226 end\r\n", 0 },
		{ "STAT d\r\n", "213-d\r\n226 end\r\n", 0 },
		{ "STOR x\r\n", "553-\r\n553- excluded\r\n", 0 },
		{ "STOR x\r\n", "553-\r\n227 end\r\n", 0 },
		{ "STOR x\r\n", "553-\r\n553- excluded\r\n150 Opening\r\n226 done\r\n", 1 },
		{ "FEAT\r\n", "211-Features:\r\n MDTM\r\n200 End\r\n", 1 },
		{ "HELP\r\n", "214-I know\r\n200 no more\r\n", 1 },
		{ "FEAT\r\n", "211-Features:\r\n MDTM\r\n", 0 },
		{ "PWD\r\n", "257-/\r\n200 End\r\n", 0 },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[index].command));
		attack_say_bytes(attack, S, unit_string(rows[index].reply));
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, FORGED "\r\n");
		assert_int_equal(attack->world.pinholes_made, rows[index].pinholes);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* A greeting may end in another code than it began with, but not in one that greets nobody. */
static void a96_a_greeting_that_ends_in_a_refusal_is_no_greeting(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	SAY(attack, S, "220-welcome\r\n331 Password\r\n");
	SAY(attack, C, "PO\xff\xf4RT 10,0,0,5,4,1\r\n");
	attack_assert_closed(attack, REASON_CLIENT_FIRST);
	attack_end(attack);
}

/* Whatever way the client's next line is cut. */
static void a96_a_greeting_that_ends_in_another_code_is_heard_in_pieces(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	SAY(attack, S, "220-welcome\r\n219 Please log in\r\n");
	SAY(attack, C, "USER f");
	SAY(attack, C, "tp\r\n");
	SAY(attack, S, "230 in\r\n");
	attack_assert_alive(attack);
	attack_end(attack);
}

static void a96_a_line_of_a_greeting_logs_nobody_in(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	SAY(attack, S, "220-welcome\r\n230 mirrors are listed in MIRRORS\r\n");
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
	attack_assert_nothing_opened(attack);
	SAY(attack, S, "501 what?\r\n");
	SAY(attack, C, "USER ftp\r\n");
	SAY(attack, S, "230 in\r\n");
	attack_assert_alive(attack);
	attack_end(attack);
}

/* A refusal inside a reply must not end it, or the client is a reply behind. */
static void a94_a_refusal_inside_a_reply_ends_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	size_t mark;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "CWD pub\r\n");
	mark = attack_mark(attack, S);
	SAY(attack, S, "250-\r\n" FORGED "\r\n2271 files are in this directory\r\n250 ok\r\n");
	assert_true(attack_hears(attack, S, mark, "250-Refused"));
	assert_true(attack_hears(attack, S, mark, "2271 files"));
	attack_end(attack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a18_an_error_reply_cut_before_227_opens_nothing),
		cmocka_unit_test(a18_over_ipv6_with_229_likewise),
		cmocka_unit_test(a19_a_retransmission_that_begins_at_227_opens_nothing),
		cmocka_unit_test(a20_text_inside_a_multi_line_reply_is_no_offer),
		cmocka_unit_test(a21_an_unsolicited_227_opens_nothing),
		cmocka_unit_test(a21_of_two_227_for_one_pasv_the_second_opens_nothing),
		cmocka_unit_test(a22_a_file_name_that_contains_a_227_is_no_offer),
		cmocka_unit_test(a23_a_port_at_the_start_of_a_segment_is_not_a_line),
		cmocka_unit_test(a23_a_line_that_was_injected_is_judged_like_any_other),
		cmocka_unit_test(a24_http_on_the_control_port_ends_the_session_for_good),
		cmocka_unit_test(a24_peers_that_miss_their_resets_gain_nothing),
		cmocka_unit_test(a24_before_the_login_an_offer_opens_nothing),
		cmocka_unit_test(a24_a_header_field_ends_the_session_even_behind_a_good_verb),
		cmocka_unit_test(a24_a_client_of_unknown_verbs_is_not_let_to_the_login),
		cmocka_unit_test(a103_a_client_may_begin_with_a_verb_that_nobody_knows),
		cmocka_unit_test(a103_what_begins_like_another_protocol_gets_nothing),
		cmocka_unit_test(a25_behind_http_no_other_inside_host_can_be_named),
		cmocka_unit_test(a26_colluding_peers_get_one_pinhole_to_no_listed_service),
		cmocka_unit_test(a27_an_offer_without_a_transfer_is_for_one_minute),
		cmocka_unit_test(a28_the_pinhole_is_for_the_peers_address_alone),
		cmocka_unit_test(a29_an_offer_of_the_filter_itself_is_refused_and_does_not_arrive),
		cmocka_unit_test(a30_text_without_a_login_opens_nothing),
		cmocka_unit_test(a31_an_encrypted_session_opens_nothing),
		cmocka_unit_test(a32_a_connection_that_finds_no_row_is_turned_away_visibly),
		cmocka_unit_test(a32_a_reused_port_is_a_new_session),
		cmocka_unit_test(a33_a_source_has_a_quota_of_sessions),
		cmocka_unit_test(a33_a_flood_of_offers_has_one_pinhole_and_a_rate),
		cmocka_unit_test(a33_all_sessions_of_a_source_share_its_pinholes),
		cmocka_unit_test(a82_an_answer_by_another_code_is_judged_too),
		cmocka_unit_test(a82_an_answer_by_another_code_that_names_the_server_is_an_offer),
		cmocka_unit_test(a391_what_is_said_to_a_request_that_was_overwritten_is_judged),
		cmocka_unit_test(a350_an_answer_with_a_port_in_it_is_judged),
		cmocka_unit_test(a350_the_answer_to_who_is_before_us_is_judged),
		cmocka_unit_test(a350_what_some_read_has_answered_the_request),
		cmocka_unit_test(a350_a_request_behind_another_command_is_not_used_up),
		cmocka_unit_test(a354_gridftp_announces_nothing_unjudged),
		cmocka_unit_test(a215_an_answer_that_few_can_read_is_judged_too),
		cmocka_unit_test(a215_beside_the_numbers_of_an_answer_nothing_is_left_to_read),
		cmocka_unit_test(a93_the_lines_of_one_answer_hold_one_endpoint),
		cmocka_unit_test(a93_numbers_that_some_would_begin_elsewhere_open_nothing),
		cmocka_unit_test(a93_no_endpoint_moves_to_where_some_count_off_a_code),
		cmocka_unit_test(a94_a_client_that_is_a_reply_behind_reads_no_endpoint),
		cmocka_unit_test(a218_numbers_behind_a_227_without_any_are_not_kept),
		cmocka_unit_test(a217_an_early_answer_puts_a_client_a_reply_behind),
		cmocka_unit_test(a94_a_name_of_numbers_passes_where_nobody_expects_an_endpoint),
		cmocka_unit_test(a95_out_of_step_a_forged_227_gains_nothing),
		cmocka_unit_test(a95_pairing_finds_back),
		cmocka_unit_test(a95_a_keep_alive_is_no_flood),
		cmocka_unit_test(a95_any_command_can_keep_alive),
		cmocka_unit_test(a96_a_pretended_end_is_believed_of_the_servers_own_words_only),
		cmocka_unit_test(a96_a_greeting_that_ends_in_a_refusal_is_no_greeting),
		cmocka_unit_test(a96_a_line_of_a_greeting_logs_nobody_in),
		cmocka_unit_test(a96_a_greeting_that_ends_in_another_code_is_heard_in_pieces),
		cmocka_unit_test(a94_a_refusal_inside_a_reply_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
