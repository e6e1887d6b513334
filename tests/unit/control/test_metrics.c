/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers for who collects them: what a family looks like, in both formats, and what is not known has none. */
#include <stdlib.h>

#include "control/metrics.h"
#include "unit.h"

static struct config config;

static struct facts facts_of_a_day(void)
{
	config_set_defaults(&config);
	config.limits.sessions = 1000;
	snprintf(config.xferlog, sizeof(config.xferlog), "/log");
	return (struct facts){
		.now = UINT64_C(1790000000) * 1000000, .started = UINT64_C(1789990000) * 1000000, .config = &config,
		.config_read = UINT64_C(1789995000) * 1000000, .gateway = true, .carrier = true,
		.workers = {
			{ .queue = 21, .up = true, .packets = 48213, .waiting = 3, .dropped = 1, .restarts = 2,
			  .verdicts = { [HEARTBEAT_REPLACE] = 11 }, .delays = { .counts = { [0] = 3 }, .sum = 1 } },
			{ .queue = 22, .packets = 12, .restarts = 9, .verdicts = { [HEARTBEAT_REPLACE] = 1 },
			  .delays = { .counts = { [HISTOGRAM_BOUNDS] = 4 }, .sum = 2000000 } },
		},
		.worker_count = 2,
		.rules = { { .state = FACTS_RULES_LOADED }, { .state = FACTS_RULES_MISSING } },
		.proxy = { .wanted = true, .up = true, .sessions = 4, .draining = 5,
			   .members = { { .up = true, .sessions = 3, .restarts = 8 }, { .sessions = 1 } },
			   .member_count = 2, .certificate_count = 1,
			   .certificates = { { "server files", 1795000000 } } },
		.expectations = 31, .expectations_limit = 4096, .kernel_events_lost = 6, .events_lost = 7,
		.lines_lost = { [JOURNAL_XFERLOG] = 9 },
	};
}

/* To be freed. */
static char *page_of(enum metrics_format format, const struct tables *tables, const struct facts *facts)
{
	struct evbuffer *out = evbuffer_new();
	size_t length;
	char *text;

	metrics_write(out, format, tables, facts);
	length = evbuffer_get_length(out);
	text = calloc(1, length + 1);
	assert_non_null(text);
	evbuffer_remove(out, text, length);
	evbuffer_free(out);
	return text;
}

static struct tables *busy_tables(void)
{
	const struct table_limits limits = { .sessions = 16, .ended = 4, .ended_time = 1, .transfers = 4, .decisions = 64 };
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice_transfer aborted = { TRANSFER_ABORTED, TRANSFER_BY_CLIENT, false, true, 1000 };
	const struct notice_relay client_leg = { .client = { .tls = "TLSv1.3" } };
	const struct notice_relay server_leg = { .server = { .tls = "TLSv1.3", .resumed = true } };
	const struct notice_relay relay = { .client = { .tls = "TLSv1.3", .resumed = true } };
	const struct notice notices[] = {
		{ .type = NOTICE_SESSION_OPEN, .session = 1, .view = &view },
		{ .type = NOTICE_SESSION_OPEN, .session = 2, .view = &view },
		{ .type = NOTICE_REFUSE, .session = 1, .view = &view, .reason = REASON_FOREIGN_ADDRESS },
		{ .type = NOTICE_ANOMALY, .session = 1, .view = &view, .reason = REASON_WRONG_WAY },
		{ .type = NOTICE_TRANSFER, .session = 1, .view = &view, .verb = VERB_RETR, .transfer = &aborted, .code = 426,
		  .duration = 2500000 },
		{ .type = NOTICE_TLS, .session = 1, .view = &view, .text = unit_string("client leg"), .relay = &client_leg },
		{ .type = NOTICE_TLS, .session = 1, .view = &view, .text = unit_string("server leg"), .relay = &server_leg },
		{ .type = NOTICE_RELAY, .session = 1, .view = &view, .relay = &relay },
		{ .type = NOTICE_PINHOLE_OPEN, .session = 1, .view = &view, .form = FORM_229 },
		{ .type = NOTICE_REWRITE, .session = 1, .view = &view, .form = FORM_PORT },
		{ .type = NOTICE_SESSION_CLOSE, .session = 2, .view = &view, .reason = REASON_IDLE },
	};
	struct tables *tables = tables_make(&limits);

