/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a packet costs where the table has many sessions, without a kernel: for each number of sessions a line.
 *
 *   table SESSIONS...
 *
 * All log in, through SNAT, 16 from an address. Then ROUNDS times a session that is drawn at random says NOOP, has its reply
 * and acknowledges it: "packet" is the processor time of one of these, where they come one by one, and where 8 and 32 come
 * together, each of another session. "open" is that of a session's SYN-ACK, "tick" the longest of those that are due in a
 * minute of the gateway's clock while nothing comes, "policy" that of taking another policy, and "bytes" what of the
 * process's memory a session takes. Processor time, because others run here too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/tcp/buffer.h"
#include "ftpalg/address.h"
#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/packet.h"
#include "ftpalg/session.h"

#define ROUNDS 400000
#define TOGETHER 32 /* sessions of which the packets are made before they are judged; the largest batch */
#define PER_ADDRESS 16
#define TICK_SECONDS 60
#define FIRST_CLIENT 1000U /* sequence numbers before the first byte */
#define FIRST_SERVER 5000U
#define PACKET_SIZE 256

struct dialogue {
	uint32_t next[2];
};

struct made {
	uint8_t bytes[PACKET_SIZE];
	size_t length;
};

struct bench {
	struct gateway_limits limits;
	struct policy policy;
	struct ops ops;
	struct gateway *gateway;
	void *memory;
	struct dialogue *dialogues;
	uint32_t count;
	uint64_t now;
	uint64_t random;
	struct gateway_output output;
	struct made made[TOGETHER * 3];
};

static uint64_t processor_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		exit(1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct endpoint ipv4(uint32_t address, uint16_t port)
{
	return (struct endpoint){
		.address = {
			.family = FAMILY_IPV4,
			.octets = { (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
				    (uint8_t)address },
		},
		.port = port,
	};
}

static struct tuple tuple_of(uint32_t session)
{
	return (struct tuple){
		.source = ipv4(0x0a000000 + session / PER_ADDRESS, (uint16_t)(40000 + session % PER_ADDRESS)),
		.destination = ipv4(0xcb007109, 21),
	};
}

static enum reason op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	const bool reply = seen->source.port == 21;

	(void)context;
	*connection = (struct connection){
		.view = {
			.client = reply ? seen->destination : seen->source,
			.server_seen = reply ? seen->source : seen->destination,
			.server = reply ? seen->source : seen->destination,
		},
		.direction = reply ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.opening = true, .carrier = true, .resizable = true,
	};
	connection->view.client_seen = ipv4(0xc63364c8, connection->view.client.port);
	return REASON_NONE;
}

static void op_inject(void *context, struct bytes packet)
{
	(void)context;
	(void)packet;
}

static void op_notice(void *context, const struct notice *notice)
{
	(void)context;
	(void)notice;
}

/* The next segment of a session. */
static void make(struct bench *bench, struct made *made, uint32_t session, enum direction direction, uint8_t flags,
		 const char *text)
{
	struct dialogue *dialogue = &bench->dialogues[session];
	const struct tuple tuple = tuple_of(session);
	const struct packet_plain plain = {
		.tuple = direction == DIRECTION_ORIGINAL ? tuple : tuple_reverse(&tuple), .flags = TCP_ACK, .window = 1000,
	};
	const struct packet_change change = {
		.seq = dialogue->next[direction], .ack = dialogue->next[direction_opposite(direction)], .flags = flags,
		.payload = { (const uint8_t *)text, strlen(text) },
	};
	uint8_t header[PACKET_PLAIN_MAX];
	const struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet packet;

	packet_parse(bytes, &packet);
	made->length = packet_rewrite(bytes, &packet, &change, made->bytes, sizeof(made->bytes));
	dialogue->next[direction] += (uint32_t)strlen(text) + (flags & TCP_SYN ? 1 : 0);
}

static void judge_batch(struct bench *bench, const struct made *made, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct packet packet;

		packet_parse((struct bytes){ made[i].bytes, made[i].length }, &packet);
		gateway_foresee(bench->gateway, &packet.tuple);
	}
	for (size_t i = 0; i < count; i++) {
		const struct bytes packet = { made[i].bytes, made[i].length };

		gateway_packet(bench->gateway, packet, NULL, ++bench->now, &bench->output);
		if (bench->output.verdict == GATEWAY_DROP) {
			fprintf(stderr, "table: a packet was dropped: %s\n", reason_name(bench->output.reason));
			exit(1);
		}
	}
}

/* Processor time of these packets, in nanoseconds. batch of them come together. */
static uint64_t judge(struct bench *bench, size_t count, size_t batch)
{
	const uint64_t began = processor_time();

	for (size_t i = 0; i < count; i += batch)
		judge_batch(bench, bench->made + i, batch);
	return processor_time() - began;
}

