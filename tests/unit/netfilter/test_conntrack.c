/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which connection a packet belongs to, and what is asked of the kernel until that is known. The kernel is played
 * (conntrack_model.h). The socket is one of routing, which emulators of other processors have too.
 */
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <time.h>

#include "conntrack_model.h"
#include "netfilter/conntrack.h"
#include "unit.h"

static struct netlink netlink;
static struct conntrack_model model;
static struct conntrack conntrack;
static uint64_t now; /* microseconds, */
static uint64_t dump_takes; /* and how many a dump takes */

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	const unsigned int dumps = model.dumps;

	(void)socket, (void)flags, (void)address, (void)size;
	conntrack_model_send(&model, bytes, length);
	now += (model.dumps - dumps) * dump_takes;
	return (ssize_t)length;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	(void)socket, (void)flags;
	return conntrack_model_receive(&model, message);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){ .tv_sec = (time_t)(now / 1000000), .tv_nsec = (long)(now % 1000000) * 1000 };
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&model, 0, sizeof(model));
	memset(&netlink, 0, sizeof(netlink));
	memset(&conntrack, 0, sizeof(conntrack));
	now = 1000000;
	dump_takes = 0;
	netlink.socket = mnl_socket_open(NETLINK_ROUTE);
	conntrack.netlink = &netlink;
	return netlink.socket ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	netlink_close(&netlink);
	return 0;
}

/* The kinds of NAT. */
enum nat { NONE, SNAT, DNAT, BOTH, NATS };

/* The client's port is the connection's number. */
static struct nat_view view_of(enum nat nat, bool ipv6, uint16_t port)
{
	struct nat_view view = {
		.client = unit_endpoint(ipv6 ? "2001:db8::5" : "10.0.0.5", port),
		.server = unit_endpoint(ipv6 ? "2001:db8:1::9" : "203.0.113.9", 2121),
	};

	view.client_seen = view.client;
	view.server_seen = view.server;
	if (nat == SNAT || nat == BOTH)
		view.client_seen.address = unit_address(ipv6 ? "2001:db8:f::1" : "198.51.100.1");
	if (nat == DNAT || nat == BOTH)
		view.server_seen = unit_endpoint(ipv6 ? "2001:db8:e::9" : "192.0.2.9", 21);
	return view;
}

/* As a packet of the direction looks at the FORWARD hook. */
static struct tuple seen_of(const struct nat_view *view, enum direction direction)
{
	const struct tuple tuple = { view->client, view->server };

	return direction == DIRECTION_ORIGINAL ? tuple : tuple_reverse(&tuple);
}

static enum reason look_up(const struct nat_view *view, enum direction direction, struct connection *connection)
{
	const struct tuple seen = seen_of(view, direction);

	memset(connection, 0, sizeof(*connection));
	return conntrack_lookup(&conntrack, &seen, connection);
}

/* Looks a connection up that must be there, and returns how many requests that took. */
static unsigned int find(const struct nat_view *view, enum direction direction)
{
	const unsigned int before = model.asked;
	struct connection connection;

	assert_int_equal(look_up(view, direction, &connection), REASON_NONE);
	assert_true(nat_view_equal(&connection.view, view));
	assert_int_equal(connection.direction, direction);
	assert_false(connection.shared);
	return model.asked - before;
}

static void a_packet_is_of_its_connection_whatever_nat_makes_of_it(void **state)
{
	(void)state;
	for (unsigned int nat = 0; nat < NATS; nat++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++)
			for (unsigned int direction = 0; direction < 2; direction++) {
				const struct nat_view view = view_of((enum nat)nat, ipv6, 40000);
				const struct nat_view other = view_of((enum nat)nat, ipv6, 40001);
				unsigned int dumps = 0;

				memset(&model, 0, sizeof(model));
				memset(&conntrack, 0, sizeof(conntrack));
				conntrack.netlink = &netlink;
				conntrack.learnt = true;
				conntrack_model_add(&model, &view);
				conntrack_model_add(&model, &other);
				find(&view, (enum direction)direction);
				/* The server is taken for the source first. */
				if (nat == BOTH)
					dumps = direction == DIRECTION_REPLY ? 1 : 2;
				assert_int_equal(model.dumps, dumps);
				assert_int_equal(conntrack.dumps, dumps);
				/* Where the kernel's filter works, it tells of no more than is asked for. */
				assert_int_equal(model.told, 1);
			}
}

