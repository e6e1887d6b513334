/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A family is its comment and its samples. In OpenMetrics a counter's family is named without the "_total" of its samples;
 * in the format before it, with it. That and the end are the only differences. Counters never go back: they begin at 0 with
 * this process, and a collector can see that.
 */
#include "control/metrics.h"

#include <inttypes.h>

#define SECOND UINT64_C(1000000)

struct metrics_page {
	struct evbuffer *out;
	enum metrics_format format;
	const char *name; /* of the family at hand */
	bool counts;      /* it is a counter */
};

static void metrics_begin(struct metrics_page *page, const char *name, bool counts, const char *help)
{
	const char *suffix = counts && page->format == METRICS_TEXT ? "_total" : "";

	page->name = name;
	page->counts = counts;
	evbuffer_add_printf(page->out, "# HELP ftpalg_%s%s %s\n# TYPE ftpalg_%s%s %s\n", name, suffix, help, name, suffix,
			    counts ? "counter" : "gauge");
}

/* label: NULL where there is none. No label's value has anything in it that would have to be escaped. */
static void metrics_put(const struct metrics_page *page, const char *label, const char *value, uint64_t number)
{
	if (number == FACTS_UNKNOWN)
		return;
	evbuffer_add_printf(page->out, "ftpalg_%s%s", page->name, page->counts ? "_total" : "");
	if (label)
		evbuffer_add_printf(page->out, "{%s=\"%s\"}", label, value);
	evbuffer_add_printf(page->out, " %" PRIu64 "\n", number);
}

static void metrics_put_gauge(struct metrics_page *page, const char *name, const char *help, uint64_t number)
{
	metrics_begin(page, name, false, help);
	metrics_put(page, NULL, NULL, number);
}

static void metrics_put_counter(struct metrics_page *page, const char *name, const char *help, uint64_t number)
{
	metrics_begin(page, name, true, help);
	metrics_put(page, NULL, NULL, number);
}

/* A point in time, in microseconds, as seconds. 0: it is not known. */
static void metrics_put_time(struct metrics_page *page, const char *name, const char *help, uint64_t microseconds)
{
	metrics_put_gauge(page, name, help, microseconds == 0 ? FACTS_UNKNOWN : microseconds / SECOND);
}

static void metrics_put_reasons(struct metrics_page *page, const char *name, const char *help,
				const uint64_t counts[REASON_COUNT])
{
	metrics_begin(page, name, true, help);
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (counts[reason] > 0)
			metrics_put(page, "reason", reason_name((enum reason)reason), counts[reason]);
}

static void metrics_put_bound(const struct metrics_page *page, const char *bound, uint64_t number)
{
	evbuffer_add_printf(page->out, "ftpalg_%s_bucket{le=\"%s\"} %" PRIu64 "\n", page->name, bound, number);
}

/* Each bound counts all that did not exceed it, as both formats require. */
static void metrics_put_histogram(struct metrics_page *page, const char *name, const char *help,
				  const struct histogram_scale *scale, const struct histogram *histogram)
{
	uint64_t count = 0;
	char bound[24];

	page->name = name;
	evbuffer_add_printf(page->out, "# HELP ftpalg_%s %s\n# TYPE ftpalg_%s histogram\n", name, help, name);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		count += histogram->counts[i];
		snprintf(bound, sizeof(bound), "%g", (double)scale->bounds[i] / (double)SECOND);
		metrics_put_bound(page, bound, count);
	}
	count += histogram->counts[HISTOGRAM_BOUNDS];
	metrics_put_bound(page, "+Inf", count);
	evbuffer_add_printf(page->out, "ftpalg_%s_sum %" PRIu64 ".%06u\nftpalg_%s_count %" PRIu64 "\n", name, histogram->sum / SECOND,
			    (unsigned int)(histogram->sum % SECOND), name, count);
}

