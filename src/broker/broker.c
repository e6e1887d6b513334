/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The kernel requires CAP_NET_ADMIN, of the process that sends and of the one that opened the socket, for any message to
 * any netfilter subsystem. Which subsystem a message is for is in its bytes, where no filter of system calls can see it. So
 * a process that may set a verdict or an expectation may also delete the whole rule set. Therefore the worker, which reads
 * what peers send, may do neither: it has a queue to read from and this process to ask.
 *
 *   peers --> kernel's queue --> worker ==== requests, verdicts ====> broker --> kernel: ctnetlink, verdicts, raw packets
 *
 * The broker reads nothing but its requests (broker/wire.h). Each is first checked alone (broker/check.h) and then against
 * conntrack, here: for a change, the master must be a connection that exists, with both tuples as they were said, and with
 * the carrier; an injected packet must belong to a control connection, or be a reset to or from a control port. Only then is
 * a netlink message made, from the numbers that were checked. The packets in verdicts are copied and not looked into.
 *
 * The two are one thread of work on two sides of a wall: one waits while the other runs. A scheduler doesn't see that, and
 * wakes the broker on another processor, which takes several times as long as the request. So the worker holds its processor
 * for a while (process/processor.c), and the broker goes there.
 *
 * With all this, a worker that was taken over can do what a gateway does, to control connections only: see
 * doc/threat-model.md, A90.
 */
#include "broker/broker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "broker/check.h"
#include "netfilter/conntrack.h"
#include "netfilter/expect.h"
#include "netfilter/nfverdict.h"
#include "netfilter/rawsock.h"
#include "netfilter/subsystem.h"
#include "process/sandbox.h"

#define BROKER_ERROR_MAX 512
/* The kernel module that is the carrier, and the name of its helper. */
#define BROKER_CARRIER "sane"
/* It shows its supervisor that it moves even when nobody asks. */
#define BROKER_BEAT_MICROSECONDS 250000
/*
 * How long a master counts as confirmed. Anybody who could make conntrack replace a connection by another with both its
 * tuples in this time could do so between a look and the change that follows it.
 */
#define BROKER_CONFIRMED_MICROSECONDS 1000
/* A worker that holds no processor, and is moved back and forth, is not followed at each step. */
#define BROKER_FOLLOW_MICROSECONDS 1000

struct broker {
	const struct config *config;
	const struct broker_page *policies;
	struct heartbeat *page;
	uint16_t queue; /* the worker's */
	int channel;
	struct broker_rules rules;
	struct netlink netlink;
	struct conntrack conntrack;
	struct expect expect;
	struct rawsock rawsock;
	struct nfverdict verdict;
	struct nat_view confirmed; /* a master that conntrack has with the carrier */
	uint64_t confirmed_until;
	uint16_t processor;    /* that it is bound to; or UINT16_MAX */
	uint64_t may_follow;   /* when it may go to another one */
	bool unfit; /* the request before it, in its datagram, did not make what an adjustment is for */
	/* Expectations to be deleted, and where the answers go. */
	struct expect_owned ending[EXPECT_TOGETHER];
	struct broker_answer *ending_answers[EXPECT_TOGETHER];
	size_t ending_count;
	struct log_limit refusal_limit;
	struct log_limit inject_limit;
	struct log_limit timeout_limit;
	uint8_t datagram[BROKER_DATAGRAM_MAX];
};

static struct broker_endpoint put_endpoint(const struct endpoint *endpoint)
{
	struct broker_endpoint wire = { .family = endpoint->address.family, .port = endpoint->port };

	memcpy(wire.octets, endpoint->address.octets, sizeof(wire.octets));
	return wire;
}

static void put_connection(const struct connection *connection, struct broker_answer *answer)
{
	answer->view.client = put_endpoint(&connection->view.client);
	answer->view.server_seen = put_endpoint(&connection->view.server_seen);
	answer->view.server = put_endpoint(&connection->view.server);
	answer->view.client_seen = put_endpoint(&connection->view.client_seen);
	answer->direction = (uint8_t)connection->direction;
	answer->opening = connection->opening;
	answer->ended = connection->ended;
	answer->lingers = connection->lingers;
	answer->shared = connection->shared;
	answer->carrier = connection->carrier;
	answer->resizable = connection->resizable;
	for (size_t i = 0; i < 2; i++) {
		answer->seqadj[i].position = connection->seqadj[i].position;
		answer->seqadj[i].before = connection->seqadj[i].before;
		answer->seqadj[i].after = connection->seqadj[i].after;
	}
}

