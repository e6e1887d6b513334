/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of FTP.
 *
 * The danger is not a line that we fail to understand, but one that we and the peer behind us understand differently.
 * Servers differ in what they skip, strip or stop at before they compare a verb, so a verb is only believed if every
 * one of them would read it: it starts the line (Telnet codes aside), consists of printable ASCII and ends at a space
 * or at the end of the line. Anything else is odd, and odd lines are refused whatever verb they seem to hold. Bytes of
 * arguments are not judged, because they are file names in any encoding; only what erases is odd there too, because
 * enough of it reaches back to the verb.
 */
#include "ftpalg/parse.h"

#include <string.h>

#include "digits.h"

/* Telnet, RFC 854. */
#define TELNET_NOP 241
#define TELNET_DATA_MARK 242
#define TELNET_BREAK 243
#define TELNET_INTERRUPT_PROCESS 244
#define TELNET_ABORT_OUTPUT 245
#define TELNET_ARE_YOU_THERE 246
#define TELNET_ERASE_CHARACTER 247
#define TELNET_ERASE_LINE 248
#define TELNET_GO_AHEAD 249
#define TELNET_WILL 251
#define TELNET_WONT 252
#define TELNET_DO 253
#define TELNET_DONT 254
#define TELNET_IAC 255

#define BACKSPACE 0x08
#define DELETE 0x7f

#define VERB_TEXT_MAX 7 /* XSHA256 */

static const char *const names[] = {
	"?",
#define VERB_TEXT(identifier, text) text,
	VERB_TABLE(VERB_TEXT)
#undef VERB_TEXT
};

const char *verb_name(enum verb verb)
{
	return (unsigned int)verb < VERB_COUNT ? names[verb] : names[VERB_UNKNOWN];
}

static uint8_t to_upper(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
}

enum verb verb_find(struct bytes text)
{
	uint8_t upper[VERB_TEXT_MAX];
	unsigned int found = VERB_UNKNOWN;

	if (text.length <= sizeof(upper)) {
		for (size_t index = 0; index < text.length; index++)
			upper[index] = to_upper(text.data[index]);
		for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT && found == VERB_UNKNOWN; verb++) {
			if (strlen(names[verb]) == text.length && memcmp(names[verb], upper, text.length) == 0)
				found = verb;
		}
	}
	return (enum verb)found;
}

bool verb_is_active_offer(enum verb verb)
{
	return verb == VERB_PORT || verb == VERB_EPRT || verb == VERB_LPRT;
}

bool verb_is_passive_request(enum verb verb)
{
	return verb == VERB_PASV || verb == VERB_EPSV || verb == VERB_LPSV || verb == VERB_CPSV || verb == VERB_SPSV;
}

bool verb_is_transfer(enum verb verb)
{
	return verb == VERB_RETR || verb == VERB_LIST || verb == VERB_NLST || verb == VERB_MLSD || verb_is_upload(verb);
}

bool verb_is_upload(enum verb verb)
{
	return verb == VERB_STOR || verb == VERB_STOU || verb == VERB_APPE;
}

/*
 * How many bytes a Telnet code at position takes that every receiver removes alone; 0 where there is none. The result
 * may reach beyond the end of the line, where the code is incomplete. Erasing codes, subnegotiation, an escaped 255
 * and undefined codes are not counted in: receivers differ about how much they remove. Nor is an option that is a
 * printable character, of which a receiver that removes IAC and WILL alone would make the verb's first letter.
 */
static size_t telnet_code_length(struct bytes line, size_t position)
{
	size_t left = position < line.length ? line.length - position : 0;
	size_t length = 0;

	if (left > 0 && line.data[position] == TELNET_IAC) {
		switch (left > 1 ? line.data[position + 1] : TELNET_NOP) {
		case TELNET_NOP:
		case TELNET_DATA_MARK:
		case TELNET_BREAK:
		case TELNET_INTERRUPT_PROCESS:
		case TELNET_ABORT_OUTPUT:
		case TELNET_ARE_YOU_THERE:
		case TELNET_GO_AHEAD:
			length = 2;
			break;
		case TELNET_WILL:
		case TELNET_WONT:
		case TELNET_DO:
		case TELNET_DONT:
			length = left > 2 && line.data[position + 2] >= ' ' ? 0 : 3;
			break;
		default:
			break;
		}
	}
	return length;
}

