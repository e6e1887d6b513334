/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A request waits for its answer, because the core acts on what the kernel has acknowledged. Verdicts wait for nothing and
 * go together, once for each turn of the loop, and before anything that must not overtake them. What a line needed from the
 * kernel was answered before its verdict was noted here.
 *
 * Waking the broker and being woken by it costs more than what it does meanwhile. The first packet of a connection makes the
 * gateway look it up, and a batch may hold many such packets, so these lookups are foreseen, and asked for together. An
 * answer was given after all packets of its batch were queued, as it would be if it were asked for later, and serves one
 * packet.
 *
 * The expectation of a session that has ended makes nothing wait either: its deletion goes with the next request, in front
 * of it, so that a pinhole to the same port finds that free; or with the verdicts.
 *
 * The socket shows at once that a broker has gone, and then everything fails until the loop ends. One that hangs makes this
 * process hang with it, which the supervisor sees.
 */
#include "broker/link.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ftpalg/address.h"

static int link_fail(struct broker_link *link)
{
	link->broken = true;
	link->error = -EPIPE;
	return -EPIPE;
}

static int link_send(struct broker_link *link, const void *datagram, size_t length)
{
	ssize_t sent;

	do
		sent = link->broken ? -1 : send(link->descriptor, datagram, length, MSG_NOSIGNAL);
	while (sent < 0 && !link->broken && errno == EINTR);
	return sent == (ssize_t)length ? 0 : link_fail(link);
}

static int link_send_verdicts(struct broker_link *link)
{
	const size_t used = link->used;

	link->used = 0;
	link->sent = link->decided;
	return used ? link_send(link, link->verdicts, used) : 0;
}

static int link_receive(struct broker_link *link, void *answer, size_t length)
{
	ssize_t received;

	do
		received = link->broken ? -1 : recv(link->descriptor, answer, length, 0);
	while (received < 0 && !link->broken && errno == EINTR);
	return received == (ssize_t)length ? 0 : link_fail(link);
}

static struct broker_header link_header(enum broker_kind kind)
{
	const int processor = sched_getcpu();

	return (struct broker_header){ .kind = (uint8_t)kind, .processor = (uint16_t)(processor < 0 ? 0 : processor) };
}

/* The queue's socket goes with the first datagram, before either end closes its sandbox. */
static int link_hand_over(const struct broker_link *link, int queue)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(queue))];
	} control = { .bytes = "" };
	struct broker_header hello = { .kind = BROKER_HELLO };
	struct iovec content = { .iov_base = &hello, .iov_len = sizeof(hello) };
	struct msghdr message = { .msg_iov = &content, .msg_iovlen = 1 };

	if (queue >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(queue));
		memcpy(CMSG_DATA(header), &queue, sizeof(queue));
	}
	return sendmsg(link->descriptor, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(hello) ? 0 : -1;
}

int broker_link_open(struct broker_link *link, int descriptor, int queue)
{
	struct broker_answer answer;

	link->descriptor = descriptor;
	link->broken = false;
	link->used = 0;
	link->foreseen = 0;
	link->answered = false;
	link->batched = link->decided = link->sent = 0;
	link->releasing = 0;
	return link_hand_over(link, queue) == 0 && link_receive(link, &answer, sizeof(answer)) == 0 ? 0 : -1;
}

void broker_link_close(struct broker_link *link)
{
	if (link->descriptor >= 0)
		close(link->descriptor);
	link->descriptor = -1;
}

static struct broker_endpoint put_endpoint(const struct endpoint *endpoint)
{
	struct broker_endpoint wire = { .family = endpoint->address.family, .port = endpoint->port };

	memcpy(wire.octets, endpoint->address.octets, sizeof(wire.octets));
	return wire;
}

static struct broker_view put_view(const struct nat_view *view)
{
	return (struct broker_view){
		.client = put_endpoint(&view->client),
		.server_seen = put_endpoint(&view->server_seen),
		.server = put_endpoint(&view->server),
		.client_seen = put_endpoint(&view->client_seen),
	};
}

