/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries as the kernel tells them, who need not say everything: what is missing, or too short, is not there. */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "netfilter/conntrack.h"
#include "netfilter/conntrack_entry.h"
#include "unit.h"

/* The parts of a tuple, each of which may be left out. */
#define IP          (1U << 0)
#define SOURCE      (1U << 1)
#define DESTINATION (1U << 2)
#define PROTOCOL    (1U << 3)
#define NUMBER      (1U << 4)
#define SOURCE_PORT (1U << 5)
#define DEST_PORT   (1U << 6)
#define ALL         0x7fU

static union netlink_request request;

static struct nlmsghdr *begin(void)
{
	return netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, 0, AF_INET);
}

static void put_tuple(struct nlmsghdr *message, uint16_t attribute, unsigned int parts, uint8_t protocol, bool ipv6,
		      uint16_t octets)
{
	static const uint8_t addresses[2][20] = { { 10, 0, 0, 5 }, { 10, 0, 0, 6 } };
	struct nlattr *outer = mnl_attr_nest_start(message, attribute), *inner;

	if (parts & IP) {
		inner = mnl_attr_nest_start(message, CTA_TUPLE_IP);
		if (parts & SOURCE)
			mnl_attr_put(message, ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, octets, addresses[0]);
		if (parts & DESTINATION)
			mnl_attr_put(message, ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, octets, addresses[1]);
		mnl_attr_nest_end(message, inner);
	}
	if (parts & PROTOCOL) {
		inner = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
		if (parts & NUMBER)
			mnl_attr_put_u8(message, CTA_PROTO_NUM, protocol);
		if (parts & SOURCE_PORT)
			mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(40000));
		if (parts & DEST_PORT)
			mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(21));
		mnl_attr_nest_end(message, inner);
	}
	mnl_attr_nest_end(message, outer);
}

/* In memory of its own, so that whoever reads beyond what there is is noticed. */
static bool read_tuple(unsigned int parts, uint8_t protocol, bool ipv6, uint16_t octets, struct tuple *tuple)
{
	struct nlmsghdr *message = begin();
	struct nlattr *copy;
	bool good;

	put_tuple(message, CTA_TUPLE_ORIG, parts, protocol, ipv6, octets);
	const struct nlattr *attribute = mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));

	copy = malloc(attribute->nla_len);
	assert_non_null(copy);
	memcpy(copy, attribute, attribute->nla_len);
	good = conntrack_get_tuple(copy, tuple);
	free(copy);
	return good;
}

static void a_tuple_has_all_its_parts_and_is_of_tcp(void **state)
{
	const struct tuple expected = { unit_endpoint("10.0.0.5", 40000), unit_endpoint("10.0.0.6", 21) };
	struct tuple tuple;

	(void)state;
	assert_true(read_tuple(ALL, IPPROTO_TCP, false, 4, &tuple));
	assert_true(tuple_equal(&tuple, &expected));
	assert_true(read_tuple(ALL, IPPROTO_TCP, true, 16, &tuple));
	assert_int_equal(tuple.source.address.family, FAMILY_IPV6);
	assert_int_equal(tuple.destination.address.family, FAMILY_IPV6);
	assert_int_equal(tuple.destination.address.octets[3], 6);
	assert_false(conntrack_get_tuple(NULL, &tuple));
	for (unsigned int part = 1; part < ALL; part <<= 1)
		assert_false(read_tuple(ALL & ~part, IPPROTO_TCP, false, 4, &tuple));
	assert_false(read_tuple(0, IPPROTO_TCP, false, 4, &tuple));
	assert_false(read_tuple(ALL, IPPROTO_UDP, false, 4, &tuple));
	for (uint16_t octets = 0; octets <= 20; octets++) {
		assert_int_equal(read_tuple(ALL, IPPROTO_TCP, false, octets, &tuple), octets == 4);
		assert_int_equal(read_tuple(ALL, IPPROTO_TCP, true, octets, &tuple), octets == 16);
	}
}

static struct nlmsghdr *begin_entry(void)
{
	struct nlmsghdr *message = begin();

	put_tuple(message, CTA_TUPLE_ORIG, ALL, IPPROTO_TCP, false, 4);
	put_tuple(message, CTA_TUPLE_REPLY, ALL, IPPROTO_TCP, false, 4);
	return message;
}

static void an_entry_has_both_tuples(void **state)
{
	struct conntrack_entry entry;
	struct nlmsghdr *message;

	(void)state;
	assert_true(conntrack_get_entry(begin_entry(), &entry));
	for (uint16_t attribute = CTA_TUPLE_ORIG; attribute <= CTA_TUPLE_REPLY; attribute++) {
		message = begin();
		put_tuple(message, attribute, ALL, IPPROTO_TCP, false, 4);
		assert_false(conntrack_get_entry(message, &entry));
	}
}

