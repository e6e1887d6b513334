/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decisions of all sessions are in one pool, each session's in a chain from the oldest to the newest. A session keeps 32 at
 * most; where the pool is full, the session that has most loses its oldest one. So a peer that causes decisions without end
 * displaces its own, and nobody else's. Rows are in lists by how many decisions they have, so the one with most is found at
 * once.
 */
#include <stdlib.h>
#include <string.h>

#include "control/table_internal.h"
#include "ftpalg/address.h"

const char *decision_kind_name(enum decision_kind kind)
{
	static const char *const names[] = {
		"open", "login", "tls", "line", "rewrite", "pinhole", "data", "refuse", "transfer", "anomaly", "close",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == DECISION_KIND_COUNT, "each has a name");
	return names[kind];
}

bool table_open_decisions(struct tables *tables)
{
	tables->decisions = calloc(tables->limits.decisions, sizeof(struct decision));
	tables->decision_free = TABLE_NONE;
	for (size_t i = 0; i <= TABLE_SESSION_DECISIONS; i++)
		row_list_open(&tables->greedy[i], ROW_LINK_GREED);
	return tables->decisions != NULL;
}

/* The row has count of them now. */
static void set_count(struct tables *tables, struct session_row *row, uint32_t count)
{
	if (row->decision_count > 0)
		row_list_remove(tables, &tables->greedy[row->decision_count], row);
	row->decision_count = count;
	if (count > 0 && count <= TABLE_SESSION_DECISIONS)
		row_list_append(tables, &tables->greedy[count], row);
}

static void forget_oldest(struct tables *tables, struct session_row *row)
{
	const uint32_t number = row->decision_first;
	struct decision *decision = &tables->decisions[number];

	row->decision_first = decision->after;
	if (row->decision_first == TABLE_NONE)
		row->decision_last = TABLE_NONE;
	decision->after = tables->decision_free;
	tables->decision_free = number;
	set_count(tables, row, row->decision_count - 1);
}

static struct session_row *find_greediest(struct tables *tables)
{
	size_t count = TABLE_SESSION_DECISIONS;

	while (count > 0 && tables->greedy[count].count == 0)
		count--;
	return row_list_first(tables, &tables->greedy[count]);
}

static uint32_t take_place(struct tables *tables)
{
	uint32_t number;

	if (tables->decision_free == TABLE_NONE && tables->decision_fresh < tables->limits.decisions)
		return tables->decision_fresh++;
	if (tables->decision_free == TABLE_NONE) {
		forget_oldest(tables, find_greediest(tables));
		tables->counters.decisions_evicted++;
	}
	number = tables->decision_free;
	tables->decision_free = tables->decisions[number].after;
	return number;
}

struct decision *table_add_decision(struct tables *tables, struct session_row *row, enum decision_kind kind, uint64_t time)
{
	struct decision *decision;
	uint32_t number;

	if (row->decision_count == TABLE_SESSION_DECISIONS)
		forget_oldest(tables, row);
	number = take_place(tables);
	decision = &tables->decisions[number];
	memset(decision, 0, sizeof(*decision));
	decision->time = time;
	decision->session = row->id;
	decision->kind = kind;
	decision->after = TABLE_NONE;
	if (row->decision_last == TABLE_NONE)
		row->decision_first = number;
	else
		tables->decisions[row->decision_last].after = number;
	row->decision_last = number;
	set_count(tables, row, row->decision_count + 1);
	return decision;
}

/* Given back as the chain that they are: to walk along it would fetch each from memory, where nobody has come since. */
void table_forget_decisions(struct tables *tables, struct session_row *row)
{
	if (row->decision_count == 0)
		return;
	tables->decisions[row->decision_last].after = tables->decision_free;
	tables->decision_free = row->decision_first;
	row->decision_first = TABLE_NONE;
	row->decision_last = TABLE_NONE;
	set_count(tables, row, 0);
}

