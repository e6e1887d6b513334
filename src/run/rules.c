/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor hears of each change of nft's rules (rulewatch.c) and decides when to look (vigil.c). It does not look
 * itself: programs of the system say what is loaded, and may take their time, so a separate process asks them, leaves what
 * it has seen in memory that both map, and ends.
 *
 *   nft, firewalld, iptables-nft... --netlink--> rules_tend --fork--> looker: nft, iptables-save --> sight
 *                                                     |<-------------- its end ------------------------+
 *                                                     +-- gone, back: message, event, page for others
 *                                                     +-- restore-rules --fork--> nft -f -, or sh
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "check/listings.h"
#include "check/system.h"
#include "rules/rules.h"
#include "run/internal.h"

#define RULES_SECOND UINT64_C(1000000)
/* Each of the programs that a process runs has ten seconds (check/system.c). */
#define RULES_PROCESS_SECONDS 60
#define RULES_TEXT_MAX 256

static const char *const rules_family[RULESTATE_FAMILIES] = { "IPv4", "IPv6" };

bool rules_begin(struct supervisor *supervisor)
{
	struct rules_guard *guard = &supervisor->rules;
	int result;

	guard->sight = supervisor_share(sizeof(*guard->sight));
	guard->page = supervisor_share(sizeof(*guard->page));
	if (!guard->sight || !guard->page) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return false;
	}
	result = rulewatch_open(&guard->watch);
	if (result < 0)
		log_message(LOG_LEVEL_WARNING, "changes of the firewall's rules are seen a minute late: %s", strerror(-result));
	vigil_begin(&guard->vigil, clock_microseconds());
	return true;
}

static void rules_kill(pid_t *pid)
{
	if (*pid) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

void rules_end(struct supervisor *supervisor)
{
	rules_kill(&supervisor->rules.looker);
	rules_kill(&supervisor->rules.loader);
}

/* A process that soon ends and takes signals as usual. Returns its number in the supervisor, and 0 in the process; or -1. */
static pid_t rules_fork(void)
{
	const pid_t pid = fork();
	sigset_t none;

	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		log_forget();
		prctl(PR_SET_NAME, "ftpalg-rules", 0, 0, 0);
	} else if (pid < 0) {
		log_message(LOG_LEVEL_WARNING, "can't look after the firewall's rules: %s", strerror(errno));
	}
	return pid;
}

static void rules_look(struct rules_guard *guard, const struct config *config, uint64_t now)
{
	const pid_t pid = rules_fork();

	if (pid == 0) {
		listings_see(config, guard->sight);
		_exit(0);
	}
	guard->looker = pid > 0 ? pid : 0;
	guard->deadline = now + RULES_PROCESS_SECONDS * RULES_SECOND;
	if (!guard->looker)
		vigil_miss(&guard->vigil, now);
}

