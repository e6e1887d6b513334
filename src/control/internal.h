/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What control's files share.
 *
 *   control.c   the process: its loop, its channel to the supervisor, its end
 *   source.c    the rings, and the sleep while they are empty
 *   take.c      what happens to the records that were taken from them
 *   look.c      the facts for status
 *   order.c     what the supervisor is asked for
 *   data.c      the truth about data connections, which the kernel tells
 *   channel.c   messages between it and the supervisor
 */
#ifndef CONTROL_INTERNAL_H
#define CONTROL_INTERNAL_H

#include <event2/event.h>

#include "control/channel.h"
#include "control/control.h"
#include "control/web.h"
#include "journal/journal.h"
#include "record/ring.h"

/* Each worker has one, and each process of each generation of the proxy; those that have ended wait until they are read. */
#define CONTROL_SOURCES_MAX 272

/* A ring, and the process that writes to it. */
struct control_source {
	struct control *control; /* NULL: this place is free */
	uint32_t number;         /* as the supervisor has it */
	enum channel_voice voice;
	uint64_t first_session;  /* of the process that writes */
	struct record_reader *reader;
	struct journal_voice journal;
	int wake;
	struct event *waker;
	bool ended;              /* nobody writes any more */
	uint32_t begins;         /* of processes, since */
	uint64_t begins_since;
	struct log_limit spoilt_limit;
};

struct control;

/* What becomes of data connections. */
struct control_data {
	/*
	 * Takes all notices that came before what is known now, or, with all, however many there are; whose voice tells of a
	 * session. Both of source.c, which uses this.
	 */
	void (*catch_up)(struct control *control, bool all);
	struct journal_voice *(*voice)(struct control *control, uint64_t session);
	struct account *account; /* NULL: the kernel tells nothing, and all is told as it comes */
	struct event *news;
	struct event *copies;
	struct event *tick;
	uint64_t heard;          /* all that came until then has been taken */
	bool behind;             /* the kernel had more to say than there was room for */
	uint64_t asked;          /* when it was asked to tell all again */
	uint64_t untold;         /* what it had no room for since that was told last, */
	uint64_t told;           /* which was then */
};

struct control {
	const struct control_start *start;
	const struct config *config;
	struct event_base *base;
	struct event *channel;
	struct event *heart;
	struct event *look;    /* at the rings, soon */
	bool awake;            /* it is scheduled: nobody needs to wake this process */
	struct journal journal;
	struct tables *tables;
	struct facts_host host;
	struct answer_source answers;
	struct server *server;
	struct web *web;
	struct control_source source[CONTROL_SOURCES_MAX];
	size_t sources;        /* places before this one have been used: all of these are looked at for each fact */
	uint64_t lost;         /* events that had no room in their ring */
	struct control_data data;
	struct journal_voice stray; /* for what is reported of sessions whose process has ended */
	struct log_limit lost_limit;
	uint32_t orders;       /* the number of the last one */
};

/* control.c */
/* Takes what was said before anything that is known now: of new rings, and what the rings hold, all of it or most. */
void control_catch_up(struct control *control, bool all);

/* take.c */

/* Counts events that will never be reported. */
void control_lose(struct control *control, uint64_t count);

/* Something happened, at time, microseconds of the wall clock; voice reports it. notice is valid during the call. */
void control_take(struct control *control, struct journal_voice *voice, const struct notice *notice, uint64_t microseconds);
/*
 * The process whose sessions have the numbers from first_session on, up to those of the next process, has ended: nothing
 * more will be heard of those that are not closed.
 */
void control_forget(struct control *control, uint64_t first_session);

/* look.c */

/* Fills in everything that is not in the tables. */
void control_look(void *context, struct facts *facts);
/* Appends the metrics. */
void control_measure(void *context, struct evbuffer *out, enum metrics_format format);

/* order.c */

/* Gives the supervisor an order; session: of CHANNEL_KILL. Returns its number, or 0: it takes none now. */
uint32_t control_order(struct control *control, enum channel_kind kind, uint64_t session);
/* The same for a client of the sockets. */
uint32_t control_obey(void *context, const struct answer_order *order);
/* What became of it. */
void control_hear(struct control *control, uint32_t number, bool done, const char *text);

/* data.c */
/* Opens the account, if the kernel tells anything. Returns 0 or -1. */
int data_open(struct control *control);
/* Takes a notice. False: it will be reported when it is known what became of its data connection. */
bool data_take_notice(struct control *control, const struct notice *notice, uint64_t time);
/* How much is lost of what the process before this one kept back. */
uint64_t data_count_forgotten(const struct control *control);
/* Notices are missing before those that come now. */
void data_lose_notices(struct control *control);
/* What the kernel had to tell of data connections and found no room for. */
uint64_t data_count_lost(const struct control *control);
/* Reports what waits. */
void data_finish(struct control *control);
void data_close(struct control *control);

/* source.c */
/* Whose voice tells of a session. */
struct journal_voice *source_voice(struct control *control, uint64_t session);
/* Takes what is in the rings now, unless it is a flood. */
void source_catch_up(struct control *control);
/* A ring to read. Both descriptors are taken over. */
void source_add(struct control *control, const struct channel_message *message, int memory, int wake);
/* Nobody writes to it any more. */
void source_end(struct control *control, uint32_t number);
/* Looks at all rings from now on, until they are empty. Returns 0 or -1. */
int source_watch(struct control *control);
/* Looks at them even if nobody has woken this process. */
void source_stir(struct control *control);
/* Takes all that is there now. */
void source_drain(struct control *control);
void source_tick(struct control *control);
void source_close(struct control *control);

#endif