void decision_set_words(struct decision *decision, struct bytes words)
{
	decision->cut = words.length > sizeof(decision->words);
	decision->words_length = (uint8_t)(decision->cut ? sizeof(decision->words) : words.length);
	if (decision->words_length > 0)
		memcpy(decision->words, words.data, decision->words_length);
}

bool table_reason_is_of_data(enum reason reason)
{
	return reason == REASON_FILTERED_HERE || reason == REASON_DELETED_HERE || reason == REASON_REFUSED_BY_PEER ||
	       reason == REASON_NO_ANSWER;
}

static enum decision_kind kind_of(const struct notice *notice)
{
	switch (notice->type) {
	case NOTICE_SESSION_OPEN:
		return DECISION_OPEN;
	case NOTICE_LOGIN:
		return DECISION_LOGIN;
	case NOTICE_TLS:
	case NOTICE_MINT:
		return DECISION_TLS;
	case NOTICE_OFFER:
		return endpoint_equal(&notice->offered, &notice->announced) ? DECISION_LINE : DECISION_REWRITE;
	case NOTICE_PINHOLE_CLOSE:
		if (table_reason_is_of_data(notice->reason))
			return DECISION_DATA;
		return DECISION_PINHOLE;
	case NOTICE_PINHOLE_OPEN:
		return DECISION_PINHOLE;
	case NOTICE_PINHOLE_USED:
	case NOTICE_RELAY:
		return DECISION_DATA;
	case NOTICE_REFUSE:
		return DECISION_REFUSE;
	case NOTICE_SESSION_CLOSE:
		return DECISION_CLOSE;
	case NOTICE_LINE:
		return DECISION_LINE;
	default:
		return DECISION_ANOMALY;
	}
}

/* Of lines, only those that decide something: questions like PWD are many. */
static bool is_worth_it(const struct notice *notice)
{
	if (notice->type != NOTICE_LINE)
		return notice->type != NOTICE_REWRITE && notice->type != NOTICE_TRANSFER;
	return verb_is_transfer(notice->verb) || notice->verb == VERB_ABOR || notice->verb == VERB_AUTH ||
	       notice->verb == VERB_REIN || notice->code / 100 >= 4;
}

void table_note(struct tables *tables, struct session_row *row, const struct notice *notice, uint64_t time)
{
	const struct expectation *expectation = notice->expectation;
	struct decision *decision;

	if (!is_worth_it(notice))
		return;
	decision = table_add_decision(tables, row, kind_of(notice), time);
	decision->type = notice->type;
	decision->reason = notice->reason;
	decision->form = notice->form;
	decision->verb = notice->verb;
	decision->direction = notice->direction;
	decision->code = notice->code;
	decision->first = notice->offered;
	decision->second = notice->announced;
	decision->bytes = UINT64_MAX;
	if (expectation) {
		decision->from = expectation->source;
		decision->first = expectation->destination;
		decision->seconds = expectation->timeout;
	}
	if (notice->relay)
		decision->bytes = notice->relay->to_client + notice->relay->to_server;
	decision_set_words(decision, notice->text);
	if (decision->kind == DECISION_REFUSE)
		table_add_news(tables, decision);
}

void table_add_news(struct tables *tables, const struct decision *decision)
{
	tables->news[tables->news_end++ % TABLE_NEWS] = *decision;
}

const struct decision *tables_next_decision(const struct tables *tables, const struct session_row *row,
					    const struct decision *before)
{
	const uint32_t number = before ? before->after : row->decision_first;

	return number == TABLE_NONE ? NULL : &tables->decisions[number];
}

uint64_t tables_end_of_news(const struct tables *tables)
{
	return tables->news_end;
}

const struct decision *tables_news(const struct tables *tables, uint64_t number)
{
	if (number >= tables->news_end || tables->news_end - number > TABLE_NEWS)
		return NULL;
	return &tables->news[number % TABLE_NEWS];
}
