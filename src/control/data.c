/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   rings ---notices---> account ---passed on, or later with the truth in it---> tables, events, log
 *   conntrack, NFLOG ---facts---^
 *
 * The account has to hear of an offer before it hears who came to it. The gateway puts its notice into a ring before the
 * offer leaves, so when a fact can be read, the notice is in a ring already: after a fact has been read, and before the
 * account takes it, the rings are read.
 *
 * What came while this process had no time waits in the sockets, and still came in time: so the account's patience is
 * measured up to the last moment at which both were empty.
 *
 * The account is in memory that the supervisor has, so that what is kept back when this process dies is reported by the next
 * one.
 *
 * Where the kernel had more news than room for them, the supervisor asks it for all connections that live and were
 * expected, once a second at most.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/random.h>

#include "account/account.h"
#include "base/clock.h"
#include "control/internal.h"
#include "netfilter/copies.h"
#include "netfilter/news.h"

#define DATA_TICK_MICROSECONDS 100000
#define DATA_SECOND UINT64_C(1000000)
/* For each session an offer, and the transfer of the one before it. */
#define DATA_ROWS_PER_SESSION 2
#define DATA_ROWS_MAX 65536U

static void data_wake(struct control *control)
{
	const struct timeval soon = { .tv_usec = DATA_TICK_MICROSECONDS };

	if (!event_pending(control->data.tick, EV_TIMEOUT, NULL))
		event_add(control->data.tick, &soon);
}

/* What was kept back, or is made here. */
static void data_tell(void *context, const struct notice *notice, uint64_t time)
{
	struct control *control = context;
	const uint64_t when = time ? time : clock_wall_microseconds();

	control_take(control, control->data.voice(control, notice->session), notice, when);
}

static void data_ask(void *context, const struct tuple *original)
{
	struct control *control = context;
	struct channel_message order = { .kind = CHANNEL_ASK_ENTRY };

	memcpy(order.text, original, sizeof(*original));
	channel_send(control->start->channel, &order, NULL);
}

static void data_note_progress(void *context, uint64_t session, uint64_t bytes)
{
	struct control *control = context;

	tables_note_progress(control->tables, session, bytes, clock_wall_microseconds());
}

bool data_take_notice(struct control *control, const struct notice *notice, uint64_t time)
{
	struct notice known = *notice;
	struct notice_file file;
	struct table_path path;

	if (!control->data.account)
		return true;
	if (tables_describe(control->tables, notice, &path, &file))
		known.file = &file;
	data_wake(control);
	return account_take_notice(control->data.account, &known, time, clock_microseconds());
}

static bool fact_is_loss(const struct fact *fact)
{
	return fact->type == FACT_LOST_SINCE || fact->type == FACT_LOST_UNTIL;
}

/* Under load the kernel drops a little again and again, so it is told together, once a second at most. */
static void data_tell_lost(struct control *control, uint64_t now, uint64_t pause)
{
	const struct notice notice = { .type = NOTICE_NEWS_LOST, .count = control->data.untold };

	if (control->data.untold == 0 || now - control->data.told < pause)
		return;
	control->data.told = now;
	control->data.untold = 0;
	control_take(control, &control->stray, &notice, clock_wall_microseconds());
}

/* All offers of before a loss have to be known at its beginning and at its end, however many they are. */
static void data_take_fact(void *context, const struct fact *fact)
{
	struct control *control = context;

	control->data.catch_up(control, fact_is_loss(fact));
	account_take_fact(control->data.account, fact, clock_microseconds());
	if (fact_is_loss(fact))
		control->data.untold += fact->lost;
}

static void data_take_news(void *context, const struct fact *fact)
{
	struct control *control = context;

	control->data.behind = control->data.behind || fact_is_loss(fact);
	data_take_fact(context, fact);
}

/* True: all has been heard. What can't be read is never heard. */
static bool data_hear_news(struct control *control)
{
	int result;

	account_hear(control->data.account, true);
	result = news_receive(control->start->news, data_take_news, control);
	account_hear(control->data.account, false);
	return result <= 0;
}

static bool data_hear_copies(struct control *control)
{
	int result = 0;

	account_hear(control->data.account, true);
	if (control->start->copies)
		result = copies_receive(control->start->copies, data_take_fact, control);
	account_hear(control->data.account, false);
	return result <= 0;
}

