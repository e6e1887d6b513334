/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tuples and entries as ctnetlink writes them. What the kernel says is believed, but not that it says everything: an
 * attribute that is missing, or shorter than it should be, leaves its field empty.
 */
#include "netfilter/conntrack_entry.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "netfilter/conntrack.h"

uint8_t conntrack_family(const struct address *address)
{
	return address->family == FAMILY_IPV6 ? AF_INET6 : AF_INET;
}

struct tuple conntrack_original_tuple(const struct nat_view *view)
{
	return (struct tuple){ .source = view->client, .destination = view->server_seen };
}

void conntrack_put_tuple(struct nlmsghdr *request, uint16_t attribute, const struct tuple *tuple)
{
	const bool ipv6 = tuple->source.address.family == FAMILY_IPV6;
	const size_t size = ipv6 ? 16 : 4;
	struct nlattr *outer = mnl_attr_nest_start(request, attribute);
	struct nlattr *inner = mnl_attr_nest_start(request, CTA_TUPLE_IP);

	mnl_attr_put(request, ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, size, tuple->source.address.octets);
	mnl_attr_put(request, ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, size, tuple->destination.address.octets);
	mnl_attr_nest_end(request, inner);
	inner = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(request, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(request, CTA_PROTO_SRC_PORT, htons(tuple->source.port));
	mnl_attr_put_u16(request, CTA_PROTO_DST_PORT, htons(tuple->destination.port));
	mnl_attr_nest_end(request, inner);
	mnl_attr_nest_end(request, outer);
}

void conntrack_put_zone(struct nlmsghdr *request, uint16_t attribute, uint16_t zone)
{
	/* A kernel without zones refuses the attribute, and without it the kernel takes zone 0. */
	if (zone)
		mnl_attr_put_u16(request, attribute, htons(zone));
}

static bool conntrack_get_address(const struct nlattr *ipv4, const struct nlattr *ipv6, struct address *address)
{
	memset(address, 0, sizeof(*address));
	if (ipv4 && mnl_attr_get_payload_len(ipv4) == 4) {
		address->family = FAMILY_IPV4;
		memcpy(address->octets, mnl_attr_get_payload(ipv4), 4);
	} else if (ipv6 && mnl_attr_get_payload_len(ipv6) == 16) {
		address->family = FAMILY_IPV6;
		memcpy(address->octets, mnl_attr_get_payload(ipv6), 16);
	}
	return address->family != FAMILY_NONE;
}

bool conntrack_get_tuple(const struct nlattr *attribute, struct tuple *tuple)
{
	const struct nlattr *parts[CTA_TUPLE_MAX + 1];
	const struct nlattr *ip[CTA_IP_MAX + 1];
	const struct nlattr *protocol[CTA_PROTO_MAX + 1];

	if (!attribute)
		return false;
	netlink_index_nested(attribute, parts, CTA_TUPLE_MAX);
	if (!parts[CTA_TUPLE_IP] || !parts[CTA_TUPLE_PROTO])
		return false;
	netlink_index_nested(parts[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	netlink_index_nested(parts[CTA_TUPLE_PROTO], protocol, CTA_PROTO_MAX);
	if (!protocol[CTA_PROTO_NUM] || mnl_attr_get_u8(protocol[CTA_PROTO_NUM]) != IPPROTO_TCP)
		return false;
	if (!protocol[CTA_PROTO_SRC_PORT] || !protocol[CTA_PROTO_DST_PORT])
		return false;
	tuple->source.port = ntohs(mnl_attr_get_u16(protocol[CTA_PROTO_SRC_PORT]));
	tuple->destination.port = ntohs(mnl_attr_get_u16(protocol[CTA_PROTO_DST_PORT]));
	return conntrack_get_address(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC], &tuple->source.address) &&
	       conntrack_get_address(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST], &tuple->destination.address);
}

static void conntrack_get_seqadj(const struct nlattr *attribute, struct seqadj *seqadj)
{
	const struct nlattr *parts[CTA_SEQADJ_MAX + 1];

	memset(seqadj, 0, sizeof(*seqadj));
	if (!attribute)
		return;
	netlink_index_nested(attribute, parts, CTA_SEQADJ_MAX);
	if (parts[CTA_SEQADJ_CORRECTION_POS])
		seqadj->position = ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_CORRECTION_POS]));
	if (parts[CTA_SEQADJ_OFFSET_BEFORE])
		seqadj->before = (int32_t)ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_OFFSET_BEFORE]));
	if (parts[CTA_SEQADJ_OFFSET_AFTER])
		seqadj->after = (int32_t)ntohl(mnl_attr_get_u32(parts[CTA_SEQADJ_OFFSET_AFTER]));
}

