/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the configuration file.
 *
 * inih splits lines into keys and values, but its handler does not learn the line, its line buffer silently cuts off what
 * is too long, it reports only the first error, and it says nothing of sections without settings. So it is fed by our own
 * reader (inih calls it once a line), which knows the line, judges its length and its section header, and notices at the
 * next line that the handler was never called for this one. What the handler gets is judged by the key tables.
 *
 * More files may stand beside the one that was named. Each is read as if it were alone, except that a setting, a rule or a
 * server that an earlier one has is an error: what is in force does not depend on which file happens to be the last.
 *
 * Errors don't stop the reading: the operator sees them all at once, in the order of the lines, up to a bound.
 *
 * A [rule] inherits from [policy] wherever that stands in the file, so inheritance is settled at the end: the keys that each
 * rule set are known, and the bytes of all others are copied from [policy].
 */
#include "config/config.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/reader.h"

#define SECTIONS "[gateway], [proxy], [server NAME], [policy] or [rule NAME]"

static const char blanks[] = " \t\r\n\f\v";

static bool config_name_is_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strlen(name);

	return length > 0 && length < POLICY_NAME_MAX && strspn(name, allowed) == length;
}

static bool config_judge_name(struct config_reader *reader, const char *kind, const char *name)
{
	if (config_name_is_valid(name))
		return true;
	config_complain(reader, "\"%s\" can't name a %s; expected 1 to %d letters, digits, dots, underscores and "
			"hyphens", name, kind, POLICY_NAME_MAX - 1);
	return false;
}

static void config_begin_server(struct config_reader *reader, const char *name)
{
	struct config *config = reader->config;
	struct config_server *server;

	if (!config_judge_name(reader, "server", name))
		return;
	for (size_t i = 0; i < config->server_count; i++) {
		if (strcmp(config->servers[i].name, name) == 0) {
			config_complain(reader, "there is a server \"%s\" already, in %s; expected another name",
					name, config_name_place(reader, reader->server_seen[i].section));
			return;
		}
	}
	if (config->server_count == CONFIG_SERVERS_MAX) {
		config_complain(reader, "server \"%s\" is one too many; expected at most %d servers", name,
				CONFIG_SERVERS_MAX);
		return;
	}
	server = &config->servers[config->server_count];
	memcpy(server->name, name, strlen(name) + 1);
	reader->section = CONFIG_SECTION_SERVER;
	reader->owner = server;
	reader->seen = &reader->server_seen[config->server_count];
	reader->seen->section = config_tell_place(reader);
	config->server_count++;
}

static void config_begin_rule(struct config_reader *reader, const char *name)
{
	struct policy *policy = &reader->config->policy;
	struct policy_rule *rule;

	if (!config_judge_name(reader, "rule", name))
		return;
	if (strcmp(name, "policy") == 0) {
		config_complain(reader, "events call the [policy] section \"policy\", so no rule can; expected another "
				"name");
		return;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (strcmp(policy->rules[i].name, name) == 0) {
			config_complain(reader, "there is a rule \"%s\" already, in %s; expected another name",
					name, config_name_place(reader, reader->rule_seen[i].section));
			return;
		}
	}
	/* The last row is kept for [policy]. */
	if (policy->rule_count == POLICY_RULES_MAX - 1) {
		config_complain(reader, "rule \"%s\" is one too many; expected at most %d rules", name,
				POLICY_RULES_MAX - 1);
		return;
	}
	rule = &policy->rules[policy->rule_count];
	memset(rule, 0, sizeof(*rule));
	memcpy(rule->name, name, strlen(name) + 1);
	reader->section = CONFIG_SECTION_RULE;
	reader->owner = rule;
	reader->seen = &reader->rule_seen[policy->rule_count];
	reader->seen->section = config_tell_place(reader);
	policy->rule_count++;
}

static void config_begin_single(struct config_reader *reader, enum config_section section, struct config_seen *seen,
				void *owner)
{
	if (seen->section && seen->section >> CONFIG_PLACE_SHIFT == reader->file) {
		config_complain(reader, "this section began in %s already; expected it once in a file",
				config_name_place(reader, seen->section));
		return;
	}
	reader->section = section;
	reader->owner = owner;
	reader->seen = seen;
	seen->section = config_tell_place(reader);
}

