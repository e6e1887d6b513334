/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A90: what a worker that was taken over may ask of its broker. Each row changes one thing in a request that is allowed,
 * and says whether it still is.
 */
#include "broker/check.h"
#include "unit.h"

/* The tests are in this order: a peer's two views differ, so that no check is right by luck. */
static const uint16_t ports[] = { 21, 2121 };

struct fixture {
	struct policy policy;
	struct broker_rules rules;
	struct broker_request request;
	struct broker_order order;
};

static struct broker_endpoint put(const char *address, uint16_t port)
{
	const struct endpoint endpoint = unit_endpoint(address, port);
	struct broker_endpoint wire = { .family = endpoint.address.family, .port = port };

	memcpy(wire.octets, endpoint.address.octets, sizeof(wire.octets));
	return wire;
}

/* A client behind SNAT offers its own port 50000. */
static void begin(struct fixture *fixture, enum broker_kind kind)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->policy.rule_count = 1;
	policy_rule_set_defaults(&fixture->policy.rules[0]);
	fixture->rules = (struct broker_rules){ .ports = ports, .port_count = ARRAY_SIZE(ports),
						.policy = &fixture->policy };
	fixture->request.header.kind = (uint8_t)kind;
	if (kind == BROKER_LOOKUP) {
		fixture->request.tuple.source = put("10.0.0.5", 40000);
		fixture->request.tuple.destination = put("203.0.113.9", 21);
		return;
	}
	fixture->request.master.client = put("10.0.0.5", 40000);
	fixture->request.master.server_seen = put("203.0.113.9", 21);
	fixture->request.master.server = put("203.0.113.9", 21);
	fixture->request.master.client_seen = put("198.51.100.1", 40001);
	if (kind == BROKER_RECALL)
		return;
	fixture->request.direction = DIRECTION_REPLY;
	if (kind == BROKER_ADJUST) {
		fixture->request.position = 4000000000;
		fixture->request.before = 3;
		fixture->request.after = 7;
		return;
	}
	fixture->request.tuple.source = put("203.0.113.9", 0);
	fixture->request.tuple.destination = put("198.51.100.1", 50000);
	fixture->request.translated = 1;
	fixture->request.saved_port = 50000;
	fixture->request.timeout = 60;
}

static const char *judge(struct fixture *fixture)
{
	const struct bytes datagram = { (const uint8_t *)&fixture->request, sizeof(fixture->request) };

	return broker_check(&fixture->rules, datagram, &fixture->order);
}

static void offer_port(struct broker_request *request, uint16_t port)
{
	request->tuple.destination.port = port;
	request->saved_port = port;
}

/* The server behind DNAT answered a passive request. */
static void make_passive(struct broker_request *request)
{
	request->master.server_seen = put("198.51.100.1", 21);
	request->master.server = put("10.9.9.9", 2121);
	request->direction = DIRECTION_ORIGINAL;
	request->tuple.source = put("10.0.0.5", 0);
	request->tuple.destination = put("198.51.100.1", 50000);
}

