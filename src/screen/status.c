/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One screen that says whether FTP works: a line for each part of the gateway, and at its end what is wrong. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "screen/field.h"
#include "screen/screen.h"
#include "screen/unit.h"

#define LABEL_WIDTH 10
#define GAP 3
/* A heartbeat comes each second, and may be late. */
#define HUNG_SECONDS 3
#define REASONS_SHOWN 5
#define DAY 86400.0
/* Enough time to renew a certificate by hand. */
#define SOON (14 * DAY)

/* A line of items, which goes on below where the terminal ends. */
struct line {
	struct screen_text *text;
	struct screen_text item; /* that is being put together */
	unsigned int column;
};

static void line_begin(struct line *line, struct screen_text *text, const char *label)
{
	*line = (struct line){ .text = text, .item = { .style = text->style }, .column = LABEL_WIDTH };
	screen_add(text, "%-*s", LABEL_WIDTH, label);
}

/* Puts what is in line->item, if anything is. */
static void line_put(struct line *line, enum screen_tone tone)
{
	const unsigned int limit = line->text->style->width;
	const char *words = line->item.data ? line->item.data : "";
	const unsigned int width = screen_width(words, strlen(words));

	if (width == 0)
		return;
	if (line->column > LABEL_WIDTH && limit > 0 && line->column + GAP + width > limit) {
		screen_add(line->text, "\n%*s", LABEL_WIDTH, "");
		line->column = LABEL_WIDTH;
	} else if (line->column > LABEL_WIDTH) {
		screen_add(line->text, "%*s", GAP, "");
		line->column += GAP;
	}
	if (tone != SCREEN_PLAIN)
		screen_add_tone(line->text, tone);
	screen_add_wrapped(line->text, words, line->column, LABEL_WIDTH);
	if (tone != SCREEN_PLAIN)
		screen_add_tone(line->text, SCREEN_PLAIN);
	line->column += width;
	line->text->lost = line->text->lost || line->item.lost;
	screen_text_free(&line->item);
}

static void line_end(struct line *line)
{
	screen_add(line->text, "\n");
}

/* "12 open", in the tone where it is not 0. */
static void line_put_count(struct line *line, const json_t *object, const char *name, const char *words,
			   enum screen_tone tone)
{
	const uint64_t count = field_count(object, name);

	/* What can't be known is not mentioned. */
	if (!field_exists(object, name))
		return;
	screen_add_count(&line->item, count);
	screen_add(&line->item, " %s", words);
	line_put(line, count > 0 ? tone : SCREEN_PLAIN);
}

static void add_head(struct screen_text *text, const json_t *status, double now)
{
	const json_t *config = json_object_get(status, "config");
	const double started = field_time(status, "started");
	struct line line;

	line_begin(&line, text, "ftpalg");
	screen_add_string(&line.item, field_text(status, "program"));
	line_put(&line, SCREEN_STRONG);
	if (started >= 0) {
		screen_add(&line.item, "running ");
		screen_add_duration(&line.item, now - started);
		line_put(&line, SCREEN_PLAIN);
		screen_add(&line.item, "since ");
		screen_add_time(&line.item, started, SCREEN_CLOCK_DATE, now);
		line_put(&line, SCREEN_PLAIN);
	}
	screen_add(&line.item, "pid %" PRIu64, field_count(status, "pid"));
	line_put(&line, SCREEN_PLAIN);
	if (*field_text(config, "path")) {
		screen_add(&line.item, "config ");
		screen_add_string(&line.item, field_text(config, "path"));
		if (field_time(config, "read") >= 0) {
			screen_add(&line.item, ", read ");
			screen_add_duration(&line.item, now - field_time(config, "read"));
			screen_add(&line.item, " ago");
		}
		line_put(&line, SCREEN_PLAIN);
	}
	if (field_exists(config, "error")) {
		screen_add(&line.item, "what it says now is not in force: ");
		screen_add_string(&line.item, field_text(config, "error"));
		line_put(&line, SCREEN_BAD);
	}
	line_end(&line);
}

static void put_hung(struct line *line, const json_t *worker, uint32_t watchdog)
{
	screen_add(&line->item, "has not moved for %" PRIu64 " s", field_count(worker, "hung_seconds"));
	if (watchdog > 0)
		screen_add(&line->item, " (watchdog kills it at %" PRIu32 " s)", watchdog);
	screen_add(&line->item, "; ");
	screen_add_count(&line->item, field_count(worker, "waiting"));
	screen_add(&line->item, " packets wait");
	line_put(line, SCREEN_BAD);
}

