/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a proxy was made from: its settings, and the files that they name. Has anything in them changed since? */
#ifndef RUN_SOURCES_H
#define RUN_SOURCES_H

#include <stdint.h>

#include "config/config.h"

/* Which file it is, and what it contains, as far as that can be known without reading it. */
struct source_file {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	uint64_t modified; /* nanoseconds */
	uint64_t changed;
};

/* The four of [proxy], its trust anchors or the system's, and two of each [server]. */
#define SOURCES_MAX (5 + 2 * CONFIG_SERVERS_MAX)

struct sources {
	bool known; /* false: one of them could not be looked at, and has changed for all that is known */
	struct source_file files[SOURCES_MAX];
};

void sources_look(struct sources *sources, const struct config *config);

/* Would a proxy of either be the same but for its policy? */
bool sources_are_same(const struct sources *sources, const struct config *config, const struct sources *later_sources,
		      const struct config *later);

#endif