static void data_on_news(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	data_hear_news(context);
	data_wake(context);
}

static void data_on_copies(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	data_hear_copies(context);
	data_wake(context);
}

static void data_catch_up(struct control *control, uint64_t now)
{
	const struct channel_message order = { .kind = CHANNEL_ASK_ALL };

	if (!control->data.behind || now - control->data.asked < DATA_SECOND)
		return;
	control->data.asked = now;
	control->data.behind = !channel_send(control->start->channel, &order, NULL);
}

static void data_on_tick(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;
	const uint64_t now = clock_microseconds();

	(void)descriptor;
	(void)what;
	data_catch_up(control, now);
	data_tell_lost(control, now, DATA_SECOND);
	if (data_hear_news(control) && data_hear_copies(control))
		control->data.heard = now;
	if (account_tick(control->data.account, control->data.heard) || control->data.behind || control->data.untold > 0)
		data_wake(control);
}

static int data_watch(struct control *control)
{
	const struct control_start *start = control->start;

	control->data.tick = event_new(control->base, -1, 0, data_on_tick, control);
	control->data.news = event_new(control->base, news_descriptor(start->news), EV_READ | EV_PERSIST, data_on_news,
				       control);
	if (!control->data.tick || !control->data.news || event_add(control->data.news, NULL) < 0)
		return -1;
	if (!start->copies)
		return 0;
	control->data.copies = event_new(control->base, copies_descriptor(start->copies), EV_READ | EV_PERSIST,
					 data_on_copies, control);
	return control->data.copies && event_add(control->data.copies, NULL) == 0 ? 0 : -1;
}

static uint32_t data_rows(const struct config *config)
{
	const uint32_t sessions = config->limits.sessions;

	return sessions < DATA_ROWS_MAX / DATA_ROWS_PER_SESSION ? sessions * DATA_ROWS_PER_SESSION : DATA_ROWS_MAX;
}

size_t control_account_size(const struct config *config)
{
	return account_size(data_rows(config));
}

/* One message at least of what the process before this one had read, and the connections that live are asked for again. */
static void data_begin_loss(struct control *control)
{
	const struct fact news = { .type = FACT_LOST_SINCE, .lost = 1 };
	const struct fact copies = { .type = FACT_LOST_SINCE };

	account_take_fact(control->data.account, &news, clock_microseconds());
	control->data.untold += news.lost;
	control->data.behind = true;
	if (control->start->copies)
		account_take_fact(control->data.account, &copies, clock_microseconds());
}

/*
 * What the process before this one had read of the kernel's news and not taken, nobody will read again, nor what the kernel
 * drops if that one ended in the middle of a loss. So it is a loss, which ends when nothing waits any more.
 */
static void data_inherit(struct control *control)
{
	const bool interrupted = account_was_interrupted(control->data.account);

	news_inherit(control->start->news, interrupted);
	if (control->start->copies)
		copies_inherit(control->start->copies, interrupted);
	if (interrupted)
		data_begin_loss(control);
}

int data_open(struct control *control)
{
	const struct account_ops ops = { .context = control, .tell = data_tell, .ask = data_ask,
					 .progress = data_note_progress };
	uint8_t key[16];

	if (!control->start->news)
		return 0;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key) || data_watch(control) < 0)
		return -1;
	control->data.account = account_open(control->start->account, data_rows(control->config), key, &ops);
	data_inherit(control);
	data_wake(control);
	return 0;
}

void data_lose_notices(struct control *control)
{
	if (control->data.account)
		account_lose_notices(control->data.account, clock_microseconds());
}

uint64_t data_count_lost(const struct control *control)
{
	return control->data.account ? account_get_counters(control->data.account)->lost : 0;
}

uint64_t data_count_forgotten(const struct control *control)
{
	return control->data.account ? account_get_counters(control->data.account)->forgotten : 0;
}

void data_finish(struct control *control)
{
	if (control->data.account)
		account_finish(control->data.account, clock_microseconds());
	data_tell_lost(control, clock_microseconds(), 0);
}

void data_close(struct control *control)
{
	struct event *const events[] = { control->data.tick, control->data.news, control->data.copies };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
}
