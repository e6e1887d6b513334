/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/token.h"

#include <string.h>

static size_t command_offset(struct bytes beginning)
{
	struct command command;

	if (parse_command(beginning, &command) != REASON_NONE || command.verb_span.offset != 0 || command.spaces != 1)
		return 0;
	switch (command.verb) {
	case VERB_ADAT:
	case VERB_MIC:
	case VERB_CONF:
	case VERB_ENC:
		return command.argument.length > 0 ? command.argument.offset : 0;
	default:
		return 0;
	}
}

/* "335 ADAT=" and a token (RFC 2228 5.1), "631 " or "631-" and a token (6). */
static size_t reply_offset(struct bytes beginning)
{
	static const uint8_t adat[] = "ADAT=";
	const size_t name = sizeof(adat) - 1;
	struct reply reply;

	parse_reply(beginning, &reply);
	if (reply.text.offset != 4)
		return 0;
	if (reply.code >= 631 && reply.code <= 633)
		return beginning.length > 4 ? 4 : 0;
	if ((reply.code != 235 && reply.code != 334 && reply.code != 335) || reply.text.length <= name)
		return 0;
	return memcmp(beginning.data + 4, adat, name) == 0 ? 4 + name : 0;
}

size_t token_offset(enum direction direction, struct bytes beginning)
{
	const size_t offset = direction == DIRECTION_ORIGINAL ? command_offset(beginning) : reply_offset(beginning);

	if (offset == 0 || !token_is_base64((struct bytes){ beginning.data + offset, beginning.length - offset }))
		return 0;
	return offset;
}

bool token_is_base64(struct bytes bytes)
{
	bool is = true;

	for (size_t i = 0; is && i < bytes.length; i++) {
		const uint8_t byte = bytes.data[i];

		is = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
		     byte == '+' || byte == '/' || byte == '=';
	}
	return is;
}
