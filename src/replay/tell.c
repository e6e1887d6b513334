/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an observer of the replay gets (struct replay_observer). */
#include "replay/internal.h"

static struct replay_segment replay_describe_segment(const struct replay *replay,
						     const struct replay_connection *connection,
						     enum direction direction, const struct packet *packet)
{
	return (struct replay_segment){
		.connection = connection->number,
		.view = &connection->view,
		.direction = direction,
		.time = replay->now,
		.seq = packet->seq,
		.flags = packet->flags,
		.payload = packet->payload,
	};
}

void replay_tell_begin(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet, bool adopted)
{
	const struct replay_observer *observer = replay->settings.observer;
	struct replay_segment segment;

	if (!observer)
		return;
	segment = replay_describe_segment(replay, connection, direction, packet);
	observer->begin(observer->context, &segment, adopted);
}

void replay_tell_offer(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet)
{
	const struct replay_observer *observer = replay->settings.observer;
	struct replay_segment segment;

	if (!observer)
		return;
	segment = replay_describe_segment(replay, connection, direction, packet);
	observer->offer(observer->context, &segment);
}

/* Are the bytes of the segment that was just offered in the gateway or beyond it? Not if the packet itself was wrong. */
static bool replay_was_taken(const struct gateway_output *output)
{
	if (output->verdict != GATEWAY_DROP)
		return true;
	switch (output->reason) {
	case REASON_SHORT_PACKET:
	case REASON_LONG_PACKET:
	case REASON_NOT_TCP:
	case REASON_FRAGMENT:
	case REASON_BAD_CHECKSUM:
	case REASON_ADOPTING:
	case REASON_OUT_OF_ORDER:
	case REASON_OUT_OF_WINDOW:
	case REASON_CARRIER_TRIGGER:
	case REASON_OLD:
	case REASON_NO_CONNECTION:
	case REASON_NO_CARRIER:
	case REASON_TABLE_FULL:
	case REASON_MEMORY_FULL:
	case REASON_WINDOW_FULL:
	case REASON_EDITS_FULL:
	case REASON_QUOTA_SESSIONS:
	case REASON_QUOTA_BYTES:
	case REASON_CONNECTION_ENDED:
		return false;
	default:
		return true;
	}
}

void replay_tell_answer(const struct replay *replay, const struct replay_connection *connection,
			enum direction direction, const struct packet *packet)
{
	const struct replay_observer *observer = replay->settings.observer;
	struct replay_segment segment;

	if (!observer)
		return;
	segment = replay_describe_segment(replay, connection, direction, packet);
	observer->answer(observer->context, &segment, replay_was_taken(&replay->output));
}

void replay_tell_leave(const struct replay *replay, const struct replay_connection *connection,
		       enum direction direction, const struct packet *packet, uint32_t seq)
{
	const struct replay_observer *observer = replay->settings.observer;
	struct replay_segment segment;

	if (!observer)
		return;
	segment = replay_describe_segment(replay, connection, direction, packet);
	segment.seq = seq;
	observer->leave(observer->context, &segment);
}

void replay_tell_lose(const struct replay *replay, const struct replay_connection *connection)
{
	const struct replay_observer *observer = replay->settings.observer;

	if (observer)
		observer->lose(observer->context, connection->number, replay->now);
}

void replay_tell_data(const struct replay *replay, const struct packet *packet, size_t length)
{
	const struct replay_observer *observer = replay->settings.observer;

	if (observer)
		observer->data(observer->context, packet, length, replay->now);
}