/* IPv6 addresses can't be filtered by: others with the same ports are told too. */
static void only_ports_are_filtered_by_in_ipv6(void **state)
{
	struct nat_view view = view_of(BOTH, false, 40000), other = view;

	(void)state;
	other.client.address = unit_address("10.0.0.6");
	other.client_seen.address = unit_address("198.51.100.2");
	conntrack_model_add(&model, &view);
	conntrack_model_add(&model, &other);
	conntrack.learnt = true;
	find(&view, DIRECTION_REPLY);
	assert_int_equal(model.told, 1);

	view = other = view_of(BOTH, true, 40000);
	other.client.address = unit_address("2001:db8::6");
	other.client_seen.address = unit_address("2001:db8:f::2");
	conntrack_model_add(&model, &view);
	conntrack_model_add(&model, &other);
	find(&view, DIRECTION_REPLY);
	assert_int_equal(model.told, 3);
}

static void what_is_not_there_is_not_found(void **state)
{
	const struct nat_view view = view_of(NONE, false, 40000);
	struct connection connection;

	(void)state;
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	assert_int_equal(conntrack.error, 0);
	/* The names in use; the tuple, reversed and as it is; the table, for either end as the server. */
	assert_int_equal(model.asked, 5);
	assert_int_equal(model.dumps, 3);
	assert_int_equal(conntrack.remembered + conntrack.clients_remembered, 0);
}

/* With NAT around, a tuple that looks like this one's can be another connection's: its ends are not the packet's. */
static void a_connection_that_only_owns_the_tuple_is_another_one(void **state)
{
	static const struct {
		enum nat nat;
		bool client_seen; /* a packet with these ends: what client and server are to each other */
		bool server_seen;
	} rows[] = { { SNAT, true, false }, { DNAT, false, true }, { BOTH, true, false }, { BOTH, false, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (unsigned int direction = 0; direction < 2; direction++) {
			const struct nat_view owner = view_of(rows[i].nat, false, 40000);
			struct nat_view view = owner;
			struct connection connection;

			if (rows[i].client_seen)
				view.client = owner.client_seen;
			if (rows[i].server_seen)
				view.server = owner.server_seen;
			memset(&model, 0, sizeof(model));
			conntrack_model_add(&model, &owner);
			assert_int_equal(look_up(&view, (enum direction)direction, &connection), REASON_NO_CONNECTION);
			/* Not even if the kernel was asked for it first. */
			find(&owner, (enum direction)direction);
			assert_int_equal(look_up(&view, (enum direction)direction, &connection), REASON_NO_CONNECTION);
		}
}

static void half_an_entry_is_none(void **state)
{
	const struct nat_view view = view_of(NONE, false, 40000);
	struct model_entry *entry = conntrack_model_add(&model, &view);
	struct connection connection;

	(void)state;
	for (unsigned int direction = 0; direction < 2; direction++) {
		entry->odd = false;
		find(&view, (enum direction)direction);
		entry->odd = true;
		assert_int_equal(look_up(&view, (enum direction)direction, &connection), REASON_NO_CONNECTION);
	}
}

static void connections_of_another_zone_are_others(void **state)
{
	const struct nat_view views[] = { view_of(NONE, false, 40000), view_of(BOTH, false, 40001) };
	struct connection connection;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		conntrack_model_add(&model, &views[i])->zone = 7;
		conntrack.zone = 0;
		assert_int_equal(look_up(&views[i], DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
		conntrack.zone = 7;
		find(&views[i], DIRECTION_REPLY);
	}
}

static void what_conntrack_says_of_a_connection(void **state)
{
	static const struct { uint8_t state; bool opening, ended, lingers; } states[] = {
		{ TCP_CONNTRACK_NONE, false, false, false }, { TCP_CONNTRACK_SYN_SENT, true, false, false },
		{ TCP_CONNTRACK_SYN_RECV, true, false, false }, { TCP_CONNTRACK_ESTABLISHED, false, false, false },
		{ TCP_CONNTRACK_FIN_WAIT, false, false, false }, { TCP_CONNTRACK_CLOSE_WAIT, false, false, false },
		{ TCP_CONNTRACK_LAST_ACK, false, false, false }, { TCP_CONNTRACK_TIME_WAIT, false, true, true },
		{ TCP_CONNTRACK_CLOSE, false, true, false },
	};
	const struct nat_view view = view_of(NONE, false, 40000);
	const struct seqadj seqadj[2] = { { 1000, -3, 5 }, { 2000, 0, 7 } };
	struct model_entry *entry = conntrack_model_add(&model, &view);
	struct connection connection;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		entry->state = states[i].state;
		assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NONE);
		assert_int_equal(connection.opening, states[i].opening);
		assert_int_equal(connection.ended, states[i].ended);
		assert_int_equal(connection.lingers, states[i].lingers);
	}
	assert_true(connection.carrier);
	assert_false(connection.resizable);
	entry->helper = NULL;
	entry->status |= IPS_SRC_NAT;
	memcpy(entry->seqadj, seqadj, sizeof(seqadj));
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NONE);
	assert_false(connection.carrier);
	assert_true(connection.resizable);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(connection.seqadj[i].position, seqadj[i].position);
		assert_int_equal(connection.seqadj[i].before, seqadj[i].before);
		assert_int_equal(connection.seqadj[i].after, seqadj[i].after);
	}
}

