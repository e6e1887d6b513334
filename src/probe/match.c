/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a scenario's text to bytes, and back: what is sent, and whether what came is what should come. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ftpalg/address.h"
#include "ftpalg/hostport.h"
#include "probe/run.h"

#define VARIABLE_MAX 96
#define TELNET_IAC 255
/* What {any} takes at most, so that matching two of them stays cheap. */
#define ANY_MAX 2000

static const uint8_t line_end[] = "\r\n";

static enum scenario_side owner_side(enum text_owner owner)
{
	return owner == TEXT_SERVER || owner == TEXT_SERVER_FOREIGN ? SIDE_SERVER : SIDE_CLIENT;
}

static bool form_has_port(enum text_form form)
{
	return form != TEXT_ADDRESS && form != TEXT_HOST && form != TEXT_FAMILY;
}

uint16_t run_count_listeners(struct bytes text, enum scenario_side side)
{
	struct text_token token;
	size_t position = 0;
	uint16_t count = 0;

	for (text_next(text, &position, &token); token.type != TEXT_END && token.type != TEXT_BAD;
	     text_next(text, &position, &token))
		if (token.type == TEXT_VARIABLE && form_has_port(token.form) && owner_side(token.owner) == side &&
		    token.number > count)
			count = token.number;
	return count;
}

/* Addresses that are nobody's (RFC 5737, RFC 3849), unless the user gave better ones. */
static struct address foreign_address(const struct probe_run *run, enum text_owner owner)
{
	static const struct address nobody4 = { FAMILY_IPV4, { 192, 0, 2, 1 } };
	static const struct address nobody6 = { FAMILY_IPV6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x77 } };
	const struct probe_settings *settings = run->settings;
	const struct address *given = owner == TEXT_CLIENT_FOREIGN ? &settings->foreign : &settings->server_foreign;

	if (given->family == settings->control.address.family)
		return *given;
	return settings->control.address.family == FAMILY_IPV4 ? nobody4 : nobody6;
}

/* What the variable stands for when side says or reads it. */
static struct endpoint variable_endpoint(const struct probe_run *run, enum scenario_side side,
					 const struct text_token *token)
{
	const enum scenario_side owner = owner_side(token->owner);
	struct endpoint endpoint = owner == side ? run->own[owner] : run->seen[owner];

	if (token->owner == TEXT_CLIENT_FOREIGN || token->owner == TEXT_SERVER_FOREIGN)
		endpoint.address = foreign_address(run, token->owner);
	endpoint.port = run->ports[owner][token->number - 1];
	return endpoint;
}

static size_t write_host(const struct address *address, char *out)
{
	const uint8_t *octets = address->octets;

	return (size_t)snprintf(out, VARIABLE_MAX, "%u,%u,%u,%u", octets[0], octets[1], octets[2], octets[3]);
}

static size_t write_variable(const struct probe_run *run, enum scenario_side side, const struct text_token *token,
			     char *out)
{
	const struct endpoint endpoint = variable_endpoint(run, side, token);

	switch (token->form) {
	case TEXT_ADDRESS:
		return address_format(&endpoint.address, out);
	case TEXT_HOST:
		return write_host(&endpoint.address, out);
	case TEXT_PORT:
		return (size_t)snprintf(out, VARIABLE_MAX, "%u", endpoint.port);
	case TEXT_HIGH:
		return (size_t)snprintf(out, VARIABLE_MAX, "%d", endpoint.port >> 8);
	case TEXT_LOW:
		return (size_t)snprintf(out, VARIABLE_MAX, "%d", endpoint.port & 0xff);
	case TEXT_HOSTPORT:
		return hostport_format(FORM_PORT, 0, &endpoint, (uint8_t *)out);
	case TEXT_EPRT:
		return hostport_format(FORM_EPRT, '|', &endpoint, (uint8_t *)out);
	case TEXT_EPSV:
		return hostport_format(FORM_229, '|', &endpoint, (uint8_t *)out);
	case TEXT_FAMILY:
		return (size_t)snprintf(out, VARIABLE_MAX, "%d", endpoint.address.family == FAMILY_IPV4 ? 1 : 2);
	}
	return 0;
}

static void add_cut(struct probe_run *run)
{
	if (run->out.length > 0 && run->cut_count < RUN_CUTS_MAX)
		run->cuts[run->cut_count++] = run->out.length;
}

static void expand_token(struct probe_run *run, enum scenario_side side, const struct text_token *token)
{
	char variable[VARIABLE_MAX];

	switch (token->type) {
	case TEXT_BYTE:
		probe_bytes_append(&run->out, &token->byte, 1);
		break;
	case TEXT_REPEAT:
		for (uint16_t i = 0; i < token->number; i++)
			probe_bytes_append(&run->out, &token->byte, 1);
		break;
	case TEXT_VARIABLE:
		probe_bytes_append(&run->out, variable, write_variable(run, side, token, variable));
		if (form_has_port(token->form) && owner_side(token->owner) == side)
			run->last_listener[side] = (uint16_t)(token->number - 1);
		break;
	case TEXT_CUT:
		add_cut(run);
		break;
	default:
		break;
	}
}

