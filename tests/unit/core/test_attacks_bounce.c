/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A01 to A17 of the attack catalogue: offers that name somebody else, or a place where no data connection should go.
 *
 * Every row is tried whole and cut in two at every byte. A refused command keeps its length and its verb, the server
 * never sees the offer, nothing is opened, one event says why, and the session goes on to an honest offer.
 */
#include "attack.h"

struct row {
	enum place place;
	const char *line; /* without its end */
	enum reason reason;
};

static size_t say_line(struct attack *attack, enum direction direction, const char *text, size_t cut)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%s\r\n", text);

	attack_say_cut(attack, direction, unit_bytes(line, (size_t)length), cut);
	return (size_t)length;
}

static void try_command(const struct row *row, size_t cut)
{
	struct attack *attack = attack_open(row->place);
	const char *argument = strchr(row->line, ' ') + 1;
	size_t length;
	size_t mark;

	attack_login(attack);
	mark = attack_mark(attack, C);
	length = say_line(attack, C, row->line, cut);
	if (attack_count(attack, NOTICE_REFUSE, row->reason) != 1 || attack_hears(attack, C, mark, argument) ||
	    attack_heard(attack, C, mark).length != length)
		fail_msg("%s, cut at %zu: the server heard \"%s\"", row->line, cut,
			 unit_escape(attack_heard(attack, C, mark)));
	attack_assert_nothing_opened(attack);
	assert_false(attack_hears(attack, C, mark, "99"));
	SAY(attack, S, "501 no\r\n");
	attack_assert_alive(attack);
	attack_end(attack);
}

static void refuse_commands(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t cut = 0; cut < strlen(rows[i].line) + 2; cut++)
			try_command(&rows[i], cut);
}

#define REFUSE_COMMANDS(rows) refuse_commands(rows, ARRAY_SIZE(rows))

static void try_reply(const struct row *row, const char *request, size_t cut)
{
	struct attack *attack = attack_open(row->place);
	size_t length;
	size_t mark;

	attack_login(attack);
	attack_say_bytes(attack, C, unit_string(request));
	mark = attack_mark(attack, S);
	length = say_line(attack, S, row->line, cut);
	if (attack_count(attack, NOTICE_REFUSE, row->reason) != 1 || !attack_hears(attack, S, mark, "425 ") ||
	    attack_hears(attack, S, mark, "22") || attack_heard(attack, S, mark).length != length)
		fail_msg("%s, cut at %zu: the client heard \"%s\"", row->line, cut,
			 unit_escape(attack_heard(attack, S, mark)));
	attack_assert_nothing_opened(attack);
	attack_assert_alive(attack);
	attack_end(attack);
}

static void refuse_replies(const char *request, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t cut = 0; cut < strlen(rows[i].line) + 2; cut++)
			try_reply(&rows[i], request, cut);
}

#define REFUSE_REPLIES(request, rows) refuse_replies(request, rows, ARRAY_SIZE(rows))

static void a01_port_that_names_a_third_host_does_not_reach_the_server(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "PORT 10,0,0,99,0,25", REASON_FOREIGN_ADDRESS },
		{ SNAT, "PORT 10,0,0,99,0,25", REASON_FOREIGN_ADDRESS },
		{ DNAT, "PORT 203,0,113,99,9,9", REASON_FOREIGN_ADDRESS },
		{ SNAT, "PORT 203,0,113,9,9,9", REASON_FOREIGN_ADDRESS },
		{ PLAIN6, "EPRT |2|2001:db8::99|2525|", REASON_FOREIGN_ADDRESS },
		{ SNAT6, "EPRT |2|2001:db8:1::99|25|", REASON_FOREIGN_ADDRESS },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a02_eprt_is_judged_as_port_is(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "EPRT |1|10.0.0.99|25|", REASON_FOREIGN_ADDRESS },
		{ SNAT, "EPRT |1|10.0.0.99|50001|", REASON_FOREIGN_ADDRESS },
		{ SNAT6, "EPRT |2|2001:db8::99|50001|", REASON_FOREIGN_ADDRESS },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a03_eprt_with_another_delimiter_is_judged_too(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "EPRT @1@10.0.0.99@2525@", REASON_FOREIGN_ADDRESS },
		{ SNAT, "EPRT !1!10.0.0.99!2525!", REASON_FOREIGN_ADDRESS },
		{ SNAT, "EPRT ~1~10.0.0.99~2525~", REASON_FOREIGN_ADDRESS },
		{ PLAIN6, "EPRT ,2,2001:db8::99,2525,", REASON_FOREIGN_ADDRESS },
		{ PLAIN, "EPRT 717 10.0.0.99725257", REASON_MALFORMED },
		{ PLAIN, "EPRT |1|10.0.0.99|2525", REASON_MALFORMED },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a04_an_address_of_another_family_is_refused_not_passed(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "EPRT |2|::ffff:10.0.0.99|2525|", REASON_FAMILY_MISMATCH },
		{ PLAIN, "EPRT |2|10.0.0.99|2525|", REASON_FAMILY_MISMATCH },
		{ PLAIN, "EPRT |2|2001:db8::99|2525|", REASON_FAMILY_MISMATCH },
		{ PLAIN6, "EPRT |2|::ffff:10.0.0.99|2525|", REASON_FAMILY_MISMATCH },
		{ PLAIN6, "EPRT |1|10.0.0.99|2525|", REASON_FAMILY_MISMATCH },
		{ SNAT6, "PORT 10,0,0,99,9,9", REASON_FAMILY_MISMATCH },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a05_lprt_is_judged_as_port_is(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "LPRT 4,4,10,0,0,99,2,0,25", REASON_FOREIGN_ADDRESS },
		{ SNAT, "LPRT 4,4,10,0,0,99,2,9,9", REASON_FOREIGN_ADDRESS },
		{ PLAIN6, "LPRT 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,99,2,9,9", REASON_FOREIGN_ADDRESS },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

