/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A path may have bytes that are not UTF-8, which JSON has no way to say. */
static json_t *text_to_json(char *text, size_t length)
{
	json_t *value = json_stringn(text, length);

	if (value)
		return value;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] > 0x7e)
			text[i] = '?';
	return json_stringn(text, length);
}

static void check_collect(struct check *check, const char *finding, char *text)
{
	const char *colon = strstr(text, ": ");
	const size_t about = colon ? (size_t)(colon - text) : 0;
	char *rest = text + (colon ? about + 2 : 0);
	json_t *entry = json_object();

	/* Each of these takes over what it is given, and accepts NULL. */
	json_object_set_new(entry, "finding", json_string(finding));
	json_object_set_new(entry, "about", text_to_json(text, about));
	json_object_set_new(entry, "text", text_to_json(rest, strlen(rest)));
	json_array_append_new(check->findings, entry);
}

__attribute__((format(printf, 3, 0)))
static void check_say(struct check *check, const char *finding, const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		check->lost = true;
	else if (check->findings)
		check_collect(check, finding, text);
	else
		fprintf(check->out, "%-7s  %s\n", finding, text);
	free(text);
}

void check_ok(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_say(check, "ok", format, arguments);
	va_end(arguments);
}

void check_note(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_say(check, "note", format, arguments);
	va_end(arguments);
}

void check_missing(struct check *check, const char *format, ...)
{
	va_list arguments;

	check->missing++;
	va_start(arguments, format);
	check_say(check, "MISSING", format, arguments);
	va_end(arguments);
}

const char *check_load_rules(const struct check *check)
{
	if (check->nft_queues && check->firewalld)
		return "load what \"ftpalg rules nft\" prints (firewalld takes iptables' rules away with each reload)";
	return check->nft_queues ? "load what \"ftpalg rules nft\" or \"ftpalg rules iptables\" prints" :
				   "load what \"ftpalg rules iptables\" prints (this kernel has no queue for nft)";
}

bool check_finish(struct check *check)
{
	bool written = true;
	json_t *report;

	if (check->findings) {
		report = json_pack("{s:i, s:b, s:i, s:O}", "version", 1, "healthy", check->missing == 0, "missing",
				   (int)check->missing, "findings", check->findings);
		written = report && json_dumpf(report, check->out, JSON_INDENT(2)) == 0 && fputc('\n', check->out) != EOF;
		json_decref(report);
		json_decref(check->findings);
		check->findings = NULL;
	}
	return fflush(check->out) == 0 && !ferror(check->out) && written && !check->lost;
}