/* header is the line, without trailing blanks; it is taken apart in place. */
static void config_begin_section(struct config_reader *reader, char *header)
{
	char *end = strchr(header, ']');
	char *name = header + 1;

	/* A section that is refused swallows its settings: an error for each of them would hide the cause. */
	reader->section = CONFIG_SECTION_UNKNOWN;
	reader->begun = false;
	if (!end || end[1] != '\0') {
		config_complain(reader, "\"%s\" is no section header; expected " SECTIONS, header);
		return;
	}
	*end = '\0';
	if (strcmp(name, "gateway") == 0)
		config_begin_single(reader, CONFIG_SECTION_GATEWAY, &reader->gateway_seen, reader->config);
	else if (strcmp(name, "proxy") == 0)
		config_begin_single(reader, CONFIG_SECTION_PROXY, &reader->proxy_seen, reader->config);
	else if (strcmp(name, "policy") == 0)
		config_begin_single(reader, CONFIG_SECTION_POLICY, &reader->policy_seen, &reader->policy);
	else if (strncmp(name, "rule", 4) == 0 && strchr(blanks, name[4]))
		config_begin_rule(reader, name + 4 + strspn(name + 4, blanks));
	else if (strncmp(name, "server", 6) == 0 && strchr(blanks, name[6]))
		config_begin_server(reader, name + 6 + strspn(name + 6, blanks));
	else
		config_complain(reader, "there is no section [%s]; expected " SECTIONS, name);
}

/* The line before should have been a setting, and inih found none in it. */
static void config_settle_line(struct config_reader *reader)
{
	if (!reader->pending)
		return;
	reader->pending = false;
	reader->dropped = true;
	config_complain(reader, "neither a setting nor a comment; expected KEY = VALUE, or # in front of a comment");
}

/*
 * Cuts off a comment after a value, which begins with a semicolon after a blank. inih does the same, but not in lines that
 * continue a value. Then cuts off trailing blanks. Returns the new length.
 */
static size_t config_trim_line(char *text, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if (text[i] == ';' && strchr(blanks, text[i - 1]))
			length = i;
	while (length > 0 && strchr(blanks, text[length - 1]))
		length--;
	text[length] = '\0';
	return length;
}

/* Judges the line in reader->text and returns what inih is to see instead; size is what inih has room for. */
static const char *config_judge_line(struct config_reader *reader, size_t length, size_t size)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	char *text = reader->text;
	char *start;

	if (reader->line == 1 && strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0) {
		length -= strlen(byte_order_mark);
		memmove(text, text + strlen(byte_order_mark), length + 1);
	}
	if (memchr(text, '\0', length)) {
		config_complain(reader, "the line contains a NUL byte; expected text");
		return "";
	}
	length = config_trim_line(text, length);
	start = text + strspn(text, blanks);
	if (*start == '\0' || *start == '#' || *start == ';')
		return "";
	if (length >= size) {
		config_complain(reader, "the line is longer than %zu bytes; expected less (a list may go on in "
				"indented lines)", size - 1);
		return "";
	}
	if (*text == '[') {
		config_begin_section(reader, text);
		/* Tells inih that lines from here on continue nothing before the header. */
		return "[]";
	}
	reader->pending = true;
	return text;
}

/* inih's ini_reader: like fgets. */
static char *config_next_line(char *out, int size, void *context)
{
	struct config_reader *reader = context;
	size_t length;
	char *end;

	/* Messages for the line before are due before the count goes on. */
	config_settle_line(reader);
	length = (size_t)(reader->end - reader->next);
	if (length == 0)
		return NULL;
	end = memchr(reader->next, '\n', length);
	if (end)
		length = (size_t)(end - reader->next);
	reader->text = reader->next;
	reader->next += length + (end ? 1 : 0);
	reader->text[length] = '\0';
	reader->line++;
	snprintf(out, (size_t)size, "%s", config_judge_line(reader, length, (size_t)size));
	return out;
}

static const struct config_key *config_find_key(struct config_reader *reader, const char *name)
{
	const struct config_key *key;
	unsigned int *place;
	size_t index;

	for (index = 0; (key = config_key_at(reader->section, index)); index++)
		if (strcmp(key->name, name) == 0)
			break;
	if (!key || (key->rule_only && reader->section != CONFIG_SECTION_RULE)) {
		config_complain_key(reader, name);
		return NULL;
	}
	place = &reader->seen->key[index];
	if (*place) {
		config_complain(reader, "%s was set in %s already; expected it once in a section", name,
				config_name_place(reader, *place));
		return NULL;
	}
	*place = config_tell_place(reader);
	return key;
}

