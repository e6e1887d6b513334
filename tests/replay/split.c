/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * split [-c FILE] [-p PORT]... [-n INSIDE=OUTSIDE]... [-s SCHEDULES] [-k] CAPTURE: the two streams of the first control
 * connection of a capture, between two peers that cut them at every byte, and then lose, repeat, reorder and cut them at
 * random. What was decided, and what arrived, must be the same each time. -k drops packets with wrong checksums, as the
 * same option of ftpalg replay.
 *
 * Prints how many conversations there were. Exit status 1, with the schedule that made a difference, or 77 where the
 * capture has no control connection.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "replay/capture.h"
#include "world.h"

#define TURNS_MAX 4096
#define TEXT_MAX 60000 /* of one direction; longer streams are cut off */
#define EARLY_MAX 32
#define PORTS_MAX 8
#define NAT_MAX 8
#define NOTHING_TO_DO 77
/* Long streams are cut at some of their bytes only. */
#define CUTS_MAX 1500

/* What one side says until the other one does. */
struct turn {
	enum direction direction;
	size_t offset; /* into its direction's text */
	size_t length;
};

/* A segment that was captured before the one that it follows. */
struct early {
	uint32_t seq;
	size_t length;
	uint8_t data[2048];
};

struct script {
	struct tuple tuple;
	bool found;
	bool adopted;  /* the capture begins in the middle */
	bool ended;    /* a byte is missing, or there is no more room */
	bool started[2];
	uint32_t next[2];
	size_t length[2];
	uint8_t text[2][TEXT_MAX];
	struct turn turns[TURNS_MAX];
	size_t turn_count;
	struct early early[2][EARLY_MAX];
	size_t early_count[2];
};

struct split {
	struct config config;
	uint16_t ports[PORTS_MAX];
	size_t port_count;
	struct address inside[NAT_MAX];
	struct address outside[NAT_MAX];
	size_t nat_count;
	uint32_t schedules;
	bool checksums;
	struct script script;
	struct world plain; /* the conversation as it was captured: what the others are compared with */
	struct world other;
	uint64_t conversations;
};

static bool is_control_port(const struct split *split, uint16_t port)
{
	for (size_t i = 0; i < split->port_count; i++)
		if (split->ports[i] == port)
			return true;
	return false;
}

static void append_text(struct script *script, enum direction direction, const uint8_t *data, size_t length)
{
	struct turn *last = script->turn_count ? &script->turns[script->turn_count - 1] : NULL;

	if (script->ended || script->length[direction] + length > TEXT_MAX ||
	    (script->turn_count == TURNS_MAX && last->direction != direction)) {
		script->ended = true;
		return;
	}
	if (!last || last->direction != direction) {
		last = &script->turns[script->turn_count++];
		last->direction = direction;
		last->offset = script->length[direction];
		last->length = 0;
	}
	memcpy(script->text[direction] + script->length[direction], data, length);
	script->length[direction] += length;
	script->next[direction] += (uint32_t)length;
	last->length += length;
}

static void keep_early(struct script *script, enum direction direction, const struct packet *packet)
{
	struct early *early = &script->early[direction][script->early_count[direction]];

	if (script->early_count[direction] == EARLY_MAX || packet->payload.length > sizeof(early->data)) {
		script->ended = true;
		return;
	}
	early->seq = packet->seq;
	early->length = packet->payload.length;
	memcpy(early->data, packet->payload.data, packet->payload.length);
	script->early_count[direction]++;
}

/* What of the segment is new. Returns whether any was. */
static bool take_segment(struct script *script, enum direction direction, uint32_t seq, const uint8_t *data,
			 size_t length)
{
	const uint32_t known = script->next[direction] - seq;

	if (seq_before(script->next[direction], seq) || known >= length)
		return false;
	append_text(script, direction, data + known, length - known);
	return true;
}

static void take_payload(struct script *script, enum direction direction, const struct packet *packet)
{
	bool more = true;

	if (!script->started[direction])
		script->next[direction] = packet->seq;
	script->started[direction] = true;
	if (seq_before(script->next[direction], packet->seq)) {
		keep_early(script, direction, packet);
		return;
	}
	take_segment(script, direction, packet->seq, packet->payload.data, packet->payload.length);
	while (more) {
		more = false;
		for (size_t i = 0; i < script->early_count[direction]; i++)
			more |= take_segment(script, direction, script->early[direction][i].seq,
					     script->early[direction][i].data, script->early[direction][i].length);
	}
}

