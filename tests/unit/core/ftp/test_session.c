/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dialogues, line by line: what becomes of each line, why, and what is reported. The expectation table is an array; the
 * rows below are the state table of session.h and the attacks on it.
 *
 * Events are written as words: the type, behind a colon the reason, in parentheses what else counts.
 */
#include <stdlib.h>

#include "ftpalg/session.h"
#include "unit.h"

#define EVENTS_MAX 1024
#define PINHOLES_MAX 8
#define ROWS_MAX 40
#define SECRET "geheim"

struct rig {
	struct policy policy;
	struct session session;
	struct session_backlog backlog;
	struct ops ops;
	struct outcome outcome;
	uint64_t now;

	enum reason expect_answer;
	uint16_t port_taken;  /* this one becomes the next, if the connection is translated */
	enum reason absent;   /* the expectation is no longer there, and this is what is known of it */
	bool terminated;      /* a proxy speaks TLS */
	struct expectation pinholes[PINHOLES_MAX];
	unsigned int pinhole_count;
	struct expectation last; /* that was asked for */
	bool reported_open;
	char refused[256];       /* the text of the last refusal's event */

	char events[EVENTS_MAX];
};

struct row {
	enum direction direction;
	const char *line;
	size_t length;
	enum outcome_verdict verdict;
	enum reason reason;
	const char *leaves; /* EDIT and REFUSE */
	const char *events;
};

#define C(line, events) { DIRECTION_ORIGINAL, TEXT(line), OUTCOME_PASS, REASON_NONE, NULL, events }
#define S(line, events) { DIRECTION_REPLY, TEXT(line), OUTCOME_PASS, REASON_NONE, NULL, events }
#define C_EDIT(line, leaves, events) { DIRECTION_ORIGINAL, TEXT(line), OUTCOME_EDIT, REASON_NONE, leaves, events }
#define S_EDIT(line, leaves, events) { DIRECTION_REPLY, TEXT(line), OUTCOME_EDIT, REASON_NONE, leaves, events }
#define C_REFUSE(line, reason, leaves, events) \
	{ DIRECTION_ORIGINAL, TEXT(line), OUTCOME_REFUSE, reason, leaves, events }
#define S_REFUSE(line, reason, leaves, events) \
	{ DIRECTION_REPLY, TEXT(line), OUTCOME_REFUSE, reason, leaves, events }
#define C_CLOSE(line, reason, events) { DIRECTION_ORIGINAL, TEXT(line), OUTCOME_CLOSE, reason, NULL, events }
#define S_CLOSE(line, reason, events) { DIRECTION_REPLY, TEXT(line), OUTCOME_CLOSE, reason, NULL, events }

#define LOGIN \
	S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""), S("230 in", "login(u)")

enum place {
	PLAIN,  /* 10.0.0.5 and 203.0.113.9, no NAT */
	SNAT,   /* the client is seen as 198.51.100.200 */
	DNAT,   /* 203.0.113.77 calls 198.51.100.200, which is 10.0.0.2 */
	PLAIN6, /* 2001:db8::5 and 2001:db8:1::9 */
};

struct dialogue {
	const char *name;
	enum place place;
	void (*prepare)(struct rig *rig);
	struct row rows[ROWS_MAX];
	unsigned int pinholes; /* that are open at the end */
};

static void note(struct rig *rig, const char *word)
{
	size_t length = strlen(rig->events);

	snprintf(rig->events + length, sizeof(rig->events) - length, "%s%s", length > 0 ? " " : "", word);
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct rig *rig = context;

	assert_true(nat_view_equal(master, &rig->session.view));
	rig->last = *expectation;
	if (rig->expect_answer != REASON_NONE)
		return rig->expect_answer;
	if (expectation->translated && expectation->destination.port == rig->port_taken)
		expectation->destination.port++;
	/* The carrier holds one. */
	assert_int_equal(rig->pinhole_count, 0);
	rig->pinholes[rig->pinhole_count++] = *expectation;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct rig *rig = context;

	assert_true(nat_view_equal(master, &rig->session.view));
	assert_int_equal(rig->pinhole_count, 1);
	assert_memory_equal(&rig->pinholes[0], expectation, sizeof(*expectation));
	rig->pinhole_count = 0;
	return rig->absent;
}

static enum reason op_peek(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct rig *rig = context;

	assert_true(nat_view_equal(master, &rig->session.view));
	assert_memory_equal(&rig->pinholes[0], expectation, sizeof(*expectation));
	return rig->absent;
}

static void describe(const struct notice *notice, char *word, size_t size)
{
	int length = snprintf(word, size, "%s", notice_name(notice->type));

	if (notice->reason != REASON_NONE)
		length += snprintf(word + length, size - (size_t)length, ":%s", reason_name(notice->reason));
	switch (notice->type) {
	case NOTICE_LOGIN:
	case NOTICE_TLS:
		snprintf(word + length, size - (size_t)length, "(%s)", unit_escape(notice->text));
		break;
	case NOTICE_TRANSFER:
		snprintf(word + length, size - (size_t)length, "(%s %s %u)", verb_name(notice->verb),
			 unit_escape(notice->text), notice->code);
		break;
	default:
		break;
	}
}

static bool bytes_hold(struct bytes bytes, const char *text)
{
	size_t length = strlen(text);

	for (size_t at = 0; at + length <= bytes.length; at++)
		if (memcmp(bytes.data + at, text, length) == 0)
			return true;
	return false;
}

static void op_notice(void *context, const struct notice *notice)
{
	struct rig *rig = context;
	char word[256];

	assert_int_equal(notice->session, 7);
	/* A pinhole begins and ends once. */
	if (notice->type == NOTICE_PINHOLE_OPEN || notice->type == NOTICE_PINHOLE_USED ||
	    notice->type == NOTICE_PINHOLE_CLOSE) {
		assert_int_equal(rig->reported_open, notice->type != NOTICE_PINHOLE_OPEN);
		rig->reported_open = !rig->reported_open;
	}
	describe(notice, word, sizeof(word));
	note(rig, word);
	if (notice->type == NOTICE_REFUSE)
		snprintf(rig->refused, sizeof(rig->refused), "%.*s", (int)notice->text.length,
			 (const char *)notice->text.data);
	if (bytes_hold(notice->text, SECRET))
		note(rig, "A-PASSWORD-IS-REPORTED");
}

static struct nat_view view_of(enum place place)
{
	struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	if (place == SNAT)
		view.client_seen = unit_endpoint("198.51.100.200", 61000);
	if (place == DNAT) {
		view = unit_view("203.0.113.77", "10.0.0.2");
		view.server_seen = unit_endpoint("198.51.100.200", 21);
	}
	if (place == PLAIN6)
		view = unit_view("2001:db8::5", "2001:db8:1::9");
	return view;
}

static void rig_make(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	policy_rule_set_defaults(&rig->policy.rules[0]);
	rig->policy.rule_count = 1;
	rig->ops = (struct ops){ .context = rig, .expect = op_expect, .unexpect = op_unexpect, .notice = op_notice,
				 .peek = op_peek };
	rig->now = 1000;
}

static void rig_open(struct rig *rig, enum place place, bool adopted)
{
	struct nat_view view = view_of(place);

	session_open(&rig->session, &rig->backlog, &rig->policy, &rig->ops, 7, &view,
		     nat_view_is_translated(&view), adopted);
	rig->events[0] = '\0';
}

/* The line as it leaves. */
static struct bytes edited(const struct rig *rig, struct bytes line)
{
	static uint8_t out[2 * LINE_MAX_LENGTH];
	const struct edit *edit = &rig->outcome.edit;
	size_t behind = (size_t)edit->at.offset + edit->at.length;

	assert_true(behind <= line.length);
	assert_true(edit->length <= sizeof(edit->replacement));
	memcpy(out, line.data, edit->at.offset);
	memcpy(out + edit->at.offset, edit->replacement, edit->length);
	memcpy(out + edit->at.offset + edit->length, line.data + behind, line.length - behind);
	return (struct bytes){ out, line.length - edit->at.length + edit->length };
}

/* Whether the row's line became what it should; says what else it became. */
static bool check_outcome(const struct rig *rig, const struct row *row, const char *where)
{
	static const char *const verdicts[] = { "pass", "edit", "refuse", "close" };
	struct bytes line = unit_bytes(row->line, row->length);
	struct bytes leaves;

	if (rig->outcome.verdict != row->verdict || rig->outcome.reason != row->reason) {
		print_error("%s: %s, %s; expected %s, %s\n", where, verdicts[rig->outcome.verdict],
			    reason_name(rig->outcome.reason), verdicts[row->verdict], reason_name(row->reason));
		return false;
	}
	if (row->leaves) {
		leaves = edited(rig, line);
		if (leaves.length != strlen(row->leaves) || memcmp(leaves.data, row->leaves, leaves.length) != 0) {
			print_error("%s: leaves as \"%s\"\n", where, unit_escape(leaves));
			return false;
		}
		assert_true(row->verdict != OUTCOME_REFUSE || leaves.length == line.length);
	}
	if (strcmp(rig->events, row->events) != 0) {
		print_error("%s: reports \"%s\", expected \"%s\"\n", where, rig->events, row->events);
		return false;
	}
	return true;
}

static bool check_row(struct rig *rig, const struct row *row, const char *name)
{
	/* A block of its own, so that whoever reads behind its end is noticed. */
	uint8_t *block = malloc(row->length > 0 ? row->length : 1);
	struct bytes line = { block, row->length };
	char where[512];
	bool good;

	assert_non_null(block);
	memcpy(block, row->line, row->length);

	snprintf(where, sizeof(where), "%s, \"%s\"", name, unit_escape(line));
	rig->events[0] = '\0';
	rig->now += 10;
	session_input(&rig->session, &rig->ops, row->direction, line, rig->now, &rig->outcome);
	good = check_outcome(rig, row, where);
	/* What the session believes of its pinhole is what the kernel has. */
	assert_int_equal(rig->pinhole_count, rig->session.pinhole == PINHOLE_OPEN ? 1 : 0);
	assert_true(rig->outcome.verdict != OUTCOME_CLOSE || rig->session.state == SESSION_CLOSED);
	free(block);
	return good;
}

static bool run_dialogue(const struct dialogue *dialogue, bool adopted)
{
	static struct rig rig;
	bool good = true;

	rig_make(&rig);
	if (dialogue->prepare)
		dialogue->prepare(&rig);
	rig_open(&rig, dialogue->place, adopted);
	if (rig.terminated)
		session_terminate_tls(&rig.session, &rig.ops, false);
	/* Behind a row that came out wrong the others mean nothing. */
	for (size_t row = 0; good && row < ROWS_MAX && dialogue->rows[row].line; row++)
		good = check_row(&rig, &dialogue->rows[row], dialogue->name);
	if (good && rig.pinhole_count != dialogue->pinholes) {
		print_error("%s: %u pinholes at the end\n", dialogue->name, rig.pinhole_count);
		good = false;
	}
	return good;
}

/* All of them, so that one that fails hides no other. */
static void run_dialogues(const struct dialogue *dialogues, size_t count, bool adopted)
{
	unsigned int failed = 0;

	for (size_t index = 0; index < count; index++)
		failed += run_dialogue(&dialogues[index], adopted) ? 0 : 1;
	assert_int_equal(failed, 0);
}

#define RUN(dialogues) run_dialogues(dialogues, ARRAY_SIZE(dialogues), false)

static struct policy_rule *rule_of(struct rig *rig)
{
	return &rig->policy.rules[0];
}

static void forbid_tls(struct rig *rig)
{
	rule_of(rig)->tls = TLS_FORBID;
}

static void terminate_elsewhere(struct rig *rig)
{
	rule_of(rig)->tls = TLS_TERMINATE;
}

static void require_tls(struct rig *rig)
{
	rule_of(rig)->tls = TLS_REQUIRE;
}

static void terminate_tls(struct rig *rig)
{
	rig->terminated = true;
}

static void deny_verbs(struct rig *rig)
{
	rule_of(rig)->verb_denied[VERB_SITE] = true;
	rule_of(rig)->verb_denied[VERB_PASS] = true;
	rule_of(rig)->verb_denied[VERB_STAT] = true;
}

static void require_terminated_tls(struct rig *rig)
{
	rule_of(rig)->tls = TLS_TERMINATE_REQUIRE;
	terminate_tls(rig);
}

static void forbid_terminated_tls(struct rig *rig)
{
	forbid_tls(rig);
	terminate_tls(rig);
}

static void deny_verbs_in_tls(struct rig *rig)
{
	deny_verbs(rig);
	rule_of(rig)->tls = TLS_TERMINATE;
	terminate_tls(rig);
}

static void expect_a_header(struct rig *rig)
{
	rule_of(rig)->proxy_header = true;
}

static void deny_unknown_verbs(struct rig *rig)
{
	rule_of(rig)->unknown_verbs = false;
}

static void deny_upload(struct rig *rig)
{
	rule_of(rig)->upload = false;
}

static void deny_download(struct rig *rig)
{
	rule_of(rig)->download = false;
}

static void deny_active(struct rig *rig)
{
	rule_of(rig)->active = false;
}

static void deny_passive(struct rig *rig)
{
	rule_of(rig)->passive = false;
}

static void need_no_login(struct rig *rig)
{
	rule_of(rig)->login_required = false;
}

static void rewrite_foreign_servers(struct rig *rig)
{
	rule_of(rig)->foreign_server = FOREIGN_SERVER_REWRITE;
}

static void take_a_port(struct rig *rig)
{
	rig->port_taken = 50069;
}

static void use_the_pinhole(struct rig *rig)
{
	rig->absent = REASON_USED;
}

