/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets by which clients find control. They are the supervisor's, which never reads from them: a control that is
 * started again finds them, with the clients that have come meanwhile.
 *
 * A service that can't have such a socket goes on without it: it serves its sessions, and that matters more. Only where
 * another service has the socket is this a second start by mistake, and refused. The sockets of a proxy that is a separate
 * service have other names, since both may run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/web.h"
#include "ftpalg/address.h"
#include "run/internal.h"

#define DOORS_ERROR_MAX 512
#define DOORS_MODE_ALL 0666
#define DOORS_MODE_GROUP 0660
#define DOORS_PROXY_SUFFIX "-proxy"

/* False: another service has it. */
static bool doors_open_one(const struct supervisor *supervisor, struct door *door, char path[DOOR_PATH_MAX],
			   const char *configured, const char *group, mode_t mode)
{
	const char *suffix = supervisor->kind == SUPERVISE_PROXY ? DOORS_PROXY_SUFFIX : "";
	const struct listen_settings settings = { .path = path, .mode = mode, .group = group };
	char error[DOORS_ERROR_MAX];

	door->descriptor = -1;
	if (!configured[0])
		return true;
	snprintf(path, DOOR_PATH_MAX, "%s%s", configured, suffix);
	switch (listen_open(door, &settings, error, sizeof(error))) {
	case LISTEN_GOOD:
		break;
	case LISTEN_TAKEN:
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return false;
	case LISTEN_FAILED:
		log_message(LOG_LEVEL_WARNING, "%s; the gateway can't be asked there", error);
		break;
	}
	return true;
}

/* A proxy that is a separate service beside a gateway has the same configuration, and the first to start has the port. */
static void doors_open_metrics(struct supervisor *supervisor)
{
	const struct endpoint *endpoint = &supervisor->config->metrics;
	char text[ENDPOINT_TEXT_MAX];

	if (endpoint->address.family == FAMILY_NONE)
		return;
	supervisor->metrics = web_listen(endpoint);
	if (supervisor->metrics >= 0)
		return;
	endpoint_format(endpoint, text);
	log_message(LOG_LEVEL_WARNING, "can't serve metrics at %s: %s; \"ftpalg metrics\" has them too", text, strerror(errno));
}

static void doors_close_metrics(struct supervisor *supervisor)
{
	if (supervisor->metrics >= 0)
		close(supervisor->metrics);
	supervisor->metrics = -1;
}

bool doors_open(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	const bool grouped = config->monitor_group[0] != '\0';

	doors_open_metrics(supervisor);
	return doors_open_one(supervisor, &supervisor->monitor, supervisor->monitor_path, config->monitor,
			      config->monitor_group, grouped ? DOORS_MODE_GROUP : DOORS_MODE_ALL) &&
	       doors_open_one(supervisor, &supervisor->commands, supervisor->commands_path, config->control,
			      config->control_group, DOORS_MODE_GROUP);
}

void doors_leave(struct supervisor *supervisor)
{
	listen_leave(&supervisor->monitor);
	listen_leave(&supervisor->commands);
	doors_close_metrics(supervisor);
}

void doors_close(struct supervisor *supervisor)
{
	listen_close(&supervisor->monitor);
	listen_close(&supervisor->commands);
	doors_close_metrics(supervisor);
}
