/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The broker's door. The process that asks may have been taken over by a peer, so nothing is believed because it says so:
 *
 *   every kind    its exact length; numbers in their ranges; fields that it does not use are zero; one address family
 *   LOOKUP        any tuple; the answer is limited to control connections, in broker.c
 *   a master      its server's port, as clients or as itself sees it, is a control port; that conntrack has such a
 *                 connection is asked in broker.c
 *   EXPECT        one of the master's two peers comes to the other, or the server to a listed third party; the endpoint is
 *                 judged by the same function of the policy that judged the offer, with the rule for this master
 *   ADJUST        offsets in bounds. Whatever sends this could change the connection's bytes just as well
 *   INJECT        20 or 40 bytes of IP and a TCP header; a reset without payload, or a segment that begins and ends nothing;
 *                 its checksum right
 *   VERDICTS      whole, each with a verdict of two; packets are not looked into
 *
 * What can't be known here is whether there was an offer at all: the policy's limits hold against an attacker who has the
 * worker, the dialogue's do not.
 */
#include "broker/check.h"

#include <string.h>

#include "ftpalg/address.h"

/* For one direction in all: far more than any session's edits amount to, and far from where the sum of two wraps. */
#define BROKER_OFFSET_MAX (1 << 28)
#define BROKER_IPV4_HEADER 20
#define BROKER_IPV6_HEADER 40

static bool is_zero(const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum |= byte[i];
	return sum == 0;
}

static bool take_endpoint(const struct broker_endpoint *wire, uint8_t family, struct endpoint *endpoint)
{
	const size_t used = family == FAMILY_IPV4 ? 4 : 16;

	if (wire->family != family || wire->none || !is_zero(wire->octets + used, sizeof(wire->octets) - used))
		return false;
	endpoint->address.family = family;
	memcpy(endpoint->address.octets, wire->octets, sizeof(endpoint->address.octets));
	endpoint->port = wire->port;
	return true;
}

static bool is_family(uint8_t family)
{
	return family == FAMILY_IPV4 || family == FAMILY_IPV6;
}

static bool has_port(const struct broker_rules *rules, uint16_t port)
{
	bool found = false;

	for (size_t i = 0; i < rules->port_count && !found; i++)
		found = rules->ports[i] == port;
	return found;
}

bool broker_is_control(const struct broker_rules *rules, const struct nat_view *view)
{
	return has_port(rules, view->server_seen.port) || has_port(rules, view->server.port);
}

bool broker_touches_control(const struct broker_rules *rules, const struct tuple *tuple)
{
	return has_port(rules, tuple->source.port) || has_port(rules, tuple->destination.port);
}

static const char *take_master(const struct broker_rules *rules, const struct broker_request *request,
			       struct nat_view *master)
{
	const struct broker_view *wire = &request->master;
	const uint8_t family = wire->client.family;

	if (!is_family(family) || !take_endpoint(&wire->client, family, &master->client) ||
	    !take_endpoint(&wire->server_seen, family, &master->server_seen) ||
	    !take_endpoint(&wire->server, family, &master->server) ||
	    !take_endpoint(&wire->client_seen, family, &master->client_seen))
		return "a master that is none";
	if (!master->client.port || !master->server.port || !master->client_seen.port)
		return "a master without ports";
	return broker_is_control(rules, master) ? NULL : "a master that is no control connection";
}

/* Numbers and families only. */
static const char *take_expectation(const struct broker_request *request, uint8_t family,
				    struct expectation *expectation)
{
	struct endpoint source;

	if (!take_endpoint(&request->tuple.source, family, &source) ||
	    !take_endpoint(&request->tuple.destination, family, &expectation->destination))
		return "an expectation of another family";
	if (source.port || !expectation->destination.port)
		return "an expectation from one port, or to any";
	if (request->direction > DIRECTION_REPLY || request->translated > 1)
		return "an expectation that can't be read";
	expectation->source = source.address;
	expectation->translated = request->translated != 0;
	expectation->nat_direction = (enum direction)request->direction;
	expectation->saved_port = request->saved_port;
	expectation->timeout = request->timeout;
	return NULL;
}

