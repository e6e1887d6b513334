/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BASE_STARVED_H
#define BASE_STARVED_H

#include <errno.h>
#include <stdbool.h>

/* Did accept(2) fail for lack of descriptors or memory? Then the connection still waits, and its listener stays ready. */
static inline bool is_starved(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

#endif
