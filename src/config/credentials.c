/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service manager can hand over keys that the service itself could not read (systemd.exec(5), LoadCredential=): copies of
 * them are in a directory of this service alone, which the environment names. So a key whose file has a copy there is read
 * from there, and the configuration is the same with a service manager and without one.
 *
 *   key = /etc/ftpalg/keys/server.key
 *     LoadCredential=server.key:/etc/ftpalg/keys/server.key   ->  server.key
 *     LoadCredential=keys:/etc/ftpalg/keys                    ->  keys_server.key, as systemd names the files of a directory
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/reader.h"

/* Looks for a copy of path. True: there is one, and path is that now. */
static bool credential_take(char path[PATH_MAX], const char *from, const char *directory, size_t length, const char *name)
{
	char copy[PATH_MAX];
	struct stat status;
	const int written = snprintf(copy, sizeof(copy), "%s/%.*s%s%s", from, (int)length, directory, length ? "_" : "", name);

	/* Asked by stat(2), which a sandbox allows. */
	if (written < 0 || (size_t)written >= sizeof(copy) || stat(copy, &status) < 0)
		return false;
	memcpy(path, copy, (size_t)written + 1);
	return true;
}

static void credential_find(char path[PATH_MAX], const char *from)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *parent = slash;

	if (!path[0] || credential_take(path, from, "", 0, name) || !slash)
		return;
	while (parent > path && parent[-1] != '/')
		parent--;
	credential_take(path, from, parent, (size_t)(slash - parent), name);
}

void config_use_credentials(struct config *config)
{
	const char *from = getenv("CREDENTIALS_DIRECTORY");

	if (!from || from[0] != '/')
		return;
	credential_find(config->proxy.key, from);
	credential_find(config->proxy.ca_key, from);
	for (size_t i = 0; i < config->server_count; i++)
		credential_find(config->servers[i].key, from);
}
