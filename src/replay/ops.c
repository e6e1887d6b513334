/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the core asks of the kernel, answered from the tables of the replay (struct ops). */
#include <string.h>

#include "ftpalg/address.h"
#include "replay/internal.h"

static struct address replay_translate_back(const struct replay *replay, const struct address *address)
{
	for (size_t i = 0; i < replay->settings.nat_count; i++)
		if (address_equal(&replay->settings.nat[i].outside, address))
			return replay->settings.nat[i].inside;
	return *address;
}

static struct tuple replay_view_tuple(const struct nat_view *view)
{
	struct tuple tuple = { view->client, view->server };

	return tuple;
}

static struct replay_connection *replay_find_view(const struct replay *replay, const struct nat_view *view)
{
	const struct tuple tuple = replay_view_tuple(view);
	enum direction direction;

	return replay_table_find(&replay->table, &tuple, &direction);
}

static void replay_describe(const struct replay_connection *row, enum direction direction, struct connection *connection)
{
	connection->view = row->view;
	connection->direction = direction;
	connection->opening = !row->established;
	connection->carrier = true;
	connection->resizable = nat_view_is_translated(&row->view);
	connection->seqadj[DIRECTION_ORIGINAL] = row->stream[DIRECTION_ORIGINAL].kernel;
	connection->seqadj[DIRECTION_REPLY] = row->stream[DIRECTION_REPLY].kernel;
}

static enum reason replay_op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	struct replay *replay = context;
	enum direction direction;
	const struct replay_connection *row = replay_table_find(&replay->table, seen, &direction);

	if (!row)
		return REASON_NO_CONNECTION;
	replay_describe(row, direction, connection);
	return REASON_NONE;
}

/* Of two connections that look alike, a capture shows only one at a time. */
static enum reason replay_op_recall(void *context, const struct nat_view *view, struct connection *connection)
{
	const struct replay_connection *row = replay_find_view(context, view);

	if (!row || !nat_view_equal(&row->view, view))
		return REASON_NO_CONNECTION;
	replay_describe(row, DIRECTION_ORIGINAL, connection);
	return REASON_NONE;
}

static void replay_describe_pinhole(const struct nat_view *master, const struct expectation *expectation,
				    struct replay_pinhole *pinhole)
{
	memset(pinhole, 0, sizeof(*pinhole));
	pinhole->master = replay_view_tuple(master);
	pinhole->expectation = *expectation;
	pinhole->source = expectation->source;
	pinhole->inside = expectation->destination;
	if (!expectation->translated)
		return;
	pinhole->inside.address = expectation->nat_direction == DIRECTION_REPLY ? master->client.address
										: master->server.address;
	pinhole->inside.port = expectation->saved_port;
}

static enum reason replay_op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct replay *replay = context;
	struct replay_pinhole pinhole;

	replay_describe_pinhole(master, expectation, &pinhole);
	return replay_pinholes_add(replay->pinholes, &pinhole, replay->now, expectation);
}

static enum reason replay_op_unexpect(void *context, const struct nat_view *master,
				      const struct expectation *expectation)
{
	struct replay *replay = context;
	struct replay_pinhole pinhole;

	replay_describe_pinhole(master, expectation, &pinhole);
	return replay_pinholes_remove(replay->pinholes, &pinhole.master, &pinhole, replay->now);
}

static enum reason replay_op_seqadj(void *context, const struct nat_view *master, enum direction direction,
				    const struct seqadj *seqadj)
{
	struct replay *replay = context;
	struct replay_connection *connection = replay_find_view(replay, master);

	/* The kernel has the extension only where NAT changed the connection. */
	if (!connection || !nat_view_is_translated(&connection->view))
		return REASON_NO_RESIZE;
	replay_stream_correct(&connection->stream[direction], seqadj);
	return REASON_NONE;
}

static void replay_op_notice(void *context, const struct notice *notice)
{
	struct replay *replay = context;
	const struct timespec time = {
		.tv_sec = (time_t)(replay->now / REPLAY_SECOND),
		.tv_nsec = (long)(replay->now % REPLAY_SECOND * 1000),
	};

	if (replay->settings.events && notice_json_print(replay->settings.events, notice, &time, &replay->told) < 0)
		replay->counters.events_failed = true;
	if (replay->settings.observer)
		replay->settings.observer->notice(replay->settings.observer->context, notice, replay->now);
}