static void greetings(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "220", PLAIN, NULL, { LOGIN }, 0 },
		{ "220 in several lines", PLAIN, NULL,
		  { S("220-Welcome", ""), S(" to", ""), S("220-this", ""), S("server", ""), S("220 ready", ""),
		    C("USER u", "") },
		  0 },
		{ "120, then 220", PLAIN, NULL, { S("120 soon", ""), S("220 ready", ""), C("USER u", "") }, 0 },
		{ "230: nobody has to log in", PLAIN, NULL,
		  { S("230 in", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "421 is passed on", PLAIN, NULL, { S("421 full", "") }, 0 },
		{ "530 is passed on", PLAIN, NULL, { S("530 not you", "") }, 0 },
		{ "331 is no greeting", PLAIN, NULL, { S_CLOSE("331 who", REASON_NOT_FTP, "session-close:not-ftp") },
		  0 },
		{ "text is no greeting", PLAIN, NULL,
		  { S("SSH-2.0-x", "anomaly:malformed"),
		    C_CLOSE("USER u", REASON_CLIENT_FIRST, "session-close:client-first") }, 0 },
		{ "text and an empty line before the greeting", PLAIN, NULL,
		  { S("Authorised use only", "anomaly:malformed"), S("", ""), S("220 ready", ""), C("USER u", "") }, 0 },
		{ "a tab behind the code", PLAIN, NULL, { S("220\tready", ""), C("USER u", "") }, 0 },
		{ "in several lines, ended by another code", PLAIN, NULL,
		  { S("220-Welcome", ""), S("221 ready", ""), C("USER u", ""), S("331 password", "") }, 0 },
		{ "in several lines, ended by a code that is no greeting", PLAIN, NULL,
		  { S("220-Welcome", ""), S("331 who", ""),
		    C_CLOSE("USER u", REASON_CLIENT_FIRST, "session-close:client-first") },
		  0 },
		{ "text before the greeting that begins like an offer, and text that does not", PLAIN, NULL,
		  { S_REFUSE("227(203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited",
			     "refuse:unsolicited"),
		    S_REFUSE("229(|||50000|)", REASON_UNSOLICITED, "425 unsolicite", "refuse:unsolicited"),
		    S("226(203,0,113,9,195,149)", "anomaly:malformed"),
		    S("22:(203,0,113,9,195,149)", "anomaly:malformed"),
		    S("127(203,0,113,9,195,149)", "anomaly:malformed"),
		    S("217(203,0,113,9,195,149)", "anomaly:malformed"), S("220 ready", "") }, 0 },
		{ "a 227 is no greeting", PLAIN, NULL,
		  { S_CLOSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_NOT_FTP,
			    "session-close:not-ftp") }, 0 },
		{ "a 229 is no greeting", PLAIN, NULL,
		  { S_CLOSE("229 Extended (|||50000|)", REASON_NOT_FTP, "session-close:not-ftp") }, 0 },
		{ "the client speaks first", PLAIN, NULL,
		  { C_CLOSE("USER u", REASON_CLIENT_FIRST, "session-close:client-first") }, 0 },
		{ "the client speaks while the greeting is unfinished", PLAIN, NULL,
		  { S("220-Welcome", ""), C_CLOSE("USER u", REASON_CLIENT_FIRST, "session-close:client-first") }, 0 },
		{ "the client speaks after 120", PLAIN, NULL,
		  { S("120 soon", ""), C_CLOSE("", REASON_CLIENT_FIRST, "session-close:client-first") }, 0 },
		{ "a browser was lured here", PLAIN, NULL,
		  { S("220 ready", ""), C_CLOSE("POST / HTTP/1.1", REASON_NOT_FTP, "session-close:not-ftp") }, 0 },
		{ "an odd line is refused, and says nothing about who speaks", PLAIN, NULL,
		  { S("220 ready", ""), C_REFUSE(" GET / HTTP/1.1", REASON_ODD_VERB, "XXXXXXXXXXXXXXX",
						 "refuse:odd-verb") }, 0 },
		{ "a load balancer's header, once and first", PLAIN, expect_a_header,
		  { C("PROXY TCP4 192.0.2.1 192.0.2.2 1000 21", ""),
		    C_CLOSE("PROXY TCP4 192.0.2.1 192.0.2.2 1000 21", REASON_CLIENT_FIRST,
			    "session-close:client-first") }, 0 },
		{ "behind the greeting it is a command, which is answered", PLAIN, expect_a_header,
		  { S("220 ready", ""), C("PROXY TCP4 192.0.2.1 192.0.2.2 1000 21", ""), S("500 ?", "") }, 0 },
		{ "so is one whose verb is odd", PLAIN, NULL,
		  { S("220 ready", ""), C_REFUSE("XY\tZZY / HTTP/1.1", REASON_ODD_VERB, "XXXXXXXXXXXXXXXXX",
						 "refuse:odd-verb") }, 0 },
		{ "later an unknown verb is one", PLAIN, NULL,
		  { S("220 ready", ""), C("NOOP", ""), S("200 ok", ""), C("POST / HTTP/1.1", ""), S("500 ?", "") }, 0 },
		{ "a first verb that only some would read", PLAIN, NULL,
		  { S("220 ready", ""), C_REFUSE(" USER u", REASON_ODD_VERB, "XXXXXXX", "refuse:odd-verb"),
		    S("500 ?", ""),
		    C_CLOSE("GET / HTTP/1.1", REASON_NOT_FTP, "session-close:not-ftp") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

static void logins(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "USER is enough", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("230 in", "login(u)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "ACCT is wanted too", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    S("332 account", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in"),
		    S("530 no", ""), C("ACCT " SECRET, ""), S("230 in", "login(u)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "232 by a security exchange (RFC 2228)", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("232 authorised", "login(u)") }, 0 },
		{ "230 in several lines", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    S("230-hello", ""),
		    S("  230 not yet", ""), C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX",
						     "refuse:not-logged-in"),
		    S("230 in", "login(u)") }, 0 },
		{ "a wrong password", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    S("530 wrong", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "202: no password was needed (RFC 959 5.4)", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    S("202 superfluous", "login(u)"), C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "any 2yz to USER, PASS or ACCT", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("200 in", "login(u)"), C("PASS " SECRET, ""),
		    S("250 in", "login(u)"), C("ACCT x", ""), S("200 in", "login(u)") }, 0 },
		{ "235 is no login, USER behind it is one", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in"),
		    S("530 no", ""), C("USER u", ""), S("232 in", "login(u)") }, 0 },
		{ "235 is a login to USER, as any 2yz", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("235 in", "login(u)") }, 0 },
		{ "a security exchange that is a login too", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""),
		    S("232 in", "login()"), C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "where a proxy terminates TLS no login is unseen", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("ADAT AAAA", ""),
		    S("235 ok", ""), C("CCC", ""), S("200 clear", "tls(cleared)"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		  0 },
		{ "a login in MIC, which nobody can read, counts behind CCC", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("MIC QUFB", ""), S("631 QUFB", ""), C("CCC", ""), S("200 clear", ""), C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "and where CCC was said in MIC too", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("ENC QUFB", ""), S("632 QUFB", ""), C("MIC QUFB", ""), S("631 QUFB", ""), C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "or in MIC alone", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("MIC QUFB", ""), S("631 QUFB", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "or in CONF alone", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("CONF QUFB", ""), S("633 QUFB", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "or in ENC alone", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("ENC QUFB", ""), S("632 QUFB", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "CCC behind a security exchange is one, whatever was protected", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT AAAA", ""), S("235 ok", ""),
		    C("CCC", ""), S("200 clear", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "what is protected within TLS that a proxy terminates is no login", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("ADAT AAAA", ""),
		    S("235 ok", ""), C("MIC QUFB", ""), S("631 QUFB", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		  0 },
		{ "CCC without a security exchange is no login", PLAIN, NULL,
		  { S("220 ready", ""), C("CCC", ""), S("200 clear", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "230 for anything else is no login", PLAIN, NULL,
		  { S("220 ready", ""), C("NOOP", ""), S("230 in", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "230 that nobody asked for is no login", PLAIN, NULL,
		  { S("220 ready", ""), S("230 in", "anomaly:unsolicited"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "a login is not required", PLAIN, need_no_login,
		  { S("220 ready", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""),
		    C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "pinhole-close:superseded offer pinhole-open") }, 1 },
		{ "a 227 before the login", PLAIN, NULL,
		  { S("220 ready", ""), C("PASV", ""),
		    S_REFUSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_NOT_LOGGED_IN,
			     "425 Refused by the gateway: not-logged-in      ", "refuse:not-logged-in") }, 0 },
		{ "the name is that of the login, not of the next attempt", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    C("USER root", ""),
		    S("230 in", "login(u)"), S("530 no", "") }, 0 },
		{ "the name is that of the login, when all are said at once", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), C("PASS " SECRET, ""), C("USER root", ""),
		    S("331 password", ""),
		    S("230 in", "login(u)"), S("530 no", "") }, 0 },
		{ "USER again: the old login is over, and so is its pinhole", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("USER v", ""),
		    S("331 password", "pinhole-close:superseded"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in"),
		    S("530 no", ""), C("PASS " SECRET, ""), S("230 in", "login(v)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "USER again, refused: nothing has changed", PLAIN, NULL,
		  { LOGIN, C("USER v", ""), S("530 you are u", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open") },
		  1 },
		{ "USER again, refused: the name has not changed", PLAIN, NULL,
		  { LOGIN, C("USER v", ""), S("530 you are u", ""), C("PASS " SECRET, ""), S("230 in", "login(u)") }, 0 },
		{ "PASS again begins no login, even if it wants an account", PLAIN, NULL,
		  { LOGIN, C("PASS " SECRET, ""), S("332 account", ""),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "REIN ends the login, the pinhole and EPSV ALL", PLAIN, NULL,
		  { LOGIN, C("EPSV ALL", ""), S("200 ok", ""), C("EPSV", ""),
		    S("229 x (|||50000|)", "offer pinhole-open"),
		    C("REIN", ""), S("220 again", "pinhole-close:superseded"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in"),
		    S("530 no", ""), C("USER u", ""), S("230 in", "login(u)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "REIN with a delay", PLAIN, NULL,
		  { LOGIN, C("REIN", ""), S("120 soon", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    S("220 again", "pinhole-close:superseded"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "REIN refused", PLAIN, NULL,
		  { LOGIN, C("REIN", ""), S("502 no", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "where a proxy terminates TLS, REIN ends it and the login", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("USER u", ""),
		    S("230 in", "login(u)"), C("REIN", ""), S("220 again", "tls(cleared)"),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		  0 },
		{ "and CCC ends TLS alone", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("USER u", ""),
		    S("230 in", "login(u)"), C("CCC", ""), S("200 clear", "tls(cleared)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "200 to anything else does not end TLS", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("NOOP", ""), S("200 ok", "") },
		  0 },
		{ "CCC that is refused, and CCC in clear, change nothing", PLAIN, terminate_tls,
		  { S("220 ready", ""), C("CCC", ""), S("200 clear", ""), C("AUTH TLS", ""),
		    S("234 go", "tls(terminated)"), C("CCC", ""), S("533 no", "") }, 0 },
		{ "HOST changes nothing", PLAIN, NULL,
		  { S("220 ready", ""), C("HOST ftp.example", ""), S("220 you are there", ""), C("USER u", ""),
		    S("230 in", "login(u)") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

static void active_offers(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "without NAT", PLAIN, NULL, { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
						S("200 ok", "") }, 1 },
		{ "in lower case", PLAIN, NULL, { LOGIN, C("port 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "behind SNAT", SNAT, NULL,
		  { LOGIN, C_EDIT("PORT 10,0,0,5,195,149", "PORT 198,51,100,200,195,149",
				  "offer pinhole-open rewrite") }, 1 },
		{ "EPRT behind SNAT, with a delimiter of its own", SNAT, NULL,
		  { LOGIN, C_EDIT("EPRT @1@10.0.0.5@50069@", "EPRT @1@198.51.100.200@50069@",
				  "offer pinhole-open rewrite") }, 1 },
		{ "LPRT behind SNAT", SNAT, NULL,
		  { LOGIN, C_EDIT("LPRT 4,4,10,0,0,5,2,195,149", "LPRT 4,4,198,51,100,200,2,195,149",
				  "offer pinhole-open rewrite") }, 1 },
		{ "the port is taken", SNAT, take_a_port,
		  { LOGIN, C_EDIT("PORT 10,0,0,5,195,149", "PORT 198,51,100,200,195,150",
				  "offer pinhole-open rewrite") }, 1 },
		{ "0.0.0.0 is the client itself", SNAT, NULL,
		  { LOGIN, C_EDIT("PORT 0,0,0,0,195,149", "PORT 198,51,100,200,195,149",
				  "offer pinhole-open rewrite") }, 1 },
		{ "0.0.0.0 where the length can't change", PLAIN, NULL,
		  { LOGIN, C_REFUSE("PORT 0,0,0,0,195,149", REASON_NO_RESIZE, "PORT XXXXXXXXXXXXXXX",
				    "pinhole-open pinhole-close:no-resize refuse:no-resize") }, 0 },
		{ ":: where the length can't change", PLAIN6, NULL,
		  { LOGIN, C_REFUSE("EPRT |2|::|50069|", REASON_NO_RESIZE, "EPRT XXXXXXXXXXXX",
				    "pinhole-open pinhole-close:no-resize refuse:no-resize") }, 0 },
		{ "IPv6", PLAIN6, NULL, { LOGIN, C("EPRT |2|2001:db8::5|50069|", "offer pinhole-open") }, 1 },
		{ "a third host", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 10,0,0,99,195,149", REASON_FOREIGN_ADDRESS, "PORT XXXXXXXXXXXXXXXXX",
				    "refuse:foreign-address"), S("501 no", "") }, 0 },
		{ "a third host by EPRT", SNAT, NULL,
		  { LOGIN, C_REFUSE("EPRT |1|10.0.0.99|2525|", REASON_FOREIGN_ADDRESS, "EPRT XXXXXXXXXXXXXXXXXX",
				    "refuse:foreign-address") }, 0 },
		{ "a third host by LPRT", SNAT, NULL,
		  { LOGIN, C_REFUSE("LPRT 4,4,10,0,0,99,2,9,9", REASON_FOREIGN_ADDRESS, "LPRT XXXXXXXXXXXXXXXXXXX",
				    "refuse:foreign-address") }, 0 },
		{ "an IPv4 address in IPv6 clothes", SNAT, NULL,
		  { LOGIN, C_REFUSE("EPRT |2|::ffff:10.0.0.99|2525|", REASON_FAMILY_MISMATCH,
				    "EPRT XXXXXXXXXXXXXXXXXXXXXXXXX", "refuse:family-mismatch") }, 0 },
		{ "a low port", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 10,0,0,5,0,22", REASON_LOW_PORT, "PORT XXXXXXXXXXXXX", "refuse:low-port") },
		  0 },
		{ "port 0", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 10,0,0,5,0,0", REASON_PORT_ZERO, "PORT XXXXXXXXXXXX", "refuse:port-zero") },
		  0 },
		{ "X11", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 10,0,0,5,23,112", REASON_DENIED_PORT, "PORT XXXXXXXXXXXXXXX",
				    "refuse:denied-port") }, 0 },
		{ "a number that overflows", SNAT, NULL,
		  { LOGIN, C_REFUSE("EPRT |1|10.0.0.5|65557|", REASON_OVERFLOW, "EPRT XXXXXXXXXXXXXXXXXX",
				    "refuse:overflow") }, 0 },
		{ "a leading zero", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 010,0,0,5,4,1", REASON_AMBIGUOUS, "PORT XXXXXXXXXXXXX",
				    "refuse:ambiguous") }, 0 },
		{ "junk behind it", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT 10,0,0,5,4,1 x", REASON_MALFORMED, "PORT XXXXXXXXXXXXXX",
				    "refuse:malformed") }, 0 },
		{ "without an argument", SNAT, NULL,
		  { LOGIN, C_REFUSE("PORT", REASON_MALFORMED, "XXXX", "refuse:malformed") }, 0 },
		{ "active mode is denied", SNAT, deny_active,
		  { LOGIN, C_REFUSE("PORT 10,0,0,5,4,1", REASON_ACTIVE_DENIED, "PORT XXXXXXXXXXXX",
				    "refuse:active-denied"),
		    S("501 no", ""), C("EPSV", ""), S("229 x (|||50000|)", "offer pinhole-open") }, 1 },
		{ "the server refuses it", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    S("500 no", "pinhole-close:server-refused") }, 0 },
		{ "the server refuses it for now", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    S("421 no", "pinhole-close:server-refused") }, 0 },
		{ "a newer one replaces it", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""),
		    C("PORT 10,0,0,5,195,150", "pinhole-close:superseded offer pinhole-open"), S("200 ok", ""),
		    C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "pinhole-close:superseded offer pinhole-open") }, 1 },
		{ "a newer one that is refused does not", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""),
		    C_REFUSE("PORT 10,0,0,5,0,22", REASON_LOW_PORT, "PORT XXXXXXXXXXXXX", "refuse:low-port"),
		    S("501 no", "") }, 1 },
		{ "a newer one, pipelined: the older's refusal is not its own", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    C("PORT 10,0,0,5,195,150", "pinhole-close:superseded offer pinhole-open"), S("500 no", ""),
		    S("200 ok", "") }, 1 },
		{ "odd verbs are refused whole", SNAT, NULL,
		  { LOGIN, C_REFUSE("PO\xff\xf4RT 10,0,0,5,9,9", REASON_ODD_VERB, "XXXXXXXXXXXXXXXXXXX",
				    "refuse:odd-verb"),
		    C_REFUSE("\tPORT 10,0,0,5,9,9", REASON_ODD_VERB, "XXXXXXXXXXXXXXXXXX", "refuse:odd-verb"),
		    C_REFUSE("P\x08PORT 10,0,0,5,9,9", REASON_ODD_VERB, "XXXXXXXXXXXXXXXXXXX", "refuse:odd-verb") },
		    0 },
		{ "a NUL", SNAT, NULL,
		  { LOGIN, C_CLOSE("PORT 10,0,0,5,9,9\0", REASON_CONTROL_BYTE, "session-close:control-byte") }, 0 },
		{ "a bare CR", SNAT, NULL,
		  { LOGIN, C_CLOSE("NOOP\rPORT 10,0,0,5,9,9", REASON_CONTROL_BYTE, "session-close:control-byte") }, 0 },
		{ "a close takes the pinhole along", SNAT, NULL,
		  { LOGIN, C_EDIT("PORT 10,0,0,5,195,149", "PORT 198,51,100,200,195,149", "offer pinhole-open rewrite"),
		    C_CLOSE("NOOP\r\0", REASON_CONTROL_BYTE, "pinhole-close:control-byte session-close:control-byte") },
		    0 },
	};

	(void)state;
	RUN(dialogues);
}

#define NOT_ASKED "425 Refused by the gateway: unsolicited        "

static void passive_offers(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "without NAT", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227 Entering Passive Mode (203,0,113,9,195,149).",
					    "offer pinhole-open") }, 1 },
		{ "behind DNAT", DNAT, NULL,
		  { LOGIN, C("PASV", ""),
		    S_EDIT("227 Entering Passive Mode (10,0,0,2,195,149).",
			   "227 Entering Passive Mode (198,51,100,200,195,149).",
			   "offer pinhole-open rewrite") }, 1 },
		{ "behind DNAT, the port is taken", DNAT, take_a_port,
		  { LOGIN, C("EPSV", ""), S_EDIT("229 Extended (|||50069|)", "229 Extended (|||50070|)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "0.0.0.0 is the server itself", DNAT, NULL,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (0,0,0,0,195,149)",
						 "227 Entering Passive Mode (198,51,100,200,195,149)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "0.0.0.0 without NAT takes from the prose", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (0,0,0,0,195,149)",
						 "227 Entering Passive  (203,0,113,9,195,149)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "LPSV, CPSV and SPSV", PLAIN, NULL,
		  { LOGIN, C("LPSV", ""), S("228 Entering (4,4,203,0,113,9,2,195,149)", "offer pinhole-open"),
		    C("CPSV", ""),
		    S("227 (203,0,113,9,195,149)", "pinhole-close:superseded offer pinhole-open"), C("SPSV", ""),
		    S("229 x (|||50000|)", "pinhole-close:superseded offer pinhole-open") }, 1 },
		{ "a third host", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S_REFUSE("227 Entering Passive Mode (192,0,2,99,195,149)",
						   REASON_FOREIGN_ADDRESS,
						   "425 Refused by the gateway: foreign-address   ",
						   "refuse:foreign-address"),
		    C("NOOP", ""), S("200 ok", "") }, 0 },
		{ "a private address is replaced", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (10,0,0,99,195,149)",
						 "227 Entering Passive Mo (203,0,113,9,195,149)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "a private address is replaced, where it was asked for only", PLAIN, NULL,
		  { LOGIN, S_REFUSE("227 Entering Passive Mode (10,0,0,99,195,149)", REASON_UNSOLICITED,
				    "425 Refused by the gateway: unsolicited      ", "refuse:unsolicited") }, 0 },
		{ "a third host is replaced", PLAIN, rewrite_foreign_servers,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (198,51,100,9,195,149)",
						 "227 Entering Passive Mode  (203,0,113,9,195,149)",
						 "offer pinhole-open rewrite") },
		  1 },
		{ "a third host is replaced, behind DNAT", DNAT, rewrite_foreign_servers,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (192,168,1,1,195,149)",
						 "227 Entering Passive Mode (198,51,100,200,195,149)",
						 "offer pinhole-open rewrite") },
		  1 },
		{ "a replaced address does not excuse the port", PLAIN, rewrite_foreign_servers,
		  { LOGIN, C("PASV", ""), S_REFUSE("227 Entering Passive Mode (10,0,0,99,0,80)", REASON_LOW_PORT,
						   "425 Refused by the gateway: low-port      ", "refuse:low-port") },
						   0 },
		{ "a 229 that wraps", PLAIN, NULL,
		  { LOGIN, C("EPSV", ""), S_REFUSE("229 Extended (|||65558|)", REASON_OVERFLOW,
						   "425 Refused: overflow   ",
						   "refuse:overflow") }, 0 },
		{ "nobody asked", PLAIN, NULL,
		  { LOGIN, S_REFUSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_UNSOLICITED, NOT_ASKED,
				    "refuse:unsolicited"),
		    S_REFUSE("229 x (|||50000|)", REASON_UNSOLICITED, "425 unsolicited  ", "refuse:unsolicited"),
		    C("NOOP", ""), S("200 ok", "") }, 0 },
		{ "two for one PASV", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    S_REFUSE("227 (203,0,113,9,195,150)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited") }, 1 },
		{ "behind a command that is never answered", PLAIN, NULL,
		  { LOGIN, C("STAT", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited") }, 1 },
		{ "in answer to another command", PLAIN, NULL,
		  { LOGIN, C("STAT", ""),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited"), S("211 ok", "") }, 0 },
		{ "a 227 for EPSV and a 229 for PASV", PLAIN, NULL,
		  { LOGIN, C("EPSV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    C("PASV", ""), S("229 x (|||50000|)", "pinhole-close:superseded offer pinhole-open") }, 1 },
		{ "a 228 for PASV, of which some would read the first six numbers", PLAIN, NULL,
		  { LOGIN, C("PASV", ""),
		    S_REFUSE("228 (4,4,203,0,113,9,2,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited       ",
			     "refuse:unsolicited") }, 0 },
		{ "in answer to a request that was refused", PLAIN, deny_passive,
		  { LOGIN, C_REFUSE("PASV", REASON_PASSIVE_DENIED, "XXXX", "refuse:passive-denied"),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited"),
		    C_REFUSE("epsv 1", REASON_PASSIVE_DENIED, "XXXX X", "refuse:passive-denied"), S("500 no", ""),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "by another code, whose form is that of the request", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("200 (203,0,113,9,195,149)", "offer pinhole-open"), C("EPSV", ""),
		    S("200 x (|||50000|)", "pinhole-close:superseded offer pinhole-open"), C("SPSV", ""),
		    S("250 x (|||50000|)", "pinhole-close:superseded offer pinhole-open"), C("LPSV", ""),
		    S("200 (4,4,203,0,113,9,2,195,149)", "pinhole-close:superseded offer pinhole-open") }, 1 },
		{ "by another code, where no command waits", PLAIN, NULL,
		  { LOGIN, S_REFUSE("200 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
				    "refuse:unsolicited anomaly:unsolicited") }, 0 },
		{ "every digit could be that of a port", PLAIN, NULL,
		  { LOGIN, S_REFUSE("227 0", REASON_UNSOLICITED, "425 u", "refuse:unsolicited"),
		    S_REFUSE("227 9", REASON_UNSOLICITED, "425 u", "refuse:unsolicited") }, 0 },
		{ "text that could be read, where no command waits", PLAIN, NULL,
		  { LOGIN, S_REFUSE("Mode (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited  ",
				    "refuse:unsolicited") }, 0 },
		{ "inside the text of another reply, with any number", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), S("214-Help", ""),
		    S_REFUSE("227 port 7", REASON_UNSOLICITED, "214-unsoli", "refuse:unsolicited"),
		    S("227 Logout.", "anomaly:unsolicited"), S("214 End", "") }, 0 },
		{ "behind the beginning of a reply that was refused", PLAIN, NULL,
		  { LOGIN, C("PASV", ""),
		    S_REFUSE("227-(1,2,3)", REASON_MALFORMED, "425-malform", "refuse:malformed"),
		    S_REFUSE("(203,0,113,9,195,149)", REASON_UNSOLICITED, "425-unsolicited      ",
			     "refuse:unsolicited") }, 0 },
		{ "a reply that nobody asked for, refused from its beginning, ends as it began and answers nothing", PLAIN,
		  NULL,
		  { LOGIN, C("NOOP", ""),
		    S_REFUSE("227-(1,2,3)", REASON_UNSOLICITED, "425-unsolic", "refuse:unsolicited"),
		    S_REFUSE("227 end", REASON_UNSOLICITED, "425 uns", "refuse:unsolicited"), S("200 ok", "") }, 0 },
		{ "a bare code in a reply is its end to some, who are a reply behind then", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), S("214-Help", ""), S("226", ""), S("214 End", ""), C("NOOP", ""),
		    S_REFUSE("200 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited") }, 0 },
		{ "what is no code, or goes on, is its end to nobody", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), S("214-Help", ""), S("x26 a", ""), S("2x6 a", ""), S("22x a", ""), S("22", ""),
		    S("2", ""), S("", ""), S("226-a", ""), S("214 End", ""), C("NOOP", ""),
		    S("200 (203,0,113,9,195,149)", "") }, 0 },
		{ "227 Logout.", PLAIN, NULL,
		  { LOGIN, C("QUIT", ""), S("227 Logout.", "anomaly:unsolicited") }, 0 },
		{ "227 without text", PLAIN, NULL, { LOGIN, C("NOOP", ""), S("227", "anomaly:unsolicited") }, 0 },
		{ "without a space behind the code", PLAIN, NULL,
		  { LOGIN, C("PASV", ""),
		    S_REFUSE("227(10,0,0,99,195,149)", REASON_UNSOLICITED, "425 unsolicited       ",
			     "refuse:unsolicited"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "with another CR before its end", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227 (203,0,113,9,195,149)\r", "offer pinhole-open") }, 1 },
		{ "with a tab behind the code", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227\t(203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "inside the text of another reply", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), S("214-Help", ""),
		    S_REFUSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_UNSOLICITED,
			     "214-Refused by the gateway: unsolicited        ",
			     "refuse:unsolicited"),
		    S(" 227 (203,0,113,9,195,149)", ""), S("214 End", "") }, 0 },
		{ "inside the text of another reply, without a space", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), S("214-Help", ""),
		    S_REFUSE("227(203,0,113,9,195,149)", REASON_UNSOLICITED, "214-Refused: unsolicited",
			     "refuse:unsolicited"), S("214 End", "") }, 0 },
		{ "inside the text of another reply while PASV waits", PLAIN, NULL,
		  { LOGIN, C("STAT", ""), C("PASV", ""), S("213-Status", ""),
		    S_REFUSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_UNSOLICITED,
			     "213-Refused by the gateway: unsolicited        ",
			     "refuse:unsolicited"),
		    S("213 End", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "inside a 425: the refusal must not end it", PLAIN, NULL,
		  { LOGIN, C("LIST", ""), S("425-Can't", ""),
		    S_REFUSE("227 Entering Passive Mode (203,0,113,9,195,149)", REASON_UNSOLICITED,
			     "425-Refused by the gateway: unsolicited        ", "refuse:unsolicited"),
		    S("425 End", "transfer(LIST  425)") }, 0 },
		{ "in several lines", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-Entering", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    C("NOOP", ""), S("200 ok", "") }, 1 },
		{ "in several lines, of which the first has it", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-(203,0,113,9,195,149)", "offer pinhole-open"), S("227 ok", "") }, 1 },
		{ "in several lines, of which only one may have it", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-Entering", ""),
		    S_REFUSE("229 (|||50000|)", REASON_MALFORMED, "227-malformed  ", "refuse:malformed"),
		    S_EDIT(" 227 (203,0,113,9,195,149)", "     (203,0,113,9,195,149)", "offer pinhole-open rewrite"),
		    S_REFUSE("227 (203,0,113,9,195,150)", REASON_AMBIGUOUS, "227 Refused: ambiguous   ",
			     "refuse:ambiguous"),
		    C("NOOP", ""), S("200 ok", "") }, 1 },
		{ "in several lines, where some would count off its first digits", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-Entering", ""),
		    S_REFUSE("  203,0,113,9,195,149", REASON_AMBIGUOUS, "227-ambiguous        ", "refuse:ambiguous"),
		    S("227 end", "") }, 0 },
		{ "in several lines, of which one has a number that is no endpoint", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-Entering", ""),
		    S_REFUSE(" on 7 ports", REASON_MALFORMED, "227-malform", "refuse:malformed") }, 0 },
		{ "in several lines, of which one is as short as a code, which would be an end", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227-Entering", ""),
		    S_REFUSE("a 7", REASON_MALFORMED, "   ", "refuse:malformed"),
		    S_REFUSE("7", REASON_MALFORMED, " ", "refuse:malformed"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "in several lines, the first is refused", PLAIN, NULL,
		  { LOGIN, C("PASV", ""),
		    S_REFUSE("227-(1,2,3)", REASON_MALFORMED, "425-malform", "refuse:malformed"), S("text", ""),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_AMBIGUOUS, "425 Refused: ambiguous   ",
			     "refuse:ambiguous"),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited") }, 0 },
		{ "in several lines that nobody asked for", PLAIN, NULL,
		  { LOGIN, C("NOOP", ""), S("227-x", ""),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "227 Refused: unsolicited ",
			     "refuse:unsolicited") }, 0 },
		{ "without any endpoint", PLAIN, NULL, { LOGIN, C("PASV", ""), S("227-x", ""), S("227", "") }, 0 },
		{ "passive mode is denied", PLAIN, deny_passive,
		  { LOGIN, C_REFUSE("EPSV ALL", REASON_PASSIVE_DENIED, "XXXX XXX", "refuse:passive-denied"),
		    S("500 no", ""),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "an error leaves the older offer", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("PASV", ""),
		    S("502 no", "") }, 1 },
	};

	(void)state;
	RUN(dialogues);
}

