/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of data connections. netfilter/news.h and netfilter/copies.h have the sockets that bring it. */
#ifndef ACCOUNT_FACT_H
#define ACCOUNT_FACT_H

#include "ftpalg/base.h"

enum fact_type {
	FACT_CALLED,  /* an expectation is used up: the first packet of what was expected has come, or its time is over */
	FACT_DELETED, /* somebody has deleted an expectation: usually the gateway */
	FACT_MASTER_GONE, /* the entry of a control connection is gone; its expectations go right after it */
	FACT_ENTRY,   /* an expected entry of conntrack exists, and has this state */
	FACT_GONE,    /* and has gone */
	FACT_SEGMENT, /* a copy of a segment as it was forwarded */
	FACT_LOST_SINCE, /* the kernel had more to say than there was room for, and from here on says nothing new, */
	FACT_LOST_UNTIL, /* until here */
	FACT_EXPECTED, /* there is an expectation: the gateway has made it, for the first time or again */
	FACT_TYPE_COUNT,
};

/* As far as they matter here, in their order. */
enum fact_state {
	FACT_STATE_UNKNOWN,
	FACT_STATE_CALLING,     /* SYN */
	FACT_STATE_ANSWERED,    /* SYN, SYN and ACK */
	FACT_STATE_ESTABLISHED,
	FACT_STATE_CLOSING,     /* a FIN has been seen */
	FACT_STATE_CLOSED,      /* both, and all is acknowledged */
	FACT_STATE_RESET,
};

struct fact_entry {
	uint32_t id;
	struct tuple original;
	enum fact_state state;
	bool fresh;     /* the kernel says that it is new; otherwise how it stands by now */
	bool asked;     /* somebody has asked for it, so it says nothing about what happens now */
	bool offloaded; /* its packets take a short cut, and are not copied */
	bool counted;   /* the kernel counts, and says what: */
	uint64_t bytes[2];   /* per enum direction, headers and repetitions too */
	uint64_t packets[2];
};

#define FACT_FIN 0x01
#define FACT_SYN 0x02
#define FACT_RST 0x04
#define FACT_ACK 0x10

struct fact_segment {
	struct tuple tuple; /* at the FORWARD hook */
	uint8_t flags;
	bool measured;      /* the packet's header says how long it is */
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t length;    /* of its payload */
};

struct fact_expectation {
	struct tuple expected; /* the source has no port */
	struct tuple master;   /* the control connection's, in its original direction */
};

struct fact {
	enum fact_type type;
	union {
		struct fact_expectation expectation; /* EXPECTED, CALLED, DELETED */
		struct tuple master; /* MASTER_GONE */
		struct fact_entry entry;
		struct fact_segment segment;
		uint64_t lost; /* LOST_SINCE, LOST_UNTIL: how much of it since the one before */
	};
};

#endif
