/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two sockets: what is answered, who may change something, and that no client costs another one anything. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/listen.h"
#include "control/server.h"
#include "unit.h"

#define TEXT_MAX (8 << 20)
#define SECOND UINT64_C(1000000)

struct desk {
	char directory[32];
	char monitor_path[64];
	char control_path[64];
	struct door monitor;
	struct door control;
	struct event_base *base;
	struct tables *tables;
	struct answer_source source;
	struct server *server;
	struct config config;
	enum request_command ordered;
	uint64_t session;
	uint32_t orders;
	char text[TEXT_MAX]; /* what was read last */
};

static struct desk desk;

static void look(void *context, struct facts *facts)
{
	(void)context;
	memset(facts, 0, sizeof(*facts));
	facts->config = &desk.config;
	facts->config_path = "/etc/ftpalg/ftpalg.conf";
	facts->worker_count = 1;
	facts->workers[0] = (struct facts_worker){ .queue = 21, .up = true, .packets = FACTS_UNKNOWN };
	facts->gateway = true;
	facts->carrier = true;
}

static uint32_t order(void *context, const struct answer_order *order_given)
{
	(void)context;
	desk.ordered = order_given->command;
	desk.session = order_given->session;
	assert_int_equal(order_given->user, getuid());
	assert_int_equal(order_given->pid, getpid());
	return ++desk.orders;
}

static void open_door(struct door *door, const char *path, mode_t mode)
{
	const struct listen_settings settings = { .path = path, .mode = mode, .group = "" };
	char error[512];

	if (listen_open(door, &settings, error, sizeof(error)) != LISTEN_GOOD)
		fail_msg("%s", error);
}

static int desk_open(void **state)
{
	static const struct table_limits limits = {
		.sessions = 20000, .ended = 10, .ended_time = 600 * SECOND, .transfers = 100, .decisions = 1000,
	};

	(void)state;
	memset(&desk, 0, sizeof(desk));
	snprintf(desk.directory, sizeof(desk.directory), "/tmp/test_server.XXXXXX");
	assert_non_null(mkdtemp(desk.directory));
	snprintf(desk.monitor_path, sizeof(desk.monitor_path), "%s/made/monitor", desk.directory);
	snprintf(desk.control_path, sizeof(desk.control_path), "%s/made/control", desk.directory);
	open_door(&desk.monitor, desk.monitor_path, 0666);
	open_door(&desk.control, desk.control_path, 0660);
	config_set_defaults(&desk.config);
	desk.base = event_base_new();
	desk.tables = tables_make(&limits);
	desk.source = (struct answer_source){ .tables = desk.tables, .look = look, .order = order };
	desk.server = server_open(desk.base, &(struct server_sockets){ desk.monitor.descriptor, desk.control.descriptor },
				  &desk.source);
	assert_non_null(desk.server);
	return 0;
}

