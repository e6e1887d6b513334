/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Patience: a sender that waits for an acknowledgement before it sends the rest of a line (Nagle, RFC 896, or a person
 * who types) is given one in the receiver's name. From then on the held bytes are ours to deliver (stream_set_owing).
 */
#include <string.h>

#include "gateway_internal.h"

/* A sender that is not waiting for an acknowledgement sends the rest of a line within this time, microseconds. */
#define PATIENCE UINT64_C(5000)

void patience_note(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	const struct stream *stream = &passage->flow->stream[passage->direction];
	struct patience *row = &gateway->patience[(gateway->patience_first + gateway->patience_count) % PATIENCE_MAX];

	if (stream_held(stream) == 0 || (stream->owing && stream->in_owed == stream->in_next) ||
	    gateway->patience_count == PATIENCE_MAX)
		return;
	row->deadline = passage->now + PATIENCE;
	row->session = passage->flow->session.id;
	row->flow = (uint32_t)(passage->flow - gateway->table.flows);
	row->in_next = stream->in_next;
	row->direction = passage->direction;
	gateway->patience_count++;
}

static void acknowledge_held(struct gateway *gateway, const struct patience *row)
{
	struct flow *flow = &gateway->table.flows[row->flow];
	struct stream *stream = &flow->stream[row->direction];
	const struct flow_echo *sender = &flow->echo[row->direction];
	const struct flow_echo *receiver = &flow->echo[direction_opposite(row->direction)];
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	if (flow->state != FLOW_LIVE || flow->session.id != row->session || stream->in_next != row->in_next ||
	    stream_held(stream) == 0)
		return;
	memset(&plain, 0, sizeof(plain));
	plain.tuple = nat_view_tuple(&flow->session.view, direction_opposite(row->direction));
	plain.seq = sender->ack;
	plain.ack = stream->in_next;
	plain.flags = TCP_ACK;
	plain.window = receiver->window;
	plain.timestamps.present = sender->timestamps.present && receiver->timestamps.present;
	plain.timestamps.value = receiver->timestamps.value;
	plain.timestamps.echo = sender->timestamps.value;
	stream_set_owing(stream);
	bytes.length = packet_build(&plain, packet);
	gateway->ops->inject(gateway->ops->context, bytes);
}

void patience_tick(struct gateway *gateway, uint64_t now)
{
	while (gateway->patience_count > 0) {
		const struct patience *row = &gateway->patience[gateway->patience_first];

		if (row->deadline > now)
			break;
		acknowledge_held(gateway, row);
		gateway->patience_first = (gateway->patience_first + 1) % PATIENCE_MAX;
		gateway->patience_count--;
	}
}
