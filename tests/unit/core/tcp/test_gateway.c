/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dialogues through the gateway: what must arrive, which decisions are taken, and that neither depends on how the bytes
 * were cut, lost, repeated or reordered on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

#define LOGIN \
	{ S, "220 ready\r\n" }, { C, "USER u\r\n" }, { S, "331 password\r\n" }, { C, "PASS p\r\n" }, \
	{ S, "230-welcome\r\n second line\r\n230 in\r\n" }

struct scenario {
	const char *name;
	const char *client, *client_seen, *server, *server_seen;
	struct line lines[24];
	const char *server_got; /* from the client, behind the login */
	const char *client_got; /* from the server, behind the login */
	unsigned int pinholes;
	unsigned int refused;
	bool closed;
};

#define CLIENT_LOGIN "USER u\r\nPASS p\r\n"
#define SERVER_LOGIN "220 ready\r\n331 password\r\n230-welcome\r\n second line\r\n230 in\r\n"

static const struct scenario scenarios[] = {
	{
		"PORT behind SNAT grows",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ LOGIN, { C, "PORT 10,0,0,5,195,149\r\n" }, { S, "200 ok\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n" }, { S, "226 done\r\n" }, { C, "PORT 10,0,0,5,195,150\r\n" }, { S, "200 ok\r\n" },
		  { C, "RETR x\r\n" }, { S, "150 here\r\n226 done\r\n" }, { C, "QUIT\r\n" }, { S, "221 bye\r\n" } },
		"PORT 198,51,100,200,195,149\r\nLIST\r\nPORT 198,51,100,200,195,150\r\nRETR x\r\nQUIT\r\n",
		"200 ok\r\n150 here\r\n226 done\r\n200 ok\r\n150 here\r\n226 done\r\n221 bye\r\n", 2, 0, false,
	},
	{
		"PORT behind SNAT shrinks",
		"192.168.100.200", "1.2.3.4", "203.0.113.9", NULL,
		{ LOGIN, { C, "PORT 192,168,100,200,195,149\r\n" }, { S, "200 ok\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n" }, { S, "226 done\r\n" }, { C, "NOOP\r\n" }, { S, "200 ok\r\n" },
		  { C, "EPRT |1|192.168.100.200|50000|\r\n" }, { S, "200 ok\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n226 done\r\n" } },
		"PORT 1,2,3,4,195,149\r\nLIST\r\nNOOP\r\nEPRT |1|1.2.3.4|50000|\r\nLIST\r\n",
		"200 ok\r\n150 here\r\n226 done\r\n200 ok\r\n200 ok\r\n150 here\r\n226 done\r\n", 2, 0, false,
	},
	{
		"three pipelined PORTs in flight at once",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ LOGIN, { C, "PORT 10,0,0,5,195,149\r\n" }, { C, "NOOP\r\n" }, { C, "PORT 10,0,0,5,195,150\r\n" },
		  { C, "PORT 10,0,0,5,4,1\r\n" }, { C, "LIST\r\n" }, { S, "200 1\r\n200 2\r\n200 3\r\n200 4\r\n" },
		  { S, "150 here\r\n226 done\r\n" }, { C, "QUIT\r\n" }, { S, "221 bye\r\n" } },
		"PORT 198,51,100,200,195,149\r\nNOOP\r\nPORT 198,51,100,200,195,150\r\n"
		"PORT 198,51,100,200,4,1\r\nLIST\r\nQUIT\r\n",
		"200 1\r\n200 2\r\n200 3\r\n200 4\r\n150 here\r\n226 done\r\n221 bye\r\n", 3, 0, false,
	},
	{
		"three pipelined PORTs that shrink",
		"192.168.100.200", "1.2.3.4", "203.0.113.9", NULL,
		{ LOGIN, { C, "PORT 192,168,100,200,195,149\r\nPORT 192,168,100,200,195,150\r\n" },
		  { C, "PORT 192,168,100,200,195,151\r\nLIST\r\n" }, { S, "200 1\r\n200 2\r\n200 3\r\n" },
		  { S, "150 here\r\n226 done\r\n" }, { C, "QUIT\r\n" }, { S, "221 bye\r\n" } },
		"PORT 1,2,3,4,195,149\r\nPORT 1,2,3,4,195,150\r\nPORT 1,2,3,4,195,151\r\nLIST\r\nQUIT\r\n",
		"200 1\r\n200 2\r\n200 3\r\n150 here\r\n226 done\r\n221 bye\r\n", 3, 0, false,
	},
	{
		"227 of a server behind DNAT keeps its words",
		"203.0.113.77", NULL, "10.0.0.2", "198.51.100.200",
		{ LOGIN, { C, "PASV\r\n" }, { S, "227 Entering Passive Mode (10,0,0,2,195,149).\r\n" },
		  { C, "LIST\r\n" }, { S, "150 here\r\n226 done\r\n" } },
		"PASV\r\nLIST\r\n",
		"227 Entering Passive Mode (198,51,100,200,195,149).\r\n150 here\r\n226 done\r\n", 1, 0, false,
	},
	{
		"a server behind DNAT may announce its public address itself",
		"203.0.113.77", NULL, "10.0.0.2", "198.51.100.200",
		{ LOGIN, { C, "PASV\r\n" }, { S, "227 Entering Passive Mode (198,51,100,200,195,149).\r\n" },
		  { C, "LIST\r\n" }, { S, "150 here\r\n226 done\r\n" } },
		"PASV\r\nLIST\r\n", "227 Entering Passive Mode (198,51,100,200,195,149).\r\n150 here\r\n226 done\r\n", 1, 0, false,
	},
	{
		"a bare 227 behind DNAT grows",
		"203.0.113.77", NULL, "10.0.0.2", "198.51.100.200",
		{ LOGIN, { C, "PASV\r\n" }, { S, "227 10,0,0,2,195,149\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n226 done\r\n" } },
		"PASV\r\nLIST\r\n", "227 198,51,100,200,195,149\r\n150 here\r\n226 done\r\n", 1, 0, false,
	},
	{
		"EPSV and 229 without NAT are left alone",
		"2001:db8::5", NULL, "2001:db8:1::9", NULL,
		{ LOGIN, { C, "EPSV\r\n" }, { S, "229 Extended (|||50000|)\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n226 done\r\n" } },
		"EPSV\r\nLIST\r\n", "229 Extended (|||50000|)\r\n150 here\r\n226 done\r\n", 1, 0, false,
	},
	{
		"EPRT over IPv6 behind SNAT",
		"fd00::5", "2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1::9", NULL,
		{ LOGIN, { C, "EPRT |2|fd00::5|50000|\r\n" }, { S, "200 ok\r\n" }, { C, "LIST\r\n" },
		  { S, "150 here\r\n226 done\r\n" } },
		"EPRT |2|2001:db8:1111:2222:3333:4444:5555:6666|50000|\r\nLIST\r\n",
		"200 ok\r\n150 here\r\n226 done\r\n", 1, 0, false,
	},
	{
		"a bounce is overwritten and the session goes on",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ LOGIN, { C, "PORT 10,0,0,99,0,25\r\n" }, { S, "501 Illegal\r\n" }, { C, "PORT 10,0,0,5,4,1\r\n" },
		  { S, "200 ok\r\n" }, { C, "NOOP\r\n" }, { S, "200 ok\r\n" } },
		"PORT XXXXXXXXXXXXXX\r\nPORT 198,51,100,200,4,1\r\nNOOP\r\n",
		"501 Illegal\r\n200 ok\r\n200 ok\r\n", 1, 1, false,
	},
	{
		"a foreign 227 is answered with 425",
		"203.0.113.77", NULL, "203.0.113.9", NULL,
		{ LOGIN, { C, "PASV\r\n" }, { S, "227 Entering Passive Mode (10,0,0,99,0,80)\r\n" }, { C, "NOOP\r\n" },
		  { S, "200 ok\r\n" } },
		"PASV\r\nNOOP\r\n", NULL, 0, 1, false,
	},
	{
		"a PORT before the login is refused",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ { S, "220 ready\r\n" }, { C, "PORT 10,0,0,5,4,1\r\n" }, { S, "530 no\r\n" }, { C, "QUIT\r\n" },
		  { S, "221 bye\r\n" } },
		"PORT XXXXXXXXXXXX\r\nQUIT\r\n", "220 ready\r\n530 no\r\n221 bye\r\n", 0, 1, false,
	},
	{
		"HTTP on the control port is reset",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ { S, "220 ready\r\n" }, { C, "POST / HTTP/1.1\r\nHost: x\r\n\r\nPORT 10,0,0,5,4,1\r\n" } },
		"", "220 ready\r\n", 0, 0, true,
	},
	{
		"a long multi-line reply and long commands pass",
		"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
		{ LOGIN, { C, "HELP aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" },
		  { S, "214-first\r\n227 not this (\r\n 214 nor this\r\n2140\r\n\r\n214 End\r\n" }, { C, "NOOP\r\n" },
		  { S, "200 ok\r\n" } },
		"HELP aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nNOOP\r\n",
		"214-first\r\n227 not this (\r\n 214 nor this\r\n2140\r\n\r\n214 End\r\n200 ok\r\n", 0, 0, false,
	},
};

