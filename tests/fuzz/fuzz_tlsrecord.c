/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as one direction behind a 234. The first byte chooses the direction, the second where the other direction
 * ends, the third how many of the following are the sizes of pieces. However the rest is cut, records end at the same
 * byte and mean the same; nothing beyond a piece is read; and a slow reader that knows nothing of cuts agrees.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/tlsrecord.h"

#define SIZE_MAX_HERE 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	enum tlsrecord_place place;
	size_t taken;       /* in all */
	bool could_finish;  /* when the end was expected */
	struct tlsrecord record;
};

/* A copy with nothing behind it, so that the sanitizer sees who reads too far. */
static enum tlsrecord_place take(struct tlsrecord *record, enum direction direction, const uint8_t *data, size_t length,
				 size_t *taken)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	enum tlsrecord_place place;

	assert(copy);
	memcpy(copy, data, length);
	place = tlsrecord_take(record, direction, (struct bytes){ copy, length }, taken);
	free(copy);
	assert(*taken <= length);
	assert(place != TLSRECORD_RECORDS || *taken == length);
	return place;
}

/* The other direction ends when end bytes have been taken, which is the boundary of a piece in every run. */
static void run(struct result *result, enum direction direction, struct bytes bytes, size_t end, const uint8_t *cuts,
		size_t cut_count)
{
	memset(result, 0, sizeof(*result));
	tlsrecord_start(&result->record);
	assert(tlsrecord_is_untouched(&result->record));
	result->could_finish = true;
	for (size_t i = 0, at = 0; at < bytes.length && result->place == TLSRECORD_RECORDS; i++) {
		size_t length = bytes.length - at;
		size_t taken;

		if (cut_count > 0 && length > 1u + cuts[i % cut_count])
			length = 1u + cuts[i % cut_count];
		if (at < end && at + length > end)
			length = end - at;
		result->place = take(&result->record, direction, bytes.data + at, length, &taken);
		at += taken;
		result->taken = at;
		if (at == end && result->place == TLSRECORD_RECORDS)
			result->could_finish = tlsrecord_expect_end(&result->record);
	}
}

/* Where the first thing that is no record stands, read from the whole. */
static size_t find_end(struct bytes bytes)
{
	size_t at = 0;

	while (at + TLSRECORD_HEADER <= bytes.length && bytes.data[at] >= 20 && bytes.data[at] <= 24)
		at += TLSRECORD_HEADER + ((size_t)bytes.data[at + 3] << 8 | bytes.data[at + 4]);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole;
	struct result cut;
	enum direction direction;
	size_t end;
	size_t cut_count;
	struct bytes bytes;

	if (size < 3 || size > SIZE_MAX_HERE)
		return 0;
	direction = data[0] & 1 ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	end = (size_t)data[1] * (data[0] & 2 ? 16 : 1) + 1;
	cut_count = data[2] % 8;
	if (size < 3 + cut_count)
		return 0;
	bytes = (struct bytes){ data + 3 + cut_count, size - 3 - cut_count };
	if (end > bytes.length)
		end = SIZE_MAX;
	run(&whole, direction, bytes, end, NULL, 0);
	run(&cut, direction, bytes, end, data + 3, cut_count);
	assert(whole.place == cut.place);
	assert(whole.taken == cut.taken);
	assert(whole.could_finish == cut.could_finish);
	assert(memcmp(&whole.record, &cut.record, sizeof(cut.record)) == 0);
	if (whole.place == TLSRECORD_LINE)
		assert(whole.taken == find_end(bytes) && whole.taken > 0);
	/* TLS ends behind a handshake and a word, which are two records at least. */
	if (tlsrecord_may_end(&whole.record))
		assert(tlsrecord_has_spoken(&whole.record) && whole.taken >= 2 * (TLSRECORD_HEADER + 1));
	return 0;
}
