/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of control connections against a plain list of what should be in it. */
#include <stdlib.h>

#include "core/tcp/flow.h"
#include "unit.h"

#define ROWS_MAX 24
/* Few peers, so that the same connection comes back often. */
#define CONNECTIONS 60

struct rig {
	struct flow_table table;
	struct flow flows[ROWS_MAX];
	uint32_t buckets[8 * ROWS_MAX];
};

/* One row that should be in the table; the list is in the order in which they were taken, touched or ended. */
struct row {
	struct tuple tuple;
	enum flow_state state;
	uint64_t seen;
	const struct flow *flow;
};

struct list {
	struct row rows[ROWS_MAX];
	size_t count;
};

static const uint8_t key[16] = { 3, 1, 4, 1, 5 };

static struct tuple connection(uint32_t number)
{
	bool ipv6 = number % 3 == 0;
	struct tuple tuple = {
		.source = unit_endpoint(ipv6 ? "2001:db8::5" : "10.0.0.5", (uint16_t)(40000 + number)),
		.destination = unit_endpoint(ipv6 ? "2001:db8::9" : "203.0.113.9", 21),
	};

	return tuple;
}

static void rig_make(struct rig *rig, uint32_t count)
{
	assert_true(flow_table_bucket_count(count) <= ARRAY_SIZE(rig->buckets));
	/* Rows that were never used need not be cleared; buckets neither. */
	memset(rig, 0xa5, sizeof(*rig));
	flow_table_init(&rig->table, rig->flows, count, rig->buckets, key);
}

static void bucket_counts_are_powers_of_two_and_four_for_a_row(void **state)
{
	static const uint32_t counts[] = { 0, 1, 16, 17, 1000, 65536, 65537, UINT32_C(0x80000000), UINT32_MAX };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(counts); index++) {
		uint32_t buckets = flow_table_bucket_count(counts[index]);

		assert_int_equal(buckets & (buckets - 1), 0);
		assert_true(buckets >= FLOW_BUCKETS_LEAST);
		assert_true(buckets / 4 >= counts[index] || buckets == UINT32_C(0x80000000));
		assert_true(buckets == FLOW_BUCKETS_LEAST || buckets / 8 < counts[index]);
	}
}

static void both_directions_find_the_same_flow(void **state)
{
	struct tuple tuple = connection(1);
	struct tuple reversed = tuple_reverse(&tuple);
	enum direction direction;
	struct flow *flow;
	struct rig rig;

	(void)state;
	rig_make(&rig, 4);
	assert_null(flow_find(&rig.table, &tuple, &direction));
	flow = flow_take(&rig.table, &tuple, FLOW_LIVE, 1);
	assert_non_null(flow);
	assert_ptr_equal(flow_find(&rig.table, &tuple, &direction), flow);
	assert_int_equal(direction, DIRECTION_ORIGINAL);
	assert_ptr_equal(flow_find(&rig.table, &reversed, &direction), flow);
	assert_int_equal(direction, DIRECTION_REPLY);
}

static void connections_that_differ_in_one_field_are_different(void **state)
{
	struct tuple base = connection(1);
	struct tuple others[4];
	enum direction direction;
	struct rig rig;

	(void)state;
	rig_make(&rig, 4);
	assert_non_null(flow_take(&rig.table, &base, FLOW_LIVE, 1));
	for (size_t index = 0; index < ARRAY_SIZE(others); index++)
		others[index] = base;
	others[0].source.port++;
	others[1].destination.port++;
	others[2].source.address.octets[3]++;
	others[3].destination.address.octets[3]++;
	for (size_t index = 0; index < ARRAY_SIZE(others); index++)
		assert_null(flow_find(&rig.table, &others[index], &direction));
}

static void a_full_table_gives_no_row(void **state)
{
	struct tuple tuple;
	struct rig rig;

	(void)state;
	rig_make(&rig, 3);
	for (uint32_t number = 0; number < 3; number++) {
		tuple = connection(number);
		assert_non_null(flow_take(&rig.table, &tuple, FLOW_LIVE, number));
	}
	tuple = connection(3);
	assert_null(flow_take(&rig.table, &tuple, FLOW_LIVE, 3));
	assert_int_equal(rig.table.used, 3);
	/* An ended row is still a row. */
	flow_move(&rig.table, flow_oldest(&rig.table, FLOW_LIVE), FLOW_DONE);
	assert_null(flow_take(&rig.table, &tuple, FLOW_LIVE, 3));
	assert_int_equal(rig.table.used, 2);
	assert_false(flow_has_used_row(&rig.table));
	flow_release(&rig.table, flow_oldest_ended(&rig.table));
	assert_true(flow_has_used_row(&rig.table));
	assert_non_null(flow_take(&rig.table, &tuple, FLOW_LIVE, 3));
	assert_int_equal(rig.table.used, 3);
}

