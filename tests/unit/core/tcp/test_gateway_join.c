/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gateways that have limits together: many connections, none of which says anything. */
#include <stdlib.h>

#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/packet.h"
#include "unit.h"
#include "world.h"

#define GATEWAYS 2
#define SESSIONS 400
#define CLIENT_SEQ 1000
#define SERVER_SEQ 2000

static const uint8_t key[16] = { 1 };

struct site {
	struct policy policy;
	struct gateway_limits limits;
	void *counts;
	void *memory[GATEWAYS];
	struct gateway *gateway[GATEWAYS];
	struct share share[GATEWAYS];
	struct gateway_output output;
	unsigned int sessions; /* that have begun and not ended, as events tell */
};

static struct site site;

/* All that comes is of connections that are about to begin. */
static enum reason look_up(void *context, const struct tuple *seen, struct connection *connection)
{
	(void)context;
	*connection = (struct connection){ .direction = DIRECTION_REPLY, .opening = true, .carrier = true };
	connection->view.client = connection->view.client_seen = seen->destination;
	connection->view.server = connection->view.server_seen = seen->source;
	return REASON_NONE;
}

static enum reason recall(void *context, const struct nat_view *view, struct connection *connection)
{
	(void)context;
	(void)view;
	(void)connection;
	return REASON_NO_CONNECTION;
}

static void inject(void *context, struct bytes packet)
{
	(void)context;
	(void)packet;
}

static void hear(void *context, const struct notice *notice)
{
	struct site *here = context;

	here->sessions += notice->type == NOTICE_SESSION_OPEN ? 1 : 0;
	here->sessions -= notice->type == NOTICE_SESSION_CLOSE ? 1 : 0;
}

static const struct ops ops = { .context = &site, .lookup = look_up, .recall = recall, .inject = inject, .notice = hear };

static void make_with(uint32_t source_sessions)
{
	site.sessions = 0;
	policy_rule_set_defaults(&site.policy.rules[0]);
	site.policy.rule_count = 1;
	gateway_limits_set_defaults(&site.limits);
	site.limits.sessions = SESSIONS;
	site.limits.quota.sessions = source_sessions;
	site.counts = calloc(1, share_memory_size(GATEWAYS, SESSIONS));
	for (uint32_t i = 0; i < GATEWAYS; i++) {
		site.memory[i] = calloc(1, gateway_memory(&site.limits));
		site.gateway[i] = gateway_create(site.memory[i], &site.limits, &site.policy, &ops, key);
		share_open(&site.share[i], site.counts, GATEWAYS, SESSIONS, i, key);
		gateway_join(site.gateway[i], &site.share[i]);
	}
}

static int make(void **state)
{
	(void)state;
	make_with(0);
	return 0;
}

static int make_with_one_session_for_a_source(void **state)
{
	(void)state;
	make_with(1);
	return 0;
}

static int discard(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < GATEWAYS; i++)
		free(site.memory[i]);
	free(site.counts);
	return 0;
}

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
	return (struct endpoint){ .address = world_address(address), .port = port };
}

static enum gateway_verdict give(uint32_t gateway, const struct packet_plain *plain)
{
	uint8_t packet[PACKET_PLAIN_MAX];
	const size_t length = packet_build(plain, packet);

	gateway_packet(site.gateway[gateway], (struct bytes){ packet, length }, NULL, 1, &site.output);
	return site.output.verdict;
}

static enum gateway_verdict shake(uint32_t gateway, uint16_t port)
{
	const struct packet_plain plain = {
		.tuple = { endpoint_of("203.0.113.9", 21), endpoint_of("10.0.0.5", port) }, .seq = SERVER_SEQ, .ack = CLIENT_SEQ,
		.flags = TCP_SYN | TCP_ACK, .window = 1000,
	};

	return give(gateway, &plain);
}

static enum gateway_verdict answer(uint32_t gateway, uint16_t port)
{
	const struct packet_plain plain = {
		.tuple = { endpoint_of("10.0.0.5", port), endpoint_of("203.0.113.9", 21) }, .seq = CLIENT_SEQ, .ack = SERVER_SEQ + 1,
		.flags = TCP_ACK, .window = 1000,
	};

	return give(gateway, &plain);
}

static bool begin(uint32_t gateway, uint16_t port)
{
	return shake(gateway, port) == GATEWAY_ACCEPT && answer(gateway, port) == GATEWAY_ACCEPT;
}

static void a210_a_table_is_full_when_all_gateways_have_as_many_sessions_together(void **state)
{
	(void)state;
	for (uint16_t port = 0; port < SESSIONS; port++)
		assert_true(begin(port % GATEWAYS, (uint16_t)(1024 + port)));
	assert_int_equal(site.sessions, SESSIONS);
	for (uint32_t i = 0; i < GATEWAYS; i++) {
		assert_int_equal(gateway_session_count(site.gateway[i]), SESSIONS / GATEWAYS);
		assert_false(begin(i, 5000));
		assert_int_equal(site.output.reason, REASON_TABLE_FULL);
	}
	/* What one of them loses, any may have, and more than its half. */
	gateway_stop(site.gateway[0], true, 2);
	assert_int_equal(site.sessions, SESSIONS / GATEWAYS);
	for (uint16_t port = 0; port < SESSIONS / GATEWAYS; port++)
		assert_true(begin(1, (uint16_t)(6000 + port)));
	assert_false(begin(1, 7000));
	assert_int_equal(gateway_session_count(site.gateway[1]), SESSIONS);
}

static void a210_a_source_that_is_refused_leaves_its_session_to_others(void **state)
{
	(void)state;
	assert_true(begin(0, 1024));
	for (uint16_t port = 2000; port < 2000 + SESSIONS; port++) {
		assert_false(begin(1, port));
		assert_int_equal(site.output.reason, REASON_QUOTA_SESSIONS);
	}
	/* Had one of them been counted, this would be the last that fits. */
	for (unsigned int i = 1; i < SESSIONS; i++)
		assert_true(share_begin_session(&site.share[1], SESSIONS));
	assert_false(share_begin_session(&site.share[1], SESSIONS));
}

static void a210_handshakes_that_wait_have_an_equal_part_for_each(void **state)
{
	const unsigned int part = SESSIONS / 8 / GATEWAYS;

	(void)state;
	for (uint16_t port = 0; port < part; port++)
		shake(0, (uint16_t)(1024 + port));
	assert_int_equal(gateway_get_counters(site.gateway[0])->reasons[REASON_HANDSHAKES_FULL], 0);
	shake(0, 5000);
	assert_int_equal(gateway_get_counters(site.gateway[0])->reasons[REASON_HANDSHAKES_FULL], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a210_a_table_is_full_when_all_gateways_have_as_many_sessions_together, make,
						discard),
		cmocka_unit_test_setup_teardown(a210_a_source_that_is_refused_leaves_its_session_to_others,
						make_with_one_session_for_a_source, discard),
		cmocka_unit_test_setup_teardown(a210_handshakes_that_wait_have_an_equal_part_for_each, make, discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
