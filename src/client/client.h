/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks the running gateway, over one of its two sockets. What answers there is believed no more than it has to be: a line,
 * an answer and the time for it have bounds, and whatever is wrong becomes a sentence that says what to do.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <jansson.h>

#include "ftpalg/base.h"

#define CLIENT_LINE_MAX (4 << 20)
#define CLIENT_ANSWER_MAX (256 << 20)
#define CLIENT_PROBLEM_MAX 1024

enum client_result {
	CLIENT_LINE,   /* there is one */
	CLIENT_END,    /* of this answer */
	CLIENT_WAIT,   /* nothing yet */
	CLIENT_FAILED, /* problem says why */
};

struct client {
	int socket;       /* -1: not connected */
	const char *path;
	bool absent_open; /* what the configuration says of packets while no gateway runs */
	bool endless;     /* nobody waits for the answer's end, and it has no bound */
	uint8_t *buffer;
	size_t size;
	size_t start;     /* of what has come and was not taken */
	size_t end;
	size_t taken;     /* bytes of this answer */
	char code[32];    /* of an error that the gateway told; "" otherwise */
	char problem[CLIENT_PROBLEM_MAX];
};

void client_init(struct client *client, const char *path, bool absent_open);
/* Frees all. */
void client_close(struct client *client);

/*
 * Connects and asks: the words are put together with blanks, and have none and no control characters in themselves. Returns
 * 0, or -1 with problem.
 */
int client_ask(struct client *client, const char *const *words, size_t count);

/*
 * The next line of the answer, without its end, which stays until the next call; as an object too where object is not NULL,
 * to be freed by the caller. milliseconds: how long to wait for it, below 0 for ever. An error that the gateway tells is
 * CLIENT_FAILED.
 */
enum client_result client_read(struct client *client, int milliseconds, struct bytes *line, json_t **object);

/* Says in problem that nothing came for this long. */
void client_tell_silence(struct client *client, unsigned int seconds);

#endif
