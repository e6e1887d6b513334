/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets that clients find the gateway by. */
#ifndef CONTROL_LISTEN_H
#define CONTROL_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

struct listen_settings {
	const char *path;
	mode_t mode;       /* 0660 or 0666 */
	const char *group; /* whose it is; "": this process's */
};

/* With a NUL: as much as an address has room for, and what does not fit is refused. */
#define DOOR_PATH_MAX 128

enum listen_result {
	LISTEN_GOOD,
	LISTEN_TAKEN,  /* somebody listens there */
	LISTEN_FAILED,
};

struct door {
	int descriptor; /* -1: closed */
	const char *path;
	dev_t device;   /* of the path, as it was made */
	ino_t inode;
};

/*
 * Makes a listening socket, and its directory where that is missing. A socket to which nobody listens any more is replaced,
 * and so is one whose owner is gone; one to which somebody listens is left alone, and so is what is not a socket. Unless the
 * result is GOOD, error has what is wrong and what to do. settings' path must outlive the door.
 */
enum listen_result listen_open(struct door *door, const struct listen_settings *settings, char *error, size_t size);

/* Closes it, and removes its path unless that now belongs to another. */
void listen_close(struct door *door);
/* Closes it in a process that has no use for it: the path stays. */
void listen_leave(struct door *door);

#endif
