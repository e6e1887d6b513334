/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ctnetlink answers in the sender's own context: when sendto() returns, the answer already waits in the socket's
 * buffer. Waiting for it therefore costs nothing, and it is what makes "the kernel has the pinhole before the line
 * leaves" true. The receive timeout is for the case that this stops being so; an answer that comes after it is
 * recognised by its sequence number and skipped.
 */
#include "netfilter/netlink.h"

#include <errno.h>
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
 * What answers take, and until when. single: the first answer that is no error ends the request. Errors of the request
 * before it, which is silent where it succeeds, come first: with a sequence of 0 there is none.
 */
struct netlink_wait {
	uint32_t before;
	uint32_t sequence;
	bool single;
	void (*take)(const struct nlmsghdr *answer, void *context);
	void *context;
	int error; /* of the one before */
};

/* Looks at what was received in one datagram. Returns true when it ends the request, with its result. */
static bool netlink_take_datagram(struct netlink *netlink, int length, struct netlink_wait *wait, int *result)
{
	const struct nlmsghdr *message = &netlink->answer.header;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (wait->before && message->nlmsg_seq == wait->before)
			netlink_take_message(message, NULL, NULL, &wait->error);
		if (message->nlmsg_seq != wait->sequence)
			continue;
		*result = 0;
		if (netlink_take_message(message, wait->take, wait->context, result) || wait->single)
			return true;
	}
	return false;
}

/* Sends length bytes of requests and takes answers until one ends them. */
static int netlink_exchange(struct netlink *netlink, const void *requests, size_t length, struct netlink_wait *wait)
{
	int result = 0;

	if (mnl_socket_sendto(netlink->socket, requests, length) < 0)
		return -errno;
	for (;;) {
		const ssize_t received = mnl_socket_recvfrom(netlink->socket, netlink->answer.bytes, NETLINK_ANSWER_SIZE);

		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (netlink_take_datagram(netlink, (int)received, wait, &result))
			return wait->error ? wait->error : result;
	}
}

int netlink_call(struct netlink *netlink, struct nlmsghdr *request,
		 void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	/* NLM_F_DUMP is two bits, and one of them means NLM_F_EXCL in another request. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	request->nlmsg_seq = ++netlink->sequence;
	return netlink_exchange(netlink, request, request->nlmsg_len, &(struct netlink_wait){
		.sequence = request->nlmsg_seq, .take = take, .context = context,
	});
}

int netlink_get(struct netlink *netlink, struct nlmsghdr *request,
		void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	request->nlmsg_seq = ++netlink->sequence;
	return netlink_exchange(netlink, request, request->nlmsg_len, &(struct netlink_wait){
		.sequence = request->nlmsg_seq, .single = true, .take = take, .context = context,
	});
}

int netlink_change_and_get(struct netlink *netlink, struct nlmsghdr *change, struct nlmsghdr *look,
			   void (*take)(const struct nlmsghdr *answer, void *context), void *context)
{
	union netlink_request both[2];
	const size_t first = MNL_ALIGN(change->nlmsg_len);

	change->nlmsg_seq = ++netlink->sequence;
	look->nlmsg_seq = ++netlink->sequence;
	memcpy(both[0].bytes, change, first);
	memcpy(both[0].bytes + first, look, look->nlmsg_len);
	return netlink_exchange(netlink, both, first + look->nlmsg_len, &(struct netlink_wait){
		.before = change->nlmsg_seq, .sequence = look->nlmsg_seq, .single = true, .take = take, .context = context,
	});
}

struct netlink_index_target {
	const struct nlattr **table;
	uint16_t max;
};

static int netlink_index_attribute(const struct nlattr *attribute, void *data)
{
	const struct netlink_index_target *target = data;

	/* A newer kernel's attributes are no error. */
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
