/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg explain: one line, judged as the gateway would judge it.
 *
 * The line goes through session_input like any other, in a session that is under way and, for a reply, has asked for
 * it. The kernel is a table that grants every expectation, so what is printed is what parser, dialogue and policy make
 * of the line; nothing is sent, and no privilege is needed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "ftpalg/address.h"
#include "ftpalg/session.h"

#define DEFAULT_CLIENT "10.0.0.5"
#define DEFAULT_SERVER "203.0.113.9"
#define NAT_MAX 8

struct translation {
	struct address inside;
	struct address outside;
};

struct explanation {
	struct address client;
	struct address server;
	struct translation nat[NAT_MAX];
	size_t nat_count;
	struct config config;
	struct session session;
	struct outcome outcome;
	bool listening; /* events of the preparation are not shown */
};

static bool read_address(const char *text, struct address *address)
{
	struct bytes bytes = { (const uint8_t *)text, strlen(text) };

	return address_parse(bytes, address);
}

static bool read_translation(const char *text, struct translation *translation)
{
	const char *equals = strchr(text, '=');
	struct bytes inside = { (const uint8_t *)text, 0 };

	if (!equals)
		return false;
	inside.length = (size_t)(equals - text);
	return address_parse(inside, &translation->inside) && read_address(equals + 1, &translation->outside) &&
	       translation->inside.family == translation->outside.family;
}

/* What the other side sees of this address. */
static struct address translate(const struct explanation *explanation, const struct address *address)
{
	for (size_t i = 0; i < explanation->nat_count; i++)
		if (address_equal(&explanation->nat[i].inside, address))
			return explanation->nat[i].outside;
	return *address;
}

/* Peer text, so that it can't do anything to a terminal. */
static void print_text(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] >= 0x20 && text[i] < 0x7f && text[i] != '\\')
			putchar(text[i]);
		else
			printf("\\x%02x", text[i]);
	}
}

static void print_field(const char *name)
{
	printf("%-11s", name);
}

static void print_span(const char *name, struct bytes line, struct span span)
{
	if (span.length == 0)
		return;
	print_field(name);
	print_text(line.data + span.offset, span.length);
	printf("   (bytes %u to %u)\n", span.offset, span.offset + span.length - 1);
}

