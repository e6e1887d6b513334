/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a line must change: an announced endpoint put in place of an offered one, or a refusal written over a line.
 *
 * Every function writes a struct edit, a replacement of one part of the line; nothing here decides whether to.
 */
#ifndef FTPALG_OFFER_H
#define FTPALG_OFFER_H

#include "ftpalg/hostport.h"
#include "ftpalg/parse.h"

/* The longest line, without its end, that is ever read. RFC 959 sets none; a path of PATH_MAX and its verb fit. */
#define LINE_MAX_LENGTH 4608

struct edit {
	struct span at;            /* what is replaced, as a part of the line */
	uint32_t length;           /* of the replacement */
	uint8_t replacement[LINE_MAX_LENGTH];
};

/*
 * Announces endpoint in the place of hostport's, in canonical form. base is where the text that hostport was read from
 * starts in the line.
 *
 * With keep_length the line's length must not change. A 227, 228 or 229 has free text before its tuple to take from
 * then; a shorter tuple is padded in any case, so that only growth changes a length. Returns REASON_NONE; REASON_NO_RESIZE
 * where keep_length can't be met; REASON_FAMILY_MISMATCH where the form can't express the endpoint; REASON_AMBIGUOUS
 * where words that are left beside the tuple would be read as another one. An edit that would
 * change nothing has at.length == 0 and length == 0.
 */
enum reason offer_announce(struct bytes line, uint32_t base, const struct hostport *hostport,
			   const struct endpoint *endpoint, bool keep_length, struct edit *edit);

/*
 * Overwrites a command, same length, so that the server itself answers 5xx. PORT, EPRT and LPRT keep their verb and have
 * their argument overwritten with X. Any other command loses its verb too, since a server would carry out "STOR XXX".
 */
void offer_refuse_command(struct bytes line, const struct command *command, struct edit *edit);

/*
 * Overwrites a reply, same length, with "425 " and as much of the reason as fits. RFC 959 4.2.2: 425, can't open data
 * connection.
 */
void offer_refuse_reply(struct bytes line, enum reason reason, struct edit *edit);

#endif
