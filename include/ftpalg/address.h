/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: comparing, classifying, reading and writing them without the C library's resolver. */
#ifndef FTPALG_ADDRESS_H
#define FTPALG_ADDRESS_H

#include "ftpalg/base.h"

/* Longest text of an address, as ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255, and its NUL. */
#define ADDRESS_TEXT_MAX 46
/* The same with "[", "]", ":" and a port. */
#define ENDPOINT_TEXT_MAX (ADDRESS_TEXT_MAX + 8)

bool address_equal(const struct address *a, const struct address *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool tuple_equal(const struct tuple *a, const struct tuple *b);

/* The tuple of the other direction of the same connection (without NAT). */
struct tuple tuple_reverse(const struct tuple *tuple);

/* 0.0.0.0 or ::, "this host": in an offer it stands for the offering peer itself. */
bool address_is_unspecified(const struct address *address);

/*
 * True for addresses that no host on a routed network can have: loopback (127/8, ::1), "this network" (0/8), multicast,
 * 240/4 with the limited broadcast, IPv4 and IPv6 link-local, and IPv6 addresses that embed an IPv4 one (::ffff/96,
 * the deprecated ::/96), which belong to another family. The unspecified address is martian too.
 */
bool address_is_martian(const struct address *address);
/* An address that means something within one network only: 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7. */
bool address_is_private(const struct address *address);

/* An address of another family is in no network. prefix is at most 32 or 128. */
bool network_contains(const struct network *network, const struct address *address);

/*
 * Reads the whole of text as an IPv4 address (four decimal octets without leading zeros) or an IPv6 address
 * (RFC 4291 2.2, all three forms, no zone). False, and nothing written, for anything else.
 */
bool address_parse_ipv4(struct bytes text, struct address *address);
bool address_parse_ipv6(struct bytes text, struct address *address);
/* Whichever of the two fits. */
bool address_parse(struct bytes text, struct address *address);
/* "ADDRESS" or "ADDRESS/PREFIX"; bits beyond the prefix must be zero. */
bool network_parse(struct bytes text, struct network *network);

/* Writes the canonical text (IPv6: RFC 5952) with a NUL; out holds ADDRESS_TEXT_MAX. Returns its length. */
size_t address_format(const struct address *address, char *out);
/* "192.0.2.1:21" or "[2001:db8::1]:21"; out holds ENDPOINT_TEXT_MAX. Returns its length. */
size_t endpoint_format(const struct endpoint *endpoint, char *out);

#endif