static void nothing(struct broker_request *request) { (void)request; }
static void passive(struct broker_request *request) { make_passive(request); }
static void routed(struct broker_request *request)
{
	request->master.client_seen = request->master.client;
	request->tuple.destination = put("10.0.0.5", 50000);
	request->translated = 0;
}
static void ipv6(struct broker_request *request)
{
	request->master.client = request->master.client_seen = put("2001:db8:1::5", 40000);
	request->master.server = request->master.server_seen = put("2001:db8:2::9", 21);
	request->tuple.source = put("2001:db8:2::9", 0);
	request->tuple.destination = put("2001:db8:1::5", 50000);
	request->translated = 0;
}
static void dnat_port(struct broker_request *request)
{
	request->master.server_seen.port = 4021;
	request->master.server.port = 21;
}
static void shorter(struct broker_request *request) { request->timeout = 1; }
static void other_port(struct broker_request *request)
{
	request->master.server.port = 22;
	request->master.server_seen.port = 22;
}
static void no_port(struct broker_request *request) { request->master.client_seen.port = 0; }
static void third_host(struct broker_request *request) { request->tuple.destination = put("10.0.0.99", 50000); }
static void client_itself(struct broker_request *request) { request->tuple.destination = put("10.0.0.5", 50000); }
static void foreign_caller(struct broker_request *request) { request->tuple.source = put("192.0.2.66", 0); }
static void any_caller(struct broker_request *request) { request->tuple.source = put("0.0.0.0", 0); }
static void no_caller(struct broker_request *request) { memset(&request->tuple.source, 0, sizeof(request->tuple.source)); }
static void wrong_way(struct broker_request *request) { request->direction = DIRECTION_ORIGINAL; }
static void passive_third(struct broker_request *request)
{
	make_passive(request);
	request->tuple.destination = put("10.9.9.1", 50000);
}
static void passive_wrong_way(struct broker_request *request)
{
	make_passive(request);
	request->direction = DIRECTION_REPLY;
}
static void passive_other_caller(struct broker_request *request)
{
	make_passive(request);
	request->tuple.source = put("10.0.0.6", 0);
}
static void source_port(struct broker_request *request) { request->tuple.source.port = 20; }
static void port_zero(struct broker_request *request) { offer_port(request, 0); }
static void port_low(struct broker_request *request) { offer_port(request, 22); }
static void port_denied(struct broker_request *request) { offer_port(request, 6000); }
static void port_moved(struct broker_request *request) { request->saved_port = 22; }
static void untranslated(struct broker_request *request) { request->translated = 0; }
static void translated_twice(struct broker_request *request) { request->translated = 2; }
static void no_direction(struct broker_request *request) { request->direction = 2; }
static void no_timeout(struct broker_request *request) { request->timeout = 0; }
static void longer(struct broker_request *request) { request->timeout = 61; }
static void for_ever(struct broker_request *request) { request->timeout = UINT32_MAX; }
static void mixed(struct broker_request *request) { request->tuple.destination = put("2001:db8::1", 50000); }
static void mixed_master(struct broker_request *request) { request->master.server = put("2001:db8::1", 21); }
static void no_family(struct broker_request *request) { request->master.client.family = 5; }
static void none_set(struct broker_request *request) { request->master.server.none = 1; }
static void header_set(struct broker_request *request) { request->header.none = 1; }
static void beyond_ipv4(struct broker_request *request) { request->tuple.destination.octets[4] = 1; }
static void with_position(struct broker_request *request) { request->position = 1; }
static void far_after(struct broker_request *request) { request->after = INT32_MAX; }
static void far_forth(struct broker_request *request) { request->before = INT32_MAX; }
static void far_before(struct broker_request *request) { request->before = INT32_MIN; }
static void with_tuple(struct broker_request *request) { request->tuple.source = put("10.0.0.5", 1); }
static void with_timeout(struct broker_request *request) { request->timeout = 60; }
static void with_master(struct broker_request *request) { request->master.client = put("10.0.0.5", 40000); }
static void with_direction(struct broker_request *request) { request->direction = 1; }
static void unknown_kind(struct broker_request *request) { request->header.kind = 99; }
static void greeting(struct broker_request *request) { request->header.kind = BROKER_HELLO; }

