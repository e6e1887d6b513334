/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/capture_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/options.h"

/* Shorter files are done before anybody could read the progress. */
#define PROGRESS_SIZE (UINT64_C(32) << 20)
#define PROGRESS_PACKETS 65536

void capture_run_init(struct capture_run *run, const char *command)
{
	memset(run, 0, sizeof(*run));
	run->command = command;
	config_set_defaults(&run->config);
}

static int add_translation(struct capture_run *run, const char *text)
{
	struct replay_settings *settings = &run->settings;
	struct replay_translation *translation;

	if (settings->nat_count == REPLAY_NAT_MAX)
		return cmd_misuse(run->command, "at most %d --nat are taken", REPLAY_NAT_MAX);
	translation = &settings->nat[settings->nat_count++];
	if (!option_read_translation(text, &translation->inside, &translation->outside))
		return cmd_misuse(run->command, "\"%s\" is not INSIDE=OUTSIDE of one family", text);
	return CMD_SUCCESS;
}

static int add_port(struct capture_run *run, const char *text)
{
	uint16_t port;

	if (run->port_count == CONFIG_PORTS_MAX)
		return cmd_misuse(run->command, "at most %d --port are taken", CONFIG_PORTS_MAX);
	if (!option_read_port(text, &port))
		return cmd_misuse(run->command, "\"%s\" is no port", text);
	run->ports[run->port_count++] = port;
	return CMD_SUCCESS;
}

int capture_run_set(struct capture_run *run, int option, const char *value)
{
	struct replay_settings *settings = &run->settings;

	switch (option) {
	case 'c':
		return config_load(&run->config, value, stderr) == 0 ? CMD_SUCCESS : CMD_FAILURE;
	case 'N':
		return add_translation(run, value);
	case 'P':
		return add_port(run, value);
	case 'C':
		if (!option_read_number(value, UINT16_MAX, &settings->cut) || settings->cut == 0)
			return cmd_misuse(run->command, "\"%s\" is no length of a segment", value);
		return CMD_SUCCESS;
	case 'S':
		if (!option_read_number(value, UINT32_MAX, &settings->seed))
			return cmd_misuse(run->command, "\"%s\" is no seed", value);
		return CMD_SUCCESS;
	case 'R':
		settings->reorder = true;
		return CMD_SUCCESS;
	case 'K':
		settings->checksums = true;
		return CMD_SUCCESS;
	default:
		return cmd_misuse(run->command, "the options make no sense");
	}
}

int capture_run_open(struct capture_run *run)
{
	if (capture_open(&run->capture, run->input) == 0)
		return CMD_SUCCESS;
	log_message(LOG_LEVEL_ERROR, "%s: %s", run->input, run->capture.error);
	return CMD_FAILURE;
}

static void show_progress(const struct capture *capture)
{
	const int percent = capture_progress(capture);

	if (percent >= 0)
		fprintf(stderr, "\r%3d %% %" PRIu64 " packets", percent, capture->frames);
}

static void note_time(struct capture_run *run, const struct timespec *time)
{
	run->last = time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_nsec / 1000;
	if (run->capture.frames == 1)
		run->first = run->last;
}

static void replay_all(struct capture_run *run, struct replay *replay)
{
	const bool progress = isatty(STDERR_FILENO) && run->capture.size >= PROGRESS_SIZE;
	struct capture_frame frame;
	int result;

	while ((result = capture_next(&run->capture, &frame)) == 1) {
		note_time(run, &frame.time);
		replay_frame(replay, &frame);
		if (progress && run->capture.frames % PROGRESS_PACKETS == 0)
			show_progress(&run->capture);
	}
	if (progress)
		fputs("\r\033[K", stderr);
	replay_finish(replay);
	run->truncated = result < 0;
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

static int judge(const struct capture_run *run)
{
	int status = CMD_SUCCESS;

	tell(&run->counters);
	if (run->truncated) {
		log_message(LOG_LEVEL_ERROR, "%s can't be read beyond its packet %" PRIu64 " (%s); what came before was"
			    " replayed", run->input, run->capture.frames, run->capture.error);
		status = CMD_FAILURE;
	}
	if (run->counters.connections == 0) {
		log_message(LOG_LEVEL_ERROR, "there is no control connection in %s; --port names the port of its server",
			    run->input);
		status = CMD_FAILURE;
	}
	return status;
}

int capture_run_replay(struct capture_run *run)
{
	struct replay_settings *settings = &run->settings;
	struct replay *replay;

	settings->limits = &run->config.limits;
	settings->policy = &run->config.policy;
	settings->ports = run->port_count ? run->ports : run->config.control_ports;
	settings->port_count = run->port_count ? run->port_count : run->config.control_port_count;
	settings->link = run->capture.link;
	replay = replay_create(settings);
	if (!replay) {
		log_message(LOG_LEVEL_ERROR, "out of memory; configure fewer sessions");
		return CMD_FAILURE;
	}
	replay_all(run, replay);
	run->counters = *replay_get_counters(replay);
	replay_destroy(replay);
	return judge(run);
}

void capture_run_close(struct capture_run *run)
{
	capture_close(&run->capture);
}
