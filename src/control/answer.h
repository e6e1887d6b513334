/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What clients are answered. An answer is made piece by piece, as its reader takes it, so a long one takes neither memory
 * nor anybody else's time.
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include <event2/buffer.h>
#include <jansson.h>
#include <sys/types.h>

#include "control/facts.h"
#include "control/metrics.h"
#include "control/request.h"

/* What is to be done, and for whom. */
struct answer_order {
	enum request_command command;
	uint64_t session; /* of kill */
	uid_t user;
	pid_t pid;
};

/* What answers are made of. */
struct answer_source {
	const struct tables *tables;
	void *context;
	/* How all else stands now. */
	void (*look)(void *context, struct facts *facts);
	/* Passes an order on to the process that can carry it out. Returns its number, or 0: not now. */
	uint32_t (*order)(void *context, const struct answer_order *order);
	/* Appends the metrics. NULL: there are none. */
	void (*metrics)(void *context, struct evbuffer *out, enum metrics_format format);
};

enum answer_progress {
	ANSWER_MORE,  /* to be asked for as soon as there is room */
	ANSWER_LATER, /* when something has happened, or a second has passed */
	ANSWER_DONE,
};

struct answer {
	struct request request;
	struct request_fault fault; /* of the request; then it is all that is said */
	struct request_filter filter;
	struct request_transfers transfers;
	struct request_subject subject;
	uid_t user;         /* who asks */
	pid_t pid;
	uint32_t row;       /* the next one */
	uint64_t transfer;  /* the next one */
	uint64_t news;      /* the next one */
	uint64_t due;       /* when the next frame is, or an order is given up; wall clock */
	uint32_t order;     /* its number; 0: it was not given */
	bool ordered;       /* it was answered */
	bool done;          /* and carried out */
	char said[FACTS_TEXT_MAX];
};

/* A request has come, by a socket where orders are allowed, or are not. */
void answer_begin(struct answer *answer, const struct answer_source *source, struct bytes line, bool may_change,
		  uint64_t now);
/* Appends the next piece. */
enum answer_progress answer_go_on(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
				  uint64_t now);
/* An order was carried out, or was not. */
void answer_take(struct answer *answer, uint32_t order, bool done, const char *text);
/* An answer to what is not a request. */
void answer_put_fault(struct evbuffer *out, const struct request_fault *fault);

/* Private to answer*.c. */

/* Appends a line, and lets go of the object. */
void answer_put(struct evbuffer *out, json_t *object);
void answer_set(json_t *object, const char *key, json_t *value);
void answer_set_string(json_t *object, const char *key, const char *value);
/* A peer's words: escaped as in the events. No bytes: null. */
void answer_set_said(json_t *object, const char *key, struct bytes bytes);
void answer_set_number(json_t *object, const char *key, uint64_t value);
/* FACTS_UNKNOWN: null. */
void answer_set_fact(json_t *object, const char *key, uint64_t value);
/* 0: null. */
void answer_set_time(json_t *object, const char *key, uint64_t microseconds);
void answer_set_id(json_t *object, uint64_t session);
void answer_set_address(json_t *object, const char *key, const struct address *address);
void answer_set_endpoint(json_t *object, const char *key, const struct endpoint *endpoint);
/* Both peers, and what NAT makes of them. */
void answer_set_view(json_t *object, const struct nat_view *view);

json_t *answer_make_status(const struct answer_source *source, const struct facts *facts);
json_t *answer_make_session(const struct session_row *row, uint64_t now);
json_t *answer_make_pinhole(const struct session_row *row, uint64_t now);
json_t *answer_make_transfer(const struct transfer *transfer);
json_t *answer_make_frame(struct answer *answer, const struct answer_source *source, uint64_t now);
bool answer_fits(const struct request_filter *filter, const struct session_row *row);
void answer_tell_why(const struct answer_source *source, const struct request_subject *subject, struct evbuffer *out);

#endif
