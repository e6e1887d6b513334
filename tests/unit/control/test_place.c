/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which directory a session is in, followed through CWD, CDUP, PWD and their replies. */
#include "control/table.h"
#include "unit.h"

#define STEPS_MAX 12

struct dialogue {
	const char *name;
	const char *lines[STEPS_MAX]; /* "C CWD pub", "S CWD 250 changed": of a reply, the verb that it was taken for */
	const char *file;             /* that is fetched then */
	const char *path;             /* and what it is called */
};

static const struct dialogue dialogues[] = {
	{ "nothing is known", { NULL }, "a", "a" },
	{ "a file by its whole name", { NULL }, "/pub//x/../a", "/pub/a" },
	{ "PWD says", { "C PWD", "S PWD 257 \"/home/anna\" is it" }, "a", "/home/anna/a" },
	{ "PWD says what has quotation marks", { "C PWD", "S PWD 257 \"/a\"\"b\" is it" }, "c", "/a\"b/c" },
	{ "PWD does not end", { "C PWD", "S PWD 257 \"/a" }, "c", "c" },
	{ "PWD says nothing", { "C PWD", "S PWD 257 here" }, "c", "c" },
	{ "PWD says no path", { "C PWD", "S PWD 257 \"C:\\x\"" }, "c", "c" },
	{ "CWD from the root", { "C CWD /pub", "S CWD 250 ok" }, "a", "/pub/a" },
	{ "CWD from nowhere", { "C CWD pub", "S CWD 250 ok" }, "a", "a" },
	{ "CWD and on", { "C CWD /pub", "S CWD 250 ok", "C CWD x/./y", "S CWD 250 ok" }, "a", "/pub/x/y/a" },
	{ "CWD refused", { "C CWD /pub", "S CWD 250 ok", "C CWD x", "S CWD 550 no" }, "a", "/pub/a" },
	{ "CDUP", { "C CWD /pub/x", "S CWD 250 ok", "C CDUP", "S CDUP 200 ok" }, "a", "/pub/a" },
	{ "CDUP to the root", { "C CWD /pub", "S CWD 250 ok", "C CDUP", "S CDUP 250 ok", "C CDUP", "S CDUP 250 ok" }, "a", "/a" },
	{ "two dots", { "C CWD /pub/x", "S CWD 250 ok", "C CWD ../y", "S CWD 250 ok" }, "../a", "/pub/a" },
	{ "a home that the server knows", { "C CWD ~bob", "S CWD 250 ok" }, "a", "a" },
	{ "two at once", { "C CWD /pub", "C CWD x", "S CWD 250 ok", "S CWD 250 ok" }, "a", "a" },
	{ "two at once, and one refused", { "C CWD /pub", "C CWD /x", "S CWD 250 ok", "S CWD 550 no" }, "a", "a" },
	{ "two at once, and then PWD", { "C CWD /pub", "C CWD x", "S CWD 250 ok", "S CWD 250 ok", "C PWD", "S PWD 257 \"/pub/x\"" },
	  "a", "/pub/x/a" },
	{ "PWD while CWD waits", { "C PWD", "C CWD x", "S PWD 257 \"/pub\"" }, "a", "a" },
	{ "taken for TYPE", { "C CWD /pub", "S TYPE 250 ok" }, "a", "/pub/a" },
	{ "a reply to nothing", { "C CWD /pub", "S CWD 250 ok", "S CWD 250 ok" }, "a", "a" },
	{ "a reply of another verb", { "C CWD /pub", "S CWD 250 ok", "S DELE 250 gone" }, "a", "/pub/a" },
	{ "MKD", { "C CWD /pub", "S CWD 250 ok", "S MKD 257 \"/new\" made" }, "a", "/pub/a" },
	{ "a home's file", { "C CWD /pub", "S CWD 250 ok" }, "~bob/a", "~bob/a" },
	{ "a new name for a directory above", { "C CWD /pub/x", "S CWD 250 ok", "C RNFR /pub", "S RNFR 350 and", "C RNTO /old",
						"S RNTO 250 ok" }, "a", "a" },
	{ "a new name for the directory", { "C CWD /pub/x", "S CWD 250 ok", "C RNFR ../x", "S RNFR 350 and", "C RNTO ../y",
					    "S RNTO 250 ok" }, "a", "a" },
	{ "that is refused", { "C CWD /pub/x", "S CWD 250 ok", "C RNFR /pub", "S RNFR 350 and", "C RNTO /old", "S RNTO 550 no" },
	  "a", "/pub/x/a" },
	{ "a new name for a file", { "C CWD /pub/x", "S CWD 250 ok", "C RNFR a.part", "S RNFR 350 and", "C RNTO a", "S RNTO 250 ok" },
	  "a", "/pub/x/a" },
	{ "a new name for one whose name begins alike", { "C CWD /pub/x", "S CWD 250 ok", "C RNFR /pu", "S RNFR 350 and",
							  "C RNTO /old", "S RNTO 250 ok" }, "a", "/pub/x/a" },
	{ "another file system", { "C CWD /pub", "S CWD 250 ok", "C SMNT y", "S SMNT 250 ok" }, "a", "a" },
	{ "TYPE with CWD", { "C TYPE I", "C CWD /pub", "S TYPE 200 ok", "S TYPE 250 ok" }, "a", "/pub/a" },
	{ "TYPE with CDUP", { "C CWD /pub/x", "S CWD 250 ok", "C TYPE I", "C CDUP", "S TYPE 504 no", "S TYPE 200 ok" }, "a", "a" },
	{ "TYPE with CDUP, and who knows", { "C CWD /pub/x", "S CWD 250 ok", "C CDUP", "C TYPE I", "S CDUP 200 ok", "S CDUP 200 ok" },
	  "a", "a" },
	{ "REIN", { "C CWD /pub", "S CWD 250 ok", "C REIN", "S REIN 220 ok" }, "a", "a" },
};

