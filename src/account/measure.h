/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many bytes one direction of a TCP connection has carried, by its sequence numbers. Those are exact whatever was lost,
 * repeated or joined on the way, and start over with every 4 GiB.
 *
 *      SYN              samples, acknowledgements           FIN
 *       |-----------------------|---------------------------|
 *       0                    position                      end
 *
 * A position is the sum of steps from one number that was seen to the next. A step is known while less than 2 GiB can have
 * passed since the last one: at 10 Gbit/s, 1.7 seconds. After a longer pause the sum is in doubt by a multiple of 4 GiB,
 * unless the caller, which sees the samples, knows better; what conntrack has counted, headers and repetitions included,
 * then says which one.
 */
#ifndef ACCOUNT_MEASURE_H
#define ACCOUNT_MEASURE_H

#include "ftpalg/base.h"

struct measure {
	bool begun;        /* its SYN was seen */
	bool ended;        /* its FIN */
	bool doubtful;
	bool answered;     /* its end was acknowledged by a FIN or a RST of the other direction */
	bool cut;          /* the receiver has reset the connection, and said what it had got: */
	uint32_t next;     /* the number of position */
	uint64_t position; /* of the highest byte that was seen */
	uint64_t end;
	uint64_t got;
	uint64_t seen;     /* when position was */
};

/* Takes what a segment of this direction says. syn, fin: its flags. now: microseconds. */
void measure_take_sent(struct measure *measure, uint32_t sequence, uint32_t length, bool syn, bool fin, uint64_t now);

/*
 * Takes what an acknowledgement from the other side says. rst: it is in a RST, so there will be no more. One in a FIN does
 * not mean that: a peer that has nothing to send may say so at once, and go on reading.
 */
void measure_take_acknowledged(struct measure *measure, uint32_t acknowledgement, bool rst, uint64_t now);

/*
 * Of the numbers that are position plus a multiple of 4 GiB, the one that the kernel's count of this direction allows: bytes
 * and packets, of IPv6 or IPv4. False where none does, or several, and position is left as it is.
 */
bool measure_settle(struct measure *measure, uint64_t bytes, uint64_t packets, bool ipv6);

/* Does the receiver have all, its end included? */
bool measure_is_whole(const struct measure *measure);

/* What the receiver has got, as far as it can be known. False: it can't. */
bool measure_read(const struct measure *measure, uint64_t *bytes);

#endif
