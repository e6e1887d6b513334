/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An entry for a connection whose first packet has yet to come: conntrack then does with it what the entry says. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "ftpalg/address.h"
#include "netfilter/conntrack.h"

struct create_ports {
	uint16_t min;
	uint16_t max;
};

static void create_put_nat(struct nlmsghdr *request, uint16_t attribute, const struct endpoint *to,
			   struct create_ports ports)
{
	const bool ipv6 = to->address.family == FAMILY_IPV6;
	const size_t size = ipv6 ? 16 : 4;
	struct nlattr *outer = mnl_attr_nest_start(request, attribute);
	struct nlattr *inner;

	mnl_attr_put(request, ipv6 ? CTA_NAT_V6_MINIP : CTA_NAT_V4_MINIP, size, to->address.octets);
	mnl_attr_put(request, ipv6 ? CTA_NAT_V6_MAXIP : CTA_NAT_V4_MAXIP, size, to->address.octets);
	inner = mnl_attr_nest_start(request, CTA_NAT_PROTO);
	mnl_attr_put_u16(request, CTA_PROTONAT_PORT_MIN, htons(ports.min));
	mnl_attr_put_u16(request, CTA_PROTONAT_PORT_MAX, htons(ports.max));
	mnl_attr_nest_end(request, inner);
	mnl_attr_nest_end(request, outer);
}

/*
 * Where no translation is given, the kernel leaves the entry open to the rules of the nat table. A translation that is
 * given, even to the same endpoint, is settled, and no rule changes it.
 */
enum reason conntrack_create(struct conntrack *conntrack, const struct nat_view *view, const char *helper,
			     uint32_t timeout)
{
	const struct tuple original = conntrack_original_tuple(view);
	const struct tuple reply = tuple_reverse(&original);
	const bool moved = !endpoint_equal(&view->server, &view->server_seen);
	/*
	 * Connections of one client's port to two servers, as a client's own NAT makes them, would become one where both are
	 * led to the same place. The kernel keeps the port unless it is taken, and else finds another.
	 */
	const struct create_ports source = {
		moved ? 1 : view->client_seen.port, moved ? UINT16_MAX : view->client_seen.port
	};
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW,
						NLM_F_CREATE | NLM_F_EXCL, conntrack_family(&view->client.address));
	struct nlattr *help;

	conntrack_put_tuple(header, CTA_TUPLE_ORIG, &original);
	conntrack_put_tuple(header, CTA_TUPLE_REPLY, &reply);
	conntrack_put_zone(header, CTA_ZONE, conntrack->zone);
	mnl_attr_put_u32(header, CTA_TIMEOUT, htonl(timeout));
	create_put_nat(header, CTA_NAT_SRC, &view->client_seen, source);
	create_put_nat(header, CTA_NAT_DST, &view->server, (struct create_ports){ view->server.port, view->server.port });
	help = mnl_attr_nest_start(header, CTA_HELP);
	mnl_attr_put_strz(header, CTA_HELP_NAME, helper);
	mnl_attr_nest_end(header, help);
	conntrack->error = netlink_call(conntrack->netlink, header, NULL, NULL);
	if (!conntrack->error)
		return REASON_NONE;
	return conntrack->error == -EEXIST ? REASON_USED : REASON_KERNEL_REFUSED;
}