/* Striped transfers of GridFTP: SPOR is a PORT with as many addresses as there are stripes, and to servers PORT's equal. */
static void a352_spor_is_judged_as_port_is(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "SPOR 10,0,0,99,0,25", REASON_FOREIGN_ADDRESS },
		{ SNAT, "spor 10,0,0,99,9,9", REASON_FOREIGN_ADDRESS },
		{ PLAIN, "SPOR 10,0,0,5,0,25", REASON_LOW_PORT },
		{ PLAIN, "SPOR 10,0,0,5,9,9 10,0,0,99,9,9", REASON_MALFORMED },
		{ PLAIN, "SPOR 10,0,0,5,9,9 10,0,0,5,9,10", REASON_MALFORMED },
	};
	struct attack *attack = attack_open(SNAT);

	(void)state;
	REFUSE_COMMANDS(rows);
	attack_login(attack);
	SAY(attack, C, "SPOR 10,0,0,5,195,80\r\n");
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

static void a353_a_transfer_that_names_its_endpoint_does_not_reach_the_server(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "GET path=/x;port=10,0,0,99,0,25;", REASON_MALFORMED },
		{ SNAT, "PUT path=/x;port=10,0,0,99,0,25;", REASON_MALFORMED },
		{ PLAIN, "get mode=e; PORT\t=10,0,0,99,9,9", REASON_MALFORMED },
		{ PLAIN, "GET port =10,0,0,99,9,9", REASON_MALFORMED },
		{ PLAIN, "PUT port=10,0,0,5,9,9", REASON_MALFORMED },
	};
	struct attack *attack = attack_open(PLAIN);
	size_t mark;

	(void)state;
	REFUSE_COMMANDS(rows);
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "GET path=/port;pasv;\r\nPUTS path=/x;port=1\r\n");
	assert_true(attack_hears(attack, C, mark, "GET path=/port;pasv;\r\nPUTS path=/x;port=1\r\n"));
	attack_end(attack);
}

static void a06_case_does_not_matter(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "port 10,0,0,99,7,208", REASON_FOREIGN_ADDRESS },
		{ SNAT, "pOrT 10,0,0,99,7,208", REASON_FOREIGN_ADDRESS },
		{ SNAT6, "ePrt |2|2001:db8::99|2525|", REASON_FOREIGN_ADDRESS },
		{ PLAIN, "lprT 4,4,10,0,0,99,2,9,9", REASON_FOREIGN_ADDRESS },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a07_an_octet_above_255_is_refused_not_wrapped(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "PORT 10,0,0,5,260,1", REASON_OVERFLOW },
		{ SNAT, "PORT 266,0,0,5,9,9", REASON_OVERFLOW },
		{ SNAT, "PORT 10,0,0,261,9,9", REASON_OVERFLOW },
		{ PLAIN, "PORT 10,0,255,257,9,9", REASON_OVERFLOW },
		{ PLAIN, "PORT 10,0,0,5,9,4294967305", REASON_OVERFLOW },
		{ PLAIN, "EPRT |1|10.0.0.261|50001|", REASON_OVERFLOW },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a08_a_port_above_65535_is_refused_not_wrapped(void **state)
{
	static const struct row commands[] = {
		{ PLAIN, "EPRT |1|10.0.0.5|65557|", REASON_OVERFLOW },
		{ SNAT, "EPRT |1|10.0.0.5|115537|", REASON_OVERFLOW },
		{ SNAT6, "EPRT |2|2001:db8::5|4295017297|", REASON_OVERFLOW },
	};
	static const struct row replies[] = {
		{ PLAIN, "229 Extended (|||65558|)", REASON_OVERFLOW },
		{ SNAT6, "229 Extended (|||115537|)", REASON_OVERFLOW },
	};

	(void)state;
	REFUSE_COMMANDS(commands);
	REFUSE_REPLIES("EPSV\r\n", replies);
}

