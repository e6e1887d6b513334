/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relay: dialogues through the core's session, line by line. Each line of the input is one byte that says what it is, a
 * blank, and bytes without their end:
 *
 *   N MODE   a session begins; MODE is what is translated: none, client, server or both
 *   S LINE   the server says LINE
 *   C LINE   the client says LINE
 *
 * Each S and each C is answered by O ENDPOINT for every offer that was announced with it, and then by = LINE, what leaves
 * for the other side, or by ! where the session has ended or is no longer read. That stays so until the next N.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftpalg/address.h>
#include <ftpalg/session.h>

#define ADDRESS_CLIENT "10.0.0.5"
#define ADDRESS_CLIENT_SEEN "198.51.100.1"
#define ADDRESS_SERVER "203.0.113.9"
#define ADDRESS_SERVER_SEEN "192.0.2.80"
#define SERVER_PORT 21
#define CLIENT_PORT 40000
#define LINE_INTERVAL 1000 /* microseconds between two lines, for the core's clock */

struct relay {
	struct policy policy;
	struct ops ops;
	struct session session;
	struct session_backlog backlog;
	struct outcome outcome;
	uint64_t now;
	bool open;
};

static enum reason expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static enum reason unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static void report(void *context, const struct notice *notice)
{
	char text[ENDPOINT_TEXT_MAX];

	(void)context;
	if (notice->type != NOTICE_OFFER)
		return;
	endpoint_format(&notice->announced, text);
	printf("O %s\n", text);
}

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	if (!address_parse((struct bytes){ (const uint8_t *)address, strlen(address) }, &endpoint.address))
		abort();
	return endpoint;
}

static void relay_open(struct relay *relay, const char *mode)
{
	bool both = strcmp(mode, "both") == 0, client = both || strcmp(mode, "client") == 0;
	bool server = both || strcmp(mode, "server") == 0;
	struct nat_view view = {
		.client = endpoint_of(ADDRESS_CLIENT, CLIENT_PORT),
		.client_seen = endpoint_of(client ? ADDRESS_CLIENT_SEEN : ADDRESS_CLIENT, CLIENT_PORT),
		.server = endpoint_of(ADDRESS_SERVER, SERVER_PORT),
		.server_seen = endpoint_of(server ? ADDRESS_SERVER_SEEN : ADDRESS_SERVER, SERVER_PORT),
	};

	/* Where nothing is translated, sequence numbers can't be adjusted, and lines keep their length. */
	session_open(&relay->session, &relay->backlog, &relay->policy, &relay->ops, 1, &view, client || server, false);
	relay->open = true;
}

static void relay_line(struct relay *relay, enum direction direction, struct bytes line)
{
	const struct edit *edit = &relay->outcome.edit;
	size_t rest = 0;

	relay->now += LINE_INTERVAL;
	if (relay->open) {
		session_take_end(&relay->session, direction, true);
		session_input(&relay->session, &relay->ops, direction, line, relay->now, &relay->outcome);
		relay->open = relay->outcome.verdict != OUTCOME_CLOSE && relay->session.state != SESSION_CLOSED &&
			      relay->session.state != SESSION_OPAQUE;
	}
	if (!relay->open) {
		puts("!");
		return;
	}
	fputs("= ", stdout);
	if (relay->outcome.verdict != OUTCOME_PASS) {
		rest = edit->at.offset + edit->at.length;
		(void)fwrite(line.data, 1, edit->at.offset, stdout);
		(void)fwrite(edit->replacement, 1, edit->length, stdout);
	}
	(void)fwrite(line.data + rest, 1, line.length - rest, stdout);
	putchar('\n');
}

int main(void)
{
	struct relay relay = { .ops = { .expect = expect, .unexpect = unexpect, .notice = report }, .policy.rule_count = 1 };
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	policy_rule_set_defaults(&relay.policy.rules[0]);
	while ((length = getline(&text, &room, stdin)) >= 3) {
		struct bytes line = { (const uint8_t *)text + 2, (size_t)length - 3 };

		text[length - 1] = '\0';
		if (text[0] == 'N')
			relay_open(&relay, text + 2);
		else
			relay_line(&relay, text[0] == 'S' ? DIRECTION_REPLY : DIRECTION_ORIGINAL, line);
	}
	free(text);
	return ferror(stdin) || ferror(stdout);
}
