/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg report: a capture through the gateway, drawn: as a page of HTML, or as text for the terminal. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/terminal.h"
#include "cmd/capture_run.h"
#include "cmd/options.h"
#include "report/report.h"

#define WIDTH_DEFAULT 100
#define NOTE_MAX 384

struct arguments {
	struct capture_run run;
	const char *output; /* NULL: no page */
	bool text;
	struct report *report;
	struct report_head head;
	char notes[REPORT_NOTES_MAX][NOTE_MAX];
};

static int read_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {
		CAPTURE_RUN_OPTIONS, { "text", no_argument, NULL, 'T' }, { NULL, 0, NULL, 0 },
	};
	int status = CMD_SUCCESS;
	int option;

	while (status == CMD_SUCCESS &&
	       (option = getopt_long(argc, argv, CAPTURE_RUN_SHORT "o:", options, NULL)) != -1) {
		if (option == 'o')
			arguments->output = optarg;
		else if (option == 'T')
			arguments->text = true;
		else
			status = capture_run_set(&arguments->run, option, optarg);
	}
	if (status == CMD_SUCCESS && optind + 1 != argc)
		status = cmd_misuse("report", "it takes one capture, or - for standard input");
	if (status == CMD_SUCCESS && !arguments->output && !arguments->text)
		status = cmd_misuse("report", "-o names the file for the page; --text draws on the terminal instead");
	if (status == CMD_SUCCESS && arguments->text && arguments->output && strcmp(arguments->output, "-") == 0)
		status = cmd_misuse("report", "standard output can't have both the page and the text");
	if (status == CMD_SUCCESS)
		arguments->run.input = argv[optind];
	return status;
}

__attribute__((format(printf, 2, 3)))
static void add_note(struct arguments *arguments, const char *format, ...)
{
	struct report_head *head = &arguments->head;
	char *note;
	va_list list;

	if (head->note_count == REPORT_NOTES_MAX)
		return;
	note = arguments->notes[head->note_count];
	va_start(list, format);
	vsnprintf(note, NOTE_MAX, format, list);
	va_end(list);
	head->notes[head->note_count++] = note;
}

/* one and several: what one, or more, of them are called. */
static void note_count(struct arguments *arguments, uint64_t count, const char *one, const char *several)
{
	if (count > 0)
		add_note(arguments, "%" PRIu64 " %s", count, count == 1 ? one : several);
}

static void note_capture(struct arguments *arguments)
{
	const struct replay_counters *counters = &arguments->run.counters;

	if (arguments->run.truncated)
		add_note(arguments, "The capture can't be read beyond its packet %" PRIu64 "; what came before is shown.",
			 arguments->run.capture.frames);
	if (counters->connections == 0)
		add_note(arguments, "There is no control connection in this capture. --port names the port of its"
			 " server, where that is not the usual one.");
	note_count(arguments, counters->cut_short,
		   "packet of a control connection was cut short by the capture's snapshot length.",
		   "packets of control connections were cut short by the capture's snapshot length.");
	note_count(arguments, counters->fragments, "IP fragment was not looked at.", "IP fragments were not looked at.");
	note_count(arguments, counters->checksums,
		   "packet of a control connection had a wrong TCP checksum, as captures on the sender have, and was"
		   " given a right one.",
		   "packets of control connections had a wrong TCP checksum, as captures on the sender have, and were"
		   " given a right one.");
	note_count(arguments, counters->silenced,
		   "packet of a peer that the gateway has reset was left out: it would not have been sent.",
		   "packets of peers that the gateway has reset were left out: they would not have been sent.");
	note_count(arguments, counters->displaced,
		   "control connection was forgotten, because there were more at one time than \"sessions\" allows.",
		   "control connections were forgotten, because there were more at one time than \"sessions\" allows.");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, "-") == 0)
		return "standard input";
	return slash && slash[1] ? slash + 1 : path;
}

/* Would the page overwrite the capture? */
static bool is_same_file(const char *input, const char *output)
{
	struct stat in;
	struct stat out;

	return strcmp(input, "-") != 0 && stat(input, &in) == 0 && stat(output, &out) == 0 && in.st_dev == out.st_dev &&
	       in.st_ino == out.st_ino && S_ISREG(in.st_mode);
}

static int write_page(struct arguments *arguments)
{
	const bool standard = strcmp(arguments->output, "-") == 0;
	FILE *out = standard ? stdout : fopen(arguments->output, "wb");
	int result;

	if (!out) {
		log_message(LOG_LEVEL_ERROR, "%s: %s", arguments->output, strerror(errno));
		return CMD_FAILURE;
	}
	result = report_write_html(arguments->report, &arguments->head, out);
	if (!standard && fclose(out) != 0)
		result = -1;
	if (result == 0)
		return CMD_SUCCESS;
	log_message(LOG_LEVEL_ERROR, "%s could not be written", standard ? "standard output" : arguments->output);
	return CMD_FAILURE;
}

static int write_text(const struct arguments *arguments)
{
	struct report_style style;
	struct terminal terminal;

	terminal_read(&terminal, STDOUT_FILENO);
	style = (struct report_style){ .width = terminal.width ? terminal.width : WIDTH_DEFAULT,
				       .unicode = terminal.unicode, .colour = terminal.colour };
	if (report_write_text(arguments->report, &arguments->head, &style, stdout) == 0)
		return CMD_SUCCESS;
	log_message(LOG_LEVEL_ERROR, "the report could not be written");
	return CMD_FAILURE;
}

static int make_report(struct arguments *arguments)
{
	int status;

	arguments->report = report_create();
	if (!arguments->report) {
		log_message(LOG_LEVEL_ERROR, "out of memory");
		return CMD_FAILURE;
	}
	arguments->run.settings.observer = report_observer(arguments->report);
	status = capture_run_replay(&arguments->run);
	arguments->head.name = base_name(arguments->run.input);
	arguments->head.settings = &arguments->run.settings;
	arguments->head.counters = &arguments->run.counters;
	arguments->head.first = arguments->run.first;
	arguments->head.last = arguments->run.last;
	note_capture(arguments);
	if (arguments->text && write_text(arguments) != CMD_SUCCESS)
		status = CMD_FAILURE;
	if (arguments->output && write_page(arguments) != CMD_SUCCESS)
		status = CMD_FAILURE;
	return status;
}

int cmd_report(int argc, char **argv)
{
	struct arguments *arguments = calloc(1, sizeof(*arguments));
	int status;

	if (!arguments) {
		fputs("ftpalg report: out of memory\n", stderr);
		return CMD_FAILURE;
	}
	capture_run_init(&arguments->run, "report");
	status = read_options(arguments, argc, argv);
	if (status == CMD_SUCCESS && arguments->output && is_same_file(arguments->run.input, arguments->output))
		status = cmd_misuse("report", "the page would overwrite the capture");
	if (status == CMD_SUCCESS)
		status = capture_run_open(&arguments->run);
	if (status == CMD_SUCCESS)
		status = make_report(arguments);
	report_destroy(arguments->report);
	capture_run_close(&arguments->run);
	free(arguments);
	return status;
}
