/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A post is a queue and the two processes that serve it: a worker and its broker. They begin with a socket whose two ends
 * are theirs alone, neither lives without the other, and the next pair begins when both have ended.
 *
 *   rules --sessions, by their ports or addresses--> queue --> worker, broker     post 0
 *                                               +--> queue + 1 --> worker, broker post 1
 *                                                                    |
 *            what all may have together (ftpalg/share.h) <-----------+
 *
 * Posts know nothing of each other but what they count together. One that dies or hangs is replaced as if it were alone, and
 * its successor adopts the connections that go on; its part of the counts is taken back here as soon as it is known to have
 * ended, because the successor counts again what it adopts. Sessions stay in their queue as long as the number of queues
 * stays the same. For another number, all posts must end before the first of the new ones begins, or a session could come
 * back to a worker that remembers where it stood before. So the number is chosen at the start, and again only by a program
 * that takes this one's place.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/log.h"
#include "run/internal.h"
#include "run/worker.h"

/* For events that wait for control: seconds of the highest rate. */
#define POST_WORKER_ROOM ((size_t)4 << 20)

static int post_run_worker(struct child *child, pid_t self)
{
	const struct post *post = child->owner;
	const struct supervisor *supervisor = post->supervisor;
	const struct worker_start start = {
		.config = supervisor->config, .config_path = supervisor->config_path, .queue = post->queue,
		.share = &post->share,
		.channel = child->channel, .first_session = child->feed->first_session, .events = &child->events,
		.page = child->page, .supervisor = self, .names = supervisor->names,
	};

	return worker_run(&start);
}

/* A broker ends with its channel, not by signals that are meant for the whole service: these stay blocked. */
static int post_run_broker(struct child *child, pid_t self)
{
	const struct post *post = child->owner;
	const struct supervisor *supervisor = post->supervisor;

	if (mprotect(supervisor->policies, sizeof(*supervisor->policies), PROT_READ) < 0)
		return -1;
	return broker_run(supervisor->config, post->queue, child->channel, supervisor->policies, child->page, self);
}

static const struct child worker_kind = {
	.name = "the worker", .title = "ftpalg-worker", .run = post_run_worker,
	.room = POST_WORKER_ROOM, .voice = CHANNEL_WORKER,
	.fate = "; the next one takes over the connections that go on",
};
static const struct child broker_kind = {
	.name = "the broker", .title = "ftpalg-broker", .run = post_run_broker,
	.fate = "; the worker ends with it, and both are started again",
};

static bool post_open(struct post *post, struct feeds *feeds)
{
	if (!child_open(&post->worker, &worker_kind, post, feeds) || !child_open(&post->broker, &broker_kind, post, feeds))
		return false;
	if (post->share.members == 1)
		return true;
	snprintf(post->worker_name, sizeof(post->worker_name), "the worker of queue %u", post->queue);
	snprintf(post->broker_name, sizeof(post->broker_name), "the broker of queue %u", post->queue);
	post->worker.name = post->worker_name;
	post->broker.name = post->broker_name;
	return true;
}

bool posts_open(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	const uint32_t workers = config->workers;
	bool good = true;
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
		log_message(LOG_LEVEL_ERROR, "the kernel gives no random numbers");
		return false;
	}
	supervisor->share_size = share_memory_size(workers, config->limits.sessions);
	supervisor->share = workers > 1 ? supervisor_share(supervisor->share_size) : NULL;
	if (workers > 1 && !supervisor->share) {
		log_message(LOG_LEVEL_ERROR, "no memory for what %u workers count together", workers);
		return false;
	}
	for (uint32_t i = 0; good && i < workers; i++) {
		struct post *post = &supervisor->posts[supervisor->post_count++];

		*post = (struct post){ .supervisor = supervisor, .queue = (uint16_t)(config->queue + i) };
		share_open(&post->share, supervisor->share, workers, config->limits.sessions, i, key);
		good = post_open(post, &supervisor->feeds);
	}
	return good;
}

static bool post_start(struct post *post)
{
	struct child *worker = &post->worker;
	struct child *broker = &post->broker;
	const struct child_home home = supervisor_home(post->supervisor);
	int ends[2];
	bool started;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_message(LOG_LEVEL_ERROR, "can't start %s: %s", worker->name, strerror(errno));
		return false;
	}
	worker->channel = ends[0];
	broker->channel = ends[1];
	post->restarts += worker->was_ready ? 1 : 0;
	started = child_start(worker, &home) && child_start(broker, &home);
	child_close_channel(worker);
	child_close_channel(broker);
	return started;
}

bool posts_start(struct supervisor *supervisor)
{
	bool started = true;

	for (uint32_t i = 0; started && i < supervisor->post_count; i++)
		started = post_start(&supervisor->posts[i]);
	return started;
}

/* One of the worker and its broker has ended: neither lives without the other. */
static bool post_reap(struct post *post, struct child *child, const struct child *partner)
{
	struct supervisor *supervisor = post->supervisor;
	int status;

	if (!child_reap(child, &status))
		return false;
	if (supervisor->ending) {
		supervisor_take_end(supervisor, child, status);
	} else if (!child->was_ready && !child->leaves) {
		/* What keeps the first one from starting (a queue that is taken) will last. */
		child_tell_failed_start(child, status);
		supervisor_end(supervisor, -1);
	} else {
		if (!child->leaves || !child_ended_well(status))
			child_tell_death(child, status, child->fate);
		/*
		 * If it ended well, somebody told it to, and may be about to tell this process too; then the other one ends
		 * as well.
		 */
		if (partner->pid != 0 && !child->leaves && !child_ended_well(status))
			kill(partner->pid, SIGKILL);
	}
	return true;
}

static void post_tend(struct post *post, bool look)
{
	struct supervisor *supervisor = post->supervisor;
	struct child *worker = &post->worker;
	struct child *broker = &post->broker;

	if (post_reap(post, worker, broker) && post->share.memory)
		share_take_back(&post->share);
	post_reap(post, broker, worker);
	if (look) {
		child_watch(worker, supervisor->config->watchdog);
		child_watch(broker, supervisor->config->watchdog);
	}
	if (!supervisor->ending && !supervisor->departing && worker->pid == 0 && broker->pid == 0 &&
	    child_may_restart(worker, look))
		post_start(post);
}

void posts_tend(struct supervisor *supervisor, bool look)
{
	for (uint32_t i = 0; i < supervisor->post_count; i++)
		post_tend(&supervisor->posts[i], look);
}

bool posts_begin(const struct supervisor *supervisor)
{
	bool begins = false;

	for (uint32_t i = 0; i < supervisor->post_count; i++)
		begins = begins || (supervisor->posts[i].worker.pid && !child_is_ready(&supervisor->posts[i].worker));
	return begins;
}

void posts_dismiss(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->post_count; i++) {
		struct post *post = &supervisor->posts[i];

		if (!post->worker.pid)
			continue;
		post->worker.leaves = true;
		post->broker.leaves = true;
		kill(post->worker.pid, SIGTERM);
	}
}

struct child *posts_find_owner(struct supervisor *supervisor, uint64_t session)
{
	struct child *found = NULL;

	for (uint32_t i = 0; i < supervisor->post_count; i++)
		if (child_has_session(&supervisor->posts[i].worker, session))
			found = &supervisor->posts[i].worker;
	return found;
}

void posts_close(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->post_count; i++) {
		child_close(&supervisor->posts[i].worker);
		child_close(&supervisor->posts[i].broker);
	}
	if (supervisor->share)
		munmap(supervisor->share, supervisor->share_size);
}
