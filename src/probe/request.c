/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an agent is asked (probe/agent.h has the list), read word by word. Nothing of it is believed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "ftpalg/address.h"
#include "probe/agent_internal.h"
#include "probe/words.h"
#include "tls/wire.h"

#define SEND_MAX (2000 * MILLISECOND)
#define ARMED_MAX (5000 * MILLISECOND)
#define WORDS_MAX 5
#define BACKLOG 16
/* No port below this is announced for a data connection without being refused. */
#define UNPRIVILEGED 1024

/* A request, cut into words. */
struct request {
	struct bytes words[WORDS_MAX];
	size_t count;
};

static struct agent_socket *find_socket(struct agent *agent, struct bytes word, int *handle)
{
	uint32_t number;

	if (!number_read_decimal(word, AGENT_SOCKETS_MAX - 1, &number) || agent->sockets[number].state == AGENT_FREE)
		return NULL;
	*handle = (int)number;
	return &agent->sockets[number];
}

static void request_listen(struct agent *agent, const struct agent_asker *asker)
{
	struct endpoint local = { .address = agent->local };
	int descriptor = wire_socket(&local, (enum family)local.address.family);
	int handle = -1;
	char text[AGENT_TEXT_MAX];

	if (descriptor >= 0 && listen(descriptor, BACKLOG) == 0 && wire_local(descriptor, &local))
		handle = agent_add_socket(agent, descriptor, AGENT_LISTENING);
	else if (descriptor >= 0)
		close(descriptor);
	if (handle < 0) {
		agent_tell(asker, "ERROR no port to listen at");
		return;
	}
	snprintf(text, sizeof(text), "OK %d %u", handle, (unsigned int)local.port);
	agent_tell(asker, text);
}

static void begin_connection(struct agent *agent, const struct endpoint *from, const struct endpoint *to,
			     bool control, uint64_t deadline, const struct agent_asker *asker)
{
	int descriptor = wire_socket(from, (enum family)to->address.family);
	struct agent_call *call;
	int handle;

	if (descriptor < 0 || wire_connect(descriptor, to) < 0) {
		agent_tell(asker, errno == ECONNREFUSED ? "REFUSED" : "ERROR no connection can be begun");
		if (descriptor >= 0)
			close(descriptor);
		return;
	}
	handle = agent_add_socket(agent, descriptor, AGENT_CONNECTING);
	if (handle < 0) {
		agent_tell(asker, "ERROR too many connections");
		return;
	}
	agent->sockets[handle].peer = to->address;
	agent->sockets[handle].control = control;
	call = agent_add_call(agent, AGENT_CONNECT, handle, asker);
	if (call)
		call->deadline = deadline;
	else
		agent_forget_socket(&agent->sockets[handle]);
}

static void request_connect(struct agent *agent, const struct request *request, const struct agent_asker *asker,
			    uint64_t now)
{
	struct endpoint from = { .address = agent->local };
	struct endpoint to = { .port = 0 };
	const struct agent_socket *control;
	uint32_t port;
	uint32_t wait;
	int handle;

	control = find_socket(agent, request->words[1], &handle);
	if (!control || !control->control || !number_read_decimal(request->words[2], UINT16_MAX, &port) ||
	    port < UNPRIVILEGED ||
	    !number_read_decimal(request->words[4], AGENT_WAIT_MAX, &wait)) {
		agent_tell(asker, "ERROR what to connect to?");
		return;
	}
	if (probe_word_is(request->words[3], "foreign"))
		from.address = agent->foreign;
	to.address = control->peer;
	to.port = (uint16_t)port;
	begin_connection(agent, &from, &to, false, now + wait * MILLISECOND, asker);
}

static void request_dial(struct agent *agent, const struct request *request, const struct agent_asker *asker,
			 uint64_t now)
{
	const struct endpoint from = { .port = 0 };
	uint32_t wait;

	if (agent->target.address.family == FAMILY_NONE || !number_read_decimal(request->words[1], AGENT_WAIT_MAX, &wait))
		agent_tell(asker, "ERROR this end does not dial");
	else
		begin_connection(agent, &from, &agent->target, true, now + wait * MILLISECOND, asker);
}

