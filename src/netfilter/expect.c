/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A pinhole is an expectation of the carrier helper on the control connection. It is created with CREATE|EXCL: without
 * EXCL, a message about any tuple that exists, even another master's, is answered with success and changes only the
 * timeout. For the same reason the kernel ignores the timeout on creation, and a second message sets it. That one may not
 * share a datagram with the first: if the first were refused, it would set the timeout of another's. But it may wait, until
 * several go together.
 *
 * Where the kernel finds the tuple taken, the expectation is another connection's, or our own: a client repeats its PORT
 * after the gateway was restarted, and the old expectation is still there. Ours is deleted and made again. Where it is
 * another's, the gateway tries other ports, which it may do only where NAT is in between: without it, the peer listens on
 * the port that it named.
 */
#include "netfilter/expect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "ftpalg/address.h"
#include "netfilter/conntrack.h"

#define EXPECT_PORT_MIN 1024U
#define EXPECT_PORT_COUNT (65536U - EXPECT_PORT_MIN)
/* Close to EXPECT_PORT_COUNT times the golden ratio, and coprime to it: the walk visits every port once. */
#define EXPECT_PORT_STRIDE 39869U

static unsigned int expect_digits(unsigned int number)
{
	unsigned int digits = 1;

	while (number >= 10) {
		number /= 10;
		digits++;
	}
	return digits;
}

static bool expect_same_shape(unsigned int a, unsigned int b)
{
	return expect_digits(a) == expect_digits(b) && expect_digits(a / 256) == expect_digits(b / 256) &&
	       expect_digits(a % 256) == expect_digits(b % 256);
}

size_t expect_candidates(uint16_t wanted, uint32_t salt, uint16_t ports[EXPECT_TRIES])
{
	const uint32_t start = salt % EXPECT_PORT_COUNT;
	size_t shape = 0;
	size_t any = EXPECT_TRIES_SHAPE;

	for (uint32_t i = 0; i < EXPECT_PORT_COUNT && shape < EXPECT_TRIES_SHAPE; i++) {
		const uint32_t position = (uint32_t)((start + (uint64_t)i * EXPECT_PORT_STRIDE) % EXPECT_PORT_COUNT);
		const uint16_t port = (uint16_t)(EXPECT_PORT_MIN + position);

		if (port == wanted)
			continue;
		if (expect_same_shape(port, wanted))
			ports[shape++] = port;
		else if (any < EXPECT_TRIES)
			ports[any++] = port;
	}
	memmove(&ports[shape], &ports[EXPECT_TRIES_SHAPE], (any - EXPECT_TRIES_SHAPE) * sizeof(*ports));
	return shape + any - EXPECT_TRIES_SHAPE;
}

/* Clients behind one address tend to offer the same ports; their own endpoint tells them apart. */
static uint32_t expect_salt(const struct nat_view *master)
{
	uint32_t salt = master->client.port;

	for (size_t i = 0; i < sizeof(master->client.address.octets); i++)
		salt = salt * 31 + master->client.address.octets[i];
	return salt;
}

static struct tuple expect_tuple(const struct expectation *expectation)
{
	return (struct tuple){
		.source = { .address = expectation->source },
		.destination = expectation->destination,
	};
}

/* Only the source half of a mask counts: any source port, but exactly this address. */
static void expect_put_mask(struct nlmsghdr *request, const struct expectation *expectation)
{
	const size_t size = expectation->source.family == FAMILY_IPV6 ? 16 : 4;
	struct tuple mask = {
		.source = { .address = { .family = expectation->source.family } },
		.destination = { .address = { .family = expectation->source.family }, .port = 0xffff },
	};

	memset(mask.source.address.octets, 0xff, size);
	memset(mask.destination.address.octets, 0xff, size);
	conntrack_put_tuple(request, CTA_EXPECT_MASK, &mask);
}

/* nat-follow-master reads only the source port of this tuple; the kernel insists on the rest. */
static void expect_put_nat(struct nlmsghdr *request, const struct expectation *expectation)
{
	const struct address none = { .family = expectation->source.family };
	const struct tuple saved = {
		.source = { .address = none, .port = expectation->saved_port },
		.destination = { .address = none },
	};
	struct nlattr *nest = mnl_attr_nest_start(request, CTA_EXPECT_NAT);

	mnl_attr_put_u32(request, CTA_EXPECT_NAT_DIR, htonl((uint32_t)expectation->nat_direction));
	conntrack_put_tuple(request, CTA_EXPECT_NAT_TUPLE, &saved);
	mnl_attr_nest_end(request, nest);
	mnl_attr_put_strz(request, CTA_EXPECT_FN, "nat-follow-master");
}

