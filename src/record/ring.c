/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *       head                      tail
 *         |                         |
 *   ------+--------+-------+--------+------------   positions count bytes for ever; a place is a position modulo the size
 *         | record | record| record |
 *         +--------+-------+--------+
 *   the reader's: read, copied,     the writer's: written, then moved
 *   then moved
 *
 * A record whose writer dies in the middle of it has not been written: tail has not moved. One whose reader dies over it has
 * been read: head moves first, so that what kills a reader does it once.
 *
 * The reader copies before it looks, since a writer that has been taken over could change what was looked at. It keeps its
 * own head; what stands in the memory is for the writer, and for the reader after this one. Where tail and head can't both
 * be true, each side goes on from the other's, and what was between is given up.
 *
 * Sleeping: the reader says so and looks once more; the writer moves tail and looks whether it was said. One of the two sees
 * the other (both have a fence between), so nothing is left lying. Whoever wakes takes the word back, so it costs one system
 * call.
 */
#include "record/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notice_limit.h"

#define RECORD_VERSION 1
#define RECORD_HEAD_SIZE 4096 /* in front of the records, so that they begin a page */
#define RECORD_SIZE_MAX ((size_t)64 << 20)
#define RECORD_ALIGNMENT 8
#define RECORD_LINE 64        /* what one writes and the other reads does not share a line of the cache with the opposite */

struct record_memory {
	uint32_t version;
	_Alignas(RECORD_LINE) _Atomic uint64_t tail;
	_Atomic uint64_t lost; /* since it was told last; whoever tells it sets it back */
	_Alignas(RECORD_LINE) _Atomic uint64_t head;
	_Atomic uint32_t asleep;
	_Alignas(RECORD_HEAD_SIZE) uint8_t records[];
};

_Static_assert(offsetof(struct record_memory, records) == RECORD_HEAD_SIZE, "the records begin a page");

/* In front of each record. */
struct record_head {
	uint32_t length; /* with this */
	uint32_t kind;   /* enum record_kind */
	uint64_t number; /* time or count, as in struct record_taken */
};

