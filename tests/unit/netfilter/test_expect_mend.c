/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expectations that another router's conntrackd has carried here, without their translation and their timeout. The kernel
 * is played (conntrack_model.h). The socket is one of routing, which emulators of other processors have too.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "conntrack_model.h"
#include "netfilter/expect_mend.h"
#include "unit.h"

#define GIVEN 60    /* the policy's timeout */
#define CARRIER 300 /* the carrier's */

static struct netlink netlink;
static struct conntrack_model model;
static struct conntrack conntrack;
static struct policy policy;
static bool no_memory;

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket, (void)flags, (void)address, (void)size;
	return conntrack_model_send(&model, bytes, length);
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	(void)socket, (void)flags;
	return conntrack_model_receive(&model, message);
}

void *realloc(void *old, size_t size)
{
	void *new = no_memory ? NULL : malloc(size);
	const size_t had = old ? malloc_usable_size(old) : 0;

	if (new && old)
		memcpy(new, old, had < size ? had : size);
	if (new)
		free(old);
	return new;
}

static void forget(void)
{
	memset(&model, 0, sizeof(model));
	memset(&conntrack, 0, sizeof(conntrack));
	conntrack.netlink = &netlink;
	policy.rule_count = 1;
	policy_rule_set_defaults(&policy.rules[0]);
	policy.rules[0].pinhole_timeout = GIVEN;
	no_memory = false;
}

static int begin(void **state)
{
	(void)state;
	memset(&netlink, 0, sizeof(netlink));
	netlink.socket = mnl_socket_open(NETLINK_ROUTE);
	forget();
	return netlink.socket ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	netlink_close(&netlink);
	return 0;
}

static struct nat_view add_master(bool translated, uint16_t port)
{
	struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	view.client.port = view.client_seen.port = port;
	if (translated) {
		view.client_seen.address = unit_address("198.51.100.1");
		view.server_seen = unit_endpoint("192.0.2.9", 2121);
	}
	conntrack_model_add(&model, &view);
	return view;
}

/* As it arrives with conntrackd: no translation, and the carrier's timeout, of which so much is left. */
static struct model_expectation *carry(const struct nat_view *master, bool active, uint16_t port, uint32_t left)
{
	struct model_expectation *row = &model.expectations[model.expectation_count++];

	*row = (struct model_expectation){
		.tuple = { .source = { .address = active ? master->server.address : master->client.address },
			   .destination = { active ? master->client_seen.address : master->server_seen.address, port } },
		.master = { master->client, master->server_seen },
		.helper = "sane",
		.id = ++model.next_id,
		.timeout = left,
	};
	return row;
}

static void mended(unsigned int whole, unsigned int mended, unsigned int old, unsigned int failed)
{
	struct expect_mended found;

	memset(&found, 0xff, sizeof(found));
	assert_int_equal(expect_mend_all(&conntrack, &policy, &found), 0);
	assert_int_equal(found.whole, whole);
	assert_int_equal(found.mended, mended);
	assert_int_equal(found.old, old);
	assert_int_equal(found.failed, failed);
	if (failed == 0)
		assert_int_equal(found.error, 0);
}

static void an_offer_that_was_carried_here_is_translated_again(void **state)
{
	(void)state;
	for (int active = 0; active < 2; active++) {
		struct nat_view master;

		forget();
		master = add_master(true, 40000);
		carry(&master, active, 50000, CARRIER - 10);
		mended(0, 1, 0, 0);
		assert_int_equal(model.expectation_count, 1);
		assert_true(model.expectations[0].follows);
		assert_int_equal(model.expectations[0].nat_direction, active);
		assert_int_equal(model.expectations[0].saved_port, 50000);
		assert_int_equal(model.expectations[0].tuple.destination.port, 50000);
		assert_int_equal(model.expectations[0].timeout, GIVEN - 10);
		/* It is whole now. */
		mended(1, 0, 0, 0);
	}
}

/* Whose master is not translated has nothing to lose but its timeout. */
static void what_has_no_translation_is_known_by_its_time(void **state)
{
	const struct nat_view master = add_master(false, 40000);

	(void)state;
	carry(&master, true, 50000, GIVEN);
	carry(&master, true, 50001, CARRIER - GIVEN + 1);
	mended(1, 1, 0, 0);
	assert_int_equal(model.expectations[0].timeout, GIVEN);
	assert_int_equal(model.expectations[1].timeout, 1);
	assert_int_equal(model.expectations[1].tuple.destination.port, 50001);
	assert_false(model.expectations[1].follows);
}

