/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A line is a statement; its first word says which. The head (title, why, ...) comes before the first step. A statement
 * that names a side first ("client bytewise> PORT ...") goes on with modifiers until a word says what the side does.
 * What follows that word and one space is text, whose escapes and variables are checked here and read again when the
 * scenario runs.
 */
#include "probe/scenario.h"

#include <string.h>

#include "probe/scenario_text.h"

struct parser {
	struct scenario *scenario;
	struct scenario_error *error;
	struct bytes line;
	size_t position; /* in line */
	uint32_t number; /* of the line */
};

static bool fail(const struct parser *parser, size_t at, const char *message)
{
	parser->error->line = parser->number;
	parser->error->column = (uint32_t)at + 1;
	parser->error->message = message;
	return false;
}

/* The next word, with the position after it and after the one space that may follow. */
static struct bytes next_word(struct parser *parser)
{
	struct bytes word = { parser->line.data + parser->position, 0 };

	while (parser->position + word.length < parser->line.length && word.data[word.length] != ' ')
		word.length++;
	parser->position += word.length;
	if (parser->position < parser->line.length)
		parser->position++;
	return word;
}

static size_t word_at(const struct parser *parser, struct bytes word)
{
	return (size_t)(word.data - parser->line.data);
}

static struct bytes rest_of_line(const struct parser *parser)
{
	return (struct bytes){ parser->line.data + parser->position, parser->line.length - parser->position };
}

static bool expect_end(struct parser *parser)
{
	return parser->position == parser->line.length || fail(parser, parser->position, "expected the end of the line");
}

static bool expect_word(struct parser *parser, const char *word, const char *message)
{
	struct bytes found = next_word(parser);

	return text_is(found, word) || fail(parser, word_at(parser, found), message);
}

static bool read_side(struct bytes word, enum scenario_side *side)
{
	*side = text_is(word, "server") ? SIDE_SERVER : SIDE_CLIENT;
	return *side == SIDE_SERVER || text_is(word, "client");
}

/* Only what is seen may hold matchers, and only what is sent may be cut. */
static bool check_text(struct parser *parser, struct bytes text, bool seen)
{
	struct text_token token;
	size_t position = 0;
	unsigned int wild = 0;

	for (text_next(text, &position, &token); token.type != TEXT_END; text_next(text, &position, &token)) {
		const size_t at = parser->position + token.at;

		if (token.type == TEXT_BAD)
			return fail(parser, at, token.expected);
		if (seen && token.type == TEXT_CUT)
			return fail(parser, at, "expected no \\| in what is seen: segments may be put together on the way");
		if (!seen && (token.type == TEXT_ANY || token.type == TEXT_OFFER))
			return fail(parser, at, "expected no {any} and no {offer} in what is sent");
		/* Each multiplies the work of matching. */
		wild += token.type == TEXT_ANY ? 1 : 0;
		if (wild > 2)
			return fail(parser, at, "expected at most two {any}");
	}
	return true;
}

static bool take_text(struct parser *parser, struct scenario_step *step, enum scenario_action action)
{
	step->action = action;
	step->text = rest_of_line(parser);
	return check_text(parser, step->text, action == SCENARIO_SEE);
}

static bool take_sight(struct parser *parser, struct scenario_step *step)
{
	static const char raw[] = "raw ";
	struct bytes rest = rest_of_line(parser);

	if (rest.length >= sizeof(raw) - 1 && memcmp(rest.data, raw, sizeof(raw) - 1) == 0) {
		parser->position += sizeof(raw) - 1;
		step->flags |= SCENARIO_RAW;
	}
	return take_text(parser, step, SCENARIO_SEE);
}

static bool read_modifier(struct bytes word, uint32_t *flags)
{
	static const struct {
		const char *word;
		uint32_t flags;
	} modifiers[] = {
		{ "raw", SCENARIO_RAW },
		{ "bytewise", SCENARIO_BYTEWISE },
		{ "urgent", SCENARIO_URGENT | SCENARIO_RAW },
		{ "at-once", SCENARIO_AT_ONCE },
	};

	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (!text_is(word, modifiers[i].word))
			continue;
		*flags |= modifiers[i].flags;
		return true;
	}
	return false;
}

