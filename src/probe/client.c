/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's end: several scenarios at a time, each with its own control connection.
 *
 * Only one of them dials at any moment, because the server's end recognises a control connection only by its coming when one
 * is expected. A link that is lost ends the scenarios that were under way and no others: it is made again for those that
 * follow. When it can't be made, the rest are skipped.
 */
#include "probe/client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tls/wire.h"

#define PARALLEL 8
#define POLL_MAX (AGENT_SOCKETS_MAX + 1)
/* Milliseconds; probe/server.c has the same. */
#define TICK 3
#define REST 100
/* Links that are lost in a row without a scenario that came to its end; what restarts needs a moment. */
#define ATTEMPTS 4
#define ATTEMPT_PAUSE UINT64_C(500000)

/* What the firewall lets through anyway says nothing about its helper. */
static const char preflight_text[SIDE_COUNT][160] = {
	[SIDE_CLIENT] = "title any port of the server\nlogin\ndata client to server port 1 blocked\n",
	[SIDE_SERVER] = "title any port of the client\nlogin\ndata server to client port 1 blocked\n",
};

struct client {
	struct agent agent;
	struct probe_remote remote;
	struct probe_report *report;
	struct probe_run *preflight; /* SIDE_COUNT of them */
	struct scenario *preflight_scenarios;
	unsigned int attempts;
	uint64_t next_attempt;
	struct pollfd fds[POLL_MAX];
};

static struct endpoint link_endpoint(const struct probe_settings *settings)
{
	struct endpoint endpoint = settings->control;

	if (settings->link_port)
		endpoint.port = settings->link_port;
	return endpoint;
}

static void prepare_run(struct client *client, struct probe_run *run, const struct scenario *scenario)
{
	run->scenario = scenario;
	run->settings = &client->report->settings;
	run->open = client->report->open;
	run->ends[SIDE_CLIENT].agent = &client->agent;
	run->ends[SIDE_SERVER].remote = &client->remote;
}

static bool is_running(const struct probe_run *run)
{
	return run->stage != RUN_WAITING && run->stage != RUN_OVER;
}

static void skip(struct probe_run *run, const char *why)
{
	run->verdict = PROBE_SKIPPED;
	snprintf(run->message, sizeof(run->message), "%s", why);
	run->stage = RUN_OVER;
}

/* Why the scenario can't be run here, or NULL. */
static const char *obstacle(const struct probe_settings *settings, const struct scenario *scenario)
{
	const uint8_t family = settings->control.address.family;

	if (scenario->family == FAMILY_IPV4 && family != FAMILY_IPV4)
		return "it is about IPv4";
	if (scenario->family == FAMILY_IPV6 && family != FAMILY_IPV6)
		return "it is about IPv6";
	if ((scenario->needs & SCENARIO_NEEDS_FOREIGN) && settings->foreign.family != family)
		return "it needs --foreign";
	if ((scenario->needs & SCENARIO_NEEDS_SERVER_FOREIGN) && settings->server_foreign.family != family)
		return "it needs --server-foreign";
	return NULL;
}

/* May a run go from RUN_LISTEN on to dialling? One at a time. */
static bool somebody_dials(const struct probe_run *runs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (runs[i].stage == RUN_LISTEN || runs[i].stage == RUN_ARM || runs[i].stage == RUN_DIAL)
			return true;
	return false;
}

static void begin_runs(struct probe_run *runs, size_t count, uint64_t now)
{
	size_t running = 0;

	for (size_t i = 0; i < count; i++)
		running += is_running(&runs[i]) ? 1 : 0;
	for (size_t i = 0; i < count && running < PARALLEL && !somebody_dials(runs, count); i++) {
		if (runs[i].stage != RUN_WAITING)
			continue;
		running++;
		run_begin(&runs[i], now);
		run_pump(&runs[i], now);
	}
}

/* Makes the link where there is none. False when it was tried in vain too often. */
static bool keep_link(struct client *client, uint64_t now)
{
	const struct endpoint endpoint = link_endpoint(&client->report->settings);

	if (client->remote.state != REMOTE_LOST || now < client->next_attempt)
		return true;
	if (client->remote.hopeless || client->attempts >= ATTEMPTS)
		return false;
	client->next_attempt = now + ++client->attempts * ATTEMPT_PAUSE;
	remote_open(&client->remote, &endpoint, client->report->settings.token, now);
	return true;
}

static void wait_for_something(struct client *client)
{
	size_t count = agent_fill_poll(&client->agent, client->fds, POLL_MAX - 1);

	if (client->remote.link.descriptor >= 0)
		client->fds[count++] = (struct pollfd){
			.fd = client->remote.link.descriptor,
			.events = (short)(POLLIN | (client->remote.state == REMOTE_CONNECTING ||
						    client->remote.link.out.length > 0 ? POLLOUT : 0)),
		};
	(void)poll(client->fds, count, agent_is_busy(&client->agent) ? TICK : REST);
}