static void metrics_put_lost(struct metrics_page *page, const struct facts *facts)
{
	metrics_begin(page, "events_lost", true, "What was not told: events that this process did not take in time, and lines that a file did not.");
	metrics_put(page, "sink", "control", facts->events_lost);
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		if (journal_file_path(facts->config, i)[0])
			metrics_put(page, "sink", journal_file_key(i), facts->lines_lost[i]);
}

static void metrics_put_service(struct metrics_page *page, const struct facts *facts)
{
	struct problem problems[FACTS_PROBLEMS_MAX];

	metrics_begin(page, "build_info", false, "Always 1; which program this is.");
	metrics_put(page, "version", FTPALG_VERSION, 1);
	metrics_put_time(page, "start_time_seconds", "When the service was started.", facts->started);
	metrics_put_gauge(page, "problems", "What ftpalg status says is wrong; 0: healthy.", facts_judge(facts, problems));
	metrics_put_gauge(page, "config_last_reload_successful", "Whether the configuration as it was read last is in force.",
			  facts->config_error[0] ? 0 : 1);
	metrics_put_time(page, "config_last_reload_success_timestamp_seconds",
			 "When the configuration that is in force was read.", facts->config_read);
	metrics_put_lost(page, facts);
}

static void metrics_put_workers(struct metrics_page *page, const struct facts *facts)
{
	static const struct {
		const char *name;
		bool counts;
		const char *help;
	} rows[] = {
		{ "worker_up", false, "Whether packets of the queue are judged." },
		{ "worker_restarts", true, "How often the process that judges them was started again." },
		{ "queue_waiting_packets", false, "Packets that wait for a verdict." },
		{ "queue_received_packets", true, "Packets that the kernel has queued." },
		{ "queue_dropped_packets", true, "Packets that found the queue, or its socket, full." },
	};
	char queue[8];

	for (size_t row = 0; facts->worker_count > 0 && row < sizeof(rows) / sizeof(rows[0]); row++) {
		metrics_begin(page, rows[row].name, rows[row].counts, rows[row].help);
		for (uint32_t i = 0; i < facts->worker_count; i++) {
			const struct facts_worker *worker = &facts->workers[i];
			const uint64_t numbers[] = { worker->up, worker->restarts, worker->waiting, worker->packets,
						     worker->dropped };

			_Static_assert(sizeof(numbers) / sizeof(numbers[0]) == sizeof(rows) / sizeof(rows[0]), "a number for each");
			snprintf(queue, sizeof(queue), "%u", worker->queue);
			metrics_put(page, "queue", queue, numbers[row]);
		}
	}
}

/* Of all workers together: what each has to do, its queue says. */
static void metrics_put_verdicts(struct metrics_page *page, const struct facts *facts)
{
	static const char *const names[HEARTBEAT_VERDICTS] = {
		[HEARTBEAT_ACCEPT] = "accept", [HEARTBEAT_REPLACE] = "replace", [HEARTBEAT_DROP] = "drop",
	};
	struct facts_worker all = { .queue = 0 };

	if (facts->worker_count == 0)
		return;
	for (uint32_t i = 0; i < facts->worker_count; i++) {
		for (size_t j = 0; j < HEARTBEAT_VERDICTS; j++)
			all.verdicts[j] += facts->workers[i].verdicts[j];
		for (size_t j = 0; j <= HISTOGRAM_BOUNDS; j++)
			all.delays.counts[j] += facts->workers[i].delays.counts[j];
		all.delays.sum += facts->workers[i].delays.sum;
	}
	metrics_begin(page, "verdicts", true, "Packets that were judged, by what became of them.");
	for (size_t i = 0; i < HEARTBEAT_VERDICTS; i++)
		metrics_put(page, "verdict", names[i], all.verdicts[i]);
	metrics_put_histogram(page, "verdict_duration_seconds", "From when a packet was read until its verdict was given.",
			      &histogram_verdicts, &all.delays);
}

