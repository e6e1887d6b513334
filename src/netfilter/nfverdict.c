/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel takes each message of a batch separately, and answers those that it refuses on the queue's socket, to the
 * process that reads there.
 *
 * Most packets leave as they came, several in a row. NFQNL_MSG_VERDICT_BATCH is a verdict on every packet that waits and is
 * not younger than the one that it names, so a run of such packets takes one message. But it would also accept an older
 * packet that waits without a verdict, which may be one that was to be dropped or replaced. Two things prevent that:
 *
 *   - each packet is judged, in the order of the queue (nfqueue.c)
 *   - a verdict that could not be sent, nor a drop in its place, is remembered: until a batch that drops everything up to
 *     that packet has been sent, no batch accepts
 */
#include "netfilter/nfverdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

int nfverdict_open(struct nfverdict *verdict, int descriptor, uint16_t number, uint32_t passed_mark)
{
	verdict->socket = mnl_socket_fdopen(descriptor);
	verdict->number = number;
	verdict->passed_mark = passed_mark;
	verdict->failed = 0;
	verdict->lost = false;
	verdict->inherits = false;
	verdict->used = 0;
	verdict->run = NULL;
	return verdict->socket ? 0 : -errno;
}

void nfverdict_close(struct nfverdict *verdict)
{
	if (verdict->socket)
		mnl_socket_close(verdict->socket);
	verdict->socket = NULL;
}

void nfverdict_inherit(struct nfverdict *verdict)
{
	verdict->inherits = true;
}

static struct nlmsghdr *nfverdict_put(struct nfverdict *verdict, char *at, uint8_t type,
				      const struct nfverdict_decision *decision)
{
	struct nlmsghdr *message = nfq_nlmsg_put(at, type, verdict->number);

	nfq_nlmsg_verdict_put(message, (int)decision->id, decision->accept ? NF_ACCEPT : NF_DROP);
	/* The kernel replaces the whole mark, so what others have put there is put back. */
	if (verdict->passed_mark && decision->accept)
		nfq_nlmsg_verdict_put_mark(message, decision->mark | verdict->passed_mark);
	if (decision->packet.length)
		nfq_nlmsg_verdict_put_pkt(message, decision->packet.data, (uint32_t)decision->packet.length);
	return message;
}

static struct nfqnl_msg_verdict_hdr *nfverdict_of(struct nlmsghdr *message)
{
	/* It is the first attribute of the messages that are made here. */
	return mnl_attr_get_payload(mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)));
}

/* Out of memory, or a packet that no message can hold: a packet without a verdict stays for ever. type is that message's. */
static void nfverdict_drop(struct nfverdict *verdict, uint8_t type, uint32_t id)
{
	const struct nfverdict_decision decision = { .id = id };
	union {
		struct nlmsghdr header;
		char bytes[NFVERDICT_MESSAGE_SIZE - NFVERDICT_BATCH_SIZE];
	} one;
	const struct nlmsghdr *message = nfverdict_put(verdict, one.bytes, type, &decision);

	verdict->failed++;
	if (mnl_socket_sendto(verdict->socket, message, message->nlmsg_len) >= 0)
		return;
	verdict->lost = true;
	verdict->lost_id = id;
}

/* Drops what may still wait without its verdict. False: the kernel can't be told yet. */
static bool nfverdict_settle(struct nfverdict *verdict)
{
	if (!verdict->lost)
		return true;
	verdict->lost = false;
	nfverdict_drop(verdict, NFQNL_MSG_VERDICT_BATCH, verdict->lost_id);
	return !verdict->lost;
}

static void nfverdict_send_each(struct nfverdict *verdict)
{
	struct nlmsghdr *message = &verdict->batch.header;
	int rest = (int)verdict->used;

	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
		const uint8_t type = NFNL_MSG_TYPE(message->nlmsg_type);
		const bool unsafe = type == NFQNL_MSG_VERDICT_BATCH && !nfverdict_settle(verdict);

		if (unsafe || mnl_socket_sendto(verdict->socket, message, message->nlmsg_len) < 0)
			nfverdict_drop(verdict, type, ntohl(nfverdict_of(message)->id));
	}
}

void nfverdict_flush(struct nfverdict *verdict)
{
	if (verdict->used &&
	    (!nfverdict_settle(verdict) || mnl_socket_sendto(verdict->socket, verdict->batch.bytes, verdict->used) < 0))
		nfverdict_send_each(verdict);
	verdict->used = 0;
	verdict->run = NULL;
}

/* The packet goes with the run before it. */
static bool nfverdict_extend_run(struct nfverdict *verdict, const struct nfverdict_decision *decision)
{
	if (!verdict->run || decision->mark != verdict->run_mark)
		return false;
	verdict->run->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH;
	nfverdict_of(verdict->run)->id = htonl(decision->id);
	return true;
}

void nfverdict_add(struct nfverdict *verdict, const struct nfverdict_decision *decision)
{
	const bool plain = decision->accept && !decision->packet.length;
	struct nlmsghdr *message;

	if (verdict->inherits) {
		verdict->inherits = false;
		verdict->lost = true;
		verdict->lost_id = decision->id - 1;
	}
	if (plain && nfverdict_extend_run(verdict, decision))
		return;
	if (verdict->used + decision->packet.length > NFVERDICT_BATCH_SIZE)
		nfverdict_flush(verdict);
	verdict->run = NULL;
	if (decision->packet.length > NFVERDICT_PACKET_MAX) {
		nfverdict_drop(verdict, NFQNL_MSG_VERDICT, decision->id);
		return;
	}
	message = nfverdict_put(verdict, verdict->batch.bytes + verdict->used, NFQNL_MSG_VERDICT, decision);
	verdict->used += MNL_ALIGN(message->nlmsg_len);
	if (!plain)
		return;
	verdict->run = message;
	verdict->run_mark = decision->mark;
}
