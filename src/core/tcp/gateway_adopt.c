/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A connection that is older than the gateway is adopted when one of its peers says something. Where a stream begins
 * must be known to the byte: a sender that repeats bytes which its receiver has, with other content, makes a gateway
 * that believes its numbers begin before the place where the receiver reads on, and then the two read different lines
 * ("NOOP xxxPORT 10,0,0,99,0,25" is an offer to a server that has the first eight bytes). So a sender is not asked.
 * An adopted stream begins where its receiver says that it stands; until then nothing of it passes.
 *
 *                 a segment           deadline, or          an acknowledgement,
 *                 (kept)              a segment: probe      settling time over
 *   UNKNOWN -----------------> WAITING ------------> ASKED ---------------------> BEGUN
 *      |                                                                            ^
 *      +----------------------------- the same ------------------------------------+
 *
 *   packet of a stream that has not begun    what becomes of it
 *   payload, FIN, or both                    dropped; the payload that begins lowest is kept
 *   RST                                      passes; ends the session if it has the number that the receiver expects
 *   neither (keep-alives, acknowledgements)  passes, with the kernel's correction
 *
 * The probe. RFC 9293 3.10.7.4: an unacceptable segment is answered with an acknowledgement. A segment without
 * payload just below the receiver's window is one, as every keep-alive is, and does no harm wherever it arrives. Linux
 * was asked, and answers it with and without timestamps, with a window of zero and in FIN-WAIT-2; only once in 500 ms
 * (tcp_invalid_ratelimit), which is why the first is not sent before its answer can be used; and not if its timestamp
 * is older than one that it has seen, which is why the probe carries that of the sender's newest packet. Its number
 * is the one before what the receiver acknowledged last. Where the receiver has been silent the lowest number that
 * its sender has used takes its place: if the receiver stands before that, because something was lost, the probe lies
 * in its window and is not answered, but then the sender's repetition begins lower. When a probe or its answer is
 * lost, the next one is sent with the sender's repetition: never more than there are segments, nor more than one in a
 * settling time.
 *
 * What is under way. Bytes that the last gateway let pass may not have arrived yet, and acknowledgements that were
 * sent before they did are too low. An acknowledgement counts when the settling time has passed since the connection
 * was first seen, during which nothing passed, and when it is the highest that has been seen: the number was
 * confirmed when nothing could move it any more. The settling time is shorter than the 200 ms after which Linux
 * repeats a segment.
 *
 * If the receiver nevertheless acknowledges more than was let out, the start was wrong: it is further away than the
 * settling time. As long as nothing has been read the stream begins again, there. Afterwards the session is closed,
 * since nobody knows what the receiver read. That is so for the first second; what a receiver has later that did not
 * come by here, it has got through another gateway (gateway_stale.c). It is also closed where the receiver stands in the
 * middle of an edited part, whose bytes died with the gateway that wrote them.
 *
 * Strangers. Anybody who knows the ports can be the first that is heard, and where there was an edit conntrack keeps nobody
 * out. The numbers that the two peers use fit each other: each acknowledges about where the other one is. A packet
 * whose numbers don't fit what was heard before is one of two of which one is a stranger's. As long as no stream has
 * begun, all starts over with it: strangers, who don't hear the answers, don't go on, and the peers do.
 *
 * What is kept. Repetitions are further and further apart, half a minute after a long outage, and a gateway that
 * dropped one after each of its deaths would wear out its users. So what was said while the receiver was asked is
 * kept, read when the stream begins, and let out in the sender's name; the sender's repetitions are then those of
 * bytes that are known.
 *
 * Bytes that the last gateway had acknowledged in the receiver's name and not delivered are lost with it. Their
 * sender goes on after them, which is a gap for ever: both peers wait, and their own timers end the connection.
 *
 * The receiver may stand within a line. The last gateway held whatever could become an offer, but of a line that it
 * had judged and let out whole, a receiver with a small window may have taken a part. So the first line of an adopted
 * stream is read as a whole before anything of it passes (stream.h, partial), and inspect.c says what becomes of the
 * rest of one. That covers a predecessor that was configured to let everything pass (absent = open) as well.
 */
