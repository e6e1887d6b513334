/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every field of every notice comes out as it went in, and bytes that are no notice are none. */
#include "record/record.h"

#include <stdlib.h>

#include "unit.h"

static uint64_t state_of_random = 0x5eed;

static uint64_t number(uint64_t limit)
{
	return unit_random(&state_of_random) % limit;
}

static struct endpoint any_endpoint(void)
{
	struct endpoint endpoint = { .port = (uint16_t)number(65536) };

	if (number(4) > 0)
		endpoint.address = unit_random_address(&state_of_random, number(2) ? FAMILY_IPV4 : FAMILY_IPV6);
	else
		endpoint.port = 0;
	return endpoint;
}

/* A notice with whatever it may have. */
struct whole {
	struct record_notice record;
	uint8_t text[4608];
	uint8_t name_text[2][3][40];
};

static struct bytes any_bytes(uint8_t *room, size_t size)
{
	const size_t length = 1 + number(size);

	for (size_t i = 0; i < length; i++)
		room[i] = (uint8_t)number(256);
	return (struct bytes){ room, length };
}

static void fill_leg(struct whole *whole, struct notice_leg *leg, unsigned int side)
{
	struct notice_tls *details = &whole->record.details[side];

	if (number(4) == 0)
		return;
	leg->tls = "TLSv1.3";
	leg->resumed = number(2);
	if (number(3) == 0)
		return;
	leg->details = details;
	*details = (struct notice_tls){
		.name = number(2) ? "ftp.example.net" : "", .cipher = "TLS_AES_128_GCM_SHA256", .group = number(2) ? "x25519" : NULL,
		.protocol = number(2) ? "ftp" : NULL, .fingerprint = "00ff", .name_count = number(4),
	};
	for (size_t i = 0; i < details->name_count; i++)
		whole->record.names[side][i] = any_bytes(whole->name_text[side][i], sizeof(whole->name_text[side][i]));
	if (details->name_count > 0)
		details->names = whole->record.names[side];
}

static bool is_of_pinhole(enum notice_type type)
{
	return type == NOTICE_PINHOLE_OPEN || type == NOTICE_PINHOLE_USED || type == NOTICE_PINHOLE_CLOSE;
}

static bool has_expectation(enum notice_type type)
{
	return is_of_pinhole(type) || type == NOTICE_RELAY;
}

static bool has_relay(enum notice_type type)
{
	return type == NOTICE_RELAY || type == NOTICE_TLS || type == NOTICE_ANOMALY;
}

static void fill_rest(struct whole *whole)
{
	struct record_notice *record = &whole->record;
	struct notice *notice = &record->notice;

	record->expectation = (struct expectation){
		.source = unit_random_address(&state_of_random, FAMILY_IPV6), .destination = any_endpoint(),
		.translated = number(2), .nat_direction = number(2) ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.saved_port = (uint16_t)number(65536), .timeout = (uint32_t)number(UINT32_MAX),
	};
	notice->expectation = has_expectation(notice->type) ? &record->expectation : NULL;
	record->relay.to_server = unit_random(&state_of_random);
	record->relay.to_client = number(2) ? unit_random(&state_of_random) : 0;
	record->relay.by = (enum transfer_party)number(TRANSFER_BY_SERVER + 1);
	fill_leg(whole, &record->relay.client, 0);
	fill_leg(whole, &record->relay.server, 1);
	notice->relay = has_relay(notice->type) && number(2) ? &record->relay : NULL;
	record->transfer = (struct notice_transfer){
		.outcome = (enum transfer_outcome)number(TRANSFER_OUTCOME_COUNT), .by = (enum transfer_party)number(3),
		.counted = number(2),
	};
	record->transfer.bytes = record->transfer.counted && number(2) ? unit_random(&state_of_random) : 0;
	notice->transfer = notice->type == NOTICE_TRANSFER && number(2) ? &record->transfer : NULL;
	if (notice->type == NOTICE_LINE || number(4) > 0)
		notice->text = any_bytes(whole->text, number(2) ? 30 : sizeof(whole->text));
}

static void fill(struct whole *whole, enum notice_type type)
{
	struct record_notice *record = &whole->record;

	memset(whole, 0, sizeof(*whole));
	record->view = (struct nat_view){ any_endpoint(), any_endpoint(), any_endpoint(), any_endpoint() };
	record->notice = (struct notice){
		.type = type, .reason = (enum reason)number(REASON_COUNT),
		.session = number(2) ? unit_random(&state_of_random) : 0,
		.view = number(4) > 0 ? &record->view : NULL, .direction = number(2) ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
		.form = (enum form)number(FORM_229 + 1), .verb = (enum verb)number(VERB_COUNT), .offered = any_endpoint(),
		.announced = any_endpoint(), .rule = number(2) ? "office_2.b-c" : NULL, .code = (uint16_t)number(1000),
		.duration = number(2) ? unit_random(&state_of_random) : 0, .adopted = number(2), .count = number(3),
	};
	if (is_of_pinhole(type)) {
		record->notice.session = 1 + number(UINT64_MAX);
		record->notice.view = &record->view;
	}
	fill_rest(whole);
}