static void what_an_entry_does_not_say_is_empty(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	memset(&entry, 0xff, sizeof(entry));
	assert_true(conntrack_get_entry(begin_entry(), &entry));
	assert_int_equal(entry.status, 0);
	assert_int_equal(entry.zone, 0);
	assert_int_equal(entry.state, TCP_CONNTRACK_NONE);
	assert_false(entry.opening || entry.ended || entry.helper || entry.liberal);
	assert_string_equal(entry.helper_name, "");
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(entry.seqadj[i].position, 0);
		assert_int_equal(entry.seqadj[i].before, 0);
		assert_int_equal(entry.seqadj[i].after, 0);
	}
}

/* Puts an attribute of a connection of TCP; flags of so many bytes for each direction, of which 0 are none. */
static void put_tcp(struct nlmsghdr *message, bool inner_too, const uint16_t sizes[2])
{
	const struct nf_ct_tcp_flags liberal = { IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL };
	struct nlattr *outer = mnl_attr_nest_start(message, CTA_PROTOINFO), *inner;

	if (inner_too) {
		inner = mnl_attr_nest_start(message, CTA_PROTOINFO_TCP);
		if (sizes[0] > 0)
			mnl_attr_put(message, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizes[0], &liberal);
		if (sizes[1] > 0)
			mnl_attr_put(message, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizes[1], &liberal);
		mnl_attr_nest_end(message, inner);
	}
	mnl_attr_nest_end(message, outer);
}

static void numbers_are_free_where_both_directions_say_so(void **state)
{
	static const struct { bool tcp; uint16_t sizes[2]; bool liberal; } rows[] = {
		{ false, { 0, 0 }, false }, { true, { 0, 0 }, false }, { true, { 2, 0 }, false }, { true, { 0, 2 }, false },
		{ true, { 1, 2 }, false }, { true, { 2, 1 }, false }, { true, { 2, 2 }, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nlmsghdr *message = begin_entry();
		struct conntrack_entry entry;

		put_tcp(message, rows[i].tcp, rows[i].sizes);
		assert_true(conntrack_get_entry(message, &entry));
		assert_int_equal(entry.liberal, rows[i].liberal);
		assert_int_equal(entry.state, TCP_CONNTRACK_NONE);
	}
}

static void a_helpers_name_ends_where_there_is_no_more_room(void **state)
{
	static const char name[] = "abcdefghijklmnopqrst";

	(void)state;
	for (size_t length = 0; length < sizeof(name); length++) {
		struct nlmsghdr *message = begin_entry();
		struct nlattr *nest = mnl_attr_nest_start(message, CTA_HELP);
		const size_t kept = length < CONNTRACK_HELPER_NAME_SIZE ? length : CONNTRACK_HELPER_NAME_SIZE - 1;
		struct conntrack_entry entry;

		if (length > 0)
			mnl_attr_put(message, CTA_HELP_NAME, length, name);
		mnl_attr_nest_end(message, nest);
		put_tcp(message, true, (const uint16_t[]){ 2, 2 });
		assert_true(conntrack_get_entry(message, &entry));
		assert_true(entry.helper);
		assert_int_equal(strlen(entry.helper_name), kept);
		assert_memory_equal(entry.helper_name, name, kept);
	}
}

static void an_adjustment_may_be_told_in_parts(void **state)
{
	struct nlmsghdr *message = begin_entry();
	struct conntrack_entry entry;
	struct nlattr *nest = mnl_attr_nest_start(message, CTA_SEQ_ADJ_ORIG);

	(void)state;
	mnl_attr_put_u32(message, CTA_SEQADJ_OFFSET_AFTER, htonl((uint32_t)-5));
	mnl_attr_nest_end(message, nest);
	nest = mnl_attr_nest_start(message, CTA_SEQ_ADJ_REPLY);
	mnl_attr_put_u32(message, CTA_SEQADJ_CORRECTION_POS, htonl(4000000000u));
	mnl_attr_put_u32(message, CTA_SEQADJ_OFFSET_BEFORE, htonl(3));
	mnl_attr_nest_end(message, nest);
	assert_true(conntrack_get_entry(message, &entry));
	assert_int_equal(entry.seqadj[0].position, 0);
	assert_int_equal(entry.seqadj[0].before, 0);
	assert_int_equal(entry.seqadj[0].after, -5);
	assert_int_equal(entry.seqadj[1].position, 4000000000u);
	assert_int_equal(entry.seqadj[1].before, 3);
	assert_int_equal(entry.seqadj[1].after, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tuple_has_all_its_parts_and_is_of_tcp),
		cmocka_unit_test(an_entry_has_both_tuples),
		cmocka_unit_test(what_an_entry_does_not_say_is_empty),
		cmocka_unit_test(numbers_are_free_where_both_directions_say_so),
		cmocka_unit_test(a_helpers_name_ends_where_there_is_no_more_room),
		cmocka_unit_test(an_adjustment_may_be_told_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
