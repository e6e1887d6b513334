/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What other FTP helpers make of a segment: models for `ftpalg explain`, which judges nothing by them.
 *
 * A model is a pure function of a segment, of where it stands in its stream and of what the helper remembers. It says
 * what one of these does, not what is right.
 *
 *   kernel       nf_conntrack_ftp and nf_nat_ftp: net/netfilter/nf_conntrack_ftp.c and nf_nat_ftp.c of Linux, with the
 *                patch "nf_conntrack_ftp: avoid u16 overflows" of May 2026. No kernel that has it was at hand
 *   wrapping     the same without that patch, so numbers wrap; checked against the running 6.1.0-56 (Debian 12) and
 *                6.18.44 by tests/lab/test_models.py, which takes whichever of the two models the kernel is like
 *   conntrackd   its helper in user space: src/helpers/ftp.c of conntrack-tools; Debian's 1.4.7 checked as above
 *   naive        nobody's program, one regular expression a segment, in upper case: what CVE-2000-0150, CVE-2001-0405 and
 *                checkers that only know PORT in capitals and EPRT with bars have in common
 */
#ifndef EXPLAIN_MODEL_H
#define EXPLAIN_MODEL_H

#include "ftpalg/hostport.h"
#include "ftpalg/nat.h"

enum model {
	MODEL_KERNEL,
	MODEL_WRAPPING,
	MODEL_CONNTRACKD,
	MODEL_NAIVE,
	MODEL_COUNT,
};

enum model_verdict {
	MODEL_FORWARDS, /* as it is */
	MODEL_REWRITES, /* with one part replaced */
	MODEL_DROPS,    /* and so waits for the sender to repeat it */
};

/* Positions after a line end are remembered for each direction, as many as Linux remembers. */
#define MODEL_NEWLINES_MAX 2

/* What a helper remembers of one control connection. */
struct model_state {
	uint32_t newline[2][MODEL_NEWLINES_MAX]; /* per enum direction */
	uint8_t newlines[2];
};

struct model_answer {
	enum model_verdict verdict;
	const char *why;               /* half a sentence */
	bool expects;                  /* a data connection, from source (any port) to destination */
	struct address source;
	struct endpoint destination;   /* as packets of it arrive at the router */
	struct span replaced;          /* REWRITES only: the part of the segment, and what takes its place */
	uint32_t replacement_length;
	char replacement[HOSTPORT_TEXT_MAX];
};

/* The name as users read it. */
const char *model_name(enum model model);

/*
 * Begins a connection. under_way: lines have passed in both directions, and both streams are at position 0, after a line
 * end; otherwise nothing has passed yet, and the first byte of each direction is at position 0.
 */
void model_open(struct model_state *state, bool under_way);

/*
 * What model does with segment, whose first byte stands at position in the stream of its sender. Every expectation is
 * taken to be granted, with the port that it asks for.
 */
void model_segment(enum model model, struct model_state *state, const struct nat_view *view,
		   enum direction direction, uint32_t position, struct bytes segment, struct model_answer *answer);

#endif
