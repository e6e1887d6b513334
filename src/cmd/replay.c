/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg replay: a capture through the gateway, with the events on standard output and what would leave in a file. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "daemon/log.h"
#include "daemon/replay.h"
#include "ftpalg/address.h"

/* Files that are shorter are done before one could read how far they are. */
#define PROGRESS_SIZE (UINT64_C(32) << 20)
#define PROGRESS_PACKETS 65536
#define EVENT_BUFFER (1 << 16)
#define NUMBER_MAX 65535

struct arguments {
	struct config config;
	struct replay_settings settings;
	uint16_t ports[CONFIG_PORTS_MAX];
	size_t port_count;
	const char *input;
	const char *output; /* NULL: none */
	struct capture capture;
	struct capture_output writer;
};

static bool read_number(const char *text, unsigned long maximum, uint32_t *number)
{
	unsigned long value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned long)(*text - '0');
		if (value > maximum)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

static bool read_translation(const char *text, struct replay_translation *translation)
{
	const char *equals = strchr(text, '=');
	struct bytes inside = { (const uint8_t *)text, 0 };
	struct bytes outside;

	if (!equals)
		return false;
	inside.length = (size_t)(equals - text);
	outside = (struct bytes){ (const uint8_t *)equals + 1, strlen(equals + 1) };
	return address_parse(inside, &translation->inside) && address_parse(outside, &translation->outside) &&
	       translation->inside.family == translation->outside.family;
}

static int add_translation(struct arguments *arguments, const char *text)
{
	struct replay_settings *settings = &arguments->settings;

	if (settings->nat_count == REPLAY_NAT_MAX)
		return cmd_misuse("replay", "at most %d --nat are taken", REPLAY_NAT_MAX);
	if (!read_translation(text, &settings->nat[settings->nat_count++]))
		return cmd_misuse("replay", "\"%s\" is not INSIDE=OUTSIDE of one family", text);
	return CMD_SUCCESS;
}

static int add_port(struct arguments *arguments, const char *text)
{
	uint32_t port;

	if (arguments->port_count == CONFIG_PORTS_MAX)
		return cmd_misuse("replay", "at most %d --port are taken", CONFIG_PORTS_MAX);
	if (!read_number(text, NUMBER_MAX, &port) || port == 0)
		return cmd_misuse("replay", "\"%s\" is no port", text);
	arguments->ports[arguments->port_count++] = (uint16_t)port;
	return CMD_SUCCESS;
}

static int read_option(struct arguments *arguments, int option, const char *value)
{
	struct replay_settings *settings = &arguments->settings;

	switch (option) {
	case 'c':
		return config_load(&arguments->config, value, stderr) == 0 ? CMD_SUCCESS : CMD_FAILURE;
	case 'w':
		arguments->output = value;
		return CMD_SUCCESS;
	case 'N':
		return add_translation(arguments, value);
	case 'P':
		return add_port(arguments, value);
	case 'C':
		if (!read_number(value, NUMBER_MAX, &settings->cut) || settings->cut == 0)
			return cmd_misuse("replay", "\"%s\" is no length of a segment", value);
		return CMD_SUCCESS;
	case 'S':
		if (!read_number(value, UINT32_MAX, &settings->seed))
			return cmd_misuse("replay", "\"%s\" is no seed", value);
		return CMD_SUCCESS;
	case 'R':
		settings->reorder = true;
		return CMD_SUCCESS;
	case 'K':
		settings->checksums = true;
		return CMD_SUCCESS;
	default:
		return cmd_misuse("replay", "the options make no sense");
	}
}

static int read_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {
		{ "nat", required_argument, NULL, 'N' },
		{ "port", required_argument, NULL, 'P' },
		{ "cut", required_argument, NULL, 'C' },
		{ "seed", required_argument, NULL, 'S' },
		{ "reorder", no_argument, NULL, 'R' },
		{ "checksums", no_argument, NULL, 'K' },
		{ NULL, 0, NULL, 0 },
	};
	int status = CMD_SUCCESS;
	int option;

	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, "c:w:", options, NULL)) != -1)
		status = read_option(arguments, option, optarg);
	if (status == CMD_SUCCESS && optind + 1 != argc)
		status = cmd_misuse("replay", "it takes one capture, or - for standard input");
	if (status == CMD_SUCCESS && arguments->output && strcmp(arguments->output, "-") == 0)
		status = cmd_misuse("replay", "-w takes a file; standard output has the events");
	if (status == CMD_SUCCESS)
		arguments->input = argv[optind];
	return status;
}

static void show_progress(const struct capture *capture)
{
	const int percent = capture_progress(capture);

	if (percent >= 0)
		fprintf(stderr, "\r%3d %% %" PRIu64 " packets", percent, capture->frames);
}

