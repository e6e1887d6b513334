/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The facts for status, from where they are: the supervisor, the kernel's files, the configuration, this process. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "control/internal.h"
#include "process/sandbox.h"

static void look_at_worker(const struct standing_worker *standing, struct facts_worker *worker)
{
	*worker = (struct facts_worker){
		.queue = standing->queue, .up = standing->up, .hung_seconds = standing->misses,
		.restarts = standing->restarts,
		.delays = standing->delays, .p50_us = FACTS_UNKNOWN, .p99_us = FACTS_UNKNOWN,
	};
	memcpy(worker->verdicts, standing->verdicts, sizeof(worker->verdicts));
	histogram_quantile(&standing->delays, &histogram_verdicts, 50, &worker->p50_us);
	histogram_quantile(&standing->delays, &histogram_verdicts, 99, &worker->p99_us);
}

static void look_at_proxy(const struct standing *standing, struct facts_proxy *proxy)
{
	proxy->member_count = standing->proxy_count < CONFIG_WORKERS_MAX ? standing->proxy_count : CONFIG_WORKERS_MAX;
	proxy->sessions = 0;
	for (uint32_t i = 0; i < proxy->member_count; i++) {
		const struct standing_proxy *member = &standing->proxies[i];

		proxy->members[i] = (struct facts_member){
			.up = member->up, .hung_seconds = member->misses, 
			.restarts = member->restarts, .sessions = member->sessions, .first_session = member->first_session,
		};
		proxy->sessions += member->sessions;
	}
}

static void look_at_processes(struct control *control, struct facts *facts)
{
	struct standing standing;

	standing_read(control->start->standing, &standing);
	facts->started = standing.started;
	facts->config_read = standing.config_read;
	memcpy(facts->config_error, standing.refused, sizeof(facts->config_error));
	facts->worker_count = standing.worker_count < CONFIG_WORKERS_MAX ? standing.worker_count : CONFIG_WORKERS_MAX;
	for (uint32_t i = 0; i < facts->worker_count; i++)
		look_at_worker(&standing.workers[i], &facts->workers[i]);
	facts->proxy.wanted = standing.proxy_wanted;
	facts->proxy.up = standing.proxy_up;
	look_at_proxy(&standing, &facts->proxy);
	facts->proxy.draining = standing.draining;
	memcpy(facts->proxy.certificates, standing.certificates, sizeof(facts->proxy.certificates));
	facts->proxy.certificate_count = standing.certificate_count;
	facts->names = standing.names;
}

static void look_at_rules(const struct rulestate_page *page, struct facts *facts)
{
	static const enum facts_rules_state states[] = {
		[RULESTATE_UNKNOWN] = FACTS_RULES_UNKNOWN, [RULESTATE_LOADED] = FACTS_RULES_LOADED,
		[RULESTATE_GONE] = FACTS_RULES_MISSING,
	};

	_Static_assert((int)RULESTATE_FAMILIES == (int)FACTS_FAMILIES, "both have the same families");
	for (int i = 0; page && i < FACTS_FAMILIES; i++) {
		struct facts_rules *rules = &facts->rules[i];

		rules->state = states[atomic_load(&page->state[i])];
		rules->since = atomic_load(&page->since[i]);
		if (rules->state == FACTS_RULES_UNKNOWN)
			continue;
		rules->kind = atomic_load(&page->nft) ? FACTS_RULES_NFT : FACTS_RULES_IPTABLES;
		if (rules->state == FACTS_RULES_MISSING && atomic_load(&page->author))
			snprintf(rules->why, sizeof(rules->why), "the last change was by \"%.31s\" (process %u)", page->author_name,
				 atomic_load(&page->author));
		if (rules->state == FACTS_RULES_MISSING)
			snprintf(rules->mend, sizeof(rules->mend), rules->kind == FACTS_RULES_NFT ? "ftpalg rules nft | nft -f -"
												   : "ftpalg rules iptables | sh");
	}
}

void control_look(void *context, struct facts *facts)
{
	struct control *control = context;

	memset(facts, 0, sizeof(*facts));
	facts->now = clock_wall_microseconds();
	facts->pid = control->start->supervisor;
	facts->config = control->config;
	facts->config_path = control->start->config_path;
	facts->gateway = control->start->gateway;
	look_at_processes(control, facts);
	look_at_rules(control->start->rules, facts);
	facts_host_read(&control->host, facts);
	facts->kernel_events_lost = control->start->news ? data_count_lost(control) : FACTS_UNKNOWN;
	memcpy(facts->user, control->config->user, sizeof(facts->user));
	/* The broker keeps this capability, and each process rules out new privileges before it serves. */
	facts->net_admin = true;
	facts->seccomp = sandbox_has_filter();
	facts->no_new_privileges = true;
	facts->events_lost = control->lost;
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		facts->lines_lost[i] = control->journal.sinks[i].outlet.lost_total;
}

void control_measure(void *context, struct evbuffer *out, enum metrics_format format)
{
	struct control *control = context;
	struct facts facts;

	control_look(control, &facts);
	metrics_write(out, format, control->tables, &facts);
}
