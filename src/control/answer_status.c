/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer to status: how everything stands. */
#include <inttypes.h>
#include <stdio.h>

#include "control/answer.h"

#define SECOND UINT64_C(1000000)

static void set_config(json_t *object, const struct facts *facts)
{
	json_t *config = json_object();

	answer_set_string(config, "path", facts->config_path);
	answer_set_time(config, "read", facts->config_read);
	answer_set_string(config, "error", facts->config_error[0] ? facts->config_error : NULL);
	answer_set(object, "config", config);
}

static void set_workers(json_t *object, const struct facts *facts)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < facts->worker_count; i++) {
		const struct facts_worker *worker = &facts->workers[i];
		json_t *one = json_object();

		answer_set_number(one, "queue", worker->queue);
		answer_set(one, "up", json_boolean(worker->up));
		answer_set_fact(one, "hung_seconds", worker->hung_seconds);
		answer_set_fact(one, "packets", worker->packets);
		answer_set_fact(one, "waiting", worker->waiting);
		answer_set_fact(one, "dropped", worker->dropped);
		answer_set_fact(one, "p50_us", worker->p50_us);
		answer_set_fact(one, "p99_us", worker->p99_us);
		answer_set_fact(one, "restarts", worker->restarts);
		json_array_append_new(list, one);
	}
	answer_set(object, "workers", list);
}

static json_t *make_certificates(const struct facts_proxy *proxy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < proxy->certificate_count; i++) {
		json_t *one = json_object();

		answer_set_string(one, "section", proxy->certificates[i].section);
		answer_set_time(one, "ends", (uint64_t)proxy->certificates[i].ends * SECOND);
		json_array_append_new(list, one);
	}
	return list;
}

static void set_first_session(json_t *object, uint64_t session)
{
	char text[17];

	snprintf(text, sizeof(text), "%" PRIx64, session);
	answer_set_string(object, "sessions_from", text);
}

static json_t *make_members(const struct facts_proxy *proxy)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < proxy->member_count; i++) {
		const struct facts_member *member = &proxy->members[i];
		json_t *one = json_object();

		answer_set_number(one, "process", i + 1);
		answer_set(one, "up", json_boolean(member->up));
		answer_set_fact(one, "hung_seconds", member->hung_seconds);
		answer_set_fact(one, "sessions", member->sessions);
		set_first_session(one, member->first_session);
		answer_set_fact(one, "restarts", member->restarts);
		json_array_append_new(list, one);
	}
	return list;
}

static void set_proxy(json_t *object, const struct facts *facts)
{
	json_t *proxy = json_object();
	json_t *ports = json_array();

	if (!facts->proxy.wanted) {
		json_decref(proxy);
		json_decref(ports);
		answer_set(object, "proxy", json_null());
		return;
	}
	json_array_append_new(ports, json_integer(facts->config->proxy.port));
	answer_set(proxy, "ports", ports);
	answer_set(proxy, "up", json_boolean(facts->proxy.up));
	answer_set_fact(proxy, "sessions", facts->proxy.sessions);
	answer_set_fact(proxy, "draining", facts->proxy.draining);
	answer_set(proxy, "processes", make_members(&facts->proxy));
	answer_set(proxy, "certificates", make_certificates(&facts->proxy));
	answer_set(object, "proxy", proxy);
}

static void set_rules(json_t *object, const struct facts *facts)
{
	static const char *const states[] = { "unknown", "loaded", "missing" };
	static const char *const kinds[] = { NULL, "nft", "iptables" };
	static const char *const families[] = { "ipv4", "ipv6" };
	json_t *list = json_array();

	for (int i = 0; i < FACTS_FAMILIES; i++) {
		const struct facts_rules *rules = &facts->rules[i];
		json_t *one = json_object();

		answer_set_string(one, "family", families[i]);
		answer_set_string(one, "state", states[rules->state]);
		answer_set_string(one, "kind", kinds[rules->kind]);
		answer_set_time(one, "since", rules->since);
		answer_set_string(one, "why", rules->why[0] ? rules->why : NULL);
		answer_set_string(one, "mend", rules->mend[0] ? rules->mend : NULL);
		json_array_append_new(list, one);
	}
	answer_set(object, "rules", list);
}

static void set_names(json_t *object, const struct names_list *names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names->count; i++) {
		const struct names_host *host = &names->host[i];
		json_t *one = json_object();
		char text[NAMES_TEXT_MAX];

		answer_set_string(one, "host", host->name);
		answer_set_string(one, "announced", names_format(host, text));
		answer_set(one, "found", json_boolean(!host->lost));
		json_array_append_new(list, one);
	}
	answer_set(object, "names", list);
}

static void set_kernel(json_t *object, const struct facts *facts)
{
	json_t *kernel = json_object();

	answer_set_string(kernel, "release", facts->kernel);
	answer_set(kernel, "carrier", json_boolean(facts->carrier));
	answer_set_fact(kernel, "expectations", facts->expectations);
	answer_set_fact(kernel, "expectations_limit", facts->expectations_limit);
	answer_set_fact(kernel, "events_lost", facts->kernel_events_lost);
	answer_set(object, "kernel", kernel);
}