/* What happens to what the side has sent. */
static bool parse_fate(struct parser *parser, struct scenario_step *step)
{
	struct bytes word = next_word(parser);

	step->action = text_is(word, "refused") ? SCENARIO_REFUSED : SCENARIO_UNCHANGED;
	if (step->action == SCENARIO_UNCHANGED && !text_is(word, "unchanged"))
		return fail(parser, word_at(parser, word), "expected refused or unchanged");
	return expect_end(parser);
}

/* word: "client" or "server", with ">" where nothing stands between. */
static bool parse_side(struct parser *parser, struct bytes word, struct scenario_step *step)
{
	static const char expected[] = "expected raw, bytewise, urgent or at-once and then \">\" or \"says\"; or"
				       " or \"sees\"; \"is refused\" or \"is unchanged\"";
	bool sends = word.data[word.length - 1] == '>';

	word.length -= sends ? 1 : 0;
	if (!read_side(word, &step->side))
		return fail(parser, word_at(parser, word), "expected client or server");
	while (!sends) {
		word = next_word(parser);
		if (word.length == 0)
			return fail(parser, word_at(parser, word), expected);
		if (step->flags == 0 && text_is(word, "sees"))
			return take_sight(parser, step);
		if (text_is(word, "says"))
			return take_text(parser, step, SCENARIO_SAY);
		if (step->flags == 0 && text_is(word, "is"))
			return parse_fate(parser, step);
		sends = word.data[word.length - 1] == '>';
		word.length -= sends ? 1 : 0;
		if (!read_modifier(word, &step->flags))
			return fail(parser, word_at(parser, word), expected);
	}
	return take_text(parser, step, SCENARIO_SEND);
}

/* data SIDE[-foreign] to SIDE [offer N|port N] arrives|blocked [if offered] */
static bool parse_data(struct parser *parser, struct scenario_step *step)
{
	static const char expected[] = "expected \"offer NUMBER\", \"port NUMBER\", \"arrives\" or \"blocked\"";
	struct bytes word = next_word(parser);
	enum scenario_side target;

	if (text_is(word, "server-foreign")) {
		step->flags |= SCENARIO_FOREIGN;
		word.length = strlen("server");
	}
	if (!read_side(word, &step->side))
		return fail(parser, word_at(parser, word), "expected client, server or server-foreign");
	if (!expect_word(parser, "to", "expected \"to\""))
		return false;
	word = next_word(parser);
	if (!read_side(word, &target) || target == step->side)
		return fail(parser, word_at(parser, word), "expected the other side");
	word = next_word(parser);
	if (text_is(word, "offer") || text_is(word, "port")) {
		step->flags |= text_is(word, "port") ? SCENARIO_AT_PORT : 0;
		word = next_word(parser);
		step->number = (uint16_t)text_number(word, TEXT_LISTENERS_MAX);
		if (step->number == 0)
			return fail(parser, word_at(parser, word), "expected a number from 1 to 40");
		word = next_word(parser);
	}
	if (!text_is(word, "arrives") && !text_is(word, "blocked"))
		return fail(parser, word_at(parser, word), expected);
	step->action = text_is(word, "arrives") ? SCENARIO_ARRIVES : SCENARIO_BLOCKED;
	if (parser->position == parser->line.length)
		return true;
	step->flags |= SCENARIO_IF_OFFERED;
	return expect_word(parser, "if", "expected \"if offered\" or the end of the line") &&
	       expect_word(parser, "offered", "expected \"offered\"") && expect_end(parser);
}

static bool parse_ending(struct parser *parser, struct scenario_step *step, enum scenario_action action)
{
	struct bytes word = next_word(parser);

	step->action = action;
	if (!read_side(word, &step->side))
		return fail(parser, word_at(parser, word), "expected client or server");
	return expect_end(parser);
}

static bool parse_count(struct parser *parser, struct scenario_step *step, enum scenario_action action,
			uint32_t maximum, const char *expected)
{
	struct bytes word = next_word(parser);

	step->action = action;
	step->number = (uint16_t)text_number(word, maximum);
	if (step->number == 0)
		return fail(parser, word_at(parser, word), expected);
	return expect_end(parser);
}

static bool add_step(struct parser *parser, const struct scenario_step *step)
{
	struct scenario *scenario = parser->scenario;

	if (scenario->step_count == SCENARIO_STEPS_MAX)
		return fail(parser, 0, "expected at most 512 steps, of which greeting makes 2, login 10 and noop 4");
	scenario->steps[scenario->step_count] = *step;
	scenario->steps[scenario->step_count].line = parser->number;
	scenario->steps[scenario->step_count++].source = parser->line;
	return true;
}

