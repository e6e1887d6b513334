/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which conntrack entry does a packet at the FORWARD hook belong to?
 *
 * There, packets of both directions carry the client's and the server's own addresses. The entry's original tuple is
 * client -> server_seen, its reply tuple server -> client_seen, and the kernel finds an entry by either of them:
 *
 *   NAT                  client -> server is   server -> client is   found by
 *   none                 the original tuple    the reply tuple       its tuple or that reversed
 *   SNAT only            the original tuple    neither               the tuple client -> server
 *   DNAT only            neither               the reply tuple       the tuple server -> client
 *   both                 neither               neither               a dump
 *
 * Whatever comes back counts only if the client is the source of its original tuple and the server that of its reply tuple:
 * with NAT around, another connection can own a tuple that looks like this one's.
 *
 * For a dump the kernel walks through the whole of its table, which takes it 10 to 60 ms, and anybody who opens
 * connections can cause it. What the packet does not tell is under which name (endpoint) the client knows the server, and
 * to which address the client is translated. There are few of either, so they are remembered. The kernel is asked, in this
 * order, for the original tuple with each name that the server is known by; for the tuple as seen, reversed and as it is;
 * for the reply tuple with each address that clients are known to be translated to. A guess that is wrong finds nothing. A
 * dump is made where no guess is right, for no more than a tenth of the time.
 *
 * The names answer another question too: do two live connections look alike here? They do if one client uses one port for
 * two names of a server. So that all names are known, there is a dump with the first lookup, of what was translated while
 * nobody watched; all later ones are seen here when they begin.
 */
#include "netfilter/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "ftpalg/address.h"
#include "netfilter/conntrack_entry.h"

/*
 * The bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS (kernel 5.8), which no uapi header names:
 * net/netfilter/nf_internals.h.
 */
#define CONNTRACK_FILTER_SOURCE_ADDRESS (1U << 0)
#define CONNTRACK_FILTER_PROTOCOL       (1U << 3)
#define CONNTRACK_FILTER_SOURCE_PORT    (1U << 4)

/* After a dump there is none for this many times as long as it took. */
#define CONNTRACK_DUMP_REST 9

static void conntrack_describe(const struct conntrack_entry *entry, struct connection *connection)
{
	connection->view.client = entry->original.source;
	connection->view.server_seen = entry->original.destination;
	connection->view.server = entry->reply.source;
	connection->view.client_seen = entry->reply.destination;
	connection->opening = entry->opening;
	connection->ended = entry->ended;
	connection->lingers = entry->lingers;
	connection->carrier = entry->helper;
	connection->resizable = entry->status & IPS_NAT_MASK || nat_view_is_translated(&connection->view);
	memcpy(connection->seqadj, entry->seqadj, sizeof(connection->seqadj));
}

/* One lookup under way. */
struct conntrack_search {
	struct tuple seen;
	uint16_t zone;
	struct connection *connection;
	bool found;
};

/* Takes an entry if the packet belongs to it: its client and its server are the packet's two ends. */
static void conntrack_take_entry(const struct nlmsghdr *answer, void *context)
{
	struct conntrack_search *search = context;
	struct connection found = { .direction = DIRECTION_ORIGINAL };
	struct conntrack_entry entry;

	if (!conntrack_get_entry(answer, &entry) || entry.zone != search->zone)
		return;
	if (endpoint_equal(&entry.original.source, &search->seen.destination) &&
	    endpoint_equal(&entry.reply.source, &search->seen.source))
		found.direction = DIRECTION_REPLY;
	else if (!endpoint_equal(&entry.original.source, &search->seen.source) ||
		 !endpoint_equal(&entry.reply.source, &search->seen.destination))
		return;
	conntrack_describe(&entry, &found);
	if (!search->found)
		*search->connection = found;
	else if (!nat_view_equal(&found.view, &search->connection->view))
		search->connection->shared = true;
	search->found = true;
}

/* Begins a message about the entry that has this tuple. */
static struct nlmsghdr *conntrack_begin(const struct conntrack *conntrack, union netlink_request *request,
					uint8_t message, const struct tuple *tuple)
{
	const uint8_t family = conntrack_family(&tuple->source.address);
	struct nlmsghdr *header = netlink_begin(request, NFNL_SUBSYS_CTNETLINK, message, 0, family);

	conntrack_put_tuple(header, CTA_TUPLE_ORIG, tuple);
	conntrack_put_zone(header, CTA_ZONE, conntrack->zone);
	return header;
}

static int conntrack_get(struct conntrack *conntrack, const struct tuple *tuple,
			 void (*take)(const struct nlmsghdr *, void *), void *context)
{
	union netlink_request request;
	struct nlmsghdr *header = conntrack_begin(conntrack, &request, IPCTNL_MSG_CT_GET, tuple);

	return netlink_get(conntrack->netlink, header, take, context);
}

