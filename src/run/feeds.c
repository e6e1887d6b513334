/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   OPEN --told--> control reads it
 *     | its process is not started again
 *     v
 *   ENDED --told--> control reads it to its end; it is no more
 *
 * A ring belongs to a place, and not to a process: a process that takes the place of a dead one writes on in the same ring,
 * so nothing that the dead one left there is lost. A control that is started again is told of all rings again.
 *
 * Numbers of sessions: the high half says when the process began, or is one more than that of the process before it; the low
 * half is a counter. Two sessions have the same number only if one process has more than four thousand million of them, and
 * another process has the next high half.
 */
#include "run/feeds.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * The time at which a process began is counted in sixteenths of a second since 2026: a service that ends and begins again
 * within a second has other numbers, and it takes eight years until they come again.
 */
#define FEED_EPOCH UINT64_C(1767225600000000) /* microseconds since 1970 */
#define FEED_UNIT UINT64_C(62500)
#define FEED_SESSION_BITS 32

static struct feed *feeds_find_place(struct feeds *feeds)
{
	struct feed *oldest = NULL;

	for (size_t i = 0; i < FEEDS_MAX; i++) {
		struct feed *feed = &feeds->feed[i];

		if (feed->state == FEED_NONE)
			return feed;
		if (feed->state == FEED_ENDED && (!oldest || feed->number < oldest->number))
			oldest = feed;
	}
	return oldest;
}

static void feed_close(struct feed *feed)
{
	if (feed->state == FEED_NONE)
		return;
	close(feed->memory);
	close(feed->wake);
	*feed = (struct feed){ .state = FEED_NONE };
}

struct feed *feeds_adopt(struct feeds *feeds, enum channel_voice voice, int memory, int wake, uint64_t first_session)
{
	struct feed *feed = feeds_find_place(feeds);

	if (!feed) {
		log_message(LOG_LEVEL_ERROR, "there are more processes than events are taken from");
		return NULL;
	}
	/* One that ended long ago, and that no control has read. */
	feed_close(feed);
	*feed = (struct feed){
		.state = FEED_OPEN, .feeds = feeds, .number = ++feeds->numbers, .voice = voice, .memory = memory,
		.wake = wake,
		.first_session = first_session,
	};
	return feed;
}

struct feed *feeds_open(struct feeds *feeds, enum channel_voice voice, size_t size)
{
	const int memory = record_make_memory("ftpalg-events", size);
	const int wake = record_make_wake();
	struct feed *feed = NULL;

	if (memory >= 0 && wake >= 0)
		feed = feeds_adopt(feeds, voice, memory, wake, 0);
	else
		log_message(LOG_LEVEL_ERROR, "no memory for events: %s", strerror(errno));
	if (feed)
		return feed;
	if (memory >= 0)
		close(memory);
	if (wake >= 0)
		close(wake);
	return NULL;
}

void feed_begin(struct feed *feed)
{
	const uint64_t wall = clock_wall_microseconds();
	const uint64_t now = wall > FEED_EPOCH ? (wall - FEED_EPOCH) / FEED_UNIT : 0;
	const uint64_t next = (feed->feeds->sessions >> FEED_SESSION_BITS) + 1;

	/* Bits that the number has no room for are lost at its top. */
	feed->feeds->sessions = (now > next ? now : next) << FEED_SESSION_BITS;
	/* No session has the number 0. */
	feed->first_session = feed->feeds->sessions + 1;
}

bool feed_write(const struct feed *feed, struct record_writer *writer)
{
	if (record_writer_open(writer, feed->memory, feed->wake, feed->first_session) == 0)
		return true;
	log_message(LOG_LEVEL_ERROR, "no memory for events: %s", strerror(errno));
	return false;
}

bool feed_has_session(const struct feed *feed, uint64_t session)
{
	return feed->first_session >> FEED_SESSION_BITS == session >> FEED_SESSION_BITS;
}

void feed_end(struct feed *feed)
{
	if (feed)
		feed->state = FEED_ENDED;
}

void feeds_forget(struct feeds *feeds)
{
	for (size_t i = 0; i < FEEDS_MAX; i++)
		feeds->feed[i].told = false;
}

static bool feed_tell(struct feed *feed, int channel)
{
	const int files[CHANNEL_FILES_MAX] = { feed->memory, feed->wake };
	struct channel_message message = {
		.kind = CHANNEL_FEED, .number = feed->number, .voice = feed->voice, .session = feed->first_session,
	};

	if (!feed->told)
		feed->told = channel_send(channel, &message, files);
	if (!feed->told || feed->state != FEED_ENDED)
		return feed->told;
	message.kind = CHANNEL_ENDED;
	if (!channel_send(channel, &message, NULL))
		return false;
	feed_close(feed);
	return true;
}

void feed_announce(struct feed *feed)
{
	if (feed->feeds->channel >= 0)
		feed_tell(feed, feed->feeds->channel);
}

void feeds_tell(struct feeds *feeds, int channel)
{
	bool good = true;

	for (size_t i = 0; good && i < FEEDS_MAX; i++)
		if (feeds->feed[i].state == FEED_ENDED || (feeds->feed[i].state == FEED_OPEN && !feeds->feed[i].told))
			good = feed_tell(&feeds->feed[i], channel);
}

bool feeds_are_told(const struct feeds *feeds)
{
	for (size_t i = 0; i < FEEDS_MAX; i++)
		if (feeds->feed[i].state != FEED_NONE && !feeds->feed[i].told)
			return false;
	return true;
}

void feeds_leave(struct feeds *feeds, const struct feed *kept)
{
	for (size_t i = 0; i < FEEDS_MAX; i++)
		if (&feeds->feed[i] != kept)
			feed_close(&feeds->feed[i]);
}
