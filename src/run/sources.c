/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reload that changes only the policy needs no new process: open sessions lose nothing, and a script that reloads each
 * minute does not pile up processes. So it must be known whether anything else has changed. Settings are compared as they
 * are in memory, where equal ones may look different (bytes after the end of a shorter string): that costs a process, and
 * the opposite error can't happen. A file's time of change can't be set back, but has the clock's grain: two contents of the
 * same size within a few milliseconds are taken for one.
 */
#include "run/sources.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "tls/tls.h"

#define NANOSECONDS UINT64_C(1000000000)

static uint64_t sources_time(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NANOSECONDS + (uint64_t)time->tv_nsec;
}

static void sources_add(struct sources *sources, size_t at, const char *path)
{
	struct source_file *file = &sources->files[at];
	struct stat status;

	if (!path[0])
		return;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode)) {
		sources->known = false;
		return;
	}
	file->device = status.st_dev;
	file->inode = status.st_ino;
	file->size = (uint64_t)status.st_size;
	file->modified = sources_time(&status.st_mtim);
	file->changed = sources_time(&status.st_ctim);
}

void sources_look(struct sources *sources, const struct config *config)
{
	const struct config_proxy *proxy = &config->proxy;
	size_t at = 0;

	memset(sources, 0, sizeof(*sources));
	sources->known = true;
	sources_add(sources, at++, proxy->certificate);
	sources_add(sources, at++, proxy->key);
	sources_add(sources, at++, proxy->ca_certificate);
	sources_add(sources, at++, proxy->ca_key);
	sources_add(sources, at++, proxy->anchors[0] ? proxy->anchors : tls_system_anchors);
	for (size_t i = 0; i < config->server_count; i++) {
		sources_add(sources, at++, config->servers[i].certificate);
		sources_add(sources, at++, config->servers[i].key);
	}
}

bool sources_are_same(const struct sources *sources, const struct config *config, const struct sources *later_sources,
		      const struct config *later)
{
	/* The policy is the last member. */
	return sources->known && later_sources->known &&
	       memcmp(sources->files, later_sources->files, sizeof(sources->files)) == 0 &&
	       memcmp(config, later, offsetof(struct config, policy)) == 0;
}
