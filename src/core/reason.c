/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/reason.h"

static const char *const names[] = {
#define REASON_NAME(identifier, name, meaning) name,
	REASON_TABLE(REASON_NAME)
#undef REASON_NAME
};

static const char *const meanings[] = {
#define REASON_MEANING(identifier, name, meaning) meaning,
	REASON_TABLE(REASON_MEANING)
#undef REASON_MEANING
};

const char *reason_name(enum reason reason)
{
	return (unsigned int)reason < REASON_COUNT ? names[reason] : "unknown";
}

const char *reason_meaning(enum reason reason)
{
	return (unsigned int)reason < REASON_COUNT ? meanings[reason] : "unknown";
}
