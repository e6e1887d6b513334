/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's end of the socket to its broker: what struct ops and the queue ask of the kernel, as requests. */
#ifndef BROKER_LINK_H
#define BROKER_LINK_H

#include "broker/wire.h"
#include "ftpalg/session.h"
#include "netfilter/nfverdict.h"

struct broker_link {
	int descriptor;
	int error;   /* -errno of the last REASON_KERNEL_REFUSED */
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
	/*
	 * The packets of the batch, as many as were foreseen; those that have their decision, and those whose decision has
	 * left.
	 */
	struct tuple batch[BROKER_REQUESTS_MAX];
	size_t batched;
	size_t decided;
	size_t sent;
	/* Expectations of sessions that have ended. They go with the next request, or with the flush. */
	struct broker_request releases[BROKER_REQUESTS_MAX]; /* and room for two requests after them */
	struct broker_answer released[BROKER_REQUESTS_MAX];
	struct session_farewell ends[BROKER_REQUESTS_MAX];
	size_t releasing;
	/* Hears what unexpect would have answered. It asks nothing of the link. */
	void (*tell)(void *context, const struct session_farewell *end, enum reason answer);
	void *context;
};

/*
 * Gives the broker the queue's socket, or none where that is negative, and waits until the broker is ready. Returns 0, or -1
 * where it could not start: it has said why.
 */
int broker_link_open(struct broker_link *link, int descriptor, int queue);
void broker_link_close(struct broker_link *link);

/*
 * Shows the next packet of a batch that has not been judged yet: seen is its tuple, all zeros where it has none. One that
 * begins a connection will probably make the gateway look it up: the first lookup asks for all of these, and what is not
 * needed is forgotten with the next flush.
 */
void broker_link_foresee(struct broker_link *link, const struct tuple *seen, bool begins);

/* struct ops, and its words. */
enum reason broker_link_lookup(struct broker_link *link, const struct tuple *seen, struct connection *connection);
enum reason broker_link_recall(struct broker_link *link, const struct nat_view *view, struct connection *connection);
enum reason broker_link_expect(struct broker_link *link, const struct nat_view *master, struct expectation *expectation);
enum reason broker_link_unexpect(struct broker_link *link, const struct nat_view *master,
				 const struct expectation *expectation);
/* Deletes the expectation before the next flush has ended, or before any other request is answered. */
void broker_link_release(struct broker_link *link, const struct session_farewell *end);
enum reason broker_link_peek(struct broker_link *link, const struct nat_view *master,
			     const struct expectation *expectation);
enum reason broker_link_adjust(struct broker_link *link, const struct nat_view *master, enum direction direction,
			       const struct seqadj *seqadj);
enum reason broker_link_expect_and_adjust(struct broker_link *link, const struct nat_view *master,
					   struct expectation *expectation, struct correction *correction);
void broker_link_inject(struct broker_link *link, struct bytes packet);

/* struct nfqueue_outlet. context is the link. */
int broker_link_decide(void *context, const struct nfverdict_decision *decision);
int broker_link_flush(void *context);

#endif