/* Another has the port that is asked for, so the pinhole gets the next one, whose text is shorter. */
#define TAKEN 50175
static const struct scenario another_port = {
	"a pinhole with another port than was asked for",
	"10.0.0.5", "198.51.100.200", "203.0.113.9", NULL,
	{ LOGIN, { C, "PORT 10,0,0,5,195,255\r\n" }, { S, "200 ok\r\n" }, { C, "LIST\r\n" },
	  { S, "150 here\r\n226 done\r\n" }, { C, "PORT 10,0,0,5,196,9\r\n" }, { S, "200 ok\r\n" },
	  { C, "QUIT\r\n" }, { S, "221 bye\r\n" } },
	"PORT 198,51,100,200,196,0\r\nLIST\r\nPORT 198,51,100,200,196,9\r\nQUIT\r\n",
	"200 ok\r\n150 here\r\n226 done\r\n200 ok\r\n221 bye\r\n", 2, 0, false,
};

#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static size_t scenario_lines(const struct scenario *scenario)
{
	size_t count = 0;

	while (count < 24 && scenario->lines[count].text)
		count++;
	return count;
}

static bool begins_with_login(const struct scenario *scenario)
{
	return strcmp(scenario->lines[1].text, "USER u\r\n") == 0;
}

static void assert_received(const struct world *world, enum direction direction, const char *login, const char *rest,
			    const char *what, uint32_t seed)
{
	struct bytes got = world_received(world, direction);
	char want[8192];

	snprintf(want, sizeof(want), "%s%s", login, rest);
	if (got.length != strlen(want) || memcmp(got.data, want, got.length) != 0)
		fail_msg("%s (schedule %u): got \"%.*s\", expected \"%s\"", what, seed, (int)got.length,
			 (const char *)got.data, want);
}