static struct endpoint get_endpoint(const struct broker_endpoint *wire)
{
	struct endpoint endpoint = { .address = { .family = wire->family }, .port = wire->port };

	memcpy(endpoint.address.octets, wire->octets, sizeof(endpoint.address.octets));
	return endpoint;
}

static enum reason link_take_answer(struct broker_link *link, const struct broker_answer *answer)
{
	link->error = answer->error;
	return answer->reason < REASON_COUNT ? (enum reason)answer->reason : REASON_KERNEL_REFUSED;
}

/* Requests after the releases in a datagram. */
#define LINK_TOGETHER 2

/* Sends the releases, and then the requests, at most LINK_TOGETHER, whose answers it waits for. */
static int link_call_all(struct broker_link *link, const struct broker_request *requests, size_t more,
			 struct broker_answer *answers)
{
	const size_t count = link->releasing;
	const size_t all = count + more;
	int result;

	link->releasing = 0;
	if (all == 0)
		return 0;
	for (size_t i = 0; i < more; i++)
		link->releases[count + i] = requests[i];
	result = link_send(link, link->releases, all * sizeof(*link->releases));
	if (result == 0)
		result = link_receive(link, link->released, all * sizeof(*link->released));
	for (size_t i = 0; i < count; i++)
		link->tell(link->context, &link->ends[i],
			   result < 0 ? REASON_KERNEL_REFUSED : link_take_answer(link, &link->released[i]));
	for (size_t i = 0; i < more && result == 0; i++)
		answers[i] = link->released[count + i];
	return result;
}

static int link_call(struct broker_link *link, const struct broker_request *request, struct broker_answer *answer)
{
	return link_call_all(link, request, 1, answer);
}

static enum reason link_take_connection(struct broker_link *link, const struct broker_answer *answer,
					struct connection *connection)
{
	const enum reason reason = link_take_answer(link, answer);

	if (reason != REASON_NONE)
		return reason;
	*connection = (struct connection){
		.view = {
			.client = get_endpoint(&answer->view.client),
			.server_seen = get_endpoint(&answer->view.server_seen),
			.server = get_endpoint(&answer->view.server),
			.client_seen = get_endpoint(&answer->view.client_seen),
		},
		.direction = answer->direction ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.opening = answer->opening != 0,
		.ended = answer->ended != 0,
		.lingers = answer->lingers != 0,
		.shared = answer->shared != 0,
		.carrier = answer->carrier != 0,
		.resizable = answer->resizable != 0,
	};
	for (size_t i = 0; i < 2; i++) {
		connection->seqadj[i].position = answer->seqadj[i].position;
		connection->seqadj[i].before = answer->seqadj[i].before;
		connection->seqadj[i].after = answer->seqadj[i].after;
	}
	return REASON_NONE;
}

static struct broker_request link_put_lookup(const struct tuple *seen)
{
	struct broker_request request = { .header = link_header(BROKER_LOOKUP) };

	request.tuple.source = put_endpoint(&seen->source);
	request.tuple.destination = put_endpoint(&seen->destination);
	return request;
}

void broker_link_foresee(struct broker_link *link, const struct tuple *seen, bool begins)
{
	if (link->batched < BROKER_REQUESTS_MAX)
		link->batch[link->batched++] = *seen;
	if (!begins || link->answered || link->foreseen == BROKER_REQUESTS_MAX)
		return;
	link->taken[link->foreseen] = false;
	link->lookups[link->foreseen++] = link_put_lookup(seen);
}

