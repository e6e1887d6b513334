/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes between the supervisor and control: one packet for each message, with its descriptors if it has any. */
#ifndef CONTROL_CHANNEL_H
#define CONTROL_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define CHANNEL_FILES_MAX 2
#define CHANNEL_TEXT_MAX 256

enum channel_kind {
	/* to control */
	CHANNEL_FEED,   /* number, voice, session: its first one; files: the memory of a ring, and what wakes its reader */
	CHANNEL_ENDED,  /* number: nobody writes to that ring any more; to be read to its end */
	CHANNEL_WRITE,  /* number: an enum journal_file; files: that is written from now on */
	CHANNEL_ANSWER, /* number: of an order; done, text: what became of it */
	/* orders */
	CHANNEL_RELOAD,
	CHANNEL_REOPEN,
	CHANNEL_KILL,   /* session */
	CHANNEL_ASK_ALL,   /* conntrack, for all connections that were expected. There is no answer but news */
	CHANNEL_ASK_ENTRY, /* text: the struct tuple of one. There is no answer but news */
	CHANNEL_KINDS,
};

/* Whose events a ring has. */
enum channel_voice {
	CHANNEL_SUPERVISOR,
	CHANNEL_WORKER,
	CHANNEL_PROXY,
	CHANNEL_KEYS,
	CHANNEL_VOICES,
};

struct channel_message {
	uint32_t kind;   /* enum channel_kind */
	uint32_t number;
	uint32_t voice;  /* enum channel_voice */
	uint32_t done;
	uint64_t session;
	char text[CHANNEL_TEXT_MAX];
};

/* Makes both ends. Returns 0, or -1 with errno. */
int channel_open(int ends[2]);

/*
 * Never waits. False: there is no room now, or nobody reads any more. files: CHANNEL_FILES_MAX of them, -1 after the last.
 */
bool channel_send(int channel, const struct channel_message *message, const int files[CHANNEL_FILES_MAX]);

enum channel_result {
	CHANNEL_NOTHING, /* now */
	CHANNEL_MESSAGE,
	CHANNEL_END,     /* the other end has been closed */
};

/* Never waits. Descriptors that came are the caller's; where there was none, it is -1. */
enum channel_result channel_receive(int channel, struct channel_message *message, int files[CHANNEL_FILES_MAX]);

#endif
