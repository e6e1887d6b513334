/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that a program can do with a netfilter queue: it accepts every packet unread. What a gateway is measured by.
 *
 *   accept QUEUE            one packet, one verdict: as the examples of libnetfilter_queue do it
 *   accept QUEUE batched    all packets that wait, with one verdict for all of them: the best that can be done
 *
 * Both copy packets whole, as a gateway has to. Neither has more than one thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define MESSAGE_SIZE (65536 + 4096)
#define RECEIVE_BUFFER (4 << 20)
#define QUEUE_LENGTH 4096

union message {
	struct nlmsghdr header;
	char bytes[MESSAGE_SIZE];
};

static struct {
	struct mnl_socket *socket;
	uint16_t number;
	union message received[BATCH];
	union message sent;
} queue;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "accept: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_message(const struct nlmsghdr *message)
{
	if (mnl_socket_sendto(queue.socket, message, message->nlmsg_len) < 0)
		die("sendto");
}

static void open_queue(void)
{
	struct nlmsghdr *message;
	int buffer = RECEIVE_BUFFER;
	int one = 1;

	queue.socket = mnl_socket_open(NETLINK_NETFILTER);
	if (!queue.socket || mnl_socket_bind(queue.socket, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	setsockopt(mnl_socket_get_fd(queue.socket), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	mnl_socket_setsockopt(queue.socket, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	message = nfq_nlmsg_put(queue.sent.bytes, NFQNL_MSG_CONFIG, queue.number);
	nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, 0xffff);
	nfq_nlmsg_cfg_put_qmaxlen(message, QUEUE_LENGTH);
	send_message(message);
}

/* The number of the packet in a message of the kernel; false where it holds none. */
static bool take_number(const struct nlmsghdr *message, ssize_t length, uint32_t *number)
{
	struct nlattr *parts[NFQA_MAX + 1] = { NULL };
	const struct nfqnl_msg_packet_hdr *header;

	if (!mnl_nlmsg_ok(message, (int)length) || message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
	    nfq_nlmsg_parse(message, parts) < 0 || !parts[NFQA_PACKET_HDR])
		return false;
	header = mnl_attr_get_payload(parts[NFQA_PACKET_HDR]);
	*number = ntohl(header->packet_id);
	return true;
}

/* type: NFQNL_MSG_VERDICT of this packet, NFQNL_MSG_VERDICT_BATCH of this one and all before it. */
static void accept_packet(uint8_t type, uint32_t number)
{
	struct nlmsghdr *message = nfq_nlmsg_put(queue.sent.bytes, type, queue.number);

	nfq_nlmsg_verdict_put(message, (int)number, NF_ACCEPT);
	send_message(message);
}

static _Noreturn void run_plain(void)
{
	for (;;) {
		const ssize_t length = recv(mnl_socket_get_fd(queue.socket), queue.received[0].bytes, MESSAGE_SIZE, 0);
		uint32_t number;

		if (length < 0 && errno != EINTR)
			die("recv");
		if (take_number(&queue.received[0].header, length, &number))
			accept_packet(NFQNL_MSG_VERDICT, number);
	}
}

static _Noreturn void run_batched(void)
{
	struct mmsghdr headers[BATCH] = { { .msg_len = 0 } };
	struct iovec contents[BATCH];

	for (size_t i = 0; i < BATCH; i++) {
		contents[i] = (struct iovec){ queue.received[i].bytes, MESSAGE_SIZE };
		headers[i].msg_hdr.msg_iov = &contents[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		const int count = recvmmsg(mnl_socket_get_fd(queue.socket), headers, BATCH, MSG_WAITFORONE, NULL);
		uint32_t number;
		bool any = false;

		if (count < 0 && errno != EINTR)
			die("recvmmsg");
		for (int i = 0; i < count; i++)
			any |= take_number(&queue.received[i].header, headers[i].msg_len, &number);
		if (any)
			accept_packet(NFQNL_MSG_VERDICT_BATCH, number);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "batched") != 0)) {
		fprintf(stderr, "usage: accept QUEUE [batched]\n");
		return 2;
	}
	queue.number = (uint16_t)strtoul(argv[1], NULL, 10);
	open_queue();
	puts("accept: ready");
	fflush(stdout);
	if (argc == 3)
		run_batched();
	run_plain();
}
