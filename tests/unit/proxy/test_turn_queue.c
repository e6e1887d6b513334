/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A400: whoever has much to do has one turn, and then the next one has. */
#include <string.h>

#include "proxy/turn_queue.h"
#include "unit.h"

#define MANY 900

struct crowd {
	struct turn_queue queue;
	struct turn_source flood;
	struct turn_source other;
	struct turn_source third;
	struct turn turns[MANY];
	struct turn one;
	struct turn two;
};

static struct crowd crowd;

static struct crowd *fresh(void)
{
	memset(&crowd, 0, sizeof(crowd));
	return &crowd;
}

/* So many turns of a source wait. */
static void flood(struct turn_source *source, enum turn_class class, int count)
{
	for (int i = 0; i < count; i++)
		turn_queue_put(&crowd.queue, source, class, &crowd.turns[i]);
}

static void a400_a_source_with_one_turn_waits_for_one_of_a_source_with_hundreds(void **state)
{
	struct crowd *all = fresh();

	(void)state;
	flood(&all->flood, TURN_UNSETTLED, MANY);
	turn_queue_put(&all->queue, &all->other, TURN_UNSETTLED, &all->one);
	turn_queue_put(&all->queue, &all->third, TURN_UNSETTLED, &all->two);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[0]);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->two);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[1]);
	/* It comes back, and waits for one again. */
	turn_queue_put(&all->queue, &all->other, TURN_UNSETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[2]);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
}

static void a400_who_is_logged_in_waits_for_one_handshake_of_its_own_address(void **state)
{
	struct crowd *all = fresh();

	(void)state;
	flood(&all->flood, TURN_UNSETTLED, MANY);
	for (int i = 0; i < 10; i++) {
		assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[i]);
		turn_queue_put(&all->queue, &all->flood, TURN_SETTLED, &all->one);
		turn_queue_charge(&all->queue, TURN_UNSETTLED, 300);
		assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
		turn_queue_charge(&all->queue, TURN_SETTLED, 50);
	}
}

/* How much of the time a class has, in percent, where all three have always something to do. */
static uint64_t share_of(enum turn_class wanted, const uint64_t lasts[TURN_CLASSES])
{
	struct crowd *all = fresh();
	uint64_t spent[TURN_CLASSES] = { 0 };
	uint64_t total = 0;

	for (int i = 0; i < TURN_CLASSES; i++)
		turn_queue_put(&all->queue, &all->flood, (enum turn_class)i, &all->turns[i]);
	while (total < 1000000) {
		struct turn *turn = turn_queue_take(&all->queue);
		const enum turn_class class = turn->class;

		turn_queue_put(&all->queue, &all->flood, class, turn);
		turn_queue_charge(&all->queue, class, lasts[class]);
		spent[class] += lasts[class];
		total += lasts[class];
	}
	return (spent[wanted] * 100 + total / 2) / total;
}

static void a400_no_class_starves_however_long_its_turns_are_or_those_of_others(void **state)
{
	static const uint64_t alike[TURN_CLASSES] = { 100, 100, 100 };
	/* settled, arrivals, unsettled: first with relays that are busy, then with slow handshakes */
	static const uint64_t relays[TURN_CLASSES] = { 2000, 50, 300 };
	static const uint64_t handshakes[TURN_CLASSES] = { 20, 50, 900 };

	(void)state;
	assert_int_equal(share_of(TURN_SETTLED, alike), 50);
	assert_int_equal(share_of(TURN_ARRIVAL, alike), 25);
	assert_in_range(share_of(TURN_SETTLED, relays), 49, 51);
	assert_in_range(share_of(TURN_UNSETTLED, relays), 24, 26);
	assert_in_range(share_of(TURN_SETTLED, handshakes), 49, 51);
	assert_in_range(share_of(TURN_ARRIVAL, handshakes), 24, 26);
}

static void a400_a_class_saves_nothing_up_while_it_has_nothing_to_do(void **state)
{
	struct crowd *all = fresh();

	(void)state;
	/* An hour in which nobody but relays wants anything. */
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
	turn_queue_charge(&all->queue, TURN_SETTLED, UINT64_C(3600000000));
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
	/* The flood that comes now has what it would have had without. */
	flood(&all->flood, TURN_UNSETTLED, MANY);
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
	turn_queue_charge(&all->queue, TURN_SETTLED, 100);
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[0]);
	turn_queue_charge(&all->queue, TURN_UNSETTLED, 100);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
}

static void a_turn_waits_once_however_often_it_is_asked_for(void **state)
{
	struct crowd *all = fresh();

	(void)state;
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	turn_queue_put(&all->queue, &all->flood, TURN_UNSETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
	assert_null(turn_queue_take(&all->queue));
	assert_true(turn_queue_is_empty(&all->queue));
}

static void what_ends_while_it_waits_leaves_the_others_in_their_order(void **state)
{
	struct crowd *all = fresh();

	(void)state;
	flood(&all->flood, TURN_UNSETTLED, 4);
	turn_queue_put(&all->queue, &all->other, TURN_UNSETTLED, &all->one);
	turn_queue_put(&all->queue, &all->third, TURN_UNSETTLED, &all->two);
	turn_queue_remove(&all->queue, &all->turns[0]); /* the first of its line */
	turn_queue_remove(&all->queue, &all->turns[2]); /* one in the middle */
	turn_queue_remove(&all->queue, &all->one);      /* the whole line, between two others */
	turn_queue_remove(&all->queue, &all->one);      /* and once more */
	assert_ptr_equal(turn_queue_take(&all->queue), &all->turns[1]);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->two);
	turn_queue_remove(&all->queue, &all->turns[3]); /* the last of its line, and of all */
	assert_true(turn_queue_is_empty(&all->queue));
	assert_null(turn_queue_take(&all->queue));
	/* And what was removed can come back. */
	turn_queue_put(&all->queue, &all->other, TURN_SETTLED, &all->one);
	assert_ptr_equal(turn_queue_take(&all->queue), &all->one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a400_a_source_with_one_turn_waits_for_one_of_a_source_with_hundreds),
		cmocka_unit_test(a400_who_is_logged_in_waits_for_one_handshake_of_its_own_address),
		cmocka_unit_test(a400_no_class_starves_however_long_its_turns_are_or_those_of_others),
		cmocka_unit_test(a400_a_class_saves_nothing_up_while_it_has_nothing_to_do),
		cmocka_unit_test(a_turn_waits_once_however_often_it_is_asked_for),
		cmocka_unit_test(what_ends_while_it_waits_leaves_the_others_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
