/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets through a gateway, so that a tool can count the instructions of gateway_packet(): for tests/bench/count.
 *
 *   count PACKETS SESSIONS
 *
 * Each session, through SNAT, logs in, and goes on with rounds of what PACKETS says: "login" nothing, "acknowledge" a pure
 * acknowledgement, "line" NOOP and its reply, "offer" a PORT that is made longer, its reply and the acknowledgement of that,
 * "blanks" a command and a reply that are looked through for what may stand between many blanks, and "names", "erasures" and
 * "returns" a command of LONG bytes: a name in another alphabet, the same with erasures in front, and CR NUL (RFC 2640), of
 * which "returns" has a reply too. What a line costs grows with its length and no faster.
 * The last line tells how many packets there were. It is the same for all times: no packet depends on a clock or on chance.
 */
#include <stdlib.h>

#include "gateway_rig.h"
#include "unit.h"

#define ROUNDS 50
#define LONG_ROUNDS 2

static void acknowledge(struct rig *rig)
{
	rig_acknowledge(rig, DIRECTION_ORIGINAL);
}

static void line(struct rig *rig)
{
	rig_say(rig, DIRECTION_ORIGINAL, "NOOP\r\n");
	rig_say(rig, DIRECTION_REPLY, "200 nothing done\r\n");
}

static void offer(struct rig *rig)
{
	rig_say(rig, DIRECTION_ORIGINAL, RIG_PORT);
	rig_say(rig, DIRECTION_REPLY, "200 offer taken\r\n");
	rig_acknowledge(rig, DIRECTION_ORIGINAL);
	/* What the rig keeps of a session has an end. */
	rig->events[0] = '\0';
}

#define BLANKS_20 "                    "
#define BLANKS BLANKS_20 BLANKS_20 BLANKS_20 BLANKS_20 BLANKS_20 /* The rig keeps what ROUNDS of them bring. */

static void blanks(struct rig *rig)
{
	rig_say(rig, DIRECTION_ORIGINAL, "GET path=/" BLANKS "x\r\n");
	rig_say(rig, DIRECTION_REPLY, "200 |x" BLANKS "x\r\n");
	rig->events[0] = '\0';
}

#define LONG 4000
#define SEGMENT ((LONG + 2) / 3)

/*
 * Text, then filling up to LONG, in segments, each of them twice: what was held leaves when it is sent again. None of it is
 * refused.
 */
static void say_long(struct rig *rig, enum direction direction, const char *text, const char *filling, size_t size)
{
	static char line[LONG + 2];
	struct rig_peer *sender = &rig->at->peer[direction];
	struct rig_peer *receiver = &rig->at->peer[direction_opposite(direction)];
	const size_t length = strlen(text);

	memcpy(line, text, length);
	for (size_t at = length; at < LONG; at++)
		line[at] = filling[(at - length) % size];
	memcpy(line + LONG, "\r\n", 2);
	receiver->got_length = 0;
	for (size_t at = 0; at < 2 * sizeof(line); at += SEGMENT)
		rig_packet(rig, direction, sender->next + (uint32_t)(at % sizeof(line)), sender->expects,
			   TCP_ACK | TCP_PSH, 0, line + at % sizeof(line), SEGMENT);
	sender->next += sizeof(line);
	assert_int_equal(receiver->got_length, sizeof(line));
	assert_memory_equal(receiver->got, line, sizeof(line));
	rig_acknowledge(rig, direction_opposite(direction));
	/* What the rig keeps has an end. */
	receiver->got_length = 0;
	rig->events[0] = '\0';
}

static void names(struct rig *rig)
{
	say_long(rig, DIRECTION_ORIGINAL, "CWD ", "\xd0\xb9", 2);
	rig_say(rig, DIRECTION_REPLY, "250 there\r\n");
}

#define ERASED_8 "\b\b\b\b\b\b\b\b"

static void erasures(struct rig *rig)
{
	say_long(rig, DIRECTION_ORIGINAL, "CWD P" ERASED_8 ERASED_8 ERASED_8 ERASED_8 ERASED_8 ERASED_8 ERASED_8, "\xd0\xb9", 2);
	rig_say(rig, DIRECTION_REPLY, "250 there\r\n");
}

static void returns(struct rig *rig)
{
	say_long(rig, DIRECTION_ORIGINAL, "CWD ", "\r\0", 2);
	say_long(rig, DIRECTION_REPLY, "250 ", "\r\0", 2);
}

static const struct workload {
	const char *name;
	void (*run)(struct rig *rig);
	int rounds;
} workloads[] = {
	{ "login", NULL, 0 },          { "acknowledge", acknowledge, ROUNDS },
	{ "line", line, ROUNDS },      { "offer", offer, ROUNDS },
	{ "blanks", blanks, ROUNDS },  { "names", names, LONG_ROUNDS },
	{ "erasures", erasures, LONG_ROUNDS }, { "returns", returns, LONG_ROUNDS },
};

static unsigned long run_session(const struct workload *workload)
{
	static struct rig rig;
	unsigned long packets;

	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
	for (int i = 0; i < workload->rounds; i++)
		workload->run(&rig);
	packets = gateway_get_counters(rig.gateway)->packets;
	rig_end(&rig);
	return packets;
}

int main(int argc, char **argv)
{
	const struct workload *workload = NULL;
	unsigned long packets = 0;

	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		if (argc == 3 && strcmp(argv[1], workloads[i].name) == 0)
			workload = &workloads[i];
	if (!workload) {
		fprintf(stderr, "usage: count login|acknowledge|line|offer|blanks|names|erasures|returns SESSIONS\n");
		return 2;
	}
	for (unsigned long i = strtoul(argv[2], NULL, 10); i > 0; i--)
		packets += run_session(workload);
	printf("packets=%lu\n", packets);
	return 0;
}
