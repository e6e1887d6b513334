/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decisions as sentences, and the sentence that says who is at fault. */
#include "control/words.h"
#include "unit.h"

static void every_reason_has_a_cause_and_a_mending(void **state)
{
	(void)state;
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		const struct verdict_cause cause = verdict_cause_of((enum reason)reason);

		assert_non_null(cause.mend);
		/* What has none of its own is told to do nothing about a fault. */
		if (cause.fault != FAULT_NOBODY && strcmp(cause.mend, "nothing") == 0)
			fail_msg("%s is somebody's fault, and can't be mended", reason_name((enum reason)reason));
	}
}

static struct verdict_facts facts_of(enum transfer_mode mode)
{
	return (struct verdict_facts){ .logged_in = true, .mode = mode, .client = unit_address("10.0.0.5"),
				       .server = unit_address("203.0.113.9"), .from = unit_address("203.0.113.9"),
				       .to = unit_endpoint("198.51.100.1", 50069), .seconds = 60, .rule = "office" };
}

static void judge(const struct verdict_facts *facts, enum fault fault, const char *text, const char *advice)
{
	struct verdict verdict;

	verdict_judge(facts, &verdict);
	if (verdict.fault != fault || !strstr(verdict.text, text))
		fail_msg("fault %d, and \"%s\" where \"%s\" should be", verdict.fault, verdict.text, text);
	if (!advice)
		assert_string_equal(verdict.advice, "");
	else if (!strstr(verdict.advice, advice))
		fail_msg("advised \"%s\", and not \"%s\"", verdict.advice, advice);
}

static void each_outcome_is_somebodys_or_nobodys_fault(void **state)
{
	static const struct {
		enum transfer_mode mode;
		enum transfer_outcome outcome;
		enum transfer_party by;
		uint16_t code;
		enum fault fault;
		const char *text;
		const char *advice;
	} rows[] = {
		{ TRANSFER_ACTIVE, TRANSFER_COMPLETE, 0, 226, FAULT_NOBODY, "nobody is at fault", NULL },
		{ TRANSFER_ACTIVE, TRANSFER_FILTERED_HERE, 0, 425, FAULT_HOST, "this host is at fault: the server's data connection came",
		  "ftpalg rules nft --forward" },
		{ TRANSFER_PASSIVE, TRANSFER_FILTERED_HERE, 0, 425, FAULT_HOST, "the client's data connection came, and this host's own"
		  " filter dropped it", "--forward" },
		{ TRANSFER_ACTIVE, TRANSFER_NEVER_CAME, 0, 425, FAULT_NETWORK, "the server, or a firewall between it and here, is at fault:"
		  " it was to connect to 198.51.100.1:50069, and nobody came", "use passive mode" },
		{ TRANSFER_PASSIVE, TRANSFER_NEVER_CAME, 0, 425, FAULT_NETWORK, "the client, or a firewall", "use active mode" },
		{ TRANSFER_ACTIVE, TRANSFER_REFUSED_BY_PEER, 0, 425, FAULT_CLIENT, "the client refused it (RST)", "use passive mode" },
		{ TRANSFER_PASSIVE, TRANSFER_REFUSED_BY_PEER, 0, 425, FAULT_SERVER, "the server refused it (RST)", "listens on the port" },
		{ TRANSFER_ACTIVE, TRANSFER_DELETED_HERE, 0, 425, FAULT_HOST, "this host is at fault: its conntrack was made to forget",
		  "conntrack -F" },
		{ TRANSFER_ACTIVE, TRANSFER_NO_ANSWER, 0, 425, FAULT_CLIENT, "the client did not answer", "firewall of the client" },
		{ TRANSFER_PASSIVE, TRANSFER_NO_ANSWER, 0, 425, FAULT_SERVER, "the server did not answer", "firewall of the server" },
		{ TRANSFER_PASSIVE, TRANSFER_ABORTED, TRANSFER_BY_CLIENT, 426, FAULT_CLIENT, "the client ended the transfer", "client's log" },
		{ TRANSFER_PASSIVE, TRANSFER_ABORTED, TRANSFER_BY_SERVER, 426, FAULT_SERVER, "the server ended the transfer", "answered" },
		{ TRANSFER_PASSIVE, TRANSFER_ABORTED, TRANSFER_BY_SERVER, 550, FAULT_SERVER, "the server refused the transfer, with 550",
		  "answered" },
		{ TRANSFER_PASSIVE, TRANSFER_ABORTED, 0, 426, FAULT_NOBODY, "the transfer ended before all had come", "answered" },
		{ TRANSFER_PASSIVE, TRANSFER_UNKNOWN, 0, 0, FAULT_NOBODY, "is not known", NULL },
	};
	bool seen[TRANSFER_OUTCOME_COUNT] = { [TRANSFER_REFUSED_BY_POLICY] = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict_facts facts = facts_of(rows[i].mode);

		facts.last = VERDICT_TRANSFER;
		facts.outcome = rows[i].outcome;
		facts.by = rows[i].by;
		facts.code = rows[i].code;
		judge(&facts, rows[i].fault, rows[i].text, rows[i].advice);
		seen[rows[i].outcome] = true;
	}
	for (int outcome = 0; outcome < TRANSFER_OUTCOME_COUNT; outcome++)
		assert_true(seen[outcome]);
}