static int desk_close(void **state)
{
	(void)state;
	server_close(desk.server);
	event_base_free(desk.base);
	tables_free(desk.tables);
	listen_close(&desk.monitor);
	listen_close(&desk.control);
	/* Nothing is left in there. */
	snprintf(desk.text, sizeof(desk.text), "%s/made", desk.directory);
	if (rmdir(desk.text) < 0 || rmdir(desk.directory) < 0)
		return -1;
	return 0;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(client, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return client;
}

static void turn(void)
{
	event_base_loop(desk.base, EVLOOP_NONBLOCK);
}

static void say(int client, const char *text)
{
	assert_int_equal(write(client, text, strlen(text)), strlen(text));
}

/* Reads until the answer's end or the connection's, while the server has its turns. False: neither came. */
static bool hear(int client)
{
	const uint64_t end = clock_microseconds() + 20 * SECOND;
	size_t length = 0;

	desk.text[0] = '\0';
	while (clock_microseconds() < end && length < sizeof(desk.text) - 1) {
		ssize_t got;

		turn();
		got = read(client, desk.text + length, sizeof(desk.text) - 1 - length);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		length += got > 0 ? (size_t)got : 0;
		desk.text[length] = '\0';
		if (strcmp(desk.text, "\n") == 0 || (length >= 2 && strcmp(desk.text + length - 2, "\n\n") == 0))
			return true;
	}
	desk.text[length] = '\0';
	return false;
}

static void ask(const char *path, const char *request)
{
	const int client = dial(path);

	say(client, request);
	if (!hear(client))
		fail_msg("no answer to \"%s\": %s", request, desk.text);
	close(client);
}

/* The n-th line of the answer. */
static json_t *line_of_answer(size_t number)
{
	const char *line = desk.text;
	json_t *object;

	while (number-- > 0)
		line = strchr(line, '\n') + 1;
	object = json_loadb(line, strcspn(line, "\n"), 0, NULL);
	if (!object)
		fail_msg("no JSON: %s", line);
	return object;
}

static const char *member(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		fail_msg("no text \"%s\"", key);
	return json_string_value(value);
}

static void answer_has(const char *text)
{
	if (!strstr(desk.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, desk.text);
}

static void add_session(uint64_t session, const char *client, const char *user)
{
	const struct nat_view view = unit_view(client, "203.0.113.9");
	const uint64_t now = UINT64_C(1790000000) * SECOND;

	tables_take(desk.tables, &(struct notice){ .type = NOTICE_SESSION_OPEN, .session = session, .view = &view,
						   .rule = "office" },
		    now);
	tables_take(desk.tables, &(struct notice){ .type = NOTICE_LOGIN, .session = session, .view = &view,
						   .text = unit_string(user) }, now);
}

static void status_is_one_object(void **state)
{
	json_t *object;

	(void)state;
	ask(desk.monitor_path, "status\n");
	object = line_of_answer(0);
	assert_int_equal(json_integer_value(json_object_get(object, "version")), 1);
	assert_string_equal(member(object, "health"), "healthy");
	for (size_t i = 0; i < 14; i++) {
		static const char *const keys[] = { "program", "started", "now", "pid", "config", "workers", "proxy", "rules", "kernel",
						    "sandbox", "sessions", "pinholes", "refused", "transfers" };

		if (!json_object_get(object, keys[i]))
			fail_msg("status lacks %s", keys[i]);
	}
	json_decref(object);
}

static void sessions_are_listed_and_filtered(void **state)
{
	json_t *object;

	(void)state;
	add_session(0x8f2c01, "10.0.0.5", "anna");
	add_session(0x8f2c02, "10.0.1.5", "b\"\\\nob");
	ask(desk.monitor_path, "sessions 10.0.0.0/24\n");
	object = line_of_answer(0);
	assert_string_equal(member(object, "session"), "8f2c01");
	assert_string_equal(member(object, "client_ip"), "10.0.0.5");
	assert_string_equal(member(object, "user"), "anna");
	assert_string_equal(member(object, "state"), "idle");
	assert_string_equal(member(object, "rule"), "office");
	assert_string_equal(member(object, "opened"), "2026-09-21T14:13:20.000000Z");
	json_decref(object);
	assert_null(strstr(desk.text, "8f2c02"));
	ask(desk.monitor_path, "{\"command\":\"sessions\",\"filter\":[\"state=idle\",\"10.0.1.5\"]}\n");
	object = line_of_answer(0);
	assert_string_equal(member(object, "user"), "b\"\\\\\\x0aob");
	json_decref(object);
	ask(desk.monitor_path, "sessions user=nobody\n");
	assert_string_equal(desk.text, "\n");
}

static void a_request_after_another_is_answered(void **state)
{
	const int client = dial(desk.monitor_path);

	(void)state;
	say(client, "pinholes\nnonsense\nsta");
	for (int i = 0; i < 3 && !strstr(desk.text, "unknown-command"); i++)
		hear(client);
	answer_has("unknown-command");
	say(client, "tus\n");
	hear(client);
	answer_has("\"health\":");
	close(client);
}

static void why_ends_with_a_verdict(void **state)
{
	(void)state;
	add_session(0x8f2c01, "10.0.0.5", "anna");
	ask(desk.monitor_path, "why 10.0.0.5\n");
	answer_has("\"kind\":\"open\"");
	answer_has("\"kind\":\"verdict\",\"text\":\"nothing is wrong");
	ask(desk.monitor_path, "why 8f2c01\n");
	answer_has("\"kind\":\"verdict\"");
	ask(desk.monitor_path, "why 10.0.0.6\n");
	answer_has("\"code\":\"not-found\"");
	ask(desk.monitor_path, "why\n");
	answer_has("\"code\":\"bad-argument\"");
}

static void only_the_control_socket_changes_anything(void **state)
{
	static const char *const requests[] = { "reload\n", "reopen\n", "kill 8f2c01\n" };
	struct stat status;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		ask(desk.monitor_path, requests[i]);
		answer_has("\"code\":\"forbidden\"");
	}
	assert_int_equal(desk.orders, 0);
	assert_int_equal(stat(desk.monitor_path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0666);
	assert_int_equal(stat(desk.control_path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
}

static void an_order_is_answered_when_it_has_been_carried_out(void **state)
{
	const int client = dial(desk.control_path);
	const int other = dial(desk.control_path);

	(void)state;
	say(client, "kill 8f2c01\n");
	while (desk.orders == 0)
		turn();
	assert_int_equal(desk.ordered, REQUEST_KILL);
	assert_int_equal(desk.session, 0x8f2c01);
	say(other, "reload\n");
	while (desk.orders == 1)
		turn();
	turn();
	assert_int_equal(read(client, desk.text, 10), -1);
	server_hear(desk.server, 2, false, "line 3: no");
	assert_true(hear(other));
	answer_has("{\"error\":\"line 3: no\",\"code\":\"failed\"}");
	server_hear(desk.server, 1, true, "the session has ended");
	assert_true(hear(client));
	answer_has("{\"done\":true,\"said\":\"the session has ended\"}");
	close(client);
	close(other);
}

static void who_follows_hears_of_each_transfer(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const int client = dial(desk.monitor_path);

	(void)state;
	add_session(1, "10.0.0.5", "anna");
	say(client, "transfers follow\n");
	turn();
	for (int i = 0; i < 3; i++) {
		ssize_t length = -1;

		tables_take(desk.tables, &(struct notice){ .type = NOTICE_TRANSFER, .session = 1, .view = &view,
							   .verb = VERB_RETR,
							   .code = 226, .text = unit_string("a") }, 1000);
		while (length < 0) {
			server_tick(desk.server);
			turn();
			length = read(client, desk.text, 4096);
		}
		desk.text[length] = '\0';
		answer_has("\"outcome\":\"complete\"");
	}
	assert_int_equal(server_clients(desk.server), 1);
	close(client);
	server_tick(desk.server);
	assert_int_equal(server_clients(desk.server), 0);
}

/* So many frames of a second that come in so many seconds from time on. */
static uint32_t frames(struct answer *answer, uint64_t time, uint32_t seconds)
{
	struct evbuffer *out = evbuffer_new();
	uint32_t count = 0;

	for (uint32_t i = 0; i < seconds; i++) {
		assert_int_equal(answer_go_on(answer, &desk.source, out, time + i * SECOND), ANSWER_LATER);
		count += evbuffer_get_length(out) > 0 ? 1 : 0;
		evbuffer_drain(out, evbuffer_get_length(out));
	}
	evbuffer_free(out);
	return count;
}

static void a243_a_socket_has_its_rights_whatever_the_mask_is(void **state)
{
	static const mode_t masks[] = { 0, 022, 0777 };
	char path[sizeof(desk.directory) + 8];
	struct door door;
	struct stat made;

	(void)state;
	snprintf(path, sizeof(path), "%s/a243", desk.directory);
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		const mode_t before = umask(masks[i]);

		open_door(&door, path, i % 2 ? 0666 : 0660);
		assert_int_equal(umask(before), masks[i]);
		assert_int_equal(lstat(path, &made), 0);
		assert_int_equal(made.st_mode & 07777, i % 2 ? 0666 : 0660);
		listen_close(&door);
	}
}

static void a241_a_clock_that_is_set_back_stops_no_answer(void **state)
{
	const uint64_t now = UINT64_C(1790000000) * SECOND;
	static struct answer answer;
	struct evbuffer *out = evbuffer_new();

	(void)state;
	answer_begin(&answer, &desk.source, unit_string("watch"), false, now);
	assert_int_equal(frames(&answer, now, 5), 5);
	assert_in_range(frames(&answer, now - 3600 * SECOND, 5), 4, 5);
	answer_begin(&answer, &desk.source, unit_string("reload"), true, now);
	answer.user = getuid();
	answer.pid = getpid();
	assert_int_equal(answer_go_on(&answer, &desk.source, out, now), ANSWER_LATER);
	assert_int_equal(answer_go_on(&answer, &desk.source, out, now - 3600 * SECOND), ANSWER_LATER);
	assert_int_equal(answer_go_on(&answer, &desk.source, out, now - 3550 * SECOND), ANSWER_DONE);
	evbuffer_free(out);
}

static void a240_users_who_are_not_root_leave_places_to_root(void **state)
{
	int clients[5 * 16];
	size_t count = 0;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(chmod(desk.directory, 0755), 0);
	for (uid_t user = 10001; user <= 10005; user++) {
		assert_int_equal(seteuid(user), 0);
		for (size_t i = 0; i < 16; i++) {
			clients[count] = dial(desk.monitor_path);
			/* Who is refused may be so before it has said a word. */
			if (send(clients[count++], "watch\n", 6, MSG_NOSIGNAL) < 0)
				assert_int_equal(errno, EPIPE);
			turn();
		}
		assert_int_equal(seteuid(0), 0);
	}
	assert_int_equal(server_clients(desk.server), 48);
	ask(desk.monitor_path, "status\n");
	answer_has("\"health\"");
	while (count > 0)
		close(clients[--count]);
}

static void watch_shows_a_frame_a_second(void **state)
{
	const int client = dial(desk.monitor_path);
	ssize_t length = -1;

	(void)state;
	add_session(1, "10.0.0.5", "anna");
	say(client, "watch\n");
	while (length < 0) {
		turn();
		length = read(client, desk.text, 65536);
	}
	desk.text[length] = '\0';
	answer_has("{\"status\":{\"version\":1");
	answer_has("\"sessions\":[{\"session\":\"1\"");
	answer_has("\"decisions\":[]}\n");
	server_tick(desk.server);
	turn();
	assert_int_equal(read(client, desk.text, 10), -1);
	close(client);
}

/* Many times what is kept for one client, a piece at a time. */
static void a_long_answer_comes_whole(void **state)
{
	size_t lines = 0;

	(void)state;
	for (uint64_t session = 1; session <= 12000; session++)
		add_session(session, "10.0.0.5", "somebody with a name that is rather long for a user");
	ask(desk.monitor_path, "sessions\n");
	for (const char *at = strchr(desk.text, '\n'); at; at = strchr(at + 1, '\n'))
		lines++;
	assert_int_equal(lines, 12001);
	assert_true(strlen(desk.text) > 2 << 20);
}

static void a_reader_that_stops_reading_is_let_go_and_nobody_waits_for_it(void **state)
{
	const int slow = dial(desk.monitor_path);
	const uint64_t start = clock_microseconds();

	(void)state;
	for (uint64_t session = 1; session <= 12000; session++)
		add_session(session, "10.0.0.5", "somebody with a name that is rather long for a user");
	say(slow, "sessions\n");
	turn();
	ask(desk.monitor_path, "pinholes\n");
	assert_true(clock_microseconds() - start < 2 * SECOND);
	while (server_clients(desk.server) > 0 && clock_microseconds() - start < 20 * SECOND) {
		const struct timespec pause = { .tv_nsec = 50000000 };

		nanosleep(&pause, NULL);
		server_tick(desk.server);
		turn();
	}
	assert_int_equal(server_clients(desk.server), 0);
	assert_true(clock_microseconds() - start >= 5 * SECOND);
	close(slow);
}

static void what_is_no_request_is_told_so_and_costs_nobody_anything(void **state)
{
	char line[REQUEST_MAX + 100];
	int client = dial(desk.monitor_path);

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(write(client, line, sizeof(line)), sizeof(line));
	assert_true(hear(client));
	answer_has("\"code\":\"too-long\"");
	close(client);
	/* What has no end may be the beginning of something else. */
	client = dial(desk.control_path);
	say(client, "kill 8f2c01");
	shutdown(client, SHUT_WR);
	assert_true(hear(client));
	answer_has("\"code\":\"syntax\"");
	assert_int_equal(desk.orders, 0);
	close(client);
	/* A client that ends what it says is answered to the end. */
	client = dial(desk.monitor_path);
	say(client, "status\n");
	shutdown(client, SHUT_WR);
	assert_true(hear(client));
	answer_has("\"health\"");
	assert_false(hear(client));
	close(client);
	ask(desk.monitor_path, "\n");
	answer_has("unknown-command");
}

/* Much more than there is room for on the way to it. */
static void who_asks_and_asks_and_reads_nothing_is_answered_when_it_reads(void **state)
{
	const int client = dial(desk.monitor_path);
	char requests[400 * sizeof("status") + 1] = "";
	size_t ends = 0;
	bool ended = false; /* the last byte was the end of a line */

	(void)state;
	for (int i = 0; i < 400; i++)
		strcat(requests, "status\n");
	say(client, requests);
	for (int i = 0; i < 100; i++) {
		server_tick(desk.server);
		turn();
	}
	assert_int_equal(server_clients(desk.server), 1);
	ask(desk.monitor_path, "pinholes\n");
	while (ends < 400) {
		const ssize_t length = read(client, desk.text, sizeof(desk.text));

		assert_int_not_equal(length, 0);
		for (ssize_t at = 0; at < length; at++) {
			ends += desk.text[at] == '\n' && ended ? 1 : 0;
			ended = desk.text[at] == '\n';
		}
		turn();
	}
	close(client);
}

static void half_a_request_is_waited_for_five_seconds(void **state)
{
	const int half = dial(desk.monitor_path);
	const int silent = dial(desk.monitor_path);
	const uint64_t start = clock_microseconds();

	(void)state;
	say(half, "stat");
	turn();
	assert_int_equal(server_clients(desk.server), 2);
	while (server_clients(desk.server) > 0 && clock_microseconds() - start < 20 * SECOND) {
		const struct timespec pause = { .tv_nsec = 50000000 };

		nanosleep(&pause, NULL);
		server_tick(desk.server);
		turn();
	}
	assert_true(clock_microseconds() - start >= 5 * SECOND && clock_microseconds() - start < 10 * SECOND);
	assert_true(hear(half));
	answer_has("\"code\":\"timeout\"");
	assert_false(hear(silent));
	assert_string_equal(desk.text, "");
	close(half);
	close(silent);
}

/* A thousand that say nothing, and one that does. */
static void who_speaks_finds_a_place_among_any_number_of_silent_ones(void **state)
{
	int silent[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		silent[i] = dial(desk.monitor_path);
		turn();
	}
	assert_true(server_clients(desk.server) <= 64);
	ask(desk.monitor_path, "status\n");
	answer_has("\"health\"");
	ask(desk.control_path, "status\n");
	answer_has("\"health\"");
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
	turn();
	server_tick(desk.server);
	assert_int_equal(server_clients(desk.server), 0);
}

static void where_all_places_are_taken_that_is_told(void **state)
{
	int busy[64];
	int more;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++) {
		busy[i] = dial(desk.monitor_path);
		say(busy[i], "transfers follow\n");
		turn();
	}
	more = dial(desk.monitor_path);
	assert_true(hear(more));
	answer_has("\"code\":\"busy\"");
	close(more);
	/* Who may act is not kept out by who looks. */
	ask(desk.control_path, "pinholes\n");
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		close(busy[i]);
}

/* Its children may have it for a moment longer. */
static void a_socket_whose_owner_is_gone_is_replaced(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/test_server.XXXXXX";
	char path[64];
	struct listen_settings settings = { .path = path, .mode = 0660, .group = "" };
	struct door door;
	char error[512];
	int left = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t owner;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(left, (const struct sockaddr *)&address, sizeof(address)), 0);
	owner = fork();
	if (owner == 0)
		_exit(listen(left, 8) < 0);
	assert_int_equal(waitpid(owner, NULL, 0), owner);
	assert_int_equal(listen_open(&door, &settings, error, sizeof(error)), LISTEN_GOOD);
	listen_close(&door);
	close(left);
	rmdir(directory);
}

static void a_socket_that_somebody_has_is_refused_with_who(void **state)
{
	const struct listen_settings settings = { .path = desk.control_path, .mode = 0660, .group = "" };
	struct door second;
	char error[512];
	char pid[32];

	(void)state;
	assert_int_equal(listen_open(&second, &settings, error, sizeof(error)), LISTEN_TAKEN);
	snprintf(pid, sizeof(pid), "process %d:", (int)getpid());
	assert_non_null(strstr(error, pid));
	ask(desk.control_path, "pinholes\n");
}

static void a_socket_of_the_dead_is_replaced_and_another_file_is_not(void **state)
{
	char path[128];
	struct listen_settings settings = { .path = path, .mode = 0660, .group = "" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct door door;
	struct door other;
	char error[512];
	int file;

	(void)state;
	snprintf(path, sizeof(path), "%s/made/dead", desk.directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(dead, 1), 0);
	close(dead);
	assert_int_equal(listen_open(&door, &settings, error, sizeof(error)), LISTEN_GOOD);
	close(dial(path));
	/* What took its place is not removed with it. */
	unlink(path);
	assert_int_equal(listen_open(&other, &settings, error, sizeof(error)), LISTEN_GOOD);
	listen_close(&door);
	close(dial(path));
	listen_close(&other);
	assert_int_equal(access(path, F_OK), -1);
	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(listen_open(&door, &settings, error, sizeof(error)), LISTEN_FAILED);
	assert_non_null(strstr(error, "no socket"));
	assert_int_equal(unlink(path), 0);
	settings.group = "nobody-has-this-group";
	assert_int_equal(listen_open(&door, &settings, error, sizeof(error)), LISTEN_FAILED);
	assert_non_null(strstr(error, "nobody-has-this-group"));
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define DESK_TEST(test) cmocka_unit_test_setup_teardown(test, desk_open, desk_close)
	const struct CMUnitTest tests[] = {
		DESK_TEST(status_is_one_object),
		DESK_TEST(sessions_are_listed_and_filtered),
		DESK_TEST(a_request_after_another_is_answered),
		DESK_TEST(why_ends_with_a_verdict),
		DESK_TEST(only_the_control_socket_changes_anything),
		DESK_TEST(an_order_is_answered_when_it_has_been_carried_out),
		DESK_TEST(who_follows_hears_of_each_transfer),
		DESK_TEST(a240_users_who_are_not_root_leave_places_to_root),
		DESK_TEST(a243_a_socket_has_its_rights_whatever_the_mask_is),
		DESK_TEST(a241_a_clock_that_is_set_back_stops_no_answer),
		DESK_TEST(watch_shows_a_frame_a_second),
		DESK_TEST(a_long_answer_comes_whole),
		DESK_TEST(a_reader_that_stops_reading_is_let_go_and_nobody_waits_for_it),
		DESK_TEST(what_is_no_request_is_told_so_and_costs_nobody_anything),
		DESK_TEST(who_asks_and_asks_and_reads_nothing_is_answered_when_it_reads),
		DESK_TEST(half_a_request_is_waited_for_five_seconds),
		DESK_TEST(who_speaks_finds_a_place_among_any_number_of_silent_ones),
		DESK_TEST(where_all_places_are_taken_that_is_told),
		DESK_TEST(a_socket_that_somebody_has_is_refused_with_who),
		DESK_TEST(a_socket_whose_owner_is_gone_is_replaced),
		DESK_TEST(a_socket_of_the_dead_is_replaced_and_another_file_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