/* The answer to this lookup, if it was foreseen; or NULL. Each serves once: a second packet asks again. */
static const struct broker_answer *link_find_foreseen(struct broker_link *link, const struct broker_request *lookup)
{
	const size_t count = link->foreseen;
	size_t i;

	for (i = 0; i < count; i++)
		if (!link->taken[i] && memcmp(&link->lookups[i].tuple, &lookup->tuple, sizeof(lookup->tuple)) == 0)
			break;
	if (i == count)
		return NULL;
	if (!link->answered && (link_send(link, link->lookups, count * sizeof(*link->lookups)) < 0 ||
				link_receive(link, link->answers, count * sizeof(*link->answers)) < 0))
		return NULL;
	link->answered = true;
	link->taken[i] = true;
	return &link->answers[i];
}

enum reason broker_link_lookup(struct broker_link *link, const struct tuple *seen, struct connection *connection)
{
	const struct broker_request request = link_put_lookup(seen);
	const struct broker_answer *foreseen = link_find_foreseen(link, &request);
	struct broker_answer answer;

	if (!foreseen && link_call(link, &request, &answer) < 0)
		return REASON_KERNEL_REFUSED;
	return link_take_connection(link, foreseen ? foreseen : &answer, connection);
}

enum reason broker_link_recall(struct broker_link *link, const struct nat_view *view, struct connection *connection)
{
	const struct broker_request request = { .header = link_header(BROKER_RECALL), .master = put_view(view) };
	struct broker_answer answer;

	return link_call(link, &request, &answer) < 0 ? REASON_KERNEL_REFUSED
						      : link_take_connection(link, &answer, connection);
}

static struct broker_request link_put_expectation(enum broker_kind kind, const struct nat_view *master,
						   const struct expectation *expectation)
{
	const struct endpoint source = { .address = expectation->source };
	struct broker_request request = {
		.header = link_header(kind),
		.direction = (uint8_t)expectation->nat_direction,
		.translated = expectation->translated,
		.saved_port = expectation->saved_port,
		.timeout = expectation->timeout,
		.master = put_view(master),
	};

	request.tuple.source = put_endpoint(&source);
	request.tuple.destination = put_endpoint(&expectation->destination);
	return request;
}

static enum reason link_ask(struct broker_link *link, enum broker_kind kind, const struct nat_view *master,
			    const struct expectation *expectation, struct broker_answer *answer)
{
	const struct broker_request request = link_put_expectation(kind, master, expectation);

	return link_call(link, &request, answer) < 0 ? REASON_KERNEL_REFUSED : link_take_answer(link, answer);
}

enum reason broker_link_expect(struct broker_link *link, const struct nat_view *master, struct expectation *expectation)
{
	struct broker_answer answer;
	const enum reason reason = link_ask(link, BROKER_EXPECT, master, expectation, &answer);

	if (reason == REASON_NONE)
		expectation->destination.port = answer.port;
	return reason;
}

enum reason broker_link_unexpect(struct broker_link *link, const struct nat_view *master,
				 const struct expectation *expectation)
{
	struct broker_answer answer;

	return link_ask(link, BROKER_UNEXPECT, master, expectation, &answer);
}

void broker_link_release(struct broker_link *link, const struct session_farewell *end)
{
	/* Places are kept for the requests after them. */
	if (link->releasing == BROKER_REQUESTS_MAX - LINK_TOGETHER)
		link_call_all(link, NULL, 0, NULL);
	link->releases[link->releasing] = link_put_expectation(BROKER_UNEXPECT, &end->view, &end->expectation);
	link->ends[link->releasing++] = *end;
}

enum reason broker_link_peek(struct broker_link *link, const struct nat_view *master,
			     const struct expectation *expectation)
{
	struct broker_answer answer;

	return link_ask(link, BROKER_PEEK, master, expectation, &answer);
}

/* Does a packet of this connection have a decision that has not left yet? */
static bool link_keeps_packet_of(const struct broker_link *link, const struct nat_view *master)
{
	const struct tuple original = { master->client, master->server };
	const struct tuple reply = tuple_reverse(&original);

	for (size_t i = link->sent; i < link->decided; i++)
		if (i >= link->batched || tuple_equal(&link->batch[i], &original) || tuple_equal(&link->batch[i], &reply))
			return true;
	return false;
}

