/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *line_behind(const char *line, const char *words)
{
	size_t length = strlen(words);

	for (const char *at = strstr(line, words); at; at = strstr(at + 1, words))
		if ((at == line || isspace((unsigned char)at[-1])) &&
		    (at[length] == '\0' || isspace((unsigned char)at[length])))
			return at + length;
	return NULL;
}

const char *range_read(const char *text, unsigned long *first, unsigned long *last)
{
	char *end;

	*first = *last = strtoul(text, &end, 10);
	if ((*end == '-' || *end == ':') && isdigit((unsigned char)end[1]))
		*last = strtoul(end + 1, &end, 10);
	return end;
}

uint32_t ports_find(const struct config *config, const char *text, const char *end)
{
	uint32_t found = 0;

	while (*text && !strchr(end, *text)) {
		unsigned long first, last;

		if (!isdigit((unsigned char)*text)) {
			text++;
			continue;
		}
		text = range_read(text, &first, &last);
		for (size_t i = 0; i < config->control_port_count; i++)
			if (first <= config->control_ports[i] && config->control_ports[i] <= last)
				found |= UINT32_C(1) << i;
	}
	return found;
}

uint32_t ports_all(const struct config *config)
{
	return (uint32_t)((UINT64_C(1) << config->control_port_count) - 1);
}
