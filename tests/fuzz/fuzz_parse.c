/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as one line in either direction: what is read stays inside, what is refused keeps its length. */
#include <assert.h>
#include <string.h>

#include "ftpalg/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of longer lines not every beginning is tried: that takes the square of their length. */
#define EVERY_BEGINNING 300

static struct edit edit;

static size_t next_beginning(size_t length)
{
	return length < EVERY_BEGINNING ? length + 1 : length + EVERY_BEGINNING;
}

static void check_span(struct bytes line, struct span span)
{
	assert(span.offset <= line.length);
	assert(span.length <= line.length - span.offset);
}

static void check_refusal(struct bytes line)
{
	assert(edit.at.length == edit.length);
	assert(edit.length <= sizeof(edit.replacement));
	check_span(line, edit.at);
	/* A refusal must not contain a new line's beginning. */
	assert(!memchr(edit.replacement, '\n', edit.length));
	assert(!memchr(edit.replacement, '\r', edit.length));
	assert(!memchr(edit.replacement, '\0', edit.length));
}

static void fuzz_command(struct bytes line)
{
	struct command command;
	enum reason reason = parse_command(line, &command);
	bool matters = verb_is_active_offer(command.verb) || verb_is_passive_request(command.verb);

	assert(reason == REASON_NONE || reason == REASON_ODD_VERB || reason == REASON_CONTROL_BYTE);
	assert((unsigned int)command.verb < VERB_COUNT);
	check_span(line, command.verb_span);
	check_span(line, command.argument);
	assert(command.argument.offset >= command.verb_span.offset + command.verb_span.length);
	assert(command.argument.length == 0 || line.data[command.argument.offset] != ' ');
	assert(command.argument.length == 0 ||
	       line.data[command.argument.offset + command.argument.length - 1] != ' ');

	for (size_t length = 1; reason == REASON_NONE && matters && length <= line.length;
	     length = next_beginning(length))
		assert(parse_command_may_matter((struct bytes){ line.data, length }));

	if (line.length <= LINE_MAX_LENGTH) {
		offer_refuse_command(line, &command, &edit);
		check_refusal(line);
		/* The server must not find the command any more. */
		assert(reason == REASON_NONE || edit.length == line.length);
		assert(command.verb_span.length == 0 || edit.length > 0);
	}
}

static void fuzz_reply(struct bytes line)
{
	struct reply reply;

	parse_reply(line, &reply);
	check_span(line, reply.text);
	assert(reply.text.offset + reply.text.length == line.length);
	assert(reply.kind == REPLY_TEXT ? reply.code == 0 : reply.code >= 100 && reply.code <= 659);

	for (size_t length = 1; reply.code >= 227 && reply.code <= 229 && length <= line.length;
	     length = next_beginning(length))
		assert(parse_reply_may_matter((struct bytes){ line.data, length }));

	if (line.length <= LINE_MAX_LENGTH) {
		enum reply_kind kind = reply.kind;

		offer_refuse_reply(line, REASON_FOREIGN_ADDRESS, &edit);
		check_refusal(line);
		assert(edit.length == line.length);
		parse_reply((struct bytes){ edit.replacement, edit.length }, &reply);
		/* What was one whole reply still is one; what opened one still opens it. */
		assert(line.length < 3 || reply.code == 425);
		assert(kind == REPLY_TEXT || line.length < 4 || reply.kind == (kind == REPLY_TABBED ? REPLY_LAST : kind));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nothing[1];
	struct bytes line = { size > 0 ? data : nothing, size };

	fuzz_command(line);
	fuzz_reply(line);
	return 0;
}
