/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attack.h"

#include <stdlib.h>

static const char *const places[PLACE_COUNT][4] = {
	[PLAIN] = { "10.0.0.5", NULL, "203.0.113.9", NULL },
	[SNAT] = { "10.0.0.5", "198.51.100.1", "203.0.113.9", NULL },
	[DNAT] = { "198.51.100.77", NULL, "203.0.113.9", "192.0.2.9" },
	[PLAIN6] = { "2001:db8::5", NULL, "2001:db8:1::9", NULL },
	[SNAT6] = { "2001:db8::5", "2001:db8:f::1", "2001:db8:1::9", NULL },
};

bool attack_is_ipv6(enum place place)
{
	return place == PLAIN6 || place == SNAT6;
}

/* The one that ended last: fresh memory of that size costs more than the attack in it. */
static struct attack *spare;

struct attack *attack_make(enum place place)
{
	struct attack *attack = spare ? spare : malloc(sizeof(*attack));

	spare = NULL;
	assert_non_null(attack);
	attack->place = place;
	attack->said[C] = 0;
	attack->said[S] = 0;
	world_make(&attack->world, places[place][0], places[place][1], places[place][2], places[place][3]);
	return attack;
}

void attack_start(struct attack *attack, uint32_t first_number)
{
	world_start(&attack->world, first_number);
	world_shake_hands(&attack->world);
}

struct attack *attack_open(enum place place)
{
	struct attack *attack = attack_make(place);

	attack_start(attack, 1000);
	return attack;
}

void attack_end(struct attack *attack)
{
	world_end(&attack->world);
	free(spare);
	spare = attack;
}

enum gateway_verdict attack_say_bytes(struct attack *attack, enum direction direction, struct bytes bytes)
{
	size_t offset = attack->said[direction];

	attack->said[direction] += bytes.length;
	return world_send(&attack->world, direction, offset, bytes.data, bytes.length, TCP_PSH);
}

void attack_say_cut(struct attack *attack, enum direction direction, struct bytes bytes, size_t at)
{
	struct bytes first = { bytes.data, at };
	struct bytes second = { bytes.data + at, bytes.length - at };

	if (first.length > 0)
		attack_say_bytes(attack, direction, first);
	if (second.length > 0)
		attack_say_bytes(attack, direction, second);
}

void attack_login(struct attack *attack)
{
	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "USER u\r\n");
	SAY(attack, S, "331 password\r\n");
	SAY(attack, C, "PASS p\r\n");
	SAY(attack, S, "230 in\r\n");
}

void attack_offer_honestly(struct attack *attack)
{
	unsigned int before = attack->world.pinholes_made;

	if (attack_is_ipv6(attack->place))
		SAY(attack, C, "EPRT |2|2001:db8::5|50001|\r\n");
	else if (attack->place == DNAT)
		SAY(attack, C, "PORT 198,51,100,77,195,81\r\n");
	else
		SAY(attack, C, "PORT 10,0,0,5,195,81\r\n");
	SAY(attack, S, "200 ok\r\n");
	assert_int_equal(attack->world.pinholes_made, before + 1);
}

size_t attack_mark(const struct attack *attack, enum direction direction)
{
	return world_received(&attack->world, direction).length;
}

struct bytes attack_heard(const struct attack *attack, enum direction direction, size_t mark)
{
	struct bytes all = world_received(&attack->world, direction);

	assert_true(mark <= all.length);
	return (struct bytes){ all.data + mark, all.length - mark };
}

bool attack_hears(const struct attack *attack, enum direction direction, size_t mark, const char *text)
{
	struct bytes heard = attack_heard(attack, direction, mark);
	size_t length = strlen(text);

	for (size_t at = 0; at + length <= heard.length; at++)
		if (memcmp(heard.data + at, text, length) == 0)
			return true;
	return false;
}

unsigned int attack_count(const struct attack *attack, enum notice_type type, enum reason reason)
{
	return world_count_events(&attack->world, type, reason);
}

void attack_assert_closed(const struct attack *attack, enum reason reason)
{
	assert_true(attack->world.peer[C].reset);
	assert_true(attack->world.peer[S].reset);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_COUNT), 1);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, reason), 1);
	assert_int_equal(attack->world.pinhole_count, 0);
}

void attack_assert_alive(struct attack *attack)
{
	assert_false(attack->world.peer[C].reset);
	assert_false(attack->world.peer[S].reset);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_COUNT), 0);
	attack_offer_honestly(attack);
}

void attack_assert_nothing_opened(const struct attack *attack)
{
	assert_int_equal(attack->world.pinholes_made, 0);
	assert_int_equal(attack->world.pinhole_count, 0);
	assert_int_equal(attack_count(attack, NOTICE_PINHOLE_OPEN, REASON_COUNT), 0);
}
