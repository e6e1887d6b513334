/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scenarios of users. The parser must end, name a place within the source for what is wrong, and give steps whose texts
 * lie within the source (or are its own constants) and can be read to their end.
 */
#include <assert.h>
#include <string.h>

#include "probe/scenario.h"
#include "probe/scenario_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scenario scenario;

static void check_text(const struct scenario_step *step)
{
	struct text_token token;
	size_t position = 0;
	size_t before;

	do {
		before = position;
		text_next(step->text, &position, &token);
		assert(position <= step->text.length);
		assert(token.type != TEXT_BAD);
		assert(token.type == TEXT_END || position > before);
		assert(token.type != TEXT_VARIABLE || (token.number >= 1 && token.number <= TEXT_LISTENERS_MAX));
		assert(token.type != TEXT_REPEAT || (token.number >= 1 && token.number <= TEXT_REPEAT_MAX));
		assert(token.type != TEXT_CUT || step->action != SCENARIO_SEE);
		assert((token.type != TEXT_ANY && token.type != TEXT_OFFER) || step->action == SCENARIO_SEE);
	} while (token.type != TEXT_END);
}

static void check_error(const uint8_t *data, size_t size, const struct scenario_error *error)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' ? 1 : 0;
	assert(error->message && strncmp(error->message, "expected ", strlen("expected ")) == 0);
	assert(error->line >= 1 && error->line <= lines + 1);
	assert(error->column >= 1 && error->column <= size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nothing[1];
	struct scenario_error error = { 0, 0, NULL };
	struct bytes source = { size > 0 ? data : nothing, size };

	if (!scenario_parse(source, &scenario, &error)) {
		check_error(data, size, &error);
		return 0;
	}
	assert(scenario.step_count > 0 && scenario.step_count <= SCENARIO_STEPS_MAX);
	assert(scenario.title.length > 0);
	assert(!scenario.steps[0].alternative);
	for (size_t i = 0; i < scenario.step_count; i++)
		if (scenario.steps[i].text.data)
			check_text(&scenario.steps[i]);
	return 0;
}
