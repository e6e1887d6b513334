/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/field.h"

#include "screen/unit.h"

const char *field_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t field_count(const json_t *object, const char *name)
{
	const json_int_t count = json_integer_value(json_object_get(object, name));

	return count > 0 ? (uint64_t)count : 0;
}

double field_real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

bool field_is_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

bool field_exists(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value && !json_is_null(value);
}

double field_time(const json_t *object, const char *name)
{
	return screen_read_time(field_text(object, name));
}
