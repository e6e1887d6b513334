/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The protocol is one datagram of NAME=VALUE lines to a socket that the environment names, so there is no library in it. The
 * environment stays as it is, for the program that replaces this one in the same process; who is forked says nothing.
 *
 * The manager's socket may be full, as it is while a machine starts all at once. A datagram that finds no room is not
 * waited for, since the manager itself may wait for this service: what was told is remembered only if it was sent, so that
 * the next look sends it again.
 */
#include "process/manager.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/utf8.h"

/* Returns the length of the address; 0: there is none that can be used. */
static socklen_t manager_find_address(struct sockaddr_un *address)
{
	const char *name = getenv("NOTIFY_SOCKET");
	const size_t length = name ? strlen(name) : 0;

	if (length < 2 || length >= sizeof(address->sun_path) || (name[0] != '/' && name[0] != '@'))
		return 0;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, length);
	/* A name in the abstract namespace begins with a NUL, which nobody can put into the environment. */
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* True too where nobody wants to know. */
static bool manager_send(const char *text, size_t length)
{
	struct sockaddr_un address;
	const socklen_t size = manager_find_address(&address);
	ssize_t sent = -1;
	int socket_file;

	if (!size)
		return true;
	socket_file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_file < 0)
		return false;
	sent = sendto(socket_file, text, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
	close(socket_file);
	return sent >= 0;
}

/* The number in a variable of the environment; 0: there is none. */
static uint64_t manager_find_number(const char *name)
{
	const char *value = getenv(name);
	uint64_t number = 0;

	if (value &&
	    number_read((struct bytes){ (const uint8_t *)value, strlen(value) }, 10, UINT64_MAX, &number) != NUMBER_GOOD)
		number = 0;
	return number;
}

void manager_find(struct manager *manager)
{
	const uint64_t watched = manager_find_number("WATCHDOG_PID");

	*manager = (struct manager){ .told = MANAGER_STARTING };
	/* Twice in the time that is granted, as sd_watchdog_enabled(3) has it. */
	if (watched == 0 || watched == (uint64_t)getpid())
		manager->interval = manager_find_number("WATCHDOG_USEC") / 2;
}

/* A line is a line: what is in it may have come from a configuration. */
static void manager_clean(char *text)
{
	const size_t length = strlen(text);

	for (size_t at = 0; at < length;) {
		uint32_t character;
		const struct bytes rest = { (const uint8_t *)text + at, length - at };
		const size_t size = character_read(rest, &character);

		if (size == 0 || !character_is_printable(character))
			memset(text + at, '?', size ? size : 1);
		at += size ? size : 1;
	}
}

static size_t manager_write(const struct manager *manager, char *text, size_t size, enum manager_state state,
			    const char *status)
{
	int length = 0;

	if (state != manager->told && state == MANAGER_READY)
		length = snprintf(text, size, "READY=1\nMAINPID=%ld\n", (long)getpid());
	else if (state != manager->told && state == MANAGER_RELOADING)
		length = snprintf(text, size, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n", clock_microseconds());
	else if (state != manager->told && state == MANAGER_STOPPING)
		length = snprintf(text, size, "STOPPING=1\n");
	length += snprintf(text + length, size - (size_t)length, "STATUS=%s\n", status);
	return (size_t)length;
}

void manager_tell(struct manager *manager, enum manager_state state, const char *status)
{
	char text[MANAGER_STATUS_MAX + 128];
	char clean[MANAGER_STATUS_MAX];

	snprintf(clean, sizeof(clean), "%s", status);
	manager_clean(clean);
	if (manager->told == state && strcmp(manager->status, clean) == 0)
		return;
	if (!manager_send(text, manager_write(manager, text, sizeof(text), state, clean)))
		return;
	manager->told = state;
	memcpy(manager->status, clean, sizeof(manager->status));
}

void manager_beat(struct manager *manager, uint64_t now)
{
	static const char sign[] = "WATCHDOG=1\n";

	if (manager->interval && now >= manager->due && manager_send(sign, sizeof(sign) - 1))
		manager->due = now + manager->interval;
}