static void a_table_without_rows_is_always_full(void **state)
{
	struct tuple tuple = connection(1);
	enum direction direction;
	struct rig rig;

	(void)state;
	rig_make(&rig, 0);
	assert_null(flow_take(&rig.table, &tuple, FLOW_LIVE, 1));
	assert_null(flow_find(&rig.table, &tuple, &direction));
	assert_null(flow_oldest(&rig.table, FLOW_LIVE));
	assert_null(flow_oldest_ended(&rig.table));
}

static void a_row_that_is_taken_again_is_clean(void **state)
{
	struct tuple tuple = connection(1);
	struct flow *flow;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	flow = flow_take(&rig.table, &tuple, FLOW_LIVE, 1);
	assert_non_null(flow);
	flow->tls[1].reading = true;
	flow->stream[1].finished = true;
	flow->session.epsv_all = true;
	flow_release(&rig.table, flow);
	tuple = connection(2);
	flow = flow_take(&rig.table, &tuple, FLOW_LIVE, 2);
	assert_non_null(flow);
	assert_false(flow->tls[1].reading);
	assert_false(flow->stream[1].finished);
	assert_false(flow->session.epsv_all);
	assert_int_equal(flow->state, FLOW_LIVE);
}

static struct row *list_find(struct list *list, const struct tuple *tuple)
{
	for (size_t index = 0; index < list->count; index++)
		if (tuple_equal(&list->rows[index].tuple, tuple))
			return &list->rows[index];
	return NULL;
}

static void list_remove(struct list *list, const struct row *row)
{
	size_t index = (size_t)(row - list->rows);

	list->count--;
	memmove(&list->rows[index], &list->rows[index + 1], (list->count - index) * sizeof(list->rows[0]));
}

static void list_append(struct list *list, struct row row)
{
	list->rows[list->count++] = row;
}

static const struct flow *list_oldest(const struct list *list, enum flow_state state)
{
	for (size_t index = 0; index < list->count; index++)
		if (list->rows[index].state == state)
			return list->rows[index].flow;
	return NULL;
}

static void check(const struct rig *rig, struct list *list)
{
	const struct flow *done = list_oldest(list, FLOW_DONE);
	uint32_t live = 0;
	uint32_t ended = 0;

	for (uint32_t number = 0; number < CONNECTIONS; number++) {
		struct tuple tuple = connection(number);
		struct tuple reversed = tuple_reverse(&tuple);
		const struct row *row = list_find(list, &tuple);
		enum direction direction = DIRECTION_REPLY;
		const struct flow *flow = flow_find(&rig->table, &tuple, &direction);

		assert_ptr_equal(flow, row ? row->flow : NULL);
		if (!row)
			continue;
		assert_int_equal(direction, DIRECTION_ORIGINAL);
		assert_ptr_equal(flow_find(&rig->table, &reversed, &direction), row->flow);
		assert_int_equal(flow->state, row->state);
		assert_true(flow->seen == row->seen);
		live += row->state == FLOW_LIVE ? 1 : 0;
		ended += row->state == FLOW_DONE ? 1 : 0;
	}
	assert_int_equal(rig->table.used, live);
	assert_int_equal(rig->table.done, ended);
	assert_ptr_equal(flow_oldest(&rig->table, FLOW_LIVE), list_oldest(list, FLOW_LIVE));
	assert_ptr_equal(flow_oldest(&rig->table, FLOW_KILLED), list_oldest(list, FLOW_KILLED));
	assert_ptr_equal(flow_oldest_ended(&rig->table), done ? done : list_oldest(list, FLOW_KILLED));
}

static void take(struct rig *rig, struct list *list, uint32_t number, uint64_t now)
{
	struct tuple tuple = connection(number);
	struct flow *flow = flow_take(&rig->table, &tuple, FLOW_LIVE, now);

	assert_int_equal(flow != NULL, list->count < rig->table.count);
	if (flow)
		list_append(list, (struct row){ tuple, FLOW_LIVE, now, flow });
}