static struct broker_request link_put_adjustment(const struct nat_view *master, enum direction direction,
						  const struct seqadj *seqadj)
{
	return (struct broker_request){
		.header = link_header(BROKER_ADJUST),
		.direction = (uint8_t)direction,
		.position = seqadj->position,
		.before = seqadj->before,
		.after = seqadj->after,
		.master = put_view(master),
	};
}

/* Numbers of its packets that were judged before were made for the old adjustment: they leave before it changes. */
static void link_let_packets_leave(struct broker_link *link, const struct nat_view *master)
{
	if (link_keeps_packet_of(link, master))
		link_send_verdicts(link);
}

enum reason broker_link_adjust(struct broker_link *link, const struct nat_view *master, enum direction direction,
			       const struct seqadj *seqadj)
{
	struct broker_answer answer;
	const struct broker_request request = link_put_adjustment(master, direction, seqadj);

	link_let_packets_leave(link, master);
	return link_call(link, &request, &answer) < 0 ? REASON_KERNEL_REFUSED : link_take_answer(link, &answer);
}

enum reason broker_link_expect_and_adjust(struct broker_link *link, const struct nat_view *master,
					   struct expectation *expectation, struct correction *correction)
{
	const struct broker_request requests[LINK_TOGETHER] = {
		link_put_expectation(BROKER_EXPECT, master, expectation),
		link_put_adjustment(master, correction->direction, &correction->seqadj),
	};
	struct broker_answer answers[LINK_TOGETHER];
	enum reason reason = REASON_KERNEL_REFUSED;

	correction->asked = false;
	link_let_packets_leave(link, master);
	if (link_call_all(link, requests, LINK_TOGETHER, answers) == 0)
		reason = link_take_answer(link, &answers[0]);
	if (reason != REASON_NONE)
		return reason;
	correction->asked = answers[0].port == expectation->destination.port;
	expectation->destination.port = answers[0].port;
	if (correction->asked)
		correction->answer = link_take_answer(link, &answers[1]);
	return REASON_NONE;
}

void broker_link_inject(struct broker_link *link, struct bytes packet)
{
	struct {
		struct broker_header header;
		uint8_t packet[BROKER_PACKET_MAX];
	} datagram = { .header = link_header(BROKER_INJECT) };

	if (packet.length > sizeof(datagram.packet))
		return;
	memcpy(datagram.packet, packet.data, packet.length);
	/* A reset must not overtake what was decided before it. */
	link_send_verdicts(link);
	link_send(link, &datagram, sizeof(datagram.header) + packet.length);
}

int broker_link_flush(void *context)
{
	struct broker_link *link = context;
	const int result = link_send_verdicts(link);

	link->foreseen = 0;
	link->answered = false;
	link->batched = link->decided = link->sent = 0;
	return link_call_all(link, NULL, 0, NULL) < 0 ? -EPIPE : result;
}

int broker_link_decide(void *context, const struct nfverdict_decision *decision)
{
	struct broker_link *link = context;
	const struct broker_verdict verdict = {
		.id = decision->id,
		.mark = decision->mark,
		.length = (uint32_t)decision->packet.length,
		.accept = decision->accept,
	};
	const size_t padded = (decision->packet.length + 3) & ~(size_t)3;
	int result = 0;

	if (link->used + sizeof(verdict) + padded > sizeof(link->verdicts))
		result = link_send_verdicts(link);
	link->decided++;
	if (link->used == 0) {
		const struct broker_header header = link_header(BROKER_VERDICTS);

		memcpy(link->verdicts, &header, sizeof(header));
		link->used = sizeof(header);
	}
	memcpy(link->verdicts + link->used, &verdict, sizeof(verdict));
	link->used += sizeof(verdict);
	if (padded) {
		memset(link->verdicts + link->used + padded - 4, 0, 4);
		memcpy(link->verdicts + link->used, decision->packet.data, decision->packet.length);
		link->used += padded;
	}
	return result;
}