/*
 * Is this the expectation that an allowed offer leads to? The offer is reconstructed from it, and judged. Its port must not
 * have been changed yet: the broker finds which other one it gets.
 */
static const char *judge_expectation(const struct broker_rules *rules, const struct nat_view *view,
				     const struct expectation *expectation)
{
	const struct policy_rule *rule = policy_find_rule(rules->policy, view);
	const bool active = expectation->nat_direction == DIRECTION_REPLY;
	const struct address *caller = active ? &view->server.address : &view->client.address;
	const struct address *called = active ? &view->client_seen.address : &view->server_seen.address;
	const bool own = address_equal(&expectation->destination.address, called);
	struct hostport offer = { .form = active ? FORM_EPRT : FORM_229, .endpoint = expectation->destination };
	struct policy_answer answer;

	if (own)
		offer.endpoint.address = active ? view->client.address : view->server.address;
	if (!address_equal(&expectation->source, caller))
		return "an expectation from somebody else";
	if (!own && !active)
		return "an expectation to somebody else";
	if (expectation->saved_port != expectation->destination.port)
		return "an expectation to another port than was offered";
	if (expectation->translated != (own && nat_view_is_translated(view)))
		return "an expectation that is not translated as its master";
	if (expectation->timeout == 0 || expectation->timeout > rule->pinhole_timeout)
		return "an expectation that outlives the configured time";
	policy_judge_offer(rule, view, &offer, &answer);
	if (answer.reason != REASON_NONE)
		return reason_meaning(answer.reason);
	return answer.third_party == !own ? NULL : "an expectation to a third party";
}

static const char *take_adjustment(const struct broker_request *request, struct broker_order *order)
{
	if (request->direction > DIRECTION_REPLY)
		return "an adjustment that can't be read";
	if (request->before > BROKER_OFFSET_MAX || request->before < -BROKER_OFFSET_MAX ||
	    request->after > BROKER_OFFSET_MAX || request->after < -BROKER_OFFSET_MAX)
		return "an adjustment out of bounds";
	order->direction = (enum direction)request->direction;
	order->seqadj.position = request->position;
	order->seqadj.before = request->before;
	order->seqadj.after = request->after;
	return NULL;
}

/* Fields that a kind does not use must be zero: what is ignored here could be read by a later version. */
static bool is_sparse(const struct broker_request *request)
{
	const uint8_t kind = request->header.kind;
	const bool expects = kind == BROKER_EXPECT || kind == BROKER_UNEXPECT || kind == BROKER_PEEK;
	const bool looks = kind == BROKER_LOOKUP;
	const bool adjusts = kind == BROKER_ADJUST;
	bool sparse = true;

	if (looks)
		sparse = sparse && is_zero(&request->master, sizeof(request->master));
	if (!expects && !looks)
		sparse = sparse && is_zero(&request->tuple, sizeof(request->tuple));
	if (!expects)
		sparse = sparse && !request->translated && !request->saved_port && !request->timeout;
	if (!adjusts)
		sparse = sparse && !request->position && !request->before && !request->after;
	return sparse && (expects || adjusts || !request->direction);
}

static const char *take_request(const struct broker_rules *rules, const struct broker_request *request,
				struct broker_order *order)
{
	const uint8_t family = request->tuple.source.family;
	const char *fault;

	if (!is_sparse(request))
		return "fields that the request has no use for";
	if (order->kind == BROKER_LOOKUP)
		return is_family(family) && take_endpoint(&request->tuple.source, family, &order->seen.source) &&
			take_endpoint(&request->tuple.destination, family, &order->seen.destination) ? NULL
											       : "a tuple that is none";
	fault = take_master(rules, request, &order->master);
	if (fault || order->kind == BROKER_RECALL)
		return fault;
	if (order->kind == BROKER_ADJUST)
		return take_adjustment(request, order);
	fault = take_expectation(request, request->master.client.family, &order->expectation);
	if (!fault && order->kind == BROKER_EXPECT)
		fault = judge_expectation(rules, &order->master, &order->expectation);
	return fault;
}

