/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Firewall managers take each other's rules away, each in its own way:
 *
 *                              rules of iptables     tables of nft
 *   firewalld, at each reload  gone                  stay
 *   nftables.service           gone                  gone: it loads a file that begins with "flush ruleset"
 *   ufw                        stay                  stay
 *   Docker                     stay; it puts its own chains first, and drops what it does not know
 *
 * A daemon is recognised by the name of its process; a service that has done its work and ended, by what systemd keeps of
 * it while it counts as active.
 */
#include "check/managers.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define UNITS "/run/systemd/units/invocation:"

static bool managers_has_process(const char *wanted)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (processes && !found && (entry = readdir(processes))) {
		char path[64], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		file = isdigit((unsigned char)*entry->d_name) ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
		found = strcmp(name, wanted) == 0;
	}
	if (processes)
		closedir(processes);
	return found;
}

/* A link that leads nowhere. */
static bool managers_has_unit(const char *path)
{
	char target[64];

	return readlink(path, target, sizeof(target)) >= 0;
}

struct managers managers_find(void)
{
	return (struct managers){
		.firewalld = managers_has_process("firewalld"),
		.docker = managers_has_process("dockerd"),
		.ufw = managers_has_unit(UNITS "ufw.service"),
		.nftables = managers_has_unit(UNITS "nftables.service"),
	};
}

void managers_judge(struct check *check, const struct managers *managers, bool by_iptables)
{
	const bool restored = check->config->restore_rules;

	check->firewalld = managers->firewalld;
	if (managers->firewalld && by_iptables && !restored)
		check_note(check, "firewalld: each of its reloads takes the gateway's rules away, which are those of iptables: %s",
			   check->nft_queues ? "remove them, and load what \"ftpalg rules nft\" prints, which stays" :
					       "set \"restore-rules = yes\" (this kernel has no queue for nft)");
	else if (managers->firewalld)
		check_ok(check, "firewalld: it runs, and %s", by_iptables ? "the gateway loads its rules again" :
			 "leaves tables of nft alone");
	if (managers->nftables && !restored)
		check_note(check, "nftables.service: where its file begins with \"flush ruleset\", each reload takes the gateway's "
			   "rules away: let ftpalg-rules.service load them again, or set \"restore-rules = yes\"");
	else if (managers->nftables)
		check_ok(check, "nftables.service: what it flushes, the gateway loads again");
	if (managers->ufw)
		check_ok(check, "ufw: it leaves the gateway's rules alone");
	if (managers->docker)
		check_note(check, "Docker: it drops forwarded connections that it does not know: accept control connections, and what "
			   "\"ftpalg rules iptables --forward\" accepts, in its chain DOCKER-USER");
}