/* Where the first byte at or behind position stands that belongs to no complete Telnet code. */
static size_t telnet_codes_skip(struct bytes line, size_t position)
{
	size_t length = telnet_code_length(line, position);

	while (length > 0 && length <= line.length - position) {
		position += length;
		length = telnet_code_length(line, position);
	}
	return position;
}

/* LF can't be in a line; a caller that gives us one disagrees with somebody about where the line ends. */
static bool has_control_byte(struct bytes line)
{
	bool found = false;

	for (size_t index = 0; index < line.length; index++)
		found = found || line.data[index] == '\0' || line.data[index] == '\r' || line.data[index] == '\n';
	return found;
}

/* A backspace, a delete, or Telnet's ways to say so. A doubled IAC is a byte of a name (RFC 3659 2.2). */
static bool has_erasure(struct bytes line)
{
	bool found = false;

	for (size_t index = 0; index < line.length; index++) {
		uint8_t byte = line.data[index];
		uint8_t next = index + 1 < line.length ? line.data[index + 1] : 0;

		found = found || byte == BACKSPACE || byte == DELETE;
		if (byte == TELNET_IAC && next == TELNET_IAC)
			index++;
		else if (byte == TELNET_IAC)
			found = found || next == TELNET_ERASE_CHARACTER || next == TELNET_ERASE_LINE;
	}
	return found;
}

/*
 * The verb that a server could see which strips whatever is not printable, obeys erasures and skips leading white
 * space. Only reported: a line for which it is needed is refused.
 */
static enum verb find_tolerant_verb(struct bytes line)
{
	uint8_t text[VERB_TEXT_MAX + 1];
	size_t length = 0;
	bool ended = false;

	for (size_t index = 0; index < line.length && length < sizeof(text) && !ended; index++) {
		uint8_t byte = line.data[index];
		uint8_t next = index + 1 < line.length ? line.data[index + 1] : 0;
		bool telnet = byte == TELNET_IAC && next >= TELNET_NOP;
		bool erase = byte == BACKSPACE || byte == DELETE || (telnet && next == TELNET_ERASE_CHARACTER);

		if (telnet)
			index += next >= TELNET_WILL && next <= TELNET_DONT ? 2 : 1;

		if (erase && length > 0)
			length--;
		else if (byte == ' ' || byte == '\t')
			ended = length > 0;
		else if (byte > ' ' && byte < DELETE)
			text[length++] = byte;
	}
	return verb_find((struct bytes){ text, length });
}

static struct span span_between(size_t start, size_t end)
{
	struct span span = { (uint32_t)start, (uint32_t)(end - start) };

	return span;
}

enum reason parse_command(struct bytes line, struct command *command)
{
	size_t start = telnet_codes_skip(line, 0);
	size_t end = start;
	size_t argument;
	size_t argument_end = line.length;
	bool odd = has_erasure(line) || (start < line.length && line.data[start] == ' ');
	enum reason reason = REASON_NONE;

	while (end < line.length && line.data[end] != ' ') {
		odd = odd || line.data[end] < ' ' || line.data[end] >= DELETE;
		end++;
	}
	argument = end;
	while (argument < line.length && line.data[argument] == ' ')
		argument++;
	odd = odd || (argument < line.length && line.data[argument] == '\t');
	while (argument_end > argument && line.data[argument_end - 1] == ' ')
		argument_end--;

	command->verb_span = span_between(start, end);
	command->argument = span_between(argument, argument_end);
	command->spaces = (uint8_t)(argument - end < UINT8_MAX ? argument - end : UINT8_MAX);

	if (has_control_byte(line))
		reason = REASON_CONTROL_BYTE;
	else if (odd)
		reason = REASON_ODD_VERB;

