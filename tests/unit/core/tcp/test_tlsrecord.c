/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and their ends, without a gateway around them. What lines behind them lead to is in test_attacks_ccc.c. */
#include "unit.h"

#include "ftpalg/tlsrecord.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

static enum tlsrecord_place take(struct tlsrecord *record, enum direction direction, const char *text, size_t length,
				 size_t *taken)
{
	return tlsrecord_take(record, direction, unit_bytes(text, length), taken);
}

static void a_client_begins_with_a_handshake_record_and_a_server_with_that_or_an_alert(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool client;
		bool server;
	} rows[] = {
		{ TEXT("\x16\x03\x01\x02\x00"), true, true },
		{ TEXT("\x16\x03\x03"), true, true },
		{ TEXT("\x16\x03"), true, true },
		{ TEXT("\x16"), true, true },
		{ TEXT("\x16\x03\x04"), true, true },
		{ TEXT("\x15\x03\x01"), false, true },
		{ TEXT("\x14\x03\x03"), false, false },
		{ TEXT("\x17\x03\x03"), false, false },
		{ TEXT("\x18\x03\x03"), false, false },
		{ TEXT("\x16\x02\x01"), false, false },
		{ TEXT("\x16\x03\x05"), false, false },
		{ TEXT("\x16\x03\x01\x00\x00"), false, false },
		{ TEXT("\x16\x03\x01\x48\x01"), false, false },
		{ TEXT("\x80\x2e\x01\x00\x02"), false, false }, /* SSL 2.0 */
		{ TEXT("USER u\r\n"), false, false },
		{ TEXT("230 in\r\n"), false, false },
		{ TEXT("\r\n"), false, false },
		{ TEXT("\0"), false, false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++)
		for (int direction = 0; direction < 2; direction++) {
			struct tlsrecord record;
			size_t taken;
			bool good = direction == C ? rows[index].client : rows[index].server;

			tlsrecord_start(&record);
			assert_int_equal(take(&record, (enum direction)direction, rows[index].bytes,
					      rows[index].length, &taken),
					 good ? TLSRECORD_RECORDS : TLSRECORD_WRONG);
		}
}

/* A client under TLS 1.2, up to its first line in clear. */
static const char talk[] =
	"\x16\x03\x01\x00\x05hello" "\x14\x03\x03\x00\x01\x01" "\x16\x03\x03\x00\x05" "finis" "\x17\x03\x03\x00\x05" "CCC\r\n"
	"\x15\x03\x03\x00\x05" "alert" "NOOP\r\n";
#define TALK_RECORDS (sizeof(talk) - 1 - 6)

static void records_end_at_the_same_byte_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t size = 1; size < sizeof(talk); size++) {
		struct tlsrecord record;
		enum tlsrecord_place place = TLSRECORD_RECORDS;
		size_t at = 0;
		size_t taken;

		tlsrecord_start(&record);
		while (place == TLSRECORD_RECORDS) {
			size_t rest = sizeof(talk) - 1 - at;

			assert_false(tlsrecord_is_untouched(&record) && at > 0);
			place = take(&record, C, talk + at, rest < size ? rest : size, &taken);
			at += taken;
		}
		assert_int_equal(place, TLSRECORD_LINE);
		assert_int_equal(at, TALK_RECORDS);
		assert_true(tlsrecord_may_end(&record));
	}
}

static void tls_may_end_only_between_records_and_behind_a_goodbye(void **state)
{
	struct tlsrecord record;
	size_t taken;

	(void)state;
	tlsrecord_start(&record);
	for (size_t at = 0; at < TALK_RECORDS; at++) {
		/* Behind the CCC, which may be all that the client says, and behind the alert. */
		assert_int_equal(tlsrecord_may_end(&record), at == 36);
		assert_int_equal(tlsrecord_has_spoken(&record), at >= 31);
		take(&record, C, talk + at, 1, &taken);
		assert_int_equal(taken, 1);
	}
	assert_true(tlsrecord_may_end(&record));
}

static void where_the_end_is_expected_one_goodbye_may_come(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		size_t early; /* bytes that come before the end is expected */
		bool may_finish;
		bool good;
	} rows[] = {
		{ TEXT("\x15\x03\x03\x00\x1a"), 0, true, true },
		{ TEXT("\x15\x03\x03\x00\x1a"), 3, true, true },
		{ TEXT("\x15\x03\x03\x00\x1a"), 5, true, true },
		{ TEXT("\x17\x03\x03\x01\x00"), 0, true, true },
		{ TEXT("\x17\x03\x03\x01\x01"), 0, true, false },
		{ TEXT("\x17\x03\x03\x01\x01"), 4, true, false },
		{ TEXT("\x17\x03\x03\x01\x01"), 5, false, true },
		{ TEXT("\x15\x03\x03\x00\x02"), 0, true, false },
		{ TEXT("\x16\x03\x03\x00\x1a"), 0, true, false },
		{ TEXT("\x15\x03\x03\x00\x03" "abc" "\x15\x03\x03\x00\x03"), 0, true, false },
		{ TEXT("\x15\x03\x03\x00\x03" "abc" "\x15\x03\x03\x00\x03"), 6, true, false },
		{ TEXT("\x15\x03\x03\x00\x03" "abc" "\x15\x03\x03\x00\x03"), 8, true, true },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct tlsrecord record;
		size_t taken;

		tlsrecord_start(&record);
		assert_int_equal(take(&record, C, talk, 36, &taken), TLSRECORD_RECORDS);
		take(&record, C, rows[index].bytes, rows[index].early, &taken);
		assert_int_equal(tlsrecord_expect_end(&record), rows[index].may_finish);
		assert_int_equal(take(&record, C, rows[index].bytes + rows[index].early,
				      rows[index].length - rows[index].early, &taken) == TLSRECORD_RECORDS,
				 rows[index].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_begins_with_a_handshake_record_and_a_server_with_that_or_an_alert),
		cmocka_unit_test(records_end_at_the_same_byte_however_they_are_cut),
		cmocka_unit_test(tls_may_end_only_between_records_and_behind_a_goodbye),
		cmocka_unit_test(where_the_end_is_expected_one_goodbye_may_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
