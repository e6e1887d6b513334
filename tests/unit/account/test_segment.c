/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments, as the first 80 bytes of a packet tell them. */
#include "account/segment.h"
#include "unit.h"

static uint8_t packet[SEGMENT_BEGINNING];
static struct fact_segment segment;

static void put_16(size_t at, uint16_t value)
{
	packet[at] = (uint8_t)(value >> 8);
	packet[at + 1] = (uint8_t)value;
}

static void put_tcp(size_t at, uint8_t flags, unsigned int words)
{
	put_16(at, 20);
	put_16(at + 2, 50000);
	put_16(at + 4, 0xfedc);
	put_16(at + 6, 0xba98);
	put_16(at + 8, 0x0123);
	put_16(at + 10, 0x4567);
	packet[at + 12] = (uint8_t)(words << 4);
	packet[at + 13] = flags;
}

static void put_ipv4(unsigned int words, uint16_t length)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = (uint8_t)(0x40 | words);
	put_16(2, length);
	packet[9] = 6;
	memcpy(packet + 12, "\xcb\x00\x71\x09\x0a\x00\x00\x05", 8);
}

static void put_ipv6(uint16_t length)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x60;
	put_16(4, length);
	packet[6] = 6;
	packet[8] = 0x20;
	packet[23] = 9;
	packet[24] = 0x20;
	packet[39] = 5;
}

static bool reads(size_t length)
{
	return segment_read((struct bytes){ packet, length }, &segment);
}

static void a_segment_of_ipv4_is_read(void **state)
{
	const struct endpoint source = unit_endpoint("203.0.113.9", 20), destination = unit_endpoint("10.0.0.5", 50000);

	(void)state;
	put_ipv4(5, 20 + 32 + 1000);
	put_tcp(20, FACT_FIN | FACT_ACK, 8);
	assert_true(reads(80));
	assert_true(endpoint_equal(&segment.tuple.source, &source));
	assert_true(endpoint_equal(&segment.tuple.destination, &destination));
	assert_int_equal(segment.flags, FACT_FIN | FACT_ACK);
	assert_int_equal(segment.sequence, 0xfedcba98);
	assert_int_equal(segment.acknowledgement, 0x01234567);
	assert_true(segment.measured);
	assert_int_equal(segment.length, 1000);
}

static void options_of_ipv4_are_no_payload(void **state)
{
	(void)state;
	put_ipv4(8, 32 + 20 + 7);
	put_tcp(32, FACT_ACK, 5);
	assert_true(reads(59));
	assert_int_equal(segment.length, 7);
}

static void a_segment_of_ipv6_is_read(void **state)
{
	(void)state;
	put_ipv6(20 + 65000);
	put_tcp(40, FACT_SYN, 5);
	assert_true(reads(80));
	assert_int_equal(segment.tuple.source.address.family, FAMILY_IPV6);
	assert_int_equal(segment.tuple.destination.address.octets[15], 5);
	assert_int_equal(segment.tuple.destination.port, 50000);
	assert_int_equal(segment.length, 65000);
}

static void a_packet_that_is_longer_than_its_header_can_say_is_not_measured(void **state)
{
	(void)state;
	put_ipv6(0);
	put_tcp(40, FACT_FIN | FACT_ACK, 8);
	assert_true(reads(80));
	assert_false(segment.measured);
	put_ipv4(5, 0);
	put_tcp(20, FACT_FIN | FACT_ACK, 8);
	assert_true(reads(80));
	assert_false(segment.measured);
}

static void what_is_no_segment_is_not_read(void **state)
{
	(void)state;
	put_ipv4(5, 60);
	put_tcp(20, FACT_ACK, 5);
	for (size_t length = 0; length < 40; length++)
		assert_false(reads(length));
	put_16(6, 1); /* a later fragment */
	assert_false(reads(80));
	put_ipv4(4, 60);
	assert_false(reads(80));
	put_ipv4(5, 60);
	packet[9] = 17;
	assert_false(reads(80));
	put_ipv6(20);
	for (size_t length = 0; length < 60; length++)
		assert_false(reads(length));
	packet[6] = 0;
	assert_false(reads(80));
	packet[0] = 0x50;
	assert_false(reads(80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_of_ipv4_is_read),
		cmocka_unit_test(options_of_ipv4_are_no_payload),
		cmocka_unit_test(a_segment_of_ipv6_is_read),
		cmocka_unit_test(a_packet_that_is_longer_than_its_header_can_say_is_not_measured),
		cmocka_unit_test(what_is_no_segment_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