static void epsv_all(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "EPSV ALL", PLAIN, NULL,
		  { LOGIN, C("epsv all", ""), S("200 ok", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_EPSV_ALL, "PORT XXXXXXXXXXXX", "refuse:epsv-all"),
		    S("501 no", ""),
		    C_REFUSE("EPRT |1|10.0.0.5|50000|", REASON_EPSV_ALL, "EPRT XXXXXXXXXXXXXXXXXX", "refuse:epsv-all"),
		    S("501 no", ""), C_REFUSE("LPRT 4,4,10,0,0,5,2,9,9", REASON_EPSV_ALL, "LPRT XXXXXXXXXXXXXXXXXX",
					      "refuse:epsv-all"), S("501 no", ""),
		    C_REFUSE("PASV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all"), S("500 no", ""),
		    C_REFUSE("LPSV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all"), S("500 no", ""),
		    C_REFUSE("CPSV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all"), S("500 no", ""),
		    C("EPSV", ""), S("229 x (|||50000|)", "offer pinhole-open") }, 1 },
		{ "pipelined: what the server has not accepted yet does not count", PLAIN, NULL,
		  { LOGIN, C("EPSV ALL", ""), C("PASV", ""), S("200 ok", ""), S("500 PASV?", ""),
		    C_REFUSE("PASV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all") }, 0 },
		{ "pipelined: what was asked for in between is answered", PLAIN, NULL,
		  { LOGIN, C("EPSV ALL", ""), C("PASV", ""), S("200 ok", ""),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "a request for a port is answered by a port only", PLAIN, NULL,
		  { LOGIN, C("EPSV ALL", ""), C("SPSV", ""), S("200 ok", ""),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_EPSV_ALL, "425 Refused: epsv-all    ",
			     "refuse:epsv-all"), C("EPSV", ""),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_EPSV_ALL, "425 Refused: epsv-all    ",
			     "refuse:epsv-all") }, 0 },
		{ "the answer to another EPSV is not its own", PLAIN, NULL,
		  { LOGIN, C("EPSV", ""), C("EPSV ALL", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    S("501 no", ""), C("PASV", "") }, 1 },
		{ "behind an EPSV that is never answered", PLAIN, NULL,
		  { LOGIN, C("EPSV", ""), C("EPSV ALL", ""), S("200 ok", ""),
		    C_REFUSE("PASV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all") }, 0 },
		{ "asked for twice: the first answer counts", PLAIN, NULL,
		  { LOGIN, C("EPSV ALL", ""), C("EPSV ALL", ""), S("200 ok", ""), S("501 twice", ""),
		    C_REFUSE("PASV", REASON_EPSV_ALL, "XXXX", "refuse:epsv-all") }, 0 },
		{ "PASV ALL is PASV", PLAIN, NULL,
		  { LOGIN, C("PASV ALL", ""), S("200 ok", "anomaly:unsolicited"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "before a 227 that is under way", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), C("EPSV ALL", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    S("200 ok", "") }, 1 },
		{ "other arguments are not it", PLAIN, NULL,
		  { LOGIN, C("EPSV 1", ""), S("229 x (|||50000|)", "offer pinhole-open"), C("EPSV ALLE", ""),
		    S("501 ?", ""),
		    C("EPSV ANY", ""), S("501 ?", ""), C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "pinhole-close:superseded offer pinhole-open") }, 1 },
	};

	(void)state;
	RUN(dialogues);
}

