/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

void asking_init(struct asking *asking, const char *command)
{
	*asking = (struct asking){ .command = command };
	client_init(&asking->client, "", false);
}

void asking_finish(struct asking *asking)
{
	client_close(&asking->client);
}

int asking_read_option(struct asking *asking, int option, char **argv)
{
	switch (option) {
	case 'c':
		asking->config_path = optarg;
		return CMD_SUCCESS;
	case 'S':
		asking->socket = optarg;
		return CMD_SUCCESS;
	case 'j':
		asking->json = true;
		return CMD_SUCCESS;
	case ':':
		return cmd_misuse(asking->command, "%s needs something behind it", argv[optind - 1]);
	default:
		return cmd_misuse(asking->command, "%s is not understood", argv[optind - 1]);
	}
}

static void keep(struct asking *asking, const struct config *config)
{
	const char *configured = asking->acts ? config->control : config->monitor;

	snprintf(asking->configured, sizeof(asking->configured), "%s", configured);
	asking->watchdog = config->watchdog;
	client_init(&asking->client, "", config->absent_open);
}

/*
 * A user who may ask need not be able to read the configuration, and a gateway goes on with the last one that was good: so
 * what can be read is used, unless a file was named that can't be read.
 */
static int load_config(struct asking *asking)
{
	const char *path = asking->config_path ? asking->config_path : CONFIG_DEFAULT_PATH;
	struct config *config = malloc(sizeof(*config));
	char *errors = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&errors, &length);
	int status = config && stream ? CMD_SUCCESS : CMD_FAILURE;

	if (status == CMD_SUCCESS && config_load_first(config, path, stream) < 0 && asking->config_path &&
	    access(path, R_OK) != 0)
		status = CMD_FAILURE;
	if (stream)
		fclose(stream);
	if (status == CMD_SUCCESS)
		keep(asking, config);
	else
		log_lines(errors ? errors : "no memory");
	free(errors);
	free(config);
	return status;
}

int asking_configure(struct asking *asking)
{
	if (load_config(asking) != CMD_SUCCESS)
		return CMD_FAILURE;
	if (!asking->socket)
		asking->socket = asking->configured;
	asking->client.path = asking->socket;
	terminal_read(&asking->terminal, STDOUT_FILENO);
	asking->style = (struct screen_style){ asking->terminal.width, asking->terminal.unicode, asking->terminal.colour };
	return CMD_SUCCESS;
}

int asking_prepare(struct asking *asking)
{
	const int status = asking_configure(asking);

	if (status != CMD_SUCCESS || *asking->socket)
		return status;
	log_message(LOG_LEVEL_ERROR, "the configuration says %s = none, so nobody can be asked; --socket names a socket",
		    asking->acts ? "control" : "monitor");
	return CMD_FAILURE;
}

int asking_read_arguments(struct asking *asking, int argc, char **argv)
{
	static const struct option options[] = { ASKING_OPTIONS, { NULL, 0, NULL, 0 } };
	int status = CMD_SUCCESS;
	int option;

	opterr = 0;
	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, ASKING_LETTERS, options, NULL)) != -1)
		status = asking_read_option(asking, option, argv);
	return status == CMD_SUCCESS ? asking_prepare(asking) : status;
}

int asking_tell_problem(struct asking *asking)
{
	log_message(LOG_LEVEL_ERROR, "%s", asking->client.problem);
	return CMD_FAILURE;
}

int asking_begin(struct asking *asking, const char *const *words, size_t count)
{
	return client_ask(&asking->client, words, count) == 0 ? CMD_SUCCESS : asking_tell_problem(asking);
}

enum client_result asking_next(struct asking *asking, struct bytes *line, json_t **object)
{
	const unsigned int seconds = asking->acts ? ASKING_ACTS_SECONDS : ASKING_SECONDS;
	const int patience = asking->client.endless ? -1 : (int)seconds * 1000;
	enum client_result result = client_read(&asking->client, patience, line, object);

	if (result == CLIENT_WAIT) {
		client_tell_silence(&asking->client, seconds);
		result = CLIENT_FAILED;
	}
	if (result == CLIENT_FAILED)
		asking_tell_problem(asking);
	return result;
}

json_t *asking_collect(struct asking *asking, const char *const *words, size_t count)
{
	enum client_result result = CLIENT_LINE;
	json_t *answer = json_array();
	json_t *object;
	struct bytes line;

	if (!answer || asking_begin(asking, words, count) != CMD_SUCCESS) {
		json_decref(answer);
		return NULL;
	}
	while (result == CLIENT_LINE) {
		result = asking_next(asking, &line, &object);
		if (result == CLIENT_LINE && json_array_append_new(answer, object) != 0)
			result = CLIENT_FAILED;
	}
	if (result == CLIENT_END)
		return answer;
	json_decref(answer);
	return NULL;
}

/* RFC 8259 7: a character beyond four digits is written as two halves. */
static void print_character(uint32_t character)
{
	if (character > UINT16_MAX)
		printf("\\u%04x\\u%04x", 0xd800U + ((character - 0x10000U) >> 10), 0xdc00U + ((character - 0x10000U) & 0x3ffU));
	else
		printf("\\u%04x", (unsigned int)character);
}

/* As it is; but what a terminal would take for more than a character is written as in JSON. */
void asking_print_line(struct bytes line)
{
	while (line.length > 0) {
		uint32_t character = line.data[0];
		const size_t length = character_read(line, &character);

		if (length > 0 && character_is_printable(character))
			(void)fwrite(line.data, 1, length, stdout);
		else
			print_character(character);
		line.data += length > 0 ? length : 1;
		line.length -= length > 0 ? length : 1;
	}
	putchar('\n');
}

static bool asking_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	perror("ftpalg: standard output");
	return false;
}

int asking_pass_on(struct asking *asking, const char *const *words, size_t count, bool objects)
{
	enum client_result result = CLIENT_LINE;
	json_t *object = NULL;
	bool written = true;
	struct bytes line;

	if (asking_begin(asking, words, count) != CMD_SUCCESS)
		return CMD_FAILURE;
	while (result == CLIENT_LINE && written) {
		result = asking_next(asking, &line, objects ? &object : NULL);
		if (result == CLIENT_LINE)
			asking_print_line(line);
		json_decref(object);
		object = NULL;
		/* Where the answer is followed, each line is shown when it comes. */
		written = !ferror(stdout) && (!asking->client.endless || fflush(stdout) == 0);
	}
	return asking_flush() && result == CLIENT_END && written ? CMD_SUCCESS : CMD_FAILURE;
}

int asking_print(struct screen_text *text)
{
	int status = CMD_SUCCESS;

	if (text->lost) {
		log_message(LOG_LEVEL_ERROR, "no memory for all that there is to show");
		status = CMD_FAILURE;
	}
	if (text->length > 0)
		(void)fwrite(text->data, 1, text->length, stdout);
	if (!asking_flush())
		status = CMD_FAILURE;
	screen_text_free(text);
	return status;
}

double asking_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return 0;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
