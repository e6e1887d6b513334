/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which directory a session is in, as the dialogue says it, and in which type it transfers.
 *
 *   257 "PATH" to PWD     it is there, whatever was thought before
 *   CWD, answered 250     where its argument leads; CDUP: one up
 *   several of them at once, a reply that fits none, a login, a new name for the directory or for one above it:
 *                         unknown, until the next 257
 *
 * Names are followed as they are written: only the server knows where a link leads, and its next answer to PWD says so. So
 * the name that is shown is what the client called the file, not where it lies on a disk. Where its name from the root is
 * not known, it is shown as it was said: a name without a slash in front is one in an unknown directory.
 *
 * A server does one thing after another, and answers in that order. So when it says that a transfer begins, the directory is
 * the one that is known then, whatever has been asked for meanwhile; when the client asks for the transfer, the directory is
 * the one known then only if no change of directory waits for its answer.
 */
#include <string.h>

#include "control/table_internal.h"

static bool changes_place(enum verb verb)
{
	return verb == VERB_CWD || verb == VERB_XCWD || verb == VERB_CDUP || verb == VERB_XCUP;
}

/* Commands for whose reply that to CWD may be taken (src/core/ftp/session_pipeline.c). */
static bool may_answer_change(enum verb verb)
{
	return changes_place(verb) || verb == VERB_PWD || verb == VERB_XPWD || verb == VERB_NOOP || verb == VERB_TYPE ||
	       verb == VERB_SYST;
}

void place_forget(struct session_row *row)
{
	row->place_known = false;
	row->place.length = 0;
	row->place_lost = row->moves_waiting > 0;
}

struct bytes place_argument(struct bytes line)
{
	struct command command;
	struct bytes argument = { line.data, 0 };

	if (parse_command(line, &command) == REASON_NONE) {
		argument.data = line.data + command.argument.offset;
		argument.length = command.argument.length;
	}
	return argument;
}

static void path_clear(struct table_path *path)
{
	path->length = 0;
	path->cut = 0;
}

/* False, and the path is as it was: there is no room. */
static bool path_append(struct table_path *path, struct bytes bytes)
{
	if (bytes.length > sizeof(path->bytes) - path->length)
		return false;
	if (bytes.length > 0)
		memcpy(path->bytes + path->length, bytes.data, bytes.length);
	path->length = (uint16_t)(path->length + bytes.length);
	return true;
}

/* Above the root is the root. */
static void path_go_up(struct table_path *path)
{
	while (path->length > 1 && path->bytes[path->length - 1] == '/')
		path->length--;
	while (path->length > 1 && path->bytes[path->length - 1] != '/')
		path->length--;
	while (path->length > 1 && path->bytes[path->length - 1] == '/')
		path->length--;
}

/* One name between slashes. */
static bool path_enter(struct table_path *path, struct bytes name)
{
	const struct bytes slash = { (const uint8_t *)"/", 1 };

	if (name.length == 0 || (name.length == 1 && name.data[0] == '.'))
		return true;
	if (name.length == 2 && name.data[0] == '.' && name.data[1] == '.') {
		path_go_up(path);
		return true;
	}
	if (path->length > 0 && path->bytes[path->length - 1] != '/' && !path_append(path, slash))
		return false;
	return path_append(path, name);
}

static bool path_enter_all(struct table_path *path, struct bytes names)
{
	while (names.length > 0) {
		const uint8_t *slash = memchr(names.data, '/', names.length);
		const size_t length = slash ? (size_t)(slash - names.data) : names.length;

		if (!path_enter(path, (struct bytes){ names.data, length }))
			return false;
		names.data += slash ? length + 1 : length;
		names.length -= slash ? length + 1 : length;
	}
	return true;
}

static bool is_absolute(struct bytes name)
{
	return name.length > 0 && name.data[0] == '/';
}

/* Finds where name leads from the row's place. False: that is not known, or too long. */
static bool follow(const struct session_row *row, struct bytes name, struct table_path *path)
{
	path_clear(path);
	/* "~" and the like lead where the server says. */
	if (name.length > 0 && name.data[0] == '~')
		return false;
	if (is_absolute(name))
		path_append(path, (struct bytes){ (const uint8_t *)"/", 1 });
	else if (row->place_known)
		*path = row->place;
	else
		return false;
	return path_enter_all(path, name);
}

void place_set_name(struct table_path *path, struct bytes name)
{
	const size_t length = name.length < sizeof(path->bytes) ? name.length : sizeof(path->bytes);

	path_clear(path);
	path_append(path, (struct bytes){ name.data, length });
	path->cut = (uint16_t)(name.length - length);
}

void place_resolve(const struct session_row *row, struct bytes name, bool now, struct table_path *path)
{
	if ((now || row->moves_waiting == 0 || is_absolute(name)) && follow(row, name, path))
		return;
	place_set_name(path, name);
}

void place_resolve_file(const struct session_row *row, enum verb verb, struct bytes name, bool now, struct table_path *path)
{
	const bool lists = transfer_direction_of(verb) == TRANSFER_LIST;

	/*
	 * Without a name the directory is listed; and many servers take what begins with a dash for options of ls.
	 */
	if (lists ? name.length > 0 && name.data[0] == '-' : name.length == 0)
		place_set_name(path, name);
	else
		place_resolve(row, name, now, path);
}

static void take_change(struct session_row *row, const struct notice *line)
{
	const struct bytes argument = place_argument(line->text);

	row->place_lost = row->place_lost || row->moves_waiting > 0;
	if (row->moves_waiting < UINT8_MAX)
		row->moves_waiting++;
	row->next_verb = line->verb;
	path_clear(&row->next_place);
	if (!path_append(&row->next_place, argument))
		row->place_lost = true;
}

