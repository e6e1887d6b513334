/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg probe: tests whatever firewall lies between two hosts, by talking FTP through it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/terminal.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "ftpalg/address.h"
#include "probe/client.h"
#include "tls/proof.h"

#define FILTERS_MAX 16
#define TOKEN_VARIABLE "FTPALG_PROBE_TOKEN"

struct arguments {
	bool server;
	bool in_band;
	bool list;
	struct probe_settings settings;
	const char *scenarios; /* NULL: the compiled-in ones */
	const char *json;
	const char *html;
	const char *filters[FILTERS_MAX];
	size_t filter_count;
	char token[PROOF_CHALLENGE_SIZE]; /* made here */
};

static int read_option(struct arguments *arguments, int option, const char *value)
{
	struct probe_settings *settings = &arguments->settings;

	switch (option) {
	case 'p':
		return option_read_port(value, &settings->control.port) ? CMD_SUCCESS
								 : cmd_misuse("probe", "\"%s\" is no port", value);
	case 'l':
		return option_read_port(value, &settings->link_port) ? CMD_SUCCESS
							      : cmd_misuse("probe", "\"%s\" is no port", value);
	case 'f':
		return option_read_address(value, &settings->foreign) ? CMD_SUCCESS
							       : cmd_misuse("probe", "\"%s\" is no address", value);
	case 'F':
		return option_read_address(value, &settings->server_foreign)
			       ? CMD_SUCCESS
			       : cmd_misuse("probe", "\"%s\" is no address", value);
	case 't':
		settings->token = value;
		return strlen(value) > 0 && strlen(value) <= LINK_TOKEN_MAX
			       ? CMD_SUCCESS
			       : cmd_misuse("probe", "a token has 1 to %d bytes", LINK_TOKEN_MAX);
	case 'b':
		arguments->in_band = true;
		return CMD_SUCCESS;
	case 'L':
		arguments->list = true;
		return CMD_SUCCESS;
	case 's':
		arguments->scenarios = value;
		return CMD_SUCCESS;
	case 'j':
		arguments->json = value;
		return CMD_SUCCESS;
	case 'h':
		arguments->html = value;
		return CMD_SUCCESS;
	case 'k':
		if (arguments->filter_count == FILTERS_MAX)
			return cmd_misuse("probe", "at most %d -k are taken", FILTERS_MAX);
		arguments->filters[arguments->filter_count++] = value;
		return CMD_SUCCESS;
	default:
		return cmd_misuse("probe", "the options make no sense");
	}
}

static int read_words(struct arguments *arguments, int count, char **words)
{
	if (count < 1 || (strcmp(words[0], "server") != 0 && strcmp(words[0], "client") != 0))
		return cmd_misuse("probe", "it takes \"server\" or \"client\", and an address");
	arguments->server = strcmp(words[0], "server") == 0;
	if (arguments->list)
		return CMD_SUCCESS;
	if (count != 2 || !option_read_address(words[1], &arguments->settings.control.address))
		return cmd_misuse("probe", "it takes one address after \"%s\"", words[0]);
	return CMD_SUCCESS;
}

static int read_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "link", required_argument, NULL, 'l' },
		{ "in-band", no_argument, NULL, 'b' },
		{ "token", required_argument, NULL, 't' },
		{ "foreign", required_argument, NULL, 'f' },
		{ "server-foreign", required_argument, NULL, 'F' },
		{ "scenarios", required_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'j' },
		{ "html", required_argument, NULL, 'h' },
		{ "list", no_argument, NULL, 'L' },
		{ NULL, 0, NULL, 0 },
	};
	int status = CMD_SUCCESS;
	int option;

	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, "k:", options, NULL)) != -1)
		status = read_option(arguments, option, optarg);
	if (status == CMD_SUCCESS)
		status = read_words(arguments, argc - optind, argv + optind);
	if (status == CMD_SUCCESS && arguments->server &&
	    (arguments->scenarios || arguments->json || arguments->html || arguments->list || arguments->in_band ||
	     arguments->filter_count > 0 || arguments->settings.server_foreign.family != FAMILY_NONE))
		status = cmd_misuse("probe", "one of these options is for the client's end");
	if (arguments->in_band)
		arguments->settings.link_port = 0;
	return status;
}

/* Takes away those that no -k wants. */
static void filter(struct arguments *arguments, struct probe_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		bool wanted = true;

		for (size_t j = 0; j < arguments->filter_count; j++)
			wanted = wanted && probe_source_matches(&list->sources[i], arguments->filters[j]);
		if (wanted) {
			const struct probe_source source = list->sources[kept];

			list->sources[kept++] = list->sources[i];
			if (kept - 1 != i)
				list->sources[i] = source;
		}
	}
	while (list->count > kept) {
		free(list->sources[--list->count].scenario);
		free(list->sources[list->count].owned);
	}
}