static void same_text(struct bytes a, struct bytes b)
{
	assert_int_equal(a.length, b.length);
	if (a.length > 0)
		assert_memory_equal(a.data, b.data, a.length);
}

static void same_word(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void same_leg(const struct notice_leg *a, const struct notice_leg *b)
{
	same_word(a->tls, b->tls);
	assert_int_equal(a->resumed, b->resumed);
	assert_int_equal(a->details == NULL, b->details == NULL);
	if (!a->details)
		return;
	same_word(a->details->name, b->details->name);
	same_word(a->details->cipher, b->details->cipher);
	same_word(a->details->group, b->details->group);
	same_word(a->details->protocol, b->details->protocol);
	same_word(a->details->fingerprint, b->details->fingerprint);
	assert_int_equal(a->details->name_count, b->details->name_count);
	for (size_t i = 0; i < a->details->name_count; i++)
		same_text(a->details->names[i], b->details->names[i]);
}

static void same_expectation(const struct expectation *a, const struct expectation *b)
{
	assert_true(address_equal(&a->source, &b->source));
	assert_true(endpoint_equal(&a->destination, &b->destination));
	assert_int_equal(a->translated, b->translated);
	assert_int_equal(a->nat_direction, b->nat_direction);
	assert_int_equal(a->saved_port, b->saved_port);
	assert_int_equal(a->timeout, b->timeout);
}

static void same_notice(const struct notice *a, const struct notice *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->reason, b->reason);
	assert_true(a->session == b->session);
	assert_int_equal(a->view == NULL, b->view == NULL);
	assert_true(!a->view || nat_view_equal(a->view, b->view));
	assert_int_equal(a->direction, b->direction);
	assert_int_equal(a->form, b->form);
	assert_int_equal(a->verb, b->verb);
	assert_true(endpoint_equal(&a->offered, &b->offered));
	assert_true(endpoint_equal(&a->announced, &b->announced));
	assert_int_equal(a->expectation == NULL, b->expectation == NULL);
	if (a->expectation)
		same_expectation(a->expectation, b->expectation);
	same_text(a->text, b->text);
	same_word(a->rule, b->rule);
	assert_int_equal(a->code, b->code);
	assert_true(a->duration == b->duration);
	assert_int_equal(a->relay == NULL, b->relay == NULL);
	if (a->relay) {
		same_leg(&a->relay->client, &b->relay->client);
		same_leg(&a->relay->server, &b->relay->server);
		assert_true(a->relay->to_server == b->relay->to_server && a->relay->to_client == b->relay->to_client);
		assert_int_equal(a->relay->by, b->relay->by);
	}
	assert_int_equal(a->transfer == NULL, b->transfer == NULL);
	if (a->transfer) {
		assert_int_equal(a->transfer->outcome, b->transfer->outcome);
		assert_int_equal(a->transfer->by, b->transfer->by);
		assert_int_equal(a->transfer->counted, b->transfer->counted);
		assert_true(a->transfer->bytes == b->transfer->bytes);
	}
	assert_int_equal(a->adopted, b->adopted);
	assert_true(a->count == b->count);
}

static void every_field_of_every_notice_comes_out_as_it_went_in(void **state)
{
	static struct whole whole;
	static struct record_notice read;
	static uint8_t buffer[RECORD_MAX];

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		for (unsigned int type = 0; type <= NOTICE_LINE; type++) {
			fill(&whole, (enum notice_type)type);
			assert_true(
				record_read((struct bytes){ buffer, record_write(&whole.record.notice, buffer) }, &read));
			same_notice(&whole.record.notice, &read.notice);
		}
	}
}

/* In memory of its own, so that a read beyond its end is seen. */
static bool read_copy(const uint8_t *data, size_t length, struct record_notice *read)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool good;

	memcpy(copy, data, length);
	good = record_read((struct bytes){ copy, length }, read);
	free(copy);
	return good;
}

static void a195_no_beginning_of_a_record_is_read_beyond_its_end(void **state)
{
	static struct whole whole;
	static struct record_notice read;
	static uint8_t buffer[RECORD_MAX];
	size_t length;

	(void)state;
	for (unsigned int type = 0; type < NOTICE_COUNT; type++) {
		fill(&whole, (enum notice_type)type);
		whole.record.notice.text.length %= 40;
		length = record_write(&whole.record.notice, buffer);
		for (size_t cut = 0; cut < length; cut++)
			read_copy(buffer, cut, &read);
		assert_false(read_copy(buffer, length - 1, &read));
	}
}

