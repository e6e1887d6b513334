/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the service's processes stand, as their supervisor knows it, in memory that it shares with control. */
#ifndef CONTROL_STANDING_H
#define CONTROL_STANDING_H

#include <stdatomic.h>

#include "control/facts.h"

struct standing_worker {
	uint16_t queue;
	bool up;              /* it and its broker serve */
	uint32_t misses;      /* seconds in a row that it has not moved */
	uint64_t restarts;
	uint64_t verdicts[HEARTBEAT_VERDICTS];
	struct histogram delays; /* of verdicts */
};

/* A process of the proxy that serves. */
struct standing_proxy {
	bool up;
	uint32_t misses;
	uint64_t restarts;
	uint32_t sessions;
	uint64_t first_session; /* its sessions have numbers from here on */
};

struct standing {
	uint64_t started;     /* wall clock, microseconds */
	uint64_t config_read;
	char refused[FACTS_TEXT_MAX]; /* why the last reload is not in force; "" */
	struct standing_worker workers[CONFIG_WORKERS_MAX];
	uint32_t worker_count; /* 0: a proxy alone */
	bool proxy_wanted;
	bool proxy_up;
	struct standing_proxy proxies[CONFIG_WORKERS_MAX];
	uint32_t proxy_count;
	uint32_t draining;    /* sessions of proxies that were replaced */
	struct facts_certificate certificates[FACTS_CERTIFICATES_MAX];
	size_t certificate_count;
	struct names_list names; /* hosts that are announced */
};

/* Written by one process, read by another. */
struct standing_page {
	_Atomic uint32_t turn; /* odd while it is written */
	struct standing standing;
};

void standing_write(struct standing_page *page, const struct standing *standing);
/* False, with the result of the last try in standing: it was written again and again meanwhile. */
bool standing_read(struct standing_page *page, struct standing *standing);

#endif
