/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's end.
 *
 * A peer that connects to the control port is part of a scenario if an agent of its address is armed for it, and otherwise
 * may open a link. Nothing is done for a peer that has not proved that it knows the token; what is done then is in
 * probe/agent.h. Links are few, short of patience and bounded, so that strangers can keep the port busy and no more.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "ftpalg/address.h"
#include "probe/agent.h"
#include "probe/link.h"
#include "probe/probe.h"
#include "process/sandbox.h"
#include "tls/proof.h"
#include "tls/wire.h"

#define SECOND UINT64_C(1000000)
#define SESSIONS_MAX 8
#define LOGIN_MAX (5 * SECOND)
#define IDLE_MAX (60 * SECOND)
#define BACKLOG 64
#define POLL_MAX (SESSIONS_MAX * (AGENT_SOCKETS_MAX + 1) + 2)
/* Milliseconds: an acknowledgement has no event. */
#define TICK 3
#define REST 1000

struct session {
	struct link link;
	struct agent agent;
	struct address peer;
	bool welcome; /* the peer knows the token */
	bool used;
	uint64_t heard;
	char challenge[PROOF_CHALLENGE_SIZE];
};

struct server {
	const struct probe_settings *settings;
	int control;
	int links; /* -1: in-band only */
	struct session sessions[SESSIONS_MAX];
	struct pollfd fds[POLL_MAX];
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void session_end(struct session *session)
{
	if (session->welcome)
		log_message(LOG_LEVEL_NOTICE, "the client has gone");
	agent_close(&session->agent);
	link_close(&session->link);
	session->used = false;
}

static void session_answer(void *context, uint32_t tag, const char *text)
{
	struct session *session = context;

	link_print(&session->link, "200 %u %s", tag, text);
}

static void session_request(struct session *session, const char *line, uint64_t now)
{
	const struct bytes verb = probe_next_word(&line);
	const struct bytes tag = probe_next_word(&line);
	struct agent_asker asker = { .answer = session_answer, .context = session };

	if (!probe_word_is(verb, "SITE") || !number_read_decimal(tag, UINT32_MAX, &asker.tag)) {
		link_print(&session->link, "500 not understood");
		return;
	}
	agent_request(&session->agent, line, &asker, now);
}

static void session_login(struct session *session, const char *line, const char *token)
{
	char proof[PROOF_SIZE];
	const char *rest = line;
	const struct bytes verb = probe_next_word(&rest);

	if (probe_word_is(verb, "USER")) {
		link_print(&session->link, "331 say who you are");
	} else if (probe_word_is(verb, "PASS") && proof_make(token, session->challenge, proof) &&
		   proof_equals(rest, proof)) {
		char address[ADDRESS_TEXT_MAX];

		session->welcome = true;
		address_format(&session->peer, address);
		log_message(LOG_LEVEL_NOTICE, "a client has come, whose address is here %s", address);
		link_print(&session->link, "230 welcome");
	} else {
		link_print(&session->link, "530 who are you?");
		link_flush(&session->link);
		session_end(session);
	}
}

static void session_pump(struct session *session, const char *token, uint64_t now)
{
	char line[LINK_LINE_MAX];

	while (session->used && link_read(&session->link, line)) {
		session->heard = now;
		if (session->welcome)
			session_request(session, line, now);
		else
			session_login(session, line, token);
	}
	if (!session->used)
		return;
	agent_pump(&session->agent, now);
	link_flush(&session->link);
	if (session->link.failed || now - session->heard > (session->welcome ? IDLE_MAX : LOGIN_MAX))
		session_end(session);
}

/* Where all are taken, the stranger that has been here longest without proving itself makes room. */
static struct session *session_find_free(struct server *server)
{
	struct session *oldest = NULL;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *session = &server->sessions[i];

		if (!session->used)
			return session;
		if (!session->welcome && (!oldest || session->heard < oldest->heard))
			oldest = session;
	}
	if (oldest)
		session_end(oldest);
	return oldest;
}

