/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders for minted certificates: how they are made of a server's certificate, and how they are taken apart. */
#ifndef TLS_MINT_ORDER_H
#define TLS_MINT_ORDER_H

#include <openssl/x509.h>

#include "ftpalg/base.h"
#include "tls/mint_wire.h"

/* The attributes of a subject that a minted certificate may have, by their numbers in an order. */
#define MINT_ATTRIBUTES 6
extern const int mint_attributes[MINT_ATTRIBUTES];

/*
 * Fills an order but for its number: for the names of server's certificate; where server is NULL, for name, or where that
 * is "", for address. key: the one whose public half is to be certified. Names that no client could match are left out.
 * False: there are more names than an order holds, or no memory.
 */
bool mint_order_fill(struct mint_order *order, X509 *server, const char *name, const struct address *address,
		     EVP_PKEY *key, bool trusted);

struct mint_name {
	uint8_t kind;
	struct bytes text;
};

/* Takes the next entry. False: there are no more, and *rest is empty; or what comes is not an entry, and it is not. */
bool mint_order_next(struct bytes *rest, struct mint_name *name);

/* NULL: datagram is an order, and each of its entries is what it claims to be. Otherwise, what is wrong with it. */
const char *mint_order_check(struct bytes datagram);

#endif
