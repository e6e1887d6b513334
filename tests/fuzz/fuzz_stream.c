/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as the choices of the stream's model (tests/unit/kit/stream_model.h): what is decided, edited, lost, repeated
 * and acknowledged, and when. The model holds the checks.
 */
#include <assert.h>

#define MODEL_CHECK(condition) assert(condition)

#include "stream_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stream_model model;

/* One byte a choice, two where one is not enough, zeros at the end. */
static uint32_t choose(void *context, uint32_t below)
{
	struct bytes *rest = context;
	uint32_t value = 0;

	for (int i = 0; i < (below > 256 ? 2 : 1); i++) {
		value <<= 8;
		if (rest->length > 0) {
			value |= *rest->data++;
			rest->length--;
		}
	}
	return value % below;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { data, size };
	struct seqadj kernel = { 0, 0, 0 };
	uint32_t first;

	model.choose = choose;
	model.context = &rest;
	first = (choose(&rest, 2) ? UINT32_C(0x80000000) : 0) - choose(&rest, 3000);
	if (choose(&rest, 2)) {
		kernel.before = (int32_t)choose(&rest, 100) - 50;
		kernel.after = (int32_t)choose(&rest, 100) - 50;
		/* An edit that shrank stood on more bytes than it took away. */
		kernel.position = first - 101 - choose(&rest, 5000);
	}
	model_start(&model, first, &kernel);
	for (unsigned int step = 0; step < MODEL_STEPS_MAX && rest.length > 0; step++)
		model_step(&model);
	model_finish(&model);
	return 0;
}