static void transfers(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "the data connection was made", PLAIN, use_the_pinhole,
		  { LOGIN, C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"), C("RETR a b", ""),
		    S("150 here", ""),
		    S("226 done", "transfer(RETR a b 226) pinhole-used:used") }, 0 },
		{ "it was not", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("LIST", ""),
		    S("150 here", ""),
		    S("226 done", "transfer(LIST  226) pinhole-close:transfer-ended") }, 0 },
		{ "the server refuses the transfer", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("STOR x", ""),
		    S("550 no", "transfer(STOR x 550) pinhole-close:server-refused") }, 0 },
		{ "the server refuses it for now, and the client may still connect to learn so", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"), C("RETR a", ""),
		    S("425 no", "transfer(RETR a 425)") }, 1 },
		{ "a failed transfer in several lines", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("NLST", ""),
		    S("150 here", ""),
		    S("426-broken", ""), S("426 off", "transfer(NLST  426) pinhole-close:server-refused") }, 0 },
		{ "pipelined: the second offer outlives the first transfer", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), C("RETR a", ""),
		    C("PORT 10,0,0,5,195,150", "pinhole-close:superseded offer pinhole-open"), C("RETR b", ""),
		    S("200 ok", ""),
		    S("150 here", ""), S("226 done", "transfer(RETR a 226)"), S("200 ok", ""), S("150 here", ""),
		    S("226 done", "transfer(RETR b 226) pinhole-close:transfer-ended") }, 0 },
		{ "STAT while a transfer runs is answered first", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("RETR a", ""),
		    S("150 here", ""),
		    C("STAT", ""), S("213-Status", ""), S(" half", ""), S("213 End", ""),
		    S("226 done", "transfer(RETR a 226) pinhole-close:transfer-ended"), C("NOOP", ""),
		    S("200 ok", "") }, 0 },
		{ "STAT with Telnet's synch", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("\xff\xf4\xff\xf2STAT", ""), S("211 half", ""),
		    S("226 done", "transfer(RETR a 226)") }, 0 },
		{ "STAT that waits its turn", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("STAT", ""), S("150 here", ""), S("226 done", "transfer(RETR a 226)"),
		    S("211 idle", "") }, 0 },
		{ "STAT overtakes only a transfer that runs", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("STAT", ""), S("211 early", ""), S("211 idle", "anomaly:unsolicited"),
		    C("RETR b", ""), S("150 here", ""), S("226 done", "transfer(RETR b 226)"), C("RETR c", ""),
		    C("STAT", ""),
		    S("213 early", "") }, 0 },
		{ "STAT before a pipelined offer: whose refusal is whose", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    C("STAT", ""),
		    S("213 half", ""), S("226 done", "transfer(RETR a 226)"),
		    S("500 no", "pinhole-close:server-refused") }, 0 },
		{ "STAT beside a transfer by a command that nobody here knows", PLAIN, NULL,
		  { LOGIN, C("XFER a", ""), S("150 here", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    C("STAT", ""),
		    S("213 half", ""), S("226 done", ""), S("500 no", "pinhole-close:server-refused") }, 0 },
		{ "NOOP beside it, and a reply that ends none", PLAIN, NULL,
		  { LOGIN, C("SITE XFER a", ""), S("150 here", ""), C("NOOP", ""),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 nothing", ""), S("226 done", ""), S("500 no", "pinhole-close:server-refused") }, 0 },
		{ "211 answers STAT as well", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    C("STAT", ""), S("211 half", ""), S("226 done", "transfer(RETR a 226)"),
		    S("500 no", "pinhole-close:server-refused") }, 0 },
		{ "200 does not", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open"),
		    C("STAT", ""), S("200 ok", ""), S("226 done", "transfer(RETR a 226)"), S("500 no", "") }, 1 },
		{ "ABOR: 426, then 226", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("RETR a", ""),
		    S("150 here", ""),
		    C("\xff\xf4\xff\xf2" "ABOR", ""), S("426 off", "transfer(RETR a 426) pinhole-close:server-refused"),
		    S("226 aborted", ""), C("NOOP", ""), S("200 ok", "") }, 0 },
		{ "a transfer whose end is its 1yz is none", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("RETR a", ""),
		    S("150 here", ""),
		    S("125 still here", ""), S("150 really", "") }, 1 },
		{ "150 in several lines, which says 226 but is not ended by it", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150-here", ""), S("226 soon", ""), S("150 here", ""), C("NOOP", ""),
		    S("226 done", "transfer(RETR a 226)") }, 0 },
		{ "150 in several lines, ended by 125 if the client goes on", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150-here", ""), S("125 here", ""), C("NOOP", ""),
		    S("226 done", "transfer(RETR a 226)") }, 0 },
		{ "250 in several lines, ended by 226 if the client goes on", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), S("250-done", ""), S("226 done", ""),
		    C("NOOP", "transfer(RETR a 226)"), S("200 ok", "") }, 0 },
		{ "226 before 150", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("RETR a", ""),
		    S("226 done", "transfer(RETR a 226) pinhole-close:transfer-ended"), S("150 here", "") }, 0 },
		{ "every pipelined transfer is reported", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("RETR b", ""), S("150 here", ""), S("226 done", "transfer(RETR a 226)"),
		    S("150 here", ""), S("226 done", "transfer(RETR b 226)") }, 0 },
		{ "uploads are denied", PLAIN, deny_upload,
		  { LOGIN, C_REFUSE("STOR x", REASON_UPLOAD_DENIED, "XXXX X", "refuse:upload-denied"), S("500 no", ""),
		    C_REFUSE("APPE x", REASON_UPLOAD_DENIED, "XXXX X", "refuse:upload-denied"), S("500 no", ""),
		    C_REFUSE("stou", REASON_UPLOAD_DENIED, "XXXX", "refuse:upload-denied"), S("500 no", ""),
		    C("RETR x", "") }, 0 },
		{ "downloads are denied, listings are not", PLAIN, deny_download,
		  { LOGIN, C_REFUSE("RETR x", REASON_DOWNLOAD_DENIED, "XXXX X", "refuse:download-denied"),
		    S("500 no", ""),
		    C("LIST", ""), S("226 done", "transfer(LIST  226)"), C("STOR x", "") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

/* Each reply is that of the oldest command that it can answer; those before it get none (session_pipeline.c). */
static void replies_are_given_to_the_oldest_that_they_can_answer(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "the codes of a login to its step: USER", PLAIN, NULL,
		  { S("220 ready", ""), C("HELP", ""), C("USER u", ""), S("230 in", "login(u)") }, 0 },
		{ "PASS", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("HELP", ""), C("PASS " SECRET, ""),
		    S("230 in", "login(u)") }, 0 },
		{ "ACCT", PLAIN, NULL,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""), C("PASS " SECRET, ""),
		    S("332 account", ""), C("HELP", ""), C("ACCT " SECRET, ""), S("230 in", "login(u)") }, 0 },
		{ "ADAT", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("HELP", ""), C("ADAT AAAA", ""),
		    S("232 in", "login()") }, 0 },
		{ "200 to no transfer", PLAIN, NULL, { LOGIN, C("RETR a", ""), C("NOOP", ""), S("200 ok", "") }, 0 },
		{ "350 to no transfer", PLAIN, NULL, { LOGIN, C("RETR a", ""), C("RNFR b", ""), S("350 go on", "") }, 0 },
		{ "214 to no transfer", PLAIN, NULL, { LOGIN, C("RETR a", ""), C("HELP", ""), S("214 help", "") }, 0 },
		{ "225 to no transfer", PLAIN, NULL, { LOGIN, C("RETR a", ""), C("ABOR", ""), S("225 ok", "") }, 0 },
		{ "257 to no transfer", PLAIN, NULL, { LOGIN, C("RETR a", ""), C("PWD", ""), S("257 \"/\"", "") }, 0 },
		{ "what begins a login, and so ends the last one, to USER", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), C("USER v", ""), S("331 password", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		  0 },
		{ "or wants an account", PLAIN, NULL,
		  { LOGIN, C("HELP", ""), C("USER v", ""), S("332 account", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		  0 },
		{ "anything to a transfer that ends oddly", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), S("213 odd", "transfer(RETR a 213)") }, 0 },
		{ "a transfer that runs goes on while others are answered", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("NOOP", ""), S("200 ok", ""),
		    S("226 done", "transfer(RETR a 226)") }, 0 },
		{ "one that has not begun is given up, and the next is reported with its name", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("NOOP", ""), C("RETR b", ""), S("200 ok", ""),
		    S("226 done", "transfer(RETR b 226)") }, 0 },
		{ "and so is one after the other", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("NOOP", ""), S("200 ok", ""), C("RETR b", ""), C("NOOP", ""),
		    S("200 ok", ""), C("RETR c", ""), C("NOOP", ""), S("200 ok", ""), C("RETR d", ""),
		    S("226 done", "transfer(RETR d 226)") }, 0 },
		{ "any other 2yz to a transfer", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), C("NOOP", ""), S("250 done", "transfer(RETR a 250)"), S("200 ok", "") }, 0 },
		{ "226 to no transfer whose endpoint was not announced yet", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), C("RETR a", ""), S("226 late", "anomaly:unsolicited"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open"), S("150 here", ""),
		    S("226 done", "transfer(RETR a 226) pinhole-close:transfer-ended") }, 0 },
		{ "nor to one behind that", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), C("RETR a", ""), C("RETR b", ""), S("226 late", "anomaly:unsolicited"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open"), S("150 here", ""),
		    S("226 done", "transfer(RETR a 226) pinhole-close:transfer-ended") }, 0 },
		{ "a STAT is answered once while a transfer runs", PLAIN, NULL,
		  { LOGIN, C("RETR a", ""), S("150 here", ""), C("STAT", ""), S("213 half of it", ""),
		    S("213 odd", "transfer(RETR a 213)") }, 0 },
		{ "one too many that announces nothing is an anomaly, and one only", PLAIN, NULL,
		  { LOGIN, S("227 good bye", "anomaly:unsolicited") }, 0 },
		{ "what could be the answer is refused once: a line", PLAIN, NULL,
		  { LOGIN, C("EPSV", ""), S_REFUSE("see (|||5000|)", REASON_UNSOLICITED, "425 unsolicite", "refuse:unsolicited") },
		  0 },
		{ "a reply to another command", PLAIN, NULL,
		  { LOGIN, C("PWD", ""), C("EPSV", ""), S("257x", "anomaly:malformed"),
		    S_REFUSE("250 (|||5000|)", REASON_UNSOLICITED, "425 unsolicite", "refuse:unsolicited") }, 0 },
		{ "only a transfer that runs is not given up", PLAIN, NULL,
		  { LOGIN, C("REIN", ""), S("120 wait", ""), C("USER v", ""), S("230 in", "login(v)"),
		    S("220 again", "anomaly:unsolicited") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

static void encryption(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "AUTH, 234", PLAIN, NULL, { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(opaque)") }, 0 },
		{ "AUTH after the login ends the pinhole", PLAIN, NULL,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("AUTH TLS", ""),
		    S("234 go", "pinhole-close:superseded tls(opaque)") }, 0 },
		{ "234 in several lines", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234-go", ""), S("234 on", "tls(opaque)") }, 0 },
		{ "AUTH refused, and the dialogue goes on in clear", SNAT, NULL,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("504 no", ""), C("AUTH SSL", ""), S("534 no", ""),
		    C("USER u", ""),
		    S("230 in", "login(u)"),
		    C_EDIT("PORT 10,0,0,5,195,149", "PORT 198,51,100,200,195,149", "offer pinhole-open rewrite") }, 1 },
		{ "AUTH with data that follows (RFC 2228)", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH GSSAPI", ""), S("334 go on", ""), C("ADAT " SECRET, ""),
		    S("235 done", ""),
		    C("USER u", ""), S("230 in", "login(u)") }, 0 },
		{ "a command behind AUTH", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH TLS", ""),
		    C_CLOSE("USER u", REASON_BEHIND_AUTH, "session-close:behind-auth") }, 0 },
		{ "an empty line behind AUTH", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH TLS", ""), C_CLOSE("", REASON_BEHIND_AUTH,
								   "session-close:behind-auth") }, 0 },
		{ "AUTH behind AUTH", PLAIN, NULL,
		  { S("220 ready", ""), C("AUTH TLS", ""),
		    C_CLOSE("AUTH TLS", REASON_BEHIND_AUTH, "session-close:behind-auth") }, 0 },
		{ "AUTH behind others", PLAIN, NULL,
		  { S("220 ready", ""), C("FEAT", ""), C("AUTH TLS", ""), S("211 none", ""),
		    S("234 go", "tls(opaque)") }, 0 },
		{ "234 for something else is no AUTH", PLAIN, NULL,
		  { S("220 ready", ""), C("NOOP", ""), S("234 go", ""), C("USER u", "") }, 0 },
		{ "TLS is forbidden", PLAIN, forbid_tls,
		  { S("220 ready", ""), C_REFUSE("AUTH TLS", REASON_TLS_DENIED, "XXXX XXX", "refuse:tls-denied"),
		    S("234 go", ""),
		    C("USER u", ""), S("230 in", "login(u)") }, 0 },
		{ "TLS is terminated elsewhere: here it is not let by", PLAIN, terminate_elsewhere,
		  { S("220 ready", ""), C_REFUSE("AUTH TLS", REASON_TLS_DENIED, "XXXX XXX", "refuse:tls-denied"),
		    S("500 no", ""),
		    C("USER u", ""), S("230 in", "login(u)") }, 0 },
		{ "TLS is required: USER", PLAIN, require_tls,
		  { S("220 ready", ""), C("FEAT", ""), S("211 none", ""),
		    C_CLOSE("USER u", REASON_TLS_REQUIRED, "session-close:tls-required") }, 0 },
		{ "TLS is required: PASS", PLAIN, require_tls,
		  { S("220 ready", ""), C_CLOSE("PASS " SECRET, REASON_TLS_REQUIRED, "session-close:tls-required") },
		  0 },
		{ "TLS is required: ACCT", PLAIN, require_tls,
		  { S("220 ready", ""), C_REFUSE("ACCT " SECRET, REASON_TLS_REQUIRED, "XXXX XXXXXX",
						 "refuse:tls-required") }, 0 },
		{ "TLS is required, and the server refuses AUTH", PLAIN, require_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("500 no", ""),
		    C_CLOSE("USER u", REASON_TLS_REQUIRED, "session-close:tls-required") }, 0 },
		{ "TLS is required: an odd line is refused for what it is", PLAIN, require_tls,
		  { S("220 ready", ""), C_REFUSE(" PORT 10,0,0,5,4,1", REASON_ODD_VERB, "XXXXXXXXXXXXXXXXXX",
						 "refuse:odd-verb") }, 0 },
		{ "TLS is required, and used", PLAIN, require_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(opaque)") }, 0 },
		{ "TLS is required, and a proxy terminates it: the login, offers and transfers go on", PLAIN,
		  require_terminated_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"), C("USER u", ""),
		    S("331 password", ""), C("PASS " SECRET, ""), S("332 account", ""), C("ACCT " SECRET, ""),
		    S("230 in", "login(u)"), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    C("RETR f", ""), S("226 done", "transfer(RETR f 226) pinhole-close:transfer-ended") }, 0 },
		{ "where a proxy terminates TLS, but the rule forbids it", PLAIN, forbid_terminated_tls,
		  { S("220 ready", ""), C_REFUSE("AUTH TLS", REASON_TLS_DENIED, "XXXX XXX", "refuse:tls-denied") }, 0 },
		{ "a verb that is denied stays denied in TLS", PLAIN, deny_verbs_in_tls,
		  { S("220 ready", ""), C("AUTH TLS", ""), S("234 go", "tls(terminated)"),
		    C_REFUSE("STAT", REASON_VERB_DENIED, "XXXX", "refuse:verb-denied") }, 0 },
		{ "TLS is required, and the server wants no login", PLAIN, require_tls,
		  { S("230 in", ""), C_REFUSE("PORT 10,0,0,5,4,1", REASON_TLS_REQUIRED, "PORT XXXXXXXXXXXX",
					      "refuse:tls-required") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

static void verbs(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "denied verbs", PLAIN, deny_verbs,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""),
		    C_REFUSE("PASS " SECRET, REASON_VERB_DENIED, "XXXX XXXXXX", "refuse:verb-denied"), S("500 ?", ""),
		    C_REFUSE("stat", REASON_VERB_DENIED, "XXXX", "refuse:verb-denied") }, 0 },
		{ "a password in a SITE command", PLAIN, deny_verbs,
		  { S("220 ready", ""), C_REFUSE("SITE PSWD old " SECRET, REASON_VERB_DENIED, "XXXX XXXXXXXXXXXXXXX",
						 "refuse:verb-denied") }, 0 },
		{ "unknown verbs are denied", PLAIN, deny_unknown_verbs,
		  { LOGIN, C_REFUSE("XPORT 1", REASON_VERB_DENIED, "XXXXX X", "refuse:verb-denied"), S("500 ?", ""),
		    C("NOOP", "") }, 0 },
		{ "a password that is odd, or misspelt, stays out of the log", PLAIN, deny_unknown_verbs,
		  { S("220 ready", ""), C("USER u", ""), S("331 password", ""),
		    C_REFUSE(" PASS " SECRET, REASON_ODD_VERB, "XXXXXXXXXXXX", "refuse:odd-verb"),
		    C_REFUSE("PASS\t" SECRET, REASON_ODD_VERB, "XXXXXXXXXXX", "refuse:odd-verb"),
		    C_REFUSE("P\x01" "ASS " SECRET, REASON_ODD_VERB, "XXXXXXXXXXXX", "refuse:odd-verb"),
		    C_REFUSE("PA\x08" "SS " SECRET, REASON_ODD_VERB, "XXXXXXXXXXXX", "refuse:odd-verb"),
		    C_REFUSE("PA\xff\xf1" "SS " SECRET, REASON_ODD_VERB, "XXXXXXXXXXXXX", "refuse:odd-verb") }, 0 },
		{ "an empty line is no command", PLAIN, NULL,
		  { LOGIN, C("", ""), C("PASV", ""), S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "an empty line that is answered", PLAIN, NULL,
		  { LOGIN, C("", ""), S("500 ?", "anomaly:unsolicited"), C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "a blank is none either, but odd", PLAIN, NULL,
		  { LOGIN, C_REFUSE(" ", REASON_ODD_VERB, "X", "refuse:odd-verb"), S("500 ?", "") }, 0 },
		{ "text that is no reply", PLAIN, NULL,
		  { LOGIN, S("hello", "anomaly:malformed"), S("", ""), S("22", "anomaly:malformed"),
		    S("999 x", "anomaly:malformed") },
		  0 },
		{ "421 at any time", PLAIN, NULL, { LOGIN, S("421 bye", "") }, 0 },
		{ "replies that nobody asked for open nothing later", PLAIN, NULL,
		  { LOGIN, S("200 ok", "anomaly:unsolicited"), S("200 ok", "anomaly:unsolicited"), C("PASV", ""),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "a reply too many before a 227", PLAIN, NULL,
		  { LOGIN, C("PASV", ""), S("200 ok", "anomaly:unsolicited"),
		    S("227 (203,0,113,9,195,149)", "offer pinhole-open"),
		    S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED, "425 Refused: unsolicited ",
			     "refuse:unsolicited") }, 1 },
	};

	(void)state;
	RUN(dialogues);
}

