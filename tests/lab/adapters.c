/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The adapters from the command line, for test_adapters.py: one operation, one line of output. Endpoints are written
 * "192.0.2.1:21" or "[2001:db8::1]:21".
 *
 *   lookup ZONE SOURCE DESTINATION
 *   lookups ZONE SOURCE DESTINATION SOURCE DESTINATION      one after the other, with what the first has taught
 *   expect ZONE VIEW FROM TO TRANSLATED NAT_DIRECTION SAVED_PORT TIMEOUT
 *   unexpect ZONE VIEW FROM TO
 *   unexpects ZONE VIEW FROM TO                      the ports before and behind it too
 *   peek ZONE VIEW FROM TO
 *   seqadj ZONE VIEW DIRECTION POSITION BEFORE AFTER
 *   candidates WANTED SALT
 *   inject MARK HEX
 *   queue NUMBER accept|drop|replace          until standard input ends; replace turns x into y in each packet
 *
 * VIEW is CLIENT SERVER_SEEN SERVER CLIENT_SEEN.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftpalg/address.h"
#include "ftpalg/gateway.h"
#include "ftpalg/packet.h"
#include "netfilter/conntrack.h"
#include "netfilter/expect.h"
#include "netfilter/nfqueue.h"
#include "netfilter/rawsock.h"

static struct netlink kernel;

static void die(const char *what)
{
	fprintf(stderr, "adapters: %s\n", what);
	exit(2);
}

/* Of a test that writes its numbers right. */
static long read_number(const char *text)
{
	return strtol(text, NULL, 0);
}

static struct endpoint read_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':');
	const uint8_t *start = (const uint8_t *)text;
	struct endpoint endpoint = { .port = 0 };
	size_t length;

	if (!colon)
		die("an endpoint needs a port");
	length = (size_t)(colon - text);
	if (text[0] == '[') {
		start++;
		length -= 2;
	}
	if (!address_parse((struct bytes){ .data = start, .length = length }, &endpoint.address))
		die("no address");
	endpoint.port = (uint16_t)read_number(colon + 1);
	return endpoint;
}

static struct nat_view read_view(char **argv)
{
	return (struct nat_view){
		.client = read_endpoint(argv[0]),
		.server_seen = read_endpoint(argv[1]),
		.server = read_endpoint(argv[2]),
		.client_seen = read_endpoint(argv[3]),
	};
}

static void print_endpoint(const char *name, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(endpoint, text);
	printf(" %s=%s", name, text);
}

static void run_lookup(char **argv)
{
	struct conntrack conntrack = { .netlink = &kernel, .zone = (uint16_t)read_number(argv[0]) };
	const struct tuple seen = { .source = read_endpoint(argv[1]), .destination = read_endpoint(argv[2]) };
	struct connection connection = { .carrier = false };
	const enum reason reason = conntrack_lookup(&conntrack, &seen, &connection);

	printf("reason=%s", reason_name(reason));
	if (reason == REASON_NONE) {
		printf(" direction=%d carrier=%d resizable=%d", connection.direction, connection.carrier,
		       connection.resizable);
		print_endpoint("client", &connection.view.client);
		print_endpoint("server_seen", &connection.view.server_seen);
		print_endpoint("server", &connection.view.server);
		print_endpoint("client_seen", &connection.view.client_seen);
		for (int i = 0; i < 2; i++)
			printf(" seqadj%d=%u,%d,%d", i, connection.seqadj[i].position, connection.seqadj[i].before,
			       connection.seqadj[i].after);
	}
	printf("\n");
}

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void run_lookups(char **argv)
{
	struct conntrack conntrack = { .netlink = &kernel, .zone = (uint16_t)read_number(argv[0]) };

	for (int i = 0; i < 2; i++) {
		const struct tuple seen = { .source = read_endpoint(argv[1 + 2 * i]),
					    .destination = read_endpoint(argv[2 + 2 * i]) };
		struct connection connection = { .carrier = false };
		const uint32_t dumps = conntrack.dumps;
		const uint64_t start = microseconds();
		const enum reason reason = conntrack_lookup(&conntrack, &seen, &connection);

		printf("reason%d=%s dumps%d=%u microseconds%d=%llu", i, reason_name(reason), i, conntrack.dumps - dumps, i,
		       (unsigned long long)(microseconds() - start));
		print_endpoint(i ? " client1" : " client0", &connection.view.client);
		printf(i ? "\n" : " ");
	}
}

