/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines that carry a token of RFC 2228 in base64: ADAT, MIC, CONF and ENC, and the replies 334, 335, 235, 631, 632 and
 * 633. A token is as long as the mechanism makes it, a Kerberos ticket or a chain of certificates, and no endpoint can be
 * written in base64 and read without the keys. So these lines may be longer than others.
 */
#ifndef FTPALG_TOKEN_H
#define FTPALG_TOKEN_H

#include "ftpalg/parse.h"

#define TOKEN_LINE_MAX 65536
/* This much of a line is enough to see what it is, and is what token_offset wants to see. */
#define TOKEN_BEGINNING 64

/* Where the token of this line begins, of which the beginning is given; 0: it carries none. */
size_t token_offset(enum direction direction, struct bytes beginning);

/* Are these bytes nothing but base64, or its end? */
bool token_is_base64(struct bytes bytes);

#endif