static void say(struct tables *tables, const struct nat_view *view, const char *line)
{
	struct notice notice = { .type = NOTICE_LINE, .session = 1, .view = view,
				 .direction = *line == 'C' ? DIRECTION_ORIGINAL : DIRECTION_REPLY };
	const char *word = line + 2;
	const size_t length = strcspn(word, " ");

	notice.verb = verb_find((struct bytes){ (const uint8_t *)word, length });
	notice.text = unit_string(word);
	if (*line == 'S') {
		notice.text = unit_string(word + length + 1);
		notice.code = (uint16_t)((notice.text.data[0] - '0') * 100 + (notice.text.data[1] - '0') * 10 +
					 notice.text.data[2] - '0');
	}
	tables_take(tables, &notice, 1000);
}

static struct tables *open_tables(const struct nat_view *view)
{
	static const struct table_limits limits = { .sessions = 2, .ended = 2, .ended_time = 1000000, .transfers = 2,
						    .decisions = 40 };
	struct tables *tables = tables_make(&limits);

	tables_take(tables, &(struct notice){ .type = NOTICE_SESSION_OPEN, .session = 1, .view = view }, 1000);
	tables_take(tables, &(struct notice){ .type = NOTICE_LOGIN, .session = 1, .view = view,
					      .text = unit_string("anna") }, 1000);
	return tables;
}

static void paths_are_what_the_dialogue_makes_them(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dialogues); i++) {
		struct tables *tables = open_tables(&view);
		const struct transfer *transfer;

		for (size_t line = 0; line < STEPS_MAX && dialogues[i].lines[line]; line++)
			say(tables, &view, dialogues[i].lines[line]);
		tables_take(tables, &(struct notice){ .type = NOTICE_TRANSFER, .session = 1, .view = &view,
						      .verb = VERB_RETR,
						      .code = 226, .text = unit_string(dialogues[i].file) }, 1000);
		transfer = tables_transfer(tables, 0);
		if (transfer->path.length != strlen(dialogues[i].path) ||
		    memcmp(transfer->path.bytes, dialogues[i].path, transfer->path.length) != 0)
			fail_msg("%s: \"%.*s\" and not \"%s\"", dialogues[i].name, transfer->path.length,
				 (const char *)transfer->path.bytes, dialogues[i].path);
		tables_free(tables);
	}
}

/* What is known of the file of a line, as it is known when the line is said. */
static void described(struct tables *tables, const struct nat_view *view, const char *line, struct table_path *path,
		      struct notice_file *file)
{
	const struct notice notice = { .type = NOTICE_LINE, .session = 1, .view = view, .text = unit_string(line + 2),
				       .verb = verb_find((struct bytes){ (const uint8_t *)line + 2, 4 }) };

