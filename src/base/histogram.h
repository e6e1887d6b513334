/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long things took, in a few classes: enough for a median and for the slowest, at the price of an addition. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/* The upper bounds of its classes, in microseconds, ascending; the last class has none. */
struct histogram_scale {
	uint64_t bounds[HISTOGRAM_BOUNDS];
};

struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each class */
	uint64_t sum;                          /* microseconds of all */
};

/* What a verdict takes, and what a transfer takes. */
extern const struct histogram_scale histogram_verdicts;
extern const struct histogram_scale histogram_transfers;

/* The class of a duration. */
size_t histogram_find(const struct histogram_scale *scale, uint64_t microseconds);
void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t microseconds);
/*
 * What this many of a hundred did not exceed, as if each class were evenly full; for the last class, its lower bound. False:
 * there was nothing.
 */
bool histogram_quantile(const struct histogram *histogram, const struct histogram_scale *scale, unsigned int percent,
			uint64_t *microseconds);

#endif
