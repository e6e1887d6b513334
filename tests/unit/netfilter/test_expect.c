/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expectations: what is asked of the kernel for one, and whose it is that stands there. The kernel is played
 * (conntrack_model.h). The socket is one of routing, which emulators of other processors have too.
 */
#include <errno.h>

#include "conntrack_model.h"
#include "netfilter/expect.h"
#include "unit.h"

static struct netlink netlink;
static struct conntrack_model model;
static struct expect expect;

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

static void forget(void)
{
	memset(&model, 0, sizeof(model));
	memset(&expect, 0, sizeof(expect));
	expect.netlink = &netlink;
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

/* A client behind SNAT; its port tells it from others. */
static struct nat_view master_of(bool ipv6, uint16_t port)
{
	struct nat_view view = unit_view(ipv6 ? "2001:db8::5" : "10.0.0.5", ipv6 ? "2001:db8:1::9" : "203.0.113.9");

	view.client.port = view.client_seen.port = port;
	view.client_seen.address = unit_address(ipv6 ? "2001:db8:f::1" : "198.51.100.1");
	return view;
}

/* For the server of such a client, which may come in at the port. */
static struct expectation active(const struct nat_view *master, uint16_t port)
{
	return (struct expectation){
		.source = master->server.address,
		.destination = { master->client_seen.address, port },
		.translated = true,
		.nat_direction = DIRECTION_REPLY,
		.saved_port = port,
		.timeout = 60,
	};
}

static struct nat_view add_master(bool ipv6, uint16_t port)
{
	const struct nat_view master = master_of(ipv6, port);

	conntrack_model_add(&model, &master);
	return master;
}

static bool has_same_shape(unsigned int a, unsigned int b)
{
	char texts[2][3][12];

	for (unsigned int i = 0; i < 2; i++) {
		const unsigned int port = i ? b : a;

		snprintf(texts[i][0], sizeof(texts[i][0]), "%u", port);
		snprintf(texts[i][1], sizeof(texts[i][1]), "%u", port >> 8);
		snprintf(texts[i][2], sizeof(texts[i][2]), "%u", port & 0xff);
	}
	for (unsigned int i = 0; i < 3; i++)
		if (strlen(texts[0][i]) != strlen(texts[1][i]))
			return false;
	return true;
}

/* alike: how many there are to be of those that are written alike. */
static void check_candidates(uint16_t wanted, uint32_t salt, size_t alike)
{
	uint16_t ports[EXPECT_TRIES];
	const size_t count = expect_candidates(wanted, salt, ports);

	assert_int_equal(count, alike + EXPECT_TRIES - EXPECT_TRIES_SHAPE);
	for (size_t i = 0; i < count; i++) {
		assert_true(ports[i] >= 1024 && ports[i] != wanted);
		assert_int_equal(has_same_shape(ports[i], wanted), i < alike);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
	}
}

/* An offer that keeps its length needs no adjustment, so ports that are written alike are tried first. */
static void other_ports_that_are_written_alike_come_first(void **state)
{
	static const uint16_t wanted[] = { 25, 1024, 1025, 2570, 2569, 2560, 9999, 25599, 25600, 25610, 40000, 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		size_t there = 0;

		for (unsigned int port = 1024; port < 65536 && there < EXPECT_TRIES_SHAPE; port++)
			there += port != wanted[i] && has_same_shape(port, wanted[i]);
		for (uint32_t salt = 0; salt < 200000; salt += 19973)
			check_candidates(wanted[i], salt, there);
	}
}

static void an_expectation_is_made_and_then_has_its_timeout(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		for (int translated = 0; translated < 2; translated++) {
			struct nat_view master;
			struct expectation wanted;

			forget();
			expect.zone = 5;
			master = add_master(ipv6, 40000);
			model.entries[0].zone = 5;
			wanted = active(&master, 50000);
			wanted.translated = translated;
			assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
			assert_int_equal(wanted.destination.port, 50000);
			assert_int_equal(model.expectation_count, 1);
			assert_int_equal(model.expectations[0].zone, 5);
			assert_int_equal(model.expectations[0].timeout, 60);
			assert_int_equal(model.expectations[0].follows, translated);
			assert_int_equal(model.expectations[0].nat_direction, translated ? 1 : 0);
			assert_int_equal(model.expectations[0].saved_port, translated ? 50000 : 0);
			assert_true(endpoint_equal(&model.expectations[0].tuple.destination, &wanted.destination));
			assert_true(address_equal(&model.expectations[0].tuple.source.address, &wanted.source));
			assert_int_equal(model.asked, 2);
			/* As it was left by a gateway that ended: it is made again. */
			assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
			assert_int_equal(model.expectation_count, 1);
			assert_int_equal(model.expectations[0].id, 2);
			assert_int_equal(wanted.destination.port, 50000);
		}
}

/* Each of these says that somebody else expects it. */
static void a_port_that_is_taken_is_another_one_where_nat_is_in_between(void **state)
{
	static const int errors[] = { -EEXIST, -EBUSY, -EALREADY };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		for (int translated = 0; translated < 2; translated++) {
			struct nat_view master;
			struct expectation wanted;
			enum reason reason;

			forget();
			master = add_master(false, 40000);
			wanted = active(&master, 50000);
			wanted.translated = translated;
			conntrack_model_fail(&model, 0, 1, errors[i]);
			reason = expect_create(&expect, &master, &wanted);
			assert_int_equal(reason, translated ? REASON_NONE : REASON_NO_PORT);
			assert_int_equal(wanted.destination.port == 50000, !translated);
			assert_int_equal(model.expectation_count, translated);
			assert_int_equal(expect.error, 0);
		}
}

static void anothers_expectation_stays_where_it_is(void **state)
{
	const struct nat_view other = add_master(false, 40001), master = add_master(false, 40000);
	struct expectation theirs = active(&other, 50000), wanted = active(&master, 50000), third;

	(void)state;
	assert_int_equal(expect_create(&expect, &other, &theirs), REASON_NONE);
	assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
	assert_int_equal(model.expectation_count, 2);
	assert_int_equal(model.expectations[0].id, 1);
	assert_true(has_same_shape(wanted.destination.port, 50000));
	assert_int_equal(model.expectations[1].saved_port, 50000);
	assert_int_equal(model.expectations[1].timeout, 60);
	/* Clients of one address tend to offer the same ports: they don't try the same ones. */
	third = active(&master, 50000);
	const struct nat_view neighbour = add_master(false, 40002);
	assert_int_equal(expect_create(&expect, &neighbour, &third), REASON_NONE);
	assert_int_equal(model.asked, 2 + 2 * 4);
	/* Where all are taken, the offer names what it named. */
	third = active(&master, 50000);
	model.asked = 0;
	conntrack_model_fail(&model, 0, 1000, -EBUSY);
	assert_int_equal(expect_create(&expect, &neighbour, &third), REASON_NO_PORT);
	assert_int_equal(third.destination.port, 50000);
	assert_int_equal(model.asked, 2 + EXPECT_TRIES);
	assert_int_equal(expect.error, 0);
}

static void what_the_kernel_says_instead_has_a_reason(void **state)
{
	static const struct { int error; enum reason reason; int kept; } rows[] = {
		{ -EMFILE, REASON_EXPECT_TABLE_FULL, 0 }, { -EOPNOTSUPP, REASON_NO_CARRIER, 0 },
		{ -ESHUTDOWN, REASON_NO_CARRIER, 0 }, { -ENOENT, REASON_NO_CONNECTION, 0 },
		{ -EPERM, REASON_KERNEL_REFUSED, -EPERM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nat_view master;
		struct expectation wanted;

		forget();
		master = add_master(false, 40000);
		wanted = active(&master, 50000);
		conntrack_model_fail(&model, 0, 1, rows[i].error);
		assert_int_equal(expect_create(&expect, &master, &wanted), rows[i].reason);
		assert_int_equal(expect.error, rows[i].kept);
		assert_int_equal(model.asked, 1);
		/* The next one does not remember it, nor does what is said of another port. */
		if (rows[i].error != -EMFILE)
			continue;
		conntrack_model_fail(&model, 0, 1, -EBUSY);
		assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
		assert_int_equal(expect.error, 0);
	}
}

/* Better no pinhole than one of unknown lifetime. */
static void an_expectation_without_its_timeout_goes(void **state)
{
	const struct nat_view master = add_master(false, 40000);
	struct expectation wanted = active(&master, 50000);

	(void)state;
	conntrack_model_fail(&model, 1, 1, -EPERM);
	assert_int_equal(expect_create(&expect, &master, &wanted), REASON_KERNEL_REFUSED);
	assert_int_equal(expect.error, -EPERM);
	assert_int_equal(model.expectation_count, 0);
	/* Its port was another one, which was not announced. */
	conntrack_model_fail(&model, 0, 1, -EBUSY);
	model.fault_to = 0;
	assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
	assert_int_equal(expect.error, 0);
	const struct nat_view other = add_master(false, 40001);
	wanted = active(&other, 50000);
	conntrack_model_fail(&model, 3, 1, -EPERM);
	assert_int_equal(expect_create(&expect, &other, &wanted), REASON_KERNEL_REFUSED);
	assert_int_equal(wanted.destination.port, 50000);
	assert_int_equal(model.expectation_count, 1);
}

static void only_its_own_masters_expectation_is_deleted(void **state)
{
	const struct nat_view master = add_master(false, 40000), other = add_master(false, 40001);
	struct expectation wanted = active(&master, 50000);

	(void)state;
	assert_int_equal(expect_delete(&expect, &master, &wanted), REASON_GONE);
	assert_int_equal(expect_peek(&expect, &master, &wanted), REASON_GONE);
	assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
	assert_int_equal(expect_peek(&expect, &master, &wanted), REASON_NONE);
	assert_int_equal(expect_peek(&expect, &other, &wanted), REASON_GONE);
	assert_int_equal(expect_delete(&expect, &other, &wanted), REASON_GONE);
	assert_int_equal(model.expectation_count, 1);
	assert_int_equal(expect.error, 0);
	for (unsigned int at = 0; at < 2; at++) {
		conntrack_model_fail(&model, at, 1, -EPERM);
		assert_int_equal(expect_delete(&expect, &master, &wanted), REASON_KERNEL_REFUSED);
		assert_int_equal(expect.error, -EPERM);
		assert_int_equal(model.expectation_count, 1);
	}
	conntrack_model_fail(&model, 0, 1, -EPERM);
	assert_int_equal(expect_peek(&expect, &master, &wanted), REASON_KERNEL_REFUSED);
	assert_int_equal(expect_delete(&expect, &master, &wanted), REASON_NONE);
	assert_int_equal(model.expectation_count, 0);
}

/* Whose it is is not known, or it can't be named. */
static void half_an_expectation_is_none(void **state)
{
	const struct nat_view master = add_master(false, 40000);
	struct expectation wanted = active(&master, 50000);
	struct expect_owned owned = { master, wanted };
	enum reason reason;

	(void)state;
	assert_int_equal(expect_create(&expect, &master, &wanted), REASON_NONE);
	for (int half = 0; half < 2; half++) {
		model.expectations[0].nameless = model.expectations[0].unowned = false;
		assert_int_equal(expect_peek(&expect, &master, &wanted), REASON_NONE);
		model.expectations[0].nameless = half == 0;
		model.expectations[0].unowned = half == 1;
		assert_int_equal(expect_peek(&expect, &master, &wanted), REASON_GONE);
		assert_int_equal(expect_delete(&expect, &master, &wanted), REASON_GONE);
		expect_delete_all(&expect, &owned, 1, &reason);
		assert_int_equal(reason, REASON_GONE);
		assert_int_equal(model.expectation_count, 1);
	}
}

/* One for each master from 40000 on, at a port of the same distance from 50000. */
static void make_several(struct expect_owned *owned, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		owned[i].master = add_master(false, (uint16_t)(40000 + i));
		owned[i].expectation = active(&owned[i].master, (uint16_t)(50000 + i));
		assert_int_equal(expect_create(&expect, &owned[i].master, &owned[i].expectation), REASON_NONE);
	}
}

static void of_several_that_are_deleted_each_has_its_answer(void **state)
{
	static struct expect_owned owned[EXPECT_TOGETHER];
	static const enum reason expected[6] = { REASON_NONE, REASON_GONE, REASON_GONE, REASON_KERNEL_REFUSED, REASON_GONE,
						 REASON_KERNEL_REFUSED };
	enum reason reasons[EXPECT_TOGETHER];

	(void)state;
	make_several(owned, 6);
	/* The second is not there, the third is another master's, and the fourth's look fails. */
	model.expectations[1].tuple.destination.port = 1;
	model.expectations[2].master = model.expectations[0].master;
	/* Of those that are left, the second is gone between the look and the deletion, and the third's fails. */
	conntrack_model_fail(&model, 3, 1, -EPERM);
	expect_delete_all(&expect, owned, 4, reasons);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(reasons[i], expected[i]);
	assert_int_equal(expect.error, -EPERM);
	assert_int_equal(model.expectation_count, 5);
	expect.error = 0;
	/* Looks at three, and then two deletions. */
	conntrack_model_fail(&model, 3, 1, -ENOENT);
	owned[0] = owned[3];
	owned[1] = owned[4];
	expect_delete_all(&expect, owned, 2, reasons);
	assert_int_equal(reasons[0], REASON_NONE);
	assert_int_equal(reasons[1], REASON_GONE);
	assert_int_equal(expect.error, 0);
	conntrack_model_fail(&model, 2, 1, -EPERM);
	owned[0] = owned[1];
	owned[1] = owned[5];
	expect_delete_all(&expect, owned, 2, reasons);
	assert_int_equal(reasons[0], REASON_KERNEL_REFUSED);
	assert_int_equal(reasons[1], REASON_NONE);
	assert_int_equal(expect.error, -EPERM);
}

static void timeouts_may_be_set_together(void **state)
{
	static struct expect_owned owned[EXPECT_TOGETHER + 1];

	(void)state;
	expect.together = true;
	make_several(owned, EXPECT_TOGETHER + 1);
	/* There was no room for the last one to wait. */
	assert_int_equal(expect.late_count, EXPECT_TOGETHER);
	assert_int_equal(model.expectations[EXPECT_TOGETHER].timeout, 60);
	for (size_t i = 0; i < EXPECT_TOGETHER; i++)
		assert_int_equal(model.expectations[i].timeout, 300);
	assert_int_equal(expect_settle(&expect), 0);
	for (size_t i = 0; i < EXPECT_TOGETHER; i++)
		assert_int_equal(model.expectations[i].timeout, 60);
	assert_int_equal(expect.late_count, 0);
	model.asked = 0;
	assert_int_equal(expect_settle(&expect), 0);
	assert_int_equal(model.asked, 0);
}

static void of_timeouts_that_are_set_together_one_may_fail(void **state)
{
	static struct expect_owned owned[3];

	(void)state;
	expect.together = true;
	make_several(owned, 3);
	/* A data connection may have come first, which is no error. */
	model.expectations[0].tuple.destination.port = 1;
	assert_int_equal(expect_settle(&expect), 0);
	assert_int_equal(model.expectation_count, 3);
	model.expectations[1].timeout = model.expectations[2].timeout = 300;
	expect.late_count = 3;
	conntrack_model_fail(&model, 1, 1, -EPERM);
	assert_int_equal(expect_settle(&expect), -EPERM);
	assert_int_equal(model.expectation_count, 2);
	assert_int_equal(model.expectations[0].timeout, 300);
	assert_int_equal(model.expectations[1].tuple.destination.port, 50002);
	assert_int_equal(model.expectations[1].timeout, 60);
}

/* Peers that hear of each expectation by itself hear it once more, with all that is known of it. */
static void what_waits_for_its_timeout_is_told_again(void **state)
{
	static const uint32_t ids[] = { 1, 3, 4 };
	static struct expect_owned owned[3];

	(void)state;
	expect.together = true;
	make_several(owned, 3);
	model.asked = 0;
	expect_tell_again(&expect, &owned[1].master);
	/* It is looked for, deleted and made; of the others nothing is asked. */
	assert_int_equal(model.asked, 3);
	assert_int_equal(model.expectation_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(model.expectations[i].id, ids[i]);
	assert_int_equal(expect.error, 0);
	/* What is not there any more has been used, and stays away. */
	model.expectation_count = 2;
	expect_tell_again(&expect, &owned[1].master);
	assert_int_equal(model.expectation_count, 2);
	expect.late_count = 0;
	model.asked = 0;
	expect_tell_again(&expect, &owned[0].master);
	assert_int_equal(model.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(other_ports_that_are_written_alike_come_first, begin, finish),
		cmocka_unit_test_setup_teardown(an_expectation_is_made_and_then_has_its_timeout, begin, finish),
		cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_another_one_where_nat_is_in_between, begin, finish),
		cmocka_unit_test_setup_teardown(anothers_expectation_stays_where_it_is, begin, finish),
		cmocka_unit_test_setup_teardown(what_the_kernel_says_instead_has_a_reason, begin, finish),
		cmocka_unit_test_setup_teardown(an_expectation_without_its_timeout_goes, begin, finish),
		cmocka_unit_test_setup_teardown(only_its_own_masters_expectation_is_deleted, begin, finish),
		cmocka_unit_test_setup_teardown(half_an_expectation_is_none, begin, finish),
		cmocka_unit_test_setup_teardown(of_several_that_are_deleted_each_has_its_answer, begin, finish),
		cmocka_unit_test_setup_teardown(timeouts_may_be_set_together, begin, finish),
		cmocka_unit_test_setup_teardown(of_timeouts_that_are_set_together_one_may_fail, begin, finish),
		cmocka_unit_test_setup_teardown(what_waits_for_its_timeout_is_told_again, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