static void take_packet(struct split *split, const struct packet *packet)
{
	struct script *script = &split->script;
	const bool to_server = is_control_port(split, packet->tuple.destination.port);
	const struct tuple tuple = to_server ? packet->tuple : tuple_reverse(&packet->tuple);
	const enum direction direction = to_server ? DIRECTION_ORIGINAL : DIRECTION_REPLY;

	if (!to_server && !is_control_port(split, packet->tuple.source.port))
		return;
	if (!script->found) {
		script->tuple = tuple;
		script->adopted = !(packet->flags & TCP_SYN);
		script->found = true;
	}
	if (!tuple_equal(&script->tuple, &tuple))
		return;
	if (packet->flags & TCP_SYN) {
		/* The ports were used again: one connection is enough. */
		if (script->started[direction] && script->next[direction] != packet->seq + 1)
			script->ended = true;
		script->next[direction] = packet->seq + 1;
		script->started[direction] = true;
	} else if (packet->payload.length > 0 && !script->ended) {
		take_payload(script, direction, packet);
	}
}

static int read_capture(struct split *split, const char *path)
{
	struct capture_frame frame;
	struct capture capture;

	if (capture_open(&capture, path) < 0) {
		fprintf(stderr, "split: %s: %s\n", path, capture.error);
		return 1;
	}
	while (capture_next(&capture, &frame) == 1) {
		struct bytes ip = { frame.bytes.data + frame.link, frame.bytes.length - frame.link };
		struct packet packet;

		if (!frame.internet || packet_parse(ip, &packet) != REASON_NONE)
			continue;
		if (split->checksums && packet_verify_checksum(ip, &packet) != REASON_NONE)
			continue;
		take_packet(split, &packet);
	}
	capture_close(&capture);
	return split->script.turn_count > 0 ? 0 : NOTHING_TO_DO;
}

static struct address translate(const struct split *split, const struct address *address)
{
	for (size_t i = 0; i < split->nat_count; i++)
		if (address_equal(&split->inside[i], address))
			return split->outside[i];
	return *address;
}

static void make_world(const struct split *split, struct world *world, uint32_t seed)
{
	const struct tuple *tuple = &split->script.tuple;
	struct nat_view *view = &world->view;

	world_make(world, "10.0.0.5", NULL, "203.0.113.9", NULL);
	view->client = tuple->source;
	view->server = tuple->destination;
	view->client_seen = tuple->source;
	view->client_seen.address = translate(split, &tuple->source.address);
	view->server_seen = tuple->destination;
	view->server_seen.address = translate(split, &tuple->destination.address);
	world->seqadj_kept = nat_view_is_translated(view);
	world->policy = split->config.policy;
	/* No schedule must meet a limit on how fast pinholes may be made. */
	world->limits.quota.pinhole_rate = 1000000;
	world_start(world, UINT32_C(0xffffff00) + seed % 512);
	if (!split->script.adopted)
		world_shake_hands(world);
}

/* Returns false if the conversation got stuck. */
static bool converse(struct split *split, struct world *world, const struct schedule *schedule)
{
	const struct script *script = &split->script;

	make_world(split, world, schedule->seed);
	world_begin(world, schedule);
	split->conversations++;
	for (size_t i = 0; i < script->turn_count && !world->peer[0].reset && !world->peer[1].reset; i++) {
		const struct turn *turn = &script->turns[i];

		world_speak(world, turn->direction,
			    (struct bytes){ script->text[turn->direction] + turn->offset, turn->length });
		if (!world_settle(world, schedule))
			return false;
	}
	return true;
}

static bool same_event(const struct world_event *a, const struct world_event *b)
{
	return a->type == b->type && a->reason == b->reason && a->form == b->form && a->verb == b->verb &&
	       endpoint_equal(&a->announced, &b->announced);
}

/* The next event from *at on that is a decision: what a schedule does to single packets is none. */
static const struct world_event *next_decision(const struct world *world, unsigned int *at)
{
	while (*at < world->event_count && *at < WORLD_EVENTS_MAX) {
		const struct world_event *event = &world->events[(*at)++];

		if (event->type != NOTICE_ANOMALY || event->reason != REASON_OUT_OF_WINDOW)
			return event;
	}
	return NULL;
}

static bool same_decisions(const struct world *a, const struct world *b)
{
	unsigned int at_a = 0;
	unsigned int at_b = 0;

	for (;;) {
		const struct world_event *event_a = next_decision(a, &at_a);
		const struct world_event *event_b = next_decision(b, &at_b);

		if (!event_a || !event_b)
			return event_a == event_b;
		if (!same_event(event_a, event_b))
			return false;
	}
}

/*
 * A reset overtakes what is under way, and of a line that never ends nobody knows how much passes: there the shorter must be
 * the beginning of the longer.
 */