/* One client's port to two names of a server: at FORWARD both look the same. */
static void two_that_look_alike_are_shared(void **state)
{
	const struct nat_view direct = view_of(NONE, false, 40000), named = view_of(DNAT, false, 40000);
	struct nat_view second = named;

	(void)state;
	second.server_seen = unit_endpoint("192.0.2.10", 21);
	second.client_seen.port = 40002; /* the kernel found another port for it */
	for (unsigned int direction = 0; direction < 2; direction++) {
		struct connection connection;

		memset(&model, 0, sizeof(model));
		memset(&conntrack, 0, sizeof(conntrack));
		conntrack.netlink = &netlink;
		conntrack_model_add(&model, &named);
		assert_int_equal(look_up(&direct, (enum direction)direction, &connection), REASON_NONE);
		assert_false(connection.shared);
		assert_true(nat_view_equal(&connection.view, &named));
		/* One more under another name, which is known from a third client. */
		conntrack_model_add(&model, &second);
		conntrack.remembered = 2;
		conntrack.servers[1] = (struct conntrack_server){ second.server, second.server_seen };
		assert_int_equal(look_up(&direct, (enum direction)direction, &connection), REASON_NONE);
		assert_true(connection.shared);
		/* Or under its own: the kernel found another port for the one that has a name. */
		memset(&model, 0, sizeof(model));
		conntrack_model_add(&model, &second);
		conntrack_model_add(&model, &direct);
		assert_int_equal(look_up(&direct, (enum direction)direction, &connection), REASON_NONE);
		assert_true(connection.shared);
	}
}