static void add_worker(struct screen_text *text, const json_t *worker, uint32_t watchdog)
{
	const bool hung = field_count(worker, "hung_seconds") >= HUNG_SECONDS;
	struct line line;

	line_begin(&line, text, "worker");
	screen_add(&line.item, "queue %" PRIu64, field_count(worker, "queue"));
	line_put(&line, SCREEN_PLAIN);
	if (hung) {
		put_hung(&line, worker, watchdog);
	} else {
		screen_add(&line.item, field_is_true(worker, "up") ? "up" : "DOWN");
		line_put(&line, field_is_true(worker, "up") ? SCREEN_GOOD : SCREEN_BAD);
	}
	line_put_count(&line, worker, "packets", "packets", SCREEN_PLAIN);
	if (!hung)
		line_put_count(&line, worker, "waiting", "waiting", SCREEN_PLAIN);
	line_put_count(&line, worker, "dropped", "dropped", SCREEN_ODD);
	if (field_exists(worker, "p50_us"))
		screen_add(&line.item, "verdicts p50 %" PRIu64 " us  p99 %" PRIu64 " us", field_count(worker, "p50_us"),
			   field_count(worker, "p99_us"));
	line_put(&line, SCREEN_PLAIN);
	if (field_exists(worker, "restarts")) {
		screen_add(&line.item, "restarted ");
		screen_add_count(&line.item, field_count(worker, "restarts"));
		screen_add(&line.item, field_count(worker, "restarts") == 1 ? " time" : " times");
	}
	line_put(&line, field_count(worker, "restarts") > 0 ? SCREEN_ODD : SCREEN_PLAIN);
	line_end(&line);
}

static void put_certificate(struct line *line, const json_t *certificate, double now)
{
	const double ends = field_time(certificate, "ends");

	if (ends < 0)
		return;
	screen_add(&line->item, "certificate \"");
	screen_add_string(&line->item, field_text(certificate, "section"));
	if (ends - now >= 2 * DAY) {
		screen_add(&line->item, "\" ends in %.0f days", (ends - now) / DAY - 0.5);
	} else if (ends > now) {
		screen_add(&line->item, "\" ends in ");
		screen_add_duration(&line->item, ends - now);
	} else {
		screen_add(&line->item, "\" has ENDED on ");
		screen_add_time(&line->item, ends, SCREEN_CLOCK_DATE, now);
	}
	line_put(line, ends <= now ? SCREEN_BAD : ends - now < SOON ? SCREEN_ODD : SCREEN_PLAIN);
}

static void add_member(struct screen_text *text, const json_t *member)
{
	const bool hung = field_count(member, "hung_seconds") >= HUNG_SECONDS, up = field_is_true(member, "up");
	struct line line;

	line_begin(&line, text, "");
	screen_add(&line.item, "process %" PRIu64, field_count(member, "process"));
	line_put(&line, SCREEN_PLAIN);
	if (hung)
		screen_add(&line.item, "has not moved for %" PRIu64 " s", field_count(member, "hung_seconds"));
	else
		screen_add(&line.item, up ? "up" : "DOWN");
	line_put(&line, up && !hung ? SCREEN_GOOD : SCREEN_BAD);
	line_put_count(&line, member, "sessions", "sessions", SCREEN_PLAIN);
	/* The first half of a number is that of the process. */
	screen_add(&line.item, "with numbers from ");
	screen_add_string(&line.item, field_text(member, "sessions_from"));
	line_put(&line, SCREEN_PLAIN);
	line_put_count(&line, member, "restarts", "restarts", field_count(member, "restarts") > 0 ? SCREEN_ODD : SCREEN_PLAIN);
	line_end(&line);
}

