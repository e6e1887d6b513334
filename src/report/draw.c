/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/draw.h"

#include <string.h>

#include "base/utf8.h"

#define TIME_WIDTH 12
#define WIDTH_MIN 60
#define WIDTH_MAX 240
/* The lifelines, and the blank after the time. */
#define FRAME_WIDTH 4
/* What stands around the words of an arrow: its beginning, blanks, its head. */
#define ARROW_WIDTH 5

enum sign {
	SIGN_LIFELINE,
	SIGN_CROSSING,
	SIGN_DASH,
	SIGN_DOUBLE,
	SIGN_TO_SERVER,
	SIGN_TO_CLIENT,
	SIGN_STOP,
	SIGN_REMARK,
};

static void put_sign(const struct report_pen *pen, enum sign sign, unsigned int count)
{
	static const char *const ascii[] = { "|", "+", "-", "=", ">", "<", "X", "*" };
	static const char *const unicode[] = { "│", "┼", "─", "═", "►", "◄", "✗", "•" };

	while (count-- > 0)
		fputs(pen->style->unicode ? unicode[sign] : ascii[sign], pen->out);
}

static void put_blanks(const struct report_pen *pen, unsigned int count)
{
	fprintf(pen->out, "%*s", (int)count, "");
}

static void put_colour(const struct report_pen *pen, enum report_tone tone)
{
	static const char *const codes[] = { "", "\033[32m", "\033[1;36m", "\033[33m", "\033[1;31m" };

	if (pen->style->colour)
		fputs(codes[tone], pen->out);
}

static void end_colour(const struct report_pen *pen, enum report_tone tone)
{
	if (pen->style->colour && tone != REPORT_TONE_PLAIN)
		fputs("\033[0m", pen->out);
}

void report_pen_init(struct report_pen *pen, const struct report_style *style, FILE *out)
{
	unsigned int width = style->width < WIDTH_MIN ? WIDTH_MIN : style->width > WIDTH_MAX ? WIDTH_MAX : style->width;

	pen->out = out;
	pen->style = style;
	width -= TIME_WIDTH + FRAME_WIDTH;
	pen->left = width / 2;
	pen->right = width - pen->left;
}

static void add_glyph(struct report_glyphs *glyphs, const uint8_t *data, size_t length, unsigned int width)
{
	struct report_glyph *glyph = &glyphs->glyph[glyphs->count];

	if (glyphs->count == REPORT_GLYPHS_MAX)
		return;
	memcpy(glyph->text, data, length);
	glyph->text[length] = '\0';
	glyph->width = (uint8_t)width;
	glyphs->count++;
}

void report_glyphs_add_words(struct report_glyphs *glyphs, const char *words)
{
	for (; *words; words++)
		add_glyph(glyphs, (const uint8_t *)words, 1, 1);
}

static unsigned int shown_width(const struct report_style *style, uint32_t character)
{
	return character < 0x80 ? 1 : style->unicode ? character_width(character) : 0;
}