static bool same_text(const struct script *script, const struct world *a, const struct world *b,
		      enum direction direction)
{
	const struct bytes text_a = world_received(a, direction);
	const struct bytes text_b = world_received(b, direction);
	const size_t said = script->length[direction];
	const bool open = said > 0 && script->text[direction][said - 1] != '\n';
	const bool reset = a->peer[0].reset || a->peer[1].reset;
	const size_t length = text_a.length < text_b.length ? text_a.length : text_b.length;

	return (reset || open || text_a.length == text_b.length) && memcmp(text_a.data, text_b.data, length) == 0;
}

static const char *compare(struct split *split, const struct schedule *schedule)
{
	const char *difference = NULL;

	if (!converse(split, &split->other, schedule))
		difference = "it got stuck";
	else if (!same_decisions(&split->plain, &split->other))
		difference = "other decisions";
	else if (!same_text(&split->script, &split->plain, &split->other, DIRECTION_ORIGINAL))
		difference = "the server got something else";
	else if (!same_text(&split->script, &split->plain, &split->other, DIRECTION_REPLY))
		difference = "the client got something else";
	world_end(&split->other);
	if (difference)
		fprintf(stderr, "split: %s; schedule: seed %u, segment %u, cut %u, lose %u, repeat %u, reorder %u,"
			" resend %u, Nagle %d\n", difference, schedule->seed, schedule->segment_max, schedule->cut_at,
			schedule->lose, schedule->repeat, schedule->reorder, schedule->resend, schedule->nagle);
	return difference;
}

static int compare_cuts(struct split *split)
{
	const struct script *script = &split->script;
	size_t longest = script->length[0] > script->length[1] ? script->length[0] : script->length[1];
	size_t step = 1 + longest / CUTS_MAX;

	for (size_t cut = 1; cut < longest; cut += step) {
		const struct schedule schedule = { .seed = (uint32_t)cut, .cut_at = (unsigned int)cut };

		if (compare(split, &schedule))
			return 1;
	}
	return 0;
}

static int compare_random(struct split *split)
{
	for (uint32_t seed = 1; seed <= split->schedules; seed++) {
		const struct schedule schedule = {
			.seed = seed,
			.segment_max = seed % 11 * 7,
			.lose = seed % 4 * 70,
			.repeat = seed % 5 * 60,
			.reorder = seed % 3 * 200,
			.resend = seed % 6 * 60,
			.nagle = seed % 7 == 0,
		};

		if (compare(split, &schedule))
			return 1;
	}
	return 0;
}

static int split_capture(struct split *split, const char *path)
{
	const struct schedule plain = { .seed = 0 };
	int status = read_capture(split, path);

	if (status != 0)
		return status;
	if (!converse(split, &split->plain, &plain)) {
		fprintf(stderr, "split: %s: it got stuck as it was captured\n", path);
		status = 1;
	}
	if (status == 0)
		status = compare_cuts(split);
	if (status == 0)
		status = compare_random(split);
	world_end(&split->plain);
	printf("%" PRIu64 "\n", split->conversations);
	return status;
}

static bool add_translation(struct split *split, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || split->nat_count == NAT_MAX)
		return false;
	*equals = '\0';
	split->inside[split->nat_count] = world_address(text);
	split->outside[split->nat_count] = world_address(equals + 1);
	split->nat_count++;
	return true;
}

static bool read_options(struct split *split, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:p:n:s:k")) != -1) {
		if (option == 'c' && config_load(&split->config, optarg, stderr) == 0)
			continue;
		if (option == 'p' && split->port_count < PORTS_MAX) {
			split->ports[split->port_count++] = (uint16_t)strtoul(optarg, NULL, 10);
			continue;
		}
		if (option == 'n' && add_translation(split, optarg))
			continue;
		if (option != 's' && option != 'k')
			return false;
		if (option == 's')
			split->schedules = (uint32_t)strtoul(optarg, NULL, 10);
		else
			split->checksums = true;
	}
	return optind + 1 == argc;
}

int main(int argc, char **argv)
{
	struct split *split = calloc(1, sizeof(*split));
	int status;

	if (!split)
		abort();
	config_set_defaults(&split->config);
	split->schedules = 20;
	if (!read_options(split, argc, argv)) {
		fputs("usage: split [-c FILE] [-p PORT]... [-n INSIDE=OUTSIDE]... [-s SCHEDULES] [-k] CAPTURE\n", stderr);
		free(split);
		return 2;
	}
	for (size_t i = 0; split->port_count == 0 && i < split->config.control_port_count && i < PORTS_MAX; i++)
		split->ports[i] = split->config.control_ports[i];
	if (split->port_count == 0)
		split->port_count = split->config.control_port_count < PORTS_MAX ? split->config.control_port_count
										 : PORTS_MAX;
	status = split_capture(split, argv[optind]);
	free(split);
	return status;
}