enum operation {
	LOOKUP,
	LOOKUPS,
	EXPECT,
	UNEXPECT,
	UNEXPECTS,
	PEEK,
	SEQADJ,
	CANDIDATES,
	INJECT,
	QUEUE,
	OPERATION_COUNT
};

static void run_expect(char **argv, enum operation operation)
{
	static struct expect expect;
	const struct nat_view view = read_view(&argv[1]);
	struct expectation expectation = {
		.source = read_endpoint(argv[5]).address,
		.destination = read_endpoint(argv[6]),
	};
	enum reason reason;

	expect = (struct expect){ .netlink = &kernel, .zone = (uint16_t)read_number(argv[0]), .together = true };
	if (operation == EXPECT) {
		expectation.translated = read_number(argv[7]);
		expectation.nat_direction = read_number(argv[8]) ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
		expectation.saved_port = (uint16_t)read_number(argv[9]);
		expectation.timeout = (uint32_t)read_number(argv[10]);
		reason = expect_create(&expect, &view, &expectation);
		if (expect_settle(&expect) < 0)
			die("a timeout was refused");
	} else if (operation == UNEXPECT) {
		reason = expect_delete(&expect, &view, &expectation);
	} else {
		reason = expect_peek(&expect, &view, &expectation);
	}
	printf("reason=%s port=%u error=%s\n", reason_name(reason), expectation.destination.port,
	       strerror(-expect.error));
}

/* The expectation, between two that there are not. */
static void run_unexpects(char **argv)
{
	static struct expect expect;
	struct expect_owned owned[3];
	enum reason reasons[3];

	expect = (struct expect){ .netlink = &kernel, .zone = (uint16_t)read_number(argv[0]) };
	for (size_t i = 0; i < 3; i++) {
		owned[i] = (struct expect_owned){
			.master = read_view(&argv[1]),
			.expectation = { .source = read_endpoint(argv[5]).address, .destination = read_endpoint(argv[6]) },
		};
		owned[i].expectation.destination.port = (uint16_t)(owned[i].expectation.destination.port + i - 1);
	}
	expect_delete_all(&expect, owned, 3, reasons);
	printf("reasons=%s,%s,%s\n", reason_name(reasons[0]), reason_name(reasons[1]), reason_name(reasons[2]));
}

static void run_seqadj(char **argv)
{
	struct conntrack conntrack = {
		.netlink = &kernel, .zone = (uint16_t)read_number(argv[0]), .established = 431001,
	};
	const struct nat_view view = read_view(&argv[1]);
	const struct seqadj seqadj = {
		.position = (uint32_t)read_number(argv[6]),
		.before = (int32_t)read_number(argv[7]),
		.after = (int32_t)read_number(argv[8]),
	};
	const enum direction direction = read_number(argv[5]) ? DIRECTION_REPLY : DIRECTION_ORIGINAL;

	printf("reason=%s\n", reason_name(conntrack_adjust(&conntrack, &view, direction, &seqadj)));
}

static void run_candidates(char **argv)
{
	uint16_t ports[EXPECT_TRIES];
	const size_t count = expect_candidates((uint16_t)read_number(argv[0]), (uint32_t)read_number(argv[1]), ports);

	for (size_t i = 0; i < count; i++)
		printf("%s%u", i ? " " : "", ports[i]);
	printf("\n");
}

static void run_inject(char **argv)
{
	struct rawsock rawsock;
	uint8_t packet[2048];
	size_t length = 0;
	char byte[3] = "";

	if (rawsock_open(&rawsock, (uint32_t)read_number(argv[0])) < 0)
		die("can't open raw sockets");
	for (const char *hex = argv[1]; length < sizeof(packet) && hex[0] && hex[1]; hex += 2) {
		memcpy(byte, hex, 2);
		packet[length++] = (uint8_t)strtol(byte, NULL, 16);
	}
	printf("result=%s\n", strerror(-rawsock_send(&rawsock, (struct bytes){ .data = packet, .length = length })));
	rawsock_close(&rawsock);
}