/* So that two that look alike are known to: all later names are seen when their connections begin. */
static void names_that_were_in_use_before_are_learnt_once(void **state)
{
	const struct nat_view named = view_of(DNAT, false, 40000), both = view_of(BOTH, false, 40001);
	const struct nat_view odd = view_of(NONE, false, 40004);
	struct nat_view other = view_of(NONE, false, 40002), plain = view_of(NONE, false, 40003);

	(void)state;
	other.server_seen = unit_endpoint("192.0.2.77", 21);
	conntrack_model_add(&model, &named);
	conntrack_model_add(&model, &both);
	conntrack_model_add(&model, &other)->status &= ~(uint32_t)IPS_HELPER;
	conntrack_model_add(&model, &plain);
	conntrack_model_add(&model, &odd)->odd = true;
	model.entries[4].status |= IPS_DST_NAT;
	/* The first is of the names: it fails, and is asked again. */
	conntrack_model_fail(&model, 0, 1, -EPERM);
	find(&plain, DIRECTION_REPLY);
	assert_false(conntrack.learnt);
	assert_int_equal(conntrack.remembered, 0);
	find(&plain, DIRECTION_REPLY);
	assert_true(conntrack.learnt);
	assert_int_equal(conntrack.remembered, 1);
	assert_int_equal(conntrack.clients_remembered, 1);
	assert_int_equal(model.dumps, 1);
	/* A name, the tuple, and the tuple reversed, because the server has another name. */
	assert_int_equal(find(&plain, DIRECTION_REPLY), 3);
	assert_int_equal(model.dumps, 1);
}

/* For a dump the kernel walks through its whole table. */
static void names_and_addresses_that_are_known_save_a_dump(void **state)
{
	const struct nat_view views[] = { view_of(BOTH, false, 40000), view_of(BOTH, false, 40001),
					  view_of(BOTH, true, 40002), view_of(BOTH, true, 40003) };
	struct nat_view hidden = view_of(BOTH, false, 40004);

	(void)state;
	conntrack.learnt = true;
	hidden.server = unit_endpoint("203.0.113.8", 2121);
	hidden.server_seen = unit_endpoint("192.0.2.8", 21);
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		conntrack_model_add(&model, &views[i]);
	conntrack_model_add(&model, &hidden);
	find(&views[0], DIRECTION_REPLY);
	assert_int_equal(model.dumps, 1);
	assert_int_equal(conntrack.remembered, 1);
	/* By the server's name: the reversed tuple and the tuple are asked for because another may look like it. */
	assert_int_equal(find(&views[1], DIRECTION_REPLY), 3);
	assert_int_equal(find(&views[1], DIRECTION_ORIGINAL), 3);
	/* By the client's address, in either direction: the tuple, reversed and as it is, comes first. */
	assert_int_equal(find(&hidden, DIRECTION_REPLY), 3);
	conntrack.remembered = 0;
	assert_int_equal(find(&hidden, DIRECTION_ORIGINAL), 4);
	assert_int_equal(model.dumps, 1);
	find(&views[2], DIRECTION_REPLY);
	assert_int_equal(model.dumps, 2);
	/* What has another family is no address of it. */
	assert_int_equal(conntrack.clients_remembered, 2);
	conntrack.remembered = 0;
	assert_int_equal(find(&views[3], DIRECTION_REPLY), 3);
	assert_int_equal(model.dumps, 2);
}

static void each_name_is_remembered_once_and_the_last_ones_stay(void **state)
{
	(void)state;
	conntrack.learnt = true;
	for (uint16_t i = 0; i < CONNTRACK_SERVERS + 2; i++)
		for (int again = 0; again < 2; again++) {
			struct nat_view view = view_of(BOTH, false, 40000);

			view.server_seen.port = (uint16_t)(3000 + i);
			view.client_seen.address.octets[3] = (uint8_t)(i % 20);
			memset(&model, 0, sizeof(model));
			conntrack_model_add(&model, &view);
			find(&view, DIRECTION_REPLY);
			assert_int_equal(conntrack.remembered, i + 1);
			assert_int_equal(conntrack.clients_remembered, i + 1);
		}
	assert_int_equal(conntrack.servers[1].server_seen.port, 3000 + CONNTRACK_SERVERS + 1);
	assert_int_equal(conntrack.servers[2].server_seen.port, 3002);
	/* The same name of another server is another one. */
	memset(&model, 0, sizeof(model));
	for (uint8_t i = 1; i < 4; i++) {
		struct nat_view view = view_of(DNAT, false, (uint16_t)(40000 + i));

		view.server.address.octets[3] = i;
		conntrack_model_add(&model, &view);
		find(&view, DIRECTION_REPLY);
		assert_int_equal(conntrack.remembered, CONNTRACK_SERVERS + 2 + i);
	}
}

