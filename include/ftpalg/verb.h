/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of FTP, and what each of them is for. */
#ifndef FTPALG_VERB_H
#define FTPALG_VERB_H

#include "ftpalg/base.h"

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
	X(VERB_SPAS, "SPAS") X(VERB_SPOR, "SPOR") X(VERB_SPSV, "SPSV") X(VERB_SSCN, "SSCN") X(VERB_STAT, "STAT") \
	X(VERB_STOR, "STOR") X(VERB_STOU, "STOU") \
	X(VERB_STRU, "STRU") X(VERB_SYST, "SYST") X(VERB_TYPE, "TYPE") X(VERB_USER, "USER") X(VERB_XCUP, "XCUP") \
	X(VERB_XCWD, "XCWD") X(VERB_XMKD, "XMKD") X(VERB_XPWD, "XPWD") X(VERB_XRMD, "XRMD") X(VERB_XSHA256, "XSHA256")

#define VERB_TEXT_MAX 7 /* XSHA256 */

enum verb {
	VERB_UNKNOWN = 0,
#define VERB_ENUM(identifier, text) identifier,
	VERB_TABLE(VERB_ENUM)
#undef VERB_ENUM
	VERB_COUNT
};

/* Upper case; "?" for VERB_UNKNOWN. */
const char *verb_name(enum verb verb);
/* A letter of a verb as servers compare it: ASCII's, whatever the locale. */
uint8_t verb_to_upper(uint8_t byte);
/* Case-insensitive; VERB_UNKNOWN for text that is none of the table. */
enum verb verb_find(struct bytes text);
/* Is one of the table what text begins with? */
bool verb_begins(struct bytes text);
/* PORT, EPRT, LPRT: the client offers an endpoint. */
bool verb_is_active_offer(enum verb verb);
/*
 * PASV, EPSV, LPSV, CPSV, SPSV, SPAS, P@SW: the client asks the server for one. P@SW is how some middleboxes were passed
 * that changed PASV; vsftpd, Pure-FTPd, FileZilla's server, Indy and boot loaders take it for PASV. SPAS is GridFTP's.
 */
bool verb_is_passive_request(enum verb verb);
/* EPSV, SPSV: of those, what is answered with a port and no address. */
bool verb_asks_for_port(enum verb verb);
/* A command whose answer says what the server is and can: FEAT, HELP, SYST. */
bool verb_asks_about_server(enum verb verb);
/* An offer, a request for one, or AUTH: what must not be read by a server and not by us. */
bool verb_matters(enum verb verb);
/* PASS, ACCT, ADAT: its argument is nobody's business. */
bool verb_takes_secret(enum verb verb);
/* Its argument is, or ends with, a path name. */
bool verb_takes_path(enum verb verb);
/* RETR, LIST, NLST, MLSD, STOR, STOU, APPE: commands that use the data connection. */
bool verb_is_transfer(enum verb verb);
/* SITE, and what nobody here knows: commands that use it where a 1yz says so. */
bool verb_may_transfer(enum verb verb);
/* STOR, STOU, APPE. */
bool verb_is_upload(enum verb verb);

#endif