/* Connections that are not control connections are not shown. */
static enum reason broker_look_up(struct broker *broker, const struct tuple *seen, struct broker_answer *answer)
{
	struct connection connection = { .carrier = false };
	enum reason reason = conntrack_lookup(&broker->conntrack, seen, &connection);

	answer->error = broker->conntrack.error;
	if (reason == REASON_NONE && !broker_is_control(&broker->rules, &connection.view))
		reason = REASON_NO_CONNECTION;
	if (reason == REASON_NONE)
		put_connection(&connection, answer);
	return reason;
}

static enum reason broker_recall(struct broker *broker, const struct nat_view *master, struct broker_answer *answer)
{
	struct connection connection;
	const enum reason reason = conntrack_recall(&broker->conntrack, master, &connection);

	answer->error = broker->conntrack.error;
	if (reason == REASON_NONE)
		put_connection(&connection, answer);
	return reason;
}

/* An offer is an expectation and usually an adjustment too, at the same time: conntrack is asked once for both. */
static enum reason broker_confirm(struct broker *broker, const struct nat_view *master)
{
	enum reason reason = REASON_NONE;

	if (clock_microseconds() < broker->confirmed_until && nat_view_equal(master, &broker->confirmed))
		return REASON_NONE;
	reason = conntrack_confirm(&broker->conntrack, master, BROKER_CARRIER);
	broker->confirmed = *master;
	broker->confirmed_until = reason == REASON_NONE ? clock_microseconds() + BROKER_CONFIRMED_MICROSECONDS : 0;
	return reason;
}

static enum reason broker_change(struct broker *broker, struct broker_order *order, struct broker_answer *answer)
{
	enum reason reason = REASON_NO_PORT;

	if (order->kind == BROKER_ADJUST && broker->unfit)
		return reason;
	reason = broker_confirm(broker, &order->master);
	answer->error = broker->conntrack.error;
	if (reason != REASON_NONE)
		return reason;
	if (order->kind == BROKER_ADJUST) {
		reason = conntrack_adjust(&broker->conntrack, &order->master, order->direction, &order->seqadj);
		answer->error = broker->conntrack.error;
		if (order->master.client.address.family == FAMILY_IPV6)
			expect_tell_again(&broker->expect, &order->master);
		return reason;
	}
	reason = expect_create(&broker->expect, &order->master, &order->expectation);
	answer->error = broker->expect.error;
	answer->port = order->expectation.destination.port;
	return reason;
}

/*
 * Neither this nor a deletion needs the master to be confirmed: the kernel's expectation itself says which master it
 * belongs to.
 */
static enum reason broker_peek(struct broker *broker, const struct broker_order *order, struct broker_answer *answer)
{
	const enum reason reason = expect_peek(&broker->expect, &order->master, &order->expectation);

	answer->error = broker->expect.error;
	return reason;
}

/* Sessions end several at a time, and so do their expectations. */
static void broker_end_expectations(struct broker *broker)
{
	enum reason reasons[EXPECT_TOGETHER];

	if (broker->ending_count == 0)
		return;
	expect_delete_all(&broker->expect, broker->ending, broker->ending_count, reasons);
	for (size_t i = 0; i < broker->ending_count; i++) {
		broker->ending_answers[i]->reason = (uint16_t)reasons[i];
		broker->ending_answers[i]->error = broker->expect.error;
	}
	broker->ending_count = 0;
}

static void broker_note_end(struct broker *broker, const struct broker_order *order, struct broker_answer *answer)
{
	if (broker->ending_count == EXPECT_TOGETHER)
		broker_end_expectations(broker);
	broker->ending[broker->ending_count] = (struct expect_owned){ order->master, order->expectation };
	broker->ending_answers[broker->ending_count++] = answer;
}

/*
 * A packet leaves on a control connection, or it is a reset to or from a control port: peers of a connection that conntrack
 * has forgotten need to hear of that.
 */
static bool broker_may_inject(struct broker *broker, const struct broker_order *order)
{
	struct connection connection;

	if (conntrack_find_receiver(&broker->conntrack, &order->tuple, &connection) == REASON_NONE)
		return broker_is_control(&broker->rules, &connection.view);
	return order->only_reset && broker_touches_control(&broker->rules, &order->tuple);
}

