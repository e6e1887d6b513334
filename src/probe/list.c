/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scenarios from inside the program, from a directory, from files. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "probe/client.h"

#define SUFFIX ".scenario"

/* path: for messages. Takes owned over. */
static bool add_source(struct probe_list *list, const char *path, const char *name, struct bytes text, uint8_t *owned)
{
	struct probe_source *source = &list->sources[list->count];
	const size_t length = strlen(name) - (strlen(name) > strlen(SUFFIX) ? strlen(SUFFIX) : 0);
	struct scenario_error error;

	if (list->count == PROBE_RUNS_MAX) {
		log_message(LOG_LEVEL_ERROR, "%s: more than %d scenarios", path, PROBE_RUNS_MAX);
		free(owned);
		return false;
	}
	source->scenario = malloc(sizeof(*source->scenario));
	source->text = text;
	source->owned = owned;
	list->count++;
	if (!source->scenario) {
		log_message(LOG_LEVEL_ERROR, "out of memory");
		return false;
	}
	memcpy(source->name, name, length < RUN_NAME_MAX ? length : RUN_NAME_MAX - 1);
	if (scenario_parse(text, source->scenario, &error))
		return true;
	log_message(LOG_LEVEL_ERROR, "%s:%u:%u: %s", path, error.line, error.column, error.message);
	return false;
}

bool probe_list_add_builtins(struct probe_list *list)
{
	for (size_t i = 0; i < probe_builtins_count; i++) {
		const struct embedded *builtin = &probe_builtins[i];
		const struct bytes text = { builtin->data, builtin->length };

		if (!add_source(list, builtin->name, builtin->name, text, NULL))
			return false;
	}
	return true;
}

static bool add_file(struct probe_list *list, const char *path)
{
	const char *slash = strrchr(path, '/');
	FILE *file = fopen(path, "re");
	uint8_t *text = malloc(SCENARIO_SIZE_MAX + 1);
	size_t length = 0;
	bool good = file && text;

	if (good) {
		length = fread(text, 1, SCENARIO_SIZE_MAX + 1, file);
		good = !ferror(file);
	}
	if (!good)
		log_message(LOG_LEVEL_ERROR, "%s: %s", path, strerror(errno));
	if (file)
		(void)fclose(file);
	if (good)
		return add_source(list, path, slash ? slash + 1 : path, (struct bytes){ text, length }, text);
	free(text);
	return false;
}

static int is_scenario(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name);

	return length > strlen(SUFFIX) && strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static bool add_directory(struct probe_list *list, const char *path)
{
	struct dirent **entries = NULL;
	const int count = scandir(path, &entries, is_scenario, alphasort);
	bool good = count > 0;

	if (count == 0)
		log_message(LOG_LEVEL_ERROR, "%s: no file *" SUFFIX, path);
	else if (count < 0)
		log_message(LOG_LEVEL_ERROR, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *file = NULL;

		if (good && asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0) {
			good = add_file(list, file);
			free(file);
		}
		free(entries[i]);
	}
	free(entries);
	return good;
}

bool probe_list_add_path(struct probe_list *list, const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return add_directory(list, path);
	return add_file(list, path);
}

void probe_list_free(struct probe_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->sources[i].scenario);
		free(list->sources[i].owned);
	}
	list->count = 0;
}

bool probe_source_matches(const struct probe_source *source, const char *filter)
{
	const struct bytes tags = source->scenario->tags;
	size_t start = 0;

	if (strstr(source->name, filter))
		return true;
	for (size_t i = 0; i <= tags.length; i++) {
		if (i < tags.length && tags.data[i] != ' ')
			continue;
		if (i - start == strlen(filter) && memcmp(tags.data + start, filter, i - start) == 0)
			return true;
		start = i + 1;
	}
	return false;
}