static void change(struct rig *rig, struct list *list, uint64_t *random, uint64_t now)
{
	uint32_t number = unit_random_below(random, CONNECTIONS);
	struct tuple tuple = connection(number);
	struct row *found = list_find(list, &tuple);
	struct flow *flow;
	struct row row;

	if (!found) {
		take(rig, list, number, now);
		return;
	}
	row = *found;
	flow = &rig->flows[row.flow - rig->flows];
	list_remove(list, found);
	switch (unit_random_below(random, 4)) {
	case 0:
		flow_release(&rig->table, flow);
		return;
	case 1:
		if (row.state == FLOW_LIVE) {
			row.state = unit_random_below(random, 2) ? FLOW_DONE : FLOW_KILLED;
			flow_move(&rig->table, flow, row.state);
			break;
		}
		/* fall through */
	default:
		row.seen = now;
		flow_touch(&rig->table, flow, now);
		break;
	}
	list_append(list, row);
}

static void the_table_behaves_like_a_plain_list(void **state)
{
	static struct rig rig;
	static struct list list;
	uint64_t random = 21;

	(void)state;
	for (uint32_t count = 1; count <= ROWS_MAX; count += 5) {
		rig_make(&rig, count);
		/* As few as make sure that many rows share one. */
		rig.table.bucket_mask = 7;
		list.count = 0;
		for (uint64_t now = 1; now < 600; now++) {
			change(&rig, &list, &random, now);
			check(&rig, &list);
		}
	}
}

static void a_live_row_keeps_its_place_for_a_time_and_others_do_not(void **state)
{
	const struct tuple tuples[] = { connection(1), connection(2) };
	struct flow *first;
	struct flow *second;
	struct rig rig;

	(void)state;
	rig_make(&rig, ROWS_MAX);
	rig.table.laxity = 100;
	first = flow_take(&rig.table, &tuples[0], FLOW_LIVE, 1);
	second = flow_take(&rig.table, &tuples[1], FLOW_LIVE, 2);
	flow_touch(&rig.table, first, 100);
	assert_ptr_equal(flow_oldest(&rig.table, FLOW_LIVE), first);
	assert_true(first->seen == 100);
	flow_touch(&rig.table, first, 101);
	assert_ptr_equal(flow_oldest(&rig.table, FLOW_LIVE), second);
	flow_touch(&rig.table, second, 150);
	flow_touch(&rig.table, first, 200);
	assert_ptr_equal(flow_oldest(&rig.table, FLOW_LIVE), first);
	flow_move(&rig.table, first, FLOW_DONE);
	flow_move(&rig.table, second, FLOW_DONE);
	flow_touch(&rig.table, first, 201);
	assert_ptr_equal(flow_oldest_ended(&rig.table), second);
}

static void peers_cannot_choose_their_bucket(void **state)
{
	uint8_t keys[2][16] = { { 1 }, { 2 } };
	unsigned int moved = 0;
	struct rig rig;

	(void)state;
	for (uint32_t number = 0; number < CONNECTIONS; number++) {
		struct tuple tuple = connection(number);
		uint32_t bucket[2] = { 0, 0 };

		for (size_t i = 0; i < 2; i++) {
			memset(&rig, 0, sizeof(rig));
			flow_table_init(&rig.table, rig.flows, ROWS_MAX, rig.buckets, keys[i]);
			assert_non_null(flow_take(&rig.table, &tuple, FLOW_LIVE, 1));
			while (rig.buckets[bucket[i]] == 0)
				bucket[i]++;
		}
		moved += bucket[0] != bucket[1] ? 1 : 0;
	}
	/* With 128 buckets nearly all fall into another one. */
	assert_true(moved > CONNECTIONS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_counts_are_powers_of_two_and_four_for_a_row),
		cmocka_unit_test(both_directions_find_the_same_flow),
		cmocka_unit_test(connections_that_differ_in_one_field_are_different),
		cmocka_unit_test(a_full_table_gives_no_row),
		cmocka_unit_test(a_table_without_rows_is_always_full),
		cmocka_unit_test(a_row_that_is_taken_again_is_clean),
		cmocka_unit_test(the_table_behaves_like_a_plain_list),
		cmocka_unit_test(a_live_row_keeps_its_place_for_a_time_and_others_do_not),
		cmocka_unit_test(peers_cannot_choose_their_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
