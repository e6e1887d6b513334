/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg watch: what the gateway does, once a second. Where there is no terminal, it is JSON lines.
 *
 *            /                      enter
 *   FILTER <--- LIST -----------------------------> WHY
 *      |        ^ ^ ^                                |
 *      +--------+ | +--------------------------------+
 *    enter, escape |           q, escape, enter
 *                  | y: it is ended; any other key: it is not
 *   KILL ----------+
 *      ^--- k
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/watch_terminal.h"
#include "screen/watch.h"

#define SECOND 1000000
#define FILTER_MAX 64
#define DECISIONS_KEPT 64
#define HOST_MAX 64
#define MESSAGE_MAX CLIENT_PROBLEM_MAX

enum watch_mode {
	WATCH_LIST,
	WATCH_FILTER,
	WATCH_KILL,
	WATCH_WHY,
};

struct watch {
	struct asking asking;   /* at the socket "monitor" */
	struct asking control;  /* at the other one, for kill */
	enum watch_mode mode;
	bool ended;
	uint64_t retry;         /* when to connect again */
	bool connected;
	json_t *update;         /* the last one */
	json_t *decisions;
	const json_t **sessions;
	size_t session_count;
	char selected[64];      /* the session; it stays selected wherever it moves */
	size_t place;           /* where it was */
	size_t first;
	uint64_t refused;       /* so many had been, at that time */
	double refused_time;
	double refusal_rate;
	char filter[FILTER_MAX];
	char filter_before[FILTER_MAX];
	char host[HOST_MAX];
	char message[MESSAGE_MAX]; /* "": none */
	json_t *why;            /* decisions */
	size_t why_line;        /* the first that is shown of them */
};

static const json_t *update_part(const struct watch *watch, const char *name)
{
	return json_object_get(watch->update, name);
}

static const char *session_id(const json_t *session)
{
	const char *id = json_string_value(json_object_get(session, "session"));

	return id ? id : "";
}

/* Keeps the selection on its session; where that is gone, on its place. */
static void follow_selection(struct watch *watch)
{
	const size_t page = watch_page(watch->asking.terminal.height);
	size_t place = watch->place;

	for (size_t i = 0; i < watch->session_count; i++)
		if (strcmp(session_id(watch->sessions[i]), watch->selected) == 0)
			place = i;
	if (place >= watch->session_count)
		place = watch->session_count > 0 ? watch->session_count - 1 : 0;
	watch->place = place;
	snprintf(watch->selected, sizeof(watch->selected), "%s",
		 watch->session_count > 0 ? session_id(watch->sessions[place]) : "");
	if (watch->first > place)
		watch->first = place;
	if (watch->first + page <= place)
		watch->first = place + 1 - page;
	if (watch->first + page > watch->session_count)
		watch->first = watch->session_count > page ? watch->session_count - page : 0;
}

static void choose_sessions(struct watch *watch)
{
	const json_t *sessions = update_part(watch, "sessions");

	free(watch->sessions);
	watch->session_count = 0;
	watch->sessions = calloc(json_array_size(sessions) + 1, sizeof(*watch->sessions));
	if (watch->sessions)
		watch->session_count = watch_choose(sessions, watch->filter, watch->sessions);
	follow_selection(watch);
}

static bool is_known(const struct watch *watch, const json_t *decision)
{
	for (size_t i = json_array_size(watch->decisions); i > 0; i--)
		if (json_equal(json_array_get(watch->decisions, i - 1), decision))
			return true;
	return false;
}

/* An update may repeat what an earlier one had. */
static void keep_decisions(struct watch *watch)
{
	const json_t *news = update_part(watch, "decisions");

	for (size_t i = 0; i < json_array_size(news); i++)
		if (!is_known(watch, json_array_get(news, i)))
			json_array_append(watch->decisions, json_array_get(news, i));
	while (json_array_size(watch->decisions) > DECISIONS_KEPT)
		json_array_remove(watch->decisions, 0);
}

static void measure_refusals(struct watch *watch)
{
	const json_t *refused = json_object_get(update_part(watch, "status"), "refused");
	const json_int_t total = json_integer_value(json_object_get(refused, "total"));
	const double now = asking_now();

	if (watch->refused_time > 0 && now > watch->refused_time && (uint64_t)total >= watch->refused)
		watch->refusal_rate = (double)((uint64_t)total - watch->refused) / (now - watch->refused_time);
	watch->refused = (uint64_t)total;
	watch->refused_time = now;
}

static void take_update(struct watch *watch, json_t *update)
{
	json_decref(watch->update);
	watch->update = update;
	choose_sessions(watch);
	keep_decisions(watch);
	measure_refusals(watch);
}

