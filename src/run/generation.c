/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A proxy reads its keys, then gives up the right to, then reads from peers; it can't go back. What it shows to clients can
 * only change if another proxy takes its place:
 *
 *   begin      a trial reads all files, and ends; then inlets are opened; then the keys process reads the authority's key;
 *              when it has, the proxy reads the rest. What can't be used is reported before a connection is taken
 *   SERVING    it has the inlets, as its predecessor still has; each connection is taken by one of them
 *   drain      the predecessor lets go of the inlets and ends with its last session; the supervisor lets go of them as well
 *
 * The proxy is one process or several, its members, which share the inlets: one that is free takes the next connection, and
 * one that is busy, hangs or has died leaves it to the others. A session, and the listeners of its data connections, belong
 * to the process that took it, so members have nothing to tell each other but what they count (ftpalg/share.h). A member
 * that dies loses its own sessions, and the next one takes its place.
 *
 *                  +--> proxy 1 ===+
 *   inlets --------+--> proxy 2 ===+== orders ==> keys process
 *                  +--> ...        |
 *   counts of all <----------------+
 *
 * The keys process is of the same generation as its proxy: a certificate is minted by the authority that its chain names. It
 * ends after the proxy. If it dies earlier, it is replaced only while its generation serves, since later the files may have
 * changed.
 */
#include "run/generation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "keys/keys.h"
#include "process/service.h"

#define GENERATION_SECOND UINT64_C(1000000)
/* For reading a few files, on a machine that does much else. */
#define GENERATION_START_SECONDS 30
/* The time that a proxy needs to tell its sessions that drain-time has passed. */
#define GENERATION_GRACE_SECONDS 20
/* For events that wait for control: seconds of the highest rate. */
#define GENERATION_PROXY_ROOM ((size_t)4 << 20)
#define GENERATION_KEYS_ROOM ((size_t)128 << 10)

/* Reads what the two others will, and the authority's key, and signs with it as check does. */
static int generation_run_trial(struct child *child, pid_t supervisor)
{
	const struct generation *generation = child->owner;
	char error[HEARTBEAT_FAULT_MAX];
	struct tls *tls = proxy_read_keys(generation->config, NULL, NULL, error, sizeof(error));

	(void)supervisor;
	if (!tls)
		service_fail(child->page, error);
	tls_close(tls);
	return tls ? 0 : -1;
}

static int generation_run_keys(struct child *child, pid_t supervisor)
{
	const struct generation *generation = child->owner;

	int channels[CONFIG_WORKERS_MAX];

	for (uint32_t i = 0; i < generation->members; i++)
		channels[i] = generation->member[i].mint[1];
	return keys_run(generation->config, channels, generation->members, &child->events, child->page, supervisor);
}

static int generation_run_proxy(struct child *child, pid_t supervisor)
{
	const struct generation_member *member = child->owner;
	struct generation *generation = member->generation;
	const struct proxy_start start = {
		.config = generation->config, .config_path = generation->config_path, .inlets = &generation->inlets,
		.channel = member->mint[0], .share = &member->share, .first_session = child->feed->first_session,
		.events = &child->events, .page = child->page, .supervisor = supervisor, .names = generation->names,
	};

	return proxy_run(&start);
}

static const struct child trial_kind = { .name = "the trial", .title = "ftpalg-trial", .run = generation_run_trial };
const struct child generation_keys_kind = {
	.name = "the keys process", .title = "ftpalg-keys", .run = generation_run_keys,
	.room = GENERATION_KEYS_ROOM, .voice = CHANNEL_KEYS,
	.fate = "; handshakes that need a new certificate wait for the next one",
};
const struct child generation_proxy_kind = {
	.name = "the proxy", .title = "ftpalg-proxy", .run = generation_run_proxy,
	.room = GENERATION_PROXY_ROOM, .voice = CHANNEL_PROXY,
	.fate = "; the connections that it relayed have ended, the next one takes new ones",
};

/* Closes this end of all channels to the keys process but that of kept; NULL: all. */
static void generation_close_mints(struct generation *generation, int end, const struct child *kept)
{
	for (uint32_t i = 0; i < generation->members; i++) {
		int *mint = &generation->member[i].mint[end];

		if (*mint < 0 || kept == &generation->member[i].proxy)
			continue;
		close(*mint);
		*mint = -1;
	}
}

static void generation_close_counts(struct generation *generation)
{
	if (generation->counts)
		munmap(generation->counts, generation->counts_size);
	if (generation->counts_file >= 0)
		close(generation->counts_file);
	generation->counts = NULL;
	generation->counts_file = -1;
}