void run_expand(struct probe_run *run, const struct scenario_step *step)
{
	struct text_token token;
	size_t position = 0;

	run->out.length = 0;
	run->cut_count = 0;
	for (text_next(step->text, &position, &token); token.type != TEXT_END && token.type != TEXT_BAD;
	     text_next(step->text, &position, &token))
		expand_token(run, step->side, &token);
	if (!(step->flags & SCENARIO_RAW))
		probe_bytes_append(&run->out, line_end, 2);
	if (step->flags & SCENARIO_BYTEWISE)
		for (run->cut_count = 0; run->cut_count + 1 < run->out.length && run->cut_count < RUN_CUTS_MAX;
		     run->cut_count++)
			run->cuts[run->cut_count] = run->cut_count + 1;
}

/* How long the tuple of an offer is that begins the bytes; 0 where none does so far. */
static size_t tuple_length(struct bytes bytes, enum form *form)
{
	size_t length = 0;
	size_t delimiters = 0;

	if (isdigit(bytes.data[0])) {
		*form = FORM_PORT;
		while (length < bytes.length && (isdigit(bytes.data[length]) || bytes.data[length] == ','))
			length++;
		return length;
	}
	*form = bytes.length > 1 && bytes.data[1] == bytes.data[0] ? FORM_229 : FORM_EPRT;
	while (length < bytes.length && delimiters < 4)
		delimiters += bytes.data[length++] == bytes.data[0] ? 1 : 0;
	return delimiters == 4 ? length : 0;
}

static void remember_offer(struct probe_run *run, enum scenario_side side, uint16_t port)
{
	struct run_offer offer = { .side = side, .port = port, .listener = run->last_listener[side] };

	/* A helper may have taken another port; one that it kept tells which listener is meant. */
	for (uint16_t i = 0; i < run->listening[side]; i++)
		if (run->ports[side][i] == port)
			offer.listener = i;
	if (run->offer_count < RUN_OFFERS_MAX)
		run->offers[run->offer_count++] = offer;
}

/* An offer of the other side, by the address that side knows it by. */
static enum run_match match_offer(const struct probe_run *run, enum scenario_side side, struct bytes bytes,
				  size_t *length, uint16_t *port)
{
	const enum scenario_side offering = scenario_other_side(side);
	struct hostport hostport;
	enum form form;

	if (bytes.length == 0)
		return MATCH_MAYBE;
	*length = tuple_length(bytes, &form);
	if (*length == 0)
		return memchr(bytes.data, '\n', bytes.length) ? MATCH_NO : MATCH_MAYBE;
	/* The tuple may go on. */
	if (*length == bytes.length)
		return MATCH_MAYBE;
	if (form == FORM_229) {
		static const size_t around = 2;
		uint8_t text[VARIABLE_MAX];

		if (*length + around > sizeof(text))
			return MATCH_NO;
		text[0] = '(';
		memcpy(text + 1, bytes.data, *length);
		text[*length + 1] = ')';
		if (hostport_parse(FORM_229, (struct bytes){ text, *length + around }, &hostport) != REASON_NONE)
			return MATCH_NO;
		*port = hostport.endpoint.port;
		return MATCH_YES;
	}
	if (hostport_parse(form, (struct bytes){ bytes.data, *length }, &hostport) != REASON_NONE ||
	    !address_equal(&hostport.endpoint.address, &run->seen[offering].address))
		return MATCH_NO;
	*port = hostport.endpoint.port;
	return MATCH_YES;
}

/* The state of a match. The newest offer in it, if any, is remembered only once all of it has matched. */
struct matcher {
	struct probe_run *run;
	const struct scenario_step *step;
	uint16_t port; /* 0: no offer */
};

static enum run_match match_literal(struct bytes bytes, const uint8_t *text, size_t length)
{
	const size_t common = length < bytes.length ? length : bytes.length;

	if (common > 0 && memcmp(bytes.data, text, common) != 0)
		return MATCH_NO;
	return common == length ? MATCH_YES : MATCH_MAYBE;
}

static enum run_match match_repeated(struct bytes bytes, uint8_t byte, size_t count)
{
	const size_t common = count < bytes.length ? count : bytes.length;

	for (size_t i = 0; i < common; i++)
		if (bytes.data[i] != byte)
			return MATCH_NO;
	return common == count ? MATCH_YES : MATCH_MAYBE;
}

static enum run_match match_token(struct matcher *matcher, const struct text_token *token, struct bytes bytes,
				  size_t *length)
{
	char variable[VARIABLE_MAX];

	switch (token->type) {
	case TEXT_BYTE:
		*length = 1;
		return match_literal(bytes, &token->byte, 1);
	case TEXT_REPEAT:
		*length = token->number;
		return match_repeated(bytes, token->byte, token->number);
	case TEXT_VARIABLE:
		*length = write_variable(matcher->run, matcher->step->side, token, variable);
		return match_literal(bytes, (const uint8_t *)variable, *length);
	case TEXT_OFFER:
		return match_offer(matcher->run, matcher->step->side, bytes, length, &matcher->port);
	default:
		return MATCH_NO;
	}
}