/* Dumps the entries whose original tuple has client as its source, and whose reply tuple has server. */
static int conntrack_dump(struct conntrack *conntrack, const struct endpoint *client, const struct endpoint *server,
			  struct conntrack_search *search)
{
	const uint8_t family = conntrack_family(&client->address);
	const struct endpoint any = { .address = { .family = client->address.family } };
	const struct tuple original = { .source = *client, .destination = any };
	const struct tuple reply = { .source = *server, .destination = any };
	uint32_t flags = CONNTRACK_FILTER_PROTOCOL | CONNTRACK_FILTER_SOURCE_PORT;
	union netlink_request request;
	struct nlmsghdr *header;
	struct nlattr *filter;

	/*
	 * Up to 6.18 at least, ctnetlink_filter_match_tuple() drops the IPv6 entries whose address is equal and keeps
	 * the others. The two ports leave few enough to look at.
	 */
	if (family == AF_INET)
		flags |= CONNTRACK_FILTER_SOURCE_ADDRESS;
	header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family);
	conntrack_put_tuple(header, CTA_TUPLE_ORIG, &original);
	conntrack_put_tuple(header, CTA_TUPLE_REPLY, &reply);
	conntrack_put_zone(header, CTA_ZONE, conntrack->zone);
	filter = mnl_attr_nest_start(header, CTA_FILTER);
	mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, flags);
	mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, flags);
	mnl_attr_nest_end(header, filter);
	return netlink_call(conntrack->netlink, header, conntrack_take_entry, search);
}

static void conntrack_remember(struct conntrack *conntrack, const struct nat_view *view)
{
	const uint32_t servers = conntrack->remembered < CONNTRACK_SERVERS ? conntrack->remembered : CONNTRACK_SERVERS;
	bool server_known = endpoint_equal(&view->server, &view->server_seen);
	bool client_known = address_equal(&view->client.address, &view->client_seen.address);

	for (uint32_t i = 0; i < servers && !server_known; i++)
		server_known = endpoint_equal(&conntrack->servers[i].server, &view->server) &&
			       endpoint_equal(&conntrack->servers[i].server_seen, &view->server_seen);
	for (size_t i = 0; i < CONNTRACK_CLIENTS && !client_known; i++)
		client_known = address_equal(&conntrack->clients[i], &view->client_seen.address);
	if (!server_known)
		conntrack->servers[conntrack->remembered++ % CONNTRACK_SERVERS] = (struct conntrack_server){
			.server = view->server, .server_seen = view->server_seen,
		};
	if (!client_known)
		conntrack->clients[conntrack->clients_remembered++ % CONNTRACK_CLIENTS] = view->client_seen.address;
}

static void conntrack_learn_entry(const struct nlmsghdr *answer, void *context)
{
	struct conntrack_entry entry;
	struct connection connection;

	if (!conntrack_get_entry(answer, &entry))
		return;
	conntrack_describe(&entry, &connection);
	conntrack_remember(context, &connection.view);
}

/* The names of servers behind DNAT that live connections with a carrier use. */
static void conntrack_learn(struct conntrack *conntrack)
{
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NLM_F_DUMP,
						AF_UNSPEC);

	/* A kernel that does not know the filter (before 5.15) tells more than is asked for. */
	mnl_attr_put_u32(header, CTA_STATUS, htonl(IPS_DST_NAT | IPS_HELPER));
	mnl_attr_put_u32(header, CTA_STATUS_MASK, htonl(IPS_DST_NAT | IPS_HELPER));
	conntrack_put_zone(header, CTA_ZONE, conntrack->zone);
	conntrack->learnt = netlink_call(conntrack->netlink, header, conntrack_learn_entry, conntrack) == 0;
}

/* May the next question be asked? Not after any other error than that nothing was found. */
static bool conntrack_may_ask(int error)
{
	return !error || error == -ENOENT;
}

/* Asks for the connection under each name that one of its ends is known to have as a server. */
static int conntrack_ask_by_server(struct conntrack *conntrack, struct conntrack_search *search, bool *known)
{
	const uint32_t count = conntrack->remembered < CONNTRACK_SERVERS ? conntrack->remembered : CONNTRACK_SERVERS;
	const struct tuple *seen = &search->seen;
	int error = 0;

	*known = false;
	for (uint32_t i = 0; i < count && conntrack_may_ask(error); i++) {
		const struct conntrack_server *row = &conntrack->servers[i];
		struct tuple original = { .source = seen->source, .destination = row->server_seen };

		if (endpoint_equal(&row->server, &seen->source))
			original.source = seen->destination;
		else if (!endpoint_equal(&row->server, &seen->destination))
			continue;
		*known = true;
		error = conntrack_get(conntrack, &original, conntrack_take_entry, search);
	}
	return error;
}