static void allow_fxp(struct rig *rig)
{
	rule_of(rig)->fxp[0] = (struct fxp_target){ unit_network("192.0.2.0/24"), { 20000, 30000 } };
	rule_of(rig)->fxp_count = 1;
}

static void third_party_transfers(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "an active offer of a listed target", SNAT, allow_fxp,
		  { LOGIN, C("PORT 192,0,2,1,78,32", "offer pinhole-open"), S("200 ok", "") }, 1 },
		{ "a passive one opens nothing", PLAIN, allow_fxp,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", ""), C("PASV", ""),
		    S("227 (192,0,2,1,78,32)", "pinhole-close:superseded offer") }, 0 },
		{ "of another port", SNAT, allow_fxp,
		  { LOGIN, C_REFUSE("PORT 192,0,2,1,78,31", REASON_FOREIGN_ADDRESS, "PORT XXXXXXXXXXXXXXX",
				    "refuse:foreign-address") }, 0 },
		{ "of another network", SNAT, allow_fxp,
		  { LOGIN, C_REFUSE("PORT 192,0,3,1,78,32", REASON_FOREIGN_ADDRESS, "PORT XXXXXXXXXXXXXXX",
				    "refuse:foreign-address") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

/* Whom an expectation lets in, and to where. */
static void expectations_are_exact(void **state)
{
	static const struct {
		const char *name;
		enum place place;
		void (*prepare)(struct rig *rig);
		enum direction direction;
		const char *request;
		const char *line;
		const char *source;
		const char *destination;
		bool translated;
		enum direction nat_direction;
	} rows[] = {
		{ "PORT", PLAIN, NULL, DIRECTION_ORIGINAL, NULL, "PORT 10,0,0,5,195,149", "203.0.113.9", "10.0.0.5",
		  false,
		  DIRECTION_REPLY },
		{ "PORT behind SNAT", SNAT, NULL, DIRECTION_ORIGINAL, NULL, "PORT 10,0,0,5,195,149", "203.0.113.9",
		  "198.51.100.200", true, DIRECTION_REPLY },
		{ "227", PLAIN, NULL, DIRECTION_REPLY, "PASV", "227 (203,0,113,9,195,149)", "10.0.0.5", "203.0.113.9",
		  false,
		  DIRECTION_ORIGINAL },
		{ "227 behind SNAT", SNAT, NULL, DIRECTION_REPLY, "PASV", "227 (203,0,113,9,195,149)", "10.0.0.5",
		  "203.0.113.9", true, DIRECTION_ORIGINAL },
		{ "227 behind DNAT", DNAT, NULL, DIRECTION_REPLY, "PASV", "227 prose to take from (10,0,0,2,195,149)",
		  "203.0.113.77", "198.51.100.200", true, DIRECTION_ORIGINAL },
		{ "229 behind DNAT", DNAT, NULL, DIRECTION_REPLY, "EPSV", "229 (|||50069|)", "203.0.113.77",
		  "198.51.100.200",
		  true, DIRECTION_ORIGINAL },
		{ "EPRT over IPv6", PLAIN6, NULL, DIRECTION_ORIGINAL, NULL, "EPRT |2|2001:db8::5|50069|",
		  "2001:db8:1::9",
		  "2001:db8::5", false, DIRECTION_REPLY },
		{ "229 over IPv6", PLAIN6, NULL, DIRECTION_REPLY, "EPSV", "229 (|||50069|)", "2001:db8::5",
		  "2001:db8:1::9", false,
		  DIRECTION_ORIGINAL },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct address source = unit_address(rows[index].source);
		struct endpoint destination = unit_endpoint(rows[index].destination, 50069);

		rig_make(&rig);
		rig_open(&rig, rows[index].place, true);
		if (rows[index].request)
			session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string(rows[index].request), 1,
				      &rig.outcome);
		session_input(&rig.session, &rig.ops, rows[index].direction, unit_string(rows[index].line), 2,
			      &rig.outcome);
		if (rig.pinhole_count != 1)
			fail_msg("%s: no pinhole", rows[index].name);
		assert_true(address_equal(&rig.last.source, &source));
		assert_true(endpoint_equal(&rig.last.destination, &destination));
		assert_int_equal(rig.last.translated, rows[index].translated);
		assert_int_equal(rig.last.nat_direction, rows[index].nat_direction);
		assert_int_equal(rig.last.saved_port, 50069);
		assert_int_equal(rig.last.timeout, 60);
	}
}

static void a_kernel_that_refuses_an_expectation_refuses_the_offer(void **state)
{
	static const enum reason reasons[] = {
		REASON_NO_CARRIER, REASON_NO_PORT, REASON_EXPECT_TABLE_FULL, REASON_KERNEL_REFUSED,
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(reasons); index++) {
		struct bytes line = unit_string("PORT 10,0,0,5,195,149");

		rig_make(&rig);
		rig.expect_answer = reasons[index];
		rig_open(&rig, SNAT, true);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, line, 1, &rig.outcome);
		assert_int_equal(rig.outcome.verdict, OUTCOME_REFUSE);
		assert_int_equal(rig.outcome.reason, reasons[index]);
		assert_memory_equal(edited(&rig, line).data, "PORT XXXXXXXXXXXXXXXX", line.length);

		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("501 no"), 2, &rig.outcome);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("EPSV"), 3, &rig.outcome);
		line = unit_string("229 Entering Extended Passive Mode (|||50069|)");
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, line, 4, &rig.outcome);
		assert_int_equal(rig.outcome.verdict, OUTCOME_REFUSE);
		assert_int_equal(rig.outcome.reason, reasons[index]);
		assert_memory_equal(edited(&rig, line).data, "425 ", 4);
		assert_int_equal(rig.session.pinhole, PINHOLE_NONE);
	}
}

