/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A symbol of each part is looked for among those of the kernel: it is there whether the part is built in or a module that
 * has been loaded, which nothing else shows of both. What is not there may be in the list of modules that exist.
 */
#include "check/features.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct feature known[FEATURE_COUNT] = {
	{ "nf_conntrack_sane", "nf_conntrack_sane_init", "the carrier of expectations", FEATURE_UNKNOWN },
	{ "nf_conntrack_netlink", "ctnetlink_new_expect", "expectations, and what became of them", FEATURE_UNKNOWN },
	{ "nfnetlink_queue", "nfqnl_enqueue_packet", "packets to the gateway and back", FEATURE_UNKNOWN },
	{ "nfnetlink_log", "nfulnl_log_packet", "the sizes of files", FEATURE_UNKNOWN },
	{ "nf_nat", "nf_nat_follow_master", "translated addresses", FEATURE_UNKNOWN },
	{ "nf_tables", "nft_do_chain", "rules for nft", FEATURE_UNKNOWN },
	{ "nft_queue", "nft_queue_eval", "rules for nft; without it there are those for iptables", FEATURE_UNKNOWN },
	{ "xt_NFQUEUE", "nfqueue_tg_v3", "rules for iptables", FEATURE_UNKNOWN },
	{ "nft_tproxy", "nft_tproxy_init", "interception = tproxy with nft", FEATURE_UNKNOWN },
};

/* "ffffffff81000000 t NAME" or the same with a tab and [MODULE] after it. */
static bool line_has_symbol(const char *line, const char *symbol)
{
	const char *name = strchr(line, ' ');
	size_t length;

	name = name ? strchr(name + 1, ' ') : NULL;
	if (!name)
		return false;
	length = strcspn(++name, "\t\n ");
	return length == strlen(symbol) && memcmp(name, symbol, length) == 0;
}

static void read_symbols(const char *path, struct feature features[FEATURE_COUNT])
{
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < FEATURE_COUNT; i++)
			if (line_has_symbol(line, features[i].symbol))
				features[i].state = FEATURE_THERE;
	if (file)
		fclose(file);
}

/* "kernel/net/netfilter/NAME.ko.xz: what it depends on", or only that path. */
static bool line_has_module(const char *line, const char *module)
{
	const char *name = line;
	size_t length;

	for (const char *slash = line; *slash && *slash != ':' && *slash != '\n'; slash++)
		if (*slash == '/')
			name = slash + 1;
	length = strlen(module);
	return strncmp(name, module, length) == 0 && strncmp(name + length, ".ko", 3) == 0;
}

static bool read_modules(const char *directory, const char *list, enum feature_state found,
			 struct feature features[FEATURE_COUNT])
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *file = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", directory, list) < (int)sizeof(path))
		file = fopen(path, "re");
	if (!file)
		return false;
	while (getline(&line, &size, file) >= 0)
		for (size_t i = 0; i < FEATURE_COUNT; i++)
			if (features[i].state != FEATURE_THERE && line_has_module(line, features[i].module))
				features[i].state = found;
	free(line);
	fclose(file);
	return true;
}

void features_read(const char *modules, const char *symbols, struct feature features[FEATURE_COUNT])
{
	bool listed;

	memcpy(features, known, sizeof(known));
	read_symbols(symbols, features);
	(void)read_modules(modules, "modules.builtin", FEATURE_THERE, features);
	listed = read_modules(modules, "modules.dep", FEATURE_AVAILABLE, features);
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (listed && features[i].state == FEATURE_UNKNOWN)
			features[i].state = FEATURE_MISSING;
}