static void add_proxy(struct screen_text *text, const json_t *proxy, double now)
{
	const json_t *ports = json_object_get(proxy, "ports");
	const json_t *certificates = json_object_get(proxy, "certificates");
	const json_t *members = json_object_get(proxy, "processes");
	const bool up = field_is_true(proxy, "up");
	struct line line;

	line_begin(&line, text, "proxy");
	screen_add(&line.item, json_array_size(ports) == 1 ? "port" : "ports");
	for (size_t i = 0; i < json_array_size(ports); i++)
		screen_add(&line.item, " %" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(ports, i)));
	line_put(&line, SCREEN_PLAIN);
	screen_add(&line.item, up ? "up" : "DOWN");
	line_put(&line, up ? SCREEN_GOOD : SCREEN_BAD);
	line_put_count(&line, proxy, "sessions", "sessions", SCREEN_PLAIN);
	if (field_count(proxy, "draining") > 0)
		line_put_count(&line, proxy, "draining", "of proxies that were replaced", SCREEN_PLAIN);
	for (size_t i = 0; i < json_array_size(certificates); i++)
		put_certificate(&line, json_array_get(certificates, i), now);
	line_end(&line);
	for (size_t i = 0; json_array_size(members) > 1 && i < json_array_size(members); i++)
		add_member(text, json_array_get(members, i));
}

static void put_rule(struct line *line, const json_t *rule, double now)
{
	const char *family = strcmp(field_text(rule, "family"), "ipv6") == 0 ? "IPv6" : "IPv4";
	const char *state = field_text(rule, "state");
	const double since = field_time(rule, "since");

	screen_add(&line->item, "%s ", family);
	if (strcmp(state, "loaded") == 0) {
		screen_add(&line->item, "loaded");
		if (*field_text(rule, "kind")) {
			screen_add(&line->item, " (");
			screen_add_string(&line->item, field_text(rule, "kind"));
			screen_add(&line->item, ")");
		}
		line_put(line, SCREEN_GOOD);
		return;
	}
	if (strcmp(state, "missing") != 0) {
		screen_add(&line->item, "not known");
		line_put(line, SCREEN_ODD);
		return;
	}
	screen_add(&line->item, "MISSING");
	if (since >= 0) {
		screen_add(&line->item, " since ");
		screen_add_time(&line->item, since, SCREEN_CLOCK_RECENT, now);
	}
	if (*field_text(rule, "why")) {
		screen_add(&line->item, ": ");
		screen_add_string(&line->item, field_text(rule, "why"));
	}
	line_put(line, SCREEN_BAD);
}

static void add_rules(struct screen_text *text, const json_t *rules, double now)
{
	struct line line;

	if (json_array_size(rules) == 0)
		return;
	line_begin(&line, text, "rules");
	for (size_t i = 0; i < json_array_size(rules); i++)
		put_rule(&line, json_array_get(rules, i), now);
	line_end(&line);
}

/* Hosts that are announced by name: usually none. */
static void add_names(struct screen_text *text, const json_t *names)
{
	struct line line;

	if (json_array_size(names) == 0)
		return;
	line_begin(&line, text, "names");
	for (size_t i = 0; i < json_array_size(names); i++) {
		const json_t *host = json_array_get(names, i);
		const bool found = field_is_true(host, "found");

		screen_add_string(&line.item, field_text(host, "host"));
		screen_add(&line.item, found ? " " : " NOT FOUND, announced is ");
		screen_add_string(&line.item, field_text(host, "announced"));
		line_put(&line, found ? SCREEN_PLAIN : SCREEN_BAD);
	}
	line_end(&line);
}

static void add_kernel(struct screen_text *text, const json_t *kernel)
{
	const uint64_t lost = field_count(kernel, "events_lost");
	struct line line;

	line_begin(&line, text, "kernel");
	screen_add_string(&line.item, field_text(kernel, "release"));
	line_put(&line, SCREEN_PLAIN);
	screen_add(&line.item, field_is_true(kernel, "carrier") ? "carrier ok" : "carrier MISSING");
	line_put(&line, field_is_true(kernel, "carrier") ? SCREEN_GOOD : SCREEN_BAD);
	screen_add(&line.item, "expectations ");
	screen_add_count(&line.item, field_count(kernel, "expectations"));
	if (field_count(kernel, "expectations_limit") > 0) {
		screen_add(&line.item, " of ");
		screen_add_count(&line.item, field_count(kernel, "expectations_limit"));
	}
	line_put(&line, SCREEN_PLAIN);
	screen_add(&line.item, "events lost ");
	screen_add_count(&line.item, lost);
	line_put(&line, lost > 0 ? SCREEN_ODD : SCREEN_PLAIN);
	line_end(&line);
}

