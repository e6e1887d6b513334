/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg version: what anybody who helps has to know of this program, its libraries and its host. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "check/features.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "tls/library.h"

static const char *state_text(enum feature_state state)
{
	switch (state) {
	case FEATURE_THERE:
		return "there";
	case FEATURE_AVAILABLE:
		return "not loaded";
	case FEATURE_MISSING:
		return "MISSING";
	case FEATURE_UNKNOWN:
		break;
	}
	return "not there";
}

static void print_kernel(void)
{
	struct feature features[FEATURE_COUNT];
	struct utsname host;
	char modules[sizeof(host.release) + 16];

	if (uname(&host) != 0)
		return;
	snprintf(modules, sizeof(modules), "/lib/modules/%s", host.release);
	features_read(modules, "/proc/kallsyms", features);
	printf("kernel     %s %s, %s\n", host.sysname, host.release, host.machine);
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		printf("           %-20s  %-10s  %s\n", features[i].module, state_text(features[i].state), features[i].purpose);
}

int cmd_version(int argc, char **argv)
{
	if (argc > 1)
		return cmd_misuse("version", "\"%s\" is not understood", argv[1]);
	puts("ftpalg " FTPALG_VERSION);
	printf("runs with  %s\n", tls_library_name());
	puts("built with " FTPALG_LIBRARIES);
	print_kernel();
	return CMD_SUCCESS;
}
