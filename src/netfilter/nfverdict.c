/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each message of a batch is taken by the kernel for itself, and what it refuses it answers on the queue's socket, for
 * whoever reads that.
 */
#include "netfilter/nfverdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

int nfverdict_open(struct nfverdict *verdict, int descriptor, uint16_t number, uint32_t passed_mark)
{
	verdict->socket = mnl_socket_fdopen(descriptor);
	verdict->number = number;
	verdict->passed_mark = passed_mark;
	verdict->failed = 0;
	verdict->used = 0;
	return verdict->socket ? 0 : -errno;
}

void nfverdict_close(struct nfverdict *verdict)
{
	if (verdict->socket)
		mnl_socket_close(verdict->socket);
	verdict->socket = NULL;
}

static struct nlmsghdr *nfverdict_put(struct nfverdict *verdict, char *at, const struct nfverdict_decision *decision)
{
	struct nlmsghdr *message = nfq_nlmsg_put(at, NFQNL_MSG_VERDICT, verdict->number);

	nfq_nlmsg_verdict_put(message, (int)decision->id, decision->accept ? NF_ACCEPT : NF_DROP);
	/* The kernel replaces the whole mark, so what others have put there goes back with it. */
	if (verdict->passed_mark && decision->accept)
		nfq_nlmsg_verdict_put_mark(message, decision->mark | verdict->passed_mark);
	if (decision->packet.length)
		nfq_nlmsg_verdict_put_pkt(message, decision->packet.data, (uint32_t)decision->packet.length);
	return message;
}

/* Out of memory, or a packet that no message can hold: a packet without a verdict stays for ever. */
static void nfverdict_drop(struct nfverdict *verdict, uint32_t id)
{
	const struct nfverdict_decision decision = { .id = id };
	union {
		struct nlmsghdr header;
		char bytes[NFVERDICT_MESSAGE_SIZE - NFVERDICT_BATCH_SIZE];
	} one;
	const struct nlmsghdr *message = nfverdict_put(verdict, one.bytes, &decision);

	verdict->failed++;
	mnl_socket_sendto(verdict->socket, message, message->nlmsg_len);
}

static void nfverdict_send_each(struct nfverdict *verdict)
{
	const struct nlmsghdr *message = &verdict->batch.header;
	int rest = (int)verdict->used;

	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
		struct nlattr *attribute;

		if (mnl_socket_sendto(verdict->socket, message, message->nlmsg_len) >= 0)
			continue;
		mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
			const struct nfqnl_msg_verdict_hdr *header = mnl_attr_get_payload(attribute);

			if (mnl_attr_get_type(attribute) == NFQA_VERDICT_HDR)
				nfverdict_drop(verdict, ntohl(header->id));
		}
	}
}

void nfverdict_flush(struct nfverdict *verdict)
{
	if (verdict->used && mnl_socket_sendto(verdict->socket, verdict->batch.bytes, verdict->used) < 0)
		nfverdict_send_each(verdict);
	verdict->used = 0;
}

void nfverdict_add(struct nfverdict *verdict, const struct nfverdict_decision *decision)
{
	const struct nlmsghdr *message;

	if (verdict->used + decision->packet.length > NFVERDICT_BATCH_SIZE)
		nfverdict_flush(verdict);
	if (decision->packet.length > NFVERDICT_PACKET_MAX) {
		nfverdict_drop(verdict, decision->id);
		return;
	}
	message = nfverdict_put(verdict, verdict->batch.bytes + verdict->used, decision);
	verdict->used += MNL_ALIGN(message->nlmsg_len);
}
