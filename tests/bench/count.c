/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets through a gateway, so that a tool can count the instructions of gateway_packet(): for tests/bench/count.
 *
 *   count PACKETS SESSIONS
 *
 * Each session, through SNAT, logs in, and goes on with ROUNDS of what PACKETS says: "login" nothing, "acknowledge" a pure
 * acknowledgement, "line" NOOP and its reply, "offer" a PORT that is made longer, its reply and the acknowledgement of that,
 * "blanks" a command and a reply that are looked through for what may stand between many blanks: what a line costs grows
 * with its length and no faster.
 * The last line tells how many packets there were. It is the same for all times: no packet depends on a clock or on chance.
 */
#include <stdlib.h>

#include "gateway_rig.h"
#include "unit.h"

#define ROUNDS 50

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

static const struct workload {
	const char *name;
	void (*run)(struct rig *rig);
} workloads[] = {
	{ "login", NULL }, { "acknowledge", acknowledge }, { "line", line }, { "offer", offer }, { "blanks", blanks },
};

static unsigned long run_session(const struct workload *workload)
{
	static struct rig rig;
	unsigned long packets;

	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
	for (int i = 0; i < ROUNDS && workload->run; i++)
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
		fprintf(stderr, "usage: count login|acknowledge|line|offer|blanks SESSIONS\n");
		return 2;
	}
	for (unsigned long i = strtoul(argv[2], NULL, 10); i > 0; i--)
		packets += run_session(workload);
	printf("packets=%lu\n", packets);
	return 0;
}
