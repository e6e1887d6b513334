/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * execve(2) keeps the process: its number, by which a service manager knows it; its children, which don't notice; and the
 * descriptors that are not to be closed. What these are is said in one variable of the environment: the version of the
 * order of estate_visit(), then numbers in that order, separated by spaces. So one function both reads and writes it. A
 * successor that can't read it can't go on with anything. Hence the trial before: the same file, run only to read the
 * configuration (-t) and, because of the variable, to compare the version, must end well.
 *
 * The signals that the supervisor waits for stay blocked across execve(2), and are there for the successor.
 */
#include "run/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ESTATE_VARIABLE "FTPALG_ESTATE"
#define ESTATE_VERSION 3
#define ESTATE_TEXT_MAX 32768

/* Numbers on their way into a text, or out of one. */
struct estate_text {
	char text[ESTATE_TEXT_MAX];
	size_t length;
	const char *next; /* NULL: they are written */
	bool good;
};

static int64_t estate_number(struct estate_text *text, int64_t value)
{
	char *end;

	if (!text->next) {
		const size_t room = sizeof(text->text) - text->length;
		const int written = snprintf(text->text + text->length, room, "%" PRId64 " ", value);

		text->good = text->good && written > 0 && (size_t)written < room;
		text->length += text->good ? (size_t)written : 0;
		return value;
	}
	errno = 0;
	value = strtoll(text->next, &end, 10);
	text->good = text->good && errno == 0 && end != text->next && *end == ' ';
	text->next = text->good ? end + 1 : text->next;
	return text->good ? value : -1;
}

/* A descriptor that is not to be closed by execve(2), and by the next one after that. */
static int estate_file(struct estate_text *text, int file)
{
	const bool writes = !text->next;

	file = (int)estate_number(text, file);
	if (file >= 0 && fcntl(file, F_SETFD, writes ? 0 : FD_CLOEXEC) < 0)
		text->good = false;
	return file;
}

static void estate_visit_child(struct estate_text *text, struct successor_child *child)
{
	child->pid = (pid_t)estate_number(text, child->pid);
	child->page_file = estate_file(text, child->page_file);
	child->feed_memory = estate_file(text, child->feed_memory);
	child->feed_wake = estate_file(text, child->feed_wake);
	child->first_session = (uint64_t)estate_number(text, (int64_t)child->first_session);
}

static void estate_visit_pair(struct estate_text *text, struct successor_pair *pair)
{
	estate_visit_child(text, &pair->keys);
	pair->members = (uint32_t)estate_number(text, pair->members);
	if (pair->members == 0 || pair->members > CONFIG_WORKERS_MAX)
		text->good = false;
	for (uint32_t i = 0; text->good && i < pair->members; i++)
		estate_visit_child(text, &pair->proxy[i]);
	pair->counts_file = estate_file(text, pair->counts_file);
	pair->counts_sources = (uint32_t)estate_number(text, pair->counts_sources);
	pair->drain_time = (uint32_t)estate_number(text, pair->drain_time);
	pair->deadline = (uint64_t)estate_number(text, (int64_t)pair->deadline);
}

static void estate_visit_inlets(struct estate_text *text, struct proxy_inlets *inlets)
{
	inlets->port = (uint16_t)estate_number(text, inlets->port);
	inlets->tproxy = estate_number(text, inlets->tproxy) == 1;
	inlets->number = (uint16_t)estate_number(text, inlets->number);
	for (int i = 0; i < PROXY_LISTENERS; i++)
		inlets->listener[i] = estate_file(text, inlets->listener[i]);
	inlets->queue = estate_file(text, inlets->queue);
}

static bool estate_visit(struct estate_text *text, struct successor_estate *estate)
{
	if (estate_number(text, ESTATE_VERSION) != ESTATE_VERSION || !text->good)
		return false;
	estate->sessions = (uint64_t)estate_number(text, (int64_t)estate->sessions);
	estate->serves = estate_number(text, estate->serves) == 1;
	if (estate->serves) {
		estate_visit_inlets(text, &estate->inlets);
		estate_visit_pair(text, &estate->serving);
	}
	estate->draining_count = (uint32_t)estate_number(text, estate->draining_count);
	if (estate->draining_count > SUCCESSOR_DRAINING_MAX)
		return false;
	for (uint32_t i = 0; i < estate->draining_count; i++)
		estate_visit_pair(text, &estate->draining[i]);
	return text->good;
}

void successor_find(struct successor *successor, const char *command, const char *config_path)
{
	const ssize_t length = readlink("/proc/self/exe", successor->program, sizeof(successor->program) - 1);

	successor->program[length > 0 ? length : 0] = '\0';
	successor->command = command;
	successor->config_path = config_path;
}

/* option: or NULL. */
static void successor_execute(const struct successor *successor, const char *option)
{
	const char *arguments[] = { successor->program, successor->command, "-c", successor->config_path, option, NULL };

	/* execve(2) does not write to them. */
	execv(successor->program, (char *const *)(uintptr_t)arguments);
}

pid_t successor_try(const struct successor *successor)
{
	const pid_t pid = fork();
	struct estate_text text = { .good = true };
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	estate_number(&text, ESTATE_VERSION);
	setenv(ESTATE_VARIABLE, text.text, 1);
	successor_execute(successor, "-t");
	fprintf(stderr, "ftpalg: can't start %s: %s\n", successor->program, strerror(errno));
	_exit(1);
}

bool successor_write(const struct successor_estate *estate)
{
	struct successor_estate copy = *estate;
	struct estate_text text = { .good = true };

	return estate_visit(&text, &copy) && setenv(ESTATE_VARIABLE, text.text, 1) == 0;
}

void successor_become(const struct successor *successor, const struct successor_estate *estate)
{
	struct successor_estate back;
	int error = EOVERFLOW;

	if (successor_write(estate)) {
		successor_execute(successor, NULL);
		error = errno;
	}
	/* All that was opened for it is closed to others again. */
	successor_inherit(&back);
	errno = error;
}

bool successor_could_inherit(void)
{
	const char *value = getenv(ESTATE_VARIABLE);
	struct estate_text text = { .good = true, .next = value };

	return !value || estate_number(&text, 0) == ESTATE_VERSION;
}

bool successor_is_inheriting(void)
{
	return getenv(ESTATE_VARIABLE) != NULL;
}

bool successor_inherit(struct successor_estate *estate)
{
	const char *value = getenv(ESTATE_VARIABLE);
	struct estate_text text = { .good = true };
	bool inherited = false;

	memset(estate, 0, sizeof(*estate));
	if (value) {
		text.next = value;
		inherited = estate_visit(&text, estate);
	}
	unsetenv(ESTATE_VARIABLE);
	return inherited;
}