/* Returns the processor time of its first packet. */
static uint64_t log_in(struct bench *bench, uint32_t session)
{
	static const struct {
		enum direction direction;
		const char *text;
	} said[] = {
		{ DIRECTION_ORIGINAL, "" }, { DIRECTION_REPLY, "220 ready\r\n" }, { DIRECTION_ORIGINAL, "USER u\r\n" },
		{ DIRECTION_REPLY, "331 password\r\n" }, { DIRECTION_ORIGINAL, "PASS p\r\n" }, { DIRECTION_REPLY, "230 in\r\n" },
		{ DIRECTION_ORIGINAL, "" },
	};
	uint64_t opening;

	bench->dialogues[session] = (struct dialogue){ .next = { FIRST_CLIENT + 1, FIRST_SERVER } };
	make(bench, &bench->made[0], session, DIRECTION_REPLY, TCP_SYN | TCP_ACK, "");
	opening = judge(bench, 1, 1);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		make(bench, &bench->made[i], session, said[i].direction, *said[i].text ? TCP_ACK | TCP_PSH : TCP_ACK,
		     said[i].text);
	judge(bench, sizeof(said) / sizeof(said[0]), 1);
	return opening;
}

static uint32_t draw(struct bench *bench, uint32_t count)
{
	bench->random = bench->random * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)((bench->random >> 33) % count);
}

/* The command, the reply and the acknowledgement of so many sessions, in three batches. */
static void make_batches(struct bench *bench, struct made *made, size_t batch)
{
	const uint32_t part = bench->count / (uint32_t)batch;

	for (uint32_t i = 0; i < batch; i++) {
		const uint32_t session = i * part + draw(bench, part);

		make(bench, &made[i], session, DIRECTION_ORIGINAL, TCP_ACK | TCP_PSH, "NOOP\r\n");
		make(bench, &made[batch + i], session, DIRECTION_REPLY, TCP_ACK | TCP_PSH, "200 nothing done\r\n");
		make(bench, &made[2 * batch + i], session, DIRECTION_ORIGINAL, TCP_ACK, "");
	}
}

static uint64_t talk(struct bench *bench, size_t batch)
{
	uint64_t spent = 0;

	for (uint32_t round = 0; round < ROUNDS / TOGETHER; round++) {
		for (size_t i = 0; i < TOGETHER; i += batch)
			make_batches(bench, &bench->made[3 * i], batch);
		spent += judge(bench, 3 * TOGETHER, batch);
	}
	return spent / (ROUNDS / TOGETHER * TOGETHER * 3);
}

static uint64_t longest_tick(struct bench *bench)
{
	const uint64_t end = bench->now + TICK_SECONDS * 1000000;
	uint64_t longest = 0;

	while (bench->now < end) {
		uint64_t began;

		bench->now = gateway_next_tick(bench->gateway, bench->now);
		began = processor_time();
		gateway_tick(bench->gateway, bench->now);
		if (processor_time() - began > longest)
			longest = processor_time() - began;
	}
	return longest;
}

static uint64_t change_policy(struct bench *bench)
{
	const struct policy other = bench->policy;
	const uint64_t began = processor_time();
	uint64_t spent;

	gateway_set_policy(bench->gateway, &other);
	spent = processor_time() - began;
	gateway_set_policy(bench->gateway, &bench->policy);
	return spent;
}

static void begin(struct bench *bench, uint32_t count)
{
	static const uint8_t key[16] = { 9, 8, 7 };

	memset(bench, 0, sizeof(*bench));
	bench->count = count;
	bench->now = 1000000;
	gateway_limits_set_defaults(&bench->limits);
	bench->limits.sessions = count;
	bench->limits.quota.sessions = PER_ADDRESS;
	policy_rule_set_defaults(&bench->policy.rules[0]);
	bench->policy.rule_count = 1;
	bench->ops = (struct ops){ .context = bench, .lookup = op_lookup, .inject = op_inject, .notice = op_notice };
	bench->memory = calloc(1, gateway_memory(&bench->limits));
	bench->dialogues = malloc(count * sizeof(*bench->dialogues));
	if (!bench->memory || !bench->dialogues)
		exit(1);
	memset(bench->dialogues, 1, count * sizeof(*bench->dialogues));
	bench->gateway = gateway_create(bench->memory, &bench->limits, &bench->policy, &bench->ops, key);
}

static void run(uint32_t count)
{
	static const size_t batches[] = { 1, 8, TOGETHER };
	static struct bench bench;
	uint64_t opening = 0;
	size_t before;

	begin(&bench, count);
	before = resident();
	for (uint32_t i = 0; i < count; i++)
		opening += log_in(&bench, i);
	before = resident() - before;
	printf("sessions=%u packet=", gateway_session_count(bench.gateway));
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		printf("%s%llu", i ? "/" : "", (unsigned long long)talk(&bench, batches[i]));
	printf(" ns open=%llu ns", (unsigned long long)opening / count);
	printf(" tick=%.3f ms", (double)longest_tick(&bench) / 1e6);
	printf(" policy=%.3f ms bytes=%zu\n", (double)change_policy(&bench) / 1e6, before / count);
	free(bench.memory);
	free(bench.dialogues);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: table SESSIONS...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		run((uint32_t)strtoul(argv[i], NULL, 10));
	return 0;
}