	assert_true(tables_describe(tables, &notice, path, file));
	say(tables, view, line);
}

static void assert_path(const struct notice_file *file, const char *path)
{
	assert_int_equal(file->path.length, strlen(path));
	assert_memory_equal(file->path.data, path, strlen(path));
}

static void a200_a_name_said_while_the_directory_changes_is_of_none_until_its_transfer_begins(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	struct tables *tables = open_tables(&view);
	const struct notice begins = { .type = NOTICE_LINE, .session = 1, .view = &view, .direction = DIRECTION_REPLY,
				       .verb = VERB_RETR, .code = 150, .text = unit_string("150 here") };
	struct notice_file file;
	struct table_path path;

	(void)state;
	say(tables, &view, "C CWD /pub");
	say(tables, &view, "S CWD 250 ok");
	say(tables, &view, "C CWD x");
	described(tables, &view, "C RETR a", &path, &file);
	assert_path(&file, "a");
	say(tables, &view, "C CWD /elsewhere");
	say(tables, &view, "S CWD 250 ok");
	/* Of two at once nobody can say. */
	assert_true(tables_describe(tables, &begins, &path, &file));
	assert_path(&file, "a");
	tables_free(tables);
	tables = open_tables(&view);
	say(tables, &view, "C CWD /pub");
	described(tables, &view, "C RETR a", &path, &file);
	assert_path(&file, "a");
	say(tables, &view, "S CWD 250 ok");
	assert_true(tables_describe(tables, &begins, &path, &file));
	assert_path(&file, "/pub/a");
	/* What is said later changes nothing. */
	say(tables, &view, "S RETR 150 here");
	say(tables, &view, "C CWD x");
	say(tables, &view, "S CWD 250 ok");
	tables_take(tables, &(struct notice){ .type = NOTICE_TRANSFER, .session = 1, .view = &view, .verb = VERB_RETR,
					      .code = 226,
					      .text = unit_string("a") }, 1000);
	assert_int_equal(tables_transfer(tables, 0)->path.length, 6);
	assert_memory_equal(tables_transfer(tables, 0)->path.bytes, "/pub/a", 6);
	tables_free(tables);
}

static void what_a_server_calls_a_unique_file_is_its_name(void **state)
{
	static const struct {
		const char *line;
		const char *path;
	} rows[] = {
		{ "150 FILE: a.1", "/pub/a.1" }, { "125 FILE: /x/a.1", "/x/a.1" }, { "150 opening", "" }, { "150 FILE:", "" },
	};
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tables *tables = open_tables(&view);
		struct notice begins = { .type = NOTICE_LINE, .session = 1, .view = &view, .direction = DIRECTION_REPLY,
					 .verb = VERB_STOU, .code = 150, .text = unit_string(rows[i].line) };
		struct notice_file file;
		struct table_path path;

		say(tables, &view, "C CWD /pub");
		say(tables, &view, "S CWD 250 ok");
		described(tables, &view, "C STOU", &path, &file);
		assert_path(&file, "");
		assert_true(tables_describe(tables, &begins, &path, &file));
		assert_path(&file, rows[i].path);
		tables_free(tables);
	}
}

static void a_listing_is_of_its_directory_and_options_are_no_name(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	struct tables *tables = open_tables(&view);
	struct notice_file file;
	struct table_path path;

	(void)state;
	say(tables, &view, "C CWD /pub");
	say(tables, &view, "S CWD 250 ok");
	described(tables, &view, "C LIST", &path, &file);
	assert_path(&file, "/pub");
	described(tables, &view, "C LIST -la x", &path, &file);
	assert_path(&file, "-la x");
	described(tables, &view, "C NLST x", &path, &file);
	assert_path(&file, "/pub/x");
	described(tables, &view, "C RETR", &path, &file);
	assert_path(&file, "");
	tables_free(tables);
}