static void change_place(struct session_row *row)
{
	const bool up = row->next_verb == VERB_CDUP || row->next_verb == VERB_XCUP;
	const struct bytes argument = { row->next_place.bytes, row->next_place.length };
	struct table_path path;

	if (row->place_lost) {
		place_forget(row);
		return;
	}
	row->place_known = follow(row, up ? (struct bytes){ (const uint8_t *)"..", 2 } : argument, &path);
	if (row->place_known)
		row->place = path;
}

static void answer_change(struct session_row *row, uint16_t code)
{
	/* It answers something that was not seen. */
	if (row->moves_waiting == 0) {
		if (code == 250)
			place_forget(row);
		return;
	}
	if (code / 100 == 2)
		change_place(row);
	row->moves_waiting--;
	row->place_lost = row->place_lost && row->moves_waiting > 0;
}

/* RFC 959 Appendix II: the path is in quotation marks, and a quotation mark in it is doubled. */
static void take_place(struct session_row *row, struct bytes line)
{
	struct table_path path = { .length = 0 };
	size_t at = 0;

	while (at < line.length && line.data[at] != '"')
		at++;
	for (at++; at < line.length; at++) {
		if (line.data[at] == '"' && (at + 1 == line.length || line.data[at + 1] != '"'))
			break;
		if (line.data[at] == '"')
			at++;
		if (!path_append(&path, (struct bytes){ line.data + at, 1 }))
			return;
	}
	if (at >= line.length || !is_absolute((struct bytes){ path.bytes, path.length }))
		return;
	row->place = path;
	row->place_known = row->moves_waiting == 0;
}

bool place_read_size(struct bytes line, uint64_t *size)
{
	uint64_t number = 0;
	size_t at = 0;
	size_t digits = 0;

	/* In a 150 it is in parentheses, before the word "bytes"; in a 213 there is nothing else. */
	if (line.length < 5)
		return false;
	if (line.data[0] == '1')
		for (at = line.length - 1; at > 0 && line.data[at] != '('; at--)
			;
	else
		at = 3;
	for (at++; at < line.length && line.data[at] >= '0' && line.data[at] <= '9' && digits < 18; at++, digits++)
		number = number * 10 + (line.data[at] - '0');
	*size = number;
	if (line.data[0] == '1')
		return digits > 0 && line.length - at > 5 && memcmp(line.data + at, " byte", 5) == 0;
	return digits > 0 && at == line.length;
}

/* Does path lead to the place, or to a directory above it? */
static bool leads_to_place(const struct session_row *row, const struct table_path *path)
{
	const struct table_path *place = &row->place;

	/* It may be any directory. */
	if (path->length == 0 || path->bytes[0] != '/')
		return true;
	return path->length <= place->length && memcmp(path->bytes, place->bytes, path->length) == 0 &&
	       (path->length == place->length || path->length == 1 || place->bytes[path->length] == '/');
}

static void take_rename(struct session_row *row, struct bytes name)
{
	struct table_path path;

	place_resolve(row, name, false, &path);
	row->rename_moves = leads_to_place(row, &path);
}

static void take_type(struct session_row *row, struct bytes type)
{
	row->type_asked = true;
	row->next_ascii = type.length > 0 && (type.data[0] == 'A' || type.data[0] == 'a');
}

static void take_command(struct session_row *row, const struct notice *line)
{
	const struct bytes argument = place_argument(line->text);

	if (changes_place(line->verb)) {
		take_change(row, line);
	} else if (line->verb == VERB_TYPE) {
		take_type(row, argument);
	} else if (line->verb == VERB_SIZE) {
		row->size_asked = true;
		row->size_known = false;
		place_resolve(row, argument, false, &row->size_of);
	} else if (line->verb == VERB_RNFR) {
		take_rename(row, argument);
	} else if (line->verb == VERB_REIN) {
		place_forget(row);
		row->ascii = true;
		row->type_asked = false;
	}
}

/* Takes a reply to one of the commands that wait together with TYPE. Was it TYPE's? */
static bool answer_type(struct session_row *row, const struct notice *line)
{
	const bool good = line->code == 200;

	if (!row->type_asked || (!good && (line->verb != VERB_TYPE || line->code / 100 == 2)))
		return false;
	row->type_asked = false;
	if (good)
		row->ascii = row->next_ascii;
	/* CDUP is answered by 200 as well: which of them this answers is not known. */
	row->place_lost = row->place_lost ||
			  (row->moves_waiting > 0 && (row->next_verb == VERB_CDUP || row->next_verb == VERB_XCUP));
	return true;
}

static void take_reply(struct session_row *row, const struct notice *line)
{
	if (line->verb == VERB_SIZE) {
		row->size_known = row->size_asked && line->code == 213 && place_read_size(line->text, &row->size);
		row->size_asked = false;
	} else if (line->code / 100 == 2 && ((line->verb == VERB_RNTO && row->rename_moves) || line->verb == VERB_SMNT)) {
		place_forget(row);
	} else if (line->code == 257 &&
		   (line->verb == VERB_PWD || line->verb == VERB_XPWD || may_answer_change(line->verb))) {
		take_place(row, line->text);
	} else if (line->code / 100 >= 2 && may_answer_change(line->verb) && !answer_type(row, line)) {
		answer_change(row, line->code);
	}
}

void place_take_line(struct session_row *row, const struct notice *line)
{
	if (line->direction == DIRECTION_ORIGINAL)
		take_command(row, line);
	else
		take_reply(row, line);
}
