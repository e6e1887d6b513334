/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A notice as bytes: without pointers, so that it can be left in memory for another process. Its reader may be a later
 * version of the program than its writer, and the writer may have been taken over by a peer; so everything has its name, or
 * a number that is never used for anything else, and nothing is believed before it has been checked.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "ftpalg/notice.h"

/* The longest line, with whatever a handshake has to tell. */
#define RECORD_MAX 16384
/* How many names of a certificate are kept, the first ones. */
#define RECORD_NAMES_MAX 16

/* A type, a reason, a verb, a form, an outcome. */
#define RECORD_NAMED 5

/* A notice that was read, and what its pointers lead to, where that is not in the bytes themselves. Zero at first. */
struct record_notice {
	struct notice notice;
	struct nat_view view;
	struct expectation expectation;
	struct notice_relay relay;
	struct notice_transfer transfer;
	struct notice_tls details[2];
	struct bytes names[2][RECORD_NAMES_MAX];
	unsigned int last[RECORD_NAMED]; /* what was read before is looked for first: much of what comes is alike */
};

/* Writes notice into buffer, and returns how many bytes it takes. */
size_t record_write(const struct notice *notice, uint8_t buffer[RECORD_MAX]);

/*
 * Reads what record_write() has written. The notice is valid for as long as the bytes are, which nobody may change
 * meanwhile. False: these bytes are not a notice, or one without what its type requires: a pinhole has its session, both
 * ends and the expectation, and a line has words. What belongs to notices of other types is left out.
 */
bool record_read(struct bytes bytes, struct record_notice *record);

#endif
