/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many workers there are, and which queues are theirs. A configuration is also judged by processes that may not ask the
 * host for anything (those that read it again), so the judgement does not depend on the host: "auto" reserves queues for as
 * many workers as there can be.
 */
#include <unistd.h>

#include "config/config.h"

static uint16_t workers_count(uint16_t workers)
{
	const long processors = workers == CONFIG_WORKERS_AUTO ? sysconf(_SC_NPROCESSORS_ONLN) : workers;

	if (processors < 1)
		return 1;
	return (uint16_t)(processors < CONFIG_WORKERS_MAX ? processors : CONFIG_WORKERS_MAX);
}

uint16_t config_count_workers(const struct config *config)
{
	return workers_count(config->workers);
}

uint16_t config_count_proxies(const struct config *config)
{
	return workers_count(config->proxy.workers);
}

uint32_t config_last_queue(const struct config *config)
{
	const uint32_t most = config->workers == CONFIG_WORKERS_AUTO ? CONFIG_WORKERS_MAX : config->workers;

	return config->queue + most - 1;
}
