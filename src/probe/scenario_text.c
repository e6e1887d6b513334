/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Escapes and variables. */
#include "probe/scenario_text.h"

#include <string.h>

#include "base/number.h"

struct name {
	const char *text;
	int value;
};

/* The longer name of two that begin alike comes first. */
static const struct name owners[] = {
	{ "client", TEXT_CLIENT },
	{ "server-foreign", TEXT_SERVER_FOREIGN },
	{ "server", TEXT_SERVER },
	{ "foreign", TEXT_CLIENT_FOREIGN },
};

static const struct name forms[] = {
	{ "", TEXT_ADDRESS },
	{ "-hostport", TEXT_HOSTPORT },
	{ "-host", TEXT_HOST },
	{ "-port", TEXT_PORT },
	{ "-high", TEXT_HIGH },
	{ "-low", TEXT_LOW },
	{ "-eprt", TEXT_EPRT },
	{ "-epsv", TEXT_EPSV },
	{ "-family", TEXT_FAMILY },
};

static const char variable_expected[] =
	"expected {any}, {offer}, {repeat BYTE COUNT} or {OWNER-FORM NUMBER}, with client, server, foreign or"
	" server-foreign as OWNER";

bool text_is(struct bytes text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

uint32_t text_number(struct bytes text, uint32_t maximum)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || value > maximum)
			return 0;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	return value > maximum ? 0 : (uint32_t)value;
}

static void set_bad(struct text_token *token, size_t at, const char *expected)
{
	token->type = TEXT_BAD;
	token->at = at;
	token->expected = expected;
}

/* position is after the backslash. */
static void read_escape(struct bytes text, size_t *position, struct text_token *token)
{
	static const char letters[] = "rnt0\\{";
	static const char meanings[] = "\r\n\t\0\\{";
	const size_t at = *position;
	const uint8_t letter = at < text.length ? text.data[at] : 0;
	const char *found = letter ? strchr(letters, letter) : NULL;

	token->type = TEXT_BYTE;
	*position = at + 1;
	if (found) {
		token->byte = (uint8_t)meanings[found - letters];
	} else if (letter == '|') {
		token->type = TEXT_CUT;
	} else if (letter == 'x' && text.length - at > 2 && number_digit(text.data[at + 1]) < 16 &&
		   number_digit(text.data[at + 2]) < 16) {
		token->byte = (uint8_t)(number_digit(text.data[at + 1]) * 16 +
					number_digit(text.data[at + 2]));
		*position = at + 3;
	} else {
		*position = at - 1;
		set_bad(token, at - 1, "expected \\r, \\n, \\t, \\0, \\\\, \\{, \\| or \\x and two hexadecimal digits");
	}
}

static struct bytes take_word(struct bytes *rest)
{
	struct bytes word = { rest->data, 0 };

	while (word.length < rest->length && rest->data[word.length] != ' ')
		word.length++;
	rest->data += word.length;
	rest->length -= word.length;
	if (rest->length > 0) {
		rest->data++;
		rest->length--;
	}
	return word;
}

/* name: what is in the braces before the first space. */
static bool read_name(struct bytes name, struct text_token *token)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		const size_t length = strlen(owners[i].text);
		struct bytes form = { name.data + length, name.length - length };

		if (name.length < length || memcmp(name.data, owners[i].text, length) != 0)
			continue;
		for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			if (!text_is(form, forms[j].text))
				continue;
			token->owner = (enum text_owner)owners[i].value;
			token->form = (enum text_form)forms[j].value;
			return true;
		}
	}
	return false;
}

/* A byte that stands for itself, or an escape. There is one. */
static void read_byte(struct bytes text, size_t *position, struct text_token *token)
{
	token->type = TEXT_BYTE;
	token->byte = text.data[(*position)++];
	if (token->byte == '\\')
		read_escape(text, position, token);
}

static void read_repeat(struct bytes rest, size_t at, struct text_token *token)
{
	struct bytes byte = take_word(&rest);
	size_t position = 0;

	if (byte.length > 0)
		read_byte(byte, &position, token);
	token->number = (uint16_t)text_number(rest, TEXT_REPEAT_MAX);
	if (token->type == TEXT_BYTE && position == byte.length && token->number > 0)
		token->type = TEXT_REPEAT;
	else
		set_bad(token, at, "expected {repeat BYTE COUNT}, with a byte or an escape, and 1 to 20000");
}

/* What is in the braces that open at. */
static void read_braces(struct bytes inside, size_t at, struct text_token *token)
{
	struct bytes rest = inside;
	struct bytes name = take_word(&rest);

	token->number = 1;
	if (text_is(name, "repeat")) {
		read_repeat(rest, at, token);
	} else if (text_is(inside, "any")) {
		token->type = TEXT_ANY;
	} else if (text_is(inside, "offer")) {
		token->type = TEXT_OFFER;
	} else if (!read_name(name, token)) {
		set_bad(token, at, variable_expected);
	} else if (name.length < inside.length &&
		   (token->number = (uint16_t)text_number(rest, TEXT_LISTENERS_MAX)) == 0) {
		set_bad(token, at, "expected the number of a listener, 1 to 40, after the variable's name");
	} else {
		token->type = TEXT_VARIABLE;
	}
}

void text_next(struct bytes text, size_t *position, struct text_token *token)
{
	const size_t at = *position;
	const uint8_t *end;

	memset(token, 0, sizeof(*token));
	token->at = at;
	if (at >= text.length)
		return;
	if (text.data[at] != '{') {
		read_byte(text, position, token);
		return;
	}
	end = memchr(text.data + at, '}', text.length - at);
	if (!end) {
		set_bad(token, at, "expected a } that closes this {; a brace of the text is \\{");
		return;
	}
	read_braces((struct bytes){ text.data + at + 1, (size_t)(end - text.data) - at - 1 }, at, token);
	if (token->type != TEXT_BAD)
		*position = (size_t)(end - text.data) + 1;
	token->at = at;
}