/* The last {any} that was read: what it took may have to grow. */
struct wildcard {
	bool seen;
	size_t position; /* in the text, after it */
	size_t at;       /* in the bytes, where it begins */
	size_t skip;     /* what it takes */
};

/* From position in the text and at in the bytes to the next {any} or to the end of both. */
static enum run_match match_stretch(struct matcher *matcher, struct bytes bytes, size_t *position, size_t *at,
				    struct wildcard *wildcard)
{
	const bool raw = matcher->step->flags & SCENARIO_RAW;
	struct text_token token;

	for (text_next(matcher->step->text, position, &token); token.type != TEXT_END && token.type != TEXT_BAD;
	     text_next(matcher->step->text, position, &token)) {
		const struct bytes rest = { bytes.data + *at, bytes.length - *at };
		enum run_match match;
		size_t part = 0;

		if (token.type == TEXT_ANY) {
			*wildcard = (struct wildcard){ .seen = true, .position = *position, .at = *at };
			continue;
		}
		match = match_token(matcher, &token, rest, &part);
		if (match != MATCH_YES)
			return match;
		*at += part;
	}
	if (raw)
		return MATCH_YES;
	*at += 2;
	return match_literal((struct bytes){ bytes.data + *at - 2, bytes.length - (*at - 2) }, line_end, 2);
}

/*
 * What does not fit is tried again with one byte more for the {any} before it, up to the end of the line. An {any} before
 * that one need not grow, since the later one can take what it would.
 */
static enum run_match match_all(struct matcher *matcher, struct bytes bytes, size_t *length)
{
	struct wildcard wildcard = { .seen = false };
	enum run_match best = MATCH_NO;
	size_t position = 0;
	size_t at = 0;

	for (;;) {
		const enum run_match match = match_stretch(matcher, bytes, &position, &at, &wildcard);
		const size_t end = wildcard.at + wildcard.skip;

		best = match > best ? match : best;
		if (match == MATCH_YES || !wildcard.seen || end >= bytes.length || bytes.data[end] == '\n' ||
		    wildcard.skip == ANY_MAX)
			break;
		wildcard.skip++;
		position = wildcard.position;
		at = wildcard.at + wildcard.skip;
	}
	*length = at;
	return best;
}

enum run_match run_match_step(struct probe_run *run, const struct scenario_step *step, size_t *length)
{
	const struct probe_bytes *saw = &run->saw[step->side];
	struct matcher matcher = { .run = run, .step = step };
	struct bytes unread;
	enum run_match match;

	if (saw->length == run->cursor[step->side])
		return MATCH_MAYBE;
	unread.data = saw->data + run->cursor[step->side];
	unread.length = saw->length - run->cursor[step->side];
	match = match_all(&matcher, unread, length);
	if (match == MATCH_YES && matcher.port != 0)
		remember_offer(run, scenario_other_side(step->side), matcher.port);
	return match;
}

/* The line as the most careless peer could read it: without Telnet codes, control bytes and what is before the verb. */
static size_t clean_line(struct bytes line, char *out, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < line.length && length + 1 < size; i++) {
		const uint8_t byte = line.data[i];

		if (byte == TELNET_IAC && i + 1 < line.length)
			i += line.data[i + 1] >= 251 && line.data[i + 1] <= 254 ? 2 : 1;
		else if (byte == '\t')
			out[length++] = ' ';
		else if (byte == '\b' && length > 0)
			length--;
		else if (byte > ' ' && byte < 0x7f)
			out[length++] = (char)toupper(byte);
		else if (byte == ' ' && length > 0)
			out[length++] = ' ';
	}
	out[length] = '\0';
	return length;
}

/* Some helpers overwrite an offer with a tuple of zeros. */
static bool names_something(const char *text)
{
	return strpbrk(text, "123456789") != NULL;
}

static bool part_is_offer(enum scenario_side side, struct bytes part)
{
	static const char *const verbs[] = { "PORT ", "EPRT ", "LPRT " };
	char text[512];

	if (clean_line(part, text, sizeof(text)) < 4)
		return false;
	if (side == SIDE_CLIENT)
		return strncmp(text, "22", 2) == 0 && text[2] >= '7' && text[2] <= '9' && names_something(text + 3);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(text, verbs[i], strlen(verbs[i])) == 0 && names_something(text + strlen(verbs[i])))
			return true;
	return false;
}

/* Peers differ in whether a CR or a NUL alone ends a line, so what follows one is looked at as well. */
bool run_line_is_offer(enum scenario_side side, struct bytes line)
{
	struct bytes part = { line.data, 0 };

	for (size_t i = 0; i <= line.length; i++) {
		if (i < line.length && line.data[i] != '\r' && line.data[i] != '\n' && line.data[i] != '\0')
			continue;
		part.length = (size_t)(line.data + i - part.data);
		if (part_is_offer(side, part))
			return true;
		part.data = line.data + i + 1;
	}
	return part_is_offer(side, line);
}
