/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Binding, copy mode, queue length and flags go in one message, so that no packet is ever queued in a mode that does
 * not copy it whole. The message asks for no acknowledgement: the kernel answers in the sender's own context, so an
 * error is the first thing in the socket's buffer when sendto() returns, and what lies there otherwise is a packet that
 * must keep its place until the sandbox is closed.
 *
 * F_GSO stays off: the kernel then segments, and finishes checksums, before it queues. NETLINK_NO_ENOBUFS: when the receive
 * buffer is full, the kernel applies the queue's own fail policy; an error here would only say that it did.
 */
#include "netfilter/nfqueue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "netfilter/holder.h"

/* How much of a receive buffer one packet of a control connection takes, by the kernel's accounting. */
#define NFQUEUE_PACKET_COST 4096
/*
 * A queue that is taken is tried again for two seconds: the process that had it may be dying. When a process was killed, the
 * kernel closes its sockets in its own time, and nothing says when.
 */
#define NFQUEUE_RETRIES 100
#define NFQUEUE_PAUSE 20000000 /* nanoseconds */
#define NFQUEUE_BUFFER_MIN (1 << 20)
#define NFQUEUE_BUFFER_MAX (1 << 26)

static int nfqueue_socket(struct nfqueue *queue, uint32_t length)
{
	const int descriptor_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int buffer = NFQUEUE_BUFFER_MAX;
	int one = 1;
	int descriptor;

	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, descriptor_flags);
	if (!queue->socket || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (length < NFQUEUE_BUFFER_MAX / NFQUEUE_PACKET_COST)
		buffer = (int)length * NFQUEUE_PACKET_COST;
	if (buffer < NFQUEUE_BUFFER_MIN)
		buffer = NFQUEUE_BUFFER_MIN;
	descriptor = mnl_socket_get_fd(queue->socket);
	/* Only CAP_NET_ADMIN over the initial user namespace goes beyond net.core.rmem_max. */
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 &&
	    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0)
		return -errno;
	if (mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

/* Sends a configuration message and returns the kernel's error, if the kernel has one. */
static int nfqueue_configure(struct nfqueue *queue, struct nlmsghdr *message)
{
	const int descriptor = mnl_socket_get_fd(queue->socket);
	const struct nlmsghdr *answer = &queue->received[0].header;
	const struct nlmsgerr *error;
	ssize_t length;

	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
		return -errno;
	length = recv(descriptor, queue->received[0].bytes, sizeof(queue->received[0]), MSG_PEEK);
	if (length < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!mnl_nlmsg_ok(answer, (int)length) || answer->nlmsg_type != NLMSG_ERROR)
		return 0;
	/* The answer has been read; that to the next message has to be the first again. */
	recv(descriptor, queue->sent.bytes, sizeof(queue->sent.bytes), 0);
	error = mnl_nlmsg_get_payload(answer);
	return error->error;
}

/* An obsolete command that does nothing. It shows whether the kernel has queues at all, and whether we may use one. */
static int nfqueue_try(struct nfqueue *queue)
{
	struct nlmsghdr *message = nfq_nlmsg_put(queue->sent.bytes, NFQNL_MSG_CONFIG, queue->number);

	nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_PF_BIND);
	return nfqueue_configure(queue, message);
}

static int nfqueue_bind(struct nfqueue *queue, const struct nfqueue_settings *settings)
{
	struct nlmsghdr *message = nfq_nlmsg_put(queue->sent.bytes, NFQNL_MSG_CONFIG, settings->number);

	nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, UINT16_MAX);
	nfq_nlmsg_cfg_put_qmaxlen(message, settings->length);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(settings->full_open ? NFQA_CFG_F_FAIL_OPEN : 0));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO));
	return nfqueue_configure(queue, message);
}

static bool nfqueue_is_taken(int error)
{
	return error == -EPERM || error == -EBUSY;
}

/* Says what a failure means. bound: it came from the bind itself, so permission and kernel support are there. */
static void nfqueue_explain_holder(uint16_t number, char *text, size_t size)
{
	struct holder holder;
	char who[128] = "another process, which can't be seen from here";

	if (holder_find(&holder, number) && holder.pid)
		snprintf(who, sizeof(who), "\"%s\" (process %lu)", holder.name, holder.pid);
	snprintf(text, size, "netfilter queue %u is taken by %s; stop that, or set another queue in [gateway] and load the rules "
		 "again", number, who);
}

