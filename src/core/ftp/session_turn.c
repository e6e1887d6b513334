/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line's turn: what is reported of it, and how it is refused. */
#include <string.h>

#include "core/digits.h"
#include "core/ftp/session_internal.h"

struct notice turn_notice(const struct turn *turn, enum notice_type type)
{
	struct notice notice = {
		.type = type,
		.session = turn->session->id,
		.view = &turn->session->view,
		.direction = turn->direction,
	};

	return notice;
}

/* Is its text a server's line? Not where that names a directory, which must stay what it is. */
static bool may_repeat_secret(const struct notice *notice)
{
	return notice->direction == DIRECTION_REPLY &&
	       (notice->type == NOTICE_REFUSE || notice->type == NOTICE_ANOMALY ||
		(notice->type == NOTICE_LINE && notice->code / 100 >= 4));
}

void turn_report(const struct turn *turn, const struct notice *notice)
{
	uint8_t text[LINE_MAX_LENGTH];
	struct notice told = *notice;

	if (turn->session->secrets[0].length > 0 && may_repeat_secret(notice)) {
		if (told.text.length > sizeof(text))
			told.text.length = sizeof(text);
		memcpy(text, told.text.data, told.text.length);
		told.text.length = session_hide_secrets(turn->session, text, told.text.length);
		told.text.data = text;
	}
	turn->ops->notice(turn->ops->context, &told);
}

/* To the end of its first letters: what follows them may be the argument of PASS, in whatever form it came. */
static struct bytes line_to_verb(struct bytes line)
{
	size_t end = 0;

	while (end < line.length && !digits_is_letter(line.data[end]))
		end++;
	while (end < line.length && digits_is_letter(line.data[end]))
		end++;
	return (struct bytes){ line.data, end };
}

/* A password must not reach a log, even where its command is refused. */
static struct bytes line_for_report(const struct turn *turn, enum verb verb)
{
	struct bytes nothing = { turn->line.data, 0 };

	/* SITE PSWD and the like. The verb's four letters are in the line, however they stand there. */
	if (verb == VERB_SITE)
		nothing.length = 4;
	if (turn->direction == DIRECTION_ORIGINAL && verb == VERB_UNKNOWN)
		return turn->outcome->reason == REASON_ODD_VERB ? line_to_verb(turn->line) : turn->line;
	return verb_takes_secret(verb) || verb == VERB_SITE ? nothing : turn->line;
}

void turn_refuse(const struct turn *turn, enum reason reason, enum form form, enum verb verb)
{
	struct notice notice = turn_notice(turn, NOTICE_REFUSE);

	turn->outcome->verdict = OUTCOME_REFUSE;
	turn->outcome->reason = reason;
	notice.reason = reason;
	notice.form = form;
	notice.verb = verb;
	notice.text = line_for_report(turn, verb);
	notice.rule = turn->session->rule->name;
	turn_report(turn, &notice);
}

void turn_refuse_command(const struct turn *turn, enum reason reason, const struct command *command)
{
	offer_refuse_command(turn->line, command, &turn->outcome->edit);
	turn_refuse(turn, reason, FORM_NONE, command->verb);
}

void turn_refuse_reply(const struct turn *turn, enum reason reason, enum form form)
{
	struct edit *edit = &turn->outcome->edit;

	offer_refuse_reply(turn->line, reason, edit);
	/*
	 * What is written into a multi-line reply has its code, and ends it only where the line did: clients differ in what
	 * they take for an end, and a client that sees one too early is a reply behind from then on.
	 */
	if (edit->length > 3) {
		for (unsigned int i = 0, code = turn->session->refused_code; i < 3; i++, code /= 10)
			edit->replacement[2 - i] = (uint8_t)('0' + code % 10);
		edit->replacement[3] = turn->session->refused_continues ? '-' : ' ';
	} else if (turn->session->refused_continues) {
		/* A code alone would be an end. */
		memset(edit->replacement, ' ', edit->length);
	}
	turn_refuse(turn, reason, form, VERB_UNKNOWN);
}
