/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): peers choose addresses and ports, so the flow table's hash is keyed. */
#ifndef CORE_SIPHASH_H
#define CORE_SIPHASH_H

#include "ftpalg/base.h"

uint64_t siphash_compute(const uint8_t key[16], struct bytes bytes);

/*
 * Writes an endpoint as it is hashed, and returns how many bytes that took: as few as there are, because every packet is
 * looked up. Those of the other family are of another length.
 */
#define SIPHASH_ENDPOINT 18
size_t siphash_put_endpoint(const struct endpoint *endpoint, uint8_t out[SIPHASH_ENDPOINT]);

#endif