/* Begins a message that names the expectation. */
static struct nlmsghdr *expect_begin(const struct expect *expect, union netlink_request *request, uint8_t message,
				     uint16_t flags, const struct expectation *expectation)
{
	const struct tuple tuple = expect_tuple(expectation);
	struct nlmsghdr *header = netlink_begin(request, NFNL_SUBSYS_CTNETLINK_EXP, message, flags,
						conntrack_family(&expectation->source));

	conntrack_put_tuple(header, CTA_EXPECT_TUPLE, &tuple);
	conntrack_put_zone(header, CTA_EXPECT_ZONE, expect->zone);
	return header;
}

static int expect_add(struct expect *expect, const struct nat_view *master, const struct expectation *expectation)
{
	const struct tuple original = conntrack_original_tuple(master);
	union netlink_request request;
	struct nlmsghdr *header = expect_begin(expect, &request, IPCTNL_MSG_EXP_NEW, NLM_F_CREATE | NLM_F_EXCL,
					       expectation);

	conntrack_put_tuple(header, CTA_EXPECT_MASTER, &original);
	expect_put_mask(header, expectation);
	if (expectation->translated)
		expect_put_nat(header, expectation);
	return netlink_call(expect->netlink, header, NULL, NULL);
}

static struct nlmsghdr *expect_put_timeout(const struct expect *expect, union netlink_request *request,
					   const struct nat_view *master, const struct expectation *expectation)
{
	const struct tuple original = conntrack_original_tuple(master);
	struct nlmsghdr *header = expect_begin(expect, request, IPCTNL_MSG_EXP_NEW, 0, expectation);

	conntrack_put_tuple(header, CTA_EXPECT_MASTER, &original);
	expect_put_mask(header, expectation);
	mnl_attr_put_u32(header, CTA_EXPECT_TIMEOUT, htonl(expectation->timeout));
	return header;
}

/* What the kernel has under an expectation's tuple. */
struct expect_found {
	struct tuple master;
	uint32_t id; /* as the kernel wrote it, to be given back */
	bool valid;
};

static void expect_take_found(const struct nlmsghdr *answer, void *context)
{
	const struct nlattr *parts[CTA_EXPECT_MAX + 1];
	struct expect_found *found = context;

	netlink_index(answer, parts, CTA_EXPECT_MAX);
	if (!parts[CTA_EXPECT_ID] || !conntrack_get_tuple(parts[CTA_EXPECT_MASTER], &found->master))
		return;
	found->id = mnl_attr_get_u32(parts[CTA_EXPECT_ID]);
	found->valid = true;
}

/* The kernel has something under the tuple, but is it the master's? */
static bool expect_is_of(const struct expect_found *found, const struct nat_view *master)
{
	const struct tuple original = conntrack_original_tuple(master);

	return found->valid && tuple_equal(&found->master, &original);
}

/*
 * Looks for the expectation, if it is the master's: once ours was used, another master's can stand under the same tuple.
 * Returns 0, -ENOENT or another -errno.
 */
static int expect_find(struct expect *expect, const struct nat_view *master, const struct expectation *expectation,
		       struct expect_found *found)
{
	union netlink_request request;
	struct nlmsghdr *header = expect_begin(expect, &request, IPCTNL_MSG_EXP_GET, 0, expectation);
	int error;

	found->valid = false;
	error = netlink_get(expect->netlink, header, expect_take_found, found);
	if (!error && !expect_is_of(found, master))
		error = -ENOENT;
	return error;
}

/* The id makes sure that what is deleted is what was looked at. */
static struct nlmsghdr *expect_put_deletion(const struct expect *expect, union netlink_request *request,
					    const struct expectation *expectation, const struct expect_found *found)
{
	struct nlmsghdr *header = expect_begin(expect, request, IPCTNL_MSG_EXP_DELETE, 0, expectation);

	mnl_attr_put_u32(header, CTA_EXPECT_ID, found->id);
	return header;
}

/* Deletes the expectation. As expect_find. */
static int expect_remove(struct expect *expect, const struct nat_view *master, const struct expectation *expectation)
{
	struct expect_found found;
	union netlink_request request;
	int error = expect_find(expect, master, expectation, &found);

	if (error)
		return error;
	return netlink_call(expect->netlink, expect_put_deletion(expect, &request, expectation, &found), NULL, NULL);
}

/* -EALREADY: another master expects the very same connection. */
static bool expect_is_taken(int error)
{
	return error == -EEXIST || error == -EBUSY || error == -EALREADY;
}

static enum reason expect_reason(struct expect *expect, int error)
{
	if (expect_is_taken(error))
		return REASON_NO_PORT;
	switch (error) {
	case -EMFILE:
		return REASON_EXPECT_TABLE_FULL;
	case -EOPNOTSUPP:
	case -ESHUTDOWN:
		/* Kernels differ in how they say that the master has no helper. */
		return REASON_NO_CARRIER;
	case -ENOENT:
		return REASON_NO_CONNECTION;
	default:
		expect->error = error;
		return REASON_KERNEL_REFUSED;
	}
}