static void lose_connection(struct watch *watch)
{
	client_close(&watch->asking.client);
	watch->connected = false;
	watch->retry = clock_microseconds() + SECOND;
	watch->refused_time = 0;
	json_decref(watch->update);
	watch->update = NULL;
	choose_sessions(watch);
}

static void connect_again(struct watch *watch)
{
	static const char *const words[] = { "watch" };

	watch->asking.client.endless = true;
	watch->connected = client_ask(&watch->asking.client, words, 1) == 0;
	if (!watch->connected)
		lose_connection(watch);
}

/* Takes what has come. Returns whether there is anything new. */
static bool receive_updates(struct watch *watch)
{
	enum client_result result = CLIENT_LINE;
	bool fresh = false;
	json_t *update;
	struct bytes line;

	while (result == CLIENT_LINE) {
		result = client_read(&watch->asking.client, 0, &line, &update);
		if (result == CLIENT_LINE)
			take_update(watch, update);
		fresh = fresh || result == CLIENT_LINE;
	}
	if (result == CLIENT_WAIT)
		return fresh;
	if (result == CLIENT_END)
		snprintf(watch->asking.client.problem, sizeof(watch->asking.client.problem), "ftpalg has ended what it told");
	lose_connection(watch);
	return true;
}

static void show_list(struct watch *watch, struct screen_text *text)
{
	const struct watch_view view = {
		.height = watch->asking.terminal.height,
		.host = watch->host,
		.absence = watch->connected ? NULL : watch->asking.client.problem,
		.status = update_part(watch, "status"),
		.all = update_part(watch, "sessions"),
		.sessions = watch->sessions,
		.session_count = watch->session_count,
		.selected = watch->place,
		.first = watch->first,
		.decisions = watch->decisions,
		.refusal_rate = watch->refusal_rate,
		.filter = watch->filter,
		.message = watch->message[0] ? watch->message : NULL,
		.message_tone = watch->mode == WATCH_KILL ? SCREEN_BAD : SCREEN_STRONG,
		.now = asking_now(),
	};

	screen_add_watch(text, &view);
}

static size_t count_lines(const struct screen_text *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->length; i++)
		count += text->data[i] == '\n';
	return count;
}

static void show_why(struct watch *watch, struct screen_text *text)
{
	const size_t page = watch->asking.terminal.height > 1 ? watch->asking.terminal.height - 1 : 1;
	struct screen_text why = { .style = text->style };
	const char *line;
	size_t count;
	size_t shown = 0;

	screen_add_decisions(&why, watch->why);
	count = count_lines(&why);
	line = why.data ? why.data : "";
	if (watch->why_line + page > count)
		watch->why_line = count > page ? count - page : 0;
	for (size_t i = 0; i < count && shown < page; i++) {
		const size_t length = strcspn(line, "\n");

		if (i >= watch->why_line) {
			screen_add(text, "%.*s\n", (int)length, line);
			shown++;
		}
		line += length + 1;
	}
	screen_text_free(&why);
	for (; shown < page; shown++)
		screen_add(text, "\n");
	screen_add_tone(text, SCREEN_QUIET);
	screen_add(text, count > page ? "up, down: scroll   q: back" : "q: back");
	screen_add_tone(text, SCREEN_PLAIN);
	screen_add(text, "\n");
}

static void show(struct watch *watch)
{
	struct screen_text text = { .style = &watch->asking.style };

	if (watch->mode == WATCH_WHY)
		show_why(watch, &text);
	else
		show_list(watch, &text);
	if (!watch_terminal_show(&text))
		watch->ended = true;
	screen_text_free(&text);
}

static void move_selection(struct watch *watch, long steps)
{
	const long last = (long)watch->session_count - 1;
	long place = (long)watch->place + steps;

	if (place > last)
		place = last;
	if (place < 0)
		place = 0;
	watch->place = (size_t)place;
	if (watch->session_count > 0)
		snprintf(watch->selected, sizeof(watch->selected), "%s", session_id(watch->sessions[place]));
	follow_selection(watch);
}

/* Asks words at a socket; an array, or NULL and a message. */
static json_t *ask_once(struct watch *watch, struct asking *asking, const char *const *words, size_t count)
{
	enum client_result result = CLIENT_LINE;
	json_t *answer = json_array();
	json_t *object;
	struct bytes line;

	if (client_ask(&asking->client, words, count) != 0)
		result = CLIENT_FAILED;
	while (answer && result == CLIENT_LINE) {
		result = client_read(&asking->client, ASKING_SECONDS * 1000, &line, &object);
		if (result == CLIENT_LINE)
			json_array_append_new(answer, object);
		else if (result == CLIENT_WAIT)
			client_tell_silence(&asking->client, ASKING_SECONDS);
	}
	if (result != CLIENT_END) {
		snprintf(watch->message, sizeof(watch->message), "%s", asking->client.problem);
		json_decref(answer);
		answer = NULL;
	}
	client_close(&asking->client);
	return answer;
}