static const struct {
	const char *what;
	enum broker_kind kind;
	void (*change)(struct broker_request *);
	bool allowed;
} rows[] = {
	{ "an active offer behind SNAT", BROKER_EXPECT, nothing, true },
	{ "a passive one behind DNAT", BROKER_EXPECT, passive, true },
	{ "a routed one", BROKER_EXPECT, routed, true },
	{ "IPv6", BROKER_EXPECT, ipv6, true },
	{ "a server whose own port is a control port", BROKER_EXPECT, dnat_port, true },
	{ "less time", BROKER_EXPECT, shorter, true },
	{ "another service's connection", BROKER_EXPECT, other_port, false },
	{ "a master without a port", BROKER_EXPECT, no_port, false },
	{ "a third host", BROKER_EXPECT, third_host, false },
	{ "the client past its translation", BROKER_EXPECT, client_itself, false },
	{ "somebody else comes", BROKER_EXPECT, foreign_caller, false },
	{ "anybody comes", BROKER_EXPECT, any_caller, false },
	{ "nobody comes", BROKER_EXPECT, no_caller, false },
	{ "the server comes the other way", BROKER_EXPECT, wrong_way, false },
	{ "a passive one to a third host", BROKER_EXPECT, passive_third, false },
	{ "a passive one the other way", BROKER_EXPECT, passive_wrong_way, false },
	{ "a passive one for another client", BROKER_EXPECT, passive_other_caller, false },
	{ "one source port", BROKER_EXPECT, source_port, false },
	{ "port 0", BROKER_EXPECT, port_zero, false },
	{ "a port below the minimum", BROKER_EXPECT, port_low, false },
	{ "a port on the deny list", BROKER_EXPECT, port_denied, false },
	{ "another port behind the translation", BROKER_EXPECT, port_moved, false },
	{ "not translated", BROKER_EXPECT, untranslated, false },
	{ "a truth of 2", BROKER_EXPECT, translated_twice, false },
	{ "a third direction", BROKER_EXPECT, no_direction, false },
	{ "no time", BROKER_EXPECT, no_timeout, false },
	{ "more time than is configured", BROKER_EXPECT, longer, false },
	{ "for ever", BROKER_EXPECT, for_ever, false },
	{ "two families", BROKER_EXPECT, mixed, false },
	{ "a master of two families", BROKER_EXPECT, mixed_master, false },
	{ "no family", BROKER_EXPECT, no_family, false },
	{ "a byte that means nothing", BROKER_EXPECT, none_set, false },
	{ "one in the header", BROKER_EXPECT, header_set, false },
	{ "octets beyond an IPv4 address", BROKER_EXPECT, beyond_ipv4, false },
	{ "with a position", BROKER_EXPECT, with_position, false },
	{ "taking it back", BROKER_UNEXPECT, nothing, true },
	{ "taking back one that got another port", BROKER_UNEXPECT, port_moved, true },
	{ "taking back another service's", BROKER_UNEXPECT, other_port, false },
	{ "looking after it", BROKER_PEEK, nothing, true },
	{ "looking after another service's", BROKER_PEEK, other_port, false },
	{ "an adjustment", BROKER_ADJUST, nothing, true },
	{ "one of another service's", BROKER_ADJUST, other_port, false },
	{ "one too far", BROKER_ADJUST, far_after, false },
	{ "one from too far", BROKER_ADJUST, far_forth, false },
	{ "one too far back", BROKER_ADJUST, far_before, false },
	{ "one of a third direction", BROKER_ADJUST, no_direction, false },
	{ "one with a tuple", BROKER_ADJUST, with_tuple, false },
	{ "one with a timeout", BROKER_ADJUST, with_timeout, false },
	{ "a question", BROKER_LOOKUP, nothing, true },
	{ "one with a master", BROKER_LOOKUP, with_master, false },
	{ "one with a direction", BROKER_LOOKUP, with_direction, false },
	{ "one of two families", BROKER_LOOKUP, mixed, false },
	{ "one without a family", BROKER_LOOKUP, no_caller, false },
	{ "a connection again", BROKER_RECALL, nothing, true },
	{ "another service's again", BROKER_RECALL, other_port, false },
	{ "one again with a tuple", BROKER_RECALL, with_tuple, false },
	{ "another kind", BROKER_EXPECT, unknown_kind, false },
	{ "a second greeting", BROKER_EXPECT, greeting, false },
};

static void a90_requests(void **state)
{
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *fault;

		begin(&fixture, rows[i].kind);
		rows[i].change(&fixture.request);
		fault = judge(&fixture);
		if ((fault == NULL) != rows[i].allowed)
			fail_msg("%s: %s", rows[i].what, fault ? fault : "allowed");
	}
}

