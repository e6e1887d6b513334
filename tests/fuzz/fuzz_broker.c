/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a datagram to the broker, under a policy that lists a third party. What is accepted says what it may say:
 * the postconditions here are the ones that the broker's netlink messages rest on, written a second time.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/check.h"
#include "ftpalg/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t ports[] = { 21, 2121 };
static struct policy policy;

static bool is_port(uint16_t port)
{
	return port == 21 || port == 2121;
}

static void check_expectation(const struct nat_view *view, const struct expectation *expectation)
{
	const struct address *to = &expectation->destination.address;
	const bool active = expectation->nat_direction == DIRECTION_REPLY;
	const bool third = active && !address_equal(to, &view->client_seen.address);

	assert(address_equal(&expectation->source, active ? &view->server.address : &view->client.address));
	assert(expectation->timeout > 0 && expectation->timeout <= policy.rules[0].pinhole_timeout);
	assert(expectation->saved_port == expectation->destination.port);
	assert(!expectation->translated || nat_view_is_translated(view));
	if (third)
		assert(network_contains(&policy.rules[0].fxp[0].network, to) && !expectation->translated);
	else
		assert(expectation->destination.port >= policy.rules[0].port_min && expectation->destination.port != 6000);
	if (!active)
		assert(address_equal(to, &view->server_seen.address));
}

static void check_order(const struct broker_order *order, struct bytes datagram)
{
	const struct nat_view *view = &order->master;
	struct bytes rest = order->verdicts;
	struct nfverdict_decision decision;
	struct packet packet;

	switch (order->kind) {
	case BROKER_EXPECT:
		check_expectation(view, &order->expectation);
		/* fall through */
	case BROKER_RECALL:
	case BROKER_UNEXPECT:
	case BROKER_PEEK:
	case BROKER_ADJUST:
		assert(is_port(view->server_seen.port) || is_port(view->server.port));
		assert(view->client.address.family == view->server.address.family);
		break;
	case BROKER_LOOKUP:
		assert(order->seen.source.address.family == order->seen.destination.address.family);
		break;
	case BROKER_INJECT:
		assert(packet_parse(order->packet, &packet) == REASON_NONE);
		assert(!(packet.flags & ~(TCP_RST | TCP_ACK | TCP_PSH)));
		assert(!packet.payload.length || !(packet.flags & TCP_RST));
		break;
	case BROKER_VERDICTS:
		while (broker_next_verdict(&rest, &decision))
			assert(!decision.packet.length || (decision.accept && decision.packet.data > datagram.data &&
			       decision.packet.data + decision.packet.length <= datagram.data + datagram.length));
		assert(rest.length == 0);
		break;
	case BROKER_HELLO:
		assert(false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct broker_rules rules = { .ports = ports, .port_count = 2, .policy = &policy };
	const struct bytes third = { (const uint8_t *)"192.0.2.0/24", 12 };
	struct broker_order order;
	struct bytes datagram = { .length = size };
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (policy.rule_count == 0) {
		policy.rule_count = 1;
		policy_rule_set_defaults(&policy.rules[0]);
		policy.rules[0].fxp_count = 1;
		policy.rules[0].fxp[0].ports = (struct port_range){ 1, UINT16_MAX };
		assert(network_parse(third, &policy.rules[0].fxp[0].network));
	}
	/* A copy that ends where the datagram ends, so that a read behind it is seen. */
	assert(copy);
	memcpy(copy, data, size);
	datagram.data = copy;
	while (datagram.length) {
		const struct bytes request = broker_next_request(&datagram);

		assert(request.length);
		if (!broker_check(&rules, request, &order))
			check_order(&order, request);
	}
	free(copy);
	return 0;
}
