/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which files a configuration is made of, and the text of each.
 *
 * A file is read whole before any of it is judged, in one go and up to a bound: a worker reads it between two packets, in
 * a sandbox that knows few system calls, so nothing in it may decide how long that takes, how much memory it needs or
 * which calls the C library makes for it. A named pipe or a device, for which the worker would wait, is refused, and so is a
 * file that changes while it is read.
 *
 * A user who can write to it decides what the firewall lets pass, so a file that others than its owner can change is refused
 * too, and so is a directory in which they can make one. The owner's private group, which has the owner's number, counts as
 * the owner: that is how files are where the umask is 002.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/reader.h"

#define SUFFIX ".conf"

/* Says in words who else can write; NULL: nobody. */
static const char *config_find_writers(const struct stat *status)
{
	const bool others = status->st_mode & S_IWOTH;
	const bool group = (status->st_mode & S_IWGRP) && status->st_gid != status->st_uid;

	/* Nobody can change what no longer has a name. */
	if (status->st_nlink == 0)
		return NULL;
	return group && others ? "its group and all others" : group ? "its group" : others ? "everybody" : NULL;
}

static bool config_judge_mode(const struct config_reader *reader, const char *path, const struct stat *status)
{
	const char *writers = config_find_writers(status);

	if (writers)
		fprintf(reader->errors, "%s: has mode %04o, so that %s can write to it; expected its owner alone (chmod go-w)\n",
			path, status->st_mode & 07777U, writers);
	return !writers;
}

/* Reads up to size bytes. Returns their number, or -1 with errno. */
static ssize_t config_read_bytes(int file, char *text, size_t size)
{
	size_t length = 0;

	while (length < size) {
		const ssize_t got = read(file, text + length, size - length);

		if (got < 0 && errno != EINTR)
			return -1;
		if (got == 0)
			break;
		if (got > 0)
			length += (size_t)got;
	}
	return (ssize_t)length;
}

static bool config_is_same(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

/* What an editor or a script that is still writing leaves is not what the operator means. */
static bool config_read_text(struct config_reader *reader, int file, char *text)
{
	struct stat before, after;
	ssize_t length;

	if (fstat(file, &before) == 0 && !S_ISREG(before.st_mode)) {
		fprintf(reader->errors, "%s: is no regular file; expected the file that ftpalg.conf(5) describes\n",
			reader->path);
		return false;
	}
	length = config_read_bytes(file, text, CONFIG_FILE_MAX + 1);
	if (length < 0 || fstat(file, &after) < 0) {
		fprintf(reader->errors, "%s: can't be read: %s\n", reader->path, strerror(errno));
		return false;
	}
	if (!config_judge_mode(reader, reader->path, &after))
		return false;
	if (!config_is_same(&before, &after)) {
		fprintf(reader->errors, "%s: was changed while it was read; expected a file that is complete\n",
			reader->path);
		return false;
	}
	reader->next = text;
	reader->end = text + length;
	*reader->end = '\0';
	if ((size_t)length <= CONFIG_FILE_MAX)
		return true;
	reader->line = 1;
	for (size_t i = 0; i < CONFIG_FILE_MAX; i++)
		reader->line += text[i] == '\n';
	config_complain(reader, "the file goes on after %zu bytes, in this line; expected less", CONFIG_FILE_MAX);
	return false;
}

bool config_take_file(struct config_reader *reader, unsigned int number, char *text)
{
	int file;
	bool taken;

	reader->file = number;
	reader->path = reader->files[number];
	reader->line = 0;
	reader->section = CONFIG_SECTION_NONE;
	reader->begun = false;
	file = open(reader->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file < 0) {
		fprintf(reader->errors, "%s: can't be opened: %s; expected the file that ftpalg.conf(5) describes\n",
			reader->path, strerror(errno));
		return false;
	}
	taken = config_read_text(reader, file, text);
	close(file);
	return taken;
}

static int config_compare_names(const void *first, const void *second)
{
	const char *const *one = first, *const *other = second;

	return strcmp(*one, *other);
}

static bool config_is_part(const char *name)
{
	const size_t length = strlen(name), end = strlen(SUFFIX);

	return name[0] != '.' && length > end && strcmp(name + length - end, SUFFIX) == 0;
}

static bool config_add_part(struct config_reader *reader, const char *directory, const char *name)
{
	char *path;

	if (reader->file_count == CONFIG_FILES_MAX) {
		fprintf(reader->errors, "%s: there are more than %d files in it; expected less\n", directory,
			CONFIG_FILES_MAX - 1);
		return false;
	}
	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		fprintf(reader->errors, "%s: no memory\n", directory);
		return false;
	}
	reader->files[reader->file_count++] = path;
	return true;
}

static bool config_read_directory(struct config_reader *reader, const char *path, DIR *directory)
{
	const unsigned int first = reader->file_count;
	const struct dirent *entry;
	struct stat status;
	bool good = fstat(dirfd(directory), &status) < 0 || config_judge_mode(reader, path, &status);

	while (good && (entry = readdir(directory)))
		if (config_is_part(entry->d_name))
			good = config_add_part(reader, path, entry->d_name);
	qsort(reader->files + first, reader->file_count - first, sizeof(reader->files[0]), config_compare_names);
	return good;
}

bool config_add_parts(struct config_reader *reader, const char *path)
{
	const char *slash = strrchr(path, '/');
	char place[PATH_MAX];
	DIR *directory;
	bool good;

	if (snprintf(place, sizeof(place), "%.*s" CONFIG_PARTS, slash ? (int)(slash + 1 - path) : 0, path) >= (int)sizeof(place))
		return true;
	directory = opendir(place);
	if (!directory && (errno == ENOENT || errno == ENOTDIR))
		return true;
	if (!directory) {
		fprintf(reader->errors, "%s: can't be opened: %s\n", place, strerror(errno));
		return false;
	}
	good = config_read_directory(reader, place, directory);
	closedir(directory);
	return good;
}