static void run_scenario(const struct scenario *scenario, const struct schedule *schedule)
{
	/* One for all: fresh memory of that size costs more than the dialogue in it. */
	static struct world room;
	struct world *world = &room;
	bool login = begins_with_login(scenario);
	bool finished;

	world_make(world, scenario->client, scenario->client_seen, scenario->server, scenario->server_seen);
	world->port_taken = scenario == &another_port ? TAKEN : 0;
	/* Both ways of asking the kernel lead to the same bytes. */
	if (schedule->seed % 2)
		world->ops.expect_and_adjust = NULL;
	world_start(world, UINT32_C(0xffffff00) + schedule->seed % 512);
	world_shake_hands(world);
	finished = world_converse(world, scenario->lines, scenario_lines(scenario), schedule);
	if (!finished)
		fail_msg("%s (schedule %u): the dialogue got stuck", scenario->name, schedule->seed);
	if (scenario->server_got)
		assert_received(world, C, login ? CLIENT_LOGIN : "", scenario->server_got, scenario->name,
				schedule->seed);
	if (scenario->client_got)
		assert_received(world, S, login ? SERVER_LOGIN : "", scenario->client_got, scenario->name,
				schedule->seed);
	if (world->pinholes_made != scenario->pinholes)
		fail_msg("%s (schedule %u): %u pinholes, expected %u", scenario->name, schedule->seed,
			 world->pinholes_made, scenario->pinholes);
	assert_int_equal(world_count_events(world, NOTICE_REFUSE, REASON_COUNT), scenario->refused);
	assert_int_equal(world->peer[0].reset && world->peer[1].reset, scenario->closed);
	world_end(world);
}

static void dialogues_arrive_as_they_should(void **state)
{
	const struct schedule plain = { .seed = 0 };

	(void)state;
	for (size_t i = 0; i < SCENARIO_COUNT; i++)
		run_scenario(&scenarios[i], &plain);
}