static void replay_swap_address(const struct endpoint *endpoint, uint8_t *at)
{
	memcpy(at, endpoint->address.octets, endpoint->address.family == FAMILY_IPV4 ? 4 : 16);
}

/* What the gateway itself sends has the addresses after NAT; the capture has those before it. */
static void replay_write_injected(struct replay *replay, const struct replay_connection *connection,
				  enum direction direction, const struct packet *packet, uint8_t *bytes)
{
	const struct replay_stream *stream = &connection->stream[direction];
	const struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	struct bytes link = { stream->link, stream->link_length };
	struct tuple tuple = connection->tuple;
	uint8_t reversed[CAPTURE_LINK_MAX];
	struct packet_change change = {
		.seq = packet->seq,
		.ack = replay_stream_confirm(other, packet->ack),
		.flags = packet->flags,
	};
	struct packet view;

	if (direction == DIRECTION_REPLY)
		tuple = tuple_reverse(&tuple);
	replay_swap_address(&tuple.source, bytes + (tuple.source.address.family == FAMILY_IPV4 ? 12 : 8));
	replay_swap_address(&tuple.destination, bytes + (tuple.source.address.family == FAMILY_IPV4 ? 16 : 24));
	if (packet_parse((struct bytes){ bytes, packet->length }, &view) != REASON_NONE)
		return;
	if (link.length == 0 && other->link_length > 0) {
		memcpy(reversed, other->link, other->link_length);
		capture_link_reverse(replay->settings.link, reversed, other->link_length);
		link = (struct bytes){ reversed, other->link_length };
	}
	replay_write(replay, link,
		     (struct bytes){ replay->leaving, packet_rewrite((struct bytes){ bytes, packet->length }, &view,
								     &change, replay->leaving,
								     sizeof(replay->leaving)) });
}

/* Is it below everything that its receiver could accept? */
static bool replay_is_probe(const struct replay_stream *stream, const struct packet *packet)
{
	return !stream->heard || seq_before(packet->seq, stream->acknowledged);
}

static void replay_op_inject(void *context, struct bytes bytes)
{
	struct replay *replay = context;
	struct replay_connection *connection;
	struct packet packet;
	struct tuple tuple;
	enum direction direction;
	uint8_t copy[PACKET_PLAIN_MAX];

	if (bytes.length > sizeof(copy) || packet_parse(bytes, &packet) != REASON_NONE)
		return;
	tuple = packet.tuple;
	tuple.source.address = replay_translate_back(replay, &tuple.source.address);
	connection = replay_table_find(&replay->table, &tuple, &direction);
	if (!connection) {
		tuple = packet.tuple;
		tuple.destination.address = replay_translate_back(replay, &tuple.destination.address);
		connection = replay_table_find(&replay->table, &tuple, &direction);
	}
	if (!connection)
		return;
	if (packet.flags & TCP_RST) {
		connection->stream[direction_opposite(direction)].reset = true;
		connection->ended = true;
	}
	/* What was kept of a segment is in the capture too, and is offered again. */
	if (packet.payload.length > 0)
		return;
	/* Asked where it stands, a receiver answers (RFC 9293 3.10.7.4); the capture could not have shown either. */
	if (!(packet.flags & TCP_RST) && replay_is_probe(&connection->stream[direction], &packet)) {
		connection->stream[direction].asked = true;
		return;
	}
	replay->counters.injected++;
	memcpy(copy, bytes.data, bytes.length);
	replay_write_injected(replay, connection, direction, &packet, copy);
}

void replay_set_ops(struct replay *replay)
{
	replay->ops = (struct ops){
		.context = replay, .lookup = replay_op_lookup, .expect = replay_op_expect,
		.unexpect = replay_op_unexpect, .seqadj = replay_op_seqadj, .inject = replay_op_inject,
		.notice = replay_op_notice, .recall = replay_op_recall,
	};
}