static void a09_a_low_port_is_refused(void **state)
{
	static const struct row commands[] = {
		{ PLAIN, "PORT 10,0,0,5,0,22", REASON_LOW_PORT },
		{ SNAT, "PORT 10,0,0,5,0,139", REASON_LOW_PORT },
		{ SNAT, "PORT 10,0,0,5,3,255", REASON_LOW_PORT },
		{ SNAT6, "EPRT |2|2001:db8::5|445|", REASON_LOW_PORT },
	};
	static const struct row replies[] = {
		{ PLAIN, "227 Entering Passive Mode (203,0,113,9,0,22)", REASON_LOW_PORT },
		{ DNAT, "227 Entering Passive Mode (203,0,113,9,3,255)", REASON_LOW_PORT },
	};

	(void)state;
	REFUSE_COMMANDS(commands);
	REFUSE_REPLIES("PASV\r\n", replies);
}

static void a10_port_0_is_refused(void **state)
{
	static const struct row commands[] = {
		{ PLAIN, "PORT 10,0,0,5,0,0", REASON_PORT_ZERO },
		{ SNAT, "EPRT |1|10.0.0.5|0|", REASON_PORT_ZERO },
		{ SNAT6, "EPRT |2|2001:db8::5|0|", REASON_PORT_ZERO },
	};
	static const struct row replies[] = { { PLAIN, "227 Passive (203,0,113,9,0,0)", REASON_PORT_ZERO } };

	(void)state;
	REFUSE_COMMANDS(commands);
	REFUSE_REPLIES("PASV\r\n", replies);
}

static void a11_a_well_known_high_port_is_refused(void **state)
{
	static const struct row commands[] = {
		{ PLAIN, "PORT 10,0,0,5,23,112", REASON_DENIED_PORT },
		{ SNAT, "PORT 10,0,0,5,12,234", REASON_DENIED_PORT },
		{ SNAT, "EPRT |1|10.0.0.5|8080|", REASON_DENIED_PORT },
		{ SNAT6, "EPRT |2|2001:db8::5|5432|", REASON_DENIED_PORT },
	};

	(void)state;
	REFUSE_COMMANDS(commands);
}

/* What clients may not offer is a server's own to offer: it has a list of its own. */
static void a100_a_server_offers_every_port_that_is_not_on_its_own_list(void **state)
{
	static const char *const replies[] = {
		"227 Passive (203,0,113,9,13,61)\r\n", "227 Passive (203,0,113,9,23,112)\r\n",
		"227 Passive (203,0,113,9,19,196)\r\n", "227 Passive (203,0,113,9,4,0)\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies) * 2; i++) {
		struct attack *attack = attack_make(PLAIN);
		struct policy_rule *rule = &attack->world.policy.rules[0];
		const bool listed = i % 2 == 1;

		rule->passive_denied[0] = (struct port_range){ 1024, 6000 };
		rule->passive_denied_count = listed;
		attack_start(attack, 1000);
		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		attack_say_bytes(attack, S, unit_string(replies[i / 2]));
		assert_int_equal(attack->world.pinhole_count, !listed);
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_DENIED_PORT), listed);
		attack_end(attack);
	}
}

