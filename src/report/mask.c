/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passwords never appear. The argument of PASS, ACCT and ADAT is overwritten before anything is kept, by a mask that
 * does not show its length, and so is the password wherever else its session repeats it: in the words of a server that
 * quotes what it did not understand, or as the name that somebody typed by mistake.
 *
 * Here a line is read loosely, because masking too much does no harm: whatever is not a letter is skipped, before the verb
 * and within it.
 */
#include <string.h>

#include "ftpalg/parse.h"
#include "report/model.h"

static const uint8_t mask[] = { '*', '*', '*', '*' };

static bool is_letter(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static uint8_t to_upper(uint8_t byte)
{
	return is_letter(byte) ? (uint8_t)(byte & 0xdf) : byte;
}

/* Where the secret begins; 0 where the line has none. */
static uint32_t find_argument(const uint8_t *line, uint32_t length)
{
	static const char verbs[][5] = { "PASS", "ACCT", "ADAT" };
	struct command command;
	char letters[4];
	uint32_t count = 0;
	uint32_t at;

	for (at = 0; at < length && count < sizeof(letters); at++)
		if (is_letter(line[at]))
			letters[count++] = (char)to_upper(line[at]);
	for (size_t i = 0; count == sizeof(letters) && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (memcmp(letters, verbs[i], sizeof(letters)) == 0)
			return at;
	parse_command((struct bytes){ line, length }, &command);
	if (verb_takes_secret(command.verb))
		return command.verb_span.offset + command.verb_span.length;
	return 0;
}

static uint32_t mask_secret(const struct report_secret *secret, uint8_t *line, uint32_t length)
{
	for (uint32_t at = 0; secret->length >= REPORT_SECRET_MIN && at + secret->length <= length; at++) {
		uint32_t end = at + secret->length;

		if (memcmp(line + at, secret->bytes, secret->length) != 0)
			continue;
		/* Of a longer one only the beginning is known. */
		if (secret->length == REPORT_SECRET_MAX)
			end = length;
		memmove(line + at + sizeof(mask), line + end, length - end);
		memcpy(line + at, mask, sizeof(mask));
		length -= end - at - (uint32_t)sizeof(mask);
		at += (uint32_t)sizeof(mask) - 1;
	}
	return length;
}

/* What anonymous users say by RFC 1635 is no secret. */
static bool is_secret(struct bytes argument)
{
	static const char *const open[] = { "anonymous", "guest" };

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (argument.length == strlen(open[i]) && memcmp(argument.data, open[i], argument.length) == 0)
			return false;
	return true;
}

static void learn_secret(struct report_session *session, struct bytes argument)
{
	struct report_secret *secret = &session->secrets[session->secret_count % REPORT_SECRETS];

	if (!is_secret(argument))
		return;
	secret->length = argument.length < REPORT_SECRET_MAX ? (uint32_t)argument.length : REPORT_SECRET_MAX;
	memcpy(secret->bytes, argument.data, secret->length);
	session->secret_count++;
}

uint32_t report_mask_words(const struct report_session *session, uint8_t *words, uint32_t length)
{
	for (size_t i = 0; i < REPORT_SECRETS; i++)
		length = mask_secret(&session->secrets[i], words, length);
	return length;
}

uint32_t report_mask_command(struct report_session *session, uint8_t *line, uint32_t length, bool learn)
{
	uint32_t at = find_argument(line, length);

	if (at == 0)
		return report_mask_words(session, line, length);
	while (at < length && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (at == length)
		return length;
	if (learn)
		learn_secret(session, (struct bytes){ line + at, length - at });
	if (line[at - 1] != ' ' && line[at - 1] != '\t')
		line[at++] = ' ';
	memcpy(line + at, mask, sizeof(mask));
	return at + (uint32_t)sizeof(mask);
}
