/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control itself may do nothing to other processes: it asks the supervisor. */
#include <inttypes.h>

#include "base/log.h"
#include "control/internal.h"

uint32_t control_order(struct control *control, enum channel_kind kind, uint64_t session)
{
	const struct channel_message order = { .kind = kind, .number = ++control->orders, .session = session };

	return channel_send(control->start->channel, &order, NULL) ? order.number : 0;
}

uint32_t control_obey(void *context, const struct answer_order *order)
{
	static const struct {
		enum channel_kind kind;
		const char *name;
	} kinds[REQUEST_COUNT] = {
		[REQUEST_RELOAD] = { CHANNEL_RELOAD, "reload" },
		[REQUEST_REOPEN] = { CHANNEL_REOPEN, "reopen" },
		[REQUEST_KILL] = { CHANNEL_KILL, "kill" },
	};

	if (order->session)
		log_message(LOG_LEVEL_NOTICE, "%s %" PRIx64 ": ordered by process %d of user %u", kinds[order->command].name,
			    order->session, (int)order->pid, (unsigned int)order->user);
	else
		log_message(LOG_LEVEL_NOTICE, "%s: ordered by process %d of user %u", kinds[order->command].name, (int)order->pid,
			    (unsigned int)order->user);
	return control_order(context, kinds[order->command].kind, order->session);
}

void control_hear(struct control *control, uint32_t number, bool done, const char *text)
{
	if (control->server)
		server_hear(control->server, number, done, text);
}