static void a12_a_number_that_readers_read_differently_is_refused(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "PORT 010,0,0,5,40,1", REASON_AMBIGUOUS },
		{ SNAT, "PORT 10,0,0,05,40,1", REASON_AMBIGUOUS },
		{ SNAT, "PORT +10,0,0,5,40,1", REASON_AMBIGUOUS },
		{ PLAIN, "PORT 10, 0,0,5,40,1", REASON_MALFORMED },
		{ PLAIN, "PORT 0x0a,0,0,5,40,1", REASON_MALFORMED },
		{ SNAT6, "EPRT |2|2001:db8::5|050001|", REASON_AMBIGUOUS },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a13_a_host_port_has_six_numbers_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "PORT 10,0,0,5,40", REASON_MALFORMED },
		{ SNAT, "PORT 10,0,0,5,40,1,1", REASON_MALFORMED },
		{ SNAT, "PORT 10,0,0,5,40,1 junk", REASON_MALFORMED },
		{ PLAIN, "PORT 10,0,0,,5,40,1", REASON_MALFORMED },
		{ PLAIN, "PORT 10,0,0,5,40,1,", REASON_MALFORMED },
		{ SNAT6, "EPRT |2|2001:db8::5|50001||", REASON_MALFORMED },
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a14_a_server_offers_nobody_but_itself(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "227 Entering Passive Mode (203,0,113,99,0,80)", REASON_FOREIGN_ADDRESS },
		{ SNAT, "227 Entering Passive Mode (198,51,100,99,195,80)", REASON_FOREIGN_ADDRESS },
		{ DNAT, "227 Entering Passive Mode (198,51,100,7,195,80)", REASON_FOREIGN_ADDRESS },
		{ PLAIN, "227 Entering Passive Mode (10,0,0,99,0,80)", REASON_LOW_PORT },
		{ PLAIN, "227 at (203,0,113,9,195,80), no, (10,0,0,9,195,80)", REASON_AMBIGUOUS },
	};

	(void)state;
	REFUSE_REPLIES("PASV\r\n", rows);
}

static void a15_a_third_party_transfer_needs_a_listed_network_and_port(void **state)
{
	static const struct row rows[] = { { SNAT, "PORT 203,0,113,99,195,80", REASON_FOREIGN_ADDRESS } };
	struct attack *attack = attack_make(SNAT);
	struct policy_rule *rule = &attack->world.policy.rules[0];
	size_t mark;

	(void)state;
	REFUSE_COMMANDS(rows);
	rule->fxp[0].network = unit_network("203.0.113.0/24");
	rule->fxp[0].ports = (struct port_range){ 50000, 50100 };
	rule->fxp_count = 1;
	attack_start(attack, 1000);
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "PORT 203,0,113,99,195,80\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT 203,0,113,99,195,80\r\n"));
	SAY(attack, S, "200 ok\r\n");
	SAY(attack, C, "PORT 203,0,113,99,200,80\r\n");
	SAY(attack, C, "PORT 203,0,112,99,195,80\r\n");
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS), 2);
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_end(attack);
}

static void a16_nobodys_address_and_the_firewalls_own_are_refused(void **state)
{
	static const struct row rows[] = {
		{ SNAT, "PORT 198,51,100,1,40,1", REASON_FOREIGN_ADDRESS }, /* the firewall */
		{ PLAIN, "PORT 127,0,0,1,40,1", REASON_MARTIAN_ADDRESS },
		{ SNAT, "PORT 255,255,255,255,40,1", REASON_MARTIAN_ADDRESS },
		{ PLAIN, "PORT 224,0,0,1,40,1", REASON_MARTIAN_ADDRESS },
		{ PLAIN, "EPRT |1|169.254.1.1|50001|", REASON_MARTIAN_ADDRESS },
		{ PLAIN6, "EPRT |2|::1|50001|", REASON_MARTIAN_ADDRESS },
		{ SNAT6, "EPRT |2|fe80::1|50001|", REASON_MARTIAN_ADDRESS },
		{ SNAT6, "EPRT |2|ff02::1|50001|", REASON_MARTIAN_ADDRESS },
		{ SNAT6, "EPRT |2|2001:db8:f::1|50001|", REASON_FOREIGN_ADDRESS }, /* the firewall */
	};

	(void)state;
	REFUSE_COMMANDS(rows);
}

static void a16_an_unspecified_address_means_the_peer_and_is_filled_in(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "PORT 0,0,0,0,40,1\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT 198,51,100,1,40,1\r\n"));
	attack_end(attack);
}