static enum reason grant_expectation(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static enum reason drop_expectation(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static void print_event(void *context, const struct event *event)
{
	const struct explanation *explanation = context;
	char source[ADDRESS_TEXT_MAX];
	char destination[ENDPOINT_TEXT_MAX];

	if (!explanation->listening)
		return;
	if (event->type == EVENT_PINHOLE_OPEN) {
		address_format(&event->expectation->source, source);
		endpoint_format(&event->expectation->destination, destination);
		print_field("pinhole");
		printf("one TCP connection from %s to %s within %u seconds\n", source, destination,
		       event->expectation->timeout);
	} else if (event->type == EVENT_OFFER) {
		endpoint_format(&event->offered, destination);
		print_field("offer");
		printf("%s: %s\n", form_name(event->form), destination);
	} else if (event->type == EVENT_ANOMALY) {
		print_field("anomaly");
		printf("%s: %s\n", reason_name(event->reason), reason_meaning(event->reason));
	}
}

static enum direction print_tokens(struct bytes line)
{
	struct command command;
	struct reply reply;
	enum reason reason;

	parse_reply(line, &reply);
	if (reply.kind != REPLY_TEXT) {
		print_field("reply");
		printf("%u%s\n", reply.code, reply.kind == REPLY_FIRST ? ", the first line of several" : "");
		print_span("text", line, reply.text);
		return DIRECTION_REPLY;
	}
	reason = parse_command(line, &command);
	print_field("command");
	printf("%s\n", command.verb == VERB_UNKNOWN ? "not known to any RFC" : verb_name(command.verb));
	print_span("verb", line, command.verb_span);
	print_span("argument", line, command.argument);
	if (reason != REASON_NONE) {
		print_field("odd");
		printf("%s: %s\n", reason_name(reason), reason_meaning(reason));
	}
	return DIRECTION_ORIGINAL;
}

static void print_line_with_edit(struct bytes line, const struct edit *edit)
{
	uint32_t rest = edit->at.offset + edit->at.length;

	print_text(line.data, edit->at.offset);
	print_text(edit->replacement, edit->length);
	print_text(line.data + rest, line.length - rest);
	printf("   (%zu bytes, was %zu)\n", line.length - edit->at.length + edit->length, line.length);
}

static void print_outcome(const struct explanation *explanation, struct bytes line)
{
	static const char *const verdicts[] = {
		[OUTCOME_PASS] = "passes as it is",
		[OUTCOME_EDIT] = "passes with the endpoint translated",
		[OUTCOME_REFUSE] = "is overwritten: the peer that waits for an answer reads an FTP error",
		[OUTCOME_CLOSE] = "ends the session: both peers are reset",
	};
	const struct outcome *outcome = &explanation->outcome;

	print_field("verdict");
	printf("%s\n", verdicts[outcome->verdict]);
	if (outcome->reason != REASON_NONE) {
		print_field("reason");
		printf("%s: %s\n", reason_name(outcome->reason), reason_meaning(outcome->reason));
	}
	print_field("rule");
	printf("%s\n", explanation->session.rule->name);
	if (outcome->verdict == OUTCOME_CLOSE)
		return;
	print_field("leaves");
	if (outcome->verdict == OUTCOME_PASS) {
		print_text(line.data, line.length);
		putchar('\n');
	} else {
		print_line_with_edit(line, &outcome->edit);
	}
}

static void say(struct explanation *explanation, const struct ops *ops, enum direction direction, const char *text)
{
	struct bytes line = { (const uint8_t *)text, strlen(text) };

	session_input(&explanation->session, ops, direction, line, 0, &explanation->outcome);
}

/* What a reply answers. */
static const char *request_for(struct bytes line)
{
	if (line.length >= 3 && memcmp(line.data, "228", 3) == 0)
		return "LPSV";
	if (line.length >= 3 && memcmp(line.data, "229", 3) == 0)
		return "EPSV";
	return "PASV";
}

static int explain_line(struct explanation *explanation, const char *text)
{
	struct ops ops = {
		.context = explanation,
		.expect = grant_expectation,
		.unexpect = drop_expectation,
		.event = print_event,
	};
	struct bytes line = { (const uint8_t *)text, strlen(text) };
	struct nat_view view = {
		.client = { explanation->client, 40000 },
		.server_seen = { translate(explanation, &explanation->server), 21 },
		.server = { explanation->server, 21 },
		.client_seen = { translate(explanation, &explanation->client), 40000 },
	};
	enum direction direction;

	session_open(&explanation->session, &explanation->config.policy, &ops, 1, &view, nat_view_is_translated(&view),
		     true);
	direction = print_tokens(line);
	if (direction == DIRECTION_REPLY)
		say(explanation, &ops, DIRECTION_ORIGINAL, request_for(line));
	if (explanation->outcome.verdict == OUTCOME_REFUSE) {
		print_field("note");
		printf("the request that this answers would have been refused: %s\n",
		       reason_name(explanation->outcome.reason));
		return CMD_SUCCESS;
	}
	explanation->listening = true;
	say(explanation, &ops, direction, text);
	print_outcome(explanation, line);
	return CMD_SUCCESS;
}

static int read_options(struct explanation *explanation, int argc, char **argv)
{
	static const struct option options[] = {
		{ "client", required_argument, NULL, 'C' },
		{ "server", required_argument, NULL, 'S' },
		{ "nat", required_argument, NULL, 'N' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'c') {
			if (config_load(&explanation->config, optarg, stderr) != 0)
				return CMD_FAILURE;
		} else if (option == 'C') {
			if (!read_address(optarg, &explanation->client))
				return cmd_misuse("explain", "\"%s\" is no address", optarg);
		} else if (option == 'S') {
			if (!read_address(optarg, &explanation->server))
				return cmd_misuse("explain", "\"%s\" is no address", optarg);
		} else if (option == 'N') {
			if (explanation->nat_count == NAT_MAX)
				return cmd_misuse("explain", "at most %d --nat are taken", NAT_MAX);
			if (!read_translation(optarg, &explanation->nat[explanation->nat_count++]))
				return cmd_misuse("explain", "\"%s\" is not INSIDE=OUTSIDE of one family", optarg);
		} else {
			return cmd_misuse("explain", "the options make no sense");
		}
	}
	return CMD_SUCCESS;
}

int cmd_explain(int argc, char **argv)
{
	struct explanation *explanation = calloc(1, sizeof(*explanation));
	int status;

	if (!explanation) {
		fputs("ftpalg explain: out of memory\n", stderr);
		return CMD_FAILURE;
	}
	read_address(DEFAULT_CLIENT, &explanation->client);
	read_address(DEFAULT_SERVER, &explanation->server);
	config_set_defaults(&explanation->config);
	status = read_options(explanation, argc, argv);
	if (status == CMD_SUCCESS && optind + 1 != argc)
		status = cmd_misuse("explain", "it takes one line, in quotes");
	if (status == CMD_SUCCESS && explanation->client.family != explanation->server.family)
		status = cmd_misuse("explain", "client and server must be of one family");
	if (status == CMD_SUCCESS)
		status = explain_line(explanation, argv[optind]);
	free(explanation);
	return status;
}