	if (odd)
		command->verb = find_tolerant_verb(line);
	else if (end > start)
		command->verb = verb_find((struct bytes){ line.data + start, end - start });
	else
		command->verb = VERB_UNKNOWN;
	/*
	 * A receiver that loses a byte of a Telnet code, because it was urgent, or that knows another length for it, takes
	 * the verb's first letter with it: XPORT would become PORT. No verb that we know becomes another one so.
	 */
	if (reason == REASON_NONE && start > 0 && end > start && command->verb == VERB_UNKNOWN)
		reason = REASON_ODD_VERB;
	return reason;
}

/* A CR at the end of what was seen so far may be the first half of the line's end. */
static struct bytes without_last_cr(struct bytes beginning)
{
	if (beginning.length > 0 && beginning.data[beginning.length - 1] == '\r')
		beginning.length--;
	return beginning;
}

bool parse_command_is_ambiguous(struct bytes beginning)
{
	return has_control_byte(without_last_cr(beginning));
}

bool parse_reply_is_ambiguous(struct bytes beginning)
{
	while (beginning.length > 0 && beginning.data[beginning.length - 1] == '\r')
		beginning.length--;
	return has_control_byte(beginning);
}

bool parse_command_may_matter(struct bytes beginning)
{
	struct command command;
	enum reason reason = parse_command(without_last_cr(beginning), &command);
	bool matters;

	if (beginning.length == 0) {
		/* Nothing has begun. */
		matters = false;
	} else if (reason != REASON_NONE || command.argument.length == 0) {
		/* It will be refused, whole; or the verb may go on; or a tab may follow and make it odd. */
		matters = true;
	} else {
		matters = verb_is_active_offer(command.verb) || verb_is_passive_request(command.verb) ||
			  command.verb == VERB_AUTH;
	}
	return matters;
}

/*
 * Reads up to three bytes of a reply code, and returns how many there were. Telnet codes are skipped even inside it,
 * because RFC 1123 4.1.2.12 makes clients take them out wherever they stand.
 */
static size_t read_code_bytes(struct bytes line, uint8_t code[3], size_t *position)
{
	size_t count = 0;

	*position = telnet_codes_skip(line, 0);
	while (count < 3 && *position < line.length) {
		code[count++] = line.data[*position];
		*position = telnet_codes_skip(line, *position + 1);
	}
	return count;
}

void parse_reply(struct bytes line, struct reply *reply)
{
	uint8_t digits[3];
	size_t position;
	bool coded = read_code_bytes(line, digits, &position) == 3;
	bool ended = position == line.length;
	uint16_t code = 0;
	uint8_t separator;

	for (size_t index = 0; coded && index < 3; index++) {
		coded = digits_is_digit(digits[index]);
		code = (uint16_t)(code * 10 + (digits[index] - '0'));
	}
	separator = ended ? ' ' : line.data[position];
	coded = coded && code >= 100 && code <= 659 && (separator == ' ' || separator == '-');

	if (coded) {
		reply->kind = separator == '-' ? REPLY_FIRST : REPLY_LAST;
		reply->code = code;
		reply->text = span_between(ended ? position : position + 1, line.length);
	} else {
		reply->kind = REPLY_TEXT;
		reply->code = 0;
		reply->text = span_between(0, line.length);
	}
}

bool parse_reply_may_matter(struct bytes beginning)
{
	static const char codes[][4] = { "227", "228", "229", "234", "334" };
	uint8_t code[3];
	size_t position;
	size_t count = read_code_bytes(without_last_cr(beginning), code, &position);
	bool matters = parse_reply_is_ambiguous(beginning);
	const uint8_t *iac;

	/* What starts here is an incomplete Telnet code or an odd one. More of the reply code may follow it. */
	iac = memchr(code, TELNET_IAC, count);
	if (iac)
		count = (size_t)(iac - code);
	for (size_t index = 0; index < sizeof(codes) / sizeof(codes[0]); index++)
		matters = matters || memcmp(codes[index], code, count) == 0;
	return matters && beginning.length > 0;
}