static void what_would_have_ended_ends(void **state)
{
	const struct nat_view master = add_master(true, 40000), plain = add_master(false, 40001);

	(void)state;
	carry(&master, true, 50000, CARRIER - GIVEN);
	carry(&plain, true, 50001, GIVEN + 1);
	mended(0, 0, 2, 0);
	assert_int_equal(model.expectation_count, 0);
	/* One that is used meanwhile is nothing that was done. */
	carry(&master, true, 50000, 1);
	conntrack_model_fail(&model, 2, 1, -ENOENT);
	mended(0, 0, 0, 0);
}

/* Nobody knows how old it is where the policy gives it longer than the carrier does. */
static void a_policy_that_gives_longer_than_the_carrier_gives_it_anew(void **state)
{
	const struct nat_view master = add_master(true, 40000);

	(void)state;
	for (uint32_t given = CARRIER - 1; given <= CARRIER + 1; given++) {
		policy.rules[0].pinhole_timeout = given;
		model.expectation_count = 0;
		carry(&master, true, 50000, 2);
		mended(0, 1, 0, 0);
		assert_int_equal(model.expectations[0].timeout, given < CARRIER ? 1 : given);
	}
	policy.rules[0].pinhole_timeout = CARRIER;
	model.expectation_count = 0;
	carry(&master, true, 50000, 0);
	mended(0, 1, 0, 0);
	assert_int_equal(model.expectations[0].timeout, CARRIER);
}

static void what_is_no_offer_of_either_peer_stays(void **state)
{
	const struct nat_view master = add_master(true, 40000);

	(void)state;
	for (int active = 0; active < 2; active++) {
		carry(&master, active, 50000, CARRIER)->tuple.source.address = unit_address("192.0.2.55");
		carry(&master, active, 50001, CARRIER)->tuple.destination.address = unit_address("192.0.2.56");
	}
	/* Its master has ended, */
	carry(&master, true, 50002, CARRIER)->master.source.port = 1;
	/* it is of another helper or of none, of another zone, or only half is told of it. */
	carry(&master, true, 50003, CARRIER)->helper = "ftp";
	carry(&master, true, 50004, CARRIER)->helper = NULL;
	carry(&master, true, 50005, CARRIER)->zone = 3;
	carry(&master, true, 50006, CARRIER)->unowned = true;
	carry(&master, true, 50007, CARRIER)->bare = true;
	mended(0, 0, 0, 0);
	assert_int_equal(model.expectation_count, 10);
	/* In that zone it is one. */
	conntrack.zone = 3;
	model.entries[0].zone = 3;
	mended(0, 1, 0, 0);
}

static void what_the_kernel_does_not_mend_is_counted(void **state)
{
	const struct nat_view master = add_master(true, 40000);
	struct expect_mended found;

	(void)state;
	/* The dump, the master, and the first try. */
	carry(&master, true, 50000, CARRIER);
	conntrack_model_fail(&model, 2, 1, -EPERM);
	assert_int_equal(expect_mend_all(&conntrack, &policy, &found), 0);
	assert_int_equal(found.failed, 1);
	assert_int_equal(found.error, -EPERM);
	assert_int_equal(found.mended, 0);
	conntrack_model_fail(&model, 0, 1, -EPERM);
	assert_int_equal(expect_mend_all(&conntrack, &policy, &found), -EPERM);
	assert_int_equal(found.failed + found.mended, 0);
	no_memory = true;
	assert_int_equal(expect_mend_all(&conntrack, &policy, &found), -ENOMEM);
	assert_int_equal(found.failed + found.mended, 0);
}

static void any_number_is_mended(void **state)
{
	const struct nat_view master = add_master(true, 40000);

	(void)state;
	for (uint16_t i = 0; i < 66; i++)
		carry(&master, true, (uint16_t)(50000 + i), CARRIER)->follows = i % 2;
	mended(33, 33, 0, 0);
	assert_int_equal(model.expectation_count, 66);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_offer_that_was_carried_here_is_translated_again, begin, finish),
		cmocka_unit_test_setup_teardown(what_has_no_translation_is_known_by_its_time, begin, finish),
		cmocka_unit_test_setup_teardown(what_would_have_ended_ends, begin, finish),
		cmocka_unit_test_setup_teardown(a_policy_that_gives_longer_than_the_carrier_gives_it_anew, begin, finish),
		cmocka_unit_test_setup_teardown(what_is_no_offer_of_either_peer_stays, begin, finish),
		cmocka_unit_test_setup_teardown(what_the_kernel_does_not_mend_is_counted, begin, finish),
		cmocka_unit_test_setup_teardown(any_number_is_mended, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