	assert_non_null(tables);
	for (size_t i = 0; i < ARRAY_SIZE(notices); i++)
		tables_take(tables, &notices[i], 1000000 * (i + 1));
	return tables;
}

/* tests/metrics/test_metrics.py holds both against the formats, the manual, the alerts and the dashboard. */
static void keep(const char *suffix, const char *text)
{
	const char *path = getenv("FTPALG_METRICS");
	char name[256];
	FILE *file;

	if (!path)
		return;
	snprintf(name, sizeof(name), "%s.%s", path, suffix);
	file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("there is no \"%s\" in:\n%s", part, text);
}

static void numbers_are_those_of_the_tables_and_the_facts(void **state)
{
	static const char *const lines[] = {
		"\nftpalg_worker_up{queue=\"21\"} 1\nftpalg_worker_up{queue=\"22\"} 0\n#",
		"\nftpalg_worker_restarts_total{queue=\"22\"} 9\n", "\nftpalg_queue_received_packets_total{queue=\"22\"} 12\n",
		"\nftpalg_worker_restarts_total{queue=\"21\"} 2\n",
		"\nftpalg_queue_received_packets_total{queue=\"21\"} 48213\n", "\nftpalg_queue_waiting_packets{queue=\"21\"} 3\n",
		"\nftpalg_queue_dropped_packets_total{queue=\"21\"} 1\n", "\nftpalg_rules_loaded{family=\"ipv4\"} 1\n",
		"\nftpalg_rules_loaded{family=\"ipv6\"} 0\n", "\nftpalg_sessions 1\n", "\nftpalg_sessions_limit 1000\n",
		"\nftpalg_sessions_opened_total 2\n", "\nftpalg_sessions_closed_total{reason=\"idle\"} 1\n",
		"\nftpalg_refusals_total{reason=\"foreign-address\"} 1\n", "\nftpalg_anomalies_total{reason=\"wrong-way\"} 1\n",
		"\nftpalg_transfers_total{verb=\"RETR\"} 1\n", "\nftpalg_transfers_total{verb=\"STOR\"} 0\n",
		"\nftpalg_pinholes_opened_total{form=\"PORT\"} 0\n", "\nftpalg_pinholes_opened_total{form=\"229\"} 1\n",
		"\nftpalg_tls_handshakes_total{leg=\"client\"} 1\n", "\nftpalg_tls_handshakes_total{leg=\"server\"} 1\n",
		"\nftpalg_tls_handshakes_total{leg=\"client-data\"} 1\n", "\nftpalg_tls_handshakes_total{leg=\"server-data\"} 0\n",
		"\nftpalg_tls_resumptions_total{leg=\"client\"} 0\n", "\nftpalg_tls_resumptions_total{leg=\"client-data\"} 1\n", "\nftpalg_transfers_failed_total{outcome=\"aborted\"} 1\n",
		"\nftpalg_transfers_failed_total{outcome=\"filtered-here\"} 0\n", "\nftpalg_download_bytes_total 1000\n",
		"\nftpalg_upload_bytes_total 0\n", "\nftpalg_expectations 31\n", "\nftpalg_expectations_limit 4096\n",
		"\nftpalg_conntrack_events_lost_total 6\n", "\nftpalg_events_lost_total{sink=\"control\"} 7\n",
		"\nftpalg_events_lost_total{sink=\"xferlog\"} 9\n", "\nftpalg_verdicts_total{verdict=\"replace\"} 12\n",
		"\nftpalg_verdict_duration_seconds_bucket{le=\"5e-06\"} 3\nftpalg_verdict_duration_seconds_bucket{le=\"1e-05\"} 3\n",
		"\nftpalg_verdict_duration_seconds_bucket{le=\"0.1\"} 3\nftpalg_verdict_duration_seconds_bucket{le=\"+Inf\"} 7\n"
		"ftpalg_verdict_duration_seconds_sum 2.000001\nftpalg_verdict_duration_seconds_count 7\n",
		"\nftpalg_transfer_duration_seconds_bucket{le=\"5\"} 1\n", "\nftpalg_transfer_duration_seconds_sum 2.500000\n",
		"\nftpalg_rewrites_total{form=\"PORT\"} 1\n", "\nftpalg_rewrites_total{form=\"229\"} 0\n",
		"\nftpalg_proxy_sessions 4\n",
		"\nftpalg_proxy_process_up{process=\"1\"} 1\nftpalg_proxy_process_up{process=\"2\"} 0\n",
		"\nftpalg_proxy_process_sessions{process=\"1\"} 3\n",
		"\nftpalg_proxy_process_restarts_total{process=\"1\"} 8\n",
		"\nftpalg_certificate_expiry_timestamp_seconds{section=\"server files\"} 1795000000\n",
		"\nftpalg_config_last_reload_successful 1\n", "\nftpalg_start_time_seconds 1789990000\n",
	};
	struct tables *tables = busy_tables();
	struct facts facts = facts_of_a_day();
	char *text = page_of(METRICS_OPENMETRICS, tables, &facts);

	(void)state;
	keep("openmetrics", text);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_has(text, lines[i]);
	free(text);
	facts.config_error[0] = 'x';
	text = page_of(METRICS_OPENMETRICS, tables, &facts);
	assert_has(text, "\nftpalg_config_last_reload_successful 0\n");
	free(text);
	tables_free(tables);
}