static void metrics_put_members(struct metrics_page *page, const struct facts_proxy *proxy)
{
	static const struct {
		const char *name;
		bool counts;
		const char *help;
	} rows[] = {
		{ "proxy_process_up", false, "Whether this process of the proxy takes connections." },
		{ "proxy_process_sessions", false, "Its sessions." },
		{ "proxy_process_restarts", true, "How often it was started again." },
	};
	char number[16];

	for (size_t row = 0; proxy->member_count > 0 && row < sizeof(rows) / sizeof(rows[0]); row++) {
		metrics_begin(page, rows[row].name, rows[row].counts, rows[row].help);
		for (uint32_t i = 0; i < proxy->member_count; i++) {
			const struct facts_member *member = &proxy->members[i];
			const uint64_t numbers[] = { member->up, member->sessions, member->restarts };

			_Static_assert(sizeof(numbers) / sizeof(numbers[0]) == sizeof(rows) / sizeof(rows[0]), "a number for each");
			snprintf(number, sizeof(number), "%u", i + 1);
			metrics_put(page, "process", number, numbers[row]);
		}
	}
}

static void metrics_put_legs(struct metrics_page *page, const char *name, const char *help,
			     const uint64_t counts[TABLE_LEGS])
{
	static const char *const legs[TABLE_LEGS] = { "client", "server", "client-data", "server-data" };

	metrics_begin(page, name, true, help);
	for (size_t i = 0; i < TABLE_LEGS; i++)
		metrics_put(page, "leg", legs[i], counts[i]);
}

static void metrics_put_proxy(struct metrics_page *page, const struct tables *tables, const struct facts_proxy *proxy)
{
	const struct table_counters *counters = tables_counters(tables);

	if (!proxy->wanted)
		return;
	metrics_put_legs(page, "tls_handshakes", "Handshakes of TLS that went well, by the side of the proxy.", counters->tls_handshakes);
	metrics_put_legs(page, "tls_resumptions", "Of them, those that resumed a session.", counters->tls_resumptions);
	metrics_put_gauge(page, "proxy_up", "Whether the proxy takes connections.", proxy->up ? 1 : 0);
	metrics_put_gauge(page, "proxy_sessions", "Sessions of the proxy.", proxy->sessions);
	metrics_put_gauge(page, "proxy_draining_sessions", "Sessions of proxies that were replaced.", proxy->draining);
	metrics_put_members(page, proxy);
	metrics_begin(page, "certificate_expiry_timestamp_seconds", false, "When a certificate ends, by its section of the configuration.");
	for (size_t i = 0; i < proxy->certificate_count; i++)
		metrics_put(page, "section", proxy->certificates[i].section, (uint64_t)proxy->certificates[i].ends);
}

static void metrics_put_host(struct metrics_page *page, const struct facts *facts)
{
	static const char *const families[] = { "ipv4", "ipv6" };

	metrics_begin(page, "rules_loaded", false, "Whether the rules that feed the gateway are there.");
	for (int i = 0; i < FACTS_FAMILIES; i++)
		if (facts->rules[i].state != FACTS_RULES_UNKNOWN)
			metrics_put(page, "family", families[i], facts->rules[i].state == FACTS_RULES_LOADED ? 1 : 0);
	metrics_put_gauge(page, "carrier_loaded", "Whether the kernel's module that expectations need is there.", facts->carrier ? 1 : 0);
	metrics_put_gauge(page, "expectations", "Expectations of this host, of any program.", facts->expectations);
	metrics_put_gauge(page, "expectations_limit", "So many there may be.", facts->expectations_limit);
	metrics_put_counter(page, "conntrack_events_lost", "News of data connections that the kernel had no room for.",
			    facts->kernel_events_lost);
}

