/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "proxy/relay_internal.h"

enum reason relay_blame(struct relay *relay, enum relay_end end, enum reason reason)
{
	if (reason != REASON_NONE && reason != RELAY_AGAIN)
		relay->culprit = end == RELAY_CLIENT ? TRANSFER_BY_CLIENT : TRANSFER_BY_SERVER;
	return reason;
}

void relay_report(const struct relay *relay, enum notice_type type, enum reason reason)
{
	const struct ops *ops = &relay->plan.host->ops;
	const struct notice_relay numbers = {
		.client = relay->leg[RELAY_CLIENT],
		.server = relay->leg[RELAY_SERVER],
		.to_server = relay->half[RELAY_CLIENT].moved,
		.to_client = relay->half[RELAY_SERVER].moved,
		.by = relay->culprit,
	};
	const struct notice notice = {
		.type = type,
		.reason = reason,
		.session = relay->plan.session,
		.view = &relay->plan.view,
		.expectation = &relay->plan.expectation,
		.duration = clock_microseconds() - relay->began,
		.relay = &numbers,
	};

	ops->notice(ops->context, &notice);
}
