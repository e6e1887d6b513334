/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connection over which the two ends of a probe agree. It looks like FTP, so that it can share the control port with
 * what is tested:
 *
 *   server   220 ftpalg-probe CHALLENGE
 *   client   USER probe
 *   server   331 say who you are
 *   client   PASS PROOF                  HMAC-SHA256 of the challenge under the token that both know
 *   server   230 welcome                 530 and the end where the proof is wrong
 *   client   SITE TAG REQUEST            probe/agent.h; several may wait for their answers
 *   server   200 TAG ANSWER
 */
#ifndef PROBE_LINK_H
#define PROBE_LINK_H

#include "probe/words.h"

#define LINK_LINE_MAX 640
#define LINK_TOKEN_MAX 128

struct link {
	int descriptor; /* -1: none */
	char in[LINK_LINE_MAX];
	size_t in_length;
	struct probe_bytes out;
	bool failed; /* ended, or what came is no line */
};

void link_open(struct link *link, int descriptor);
void link_close(struct link *link);
/* Queues a line and its end. */
void link_print(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends what is queued, as far as it goes. */
void link_flush(struct link *link);
/* The next line that has come, without its end, as a string of printable ASCII; false where there is none. */
bool link_read(struct link *link, char line[LINK_LINE_MAX]);

#endif