static void metrics_put_sessions(struct metrics_page *page, const struct tables *tables, const struct facts *facts)
{
	const struct table_counters *counters = tables_counters(tables);
	const struct table_gauges gauges = tables_gauges(tables);

	metrics_put_gauge(page, "sessions", "Control connections that are inspected.", gauges.sessions);
	metrics_put_gauge(page, "sessions_opaque", "Of them, those in TLS that can't be read.", gauges.opaque);
	metrics_put_gauge(page, "sessions_limit", "So many there may be.", facts->config->limits.sessions);
	metrics_put_counter(page, "sessions_opened", "Control connections that were inspected.", counters->sessions);
	metrics_put_reasons(page, "sessions_closed", "Sessions that ended, by why.", counters->sessions_closed);
	metrics_put_counter(page, "sessions_without_carrier", "Sessions whose data connections can't be expected.",
			    counters->without_carrier);
	metrics_put_reasons(page, "refusals", "Lines and connections that were refused, by why.", counters->refusals);
	metrics_begin(page, "rewrites", true, "Offers that left with another endpoint, by how it is written.");
	for (int form = FORM_NONE + 1; form <= FORM_229; form++)
		metrics_put(page, "form", form_name((enum form)form), counters->rewrites[form]);
	metrics_put_reasons(page, "anomalies", "What was odd and passed, by why.", counters->anomalies);
}

static void metrics_put_pinholes(struct metrics_page *page, const struct tables *tables)
{
	const struct table_counters *counters = tables_counters(tables);

	metrics_put_gauge(page, "pinholes", "Data connections that are expected.", tables_gauges(tables).pinholes);
	metrics_begin(page, "pinholes_opened", true, "Data connections that were expected, by how they were announced.");
	for (int form = FORM_NONE + 1; form <= FORM_229; form++)
		metrics_put(page, "form", form_name((enum form)form), counters->pinholes_by_form[form]);
	metrics_begin(page, "pinholes_closed", true, "What became of them: used, ended with their offer, or unused to their end.");
	metrics_put(page, "fate", "used", counters->pinholes_used);
	metrics_put(page, "fate", "ended", counters->pinholes_ended);
	metrics_put(page, "fate", "unused", counters->pinholes_unused);
}

static void metrics_put_transfers(struct metrics_page *page, const struct tables *tables)
{
	const struct table_counters *counters = tables_counters(tables);

	metrics_put_gauge(page, "transfers_running", "Transfers that are under way.", tables_gauges(tables).transfers);
	metrics_begin(page, "transfers", true, "Transfers that have ended, however, by their command.");
	for (int verb = 0; verb < VERB_COUNT; verb++)
		if (verb_is_transfer((enum verb)verb))
			metrics_put(page, "verb", verb_name((enum verb)verb), counters->transfers_by_verb[verb]);
	metrics_put_histogram(page, "transfer_duration_seconds", "From a transfer's command to its final reply.", &histogram_transfers,
			      &counters->durations);
	metrics_begin(page, "transfers_failed", true, "Of them, those that were not complete, by what became of them.");
	for (int outcome = 0; outcome < TRANSFER_OUTCOME_COUNT; outcome++)
		if (outcome != TRANSFER_COMPLETE && outcome != TRANSFER_UNKNOWN)
			metrics_put(page, "outcome", transfer_outcome_name((enum transfer_outcome)outcome),
				    counters->outcomes[outcome]);
	metrics_put_counter(page, "download_bytes", "Bytes of files to clients.", counters->bytes_down);
	metrics_put_counter(page, "upload_bytes", "Bytes of files to servers.", counters->bytes_up);
}

void metrics_write(struct evbuffer *out, enum metrics_format format, const struct tables *tables, const struct facts *facts)
{
	struct metrics_page page = { .out = out, .format = format };

	metrics_put_service(&page, facts);
	metrics_put_workers(&page, facts);
	metrics_put_verdicts(&page, facts);
	metrics_put_proxy(&page, tables, &facts->proxy);
	metrics_put_host(&page, facts);
	metrics_put_sessions(&page, tables, facts);
	metrics_put_pinholes(&page, tables);
	metrics_put_transfers(&page, tables);
	if (format == METRICS_OPENMETRICS)
		evbuffer_add_printf(out, "# EOF\n");
}
