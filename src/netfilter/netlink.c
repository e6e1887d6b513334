/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ctnetlink answers in the sender's own context: when sendto() returns, the answer already waits in the socket's
 * buffer. Waiting for it therefore costs nothing, and makes "the kernel has the pinhole before the line leaves" true. The
 * receive timeout is there in case kernels change in this; an answer that comes after it is recognised by its sequence
 * number and skipped.
 */
#include "netfilter/netlink.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NETLINK_TIMEOUT_SECONDS 1

int netlink_open(struct netlink *netlink)
{
	const struct timeval timeout = { .tv_sec = NETLINK_TIMEOUT_SECONDS };
	int one = 1;

	netlink->sequence = 0;
	netlink->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		const int result = -errno;

		netlink_close(netlink);
		return result;
	}
	/* An acknowledgement without the request that it is about is shorter. An old kernel's refusal does no harm. */
	mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *netlink_begin(union netlink_request *request, uint8_t subsystem, uint8_t message, uint16_t flags,
			       uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->bytes);
	struct nfgenmsg *netfilter;

	header->nlmsg_type = (uint16_t)(subsystem << 8 | message);
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	netfilter = mnl_nlmsg_put_extra_header(header, sizeof(*netfilter));
	netfilter->nfgen_family = family;
	netfilter->version = NFNETLINK_V0;
	netfilter->res_id = 0;
	return header;
}

/* Looks at one received message. Returns true when it ends the request, with its result. */
static bool netlink_take_message(const struct nlmsghdr *message, void (*take)(const struct nlmsghdr *, void *),
				 void *context, int *result)
{
	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

		*result = mnl_nlmsg_get_payload_len(message) < sizeof(error->error) ? -EPROTO : error->error;
		return true;
	}
	if (message->nlmsg_type == NLMSG_DONE) {
		/* Since 4.14 the end of a dump carries the error that ended it. */
		int error = 0;

		if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
			memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
		*result = error < 0 ? error : 0;
		return true;
	}
	if (message->nlmsg_type >= NLMSG_MIN_TYPE && take)
		take(message, context);
	return false;
}

/*
 * What takes the answers, and until when: the requests of one datagram have numbers in a row, and their answers come in
 * that order. One that is not acknowledged is silent when it succeeds. single: the first answer to the last request ends it.
 */
struct netlink_wait {
	uint32_t first;
	uint32_t last;
	bool single;
	void (*take)(const struct nlmsghdr *answer, void *context);
	uint8_t *context; /* of the first request's answers; the next one's is stride bytes after it */
	size_t stride;
	int *errors; /* of each request */
};

/* Looks at what was received in one datagram. Returns true when it ends the last request. */
static bool netlink_take_datagram(struct netlink *netlink, int length, const struct netlink_wait *wait)
{
	const struct nlmsghdr *message = &netlink->answer.header;
	const uint32_t last = wait->last - wait->first;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		const uint32_t index = message->nlmsg_seq - wait->first;
		void *context = wait->context ? wait->context + index * wait->stride : NULL;

		if (index > last)
			continue;
		if ((netlink_take_message(message, wait->take, context, &wait->errors[index]) || wait->single) &&
		    index == last)
			return true;
	}
	return false;
}

/* Sends length bytes of requests and takes answers until the last one has its own. Returns 0 or -errno. */
static int netlink_exchange(struct netlink *netlink, const void *requests, size_t length, const struct netlink_wait *wait)
{
	if (mnl_socket_sendto(netlink->socket, requests, length) < 0)
		return -errno;
	for (;;) {
		const ssize_t received = mnl_socket_recvfrom(netlink->socket, netlink->answer.bytes, NETLINK_ANSWER_SIZE);

		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (netlink_take_datagram(netlink, (int)received, wait))
			return 0;
	}
}

static int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, bool single,
		       void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	int error = 0;
	int result;

	request->nlmsg_seq = ++netlink->sequence;
	result = netlink_exchange(netlink, request, request->nlmsg_len, &(struct netlink_wait){
		.first = request->nlmsg_seq, .last = request->nlmsg_seq, .single = single, .take = take,
		.context = context, .errors = &error,
	});
	return result ? result : error;
}

int netlink_call(struct netlink *netlink, struct nlmsghdr *request,
		 void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	/* NLM_F_DUMP is two bits, and one of them means NLM_F_EXCL in another request. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	return netlink_ask(netlink, request, false, take, context);
}

int netlink_get(struct netlink *netlink, struct nlmsghdr *request,
		void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	return netlink_ask(netlink, request, true, take, context);
}

int netlink_change_and_get(struct netlink *netlink, struct nlmsghdr *change, struct nlmsghdr *look,
			   void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	union netlink_request both[2];
	const size_t first = MNL_ALIGN(change->nlmsg_len);
	int errors[2] = { 0, 0 };
	int result;

	change->nlmsg_seq = ++netlink->sequence;
	look->nlmsg_seq = ++netlink->sequence;
	memcpy(both[0].bytes, change, first);
	memcpy(both[0].bytes + first, look, look->nlmsg_len);
	/* The change has no answer, unless it fails. */
	result = netlink_exchange(netlink, both, first + look->nlmsg_len, &(struct netlink_wait){
		.first = change->nlmsg_seq, .last = look->nlmsg_seq, .single = true, .take = take, .context = context,
		.errors = errors,
	});
	if (!result)
		result = errors[0] ? errors[0] : errors[1];
	return result;
}

