/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is there a daemon on each queue, and is it ours? Processes that can't be seen from here are not judged. */
#include <string.h>

#include "check/check.h"
#include "netfilter/holder.h"

#define PROGRAM "ftpalg" /* how the names of its processes begin */

static void check_nobody_listens(struct check *check, unsigned int queue)
{
	if (check->config->absent_open)
		check_note(check, "daemon: none listens on queue %u; until \"ftpalg run\" does, control connections pass "
			   "uninspected", queue);
	else
		check_missing(check, "daemon: none listens on queue %u, so control connections stand still: start "
			      "\"ftpalg run\"", queue);
}

static void check_queue(struct check *check, uint16_t queue)
{
	struct holder holder;

	if (!holder_find(&holder, queue)) {
		check_nobody_listens(check, queue);
		return;
	}
	if (holder.pid && strncmp(holder.name, PROGRAM, strlen(PROGRAM)) != 0)
		check_missing(check, "daemon: queue %u is taken by \"%s\" (process %lu): stop that, or set another queue "
			      "in [gateway] and load the rules again", queue, holder.name, holder.pid);
	else
		check_ok(check, "daemon: one listens on queue %u (netlink port %lu), %lu packets wait for it", queue,
			 holder.port, holder.waiting);
}

void check_daemon(struct check *check)
{
	for (uint16_t i = 0; i < config_count_workers(check->config); i++)
		check_queue(check, (uint16_t)(check->config->queue + i));
}