static void add_sandbox(struct screen_text *text, const json_t *sandbox)
{
	const json_t *capabilities = json_object_get(sandbox, "capabilities");
	struct line line;

	line_begin(&line, text, "sandbox");
	if (*field_text(sandbox, "user")) {
		screen_add(&line.item, "user ");
		screen_add_string(&line.item, field_text(sandbox, "user"));
		line_put(&line, SCREEN_PLAIN);
	}
	screen_add(&line.item, json_array_size(capabilities) ? "capabilities" : "no capabilities");
	for (size_t i = 0; i < json_array_size(capabilities); i++) {
		const char *name = json_string_value(json_array_get(capabilities, i));

		screen_add(&line.item, i > 0 ? ", " : " ");
		screen_add_string(&line.item, name ? name : "?");
	}
	line_put(&line, SCREEN_PLAIN);
	screen_add(&line.item, field_is_true(sandbox, "seccomp") ? "seccomp on" : "seccomp OFF");
	line_put(&line, field_is_true(sandbox, "seccomp") ? SCREEN_PLAIN : SCREEN_ODD);
	if (field_is_true(sandbox, "no_new_privileges"))
		screen_add(&line.item, "no new privileges");
	line_put(&line, SCREEN_PLAIN);
	line_end(&line);
}

static void add_sessions(struct screen_text *text, const json_t *sessions)
{
	struct line line;

	line_begin(&line, text, "sessions");
	screen_add_count(&line.item, field_count(sessions, "open"));
	screen_add(&line.item, " open");
	if (field_count(sessions, "opaque") > 0)
		screen_add(&line.item, " (%" PRIu64 " in TLS, not read)", field_count(sessions, "opaque"));
	line_put(&line, SCREEN_PLAIN);
	line_put_count(&line, sessions, "total", "since start", SCREEN_PLAIN);
	line_put_count(&line, sessions, "without_carrier", "without carrier", SCREEN_BAD);
	line_end(&line);
}

static void add_pinholes(struct screen_text *text, const json_t *pinholes)
{
	struct line line;

	line_begin(&line, text, "pinholes");
	line_put_count(&line, pinholes, "open", "waiting", SCREEN_PLAIN);
	line_put_count(&line, pinholes, "opened", "opened", SCREEN_PLAIN);
	line_put_count(&line, pinholes, "used", "used", SCREEN_PLAIN);
	line_put_count(&line, pinholes, "ended", "ended with the offer", SCREEN_PLAIN);
	line_put_count(&line, pinholes, "unused", "never used", SCREEN_PLAIN);
	line_end(&line);
}

struct tally {
	const char *name;
	uint64_t count;
};

static int compare_tallies(const void *a, const void *b)
{
	const struct tally *one = a;
	const struct tally *other = b;

	return one->count < other->count ? 1 : one->count > other->count ? -1 : strcmp(one->name, other->name);
}