static void a90_what_is_taken_is_what_was_said(void **state)
{
	struct fixture fixture;
	struct nat_view view;

	(void)state;
	begin(&fixture, BROKER_EXPECT);
	assert_null(judge(&fixture));
	view = fixture.order.master;
	assert_int_equal(fixture.order.kind, BROKER_EXPECT);
	assert_true(endpoint_equal(&view.client, &(struct endpoint){ unit_address("10.0.0.5"), 40000 }));
	assert_true(endpoint_equal(&view.server, &(struct endpoint){ unit_address("203.0.113.9"), 21 }));
	assert_true(endpoint_equal(&view.client_seen, &(struct endpoint){ unit_address("198.51.100.1"), 40001 }));
	assert_int_equal(fixture.order.expectation.timeout, 60);
	assert_int_equal(fixture.order.expectation.destination.port, 50000);
	assert_true(fixture.order.expectation.translated);
	begin(&fixture, BROKER_ADJUST);
	assert_null(judge(&fixture));
	assert_int_equal(fixture.order.direction, DIRECTION_REPLY);
	assert_int_equal(fixture.order.seqadj.position, 4000000000);
	assert_int_equal(fixture.order.seqadj.before, 3);
	assert_int_equal(fixture.order.seqadj.after, 7);
}

static void a90_lengths(void **state)
{
	struct fixture fixture;
	uint8_t longer_one[sizeof(fixture.request) + 1] = { 0 };

	(void)state;
	begin(&fixture, BROKER_EXPECT);
	memcpy(longer_one, &fixture.request, sizeof(fixture.request));
	for (size_t length = 0; length <= sizeof(longer_one); length++) {
		const char *fault = broker_check(&fixture.rules, (struct bytes){ longer_one, length }, &fixture.order);

		assert_true((fault == NULL) == (length == sizeof(fixture.request)));
	}
}

/* The policy's rules hold: those of the rule that the master falls under. */
static void a90_policy(void **state)
{
	struct fixture fixture;
	struct policy_rule *rule = &fixture.policy.rules[0];

	(void)state;
	begin(&fixture, BROKER_EXPECT);
	rule->active = false;
	assert_non_null(judge(&fixture));
	make_passive(&fixture.request);
	assert_null(judge(&fixture));
	rule->passive = false;
	assert_non_null(judge(&fixture));

	begin(&fixture, BROKER_EXPECT);
	rule->port_min = 50001;
	assert_non_null(judge(&fixture));

	/* A third party that is listed, by an active offer, untranslated, and at a listed port. */
	begin(&fixture, BROKER_EXPECT);
	rule->fxp[0] = (struct fxp_target){ unit_network("192.0.2.0/24"), { 50000, 50010 } };
	rule->fxp_count = 1;
	fixture.request.tuple.destination = put("192.0.2.7", 50000);
	assert_non_null(judge(&fixture));
	fixture.request.translated = 0;
	assert_null(judge(&fixture));
	offer_port(&fixture.request, 50011);
	assert_non_null(judge(&fixture));
	offer_port(&fixture.request, 50000);
	fixture.request.tuple.destination = put("192.0.3.7", 50000);
	assert_non_null(judge(&fixture));

	/* Who would come after a passive offer for a third party is not known: nothing is opened. */
	begin(&fixture, BROKER_EXPECT);
	rule->fxp[0] = (struct fxp_target){ unit_network("192.0.2.0/24"), { 50000, 50010 } };
	rule->fxp_count = 1;
	make_passive(&fixture.request);
	fixture.request.tuple.destination = put("192.0.2.7", 50000);
	fixture.request.translated = 0;
	assert_non_null(judge(&fixture));

	/* A stricter rule for one network, before the one for all. */
	begin(&fixture, BROKER_EXPECT);
	fixture.policy.rule_count = 2;
	policy_rule_set_defaults(&fixture.policy.rules[1]);
	rule->clients[0] = unit_network("10.0.0.0/24");
	rule->client_count = 1;
	rule->pinhole_timeout = 10;
	assert_non_null(judge(&fixture));
	fixture.request.timeout = 10;
	assert_null(judge(&fixture));
}

