/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/html.h"

#include <stdarg.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "ftpalg/address.h"

void page_print(const struct page *page, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(page->out, format, arguments);
	va_end(arguments);
}

void page_put_text(const struct page *page, const struct report_text *text)
{
	struct bytes rest = { text->data, text->length };
	char byte[ESCAPE_MAX];

	while (rest.length > 0) {
		uint32_t character = 0;
		size_t length = character_read(rest, &character);

		if (length > 0 && character_is_printable(character)) {
			escape_markup(page->out, (struct bytes){ rest.data, length });
		} else {
			escape_byte(rest.data[0], byte);
			page_print(page, "<span class=\"byte\">%.*s</span>", ESCAPE_MAX, byte);
			length = 1;
		}
		rest.data += length;
		rest.length -= length;
	}
	if (text->more > 0)
		page_print(page, "<span class=\"more\"> and %u bytes more</span>", text->more);
}

void page_put_words(const struct page *page, const char *words)
{
	const struct report_text text = { (const uint8_t *)words, (uint32_t)strlen(words), 0 };

	page_put_text(page, &text);
}

void page_put_endpoint(const struct page *page, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(endpoint, text);
	page_print(page, "<code>%s</code>", text);
}

void page_put_phrase(const struct page *page, const struct report_phrase *phrase)
{
	page_print(page, "<li class=\"%s\"><b>", report_tone_name(phrase->tone));
	page_put_words(page, phrase->head);
	page_print(page, "</b> ");
	page_put_words(page, phrase->before);
	if (phrase->quoted.length > 0 || phrase->quoted.more > 0) {
		page_print(page, "<code>");
		page_put_text(page, &phrase->quoted);
		page_print(page, "</code>");
	}
	page_put_words(page, phrase->after);
	if (phrase->rule) {
		page_print(page, " <span class=\"rule\">rule ");
		page_put_words(page, phrase->rule);
		page_print(page, "</span>");
	}
	page_print(page, "</li>");
}
