/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Restarts without a pause: one a second on average, and three at once. */
#define CHILD_SECOND UINT64_C(1000000)
#define CHILD_CREDIT (3 * CHILD_SECOND)

static bool child_map(struct child *child)
{
	void *memory = child->page_file < 0
			       ? MAP_FAILED
			       : mmap(NULL, sizeof(*child->page), PROT_READ | PROT_WRITE, MAP_SHARED, child->page_file, 0);

	if (memory != MAP_FAILED)
		child->page = memory;
	else
		log_message(LOG_LEVEL_ERROR, "no memory for %s", child->name);
	return memory != MAP_FAILED;
}

bool child_open(struct child *child, const struct child *kind, void *owner, struct feeds *feeds)
{
	*child = *kind;
	child->owner = owner;
	child->channel = -1;
	child->page_file = memfd_create(kind->title, MFD_CLOEXEC);
	if (child->page_file >= 0 && ftruncate(child->page_file, sizeof(*child->page)) < 0) {
		close(child->page_file);
		child->page_file = -1;
	}
	if (kind->room > 0)
		child->feed = feeds_open(feeds, kind->voice, kind->room);
	return child_map(child) && (child->feed || kind->room == 0);
}

bool child_adopt(struct child *child, const struct child *kind, pid_t pid, int page_file, struct feed *feed)
{
	*child = *kind;
	child->channel = -1;
	child->pid = pid;
	child->was_ready = true;
	child->page_file = page_file;
	child->feed = feed;
	return child_map(child);
}

void child_close_channel(struct child *child)
{
	if (child->channel >= 0)
		close(child->channel);
	child->channel = -1;
}

void child_close(struct child *child)
{
	if (!child->name)
		return;
	child_close_channel(child);
	feed_end(child->feed);
	child->feed = NULL;
	if (child->page)
		munmap(child->page, sizeof(*child->page));
	if (child->page_file >= 0)
		close(child->page_file);
	child->page = NULL;
	child->page_file = -1;
	child->pid = 0;
}

/* In the new process. */
static _Noreturn void child_become(struct child *child, const struct child_home *home, pid_t parent)
{
	int result = -1;

	home->leave(home->context, child);
	close(child->page_file);
	log_forget();
	prctl(PR_SET_NAME, child->title, 0, 0, 0);
	if (!child->feed || feed_write(child->feed, &child->events))
		result = child->run(child, parent);
	log_finish();
	_exit(result == 0 ? 0 : 1);
}

bool child_start(struct child *child, const struct child_home *home)
{
	const pid_t self = getpid();

	atomic_store(&child->page->ready, false);
	atomic_store(&child->page->closed, false);
	atomic_store(&child->page->sessions, 0);
	atomic_store(&child->page->condemned, 0);
	memset(child->page->fault, 0, sizeof(child->page->fault));
	child->beat = atomic_load(&child->page->beat);
	child->misses = 0;
	child->leaves = false;
	if (child->feed) {
		feed_begin(child->feed);
		feed_announce(child->feed);
	}
	child->pid = fork();
	if (child->pid == 0)
		child_become(child, home, self);
	if (child->pid > 0)
		return true;
	log_message(LOG_LEVEL_ERROR, "can't start %s: %s", child->name, strerror(errno));
	child->pid = 0;
	return false;
}

bool child_is_ready(const struct child *child)
{
	return child->pid != 0 && atomic_load(&child->page->ready);
}

bool child_has_session(const struct child *child, uint64_t session)
{
	return child_is_ready(child) && child->feed && feed_has_session(child->feed, session);
}

bool child_ended_well(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT
				   : WEXITSTATUS(status) == 0;
}

bool child_reap(struct child *child, int *status)
{
	if (child->pid == 0 || waitpid(child->pid, status, WNOHANG) != child->pid)
		return false;
	child->pid = 0;
	child->was_ready = child->was_ready || atomic_load(&child->page->ready);
	return true;
}

void child_tell_death(const struct child *child, int status, const char *fate)
{
	/* systemd's filters kill by default (SystemCallErrorNumber= unset), and so does the sandbox's own. */
	const char *cause = !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS ? "" :
			    child->was_ready ? " by the filter of its own sandbox, which is a fault" :
			    " by the filter of system calls that it was started with (in a unit of systemd: SystemCallFilter=)";

	if (WIFSIGNALED(status))
		log_message(LOG_LEVEL_ERROR, "%s was ended by signal %d (%s)%s%s", child->name, WTERMSIG(status),
			    strsignal(WTERMSIG(status)), cause, fate);
	else
		log_message(LOG_LEVEL_ERROR, "%s ended by itself with status %d%s", child->name, WEXITSTATUS(status), fate);
}

void child_tell_failed_start(const struct child *child, int status)
{
	if (WIFSIGNALED(status) && !child_ended_well(status))
		child_tell_death(child, status, "");
}

void child_watch(struct child *child, uint32_t limit)
{
	const uint64_t beat = atomic_load(&child->page->beat);

	if (limit == 0 || !child_is_ready(child))
		return;
	child->misses = beat == child->beat ? child->misses + 1 : 0;
	child->beat = beat;
	if (child->misses < limit)
		return;
	log_message(LOG_LEVEL_ERROR, "%s has not moved for %u seconds and is killed", child->name, limit);
	kill(child->pid, SIGKILL);
	child->misses = 0;
}

bool child_may_restart(struct child *child, bool quiet)
{
	const uint64_t now = clock_microseconds();
	const uint64_t credit = child->credit + now - child->counted;

	child->credit = credit < CHILD_CREDIT ? credit : CHILD_CREDIT;
	child->counted = now;
	if (!quiet && child->credit < CHILD_SECOND)
		return false;
	if (!quiet)
		child->credit -= CHILD_SECOND;
	return true;
}
