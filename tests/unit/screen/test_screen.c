/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gateway tells, as people read it: widths, units, and peers' words that are no more than characters. */
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "screen/screen.h"
#include "screen/unit.h"
#include "unit.h"

/* 2026-11-28T14:02:33Z */
#define NOW 1795874553.0

static const struct screen_style wide = { .width = 120, .unicode = true };
static const struct screen_style narrow = { .width = 80, .unicode = true };
static const struct screen_style any = { .width = 0, .unicode = true };

static json_t *read_json(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	if (!value)
		fail_msg("the test's own JSON: %s at %d", error.text, error.position);
	return value;
}

static void assert_shown(struct screen_text *text, const char *expected)
{
	const char *shown = text->data ? text->data : "";

	assert_false(text->lost);
	if (strcmp(shown, expected) != 0)
		fail_msg("shown is\n%s\nand not\n%s", shown, expected);
	screen_text_free(text);
}

static void numbers_are_in_the_units_of_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *shown;
	} sizes[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 12100000, "12.1 MB" }, { 999949, "999.9 kB" },
		{ 999950, "1.0 MB" }, { 4702019584, "4.7 GB" }, { UINT64_MAX, "18.4 EB" },
	};
	static const struct {
		double seconds;
		const char *age;
		const char *duration;
		const char *exact;
		const char *countdown;
	} times[] = {
		{ 0.012, "0s", "0 s", "12 ms", "0:00" },
		{ 0.0004, "0s", "0 s", "<1 ms", "0:00" },
		{ 8, "8s", "8 s", "8.0 s", "0:08" },
		{ 75, "1m", "1 min", "1 min 15 s", "1:15" },
		{ 7500, "2h", "2 h 5 min", "2 h 5 min", "2:05:00" },
		{ 7200, "2h", "2 h", "2 h", "2:00:00" },
		{ 274000, "3d", "3 d 4 h", "3 d 4 h", "76:06:40" },
		{ -5, "0s", "0 s", "-", "0:00" },
	};
	struct screen_text text = { .style = &any };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		screen_add_size(&text, sizes[i].bytes);
		assert_shown(&text, sizes[i].shown);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		screen_add_age(&text, times[i].seconds);
		assert_shown(&text, times[i].age);
		screen_add_duration(&text, times[i].seconds);
		assert_shown(&text, times[i].duration);
		screen_add_seconds(&text, times[i].seconds);
		assert_shown(&text, times[i].exact);
		screen_add_countdown(&text, times[i].seconds);
		assert_shown(&text, times[i].countdown);
	}
	screen_add_count(&text, 0);
	screen_add(&text, " ");
	screen_add_count(&text, 999);
	screen_add(&text, " ");
	screen_add_count(&text, 1234567);
	assert_shown(&text, "0 999 1,234,567");
	screen_add_part(&text, 4190000000, 4702019584);
	assert_shown(&text, "4.2 of 4.7 GB");
	screen_add_rate(&text, 61200000);
	screen_add(&text, " ");
	screen_add_rate(&text, 6870000);
	screen_add(&text, " ");
	screen_add_rate(&text, 0);
	assert_shown(&text, "61 MB/s 6.9 MB/s -");
}

static void times_are_read_whole_or_not_at_all(void **state)
{
	static const char *const wrong[] = {
		"", "2026", "2026-11-28 14:02:33Z", "2026-11-28T14:02:33", "2026-11-28T14:02:33.5", "2026-11-28T14:02:3aZ",
		"2026-11-28T14:02:33.5Zz", "-026-11-28T14:02:33Z", "20261128T140233Z",
	};
	struct screen_text text = { .style = &any };

	(void)state;
	assert_true(screen_read_time("2026-11-28T14:02:33Z") == NOW);
	assert_true(screen_read_time("2026-11-28T14:02:33.250000Z") == NOW + 0.25);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (screen_read_time(wrong[i]) != -1)
			fail_msg("\"%s\"", wrong[i]);
	screen_add_time(&text, NOW + 0.25, SCREEN_CLOCK_MILLISECONDS, NOW);
	screen_add(&text, " ");
	screen_add_time(&text, NOW - 86399, SCREEN_CLOCK_RECENT, NOW);
	screen_add(&text, " ");
	screen_add_time(&text, NOW - 86400, SCREEN_CLOCK_RECENT, NOW);
	screen_add(&text, " ");
	screen_add_time(&text, -1, SCREEN_CLOCK_DATE, NOW);
	assert_shown(&text, "14:02:33.250 14:02:34 Nov 27 14:02 -");
}