/*
 * side says text, of which the other side sees the beginning: a helper that is a proxy may put its own words where nothing
 * depends on them.
 */
static bool add_speech(struct parser *parser, enum scenario_side side, const char *text, const char *seen)
{
	const struct scenario_step send = {
		.action = SCENARIO_SEND,
		.side = side,
		.flags = SCENARIO_ROUTINE,
		.text = { (const uint8_t *)text, strlen(text) },
	};
	const struct scenario_step see = {
		.action = SCENARIO_SEE,
		.side = scenario_other_side(side),
		.flags = SCENARIO_ROUTINE,
		.text = { (const uint8_t *)seen, strlen(seen) },
	};

	return add_step(parser, &send) && add_step(parser, &see);
}

static bool parse_greeting(struct parser *parser)
{
	return expect_end(parser) && add_speech(parser, SIDE_SERVER, "220 ftpalg probe", "220{any}");
}

static bool parse_login(struct parser *parser)
{
	return parse_greeting(parser) && add_speech(parser, SIDE_CLIENT, "USER anonymous", "USER {any}") &&
	       add_speech(parser, SIDE_SERVER, "331 any password", "331{any}") &&
	       add_speech(parser, SIDE_CLIENT, "PASS probe@", "PASS {any}") &&
	       add_speech(parser, SIDE_SERVER, "230 logged in", "230{any}");
}

static bool parse_noop(struct parser *parser)
{
	struct scenario_step count = { .number = 1 };
	bool added = true;

	if (parser->position < parser->line.length &&
	    !parse_count(parser, &count, SCENARIO_SEND, SCENARIO_NOOP_MAX, "expected how many, 1 to 100"))
		return false;
	for (uint16_t i = 0; i < count.number && added; i++)
		added = add_speech(parser, SIDE_CLIENT, "NOOP", "NOOP") &&
			add_speech(parser, SIDE_SERVER, "200 nothing done", "200 nothing done");
	return added;
}

static bool parse_action(struct parser *parser, struct bytes word, struct scenario_step *step)
{
	static const char expected[] = "expected a statement: login, greeting, noop, client, server, or, data, closed,"
				       " close, reset or pause";

	if (text_is(word, "closed")) {
		step->action = SCENARIO_CLOSED;
		return expect_end(parser);
	}
	if (text_is(word, "data"))
		return parse_data(parser, step);
	if (text_is(word, "close"))
		return parse_ending(parser, step, SCENARIO_CLOSE);
	if (text_is(word, "reset"))
		return parse_ending(parser, step, SCENARIO_RESET);
	if (text_is(word, "pause"))
		return parse_count(parser, step, SCENARIO_PAUSE, SCENARIO_PAUSE_MAX, "expected milliseconds, 1 to 2000");
	if (word.length >= strlen("client") &&
	    (memcmp(word.data, "client", strlen("client")) == 0 || memcmp(word.data, "server", strlen("server")) == 0))
		return parse_side(parser, word, step);
	return fail(parser, word_at(parser, word), expected);
}

static bool can_be_alternative(enum scenario_action action)
{
	return action == SCENARIO_SEE || action == SCENARIO_UNCHANGED || action == SCENARIO_REFUSED ||
	       action == SCENARIO_CLOSED;
}

static bool parse_step(struct parser *parser, struct bytes word)
{
	struct scenario *scenario = parser->scenario;
	static const char alternative_expected[] = "expected SIDE \"sees\", SIDE \"is ...\" or \"closed\" after \"or\"";
	struct scenario_step step = { .number = 0 };
	const struct scenario_step *previous = scenario->step_count > 0 ? &scenario->steps[scenario->step_count - 1] : NULL;

	if (scenario->title.length == 0)
		return fail(parser, word_at(parser, word), "expected a title before the first step");
	if (text_is(word, "greeting"))
		return parse_greeting(parser);
	if (text_is(word, "login"))
		return parse_login(parser);
	if (text_is(word, "noop"))
		return parse_noop(parser);
	if (text_is(word, "or")) {
		step.alternative = true;
		if (!previous || !can_be_alternative(previous->action) || (previous->flags & SCENARIO_ROUTINE))
			return fail(parser, word_at(parser, word),
				    "expected \"or\" only after \"sees\", \"is ...\" or \"closed\"");
		word = next_word(parser);
		if (!text_is(word, "closed") && !text_is(word, "client") && !text_is(word, "server"))
			return fail(parser, word_at(parser, word), alternative_expected);
	}
	if (!parse_action(parser, word, &step))
		return false;
	if (step.alternative && !can_be_alternative(step.action))
		return fail(parser, word_at(parser, word), alternative_expected);
	return add_step(parser, &step);
}