static void broker_object(struct broker *broker, const char *fault)
{
	if (log_limit_allows(&broker->refusal_limit, clock_microseconds()))
		log_message(LOG_LEVEL_ERROR, "the broker has refused a request: %s", fault);
}

/* Pinholes get their timeouts before the lines that announce them leave. */
static void broker_settle(struct broker *broker)
{
	const int error = expect_settle(&broker->expect);

	if (error && log_limit_allows(&broker->timeout_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "can't set the timeout of an expectation, which is deleted: %s",
			    strerror(-error));
}

static void broker_inject(struct broker *broker, const struct broker_order *order)
{
	int error;

	broker_settle(broker);
	if (!broker_may_inject(broker, order)) {
		broker_object(broker, "a packet that belongs to no control connection");
		return;
	}
	error = rawsock_send(&broker->rawsock, order->packet);
	if (error && log_limit_allows(&broker->inject_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "can't send a reset or an acknowledgement: %s; %s", strerror(-error),
			    error == -EPERM ? "a rule of the output hook drops packets with the gateway's mark, or a filter on this "
			    "service's control group does (IPAddressDeny= in a unit of systemd)" :
			    "is there a route to both peers?");
}

static void broker_pass_verdicts(struct broker *broker, struct bytes verdicts)
{
	struct nfverdict_decision decision;

	broker_settle(broker);
	if (!broker->verdict.socket)
		return;
	while (broker_next_verdict(&verdicts, &decision))
		nfverdict_add(&broker->verdict, &decision);
	nfverdict_flush(&broker->verdict);
}

static int broker_send_answers(const struct broker *broker, const struct broker_answer *answers, size_t count)
{
	const size_t length = count * sizeof(*answers);
	ssize_t sent;

	do
		sent = send(broker->channel, answers, length, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)length ? 0 : -1;
}

/* A processor that this process may not use does no harm. */
static void broker_follow(struct broker *broker, uint16_t processor)
{
	const uint64_t now = clock_microseconds();
	cpu_set_t set;

	if (processor == broker->processor || now < broker->may_follow || processor >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
	broker->processor = processor;
	broker->may_follow = now + BROKER_FOLLOW_MICROSECONDS;
}

/* Carries an order out. Returns whether it has an answer. */
static bool broker_obey(struct broker *broker, struct broker_order *order, struct broker_answer *answer)
{
	enum reason reason = REASON_NONE;

	if (order->kind != BROKER_UNEXPECT)
		broker_end_expectations(broker);
	switch (order->kind) {
	case BROKER_LOOKUP:
		reason = broker_look_up(broker, &order->seen, answer);
		break;
	case BROKER_RECALL:
		reason = broker_recall(broker, &order->master, answer);
		break;
	case BROKER_EXPECT:
	case BROKER_ADJUST:
		reason = broker_change(broker, order, answer);
		break;
	case BROKER_UNEXPECT:
		broker_note_end(broker, order, answer);
		break;
	case BROKER_PEEK:
		reason = broker_peek(broker, order, answer);
		break;
	case BROKER_INJECT:
		broker_inject(broker, order);
		return false;
	case BROKER_VERDICTS:
		broker_pass_verdicts(broker, order->verdicts);
		return false;
	case BROKER_HELLO:
		return false;
	}
	answer->reason = (uint16_t)reason;
	return true;
}

static bool broker_serve_request(struct broker *broker, struct bytes request, struct broker_answer *answer)
{
	struct broker_order order;
	const char *fault = broker_check(&broker->rules, request, &order);
	bool answers;

	memset(answer, 0, sizeof(*answer));
	if (!fault) {
		broker_follow(broker, order.processor);
		answers = broker_obey(broker, &order, answer);
	} else {
		broker_object(broker, fault);
		answer->error = -EPERM;
		answer->reason = REASON_KERNEL_REFUSED;
		answers = order.kind != BROKER_INJECT && order.kind != BROKER_VERDICTS;
	}
	/* A line with another port, or with none, may have another length. */
	broker->unfit = order.kind == BROKER_EXPECT &&
			(answer->reason != REASON_NONE || answer->port != order.expectation.saved_port);
	return answers;
}

/* Returns -1 when nothing takes the answers any more. */
static int broker_serve(struct broker *broker, struct bytes datagram)
{
	struct broker_answer answers[BROKER_REQUESTS_MAX];
	size_t count = 0;

	broker->unfit = false;
	broker->rules.policy = &broker->policies->policy[atomic_load(&broker->policies->turn) % 2];
	while (datagram.length)
		if (broker_serve_request(broker, broker_next_request(&datagram), &answers[count]))
			count++;
	broker_end_expectations(broker);
	return count ? broker_send_answers(broker, answers, count) : 0;
}

/* Takes the queue's socket from the first datagram: -1 where there is none, -2 where the worker has gone. */
static int broker_take_queue(int channel)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct broker_header hello;
	struct iovec content = { .iov_base = &hello, .iov_len = sizeof(hello) };
	struct msghdr message = {
		.msg_iov = &content, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *header;
	int queue = -1;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(hello))
		return -2;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(queue)))
		memcpy(&queue, CMSG_DATA(header), sizeof(queue));
	return queue;
}

