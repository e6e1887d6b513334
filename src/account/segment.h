/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The beginning of a packet, as a segment of TCP. */
#ifndef ACCOUNT_SEGMENT_H
#define ACCOUNT_SEGMENT_H

#include "account/fact.h"

/* How much of a packet is enough: IPv6 and the part of a TCP header that every segment has, or IPv4 with options. */
#define SEGMENT_BEGINNING 80

/*
 * Reads the first bytes of an IPv4 or IPv6 packet, which may have more. False where it is not TCP, is a later fragment, has
 * extension headers, or the bytes end too soon.
 */
bool segment_read(struct bytes packet, struct fact_segment *segment);

#endif
