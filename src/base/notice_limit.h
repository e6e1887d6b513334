/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many events are reported one by one. Peers cause them, and a peer that may cause as many lines as it likes fills a
 * disk, or hides one line among a million others. What is beyond a bound is summed, and reported as one event with a count.
 * Reads no clock and writes nothing: the caller passes the time and is called back with the sums.
 */
#ifndef BASE_NOTICE_LIMIT_H
#define BASE_NOTICE_LIMIT_H

#include "ftpalg/notice.h"

/* Anomalies and refusals, which a peer can have for a few bytes: of a session, of a source, of all together. */
#define NOTICE_LIMIT_NOISE_SESSION 100
#define NOTICE_LIMIT_NOISE_SESSION_MINUTE 10
#define NOTICE_LIMIT_NOISE_SOURCE 500
#define NOTICE_LIMIT_NOISE_SOURCE_SECOND 10
#define NOTICE_LIMIT_NOISE_ALL 2000
#define NOTICE_LIMIT_NOISE_ALL_SECOND 100
/* Each session's first ones are reported whatever the others do. */
#define NOTICE_LIMIT_FIRST 4
/* Those of packets without a session; their sources can be feigned. */
#define NOTICE_LIMIT_STRAY_ALL 100
#define NOTICE_LIMIT_STRAY_ALL_SECOND 10
/* Logins, offers, pinholes, transfers: both peers have to agree to each. */
#define NOTICE_LIMIT_DEED_SESSION 5000
#define NOTICE_LIMIT_DEED_SESSION_SECOND 1000
#define NOTICE_LIMIT_DEED_SOURCE 20000
#define NOTICE_LIMIT_DEED_SOURCE_SECOND 5000
/* After this many seconds, and at the session's end, its sums are reported. */
#define NOTICE_LIMIT_SUM_SECONDS 60
/* Kinds of events, by type and reason, that a session has sums for at a time; what is beyond shares the last. */
#define NOTICE_LIMIT_SUMS 6

struct notice_limit;

/* sum has a count, and the type, reason, session and ends that the events had. */
typedef void notice_limit_tell(void *context, const struct notice *sum);

/* For this many sessions at a time. NULL: no memory. */
struct notice_limit *notice_limit_make(uint32_t sessions, notice_limit_tell *tell, void *context);
void notice_limit_free(struct notice_limit *limit);

/*
 * Is this one reported singly? now: microseconds of a clock that never goes back. Sums that are due with it, which are those
 * of a session that closes, are reported before.
 */
bool notice_limit_allows(struct notice_limit *limit, const struct notice *notice, uint64_t now);

/* Reports the sums that are due. To be called once a second; looks at a part of the sessions each time. */
void notice_limit_tick(struct notice_limit *limit, uint64_t now);

/* Reports all sums. */
void notice_limit_finish(struct notice_limit *limit);

/* Is it one that a peer can have for a few bytes? */
bool notice_limit_is_noise(enum notice_type type);

#endif