/* A name that has been forgotten is not asked for. */
static void no_more_names_are_asked_for_than_there_are(void **state)
{
	struct nat_view view = view_of(DNAT, false, 40000);
	struct connection connection;

	(void)state;
	conntrack.learnt = true;
	for (uint32_t i = 0; i < CONNTRACK_SERVERS; i++) {
		view.server_seen.port = (uint16_t)(1 + i);
		conntrack.servers[i] = (struct conntrack_server){ view.server, view.server_seen };
	}
	conntrack.remembered = CONNTRACK_SERVERS + 5;
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	assert_int_equal(model.asked, CONNTRACK_SERVERS + 4);
	conntrack.remembered = 1;
	model.asked = 0;
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	assert_int_equal(model.asked, 1 + 4);
}

static void an_error_of_the_kernel_ends_a_lookup(void **state)
{
	const struct nat_view view = view_of(NONE, false, 40000);
	const struct nat_view named = view_of(DNAT, false, 40001);
	const struct nat_view moved = view_of(SNAT, false, 40002);
	struct connection connection;

	(void)state;
	conntrack.learnt = true;
	conntrack_model_add(&model, &named);
	conntrack_model_add(&model, &moved);
	find(&named, DIRECTION_REPLY);
	find(&moved, DIRECTION_REPLY);
	conntrack.servers[1] = conntrack.servers[0];
	conntrack.remembered = 2;
	conntrack.clients[1] = conntrack.clients[0];
	/* Two names; the tuple, reversed and as it is; two addresses of clients for either direction; two dumps. */
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	model.asked = 0;
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	assert_int_equal(model.asked, 2 + 2 + 4 + 2);
	for (unsigned int at = 0; at < 10; at++) {
		model.asked = 0;
		conntrack_model_fail(&model, at, 1, -EPERM);
		assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_KERNEL_REFUSED);
		assert_int_equal(conntrack.error, -EPERM);
		assert_int_equal(model.asked, at + 1);
	}
	/* Even where it was found before: whether it is the only one is not known. */
	conntrack_model_add(&model, &view);
	for (unsigned int at = 0; at < 4; at++) {
		conntrack_model_fail(&model, at, 1, -EPERM);
		assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_KERNEL_REFUSED);
	}
}

/* Anybody who opens connections can cause a dump. */
static void dumps_are_made_for_no_more_than_a_tenth_of_the_time(void **state)
{
	const struct nat_view view = view_of(BOTH, false, 40000);
	const struct nat_view nothing = view_of(NONE, false, 40001);
	struct connection connection;

	(void)state;
	conntrack.learnt = true;
	dump_takes = 30000;
	assert_int_equal(look_up(&nothing, DIRECTION_REPLY, &connection), REASON_NO_CONNECTION);
	assert_int_equal(conntrack.dumps, 2);
	conntrack_model_add(&model, &view);
	now += 9 * 60000 - 1;
	assert_int_equal(look_up(&view, DIRECTION_REPLY, &connection), REASON_LOOKUP_BUSY);
	assert_int_equal(conntrack.error, -EBUSY);
	assert_int_equal(conntrack.dumps, 2);
	now += 1;
	find(&view, DIRECTION_REPLY);
	assert_int_equal(conntrack.dumps, 3);
	/* What needs none is found meanwhile. */
	conntrack_model_add(&model, &nothing);
	find(&nothing, DIRECTION_REPLY);
}

