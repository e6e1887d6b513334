/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What ftpalg makes of a dialogue, with nothing but its library: libftpalg(3).
 *
 *     cc example-embed.c $(pkg-config --cflags --libs ftpalg) -o example-embed
 *     printf 'S: 220 ready\nC: PORT 192,0,2,1,0,25\n' | ./example-embed
 *
 * Standard input holds the lines of a control connection, "C: " before what the client says and "S: " before what the
 * server says. The client is 10.0.0.5; a router translates it to 198.51.100.1 on the way to the server, 203.0.113.9.
 */
#include <ftpalg/address.h>
#include <ftpalg/session.h>

#include <stdio.h>
#include <string.h>

/* The library asks for what it needs. A gateway asks the kernel here; this one grants everything. */
static enum reason expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context, (void)master, (void)expectation;
	return REASON_NONE;
}

static enum reason unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context, (void)master, (void)expectation;
	return REASON_NONE;
}

static void report(void *context, const struct notice *notice)
{
	char offered[ENDPOINT_TEXT_MAX], announced[ENDPOINT_TEXT_MAX];

	(void)context;
	if (notice->type == NOTICE_OFFER) {
		endpoint_format(&notice->offered, offered);
		endpoint_format(&notice->announced, announced);
		printf("  offer %s, announced as %s\n", offered, announced);
	} else if (notice->type == NOTICE_REFUSE) {
		printf("  refused, %s: %s\n", reason_name(notice->reason), reason_meaning(notice->reason));
	}
}

static struct endpoint endpoint(const char *text, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	address_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, &endpoint.address);
	return endpoint;
}

/* Prints what its receiver gets in place of the line. */
static void print_outcome(struct bytes line, const struct outcome *outcome)
{
	const struct edit *edit = &outcome->edit;
	size_t rest = edit->at.offset + edit->at.length;

	if (outcome->verdict == OUTCOME_CLOSE)
		printf("  ends the connection, %s: %s\n", reason_name(outcome->reason), reason_meaning(outcome->reason));
	else if (outcome->verdict != OUTCOME_PASS)
		printf("  leaves as %.*s%.*s%.*s\n", (int)edit->at.offset, (const char *)line.data, (int)edit->length,
		       (const char *)edit->replacement, (int)(line.length - rest), (const char *)line.data + rest);
}

int main(void)
{
	static struct policy policy = { .rule_count = 1 };
	static struct outcome outcome;
	const struct ops ops = { .expect = expect, .unexpect = unexpect, .notice = report };
	const struct nat_view view = {
		.client = endpoint("10.0.0.5", 40000),
		.client_seen = endpoint("198.51.100.1", 40000),
		.server_seen = endpoint("203.0.113.9", 21),
		.server = endpoint("203.0.113.9", 21),
	};
	struct session_backlog backlog;
	struct session session;
	char text[LINE_MAX_LENGTH];

	policy_rule_set_defaults(&policy.rules[0]);
	session_open(&session, &backlog, &policy, &ops, 1, &view, nat_view_is_translated(&view), false);
	for (uint64_t now = 0; session.state < SESSION_OPAQUE && fgets(text, sizeof(text), stdin); now += 1000000) {
		enum direction direction = text[0] == 'C' ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
		struct bytes line;

		text[strcspn(text, "\r\n")] = '\0';
		if (strncmp(text, "C: ", 3) != 0 && strncmp(text, "S: ", 3) != 0)
			return 2;
		puts(text);
		line = (struct bytes){ (const uint8_t *)text + 3, strlen(text) - 3 };
		session_input(&session, &ops, direction, line, now, &outcome);
		print_outcome(line, &outcome);
	}
	session_close(&session, &ops, REASON_CONNECTION_ENDED, session.now);
	return 0;
}
