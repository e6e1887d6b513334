/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/histogram.h"

const struct histogram_scale histogram_verdicts = {
	{ 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 20000, 100000 },
};

const struct histogram_scale histogram_transfers = {
	{ 10000, 50000, 100000, 500000, 1000000, 5000000, 10000000, 30000000, 60000000, 300000000, 1800000000, 7200000000 },
};

size_t histogram_find(const struct histogram_scale *scale, uint64_t microseconds)
{
	size_t class = 0;

	while (class < HISTOGRAM_BOUNDS && microseconds > scale->bounds[class])
		class++;
	return class;
}

void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t microseconds)
{
	histogram->counts[histogram_find(scale, microseconds)]++;
	histogram->sum += microseconds;
}

bool histogram_quantile(const struct histogram *histogram, const struct histogram_scale *scale, unsigned int percent,
			uint64_t *microseconds)
{
	uint64_t all = 0, before = 0;
	double wanted;
	size_t class = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		all += histogram->counts[i];
	wanted = (double)all * percent / 100;
	while (class < HISTOGRAM_BOUNDS && (double)(before + histogram->counts[class]) < wanted)
		before += histogram->counts[class++];
	if (all > 0 && class < HISTOGRAM_BOUNDS) {
		const uint64_t low = class > 0 ? scale->bounds[class - 1] : 0;

		*microseconds = low + (uint64_t)((double)(scale->bounds[class] - low) * (wanted - (double)before) /
						 (double)histogram->counts[class]);
	} else if (all > 0) {
		*microseconds = scale->bounds[HISTOGRAM_BOUNDS - 1];
	}
	return all > 0;
}