/* The edit can't be carried out, for the kernel does not adjust this connection. */
static void an_offer_that_is_revoked_is_refused_and_closed(void **state)
{
	static struct rig rig;
	struct bytes line = unit_string("PORT 10,0,0,5,195,149");

	(void)state;
	rig_make(&rig);
	rig_open(&rig, SNAT, true);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, line, 1, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_EDIT);
	rig.events[0] = '\0';
	session_revoke_offer(&rig.session, &rig.ops, DIRECTION_ORIGINAL, line, REASON_NO_RESIZE, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_REFUSE);
	assert_int_equal(rig.outcome.reason, REASON_NO_RESIZE);
	assert_memory_equal(edited(&rig, line).data, "PORT XXXXXXXXXXXXXXXX", line.length);
	assert_int_equal(edited(&rig, line).length, line.length);
	assert_string_equal(rig.events, "pinhole-close:no-resize refuse:no-resize");
	assert_int_equal(rig.pinhole_count, 0);
	/* The server's answer belongs to it, and the next one to the next. */
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("501 no"), 2, &rig.outcome);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PASV"), 3, &rig.outcome);
	rig.events[0] = '\0';
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("227 (203,0,113,9,195,149)"), 4,
		      &rig.outcome);
	assert_string_equal(rig.events, "offer pinhole-open");

	rig_make(&rig);
	rig_open(&rig, DNAT, true);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PASV"), 1, &rig.outcome);
	line = unit_string("227 10,0,0,2,195,149");
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, line, 2, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_EDIT);
	session_revoke_offer(&rig.session, &rig.ops, DIRECTION_REPLY, line, REASON_EDITS_FULL, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_REFUSE);
	assert_memory_equal(edited(&rig, line).data, "425 edits-full      ", line.length);
	assert_int_equal(rig.pinhole_count, 0);
}

/* The kernel says no more than that it has it no longer. Its timeout is 60 seconds. */
static void a_pinhole_that_is_gone_was_used_if_it_can_not_have_expired(void **state)
{
	static const struct {
		enum reason absent;
		uint64_t seconds;
		const char *events;
	} rows[] = {
		{ REASON_NONE, 0, "pinhole-close:superseded offer pinhole-open" },
		{ REASON_GONE, 0, "pinhole-used:used offer pinhole-open" },
		{ REASON_GONE, 58, "pinhole-used:used offer pinhole-open" },
		/* Since the packet's time was taken, the deadline may have come. */
		{ REASON_GONE, 59, "pinhole-close:gone offer pinhole-open" },
		{ REASON_GONE, 7200, "pinhole-close:gone offer pinhole-open" },
		/* A relay or a capture knows. */
		{ REASON_USED, 7200, "pinhole-used:used offer pinhole-open" },
		{ REASON_EXPIRED, 61, "pinhole-close:expired offer pinhole-open" },
	};
	static struct rig rig;
	struct bytes line = unit_string("PORT 10,0,0,5,195,149");

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, true);
		assert_int_equal(rule_of(&rig)->pinhole_timeout, 60);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, line, rig.now, &rig.outcome);
		rig.events[0] = '\0';
		rig.absent = rows[index].absent;
		rig.now += rows[index].seconds * 1000000;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, line, rig.now, &rig.outcome);
		assert_string_equal(rig.events, rows[index].events);
		/* The end of the session has a time of its own. */
		rig.events[0] = '\0';
		rig.absent = REASON_GONE;
		session_close(&rig.session, &rig.ops, REASON_RESET, rig.now + UINT64_C(100000000));
		assert_string_equal(rig.events, "pinhole-close:gone session-close:reset");
	}
}

/* Otherwise nobody could tell it from one that expired. */
static void a_pinhole_is_looked_for_when_its_transfer_begins(void **state)
{
	static const struct {
		enum reason at_150;
		uint64_t seconds; /* until 150 comes */
		const char *events;
	} rows[] = {
		{ REASON_GONE, 1, "transfer(RETR f 226) pinhole-used:used" },
		{ REASON_NONE, 1, "transfer(RETR f 226) pinhole-close:gone" },
		{ REASON_GONE, 60, "transfer(RETR f 226) pinhole-close:gone" },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, true);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), rig.now,
			      &rig.outcome);
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("200 ok"), rig.now, &rig.outcome);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("RETR f"), rig.now, &rig.outcome);
		rig.absent = rows[index].at_150;
		rig.now += rows[index].seconds * 1000000;
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("150 here"), rig.now, &rig.outcome);
		rig.absent = REASON_GONE;
		rig.now += UINT64_C(7200000000);
		rig.events[0] = '\0';
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("226 done"), rig.now, &rig.outcome);
		assert_string_equal(rig.events, rows[index].events);
		/* The next one begins anew. */
		rig.absent = REASON_NONE;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), rig.now,
			      &rig.outcome);
		assert_false(rig.session.pinhole_used);
	}
}

static unsigned int renewals;

static enum reason op_renew(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct rig *rig = context;

	assert_true(nat_view_equal(master, &rig->session.view));
	assert_in_range(expectation->timeout, 1, 60);
	renewals++;
	if (rig->expect_answer != REASON_NONE)
		rig->pinhole_count = 0;
	return rig->expect_answer;
}

static void a154_an_active_pinhole_that_is_used_before_anybody_asked_for_a_transfer_is_made_anew(void **state)
{
	static const struct {
		const char *offer, *reply;
		enum reason absent;
		uint64_t seconds; /* until the transfer is asked for */
		uint16_t taken;   /* a port that the kernel has another one for */
		enum reason answer;
		const char *events;
		unsigned int renewals;
	} rows[] = {
		{ "PORT 10,0,0,5,195,149", "200 ok", REASON_GONE, 1, 0, REASON_NONE, "pinhole-used:used pinhole-open", 1 },
		/* The kernel does not let it. */
		{ "PORT 10,0,0,5,195,149", "200 ok", REASON_GONE, 1, 0, REASON_NO_PORT, "pinhole-used:used", 1 },
		/* It waits. */
		{ "PORT 10,0,0,5,195,149", "200 ok", REASON_NONE, 1, 0, REASON_NONE, "", 0 },
		/* It may have expired. */
		{ "PORT 10,0,0,5,195,149", "200 ok", REASON_GONE, 59, 0, REASON_NONE, "", 0 },
		/* The port that was announced can't be asked for. */
		{ "PORT 10,0,0,5,195,149", "200 ok", REASON_GONE, 1, 50069, REASON_NONE, "", 0 },
		/* A client connects whenever it likes. */
		{ "PASV", "227 (203,0,113,9,195,149)", REASON_GONE, 1, 0, REASON_NONE, "", 0 },
	};
	static struct rig rig;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_make(&rig);
		rig.port_taken = rows[i].taken;
		rig_open(&rig, SNAT, true);
		rig.ops.renew = op_renew;
		renewals = 0;
		rig.absent = REASON_NONE;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string(rows[i].offer), rig.now, &rig.outcome);
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string(rows[i].reply), rig.now, &rig.outcome);
		assert_int_equal(rig.pinhole_count, 1);
		rig.now += rows[i].seconds * 1000000;
		rig.absent = rows[i].absent;
		rig.expect_answer = rows[i].answer;
		rig.events[0] = '\0';
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("RETR f"), rig.now, &rig.outcome);
		assert_string_equal(rig.events, rows[i].events);
		assert_int_equal(renewals, rows[i].renewals);
		/* From here on it may be the server. */
		rig.absent = REASON_GONE;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("RETR g"), rig.now, &rig.outcome);
		assert_int_equal(renewals, rows[i].renewals);
		/* Another offer is another pinhole. */
		rig.expect_answer = REASON_NONE;
		rig.port_taken = 0;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), rig.now, &rig.outcome);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("RETR h"), rig.now, &rig.outcome);
		assert_int_equal(renewals, rows[i].renewals + 1);
	}
}

static void advertise(struct rig *rig)
{
	rule_of(rig)->advertise.ipv4 = (struct policy_public){ unit_address("192.0.2.80"), 10000 };
	rule_of(rig)->advertise.ipv6 = (struct policy_public){ unit_address("2001:db8::80"), 20000 };
}

static void advertise_lower(struct rig *rig)
{
	advertise(rig);
	rule_of(rig)->advertise.ipv4.port_offset = -40000;
}

static void advertise_active(struct rig *rig)
{
	rule_of(rig)->advertise_active.ipv4 = (struct policy_public){ unit_address("192.0.2.81"), 100 };
}

static void advertise_active_with_fxp(struct rig *rig)
{
	advertise_active(rig);
	allow_fxp(rig);
}