/* Asks for it as the server would send to an address that clients are known to have; NAT keeps the port if it can. */
static int conntrack_ask_by_client(struct conntrack *conntrack, struct conntrack_search *search)
{
	const struct tuple *seen = &search->seen;
	int error = 0;

	for (size_t i = 0; i < CONNTRACK_CLIENTS && !search->found && conntrack_may_ask(error); i++) {
		struct tuple reply = *seen;

		if (conntrack->clients[i].family != seen->source.address.family)
			continue;
		reply.destination.address = conntrack->clients[i];
		error = conntrack_get(conntrack, &reply, conntrack_take_entry, search);
		if (search->found || !conntrack_may_ask(error))
			break;
		reply = tuple_reverse(seen);
		reply.destination.address = conntrack->clients[i];
		error = conntrack_get(conntrack, &reply, conntrack_take_entry, search);
	}
	return error;
}

/* The packet that is looked up most often is the server's SYN and ACK, so its source is taken for the server first. */
static int conntrack_search_all(struct conntrack *conntrack, struct conntrack_search *search)
{
	const struct tuple *seen = &search->seen;
	const uint64_t began = clock_microseconds();
	uint64_t ended;
	int error;

	if (began < conntrack->dump_next)
		return -EBUSY;
	error = conntrack_dump(conntrack, &seen->destination, &seen->source, search);
	conntrack->dumps++;
	if (!search->found && !error) {
		error = conntrack_dump(conntrack, &seen->source, &seen->destination, search);
		conntrack->dumps++;
	}
	ended = clock_microseconds();
	conntrack->dump_next = ended + (ended - began) * CONNTRACK_DUMP_REST;
	return error;
}

enum reason conntrack_lookup(struct conntrack *conntrack, const struct tuple *seen, struct connection *connection)
{
	struct conntrack_search search = { .seen = *seen, .zone = conntrack->zone, .connection = connection };
	const struct tuple reverse = tuple_reverse(seen);
	bool known;
	int error;

	if (!conntrack->learnt)
		conntrack_learn(conntrack);
	error = conntrack_ask_by_server(conntrack, &search, &known);
	/* Most packets that are looked up are the server's, and most NAT is the client's. */
	if (conntrack_may_ask(error))
		error = conntrack_get(conntrack, &reverse, conntrack_take_entry, &search);
	/* Where the server has another name too, a second connection may be under this one. */
	if ((!search.found || known) && conntrack_may_ask(error))
		error = conntrack_get(conntrack, seen, conntrack_take_entry, &search);
	if (!search.found && conntrack_may_ask(error))
		error = conntrack_ask_by_client(conntrack, &search);
	if (!search.found && conntrack_may_ask(error))
		error = conntrack_search_all(conntrack, &search);
	if (search.found && conntrack_may_ask(error)) {
		conntrack_remember(conntrack, &connection->view);
		return REASON_NONE;
	}
	conntrack->error = error;
	if (error == -EBUSY)
		return REASON_LOOKUP_BUSY;
	return error ? REASON_KERNEL_REFUSED : REASON_NO_CONNECTION;
}

/* The entry that one request is about, as the kernel has it. */
struct conntrack_read_back {
	struct conntrack_entry entry;
	bool valid;
};

static void conntrack_take_read_back(const struct nlmsghdr *answer, void *context)
{
	struct conntrack_read_back *read_back = context;

	read_back->valid = conntrack_get_entry(answer, &read_back->entry);
}

/* By its original tuple the kernel finds the entry that has both tuples of the view, or another that has taken its place. */
static bool conntrack_is_of(const struct conntrack_read_back *read_back, const struct nat_view *view)
{
	const struct tuple original = conntrack_original_tuple(view);
	const struct tuple reply = { .source = view->server, .destination = view->client_seen };

	return read_back->valid && tuple_equal(&read_back->entry.original, &original) &&
	       tuple_equal(&read_back->entry.reply, &reply);
}

static enum reason conntrack_read(struct conntrack *conntrack, const struct nat_view *view,
				  struct conntrack_read_back *read_back)
{
	const struct tuple original = conntrack_original_tuple(view);
	int error;

	read_back->valid = false;
	error = conntrack_get(conntrack, &original, conntrack_take_read_back, read_back);
	conntrack->error = error;
	if (error && error != -ENOENT)
		return REASON_KERNEL_REFUSED;
	return error || !conntrack_is_of(read_back, view) ? REASON_NO_CONNECTION : REASON_NONE;
}

enum reason conntrack_recall(struct conntrack *conntrack, const struct nat_view *view, struct connection *connection)
{
	struct conntrack_read_back read_back;
	const enum reason reason = conntrack_read(conntrack, view, &read_back);