/* The address by which this host reaches the server is the one that it offers. */
static void find_local(struct client *client)
{
	struct endpoint local;

	if (client->agent.local.family == FAMILY_NONE && wire_local(client->remote.link.descriptor, &local))
		client->agent.local = local.address;
}

static void show_progress(const struct client *client, const struct probe_run *runs, size_t count)
{
	size_t over = 0;

	for (size_t i = 0; i < count; i++)
		over += runs[i].stage == RUN_OVER ? 1 : 0;
	if (client->report->settings.progress)
		fprintf(stderr, over < count ? "\r%zu of %zu scenarios" : "\r\033[K", over, count);
}

/* Runs count scenarios to their end. */
static void run_several(struct client *client, struct probe_run *runs, size_t count)
{
	bool left = true;

	while (left) {
		uint64_t now = clock_microseconds();
		const bool linked = keep_link(client, now);

		remote_pump(&client->remote, now);
		agent_pump(&client->agent, now);
		if (client->remote.state == REMOTE_READY) {
			client->report->unreachable = NULL;
			find_local(client);
			begin_runs(runs, count, now);
		}
		left = false;
		for (size_t i = 0; i < count; i++) {
			const bool was_over = runs[i].stage == RUN_OVER;

			if (!linked && runs[i].stage == RUN_WAITING)
				skip(&runs[i], client->remote.trouble);
			run_pump(&runs[i], now);
			if (!was_over && runs[i].stage == RUN_OVER && !runs[i].lost && linked)
				client->attempts = 0;
			left = left || runs[i].stage != RUN_OVER;
		}
		show_progress(client, runs, count);
		if (left)
			wait_for_something(client);
	}
}

static bool run_preflight(struct client *client)
{
	struct scenario_error error;

	client->preflight = calloc(SIDE_COUNT, sizeof(*client->preflight));
	client->preflight_scenarios = calloc(SIDE_COUNT, sizeof(*client->preflight_scenarios));
	if (!client->preflight || !client->preflight_scenarios)
		return false;
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct bytes text = { (const uint8_t *)preflight_text[side], strlen(preflight_text[side]) };

		if (!scenario_parse(text, &client->preflight_scenarios[side], &error))
			return false;
		prepare_run(client, &client->preflight[side], &client->preflight_scenarios[side]);
	}
	run_several(client, client->preflight, SIDE_COUNT);
	for (int side = 0; side < SIDE_COUNT; side++)
		client->report->open[side] = client->preflight[side].verdict == PROBE_EXPOSED;
	return true;
}

static bool run_list(struct client *client, const struct probe_list *list)
{
	struct probe_report *report = client->report;

	report->runs = calloc(list->count, sizeof(*report->runs));
	if (!report->runs)
		return false;
	report->count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		struct probe_run *run = &report->runs[i];
		const char *why = obstacle(&report->settings, list->sources[i].scenario);

		memcpy(run->name, list->sources[i].name, sizeof(run->name));
		prepare_run(client, run, list->sources[i].scenario);
		if (why)
			skip(run, why);
	}
	if (!run_preflight(client))
		return false;
	run_several(client, report->runs, report->count);
	for (size_t i = 0; i < report->count; i++)
		report->counts[report->runs[i].verdict]++;
	return true;
}

static void client_free(struct client *client)
{
	for (int side = 0; side < SIDE_COUNT && client->preflight; side++)
		run_free(&client->preflight[side]);
	free(client->preflight);
	free(client->preflight_scenarios);
	remote_close(&client->remote, "");
	agent_close(&client->agent);
	free(client);
}

bool probe_run_all(const struct probe_settings *settings, const struct probe_list *list, struct probe_report *report)
{
	struct client *client = calloc(1, sizeof(*client));
	bool good;

	if (!client)
		return false;
	memset(report, 0, sizeof(*report));
	report->settings = *settings;
	report->began = clock_microseconds();
	client->report = report;
	report->unreachable = "out of memory";
	agent_init(&client->agent);
	client->agent.target = settings->control;
	client->agent.foreign = settings->foreign;
	client->remote.link.descriptor = -1;
	good = run_list(client, list);
	if (report->unreachable)
		report->unreachable = client->remote.trouble;
	report->ended = clock_microseconds();
	client_free(client);
	return good;
}

void probe_report_free(struct probe_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		run_free(&report->runs[i]);
	free(report->runs);
	report->runs = NULL;
	report->count = 0;
}