static bool parse_why(struct parser *parser)
{
	struct scenario *scenario = parser->scenario;

	if (scenario->why_count == SCENARIO_WHY_MAX)
		return fail(parser, 0, "expected at most 8 lines of why");
	scenario->why[scenario->why_count++] = rest_of_line(parser);
	return true;
}

static bool parse_concerns(struct parser *parser)
{
	struct bytes word = parser->scenario->concerns = next_word(parser);

	if (!text_is(word, "client") && !text_is(word, "server") && !text_is(word, "both"))
		return fail(parser, word_at(parser, word), "expected client, server or both");
	return expect_end(parser);
}

static bool parse_family(struct parser *parser)
{
	struct bytes word = next_word(parser);

	if (!text_is(word, "ipv4") && !text_is(word, "ipv6"))
		return fail(parser, word_at(parser, word), "expected ipv4 or ipv6");
	parser->scenario->family = text_is(word, "ipv4") ? FAMILY_IPV4 : FAMILY_IPV6;
	return expect_end(parser);
}

static bool parse_needs(struct parser *parser)
{
	struct bytes word = next_word(parser);

	if (!text_is(word, "foreign") && !text_is(word, "server-foreign"))
		return fail(parser, word_at(parser, word), "expected foreign or server-foreign");
	parser->scenario->needs |= text_is(word, "foreign") ? SCENARIO_NEEDS_FOREIGN : SCENARIO_NEEDS_SERVER_FOREIGN;
	return expect_end(parser);
}

/* True with *done where the line belongs to the head. */
static bool parse_head(struct parser *parser, struct bytes word, bool *done)
{
	struct scenario *scenario = parser->scenario;

	*done = true;
	if (text_is(word, "title")) {
		scenario->title = rest_of_line(parser);
		return scenario->title.length > 0 || fail(parser, parser->position, "expected the title's text");
	}
	if (text_is(word, "why"))
		return parse_why(parser);
	if (text_is(word, "concerns"))
		return parse_concerns(parser);
	if (text_is(word, "family"))
		return parse_family(parser);
	if (text_is(word, "needs"))
		return parse_needs(parser);
	if (text_is(word, "tags")) {
		scenario->tags = rest_of_line(parser);
		return true;
	}
	*done = false;
	return true;
}

static bool parse_line(struct parser *parser)
{
	struct bytes word;
	bool done;

	if (parser->line.length == 0 || parser->line.data[0] == '#')
		return true;
	for (size_t i = 0; i < parser->line.length; i++)
		if (parser->line.data[i] < ' ' || parser->line.data[i] == 0x7f)
			return fail(parser, i, "expected printable text; control bytes are written as \\xHH");
	word = next_word(parser);
	if (!parse_head(parser, word, &done))
		return false;
	if (!done)
		return parse_step(parser, word);
	return parser->scenario->step_count == 0 || fail(parser, 0, "expected this line before the first step");
}

bool scenario_parse(struct bytes source, struct scenario *scenario, struct scenario_error *error)
{
	struct parser parser = { .scenario = scenario, .error = error };
	size_t position = 0;

	memset(scenario, 0, sizeof(*scenario));
	parser.number = 1;
	if (source.length > SCENARIO_SIZE_MAX)
		return fail(&parser, 0, "expected at most 65536 bytes");
	for (; position < source.length; parser.number++) {
		const uint8_t *start = source.data + position;
		const uint8_t *end = memchr(start, '\n', source.length - position);

		parser.line = (struct bytes){ start, end ? (size_t)(end - start) : source.length - position };
		parser.position = 0;
		if (!parse_line(&parser))
			return false;
		position += parser.line.length + 1;
	}
	return scenario->step_count > 0 || fail(&parser, 0, "expected a title and at least one step");
}
