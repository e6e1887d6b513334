/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "account/measure.h"

/* For how long a number of 32 bits can be trusted. */
#define MEASURE_PAUSE UINT64_C(1700000)
/* A number that is no further below the highest one is an old one. No more than a window is under way. */
#define MEASURE_OLD (UINT32_C(1) << 24)
#define MEASURE_WRAP (UINT64_C(1) << 32)

/* The shortest headers, and those with timestamps, which nearly all segments have. */
#define MEASURE_HEADERS_IPV4 40
#define MEASURE_HEADERS_IPV6 60
#define MEASURE_TIMESTAMPS 12
/* Of what is counted, one byte in this many may have been sent again. */
#define MEASURE_REPEATED 10

/* The position of a number, which may be the highest one so far. last: there is no higher one, unless it is an old one. */
static uint64_t measure_place(struct measure *measure, uint32_t number, bool last, uint64_t now)
{
	const uint32_t ahead = number - measure->next;
	const uint32_t behind = measure->next - number;
	const bool paused = !measure->ended && now - measure->seen >= MEASURE_PAUSE;

	measure->doubtful = measure->doubtful || paused;
	if (behind < ahead && (!paused || (!last && behind < MEASURE_OLD)))
		return measure->position > behind ? measure->position - behind : 0;
	measure->next = number;
	measure->position += ahead;
	measure->seen = now;
	return measure->position;
}

void measure_take_sent(struct measure *measure, uint32_t sequence, uint32_t length, bool syn, bool fin, uint64_t now)
{
	uint64_t place;

	if (syn && !measure->begun) {
		*measure = (struct measure){ .begun = true, .next = sequence + 1, .seen = now };
		return;
	}
	if (syn || !measure->begun)
		return;
	place = measure_place(measure, sequence + length, fin, now);
	/* Where a FIN was cut differently when it was sent again, the last end counts. */
	if (fin && (!measure->ended || place > measure->end)) {
		measure->ended = true;
		measure->end = place;
	}
}

void measure_take_acknowledged(struct measure *measure, uint32_t acknowledgement, bool rst, uint64_t now)
{
	uint64_t place;

	if (!measure->begun)
		return;
	if (measure->ended && acknowledgement - measure->next == 1) {
		/* The number after a FIN is not that of a byte of the file. */
		measure->answered = true;
		place = measure->position;
	} else {
		place = measure_place(measure, acknowledgement, false, now);
	}
	if (rst && (!measure->cut || place > measure->got))
		measure->got = place;
	measure->cut = measure->cut || rst;
}

bool measure_settle(struct measure *measure, uint64_t bytes, uint64_t packets, bool ipv6)
{
	const uint64_t headers = ipv6 ? MEASURE_HEADERS_IPV6 : MEASURE_HEADERS_IPV4;
	const uint64_t most = bytes > packets * headers ? bytes - packets * headers : 0;
	const uint64_t options = packets * MEASURE_TIMESTAMPS;
	uint64_t least = most > options ? most - options : 0;
	const uint64_t low = measure->position % MEASURE_WRAP;
	uint64_t found;

	least -= least / MEASURE_REPEATED;
	if (most < low)
		return false;
	found = low + (most - low) / MEASURE_WRAP * MEASURE_WRAP;
	/* Beside it there must be no other one. */
	if (found < least || (found >= MEASURE_WRAP && found - MEASURE_WRAP >= least))
		return false;
	measure->end += found - measure->position;
	measure->got += found - measure->position;
	measure->position = found;
	measure->doubtful = false;
	return true;
}

bool measure_is_whole(const struct measure *measure)
{
	return measure->begun && measure->ended && (measure->answered || measure->position > measure->end);
}

bool measure_read(const struct measure *measure, uint64_t *bytes)
{
	if (!measure->begun || measure->doubtful)
		return false;
	*bytes = measure->ended ? measure->end : measure->position;
	if (measure->cut && measure->got < *bytes)
		*bytes = measure->got;
	return true;
}