static void generation_close(struct generation *generation)
{
	generation_close_mints(generation, 0, NULL);
	generation_close_mints(generation, 1, NULL);
	generation_close_counts(generation);
	proxy_close_inlets(&generation->inlets);
	child_close(&generation->trial);
	child_close(&generation->keys);
	for (uint32_t i = 0; i < generation->members; i++)
		child_close(&generation->member[i].proxy);
	free(generation->config);
	memset(generation, 0, sizeof(*generation));
}

bool generation_make_members(struct generation *generation, uint32_t members, int counts_file, uint32_t sources)
{
	uint8_t key[16] = { 0 };
	void *counts = MAP_FAILED;

	generation->members = members;
	generation->counts_file = counts_file;
	generation->counts_sources = sources;
	generation->counts_size = share_memory_size(members, sources);
	if (counts_file >= 0)
		counts = mmap(NULL, generation->counts_size, PROT_READ | PROT_WRITE, MAP_SHARED, counts_file, 0);
	generation->counts = counts == MAP_FAILED ? NULL : counts;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return false;
	for (uint32_t i = 0; i < members; i++) {
		struct generation_member *member = &generation->member[i];

		*member = (struct generation_member){ .generation = generation, .mint = { -1, -1 } };
		share_open(&member->share, generation->counts, members, sources, i, key);
	}
	return generation->counts || counts_file < 0;
}

/* Memory of zeros. -1, which it has told: there is none. */
static int generation_open_counts(uint32_t members, uint32_t sources)
{
	const int file = memfd_create("ftpalg-counts", MFD_CLOEXEC);

	if (file >= 0 && ftruncate(file, (off_t)share_memory_size(members, sources)) == 0)
		return file;
	log_message(LOG_LEVEL_ERROR, "no memory for what %u processes of the proxy count together: %s", members, strerror(errno));
	if (file >= 0)
		close(file);
	return -1;
}

static void generation_name_member(struct generation_member *member)
{
	snprintf(member->name, sizeof(member->name), "the proxy's process %u", member->share.member + 1);
	member->proxy.name = member->name;
}

static bool generation_open_members(struct generation *generation, struct feeds *feeds)
{
	const uint32_t members = config_count_proxies(generation->config);
	const uint32_t sources = generation->config->limits.sessions;
	const int counts = members > 1 ? generation_open_counts(members, sources) : -1;
	bool good = generation_make_members(generation, members, counts, sources) && (members == 1 || counts >= 0);

	for (uint32_t i = 0; i < members && good; i++) {
		struct generation_member *member = &generation->member[i];

		good = child_open(&member->proxy, &generation_proxy_kind, member, feeds);
		if (members > 1)
			generation_name_member(member);
	}
	return good;
}

bool generation_begin(struct generation *generation, const struct config *config, const char *config_path,
		      const struct names_page *names, struct feeds *feeds, const struct child_home *home)
{
	*generation = (struct generation){
		.config = malloc(sizeof(*config)), .config_path = config_path, .names = names, .counts_file = -1,
		.drain_time = config->proxy.drain_time,
		.deadline = clock_microseconds() + GENERATION_START_SECONDS * GENERATION_SECOND,
		.inlets = { .listener = { -1, -1 }, .queue = -1 },
	};
	if (generation->config) {
		*generation->config = *config;
		sources_look(&generation->sources, config);
		generation->state = GENERATION_STARTING;
		if (child_open(&generation->trial, &trial_kind, generation, feeds) &&
		    child_open(&generation->keys, &generation_keys_kind, generation, feeds) &&
		    generation_open_members(generation, feeds) && child_start(&generation->trial, home))
			return true;
	}
	generation_close(generation);
	return false;
}

static bool generation_open_mints(struct generation *generation)
{
	bool good = true;

	for (uint32_t i = 0; good && i < generation->members; i++)
		good = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, generation->member[i].mint) == 0;
	return good;
}

static bool generation_start_keys(struct generation *generation, const struct generation *former,
				  const struct child_home *home)
{
	generation->step = GENERATION_KEYS;
	if (!proxy_open_inlets(&generation->inlets, generation->config, former ? &former->inlets : NULL, generation->fault,
			       sizeof(generation->fault)))
		return false;
	snprintf(generation->fault, sizeof(generation->fault), "can't start %s", generation->keys.name);
	if (!generation_open_mints(generation) || !child_start(&generation->keys, home))
		return false;
	generation->fault[0] = '\0';
	return true;
}

static bool generation_start_members(struct generation *generation, const struct child_home *home)
{
	bool good = true;

	generation->step = GENERATION_PROXY;
	for (uint32_t i = 0; good && i < generation->members; i++)
		good = child_start(&generation->member[i].proxy, home);
	return good;
}

/* A child of it, by number. NULL: there are no more. */
static struct child *generation_child(struct generation *generation, uint32_t number)
{
	if (number < generation->members)
		return &generation->member[number].proxy;
	if (number == generation->members)
		return &generation->keys;
	return number == generation->members + 1 ? &generation->trial : NULL;
}

