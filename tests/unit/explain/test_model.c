/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Models of other helpers: what each makes of a segment. tests/lab/test_models.py says the same of the real ones, where
 * they run.
 */
#include "explain/model.h"
#include "unit.h"

#define FORWARDS MODEL_FORWARDS
#define REWRITES MODEL_REWRITES
#define DROPS MODEL_DROPS

/* client 10.0.0.5, behind 198.51.100.1; server 203.0.113.9 */
static struct nat_view view_snat(void)
{
	struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	view.client_seen = unit_endpoint("198.51.100.1", 40000);
	return view;
}

/* What a segment, behind a line end, is met with. */
struct row {
	const char *what;
	enum direction direction;
	const char *segment;
	enum model_verdict verdict;
	const char *leaves;  /* NULL: what came, or nothing */
	const char *expects; /* NULL: nothing is expected */
};

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

static void leaving_text(struct bytes segment, const struct model_answer *answer, char *out)
{
	const size_t rest = answer->replaced.offset + answer->replaced.length;

	memcpy(out, segment.data, answer->replaced.offset);
	memcpy(out + answer->replaced.offset, answer->replacement, answer->replacement_length);
	out += answer->replaced.offset + answer->replacement_length;
	memcpy(out, segment.data + rest, segment.length - rest);
	out[segment.length - rest] = '\0';
}

static void check_row(enum model model, const struct nat_view *view, const struct row *row)
{
	const struct bytes segment = unit_string(row->segment);
	const struct address *source = row->direction == C ? &view->server.address : &view->client.address;
	struct model_state state;
	struct model_answer answer;
	char leaves[256] = "";
	char expects[ENDPOINT_TEXT_MAX] = "nothing";

	model_open(&state, true);
	model_segment(model, &state, view, row->direction, 0, segment, &answer);
	if (answer.verdict == MODEL_REWRITES)
		leaving_text(segment, &answer, leaves);
	if (answer.expects)
		endpoint_format(&answer.destination, expects);
	if (answer.verdict != row->verdict || strcmp(leaves, row->leaves ? row->leaves : "") != 0 ||
	    strcmp(expects, row->expects ? row->expects : "nothing") != 0 ||
	    (answer.expects && !address_equal(&answer.source, source)) || !answer.why)
		fail_msg("%s, %s: verdict %d, sends \"%s\", expects %s", model_name(model), row->what, answer.verdict,
			 leaves, expects);
}

static void check_rows(enum model model, const struct nat_view *view, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(model, view, &rows[i]);
}

static void all_of_linux_lineage_translate_what_their_peer_offers(void **state)
{
	static const struct row rows[] = {
		{ "PORT", C, "PORT 10,0,0,5,195,80\r\n", REWRITES, "PORT 198,51,100,1,195,80\r\n", "198.51.100.1:50000" },
		{ "PORT with a line behind it", C, "PORT 10,0,0,5,195,80\r\nLIST\r\n", REWRITES,
		  "PORT 198,51,100,1,195,80\r\nLIST\r\n", "198.51.100.1:50000" },
		{ "EPRT with bars in the place of @", C, "EPRT @1@10.0.0.5@50000@\r\n", REWRITES,
		  "EPRT |1|198.51.100.1|50000|\r\n", "198.51.100.1:50000" },
		{ "227", S, "227 ok (203,0,113,9,195,80).\r\n", REWRITES, "227 ok (203,0,113,9,195,80).\r\n",
		  "203.0.113.9:50000" },
		{ "a low port", C, "PORT 10,0,0,5,0,22\r\n", REWRITES, "PORT 198,51,100,1,0,22\r\n", "198.51.100.1:22" },
		{ "a leading zero", C, "PORT 010,0,0,5,195,80\r\n", REWRITES, "PORT 198,51,100,1,195,80\r\n",
		  "198.51.100.1:50000" },
		{ "an offer of a third host", C, "PORT 10,0,0,99,0,25\r\n", FORWARDS, NULL, NULL },
		{ "227 of a third host", S, "227 ok (10,0,0,99,0,80)\r\n", FORWARDS, NULL, NULL },
		{ "a line in front", C, "NOOP\r\nPORT 10,0,0,5,195,80\r\n", FORWARDS, NULL, NULL },
		{ "LPRT", C, "LPRT 4,4,10,0,0,5,2,195,80\r\n", FORWARDS, NULL, NULL },
		{ "227 in a reply of several lines", S, "227-x\r\n227 (203,0,113,9,0,22)\r\n", FORWARDS, NULL, NULL },
	};
	const struct nat_view view = view_snat();

	(void)state;
	check_rows(MODEL_KERNEL, &view, rows, ARRAY_SIZE(rows));
	check_rows(MODEL_WRAPPING, &view, rows, ARRAY_SIZE(rows));
	check_rows(MODEL_CONNTRACKD, &view, rows, ARRAY_SIZE(rows));
}