static void each_group_of_refusals_has_its_culprit(void **state)
{
	static const struct {
		enum reason reason;
		bool by_reply;
		enum fault fault;
		const char *text;
		const char *advice;
	} rows[] = {
		{ REASON_MALFORMED, false, FAULT_CLIENT, "the client is at fault, by rule office", "writes it wrongly" },
		{ REASON_MALFORMED, true, FAULT_SERVER, "the server is at fault, by rule office", "writes it wrongly" },
		{ REASON_FOREIGN_ADDRESS, false, FAULT_CLIENT, "(foreign-address)", "another NAT" },
		{ REASON_FOREIGN_ADDRESS, true, FAULT_SERVER, "(foreign-address)", "public address" },
		{ REASON_LOW_PORT, false, FAULT_CLIENT, "below the configured minimum", "port-min" },
		{ REASON_UPLOAD_DENIED, false, FAULT_POLICY, "this gateway's policy is at fault, by rule office", "upload = yes" },
		{ REASON_TLS_REQUIRED, false, FAULT_CLIENT, "(tls-required)", "explicit TLS" },
		{ REASON_UNSOLICITED, true, FAULT_SERVER, "the server is at fault: ", "attack" },
		{ REASON_ODD_VERB, false, FAULT_CLIENT, "the client is at fault: ", "attack" },
		{ REASON_BAD_CERTIFICATE, true, FAULT_SERVER, "(bad-certificate)", "renew" },
		{ REASON_NO_CARRIER, false, FAULT_HOST, "this host is at fault: the control connection carries no helper", "ftpalg rules" },
		{ REASON_EXPECT_TABLE_FULL, false, FAULT_HOST, "this host is at fault", "nf_conntrack_expect_max" },
		{ REASON_TABLE_FULL, false, FAULT_LIMIT, "a limit of this gateway is at fault", "sessions" },
		{ REASON_QUOTA_RATE, false, FAULT_LIMIT, "a limit of this gateway is at fault", "source-*" },
		{ REASON_WRONG_WAY, false, FAULT_NETWORK, "the network is at fault", "reverse-path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict_facts facts = facts_of(TRANSFER_ACTIVE);

		facts.last = VERDICT_REFUSAL;
		facts.reason = rows[i].reason;
		facts.by_reply = rows[i].by_reply;
		judge(&facts, rows[i].fault, rows[i].text, rows[i].advice);
		/* The transfer that would have used the offer has the same cause. */
		facts.last = VERDICT_TRANSFER;
		facts.outcome = TRANSFER_REFUSED_BY_POLICY;
		judge(&facts, rows[i].fault, rows[i].text, rows[i].advice);
	}
}

static void where_nothing_was_wrong_the_state_is_told(void **state)
{
	struct verdict_facts facts = facts_of(TRANSFER_ACTIVE);

	(void)state;
	judge(&facts, FAULT_NOBODY, "nothing is wrong", NULL);
	facts.waiting = true;
	judge(&facts, FAULT_NOBODY, "a pinhole waits for 203.0.113.9", NULL);
	facts.last = VERDICT_UNUSED;
	judge(&facts, FAULT_NOBODY, "a pinhole waits", NULL);
	facts.waiting = false;
	judge(&facts, FAULT_NETWORK, "the server, or a firewall between it and here, is at fault", "firewall");
	facts.last = VERDICT_REFUSAL;
	facts.reason = REASON_LOW_PORT;
	facts.moving = true;
	judge(&facts, FAULT_NOBODY, "a transfer is under way", NULL);
	facts.opaque = true;
	judge(&facts, FAULT_POLICY, "in TLS and can't be read", "tls = terminate");
	facts = facts_of(TRANSFER_ACTIVE);
	facts.logged_in = false;
	judge(&facts, FAULT_NOBODY, "nobody has logged in yet", NULL);
	facts.closed = true;
	facts.closed_reason = REASON_CONNECTION_ENDED;
	judge(&facts, FAULT_NOBODY, "nothing is wrong", NULL);
	facts.closed_reason = REASON_NOT_FTP;
	judge(&facts, FAULT_CLIENT, "the session was closed", "another protocol");
}

/* A whole story: what is told of it, line by line. */
static void a_story_is_told_in_order_and_judged_by_its_end(void **state)
{
	static const struct table_limits limits = { .sessions = 2, .ended = 2, .ended_time = 1000000, .transfers = 2,
						    .decisions = 40 };
	static const char *const lines[] = {
		"control connection 10.0.0.5:1024 -> 203.0.113.9:21, the client seen as 198.51.100.1:1024",
		"logged in: an\\x1bna",
		"C> PORT 10,0,0,5,195,149, left as PORT 198,51,100,1,195,149",
		"pinhole: 203.0.113.9 -> 198.51.100.1:50069, for 60 s",
		"C> RETR a.bin",
		"203.0.113.9 came to the pinhole 198.51.100.1:50069, and THIS HOST'S OWN FILTER DROPPED IT",
		"S> 425 Can't open data connection",
		"RETR a.bin: filtered-here by the server, 0 bytes, reply 425",
	};
	const struct expectation expectation = { .source = unit_address("203.0.113.9"),
						 .destination = unit_endpoint("198.51.100.1", 50069), .timeout = 60 };
	const struct notice_transfer end = { TRANSFER_FILTERED_HERE, TRANSFER_BY_SERVER, false, true, 0 };
	struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice story[] = {
		{ .type = NOTICE_SESSION_OPEN },
		{ .type = NOTICE_LOGIN, .text = unit_string("an\033na") },
		{ .type = NOTICE_OFFER, .form = FORM_PORT, .offered = unit_endpoint("10.0.0.5", 50069),
		  .announced = unit_endpoint("198.51.100.1", 50069) },
		{ .type = NOTICE_PINHOLE_OPEN, .form = FORM_PORT, .expectation = &expectation },
		{ .type = NOTICE_REWRITE, .form = FORM_PORT },
		{ .type = NOTICE_LINE, .verb = VERB_RETR, .text = unit_string("RETR a.bin") },
		{ .type = NOTICE_PINHOLE_CLOSE, .reason = REASON_FILTERED_HERE, .form = FORM_PORT,
		  .expectation = &expectation },
		{ .type = NOTICE_LINE, .direction = DIRECTION_REPLY, .verb = VERB_RETR, .code = 425,
		  .text = unit_string("425 Can't open data connection") },
		{ .type = NOTICE_TRANSFER, .verb = VERB_RETR, .code = 425, .text = unit_string("a.bin"), .transfer = &end },
	};
	struct tables *tables = tables_make(&limits);
	const struct decision *decision = NULL;
	struct verdict_facts facts;
	char text[WORDS_MAX];

	(void)state;
	view.client = unit_endpoint("10.0.0.5", 1024);
	view.client_seen = unit_endpoint("198.51.100.1", 1024);
	view.server = view.server_seen = unit_endpoint("203.0.113.9", 21);
	for (size_t i = 0; i < ARRAY_SIZE(story); i++) {
		struct notice notice = story[i];

		notice.session = 1;
		notice.view = &view;
		tables_take(tables, &notice, 1000 + i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		decision = tables_next_decision(tables, tables_find_session(tables, 1), decision);
		assert_non_null(decision);
		words_format(decision, tables_find_session(tables, 1), text);
		assert_string_equal(text, lines[i]);
	}
	assert_null(tables_next_decision(tables, tables_find_session(tables, 1), decision));
	verdict_gather(tables, tables_find_session(tables, 1), &facts);
	judge(&facts, FAULT_HOST, "this host is at fault", "--forward");
	tables_free(tables);
}

static void what_was_refused_last_is_judged_and_not_what_went_well_before(void **state)
{
	static const struct table_limits limits = { .sessions = 2, .ended = 2, .ended_time = 1000000, .transfers = 2,
						    .decisions = 40 };
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice refusal = { .type = NOTICE_REFUSE, .session = 1, .view = &view, .reason = REASON_FOREIGN_ADDRESS,
					.verb = VERB_PORT, .text = unit_string("PORT 10,0,0,99,0,25"), .rule = "office" };
	const struct notice transfer = { .type = NOTICE_TRANSFER, .session = 1, .view = &view, .verb = VERB_RETR,
					 .code = 226 };
	struct tables *tables = tables_make(&limits);
	struct verdict_facts facts;

	(void)state;
	tables_take(tables, &(struct notice){ .type = NOTICE_SESSION_OPEN, .session = 1, .view = &view }, 1);
	tables_take(tables, &transfer, 2);
	tables_take(tables, &refusal, 3);
	verdict_gather(tables, tables_find_session(tables, 1), &facts);
	facts.logged_in = true;
	judge(&facts, FAULT_CLIENT, "by rule office", "another NAT");
	tables_take(tables, &(struct notice){ .type = NOTICE_LINE, .session = 1, .view = &view, .verb = VERB_LIST,
					      .text = unit_string("LIST") }, 4);
	tables_take(tables, &(struct notice){ .type = NOTICE_TRANSFER, .session = 1, .view = &view, .verb = VERB_LIST,
					      .code = 425 }, 5);
	verdict_gather(tables, tables_find_session(tables, 1), &facts);
	judge(&facts, FAULT_CLIENT, "(foreign-address)", "another NAT");
	tables_take(tables, &transfer, 6);
	verdict_gather(tables, tables_find_session(tables, 1), &facts);
	judge(&facts, FAULT_NOBODY, "complete", NULL);
	tables_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_cause_and_a_mending),
		cmocka_unit_test(each_outcome_is_somebodys_or_nobodys_fault),
		cmocka_unit_test(each_group_of_refusals_has_its_culprit),
		cmocka_unit_test(where_nothing_was_wrong_the_state_is_told),
		cmocka_unit_test(a_story_is_told_in_order_and_judged_by_its_end),
		cmocka_unit_test(what_was_refused_last_is_judged_and_not_what_went_well_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
