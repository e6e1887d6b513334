/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service manager reads: each change once, no line that was not meant, and nothing is waited for. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/manager.h"
#include "unit.h"

#define TEXT_MAX 1024

struct reader {
	int file;
	char path[64]; /* "": abstract */
	char text[TEXT_MAX];
};

/* A manager's socket, named in the environment. */
static void open_reader(struct reader *reader, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[64];
	int length;

	length = snprintf(name, sizeof(name), "%s/tmp/ftpalg-test-manager.%ld", abstract ? "@" : "", (long)getpid());
	memcpy(address.sun_path, name, (size_t)length);
	if (abstract)
		address.sun_path[0] = '\0';
	snprintf(reader->path, sizeof(reader->path), "%s", abstract ? "" : name);
	reader->file = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(reader->file >= 0);
	assert_int_equal(bind(reader->file, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void close_reader(struct reader *reader)
{
	close(reader->file);
	if (reader->path[0])
		unlink(reader->path);
	unsetenv("NOTIFY_SOCKET");
}

/* The next datagram; "" if there is none. */
static const char *heard(struct reader *reader)
{
	const ssize_t length = recv(reader->file, reader->text, TEXT_MAX - 1, 0);

	reader->text[length > 0 ? length : 0] = '\0';
	return reader->text;
}

static void changes_are_told_once(bool abstract)
{
	struct reader reader;
	struct manager manager;
	char ready[64];

	open_reader(&reader, abstract);
	snprintf(ready, sizeof(ready), "READY=1\nMAINPID=%ld\nSTATUS=serves\n", (long)getpid());
	manager_find(&manager);
	assert_string_equal(heard(&reader), "");
	manager_tell(&manager, MANAGER_STARTING, "begins");
	assert_string_equal(heard(&reader), "STATUS=begins\n");
	manager_tell(&manager, MANAGER_READY, "serves");
	assert_string_equal(heard(&reader), ready);
	manager_tell(&manager, MANAGER_READY, "serves");
	assert_string_equal(heard(&reader), "");
	manager_tell(&manager, MANAGER_READY, "limps");
	assert_string_equal(heard(&reader), "STATUS=limps\n");
	manager_tell(&manager, MANAGER_STOPPING, "ends");
	assert_string_equal(heard(&reader), "STOPPING=1\nSTATUS=ends\n");
	close_reader(&reader);
}

static void told_at_a_path(void **state)
{
	(void)state;
	changes_are_told_once(false);
}

static void told_in_the_abstract_namespace(void **state)
{
	(void)state;
	changes_are_told_once(true);
}

/* systemd compares it with the time at which it asked. */
static void reloading_has_its_time(void **state)
{
	struct reader reader;
	struct manager manager;
	unsigned long long time = 0;
	const uint64_t before = clock_microseconds();
	int end = 0;

	(void)state;
	open_reader(&reader, false);
	manager_find(&manager);
	manager_tell(&manager, MANAGER_RELOADING, "reads");
	heard(&reader);
	assert_int_equal(sscanf(reader.text, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reads\n%n", &time, &end), 1);
	assert_int_equal(end, (int)strlen(reader.text));
	assert_true(time >= before && time <= clock_microseconds());
	close_reader(&reader);
}

/* What a configuration says is shown, and is no line of its own. */
static void a190_status_is_one_line(void **state)
{
	struct reader reader;
	struct manager manager;

	(void)state;
	open_reader(&reader, false);
	manager_find(&manager);
	manager_tell(&manager, MANAGER_STARTING, "bad\nWATCHDOG=trigger\x80 caf\xc3\xa9\xe2\x80\xa8");
	assert_string_equal(heard(&reader), "STATUS=bad?WATCHDOG=trigger? caf\xc3\xa9???\n");
	close_reader(&reader);
}

/* A manager that does not read is not waited for, and hears later what it has missed. */
static void a190_what_was_not_taken_is_told_again(void **state)
{
	struct reader reader;
	struct manager manager;
	char status[16];
	unsigned int number = 0;

	(void)state;
	open_reader(&reader, false);
	manager_find(&manager);
	do {
		snprintf(status, sizeof(status), "%u", ++number);
		manager_tell(&manager, MANAGER_STARTING, status);
	} while (strcmp(manager.status, status) == 0 && number < 100000);
	assert_true(number < 100000);
	manager_tell(&manager, MANAGER_READY, "serves");
	assert_int_equal(manager.told, MANAGER_STARTING);
	while (*heard(&reader))
		;
	manager_tell(&manager, MANAGER_READY, "serves");
	assert_memory_equal(heard(&reader), "READY=1\n", 8);
	close_reader(&reader);
}

static void a190_signs_of_life_come_twice_in_the_time(void **state)
{
	struct reader reader;
	struct manager manager;

	(void)state;
	open_reader(&reader, false);
	setenv("WATCHDOG_USEC", "30000000", 1);
	manager_find(&manager);
	manager_beat(&manager, 1000000);
	assert_string_equal(heard(&reader), "WATCHDOG=1\n");
	manager_beat(&manager, 15999999);
	assert_string_equal(heard(&reader), "");
	manager_beat(&manager, 16000000);
	assert_string_equal(heard(&reader), "WATCHDOG=1\n");
	close_reader(&reader);
}

/* Nor where there is no time, or none that can be read. */
static void a190_who_is_not_watched_gives_no_signs(void **state)
{
	static const char *const times[] = { "30000000", "-1", "", "30 s" };
	struct reader reader;
	struct manager manager;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		open_reader(&reader, false);
		setenv("WATCHDOG_USEC", times[i], 1);
		if (i == 0)
			setenv("WATCHDOG_PID", "1", 1);
		manager_find(&manager);
		manager_beat(&manager, 1);
		assert_string_equal(heard(&reader), "");
		close_reader(&reader);
	}
}

static void without_a_manager_nothing_happens(void **state)
{
	static const char *const names[] = { "", "/", "@", "relative", "vsock:2:1234" };
	struct manager manager;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		manager_find(&manager);
		manager_tell(&manager, MANAGER_READY, "serves");
		assert_int_equal(manager.told, MANAGER_READY);
	}
	unsetenv("NOTIFY_SOCKET");
	manager_tell(&manager, MANAGER_STOPPING, "ends");
	assert_int_equal(manager.told, MANAGER_STOPPING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_at_a_path),
		cmocka_unit_test(told_in_the_abstract_namespace),
		cmocka_unit_test(reloading_has_its_time),
		cmocka_unit_test(a190_status_is_one_line),
		cmocka_unit_test(a190_what_was_not_taken_is_told_again),
		cmocka_unit_test(a190_signs_of_life_come_twice_in_the_time),
		cmocka_unit_test(a190_who_is_not_watched_gives_no_signs),
		cmocka_unit_test(without_a_manager_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
