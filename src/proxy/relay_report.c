/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "proxy/relay_internal.h"

void relay_report(const struct relay *relay, enum notice_type type, enum reason reason)
{
	const struct ops *ops = &relay->plan.host->ops;
	const struct notice_relay numbers = {
		.client = relay->leg[RELAY_CLIENT],
		.server = relay->leg[RELAY_SERVER],
		.to_server = relay->half[RELAY_CLIENT].moved,
		.to_client = relay->half[RELAY_SERVER].moved,
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