static void servers_behind_another_nat_are_announced_as_configured(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "227", PLAIN, advertise,
		  { LOGIN, C("PASV", ""), S_EDIT("227 Entering Passive Mode (203,0,113,9,195,149)",
						 "227 Entering Passive Mode  (192,0,2,80,234,165)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "229", PLAIN, advertise,
		  { LOGIN, C("EPSV", ""), S_EDIT("229 x (|||50069|)", "229 x (|||60069|)",
						 "offer pinhole-open rewrite") }, 1 },
		{ "PORT is not a server's", PLAIN, advertise,
		  { LOGIN, C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "PORT", SNAT, advertise_active,
		  { LOGIN, C_EDIT("PORT 10,0,0,5,195,149", "PORT 192,0,2,81,195,249",
				  "offer pinhole-open rewrite") }, 1 },
		{ "EPRT", SNAT, advertise_active,
		  { LOGIN, C_EDIT("EPRT |1|10.0.0.5|50069|", "EPRT |1|192.0.2.81|50169|",
				  "offer pinhole-open rewrite") }, 1 },
		{ "227 is not a client's", PLAIN, advertise_active,
		  { LOGIN, C("PASV", ""), S("227 x (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "a third host has its own address", PLAIN, advertise_active_with_fxp,
		  { LOGIN, C("PORT 192,0,2,50,78,32", "offer pinhole-open") }, 1 },
		{ "a port beyond 65535", PLAIN, advertise,
		  { LOGIN, C("EPSV", ""), S_REFUSE("229 x (|||60000|)", REASON_OVERFLOW, "425 overflow     ",
						   "pinhole-open pinhole-close:overflow refuse:overflow") }, 0 },
		{ "a port below 1", PLAIN, advertise_lower,
		  { LOGIN, C("EPSV", ""), S_REFUSE("229 x (|||40000|)", REASON_OVERFLOW, "425 overflow     ",
						   "pinhole-open pinhole-close:overflow refuse:overflow") }, 0 },
	};

	(void)state;
	RUN(dialogues);
}

static void adopted_sessions_are_taken_as_logged_in(void **state)
{
	static const struct dialogue dialogues[] = {
		{ "an offer", PLAIN, NULL, { C("PORT 10,0,0,5,195,149", "offer pinhole-open"), S("200 ok", "") }, 1 },
		{ "the answer to what was asked before", PLAIN, NULL,
		  { S("226 done", ""), S_REFUSE("227 (203,0,113,9,195,149)", REASON_UNSOLICITED,
						"425 Refused: unsolicited ",
						"refuse:unsolicited") }, 0 },
		{ "an offer that was asked for before, in any form", PLAIN, NULL,
		  { S("227 (203,0,113,9,195,149)", "offer pinhole-open") }, 1 },
		{ "an offer that was asked for by LPSV", PLAIN, NULL,
		  { S("228 (4,4,203,0,113,9,2,195,149)", "offer pinhole-open") }, 1 },
		{ "an unknown verb first", PLAIN, NULL, { C("XYZZY", ""), S("500 ?", "") }, 0 },
		{ "a greeting: nobody has logged in", PLAIN, NULL,
		  { S("220 ready", ""), C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX",
						 "refuse:not-logged-in"),
		    S("530 no", ""), C("USER u", ""), S("230 in", "login(u)"),
		    C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "a greeting of several lines", PLAIN, NULL,
		  { S("220-welcome", ""), S("to us", ""), S("220 ready", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "a greeting that is late", PLAIN, NULL,
		  { S("120 wait", ""), S("220 ready", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
		{ "a greeting that is yet to come", PLAIN, NULL,
		  { S("120 wait", ""), C_CLOSE("USER u", REASON_CLIENT_FIRST, "session-close:client-first") }, 0 },
		{ "EPSV first, and a reply too many, which is not its answer", PLAIN, NULL,
		  { C("EPSV", ""), S("200 ok", "anomaly:unsolicited"), S("229 x (|||50000|)", "offer pinhole-open") }, 1 },
		{ "EPSV first, answered oddly, is not EPSV ALL", PLAIN, NULL,
		  { C("EPSV", ""), S("200 x (|||50000|)", "offer pinhole-open"), C("PASV", "") }, 1 },
		{ "a transfer first", PLAIN, NULL, { C("RETR f", ""), S("226 done", "transfer(RETR f 226)") }, 0 },
		{ "a 220 behind another reply is no greeting", PLAIN, NULL,
		  { S("226 done", ""), S("220 odd", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open") }, 1 },
		{ "a 220 inside another reply is no greeting", PLAIN, NULL,
		  { S("211-help", ""), S("220 odd", ""), S("211 end", ""), C("PORT 10,0,0,5,195,149", "offer pinhole-open") },
		  1 },
		{ "once a command was seen, a reply too many is one", PLAIN, NULL,
		  { S("226 done", ""), S("226 done", ""), C("NOOP", ""), S("200 ok", ""),
		    S("200 ok", "anomaly:unsolicited") }, 0 },
		{ "USER begins a login", PLAIN, NULL,
		  { C("USER u", ""), S("331 password", ""),
		    C_REFUSE("PORT 10,0,0,5,4,1", REASON_NOT_LOGGED_IN, "PORT XXXXXXXXXXXX", "refuse:not-logged-in") },
		    0 },
	};

	(void)state;
	run_dialogues(dialogues, ARRAY_SIZE(dialogues), true);
}

static void a_pipeline_that_overflows_closes_the_session(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	for (unsigned int count = 0; count < SESSION_PIPELINE_MAX; count++) {
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PASV"), 1, &rig.outcome);
		assert_int_equal(rig.outcome.verdict, OUTCOME_PASS);
	}
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PASV"), 1, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_CLOSE);
	assert_int_equal(rig.outcome.reason, REASON_PIPELINE_FULL);
}

/* Clients send them all through a long transfer, and nothing depends on their answers. */
static void any_number_of_keep_alives_waits_in_one_place(void **state)
{
	static const char *const alive[] = { "NOOP", "PWD", "XPWD", "TYPE I", "CWD a", "SYST" };
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(alive); index++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, true);
		for (unsigned int count = 0; count < SESSION_PIPELINE_MAX - 1; count++)
			session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("DELE f"), 1, &rig.outcome);
		for (unsigned int count = 0; count < 3; count++) {
			session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string(alive[index]), 1,
				      &rig.outcome);
			assert_int_equal(rig.outcome.verdict, OUTCOME_PASS);
		}
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("DELE f"), 1, &rig.outcome);
		assert_int_equal(rig.outcome.reason, REASON_PIPELINE_FULL);
	}
}

/* A pipeline that is always nearly full goes round its ring. */
static void replies_are_paired_in_order_however_long_it_goes_on(void **state)
{
	static struct rig rig;
	unsigned int pending = 0;
	uint64_t random = 24;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	for (unsigned int count = 0; count < 2000; count++) {
		bool ask = pending == 0 || (pending < SESSION_PIPELINE_MAX - 1 && unit_random_below(&random, 5) < 3);

		rig.events[0] = '\0';
		session_input(&rig.session, &rig.ops, ask ? DIRECTION_ORIGINAL : DIRECTION_REPLY,
			      unit_string(ask ? "EPSV" : "229 x (|||50000|)"), count, &rig.outcome);
		assert_int_equal(rig.outcome.verdict, OUTCOME_PASS);
		assert_int_equal(strstr(rig.events, "pinhole-open") != NULL, !ask);
		pending += ask ? 1 : -1U;
	}
	/* One that is not asked for is noticed at once. */
	for (; pending > 0; pending--)
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("229 x (|||50000|)"), 1,
			      &rig.outcome);
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("229 x (|||50000|)"), 1, &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_REFUSE);
}

static void names_and_paths_are_kept_up_to_a_length(void **state)
{
	static struct rig rig;
	char line[LINE_MAX_LENGTH + 1];
	char want[256];

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, false);
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("220 ready"), 1, &rig.outcome);
	memset(line, 'n', sizeof(line));
	memcpy(line, "USER ", 5);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_bytes(line, LINE_MAX_LENGTH), 2, &rig.outcome);
	rig.events[0] = '\0';
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("230 in"), 3, &rig.outcome);
	snprintf(want, sizeof(want), "login(%.*s)", SESSION_NAME_MAX, line + 5);
	assert_string_equal(rig.events, want);
	memset(line, 'p', sizeof(line));
	memcpy(line, "RETR ", 5);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_bytes(line, LINE_MAX_LENGTH), 4, &rig.outcome);
	rig.events[0] = '\0';
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("550 no"), 5, &rig.outcome);
	snprintf(want, sizeof(want), "transfer(RETR %.*s 550)", SESSION_PATH_MAX, line + 5);
	assert_string_equal(rig.events, want);
}

static void a_close_is_reported_once(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), 1,
		      &rig.outcome);
	rig.events[0] = '\0';
	session_close(&rig.session, &rig.ops, REASON_CONNECTION_ENDED, 2);
	session_close(&rig.session, &rig.ops, REASON_RESET, 3);
	assert_string_equal(rig.events, "pinhole-close:connection-ended session-close:connection-ended");
	assert_int_equal(rig.pinhole_count, 0);
}

static struct session_farewell released;

static void op_release(void *context, const struct session_farewell *end)
{
	struct rig *rig = context;

	note(rig, "release");
	released = *end;
}

static void the_end_of_a_session_may_be_told_later(void **state)
{
	static const struct {
		uint64_t ended;
		enum reason answer;
		const char *events;
	} rows[] = {
		{ 2, REASON_NONE, "pinhole-close:reset session-close:reset" },
		{ 2, REASON_GONE, "pinhole-used:used session-close:reset" },
		{ 3600 * UINT64_C(1000000), REASON_GONE, "pinhole-close:gone session-close:reset" },
		{ 2, REASON_KERNEL_REFUSED, "pinhole-close:reset session-close:reset" },
	};
	static struct rig rig;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, true);
		rig.ops.release = op_release;
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), 1,
			      &rig.outcome);
		rig.events[0] = '\0';
		session_close(&rig.session, &rig.ops, REASON_RESET, rows[i].ended);
		session_close(&rig.session, &rig.ops, REASON_IDLE, rows[i].ended + 1);
		assert_string_equal(rig.events, "release");
		assert_memory_equal(&released.expectation, &rig.pinholes[0], sizeof(released.expectation));
		/* Its row is another session's by then. */
		memset(&rig.session, 0xff, sizeof(rig.session));
		rig.events[0] = '\0';
		session_tell_end(&released, &rig.ops, rows[i].answer);
		assert_string_equal(rig.events, rows[i].events);
	}
	/* One without a pinhole ends at once. */
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	rig.ops.release = op_release;
	rig.events[0] = '\0';
	session_close(&rig.session, &rig.ops, REASON_RESET, 2);
	assert_string_equal(rig.events, "session-close:reset");
}

static void say(struct rig *rig, enum direction direction, const char *line)
{
	rig->events[0] = '\0';
	session_input(&rig->session, &rig->ops, direction, unit_string(line), rig->now, &rig->outcome);
}

/* Logs in, if the greeting has been said. */
static void log_in(struct rig *rig)
{
	say(rig, DIRECTION_ORIGINAL, "USER u");
	say(rig, DIRECTION_REPLY, "230 in");
	assert_string_equal(rig->events, "login(u)");
}

static void say_unknown_verbs(struct rig *rig, unsigned int count)
{
	for (; count > 0; count--) {
		say(rig, DIRECTION_ORIGINAL, "XYZZY");
		assert_int_equal(rig->outcome.verdict, OUTCOME_PASS);
		say(rig, DIRECTION_REPLY, "500 ?");
	}
}

/* Says a line in a block of its own, so that whoever reads beside it is noticed. */
static void say_exactly(struct rig *rig, enum direction direction, const char *line)
{
	uint8_t *block = malloc(strlen(line));

	assert_non_null(block);
	memcpy(block, line, strlen(line));
	session_input(&rig->session, &rig->ops, direction, (struct bytes){ block, strlen(line) }, rig->now,
		      &rig->outcome);
	free(block);
}

static void a_first_line_that_ends_as_a_request_of_another_protocol_is_not_ftp(void **state)
{
	static const struct {
		const char *line;
		bool foreign;
	} rows[] = {
		{ "XYZZY / HTTP/1.1", true },
		{ "XYZZY / HTTP/1.0", true },
		{ "XYZZY / HTTP/0.9", true },
		{ "XYZZY / http/2", true },
		{ "XYZZY / HTTP/1.1 ", true },
		{ "XYZZY / HTTP/1.1\r", true },
		{ "XYZZY rtsp://a RTSP/1.0", true },
		{ "XYZZY sip:a SIP/2.0", true },
		{ "XYZZY x A/1", true },
		{ "XYZZY x Z/1", true },
		{ "XYZZY", false },
		{ "XYZZY 1.1", false },
		{ "XYZZY HTTP 1.1", false },
		{ "XYZZY HTTP/", false },
		{ "XYZZY /1.1", false },
		{ "XYZZY 9P/1.1", false },
		{ "XYZZY _HTTP/1.1", false },
		{ "XYZZY HTTP/1.1a", false },
		{ "HTTP/1.1", false },
		{ "1.1", false },
		/* Whoever names a file like that speaks FTP. */
		{ "STOR / HTTP/1.1", false },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, false);
		say(&rig, DIRECTION_REPLY, "220 ready");
		say_exactly(&rig, DIRECTION_ORIGINAL, rows[index].line);
		if ((rig.outcome.verdict == OUTCOME_CLOSE && rig.outcome.reason == REASON_NOT_FTP) != rows[index].foreign)
			fail_msg("\"%s\"", rows[index].line);
	}
}

static void so_many_unknown_verbs_before_a_login_are_not_ftp(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, false);
	say(&rig, DIRECTION_REPLY, "220 ready");
	say_unknown_verbs(&rig, SESSION_UNKNOWN_MAX);
	/* An empty line is no verb, and behind a login any number is allowed. */
	say(&rig, DIRECTION_ORIGINAL, "");
	assert_int_equal(rig.outcome.verdict, OUTCOME_PASS);
	log_in(&rig);
	say_unknown_verbs(&rig, 1);
	/* REIN takes the login back, and with it what it excused. */
	say(&rig, DIRECTION_ORIGINAL, "REIN");
	say(&rig, DIRECTION_REPLY, "220 again");
	say(&rig, DIRECTION_ORIGINAL, "XYZZY");
	assert_int_equal(rig.outcome.verdict, OUTCOME_CLOSE);
	assert_int_equal(rig.outcome.reason, REASON_NOT_FTP);
}

