/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CHECK_REACH_H
#define CHECK_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct reach_chain {
	const char *table; /* as nft lists it, "ip nat {"; of iptables "" */
	const char *name;
	size_t length;
	uint32_t ports; /* that come here; bits are indexes into config->control_ports */
};

/* The chains of address translation that first packets of control connections may come to. */
struct reach {
	const struct config *config;
	char *text; /* a copy, in lines */
	char **lines;
	size_t line_count;
	struct reach_chain *list;
	size_t count;
	size_t size;
	bool more; /* was found since the last look */
};

/* Read what iptables-save, or "nft list ruleset", printed. Without memory less is found. */
void reach_read_iptables(struct reach *reach, const struct config *config, const char *text);
void reach_read_nft(struct reach *reach, const struct config *config, const char *text);
/* The control ports that may come to the chain whose name begins at name, up to a blank. */
uint32_t reach_ports(const struct reach *reach, const char *table, const char *name);
void reach_free(struct reach *reach);

#endif
