/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel and the host must have: privileges, netlink subsystems, modules, settings. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"
#include "check/system.h"
#include "netfilter/subsystem.h"
#include "process/privileges.h"
#include "rules/rules.h"

#define CARRIER_MODULE "nf_conntrack_" RULES_CARRIER

static void check_user(struct check *check)
{
	const char *user = check->config->user;
	struct passwd entry, *found = NULL;
	char strings[4096];

	if (geteuid() != 0)
		check_ok(check, "user: the gateway stays who starts it, as this is not root");
	else if (*user == '\0')
		check_note(check, "user: none is configured, so the worker stays who started it; "
			   "better give it one of its own");
	else if (getpwnam_r(user, &entry, strings, sizeof(strings), &found) != 0 || !found)
		check_missing(check, "user: there is no \"%s\": useradd --system --no-create-home %s, or set user in "
			      "[gateway]", user, user);
	else
		check_ok(check, "user: %s", user);
}

static void check_file(struct check *check, const char *key, const char *file)
{
	const char *slash = strrchr(file, '/');
	char directory[PATH_MAX];

	if (!slash)
		return;
	snprintf(directory, sizeof(directory), "%.*s", slash == file ? 1 : (int)(slash - file), file);
	if (access(file, W_OK) == 0 || (errno == ENOENT && access(directory, W_OK) == 0))
		check_ok(check, "%s: %s", key, file);
	else
		check_missing(check, "%s: %s can't be written: %s; make its directory, or set %s in [gateway]",
			      key, file, strerror(errno), key);
}

void check_privileges(struct check *check)
{
	struct privileges have;

	privileges_read(&have);
	if (have.net_admin && have.net_raw)
		check_ok(check, "privileges: CAP_NET_ADMIN and CAP_NET_RAW");
	else
		check_missing(check, "privileges: no %s%s%s; run this, and the gateway, as root or with them",
			      have.net_admin ? "" : "CAP_NET_ADMIN", have.net_admin || have.net_raw ? "" : " and ",
			      have.net_raw ? "" : "CAP_NET_RAW");
	check_user(check);
	check_file(check, "events", check->config->events);
	check_file(check, "xferlog", check->config->xferlog);
}

static void check_netlink(struct check *check, const char *module, int error)
{
	if (error == 0)
		check_ok(check, "kernel: %s answers", module);
	else if (error == -EPERM)
		check_note(check, "kernel: %s answers only those who have CAP_NET_ADMIN", module);
	else
		check_missing(check, "kernel: %s does not answer (%s): modprobe %s, or a kernel that has it", module,
			      strerror(-error), module);
}

static void check_carrier(struct check *check)
{
	static const char *const dry_run[] = { "modprobe", "--dry-run", "--quiet", CARRIER_MODULE, NULL };
	char *output;

	/* A module without parameters would be invisible here when built in; this one has some. */
	if (access("/sys/module/" CARRIER_MODULE, F_OK) == 0) {
		check_ok(check, "kernel: " CARRIER_MODULE ", the carrier, is there");
		return;
	}
	output = check_program_output(dry_run);
	if (output)
		check_missing(check, "kernel: " CARRIER_MODULE ", the carrier, is not loaded: modprobe " CARRIER_MODULE
			      ", and write its name to /etc/modules-load.d/ftpalg.conf");
	else
		check_missing(check, "kernel: it has no " CARRIER_MODULE ", the carrier: install a kernel with "
			      "CONFIG_NF_CONNTRACK_SANE");
	free(output);
}

/* nf_nat has no parameters, so /sys/module does not show it when built in; its symbol is there either way. */
static void check_nat(struct check *check)
{
	static const char symbol[] = " nf_nat_follow_master";
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	bool found = false;

	if (!file)
		return;
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, symbol) != NULL;
	fclose(file);
	if (found)
		check_ok(check, "kernel: nf_nat is there");
	else
		check_note(check, "kernel: nf_nat is not loaded; only a host that translates addresses needs it");
}

void check_kernel(struct check *check)
{
	check_netlink(check, "nfnetlink_queue", subsystem_try_queue());
	check_netlink(check, "nf_conntrack_netlink", subsystem_try_conntrack());
	if (check->config->nflog_group)
		check_netlink(check, "nfnetlink_log", subsystem_try_log());
	check_carrier(check);
	check_nat(check);
}

void check_limits(struct check *check)
{
	long long expect_max = check_read_sysctl("net/netfilter/nf_conntrack_expect_max");
	long long conntrack_max = check_read_sysctl("net/netfilter/nf_conntrack_max");

	if (expect_max >= 0 && expect_max < check->config->limits.sessions)
		check_note(check, "limits: net.netfilter.nf_conntrack_expect_max is %lld: of %u sessions, so many can "
			   "await a data connection at a time", expect_max, check->config->limits.sessions);
	if (conntrack_max >= 0 && conntrack_max < check->config->limits.sessions)
		check_note(check, "limits: net.netfilter.nf_conntrack_max is %lld, less than sessions, which is %u",
			   conntrack_max, check->config->limits.sessions);
	if (check_read_sysctl("net/netfilter/nf_conntrack_tcp_be_liberal") > 0)
		check_note(check, "limits: net.netfilter.nf_conntrack_tcp_be_liberal is set: conntrack takes segments "
			   "outside of the window for valid; the gateway does not need that");
	if (check_read_sysctl("net/netfilter/nf_conntrack_checksum") == 0)
		check_note(check, "limits: net.netfilter.nf_conntrack_checksum is 0: conntrack takes packets with a "
			   "wrong checksum for valid");
}
