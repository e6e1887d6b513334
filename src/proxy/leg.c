/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A leg's bytes wait in two buffers that are bounded by not reading: nothing is read from a peer while its own lines, or
 * what the other peer has not taken yet, are more than LEG_BUFFER_MAX. A read is a step of the session's turn, however
 * little it brings: a record may have one byte.
 */

#include "proxy/internal.h"

bool leg_open(struct leg *leg, struct event_base *base, int descriptor, event_callback_fn on_event, void *context)
{
	leg->wire.descriptor = descriptor;
	leg->in = evbuffer_new();
	leg->out = evbuffer_new();
	leg->watch = event_new(base, descriptor, EV_READ | EV_WRITE | EV_PERSIST | EV_ET, on_event, context);
	return leg->in && leg->out && leg->watch && event_add(leg->watch, NULL) == 0;
}

void leg_close(struct leg *leg)
{
	if (leg->watch)
		event_free(leg->watch);
	leg->watch = NULL;
	tls_stream_free(leg->ending);
	leg->ending = NULL;
	wire_close(&leg->wire);
	if (leg->in)
		evbuffer_free(leg->in);
	if (leg->out)
		evbuffer_free(leg->out);
	leg->in = NULL;
	leg->out = NULL;
}

static bool leg_may_read(const struct leg *leg)
{
	return leg->connected && leg->input == LEG_READS && !leg_is_shaking(leg) && leg->phase != LEG_STARTING &&
	       leg->phase != LEG_DEMANDED;
}

void leg_say(struct leg *leg, const char *text)
{
	evbuffer_add_printf(leg->out, "%s\r\n", text);
}

static enum tls_result leg_read(struct leg *leg, uint8_t *out, size_t size, size_t *length)
{
	return leg->ending ? clear_read(leg, out, size, length) : wire_read(&leg->wire, out, size, length);
}

/* A server with which TLS is to begin has nothing to say before that. False: the connection broke. */
static bool leg_watch_silence(struct proxy_session *session, struct leg *leg)
{
	uint8_t byte;
	const enum tls_result result = wire_peek(&leg->wire, &byte);

	if (result == TLS_DONE) {
		proxy_session_reject(session, REASON_BEHIND_AUTH, "the server sent bytes in clear where TLS was to begin");
	} else if (result == TLS_END) {
		leg->input = LEG_ENDED;
		session->again = true;
	}
	return result != TLS_FAILED;
}

/* Of TLS that broke, the end of the session alone would say no more than of a reset. */
static void leg_tell_failure(struct proxy_session *session, const struct leg *leg)
{
	const struct tls_stream *stream = leg->wire.tls;

	if (stream && tls_stream_is_broken(stream))
		proxy_session_report(session, NOTICE_ANOMALY, REASON_RESET, tls_stream_error(stream));
}

bool leg_fill(struct proxy_session *session, struct leg *leg, const struct leg *other)
{
	uint8_t bytes[4096];
	size_t length;

	/* While a header is expected, header_pass() reads what the client says. */
	if (leg == &session->leg[LEG_CLIENT] && session_expects_header(&session->session))
		return true;
	if (leg == &session->leg[LEG_SERVER] && leg->connected && leg->phase == LEG_STARTING &&
	    leg->input != LEG_ENDED)
		return leg_watch_silence(session, leg);
	while (leg_may_read(leg) && evbuffer_get_length(leg->in) < LEG_BUFFER_MAX &&
	       evbuffer_get_length(other->out) < LEG_BUFFER_MAX && proxy_session_step(session)) {
		switch (leg_read(leg, bytes, sizeof(bytes), &length)) {
		case TLS_DONE:
			if (evbuffer_add(leg->in, bytes, length) < 0)
				return false;
			session->again = true;
			if ((leg->phase == LEG_CLEARING || leg->ending) && !session->cleared)
				proxy_session_reject(session, REASON_BEHIND_REIN, reason_meaning(REASON_BEHIND_REIN));
			if (session->closing)
				return true;
			break;
		case TLS_WAIT:
			return true;
		case TLS_CUT:
			leg->input = LEG_ENDED;
			session->again = true;
			return true;
		case TLS_END:
			leg->input = session->change == SECURITY_REIN && leg->wire.tls ? LEG_SAID_END : LEG_ENDED;
			session->again = true;
			return true;
		case TLS_BARREN:
			proxy_session_reject(session, REASON_BARREN_RECORDS, reason_meaning(REASON_BARREN_RECORDS));
			return true;
		default:
			/* In TLS 1.3 a server says so when the handshake is over; handshake_go_on() tells the client. */
			if (!leg->wire.tls || !tls_stream_lacks_certificate(leg->wire.tls)) {
				leg_tell_failure(session, leg);
				return false;
			}
			leg->phase = LEG_DEMANDED;
			session->again = true;
			return true;
		}
	}
	return true;
}

bool leg_drain(struct proxy_session *session, struct leg *leg)
{
	size_t length;

	if (!leg->connected || leg_is_shaking(leg))
		return true;
	while ((length = evbuffer_get_contiguous_space(leg->out)) > 0) {
		const struct bytes bytes = { evbuffer_pullup(leg->out, (ev_ssize_t)length), length };
		const enum tls_result result = wire_write(&leg->wire, bytes, &length);

		if (result == TLS_WAIT)
			return true;
		if (result != TLS_DONE)
			return false;
		evbuffer_drain(leg->out, length);
		session->again = true;
	}
	if (leg->phase == LEG_CLEARING && leg->output == LEG_WRITES && clear_finish(leg))
		session->again = true;
	if (leg->output == LEG_FINISHING && wire_finish(&leg->wire) == TLS_DONE) {
		leg->output = LEG_FINISHED;
		session->again = true;
	}
	return true;
}
