/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a gateway, and what mends it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "control/facts.h"

#define DAY INT64_C(86400)
/* Before a certificate ends. */
#define CERTIFICATE_DAYS 14
/* A worker's loop turns once a second at least. */
#define HUNG_SECONDS 3

struct judgement {
	struct problem *problems;
	size_t count;
};

__attribute__((format(printf, 2, 3)))
static struct problem *complain(struct judgement *judgement, const char *format, ...)
{
	/* There is room for everything that can be wrong at once. */
	struct problem *problem =
		&judgement->problems[judgement->count < FACTS_PROBLEMS_MAX - 1 ? judgement->count++ : judgement->count];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->what, sizeof(problem->what), format, arguments);
	va_end(arguments);
	return problem;
}

__attribute__((format(printf, 2, 3)))
static void advise(struct problem *problem, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->mend, sizeof(problem->mend), format, arguments);
	va_end(arguments);
}

static void judge_worker(const struct facts *facts, const struct facts_worker *worker, struct judgement *judgement)
{
	if (!worker->up)
		advise(complain(judgement, "the worker of queue %u does not run; control connections %s", worker->queue,
				facts->config->absent_open ? "pass uninspected (absent = open)" : "stand still (absent = closed)"),
		       "see the log for why it ended; it is started again every second");
	else if (worker->hung_seconds != FACTS_UNKNOWN && worker->hung_seconds >= HUNG_SECONDS &&
		 facts->config->watchdog > 0)
		advise(complain(judgement, "the worker of queue %u has not moved for %" PRIu64 " s", worker->queue, worker->hung_seconds),
		       "wait: the watchdog kills it after %u s", facts->config->watchdog);
	else if (worker->hung_seconds != FACTS_UNKNOWN && worker->hung_seconds >= HUNG_SECONDS)
		advise(complain(judgement, "the worker of queue %u has not moved for %" PRIu64 " s", worker->queue, worker->hung_seconds),
		       "end it by SIGKILL: the next one goes on; set \"watchdog\" to have that done");
	if (worker->waiting != FACTS_UNKNOWN && worker->waiting > facts->config->queue_length / 2)
		advise(complain(judgement, "%" PRIu64 " of at most %u packets wait in queue %u", worker->waiting,
				facts->config->queue_length, worker->queue),
		       "see what keeps the processor busy; raise \"queue-length\" where such bursts are usual");
}

static void judge_rules(const struct facts *facts, struct judgement *judgement)
{
	static const char *const families[] = { "IPv4", "IPv6" };

	for (int i = 0; i < FACTS_FAMILIES; i++) {
		const struct facts_rules *rules = &facts->rules[i];

		if (rules->state == FACTS_RULES_MISSING)
			advise(complain(judgement, "%s control connections pass uninspected: the rules are missing%s%s", families[i],
					rules->why[0] ? ": " : "", rules->why),
			       "%s", rules->mend[0] ? rules->mend : "load what \"ftpalg rules\" prints");
	}
	if (facts->gateway && !facts->carrier)
		advise(complain(judgement, "the kernel's module nf_conntrack_sane is not loaded, so nothing can be opened"),
		       "modprobe nf_conntrack_sane, and load the rules again");
}

/* One of several, or one that hangs. */
static void judge_member(const struct facts_member *member, uint32_t number, uint32_t watchdog, struct judgement *judgement)
{
	if (!member->up)
		advise(complain(judgement, "process %u of the proxy does not run; the others take its connections", number),
		       "see the log for why it ended; it is started again every second");
	else if (member->hung_seconds != FACTS_UNKNOWN && member->hung_seconds >= HUNG_SECONDS && watchdog > 0)
		advise(complain(judgement, "process %u of the proxy has not moved for %" PRIu64 " s", number, member->hung_seconds),
		       "wait: the watchdog kills it after %u s", watchdog);
	else if (member->hung_seconds != FACTS_UNKNOWN && member->hung_seconds >= HUNG_SECONDS)
		advise(complain(judgement, "process %u of the proxy has not moved for %" PRIu64 " s", number, member->hung_seconds),
		       "end it by SIGKILL: the next one takes new connections; set \"watchdog\" to have that done");
}

static void judge_proxy(const struct facts *facts, struct judgement *judgement)
{
	const struct facts_proxy *proxy = &facts->proxy;
	const int64_t now = (int64_t)(facts->now / 1000000);
	bool served = false;

	for (uint32_t i = 0; i < proxy->member_count; i++)
		served = served || proxy->members[i].up;
	if (proxy->wanted && !proxy->up && !served)
		advise(complain(judgement, "the proxy does not run; sessions that it is to terminate find nobody"),
		       "see the log for why it ended; \"ftpalg check\" reads its files");
	for (uint32_t i = 0; served && i < proxy->member_count; i++)
		judge_member(&proxy->members[i], i + 1, facts->config->watchdog, judgement);
	for (size_t i = 0; i < proxy->certificate_count; i++) {
		const struct facts_certificate *certificate = &proxy->certificates[i];

		if (certificate->ends <= now)
			advise(complain(judgement, "the certificate of [%s] has ended", certificate->section),
			       "renew it and reload");
		else if (certificate->ends - now < CERTIFICATE_DAYS * DAY)
			advise(complain(judgement, "the certificate of [%s] ends in %" PRId64 " days", certificate->section,
					(certificate->ends - now) / DAY), "renew it and reload");
	}
}

static void judge_names(const struct names_list *names, struct judgement *judgement)
{
	char text[NAMES_TEXT_MAX];

	for (size_t i = 0; i < names->count; i++)
		if (names->host[i].lost)
			advise(complain(judgement, "the host %.100s, which is announced, is not found; announced is %s",
					names->host[i].name, names_format(&names->host[i], text)),
			       "see to the name service of this host, or announce an address");
}

static void judge_limits(const struct facts *facts, struct judgement *judgement)
{
	if (facts->expectations != FACTS_UNKNOWN && facts->expectations_limit != FACTS_UNKNOWN &&
	    facts->expectations_limit > 0 && facts->expectations > facts->expectations_limit / 5 * 4)
		advise(complain(judgement, "%" PRIu64 " of at most %" PRIu64 " expectations are in the kernel", facts->expectations,
				facts->expectations_limit), "raise the sysctl net.netfilter.nf_conntrack_expect_max");
	if (facts->config_error[0])
		advise(complain(judgement, "the configuration was not taken over: %s", facts->config_error),
		       "mend the file and reload; what was in force stays");
}

size_t facts_judge(const struct facts *facts, struct problem problems[FACTS_PROBLEMS_MAX])
{
	struct judgement judgement = { .problems = problems };

	for (uint32_t i = 0; i < facts->worker_count; i++)
		judge_worker(facts, &facts->workers[i], &judgement);
	judge_rules(facts, &judgement);
	judge_proxy(facts, &judgement);
	judge_names(&facts->names, &judgement);
	judge_limits(facts, &judgement);
	return judgement.count;
}