static void set_sandbox(json_t *object, const struct facts *facts)
{
	json_t *sandbox = json_object();
	json_t *capabilities = json_array();

	answer_set_string(sandbox, "user", facts->user[0] ? facts->user : NULL);
	if (facts->net_admin)
		json_array_append_new(capabilities, json_string("net_admin"));
	if (facts->net_raw)
		json_array_append_new(capabilities, json_string("net_raw"));
	answer_set(sandbox, "capabilities", capabilities);
	answer_set(sandbox, "seccomp", json_boolean(facts->seccomp));
	answer_set(sandbox, "no_new_privileges", json_boolean(facts->no_new_privileges));
	answer_set(object, "sandbox", sandbox);
}

static void set_sessions(json_t *object, const struct tables *tables)
{
	const struct table_counters *counters = tables_counters(tables);
	const struct table_gauges gauges = tables_gauges(tables);
	json_t *sessions = json_object();
	json_t *pinholes = json_object();

	answer_set_number(sessions, "open", gauges.sessions);
	answer_set_number(sessions, "opaque", gauges.opaque);
	answer_set_number(sessions, "total", counters->sessions);
	answer_set_number(sessions, "without_carrier", counters->without_carrier);
	answer_set(object, "sessions", sessions);
	answer_set_number(pinholes, "open", gauges.pinholes);
	answer_set_number(pinholes, "opened", counters->pinholes_opened);
	answer_set_number(pinholes, "used", counters->pinholes_used);
	answer_set_number(pinholes, "ended", counters->pinholes_ended);
	answer_set_number(pinholes, "unused", counters->pinholes_unused);
	answer_set(object, "pinholes", pinholes);
}

static json_t *make_last_refusal(const struct table_refusal *refusal)
{
	json_t *last = json_object();

	if (refusal->time == 0) {
		json_decref(last);
		return json_null();
	}
	answer_set_time(last, "time", refusal->time);
	answer_set_address(last, "client_ip", &refusal->client);
	answer_set_address(last, "server_ip", &refusal->server);
	answer_set_string(last, "reason", reason_name(refusal->reason));
	return last;
}

static void set_refusals(json_t *object, const struct tables *tables)
{
	const struct table_counters *counters = tables_counters(tables);
	json_t *refused = json_object();
	json_t *reasons = json_object();
	uint64_t total = 0;

	for (int reason = 0; reason < REASON_COUNT; reason++) {
		total += counters->refusals[reason];
		if (counters->refusals[reason] > 0)
			answer_set_number(reasons, reason_name((enum reason)reason), counters->refusals[reason]);
	}
	answer_set_number(refused, "total", total);
	answer_set(refused, "reasons", reasons);
	answer_set(refused, "last", make_last_refusal(tables_last_refusal(tables)));
	answer_set(object, "refused", refused);
}

static void set_transfers(json_t *object, const struct tables *tables)
{
	const struct table_counters *counters = tables_counters(tables);
	json_t *transfers = json_object();
	json_t *failed = json_object();

	answer_set_number(transfers, "total", counters->transfers);
	answer_set_number(transfers, "complete", counters->outcomes[TRANSFER_COMPLETE]);
	answer_set_number(transfers, "download_bytes", counters->bytes_down);
	answer_set_number(transfers, "upload_bytes", counters->bytes_up);
	for (int outcome = 0; outcome < TRANSFER_OUTCOME_COUNT; outcome++)
		if (outcome != TRANSFER_COMPLETE && counters->outcomes[outcome] > 0)
			answer_set_number(failed, transfer_outcome_name((enum transfer_outcome)outcome),
					  counters->outcomes[outcome]);
	answer_set(transfers, "failed", failed);
	answer_set(object, "transfers", transfers);
}

static void set_health(json_t *object, const struct facts *facts)
{
	struct problem problems[FACTS_PROBLEMS_MAX];
	const size_t count = facts_judge(facts, problems);
	json_t *list = json_array();

	answer_set_string(object, "health", count == 0 ? "healthy" : "degraded");
	for (size_t i = 0; i < count; i++) {
		json_t *one = json_object();

		answer_set_string(one, "what", problems[i].what);
		answer_set_string(one, "mend", problems[i].mend);
		json_array_append_new(list, one);
	}
	answer_set(object, "problems", list);
}

json_t *answer_make_status(const struct answer_source *source, const struct facts *facts)
{
	json_t *object = json_object();
	json_t *events = json_object();

	answer_set_number(object, "version", 1);
	answer_set_string(object, "program", FTPALG_VERSION);
	answer_set_time(object, "started", facts->started);
	answer_set_time(object, "now", facts->now);
	answer_set_number(object, "pid", (uint64_t)facts->pid);
	set_config(object, facts);
	set_workers(object, facts);
	set_proxy(object, facts);
	set_rules(object, facts);
	set_names(object, &facts->names);
	set_kernel(object, facts);
	set_sandbox(object, facts);
	set_sessions(object, source->tables);
	set_refusals(object, source->tables);
	set_transfers(object, source->tables);
	answer_set_number(events, "lost", facts->events_lost);
	answer_set(object, "events", events);
	set_health(object, facts);
	return object;
}
