/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's agent as the client's end sees it: requests go over a link, and are answered when its answers come. */
#ifndef PROBE_REMOTE_H
#define PROBE_REMOTE_H

#include "probe/agent.h"
#include "probe/link.h"

#define REMOTE_CALLS_MAX AGENT_CALLS_MAX

enum remote_state {
	REMOTE_LOST, /* also before the first attempt */
	REMOTE_CONNECTING,
	REMOTE_GREETING,
	REMOTE_USER,
	REMOTE_PASS,
	REMOTE_READY,
};

struct remote_call {
	bool used;
	uint32_t tag;
	uint64_t deadline;
	struct agent_asker asker;
};

struct probe_remote {
	enum remote_state state;
	struct link link;
	const char *token;
	uint32_t next_tag;
	uint64_t deadline; /* of the login */
	struct remote_call calls[REMOTE_CALLS_MAX];
	const char *trouble; /* why it is lost */
	bool hopeless;       /* another attempt would end in the same way */
};

/* Begins to connect. */
void remote_open(struct probe_remote *remote, const struct endpoint *server, const char *token, uint64_t now);
/* Calls that wait for an answer get "LOST". */
void remote_close(struct probe_remote *remote, const char *trouble);
void remote_request(struct probe_remote *remote, const char *text, const struct agent_asker *asker, uint64_t now);
void remote_pump(struct probe_remote *remote, uint64_t now);

#endif
