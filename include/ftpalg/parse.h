/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of FTP: which command or reply is it, and where are its parts?
 *
 * A line is given without its end (LF or CR LF). Spans are positions in the line.
 */
#ifndef FTPALG_PARSE_H
#define FTPALG_PARSE_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"
#include "ftpalg/verb.h"

struct command {
	enum verb verb;
	struct span verb_span;  /* after any Telnet codes that start the line */
	struct span argument;   /* after the spaces that follow the verb, trailing spaces left out; may be empty */
	uint8_t spaces;         /* how many separate verb and argument, at most 255 */
};

/*
 * Splits a command. Telnet codes (RFC 854: IAC and a command byte, IAC WILL/WONT/DO/DONT and an option) are allowed
 * before the verb, as clients send them with ABOR and STAT (RFC 959 4.1.3), and nowhere else in or before a verb.
 *
 * Returns REASON_NONE and fills command; REASON_ODD_VERB where a server that strips, skips or erases bytes that another
 * keeps could see a different verb (leading white space, control bytes, Telnet codes, 8-bit bytes, a byte-order mark);
 * REASON_CONTROL_BYTE for a NUL or CR, but for CRs at the line's end and for CR NUL in a path name (RFC 2640 3.1) after
 * which no command could begin. An unknown verb of plain printable bytes is VERB_UNKNOWN and REASON_NONE.
 * On a refusal command is still filled as far as it was read, with verb what a tolerant server would see.
 */
enum reason parse_command(struct bytes line, struct command *command);

/*
 * Is this the beginning of a command that could still turn out to matter (offer, passive request, AUTH), given that
 * its end has not been seen? True too while the verb itself is incomplete.
 */
bool parse_command_may_matter(struct bytes beginning);

/*
 * A NUL or a CR in a line, or in the beginning of one, which are some peer's end of a line or nothing at all. CRs at the
 * end of a beginning may belong to the line's own end: clients and servers that send the lines of a text file add theirs to
 * those of the file.
 */
bool parse_command_is_ambiguous(struct bytes beginning);
bool parse_reply_is_ambiguous(struct bytes beginning);

/* CR NUL too, which stands for the CR of a name (RFC 2640 3.1) and is not ambiguous where no reply begins after it. */
bool parse_reply_has_control_byte(struct bytes line);

/* Is the byte at position an IAC or a data mark, among the Telnet codes in front of the command's verb? */
bool parse_is_synch(struct bytes beginning, size_t position);

/*
 * STAT with a path answers with a listing, in a reply. In the long form a line of it begins with the kind of a file. In
 * others it begins with a name, and somebody has called a directory "211 end" and the next one "227 (10,0,0,9,12,234)":
 * nobody can tell those from replies, as inetutils-ftpd, linux-ftpd and Pure-FTPd send them. Has this argument of STAT any
 * other form than the long one?
 */
bool parse_lists_names(struct bytes argument);

enum reply_kind {
	REPLY_TEXT,  /* no reply code and separator at its start: only valid inside a multi-line reply */
	REPLY_FIRST, /* "nnn-": opens a multi-line reply */
	REPLY_LAST,  /* "nnn " or a bare "nnn": a whole reply, or the end of a multi-line one */
	REPLY_TABBED, /* "nnn" and a tab: a whole reply to most clients; inside a multi-line one, text to most */
};

struct reply {
	enum reply_kind kind;
	uint16_t code;     /* 100 to 659, 0 for REPLY_TEXT */
	struct span text;  /* after the code and its separator */
};

/* Never fails: what is no reply code is text. Codes are exactly three digits, the first 1 to 6 (RFC 959 4.2, RFC 2228). */
void parse_reply(struct bytes line, struct reply *reply);

/* As above: could these first bytes of a reply become 227, 228, 229, 234 or 334? */
bool parse_reply_may_matter(struct bytes beginning);

#endif
