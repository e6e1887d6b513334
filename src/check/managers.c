/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Firewall managers take each other's rules away, each in its own way:
 *
 *                              rules of iptables     tables of nft
 *   firewalld, at each reload  gone                  stay
 *   nftables.service           gone                  gone: it loads a file that begins with "flush ruleset"
 *   ufw                        stay                  stay
 *   Docker                     stay; it puts its own chains first, and drops what it does not know
 *   kube-proxy                 stay
 *
 * And two take connections to a Service of Kubernetes past the chains of forward, so that no rule sees them: kube-proxy
 * itself where it has IPVS do it, and Cilium where it replaces kube-proxy.
 *
 * A daemon is recognised by the name of its process; a service that has done its work and ended, by what systemd keeps of
 * it while it counts as active.
 */
#include "check/managers.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
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

/*
 * A virtual server is a line "TCP  0A600015:0015 rr", or "TCP  [fd00:...]:0015 rr"; those that it leads to begin with an
 * arrow. What has a mark in the place of an address has no port.
 */
uint16_t managers_read_ipvs(const struct config *config, const char *line)
{
	const char *server = line + strcspn(line, " "), *colon;
	unsigned long port;

	if (strncmp(line, "TCP ", 4) != 0)
		return 0;
	server += strspn(server, " ");
	colon = *server == '[' ? strchr(server, ']') : server;
	colon = colon ? strchr(colon, ':') : NULL;
	port = colon ? strtoul(colon + 1, NULL, 16) : 0;
	for (size_t i = 0; i < config->control_port_count; i++)
		if (port == config->control_ports[i])
			return config->control_ports[i];
	return 0;
}

static uint16_t managers_find_ipvs(const struct config *config)
{
	FILE *file = fopen("/proc/net/ip_vs", "re");
	char line[256];
	uint16_t port = 0;

	while (file && !port && fgets(line, sizeof(line), file))
		port = managers_read_ipvs(config, line);
	if (file)
		fclose(file);
	return port;
}

struct managers managers_find(const struct config *config)
{
	return (struct managers){
		.kube_proxy = managers_has_process("kube-proxy"),
		.cilium = managers_has_process("cilium-agent"),
		.ipvs_port = managers_find_ipvs(config),
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
		check_note(check, "Docker: connections of containers pass by its own rules. Where the policy of FORWARD is DROP, all else "
			   "that this host forwards does not: accept control connections in Docker's chain DOCKER-USER, and load what "
			   "\"ftpalg rules iptables --forward\" prints");
	if (managers->kube_proxy)
		check_ok(check, "kube-proxy: it leaves the gateway's rules alone");
	if (managers->ipvs_port)
		check_note(check, "IPVS: it has a virtual server on port %u, whose connections go past the chains of forward, so the "
			   "gateway does not see them: have kube-proxy run in mode iptables or nftables", managers->ipvs_port);
	if (managers->cilium)
		check_note(check, "Cilium: where it replaces kube-proxy, connections to Services go past netfilter, so the gateway does "
			   "not see them: put the gateway in front of the node");
}