void netlink_batch_begin(struct netlink_batch *batch)
{
	batch->count = 0;
	batch->used = 0;
}

void netlink_batch_add(struct netlink_batch *batch, struct netlink *netlink, const struct nlmsghdr *request)
{
	batch->last = (void *)((uint8_t *)batch->requests + batch->used);
	memcpy(batch->last, request, request->nlmsg_len);
	batch->last->nlmsg_seq = ++netlink->sequence;
	batch->errors[batch->count++] = 0;
	batch->used += MNL_ALIGN(request->nlmsg_len);
}

static void netlink_batch_run(struct netlink_batch *batch, struct netlink *netlink, struct netlink_wait *wait)
{
	int result;

	if (batch->count == 0)
		return;
	wait->last = batch->last->nlmsg_seq;
	wait->first = wait->last - (uint32_t)(batch->count - 1);
	wait->errors = batch->errors;
	result = netlink_exchange(netlink, batch->requests, batch->used, wait);
	for (size_t i = 0; i < batch->count && result; i++)
		batch->errors[i] = result;
}

void netlink_batch_change(struct netlink_batch *batch, struct netlink *netlink)
{
	if (batch->count > 0)
		batch->last->nlmsg_flags |= NLM_F_ACK;
	netlink_batch_run(batch, netlink, &(struct netlink_wait){ .take = NULL });
}

void netlink_batch_get(struct netlink_batch *batch, struct netlink *netlink,
		       void (*take)(const struct nlmsghdr *answer, void *context), void *contexts, size_t stride)
{
	netlink_batch_run(batch, netlink, &(struct netlink_wait){
		.single = true, .take = take, .context = contexts, .stride = stride,
	});
}

struct netlink_index_target {
	const struct nlattr **table;
	uint16_t max;
};

static int netlink_index_attribute(const struct nlattr *attribute, void *data)
{
	const struct netlink_index_target *target = data;

	/* Attributes of a newer kernel are not an error. */
	if (mnl_attr_get_type(attribute) <= target->max)
		target->table[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

void netlink_index(const struct nlmsghdr *answer, const struct nlattr **table, uint16_t max)
{
	struct netlink_index_target target = { .table = table, .max = max };

	memset(table, 0, (max + 1U) * sizeof(*table));
	mnl_attr_parse(answer, sizeof(struct nfgenmsg), netlink_index_attribute, &target);
}

void netlink_index_nested(const struct nlattr *attribute, const struct nlattr **table, uint16_t max)
{
	struct netlink_index_target target = { .table = table, .max = max };

	memset(table, 0, (max + 1U) * sizeof(*table));
	mnl_attr_parse_nested(attribute, netlink_index_attribute, &target);
}

int netlink_enlarge(struct netlink *netlink, int bytes)
{
	const int descriptor = mnl_socket_get_fd(netlink->socket);

	/* Only CAP_NET_ADMIN over the initial user namespace goes beyond net.core.rmem_max. */
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	return 0;
}

uint64_t netlink_count_dropped(struct netlink *netlink)
{
	uint32_t facts[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(facts);
	const uint32_t before = netlink->dropped;

	if (getsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_MEMINFO, facts, &size) < 0)
		return 0;
	netlink->dropped = facts[SK_MEMINFO_DROPS];
	return netlink->dropped - before;
}

static void netlink_begin_loss(struct netlink *netlink, const struct netlink_ear *ear)
{
	const uint64_t dropped = netlink_count_dropped(netlink);
	const uint64_t count = dropped > 0 ? dropped : 1;
	const bool again = netlink->missing;

	/* When all has been read, there may be no room once more before the reader has found that nothing waits. */
	if (again)
		ear->lose(count, true, ear->context);
	netlink->missing = true;
	ear->lose(again ? 0 : count, false, ear->context);
}

static void netlink_end_loss(struct netlink *netlink, const struct netlink_ear *ear)
{
	if (!netlink->missing)
		return;
	netlink->missing = false;
	ear->lose(netlink_count_dropped(netlink), true, ear->context);
}

int netlink_hear(struct netlink *netlink, const struct netlink_ear *ear)
{
	for (unsigned int i = 0; i < NETLINK_HEAR_MAX; i++) {
		const struct nlmsghdr *message = &netlink->answer.header;
		ssize_t received = recv(mnl_socket_get_fd(netlink->socket), netlink->answer.bytes, NETLINK_ANSWER_SIZE,
					MSG_DONTWAIT);
		int length = (int)received;

		if (received < 0 && errno == EAGAIN) {
			netlink_end_loss(netlink, ear);
			return 0;
		}
		if (received < 0 && errno == ENOBUFS)
			netlink_begin_loss(netlink, ear);
		else if (received < 0 && errno != EINTR)
			return -errno;
		for (; received > 0 && mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
			ear->take(message, ear->context);
	}
	return 1;
}
