/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's end of the socket to its broker: what struct ops and the queue ask of the kernel, as requests. */
#ifndef BROKER_LINK_H
#define BROKER_LINK_H

#include "broker/wire.h"
#include "ftpalg/nat.h"
#include "netfilter/nfverdict.h"

struct broker_link {
	int descriptor;
	int error;   /* -errno behind the last REASON_KERNEL_REFUSED */
	bool broken; /* the broker has gone: nothing more can be done */
	size_t used;
	/* Verdicts that wait to be sent together. */
	uint8_t verdicts[BROKER_DATAGRAM_MAX];
	/* Lookups that were foreseen, and their answers, once the first of them was needed. */
	size_t foreseen;
	bool answered;
	struct broker_request lookups[BROKER_REQUESTS_MAX];
	struct broker_answer answers[BROKER_REQUESTS_MAX];
	bool taken[BROKER_REQUESTS_MAX];
};

/*
 * Gives the broker the queue's socket, or none where it is negative, and waits until it is ready. Returns 0, or -1 where it
 * could not start: it has told why.
 */
int broker_link_open(struct broker_link *link, int descriptor, int queue);
void broker_link_close(struct broker_link *link);

/*
 * There is a packet with this tuple, which was not judged yet and will probably have its connection looked up. The first
 * lookup of several asks for all of them; what is not needed is forgotten with the next flush.
 */
void broker_link_foresee(struct broker_link *link, const struct tuple *seen);

/* struct ops, and its words. */
enum reason broker_link_lookup(struct broker_link *link, const struct tuple *seen, struct connection *connection);
enum reason broker_link_recall(struct broker_link *link, const struct nat_view *view, struct connection *connection);
enum reason broker_link_expect(struct broker_link *link, const struct nat_view *master, struct expectation *expectation);
enum reason broker_link_unexpect(struct broker_link *link, const struct nat_view *master,
				 const struct expectation *expectation);
enum reason broker_link_peek(struct broker_link *link, const struct nat_view *master,
			     const struct expectation *expectation);
enum reason broker_link_adjust(struct broker_link *link, const struct nat_view *master, enum direction direction,
			       const struct seqadj *seqadj);
void broker_link_inject(struct broker_link *link, struct bytes packet);

/* struct nfqueue_outlet. context is the link. */
int broker_link_decide(void *context, const struct nfverdict_decision *decision);
int broker_link_flush(void *context);

#endif
