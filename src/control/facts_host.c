/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel says of itself, in files. Some belong to root, and this process is an ordinary user once it serves: so
 * they are opened before that, and read again and again from their beginning.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/number.h"
#include "control/facts.h"

#define QUEUES_PATH "/proc/net/netfilter/nfnetlink_queue"
#define EXPECTATIONS_PATH "/proc/net/nf_conntrack_expect"
#define LIMIT_PATH "/proc/sys/net/netfilter/nf_conntrack_expect_max"
#define CARRIER_PATH "/sys/module/nf_conntrack_sane"

/* Each of the kernel's lines has a few dozen bytes; expectations only need counting. */
#define TABLE_SIZE ((size_t)16 << 10)
#define EXPECTATIONS_READS_MAX 64
#define QUEUE_COLUMNS 9

void facts_host_open(struct facts_host *host)
{
	struct utsname name;

	memset(host, 0, sizeof(*host));
	host->queues = open(QUEUES_PATH, O_RDONLY | O_CLOEXEC);
	host->expectations = open(EXPECTATIONS_PATH, O_RDONLY | O_CLOEXEC);
	host->limit = open(LIMIT_PATH, O_RDONLY | O_CLOEXEC);
	host->carrier = access(CARRIER_PATH, F_OK) == 0;
	if (uname(&name) == 0)
		snprintf(host->kernel, sizeof(host->kernel), "%.63s", name.release);
}

void facts_host_close(struct facts_host *host)
{
	const int files[] = { host->queues, host->expectations, host->limit };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] >= 0)
			close(files[i]);
	*host = (struct facts_host){ .queues = -1, .expectations = -1, .limit = -1 };
}

/* Reads a file that is made as it is read, from its start. Returns how much of it there was room for. */
static size_t read_from_start(int file, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got = 1;

	if (file < 0 || lseek(file, 0, SEEK_SET) < 0)
		return 0;
	while (got > 0 && length < size) {
		got = read(file, text + length, size - length);
		length += got > 0 ? (size_t)got : 0;
	}
	return length;
}

/* The next number of a line. False: the line has no more. */
static bool take_number(struct bytes *line, uint64_t *number)
{
	size_t end;

	while (line->length > 0 && *line->data == ' ') {
		line->data++;
		line->length--;
	}
	for (end = 0; end < line->length && line->data[end] != ' '; end++)
		;
	if (number_read((struct bytes){ line->data, end }, 10, UINT64_MAX, number) != NUMBER_GOOD)
		return false;
	line->data += end;
	line->length -= end;
	return true;
}

/* Queue, its socket's port, waiting, copy mode, copy range, dropped for want of room, dropped by the user, last id, 1. */
static bool read_queue_line(struct bytes line, uint16_t queue, struct facts_worker *worker)
{
	uint64_t columns[QUEUE_COLUMNS];
	size_t count = 0;

	while (count < QUEUE_COLUMNS && take_number(&line, &columns[count]))
		count++;
	if (count < QUEUE_COLUMNS - 1 || columns[0] != queue)
		return false;
	worker->waiting = columns[2];
	worker->dropped = columns[5] + columns[6];
	worker->packets = columns[7];
	return true;
}

bool facts_read_queue(struct bytes table, uint16_t queue, struct facts_worker *worker)
{
	while (table.length > 0) {
		const uint8_t *end = memchr(table.data, '\n', table.length);
		const size_t length = end ? (size_t)(end - table.data) : table.length;

		if (read_queue_line((struct bytes){ table.data, length }, queue, worker))
			return true;
		table.data += end ? length + 1 : length;
		table.length -= end ? length + 1 : length;
	}
	return false;
}

/* Where there are more than the kernel usually holds, they are not counted one by one. */
static uint64_t count_lines(int file)
{
	char text[TABLE_SIZE];
	uint64_t lines = 0;
	ssize_t length = 1;

	if (file < 0 || lseek(file, 0, SEEK_SET) < 0)
		return FACTS_UNKNOWN;
	for (int i = 0; i < EXPECTATIONS_READS_MAX && length > 0; i++) {
		length = read(file, text, sizeof(text));
		for (ssize_t at = 0; at < length; at++)
			lines += text[at] == '\n' ? 1 : 0;
	}
	return length < 0 ? FACTS_UNKNOWN : lines;
}

void facts_host_read(const struct facts_host *host, struct facts *facts)
{
	char text[TABLE_SIZE];
	size_t length = read_from_start(host->queues, text, sizeof(text));

	for (uint32_t i = 0; i < facts->worker_count; i++) {
		struct facts_worker *worker = &facts->workers[i];

		worker->packets = FACTS_UNKNOWN;
		worker->waiting = FACTS_UNKNOWN;
		worker->dropped = FACTS_UNKNOWN;
		facts_read_queue((struct bytes){ (const uint8_t *)text, length }, worker->queue, worker);
	}
	length = read_from_start(host->limit, text, sizeof(text));
	if (length > 0 && text[length - 1] == '\n')
		length--;
	facts->expectations_limit = FACTS_UNKNOWN;
	if (number_read((struct bytes){ (const uint8_t *)text, length }, 10, UINT64_MAX, &facts->expectations_limit) !=
	    NUMBER_GOOD)
		facts->expectations_limit = FACTS_UNKNOWN;
	facts->expectations = count_lines(host->expectations);
	facts->kernel_events_lost = FACTS_UNKNOWN;
	facts->carrier = host->carrier;
	memcpy(facts->kernel, host->kernel, sizeof(facts->kernel));
}
