/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Byte queues over one pool of blocks, so that an idle connection keeps nothing and all of them together are bounded.
 *
 * A zeroed struct buffer is an empty one. A buffer must always be used with the pool that it first took a block from.
 */
#ifndef CORE_TCP_BUFFER_H
#define CORE_TCP_BUFFER_H

#include "ftpalg/base.h"

#define BUFFER_BLOCK_SIZE 512
#define BUFFER_BLOCK_DATA (BUFFER_BLOCK_SIZE - sizeof(uint32_t))

struct buffer_block {
	uint32_t next; /* index plus one of the next block; 0: none */
	uint8_t data[BUFFER_BLOCK_DATA];
};

struct buffer_pool {
	struct buffer_block *blocks; /* owned by the caller of buffer_pool_init */
	uint32_t count;
	uint32_t free_first; /* index plus one: blocks that were used and given back */
	uint32_t fresh;      /* blocks that were never used begin here: their memory has not been touched */
	uint32_t free_count;
};

struct buffer {
	uint32_t first; /* index plus one; 0: empty */
	uint32_t last;
	uint32_t skip;  /* bytes of the first block that have been dropped */
	uint32_t length;
};

/* Less than a half of the pool is free: what stands still in it is in the way. */
bool buffer_pool_is_short(const struct buffer_pool *pool);

/*
 * May somebody who has used bytes of the pool take length more? The pool is for many, so nobody may have more than what
 * is left for all others, and the last quarter of it is for those who have next to nothing: a line or two.
 */
bool buffer_pool_may_have(const struct buffer_pool *pool, size_t used, size_t length);

/* Has the last quarter been begun? */
bool buffer_pool_is_scarce(const struct buffer_pool *pool);

void buffer_pool_init(struct buffer_pool *pool, struct buffer_block *blocks, uint32_t count);

/* Can length bytes be appended to buffer? */
bool buffer_has_room(const struct buffer_pool *pool, const struct buffer *buffer, size_t length);

/* Appends all of bytes and returns true, or appends nothing and returns false: the pool is exhausted. */
bool buffer_append(struct buffer_pool *pool, struct buffer *buffer, struct bytes bytes);

/* Drops length bytes, or all there are, from the front. */
void buffer_drop(struct buffer_pool *pool, struct buffer *buffer, size_t length);

/* Copies up to length bytes from offset to out, and returns how many there were. */
size_t buffer_copy(const struct buffer_pool *pool, const struct buffer *buffer, size_t offset, size_t length,
		   uint8_t *out);

void buffer_clear(struct buffer_pool *pool, struct buffer *buffer);

#endif
