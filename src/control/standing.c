/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/standing.h"

#include <string.h>

#define STANDING_TRIES 100

void standing_write(struct standing_page *page, const struct standing *standing)
{
	const uint32_t turn = atomic_load(&page->turn);

	atomic_store(&page->turn, turn + 1);
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(&page->standing, standing, sizeof(*standing));
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(&page->turn, turn + 2);
}

bool standing_read(struct standing_page *page, struct standing *standing)
{
	for (int i = 0; i < STANDING_TRIES; i++) {
		const uint32_t turn = atomic_load(&page->turn);

		atomic_thread_fence(memory_order_seq_cst);
		memcpy(standing, &page->standing, sizeof(*standing));
		atomic_thread_fence(memory_order_seq_cst);
		if (turn % 2 == 0 && atomic_load(&page->turn) == turn)
			return true;
	}
	return false;
}
