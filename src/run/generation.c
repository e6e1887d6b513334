/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A proxy reads its keys, then sheds the right to, then reads from peers; it can't go back. What it shows to clients changes
 * by another one that takes its place:
 *
 *   begin      a trial reads all files, and ends; then there are inlets; then the keys process reads the authority's key;
 *              when it has, the proxy reads the rest. What can't be used has been told before a connection is taken
 *   SERVING    it has the inlets, as its predecessor still has; each connection is taken by one of them
 *   drain      the predecessor lets go of the inlets and ends with its last session; the supervisor lets go of them as well
 *
 * The keys process is of the same generation as its proxy: a certificate is minted by the authority that its chain names. It
 * ends after the proxy. One that dies earlier is replaced only as long as its generation serves, since the files may be other
 * ones by then.
 */
#include "run/generation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/keys.h"
#include "process/service.h"

#define GENERATION_SECOND UINT64_C(1000000)
/* Reading a few files, on a machine that does much else. */
#define GENERATION_START_SECONDS 30
/* What a proxy needs to tell its sessions when drain-time has passed. */
#define GENERATION_GRACE_SECONDS 20

/* Reads what the two others will, and the authority's key, and signs with it as check does. */
static int generation_run_trial(const struct child *child, pid_t supervisor)
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

static int generation_run_keys(const struct child *child, pid_t supervisor)
{
	const struct generation *generation = child->owner;

	return keys_run(generation->config, generation->mint[1], child->page, supervisor);
}

static int generation_run_proxy(const struct child *child, pid_t supervisor)
{
	struct generation *generation = child->owner;
	const struct proxy_start start = {
		.config = generation->config, .config_path = generation->config_path, .inlets = &generation->inlets,
		.channel = generation->mint[0], .turn = generation->turn, .page = child->page, .supervisor = supervisor,
	};

	return proxy_run(&start);
}

static const struct child trial_kind = { .name = "the trial", .title = "ftpalg-trial", .run = generation_run_trial };
const struct child generation_keys_kind = {
	.name = "the keys process", .title = "ftpalg-keys", .run = generation_run_keys,
	.fate = "; handshakes that need a new certificate wait for the next one",
};
const struct child generation_proxy_kind = {
	.name = "the proxy", .title = "ftpalg-proxy", .run = generation_run_proxy,
	.fate = "; the connections that it relayed have ended, the next one takes new ones",
};

static void generation_close_mint(struct generation *generation, int kept)
{
	for (int i = 0; i < 2; i++) {
		if (i == kept || generation->mint[i] < 0)
			continue;
		close(generation->mint[i]);
		generation->mint[i] = -1;
	}
}

static void generation_close(struct generation *generation)
{
	generation_close_mint(generation, -1);
	proxy_close_inlets(&generation->inlets);
	child_close(&generation->trial);
	child_close(&generation->keys);
	child_close(&generation->proxy);
	free(generation->config);
	memset(generation, 0, sizeof(*generation));
}

bool generation_begin(struct generation *generation, const struct config *config, const char *config_path,
		      const struct child_home *home)
{
	*generation = (struct generation){
		.config = malloc(sizeof(*config)), .config_path = config_path, .mint = { -1, -1 },
		.drain_time = config->proxy.drain_time,
		.deadline = clock_microseconds() + GENERATION_START_SECONDS * GENERATION_SECOND,
		.inlets = { .listener = { -1, -1 }, .queue = -1 },
	};
	if (generation->config) {
		*generation->config = *config;
		sources_look(&generation->sources, config);
		generation->state = GENERATION_STARTING;
		if (child_open(&generation->trial, &trial_kind, generation) &&
		    child_open(&generation->keys, &generation_keys_kind, generation) &&
		    child_open(&generation->proxy, &generation_proxy_kind, generation) &&
		    child_start(&generation->trial, home))
			return true;
	}
	generation_close(generation);
	return false;
}

bool generation_start_proxy(struct generation *generation, uint32_t turn, const struct child_home *home)
{
	generation->turn = turn;
	return child_start(&generation->proxy, home);
}

static bool generation_start_keys(struct generation *generation, const struct generation *former,
				  const struct child_home *home)
{
	generation->step = GENERATION_KEYS;
	if (!proxy_open_inlets(&generation->inlets, generation->config, former ? &former->inlets : NULL, generation->fault,
			       sizeof(generation->fault)))
		return false;
	snprintf(generation->fault, sizeof(generation->fault), "can't start %s", generation->keys.name);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, generation->mint) < 0 ||
	    !child_start(&generation->keys, home))
		return false;
	generation->fault[0] = '\0';
	return true;
}

enum generation_progress generation_advance(struct generation *generation, const struct generation *former, uint32_t turn,
					    const struct child_home *home)
{
	int status;
	bool good = clock_microseconds() < generation->deadline;

	if (child_reap(&generation->trial, &status))
		good = good && child_ended_well(status) && generation_start_keys(generation, former, home);
	if (child_reap(&generation->keys, &status) || child_reap(&generation->proxy, &status) || !good)
		return GENERATION_FAILED;
	if (generation->step == GENERATION_KEYS && child_is_ready(&generation->keys)) {
		generation->step = GENERATION_PROXY;
		if (!generation_start_proxy(generation, turn, home))
			return GENERATION_FAILED;
	}
	return child_is_ready(&generation->proxy) ? GENERATION_READY : GENERATION_WAITS;
}

void generation_explain(const struct generation *generation, char *text, size_t size)
{
	const struct child *children[] = { &generation->trial, &generation->keys, &generation->proxy };

	snprintf(text, size, "%s", generation->fault[0] ? generation->fault : "it did not begin");
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		const char *fault = children[i]->page->fault;
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
	generation_close_mint(generation, -1);
	proxy_close_inlets(&generation->inlets);
	/* One that has not begun has no sessions, and no handler. */
	if (generation->proxy.pid != 0)
		kill(generation->proxy.pid, child_is_ready(&generation->proxy) ? SIGQUIT : SIGTERM);
}

bool generation_has_ended(const struct generation *generation)
{
	return generation->trial.pid == 0 && generation->keys.pid == 0 && generation->proxy.pid == 0;
}

void generation_discard(struct generation *generation)
{
	struct child *children[] = { &generation->trial, &generation->proxy, &generation->keys };

	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		if (children[i]->pid == 0)
			continue;
		kill(children[i]->pid, SIGKILL);
		waitpid(children[i]->pid, NULL, 0);
	}
	generation_close(generation);
}

void generation_leave(struct generation *generation, const struct child *kept)
{
	struct child *children[] = { &generation->trial, &generation->keys, &generation->proxy };
	bool own = false;

	if (generation->state == GENERATION_NONE)
		return;
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		own = own || kept == children[i];
		if (kept != children[i])
			child_close(children[i]);
	}
	if (kept != &generation->proxy)
		proxy_close_inlets(&generation->inlets);
	generation_close_mint(generation, kept == &generation->proxy ? 0 : kept == &generation->keys ? 1 : -1);
	if (!own)
		free(generation->config);
}
