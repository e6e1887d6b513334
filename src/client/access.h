/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CLIENT_ACCESS_H
#define CLIENT_ACCESS_H

#include <stddef.h>

/* Writes into text who may use the socket at path, for a user who may not. */
void access_tell(const char *path, char *text, size_t size);

#endif
