/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text that is put together in a buffer of fixed size: what does not fit is cut. */
#ifndef BASE_PHRASE_H
#define BASE_PHRASE_H

#include <stddef.h>

struct phrase {
	char *text;    /* ends with a NUL once something was added */
	size_t size;   /* of the room, with the NUL; not 0 */
	size_t length; /* without it */
};

/* Adds what printf(3) makes of format, as far as there is room. */
__attribute__((format(printf, 2, 3))) void phrase_add(struct phrase *phrase, const char *format, ...);

#endif