static struct nfqueue_answer judge_packet(void *context, struct bytes bytes)
{
	static uint8_t changed[GATEWAY_PACKET_MAX];
	static uint8_t payload[GATEWAY_PACKET_MAX];
	const char *what = context;
	struct nfqueue_answer answer = { .verdict = strcmp(what, "drop") ? NFQUEUE_ACCEPT : NFQUEUE_DROP };
	struct packet packet;

	if (strcmp(what, "replace") != 0 || packet_parse(bytes, &packet) != REASON_NONE || !packet.payload.length)
		return answer;
	for (size_t i = 0; i < packet.payload.length; i++)
		payload[i] = packet.payload.data[i] == 'x' ? 'y' : packet.payload.data[i];
	answer.packet.data = changed;
	answer.packet.length = packet_rewrite(bytes, &packet, &(struct packet_change){
		.seq = packet.seq, .ack = packet.ack, .flags = packet.flags,
		.payload = { .data = payload, .length = packet.payload.length }, .urgent = packet.urgent,
	}, changed, sizeof(changed));
	answer.verdict = NFQUEUE_REPLACE;
	return answer;
}

static void run_queue(char **argv)
{
	static struct nfqueue queue;
	static struct nfverdict verdict;
	const struct nfqueue_settings settings = { .number = (uint16_t)read_number(argv[0]), .length = 1024 };
	const struct nfqueue_judge judge = { .context = argv[1], .judge = judge_packet };
	char error[256];
	struct pollfd wait[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };

	if (nfqueue_open(&queue, &settings, error, sizeof(error)) < 0) {
		printf("error=%s\n", error);
		return;
	}
	wait[1].fd = nfqueue_descriptor(&queue);
	if (nfqueue_open_verdict(&queue, &verdict) < 0)
		die("can't send verdicts");
	printf("bound\n");
	if (fflush(stdout) == EOF)
		die("nobody listens");
	while (poll(wait, 2, -1) >= 0 && !wait[0].revents)
		if (nfqueue_receive(&queue, &judge) < 0)
			die("the queue failed");
	printf("packets=%llu truncated=%llu gone=%llu failed=%llu\n", (unsigned long long)queue.counters.packets,
	       (unsigned long long)queue.counters.truncated, (unsigned long long)queue.counters.gone,
	       (unsigned long long)queue.counters.failed);
	nfverdict_close(&verdict);
	nfqueue_close(&queue);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
	} operations[] = {
		[LOOKUP] = { "lookup", 3 }, [LOOKUPS] = { "lookups", 5 }, [EXPECT] = { "expect", 11 }, [UNEXPECT] = { "unexpect", 7 },
		[UNEXPECTS] = { "unexpects", 7 },
		[PEEK] = { "peek", 7 }, [SEQADJ] = { "seqadj", 9 }, [CANDIDATES] = { "candidates", 2 },
		[INJECT] = { "inject", 2 }, [QUEUE] = { "queue", 2 },
	};
	enum operation operation = LOOKUP;

	while (operation < OPERATION_COUNT && (argc < 2 || strcmp(argv[1], operations[operation].name) != 0))
		operation++;
	if (operation == OPERATION_COUNT || argc != operations[operation].arguments + 2)
		die("wrong arguments; see the head of adapters.c");
	if (netlink_open(&kernel) < 0)
		die("can't open a netlink socket");
	switch (operation) {
	case LOOKUP: run_lookup(&argv[2]); break;
	case LOOKUPS: run_lookups(&argv[2]); break;
	case EXPECT:
	case UNEXPECT:
	case PEEK: run_expect(&argv[2], operation); break;
	case UNEXPECTS: run_unexpects(&argv[2]); break;
	case SEQADJ: run_seqadj(&argv[2]); break;
	case CANDIDATES: run_candidates(&argv[2]); break;
	case INJECT: run_inject(&argv[2]); break;
	default: run_queue(&argv[2]); break;
	}
	netlink_close(&kernel);
	return 0;
}
