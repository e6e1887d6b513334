/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the service stands, for the service manager.
 *
 * It is ready once everything that was configured serves, and remains so: a worker that dies later is this supervisor's
 * business, and the status says so. Signs of life need more: they are given while everything serves. So a supervisor that
 * hangs is replaced, and so is one that has not brought its processes back for as long as the manager waits.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "run/internal.h"
#include "tls/end.h"

static bool post_serves(const struct post *post)
{
	return child_is_ready(&post->worker) && child_is_ready(&post->broker);
}

/* All of it. */
static bool standing_has_gateway(const struct supervisor *supervisor)
{
	bool served = supervisor->post_count > 0;

	for (uint32_t i = 0; i < supervisor->post_count; i++)
		served = served && post_serves(&supervisor->posts[i]);
	return served;
}

static bool standing_has_proxy(const struct supervisor *supervisor)
{
	return supervisor->serving && generation_serves(supervisor->serving);
}

static bool standing_wants_gateway(const struct supervisor *supervisor)
{
	return supervisor->kind == SUPERVISE_GATEWAY;
}

/* One serves, or the policy asks for one. */
static bool standing_wants_proxy(const struct supervisor *supervisor)
{
	return supervisor->kind == SUPERVISE_PROXY || supervisor->serving || config_terminates(supervisor->config);
}

static bool standing_is_whole(const struct supervisor *supervisor)
{
	return (!standing_wants_gateway(supervisor) || standing_has_gateway(supervisor)) &&
	       (!standing_wants_proxy(supervisor) || standing_has_proxy(supervisor));
}

static enum manager_state standing_state(const struct supervisor *supervisor)
{
	if (supervisor->ending)
		return MANAGER_STOPPING;
	if (supervisor->manager.told == MANAGER_STARTING && !standing_is_whole(supervisor))
		return MANAGER_STARTING;
	if (supervisor->again || supervisor->leaving || (supervisor->next && supervisor->next->reload))
		return MANAGER_RELOADING;
	return MANAGER_READY;
}

static void standing_describe(const struct supervisor *supervisor, enum manager_state state, char *text, size_t size)
{
	const struct vigil_family *family = supervisor->rules.vigil.family;
	const bool ipv4 = family[RULESTATE_IPV4].state == VIGIL_GONE, ipv6 = family[RULESTATE_IPV6].state == VIGIL_GONE;
	const unsigned int port = supervisor->serving ? supervisor->serving->inlets.port : supervisor->config->proxy.port;
	char queues[32], gateway[128] = "", proxy[64] = "";

	if (supervisor->post_count > 1)
		snprintf(queues, sizeof(queues), "s %u to %u", supervisor->posts[0].queue,
			 supervisor->posts[supervisor->post_count - 1].queue);
	else
		snprintf(queues, sizeof(queues), " %u", supervisor->config->queue);
	if (standing_wants_gateway(supervisor))
		snprintf(gateway, sizeof(gateway), "queue%s: %s%s%s", queues, standing_has_gateway(supervisor) ? "served" :
			 supervisor->post_count > 1 ? "not all have a worker yet" : "no worker serves it yet", !ipv4 && !ipv6 ? "" :
			 "; no rule feeds it with ", !ipv4 && !ipv6 ? "" : !ipv6 ? "IPv4" : !ipv4 ? "IPv6" : "IPv4 or IPv6");
	if (standing_wants_proxy(supervisor))
		snprintf(proxy, sizeof(proxy), "port %u: %s",
			 port, standing_has_proxy(supervisor) ? "served" : "no proxy serves it yet");
	snprintf(text, size, "%s%s%s%s%s%s", state == MANAGER_STOPPING ? "ends; " : "", gateway, gateway[0] && proxy[0] ? ", " : "",
		 proxy, supervisor->refused[0] ? "; not taken over: " : "", supervisor->refused);
}

void standing_refuse(struct supervisor *supervisor, const char *fault)
{
	snprintf(supervisor->refused, sizeof(supervisor->refused), "%s", fault);
}

void standing_begin_reload(struct supervisor *supervisor)
{
	if (supervisor->manager.told == MANAGER_READY)
		manager_tell(&supervisor->manager, MANAGER_RELOADING, "reads the configuration again");
}

