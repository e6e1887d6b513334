/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation: the end of a data connection is the only thing that says that a file is whole, so every end is
 * either passed on as what it was, or it is a reset on both legs.
 *
 *   what the source's leg shows           half          what the other leg is shown              the file
 *   close_notify; FIN, in clear           CLEAN         all bytes, close_notify, FIN             ends here
 *   FIN without close_notify              BARE          all bytes, FIN without close_notify      is the receiver's to judge
 *     where close-notify says strict, or mirror and the other leg is in clear, or a record has come in part:
 *                                         (cut)         reset                                    is cut
 *   reset, an alert, silence, no answer,
 *   records that have nothing in them     (cut)         reset                                    is cut
 *
 *   FLOWING --CLEAN or BARE--> all written, and the end: PASSED --all acknowledged by the receiver's host--> ARRIVED
 *      \____________________________________________________\___________________ cut: both legs are reset
 *
 * A socket of a relay is set to be reset when it is closed, until a clean end has been written to it: whatever ends the
 * relay, even a kill -9 of this process, no peer sees a FIN that the other has not sent.
 *
 * PASSED only means "in our send buffer". A receiver that goes away then has a part of the file, and its sender believes
 * that all is well. So a relay stays until the receiver's host has acknowledged every byte, and the control connection's
 * 226 waits for that (proxy/transfer.c). A reset that comes after all bytes are acknowledged is how hosts close a socket
 * with our close_notify unread, and cuts nothing; in clear there is no close_notify, and a client that resets has left
 * bytes of the file unread.
 *
 * The direction that is not the file's (an upload's answer is only the server's end) may end in any way once the file has
 * been passed on. A client that says close_notify in the middle of a download may want no more of it, or may just have
 * nothing to say; what it meant shows when it resets, or when it has read everything. Its end is kept until the file's end
 * has been passed on: ProFTPD ends the whole session if close_notify comes without a reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/relay_internal.h"

#define RELAY_BUFFER 131072U
#define RELAY_PIPE 524288
/* What one direction may have in one turn of the loop: buffers, and reads to fill them. A record may have one byte. */
#define RELAY_TURN 16
#define RELAY_READS 256U

