/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of FTP.
 *
 * The danger is not a line that we fail to understand, but one that we and the peer beyond us understand differently.
 * Servers differ in what they skip, strip or stop at before they compare a verb, so a verb is only believed if every
 * one of them would read it: it starts the line (Telnet codes aside), consists of printable ASCII and ends at a space
 * or at the end of the line. Anything else is odd, and odd lines are refused whatever verb they seem to hold. Bytes of
 * arguments are not judged, because they are file names in any encoding; only what erases is odd there too, where enough
 * of it reaches back to the verb and spells another one (telnet.c).
 *
 * A line ends at LF. Some readers end it at a CR as well, and some take a NUL for nothing, so neither may stand in a
 * line, with two exceptions. Any number of CRs before the LF end the same line for everybody, and an empty one after it
 * for some. And RFC 2640 3.1 has a CR that belongs to a path name sent as CR NUL: it passes in commands that name a path,
 * where what follows does not begin like a command, and in replies, where what follows does not begin like a reply.
 */
#include "ftpalg/parse.h"

#include <string.h>

#include "core/digits.h"
#include "core/ftp/telnet.h"

/* LF can't be in a line; a caller that gives us one disagrees with somebody about where the line ends. */
static bool has_control_byte(struct bytes line)
{
	bool found = false;

	for (size_t index = 0; index < line.length; index++)
		found = found || line.data[index] == '\0' || line.data[index] == '\r' || line.data[index] == '\n';
	return found;
}

/*
 * The verb that could be seen by a server that strips whatever is not printable, obeys erasures and skips leading white
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
		bool erase = byte == TELNET_BACKSPACE || byte == TELNET_DELETE || (telnet && next == TELNET_ERASE_CHARACTER);

		if (telnet)
			index += next >= TELNET_WILL && next <= TELNET_DONT ? 2 : 1;

		if (erase && length > 0)
			length--;
		else if (byte == ' ' || byte == '\t')
			ended = length > 0;
		else if (byte > ' ' && byte < TELNET_DELETE)
			text[length++] = byte;
	}
	return verb_find((struct bytes){ text, length });
}

static struct span span_between(size_t start, size_t end)
{
	struct span span = { (uint32_t)start, (uint32_t)(end - start) };

	return span;
}

/* CRs at the end, whether the LF has come or not, belong to the line's end. */
static struct bytes without_last_crs(struct bytes line)
{
	while (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;
	return line;
}

/* What every reader sees, and no blank. */
static bool is_seen(uint8_t byte)
{
	return byte > ' ' && byte < TELNET_DELETE;
}

/*
 * Whether its first letters spell a verb. A beginning counts as what it may go on to be, so that the answer is the same
 * for a line that comes in pieces.
 */
static bool begins_like_command(struct bytes rest)
{
	uint8_t text[VERB_TEXT_MAX];
	size_t length = 0;

	for (size_t index = 0; index < rest.length && length < sizeof(text); index++) {
		if (is_seen(rest.data[index]))
			text[length++] = rest.data[index];
		else if (rest.data[index] == ' ')
			break;
	}
	return verb_begins((struct bytes){ text, length });
}

/*
 * A path name in which every CR is a CR NUL that nobody can take for the end of one command and the start of another. What
 * any number of them in a row may begin is one and the same, and looked at once.
 */
static bool path_is_plain(struct bytes path)
{
	bool begins = false;

	for (size_t index = 0; index < path.length; index++) {
		uint8_t byte = path.data[index];

		if (byte == '\0' || byte == '\n')
			return false;
		if (byte == '\r') {
			if (index + 1 == path.length || path.data[index + 1] != '\0')
				return false;
			index++;
			begins = true;
		} else if (is_seen(byte)) {
			if (begins && begins_like_command((struct bytes){ path.data + index, path.length - index }))
				return false;
			begins = false;
		}
	}
	return true;
}

/*
 * Some servers read a verb from the first letters of a line, whether a space follows or not (bftpd, lwIP's), so that
 * PORT10,0,0,99,0,25 and PORTX 10,0,0,99,0,25 are offers to them.
 */
static bool begins_with_offer(struct bytes word)
{
	return word.length > 4 && verb_is_active_offer(verb_find((struct bytes){ word.data, 4 }));
}

static enum reason judge_oddity(struct bytes line, const struct command *command, enum verb erased)
{
	struct bytes path = { line.data + command->argument.offset, line.length - command->argument.offset };
	struct bytes word = { line.data + command->verb_span.offset, command->verb_span.length };
	enum verb verb = verb_find(word);