static const char *judge_packet(const uint8_t *packet, size_t length)
{
	struct fixture fixture;
	uint8_t datagram[sizeof(struct broker_header) + 128] = { BROKER_INJECT };

	begin(&fixture, BROKER_LOOKUP);
	memcpy(datagram + sizeof(struct broker_header), packet, length);
	return broker_check(&fixture.rules, (struct bytes){ datagram, sizeof(struct broker_header) + length },
			    &fixture.order);
}

static void a90_injected_packets(void **state)
{
	static const struct {
		uint8_t flags;
		bool allowed;
	} flags[] = {
		{ TCP_RST, true }, { TCP_RST | TCP_ACK, true }, { TCP_ACK, true }, { TCP_SYN, false },
		{ TCP_SYN | TCP_ACK, false }, { TCP_FIN | TCP_ACK, false }, { TCP_ACK | TCP_PSH, true }, { 0, false },
		{ TCP_RST | TCP_SYN, false }, { TCP_ACK | TCP_URG, false },
	};
	static const char *const addresses[][2] = {
		{ "203.0.113.9", "10.0.0.5" }, { "2001:db8:2::9", "2001:db8:1::5" },
	};

	(void)state;
	for (size_t family = 0; family < ARRAY_SIZE(addresses); family++)
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
			struct packet_plain plain = {
				.tuple = { unit_endpoint(addresses[family][0], 21),
					   unit_endpoint(addresses[family][1], 40000) },
				.seq = 1, .ack = 2, .flags = flags[i].flags, .window = 3, .timestamps = { true, 4, 5 },
			};
			uint8_t packet[PACKET_PLAIN_MAX + 8] = { 0 };
			const size_t length = packet_build(&plain, packet);

			assert_int_equal(judge_packet(packet, length) == NULL, flags[i].allowed);
			/* More or less than a packet; a checksum that is wrong. */
			assert_non_null(judge_packet(packet, length + 1));
			assert_non_null(judge_packet(packet, length - 1));
			packet[length - 1] ^= 1;
			assert_non_null(judge_packet(packet, length));
		}
}

/* What was kept of a line leaves in segments of its own; a reset takes nothing with it. */
static void a90_injected_payload(void **state)
{
	static const uint8_t flags[] = { TCP_ACK, TCP_ACK | TCP_PSH, TCP_RST | TCP_ACK, TCP_RST };
	struct packet_plain plain = {
		.tuple = { unit_endpoint("203.0.113.9", 21), unit_endpoint("10.0.0.5", 40000) }, .flags = TCP_ACK,
	};
	uint8_t header[PACKET_PLAIN_MAX], packet[128];
	const struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet view;

	(void)state;
	assert_int_equal(packet_parse(bytes, &view), REASON_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const struct packet_change change = { .flags = flags[i], .payload = unit_string("NOOP\r\n") };
		const size_t length = packet_rewrite(bytes, &view, &change, packet, sizeof(packet));

		assert_int_equal(judge_packet(packet, length) == NULL, !(flags[i] & TCP_RST));
	}
}

static size_t add_verdict(uint8_t *datagram, size_t used, uint32_t id, uint8_t accept, const char *packet)
{
	const struct broker_verdict verdict = { .id = id, .length = (uint32_t)strlen(packet), .accept = accept };

	memcpy(datagram + used, &verdict, sizeof(verdict));
	memcpy(datagram + used + sizeof(verdict), packet, verdict.length);
	return used + sizeof(verdict) + ((verdict.length + 3) & ~3U);
}