	if (reason != REASON_NONE)
		return reason;
	memset(connection, 0, sizeof(*connection));
	conntrack_describe(&read_back.entry, connection);
	return REASON_NONE;
}

static void conntrack_put_liberal(struct nlmsghdr *request)
{
	const struct nf_ct_tcp_flags liberal = {
		.flags = IP_CT_TCP_FLAG_BE_LIBERAL,
		.mask = IP_CT_TCP_FLAG_BE_LIBERAL,
	};
	struct nlattr *outer = mnl_attr_nest_start(request, CTA_PROTOINFO);
	struct nlattr *inner = mnl_attr_nest_start(request, CTA_PROTOINFO_TCP);

	mnl_attr_put(request, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(liberal), &liberal);
	mnl_attr_put(request, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(liberal), &liberal);
	mnl_attr_nest_end(request, inner);
	mnl_attr_nest_end(request, outer);
}

static void conntrack_put_seqadj(struct nlmsghdr *request, enum direction direction, const struct seqadj *seqadj)
{
	const uint16_t attribute = direction == DIRECTION_ORIGINAL ? CTA_SEQ_ADJ_ORIG : CTA_SEQ_ADJ_REPLY;
	struct nlattr *outer = mnl_attr_nest_start(request, attribute);

	mnl_attr_put_u32(request, CTA_SEQADJ_CORRECTION_POS, htonl(seqadj->position));
	mnl_attr_put_u32(request, CTA_SEQADJ_OFFSET_BEFORE, htonl((uint32_t)seqadj->before));
	mnl_attr_put_u32(request, CTA_SEQADJ_OFFSET_AFTER, htonl((uint32_t)seqadj->after));
	mnl_attr_nest_end(request, outer);
}

/*
 * The seqadj extension exists only where a helper was attached and NAT changed the tuple at set-up. Without it the
 * kernel answers the write with success and keeps nothing, so what counts is what a read returns.
 *
 * BE_LIBERAL goes with it: without it, a lost edit that later segments overtake makes conntrack judge the receiver's
 * SACK invalid, and the router resets the connection.
 *
 * The timeout goes with it for the sake of a second router, to which conntrackd carries the entry as it is reported here.
 * For a connection that has something unacknowledged that is 300 s; nothing tells the other router of a longer timeout when
 * all is acknowledged, so the entry there would end, and with it the adjustment. Here the next packet sets it again.
 */
enum reason conntrack_adjust(struct conntrack *conntrack, const struct nat_view *master, enum direction direction,
			     const struct seqadj *seqadj)
{
	const struct tuple original = conntrack_original_tuple(master);
	union netlink_request request, look;
	struct nlmsghdr *header = conntrack_begin(conntrack, &request, IPCTNL_MSG_CT_NEW, &original);
	struct conntrack_read_back read_back = { .valid = false };
	const struct seqadj *kept = &read_back.entry.seqadj[direction];
	int error;

	if (conntrack->established > 0)
		mnl_attr_put_u32(header, CTA_TIMEOUT, htonl(conntrack->established));
	conntrack_put_liberal(header);
	conntrack_put_seqadj(header, direction, seqadj);
	error = netlink_change_and_get(conntrack->netlink, header,
				       conntrack_begin(conntrack, &look, IPCTNL_MSG_CT_GET, &original),
				       conntrack_take_read_back, &read_back);

	conntrack->error = error;
	if (error == -ENOENT)
		return REASON_NO_CONNECTION;
	if (error)
		return REASON_KERNEL_REFUSED;
	if (!conntrack_is_of(&read_back, master))
		return REASON_NO_CONNECTION;
	if (!read_back.entry.liberal || kept->position != seqadj->position || kept->before != seqadj->before ||
	    kept->after != seqadj->after)
		return REASON_NO_RESIZE;
	return REASON_NONE;
}

enum reason conntrack_confirm(struct conntrack *conntrack, const struct nat_view *master, const char *carrier)
{
	struct conntrack_read_back read_back;
	const enum reason reason = conntrack_read(conntrack, master, &read_back);

	if (reason != REASON_NONE)
		return reason;
	return strcmp(read_back.entry.helper_name, carrier) == 0 ? REASON_NONE : REASON_NO_CARRIER;
}

enum reason conntrack_find_receiver(struct conntrack *conntrack, const struct tuple *tuple,
				    struct connection *connection)
{
	const struct tuple sent = tuple_reverse(tuple);
	struct conntrack_read_back read_back = { .valid = false };

	/* After an error there is no answer. */
	conntrack_get(conntrack, &sent, conntrack_take_read_back, &read_back);
	if (!read_back.valid)
		return REASON_NO_CONNECTION;
	conntrack_describe(&read_back.entry, connection);
	connection->direction = tuple_equal(&sent, &read_back.entry.original) ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	return REASON_NONE;
}