static void peers_words_are_nothing_but_characters(void **state)
{
	static const struct screen_style ascii = { .unicode = false };
	struct screen_text text = { .style = &any };

	(void)state;
	screen_add_words(&text, TEXT("a\033[2Jb\r\n\tc\x7f\xc2\x9b""1m m\xc3\xbcller \xe2\x80\xae\xff \xf0\x9f\x92\xbe"));
	assert_shown(&text, "a\\x1b[2Jb\\x0d\\x0a\\x09c\\x7f\\xc2\\x9b1m m\xc3\xbcller \\xe2\\x80\\xae\\xff \xf0\x9f\x92\xbe");
	text.style = &ascii;
	screen_add_string(&text, "m\xc3\xbcller");
	assert_shown(&text, "m\\xc3\\xbcller");
	/* What stands on the character before it would hide how wide a cell is. */
	text.style = &any;
	screen_add_string(&text, "e\xcc\x81");
	assert_shown(&text, "e\\xcc\\x81");
}

static void columns_count_what_terminals_show(void **state)
{
	struct screen_text text = { .style = &any };

	(void)state;
	assert_int_equal(screen_width(TEXT("m\xc3\xbcller")), 6);
	assert_int_equal(screen_width(TEXT("\xe6\x96\x87\xe4\xbb\xb6")), 4);
	screen_add_column(&text, "\xe6\x96\x87\xe4\xbb\xb6", 5, false);
	screen_add(&text, "|");
	/* Half a character can't be shown. */
	screen_add_column(&text, "\xe6\x96\x87\xe4\xbb\xb6", 3, false);
	screen_add(&text, "|");
	screen_add_column(&text, "\xe6\x96\x87\xe4\xbb\xb6" "12", 3, false);
	screen_add(&text, "|");
	screen_add_column(&text, "7", 3, true);
	screen_add(&text, "|");
	screen_add_end(&text, "/pub/\xe6\x96\x87.bin", 7);
	screen_add(&text, "|");
	screen_add_end(&text, "/pub/a.bin", 10);
	screen_add(&text, "|");
	screen_add_end(&text, "/pub/a.bin", 1);
	assert_shown(&text, "\xe6\x96\x87\xe4\xbb\xb6 |\xe6\x96\x87\xe2\x80\xa6|\xe6\x96\x87\xe2\x80\xa6|  7|"
			    "\xe2\x80\xa6\xe6\x96\x87.bin|/pub/a.bin|\xe2\x80\xa6");
}

static void add_row(struct screen_table *table, const char *first, const char *second, const char *third)
{
	const char *const words[] = { first, second, third };
	struct screen_text cell = { .style = &any };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		screen_add_string(&cell, words[i]);
		screen_table_add(table, &cell, SCREEN_PLAIN);
	}
}