/* Takes descriptor over. */
static void session_begin(struct server *server, int descriptor, const struct endpoint *peer, uint64_t now)
{
	struct session *session = session_find_free(server);
	struct endpoint local;

	if (!session || !wire_local(descriptor, &local)) {
		close(descriptor);
		return;
	}
	memset(session, 0, sizeof(*session));
	agent_init(&session->agent);
	link_open(&session->link, descriptor);
	session->used = true;
	session->heard = now;
	session->peer = peer->address;
	session->agent.peer = peer->address;
	session->agent.local = local.address;
	session->agent.foreign = server->settings->foreign;
	if (proof_challenge(session->challenge))
		link_print(&session->link, "220 ftpalg-probe %s", session->challenge);
	else
		session_end(session);
}

static bool give_to_scenario(struct server *server, int descriptor, const struct endpoint *peer, uint64_t now)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (server->sessions[i].used && server->sessions[i].welcome &&
		    agent_take_control(&server->sessions[i].agent, descriptor, &peer->address, now))
			return true;
	return false;
}

static void take_connections(struct server *server, int listener, uint64_t now)
{
	struct endpoint peer;
	int descriptor;

	while (listener >= 0 && (descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (!wire_remote(descriptor, &peer))
			close(descriptor);
		else if (listener != server->control || !give_to_scenario(server, descriptor, &peer, now))
			session_begin(server, descriptor, &peer, now);
	}
}

static void wait_for_something(struct server *server)
{
	size_t count = 0;
	bool busy = false;

	server->fds[count++] = (struct pollfd){ .fd = server->control, .events = POLLIN };
	server->fds[count++] = (struct pollfd){ .fd = server->links, .events = POLLIN };
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = &server->sessions[i];

		if (!session->used)
			continue;
		server->fds[count++] = (struct pollfd){
			.fd = session->link.descriptor,
			.events = (short)(POLLIN | (session->link.out.length > 0 ? POLLOUT : 0)),
		};
		count += agent_fill_poll(&session->agent, server->fds + count, POLL_MAX - count);
		busy = busy || agent_is_busy(&session->agent);
	}
	(void)poll(server->fds, count, busy ? TICK : REST);
}

/* After this, whatever a stranger sends can do no more than any program that makes connections. */
static int shed_rights(void)
{
	char proof[PROOF_SIZE];
	char error[256];

	/* OpenSSL fetches what it needs on first use. */
	if (!proof_make("token", "challenge", proof))
		return -1;
	if (sandbox_enter(geteuid() == 0 ? "nobody" : "", SANDBOX_PROBE, 0, error, sizeof(error)) == 0)
		return 0;
	log_message(LOG_LEVEL_ERROR, "%s", error);
	return -1;
}

static int listen_at(const struct address *address, uint16_t port)
{
	const struct endpoint local = { .address = *address, .port = port };
	int descriptor = wire_socket_shared(&local, (enum family)address->family);
	const int on = 1;

	/* Connections inherit it: an urgent byte stays where it was sent. */
	if (descriptor >= 0)
		setsockopt(descriptor, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	if (descriptor >= 0 && listen(descriptor, BACKLOG) == 0)
		return descriptor;
	log_message(LOG_LEVEL_ERROR, "can't listen at port %u: %s; --port and --link name others", port, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

static void serve(struct server *server)
{
	uint64_t now;

	while (!stopped) {
		wait_for_something(server);
		now = clock_microseconds();
		for (size_t i = 0; i < SESSIONS_MAX; i++)
			if (server->sessions[i].used)
				session_pump(&server->sessions[i], server->settings->token, now);
		take_connections(server, server->control, now);
		take_connections(server, server->links, now);
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (server->sessions[i].used)
			session_end(&server->sessions[i]);
}

int probe_serve(const struct probe_settings *settings)
{
	struct server *server = calloc(1, sizeof(*server));
	int status = -1;

	if (!server) {
		log_message(LOG_LEVEL_ERROR, "out of memory");
		return -1;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	server->settings = settings;
	server->control = listen_at(&settings->control.address, settings->control.port);
	server->links = settings->link_port ? listen_at(&settings->control.address, settings->link_port) : -1;
	if (server->control >= 0 && (server->links >= 0 || !settings->link_port) && shed_rights() == 0) {
		log_message(LOG_LEVEL_NOTICE, "ready");
		serve(server);
		status = 0;
	}
	if (server->control >= 0)
		close(server->control);
	if (server->links >= 0)
		close(server->links);
	free(server);
	return status;
}