static void config_set(struct config_reader *reader, const char *text)
{
	struct config_value *value = &reader->value;
	const char *wrong = "is no value";

	value->text = (struct bytes){ (const uint8_t *)text, strlen(text) };
	value->culprit = value->text;
	if (*text != '\0')
		wrong = value->key->read(value, reader->owner);
	if (wrong)
		config_complain_value(reader, wrong);
}

/*
 * inih's ini_handler. It is called once for each line of a setting, with the same name for the lines that continue one.
 * Always 1: what 0 would tell inih has been reported here.
 */
static int config_handle(void *context, const char *section, const char *name, const char *text)
{
	struct config_reader *reader = context;
	bool continues = reader->begun && strchr(blanks, reader->text[0]);

	(void)section; /* config_begin_section has judged it */
	reader->pending = false;
	reader->begun = true;
	if (!continues)
		reader->dropped = true;
	if (reader->section == CONFIG_SECTION_UNKNOWN)
		return 1;
	if (reader->section == CONFIG_SECTION_NONE) {
		config_complain(reader, "\"%s\" stands in no section; expected " SECTIONS " before it", name);
		return 1;
	}
	if (!continues) {
		reader->value = (struct config_value){ .key = config_find_key(reader, name) };
		reader->dropped = !reader->value.key;
	} else if (!reader->dropped && (!reader->value.key->list || strchr(text, '='))) {
		config_complain(reader, "an indented line continues the list above it, and this one can't continue %s; "
				"expected KEY = VALUE without a blank in front", name);
		return 1;
	}
	if (reader->dropped)
		return 1;
	reader->value.continued = continues;
	config_set(reader, text);
	return 1;
}

/* False: one of the files could not be read. */
static bool config_take_files(struct config_reader *reader)
{
	struct config *config = reader->config;
	char *text = malloc(CONFIG_FILE_MAX + 2);
	bool taken = text != NULL;

	if (!text)
		fprintf(reader->errors, "%s: no memory\n", reader->files[0]);
	/* While the text is read, policy.rules holds its rules only. */
	reader->policy = config->policy.rules[0];
	config->policy.rule_count = 0;
	for (unsigned int i = 0; text && i < reader->file_count; i++) {
		const bool good = config_take_file(reader, i, text);

		if (good)
			ini_parse_stream(config_next_line, reader, config_handle, reader);
		taken = taken && good;
	}
	free(text);
	return taken;
}

static int config_load_files(struct config_reader *reader)
{
	const bool taken = config_take_files(reader);

	if (taken) {
		config_finish_rules(reader);
		config_finish_servers(reader);
		config_finish_gateway(reader);
	config_finish_proxy(reader);
		config_use_credentials(reader->config);
	}
	if (reader->error_count > CONFIG_ERRORS_MAX)
		fprintf(reader->errors, "%s: %u more errors\n", reader->path, reader->error_count - CONFIG_ERRORS_MAX);
	return taken && reader->error_count == 0 ? 0 : -1;
}

/* absent: the file that was named does not exist, and need not. */
static int config_load_with_parts(struct config *config, const char *path, bool absent, FILE *errors)
{
	struct config_reader reader = { .config = config, .errors = errors };
	int result = -1;

	config_set_defaults(config);
	if (!absent)
		reader.files[reader.file_count++] = strdup(path);
	if (reader.file_count && !reader.files[0])
		fprintf(errors, "%s: no memory\n", path);
	else if (config_add_parts(&reader, path))
		result = reader.file_count ? config_load_files(&reader) : 1;
	for (unsigned int i = 0; i < reader.file_count; i++)
		free(reader.files[i]);
	return result;
}

int config_load(struct config *config, const char *path, FILE *errors)
{
	return config_load_with_parts(config, path, false, errors);
}

int config_load_first(struct config *config, const char *path, FILE *errors)
{
	const bool absent = strcmp(path, CONFIG_DEFAULT_PATH) == 0 && access(path, F_OK) < 0 && errno == ENOENT;

	return config_load_with_parts(config, path, absent, errors);
}
