/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's end: which scenarios there are, and all of them run. */
#ifndef PROBE_CLIENT_H
#define PROBE_CLIENT_H

#include "base/embedded.h"
#include "probe/run.h"

#define PROBE_RUNS_MAX 512

struct probe_source {
	char name[RUN_NAME_MAX];
	struct bytes text;
	uint8_t *owned; /* to be freed, or NULL */
	struct scenario *scenario;
};

struct probe_list {
	struct probe_source sources[PROBE_RUNS_MAX];
	size_t count;
};

/* Scenarios that are compiled in (the build makes this of src/probe/scenarios). */
extern const struct embedded probe_builtins[];
extern const size_t probe_builtins_count;
/* The style and the script of its page. */
enum { PROBE_CSS, PROBE_JS };
extern const struct embedded probe_assets[];

/*
 * Adds the compiled-in scenarios, or all *.scenario of a directory, or one file, sorted by name. False after a failure
 * that was reported on standard error, with file, line and column where a scenario is wrong.
 */
bool probe_list_add_builtins(struct probe_list *list);
bool probe_list_add_path(struct probe_list *list, const char *path);
void probe_list_free(struct probe_list *list);
/* Is the scenario wanted: is filter in its name, or one of its tags? */
bool probe_source_matches(const struct probe_source *source, const char *filter);

struct probe_report {
	struct probe_run *runs;
	size_t count;
	bool open[SIDE_COUNT];
	const char *unreachable; /* why there never was a link, or NULL */
	uint64_t began;
	uint64_t ended;
	struct probe_settings settings;
	size_t counts[PROBE_SKIPPED + 1];
};

/* Runs all, several at a time. report's runs are freed by probe_report_free. False: no memory. */
bool probe_run_all(const struct probe_settings *settings, const struct probe_list *list, struct probe_report *report);
void probe_report_free(struct probe_report *report);

/* probe/results.c */
void probe_report_table(const struct probe_report *report, FILE *out, bool colour);
/* False: it could not be written. */
bool probe_report_json(const struct probe_report *report, FILE *out);
/* probe/page.c */
bool probe_report_html(const struct probe_report *report, FILE *out);

#endif
