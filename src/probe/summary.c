/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/summary.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *words;
} known[] = {
	{ "active", "transfers in active mode" },
	{ "bounce", "offers of another host" },
	{ "dialogue", "how sessions begin, go on and end" },
	{ "forged", "what is no FTP, and reads like it" },
	{ "lexical", "odd bytes in a line" },
	{ "mixed", "both modes in one session" },
	{ "number", "numbers that can be read in two ways" },
	{ "passive", "transfers in passive mode" },
	{ "pinhole", "what a pinhole lets in, and how long" },
	{ "port", "ports of services" },
	{ "reply", "replies that announce what nobody asked for" },
	{ "segments", "lines in pieces, and several at once" },
	{ "sequence", "sequence numbers after a change" },
	{ "state", "what a session allows, and when" },
	{ "tls", "encrypted sessions" },
	{ "urgent", "urgent bytes" },
};

static const enum probe_verdict severity[PROBE_VERDICTS] = {
	PROBE_EXPOSED, PROBE_BROKEN, PROBE_FAIL, PROBE_PASS, PROBE_SKIPPED,
};

enum probe_verdict summary_verdict(size_t index)
{
	return severity[index];
}

static size_t rank_of(enum probe_verdict verdict)
{
	size_t rank = 0;

	while (rank + 1 < PROBE_VERDICTS && severity[rank] != verdict)
		rank++;
	return rank;
}

static int compare_runs(const void *a, const void *b)
{
	const struct probe_run *one = *(const struct probe_run *const *)a;
	const struct probe_run *other = *(const struct probe_run *const *)b;

	if (one->verdict != other->verdict)
		return rank_of(one->verdict) < rank_of(other->verdict) ? -1 : 1;
	return strcmp(one->name, other->name);
}

void summary_order(const struct probe_report *report, const struct probe_run **order)
{
	for (size_t i = 0; i < report->count; i++)
		order[i] = &report->runs[i];
	if (report->count > 0)
		qsort(order, report->count, sizeof(*order), compare_runs);
}

void summary_name_topic(const char *scenario, char topic[RUN_NAME_MAX])
{
	const size_t length = strcspn(scenario, "-");

	memcpy(topic, scenario, length);
	topic[length] = '\0';
}

static bool begins_with(struct bytes text, const char *beginning)
{
	return text.length >= strlen(beginning) && memcmp(text.data, beginning, strlen(beginning)) == 0;
}

void summary_say_demand(struct bytes statement, struct probe_bytes *words)
{
	static const char data[] = "data ";

	if (begins_with(statement, data)) {
		probe_bytes_print(words, "a data connection, ");
		statement.data += strlen(data);
		statement.length -= strlen(data);
	} else if (begins_with(statement, "client ") || begins_with(statement, "server ")) {
		probe_bytes_print(words, "the ");
	}
	probe_bytes_append(words, statement.data, statement.length);
}

static const char *words_of(const char *topic)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, topic) == 0)
			return known[i].words;
	return "";
}

static int compare_topics(const void *a, const void *b)
{
	return strcmp(((const struct probe_topic *)a)->name, ((const struct probe_topic *)b)->name);
}

size_t summary_count_topics(const struct probe_report *report, struct probe_topic topics[PROBE_TOPICS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++) {
		char name[RUN_NAME_MAX];
		size_t topic = 0;

		summary_name_topic(report->runs[i].name, name);
		while (topic < count && strcmp(topics[topic].name, name) != 0)
			topic++;
		if (topic == PROBE_TOPICS_MAX)
			continue;
		if (topic == count) {
			topics[count] = (struct probe_topic){ .words = words_of(name) };
			memcpy(topics[count++].name, name, sizeof(name));
		}
		topics[topic].counts[report->runs[i].verdict]++;
	}
	qsort(topics, count, sizeof(*topics), compare_topics);
	return count;
}
