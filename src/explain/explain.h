/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg explain, in its parts:
 *
 *   explain.c         the command line
 *   explain/read.c    the notation of dialogues
 *   explain/judge.c   a session and the models of other helpers, given the same bytes
 *   explain/text.c    what came of it, for a terminal
 *   explain/json.c    the same, as JSON
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include <stdio.h>

#include "config/config.h"
#include "explain/model.h"
#include "ftpalg/session.h"
#include "ftpalg/tlsrecord.h"

#define EXPLAIN_NAT_MAX 8
#define EXPLAIN_BYTES_MAX 16384
#define EXPLAIN_SEGMENTS_MAX 32
#define EXPLAIN_LINES_MAX 16
#define EXPLAIN_NOTES_MAX 4

/* What one peer says before the other one speaks: bytes, and where they are cut into segments. */
struct explain_burst {
	enum direction direction;
	size_t segments;
	size_t end[EXPLAIN_SEGMENTS_MAX]; /* of each segment; the last one is the length */
	uint8_t data[EXPLAIN_BYTES_MAX];
};

/* An event, without what it would point to. */
struct explain_note {
	enum notice_type type; /* OFFER, PINHOLE_OPEN or ANOMALY */
	enum reason reason;
	enum form form;
	struct endpoint offered;
	struct expectation expectation;
};

/* One line and what became of it. */
struct explain_line {
	size_t length;
	uint8_t text[LINE_MAX_LENGTH];
	const char *rule;
	struct outcome outcome;
	size_t note_count;
	struct explain_note notes[EXPLAIN_NOTES_MAX];
};

/* Another helper beside this gateway. */
enum explain_judgement {
	EXPLAIN_AGREES,  /* does the same */
	EXPLAIN_MISSES,  /* does not open what was agreed, or not under the name that the far side knows */
	EXPLAIN_STALLS,  /* drops what the sender can only repeat */
	EXPLAIN_FORWARDS,/* lets pass what is refused here */
	EXPLAIN_FOOLED,  /* opens what is not opened here, or something else */
	EXPLAIN_JUDGEMENTS,
};

struct explain_helper {
	enum explain_judgement judgement;
	struct model_answer answers[EXPLAIN_SEGMENTS_MAX];
};

enum explain_end {
	EXPLAIN_GOES_ON,
	EXPLAIN_OPAQUE, /* the burst is encrypted, and nothing of it is read */
	EXPLAIN_CLOSED, /* the burst, or one before it, has ended the session */
};

struct explain_result {
	enum explain_end end;
	enum reason reason; /* CLOSED, where no line was the cause; else NONE */
	size_t line_count;
	struct explain_line lines[EXPLAIN_LINES_MAX];
	struct explain_helper helpers[MODEL_COUNT];
};

struct explain_translation {
	struct address inside;
	struct address outside;
};

struct explanation {
	struct address client; /* FAMILY_NONE: to be assumed */
	struct address server;
	bool client_is_assumed;
	bool server_is_assumed;
	struct explain_translation nat[EXPLAIN_NAT_MAX];
	size_t nat_count;
	bool json;
	struct config config;

	struct nat_view view;
	struct ops ops;
	struct session session;
	struct session_backlog backlog;
	struct model_state models[MODEL_COUNT];
	uint32_t position[2];     /* of the next byte, per enum direction */
	struct tlsrecord tls;     /* what the client says after 234 */
	size_t pending_length[2]; /* of a line whose end has not come */
	uint8_t pending[2][LINE_MAX_LENGTH + 1]; /* with its CR */
	struct explain_line *line;/* that is being judged; NULL: events are not noted */

	struct explain_burst burst;
	struct explain_result result;
};

/* explain/ends.c */

/* Completes the ends of the connection where they were not told: line is what one of them says, or empty. */
void explain_assume_ends(struct explanation *explanation, enum direction direction, struct bytes line);

/* explain/read.c */

/*
 * Reads what follows the name of a side. False, and *problem says why, where that is more than there is room for.
 * See doc/ftpalg.8, EXPLAIN.
 */
bool explain_read_text(const char *text, struct explain_burst *burst, const char **problem);
/* Reads a line of a dialogue. False as above; *empty: there is nothing to judge in it. */
bool explain_read_line(const char *text, struct explain_burst *burst, bool *empty, const char **problem);

/* explain/judge.c */

/* Begins the session. under_way: greeting and login have passed. */
void explain_open(struct explanation *explanation, bool under_way);
/* Judges one line that is not shown, and returns what became of it. */
const struct outcome *explain_prepare(struct explanation *explanation, enum direction direction, const char *line);
/* Judges the burst; fills the result. False where it has too many lines. */
bool explain_judge(struct explanation *explanation);
/* Is there more to say about the burst than that it passes? */
bool explain_is_remarkable(const struct explanation *explanation);
const char *explain_judgement_name(enum explain_judgement judgement);
/* Does the line hold a password? Then its argument is not shown. */
bool explain_is_secret(struct bytes line, enum direction direction, struct span *argument);
/* The line of the burst, whole or not, that does; then nothing else of the burst is shown. No bytes: there is none. */
struct bytes explain_find_secret(const struct explanation *explanation, struct span *argument);
/* What leaves of a line, into out, which holds 2 * LINE_MAX_LENGTH. Returns its length. */
size_t explain_leaving(const struct explain_line *line, uint8_t *out);
/* What leaves of a segment that a model rewrites, likewise; out holds EXPLAIN_BYTES_MAX + HOSTPORT_TEXT_MAX. */
size_t explain_rewritten(struct bytes segment, const struct model_answer *answer, uint8_t *out);
struct bytes explain_segment(const struct explain_burst *burst, size_t number);
const char *explain_verdict_name(enum model_verdict verdict);

/* explain/text.c, explain/json.c */

/* The ends between which it is said, as far as they were assumed. */
void explain_print_ends(const struct explanation *explanation, FILE *out);
/* A single line of FTP: all that is known about it. */
void explain_print_line(const struct explanation *explanation, FILE *out);
/* One burst of a dialogue. */
void explain_print_burst(const struct explanation *explanation, FILE *out);
/* One JSON object on a line. False where memory ran out. */
bool explain_print_json(const struct explanation *explanation, FILE *out);

#endif