static void nfqueue_explain(uint16_t number, int error, bool bound, char *text, size_t size)
{
	if (bound && nfqueue_is_taken(error))
		nfqueue_explain_holder(number, text, size);
	else if (error == -EPERM)
		snprintf(text, size, "no permission to use netfilter queues; run as root or with CAP_NET_ADMIN"
			 " in this network namespace");
	else if (error == -EINVAL || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP)
		snprintf(text, size, "the kernel has no netfilter queue; load it with: modprobe nfnetlink_queue");
	else
		snprintf(text, size, "can't use netfilter queue %u: %s", number, strerror(-error));
}

static void nfqueue_prepare(struct nfqueue *queue)
{
	queue->batch = NFQUEUE_BATCH;
	memset(queue->headers, 0, sizeof(queue->headers));
	for (size_t i = 0; i < NFQUEUE_BATCH; i++) {
		queue->contents[i].iov_base = queue->received[i].bytes;
		queue->contents[i].iov_len = sizeof(queue->received[i]);
		queue->headers[i].msg_hdr.msg_iov = &queue->contents[i];
		queue->headers[i].msg_hdr.msg_iovlen = 1;
	}
}

int nfqueue_open(struct nfqueue *queue, const struct nfqueue_settings *settings, char *error, size_t size)
{
	const struct timespec pause = { .tv_nsec = NFQUEUE_PAUSE };
	bool bound = false;
	int result;

	memset(&queue->counters, 0, sizeof(queue->counters));
	nfqueue_prepare(queue);
	queue->number = settings->number;
	result = nfqueue_socket(queue, settings->length);
	if (!result)
		result = nfqueue_try(queue);
	if (!result) {
		bound = true;
		result = nfqueue_bind(queue, settings);
	}
	for (int i = 0; i < NFQUEUE_RETRIES && bound && nfqueue_is_taken(result); i++) {
		nanosleep(&pause, NULL);
		result = nfqueue_bind(queue, settings);
	}
	if (result) {
		nfqueue_explain(settings->number, result, bound, error, size);
		nfqueue_close(queue);
	}
	return result;
}

void nfqueue_close(struct nfqueue *queue)
{
	if (queue->socket)
		mnl_socket_close(queue->socket);
	queue->socket = NULL;
}

int nfqueue_bind_only(const struct nfqueue_settings *settings, char *error, size_t size)
{
	struct nfqueue *queue = calloc(1, sizeof(*queue));
	int descriptor = -1;

	if (!queue) {
		snprintf(error, size, "no memory");
		return -1;
	}
	if (nfqueue_open(queue, settings, error, size) == 0) {
		descriptor = fcntl(nfqueue_descriptor(queue), F_DUPFD_CLOEXEC, 0);
		if (descriptor < 0)
			snprintf(error, size, "can't use netfilter queue %u: %s", settings->number, strerror(errno));
		nfqueue_close(queue);
	}
	free(queue);
	return descriptor;
}

int nfqueue_attach(struct nfqueue *queue, int descriptor, uint16_t number)
{
	memset(&queue->counters, 0, sizeof(queue->counters));
	nfqueue_prepare(queue);
	queue->number = number;
	queue->socket = mnl_socket_fdopen(descriptor);
	if (queue->socket)
		return 0;
	close(descriptor);
	return -ENOMEM;
}

void nfqueue_set_outlet(struct nfqueue *queue, const struct nfqueue_outlet *outlet)
{
	queue->outlet = *outlet;
}

static int nfqueue_decide(void *context, const struct nfverdict_decision *decision)
{
	nfverdict_add(context, decision);
	return 0;
}

static int nfqueue_flush(void *context)
{
	nfverdict_flush(context);
	return 0;
}

int nfqueue_open_verdict(struct nfqueue *queue, struct nfverdict *verdict)
{
	const int descriptor = fcntl(nfqueue_descriptor(queue), F_DUPFD_CLOEXEC, 0);

	queue->outlet = (struct nfqueue_outlet){ .context = verdict, .decide = nfqueue_decide, .flush = nfqueue_flush };
	return descriptor < 0 ? -errno : nfverdict_open(verdict, descriptor, queue->number, 0);
}

int nfqueue_descriptor(const struct nfqueue *queue)
{
	return mnl_socket_get_fd(queue->socket);
}

static int nfqueue_send_answer(struct nfqueue *queue, struct nfverdict_decision *waiting, struct nfqueue_answer answer)
{
	waiting->accept = answer.verdict != NFQUEUE_DROP;
	if (answer.verdict == NFQUEUE_REPLACE)
		waiting->packet = answer.packet;
	if (waiting->packet.length > NFVERDICT_PACKET_MAX) {
		/* No message can hold it, and a packet without a verdict stays for ever. */
		queue->counters.failed++;
		waiting->accept = false;
		waiting->packet.length = 0;
	}
	return queue->outlet.decide(queue->outlet.context, waiting);
}

