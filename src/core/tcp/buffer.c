/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links are indices plus one rather than pointers: they are half the size, a zeroed buffer is a valid empty one, and a
 * wrong one is caught by an index check instead of becoming a wild pointer.
 */
#include "core/tcp/buffer.h"

#include <string.h>

static struct buffer_block *block_at(const struct buffer_pool *pool, uint32_t link)
{
	return &pool->blocks[link - 1];
}

void buffer_pool_init(struct buffer_pool *pool, struct buffer_block *blocks, uint32_t count)
{
	pool->blocks = blocks;
	pool->count = count;
	pool->free_first = 0;
	pool->fresh = 0;
	pool->free_count = count;
}

/* As much as the last quarter is for: two blocks. */
#define SMALL (2 * BUFFER_BLOCK_DATA)

bool buffer_pool_is_short(const struct buffer_pool *pool)
{
	return pool->free_count < pool->count / 2;
}

bool buffer_pool_is_scarce(const struct buffer_pool *pool)
{
	return pool->free_count < pool->count / 4;
}

bool buffer_pool_may_have(const struct buffer_pool *pool, size_t used, size_t length)
{
	size_t reserve = (size_t)(pool->count / 4) * BUFFER_BLOCK_DATA;
	size_t free = (size_t)pool->free_count * BUFFER_BLOCK_DATA;

	if (used + length <= SMALL)
		return true;
	return free > reserve && used + length <= free - reserve;
}

static uint32_t block_take(struct buffer_pool *pool)
{
	uint32_t link = pool->free_first;

	if (link != 0)
		pool->free_first = block_at(pool, link)->next;
	else
		link = ++pool->fresh;
	pool->free_count--;
	block_at(pool, link)->next = 0;
	return link;
}

static void block_return(struct buffer_pool *pool, uint32_t link)
{
	block_at(pool, link)->next = pool->free_first;
	pool->free_first = link;
	pool->free_count++;
}

/* Bytes that still fit into the last block. */
static size_t buffer_slack(const struct buffer *buffer)
{
	size_t used = (buffer->skip + buffer->length) % BUFFER_BLOCK_DATA;

	return buffer->first == 0 || used == 0 ? 0 : BUFFER_BLOCK_DATA - used;
}

bool buffer_has_room(const struct buffer_pool *pool, const struct buffer *buffer, size_t length)
{
	/* Less than a block, so that the blocks needed are none where it suffices. */
	size_t slack = buffer_slack(buffer);

	return (length + BUFFER_BLOCK_DATA - 1 - slack) / BUFFER_BLOCK_DATA <= pool->free_count;
}

bool buffer_append(struct buffer_pool *pool, struct buffer *buffer, struct bytes bytes)
{
	if (!buffer_has_room(pool, buffer, bytes.length))
		return false;
	while (bytes.length > 0) {
		size_t slack = buffer_slack(buffer);
		size_t part;

		if (slack == 0) {
			uint32_t link = block_take(pool);

			if (buffer->first == 0)
				buffer->first = link;
			else
				block_at(pool, buffer->last)->next = link;
			buffer->last = link;
			slack = BUFFER_BLOCK_DATA;
		}
		part = bytes.length < slack ? bytes.length : slack;
		memcpy(block_at(pool, buffer->last)->data + (BUFFER_BLOCK_DATA - slack), bytes.data, part);
		buffer->length += (uint32_t)part;
		bytes.data += part;
		bytes.length -= part;
	}
	return true;
}

void buffer_drop(struct buffer_pool *pool, struct buffer *buffer, size_t length)
{
	if (length >= buffer->length) {
		buffer_clear(pool, buffer);
		return;
	}
	buffer->skip += (uint32_t)length;
	buffer->length -= (uint32_t)length;
	while (buffer->skip >= BUFFER_BLOCK_DATA) {
		uint32_t link = buffer->first;

		buffer->first = block_at(pool, link)->next;
		block_return(pool, link);
		buffer->skip -= (uint32_t)BUFFER_BLOCK_DATA;
	}
}

size_t buffer_copy(const struct buffer_pool *pool, const struct buffer *buffer, size_t offset, size_t length,
		   uint8_t *out)
{
	uint32_t link = buffer->first;
	size_t copied = 0;

	if (offset >= buffer->length)
		return 0;
	if (length > buffer->length - offset)
		length = buffer->length - offset;
	for (offset += buffer->skip; offset >= BUFFER_BLOCK_DATA; offset -= BUFFER_BLOCK_DATA)
		link = block_at(pool, link)->next;
	while (copied < length) {
		size_t part = BUFFER_BLOCK_DATA - offset;

		if (part > length - copied)
			part = length - copied;
		memcpy(out + copied, block_at(pool, link)->data + offset, part);
		copied += part;
		offset = 0;
		link = block_at(pool, link)->next;
	}
	return copied;
}

void buffer_clear(struct buffer_pool *pool, struct buffer *buffer)
{
	while (buffer->first != 0) {
		uint32_t link = buffer->first;

		buffer->first = block_at(pool, link)->next;
		block_return(pool, link);
	}
	memset(buffer, 0, sizeof(*buffer));
}
