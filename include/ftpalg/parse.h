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

/* identifier, text. RFC 959, 775 (X...), 1639, 2228, 2389, 2428, 2640, 3659, 7151, and vendors' offers. */
#define VERB_TABLE(X) \
	X(VERB_ABOR, "ABOR") X(VERB_ACCT, "ACCT") X(VERB_ADAT, "ADAT") X(VERB_ALLO, "ALLO") X(VERB_APPE, "APPE") \
	X(VERB_AUTH, "AUTH") X(VERB_AVBL, "AVBL") X(VERB_CCC, "CCC") X(VERB_CDUP, "CDUP") X(VERB_CLNT, "CLNT") \
	X(VERB_CONF, "CONF") X(VERB_CPSV, "CPSV") X(VERB_CSID, "CSID") X(VERB_CWD, "CWD") X(VERB_DELE, "DELE") \
	X(VERB_ENC, "ENC") X(VERB_EPRT, "EPRT") X(VERB_EPSV, "EPSV") X(VERB_FEAT, "FEAT") X(VERB_HASH, "HASH") \
	X(VERB_HELP, "HELP") X(VERB_HOST, "HOST") X(VERB_LANG, "LANG") X(VERB_LIST, "LIST") X(VERB_LPRT, "LPRT") \
	X(VERB_LPSV, "LPSV") X(VERB_MDTM, "MDTM") X(VERB_MFCT, "MFCT") X(VERB_MFF, "MFF") X(VERB_MFMT, "MFMT") \
	X(VERB_MIC, "MIC") X(VERB_MKD, "MKD") X(VERB_MLSD, "MLSD") X(VERB_MLST, "MLST") X(VERB_MODE, "MODE") \
	X(VERB_NLST, "NLST") X(VERB_NOOP, "NOOP") X(VERB_OPTS, "OPTS") X(VERB_PASS, "PASS") X(VERB_PASV, "PASV") \
	X(VERB_PASW, "P@SW") \
	X(VERB_PBSZ, "PBSZ") X(VERB_PORT, "PORT") X(VERB_PROT, "PROT") X(VERB_PWD, "PWD") X(VERB_QUIT, "QUIT") \
	X(VERB_RANG, "RANG") X(VERB_REIN, "REIN") X(VERB_REST, "REST") X(VERB_RETR, "RETR") X(VERB_RMD, "RMD") \
	X(VERB_RNFR, "RNFR") X(VERB_RNTO, "RNTO") X(VERB_SITE, "SITE") X(VERB_SIZE, "SIZE") X(VERB_SMNT, "SMNT") \
	X(VERB_SPSV, "SPSV") X(VERB_SSCN, "SSCN") X(VERB_STAT, "STAT") X(VERB_STOR, "STOR") X(VERB_STOU, "STOU") \
	X(VERB_STRU, "STRU") X(VERB_SYST, "SYST") X(VERB_TYPE, "TYPE") X(VERB_USER, "USER") X(VERB_XCUP, "XCUP") \
	X(VERB_XCWD, "XCWD") X(VERB_XMKD, "XMKD") X(VERB_XPWD, "XPWD") X(VERB_XRMD, "XRMD") X(VERB_XSHA256, "XSHA256")

enum verb {
	VERB_UNKNOWN = 0,
#define VERB_ENUM(identifier, text) identifier,
	VERB_TABLE(VERB_ENUM)
#undef VERB_ENUM
	VERB_COUNT
};

/* Upper case; "?" for VERB_UNKNOWN. */
const char *verb_name(enum verb verb);
/* Case-insensitive; VERB_UNKNOWN for text that is none of the table. */
enum verb verb_find(struct bytes text);
/* PORT, EPRT, LPRT: the client offers an endpoint. */
bool verb_is_active_offer(enum verb verb);
/*
 * PASV, EPSV, LPSV, CPSV, SPSV, P@SW: the client asks the server for one. P@SW is how some middleboxes were passed that
 * changed PASV; vsftpd, Pure-FTPd, FileZilla's server, Indy and boot loaders take it for PASV.
 */
bool verb_is_passive_request(enum verb verb);
/* An offer, a request for one, or AUTH: what must not be read by a server and not by us. */
bool verb_matters(enum verb verb);
/* Its argument is, or ends with, a path name. */
bool verb_takes_path(enum verb verb);
/* RETR, LIST, NLST, MLSD, STOR, STOU, APPE: commands that use the data connection. */
bool verb_is_transfer(enum verb verb);
/* STOR, STOU, APPE. */
bool verb_is_upload(enum verb verb);

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

/* CR NUL too, which stands for the CR of a name (RFC 2640 3.1) and is not ambiguous where no reply begins behind it. */
bool parse_reply_has_control_byte(struct bytes line);

/* Is the byte at position an IAC or a data mark, among the Telnet codes in front of the command's verb? */
bool parse_is_synch(struct bytes beginning, size_t position);

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