/* Returns 0, or -errno, and then the expectation is gone: better no pinhole than one of unknown lifetime. */
static int expect_set_timeout(struct expect *expect, const struct nat_view *master, const struct expectation *expectation)
{
	union netlink_request request;
	int error;

	if (expect->together && expect->late_count < EXPECT_TOGETHER) {
		expect->late[expect->late_count++] = (struct expect_owned){ *master, *expectation };
		return 0;
	}
	error = netlink_call(expect->netlink, expect_put_timeout(expect, &request, master, expectation), NULL, NULL);
	if (error)
		expect_remove(expect, master, expectation);
	return error;
}

enum reason expect_create(struct expect *expect, const struct nat_view *master, struct expectation *expectation)
{
	const uint16_t wanted = expectation->destination.port;
	uint16_t candidates[EXPECT_TRIES];
	size_t count = 0;
	int error;

	error = expect_add(expect, master, expectation);
	if (expect_is_taken(error) && expect_remove(expect, master, expectation) == 0)
		error = expect_add(expect, master, expectation);
	if (expect_is_taken(error) && expectation->translated)
		count = expect_candidates(wanted, expect_salt(master), candidates);
	for (size_t i = 0; i < count && expect_is_taken(error); i++) {
		expectation->destination.port = candidates[i];
		error = expect_add(expect, master, expectation);
	}
	if (error) {
		expectation->destination.port = wanted;
		return expect_reason(expect, error);
	}

	expect->error = expect_set_timeout(expect, master, expectation);
	if (!expect->error)
		return REASON_NONE;
	expectation->destination.port = wanted;
	return REASON_KERNEL_REFUSED;
}

static enum reason expect_judge_absence(struct expect *expect, int error)
{
	if (error == -ENOENT)
		return REASON_GONE;
	if (error)
		expect->error = error;
	return error ? REASON_KERNEL_REFUSED : REASON_NONE;
}

enum reason expect_delete(struct expect *expect, const struct nat_view *master, const struct expectation *expectation)
{
	return expect_judge_absence(expect, expect_remove(expect, master, expectation));
}

void expect_delete_all(struct expect *expect, const struct expect_owned *owned, size_t count, enum reason *reasons)
{
	struct netlink_batch *batch = &expect->batch;
	struct expect_found found[EXPECT_TOGETHER];
	size_t place[EXPECT_TOGETHER] = { 0 };
	union netlink_request request;

	memset(found, 0, sizeof(found));
	netlink_batch_begin(batch);
	for (size_t i = 0; i < count; i++)
		netlink_batch_add(batch, expect->netlink, expect_begin(expect, &request, IPCTNL_MSG_EXP_GET, 0,
								       &owned[i].expectation));
	netlink_batch_get(batch, expect->netlink, expect_take_found, found, sizeof(*found));
	for (size_t i = 0; i < count; i++) {
		const int error = batch->errors[i] || expect_is_of(&found[i], &owned[i].master) ? batch->errors[i] : -ENOENT;

		reasons[i] = expect_judge_absence(expect, error);
	}
	netlink_batch_begin(batch);
	for (size_t i = 0; i < count; i++) {
		if (reasons[i] != REASON_NONE)
			continue;
		place[batch->count] = i;
		netlink_batch_add(batch, expect->netlink, expect_put_deletion(expect, &request, &owned[i].expectation,
									      &found[i]));
	}
	netlink_batch_change(batch, expect->netlink);
	for (size_t i = 0; i < batch->count; i++)
		reasons[place[i]] = expect_judge_absence(expect, batch->errors[i]);
}

int expect_settle(struct expect *expect)
{
	struct netlink_batch *batch = &expect->batch;
	union netlink_request request;
	int result = 0;

	netlink_batch_begin(batch);
	for (size_t i = 0; i < expect->late_count; i++)
		netlink_batch_add(batch, expect->netlink, expect_put_timeout(expect, &request, &expect->late[i].master,
									     &expect->late[i].expectation));
	netlink_batch_change(batch, expect->netlink);
	for (size_t i = 0; i < expect->late_count; i++) {
		/* A data connection may have come first. */
		if (batch->errors[i] == 0 || batch->errors[i] == -ENOENT)
			continue;
		result = batch->errors[i];
		expect_remove(expect, &expect->late[i].master, &expect->late[i].expectation);
	}
	expect->late_count = 0;
	return result;
}

void expect_tell_again(struct expect *expect, const struct nat_view *master)
{
	for (size_t i = 0; i < expect->late_count; i++) {
		const struct expect_owned *late = &expect->late[i];

		/* Its line waits for this, so nobody can have used it. If it can't be made again, peers do without it. */
		if (nat_view_equal(&late->master, master) && expect_remove(expect, master, &late->expectation) == 0)
			expect->error = expect_add(expect, master, &late->expectation);
	}
}

enum reason expect_peek(struct expect *expect, const struct nat_view *master, const struct expectation *expectation)
{
	struct expect_found found;

	return expect_judge_absence(expect, expect_find(expect, master, expectation, &found));
}
