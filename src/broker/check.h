/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which requests the broker may carry out, as far as the request alone says: a pure function of bytes. */
#ifndef BROKER_CHECK_H
#define BROKER_CHECK_H

#include "broker/wire.h"
#include "ftpalg/policy.h"
#include "netfilter/nfverdict.h"

/* What the configuration allows at all. */
struct broker_rules {
	const uint16_t *ports; /* control ports, as clients see them */
	size_t port_count;
	const struct policy *policy;
};

/* A request that was checked, in the core's nouns. */
struct broker_order {
	enum broker_kind kind;
	uint16_t processor;              /* that the sender runs on, or says so */
	struct tuple seen;               /* LOOKUP */
	struct nat_view master;          /* RECALL, EXPECT, UNEXPECT, PEEK, ADJUST */
	struct expectation expectation;  /* EXPECT, UNEXPECT, PEEK */
	enum direction direction;        /* ADJUST */
	struct seqadj seqadj;            /* ADJUST */
	struct bytes packet;             /* INJECT */
	struct tuple tuple;              /* INJECT: the packet's */
	bool only_reset;                 /* INJECT: nothing but a reset */
	struct bytes verdicts;           /* VERDICTS: to be walked with broker_next_verdict() */
};

/*
 * Takes the first request off a datagram that holds several of one size, or the whole of any other datagram. broker_check()
 * is given each as if it had come alone.
 */
struct bytes broker_next_request(struct bytes *datagram);

/* Fills order. NULL, or what is wrong with the datagram; then nothing in order may be used. */
const char *broker_check(const struct broker_rules *rules, struct bytes datagram, struct broker_order *order);

/* Takes the first verdict off verdicts, which broker_check() has accepted. False at the end. */
bool broker_next_verdict(struct bytes *verdicts, struct nfverdict_decision *decision);

/* Is this connection, as conntrack knows it, a control connection? */
bool broker_is_control(const struct broker_rules *rules, const struct nat_view *view);
/* Has one end of the tuple a control port? */
bool broker_touches_control(const struct broker_rules *rules, const struct tuple *tuple);

#endif
