/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What probe/agent.c and probe/request.c share. */
#ifndef PROBE_AGENT_INTERNAL_H
#define PROBE_AGENT_INTERNAL_H

#include "probe/agent.h"

#define MILLISECOND UINT64_C(1000)

void agent_tell(const struct agent_asker *asker, const char *text);
/* Takes descriptor over. Returns its handle, or -1 with descriptor closed. */
int agent_add_socket(struct agent *agent, int descriptor, int state);
void agent_forget_socket(struct agent_socket *socket);
/* NULL, with asker told: there are too many. */
struct agent_call *agent_add_call(struct agent *agent, enum agent_verb verb, int handle, const struct agent_asker *asker);

#endif