static void a_connection_is_recalled_by_both_of_its_tuples(void **state)
{
	const struct nat_view view = view_of(BOTH, false, 40000);
	struct nat_view other = view;
	struct connection connection;
	struct model_entry *entry;

	(void)state;
	assert_int_equal(conntrack_recall(&conntrack, &view, &connection), REASON_NO_CONNECTION);
	assert_int_equal(conntrack.error, -ENOENT);
	entry = conntrack_model_add(&model, &view);
	entry->state = TCP_CONNTRACK_CLOSE;
	memset(&connection, 0xff, sizeof(connection));
	assert_int_equal(conntrack_recall(&conntrack, &view, &connection), REASON_NONE);
	assert_true(nat_view_equal(&connection.view, &view));
	assert_true(connection.ended && connection.resizable && !connection.opening && !connection.shared);
	assert_int_equal(conntrack.error, 0);
	/* Another one that has taken its place is not it. */
	other.client_seen.port++;
	assert_int_equal(conntrack_recall(&conntrack, &other, &connection), REASON_NO_CONNECTION);
	assert_int_equal(conntrack.error, 0);
	other = view;
	other.server.port++;
	assert_int_equal(conntrack_recall(&conntrack, &other, &connection), REASON_NO_CONNECTION);
	/* Nor one that is found by its reply tuple, */
	other = (struct nat_view){ view.server, view.client_seen, view.client, view.server_seen };
	assert_int_equal(conntrack_recall(&conntrack, &other, &connection), REASON_NO_CONNECTION);
	/* whatever the other one is. */
	other = (struct nat_view){ view.server, view.client_seen, view.server, view.client_seen };
	assert_int_equal(conntrack_recall(&conntrack, &other, &connection), REASON_NO_CONNECTION);
	entry->odd = true;
	assert_int_equal(conntrack_recall(&conntrack, &view, &connection), REASON_NO_CONNECTION);
	entry->odd = false;
	conntrack_model_fail(&model, 0, 1, -EPERM);
	assert_int_equal(conntrack_recall(&conntrack, &view, &connection), REASON_KERNEL_REFUSED);
	assert_int_equal(conntrack.error, -EPERM);
}

static void an_adjustment_counts_if_the_kernel_has_kept_it(void **state)
{
	const struct seqadj seqadj = { 4000000000u, -3, 6 };
	const struct nat_view view = view_of(SNAT, false, 40000);

	(void)state;
	for (unsigned int direction = 0; direction < 2; direction++) {
		struct nat_view other = view;
		struct model_entry *entry;

		memset(&model, 0, sizeof(model));
		conntrack.established = 0;
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj),
				 REASON_NO_CONNECTION);
		entry = conntrack_model_add(&model, &view);
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj), REASON_NONE);
		assert_int_equal(entry->seqadj[direction].position, seqadj.position);
		assert_int_equal(entry->seqadj[direction].before, seqadj.before);
		assert_int_equal(entry->seqadj[direction].after, seqadj.after);
		assert_int_equal(entry->seqadj[!direction].position, 0);
		assert_true(entry->liberal[0] && entry->liberal[1]);
		/* The timeout stays, unless there is one to be told to another router. */
		entry->timeout = 300;
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj), REASON_NONE);
		assert_int_equal(entry->timeout, 300);
		conntrack.established = 432000;
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj), REASON_NONE);
		assert_int_equal(entry->timeout, 432000);
		/* The entry has another reply tuple. */
		other.client_seen.port++;
		assert_int_equal(conntrack_adjust(&conntrack, &other, (enum direction)direction, &seqadj),
				 REASON_NO_CONNECTION);
		conntrack_model_fail(&model, 0, 1, -EPERM);
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj),
				 REASON_KERNEL_REFUSED);
		assert_int_equal(conntrack.error, -EPERM);
		conntrack_model_fail(&model, 1, 1, -ENOENT);
		assert_int_equal(conntrack_adjust(&conntrack, &view, (enum direction)direction, &seqadj),
				 REASON_NO_CONNECTION);
	}
}