static void dialogues_do_not_depend_on_one_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIO_COUNT; i++)
		for (unsigned int cut = 1; cut < 200; cut++) {
			struct schedule schedule = { .seed = cut, .cut_at = cut };

			run_scenario(&scenarios[i], &schedule);
		}
}

static void dialogues_do_not_depend_on_single_bytes(void **state)
{
	const struct schedule bytes = { .seed = 5, .segment_max = 1 };

	(void)state;
	for (size_t i = 0; i < SCENARIO_COUNT; i++)
		run_scenario(&scenarios[i], &bytes);
}

/* Nagle: nothing more is sent while anything is unacknowledged, so held bytes must be acknowledged by the gateway. */
static void senders_that_wait_for_acknowledgements_are_not_stalled(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIO_COUNT; i++)
		for (uint32_t seed = 1; seed <= 40; seed++) {
			struct schedule schedule = {
				.seed = seed,
				.segment_max = 1 + seed % 10,
				.lose = seed % 4 * 70,
				.repeat = seed % 5 * 60,
				.reorder = seed % 3 * 200,
				.resend = seed % 6 * 60,
				.nagle = true,
			};

			run_scenario(&scenarios[i], &schedule);
		}
}

static void dialogues_survive_loss_repetition_and_disorder(void **state)
{
	(void)state;
	for (size_t i = 0; i <= SCENARIO_COUNT; i++)
		for (uint32_t seed = 1; seed <= 100; seed++) {
			struct schedule schedule = {
				.seed = seed,
				.segment_max = seed % 7 * 9,
				.lose = seed % 4 * 70,
				.repeat = seed % 5 * 60,
				.reorder = seed % 3 * 200,
				.resend = seed % 6 * 60,
			};

			run_scenario(i < SCENARIO_COUNT ? &scenarios[i] : &another_port, &schedule);
		}
}

struct asking {
	const char *seen; /* where the client is, as the server sees it */
	const char *port;
	uint16_t taken;
	bool kept;             /* the kernel takes adjustments */
	unsigned int together; /* how often both are asked for at once, */
	unsigned int adjusted; /* and how many adjustments are asked for in all */
	const char *arrives;
};

/* The kernel is asked for what a line needs at once, and for nothing that another line would need. */
static void a151_an_offer_and_its_adjustment_are_asked_for_together(void **state)
{
	static const struct asking rows[] = {
		{ "198.51.100.200", "PORT 10,0,0,5,195,149\r\n", 0, true, 1, 1, "PORT 198,51,100,200,195,149\r\n" },
		/* It got another port, and is a line of another length now. */
		{ "198.51.100.200", "PORT 10,0,0,5,195,255\r\n", TAKEN, true, 1, 1, "PORT 198,51,100,200,196,0\r\n" },
		{ "198.51.100.200", "PORT 10,0,0,5,195,149\r\n", 0, false, 1, 1, "PORT XXXXXXXXXXXXXXXX\r\n" },
		/* Nothing to adjust. */
		{ "10.0.0.9", "PORT 10,0,0,5,195,149\r\n", 0, true, 0, 0, "PORT 10,0,0,9,195,149\r\n" },
	};
	const struct schedule plain = { .seed = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct world world;
		const struct line lines[] = { LOGIN, { C, rows[i].port } };

		world_make(&world, "10.0.0.5", rows[i].seen, "203.0.113.9", NULL);
		world.port_taken = rows[i].taken;
		world.seqadj_kept = rows[i].kept;
		world_start(&world, 1000);
		world_shake_hands(&world);
		assert_true(world_converse(&world, lines, sizeof(lines) / sizeof(lines[0]), &plain));
		assert_received(&world, C, CLIENT_LOGIN, rows[i].arrives, rows[i].port, 0);
		assert_int_equal(world.asked_together, rows[i].together);
		assert_int_equal(world.adjusted, rows[i].adjusted);
		assert_int_equal(world.pinhole_count, rows[i].kept ? 1 : 0);
		world_end(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a151_an_offer_and_its_adjustment_are_asked_for_together),
		cmocka_unit_test(dialogues_arrive_as_they_should),
		cmocka_unit_test(dialogues_do_not_depend_on_one_cut_anywhere),
		cmocka_unit_test(dialogues_do_not_depend_on_single_bytes),
		cmocka_unit_test(senders_that_wait_for_acknowledgements_are_not_stalled),
		cmocka_unit_test(dialogues_survive_loss_repetition_and_disorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
