/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests to netfilter's netlink subsystems, each acknowledged before the function returns.
 *
 * One struct netlink is one socket, for one thread. It belongs to the code that opened it; conntrack.c and expect.c borrow
 * it.
 */
#ifndef NETFILTER_NETLINK_H
#define NETFILTER_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>

/* Large enough for every request that is made here: four IPv6 tuples and change. */
#define NETLINK_REQUEST_SIZE 1024
/* The kernel fills a dump's messages up to the size of the buffer that it sees. */
#define NETLINK_ANSWER_SIZE 16384

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	bool missing;      /* the kernel drops what it would say, until all has been read that waits */
	uint32_t dropped;  /* messages, as it counted them when it was last asked */
	union {
		struct nlmsghdr header; /* for its alignment */
		uint8_t bytes[NETLINK_ANSWER_SIZE];
	} answer;
};

union netlink_request {
	struct nlmsghdr header;
	uint8_t bytes[NETLINK_REQUEST_SIZE];
};

/* As many requests as go in one datagram: their answers find room in any receive buffer. */
#define NETLINK_BATCH_MAX 16

/* Requests of one kind that are sent together, and what has become of each. */
struct netlink_batch {
	size_t count;
	size_t used; /* bytes */
	struct nlmsghdr *last;
	union netlink_request requests[NETLINK_BATCH_MAX];
	int errors[NETLINK_BATCH_MAX]; /* 0 or -errno, once the batch was sent */
};

/* Opens the socket. Returns 0 or -errno; then nothing needs closing. */
int netlink_open(struct netlink *netlink);
void netlink_close(struct netlink *netlink);

/*
 * Begins a request: message of subsystem (NFNL_SUBSYS_...), family AF_..., flags besides NLM_F_REQUEST. Attributes are
 * then put into the header that it returns, which is request's.
 */
struct nlmsghdr *netlink_begin(union netlink_request *request, uint8_t subsystem, uint8_t message, uint16_t flags,
			       uint8_t family);

/*
 * Sends the request, hands each answer to take (which may be NULL; the answer is valid during that call only), and
 * returns once the kernel has acknowledged the request or come to the end of its dump: 0, the kernel's error as -errno,
 * or -ETIMEDOUT.
 */
int netlink_call(struct netlink *netlink, struct nlmsghdr *request,
		 void (*take)(const struct nlmsghdr *answer, void *context), void *context);

/*
 * The same for a request that ends with one answer, or an error: the kernel is not asked for an acknowledgement too, which
 * would be one more message to wait for.
 */
int netlink_get(struct netlink *netlink, struct nlmsghdr *request,
		void (*take)(const struct nlmsghdr *answer, void *context), void *context);

/*
 * Sends a change, and a look at what it has changed, in one datagram; the kernel takes them in this order. It says nothing
 * about a change that it made. take is handed the answer to the look. Returns 0, or the error of the first that failed.
 * Only for a look that shows whether the change was made: the look is carried out in any case.
 */
int netlink_change_and_get(struct netlink *netlink, struct nlmsghdr *change, struct nlmsghdr *look,
			   void (*take)(const struct nlmsghdr *answer, void *context), void *context);

/*
 * Several requests in one datagram, NETLINK_BATCH_MAX at most: begun, added one by one, and sent as changes, of which only
 * the last is acknowledged, or as looks, each of which has one answer, whose context is stride bytes after that of the one
 * before it.
 */
void netlink_batch_begin(struct netlink_batch *batch);
void netlink_batch_add(struct netlink_batch *batch, struct netlink *netlink, const struct nlmsghdr *request);
void netlink_batch_change(struct netlink_batch *batch, struct netlink *netlink);
void netlink_batch_get(struct netlink_batch *batch, struct netlink *netlink,
		       void (*take)(const struct nlmsghdr *answer, void *context), void *contexts, size_t stride);

/* Gives the socket room for bytes that are not read yet, or as much as its rights allow. Returns 0 or -errno. */
int netlink_enlarge(struct netlink *netlink, int bytes);

/* How many datagrams are read at a time of what the kernel says unasked. */
#define NETLINK_HEAR_MAX 64

/*
 * What is heard: messages, and that the kernel had more to say than there was room for. It says so once, and then drops
 * everything, whether there is room or not, until nothing waits any more: over says that this is so, and count how many
 * messages were dropped, as far as it is known. Messages between the two are from before.
 */
struct netlink_ear {
	void (*take)(const struct nlmsghdr *message, void *context);
	void (*lose)(uint64_t count, bool over, void *context);
	void *context;
};

/* How many messages were dropped since this was asked last. 0 where the kernel does not say. */
uint64_t netlink_count_dropped(struct netlink *netlink);

/*
 * Hands what waits to ear, without waiting, NETLINK_HEAR_MAX datagrams at most: peers cause them, and the reader has others
 * to serve. Returns 0: nothing waits any more; 1: something may; -errno.
 */
int netlink_hear(struct netlink *netlink, const struct netlink_ear *ear);

/* Fills table[0..max] with the attributes of an answer, or of one attribute; NULL for those that it does not have. */
void netlink_index(const struct nlmsghdr *answer, const struct nlattr **table, uint16_t max);
void netlink_index_nested(const struct nlattr *attribute, const struct nlattr **table, uint16_t max);

#endif