static void a195_whatever_is_changed_what_is_read_can_be_shown(void **state)
{
	static struct whole whole;
	static struct record_notice read;
	static uint8_t buffer[RECORD_MAX];
	static uint8_t again[RECORD_MAX];
	unsigned int good = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		size_t length;

		fill(&whole, (enum notice_type)number(NOTICE_COUNT));
		whole.record.notice.text.length %= 40;
		length = record_write(&whole.record.notice, buffer);
		for (uint64_t i = number(4); i > 0; i--)
			buffer[number(length)] = (uint8_t)number(256);
		if (!record_read((struct bytes){ buffer, length }, &read))
			continue;
		good++;
		assert_in_range(read.notice.type, 0, NOTICE_LINE);
		assert_in_range(read.notice.reason, 0, REASON_COUNT - 1);
		assert_in_range(read.notice.verb, 0, VERB_COUNT - 1);
		if (read.notice.rule)
			assert_null(strpbrk(read.notice.rule, "\"\\\n\r\t\x1b"));
		/* It is a notice like any other. */
		assert_true(record_write(&read.notice, again) > 0);
	}
	assert_true(good > 1000);
}

/* One field, with the type in front. */
static bool reads_field(uint16_t tag, const char *data, uint16_t length)
{
	static struct record_notice read;
	uint8_t buffer[RECORD_MAX];
	const struct notice notice = { .type = NOTICE_LOGIN };
	size_t at = record_write(&notice, buffer);

	memcpy(buffer + at, &tag, sizeof(tag));
	memcpy(buffer + at + 2, &length, sizeof(length));
	memcpy(buffer + at + 4, data, length);
	return read_copy(buffer, at + 4 + length, &read);
}

static void a195_words_that_would_be_shown_as_they_are_are_looked_at(void **state)
{
	(void)state;
	assert_true(reads_field(12, TEXT("office\0")));
	assert_false(reads_field(12, TEXT("office")));
	assert_false(reads_field(12, TEXT("")));
	assert_false(reads_field(12, TEXT("a\",\"b\0")));
	assert_false(reads_field(12, TEXT("a\\\0")));
	assert_false(reads_field(12, TEXT("a\nb\0")));
	assert_false(reads_field(12, TEXT("a\0b\0")));
	assert_false(reads_field(12, TEXT("\xc3\xa4\0")));
	for (uint16_t tag = 35; tag < 40; tag++) {
		assert_false(reads_field(tag, TEXT("a\"\0")));
		assert_false(reads_field((uint16_t)(tag + 16), TEXT("a\"\0")));
	}
	/* A peer's words may be anything. */
	assert_true(reads_field(11, TEXT("a\"\0\n\xff")));
}

static bool reads(const struct notice *notice, struct record_notice *read)
{
	static uint8_t buffer[RECORD_MAX];

	return record_read((struct bytes){ buffer, record_write(notice, buffer) }, read);
}

static void a235_what_lacks_a_part_that_its_type_has_is_no_notice(void **state)
{
	static struct whole whole;
	static struct record_notice read;
	const enum notice_type types[] = { NOTICE_PINHOLE_OPEN, NOTICE_PINHOLE_USED, NOTICE_PINHOLE_CLOSE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct notice *notice = &whole.record.notice;

		fill(&whole, types[i]);
		assert_true(reads(notice, &read));
		notice->expectation = NULL;
		assert_false(reads(notice, &read));
		fill(&whole, types[i]);
		notice->view = NULL;
		assert_false(reads(notice, &read));
		fill(&whole, types[i]);
		notice->session = 0;
		assert_false(reads(notice, &read));
	}
	fill(&whole, NOTICE_LINE);
	assert_true(reads(&whole.record.notice, &read));
	whole.record.notice.text.length = 0;
	assert_false(reads(&whole.record.notice, &read));
}

static void a235_what_is_of_another_type_of_notice_is_left_out(void **state)
{
	static struct whole whole;
	static struct record_notice read;
	struct notice *notice = &whole.record.notice;

	(void)state;
	for (unsigned int type = 0; type <= NOTICE_LINE; type++) {
		fill(&whole, (enum notice_type)type);
		notice->session = 1;
		notice->view = &whole.record.view;
		notice->expectation = &whole.record.expectation;
		notice->transfer = &whole.record.transfer;
		notice->relay = &whole.record.relay;
		assert_true(reads(notice, &read));
		assert_int_equal(read.notice.expectation != NULL, has_expectation(notice->type));
		assert_int_equal(read.notice.transfer != NULL, type == NOTICE_TRANSFER);
		assert_int_equal(read.notice.relay != NULL, has_relay(notice->type));
	}
}

static void what_a_later_version_adds_is_passed_over(void **state)
{
	(void)state;
	assert_true(reads_field(900, TEXT("whatever this is")));
	assert_true(reads_field(47, TEXT("of a leg")));
	/* But not what it has no name for: it would be told as something else. */
	assert_false(reads_field(2, TEXT("no-such-reason\0")));
	assert_false(reads_field(3, TEXT("1234567")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_every_notice_comes_out_as_it_went_in),
		cmocka_unit_test(a195_no_beginning_of_a_record_is_read_beyond_its_end),
		cmocka_unit_test(a195_whatever_is_changed_what_is_read_can_be_shown),
		cmocka_unit_test(a195_words_that_would_be_shown_as_they_are_are_looked_at),
		cmocka_unit_test(a235_what_lacks_a_part_that_its_type_has_is_no_notice),
		cmocka_unit_test(a235_what_is_of_another_type_of_notice_is_left_out),
		cmocka_unit_test(what_a_later_version_adds_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