static void a17_an_argument_that_comes_back_is_no_offer(void **state)
{
	static const struct {
		const char *command, *reply;
	} rows[] = {
		{ "STAT 227 (203,0,113,9,195,80)\r\n", "213-STAT\r\n227 (203,0,113,9,195,80)\r\n213 end\r\n" },
		{ "SITE x 227 (203,0,113,9,195,80)\r\n", "227 (203,0,113,9,195,80)\r\n" },
		{ "MDTM 229 (|||50001|)\r\n", "229 (|||50001|)\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(DNAT);
		size_t mark;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].command));
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_string(rows[i].reply));
		attack_assert_nothing_opened(attack);
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 1);
		assert_false(attack_hears(attack, S, mark, "(203"));
		assert_false(attack_hears(attack, S, mark, "(|||"));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* A public one may be meant, and then nobody knows what the server's own would lead to. */
static void a99_a_public_address_stays_refused(void **state)
{
	static const struct row rows[] = {
		{ PLAIN, "227 Entering Passive Mode (198,51,100,99,195,80)", REASON_FOREIGN_ADDRESS },
		{ PLAIN, "227 Entering Passive Mode (172,32,0,1,195,80)", REASON_FOREIGN_ADDRESS },
	};

	(void)state;
	REFUSE_REPLIES("PASV\r\n", rows);
}

/* Servers behind a NAT of others announce it. Whatever they say, the client is sent back to them. */
static void a99_a_private_address_becomes_the_servers_own(void **state)
{
	static const char *const replies[] = {
		"227 Entering Passive Mode (10,0,0,99,195,80)\r\n", "227 Entering Passive Mode (192,168,7,7,195,80)\r\n",
		"227 Entering Passive Mode (172,16,1,69,195,80)\r\n", "227 Entering Passive Mode (127,0,0,1,195,80)\r\n",
		"227 Entering Passive Mode (10,0,0,5,195,80)\r\n",
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
		assert_true(address_equal(&attack->world.pinholes[0].destination.address,
					  &(struct address){ FAMILY_IPV4, { 203, 0, 113, 9 } }));
		assert_true(attack_hears(attack, S, mark, "(203,0,113,9,195,80)"));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

/* inet_aton() takes 010 for 8, and some servers write all numbers with three digits, or with a blank before them. */
static void a97_padded_numbers_of_a_reply_leave_as_plain_ones(void **state)
{
	static const char *const replies[] = {
		"227 Entering Passive Mode (203,000,113,009,195,080)\r\n",
		"227 Entering Passive Mode (203, 0, 113, 9, 195, 80)\r\n",
		"227 (203,0,113,9,195,080)\r\n",
		"227-Entering\r\n227 (203,00,113,9,195,80)\r\n",
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
		assert_int_equal(attack->world.pinholes[0].destination.port, 50000);
		assert_true(attack_hears(attack, S, mark, "(203,0,113,9,195,80)"));
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a01_port_that_names_a_third_host_does_not_reach_the_server),
		cmocka_unit_test(a02_eprt_is_judged_as_port_is),
		cmocka_unit_test(a03_eprt_with_another_delimiter_is_judged_too),
		cmocka_unit_test(a04_an_address_of_another_family_is_refused_not_passed),
		cmocka_unit_test(a05_lprt_is_judged_as_port_is),
		cmocka_unit_test(a352_spor_is_judged_as_port_is),
		cmocka_unit_test(a353_a_transfer_that_names_its_endpoint_does_not_reach_the_server),
		cmocka_unit_test(a06_case_does_not_matter),
		cmocka_unit_test(a07_an_octet_above_255_is_refused_not_wrapped),
		cmocka_unit_test(a08_a_port_above_65535_is_refused_not_wrapped),
		cmocka_unit_test(a09_a_low_port_is_refused),
		cmocka_unit_test(a10_port_0_is_refused),
		cmocka_unit_test(a11_a_well_known_high_port_is_refused),
		cmocka_unit_test(a100_a_server_offers_every_port_that_is_not_on_its_own_list),
		cmocka_unit_test(a12_a_number_that_readers_read_differently_is_refused),
		cmocka_unit_test(a13_a_host_port_has_six_numbers_and_nothing_else),
		cmocka_unit_test(a14_a_server_offers_nobody_but_itself),
		cmocka_unit_test(a15_a_third_party_transfer_needs_a_listed_network_and_port),
		cmocka_unit_test(a16_nobodys_address_and_the_firewalls_own_are_refused),
		cmocka_unit_test(a16_an_unspecified_address_means_the_peer_and_is_filled_in),
		cmocka_unit_test(a17_an_argument_that_comes_back_is_no_offer),
		cmocka_unit_test(a99_a_public_address_stays_refused),
		cmocka_unit_test(a99_a_private_address_becomes_the_servers_own),
		cmocka_unit_test(a97_padded_numbers_of_a_reply_leave_as_plain_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
