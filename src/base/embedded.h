/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that is compiled in: src/embed makes tables of these. */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *name; /* without its folder */
	const unsigned char *data;
	size_t length;
};

#endif