/* TCP_CONNTRACK_..., as this packet left it; NONE where the kernel does not say. */
static uint8_t conntrack_get_state(const struct nlattr *attribute)
{
	const struct nlattr *parts[CTA_PROTOINFO_MAX + 1];
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1];

	if (!attribute)
		return TCP_CONNTRACK_NONE;
	netlink_index_nested(attribute, parts, CTA_PROTOINFO_MAX);
	if (!parts[CTA_PROTOINFO_TCP])
		return TCP_CONNTRACK_NONE;
	netlink_index_nested(parts[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
	return tcp[CTA_PROTOINFO_TCP_STATE] ? mnl_attr_get_u8(tcp[CTA_PROTOINFO_TCP_STATE]) : TCP_CONNTRACK_NONE;
}

static bool conntrack_get_liberal(const struct nlattr *attribute)
{
	const struct nlattr *parts[CTA_PROTOINFO_MAX + 1];
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	bool liberal = true;

	if (!attribute)
		return false;
	netlink_index_nested(attribute, parts, CTA_PROTOINFO_MAX);
	if (!parts[CTA_PROTOINFO_TCP])
		return false;
	netlink_index_nested(parts[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
	for (int i = CTA_PROTOINFO_TCP_FLAGS_ORIGINAL; i <= CTA_PROTOINFO_TCP_FLAGS_REPLY; i++) {
		const struct nf_ct_tcp_flags *flags;

		if (!tcp[i] || mnl_attr_get_payload_len(tcp[i]) < sizeof(*flags))
			return false;
		flags = mnl_attr_get_payload(tcp[i]);
		liberal = liberal && flags->flags & IP_CT_TCP_FLAG_BE_LIBERAL;
	}
	return liberal;
}

/* The name that the entry's helper has; empty where there is none. */
static void conntrack_get_helper(const struct nlattr *attribute, char *name)
{
	const struct nlattr *parts[CTA_HELP_MAX + 1];
	size_t length;

	name[0] = '\0';
	if (!attribute)
		return;
	netlink_index_nested(attribute, parts, CTA_HELP_MAX);
	if (!parts[CTA_HELP_NAME])
		return;
	length = mnl_attr_get_payload_len(parts[CTA_HELP_NAME]);
	if (length >= CONNTRACK_HELPER_NAME_SIZE)
		length = CONNTRACK_HELPER_NAME_SIZE - 1;
	memcpy(name, mnl_attr_get_payload(parts[CTA_HELP_NAME]), length);
	name[length] = '\0';
}

bool conntrack_get_entry(const struct nlmsghdr *answer, struct conntrack_entry *entry)
{
	const struct nlattr *parts[CTA_MAX + 1];

	netlink_index(answer, parts, CTA_MAX);
	if (!conntrack_get_tuple(parts[CTA_TUPLE_ORIG], &entry->original) ||
	    !conntrack_get_tuple(parts[CTA_TUPLE_REPLY], &entry->reply))
		return false;
	entry->status = parts[CTA_STATUS] ? ntohl(mnl_attr_get_u32(parts[CTA_STATUS])) : 0;
	entry->zone = parts[CTA_ZONE] ? ntohs(mnl_attr_get_u16(parts[CTA_ZONE])) : 0;
	entry->state = conntrack_get_state(parts[CTA_PROTOINFO]);
	entry->opening = entry->state == TCP_CONNTRACK_SYN_SENT || entry->state == TCP_CONNTRACK_SYN_RECV;
	entry->ended = entry->state == TCP_CONNTRACK_CLOSE || entry->state == TCP_CONNTRACK_TIME_WAIT;
	entry->lingers = entry->state == TCP_CONNTRACK_TIME_WAIT;
	entry->helper = parts[CTA_HELP] != NULL;
	conntrack_get_helper(parts[CTA_HELP], entry->helper_name);
	entry->liberal = conntrack_get_liberal(parts[CTA_PROTOINFO]);
	conntrack_get_seqadj(parts[CTA_SEQ_ADJ_ORIG], &entry->seqadj[DIRECTION_ORIGINAL]);
	conntrack_get_seqadj(parts[CTA_SEQ_ADJ_REPLY], &entry->seqadj[DIRECTION_REPLY]);
	return true;
}
