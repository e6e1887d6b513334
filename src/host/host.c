/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that a session decides is an event. The log gets only what says that the host needs attention, and that at
 * a bounded rate, because peers cause it.
 */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ftpalg/address.h"

/* What the operator can do about it; NULL: nothing. */
static const char *host_advice(enum reason reason)
{
	switch (reason) {
	case REASON_NO_CARRIER:
		return "load the rules that \"ftpalg rules\" prints; connections from before have to be made again";
	case REASON_EXPECT_TABLE_FULL:
		return "raise the sysctl net.netfilter.nf_conntrack_expect_max";
	case REASON_NO_PORT:
		return "translate clients to more than one address";
	case REASON_KERNEL_REFUSED:
		return "\"ftpalg check\" tells what the kernel lacks";
	default:
		return NULL;
	}
}

/* Passes reason on. error is the kernel's, where reason is REASON_KERNEL_REFUSED. */
static enum reason host_tell(struct host *host, const struct endpoint *client, enum reason reason, int error)
{
	const char *advice = host_advice(reason);
	const bool refused = reason == REASON_KERNEL_REFUSED;
	char text[ENDPOINT_TEXT_MAX];

	if (!advice || !log_limit_allows(&host->refusal_limits[reason], clock_microseconds()))
		return reason;
	endpoint_format(client, text);
	log_message(LOG_LEVEL_WARNING, "control connection of %s: %s%s%s; %s", text, reason_meaning(reason),
		    refused ? ": " : "", refused ? strerror(-error) : "", advice);
	return reason;
}

static enum reason host_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	struct host *host = context;
	const enum reason reason = broker_link_lookup(&host->link, seen, connection);

	return host_tell(host, &seen->source, reason, host->link.error);
}

static enum reason host_recall(void *context, const struct nat_view *view, struct connection *connection)
{
	struct host *host = context;
	const enum reason reason = broker_link_recall(&host->link, view, connection);

	return host_tell(host, &view->client, reason, host->link.error);
}

static enum reason host_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct host *host = context;
	const enum reason reason = broker_link_expect(&host->link, master, expectation);

	return host_tell(host, &master->client, reason, host->link.error);
}

static enum reason host_renew(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct host *host = context;
	struct expectation renewed = *expectation;
	enum reason reason = broker_link_expect(&host->link, master, &renewed);

	if (reason == REASON_NONE && renewed.destination.port != expectation->destination.port) {
		broker_link_unexpect(&host->link, master, &renewed);
		reason = REASON_NO_PORT;
	}
	return host_tell(host, &master->client, reason, host->link.error);
}

static enum reason host_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct host *host = context;
	const enum reason reason = broker_link_unexpect(&host->link, master, expectation);

	return host_tell(host, &master->client, reason, host->link.error);
}

static void host_release(void *context, const struct session_farewell *end)
{
	struct host *host = context;

	broker_link_release(&host->link, end);
}

static void host_tell_end(void *context, const struct session_farewell *end, enum reason answer)
{
	struct host *host = context;

	session_tell_end(end, &host->ops, host_tell(host, &end->view.client, answer, host->link.error));
}

static enum reason host_peek(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct host *host = context;
	const enum reason reason = broker_link_peek(&host->link, master, expectation);

	return host_tell(host, &master->client, reason, host->link.error);
}

static enum reason host_seqadj(void *context, const struct nat_view *master, enum direction direction,
			       const struct seqadj *seqadj)
{
	struct host *host = context;
	const enum reason reason = broker_link_adjust(&host->link, master, direction, seqadj);

	return host_tell(host, &master->client, reason, host->link.error);
}

static enum reason host_expect_and_adjust(void *context, const struct nat_view *master, struct expectation *expectation,
					   struct correction *correction)
{
	struct host *host = context;
	const enum reason reason = broker_link_expect_and_adjust(&host->link, master, expectation, correction);

	if (correction->asked)
		host_tell(host, &master->client, correction->answer, host->link.error);
	return host_tell(host, &master->client, reason, host->link.error);
}

static void host_inject(void *context, struct bytes packet)
{
	struct host *host = context;

	broker_link_inject(&host->link, packet);
}

static void host_notice(void *context, const struct notice *notice)
{
	struct host *host = context;

	record_put(host->events, notice);
}

static int host_open_netlink(struct host *host, char *error, size_t size)
{
	const int result = netlink_open(&host->netlink);

	if (result)
		snprintf(error, size, "can't talk to conntrack: %s; try: modprobe nf_conntrack_netlink",
			 strerror(-result));
	return result;
}

int host_open(struct host *host, const struct config *config, enum host_kind kind, struct record_writer *events, char *error,
	      size_t size)
{
	memset(host, 0, sizeof(*host));
	host->events = events;
	host->link.descriptor = -1;
	host->ops = (struct ops){
		.context = host, .lookup = host_lookup, .recall = host_recall, .expect = host_expect,
		.unexpect = host_unexpect,
		.seqadj = host_seqadj, .inject = host_inject, .notice = host_notice, .lines = true, .peek = host_peek,
		.release = host_release,
		.renew = host_renew, .expect_and_adjust = host_expect_and_adjust,
	};
	host->link.tell = host_tell_end;
	host->link.context = host;
	host->conntrack = (struct conntrack){ .netlink = &host->netlink, .zone = config->zone };
	host->expect = (struct expect){ .netlink = &host->netlink, .zone = config->zone };
	if (kind == HOST_WITH_PACKETS || host_open_netlink(host, error, size) == 0)
		return 0;
	host_close(host);
	return -1;
}

void host_close(struct host *host)
{
	broker_link_close(&host->link);
	netlink_close(&host->netlink);
}
