/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the processes of a service share: their signals, their configuration, their messages. */
#ifndef PROCESS_SERVICE_H
#define PROCESS_SERVICE_H

#include "config/config.h"
#include "process/heartbeat.h"

struct event;
struct event_base;

/*
 * To be called first. From here on SIGHUP waits until somebody takes it, the signals that mean nothing to a service do
 * nothing, and no message waits for its reader.
 */
void service_begin(void);

/* This process has its handlers: what has come in the meantime is delivered. */
void service_take_signals(void);

/* An event for a signal that ends the loop of base, and says so. NULL: no memory. */
struct event *service_stop_on(struct event_base *base, int number);

/* config_load_first() with its errors in the log. Returns 0, or -1. */
int service_load(struct config *config, const char *path);

/* The same on SIGHUP: tells what becomes of it. False: what was in force stays. rest: what becomes of all but the policy. */
bool service_reload(struct config *next, const char *path, const char *rest);

/* Why this process can't begin, for the operator and for its supervisor. */
void service_fail(struct heartbeat *page, const char *fault);

#endif