#include <string.h>

#include "core/tcp/gateway_internal.h"

static void note_deadline(struct gateway *gateway, const struct flow *flow, uint64_t now)
{
	uint32_t last = (gateway->adoptions_first + gateway->adoptions_count) % ADOPTIONS_MAX;
	struct adoption_timer *timer = &gateway->adoptions[last];

	/* The sender's own timer brings its segment again. */
	if (gateway->adoptions_count == ADOPTIONS_MAX)
		return;
	timer->deadline = now + gateway->limits.settling;
	timer->session = flow->session.id;
	timer->flow = (uint32_t)(flow - gateway->table.flows);
	gateway->adoptions_count++;
}

void adoption_begin(struct passage *passage, const struct connection *connection)
{
	struct flow *flow = passage->flow;

	memset(&flow->adoption, 0, sizeof(flow->adoption));
	flow->adoption.since = passage->now;
	for (int i = 0; i < 2; i++)
		flow->stream[i].kernel = connection->seqadj[i];
	note_deadline(passage->gateway, flow, passage->now);
}

bool passage_adopt_connection(struct passage *passage, const struct connection *connection)
{
	passage->direction = connection->direction;
	if (!passage_take_row(passage, connection, FLOW_LIVE))
		return false;
	if (!passage_open_session(passage, &connection->view, true)) {
		gateway_forget_flow(passage->gateway, passage->flow);
		passage->flow = NULL;
		return false;
	}
	refusal_forget(&passage->gateway->refusals, REFUSAL_SPEECH, &passage->packet.tuple);
	adoption_begin(passage, connection);
	return true;
}

/* For so long a peer may be silent that repeats what was lost, and conntrack keeps what both peers have ended. */
#define AFTERMATH (120 * SECOND)

/*
 * Has the connection ended? The reset that ended it may have died on its way: a client would have its own session adopted,
 * within TLS. Ends may have died too, but on their way to a gateway that was not there: conntrack has seen them, and their
 * peers go on until they have arrived. So they count where this gateway has been there ever since.
 */
static bool is_over(const struct passage *passage, const struct connection *connection)
{
	return connection->ended && (!connection->lingers || passage->now - passage->gateway->began >= AFTERMATH);
}

bool passage_adopt(struct passage *passage)
{
	struct connection connection;
	enum reason reason;

	if (passage_is_refused(passage, REFUSAL_SPEECH))
		return false;
	reason = passage_look_up(passage, &connection);
	/* Nobody has said anything yet, where the client has not even answered the server's SYN and ACK. */
	if (reason == REASON_NONE && connection.opening)
		reason = REASON_OUT_OF_WINDOW;
	if (reason == REASON_NONE && is_over(passage, &connection))
		reason = REASON_CONNECTION_ENDED;
	if (reason == REASON_NONE && connection.shared)
		reason = REASON_SHARED_TUPLE;
	if (reason != REASON_NONE) {
		passage_refuse(passage, reason);
		return false;
	}
	return passage_adopt_connection(passage, &connection);
}

/* As far apart as two numbers of one stream are: nothing that was said so far is more than a window away. */
#define ADOPTION_REACH 131072

static bool is_near(uint32_t a, uint32_t b)
{
	return a - b <= ADOPTION_REACH || b - a <= ADOPTION_REACH;
}

/* Could a number of this direction's stream be this one, by what is known of it? */
static bool fits(const struct flow *flow, enum direction direction, uint32_t number)
{
	const struct flow_adopted *adopted = &flow->adoption.direction[direction];
	const struct stream *stream = &flow->stream[direction];

	if (stream->started)
		return is_near(number, stream->in_next);
	return (!adopted->told || is_near(number, adopted->highest)) &&
	       (!adopted->placed || is_near(number, adopted->place));
}

