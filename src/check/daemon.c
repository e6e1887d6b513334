/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who listens on the queue? The kernel tells the netlink port of the listener, /proc/net/netlink the inode of the socket
 * that has this port, and the descriptors of the processes which of them has that socket. Processes that can't be seen
 * from here, of another container say, are not judged.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"

#define PROGRAM "ftpalg" /* how the names of its processes begin */
#define NETLINK_OF_NETFILTER 12 /* NETLINK_NETFILTER, as /proc prints it */

struct queue_listener {
	unsigned long port;
	unsigned long waiting;
	unsigned long inode;
	unsigned long pid; /* 0: not found */
	char name[64];
};

/* One line a queue that somebody listens on: queue number, netlink port of the listener, packets waiting, and more. */
static bool listener_find(struct queue_listener *listener, unsigned long wanted)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	char line[256], *rest;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const unsigned long queue = strtoul(line, &rest, 10);

		listener->port = strtoul(rest, &rest, 10);
		listener->waiting = strtoul(rest, NULL, 10);
		found = queue == wanted;
	}
	if (file)
		fclose(file);
	return found;
}

/* Columns: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
static void listener_find_inode(struct queue_listener *listener)
{
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];

	while (file && !listener->inode && fgets(line, sizeof(line), file)) {
		char *rest = line + strcspn(line, " ");
		const unsigned long protocol = strtoul(rest, &rest, 10);
		const unsigned long port = strtoul(rest, &rest, 10);
		const char *last;
		char *end;

		if (protocol != NETLINK_OF_NETFILTER || port != listener->port)
			continue;
		/* The inode is the last column, with blanks after it. */
		for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
			end[-1] = '\0';
		last = strrchr(line, ' ');
		listener->inode = last ? strtoul(last, NULL, 10) : 0;
	}
	if (file)
		fclose(file);
}

static bool process_has_socket(const char *pid, const char *wanted)
{
	char path[300], target[64];
	DIR *directory;
	struct dirent *entry;
	bool has = false;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	directory = opendir(path);
	while (directory && !has && (entry = readdir(directory))) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		has = strcmp(target, wanted) == 0;
	}
	if (directory)
		closedir(directory);
	return has;
}

static void process_read_name(struct queue_listener *listener)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lu/comm", listener->pid);
	file = fopen(path, "re");
	if (file && fgets(listener->name, sizeof(listener->name), file))
		listener->name[strcspn(listener->name, "\n")] = '\0';
	if (file)
		fclose(file);
	/* Anybody may choose this name, control characters and all. */
	for (char *at = listener->name; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

static void listener_find_process(struct queue_listener *listener)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", listener->inode);
	while (processes && !listener->pid && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) && process_has_socket(entry->d_name, wanted))
			listener->pid = strtoul(entry->d_name, NULL, 10);
	if (processes)
		closedir(processes);
	if (listener->pid)
		process_read_name(listener);
}

static void check_nobody_listens(struct check *check)
{
	const struct config *config = check->config;

	if (config->absent_open)
		check_note(check, "daemon: none listens on queue %u; until \"ftpalg run\" does, control connections pass "
			   "uninspected", config->queue);
	else
		check_missing(check, "daemon: none listens on queue %u, so control connections stand still: start "
			      "\"ftpalg run\"", config->queue);
}

void check_daemon(struct check *check)
{
	struct queue_listener listener = { .port = 0 };
	const unsigned int queue = check->config->queue;

	if (!listener_find(&listener, queue)) {
		check_nobody_listens(check);
		return;
	}
	listener_find_inode(&listener);
	if (listener.inode)
		listener_find_process(&listener);
	if (listener.pid && strncmp(listener.name, PROGRAM, strlen(PROGRAM)) != 0)
		check_missing(check, "daemon: queue %u is taken by \"%s\" (process %lu): stop that, or set another queue "
			      "in [gateway] and load the rules again", queue, listener.name, listener.pid);
	else
		check_ok(check, "daemon: one listens on queue %u (netlink port %lu), %lu packets wait for it", queue,
			 listener.port, listener.waiting);
}