static void the_kernels_drop_what_begins_as_an_offer_and_can_not_be_read(void **state)
{
	static const struct row rows[] = {
		{ "one letter", C, "P", DROPS, NULL, NULL },
		{ "the verb", C, "PORT", DROPS, NULL, NULL },
		{ "a bare LF", C, "PORT 10,0,0,5,195,80\n", DROPS, NULL, NULL },
		{ "two spaces", C, "PORT  10,0,0,5,195,80\r\n", DROPS, NULL, NULL },
		{ "text behind the tuple", C, "PORT 10,0,0,5,195,80 x\r\n", DROPS, NULL, NULL },
		{ "no tuple", S, "227 Logout.\r\n", DROPS, NULL, NULL },
		{ "no parenthesis", S, "229 ok\r\n", DROPS, NULL, NULL },
		{ "another family", C, "EPRT |2|10.0.0.5|50000|\r\n", DROPS, NULL, NULL },
		{ "port 0", C, "EPRT |1|10.0.0.5|0|\r\n", DROPS, NULL, NULL },
		{ "port 0, which is expected first", C, "PORT 10,0,0,5,0,0\r\n", DROPS, NULL, "198.51.100.1:0" },
		{ "not PASS, which begins likewise", C, "PASS x\r\n", FORWARDS, NULL, NULL },
	};
	const struct nat_view view = view_snat();

	(void)state;
	check_rows(MODEL_KERNEL, &view, rows, ARRAY_SIZE(rows));
	check_rows(MODEL_WRAPPING, &view, rows, ARRAY_SIZE(rows));
}

static void the_kernels_take_any_case_and_a_227_without_parentheses(void **state)
{
	static const struct row rows[] = {
		{ "lower case", C, "port 10,0,0,5,195,80\r\n", REWRITES, "port 198,51,100,1,195,80\r\n", "198.51.100.1:50000" },
		{ "no parentheses", S, "227 = 203,0,113,9,195,80\r\n", REWRITES, "227 = 203,0,113,9,195,80\r\n",
		  "203.0.113.9:50000" },
		{ "229", S, "229 ok (!!!50000!)\r\n", REWRITES, "229 ok (|||50000|)\r\n", "203.0.113.9:50000" },
	};
	const struct nat_view view = view_snat();

	(void)state;
	check_rows(MODEL_KERNEL, &view, rows, ARRAY_SIZE(rows));
	check_rows(MODEL_WRAPPING, &view, rows, ARRAY_SIZE(rows));
}

static void numbers_wrap_in_one_kernel_and_are_none_in_the_other(void **state)
{
	static const struct row wrapping[] = {
		{ "a port byte", C, "PORT 10,0,0,5,260,1\r\n", REWRITES, "PORT 198,51,100,1,4,1\r\n", "198.51.100.1:1025" },
		{ "an octet", C, "PORT 9,256,0,5,9,9\r\n", FORWARDS, NULL, NULL },
		{ "octets that add up to the client's", C, "PORT 8,512,0,5,9,9\r\n", REWRITES, "PORT 198,51,100,1,9,9\r\n",
		  "198.51.100.1:2313" },
		{ "EPRT", C, "EPRT |1|10.0.0.5|65557|\r\n", REWRITES, "EPRT |1|198.51.100.1|21|\r\n", "198.51.100.1:21" },
		{ "229", S, "229 ok (|||65558|)\r\n", REWRITES, "229 ok (|||22|)\r\n", "203.0.113.9:22" },
	};
	static const struct row bounded[] = {
		{ "a port byte", C, "PORT 10,0,0,5,260,1\r\n", DROPS, NULL, NULL },
		{ "an octet", C, "PORT 9,256,0,5,9,9\r\n", DROPS, NULL, NULL },
		{ "EPRT", C, "EPRT |1|10.0.0.5|65557|\r\n", DROPS, NULL, NULL },
		{ "229", S, "229 ok (|||65558|)\r\n", DROPS, NULL, NULL },
	};
	const struct nat_view view = view_snat();

	(void)state;
	check_rows(MODEL_WRAPPING, &view, wrapping, ARRAY_SIZE(wrapping));
	check_rows(MODEL_KERNEL, &view, bounded, ARRAY_SIZE(bounded));
}

