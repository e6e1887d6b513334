/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg explain: one line, or a dialogue on standard input, judged as the gateway would judge it, and beside it what
 * other FTP helpers would do with the same bytes. Nothing is sent, and no privilege is needed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "explain/explain.h"

static int finish(const struct explanation *explanation, bool alone)
{
	if (explanation->json) {
		if (explain_print_json(explanation, stdout))
			return CMD_SUCCESS;
		fputs("ftpalg explain: out of memory, or standard output has failed\n", stderr);
		return CMD_FAILURE;
	}
	if (alone)
		explain_print_line(explanation, stdout);
	else
		explain_print_burst(explanation, stdout);
	return CMD_SUCCESS;
}

static void explain_tell_ends(const struct explanation *explanation)
{
	if (!explanation->json && (explanation->client_is_assumed || explanation->server_is_assumed))
		explain_print_ends(explanation, stdout);
}

/* What a reply answers. */
static const char *request_for(const struct reply *reply)
{
	if (reply->code == 228)
		return "LPSV";
	return reply->code == 229 ? "EPSV" : "PASV";
}

/* A single line: the line itself shows which side says it, and what comes before it is made up. */
static int explain_argument(struct explanation *explanation, const char *text)
{
	struct explain_burst *burst = &explanation->burst;
	const struct outcome *outcome;
	const char *problem;
	struct reply reply;

	if (!explain_read_text(text, burst, &problem))
		return cmd_misuse("explain", "in the line given, %s", problem);
	parse_reply((struct bytes){ burst->data, burst->end[burst->segments - 1] }, &reply);
	burst->direction = reply.kind == REPLY_TEXT ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
	explain_assume_ends(explanation, burst->direction, (struct bytes){ burst->data, burst->end[burst->segments - 1] });
	if (explanation->client.family != explanation->server.family)
		return cmd_misuse("explain", "client and server must be of one family");
	explain_tell_ends(explanation);
	explain_open(explanation, true);
	if (burst->direction == DIRECTION_REPLY) {
		outcome = explain_prepare(explanation, DIRECTION_ORIGINAL, request_for(&reply));
		if (outcome->verdict == OUTCOME_REFUSE) {
			printf("note       the request that this answers would have been refused: %s\n",
			       reason_name(outcome->reason));
			return CMD_SUCCESS;
		}
	}
	if (!explain_judge(explanation))
		return cmd_misuse("explain", "at most %d lines of FTP are taken at once", EXPLAIN_LINES_MAX);
	return finish(explanation, true);
}

/* Takes one line of the dialogue. *opened: there was one before. */
static int explain_said(struct explanation *explanation, const char *text, size_t number, bool *opened)
{
	const char *problem;
	bool empty;

	if (!explain_read_line(text, &explanation->burst, &empty, &problem)) {
		fprintf(stderr, "ftpalg explain: line %zu: %s\n", number, problem);
		return CMD_FAILURE;
	}
	if (empty)
		return CMD_SUCCESS;
	/* A server speaks first. A dialogue that begins with its client is already under way. */
	if (!*opened) {
		explain_tell_ends(explanation);
		explain_open(explanation, explanation->burst.direction == DIRECTION_ORIGINAL);
	}
	*opened = true;
	if (explanation->result.end == EXPLAIN_CLOSED) {
		fprintf(stderr, "ftpalg explain: line %zu: the session has ended, what follows is not judged\n", number);
		return CMD_FAILURE;
	}
	if (!explain_judge(explanation)) {
		fprintf(stderr, "ftpalg explain: line %zu: it holds more than %d lines of FTP\n", number,
			EXPLAIN_LINES_MAX);
		return CMD_FAILURE;
	}
	return finish(explanation, false);
}

static int explain_dialogue(struct explanation *explanation, FILE *in)
{
	char *text = NULL;
	size_t size = 0;
	size_t number = 0;
	ssize_t length;
	bool opened = false;
	int status = CMD_SUCCESS;

	explain_assume_ends(explanation, DIRECTION_ORIGINAL, (struct bytes){ NULL, 0 });
	if (explanation->client.family != explanation->server.family)
		return cmd_misuse("explain", "client and server must be of one family");
	while (status == CMD_SUCCESS && (length = getline(&text, &size, in)) >= 0) {
		if (length > 0 && text[length - 1] == '\n')
			text[--length] = '\0';
		number++;
		if (strlen(text) == (size_t)length) {
			status = explain_said(explanation, text, number, &opened);
		} else {
			fprintf(stderr, "ftpalg explain: line %zu: it holds a NUL; write \\x00\n", number);
			status = CMD_FAILURE;
		}
	}
	if (status == CMD_SUCCESS && ferror(in)) {
		fprintf(stderr, "ftpalg explain: standard input: %s\n", strerror(errno));
		status = CMD_FAILURE;
	}
	if (status == CMD_SUCCESS && !opened)
		status = cmd_misuse("explain", "standard input holds no dialogue, and no line was given");
	free(text);
	return status;
}

static int read_option(struct explanation *explanation, int option)
{
	struct explain_translation *translation;

	if (option == 'c') {
		if (config_load(&explanation->config, optarg, stderr) != 0)
			return CMD_FAILURE;
	} else if (option == 'C') {
		if (!option_read_address(optarg, &explanation->client))
			return cmd_misuse("explain", "\"%s\" is no address", optarg);
	} else if (option == 'S') {
		if (!option_read_address(optarg, &explanation->server))
			return cmd_misuse("explain", "\"%s\" is no address", optarg);
	} else if (option == 'N') {
		if (explanation->nat_count == EXPLAIN_NAT_MAX)
			return cmd_misuse("explain", "at most %d --nat are taken", EXPLAIN_NAT_MAX);
		translation = &explanation->nat[explanation->nat_count++];
		if (!option_read_translation(optarg, &translation->inside, &translation->outside))
			return cmd_misuse("explain", "\"%s\" is not INSIDE=OUTSIDE of one family", optarg);
	} else if (option == 'J') {
		explanation->json = true;
	} else {
		return cmd_misuse("explain", "the options make no sense");
	}
	return CMD_SUCCESS;
}

static int read_options(struct explanation *explanation, int argc, char **argv)
{
	static const struct option options[] = {
		{ "client", required_argument, NULL, 'C' },
		{ "server", required_argument, NULL, 'S' },
		{ "nat", required_argument, NULL, 'N' },
		{ "json", no_argument, NULL, 'J' },
		{ NULL, 0, NULL, 0 },
	};
	int status = CMD_SUCCESS;
	int option;

	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, "c:", options, NULL)) != -1)
		status = read_option(explanation, option);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	struct explanation *explanation = calloc(1, sizeof(*explanation));
	int status;

	if (!explanation) {
		fputs("ftpalg explain: out of memory\n", stderr);
		return CMD_FAILURE;
	}
	config_set_defaults(&explanation->config);
	status = read_options(explanation, argc, argv);
	if (status == CMD_SUCCESS && optind + 1 < argc)
		status = cmd_misuse("explain", "it takes one line, in quotes, or a dialogue on standard input");
	if (status == CMD_SUCCESS)
		status = optind < argc ? explain_argument(explanation, argv[optind]) : explain_dialogue(explanation, stdin);
	free(explanation);
	return status;
}
