/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor's part in looking up names: it says which, has a process look them up, and never waits for a name service
 * except for a moment at the start, so that the first session announces the right address if that is to be had at once.
 *
 * A proxy that serves its sessions to their end after its program has been replaced keeps the addresses that it had.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ftpalg/address.h"
#include "run/internal.h"
#include "run/resolver.h"

#define NAMES_PATIENCE UINT64_C(2000000)
#define NAMES_GLANCE 10000000 /* nanoseconds */

static int names_run_resolver(struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->owner;

	return resolver_run(supervisor->config, supervisor->names, child->page, self);
}

static const struct child resolver_kind = {
	.name = "the resolver", .title = "ftpalg-names", .run = names_run_resolver,
	.fate = "; addresses that were found go on being announced, and it is started again",
};

static void names_tell_host(struct supervisor *supervisor, const struct names_host *former, const struct names_host *host)
{
	char now[NAMES_TEXT_MAX], before[NAMES_TEXT_MAX], text[POLICY_HOST_MAX + 2 * NAMES_TEXT_MAX + 64];
	const bool same = address_equal(&host->ipv4, &former->ipv4) && address_equal(&host->ipv6, &former->ipv6);

	names_format(former, before);
	names_format(host, now);
	if (host->lost && !former->lost) {
		snprintf(text, sizeof(text), "%s is not found; announced is %s", host->name, now);
		supervisor_tell(supervisor, NOTICE_HOST_LOST, REASON_NONE, text, 0);
	} else if (!same || (former->lost && !host->lost)) {
		snprintf(text, sizeof(text), "%s is announced as %s (before: %s)", host->name, now, before);
		supervisor_tell(supervisor, NOTICE_HOST_CHANGED, REASON_NONE, text, 0);
	}
}

/* Once a second at most, even if somebody has taken the resolver over. */
static void names_tell(struct supervisor *supervisor)
{
	const struct names_list former = supervisor->hosts;

	if (!names_follow(supervisor->names, &supervisor->names_seen, &supervisor->hosts))
		return;
	for (size_t i = 0; i < supervisor->hosts.count; i++)
		names_tell_host(supervisor, &former.host[i], &supervisor->hosts.host[i]);
}

/*
 * The names are taken from the policy each time. Only addresses are kept of what the last resolver left in the page, since
 * somebody may have taken it over.
 */
static void names_start(struct supervisor *supervisor)
{
	const struct child_home home = supervisor_home(supervisor);

	struct names_list former;

	names_tell(supervisor);
	former = supervisor->hosts;
	names_list_hosts(&supervisor->hosts, &supervisor->config->policy, &former);
	names_publish(supervisor->names, &supervisor->hosts);
	supervisor->names_seen = NAMES_NONE_SEEN;
	if (supervisor->hosts.count > 0)
		child_start(&supervisor->resolver, &home);
}

bool names_begin(struct supervisor *supervisor)
{
	const uint64_t end = clock_microseconds() + NAMES_PATIENCE;
	const struct timespec glance = { .tv_nsec = NAMES_GLANCE };

	if (!child_open(&supervisor->resolver, &resolver_kind, supervisor, &supervisor->feeds))
		return false;
	names_start(supervisor);
	while (supervisor->resolver.pid && !child_is_ready(&supervisor->resolver) && clock_microseconds() < end)
		nanosleep(&glance, NULL);
	return true;
}

void names_end(struct supervisor *supervisor)
{
	struct child *resolver = &supervisor->resolver;

	if (!resolver->pid)
		return;
	kill(resolver->pid, SIGKILL);
	while (waitpid(resolver->pid, NULL, 0) < 0 && errno == EINTR)
		;
	resolver->pid = 0;
}

/* Another policy may have other names. */
static void names_renew(struct supervisor *supervisor)
{
	const uint32_t turn = atomic_load(&supervisor->policies->turn);
	struct names_list list;

	if (turn == supervisor->names_turn)
		return;
	supervisor->names_turn = turn;
	names_list_hosts(&list, &supervisor->config->policy, NULL);
	if (names_are_same(&list, &supervisor->hosts))
		return;
	names_end(supervisor);
	names_start(supervisor);
}

void names_tend(struct supervisor *supervisor, bool look)
{
	struct child *resolver = &supervisor->resolver;
	int status;

	if (child_reap(resolver, &status)) {
		if (supervisor->ending)
			supervisor_take_end(supervisor, resolver, status);
		else
			child_tell_death(resolver, status, resolver->fate);
	}
	if (supervisor->ending || supervisor->departing || !resolver->name)
		return;
	names_renew(supervisor);
	if (look && supervisor->hosts.count > 0)
		names_tell(supervisor);
	if (supervisor->hosts.count > 0 && !resolver->pid && child_may_restart(resolver, look))
		names_start(supervisor);
}
