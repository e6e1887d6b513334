/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may be believed of a packet before it is known to be the peer's?
 *
 * Anyone who knows the addresses and ports of a connection can send packets in a peer's name, from anywhere. conntrack
 * keeps out those whose numbers are wrong, but not where the connection is liberal, as it is after an edit. What
 * such a packet says must not get into the gateway's own packets, whose numbers are right (window, acknowledgement,
 * timestamp), nor release what is kept, nor become payload in the peer's name: the gateway would vouch for it.
 *
 * The rule, for every field: the packet has two numbers that only somebody who hears the connection knows, its own place in
 * its stream and its acknowledgement in the other one. It is believed where both are such as the peer could send
 * now, and where its timestamp does not go back (RFC 7323 5.3). RFC 5961 5.2 asks a receiver for the same of the
 * acknowledgement.
 */
#include "core/tcp/gateway_internal.h"

/* The largest window without scaling; control connections never need more. */
#define REACH 65535
/* A stream that only passes is known less well: by what was acknowledged last, and by what followed without a gap. */
#define PASSING_REACH (4 * REACH)

static bool is_near(uint32_t number, uint32_t from, uint32_t to)
{
	return number - from <= to - from;
}

/* Its place: at or after what was last acknowledged, less what its sender may repeat, plus what may have been lost. */
static bool place_is_plausible(const struct stream *own, const struct packet *packet)
{
	uint32_t reach = own->passing ? PASSING_REACH : REACH;

	return is_near(packet->seq, own->in_next - 2 * reach, own->in_next + reach);
}

enum plausibility passage_plausibility(const struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct packet *packet = &passage->packet;
	const struct stream *own = &flow->stream[passage->direction];
	const struct stream *other = &flow->stream[direction_opposite(passage->direction)];
	const struct packet_timestamps *last = &flow->echo[passage->direction].timestamps;
	uint32_t newest = other->out_next + other->finished;

	if (!(packet->flags & TCP_ACK) || !place_is_plausible(own, packet))
		return PLAUSIBLE_NOT;
	if (other->passing)
		return is_near(packet->ack, newest - 2 * PASSING_REACH, newest + PASSING_REACH) ? PLAUSIBLE
											       : PLAUSIBLE_NOT;
	if (!is_near(packet->ack, other->out_acked - REACH, newest))
		return PLAUSIBLE_NOT;
	if (seq_before(packet->ack, other->out_acked))
		return PLAUSIBLE_ONCE;
	if (last->present && (!packet->timestamps.present || seq_before(packet->timestamps.value, last->value)))
		return PLAUSIBLE_ONCE;
	return PLAUSIBLE;
}

bool passage_is_ahead(const struct passage *passage)
{
	const struct stream *own = &passage->flow->stream[passage->direction];
	const struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];

	return is_near(passage->packet.ack, other->out_next, other->out_next + REACH) &&
	       (!own->started || place_is_plausible(own, &passage->packet));
}