static void conntrackd_forwards_what_it_can_not_read(void **state)
{
	static const struct row rows[] = {
		{ "lower case", C, "port 10,0,0,5,195,80\r\n", FORWARDS, NULL, NULL },
		{ "one letter", C, "P", FORWARDS, NULL, NULL },
		{ "no tuple", S, "227 Logout.\r\n", FORWARDS, NULL, NULL },
		{ "no parentheses", S, "227 = 203,0,113,9,195,80\r\n", FORWARDS, NULL, NULL },
		{ "229, which it takes for the client's", S, "229 ok (|||50000|)\r\n", FORWARDS, NULL, NULL },
		{ "port 0", C, "PORT 10,0,0,5,0,0\r\n", DROPS, NULL, NULL },
	};
	const struct nat_view view = view_snat();
	const struct nat_view view6 = unit_view("2001:db8::5", "2001:db8::9");
	static const struct row ipv6 = { "IPv6", C, "EPRT |2|2001:db8::5|50000|\r\n", FORWARDS, NULL, NULL };

	(void)state;
	check_rows(MODEL_CONNTRACKD, &view, rows, ARRAY_SIZE(rows));
	check_row(MODEL_CONNTRACKD, &view6, &ipv6);
}

static void the_naive_one_believes_what_it_finds_wherever_it_is(void **state)
{
	static const struct row rows[] = {
		{ "PORT", C, "PORT 10,0,0,5,195,80\r\n", REWRITES, "PORT 198,51,100,1,195,80\r\n", "198.51.100.1:50000" },
		{ "PORT in an argument", C, "RETR a PORT 10,0,0,5,195,80\r\n", REWRITES,
		  "RETR a PORT 198,51,100,1,195,80\r\n", "198.51.100.1:50000" },
		{ "a third host", C, "PORT 10,0,0,99,0,25\r\n", FORWARDS, NULL, "10.0.0.99:25" },
		{ "an echoed 227", S, "500 'x 227 (203,0,113,9,0,139)': what?\r\n", REWRITES,
		  "500 'x 227 (203,0,113,9,0,139)': what?\r\n", "203.0.113.9:139" },
		{ "229", S, "229 ok (|||50000|)\r\n", REWRITES, "229 ok (|||50000|)\r\n", "203.0.113.9:50000" },
		{ "EPRT with bars", C, "EPRT |1|10.0.0.5|50000|\r\n", REWRITES, "EPRT |1|198.51.100.1|50000|\r\n",
		  "198.51.100.1:50000" },
		{ "EPRT without", C, "EPRT @1@10.0.0.5@50000@\r\n", FORWARDS, NULL, NULL },
		{ "lower case", C, "port 10,0,0,5,195,80\r\n", FORWARDS, NULL, NULL },
		{ "a 227 that the client says", C, "SITE 227 (10,0,0,5,0,22)\r\n", FORWARDS, NULL, NULL },
		{ "a line that is cut", C, "PORT 10,0,0", FORWARDS, NULL, NULL },
	};
	const struct nat_view view = view_snat();

	(void)state;
	check_rows(MODEL_NAIVE, &view, rows, ARRAY_SIZE(rows));
}

static void without_nat_nothing_is_rewritten(void **state)
{
	static const struct row row = { "PORT", C, "PORT 10,0,0,5,195,80\r\n", FORWARDS, NULL, "10.0.0.5:50000" };
	static const struct row row6 = { "EPRT", C, "EPRT |2|2001:db8::5|50000|\r\n", FORWARDS, NULL,
					 "[2001:db8::5]:50000" };
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct nat_view view6 = unit_view("2001:db8::5", "2001:db8::9");

	(void)state;
	for (int model = 0; model < MODEL_COUNT; model++)
		check_row((enum model)model, &view, &row);
	check_row(MODEL_KERNEL, &view6, &row6);
	check_row(MODEL_WRAPPING, &view6, &row6);
}

static void the_kernel_writes_ipv6_addresses_in_full(void **state)
{
	static const struct row row = { "EPRT", C, "EPRT |2|fd00::5|50000|\r\n", REWRITES,
					"EPRT |2|2001:0db8:0000:0000:0000:0000:0000:0001|50000|\r\n",
					"[2001:db8::1]:50000" };
	struct nat_view view = unit_view("fd00::5", "2001:db8::9");

	(void)state;
	view.client_seen = unit_endpoint("2001:db8::1", 40000);
	check_row(MODEL_KERNEL, &view, &row);
}