static void the_type_is_the_last_one_that_was_agreed_on(void **state)
{
	static const struct {
		const char *lines[4];
		bool ascii;
	} rows[] = {
		{ { NULL }, true },
		{ { "C TYPE I", "S TYPE 200 ok" }, false },
		{ { "C TYPE I", "S TYPE 504 no" }, true },
		{ { "C TYPE I", "S TYPE 200 ok", "C TYPE A N", "S TYPE 200 ok" }, true },
		{ { "C TYPE I", "C CWD x", "S TYPE 200 ok", "S TYPE 250 ok" }, false },
		{ { "C TYPE I", "S TYPE 200 ok", "C REIN", "S REIN 220 ok" }, true },
	};
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tables *tables = open_tables(&view);
		struct notice_file file;
		struct table_path path;

		for (size_t line = 0; line < ARRAY_SIZE(rows[i].lines) && rows[i].lines[line]; line++)
			say(tables, &view, rows[i].lines[line]);
		described(tables, &view, "C RETR a", &path, &file);
		assert_int_equal(file.ascii, rows[i].ascii);
		tables_free(tables);
	}
}

static void what_is_agreed_on_for_data_connections_is_known_where_all_was_read(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	static const char *const words[] = { NULL, "opaque", "terminated" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct tables *tables = open_tables(&view);
		struct notice_file file;
		struct table_path path;

		if (words[i])
			tables_take(tables, &(struct notice){ .type = NOTICE_TLS, .session = 1, .view = &view,
							      .text = unit_string(words[i]) }, 1000);
		/* CCC. */
		tables_take(tables, &(struct notice){ .type = NOTICE_TLS, .session = 1, .view = &view,
						      .text = unit_string("clear") }, 1000);
		described(tables, &view, "C RETR a", &path, &file);
		assert_int_equal(file.protection, i == 0 ? PROTECTION_CLEAR : PROTECTION_UNKNOWN);
		tables_free(tables);
	}
}

static void a_path_that_is_too_long_is_cut_and_no_directory(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	struct tables *tables = open_tables(&view);
	char line[600] = "C CWD /";
	char reply[600] = "S PWD 257 \"/";

	(void)state;
	memset(line + 7, 'x', 500);
	say(tables, &view, line);
	say(tables, &view, "S CWD 250 ok");
	assert_false(tables_find_session(tables, 1)->place_known);
	memset(reply + 12, 'x', 500);
	reply[512] = '"';
	say(tables, &view, "C PWD");
	say(tables, &view, reply);
	assert_false(tables_find_session(tables, 1)->place_known);
	tables_take(tables, &(struct notice){ .type = NOTICE_TRANSFER, .session = 1, .view = &view, .verb = VERB_RETR,
					      .code = 226,
					      .text = unit_bytes(line + 6, 500) }, 1000);
	assert_int_equal(tables_transfer(tables, 0)->path.length, TABLE_PATH_MAX);
	assert_int_equal(tables_transfer(tables, 0)->path.cut, 500 - TABLE_PATH_MAX);
	tables_free(tables);
}

static void sizes_are_read_where_servers_write_them(void **state)
{
	static const struct {
		const char *line;
		bool known;
		uint64_t size;
	} rows[] = {
		{ "S RETR 150 Opening BINARY mode data connection for a (20000003 bytes).", true, 20000003 },
		{ "S RETR 150 Opening data connection for (odd) (5 bytes)", true, 5 },
		{ "S RETR 150 1 (1 byte)", true, 1 },
		{ "S RETR 150 Opening (5 files)", false, 0 },
		{ "S RETR 150 ( bytes)", false, 0 },
		{ "S RETR 150", false, 0 },
		{ "S RETR 150 (99999999999999999999999 bytes)", false, 0 },
	};
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tables *tables = open_tables(&view);
		const struct table_move *move = &tables_find_session(tables, 1)->move;

		say(tables, &view, "C RETR a");
		say(tables, &view, rows[i].line);
		assert_int_equal(move->state, MOVE_RUNNING);
		assert_int_equal(move->has_total, rows[i].known);
		if (rows[i].known)
			assert_int_equal(move->total, rows[i].size);
		tables_free(tables);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_what_the_dialogue_makes_them),
		cmocka_unit_test(a200_a_name_said_while_the_directory_changes_is_of_none_until_its_transfer_begins),
		cmocka_unit_test(what_a_server_calls_a_unique_file_is_its_name),
		cmocka_unit_test(a_listing_is_of_its_directory_and_options_are_no_name),
		cmocka_unit_test(the_type_is_the_last_one_that_was_agreed_on),
		cmocka_unit_test(what_is_agreed_on_for_data_connections_is_known_where_all_was_read),
		cmocka_unit_test(a_path_that_is_too_long_is_cut_and_no_directory),
		cmocka_unit_test(sizes_are_read_where_servers_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
