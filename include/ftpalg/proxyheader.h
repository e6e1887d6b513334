/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The header that a load balancer puts before a client's first byte to say on whose behalf it calls: the PROXY protocol
 * of HAProxy, version 1 (a line) and 2 (binary). It is followed to its end and passed; what it claims is not read, since
 * its sender could claim anything.
 */
#ifndef FTPALG_PROXYHEADER_H
#define FTPALG_PROXYHEADER_H

#include "ftpalg/base.h"

struct proxyheader {
	uint16_t seen; /* bytes of the header */
	uint16_t left; /* of version 2, after its fixed part */
	bool binary;
	bool done;
};

enum proxyheader_place {
	PROXYHEADER_WITHIN,
	PROXYHEADER_DONE,  /* *length bytes were of the header, which has ended */
	PROXYHEADER_WRONG, /* it is none */
};

/* Takes the next bytes. Zeroed memory is a header of which nothing has come. */
enum proxyheader_place proxyheader_take(struct proxyheader *header, struct bytes bytes, size_t *length);

#endif