static void counters_are_named_as_each_format_has_them(void **state)
{
	struct tables *tables = busy_tables();
	const struct facts facts = facts_of_a_day();
	char *text = page_of(METRICS_OPENMETRICS, tables, &facts);

	(void)state;
	assert_has(text, "\n# TYPE ftpalg_refusals counter\nftpalg_refusals_total{");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	text = page_of(METRICS_TEXT, tables, &facts);
	keep("text", text);
	assert_has(text, "\n# TYPE ftpalg_refusals_total counter\nftpalg_refusals_total{");
	assert_null(strstr(text, "# EOF"));
	free(text);
	tables_free(tables);
}

static void what_is_not_known_has_no_number(void **state)
{
	struct tables *tables = busy_tables();
	struct facts facts = facts_of_a_day();
	char *text;

	(void)state;
	facts.worker_count = 1;
	facts.workers[0].packets = FACTS_UNKNOWN;
	facts.expectations_limit = FACTS_UNKNOWN;
	facts.config_read = 0;
	facts.rules[0].state = FACTS_RULES_UNKNOWN;
	text = page_of(METRICS_OPENMETRICS, tables, &facts);
	assert_has(text, "# TYPE ftpalg_queue_received_packets counter\n#");
	assert_has(text, "# TYPE ftpalg_expectations_limit gauge\n#");
	assert_has(text, "# TYPE ftpalg_config_last_reload_success_timestamp_seconds gauge\n#");
	assert_null(strstr(text, "ipv4"));
	assert_null(strstr(text, "18446744073709551615"));
	free(text);
	facts.gateway = false;
	facts.worker_count = 0;
	facts.proxy.wanted = false;
	text = page_of(METRICS_OPENMETRICS, tables, &facts);
	assert_null(strstr(text, "worker"));
	assert_null(strstr(text, "proxy"));
	free(text);
	tables_free(tables);
}

/* Peers decide who they are, what they are called and what their files are. There is no series of their making. */
static void a86_no_label_holds_what_a_peer_says(void **state)
{
	const struct table_limits limits = { .sessions = 16, .ended = 4, .ended_time = 1, .transfers = 4, .decisions = 64 };
	const struct nat_view view = unit_view("192.0.2.77", "198.51.100.88");
	const struct bytes said = unit_string("mallory\"} 1\nftpalg_sessions 9\n");
	const struct facts facts = facts_of_a_day();
	struct tables *tables = tables_make(&limits);
	char *text;

	(void)state;
	for (int type = 0; type < NOTICE_COUNT; type++)
		for (int reason = 0; reason < REASON_COUNT; reason++) {
			const struct notice notice = { .type = (enum notice_type)type, .reason = (enum reason)reason,
						       .session = 1,
						       .view = &view, .text = said, .rule = "rule-of-mine", .verb = VERB_RETR };

			if (type != NOTICE_PINHOLE_OPEN && type != NOTICE_PINHOLE_USED && type != NOTICE_PINHOLE_CLOSE)
				tables_take(tables, &notice, 1000000);
		}
	text = page_of(METRICS_OPENMETRICS, tables, &facts);
	assert_null(strstr(text, "mallory"));
	assert_null(strstr(text, "192.0.2"));
	assert_null(strstr(text, "198.51.100"));
	assert_null(strstr(text, "rule-of-mine"));
	free(text);
	tables_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_tables_and_the_facts),
		cmocka_unit_test(counters_are_named_as_each_format_has_them),
		cmocka_unit_test(what_is_not_known_has_no_number),
		cmocka_unit_test(a86_no_label_holds_what_a_peer_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
