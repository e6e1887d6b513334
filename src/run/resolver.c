/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The C library asks whatever the host's nsswitch.conf names, waits for it, and does not say how long an answer is good for.
 * So this process does nothing else: it asks for one host after another, and again after `resolve-interval`.
 *
 *   unknown --found--> known --other address--> known
 *                        |  ^
 *             not found  v  | found
 *                      stale: the last address is announced, which is reported once
 *
 * An address that is no longer found is not taken back: otherwise a name service that is away for a minute would end what
 * works. A host without any address is asked for again sooner, since the network may come up after the service.
 */
#include "run/resolver.h"

#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "ftpalg/address.h"
#include "process/sandbox.h"
#include "process/service.h"

#define RESOLVER_ERROR_MAX 512
#define RESOLVER_EAGER_SECONDS 5

struct resolver {
	const struct config *config;
	struct names_page *page;
	struct names_list list;
};

static bool resolver_is_known(const struct names_host *host)
{
	return host->ipv4.family != FAMILY_NONE || host->ipv6.family != FAMILY_NONE;
}

/* Names are the configuration's, and addresses are formatted here, so nothing that a stranger said is in these lines. */
static void resolver_tell_failure(const struct names_host *host, const char *fault)
{
	char text[NAMES_TEXT_MAX];

	if (resolver_is_known(host))
		log_message(LOG_LEVEL_WARNING, "%s is not found any more: %s; its last address (%s) goes on being announced",
			    host->name, fault, names_format(host, text));
	else
		log_message(LOG_LEVEL_WARNING, "%s is not found: %s; until it is, offers announce what they would without it",
			    host->name, fault);
}

static void resolver_ask(struct resolver *resolver, size_t i)
{
	struct names_host *host = &resolver->list.host[i];
	const struct names_host former = *host;
	char text[NAMES_TEXT_MAX], before[NAMES_TEXT_MAX];
	const char *fault;
	const bool found = names_look_up(host, &fault);
	const bool changed = !address_equal(&host->ipv4, &former.ipv4) || !address_equal(&host->ipv6, &former.ipv6);

	if (!found && !former.lost)
		resolver_tell_failure(host, fault);
	if (changed)
		log_message(LOG_LEVEL_NOTICE, "%s is announced as %s (before: %s)", host->name, names_format(host, text),
			    names_format(&former, before));
	else if (found && former.lost)
		log_message(LOG_LEVEL_NOTICE, "%s is found again: %s", host->name, names_format(host, text));
	host->lost = !found;
	if (changed || host->lost != former.lost)
		names_publish(resolver->page, &resolver->list);
}

/* Asks for all hosts. Returns the seconds until the next time. */
static uint32_t resolver_ask_all(struct resolver *resolver)
{
	const uint32_t interval = resolver->config->resolve_interval;
	bool eager = false;

	for (size_t i = 0; i < resolver->list.count; i++) {
		resolver_ask(resolver, i);
		eager = eager || !resolver_is_known(&resolver->list.host[i]);
	}
	return eager && interval > RESOLVER_EAGER_SECONDS ? RESOLVER_EAGER_SECONDS : interval;
}

int resolver_run(const struct config *config, struct names_page *page, struct heartbeat *heart, pid_t supervisor)
{
	struct resolver resolver = { .config = config, .page = page, .list = page->list };
	char error[RESOLVER_ERROR_MAX];

	if (sandbox_enter(config->user, SANDBOX_RESOLVER, supervisor, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	for (;;) {
		const uint32_t seconds = resolver_ask_all(&resolver);

		atomic_store(&heart->ready, true);
		atomic_fetch_add(&heart->beat, 1);
		log_flush();
		poll(NULL, 0, (int)seconds * 1000);
	}
}