static void request_accept(struct agent *agent, const struct request *request, const struct agent_asker *asker,
			   uint64_t now)
{
	const bool control = probe_word_is(request->words[1], "-");
	struct agent_call *call;
	uint32_t wait;
	int handle = -1;

	if ((!control && !find_socket(agent, request->words[1], &handle)) ||
	    !number_read_decimal(request->words[2], AGENT_WAIT_MAX, &wait)) {
		agent_tell(asker, "ERROR where to accept?");
		return;
	}
	call = agent_add_call(agent, AGENT_ACCEPT, handle, asker);
	if (!call)
		return;
	call->control = control;
	call->deadline = now + wait * MILLISECOND;
}

static void request_send(struct agent *agent, const struct request *request, const struct agent_asker *asker,
			 uint64_t now)
{
	const struct bytes how = request->words[2];
	uint8_t bytes[AGENT_CHUNK_MAX];
	struct agent_call *call;
	size_t length;
	int handle;

	if (!find_socket(agent, request->words[1], &handle) ||
	    !number_read_bytes(request->words[3], bytes, sizeof(bytes), &length) || length == 0) {
		agent_tell(asker, "ERROR what to send?");
		return;
	}
	call = agent_add_call(agent, AGENT_SEND, handle, asker);
	if (!call)
		return;
	memcpy(call->bytes, bytes, length);
	call->length = length;
	call->flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	call->flags |= memchr(how.data, 'm', how.length) ? MSG_MORE : 0;
	call->flags |= memchr(how.data, 'u', how.length) ? MSG_OOB : 0;
	call->acknowledge = memchr(how.data, 'a', how.length) != NULL;
	call->deadline = now + SEND_MAX;
}

static void request_read(struct agent *agent, const struct request *request, const struct agent_asker *asker,
			 uint64_t now)
{
	struct agent_call *call;
	uint32_t have;
	uint32_t wait;
	int handle;

	if (!find_socket(agent, request->words[1], &handle) ||
	    !number_read_decimal(request->words[2], AGENT_RECEIVED_MAX, &have) ||
	    !number_read_decimal(request->words[3], AGENT_WAIT_MAX, &wait)) {
		agent_tell(asker, "ERROR what to read?");
		return;
	}
	call = agent_add_call(agent, AGENT_READ, handle, asker);
	if (!call)
		return;
	call->have = have;
	call->deadline = now + wait * MILLISECOND;
}

static void request_close(struct agent *agent, const struct request *request, const struct agent_asker *asker)
{
	struct wire wire = { .descriptor = -1 };
	struct agent_socket *socket;
	int handle;

	socket = find_socket(agent, request->words[1], &handle);
	if (!socket) {
		agent_tell(asker, "ERROR what to close?");
		return;
	}
	if (probe_word_is(request->words[2], "forget")) {
		agent_forget_socket(socket);
	} else if (probe_word_is(request->words[2], "reset")) {
		wire.descriptor = socket->descriptor;
		socket->descriptor = -1;
		socket->state = AGENT_CLOSED;
		wire_abort(&wire);
	} else if (socket->descriptor >= 0) {
		shutdown(socket->descriptor, SHUT_WR);
	}
	agent_tell(asker, "OK");
}

static void request_arm(struct agent *agent, const struct agent_asker *asker, uint64_t now)
{
	/* A connection that an earlier scenario dialled and did not fetch does not belong to this one. */
	if (agent->waiting >= 0)
		close(agent->waiting);
	agent->waiting = -1;
	agent->armed_until = now + ARMED_MAX;
	agent_tell(asker, "OK");
}

void agent_request(struct agent *agent, const char *text, const struct agent_asker *asker, uint64_t now)
{
	struct request request = { .count = 0 };
	const struct bytes verb = probe_next_word(&text);

	request.words[0] = verb;
	for (request.count = 1; request.count < WORDS_MAX; request.count++)
		request.words[request.count] = probe_next_word(&text);
	if (probe_word_is(verb, "LISTEN"))
		request_listen(agent, asker);
	else if (probe_word_is(verb, "ARM"))
		request_arm(agent, asker, now);
	else if (probe_word_is(verb, "DIAL"))
		request_dial(agent, &request, asker, now);
	else if (probe_word_is(verb, "ACCEPT"))
		request_accept(agent, &request, asker, now);
	else if (probe_word_is(verb, "CONNECT"))
		request_connect(agent, &request, asker, now);
	else if (probe_word_is(verb, "SEND"))
		request_send(agent, &request, asker, now);
	else if (probe_word_is(verb, "READ"))
		request_read(agent, &request, asker, now);
	else if (probe_word_is(verb, "CLOSE"))
		request_close(agent, &request, asker);
	else
		agent_tell(asker, "ERROR no such request");
}