/* 1: the worker ended before it had a queue, because it was told to, or after a message about why. */
static int broker_open_sockets(struct broker *broker)
{
	const struct config *config = broker->config;
	int result = netlink_open(&broker->netlink);
	int queue;

	if (result) {
		log_message(LOG_LEVEL_ERROR, "can't talk to conntrack: %s; try: modprobe nf_conntrack_netlink",
			    strerror(-result));
		return -1;
	}
	result = rawsock_open(&broker->rawsock, config->mark);
	if (result) {
		log_message(LOG_LEVEL_ERROR, "can't open raw sockets: %s; run as root or with CAP_NET_RAW and"
			    " CAP_NET_ADMIN", strerror(-result));
		return -1;
	}
	queue = broker_take_queue(broker->channel);
	if (queue >= 0)
		result = nfverdict_open(&broker->verdict, queue, broker->queue, config->passed_mark);
	if (queue == -2)
		return 1;
	return result ? -1 : 0;
}

static int broker_open(struct broker *broker, pid_t supervisor)
{
	const struct timeval beat = { .tv_usec = BROKER_BEAT_MICROSECONDS };
	char error[BROKER_ERROR_MAX];
	const int result = broker_open_sockets(broker);

	if (result)
		return result;
	if (setsockopt(broker->channel, SOL_SOCKET, SO_RCVTIMEO, &beat, sizeof(beat)) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		log_message(LOG_LEVEL_ERROR, "can't set up the broker: %s", strerror(errno));
		return -1;
	}
	if (sandbox_enter(broker->config->user, SANDBOX_BROKER, supervisor, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	return 0;
}

static int broker_loop(struct broker *broker)
{
	for (;;) {
		const ssize_t length = recv(broker->channel, broker->datagram, sizeof(broker->datagram), MSG_TRUNC);
		const struct bytes datagram = { broker->datagram, (size_t)length };
		const int error = errno;

		atomic_fetch_add(&broker->page->beat, 1);
		log_flush();
		/* The worker has gone. That is a reset if an answer was yet to be read. */
		if (length == 0 || (length < 0 && error == ECONNRESET))
			return 0;
		if (length < 0 && error != EAGAIN && error != EINTR)
			return -1;
		/* A datagram longer than any that exists was made to be misread. */
		if (length > (ssize_t)sizeof(broker->datagram))
			return -1;
		if (length > 0 && broker_serve(broker, datagram) < 0)
			return 0;
	}
}

int broker_run(const struct config *config, uint16_t queue, int channel, const struct broker_page *policies,
	       struct heartbeat *page, pid_t supervisor)
{
	static struct broker broker;
	const struct broker_answer ready = { .reason = REASON_NONE };
	int result;

	broker.config = config;
	broker.queue = queue;
	broker.policies = policies;
	broker.page = page;
	broker.channel = channel;
	broker.processor = UINT16_MAX;
	broker.rules.ports = config->control_ports;
	broker.rules.port_count = config->control_port_count;
	broker.conntrack = (struct conntrack){
		.netlink = &broker.netlink, .zone = config->zone, .established = subsystem_read_established(),
	};
	broker.expect = (struct expect){ .netlink = &broker.netlink, .zone = config->zone, .together = true };
	broker.rawsock = (struct rawsock){ .ipv4 = -1, .ipv6 = -1 };
	result = broker_open(&broker, supervisor);
	if (result > 0) {
		result = 0;
	} else if (!result) {
		atomic_store(&page->ready, true);
		result = broker_send_answers(&broker, &ready, 1) < 0 ? 0 : broker_loop(&broker);
	}
	nfverdict_close(&broker.verdict);
	rawsock_close(&broker.rawsock);
	netlink_close(&broker.netlink);
	close(channel);
	return result;
}