static void open_why(struct watch *watch)
{
	const char *const words[] = { "why", watch->selected };
	struct asking asking = watch->asking;
	json_t *decisions;

	client_init(&asking.client, watch->asking.socket, watch->asking.client.absent_open);
	decisions = ask_once(watch, &asking, words, 2);
	if (!decisions)
		return;
	json_decref(watch->why);
	watch->why = decisions;
	/* Its end matters most. */
	watch->why_line = SIZE_MAX / 2;
	watch->mode = WATCH_WHY;
}

static void ask_kill(struct watch *watch)
{
	const json_t *session = watch->sessions[watch->place];
	const char *client = json_string_value(json_object_get(session, "client_ip"));
	const char *user = json_string_value(json_object_get(session, "user"));

	snprintf(watch->message, sizeof(watch->message), "End %s, %s%s%s? y: yes   other keys: no", watch->selected,
		 client ? client : "?", user && *user ? " " : "", user ? user : "");
	watch->mode = WATCH_KILL;
}

static void kill_session(struct watch *watch)
{
	const char *const words[] = { "kill", watch->selected };
	const char *said = NULL;
	json_t *answer;

	watch->message[0] = '\0';
	if (!*watch->control.socket) {
		snprintf(watch->message, sizeof(watch->message), "the configuration says control = none, so nobody can be asked");
		return;
	}
	answer = ask_once(watch, &watch->control, words, 2);
	if (answer)
		said = json_string_value(json_object_get(json_array_get(answer, 0), "said"));
	if (answer)
		snprintf(watch->message, sizeof(watch->message), "%s", said ? said : "done");
	json_decref(answer);
}

static void begin_filter(struct watch *watch)
{
	snprintf(watch->filter_before, sizeof(watch->filter_before), "%s", watch->filter);
	watch->mode = WATCH_FILTER;
	snprintf(watch->message, sizeof(watch->message), "/%s_   enter: keep   escape: as before", watch->filter);
}

static void press_in_list(struct watch *watch, enum watch_key key, char character)
{
	const long page = (long)watch_page(watch->asking.terminal.height);

	watch->message[0] = '\0';
	if (key == WATCH_KEY_UP)
		move_selection(watch, -1);
	else if (key == WATCH_KEY_DOWN)
		move_selection(watch, 1);
	else if (key == WATCH_KEY_PAGE_UP)
		move_selection(watch, -page);
	else if (key == WATCH_KEY_PAGE_DOWN)
		move_selection(watch, page);
	else if (key == WATCH_KEY_HOME)
		move_selection(watch, -(long)watch->place);
	else if (key == WATCH_KEY_END)
		move_selection(watch, (long)watch->session_count);
	else if (key == WATCH_KEY_ENTER && watch->session_count > 0)
		open_why(watch);
	else if (key == WATCH_KEY_CHARACTER && character == 'q')
		watch->ended = true;
	else if (key == WATCH_KEY_CHARACTER && character == '/')
		begin_filter(watch);
	else if (key == WATCH_KEY_CHARACTER && character == 'k' && watch->session_count > 0)
		ask_kill(watch);
}

static void press_in_filter(struct watch *watch, enum watch_key key, char character)
{
	const size_t length = strlen(watch->filter);

	if (key == WATCH_KEY_CHARACTER && length + 1 < sizeof(watch->filter)) {
		watch->filter[length] = character;
		watch->filter[length + 1] = '\0';
	} else if (key == WATCH_KEY_BACKSPACE && length > 0) {
		watch->filter[length - 1] = '\0';
	} else if (key == WATCH_KEY_ESCAPE) {
		snprintf(watch->filter, sizeof(watch->filter), "%s", watch->filter_before);
	}
	choose_sessions(watch);
	snprintf(watch->message, sizeof(watch->message), "/%s_   enter: keep   escape: as before", watch->filter);
	if (key == WATCH_KEY_ENTER || key == WATCH_KEY_ESCAPE) {
		watch->mode = WATCH_LIST;
		watch->message[0] = '\0';
	}
}

static void press_in_why(struct watch *watch, enum watch_key key, char character)
{
	const size_t page = watch->asking.terminal.height > 2 ? watch->asking.terminal.height - 2 : 1;

	if (key == WATCH_KEY_UP)
		watch->why_line -= watch->why_line > 0;
	else if (key == WATCH_KEY_DOWN)
		watch->why_line++;
	else if (key == WATCH_KEY_PAGE_UP)
		watch->why_line -= watch->why_line > page ? page : watch->why_line;
	else if (key == WATCH_KEY_PAGE_DOWN)
		watch->why_line += page;
	else if (key == WATCH_KEY_ENTER || key == WATCH_KEY_ESCAPE || (key == WATCH_KEY_CHARACTER && character == 'q'))
		watch->mode = WATCH_LIST;
}