/* The members of an object that are counts, the largest first, with words before the first one. */
static void put_tallies(struct line *line, const json_t *object, const char *words, enum screen_tone tone)
{
	struct tally *tallies = calloc(json_object_size(object) + 1, sizeof(*tallies));
	size_t count = 0;
	const char *name;
	json_t *value;

	if (!tallies) {
		line->text->lost = true;
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
		if (json_integer_value(value) > 0)
			tallies[count++] = (struct tally){ name, (uint64_t)json_integer_value(value) };
	qsort(tallies, count, sizeof(*tallies), compare_tallies);
	for (size_t i = 0; i < count && i < REASONS_SHOWN; i++) {
		screen_add(&line->item, "%s", i == 0 ? words : "");
		screen_add_count(&line->item, tallies[i].count);
		screen_add(&line->item, " ");
		screen_add_string(&line->item, tallies[i].name);
		line_put(line, tone);
	}
	if (count > REASONS_SHOWN) {
		screen_add(&line->item, "and %zu other reasons", count - REASONS_SHOWN);
		line_put(line, SCREEN_PLAIN);
	}
	free(tallies);
}

static void add_refused(struct screen_text *text, const json_t *refused, double now)
{
	const json_t *last = json_object_get(refused, "last");
	const double time = field_time(last, "time");
	struct line line;

	line_begin(&line, text, "refused");
	if (field_count(refused, "total") == 0)
		screen_add(&line.item, "nothing");
	line_put(&line, SCREEN_PLAIN);
	put_tallies(&line, json_object_get(refused, "reasons"), "", SCREEN_PLAIN);
	if (time >= 0) {
		screen_add(&line.item, "last: ");
		screen_add_time(&line.item, time, SCREEN_CLOCK_RECENT, now);
		screen_add(&line.item, "  ");
		screen_add_string(&line.item, field_text(last, "client_ip"));
		screen_add(&line.item, " -> ");
		screen_add_string(&line.item, field_text(last, "server_ip"));
		line_put(&line, SCREEN_PLAIN);
	}
	line_end(&line);
}

static void add_transfers(struct screen_text *text, const json_t *transfers)
{
	struct line line;

	line_begin(&line, text, "transfers");
	screen_add_count(&line.item, field_count(transfers, "total"));
	line_put(&line, SCREEN_PLAIN);
	screen_add_size(&line.item, field_count(transfers, "download_bytes"));
	screen_add(&line.item, " down");
	line_put(&line, SCREEN_PLAIN);
	screen_add_size(&line.item, field_count(transfers, "upload_bytes"));
	screen_add(&line.item, " up");
	line_put(&line, SCREEN_PLAIN);
	put_tallies(&line, json_object_get(transfers, "failed"), "failed: ", SCREEN_ODD);
	line_end(&line);
}

static void add_events(struct screen_text *text, const json_t *events)
{
	struct line line;

	if (field_count(events, "lost") == 0)
		return;
	line_begin(&line, text, "events");
	line_put_count(&line, events, "lost", "lost, because they were not read or written in time", SCREEN_ODD);
	line_end(&line);
}

bool screen_is_healthy(const json_t *status)
{
	return strcmp(field_text(status, "health"), "healthy") == 0;
}

void screen_add_health(struct screen_text *text, const json_t *status)
{
	const json_t *problems = json_object_get(status, "problems");
	const bool healthy = screen_is_healthy(status);

	screen_add_tone(text, healthy ? SCREEN_GOOD : SCREEN_BAD);
	screen_add(text, healthy ? "healthy" : "DEGRADED");
	screen_add_tone(text, SCREEN_PLAIN);
	for (size_t i = 0; i < json_array_size(problems); i++) {
		screen_add(text, i == 0 ? ": " : "; ");
		screen_add_string(text, field_text(json_array_get(problems, i), "what"));
	}
}

/* With what mends it. */
static void add_problems(struct screen_text *text, const json_t *status)
{
	const json_t *problems = json_object_get(status, "problems");
	const bool healthy = screen_is_healthy(status);
	struct line line;

	if (json_array_size(problems) == 0) {
		screen_add_health(text, status);
		screen_add(text, "\n");
	}
	for (size_t i = 0; i < json_array_size(problems); i++) {
		const json_t *problem = json_array_get(problems, i);

		line_begin(&line, text, healthy ? "note" : "DEGRADED");
		screen_add_string(&line.item, field_text(problem, "what"));
		line_put(&line, healthy ? SCREEN_ODD : SCREEN_BAD);
		line_end(&line);
		if (!*field_text(problem, "mend"))
			continue;
		line_begin(&line, text, "  mend:");
		screen_add_string(&line.item, field_text(problem, "mend"));
		line_put(&line, SCREEN_PLAIN);
		line_end(&line);
	}
}

void screen_add_status(struct screen_text *text, const json_t *status, uint32_t watchdog, double now)
{
	const json_t *workers = json_object_get(status, "workers");

	add_head(text, status, now);
	for (size_t i = 0; i < json_array_size(workers); i++)
		add_worker(text, json_array_get(workers, i), watchdog);
	if (json_is_object(json_object_get(status, "proxy")))
		add_proxy(text, json_object_get(status, "proxy"), now);
	add_rules(text, json_object_get(status, "rules"), now);
	add_names(text, json_object_get(status, "names"));
	add_kernel(text, json_object_get(status, "kernel"));
	add_sandbox(text, json_object_get(status, "sandbox"));
	add_sessions(text, json_object_get(status, "sessions"));
	add_pinholes(text, json_object_get(status, "pinholes"));
	add_refused(text, json_object_get(status, "refused"), now);
	add_transfers(text, json_object_get(status, "transfers"));
	add_events(text, json_object_get(status, "events"));
	screen_add(text, "\n");
	add_problems(text, status);
}
