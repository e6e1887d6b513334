/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rings through which the processes of a service tell control what happens, as the supervisor has them: it makes them,
 * hands one end to the writer and the other to control, and keeps them until they have been read. It reads none itself.
 */
#ifndef RUN_FEEDS_H
#define RUN_FEEDS_H

#include "control/channel.h"
#include "record/ring.h"

/*
 * One for each process of each generation, one for each worker, the supervisor's own, and those that have ended and wait for
 * their reader. No more than control reads.
 */
#define FEEDS_MAX 256

enum feed_state {
	FEED_NONE,
	FEED_OPEN,
	FEED_ENDED, /* nobody writes any more */
};

struct feed {
	enum feed_state state;
	struct feeds *feeds;
	uint32_t number;   /* for control, and no other's */
	enum channel_voice voice;
	int memory;
	int wake;
	uint64_t first_session; /* of the process that writes now */
	bool told;         /* control has it */
};

struct feeds {
	struct feed feed[FEEDS_MAX];
	uint32_t numbers;  /* the last one that was given */
	uint64_t sessions; /* those of the process that was started last */
	int channel;       /* to control; -1: there is none now */
};

/* Makes one with room for size bytes. NULL, which it has told: there is no room or no memory. */
struct feed *feeds_open(struct feeds *feeds, enum channel_voice voice, size_t size);
/* One that another program has made, for a process that still writes to it; both descriptors are taken over. */
struct feed *feeds_adopt(struct feeds *feeds, enum channel_voice voice, int memory, int wake, uint64_t first_session);

/* A process begins: its sessions have numbers that no other process's have, in this life of the service or another. */
void feed_begin(struct feed *feed);
/*
 * Tells control of it, if it can be told now: before the process begins, so that control finds in the ring whatever the
 * process knew before others could hear of it.
 */
void feed_announce(struct feed *feed);
/* In that process: begins to write. False, which it has told. */
bool feed_write(const struct feed *feed, struct record_writer *writer);
/* Has the process that writes now begun this session? */
bool feed_has_session(const struct feed *feed, uint64_t session);
/* Nothing will write to it any more. NULL is fine. */
void feed_end(struct feed *feed);

/* A control that begins knows none. */
void feeds_forget(struct feeds *feeds);
/* Tells control of those that it does not know, as far as the channel has room. */
void feeds_tell(struct feeds *feeds, int channel);
/* Has control been told all? */
bool feeds_are_told(const struct feeds *feeds);
/* In a new process: lets go of all but kept, which may be NULL. */
void feeds_leave(struct feeds *feeds, const struct feed *kept);

#endif
