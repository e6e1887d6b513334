/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker that has been taken over, for tests/lab/test_captive.py: everything is opened as the worker does, the sandbox is
 * closed, and then one thing is tried that a worker has no business with.
 *
 *   captive CONFIG TRY [ARGUMENT...]
 *
 * What the kernel or the broker answered is printed. What the filter of system calls does not allow ends the process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/link.h"
#include "ftpalg/address.h"
#include "netfilter/netlink.h"
#include "netfilter/nfqueue.h"
#include "process/sandbox.h"

static struct broker_link broker;
static struct nfqueue queue;
static struct config config;
static pid_t broker_process;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "captive: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *what, int error)
{
	printf("%s=%s\n", what, error ? strerror(error) : "done");
	fflush(stdout);
}

/* The worker's way in. */
static void enter(const char *path)
{
	const struct nfqueue_settings settings = { .length = 1024 };
	struct broker_page *policies = mmap(NULL, sizeof(*policies), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
					    0);
	struct heartbeat *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct nfqueue_settings mine = settings;
	const pid_t self = getpid();
	char error[256] = "";
	int ends[2];

	if (policies == MAP_FAILED || page == MAP_FAILED || config_load(&config, path, stderr) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("can't begin");
	policies->policy[0] = config.policy;
	broker_process = fork();
	if (broker_process == 0) {
		close(ends[0]);
		_exit(broker_run(&config, config.queue, ends[1], policies, page, self) == 0 ? 0 : 1);
	}
	close(ends[1]);
	mine.number = config.queue;
	if (nfqueue_open(&queue, &mine, error, sizeof(error)) < 0 ||
	    broker_link_open(&broker, ends[0], nfqueue_descriptor(&queue)) < 0 ||
	    sandbox_enter(config.user, SANDBOX_WORKER, 0, error, sizeof(error)) < 0) {
		fprintf(stderr, "captive: %s\n", error);
		exit(1);
	}
}

/*
 * Sends messages on the queue's socket, and prints what the kernel answers to the first that it has an answer to. Packets
 * of the session may wait in the queue before that.
 */
static void send_netlink(const void *messages, size_t length)
{
	union {
		struct nlmsghdr header; /* for its alignment */
		char bytes[4096];
	} answer;
	const int descriptor = nfqueue_descriptor(&queue);
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(&answer.header);

	if (sendto(descriptor, messages, length, 0, NULL, 0) < 0) {
		say("sent", errno);
		return;
	}
	do
		if (mnl_socket_recvfrom(queue.socket, answer.bytes, sizeof(answer)) < 0 && errno != ENOSPC) {
			say("silence", errno);
			return;
		}
	while (answer.header.nlmsg_type != NLMSG_ERROR);
	say("answer", -error->error);
}

static struct nlmsghdr *begin_message(union netlink_request *request, uint8_t subsystem, uint8_t message, uint16_t resource)
{
	struct nlmsghdr *header = netlink_begin(request, subsystem, message, NLM_F_ACK, AF_UNSPEC);
	struct nfgenmsg *netfilter = mnl_nlmsg_get_payload(header);

	netfilter->res_id = htons(resource);
	return header;
}

static void try_delete(uint8_t subsystem, uint8_t message)
{
	union netlink_request request;
	const struct nlmsghdr *header = begin_message(&request, subsystem, message, 0);

	send_netlink(header, header->nlmsg_len);
}

static void try_rules(char **arguments)
{
	union netlink_request part[3];
	char batch[sizeof(part)];
	size_t used = 0;
	const struct nlmsghdr *const headers[] = {
		begin_message(&part[0], NFNL_SUBSYS_NONE, NFNL_MSG_BATCH_BEGIN, NFNL_SUBSYS_NFTABLES),
		begin_message(&part[1], NFNL_SUBSYS_NFTABLES, NFT_MSG_DELTABLE, 0),
		begin_message(&part[2], NFNL_SUBSYS_NONE, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES),
	};

	(void)arguments;
	for (size_t i = 0; i < 3; i++) {
		memcpy(batch + used, headers[i], headers[i]->nlmsg_len);
		used += headers[i]->nlmsg_len;
	}
	send_netlink(batch, used);
}

static void try_connections(char **arguments)
{
	(void)arguments;
	try_delete(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE);
}

static void try_expectations(char **arguments)
{
	(void)arguments;
	try_delete(NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_DELETE);
}

static void try_verdict(char **arguments)
{
	const struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT), .id = htonl(1) };
	union netlink_request request;
	struct nlmsghdr *header = begin_message(&request, NFNL_SUBSYS_QUEUE, NFQNL_MSG_VERDICT, config.queue);

	(void)arguments;
	mnl_attr_put(header, NFQA_VERDICT_HDR, sizeof(verdict), &verdict);
	send_netlink(header, header->nlmsg_len);
}

