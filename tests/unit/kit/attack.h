/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the attack catalogue share: a dialogue of whole packets through the gateway, said packet by packet,
 * and what must be true afterwards. doc/threat-model.md maps the catalogue's rows to these tests; tests/tools/mutate takes
 * each defence away and demands that its test notices.
 */
#ifndef UNIT_ATTACK_H
#define UNIT_ATTACK_H

#include "unit.h"
#include "world.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* client, client_seen, server, server_seen; NULL where there is no NAT. */
enum place {
	PLAIN,  /* 10.0.0.5, 203.0.113.9 */
	SNAT,   /* 10.0.0.5 seen as 198.51.100.1, 203.0.113.9 */
	DNAT,   /* 198.51.100.77, 203.0.113.9 seen as 192.0.2.9 */
	PLAIN6, /* 2001:db8::5, 2001:db8:1::9 */
	SNAT6,  /* 2001:db8::5 seen as 2001:db8:f::1, 2001:db8:1::9 */
	PLACE_COUNT,
};

struct attack {
	struct world world;
	enum place place;
	size_t said[2];
};

bool attack_is_ipv6(enum place place);

/* A world to be changed before attack_start; attack_open does both and shakes hands. */
struct attack *attack_make(enum place place);
void attack_start(struct attack *attack, uint32_t first_number);
struct attack *attack_open(enum place place);
void attack_end(struct attack *attack);

/* The next bytes of that direction, in one segment. */
enum gateway_verdict attack_say_bytes(struct attack *attack, enum direction direction, struct bytes bytes);
#define SAY(attack, direction, literal) \
	attack_say_bytes(attack, direction, unit_bytes(literal, sizeof(literal) - 1))
/* In two segments, the second from byte at on. */
void attack_say_cut(struct attack *attack, enum direction direction, struct bytes bytes, size_t at);

/* 220, USER, 331, PASS, 230. */
void attack_login(struct attack *attack);
/* An offer of the client for itself, and the server's 200; fails the test unless it opens a pinhole. */
void attack_offer_honestly(struct attack *attack);

/* What the other side has got since mark, which is what attack_mark gave. */
size_t attack_mark(const struct attack *attack, enum direction direction);
struct bytes attack_heard(const struct attack *attack, enum direction direction, size_t mark);
bool attack_hears(const struct attack *attack, enum direction direction, size_t mark, const char *text);

unsigned int attack_count(const struct attack *attack, enum notice_type type, enum reason reason);
/* Both peers were reset, one session-close with the reason, no pinhole is left. */
void attack_assert_closed(const struct attack *attack, enum reason reason);
/* Nobody was reset, and an offer still works. */
void attack_assert_alive(struct attack *attack);
/* No pinhole was ever made. */
void attack_assert_nothing_opened(const struct attack *attack);

#endif
