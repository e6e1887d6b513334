/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses. The C library's inet_pton and inet_ntop serve as a second opinion. */
#include <arpa/inet.h>

#include "unit.h"

static void addresses_are_equal_only_in_family_and_octets(void **state)
{
	struct address ipv4 = unit_address("0.0.0.0");
	struct address ipv6 = unit_address("::");
	struct endpoint a = unit_endpoint("192.0.2.1", 21);
	struct endpoint b = unit_endpoint("192.0.2.1", 22);
	struct endpoint c = unit_endpoint("192.0.2.2", 21);
	struct tuple tuple = { a, b };
	struct tuple reversed = tuple_reverse(&tuple);

	(void)state;
	assert_true(address_equal(&ipv4, &ipv4));
	assert_false(address_equal(&ipv4, &ipv6));
	assert_true(endpoint_equal(&a, &a));
	assert_false(endpoint_equal(&a, &b));
	assert_false(endpoint_equal(&a, &c));
	assert_true(tuple_equal(&tuple, &tuple));
	assert_false(tuple_equal(&tuple, &reversed));
	for (int end = 0; end < 2; end++) {
		struct tuple other = tuple;

		(end ? &other.destination : &other.source)->port++;
		assert_false(tuple_equal(&tuple, &other));
	}
	assert_true(endpoint_equal(&reversed.source, &b));
	assert_true(endpoint_equal(&reversed.destination, &a));
}

static void martians_are_recognised_at_their_edges(void **state)
{
	static const struct {
		const char *address;
		bool martian;
	} rows[] = {
		{ "0.0.0.0", true }, { "0.255.255.255", true }, { "1.0.0.0", false },
		{ "10.0.0.5", false }, { "126.255.255.255", false }, { "127.0.0.0", true }, { "127.0.0.1", true },
		{ "127.255.255.255", true }, { "128.0.0.0", false },
		{ "169.253.255.255", false }, { "169.254.0.0", true },
		{ "169.254.255.255", true }, { "169.255.0.0", false }, { "10.254.0.1", false },
		{ "172.16.0.1", false }, { "192.168.1.1", false }, { "198.51.100.1", false },
		{ "223.255.255.255", false }, { "224.0.0.0", true }, { "239.255.255.255", true }, { "240.0.0.0", true },
		{ "255.255.255.255", true },
		{ "::", true }, { "::1", true }, { "::2", true }, { "::10.0.0.5", true }, { "::1:0:0", false },
		{ "::ffff:10.0.0.5", true }, { "::fffe:10.0.0.5", false }, { "::1:ffff:a00:5", false },
		{ "2001:db8::1", false }, { "fc00::1", false }, { "fd12::1", false }, { "64:ff9b::a00:5", false },
		{ "fe7f:ffff::1", false }, { "fe80::1", true }, { "febf:ffff::1", true }, { "fec0::1", false },
		{ "feff::1", false }, { "ff00::", true }, { "ff02::1", true },
	};
	struct address nobody = { .family = FAMILY_NONE };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct address address = unit_address(rows[index].address);

		if (address_is_martian(&address) != rows[index].martian)
			fail_msg("%s is %smartian", rows[index].address, rows[index].martian ? "" : "not ");
	}
	assert_true(address_is_martian(&nobody));
}

/* RFC 1918, RFC 6598, RFC 4193. */
static void private_networks_are_recognised_at_their_edges(void **state)
{
	static const struct {
		const char *address;
		bool private;
	} rows[] = {
		{ "9.255.255.255", false }, { "10.0.0.0", true }, { "10.255.255.255", true }, { "11.0.0.0", false },
		{ "172.15.255.255", false }, { "172.16.0.0", true }, { "172.31.255.255", true }, { "172.32.0.0", false },
		{ "192.167.255.255", false }, { "192.168.0.0", true }, { "192.168.255.255", true }, { "192.169.0.0", false },
		{ "100.63.255.255", false }, { "100.64.0.0", true }, { "100.127.255.255", true }, { "100.128.0.0", false },
		/* the second octets of these, behind others */
		{ "203.16.0.1", false }, { "203.168.0.1", false }, { "203.64.0.1", false },
		{ "fbff:ffff::1", false }, { "fc00::", true }, { "fdff:ffff::1", true }, { "fe00::", false },
		/* what begins like an IPv4 network */
		{ "a00::1", false }, { "c0a8::1", false }, { "ac10::1", false }, { "6440::1", false },
	};
	struct address nobody = { .family = FAMILY_NONE, .octets = { 10 } };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct address address = unit_address(rows[index].address);

		if (address_is_private(&address) != rows[index].private)
			fail_msg("%s is %sprivate", rows[index].address, rows[index].private ? "" : "not ");
	}
	assert_false(address_is_private(&nobody));
}

static void only_the_two_zero_addresses_are_unspecified(void **state)
{
	struct address ipv4 = unit_address("0.0.0.0");
	struct address ipv6 = unit_address("::");
	struct address other = unit_address("0.0.0.1");
	struct address loopback = unit_address("::1");
	struct address nobody = { .family = FAMILY_NONE };

	(void)state;
	assert_true(address_is_unspecified(&ipv4));
	assert_true(address_is_unspecified(&ipv6));
	assert_false(address_is_unspecified(&other));
	assert_false(address_is_unspecified(&loopback));
	assert_false(address_is_unspecified(&nobody));
}