static void try_open(char **arguments)
{
	char path[64];

	if (strcmp(arguments[0], "broker") == 0)
		snprintf(path, sizeof(path), "/proc/%d/mem", (int)broker_process);
	else
		snprintf(path, sizeof(path), "%s", arguments[0]);
	say("open", open(path, arguments[1][0] == 'w' ? O_WRONLY | O_CREAT : O_RDONLY, 0600) < 0 ? errno : 0);
}

static void try_socket(char **arguments)
{
	say("socket", socket((int)strtol(arguments[0], NULL, 10), (int)strtol(arguments[1], NULL, 10), 0) < 0 ? errno : 0);
}

/* One system call by its name. */
static void try_call(char **arguments)
{
	static const struct {
		const char *name;
		long number;
	} calls[] = {
		{ "execve", SYS_execve }, { "ptrace", SYS_ptrace }, { "kill", SYS_kill }, { "tgkill", SYS_tgkill },
		{ "clone", SYS_clone }, { "sendmsg", SYS_sendmsg }, { "setsockopt", SYS_setsockopt }, { "bpf", SYS_bpf },
		{ "unshare", SYS_unshare }, { "setns", SYS_setns }, { "mount", SYS_mount }, { "mprotect", SYS_mprotect },
		{ "process_vm_writev", SYS_process_vm_writev }, { "pidfd_open", SYS_pidfd_open },
		{ "io_uring_setup", SYS_io_uring_setup }, { "unlink", SYS_unlink }, { "connect", SYS_connect },
		{ "capset", SYS_capset }, { "keyctl", SYS_keyctl }, { "init_module", SYS_init_module },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, arguments[0]) == 0)
			say("call", syscall(calls[i].number, (long)broker_process, 0L, 0L, 0L, 0L, 0L) < 0 ? errno : 0);
}

static struct endpoint read_endpoint(char **arguments)
{
	struct endpoint endpoint = { .port = (uint16_t)strtol(arguments[1], NULL, 10) };

	if (!address_parse((struct bytes){ (const uint8_t *)arguments[0], strlen(arguments[0]) }, &endpoint.address))
		die(arguments[0]);
	return endpoint;
}

static struct nat_view read_view(char **arguments)
{
	return (struct nat_view){ read_endpoint(arguments), read_endpoint(arguments + 2), read_endpoint(arguments + 4),
				  read_endpoint(arguments + 6) };
}

