/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/journal.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/notice_json.h"
#include "host/sentence.h"

/* Half a second of the highest rate that was measured, and minutes of a usual one. */
#define JOURNAL_SIZE ((size_t)4 << 20)
#define JOURNAL_PATIENCE 1000
#define JOURNAL_REMOVED_TICKS 60

static size_t journal_format(const struct notice *notice, char line[OUTLET_LINE_MAX])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return notice_json_format(line, OUTLET_LINE_MAX, notice, &now);
}

static size_t journal_note(void *context, uint64_t count, char line[OUTLET_LINE_MAX])
{
	const struct notice notice = { .type = NOTICE_EVENTS_LOST, .count = count };

	(void)context;
	return journal_format(&notice, line);
}

static void journal_tell_loss(struct journal *journal)
{
	const int error = journal->outlet.error;

	if (log_limit_allows(&journal->lost_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "events are lost, %" PRIu64 " since the start: %s; see to it where"
			    " \"events\" points", journal->outlet.lost_total,
			    error && error != EAGAIN ? strerror(error) : "they are not read");
}

static void journal_put(struct journal *journal, const struct notice *notice)
{
	const bool noise = notice_limit_is_noise(notice->type) && notice->count == 0;
	char line[OUTLET_LINE_MAX];
	const size_t length = journal_format(notice, line);
	const uint64_t began = journal->patience > 0 ? clock_microseconds() : 0;

	if (journal->patience > 0) {
		outlet_wait(&journal->outlet, journal->patience);
		journal->patience -= (int)((clock_microseconds() - began) / 1000);
	}
	if (!outlet_put(&journal->outlet, line, length, noise ? OUTLET_LIGHT : OUTLET_HEAVY,
			notice->count ? notice->count : 1))
		journal_tell_loss(journal);
}

static void journal_tell_sum(void *context, const struct notice *sum)
{
	journal_put(context, sum);
}

int journal_open(struct journal *journal, const struct config *config)
{
	memset(journal, 0, sizeof(*journal));
	journal->outlet.descriptor = -1;
	journal->path = config->events;
	journal->tells = config->log_refusals;
	if (!config->events[0])
		return 0;
	if (outlet_open(&journal->outlet, config->events, JOURNAL_SIZE, journal_note, journal) < 0)
		return -1;
	journal->limit = notice_limit_make(config->limits.sessions, journal_tell_sum, journal);
	if (journal->limit)
		return 0;
	journal_close(journal);
	errno = ENOMEM;
	return -1;
}

static void journal_on_tick(evutil_socket_t descriptor, short what, void *context)
{
	struct journal *journal = context;

	(void)descriptor;
	(void)what;
	notice_limit_tick(journal->limit, clock_microseconds());
	if (journal->outlet.error && journal->outlet.error != EAGAIN &&
	    log_limit_allows(&journal->error_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "events could not be written: %s; up to 4 MB of them are kept; make room"
			    " where \"events\" points", strerror(journal->outlet.error));
	journal->ticks++;
	if (journal->ticks % JOURNAL_REMOVED_TICKS == 0 && outlet_is_removed(&journal->outlet))
		log_message(LOG_LEVEL_WARNING, "%s was removed, and events go where nobody finds them; let log rotation"
			    " copy and truncate it, or restart", journal->path);
}

int journal_watch(struct journal *journal, struct event_base *base)
{
	const struct timeval second = { .tv_sec = 1 };

	if (!journal->limit)
		return 0;
	journal->tick = event_new(base, -1, EV_PERSIST, journal_on_tick, journal);
	if (!journal->tick || event_add(journal->tick, &second) < 0)
		return -1;
	return outlet_watch(&journal->outlet, base);
}

/* A limit of its own for each reason: what somebody repeats hides nothing else. */
static void journal_tell(struct journal *journal, const struct notice *notice)
{
	char text[SENTENCE_MAX];

	if (!sentence_is_due(notice) || !log_limit_allows(&journal->told_limits[notice->reason], clock_microseconds()))
		return;
	sentence_format(notice, text);
	log_message(LOG_LEVEL_WARNING, "%s", text);
}

void journal_notice(struct journal *journal, const struct notice *notice)
{
	if (journal->tells)
		journal_tell(journal, notice);
	if (journal->limit && notice_limit_allows(journal->limit, notice, clock_microseconds()))
		journal_put(journal, notice);
}

void journal_end(struct journal *journal)
{
	journal->patience = JOURNAL_PATIENCE;
}

void journal_close(struct journal *journal)
{
	if (journal->limit)
		notice_limit_finish(journal->limit);
	if (journal->tick)
		event_free(journal->tick);
	journal->tick = NULL;
	if (outlet_close(&journal->outlet, JOURNAL_PATIENCE) > 0)
		journal_tell_loss(journal);
	notice_limit_free(journal->limit);
	journal->limit = NULL;
}
