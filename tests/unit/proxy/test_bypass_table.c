/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A164: whose TLS passes unopened once a server has demanded a certificate, and whose does not. */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/bypass_table.h"
#include "unit.h"

#define NOW UINT64_C(1000000)

static const struct endpoint server = { { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 9 } }, 21 };
static const struct address router = { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 1 } };
static const struct address source = { .family = FAMILY_IPV4, .octets = { 198, 51, 100, 1 } };
static const struct address neighbour = { .family = FAMILY_IPV4, .octets = { 198, 51, 100, 2 } };

static struct bypass_key key_of(const char *name)
{
	return (struct bypass_key){ .server = server, .client = router, .name = name };
}

static bool has(const struct bypass_table *table, const char *name)
{
	const struct bypass_key key = key_of(name);

	return bypass_table_has(table, &key, NOW);
}

static void note(struct bypass_table *table, const char *name, const struct address *by, uint64_t now)
{
	const struct bypass_key key = key_of(name);

	bypass_table_note(table, &key, by, now);
}

/* Each names what the server may go by. */
static void a164_a_demand_holds_for_its_name_its_server_and_its_client(void **state)
{
	struct bypass_table table = { 0 };
	struct bypass_key key = key_of("secret.example");

	(void)state;
	note(&table, "Secret.Example", &source, NOW);
	assert_true(bypass_table_has(&table, &key, NOW));
	assert_true(bypass_table_has_server(&table, &server, NOW));
	assert_false(has(&table, "files.example"));
	assert_false(has(&table, ""));
	key.server.port = 990;
	assert_false(bypass_table_has(&table, &key, NOW));
	assert_false(bypass_table_has_server(&table, &key.server, NOW));
	key = key_of("secret.example");
	key.client = source;
	assert_false(bypass_table_has(&table, &key, NOW));
}

static void a164_a_demand_without_a_name_holds_for_no_name(void **state)
{
	struct bypass_table table = { 0 };

	(void)state;
	assert_false(has(&table, ""));
	note(&table, "", &source, NOW);
	assert_true(has(&table, ""));
	assert_false(has(&table, "files.example"));
}

static void a164_a_demand_is_forgotten_after_an_hour(void **state)
{
	const struct bypass_key key = key_of("secret.example");
	struct bypass_table table = { 0 };

	(void)state;
	note(&table, "secret.example", &source, NOW);
	assert_true(bypass_table_has(&table, &key, NOW + BYPASS_MICROSECONDS - 1));
	assert_false(bypass_table_has(&table, &key, NOW + BYPASS_MICROSECONDS));
	assert_false(bypass_table_has_server(&table, &server, NOW + BYPASS_MICROSECONDS));
}

/* Any number of names of a server may be such: who asks for all of them pushes nobody else's out. */
static void a164_a_source_displaces_its_own_demands(void **state)
{
	struct bypass_table table = { 0 };
	size_t left = 0;
	char name[32];

	(void)state;
	note(&table, "secret.example", &neighbour, NOW);
	for (unsigned int i = 0; i < 4 * BYPASS_ROWS; i++) {
		snprintf(name, sizeof(name), "a%u.example", i);
		note(&table, name, &source, NOW + i);
		assert_true(has(&table, name));
	}
	assert_true(has(&table, "secret.example"));
	for (unsigned int i = 0; i < 4 * BYPASS_ROWS; i++) {
		snprintf(name, sizeof(name), "a%u.example", i);
		left += has(&table, name);
	}
	assert_int_equal(left, BYPASS_SHARE);
}

static void a164_many_sources_displace_the_oldest(void **state)
{
	struct bypass_table table = { 0 };
	struct address by = source;
	char name[32];

	(void)state;
	for (unsigned int i = 0; i <= BYPASS_ROWS; i++) {
		snprintf(name, sizeof(name), "a%u.example", i);
		by.octets[3] = (uint8_t)i;
		note(&table, name, &by, NOW + i);
	}
	assert_false(has(&table, "a0.example"));
	assert_true(has(&table, "a1.example"));
	assert_true(has(&table, name));
}

static void a164_a_demand_that_is_met_again_takes_no_second_row(void **state)
{
	const struct bypass_key key = key_of("secret.example");
	struct bypass_table table = { 0 };
	unsigned int used = 0;

	(void)state;
	for (unsigned int i = 0; i < BYPASS_ROWS; i++)
		note(&table, "secret.example", i % 2 ? &source : &neighbour, NOW + i);
	for (unsigned int i = 0; i < BYPASS_ROWS; i++)
		used += table.rows[i].until != 0;
	assert_int_equal(used, 1);
	assert_true(bypass_table_has(&table, &key, NOW + BYPASS_MICROSECONDS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a164_a_demand_holds_for_its_name_its_server_and_its_client),
		cmocka_unit_test(a164_a_demand_without_a_name_holds_for_no_name),
		cmocka_unit_test(a164_a_demand_is_forgotten_after_an_hour),
		cmocka_unit_test(a164_a_source_displaces_its_own_demands),
		cmocka_unit_test(a164_many_sources_displace_the_oldest),
		cmocka_unit_test(a164_a_demand_that_is_met_again_takes_no_second_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