/* The packet in a message, empty where it did not arrive whole. */
static struct bytes nfqueue_payload(struct nlattr *const *parts)
{
	struct bytes packet = { .length = 0 };

	/* NFQA_CAP_LEN is there only where the kernel cut the packet. */
	if (parts[NFQA_PAYLOAD] && !parts[NFQA_CAP_LEN]) {
		packet.data = mnl_attr_get_payload(parts[NFQA_PAYLOAD]);
		packet.length = mnl_attr_get_payload_len(parts[NFQA_PAYLOAD]);
	}
	return packet;
}

static uint32_t nfqueue_device(const struct nlattr *part)
{
	return part ? ntohl(mnl_attr_get_u32(part)) : 0;
}

static void nfqueue_take_error(struct nfqueue *queue, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (error->error == -ENOENT)
		queue->counters.gone++;
	else if (error->error)
		queue->counters.failed++;
}

/* Notes the packet of a message. Returns 0 or -errno. */
static int nfqueue_take_message(struct nfqueue *queue, const struct nlmsghdr *message)
{
	struct nlattr *parts[NFQA_MAX + 1] = { NULL };
	const struct nfqnl_msg_packet_hdr *header;
	struct nfqueue_waiting *waiting;

	if (message->nlmsg_type == NLMSG_ERROR)
		nfqueue_take_error(queue, message);
	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return 0;
	/* A packet that can't be noted gets no verdict of its own, and a later one's could accept it. */
	if (nfq_nlmsg_parse(message, parts) < 0 || !parts[NFQA_PACKET_HDR] || queue->count == NFQUEUE_BATCH)
		return -EPROTO;
	header = mnl_attr_get_payload(parts[NFQA_PACKET_HDR]);
	waiting = &queue->waiting[queue->count++];
	/* A mark of 0 is not sent. */
	waiting->decision = (struct nfverdict_decision){
		.id = ntohl(header->packet_id),
		.mark = parts[NFQA_MARK] ? ntohl(mnl_attr_get_u32(parts[NFQA_MARK])) : 0,
	};
	waiting->packet = nfqueue_payload(parts);
	waiting->way.in = nfqueue_device(parts[NFQA_IFINDEX_INDEV]);
	waiting->way.out = nfqueue_device(parts[NFQA_IFINDEX_OUTDEV]);
	return 0;
}

/* Takes what one datagram of the kernel holds: a packet, as kernels are. Returns 0 or -errno. */
static int nfqueue_take_datagram(struct nfqueue *queue, const struct nlmsghdr *message, int rest)
{
	int result = 0;

	for (; result == 0 && mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
		result = nfqueue_take_message(queue, message);
	return result;
}

static int nfqueue_judge_packet(struct nfqueue *queue, struct nfqueue_waiting *waiting, const struct nfqueue_judge *judge)
{
	struct nfqueue_answer answer = { .verdict = NFQUEUE_DROP };

	queue->mark = waiting->decision.mark;
	queue->way = waiting->way;
	queue->counters.packets++;
	if (waiting->packet.length)
		answer = judge->judge(judge->context, waiting->packet);
	else
		queue->counters.truncated++;
	return nfqueue_send_answer(queue, &waiting->decision, answer);
}

/* Reads what waits. Returns how many datagrams, or -errno. */
static int nfqueue_read(struct nfqueue *queue)
{
	int count;

	do
		count = recvmmsg(nfqueue_descriptor(queue), queue->headers, queue->batch, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	return count;
}

int nfqueue_receive(struct nfqueue *queue, const struct nfqueue_judge *judge)
{
	const int count = nfqueue_read(queue);
	int result = count < 0 ? count : 0;

	queue->count = 0;
	for (int i = 0; i < count && result == 0; i++) {
		const struct mmsghdr *header = &queue->headers[i];

		result = (header->msg_hdr.msg_flags & MSG_TRUNC)
			? -ENOSPC
			: nfqueue_take_datagram(queue, &queue->received[i].header, (int)header->msg_len);
	}
	for (size_t i = 0; i < queue->count && judge->foresee; i++)
		judge->foresee(judge->context, queue->waiting[i].packet);
	for (size_t i = 0; i < queue->count && result == 0; i++)
		result = nfqueue_judge_packet(queue, &queue->waiting[i], judge);
	/* Decisions that were made are valid, whatever became of the socket. */
	if (queue->outlet.flush(queue->outlet.context) < 0 && result == 0)
		result = -EPIPE;
	return result < 0 ? result : (int)queue->count;
}