static bool write_file(const char *path, const struct probe_report *report,
		       bool (*print)(const struct probe_report *report, FILE *out))
{
	FILE *out;
	bool good;

	if (!path)
		return true;
	if (strcmp(path, "-") == 0)
		return print(report, stdout) && fflush(stdout) == 0;
	out = fopen(path, "we");
	good = out && print(report, out);
	if (out && fclose(out) != 0)
		good = false;
	if (!good)
		log_message(LOG_LEVEL_ERROR, "%s could not be written", path);
	return good;
}

static void tell_unreachable(const struct probe_settings *settings, const char *why)
{
	struct endpoint link = settings->control;
	char text[ENDPOINT_TEXT_MAX];

	if (settings->link_port)
		link.port = settings->link_port;
	endpoint_format(&link, text);
	log_message(LOG_LEVEL_ERROR, "%s: %s; \"ftpalg probe server\" must run there, and the firewall must let the port"
		    " through%s", text, why, settings->link_port ? " (--in-band needs none but the control port)" : "");
}

static int print_report(const struct arguments *arguments, const struct probe_report *report)
{
	struct terminal terminal;
	const bool taken = (arguments->json && strcmp(arguments->json, "-") == 0) ||
			   (arguments->html && strcmp(arguments->html, "-") == 0);
	bool good = true;

	terminal_read(&terminal, STDOUT_FILENO);
	if (report->unreachable)
		tell_unreachable(&arguments->settings, report->unreachable);
	else if (!taken)
		probe_report_table(report, stdout, terminal.colour);
	if (fflush(stdout) != 0)
		good = false;
	good = write_file(arguments->json, report, probe_report_json) && good;
	good = write_file(arguments->html, report, probe_report_html) && good;
	return good && report->counts[PROBE_PASS] + report->counts[PROBE_SKIPPED] == report->count &&
	       report->counts[PROBE_PASS] > 0 ? CMD_SUCCESS : CMD_FAILURE;
}

static void print_list(const struct probe_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct bytes title = list->sources[i].scenario->title;

		printf("%-28s %.*s\n", list->sources[i].name, (int)title.length, (const char *)title.data);
	}
}

static int run_client(struct arguments *arguments)
{
	struct probe_list *list = calloc(1, sizeof(*list));
	struct probe_report report = { .count = 0 };
	int status = CMD_FAILURE;

	arguments->settings.progress = isatty(STDERR_FILENO);
	if (!list)
		return CMD_FAILURE;
	if (arguments->scenarios ? probe_list_add_path(list, arguments->scenarios) : probe_list_add_builtins(list)) {
		filter(arguments, list);
		if (list->count == 0) {
			log_message(LOG_LEVEL_ERROR, "no scenario has that in its name or among its tags");
		} else if (arguments->list) {
			print_list(list);
			status = CMD_SUCCESS;
		} else if (probe_run_all(&arguments->settings, list, &report)) {
			status = print_report(arguments, &report);
		} else {
			log_message(LOG_LEVEL_ERROR, "out of memory");
		}
	}
	probe_report_free(&report);
	probe_list_free(list);
	free(list);
	return status;
}

/* The server's end makes a token where none is given, and tells how to use it. */
static int find_token(struct arguments *arguments)
{
	if (!arguments->settings.token)
		arguments->settings.token = getenv(TOKEN_VARIABLE);
	if (arguments->settings.token || arguments->list)
		return CMD_SUCCESS;
	if (!arguments->server)
		return cmd_misuse("probe", "it needs the --token that the server's end has printed");
	if (!proof_challenge(arguments->token))
		return CMD_FAILURE;
	arguments->settings.token = arguments->token;
	log_message(LOG_LEVEL_NOTICE, "at the client: ftpalg probe client --token %s ADDRESS", arguments->token);
	return CMD_SUCCESS;
}

int cmd_probe(int argc, char **argv)
{
	struct arguments arguments = {
		.settings = { .control = { .port = PROBE_PORT }, .link_port = PROBE_LINK_PORT },
	};
	int status = read_options(&arguments, argc, argv);

	if (status == CMD_SUCCESS)
		status = find_token(&arguments);
	if (status != CMD_SUCCESS)
		return status;
	if (arguments.server)
		return probe_serve(&arguments.settings) == 0 ? CMD_SUCCESS : CMD_FAILURE;
	return run_client(&arguments);
}
