/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the TLS records of one direction begin and end, and whether what follows them can be cleartext after CCC. */
#ifndef FTPALG_TLSRECORD_H
#define FTPALG_TLSRECORD_H

#include "ftpalg/base.h"

#define TLSRECORD_HEADER 5

/* One direction, from the byte after 234 on. Zeroed, it is a direction that is not read as records. */
struct tlsrecord {
	bool reading;        /* the next byte belongs to a record */
	bool ciphered;       /* a ChangeCipherSpec has gone: what follows it is protected */
	bool data;           /* application data has gone */
	/* the peer has left TLS: the only record that may follow is the one by which this side leaves it too */
	bool last;
	bool last_begun;     /* and it has begun */
	uint8_t protected;   /* records that were protected, counted up to two */
	uint8_t have;        /* bytes of the header of the record that is coming */
	uint8_t header[TLSRECORD_HEADER]; /* of that record or, between records, of the one before */
	bool any;            /* a header is complete */
	uint16_t rest;       /* bytes of the record's body that have not come */
};

/* What tlsrecord_take made of the bytes. */
enum tlsrecord_place {
	TLSRECORD_RECORDS, /* all of them belong to records */
	TLSRECORD_LINE,    /* those after the first *taken begin a line: TLS has ended here, if tlsrecord_may_end agrees */
	TLSRECORD_WRONG,   /* there is something in them that is neither */
};

/* Begins a direction: its next byte is the first after 234. */
void tlsrecord_start(struct tlsrecord *record);

/* Has no byte of it come yet? */
bool tlsrecord_is_untouched(const struct tlsrecord *record);

/* Takes the next bytes of a direction that is read as records. However they are cut, the answers are the same. */
enum tlsrecord_place tlsrecord_take(struct tlsrecord *record, enum direction direction, struct bytes bytes,
				    size_t *taken);

/* Is the handshake over, and has the peer that sends in this direction said something under its protection? */
bool tlsrecord_has_spoken(const struct tlsrecord *record);

/* Between two records: can what has gone in this direction be all of a TLS connection that was ended for CCC? */
bool tlsrecord_may_end(const struct tlsrecord *record);

/*
 * The other direction has left TLS, so this one may finish a record, or send one more, that can be a close_notify.
 * False if it is in the middle of one that can't.
 */
bool tlsrecord_expect_end(struct tlsrecord *record);

#endif
