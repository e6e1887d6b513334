/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in replies, and what may hide in them.
 *
 * Theory of operation
 *
 * Names are the one thing in replies that others than the server have chosen, and a name may have a line end in it: the rest
 * of it reads as the next reply, to clients too. A server ends its lines in one way, and closes a quotation that it begins
 * (RFC 959 Appendix II). Once one has not, the session is torn for good: the maker of the name chooses how many lines lie
 * between.
 *
 * Many a server writes one or the other of its own lines with another end. Where no name can stand that is how it writes,
 * and tells nothing: in what it says of itself, in an announcement, in the answer to a command that sets something, or that
 * asks for a number and gets one. Such a line must answer the only command that waits, or one of several alike, and by a
 * code that belongs to it, or a late reply to another command could be taken for it. Replies to transfers, to commands with
 * a path and to those that ask for one are not among them, whatever they say.
 */
#include "core/digits.h"
#include "core/ftp/session_internal.h"

/* The server has not understood, or can't. What it repeats then is the command, in which there is no line end. */
static bool is_unknown(uint16_t code)
{
	return code >= 500 && code <= 504;
}

static bool is_announcement(uint16_t code)
{
	return code >= 227 && code <= 229;
}

static bool sets_something(enum verb verb)
{
	return verb_is_active_offer(verb) || verb == VERB_ALLO || verb == VERB_AUTH || verb == VERB_CLNT ||
	       verb == VERB_CSID || verb == VERB_LANG || verb == VERB_MODE || verb == VERB_NOOP || verb == VERB_OPTS ||
	       verb == VERB_PBSZ || verb == VERB_PROT || verb == VERB_REST || verb == VERB_STRU || verb == VERB_TYPE;
}

/* A number or a time, and nothing else. */
static bool is_number(struct bytes line, const struct reply *reply)
{
	bool number = reply->text.length > 0;

	for (uint32_t i = 0; i < reply->text.length; i++) {
		const uint8_t byte = line.data[reply->text.offset + i];

		number = number && (digits_is_digit(byte) || byte == '.');
	}
	return number;
}

/* Does a reply by this code to this verb show no name? Those to settings are of one line. */
static bool code_shows_no_name(const struct session *session, enum verb verb, struct bytes line, const struct reply *reply)
{
	const uint16_t code = session->multiline != 0 ? session->multiline : reply->code;
	const bool one_line = session->multiline == 0 && reply->kind == REPLY_LAST;

	if (verb_is_passive_request(verb))
		return is_announcement(code) || is_unknown(code);
	if (verb_asks_about_server(verb))
		return code == 211 || code == 214 || code == 215 || is_unknown(code);
	if (!one_line || session->out_of_step || session->adopted)
		return false;
	if (verb == VERB_SIZE || verb == VERB_MDTM)
		return code == 213 && is_number(line, reply);
	if (verb == VERB_UNKNOWN)
		return code == 500 || code == 502;
	return sets_something(verb) &&
	       (code == 200 || code == 202 || (code == 350 && verb == VERB_REST) || is_unknown(code));
}

static bool shows_no_name(const struct session *session, struct bytes line, const struct reply *reply)
{
	const struct session_command *oldest = session_pipeline_oldest(session);

	if (!oldest || session->pipeline_count > 1 || oldest->mixed)
		return false;
	return code_shows_no_name(session, (enum verb)oldest->verb, line, reply);
}

static void note_line_end(struct session *session, struct bytes line, const struct reply *reply)
{
	/* A banner may be a file that is sent as it is; a client that is not logged in sees nobody's names. */
	if (!session->line_lf)
		session->ends_crlf = true;
	else if (session->state == SESSION_READY && !shows_no_name(session, line, reply))
		session->ends_lf = true;
	session->torn = session->torn || (session->ends_crlf && session->ends_lf);
}

/*
 * "257 " and a path that begins with a quotation mark and ends with none. Two of them are one of the path's own (RFC 959
 * Appendix II), which may be the last byte before a line end in it.
 */
static bool leaves_quotation_open(struct bytes line, const struct reply *reply)
{
	const struct bytes text = { line.data + reply->text.offset, reply->text.length };
	size_t at = 1;

	if (reply->code != 257 || text.length == 0 || text.data[0] != '"')
		return false;
	while (at < text.length && (text.data[at] != '"' || (at + 1 < text.length && text.data[at + 1] == '"')))
		at += text.data[at] == '"' ? 2 : 1;
	return at >= text.length;
}

void session_note_names(struct session *session, struct bytes line, const struct reply *reply)
{
	note_line_end(session, line, reply);
	session->torn = session->torn || leaves_quotation_open(line, reply);
}