static uint32_t standing_count_draining(const struct supervisor *supervisor)
{
	uint32_t sessions = 0;

	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		if (supervisor->generation[i].state == GENERATION_DRAINING)
			sessions += generation_count_sessions(&supervisor->generation[i]);
	return sessions;
}

static void standing_copy_verdicts(const struct heartbeat *page, struct standing_worker *standing)
{
	if (!page)
		return;
	for (size_t i = 0; i < HEARTBEAT_VERDICTS; i++)
		standing->verdicts[i] = atomic_load(&page->verdicts[i]);
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		standing->delays.counts[i] = atomic_load(&page->delays[i]);
	standing->delays.sum = atomic_load(&page->delay_sum);
}

static void standing_show_proxies(const struct generation *serving, struct standing *standing)
{
	standing->proxy_count = serving ? serving->members : 0;
	for (uint32_t i = 0; i < standing->proxy_count; i++) {
		const struct generation_member *member = &serving->member[i];

		standing->proxies[i] = (struct standing_proxy){
			.up = child_is_ready(&member->proxy), .misses = member->proxy.misses, .restarts = member->restarts,
			.sessions = atomic_load(&member->proxy.page->sessions),
			.first_session = member->proxy.feed->first_session,
		};
	}
}

void standing_show(struct supervisor *supervisor)
{
	struct standing *standing = &supervisor->standing;

	snprintf(standing->refused, sizeof(standing->refused), "%s", supervisor->refused);
	standing->worker_count = supervisor->post_count;
	for (uint32_t i = 0; i < supervisor->post_count; i++) {
		standing->workers[i] = (struct standing_worker){
			.queue = supervisor->posts[i].queue, .up = post_serves(&supervisor->posts[i]),
			.misses = supervisor->posts[i].worker.misses, .restarts = supervisor->posts[i].restarts,
		};
		standing_copy_verdicts(supervisor->posts[i].worker.page, &standing->workers[i]);
	}
	standing->proxy_wanted = standing_wants_proxy(supervisor);
	standing->proxy_up = standing_has_proxy(supervisor);
	standing_show_proxies(supervisor->serving, standing);
	standing->draining = standing_count_draining(supervisor);
	standing->names = supervisor->hosts;
	standing_write(supervisor->page, standing);
}

void standing_begin(struct supervisor *supervisor)
{
	supervisor->standing.started = clock_wall_microseconds();
	supervisor->standing.config_read = supervisor->standing.started;
	standing_show(supervisor);
}

void standing_note_config(struct supervisor *supervisor)
{
	supervisor->standing.config_read = clock_wall_microseconds();
}

static void standing_add_certificate(struct standing *standing, const char *section, const char *path)
{
	struct facts_certificate *certificate = &standing->certificates[standing->certificate_count];

	if (!path[0] || standing->certificate_count == FACTS_CERTIFICATES_MAX || !tls_read_end(path, &certificate->ends))
		return;
	snprintf(certificate->section, sizeof(certificate->section), "%s", section);
	standing->certificate_count++;
}

void standing_note_certificates(struct supervisor *supervisor, const struct config *config)
{
	struct standing *standing = &supervisor->standing;
	char section[sizeof(standing->certificates[0].section)];

	standing->certificate_count = 0;
	standing_add_certificate(standing, "proxy", config->proxy.certificate);
	standing_add_certificate(standing, "proxy, the authority", config->proxy.ca_certificate);
	for (size_t i = 0; i < config->server_count; i++) {
		snprintf(section, sizeof(section), "server %s", config->servers[i].name);
		standing_add_certificate(standing, section, config->servers[i].certificate);
	}
}

void standing_tell(struct supervisor *supervisor)
{
	const enum manager_state state = standing_state(supervisor);
	char status[MANAGER_STATUS_MAX];

	standing_show(supervisor);
	standing_describe(supervisor, state, status, sizeof(status));
	manager_tell(&supervisor->manager, state, status);
	if (standing_is_whole(supervisor))
		manager_beat(&supervisor->manager, clock_microseconds());
}