int record_make_memory(const char *name, size_t size)
{
	const int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (file < 0)
		return -1;
	/* Who has it can't make it shorter under the other's hands. */
	if (ftruncate(file, (off_t)(RECORD_HEAD_SIZE + size)) == 0 &&
	    pwrite(file, &(uint32_t){ RECORD_VERSION }, sizeof(uint32_t), 0) == (ssize_t)sizeof(uint32_t) &&
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return file;
	error = errno;
	close(file);
	errno = error;
	return -1;
}

int record_make_wake(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* The memory, and in size what is behind its head. NULL, with errno. */
static struct record_memory *memory_map(int file, size_t *size)
{
	struct record_memory *memory;
	struct stat status;

	if (fstat(file, &status) < 0)
		return NULL;
	*size = status.st_size > RECORD_HEAD_SIZE ? (size_t)status.st_size - RECORD_HEAD_SIZE : 0;
	if (*size < (size_t)2 * RECORD_MAX || *size > RECORD_SIZE_MAX || (*size & (*size - 1)) != 0) {
		errno = EINVAL;
		return NULL;
	}
	memory = mmap(NULL, RECORD_HEAD_SIZE + *size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (memory->version == RECORD_VERSION)
		return memory;
	munmap(memory, RECORD_HEAD_SIZE + *size);
	errno = EPROTO;
	return NULL;
}

static void memory_unmap(struct record_memory *memory, size_t size)
{
	if (memory)
		munmap(memory, RECORD_HEAD_SIZE + size);
}

/* Copies to or from the records, round the end of the memory. */
static void writer_copy(const struct record_writer *writer, uint64_t position, const void *data, size_t length)
{
	const size_t place = position & (writer->size - 1);
	const size_t first = length < writer->size - place ? length : writer->size - place;

	memcpy(writer->memory->records + place, data, first);
	memcpy(writer->memory->records, (const uint8_t *)data + first, length - first);
}

static void reader_copy(const struct record_reader *reader, uint64_t position, void *data, size_t length)
{
	const size_t place = position & (reader->size - 1);
	const size_t first = length < reader->size - place ? length : reader->size - place;

	memcpy(data, reader->memory->records + place, first);
	memcpy((uint8_t *)data + first, reader->memory->records, length - first);
}

static size_t writer_used(const struct record_writer *writer)
{
	const uint64_t used = writer->tail - atomic_load_explicit(&writer->memory->head, memory_order_acquire);

	return used < writer->size ? (size_t)used : writer->size;
}

static size_t record_length(size_t length)
{
	return (sizeof(struct record_head) + length + RECORD_ALIGNMENT - 1) & ~(size_t)(RECORD_ALIGNMENT - 1);
}

static void writer_append(struct record_writer *writer, enum record_kind kind, uint64_t number, struct bytes bytes)
{
	const struct record_head head = {
		.length = (uint32_t)(sizeof(head) + bytes.length), .kind = kind, .number = number,
	};
	struct record_memory *memory = writer->memory;

	writer_copy(writer, writer->tail, &head, sizeof(head));
	writer_copy(writer, writer->tail + sizeof(head), bytes.data, bytes.length);
	writer->tail += record_length(bytes.length);
	atomic_store_explicit(&memory->tail, writer->tail, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&memory->asleep, memory_order_relaxed) && atomic_exchange(&memory->asleep, 0)) {
		const uint64_t one = 1;

		/* If it can't be woken, it has much to wake up to already. */
		if (write(writer->wake, &one, sizeof(one)) < 0)
			return;
	}
}

/* Tells first what was lost, in the place where it is missing, and that this is another process. */
static void writer_tell_gap(struct record_writer *writer)
{
	/* Nothing, but nothing that can be copied from. */
	const struct bytes empty = { (const uint8_t *)"", 0 };

	if (atomic_load_explicit(&writer->memory->lost, memory_order_relaxed) > 0)
		writer_append(writer, RECORD_LOST, atomic_exchange(&writer->memory->lost, 0), empty);
	if (!writer->begun)
		writer_append(writer, RECORD_BEGIN, writer->sessions, empty);
	writer->begun = true;
}

static bool writer_has_room(struct record_writer *writer, size_t length, bool light)
{
	const size_t used = writer_used(writer);
	const size_t needed = record_length(length) + 2 * record_length(0); /* the gap before it */
	const size_t room = light ? writer->size / 4 * 3 : writer->size;

	if (writer->losing && used > writer->size / 2)
		return false;
	writer->losing = false;
	if (used + needed <= room)
		return true;
	writer->losing = !light;
	return false;
}

int record_writer_open(struct record_writer *writer, int file, int wake, uint64_t sessions)
{
	*writer = (struct record_writer){ .wake = wake, .sessions = sessions };
	writer->memory = memory_map(file, &writer->size);
	if (!writer->memory)
		return -1;
	writer->tail = atomic_load(&writer->memory->tail);
	if (writer->tail - atomic_load(&writer->memory->head) > writer->size) {
		writer->tail = atomic_load(&writer->memory->head);
		atomic_store(&writer->memory->tail, writer->tail);
	}
	if (writer_has_room(writer, 0, false))
		writer_tell_gap(writer);
	return 0;
}

/* The one that this belongs to. NULL: there is none, and no room for one more. */
static struct record_sum *writer_find_sum(struct record_writer *writer, const struct notice *notice)
{
	struct record_sum *sum = writer->sum;

	while (sum < &writer->sum[writer->sums] &&
	       (sum->notice.type != notice->type || sum->notice.reason != notice->reason ||
		sum->notice.session != notice->session))
		sum++;
	if (sum < &writer->sum[writer->sums] || writer->sums == RECORD_SUMS)
		return sum < &writer->sum[writer->sums] ? sum : NULL;
	/* Without what differs from one to the next. */
	*sum = (struct record_sum){
		.notice = { .type = notice->type, .reason = notice->reason, .session = notice->session,
			    .direction = notice->direction },
	};
	if (notice->view) {
		sum->view = *notice->view;
		sum->notice.view = &sum->view;
	}
	writer->sums++;
	return sum;
}

static void writer_lose(struct record_writer *writer, const struct notice *notice)
{
	const uint64_t count = notice->count ? notice->count : 1;
	struct record_sum *sum = notice_limit_is_noise(notice->type) ? writer_find_sum(writer, notice) : NULL;

	if (sum) {
		sum->notice.count += count;
		return;
	}
	atomic_fetch_add(&writer->memory->lost, count);
	writer->lost += count;
}

static bool writer_put_one(struct record_writer *writer, const struct notice *notice)
{
	uint8_t buffer[RECORD_MAX];
	const struct bytes bytes = { buffer, record_write(notice, buffer) };

	if (!writer_has_room(writer, bytes.length, notice_limit_is_noise(notice->type)))
		return false;
	writer_tell_gap(writer);
	writer_append(writer, RECORD_NOTICE, clock_wall_microseconds(), bytes);
	return true;
}

/* Those that have come together come before whatever is told after them. */
static void writer_put_sums(struct record_writer *writer)
{
	uint32_t put = 0;

	while (put < writer->sums && writer_put_one(writer, &writer->sum[put].notice))
		put++;
	if (put == 0)
		return;
	writer->sums -= put;
	for (uint32_t i = 0; i < writer->sums; i++) {
		writer->sum[i] = writer->sum[i + put];
		if (writer->sum[i].notice.view)
			writer->sum[i].notice.view = &writer->sum[i].view;
	}
}

void record_put(struct record_writer *writer, const struct notice *notice)
{
	if (!writer->memory)
		return;
	writer_put_sums(writer);
	if (!writer_put_one(writer, notice))
		writer_lose(writer, notice);
}

void record_settle(struct record_writer *writer)
{
	if (writer->memory && writer->sums > 0)
		writer_put_sums(writer);
}

void record_writer_close(struct record_writer *writer)
{
	if (!writer->memory)
		return;
	writer_put_sums(writer);
	for (uint32_t i = 0; i < writer->sums; i++)
		atomic_fetch_add(&writer->memory->lost, writer->sum[i].notice.count);
	memory_unmap(writer->memory, writer->size);
	writer->memory = NULL;
}

int record_reader_open(struct record_reader *reader, int file)
{
	memset(reader, 0, sizeof(*reader));
	reader->memory = memory_map(file, &reader->size);
	if (!reader->memory)
		return -1;
	reader->head = atomic_load(&reader->memory->head);
	return 0;
}

void record_reader_close(struct record_reader *reader)
{
	memory_unmap(reader->memory, reader->size);
	reader->memory = NULL;
}

static void reader_move(struct record_reader *reader, uint64_t head)
{
	reader->head = head;
	atomic_store_explicit(&reader->memory->head, head, memory_order_release);
}

/* There is nothing to read. Is there something that never was written? */
static enum record_kind reader_take_lost(struct record_reader *reader, struct record_taken *taken)
{
	if (atomic_load_explicit(&reader->memory->lost, memory_order_relaxed) == 0)
		return RECORD_NONE;
	taken->count = atomic_exchange(&reader->memory->lost, 0);
	return taken->count > 0 ? RECORD_LOST : RECORD_NONE;
}

static enum record_kind reader_look(struct record_reader *reader, const struct record_head *head, struct record_taken *taken)
{
	const struct bytes bytes = { reader->bytes, head->length - sizeof(*head) };

	switch (head->kind) {
	case RECORD_NOTICE:
		taken->notice = &reader->record.notice;
		taken->time = head->number;
		return record_read(bytes, &reader->record) ? RECORD_NOTICE : RECORD_SPOILT;
	case RECORD_BEGIN:
	case RECORD_LOST:
		taken->count = head->number;
		return head->kind == RECORD_LOST ? RECORD_LOST : RECORD_BEGIN;
	default:
		return RECORD_SPOILT;
	}
}

enum record_kind record_take(struct record_reader *reader, struct record_taken *taken)
{
	const uint64_t tail = atomic_load_explicit(&reader->memory->tail, memory_order_acquire);
	const uint64_t available = tail - reader->head;
	struct record_head head = { .length = 0 };

	*taken = (struct record_taken){ .count = 0 };
	if (available == 0)
		return reader_take_lost(reader, taken);
	if (available >= sizeof(head) && available <= reader->size)
		reader_copy(reader, reader->head, &head, sizeof(head));
	if (head.length < sizeof(head) || head.length - sizeof(head) > RECORD_MAX ||
	    record_length(head.length - sizeof(head)) > available) {
		reader_move(reader, tail);
		return RECORD_SPOILT;
	}
	reader_copy(reader, reader->head + sizeof(head), reader->bytes, head.length - sizeof(head));
	reader_move(reader, reader->head + record_length(head.length - sizeof(head)));
	return reader_look(reader, &head, taken);
}

bool record_reader_sleep(struct record_reader *reader)
{
	atomic_store_explicit(&reader->memory->asleep, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&reader->memory->tail, memory_order_relaxed) == reader->head)
		return true;
	record_reader_stay_awake(reader);
	return false;
}

void record_reader_stay_awake(struct record_reader *reader)
{
	atomic_store_explicit(&reader->memory->asleep, 0, memory_order_relaxed);
}