/* One segment of a stream: what is expected of it is only whether it is read. */
struct step {
	uint32_t position;
	const char *segment;
	bool expects;
};

static void check_steps(bool under_way, const struct step *steps, size_t count)
{
	const struct nat_view view = view_snat();
	struct model_state state;
	struct model_answer answer;

	model_open(&state, under_way);
	for (size_t i = 0; i < count; i++) {
		model_segment(MODEL_KERNEL, &state, &view, C, steps[i].position, unit_string(steps[i].segment), &answer);
		assert_int_equal(answer.expects, steps[i].expects);
	}
}

static void the_kernel_reads_only_behind_line_ends_that_it_has_seen(void **state)
{
	static const struct step first[] = {
		{ 0, "PORT 10,0,0,5,195,80\r\n", false },
		{ 22, "PORT 10,0,0,5,195,80\r\n", true },
	};
	static const struct step within[] = {
		{ 0, "CWD a", false },
		{ 5, "PORT 10,0,0,5,195,80\r\n", false },
		{ 27, "PORT 10,0,0,5,195,81\r\n", true },
	};
	static const struct step dropped[] = {
		{ 0, "PO", false },
		{ 2, "RT 10,0,0,5,195,80\r\n", false },
		{ 0, "PORT 10,0,0,5,195,80\r\n", true },
	};
	/* Two positions are remembered: the third makes the oldest forgotten. */
	static const struct step forgotten[] = {
		{ 0, "NOOP\r\n", false }, { 6, "NOOP\r\n", false }, { 12, "NOOP\r\n", false },
		{ 6, "PORT 10,0,0,5,195,80\r\n", false },
		{ 18, "PORT 10,0,0,5,195,80\r\n", true },
	};

	(void)state;
	check_steps(false, first, ARRAY_SIZE(first));
	check_steps(true, within, ARRAY_SIZE(within));
	check_steps(true, dropped, ARRAY_SIZE(dropped));
	check_steps(true, forgotten, ARRAY_SIZE(forgotten));
}

static void no_segment_makes_a_model_read_or_write_out_of_bounds(void **state)
{
	static const char *const seeds[] = {
		"PORT 10,0,0,5,195,80\r\n", "EPRT |1|10.0.0.5|50000|\r\n", "227 ok (203,0,113,9,195,80)\r\n",
		"229 ok (|||50000|)\r\n",
	};
	const struct nat_view view = view_snat();
	const struct nat_view view6 = unit_view("2001:db8::5", "2001:db8::9");
	uint64_t random = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const char *seed = seeds[round % ARRAY_SIZE(seeds)];
		uint8_t text[64];
		struct model_state memory;
		struct model_answer answer;
		size_t length = strlen(seed);
		uint8_t *exact;

		memcpy(text, seed, length);
		length = unit_mutate(&random, "PORTE|(),.0123456789 \r\n", text, length, sizeof(text));
		exact = test_malloc(length ? length : 1);
		memcpy(exact, text, length);
		model_open(&memory, true);
		for (int model = 0; model < MODEL_COUNT; model++) {
			const struct nat_view *chosen = round % 3 ? &view : &view6;

			model_segment((enum model)model, &memory, chosen, round & 1 ? C : S, 0,
				      (struct bytes){ exact, length }, &answer);
			assert_true(answer.replaced.offset + answer.replaced.length <= length);
			assert_true(answer.replacement_length <= sizeof(answer.replacement));
		}
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_linux_lineage_translate_what_their_peer_offers),
		cmocka_unit_test(the_kernels_drop_what_begins_as_an_offer_and_can_not_be_read),
		cmocka_unit_test(the_kernels_take_any_case_and_a_227_without_parentheses),
		cmocka_unit_test(numbers_wrap_in_one_kernel_and_are_none_in_the_other),
		cmocka_unit_test(conntrackd_forwards_what_it_can_not_read),
		cmocka_unit_test(the_naive_one_believes_what_it_finds_wherever_it_is),
		cmocka_unit_test(without_nat_nothing_is_rewritten),
		cmocka_unit_test(the_kernel_writes_ipv6_addresses_in_full),
		cmocka_unit_test(the_kernel_reads_only_behind_line_ends_that_it_has_seen),
		cmocka_unit_test(no_segment_makes_a_model_read_or_write_out_of_bounds),
	};

	return cmocka_run_group_tests_name("models of other helpers", tests, NULL, NULL);
}