static void a_network_contains_its_first_and_last_address_and_no_neighbour(void **state)
{
	static const struct {
		const char *network;
		const char *address;
		bool contains;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0", true }, { "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false }, { "10.0.0.0/8", "9.255.255.255", false },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.255", true }, { "192.0.2.128/25", "192.0.3.0", false },
		{ "192.0.2.4/31", "192.0.2.5", true }, { "192.0.2.4/31", "192.0.2.6", false },
		{ "192.0.2.4/32", "192.0.2.4", true }, { "192.0.2.4/32", "192.0.2.5", false },
		{ "192.0.2.4", "192.0.2.4", true }, { "192.0.2.4", "192.0.2.5", false },
		{ "0.0.0.0/0", "255.255.255.255", true }, { "0.0.0.0/0", "::", false }, { "::/0", "0.0.0.0", false },
		{ "::/0", "ffff::1", true }, { "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false }, { "2001:db8::/33", "2001:db8:8000::", false },
		{ "2001:db8::1/128", "2001:db8::1", true }, { "2001:db8::1/128", "2001:db8::2", false },
		{ "2001:db8::1/128", "", false },
	};
	struct network impossible = { unit_address("10.0.0.0"), 33 };
	struct address address = unit_address("10.0.0.0");

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct network network = unit_network(rows[index].network);
		struct address candidate = unit_address(rows[index].address);

		if (network_contains(&network, &candidate) != rows[index].contains)
			fail_msg("%s in %s", rows[index].address, rows[index].network);
	}
	assert_false(network_contains(&impossible, &address));
}

static void networks_are_read_whole_or_not_at_all(void **state)
{
	static const char *const good[] = {
		"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "192.0.2.1",
		"::/0", "2001:db8::/32", "2001:db8::1/128", "::1",
	};
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8 ", " 10.0.0.0/8",
		"10.0.0.1/8", "10.0.0.0/8/8", "10.0.0.0/a", "10/8", "2001:db8::/129", "2001:db8::1/64", "::1/0",
		"10.0.0.0/99999999999999999999", "2001:db8::/32x", "x/0", "10.0.0.256/0",
	};
	struct network network;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(good); index++) {
		if (!network_parse(unit_string(good[index]), &network))
			fail_msg("refused: %s", good[index]);
	}
	for (size_t index = 0; index < ARRAY_SIZE(bad); index++) {
		if (network_parse(unit_string(bad[index]), &network))
			fail_msg("accepted: %s", bad[index]);
	}
}

static void a_refused_text_leaves_the_result_alone(void **state)
{
	struct address before = unit_address("192.0.2.1");
	struct address address = before;
	struct network network = unit_network("192.0.2.0/24");

	(void)state;
	assert_false(address_parse(unit_string("10.0.0.256"), &address));
	assert_false(address_parse(unit_string("2001:db8::1::"), &address));
	assert_true(address_equal(&address, &before));
	assert_false(network_parse(unit_string("10.0.0.0/99"), &network));
	assert_int_equal(network.prefix, 24);
}

static void texts_that_look_like_addresses_are_refused(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {
		{ TEXT("") }, { TEXT("1.2.3") }, { TEXT("1.2.3.4.5") }, { TEXT("1.2.3.") }, { TEXT(".1.2.3") },
		{ TEXT("1..2.3") }, { TEXT("01.2.3.4") }, { TEXT("1.2.3.00") }, { TEXT("1.2.3.256") },
		{ TEXT("1.2.3.1000") }, { TEXT("1.2.3.4 ") }, { TEXT(" 1.2.3.4") }, { TEXT("1.2.3.4\0") },
		{ TEXT("0x1.2.3.4") }, { TEXT("+1.2.3.4") }, { TEXT("-1.2.3.4") }, { TEXT("16909060") },
		{ TEXT("1.2.3.4294967300") },
		{ TEXT(":") }, { TEXT(":::") }, { TEXT("::1::") }, { TEXT("1::2::3") }, { TEXT(":1") }, { TEXT("1:") },
		{ TEXT("1:2:3:4:5:6:7") }, { TEXT("1:2:3:4:5:6:7:8:9") }, { TEXT("1:2:3:4:5:6:7:") },
		{ TEXT(":1:2:3:4:5:6:7") }, { TEXT("1:2:3:4:5:6:7::8") }, { TEXT("1:2:3:4:5:6:7:8::") },
		{ TEXT("::1:2:3:4:5:6:7:8") }, { TEXT("12345::") }, { TEXT("::g") }, { TEXT("fe80::1%eth0") },
		{ TEXT("[::1]") }, { TEXT("::1.2.3") }, { TEXT("::1.2.3.4.5") }, { TEXT("::1.2.3.4:5") },
		{ TEXT("1.2.3.4::") }, { TEXT("1:2:3:4:5:6:7:1.2.3.4") }, { TEXT("::01.2.3.4") },
		{ TEXT("::1.2.3.256") }, { TEXT("::1 ") }, { TEXT("::1\0") }, { TEXT("::/0") },
	};
	struct address address;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		if (address_parse(unit_bytes(rows[index].text, rows[index].length), &address))
			fail_msg("accepted: %s", rows[index].text);
	}
}