static void press(struct watch *watch, enum watch_key key, char character)
{
	switch (watch->mode) {
	case WATCH_LIST:
		press_in_list(watch, key, character);
		break;
	case WATCH_FILTER:
		press_in_filter(watch, key, character);
		break;
	case WATCH_KILL:
		watch->mode = WATCH_LIST;
		if (key == WATCH_KEY_CHARACTER && (character == 'y' || character == 'Y'))
			kill_session(watch);
		else
			watch->message[0] = '\0';
		break;
	case WATCH_WHY:
		press_in_why(watch, key, character);
		break;
	}
}

static void read_keys(struct watch *watch)
{
	uint8_t buffer[256];
	const ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
	struct bytes typed = { buffer, got > 0 ? (size_t)got : 0 };
	char character = 0;
	enum watch_key key;

	if (got < 0 && errno != EINTR && errno != EAGAIN)
		watch->ended = true;
	while (!watch->ended && (key = watch_terminal_take_key(&typed, &character)) != WATCH_KEY_NONE)
		press(watch, key, character);
}

/* Something is to be done: a key, a signal, an update, or a new attempt to connect. */
static void wait_once(struct watch *watch, int signals)
{
	struct pollfd pollers[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = watch->connected ? watch->asking.client.socket : -1, .events = POLLIN },
	};

	if (poll(pollers, sizeof(pollers) / sizeof(pollers[0]), 1000) < 0 && errno != EINTR)
		watch->ended = true;
	if (pollers[1].revents)
		switch (watch_terminal_read_signal(signals)) {
		case WATCH_SIGNAL_END:
			watch->ended = true;
			break;
		case WATCH_SIGNAL_RESIZED:
		case WATCH_SIGNAL_RESUMED:
			terminal_read(&watch->asking.terminal, STDOUT_FILENO);
			watch->asking.style.width = watch->asking.terminal.width;
			follow_selection(watch);
			break;
		case WATCH_SIGNAL_NONE:
			break;
		}
	if (pollers[0].revents & (POLLHUP | POLLERR))
		watch->ended = true;
	else if (pollers[0].revents)
		read_keys(watch);
	if (watch->connected && pollers[2].revents)
		(void)receive_updates(watch);
	else if (!watch->connected && clock_microseconds() >= watch->retry)
		connect_again(watch);
}

static int watch_on_terminal(struct watch *watch)
{
	const int signals = watch_terminal_take();

	if (signals < 0) {
		watch_terminal_give_back();
		log_message(LOG_LEVEL_ERROR, "the terminal can't be used: %s", strerror(errno));
		return CMD_FAILURE;
	}
	connect_again(watch);
	while (!watch->ended) {
		show(watch);
		wait_once(watch, signals);
	}
	watch_terminal_give_back();
	close(signals);
	return CMD_SUCCESS;
}

/* A socket that was named takes everything; otherwise kill uses the socket for orders, which may not exist. */
static int prepare_kill(struct watch *watch)
{
	asking_init(&watch->control, "watch");
	watch->control.acts = true;
	watch->control.config_path = watch->asking.config_path;
	if (watch->asking.socket != watch->asking.configured)
		watch->control.socket = watch->asking.socket;
	return asking_configure(&watch->control);
}

static int watch_begin(struct watch *watch)
{
	static const char *const words[] = { "watch" };
	int status;

	if (watch->asking.json || !watch->asking.terminal.is_terminal || !isatty(STDIN_FILENO)) {
		watch->asking.client.endless = true;
		return asking_pass_on(&watch->asking, words, 1, true);
	}
	watch->decisions = json_array();
	if (gethostname(watch->host, sizeof(watch->host) - 1) != 0)
		watch->host[0] = '\0';
	status = prepare_kill(watch);
	return status == CMD_SUCCESS ? watch_on_terminal(watch) : status;
}

static void watch_free(struct watch *watch)
{
	asking_finish(&watch->asking);
	asking_finish(&watch->control);
	json_decref(watch->update);
	json_decref(watch->decisions);
	json_decref(watch->why);
	free(watch->sessions);
	free(watch);
}

int cmd_watch(int argc, char **argv)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int status;

	if (!watch)
		return CMD_FAILURE;
	asking_init(&watch->asking, "watch");
	asking_init(&watch->control, "watch");
	status = asking_read_arguments(&watch->asking, argc, argv);
	if (status == CMD_SUCCESS && optind < argc)
		status = cmd_misuse("watch", "\"%s\" is not understood", argv[optind]);
	if (status == CMD_SUCCESS)
		status = watch_begin(watch);
	watch_free(watch);
	return status;
}
