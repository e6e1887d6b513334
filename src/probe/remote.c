/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/number.h"
#include "tls/proof.h"
#include "tls/wire.h"

#define LOGIN_MAX UINT64_C(4000000)
/* Every request names how long it may take at most (AGENT_WAIT_MAX), and the way takes time, too. */
#define ANSWER_MAX UINT64_C(8000000)

void remote_open(struct probe_remote *remote, const struct endpoint *server, const char *token, uint64_t now)
{
	const struct endpoint any = { .port = 0 };
	int descriptor = wire_socket(&any, (enum family)server->address.family);

	memset(remote, 0, sizeof(*remote));
	link_open(&remote->link, descriptor);
	remote->token = token;
	remote->deadline = now + LOGIN_MAX;
	remote->state = REMOTE_CONNECTING;
	if (descriptor < 0 || wire_connect(descriptor, server) < 0)
		remote_close(remote, "the other end can't be reached");
}

void remote_close(struct probe_remote *remote, const char *trouble)
{
	remote->state = REMOTE_LOST;
	remote->trouble = trouble;
	link_close(&remote->link);
	for (size_t i = 0; i < REMOTE_CALLS_MAX; i++) {
		struct remote_call *call = &remote->calls[i];

		if (!call->used)
			continue;
		call->used = false;
		call->asker.answer(call->asker.context, call->asker.tag, "LOST");
	}
}

void remote_request(struct probe_remote *remote, const char *text, const struct agent_asker *asker, uint64_t now)
{
	struct remote_call *call = NULL;

	for (size_t i = 0; i < REMOTE_CALLS_MAX && !call; i++)
		if (!remote->calls[i].used)
			call = &remote->calls[i];
	if (remote->state != REMOTE_READY || !call) {
		asker->answer(asker->context, asker->tag, "LOST");
		return;
	}
	call->used = true;
	call->tag = remote->next_tag++;
	call->asker = *asker;
	call->deadline = now + ANSWER_MAX;
	link_print(&remote->link, "SITE %u %s", call->tag, text);
	link_flush(&remote->link);
}

static bool take_answer(struct probe_remote *remote, const char *line)
{
	const struct bytes code = probe_next_word(&line);
	const struct bytes word = probe_next_word(&line);
	uint32_t tag;

	if (!probe_word_is(code, "200") || !number_read_decimal(word, UINT32_MAX, &tag))
		return false;
	for (size_t i = 0; i < REMOTE_CALLS_MAX; i++) {
		struct remote_call *call = &remote->calls[i];

		if (!call->used || call->tag != tag)
			continue;
		call->used = false;
		call->asker.answer(call->asker.context, call->asker.tag, line);
		return true;
	}
	return false;
}

static bool has_code(const char *line, const char *code)
{
	return strncmp(line, code, strlen(code)) == 0;
}

static void take_greeting(struct probe_remote *remote, const char *line)
{
	static const char greeting[] = "220 ftpalg-probe ";
	char proof[PROOF_SIZE];

	if (!has_code(line, greeting)) {
		remote_close(remote, "what answers there is no ftpalg probe server");
		remote->hopeless = true;
		return;
	}
	if (!proof_make(remote->token, line + strlen(greeting), proof)) {
		remote_close(remote, "out of memory");
		return;
	}
	link_print(&remote->link, "USER probe");
	link_print(&remote->link, "PASS %s", proof);
	remote->state = REMOTE_USER;
}

static void take_line(struct probe_remote *remote, const char *line)
{
	switch (remote->state) {
	case REMOTE_GREETING:
		take_greeting(remote, line);
		break;
	case REMOTE_USER:
		remote->state = REMOTE_PASS;
		if (!has_code(line, "331 "))
			remote_close(remote, "the other end answered nonsense");
		break;
	case REMOTE_PASS:
		remote->state = REMOTE_READY;
		remote->hopeless = !has_code(line, "230 ");
		if (remote->hopeless)
			remote_close(remote, "the other end has another --token");
		break;
	case REMOTE_READY:
		if (!take_answer(remote, line))
			remote_close(remote, "the other end answered nonsense");
		break;
	default:
		break;
	}
}

static void check_connection(struct probe_remote *remote)
{
	struct pollfd writable = { .fd = remote->link.descriptor, .events = POLLOUT };
	int error = 0;
	socklen_t length = sizeof(error);

	if (poll(&writable, 1, 0) == 0)
		return;
	if (getsockopt(remote->link.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0)
		remote_close(remote, "the other end can't be reached");
	else
		remote->state = REMOTE_GREETING;
}

static void check_deadlines(struct probe_remote *remote, uint64_t now)
{
	if (remote->state != REMOTE_READY && remote->state != REMOTE_LOST && now > remote->deadline)
		remote_close(remote, remote->state == REMOTE_CONNECTING ? "the other end can't be reached"
									: "the other end does not answer");
	for (size_t i = 0; i < REMOTE_CALLS_MAX; i++)
		if (remote->calls[i].used && now > remote->calls[i].deadline) {
			remote_close(remote, "the other end vanished");
			return;
		}
}

void remote_pump(struct probe_remote *remote, uint64_t now)
{
	char line[LINK_LINE_MAX];

	if (remote->state == REMOTE_CONNECTING)
		check_connection(remote);
	if (remote->state == REMOTE_LOST || remote->state == REMOTE_CONNECTING) {
		check_deadlines(remote, now);
		return;
	}
	while (remote->state != REMOTE_LOST && link_read(&remote->link, line))
		take_line(remote, line);
	if (remote->state != REMOTE_LOST && remote->link.failed)
		remote_close(remote, remote->state == REMOTE_READY ? "the other end vanished"
								   : "the other end hung up before it knew us");
	check_deadlines(remote, now);
	link_flush(&remote->link);
}