static bool is_hexadecimal(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

static bool looks_like_escape(struct bytes text)
{
	return text.length >= 4 && text.data[0] == '\\' && text.data[1] == 'x' && is_hexadecimal(text.data[2]) &&
	       is_hexadecimal(text.data[3]);
}

void report_glyphs_add_text(struct report_glyphs *glyphs, const struct report_style *style,
			     const struct report_text *text)
{
	struct bytes rest = { text->data, text->length };
	char words[REPORT_NUMBER_MAX];

	while (rest.length > 0) {
		uint32_t character = 0;
		size_t length = character_read(rest, &character);
		const unsigned int width = length > 0 ? shown_width(style, character) : 0;

		if (looks_like_escape(rest)) {
			report_glyphs_add_words(glyphs, "\\x5c");
		} else if (width > 0 && character_is_printable(character)) {
			add_glyph(glyphs, rest.data, length, width);
		} else {
			snprintf(words, sizeof(words), "\\x%02x", rest.data[0]);
			report_glyphs_add_words(glyphs, words);
			length = 1;
		}
		rest.data += length;
		rest.length -= length;
	}
	if (text->more > 0) {
		snprintf(words, sizeof(words), " (and %u bytes more)", text->more);
		report_glyphs_add_words(glyphs, words);
	}
}

unsigned int report_glyphs_width(const struct report_glyphs *glyphs)
{
	unsigned int width = 0;

	for (size_t i = 0; i < glyphs->count; i++)
		width += glyphs->glyph[i].width;
	return width;
}

void report_glyphs_pad(struct report_glyphs *glyphs, unsigned int width)
{
	for (unsigned int used = report_glyphs_width(glyphs); used < width; used++)
		report_glyphs_add_words(glyphs, " ");
}

/* A part of a text that fits into the columns, from at on. */
struct part {
	const struct report_glyphs *glyphs;
	size_t at;
	size_t end;
	unsigned int width;
};

/* words: the part ends between words where there is a blank in its second half. */
static struct part take_part(const struct report_glyphs *glyphs, size_t at, unsigned int columns, bool words)
{
	struct part part = { .glyphs = glyphs, .at = at, .end = at };
	size_t blank = 0;

	while (part.end < glyphs->count && part.width + glyphs->glyph[part.end].width <= columns) {
		part.width += glyphs->glyph[part.end].width;
		part.end++;
		if (glyphs->glyph[part.end - 1].text[0] == ' ')
			blank = part.end;
	}
	while (words && part.end < glyphs->count && blank > at + (part.end - at) / 2 && part.end > blank)
		part.width -= glyphs->glyph[--part.end].width;
	return part;
}

static void put_part(const struct report_pen *pen, const struct part *part)
{
	for (size_t i = part->at; i < part->end; i++)
		fputs(part->glyphs->glyph[i].text, pen->out);
}

static void put_moment(const struct report_pen *pen, const char *moment)
{
	fprintf(pen->out, "%*s ", TIME_WIDTH, moment ? moment : "");
	put_sign(pen, SIGN_LIFELINE, 1);
}

/* Blanks; where the gateway's lifeline is among them, it is drawn. position: of the first one, from the client on. */
static void put_gap(const struct report_pen *pen, unsigned int position, unsigned int count)
{
	for (unsigned int i = position; i < position + count; i++)
		if (i == pen->left)
			put_sign(pen, SIGN_LIFELINE, 1);
		else
			put_blanks(pen, 1);
}

/* Words in the frame, without an arrow. */
static void put_plain(const struct report_pen *pen, const struct part *part, unsigned int position,
		      unsigned int columns, enum direction side)
{
	const unsigned int rest = columns > part->width + 2 ? columns - part->width - 2 : 0;
	const unsigned int before = side == DIRECTION_ORIGINAL ? 2 : rest;

	put_gap(pen, position, before);
	put_part(pen, part);
	put_gap(pen, position + before + part->width, columns - before - part->width);
}

/* Dashes; where the gateway's lifeline is among them, it is crossed. position: of the first one, from the client on. */
static void put_dashes(const struct report_pen *pen, unsigned int position, unsigned int count, enum sign sign)
{
	for (unsigned int i = position; i < position + count; i++)
		put_sign(pen, i == pen->left && sign == SIGN_DASH ? SIGN_CROSSING : sign, 1);
}

/* An arrow with words at the end where its sender is. position: of its first column, from the client on. */
static void put_arrow(const struct report_pen *pen, const struct part *part, unsigned int position,
		      unsigned int columns, const struct report_arrow *arrow)
{
	const unsigned int rest = columns - part->width - 3;
	const enum sign to_peer = arrow->direction == DIRECTION_ORIGINAL ? SIGN_TO_SERVER : SIGN_TO_CLIENT;
	const enum sign head = arrow->stopped ? SIGN_STOP : to_peer;

	put_colour(pen, arrow->tone);
	if (arrow->direction == DIRECTION_ORIGINAL) {
		put_sign(pen, SIGN_DASH, 1);
		fputs(part->width ? " " : pen->style->unicode ? "─" : "-", pen->out);
		put_part(pen, part);
		fputs(part->width ? " " : pen->style->unicode ? "─" : "-", pen->out);
		put_dashes(pen, position + part->width + 3, rest - 1, SIGN_DASH);
		put_sign(pen, head, 1);
	} else {
		put_sign(pen, head, 1);
		put_dashes(pen, position + 1, rest - 1, SIGN_DASH);
		fputs(part->width ? " " : pen->style->unicode ? "─" : "-", pen->out);
		put_part(pen, part);
		fputs(part->width ? " " : pen->style->unicode ? "─" : "-", pen->out);
		put_sign(pen, SIGN_DASH, 1);
	}
	end_colour(pen, arrow->tone);
}

void report_draw_line(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const struct report_glyphs *text)
{
	const unsigned int columns = pen->left + 1 + pen->right;
	struct part part = take_part(text, 0, columns - ARROW_WIDTH, false);

	while (part.end < text->count) {
		put_moment(pen, moment);
		put_plain(pen, &part, 0, columns, arrow->direction);
		put_sign(pen, SIGN_LIFELINE, 1);
		fputc('\n', pen->out);
		moment = NULL;
		part = take_part(text, part.end, columns - ARROW_WIDTH, false);
	}
	put_moment(pen, moment);
	if (arrow->absent)
		put_plain(pen, &part, 0, columns, arrow->direction);
	else
		put_arrow(pen, &part, 0, columns, arrow);
	put_sign(pen, SIGN_LIFELINE, 1);
	fputc('\n', pen->out);
}

/* One row of a leg. The arrow stands where the words end. */
static void put_leg(const struct report_pen *pen, struct part *part, const struct report_glyphs *text,
		    unsigned int position, unsigned int columns, const struct report_arrow *arrow)
{
	if (!text || part->at > text->count) {
		put_blanks(pen, columns);
		return;
	}
	*part = take_part(text, part->at, columns - ARROW_WIDTH, false);
	if (part->end < text->count) {
		put_plain(pen, part, position, columns, arrow->direction);
		part->at = part->end;
		return;
	}
	put_arrow(pen, part, position, columns, arrow);
	/* Done: beyond the end. */
	part->at = text->count + 1;
}

void report_draw_legs(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const struct report_glyphs *client, const struct report_glyphs *server)
{
	struct part left = { .at = 0 };
	struct part right = { .at = 0 };

	do {
		put_moment(pen, moment);
		put_leg(pen, &left, client, 0, pen->left, arrow);
		put_sign(pen, SIGN_LIFELINE, 1);
		put_leg(pen, &right, server, pen->left + 1, pen->right, arrow);
		put_sign(pen, SIGN_LIFELINE, 1);
		fputc('\n', pen->out);
		moment = NULL;
	} while ((client && left.at <= client->count) || (server && right.at <= server->count));
}

void report_draw_data(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const char *client, const char *server)
{
	const unsigned int columns = pen->left + 1 + pen->right;
	const unsigned int used = (unsigned int)(strlen(client) + strlen(server)) + 7;
	const unsigned int rest = columns > used ? columns - used : 1;

	put_moment(pen, moment);
	put_colour(pen, arrow->tone);
	put_sign(pen, SIGN_DOUBLE, 1);
	fprintf(pen->out, " %s ", client);
	if (arrow->direction == DIRECTION_REPLY)
		put_sign(pen, SIGN_TO_CLIENT, 1);
	put_dashes(pen, 0, rest, SIGN_DOUBLE);
	if (arrow->direction == DIRECTION_ORIGINAL)
		put_sign(pen, SIGN_TO_SERVER, 1);
	fprintf(pen->out, " %s ", server);
	put_sign(pen, SIGN_DOUBLE, 1);
	end_colour(pen, arrow->tone);
	put_sign(pen, SIGN_LIFELINE, 1);
	fputc('\n', pen->out);
}

void report_draw_phrase(const struct report_pen *pen, const char *moment, const struct report_phrase *phrase)
{
	const unsigned int columns = pen->left + 1 + pen->right;
	struct report_glyphs text = { .count = 0 };
	struct part part = { .at = 0 };

	report_glyphs_add_words(&text, phrase->head);
	report_glyphs_add_words(&text, phrase->before[0] || phrase->after[0] || phrase->quoted.length ? ": " : "");
	report_glyphs_add_words(&text, phrase->before);
	report_glyphs_add_text(&text, pen->style, &phrase->quoted);
	report_glyphs_add_words(&text, phrase->after);
	if (phrase->rule) {
		report_glyphs_add_words(&text, " [");
		report_glyphs_add_words(&text, phrase->rule);
		report_glyphs_add_words(&text, "]");
	}
	while (part.at < text.count) {
		const bool first = part.at == 0;

		part = take_part(&text, part.at, columns - 8, true);
		put_moment(pen, moment);
		put_blanks(pen, 4);
		put_colour(pen, phrase->tone);
		put_sign(pen, SIGN_REMARK, first ? 1 : 0);
		put_blanks(pen, first ? 1 : 2);
		put_part(pen, &part);
		end_colour(pen, phrase->tone);
		put_blanks(pen, columns - 6 - part.width);
		put_sign(pen, SIGN_LIFELINE, 1);
		fputc('\n', pen->out);
		part.at = part.end;
		moment = NULL;
	}
}

void report_draw_names(const struct report_pen *pen)
{
	put_blanks(pen, TIME_WIDTH + 1);
	fprintf(pen->out, "%-*s%s%*s\n", (int)pen->left - 2, "client", "gateway", (int)pen->right - 2, "server");
}

void report_draw_words(const struct report_pen *pen, unsigned int indent, const struct report_glyphs *text)
{
	const unsigned int columns = TIME_WIDTH + FRAME_WIDTH + pen->left + pen->right;
	struct part part = { .at = 0 };

	while (part.at < text->count) {
		const unsigned int used = part.at == 0 ? 0 : indent;
		size_t next;

		part = take_part(text, part.at, columns - used, true);
		next = part.end;
		while (part.end > part.at && text->glyph[part.end - 1].text[0] == ' ')
			part.end--;
		put_blanks(pen, used);
		put_part(pen, &part);
		fputc('\n', pen->out);
		part.at = next;
	}
}
