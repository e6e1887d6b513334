/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "Permission denied" is what administrators of such sockets ask about most, so the message says who can change it. */
#include "client/access.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 64
#define STRINGS_SIZE 65536 /* a group has members */

static void name_user(uid_t user, char name[NAME_SIZE])
{
	struct passwd entry, *found = NULL;
	char strings[STRINGS_SIZE];

	if (getpwuid_r(user, &entry, strings, sizeof(strings), &found) == 0 && found)
		snprintf(name, NAME_SIZE, "%s", entry.pw_name);
	else
		snprintf(name, NAME_SIZE, "%u", (unsigned int)user);
}

static void name_group(gid_t group, char name[NAME_SIZE])
{
	struct group entry, *found = NULL;
	char strings[STRINGS_SIZE];

	if (getgrgid_r(group, &entry, strings, sizeof(strings), &found) == 0 && found)
		snprintf(name, NAME_SIZE, "%s", entry.gr_name);
	else
		snprintf(name, NAME_SIZE, "%u", (unsigned int)group);
}

/* The directory that can't be entered is the culprit, where there is one. */
static bool find_directory(const char *path, char directory[PATH_MAX])
{
	struct stat state;

	if (strlen(path) >= PATH_MAX)
		return false;
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(directory, path, (size_t)(slash - path));
		directory[slash - path] = '\0';
		if (stat(directory, &state) == 0 && access(directory, X_OK) != 0)
			return true;
	}
	return false;
}

void access_tell(const char *path, char *text, size_t size)
{
	char directory[PATH_MAX];
	const bool closed = find_directory(path, directory);
	const char *culprit = closed ? directory : path;
	const mode_t bits = closed ? S_IXGRP : S_IWGRP;
	char user[NAME_SIZE];
	char group[NAME_SIZE];
	char own[NAME_SIZE];
	struct stat state;

	name_user(geteuid(), own);
	if (stat(culprit, &state) != 0) {
		snprintf(text, size, "%s: the user %s may not use it; root may", path, own);
		return;
	}
	name_user(state.st_uid, user);
	name_group(state.st_gid, group);
	/* Nobody is advised to join root's group. */
	if ((state.st_mode & bits) && state.st_gid != 0)
		snprintf(text, size, "%s: the user %s may not use it; %s may, and who is in the group %s: usermod -aG %s %s, and log in again",
			 culprit, own, user, group, group, own);
	else
		snprintf(text, size, "%s: the user %s may not use it; %s may", culprit, own, user);
}
