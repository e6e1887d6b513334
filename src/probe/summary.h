/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which results are shown, and how many of each topic there are. */
#ifndef PROBE_SUMMARY_H
#define PROBE_SUMMARY_H

#include "probe/client.h"

#define PROBE_VERDICTS (PROBE_SKIPPED + 1)
#define PROBE_TOPICS_MAX 64

/* What a scenario is about: the first word of its name. */
struct probe_topic {
	char name[RUN_NAME_MAX];
	const char *words; /* what that means; "" for topics of somebody else's scenarios */
	size_t counts[PROBE_VERDICTS];
};

/* Verdicts from the worst to the least: the index-th of PROBE_VERDICTS. */
enum probe_verdict summary_verdict(size_t index);

/* The runs of report, worst first, and by name within a verdict. order has room for all. */
void summary_order(const struct probe_report *report, const struct probe_run **order);

/* What a statement requires, as a part of a sentence. */
void summary_say_demand(struct bytes statement, struct probe_bytes *words);

void summary_name_topic(const char *scenario, char topic[RUN_NAME_MAX]);
/* In the order of their names. What is beyond PROBE_TOPICS_MAX is left out. Returns how many. */
size_t summary_count_topics(const struct probe_report *report, struct probe_topic topics[PROBE_TOPICS_MAX]);

#endif
