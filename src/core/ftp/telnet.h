/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Telnet (RFC 854) makes of the bytes of a command: codes that are taken out, and codes that take others out. */
#ifndef CORE_FTP_TELNET_H
#define CORE_FTP_TELNET_H

#include "ftpalg/verb.h"

#define TELNET_NOP 241
#define TELNET_DATA_MARK 242
#define TELNET_ERASE_CHARACTER 247
#define TELNET_WILL 251
#define TELNET_DONT 254
#define TELNET_IAC 255

#define TELNET_BACKSPACE 0x08
#define TELNET_DELETE 0x7f

/* Where the first byte at or after position stands that belongs to no complete Telnet code. */
size_t telnet_codes_skip(struct bytes line, size_t position);

/*
 * Is there, at or after position, a code for an option that is a printable character? Some take it out with its code, and
 * some read it.
 */
bool telnet_has_doubtful_option(struct bytes line, size_t position);

/* Does the line hold anything that some reader may take for "erase what stands before this"? */
bool telnet_has_erasure(struct bytes line);

/*
 * The verb that could be seen by a reader that obeys some of the line's erasures, if it is one that announces a data
 * connection or begins TLS; VERB_UNKNOWN if there is none.
 */
enum verb telnet_find_erased_verb(struct bytes line);

#endif