static void unknown_verbs_behind_a_login_are_not_counted(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, false);
	say(&rig, DIRECTION_REPLY, "220 ready");
	log_in(&rig);
	say_unknown_verbs(&rig, SESSION_UNKNOWN_MAX);
	say(&rig, DIRECTION_ORIGINAL, "REIN");
	say(&rig, DIRECTION_REPLY, "220 again");
	say_unknown_verbs(&rig, 1);
}

/* Of what may be a password its event has nothing; of SITE, which has some behind it (SITE PSWD), the verb. */
static void a_refused_command_is_reported_without_its_password(void **state)
{
	static const struct {
		enum verb denied;
		const char *line;
		const char *reported;
	} rows[] = {
		{ VERB_PASS, "PASS " SECRET, "" },
		{ VERB_ACCT, "ACCT " SECRET, "" },
		{ VERB_ADAT, "ADAT " SECRET, "" },
		{ VERB_SITE, "SITE PSWD x " SECRET, "SITE" },
		{ VERB_SITE, "site", "site" },
		{ VERB_STAT, "STAT a/b", "STAT a/b" },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rig_make(&rig);
		rule_of(&rig)->verb_denied[rows[index].denied] = true;
		rig_open(&rig, PLAIN, true);
		say(&rig, DIRECTION_ORIGINAL, rows[index].line);
		assert_string_equal(rig.events, "refuse:verb-denied");
		assert_string_equal(rig.refused, rows[index].reported);
	}
}

/* What follows the first letters may be a password, in whatever form it came. */
static void an_odd_command_is_reported_to_the_end_of_its_first_letters(void **state)
{
	static const char *const rows[][2] = {
		{ "\xd0P\xc3SS " SECRET, "\xd0P" }, { "\xd0PASSWD " SECRET, "\xd0PASSWD" }, { "\xd0PASSWD", "\xd0PASSWD" },
		{ "\xd0\xd0", "\xd0\xd0" }, { "\xd0 12 34", "\xd0 12 34" }, { " ", " " },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rig_make(&rig);
		rig_open(&rig, PLAIN, true);
		say_exactly(&rig, DIRECTION_ORIGINAL, rows[index][0]);
		assert_string_equal(rig.events, "refuse:odd-verb");
		assert_string_equal(rig.refused, rows[index][1]);
	}
}

static void a_header_is_expected_once(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	expect_a_header(&rig);
	rig_open(&rig, PLAIN, false);
	assert_true(session_expects_header(&rig.session));
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PROXY TCP4 192.0.2.1 192.0.2.2 1000 21"), 1,
		      &rig.outcome);
	assert_int_equal(rig.outcome.verdict, OUTCOME_PASS);
	assert_false(session_expects_header(&rig.session));
}

static void who_was_told_to_wait_may_not_speak(void **state)
{
	static const char *const lines[] = { "120-wait", "220 soon", "120 wait" };
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, false);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string(lines[i]), 1, &rig.outcome);
	assert_false(session_may_listen(&rig.session));
}

static void implicit_tls_is_reported_and_is_tls(void **state)
{
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	require_terminated_tls(&rig);
	rig_open(&rig, PLAIN, false);
	session_terminate_tls(&rig.session, &rig.ops, false);
	assert_string_equal(rig.events, "");
	session_terminate_tls(&rig.session, &rig.ops, true);
	assert_string_equal(rig.events, "tls(implicit)");
	say(&rig, DIRECTION_REPLY, "220 ready");
	log_in(&rig);
}

static void another_policy_holds_from_the_next_line_on(void **state)
{
	static struct policy strict;
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,149"), 1,
		      &rig.outcome);
	policy_rule_set_defaults(&strict.rules[0]);
	strict.rules[0].active = false;
	strict.rule_count = 1;
	session_set_policy(&rig.session, &strict);
	/* What was opened stays open. */
	assert_int_equal(rig.pinhole_count, 1);
	session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("PORT 10,0,0,5,195,150"), 2,
		      &rig.outcome);
	assert_int_equal(rig.outcome.reason, REASON_ACTIVE_DENIED);
}

static void beginnings_are_held_if_their_line_could_be_changed(void **state)
{
	static const struct {
		void (*prepare)(struct rig *rig);
		enum direction direction;
		const char *beginning;
		size_t length;
		bool held;
	} rows[] = {
		{ NULL, DIRECTION_ORIGINAL, TEXT("P"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("PORT 10,0"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("pasv"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("EPSV A"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("AUTH T"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("RETR a"), false },
		{ NULL, DIRECTION_ORIGINAL, TEXT("RETR a\rb"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("RETR a\x08"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT(" RETR a"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("USER u"), false },
		{ require_tls, DIRECTION_ORIGINAL, TEXT("USER u"), true },
		{ require_tls, DIRECTION_ORIGINAL, TEXT("PASS p"), true },
		{ require_tls, DIRECTION_ORIGINAL, TEXT("ACCT p"), true },
		{ deny_verbs, DIRECTION_ORIGINAL, TEXT("SITE x"), true },
		{ deny_upload, DIRECTION_ORIGINAL, TEXT("STOR x"), true },
		{ deny_download, DIRECTION_ORIGINAL, TEXT("RETR x"), true },
		{ deny_unknown_verbs, DIRECTION_ORIGINAL, TEXT("XYZZY x"), true },
		{ NULL, DIRECTION_ORIGINAL, TEXT("XYZZY x"), false },
		{ NULL, DIRECTION_REPLY, TEXT("2"), true },
		{ NULL, DIRECTION_REPLY, TEXT("22"), true },
		{ NULL, DIRECTION_REPLY, TEXT("227"), true },
		{ NULL, DIRECTION_REPLY, TEXT("227 Entering"), true },
		{ NULL, DIRECTION_REPLY, TEXT("227("), true },
		{ NULL, DIRECTION_REPLY, TEXT("226"), false },
		{ NULL, DIRECTION_REPLY, TEXT("15"), false },
		{ NULL, DIRECTION_REPLY, TEXT(" 227"), false },
	};
	static struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes beginning = unit_bytes(rows[index].beginning, rows[index].length);

		rig_make(&rig);
		if (rows[index].prepare)
			rows[index].prepare(&rig);
		rig_open(&rig, PLAIN, true);
		session_input(&rig.session, &rig.ops, DIRECTION_ORIGINAL, unit_string("NOOP"), 1, &rig.outcome);
		if (session_must_hold(&rig.session, rows[index].direction, beginning) != rows[index].held)
			fail_msg("\"%s\"", unit_escape(beginning));
	}
	/* Before the greeting, and as the first command, anything may end the session. */
	rig_make(&rig);
	rig_open(&rig, PLAIN, false);
	assert_true(session_must_hold(&rig.session, DIRECTION_ORIGINAL, unit_string("RETR a")));
	session_input(&rig.session, &rig.ops, DIRECTION_REPLY, unit_string("220 ready"), 1, &rig.outcome);
	assert_true(session_must_hold(&rig.session, DIRECTION_ORIGINAL, unit_string("GET / HT")));
}

static void adopted_bytes_are_a_line_if_they_look_like_one(void **state)
{
	static const struct {
		enum direction direction;
		const char *text;
		bool looks;
	} rows[] = {
		{ DIRECTION_ORIGINAL, "NOOP", true },
		{ DIRECTION_ORIGINAL, "retr file", true },
		{ DIRECTION_ORIGINAL, "RETR fi", true },
		{ DIRECTION_ORIGINAL, "PORT 10,0,0,5,4,1", true },
		{ DIRECTION_ORIGINAL, " PORT 10,0,0,5,4,1", true },
		{ DIRECTION_ORIGINAL, "name of a file", false },
		/* A server that obeys the erasure reads another word than one that does not. */
		{ DIRECTION_ORIGINAL, "na\x08me of a file", true },
		{ DIRECTION_ORIGINAL, "RT 10,0,0,5,4,1", false },
		{ DIRECTION_ORIGINAL, "", false },
		{ DIRECTION_REPLY, "226 done", true },
		{ DIRECTION_REPLY, "226-done", true },
		{ DIRECTION_REPLY, "226", true },
		{ DIRECTION_REPLY, "26 done", false },
		{ DIRECTION_REPLY, " 226 done", false },
		/* Some clients need no space. */
		{ DIRECTION_REPLY, "227(10,0,0,99,4,1)", true },
		{ DIRECTION_REPLY, "", false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++)
		if (session_looks_like_line(rows[index].direction, unit_string(rows[index].text)) != rows[index].looks)
			fail_msg("\"%s\"", unit_escape(unit_string(rows[index].text)));
}

/* The beginning of a line was passed by the gateway before this one; its end may not become that of an offer. */
static void the_rest_of_a_line_may_pass_if_it_ends_no_offer(void **state)
{
	static const struct {
		const char *rest;
		bool passes;
	} rows[] = {
		{ "name of a file", true },
		{ "", true },
		{ "2026-11-28", false },
		/* one number, however it is written, and letters of a verb before it */
		{ "T", true }, { "AB", true }, { "12", true }, { "1 2", true }, { "1.2", true }, { "1:2", true }, { "T 12", true },
		{ "ORT 12", true },
		{ "AT1", true }, { "Z1", true }, { "1a2", true }, { "1f2", true }, { "2001:db8::1", true },
		/* several */
		{ "RT 10,0,0,5,4,1", false }, { "T 1,2", false }, { "1,2", false }, { ",1", false },
		{ "|1|10.0.0.5|1025|", false }, { "10.0.0.5|1025|", false }, { "@25@", false }, { "|1", false },
		{ "1g2", false },
		/* a verb has no fourth letter that is missing */
		{ "XYZW1", false },
		/* separators without numbers, and of two kinds */
		{ "||", true }, { ", ,", true }, { "1|2@", true }, { "1,2|3", false }, { "|1,2|3", false },
	};
	static struct rig rig;

	(void)state;
	rig_make(&rig);
	rig_open(&rig, PLAIN, true);
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		/* In a block of its own, so that whoever reads behind it is noticed. */
		size_t length = strlen(rows[index].rest);
		uint8_t *block = malloc(length);

		memcpy(block, rows[index].rest, length);
		if (session_may_pass_rest(&rig.session, DIRECTION_ORIGINAL, (struct bytes){ block, length }) !=
		    rows[index].passes)
			fail_msg("\"%s\"", rows[index].rest);
		free(block);
	}
	assert_true(session_may_pass_rest(&rig.session, DIRECTION_REPLY, unit_string("227 (10,0,0,99,4,1)")));
	/* Where a command is denied, the beginning may be that one's. */
	deny_upload(&rig);
	assert_false(session_may_pass_rest(&rig.session, DIRECTION_ORIGINAL, unit_string("name of a file")));
	assert_true(session_may_pass_rest(&rig.session, DIRECTION_REPLY, unit_string("227 (10,0,0,99,4,1)")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greetings),
		cmocka_unit_test(logins),
		cmocka_unit_test(active_offers),
		cmocka_unit_test(passive_offers),
		cmocka_unit_test(epsv_all),
		cmocka_unit_test(transfers),
		cmocka_unit_test(replies_are_given_to_the_oldest_that_they_can_answer),
		cmocka_unit_test(encryption),
		cmocka_unit_test(verbs),
		cmocka_unit_test(third_party_transfers),
		cmocka_unit_test(expectations_are_exact),
		cmocka_unit_test(a_kernel_that_refuses_an_expectation_refuses_the_offer),
		cmocka_unit_test(an_offer_that_is_revoked_is_refused_and_closed),
		cmocka_unit_test(a_pinhole_that_is_gone_was_used_if_it_can_not_have_expired),
		cmocka_unit_test(a_pinhole_is_looked_for_when_its_transfer_begins),
		cmocka_unit_test(a154_an_active_pinhole_that_is_used_before_anybody_asked_for_a_transfer_is_made_anew),
		cmocka_unit_test(servers_behind_another_nat_are_announced_as_configured),
		cmocka_unit_test(adopted_sessions_are_taken_as_logged_in),
		cmocka_unit_test(a_pipeline_that_overflows_closes_the_session),
		cmocka_unit_test(any_number_of_keep_alives_waits_in_one_place),
		cmocka_unit_test(replies_are_paired_in_order_however_long_it_goes_on),
		cmocka_unit_test(names_and_paths_are_kept_up_to_a_length),
		cmocka_unit_test(a_close_is_reported_once),
		cmocka_unit_test(the_end_of_a_session_may_be_told_later),
		cmocka_unit_test(a_first_line_that_ends_as_a_request_of_another_protocol_is_not_ftp),
		cmocka_unit_test(so_many_unknown_verbs_before_a_login_are_not_ftp),
		cmocka_unit_test(unknown_verbs_behind_a_login_are_not_counted),
		cmocka_unit_test(a_refused_command_is_reported_without_its_password),
		cmocka_unit_test(an_odd_command_is_reported_to_the_end_of_its_first_letters),
		cmocka_unit_test(a_header_is_expected_once),
		cmocka_unit_test(who_was_told_to_wait_may_not_speak),
		cmocka_unit_test(implicit_tls_is_reported_and_is_tls),
		cmocka_unit_test(another_policy_holds_from_the_next_line_on),
		cmocka_unit_test(beginnings_are_held_if_their_line_could_be_changed),
		cmocka_unit_test(adopted_bytes_are_a_line_if_they_look_like_one),
		cmocka_unit_test(the_rest_of_a_line_may_pass_if_it_ends_no_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
