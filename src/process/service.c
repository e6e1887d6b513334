/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reload may come at any time, and SIGHUP ends a process that has no handler for it. So it is blocked before anything
 * else is done, in this process and in all that it forks, and waits until a loop has its handler, or, in the supervisor,
 * until sigtimedwait() takes it. SIGTERM and SIGINT are not blocked before there is a loop: a start that hangs can be
 * ended.
 *
 * Whoever started the service may have left it a SIGCHLD that is ignored, and no process would see its children end then
 * (waitpid(2)), or a mask (execve(2) keeps both).
 */
#include "process/service.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct log_limit library_limit;

/* Libevent writes its warnings to standard error otherwise, and waits for it. */
static void service_on_library(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN && log_limit_allows(&library_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "libevent: %s", message);
}

void service_begin(void)
{
	/* A reader that went away; a file that has grown as long as it may; signals that are for nothing here. */
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGIO };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_SETMASK, &held, NULL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (log_start() < 0)
		log_message(LOG_LEVEL_WARNING, "messages wait for their reader: %s", strerror(errno));
	event_set_log_callback(service_on_library);
}

void service_take_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void service_on_stop(evutil_socket_t number, short what, void *base)
{
	(void)what;
	log_message(LOG_LEVEL_NOTICE, "stopping on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	event_base_loopbreak(base);
}

struct event *service_stop_on(struct event_base *base, int number)
{
	return evsignal_new(base, number, service_on_stop, base);
}

static int service_read(struct config *config, const char *path, int (*read_file)(struct config *, const char *, FILE *))
{
	char *text = NULL;
	size_t length = 0;
	FILE *errors = open_memstream(&text, &length);
	int result;

	if (!errors) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	result = read_file(config, path, errors);
	if (fclose(errors) == 0)
		log_lines(text);
	free(text);
	return result;
}

int service_load(struct config *config, const char *path)
{
	const int result = service_read(config, path, config_load_first);

	if (result > 0)
		log_message(LOG_LEVEL_NOTICE, "there is no %s, so the defaults of ftpalg.conf(5) hold", path);
	return result < 0 ? -1 : 0;
}

bool service_reload(struct config *next, const char *path, const char *rest)
{
	if (service_read(next, path, config_load) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s was not taken over; the policy stays as it was", path);
		return false;
	}
	log_message(LOG_LEVEL_NOTICE, "reloaded: the policy of %s is in force, for sessions that are open too%s", path, rest);
	return true;
}

void service_fail(struct heartbeat *page, const char *fault)
{
	log_message(LOG_LEVEL_ERROR, "%s", fault);
	snprintf(page->fault, sizeof(page->fault), "%s", fault);
}