	if (has_control_byte(line) && !(verb_takes_path(verb) && path_is_plain(path)))
		return REASON_CONTROL_BYTE;
	/* Within an offer, an erasure is for the reader of its numbers. */
	if (erased != VERB_UNKNOWN || (verb_matters(verb) && telnet_has_erasure(line)))
		return REASON_ODD_VERB;
	/*
	 * A receiver that loses a byte of a Telnet code, because it was urgent, or that knows another length for it, takes
	 * the verb's first letter with it: XPORT would become PORT. No verb that we know becomes another one so.
	 */
	if (command->verb_span.offset > 0 && command->verb_span.length > 0 && verb == VERB_UNKNOWN)
		return REASON_ODD_VERB;
	return begins_with_offer(word) ? REASON_ODD_VERB : REASON_NONE;
}

enum reason parse_command(struct bytes line, struct command *command)
{
	enum reason reason;
	enum verb erased;
	size_t argument;
	size_t argument_end;
	size_t start;
	size_t end;
	bool odd;

	line = without_last_crs(line);
	erased = telnet_find_erased_verb(line);
	argument_end = line.length;
	start = telnet_codes_skip(line, 0);
	end = start;
	odd = start < line.length && line.data[start] == ' ';
	while (end < line.length && line.data[end] != ' ') {
		odd = odd || line.data[end] < ' ' || line.data[end] >= TELNET_DELETE;
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

	reason = judge_oddity(line, command, erased);
	if (reason == REASON_NONE && odd)
		reason = REASON_ODD_VERB;
	if (erased != VERB_UNKNOWN)
		command->verb = erased;
	else if (odd)
		command->verb = find_tolerant_verb(line);
	else if (end > start)
		command->verb = verb_find((struct bytes){ line.data + start, end - start });
	else
		command->verb = VERB_UNKNOWN;
	return reason;
}

bool parse_is_synch(struct bytes beginning, size_t position)
{
	return position < telnet_codes_skip(beginning, 0) &&
	       (beginning.data[position] == TELNET_IAC || beginning.data[position] == TELNET_DATA_MARK);
}

bool parse_command_is_ambiguous(struct bytes beginning)
{
	struct command command;

	return has_control_byte(without_last_crs(beginning)) &&
	       parse_command(beginning, &command) == REASON_CONTROL_BYTE;
}

/* To a reader for whom a line begins after a CR NUL, and who skips what is not printable, a digit there begins a reply. */
bool parse_reply_is_ambiguous(struct bytes beginning)
{
	struct bytes line = without_last_crs(beginning);
	bool begins = false;

	/* Nearly all. */
	if (!has_control_byte(line))
		return false;
	for (size_t index = 0; index < line.length; index++) {
		const uint8_t byte = line.data[index];

		if (byte == '\r' && index + 1 < line.length && line.data[index + 1] == '\0') {
			index++;
			begins = true;
		} else if (byte == '\r' || byte == '\0' || byte == '\n' || (begins && digits_is_digit(byte))) {
			return true;
		} else if (is_seen(byte)) {
			begins = false;
		}
	}
	return false;
}

bool parse_reply_has_control_byte(struct bytes line)
{
	return has_control_byte(without_last_crs(line));
}

bool parse_command_may_matter(struct bytes beginning)
{
	struct command command;
	enum reason reason = parse_command(beginning, &command);
	bool matters;

	if (beginning.length == 0) {
		/* Nothing has begun. */
		matters = false;
	} else if (reason != REASON_NONE || command.argument.length == 0 || telnet_has_erasure(beginning)) {
		/* It will be refused, whole, or may be; or the verb may go on; or a tab may follow and make it odd. */
		matters = true;
	} else {
		matters = verb_matters(command.verb);
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
	coded = coded && code >= 100 && code <= 659 && (separator == ' ' || separator == '-' || separator == '\t');

	if (coded) {
		reply->kind = separator == '-' ? REPLY_FIRST : separator == '\t' ? REPLY_TABBED : REPLY_LAST;
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
	static const char codes[][4] = { "127", "129", "227", "228", "229", "234", "334" };
	uint8_t code[3];
	size_t position;
	size_t count = read_code_bytes(without_last_crs(beginning), code, &position);
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

/*
 * Options are those that leave the form long and put nothing before the kind, and there is no pattern: it may stand for a
 * file that is called -1, or for several directories, whose names are then headings. inetutils-ftpd takes Telnet codes out
 * of arguments too, so an option may have one in front, or in it.
 */
bool parse_lists_names(struct bytes argument)
{
	static const char harmless[] = "aAdFghlLnprStu";
	bool word = false;   /* within one */
	bool option = false; /* which is an option */

	for (size_t i = 0; i < argument.length; i++) {
		const uint8_t byte = argument.data[i];

		if (byte == '*' || byte == '?' || byte == '[' || byte == '{')
			return true;
		if (word && option && byte > ' ' && !memchr(harmless, byte, sizeof(harmless) - 1))
			return true;
		if (!word)
			option = byte == '-';
		/* What may be taken out begins no word. */
		word = byte > ' ' && (word || byte < TELNET_DELETE);
	}
	return telnet_has_doubtful_option(argument, 0);
}
