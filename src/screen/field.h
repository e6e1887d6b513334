/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of what the gateway answers. One that is not there, or is something else, is nothing: "" or 0. */
#ifndef SCREEN_FIELD_H
#define SCREEN_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

const char *field_text(const json_t *object, const char *name);
uint64_t field_count(const json_t *object, const char *name);
double field_real(const json_t *object, const char *name);
bool field_is_true(const json_t *object, const char *name);
/* Neither missing nor null. */
bool field_exists(const json_t *object, const char *name);
/* Seconds since 1970, or -1. */
double field_time(const json_t *object, const char *name);

#endif