static const char *take_packet(struct bytes bytes, struct broker_order *order)
{
	struct packet packet;
	uint8_t flags;

	if (bytes.length > BROKER_PACKET_MAX || packet_parse(bytes, &packet) != REASON_NONE)
		return "a packet that is none";
	flags = packet.flags;
	if (packet.length != bytes.length ||
	    packet.ip_header != (packet.tuple.source.address.family == FAMILY_IPV4 ? BROKER_IPV4_HEADER
										    : BROKER_IPV6_HEADER))
		return "a packet with more than two headers and a payload";
	if (flags != (TCP_RST | TCP_ACK) && flags != TCP_RST && flags != TCP_ACK && flags != (TCP_ACK | TCP_PSH))
		return "a packet that neither resets nor acknowledges";
	if (packet.payload.length && flags & TCP_RST)
		return "a reset with a payload";
	if (packet_verify_checksum(bytes, &packet) != REASON_NONE)
		return "a packet with a wrong checksum";
	order->packet = bytes;
	order->tuple = packet.tuple;
	order->only_reset = (flags & TCP_RST) != 0;
	return NULL;
}

bool broker_next_verdict(struct bytes *verdicts, struct nfverdict_decision *decision)
{
	struct broker_verdict verdict;
	size_t length;

	if (verdicts->length < sizeof(verdict))
		return false;
	memcpy(&verdict, verdicts->data, sizeof(verdict));
	length = sizeof(verdict) + ((verdict.length + 3U) & ~3U);
	if (verdict.length > UINT16_MAX || length > verdicts->length || verdict.accept > 1 ||
	    !is_zero(verdict.none, sizeof(verdict.none)) || (verdict.length && !verdict.accept))
		return false;
	decision->id = verdict.id;
	decision->mark = verdict.mark;
	decision->accept = verdict.accept != 0;
	decision->packet = (struct bytes){ verdicts->data + sizeof(verdict), verdict.length };
	verdicts->data += length;
	verdicts->length -= length;
	return true;
}

static const char *take_verdicts(struct bytes bytes, struct broker_order *order)
{
	struct nfverdict_decision decision;

	order->verdicts = bytes;
	while (broker_next_verdict(&bytes, &decision))
		;
	return bytes.length == 0 ? NULL : "verdicts that can't be read";
}

struct bytes broker_next_request(struct bytes *datagram)
{
	struct bytes request = *datagram;

	if (datagram->length > sizeof(struct broker_request) && datagram->data[0] >= BROKER_LOOKUP &&
	    datagram->data[0] <= BROKER_ADJUST && datagram->length % sizeof(struct broker_request) == 0 &&
	    datagram->length <= BROKER_REQUESTS_MAX * sizeof(struct broker_request))
		request.length = sizeof(struct broker_request);
	datagram->data += request.length;
	datagram->length -= request.length;
	return request;
}

const char *broker_check(const struct broker_rules *rules, struct bytes datagram, struct broker_order *order)
{
	struct broker_header header;
	struct broker_request request;
	struct bytes rest;

	memset(order, 0, sizeof(*order));
	if (datagram.length < sizeof(header))
		return "less than a request";
	memcpy(&header, datagram.data, sizeof(header));
	rest.data = datagram.data + sizeof(header);
	rest.length = datagram.length - sizeof(header);
	order->kind = (enum broker_kind)header.kind;
	order->processor = header.processor;
	if (header.none)
		return "an unknown request";
	switch (order->kind) {
	case BROKER_LOOKUP:
	case BROKER_RECALL:
	case BROKER_EXPECT:
	case BROKER_UNEXPECT:
	case BROKER_PEEK:
	case BROKER_ADJUST:
		if (datagram.length != sizeof(request))
			return "a request of another length";
		memcpy(&request, datagram.data, sizeof(request));
		return take_request(rules, &request, order);
	case BROKER_INJECT:
		return take_packet(rest, order);
	case BROKER_VERDICTS:
		return take_verdicts(rest, order);
	case BROKER_HELLO:
		break;
	}
	/* The greeting was received before there was a sandbox. */
	return "an unknown request";
}