/* Returns what capture_next said at the end. */
static int replay_all(struct arguments *arguments, struct replay *replay)
{
	const bool progress = isatty(STDERR_FILENO) && arguments->capture.size >= PROGRESS_SIZE;
	struct capture_frame frame;
	int result;

	while ((result = capture_next(&arguments->capture, &frame)) == 1) {
		replay_frame(replay, &frame);
		if (progress && arguments->capture.frames % PROGRESS_PACKETS == 0)
			show_progress(&arguments->capture);
	}
	if (progress)
		fputs("\r\033[K", stderr);
	replay_finish(replay);
	return result;
}

static void tell_count(uint64_t count, const char *what)
{
	if (count > 0)
		log_message(LOG_LEVEL_NOTICE, "%" PRIu64 " %s", count, what);
}

static void tell(const struct replay_counters *counters)
{
	tell_count(counters->adopted, "control connections were under way when the capture began; whether their users"
		   " had logged in is not known, and is assumed");
	tell_count(counters->incomplete, "control connections are incomplete in the capture, and were not inspected to"
		   " their end");
	tell_count(counters->cut_short, "packets of control connections were cut short by the capture's snapshot length");
	tell_count(counters->fragments, "IP fragments were not looked at; conntrack would have put them together");
	tell_count(counters->checksums, "packets of control connections had a wrong TCP checksum, as captures on the"
		   " sender have, and were given a right one; --checksums drops them");
	tell_count(counters->injected, "packets were made by the gateway itself");
	tell_count(counters->silenced, "packets of peers that the gateway has reset were left out");
	tell_count(counters->displaced, "control connections were forgotten, because there were more at one time than"
		   " \"sessions\" allows");
	log_message(LOG_LEVEL_NOTICE, "%" PRIu64 " packets, %" PRIu64 " of them of %" PRIu64 " control connection%s",
		    counters->packets, counters->control, counters->connections, counters->connections == 1 ? "" : "s");
}

static int finish(struct arguments *arguments, const struct replay_counters *counters, int result)
{
	int status = CMD_SUCCESS;

	tell(counters);
	if (result < 0) {
		log_message(LOG_LEVEL_ERROR, "%s can't be read beyond its packet %" PRIu64 " (%s); what came before was"
			    " replayed", arguments->input, arguments->capture.frames, arguments->capture.error);
		status = CMD_FAILURE;
	}
	if (counters->connections == 0) {
		log_message(LOG_LEVEL_ERROR, "there is no control connection in %s; --port names the port of its server",
			    arguments->input);
		status = CMD_FAILURE;
	}
	if (capture_output_close(&arguments->writer) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s could not be written", arguments->output);
		status = CMD_FAILURE;
	}
	if (fflush(stdout) != 0 || counters->events_failed) {
		log_message(LOG_LEVEL_ERROR, "the events could not be written");
		status = CMD_FAILURE;
	}
	return status;
}

static int open_captures(struct arguments *arguments)
{
	char error[CAPTURE_ERROR_MAX];

	if (capture_open(&arguments->capture, arguments->input) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s: %s", arguments->input, arguments->capture.error);
		return CMD_FAILURE;
	}
	if (!arguments->output)
		return CMD_SUCCESS;
	if (capture_output_open(&arguments->writer, &arguments->capture, arguments->output, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return CMD_FAILURE;
	}
	arguments->settings.output = &arguments->writer;
	return CMD_SUCCESS;
}

static int replay_capture(struct arguments *arguments)
{
	struct replay_settings *settings = &arguments->settings;
	struct replay *replay;
	int status;

	settings->limits = &arguments->config.limits;
	settings->policy = &arguments->config.policy;
	settings->ports = arguments->port_count ? arguments->ports : arguments->config.control_ports;
	settings->port_count = arguments->port_count ? arguments->port_count : arguments->config.control_port_count;
	settings->events = stdout;
	settings->link = arguments->capture.link;
	(void)setvbuf(stdout, NULL, _IOFBF, EVENT_BUFFER);
	replay = replay_create(settings);
	if (!replay) {
		log_message(LOG_LEVEL_ERROR, "out of memory; configure fewer sessions");
		return CMD_FAILURE;
	}
	status = finish(arguments, replay_counters(replay), replay_all(arguments, replay));
	replay_destroy(replay);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	struct arguments *arguments = calloc(1, sizeof(*arguments));
	int status;

	if (!arguments) {
		fputs("ftpalg replay: out of memory\n", stderr);
		return CMD_FAILURE;
	}
	config_set_defaults(&arguments->config);
	status = read_options(arguments, argc, argv);
	if (status == CMD_SUCCESS)
		status = open_captures(arguments);
	if (status == CMD_SUCCESS)
		status = replay_capture(arguments);
	capture_output_close(&arguments->writer);
	capture_close(&arguments->capture);
	free(arguments);
	return status;
}
