/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Has the key of the local authority: makes certificates from orders, and nothing else. */
#ifndef TLS_MINTER_H
#define TLS_MINTER_H

#include "ftpalg/base.h"
#include "tls/mint_wire.h"

struct minter;

/*
 * Reads an authority from PEM files, and mints one to see that clients would believe it. NULL, with what is wrong, and what
 * to do, in error (of size bytes).
 */
struct minter *minter_open(const char *certificate, const char *key, char *error, size_t size);
/* NULL is nothing to close. */
void minter_close(struct minter *minter);

/* Answers an order that mint_order_check has accepted. */
void minter_mint(struct minter *minter, const struct mint_order *order, struct mint_answer *answer);

#endif
