/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * If a socket that exists refuses us, its owner has died: it is removed, and made again. If it lets us in, another gateway
 * runs, and the kernel says which (SO_PEERCRED is the process that called listen). Of two that start at the same moment the
 * second may take the first one's place; but they can't both have the queue.
 *
 * Nobody may connect before the socket has its mode and its group: it has the mode from the moment at which it exists, and
 * the group before it listens. Nothing that is done by its path would follow a link, which anybody who may write to the
 * directory could put in its place.
 */
#include "control/listen.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Clients that connect at once wait here for a turn of the loop. */
#define LISTEN_BACKLOG 128
#define LISTEN_GROUP_SIZE 16384

static bool listen_set_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (size_t)snprintf(address->sun_path, sizeof(address->sun_path), "%s", path) < sizeof(address->sun_path);
}

/*
 * Children of a process that was killed have its socket for a moment longer; the process that called listen is gone then.
 */
static bool owner_is_gone(const struct ucred *owner)
{
	return owner->pid > 0 && kill(owner->pid, 0) < 0 && errno == ESRCH;
}

/* True: another process listens there, and error says which. */
static bool listen_is_taken(const char *path, char *error, size_t size)
{
	const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	struct ucred owner = { .pid = 0 };
	socklen_t length = sizeof(owner);
	bool taken = false;

	if (probe < 0)
		return false;
	/* EAGAIN: it exists, and is busy. */
	if (listen_set_address(&address, path) &&
	    (connect(probe, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)) {
		if (getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &owner, &length) < 0)
			owner.pid = 0;
		taken = !owner_is_gone(&owner);
		if (owner.pid > 0)
			snprintf(error, size, "%s is in use by process %d: another gateway runs; stop it, or give this one another path"
				 " in [gateway]", path, (int)owner.pid);
		else
			snprintf(error, size, "%s is in use: another gateway runs; stop it, or give this one another path in [gateway]",
				 path);
	}
	close(probe);
	return taken;
}

static int listen_fail(char *error, size_t size, const char *what, const char *path)
{
	const int cause = errno;

	snprintf(error, size, "can't %s %s: %s", what, path, strerror(cause));
	return -1;
}

static int listen_make_directory(const char *path, char *error, size_t size)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *end;

	snprintf(directory, sizeof(directory), "%s", path);
	end = strrchr(directory, '/');
	if (!end || end == directory)
		return 0;
	*end = '\0';
	/* Whatever the mask is: the sockets have their own modes. */
	if (mkdir(directory, 0755) == 0)
		return chmod(directory, 0755) == 0 ? 0 : listen_fail(error, size, "set the mode of", directory);
	return errno == EEXIST ? 0 : listen_fail(error, size, "make the directory", directory);
}

static int listen_set_owner(const struct listen_settings *settings, char *error, size_t size)
{
	char strings[LISTEN_GROUP_SIZE];
	struct group entry;
	struct group *found = NULL;

	if (settings->group[0] == '\0')
		return 0;
	if (getgrnam_r(settings->group, &entry, strings, sizeof(strings), &found) != 0 || !found) {
		snprintf(error, size, "there is no group \"%s\" for %s; create it, or set another one in [gateway]", settings->group,
			 settings->path);
		return -1;
	}
	if (lchown(settings->path, (uid_t)-1, found->gr_gid) == 0)
		return 0;
	snprintf(error, size, "can't give %s to group %s: %s; who is not root must be a member of it", settings->path,
		 settings->group, strerror(errno));
	return -1;
}

static int listen_bind(int descriptor, const struct listen_settings *settings, char *error, size_t size)
{
	struct sockaddr_un address;
	mode_t mask;
	int result;

	if (!listen_set_address(&address, settings->path)) {
		snprintf(error, size, "%s is too long for a socket's path; give it one of at most %zu bytes in [gateway]",
			 settings->path, sizeof(address.sun_path) - 1);
		return -1;
	}
	unlink(settings->path);
	mask = umask(0777 & ~settings->mode);
	result = bind(descriptor, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result < 0)
		return listen_fail(error, size, "make the socket", settings->path);
	if (listen_set_owner(settings, error, size) == 0) {
		if (listen(descriptor, LISTEN_BACKLOG) == 0)
			return 0;
		listen_fail(error, size, "make the socket", settings->path);
	}
	unlink(settings->path);
	return -1;
}

static bool listen_is_something_else(const char *path, char *error, size_t size)
{
	struct stat there;

	if (lstat(path, &there) < 0 || S_ISSOCK(there.st_mode))
		return false;
	snprintf(error, size, "%s is no socket, and stays as it is; remove it, or set another path in [gateway]", path);
	return true;
}

static int listen_remember(struct door *door, char *error, size_t size)
{
	struct stat made;

	if (lstat(door->path, &made) < 0)
		return listen_fail(error, size, "find the socket", door->path);
	door->device = made.st_dev;
	door->inode = made.st_ino;
	return 0;
}

enum listen_result listen_open(struct door *door, const struct listen_settings *settings, char *error, size_t size)
{
	*door = (struct door){ .descriptor = -1, .path = settings->path };
	if (listen_is_something_else(settings->path, error, size))
		return LISTEN_FAILED;
	if (listen_is_taken(settings->path, error, size))
		return LISTEN_TAKEN;
	if (listen_make_directory(settings->path, error, size) < 0)
		return LISTEN_FAILED;
	door->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (door->descriptor < 0) {
		listen_fail(error, size, "make the socket", settings->path);
		return LISTEN_FAILED;
	}
	if (listen_bind(door->descriptor, settings, error, size) == 0 && listen_remember(door, error, size) == 0)
		return LISTEN_GOOD;
	listen_leave(door);
	return LISTEN_FAILED;
}

void listen_leave(struct door *door)
{
	if (door->descriptor >= 0)
		close(door->descriptor);
	door->descriptor = -1;
}

void listen_close(struct door *door)
{
	struct stat there;

	if (door->descriptor >= 0 && lstat(door->path, &there) == 0 && there.st_dev == door->device &&
	    there.st_ino == door->inode)
		unlink(door->path);
	listen_leave(door);
}