static bool half_prepare(struct half *half, bool clear)
{
	if (clear) {
		if (pipe2(half->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			return false;
		/* Where the user has as many pages in pipes as it may, the usual size must do. */
		fcntl(half->pipe[1], F_SETPIPE_SZ, RELAY_PIPE);
		return true;
	}
	half->buffer = malloc(RELAY_BUFFER);
	return half->buffer != NULL;
}

bool relay_prepare_halves(struct relay *relay)
{
	const bool clear = !relay->wire[RELAY_CLIENT].tls && !relay->wire[RELAY_SERVER].tls;

	return half_prepare(&relay->half[RELAY_CLIENT], clear) && half_prepare(&relay->half[RELAY_SERVER], clear);
}

void relay_release_halves(struct relay *relay)
{
	for (int i = 0; i < RELAY_ENDS; i++) {
		struct half *half = &relay->half[i];

		free(half->buffer);
		half->buffer = NULL;
		for (int side = 0; side < 2; side++) {
			if (half->pipe[side] >= 0)
				close(half->pipe[side]);
			half->pipe[side] = -1;
		}
	}
}

static enum tls_result splice_result(ssize_t count)
{
	if (count > 0)
		return TLS_DONE;
	if (count == 0)
		return TLS_END;
	return errno == EAGAIN || errno == EINTR ? TLS_WAIT : TLS_FAILED;
}

static enum tls_result half_fill(struct half *half, struct wire *from, unsigned int *reads)
{
	enum tls_result result = TLS_DONE;

	if (!half->buffer) {
		const ssize_t got = splice(from->descriptor, NULL, half->pipe[1], NULL, RELAY_PIPE,
					   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		half->length += got > 0 ? (size_t)got : 0;
		return splice_result(got);
	}
	half->start = 0;
	for (; half->length < RELAY_BUFFER && result == TLS_DONE && *reads > 0; --*reads) {
		size_t got = 0;

		result = wire_read(from, half->buffer + half->length, RELAY_BUFFER - half->length, &got);
		half->length += got;
	}
	/* What was read is dealt with first; the end will be read again. */
	return half->length > 0 && result != TLS_FAILED && result != TLS_CUT ? TLS_DONE : result;
}

static enum tls_result half_drain(struct half *half, struct wire *to)
{
	enum tls_result result = TLS_DONE;

	while (half->length > 0 && result == TLS_DONE) {
		size_t put = 0;

		if (half->buffer) {
			const struct bytes bytes = { half->buffer + half->start, half->length };

			result = wire_write(to, bytes, &put);
		} else {
			const ssize_t count = splice(half->pipe[0], NULL, to->descriptor, NULL, half->length,
						     SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

			result = splice_result(count);
			put = result == TLS_DONE ? (size_t)count : 0;
		}
		half->start += put;
		half->length -= put;
		half->moved += put;
	}
	return result == TLS_DONE ? wire_flush(to) : result;
}

/* Is end the receiver of the file, with nothing to say itself? */
static bool relay_only_listens(const struct relay *relay, enum relay_end end)
{
	const struct half *half = &relay->half[end];

	return relay->plan.source == (enum relay_end)!end && half->moved == 0 && half->length == 0;
}

/* The source's FIN came without close_notify: may the receiver judge what that means? */
static bool relay_leaves_judgement(const struct relay *relay, enum relay_end end)
{
	const enum close_notify demand = relay->plan.close_notify;

	/* The receiver would see the records before it, all of them whole, and some libraries take that for an end. */
	if (tls_stream_is_torn(relay->wire[end].tls))
		return false;
	if (demand == CLOSE_NOTIFY_DEFAULT || demand == CLOSE_NOTIFY_MIRROR)
		return relay->wire[!end].tls != NULL;
	return demand == CLOSE_NOTIFY_LENIENT;
}

/* What a read means for a half that found no more bytes. */
static enum reason half_end(struct relay *relay, enum relay_end end, enum tls_result result)
{
	struct half *half = &relay->half[end];
	const bool listens = relay_only_listens(relay, end);

	switch (result) {
	case TLS_END:
		half->state = HALF_CLEAN;
		return REASON_NONE;
	case TLS_CUT:
		if (!listens && !relay_leaves_judgement(relay, end))
			return REASON_TRUNCATED;
		if (!listens)
			relay_report(relay, NOTICE_ANOMALY, REASON_NO_CLOSE_NOTIFY);
		half->state = HALF_BARE;
		return REASON_NONE;
	case TLS_FAILED:
		if (!listens || relay->half[!end].state < HALF_PASSED)
			return REASON_RESET;
		half->reset = true;
		half->state = HALF_BARE;
		return REASON_NONE;
	case TLS_BARREN:
		return REASON_BARREN_RECORDS;
	default:
		return REASON_NONE;
	}
}

/* Writes the end as it was. False: its time has not come yet, or there is no room. */
static bool half_pass_end(struct relay *relay, enum relay_end end)
{
	struct half *half = &relay->half[end];
	struct wire *to = &relay->wire[!end];

	if (end == RELAY_CLIENT && relay_only_listens(relay, end) && relay->half[RELAY_SERVER].state < HALF_PASSED)
		return false;
	/*
	 * All before it is flushed, and what follows is not asked for: close_notify may come here twice, to wait for room.
	 */
	if (half->written == 0)
		half->written = to->tls ? tls_stream_written(to->tls) : half->moved;
	if (half->state == HALF_BARE)
		wire_finish_bare(to);
	else if (wire_finish(to) == TLS_WAIT)
		return false;
	half->state = HALF_PASSED;
	return true;
}

/* Has everything arrived that was passed on? RELAY_AGAIN: the next turn will know. */
static enum reason half_confirm(struct relay *relay, enum relay_end end)
{
	struct half *half = &relay->half[end];
	const struct half *answer = &relay->half[!end];
	const struct wire *to = &relay->wire[!end];
	const bool matters = relay->plan.source != (enum relay_end)!end;
	const enum wire_arrival arrival = wire_judge_arrival(to, half->written);

	if (arrival == WIRE_PENDING)
		return REASON_NONE;
	if (matters && arrival == WIRE_LOST)
		return REASON_RESET;
	/* A server's reply says whether it has read what its host has. That a client has not, only the reset says. */
	if (matters && arrival == WIRE_CLOSED && end == RELAY_SERVER && !to->tls) {
		if (answer->state == HALF_FLOWING)
			return RELAY_AGAIN;
		if (answer->reset)
			return REASON_RESET;
	}
	half->state = HALF_ARRIVED;
	return REASON_NONE;
}

enum reason relay_move(struct relay *relay, enum relay_end end)
{
	struct half *half = &relay->half[end];
	unsigned int reads = RELAY_READS;

	for (int i = 0; i < RELAY_TURN; i++) {
		enum tls_result result;
		enum reason reason;

		if (half->state >= HALF_PASSED)
			return half->state == HALF_PASSED ? relay_blame(relay, !end, half_confirm(relay, end)) : REASON_NONE;
		result = half_drain(half, &relay->wire[!end]);
		if (result != TLS_DONE)
			return result == TLS_WAIT ? REASON_NONE : relay_blame(relay, !end, REASON_RESET);
		if (half->state != HALF_FLOWING) {
			if (!half_pass_end(relay, end))
				return REASON_NONE;
			continue;
		}
		result = half_fill(half, &relay->wire[end], &reads);
		reason = relay_blame(relay, end, half_end(relay, end, result));
		if (reason != REASON_NONE || result == TLS_WAIT)
			return reason;
	}
	return RELAY_AGAIN;
}

void relay_finish(struct relay *relay)
{
	for (int i = 0; i < RELAY_ENDS; i++)
		if (relay->half[i].state == HALF_FLOWING)
			wire_finish(&relay->wire[!i]);
}
