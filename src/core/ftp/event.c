/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/event.h"

static const char *const names[] = {
#define EVENT_NAME(identifier, name) name,
	EVENT_TABLE(EVENT_NAME)
#undef EVENT_NAME
};

const char *event_name(enum event_type type)
{
	return (unsigned int)type < EVENT_COUNT ? names[type] : "unknown";
}
