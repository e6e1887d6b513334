/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel says which netlink port the listener has, /proc/net/netlink which inode the socket with this port has, and the
 * descriptors of processes which of them has that socket.
 */
#include "netfilter/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETLINK_OF_NETFILTER 12 /* NETLINK_NETFILTER, as /proc prints it */

/* A line for each queue that has a listener: queue number, netlink port of the listener, packets waiting, and more. */
static bool holder_find_port(struct holder *holder, unsigned long wanted)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	char line[256], *rest;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const unsigned long queue = strtoul(line, &rest, 10);

		holder->port = strtoul(rest, &rest, 10);
		holder->waiting = strtoul(rest, NULL, 10);
		found = queue == wanted;
	}
	if (file)
		fclose(file);
	return found;
}

/* Columns: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
static void holder_find_inode(struct holder *holder)
{
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];

	while (file && !holder->inode && fgets(line, sizeof(line), file)) {
		char *rest = line + strcspn(line, " ");
		const unsigned long protocol = strtoul(rest, &rest, 10);
		const unsigned long port = strtoul(rest, &rest, 10);
		const char *last;
		char *end;

		if (protocol != NETLINK_OF_NETFILTER || port != holder->port)
			continue;
		/* The inode is the last column, with blanks after it. */
		for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
			end[-1] = '\0';
		last = strrchr(line, ' ');
		holder->inode = last ? strtoul(last, NULL, 10) : 0;
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

static void holder_read_name(struct holder *holder)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lu/comm", holder->pid);
	file = fopen(path, "re");
	if (file && fgets(holder->name, sizeof(holder->name), file))
		holder->name[strcspn(holder->name, "\n")] = '\0';
	if (file)
		fclose(file);
	/* Anybody may choose this name, control characters and all. */
	for (char *at = holder->name; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

static void holder_find_process(struct holder *holder)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", holder->inode);
	while (processes && !holder->pid && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) && process_has_socket(entry->d_name, wanted))
			holder->pid = strtoul(entry->d_name, NULL, 10);
	if (processes)
		closedir(processes);
	if (holder->pid)
		holder_read_name(holder);
}

bool holder_find(struct holder *holder, uint16_t queue)
{
	*holder = (struct holder){ .port = 0 };
	if (!holder_find_port(holder, queue))
		return false;
	holder_find_inode(holder);
	if (holder->inode)
		holder_find_process(holder);
	return true;
}
