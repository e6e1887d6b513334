/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/notice.h"

static const char *const names[] = {
#define NOTICE_NAME(identifier, name) name,
	NOTICE_TABLE(NOTICE_NAME)
#undef NOTICE_NAME
};

const char *notice_name(enum notice_type type)
{
	return (unsigned int)type < NOTICE_COUNT ? names[type] : "unknown";
}
