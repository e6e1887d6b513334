/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a capture file, through the reader and the whole replay: nothing is read that is not there, and
 * what is written can be read again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "replay/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config;
static struct capture_output output;
static char output_path[64];
static FILE *events;

static void remove_output(void)
{
	unlink(output_path);
}

static void prepare(void)
{
	int descriptor;

	if (events)
		return;
	config_set_defaults(&config);
	config.limits.sessions = 8;
	config.limits.memory = 32 * 1024;
	events = fopen("/dev/null", "w");
	snprintf(output_path, sizeof(output_path), "/tmp/fuzz-capture-XXXXXX");
	descriptor = mkstemp(output_path);
	assert(events && descriptor >= 0);
	close(descriptor);
	atexit(remove_output);
}

static FILE *open_bytes(const uint8_t *data, size_t size)
{
	FILE *file = tmpfile();

	assert(file && fwrite(data, 1, size, file) == size);
	rewind(file);
	return file;
}

static void read_back(void)
{
	struct capture capture;
	struct capture_frame frame;
	int result;

	assert(capture_open(&capture, output_path) == 0);
	while ((result = capture_next(&capture, &frame)) == 1)
		;
	assert(result == 0);
	capture_close(&capture);
}

static void replay_with(struct capture *capture, bool mangle)
{
	struct replay_settings settings = {
		.limits = &config.limits, .policy = &config.policy, .ports = config.control_ports,
		.port_count = config.control_port_count, .events = events, .link = capture->link,
		.cut = mangle ? 5 : 0, .reorder = mangle, .checksums = false, .nat_count = 1,
	};
	struct capture_frame frame;
	struct replay *replay;
	char error[CAPTURE_ERROR_MAX];

	settings.nat[0].inside = (struct address){ .family = FAMILY_IPV4, .octets = { 10, 0, 0, 5 } };
	settings.nat[0].outside = (struct address){ .family = FAMILY_IPV4, .octets = { 198, 51, 100, 1 } };
	assert(capture_output_open(&output, capture, output_path, error, sizeof(error)) == 0);
	settings.output = &output;
	replay = replay_create(&settings);
	assert(replay);
	while (capture_next(capture, &frame) == 1) {
		assert(!frame.internet || frame.link < frame.bytes.length);
		replay_frame(replay, &frame);
	}
	replay_finish(replay);
	assert(replay_get_counters(replay)->packets == capture->frames);
	assert(capture_output_close(&output) == 0);
	replay_destroy(replay);
	read_back();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture capture;

	if (size < 1)
		return 0;
	prepare();
	/* The first byte says how; the rest is the file. */
	if (capture_open_stream(&capture, open_bytes(data + 1, size - 1)) < 0)
		return 0;
	replay_with(&capture, data[0] & 1);
	capture_close(&capture);
	return 0;
}