static void ipv6_is_written_as_rfc_5952_wants_it(void **state)
{
	static const char *const rows[][2] = {
		{ "0:0:0:0:0:0:0:0", "::" }, { "0:0:0:0:0:0:0:1", "::1" }, { "1:0:0:0:0:0:0:0", "1::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, { "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* 4.2.2: one group is not shortened */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, /* 4.2.3: the longest run */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* 4.2.3: the first of two */
		{ "0:1:0:0:0:0:0:0", "0:1::" }, { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" }, { "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::ffff:c000:201", "::ffff:192.0.2.1" }, /* 5: a well-known prefix */
		{ "2001:db8::192.0.2.1", "2001:db8::c000:201" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct address address = unit_address(rows[index][0]);
		char text[ADDRESS_TEXT_MAX];

		assert_int_equal(address_format(&address, text), strlen(rows[index][1]));
		assert_string_equal(text, rows[index][1]);
	}
}

static void endpoints_are_written_with_their_port(void **state)
{
	struct endpoint ipv4 = unit_endpoint("192.0.2.1", 21);
	struct endpoint ipv6 = unit_endpoint("2001:db8::1", 65535);
	struct endpoint port = unit_endpoint("", 0);
	struct endpoint longest = unit_endpoint("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(endpoint_format(&ipv4, text), 12);
	assert_string_equal(text, "192.0.2.1:21");
	assert_int_equal(endpoint_format(&ipv6, text), 19);
	assert_string_equal(text, "[2001:db8::1]:65535");
	endpoint_format(&port, text);
	assert_string_equal(text, "*:0");
	assert_true(endpoint_format(&longest, text) < sizeof(text));
}

static void what_is_written_is_read_back_and_agrees_with_the_c_library(void **state)
{
	static const uint8_t zeros[12];
	uint64_t seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		enum family family = round % 2 == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
		struct address address = unit_random_address(&seed, family);
		struct address again;
		char text[ADDRESS_TEXT_MAX];
		char theirs[INET6_ADDRSTRLEN];
		size_t length = address_format(&address, text);

		assert_true(address_parse(unit_bytes(text, length), &again));
		assert_true(address_equal(&address, &again));

		/* The C library writes the deprecated ::/96 in dotted form too; RFC 5952 doesn't ask for that. */
		if (family == FAMILY_IPV6 && memcmp(address.octets, zeros, 12) == 0)
			continue;
		inet_ntop(family == FAMILY_IPV4 ? AF_INET : AF_INET6, address.octets, theirs, sizeof(theirs));
		assert_string_equal(text, theirs);
	}
}

static void random_texts_are_read_as_the_c_library_reads_them(void **state)
{
	static const char *const bases[] = {
		"192.0.2.1", "10.0.0.255", "2001:db8::1", "::", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1",
		"1:2:3:4:5:6:1.2.3.4", "fe80::1:2", "1::", "0:0:0:0:0:0:0:1",
	};
	uint64_t seed = 2;
	unsigned int accepted = 0;

	(void)state;
	for (unsigned int round = 0; round < 300000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		char text[64] = "";
		uint8_t octets[16] = { 0 };
		struct address address;
		size_t length = strlen(base);
		bool theirs;
		bool ours;

		memcpy(text, base, length);
		length = unit_mutate(&seed, "0123456789.::::abfF x", (uint8_t *)text, length, sizeof(text) - 1);
		text[length] = '\0';

		theirs = inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
		ours = address_parse(unit_bytes(text, length), &address);
		if (theirs != ours)
			fail_msg("%s is %s address to the C library", text, theirs ? "an" : "no");
		if (ours)
			assert_memory_equal(octets, address.octets, sizeof(octets));
		accepted += ours;
	}
	assert_in_range(accepted, 10000, 290000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_equal_only_in_family_and_octets),
		cmocka_unit_test(martians_are_recognised_at_their_edges),
		cmocka_unit_test(private_networks_are_recognised_at_their_edges),
		cmocka_unit_test(only_the_two_zero_addresses_are_unspecified),
		cmocka_unit_test(a_network_contains_its_first_and_last_address_and_no_neighbour),
		cmocka_unit_test(networks_are_read_whole_or_not_at_all),
		cmocka_unit_test(a_refused_text_leaves_the_result_alone),
		cmocka_unit_test(texts_that_look_like_addresses_are_refused),
		cmocka_unit_test(ipv6_is_written_as_rfc_5952_wants_it),
		cmocka_unit_test(endpoints_are_written_with_their_port),
		cmocka_unit_test(what_is_written_is_read_back_and_agrees_with_the_c_library),
		cmocka_unit_test(random_texts_are_read_as_the_c_library_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