/* Who was heard first may have been a stranger. From here on only what is heard now counts. */
static void start_over(struct passage *passage)
{
	struct flow *flow = passage->flow;

	adoption_end(passage->gateway, flow);
	memset(&flow->adoption, 0, sizeof(flow->adoption));
	flow->adoption.since = passage->now;
	note_deadline(passage->gateway, flow, passage->now);
}

enum plausibility adoption_weigh(struct passage *passage)
{
	struct flow *flow = passage->flow;
	const struct packet *packet = &passage->packet;
	enum direction opposite = direction_opposite(passage->direction);

	if ((packet->flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return PLAUSIBLE_NOT;
	if (!fits(flow, passage->direction, packet->seq) || !fits(flow, opposite, packet->ack)) {
		if (flow->stream[DIRECTION_ORIGINAL].started || flow->stream[DIRECTION_REPLY].started)
			return PLAUSIBLE_NOT;
		start_over(passage);
	}
	flow->adoption.direction[passage->direction].placed = true;
	flow->adoption.direction[passage->direction].place = packet->seq;
	return PLAUSIBLE;
}

/* An acknowledgement that was under way when the gateway began has arrived, or was lost. */
#define YOUTH SECOND

bool adoption_is_young(const struct flow *flow, uint64_t now)
{
	return flow->adoption.since != 0 && now - flow->adoption.since < YOUTH;
}

static bool is_settled(const struct gateway *gateway, const struct flow *flow, uint64_t now)
{
	return now - flow->adoption.since >= gateway->limits.settling;
}

/* The segment before the receiver's window. */
static void ask(struct gateway *gateway, struct flow *flow, enum direction direction, uint64_t now)
{
	struct flow_adopted *adopted = &flow->adoption.direction[direction];
	const struct stream *stream = &flow->stream[direction];
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	adopted->asked = true;
	adopted->last_asked = now;
	flow_describe(flow, direction, &plain);
	plain.seq = (adopted->told ? adopted->highest : seqadj_apply(&stream->kernel, adopted->lowest)) - 1;
	bytes.length = packet_build(&plain, packet);
	gateway->ops->inject(gateway->ops->context, bytes);
}

/* What the receiver of this direction expects next, as far as it is known. */
static uint32_t find_expected(const struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct stream *stream = &flow->stream[passage->direction];
	const struct flow_adopted *adopted = &flow->adoption.direction[passage->direction];

	if (stream->started)
		return stream->out_acked;
	return adopted->told ? adopted->highest : seqadj_apply(&stream->kernel, passage->packet.seq);
}

static void fail(struct passage *passage, enum reason reason)
{
	passage->from = find_expected(passage);
	passage_kill(passage, reason);
}

/* What the stream of this direction has let out, in its sender's name. */
static void transmit(struct gateway *gateway, struct flow *flow, enum direction direction)
{
	const struct stream *stream = &flow->stream[direction];
	struct stream_range range = { .out = stream->out_acked };
	struct packet_plain plain;
	struct packet_change change;
	struct packet view;
	uint8_t header[PACKET_PLAIN_MAX];
	struct bytes bytes = { header, 0 };

	flow_describe(flow, direction, &plain);
	for (; range.out != stream->out_next; range.out += range.length) {
		range.length = stream->out_next - range.out < SAFE_SEGMENT ? stream->out_next - range.out : SAFE_SEGMENT;
		stream_copy(stream, &gateway->pool, &range, gateway->payload);
		plain.seq = range.out;
		bytes.data = header;
		bytes.length = packet_build(&plain, header);
		if (packet_parse(bytes, &view) != REASON_NONE)
			return;
		change = (struct packet_change){
			.seq = plain.seq, .ack = plain.ack, .flags = TCP_ACK | TCP_PSH,
			.payload = { gateway->payload, range.length },
		};
		bytes.length = packet_rewrite(bytes, &view, &change, gateway->made, sizeof(gateway->made));
		bytes.data = gateway->made;
		gateway->ops->inject(gateway->ops->context, bytes);
	}
}

/* The header of a record: its type, and the major version. */
static bool looks_like_tls(struct bytes bytes)
{
	return bytes.length >= TLSRECORD_HEADER && bytes.data[0] >= 20 && bytes.data[0] <= 23 && bytes.data[1] == 3;
}

/* Can the connection be one in TLS, in which this is said? */
static bool may_be_tls(const struct gateway *gateway, const struct flow *flow, struct bytes bytes)
{
	return looks_like_tls(bytes) && !silent_has(&gateway->silent, &flow->tuple);
}

/* What was kept is read and let out, as if it came now. */
static void release(struct passage *passage, enum direction direction)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	struct flow_adopted *adopted = &flow->adoption.direction[direction];
	const struct stream *stream = &flow->stream[direction];
	struct bytes fresh = { gateway->payload, 0 };
	enum inspect_result result;
	enum reason reason;
	size_t skip;

	fresh.length = buffer_copy(&gateway->pool, &adopted->kept, 0, adopted->kept.length, gateway->payload);
	buffer_clear(&gateway->pool, &adopted->kept);
	if (fresh.length == 0 || stream_locate(stream, adopted->lowest, fresh.length, &skip) != STREAM_FRESH)
		return;
	fresh.data += skip;
	fresh.length -= skip;
	/* It passes when it is repeated. */
	if (may_be_tls(gateway, flow, fresh))
		return;
	result = inspect_bytes(&gateway->inspector, flow, direction, fresh, passage->now, &reason);
	if (result == INSPECT_CLOSE)
		fail(passage, reason);
	else
		transmit(gateway, flow, direction);
}

/* The other stream begins where its receiver, the sender of this packet, stands. */
static void begin_stream(struct passage *passage, uint32_t out)
{
	enum direction direction = direction_opposite(passage->direction);
	struct stream *stream = &passage->flow->stream[direction];
	struct seqadj kernel = stream->kernel;
	uint32_t in = seqadj_revert(&kernel, out);

	if (seqadj_apply(&kernel, in) != out) {
		fail(passage, REASON_ADOPTION_FAILED);
		return;
	}
	stream_start(stream, &passage->gateway->pool, in, &kernel, true);
	release(passage, direction);
}

/* The packet's sender tells where it stands in what the other one sends. */
static void hear(struct passage *passage)
{
	struct flow *flow = passage->flow;
	enum direction opposite = direction_opposite(passage->direction);
	struct flow_adopted *adopted = &flow->adoption.direction[opposite];
	const struct stream *stream = &flow->stream[opposite];
	uint32_t ack = passage->packet.ack;

	if ((passage->packet.flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return;
	if (!stream->started) {
		if (!adopted->told || seq_before(adopted->highest, ack))
			adopted->highest = ack;
		adopted->told = true;
		if (ack == adopted->highest && is_settled(passage->gateway, flow, passage->now))
			begin_stream(passage, ack);
	} else if (adoption_is_young(flow, passage->now) && stream_is_contradicted(stream, ack) &&
		   passage_is_ahead(passage)) {
		if (stream_is_untouched(stream))
			begin_stream(passage, ack);
		else
			fail(passage, REASON_ADOPTION_FAILED);
	}
}

/* Where there is no room for it, its sender repeats it. */
static void keep(struct passage *passage, struct flow_adopted *adopted)
{
	struct gateway *gateway = passage->gateway;
	struct bytes payload = passage->packet.payload;

	adopted->waiting = true;
	adopted->lowest = passage->packet.seq;
	buffer_clear(&gateway->pool, &adopted->kept);
	if (inspect_check_share(&gateway->inspector, passage->flow, payload.length) == REASON_NONE)
		buffer_append(&gateway->pool, &adopted->kept, payload);
}

static void wait_for_receiver(struct passage *passage)
{
	struct flow *flow = passage->flow;
	struct flow_adopted *adopted = &flow->adoption.direction[passage->direction];

	if (!adopted->waiting || !seq_before(adopted->lowest, passage->packet.seq))
		keep(passage, adopted);
	if (is_settled(passage->gateway, flow, passage->now) &&
	    (!adopted->asked || passage->now - adopted->last_asked >= passage->gateway->limits.settling))
		ask(passage->gateway, flow, passage->direction, passage->now);
	passage_decide(passage, GATEWAY_DROP, REASON_ADOPTING);
}

bool adoption_take(struct passage *passage)
{
	const struct packet *packet = &passage->packet;

	if (passage->plausibility == PLAUSIBLE_NOT && adoption_is_under_way(passage->flow)) {
		if (packet->payload.length == 0)
			return false;
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_WINDOW);
		return true;
	}
	hear(passage);
	if (passage->flow->state != FLOW_LIVE)
		return true;
	if (passage->flow->stream[passage->direction].started || (packet->flags & TCP_RST) ||
	    (packet->payload.length == 0 && !(packet->flags & TCP_FIN)))
		return false;
	wait_for_receiver(passage);
	return true;
}

/* A peer that has said a line in clear since then is not in the middle of TLS. */
static bool may_be_opaque(const struct passage *passage, enum direction direction)
{
	const struct flow *flow = passage->flow;
	const struct buffer *kept = &flow->adoption.direction[direction].kept;
	uint8_t first[TLSRECORD_HEADER];
	struct bytes bytes = { first, buffer_copy(&passage->gateway->pool, kept, 0, sizeof(first), first) };

	if (flow->stream[direction].started)
		return stream_is_untouched(&flow->stream[direction]);
	return bytes.length == 0 || looks_like_tls(bytes);
}

void adoption_judge_opaque(struct passage *passage)
{
	struct flow *flow = passage->flow;
	enum direction opposite = direction_opposite(passage->direction);
	const struct stream *stream = &flow->stream[passage->direction];
	struct stream *other = &flow->stream[opposite];
	struct bytes fresh = passage->packet.payload;
	struct seqadj kernel = other->kernel;
	size_t skip;

	if (fresh.length == 0 || !stream_is_untouched(stream) || !may_be_opaque(passage, opposite) ||
	    flow->session.state == SESSION_OPAQUE)
		return;
	inspect_follow_policy(&passage->gateway->inspector, flow);
	if (flow->session.rule->tls == TLS_FORBID || policy_rule_terminates(flow->session.rule))
		return;
	if (stream_locate(stream, passage->packet.seq, fresh.length, &skip) != STREAM_FRESH)
		return;
	fresh.data += skip;
	fresh.length -= skip;
	if (!may_be_tls(passage->gateway, flow, fresh))
		return;
	/* Where exactly it begins is of no account to a stream that is not read. */
	if (!other->started)
		stream_start(other, &passage->gateway->pool, seqadj_revert(&kernel, passage->packet.ack), &kernel, true);
	adoption_end(passage->gateway, flow);
	session_set_opaque(&flow->session, passage->gateway->ops);
	stream_set_passing(&flow->stream[DIRECTION_ORIGINAL], &passage->gateway->pool);
	stream_set_passing(&flow->stream[DIRECTION_REPLY], &passage->gateway->pool);
}

static void ask_waiting(struct gateway *gateway, const struct adoption_timer *timer, uint64_t now)
{
	struct flow *flow = &gateway->table.flows[timer->flow];

	if (flow->state != FLOW_LIVE || flow->session.id != timer->session)
		return;
	for (int i = 0; i < 2; i++)
		if (!flow->stream[i].started && flow->adoption.direction[i].waiting)
			ask(gateway, flow, (enum direction)i, now);
}

void adoption_tick(struct gateway *gateway, uint64_t now)
{
	while (gateway->adoptions_count > 0 && gateway->adoptions[gateway->adoptions_first].deadline <= now) {
		ask_waiting(gateway, &gateway->adoptions[gateway->adoptions_first], now);
		gateway->adoptions_first = (gateway->adoptions_first + 1) % ADOPTIONS_MAX;
		gateway->adoptions_count--;
	}
}