/* The kernel answers the write with success and keeps nothing, or another's. */
static void an_adjustment_that_is_not_kept_whole_is_none(void **state)
{
	static const struct seqadj wanted = { 4000000000u, -3, 6 };
	static const struct seqadj kept[] = { { 0, 0, 0 }, { 1, -3, 6 }, { 4000000000u, 0, 6 }, { 4000000000u, -3, 0 } };
	const struct nat_view view = view_of(SNAT, false, 40000);
	struct model_entry *entry = conntrack_model_add(&model, &view);

	(void)state;
	entry->extended = false;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		entry->seqadj[0] = kept[i];
		assert_int_equal(conntrack_adjust(&conntrack, &view, DIRECTION_ORIGINAL, &wanted), REASON_NO_RESIZE);
	}
	entry->seqadj[0] = wanted;
	assert_int_equal(conntrack_adjust(&conntrack, &view, DIRECTION_ORIGINAL, &wanted), REASON_NONE);
	/* Without be-liberal, conntrack resets the connection at the first edit that is lost. */
	entry->extended = entry->stiff = true;
	entry->liberal[0] = entry->liberal[1] = false;
	assert_int_equal(conntrack_adjust(&conntrack, &view, DIRECTION_ORIGINAL, &wanted), REASON_NO_RESIZE);
	entry->liberal[0] = true;
	assert_int_equal(conntrack_adjust(&conntrack, &view, DIRECTION_ORIGINAL, &wanted), REASON_NO_RESIZE);
	entry->liberal[0] = false, entry->liberal[1] = true;
	assert_int_equal(conntrack_adjust(&conntrack, &view, DIRECTION_ORIGINAL, &wanted), REASON_NO_RESIZE);
}

static void a_carrier_is_confirmed_by_its_name(void **state)
{
	const struct nat_view view = view_of(SNAT, false, 40000);
	struct model_entry *entry = conntrack_model_add(&model, &view);
	const struct nat_view other = view_of(SNAT, false, 40001);

	(void)state;
	assert_int_equal(conntrack_confirm(&conntrack, &view, "sane"), REASON_NONE);
	assert_int_equal(conntrack_confirm(&conntrack, &view, "ftp"), REASON_NO_CARRIER);
	assert_int_equal(conntrack_confirm(&conntrack, &other, "sane"), REASON_NO_CONNECTION);
	entry->helper = NULL;
	assert_int_equal(conntrack_confirm(&conntrack, &view, "sane"), REASON_NO_CARRIER);
	/* The kernel's names have 15 characters. What is longer is cut off, and not the one that was asked for. */
	entry->helper = "sixteen-letters-and-more";
	assert_int_equal(conntrack_confirm(&conntrack, &view, "sixteen-letters"), REASON_NONE);
	assert_int_equal(conntrack_confirm(&conntrack, &view, "sixteen-letters-and-more"), REASON_NO_CARRIER);
	entry->helper = "fifteen-letters";
	assert_int_equal(conntrack_confirm(&conntrack, &view, "fifteen-letters"), REASON_NONE);
}

/* As packets reach the server: from client_seen. As they reach the client: from server_seen. */
static void a_receiver_finds_the_connection_of_its_packets(void **state)
{
	const struct nat_view view = view_of(BOTH, false, 40000);
	struct model_entry *entry = conntrack_model_add(&model, &view);
	const struct tuple to_server = { view.client_seen, view.server }, to_client = { view.server_seen, view.client };
	struct connection connection;

	(void)state;
	assert_int_equal(conntrack_find_receiver(&conntrack, &to_server, &connection), REASON_NONE);
	assert_true(nat_view_equal(&connection.view, &view));
	assert_int_equal(connection.direction, DIRECTION_ORIGINAL);
	assert_int_equal(conntrack_find_receiver(&conntrack, &to_client, &connection), REASON_NONE);
	assert_int_equal(connection.direction, DIRECTION_REPLY);
	entry->odd = true;
	assert_int_equal(conntrack_find_receiver(&conntrack, &to_server, &connection), REASON_NO_CONNECTION);
	entry->odd = false;
	conntrack_model_fail(&model, 0, 1, -EPERM);
	assert_int_equal(conntrack_find_receiver(&conntrack, &to_server, &connection), REASON_NO_CONNECTION);
	assert_int_equal(model.dumps, 0);
}

