/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel and the host must have: privileges, netlink subsystems, modules, settings. */
#include <cap-ng.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"
#include "check/system.h"
#include "rules/rules.h"

#define CARRIER_MODULE "nf_conntrack_" RULES_CARRIER

static void check_user(struct check *check)
{
	const char *user = check->config->user;
	struct passwd entry, *found = NULL;
	char strings[4096];

	if (*user == '\0')
		check_note(check, "user: none is configured, so the worker stays who started it; "
			   "better give it one of its own");
	else if (getpwnam_r(user, &entry, strings, sizeof(strings), &found) != 0 || !found)
		check_missing(check, "user: there is no \"%s\": useradd --system --no-create-home %s, or set user in "
			      "[gateway]", user, user);
	else
		check_ok(check, "user: %s", user);
}

static void check_events(struct check *check)
{
	const char *events = check->config->events;
	const char *slash = strrchr(events, '/');
	char directory[PATH_MAX];

	if (!slash)
		return;
	snprintf(directory, sizeof(directory), "%.*s", slash == events ? 1 : (int)(slash - events), events);
	if (access(events, W_OK) == 0 || (errno == ENOENT && access(directory, W_OK) == 0))
		check_ok(check, "events: %s", events);
	else
		check_missing(check, "events: %s can't be written: %s; make its directory, or set events in [gateway]",
			      events, strerror(errno));
}

void check_privileges(struct check *check)
{
	bool admin, raw;

	capng_get_caps_process();
	admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
	raw = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW);
	if (admin && raw)
		check_ok(check, "privileges: CAP_NET_ADMIN and CAP_NET_RAW");
	else
		check_missing(check, "privileges: no %s%s%s; run this, and the gateway, as root or with them",
			      admin ? "" : "CAP_NET_ADMIN", admin || raw ? "" : " and ", raw ? "" : "CAP_NET_RAW");
	check_user(check);
	check_events(check);
}

/* Sends one request and waits for its acknowledgement. 0 or a negative errno. */
static int netlink_transact(struct nlmsghdr *request, uint32_t sequence)
{
	char answer[8192]; /* MNL_SOCKET_BUFFER_SIZE is no constant */
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int result = -1;

	if (!socket)
		return -errno;
	request->nlmsg_seq = sequence;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) {
		result = -errno;
	} else {
		/* Answers may come in front of the acknowledgement; mnl_cb_run says 0 at that and 1 at those. */
		do {
			ssize_t length = mnl_socket_recvfrom(socket, answer, sizeof(answer));

			result = length < 0 ? -1 : mnl_cb_run(answer, (size_t)length, sequence,
							      mnl_socket_get_portid(socket), NULL, NULL);
		} while (result > 0);
		if (result < 0)
			result = -errno;
	}
	mnl_socket_close(socket);
	return result;
}

static struct nlmsghdr *netlink_request(char *buffer, uint16_t type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->version = NFNETLINK_V0;
	return request;
}

/* Binding a protocol family has meant nothing since Linux 3.8 and still gets an answer: a question without effect. */
static int netlink_try_queue(void)
{
	char buffer[256];
	struct nlmsghdr *request = netlink_request(buffer, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG);
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_PF_BIND };

	mnl_attr_put(request, NFQA_CFG_CMD, sizeof(command), &command);
	return netlink_transact(request, (uint32_t)time(NULL));
}

static int netlink_try_conntrack(void)
{
	char buffer[256];
	struct nlmsghdr *request = netlink_request(buffer, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS);

	return netlink_transact(request, (uint32_t)time(NULL));
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
	check_netlink(check, "nfnetlink_queue", netlink_try_queue());
	check_netlink(check, "nf_conntrack_netlink", netlink_try_conntrack());
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