/* In the new process: becomes the program that loads what rules_print() prints. */
static _Noreturn void rules_become_loader(const struct config *config, bool nft)
{
	const struct rules_request request = {
		.kind = nft ? RULES_NFT : RULES_IPTABLES, .families = { true, true },
	};
	static const char *const with_nft[] = { "nft", "-f", "-", NULL }, *const with_sh[] = { "sh", "-s", NULL };
	const char *const *arguments = nft ? with_nft : with_sh;
	const int file = memfd_create("rules", 0);
	char path[RULES_TEXT_MAX];

	if (file < 0 || dup2(file, STDOUT_FILENO) < 0)
		_exit(1);
	rules_print(&request, config);
	if (fflush(stdout) != 0 || lseek(file, 0, SEEK_SET) < 0 || dup2(file, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || !check_find_program(arguments[0], path, sizeof(path)))
		_exit(1);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	/* execve(2) does not write to them. */
	execv(path, (char *const *)(uintptr_t)arguments);
	_exit(1);
}

static void rules_restore(struct rules_guard *guard, const struct config *config)
{
	const pid_t pid = rules_fork();

	if (pid == 0)
		rules_become_loader(config, guard->vigil.nft);
	guard->loader = pid > 0 ? pid : 0;
	guard->deadline = clock_microseconds() + RULES_PROCESS_SECONDS * RULES_SECOND;
}

static void rules_tell_gone(struct supervisor *supervisor, int family)
{
	const struct rules_guard *guard = &supervisor->rules;
	char text[RULES_TEXT_MAX];
	size_t length = (size_t)snprintf(text, sizeof(text), "%s", rules_family[family]);

	if (guard->watch.name[0])
		snprintf(text + length, sizeof(text) - length, ", after a change by \"%s\" (process %u)", guard->watch.name,
			 guard->watch.pid);
	log_message(LOG_LEVEL_ERROR, "the rules for %s are gone, so the gateway sees no new control connection; %s what \"ftpalg rules"
		    " %s\" prints%s", text, supervisor->config->restore_rules ? "it loads" : "load", guard->vigil.nft ? "nft" :
		    "iptables", supervisor->config->restore_rules ? "" : " (a unit of systemd: systemctl restart ftpalg-rules), or"
		    " set \"restore-rules = yes\"");
	supervisor_tell(supervisor, NOTICE_RULES_GONE, REASON_NONE, text, 0);
}

static void rules_tell_back(struct supervisor *supervisor, int family)
{
	log_message(LOG_LEVEL_NOTICE, "the rules for %s are back", rules_family[family]);
	supervisor_tell(supervisor, NOTICE_RULES_BACK, REASON_NONE, rules_family[family], 0);
}

/* Those who read the page have a clock on the wall. */
static void rules_publish(struct rules_guard *guard)
{
	static const enum rulestate shown[] = {
		[VIGIL_UNKNOWN] = RULESTATE_UNKNOWN, [VIGIL_LOADED] = RULESTATE_LOADED, [VIGIL_DOUBTED] = RULESTATE_LOADED,
		[VIGIL_GONE] = RULESTATE_GONE,
	};
	const uint64_t now = clock_microseconds();
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	for (int i = 0; i < RULESTATE_FAMILIES; i++) {
		const struct vigil_family *family = &guard->vigil.family[i];
		const uint64_t present = (uint64_t)wall.tv_sec * RULES_SECOND + (uint64_t)wall.tv_nsec / 1000;

		if (atomic_load(&guard->page->state[i]) == (uint32_t)shown[family->state])
			continue;
		memcpy(guard->page->author_name, guard->watch.name, sizeof(guard->page->author_name));
		atomic_store(&guard->page->author, guard->watch.pid);
		atomic_store(&guard->page->since[i], present - (now - family->since));
		atomic_store(&guard->page->state[i], (uint32_t)shown[family->state]);
	}
	atomic_store(&guard->page->nft, guard->vigil.nft);
}

static void rules_see(struct supervisor *supervisor, uint64_t now)
{
	struct rules_guard *guard = &supervisor->rules;
	struct vigil_sight sight = { .nft = guard->sight->nft };
	struct vigil_news news;

	memcpy(sight.wanted, guard->sight->told, sizeof(sight.wanted));
	memcpy(sight.loaded, guard->sight->loaded, sizeof(sight.loaded));
	news = vigil_see(&guard->vigil, &sight, supervisor->config->restore_rules, now);
	rules_publish(guard);
	for (int i = 0; i < RULESTATE_FAMILIES; i++) {
		if (news.gone[i])
			rules_tell_gone(supervisor, i);
		if (news.back[i])
			rules_tell_back(supervisor, i);
	}
	if (news.restore)
		rules_restore(guard, supervisor->config);
}

/* Has such a process ended, well or not? One that takes too long is killed. */
static bool rules_reap(struct rules_guard *guard, pid_t *pid, uint64_t now, bool *well)
{
	int status;

	if (now >= guard->deadline)
		kill(*pid, SIGKILL);
	if (waitpid(*pid, &status, WNOHANG) != *pid)
		return false;
	*pid = 0;
	*well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return true;
}

void rules_tend(struct supervisor *supervisor)
{
	struct rules_guard *guard = &supervisor->rules;
	const uint64_t now = clock_microseconds();
	bool well;

	if (rulewatch_take(&guard->watch))
		vigil_hear(&guard->vigil, now);
	if (guard->looker) {
		if (!rules_reap(guard, &guard->looker, now, &well))
			return;
		if (well)
			rules_see(supervisor, now);
		else
			vigil_miss(&guard->vigil, now);
	} else if (guard->loader) {
		if (!rules_reap(guard, &guard->loader, now, &well))
			return;
		if (!well)
			log_message(LOG_LEVEL_ERROR, "the rules could not be loaded again");
		vigil_hear(&guard->vigil, now);
	} else if (vigil_is_due(&guard->vigil, now) && !supervisor->departing) {
		rules_look(guard, supervisor->config, now);
	}
}