static void an_entry_is_made_for_a_connection_that_is_to_come(void **state)
{
	(void)state;
	for (unsigned int nat = 0; nat < NATS; nat++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			const struct nat_view view = view_of((enum nat)nat, ipv6, 40000);
			const bool moved = nat == DNAT || nat == BOTH;

			memset(&model, 0, sizeof(model));
			conntrack.zone = 9;
			assert_int_equal(conntrack_create(&conntrack, &view, "sane", 120), REASON_NONE);
			assert_int_equal(model.entry_count, 1);
			assert_true(endpoint_equal(&model.entries[0].original.source, &view.client));
			assert_true(endpoint_equal(&model.entries[0].original.destination, &view.server_seen));
			assert_true(endpoint_equal(&model.entries[0].reply.source, &view.server));
			assert_true(address_equal(&model.entries[0].reply.destination.address, &view.client_seen.address));
			/* The client's port, unless another connection may be led to the same place. */
			assert_int_equal(model.created_ports[0], moved ? 1 : 40000);
			assert_int_equal(model.created_ports[1], moved ? UINT16_MAX : 40000);
			assert_int_equal(model.entries[0].timeout, 120);
			assert_int_equal(model.entries[0].zone, 9);
			assert_int_equal(conntrack_create(&conntrack, &view, "sane", 120), REASON_USED);
			conntrack_model_fail(&model, 0, 1, -EPERM);
			assert_int_equal(conntrack_create(&conntrack, &view, "sane", 120), REASON_KERNEL_REFUSED);
			assert_int_equal(conntrack.error, -EPERM);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_packet_is_of_its_connection_whatever_nat_makes_of_it, begin, finish),
		cmocka_unit_test_setup_teardown(only_ports_are_filtered_by_in_ipv6, begin, finish),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, begin, finish),
		cmocka_unit_test_setup_teardown(a_connection_that_only_owns_the_tuple_is_another_one, begin, finish),
		cmocka_unit_test_setup_teardown(half_an_entry_is_none, begin, finish),
		cmocka_unit_test_setup_teardown(connections_of_another_zone_are_others, begin, finish),
		cmocka_unit_test_setup_teardown(what_conntrack_says_of_a_connection, begin, finish),
		cmocka_unit_test_setup_teardown(two_that_look_alike_are_shared, begin, finish),
		cmocka_unit_test_setup_teardown(names_that_were_in_use_before_are_learnt_once, begin, finish),
		cmocka_unit_test_setup_teardown(names_and_addresses_that_are_known_save_a_dump, begin, finish),
		cmocka_unit_test_setup_teardown(each_name_is_remembered_once_and_the_last_ones_stay, begin, finish),
		cmocka_unit_test_setup_teardown(no_more_names_are_asked_for_than_there_are, begin, finish),
		cmocka_unit_test_setup_teardown(an_error_of_the_kernel_ends_a_lookup, begin, finish),
		cmocka_unit_test_setup_teardown(dumps_are_made_for_no_more_than_a_tenth_of_the_time, begin, finish),
		cmocka_unit_test_setup_teardown(a_connection_is_recalled_by_both_of_its_tuples, begin, finish),
		cmocka_unit_test_setup_teardown(an_adjustment_counts_if_the_kernel_has_kept_it, begin, finish),
		cmocka_unit_test_setup_teardown(an_adjustment_that_is_not_kept_whole_is_none, begin, finish),
		cmocka_unit_test_setup_teardown(a_carrier_is_confirmed_by_its_name, begin, finish),
		cmocka_unit_test_setup_teardown(a_receiver_finds_the_connection_of_its_packets, begin, finish),
		cmocka_unit_test_setup_teardown(an_entry_is_made_for_a_connection_that_is_to_come, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
