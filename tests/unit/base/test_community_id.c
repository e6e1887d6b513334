/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What SHA-1 and Community ID are for others. */
#include "base/community_id.h"

#include "base/number.h"
#include "base/sha1.h"
#include "unit.h"

static void sha1_is_that_of_the_standard(void **state)
{
	/* RFC 3174 7.3, and the longest that has room, with what sha1sum says. */
	static const struct {
		const char *text;
		const char *digest;
	} rows[] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnop", "47b172810795699fe739197d1a1f5960700242f1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t digest[SHA1_SIZE];
		char text[2 * SHA1_SIZE + 1];

		sha1_digest(unit_string(rows[i].text), digest);
		number_write_bytes((struct bytes){ digest, sizeof(digest) }, text);
		assert_string_equal(text, rows[i].digest);
	}
	assert_int_equal(strlen(rows[2].text), SHA1_TEXT_MAX);
}

/* Those of the specification's baseline for TCP, and others by another implementation of it. */
static void a_connection_has_the_name_that_others_give_it(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		const char *other;
		uint16_t other_port;
		const char *name;
	} rows[] = {
		{ "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25,
		  "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=" },
		{ "10.0.0.5", 40000, "10.0.0.5", 21, "1:9Xu8sLtul1g++Ivk84mcmWsGXuo=" },
		{ "10.0.0.5", 300, "10.0.0.5", 21, "1:WUPJnpzKwXMXQMnBpTQUpI5dkSk=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct endpoint a = unit_endpoint(rows[i].address, rows[i].port);
		const struct endpoint b = unit_endpoint(rows[i].other, rows[i].other_port);
		char name[COMMUNITY_ID_TEXT_MAX];

		community_id_format(&a, &b, name);
		assert_string_equal(name, rows[i].name);
		community_id_format(&b, &a, name);
		assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_is_that_of_the_standard),
		cmocka_unit_test(a_connection_has_the_name_that_others_give_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