static void a90_verdicts(void **state)
{
	struct fixture fixture;
	uint8_t datagram[256] = { BROKER_VERDICTS };
	struct nfverdict_decision decision;
	struct broker_verdict bad = { .id = 1, .accept = 2 };
	size_t used = sizeof(struct broker_header);

	(void)state;
	begin(&fixture, BROKER_LOOKUP);
	used = add_verdict(datagram, used, 7, 1, "");
	used = add_verdict(datagram, used, 8, 0, "");
	used = add_verdict(datagram, used, 9, 1, "packet");
	assert_null(broker_check(&fixture.rules, (struct bytes){ datagram, used }, &fixture.order));
	assert_true(broker_next_verdict(&fixture.order.verdicts, &decision));
	assert_true(decision.id == 7 && decision.accept && decision.packet.length == 0);
	assert_true(broker_next_verdict(&fixture.order.verdicts, &decision));
	assert_true(decision.id == 8 && !decision.accept);
	assert_true(broker_next_verdict(&fixture.order.verdicts, &decision));
	assert_true(decision.id == 9 && decision.accept && decision.packet.length == 6);
	assert_memory_equal(decision.packet.data, "packet", 6);
	assert_false(broker_next_verdict(&fixture.order.verdicts, &decision));

	for (size_t length = used - 1; length > used - 8; length--)
		assert_non_null(broker_check(&fixture.rules, (struct bytes){ datagram, length }, &fixture.order));
	/* NF_QUEUE, NF_STOLEN and the like are no verdicts here; nor is a packet that is dropped and replaced. */
	memcpy(datagram + used, &bad, sizeof(bad));
	assert_non_null(broker_check(&fixture.rules, (struct bytes){ datagram, used + sizeof(bad) }, &fixture.order));
	used = add_verdict(datagram, sizeof(struct broker_header), 9, 0, "packet");
	assert_non_null(broker_check(&fixture.rules, (struct bytes){ datagram, used }, &fixture.order));
	bad = (struct broker_verdict){ .id = 1, .accept = 1, .length = UINT32_MAX };
	memcpy(datagram + sizeof(struct broker_header), &bad, sizeof(bad));
	assert_non_null(broker_check(&fixture.rules, (struct bytes){ datagram, sizeof(datagram) }, &fixture.order));
}

/* Each of several requests is judged as if it had come alone. */
static void a90_several_requests(void **state)
{
	static struct broker_request requests[BROKER_REQUESTS_MAX + 1];
	const uint8_t *const bytes = (const uint8_t *)requests;
	struct bytes rest = { bytes, 3 * sizeof(requests[0]) };
	struct fixture fixture;

	(void)state;
	begin(&fixture, BROKER_EXPECT);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		requests[i] = fixture.request;
	foreign_caller(&requests[1]);
	for (size_t i = 0; i < 3; i++) {
		const struct bytes one = broker_next_request(&rest);

		assert_ptr_equal(one.data, &requests[i]);
		assert_int_equal(one.length, sizeof(requests[i]));
		assert_int_equal(broker_check(&fixture.rules, one, &fixture.order) == NULL, i != 1);
	}
	assert_int_equal(rest.length, 0);
	/* Too many, and a part of one: nothing of it is carried out. */
	for (size_t surplus = 0; surplus < 2; surplus++) {
		rest = (struct bytes){ bytes, surplus ? sizeof(requests) : 2 * sizeof(requests[0]) + 1 };
		assert_non_null(broker_check(&fixture.rules, broker_next_request(&rest), &fixture.order));
		assert_int_equal(rest.length, 0);
	}
	/* Nor do others hide what is no request, which has no answer. */
	requests[0].header.kind = BROKER_VERDICTS;
	rest = (struct bytes){ bytes, 2 * sizeof(requests[0]) };
	assert_int_equal(broker_next_request(&rest).length, 2 * sizeof(requests[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a90_requests),
		cmocka_unit_test(a90_what_is_taken_is_what_was_said),
		cmocka_unit_test(a90_lengths),
		cmocka_unit_test(a90_policy),
		cmocka_unit_test(a90_injected_packets),
		cmocka_unit_test(a90_injected_payload),
		cmocka_unit_test(a90_verdicts),
		cmocka_unit_test(a90_several_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
