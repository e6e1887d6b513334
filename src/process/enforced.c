/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "process/enforced.h"

#include <stdlib.h>

#include "process/service.h"

static void enforced_set(struct enforced *enforced, struct policy *policy)
{
	enforced->policy = policy;
	enforced->names_seen = NAMES_NONE_SEEN;
	enforced_take_names(enforced);
	enforced->reloads++;
}

bool enforced_open(struct enforced *enforced, const char *path, const struct names_page *names, const struct policy *first)
{
	enforced->path = path;
	enforced->names = names;
	for (size_t i = 0; i < 2; i++)
		enforced->read[i] = calloc(1, sizeof(*enforced->read[i]));
	if (!enforced->read[0] || !enforced->read[1])
		return false;
	enforced->read[0]->policy = *first;
	enforced_set(enforced, &enforced->read[0]->policy);
	return true;
}

bool enforced_reload(struct enforced *enforced, const char *rest)
{
	struct config *next = enforced->read[enforced->reloads % 2];

	if (!service_reload(next, enforced->path, rest))
		return false;
	enforced_set(enforced, &next->policy);
	return true;
}

void enforced_take_names(struct enforced *enforced)
{
	names_take(enforced->names, &enforced->names_seen, enforced->policy);
}

void enforced_close(struct enforced *enforced)
{
	free(enforced->read[0]);
	free(enforced->read[1]);
}