static void tables_fit_and_no_line_ends_with_a_blank(void **state)
{
	static const struct screen_column columns[] = {
		{ "NAME", 6, 0, SCREEN_WORDS }, { "N", 0, 0, SCREEN_NUMBER }, { "WHY", 4, 1, SCREEN_WORDS },
	};
	static const struct {
		unsigned int width;
		const char *shown;
	} rows[] = {
		{ 0, "NAME            N  WHY\nlong-long-1    10  because\ns            1000\n" },
		{ 26, "NAME            N  WHY\nlong-long-1    10  because\ns            1000\n" },
		{ 24, "NAME          N  WHY\nlong-lon\xe2\x80\xa6    10  because\ns          1000\n" },
		{ 18, "NAME       N  WHY\nlong-\xe2\x80\xa6    10  bec\xe2\x80\xa6\ns       1000\n" },
		/* WHY is worth less than the others. */
		{ 17, "NAME            N\nlong-long-1    10\ns            1000\n" },
		{ 13, "NAME        N\nlong-l\xe2\x80\xa6    10\ns        1000\n" },
		/* What can't be made any smaller is shown all the same. */
		{ 3, "NAME       N\nlong-\xe2\x80\xa6    10\ns       1000\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct screen_style style = { .width = rows[i].width, .unicode = true };
		struct screen_text text = { .style = &style };
		struct screen_table table;

		screen_table_begin(&table, columns, ARRAY_SIZE(columns));
		add_row(&table, "long-long-1", "10", "because");
		add_row(&table, "s", "1000", "");
		screen_table_print(&table, &text);
		screen_table_free(&table);
		assert_shown(&text, rows[i].shown);
	}
}

static const char status_json[] =
	"{\"version\":1,\"program\":\"0.1.0\",\"started\":\"2026-11-25T10:02:33Z\",\"pid\":874,"
	"\"config\":{\"path\":\"/etc/ftpalg/ftpalg.conf\",\"read\":\"2026-11-28T13:50:33Z\",\"error\":null},"
	"\"workers\":[{\"queue\":21,\"up\":true,\"hung_seconds\":7,\"packets\":48213,\"waiting\":412,\"dropped\":0,\"p50_us\":14,"
	"\"p99_us\":61,\"restarts\":1}],\"proxy\":null,"
	"\"rules\":[{\"family\":\"ipv4\",\"state\":\"loaded\",\"kind\":\"nft\"},"
	"{\"family\":\"ipv6\",\"state\":\"missing\",\"since\":\"2026-11-28T14:02:11Z\",\"why\":\"table inet ftpalg was deleted\"}],"
	"\"kernel\":{\"release\":\"6.1.0\",\"carrier\":true,\"expectations\":31,\"expectations_limit\":4096,\"events_lost\":0},"
	"\"sandbox\":{\"user\":\"_ftpalg\",\"capabilities\":[\"net_admin\"],\"seccomp\":true,\"no_new_privileges\":true},"
	"\"sessions\":{\"open\":12,\"opaque\":2,\"total\":1931,\"without_carrier\":0},"
	"\"pinholes\":{\"open\":1,\"opened\":1719,\"used\":1702,\"ended\":15,\"unused\":2},"
	"\"refused\":{\"total\":23,\"reasons\":{\"foreign-address\":4,\"not-ftp\":19},\"last\":null},"
	"\"transfers\":{\"total\":654,\"download_bytes\":812345678,\"upload_bytes\":91012345,\"failed\":{\"never-came\":2}},"
	"\"events\":{\"lost\":0},\"health\":\"degraded\","
	"\"problems\":[{\"what\":\"IPv6 passes uninspected\",\"mend\":\"systemctl restart ftpalg-rules\"}]}";

static const char status_screen[] =
	"ftpalg    0.1.0   running 3 d 4 h   since 2026-11-25 10:02:33   pid 874\n"
	"          config /etc/ftpalg/ftpalg.conf, read 12 min ago\n"
	"worker    queue 21   has not moved for 7 s (watchdog kills it at 10 s); 412 packets wait   48,213 packets   0 dropped\n"
	"          verdicts p50 14 us  p99 61 us   restarted 1 time\n"
	"rules     IPv4 loaded (nft)   IPv6 MISSING since 14:02:11: table inet ftpalg was deleted\n"
	"kernel    6.1.0   carrier ok   expectations 31 of 4,096   events lost 0\n"
	"sandbox   user _ftpalg   capabilities net_admin   seccomp on   no new privileges\n"
	"sessions  12 open (2 in TLS, not read)   1,931 since start   0 without carrier\n"
	"pinholes  1 waiting   1,719 opened   1,702 used   15 ended with the offer   2 never used\n"
	"refused   19 not-ftp   4 foreign-address\n"
	"transfers 654   812.3 MB down   91.0 MB up   failed: 2 never-came\n"
	"\n"
	"DEGRADED  IPv6 passes uninspected\n"
	"  mend:   systemctl restart ftpalg-rules\n";

static void status_says_what_is_wrong_and_what_mends_it(void **state)
{
	json_t *status = read_json(status_json);
	struct screen_text text = { .style = &wide };

	(void)state;
	assert_false(screen_is_healthy(status));
	screen_add_status(&text, status, 10, NOW);
	assert_shown(&text, status_screen);
	screen_add_health(&text, status);
	assert_shown(&text, "DEGRADED: IPv6 passes uninspected");
	json_decref(status);
}

static const char sessions_json[] =
	"[{\"session\":\"69297a8f2c01\",\"client_ip\":\"10.0.0.5\",\"client_port\":42736,\"client_nat_ip\":\"198.51.100.1\","
	"\"server_ip\":\"203.0.113.9\",\"server_port\":21,\"server_nat_ip\":\"203.0.113.9\",\"user\":\"anna\",\"state\":\"transfer\","
	"\"verb\":\"RETR\",\"path\":\"big.iso\",\"direction\":\"down\",\"bytes\":4190000000,\"total\":4702019584,\"rate\":61200000,"
	"\"rule\":\"office\",\"opened\":\"2026-11-28T13:50:33Z\"},"
	"{\"session\":\"69297a8f2c07\",\"client_ip\":\"2001:db8::9\",\"client_port\":40112,\"server_ip\":\"2001:db8::1\","
	"\"server_port\":2121,\"state\":\"opaque\",\"rule\":\"policy\",\"opened\":\"2026-11-28T14:01:53Z\"},"
	"{\"session\":\"69297a8f2c08\",\"client_ip\":\"10.0.0.23\",\"client_port\":39904,\"server_ip\":\"203.0.113.9\","
	"\"server_port\":21,\"user\":\"scan\",\"state\":\"refused\",\"refusals\":3,\"refused\":\"not-ftp\",\"rule\":\"policy\",\"opened\":\"\"}]";

static void sessions_say_what_they_do(void **state)
{
	json_t *sessions = read_json(sessions_json);
	struct screen_text text = { .style = &any };

	(void)state;
	screen_add_sessions(&text, sessions, false, NOW);
	assert_shown(&text,
		     "ID            CLIENT               SERVER              USER  STATE                     TRANSFER"
		     "                          RULE    AGE\n"
		     "69297a8f2c01  10.0.0.5:42736       203.0.113.9         anna  RETR big.iso              89% of 4.7 GB, 61 MB/s, "
		     "8 s left  office  12m\n"
		     "69297a8f2c07  [2001:db8::9]:40112  [2001:db8::1]:2121  -     in TLS, not read          -"
		     "                                 policy  40s\n"
		     "69297a8f2c08  10.0.0.23:39904      203.0.113.9         scan  refused 3 times: not-ftp  -"
		     "                                 policy    -\n"
		     "3 sessions, 1 transfer.   \"ftpalg why 69297a8f2c08\" tells the last decisions of one.\n");
	text.style = &narrow;
	screen_add_sessions(&text, sessions, false, NOW);
	for (const char *line = text.data; line && *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n'))
		if (*line != '3' && screen_width(line, strcspn(line, "\n")) > 80)
			fail_msg("wider than the terminal:\n%s", line);
	screen_text_free(&text);
	json_decref(sessions);
}

static const char transfers_json[] =
	"[{\"time\":\"2026-11-28T14:01:07.5Z\",\"client_ip\":\"10.0.0.5\",\"server_ip\":\"203.0.113.9\",\"user\":\"anna\","
	"\"direction\":\"down\",\"verb\":\"RETR\",\"path\":\"/pub/a b.bin\",\"bytes\":20000003,\"seconds\":0.4,\"outcome\":\"complete\","
	"\"code\":226},"
	"{\"time\":\"2026-11-28T14:01:55Z\",\"client_ip\":\"10.0.0.5\",\"server_ip\":\"203.0.113.9\",\"user\":\"anonymous\","
	"\"direction\":\"up\",\"verb\":\"STOR\",\"path\":\"b.iso\",\"bytes\":10305536,\"seconds\":1.5,\"outcome\":\"aborted\","
	"\"by\":\"client\",\"code\":426},"
	"{\"time\":\"2026-11-28T14:02:02Z\",\"client_ip\":\"10.0.0.5\",\"server_ip\":\"203.0.113.9\",\"user\":\"anna\","
	"\"direction\":\"list\",\"verb\":\"MLSD\",\"path\":\"\",\"bytes\":null,\"seconds\":1,\"outcome\":\"no-answer\",\"code\":0}]";

static void transfers_say_what_became_of_them(void **state)
{
	json_t *transfers = read_json(transfers_json);
	struct screen_text text = { .style = &any };
	struct screen_table table;

	(void)state;
	screen_begin_transfers(&table);
	for (size_t i = 0; i < json_array_size(transfers); i++)
		screen_put_transfer(&table, &any, json_array_get(transfers, i), NOW);
	screen_table_print(&table, &text);
	screen_table_free(&table);
	assert_shown(&text,
		     "TIME      CLIENT    SERVER       USER       DIR   FILE               BYTES   TIME      RATE  OUTCOME\n"
		     "14:01:07  10.0.0.5  203.0.113.9  anna       down  /pub/a b.bin  20,000,003  0.4 s   50 MB/s  complete 226\n"
		     "14:01:55  10.0.0.5  203.0.113.9  anonymous  up    b.iso         10,305,536  1.5 s  6.9 MB/s  aborted by the "
		     "client 426\n"
		     "14:02:02  10.0.0.5  203.0.113.9  anna       list  MLSD                   ?  1.0 s         -  no-answer\n");
	for (size_t i = 0; i < json_array_size(transfers); i++)
		screen_add_xferlog(&text, json_array_get(transfers, i));
	assert_shown(&text, "Sat Nov 28 14:01:07 2026 1 10.0.0.5 20000003 /pub/a_b.bin b _ o r anna ftp 0 * c\n"
			    "Sat Nov 28 14:01:55 2026 2 10.0.0.5 10305536 b.iso b _ i a anonymous ftp 0 * i\n");
	json_decref(transfers);
}

static void decisions_stand_below_their_session(void **state)
{
	json_t *decisions = read_json(
		"[{\"time\":\"2026-11-28T14:02:31.204Z\",\"session\":\"a1\",\"kind\":\"line\",\"text\":\"C> RETR a.bin\",\"advice\":null},"
		"{\"time\":\"2026-11-28T14:02:31.352Z\",\"session\":\"a2\",\"kind\":\"data\",\"text\":\"203.0.113.9:20 came to the pinhole, "
		"and this host's own filter dropped it\",\"advice\":\"Accept it.\"},"
		"{\"session\":\"a2\",\"kind\":\"verdict\",\"text\":\"This host's own filter.\",\"advice\":\"Accept it.\"}]");
	struct screen_text text = { .style = &narrow };

	(void)state;
	screen_add_decisions(&text, decisions);
	assert_shown(&text, "session a1\n14:02:31.204  C> RETR a.bin\n\nsession a2\n"
			    "14:02:31.352  203.0.113.9:20 came to the pinhole, and this host's own filter\n"
			    "              dropped it\n"
			    "verdict       This host's own filter.\n              Accept it.\n");
	json_decref(decisions);
}

static void pinholes_say_how_long_they_wait(void **state)
{
	json_t *pinholes = read_json(
		"[{\"session\":\"a1\",\"form\":\"PORT\",\"from\":\"203.0.113.9\",\"to\":\"198.51.100.1:50069\",\"goes_to\":"
		"\"10.0.0.5:50069\",\"until\":\"2026-11-28T14:03:25Z\",\"rule\":\"office\"}]");
	struct screen_text text = { .style = &any };

	(void)state;
	screen_add_pinholes(&text, pinholes, NOW);
	assert_shown(&text, "SESSION  FORM  FROM         TO (as it arrives)  GOES TO         LEFT  RULE\n"
			    "a1       PORT  203.0.113.9  198.51.100.1:50069  10.0.0.5:50069   52s  office\n"
			    "1 pinhole waits for a data connection.\n");
	json_decref(pinholes);
}

/* Members that are missing, of another type, or enormous: something is shown, and nothing but characters. */
static void nothing_that_is_told_breaks_a_screen(void **state)
{
	static const char *const values[] = {
		"null", "-1", "1e308", "9223372036854775807", "\"\\u001b[31m\\u0007\"", "[]", "{}", "[1,\"a\",{}]", "true", "\"\"",
		"\"2026-99-99T99:99:99Z\"", "{\"a\":-5,\"b\":9223372036854775807,\"\\u001b\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1}",
	};
	uint64_t random = 0x5eed;

	(void)state;
	for (unsigned int turn = 0; turn < 3000; turn++) {
		json_t *status = read_json(status_json);
		json_t *sessions = read_json(turn % 2 ? sessions_json : transfers_json);
		json_t *member = json_array_get(sessions, unit_random_below(&random, 3));
		struct screen_text text = { .style = turn % 3 ? &narrow : &any };
		struct screen_table table;
		json_t *parts[] = { status, member };

		for (unsigned int i = 0; i < 3; i++) {
			json_t *whole = parts[unit_random_below(&random, 2)];
			const char *name;
			json_t *value;
			size_t skip = unit_random_below(&random, (uint32_t)json_object_size(whole));

			json_object_foreach(whole, name, value) {
				if (skip-- > 0)
					continue;
				json_object_set_new(whole, name,
						    read_json(values[unit_random_below(&random, ARRAY_SIZE(values))]));
				break;
			}
		}
		screen_add_status(&text, status, 10, NOW);
		screen_add_sessions(&text, sessions, turn % 5 == 0, NOW);
		screen_add_pinholes(&text, sessions, NOW);
		screen_add_decisions(&text, sessions);
		screen_add_xferlog(&text, member);
		screen_begin_transfers(&table);
		screen_put_transfer(&table, text.style, member, NOW);
		screen_table_print(&table, &text);
		screen_table_free(&table);
		for (size_t i = 0; i < text.length; i++)
			if ((uint8_t)text.data[i] < ' ' && text.data[i] != '\n')
				fail_msg("a control character in\n%s", text.data);
		screen_text_free(&text);
		json_decref(status);
		json_decref(sessions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_in_the_units_of_people),
		cmocka_unit_test(times_are_read_whole_or_not_at_all),
		cmocka_unit_test(peers_words_are_nothing_but_characters),
		cmocka_unit_test(columns_count_what_terminals_show),
		cmocka_unit_test(tables_fit_and_no_line_ends_with_a_blank),
		cmocka_unit_test(status_says_what_is_wrong_and_what_mends_it),
		cmocka_unit_test(sessions_say_what_they_do),
		cmocka_unit_test(transfers_say_what_became_of_them),
		cmocka_unit_test(decisions_stand_below_their_session),
		cmocka_unit_test(pinholes_say_how_long_they_wait),
		cmocka_unit_test(nothing_that_is_told_breaks_a_screen),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