/* Has one of the processes that begin ended? */
static bool generation_reap_any(struct generation *generation)
{
	struct child *child;
	bool ended = false;
	int status;

	/* The trial is reaped elsewhere: it is meant to end. */
	for (uint32_t i = 0; (child = generation_child(generation, i)) != &generation->trial; i++) {
		if (!child_reap(child, &status))
			continue;
		ended = true;
		child_tell_failed_start(child, status);
	}
	return ended;
}

enum generation_progress generation_advance(struct generation *generation, const struct generation *former,
					    const struct child_home *home)
{
	int status;
	bool good = clock_microseconds() < generation->deadline;

	if (child_reap(&generation->trial, &status))
		good = good && child_ended_well(status) && generation_start_keys(generation, former, home);
	if (generation_reap_any(generation) || !good)
		return GENERATION_FAILED;
	if (generation->step == GENERATION_KEYS && child_is_ready(&generation->keys) &&
	    !generation_start_members(generation, home))
		return GENERATION_FAILED;
	return generation_serves(generation) ? GENERATION_READY : GENERATION_WAITS;
}

bool generation_serves(const struct generation *generation)
{
	bool serves = generation->members > 0;

	for (uint32_t i = 0; i < generation->members; i++)
		serves = serves && child_is_ready(&generation->member[i].proxy);
	return serves;
}

bool generation_is_closed(const struct generation *generation)
{
	bool closed = true;

	for (uint32_t i = 0; i < generation->members; i++) {
		const struct child *proxy = &generation->member[i].proxy;

		closed = closed && (!proxy->pid || atomic_load(&proxy->page->closed));
	}
	return closed;
}

bool generation_has_proxy(const struct generation *generation)
{
	bool any = false;

	for (uint32_t i = 0; i < generation->members; i++)
		any = any || generation->member[i].proxy.pid;
	return any;
}

uint32_t generation_count_sessions(const struct generation *generation)
{
	uint32_t sessions = 0;

	for (uint32_t i = 0; i < generation->members; i++)
		sessions += atomic_load(&generation->member[i].proxy.page->sessions);
	return sessions;
}

void generation_take_back(struct generation *generation, const struct generation_member *member)
{
	if (generation->counts)
		share_take_back(&member->share);
}

void generation_explain(struct generation *generation, char *text, size_t size)
{
	const struct child *child;

	snprintf(text, size, "%s", generation->fault[0] ? generation->fault : "it did not begin");
	for (uint32_t i = 0; (child = generation_child(generation, i)) != NULL; i++) {
		const char *fault = child->page->fault;
		const size_t length = strnlen(fault, HEARTBEAT_FAULT_MAX);

		if (length > 0)
			snprintf(text, size, "%.*s", (int)length, fault);
	}
}

void generation_drain(struct generation *generation)
{
	const uint64_t patience = generation->drain_time + UINT64_C(1) * GENERATION_GRACE_SECONDS;

	generation->state = GENERATION_DRAINING;
	generation->deadline = clock_microseconds() + patience * GENERATION_SECOND;
	generation_close_mints(generation, 0, NULL);
	generation_close_mints(generation, 1, NULL);
	proxy_close_inlets(&generation->inlets);
	for (uint32_t i = 0; i < generation->members; i++) {
		const struct child *proxy = &generation->member[i].proxy;

		/* One that has not begun has no sessions, and no handler. */
		if (proxy->pid != 0)
			kill(proxy->pid, child_is_ready(proxy) ? SIGQUIT : SIGTERM);
	}
}

bool generation_has_ended(const struct generation *generation)
{
	return generation->trial.pid == 0 && generation->keys.pid == 0 && !generation_has_proxy(generation);
}

void generation_discard(struct generation *generation)
{
	const struct child *child;

	for (uint32_t i = 0; (child = generation_child(generation, i)) != NULL; i++) {
		if (child->pid == 0)
			continue;
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	generation_close(generation);
}

void generation_leave(struct generation *generation, const struct child *kept)
{
	const bool keys = kept == &generation->keys;
	bool proxy = false, own = false;
	struct child *child;

	if (generation->state == GENERATION_NONE)
		return;
	for (uint32_t i = 0; (child = generation_child(generation, i)) != NULL; i++) {
		own = own || kept == child;
		proxy = proxy || (kept == child && i < generation->members);
		if (kept != child)
			child_close(child);
	}
	if (!proxy) {
		proxy_close_inlets(&generation->inlets);
		generation_close_counts(generation);
	} else if (generation->counts_file >= 0) {
		close(generation->counts_file);
	}
	generation_close_mints(generation, 0, kept);
	if (!keys)
		generation_close_mints(generation, 1, NULL);
	if (!own)
		free(generation->config);
}