/* KIND CLIENT SERVER_SEEN SERVER CLIENT_SEEN SOURCE DESTINATION TRANSLATED DIRECTION TIMEOUT: endpoints are two words. */
static void try_ask(char **arguments)
{
	const struct nat_view view = read_view(arguments + 1);
	struct expectation expectation = {
		.source = read_endpoint(arguments + 9).address,
		.destination = read_endpoint(arguments + 11),
		.translated = arguments[13][0] == '1',
		.nat_direction = arguments[14][0] == '1' ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.timeout = (uint32_t)strtol(arguments[15], NULL, 10),
	};
	const struct seqadj seqadj = { .position = 1, .before = 0, .after = 5 };
	struct correction correction = { .direction = DIRECTION_ORIGINAL, .seqadj = seqadj };
	struct tuple seen = { view.client, view.server };
	struct connection connection;
	enum reason reason;

	expectation.saved_port = expectation.destination.port;
	if (strcmp(arguments[0], "expect") == 0)
		reason = broker_link_expect(&broker, &view, &expectation);
	else if (strcmp(arguments[0], "unexpect") == 0)
		reason = broker_link_unexpect(&broker, &view, &expectation);
	else if (strcmp(arguments[0], "adjust") == 0)
		reason = broker_link_adjust(&broker, &view, DIRECTION_ORIGINAL, &seqadj);
	else if (strcmp(arguments[0], "both") == 0)
		reason = broker_link_expect_and_adjust(&broker, &view, &expectation, &correction);
	else if (strcmp(arguments[0], "recall") == 0)
		reason = broker_link_recall(&broker, &view, &connection);
	else
		reason = broker_link_lookup(&broker, &seen, &connection);
	printf("reason=%s", reason_name(reason));
	if (strcmp(arguments[0], "both") == 0 && broker_link_recall(&broker, &view, &connection) == REASON_NONE)
		printf(" after=%d", (int)connection.seqadj[DIRECTION_ORIGINAL].after);
	printf("\n");
}

/* FROM TO FLAGS: a packet of these, and then a question, so that it has been seen to when this ends. */
static void try_inject(char **arguments)
{
	const struct packet_plain plain = {
		.tuple = { read_endpoint(arguments), read_endpoint(arguments + 2) },
		.seq = 1, .ack = 1,
		.flags = (uint8_t)strtol(arguments[4], NULL, 0),
	};
	uint8_t packet[PACKET_PLAIN_MAX];
	struct connection connection;

	broker_link_inject(&broker, (struct bytes){ packet, packet_build(&plain, packet) });
	broker_link_lookup(&broker, &plain.tuple, &connection);
	printf("injected=%s\n", broker.broken ? "no" : "done");
}

/* Any bytes to the broker, and then a question, whose answer is the last that comes. */
static void try_bytes(char **arguments)
{
	const struct broker_request question = {
		.header = { .kind = BROKER_LOOKUP },
		.tuple = { { .family = FAMILY_IPV4, .port = 1, .octets = { 192, 0, 2, 1 } },
			   { .family = FAMILY_IPV4, .port = 2, .octets = { 192, 0, 2, 2 } } },
	};
	struct broker_answer answer = { .reason = REASON_COUNT };

	sendto(broker.descriptor, arguments[0], strlen(arguments[0]), MSG_NOSIGNAL, NULL, 0);
	sendto(broker.descriptor, &question, sizeof(question), MSG_NOSIGNAL, NULL, 0);
	while (answer.reason != REASON_NO_CONNECTION &&
	       recv(broker.descriptor, &answer, sizeof(answer), 0) == (ssize_t)sizeof(answer))
		;
	printf("reason=%s\n", reason_name((enum reason)answer.reason));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
		void (*run)(char **arguments);
	} tries[] = {
		{ "rules", 0, try_rules }, { "connections", 0, try_connections }, { "expectations", 0, try_expectations },
		{ "verdict", 0, try_verdict }, { "open", 2, try_open }, { "socket", 2, try_socket }, { "call", 1, try_call },
		{ "ask", 16, try_ask }, { "inject", 5, try_inject }, { "bytes", 1, try_bytes },
	};

	for (size_t i = 0; argc > 2 && i < sizeof(tries) / sizeof(tries[0]); i++)
		if (strcmp(tries[i].name, argv[2]) == 0 && argc == 3 + tries[i].arguments) {
			enter(argv[1]);
			tries[i].run(argv + 3);
			fflush(stdout);
			_exit(0);
		}
	fprintf(stderr, "captive: no such try\n");
	return 2;
}
