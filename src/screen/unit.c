/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define STEP 1000
#define MINUTE 60
#define HOUR 3600
#define DAY 86400
/* Whatever an answer claims, no number is too large for an integer. */
#define SECONDS_MAX 1e12

static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

void screen_add_count(struct screen_text *text, uint64_t count)
{
	char digits[24];
	const int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < length; i++)
		screen_add(text, "%s%c", i > 0 && (length - i) % 3 == 0 ? "," : "", digits[i]);
}

/* The unit in which no more than three digits stand before the point, once it is rounded to one after it. */
static unsigned int unit_of(double bytes, double *scaled)
{
	unsigned int unit = 0;

	while (bytes >= STEP - 0.05 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= STEP;
		unit++;
	}
	*scaled = bytes;
	return unit;
}

void screen_add_size(struct screen_text *text, uint64_t bytes)
{
	double scaled;
	const unsigned int unit = unit_of((double)bytes, &scaled);

	screen_add(text, "%.*f %s", unit > 0 ? 1 : 0, scaled, units[unit]);
}

void screen_add_part(struct screen_text *text, uint64_t bytes, uint64_t total)
{
	double scaled;
	double part = (double)bytes;
	const unsigned int unit = unit_of((double)total, &scaled);

	for (unsigned int i = 0; i < unit; i++)
		part /= STEP;
	screen_add(text, "%.*f of %.*f %s", unit > 0 ? 1 : 0, part, unit > 0 ? 1 : 0, scaled, units[unit]);
}

void screen_add_rate(struct screen_text *text, double bytes_per_second)
{
	double scaled;
	unsigned int unit;

	/* Written so that NaN is a dash too. */
	if (!(bytes_per_second >= 0.5)) {
		screen_add(text, "-");
		return;
	}
	unit = unit_of(bytes_per_second, &scaled);
	screen_add(text, "%.*f %s/s", unit > 0 && scaled < 9.95 ? 1 : 0, scaled, units[unit]);
}

static uint64_t whole_seconds(double seconds)
{
	return seconds >= 0 && seconds < SECONDS_MAX ? (uint64_t)seconds : 0;
}

void screen_add_age(struct screen_text *text, double seconds)
{
	const uint64_t whole = whole_seconds(seconds);

	if (whole < MINUTE)
		screen_add(text, "%" PRIu64 "s", whole);
	else if (whole < HOUR)
		screen_add(text, "%" PRIu64 "m", whole / MINUTE);
	else if (whole < DAY)
		screen_add(text, "%" PRIu64 "h", whole / HOUR);
	else
		screen_add(text, "%" PRIu64 "d", whole / DAY);
}

/* "3 d 4 h": the smaller one where there is any. */
static void add_two(struct screen_text *text, uint64_t whole, uint64_t large, const char *large_name, uint64_t small,
		    const char *small_name)
{
	screen_add(text, "%" PRIu64 " %s", whole / large, large_name);
	if (whole % large / small > 0)
		screen_add(text, " %" PRIu64 " %s", whole % large / small, small_name);
}

void screen_add_duration(struct screen_text *text, double seconds)
{
	const uint64_t whole = whole_seconds(seconds);

	if (whole < MINUTE)
		screen_add(text, "%" PRIu64 " s", whole);
	else if (whole < HOUR)
		screen_add(text, "%" PRIu64 " min", whole / MINUTE);
	else if (whole < DAY)
		add_two(text, whole, HOUR, "h", MINUTE, "min");
	else
		add_two(text, whole, DAY, "d", HOUR, "h");
}

void screen_add_countdown(struct screen_text *text, double seconds)
{
	const uint64_t whole = whole_seconds(seconds);

	if (whole < HOUR)
		screen_add(text, "%" PRIu64 ":%02" PRIu64, whole / MINUTE, whole % MINUTE);
	else
		screen_add(text, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, whole / HOUR, whole % HOUR / MINUTE, whole % MINUTE);
}

void screen_add_seconds(struct screen_text *text, double seconds)
{
	const uint64_t whole = whole_seconds(seconds);

	if (!(seconds >= 0))
		screen_add(text, "-");
	else if (seconds > 0 && seconds < 0.001)
		screen_add(text, "<1 ms");
	else if (seconds < 0.0995)
		screen_add(text, "%.0f ms", seconds * 1000);
	else if (seconds < 9.95)
		screen_add(text, "%.1f s", seconds);
	else if (whole >= MINUTE && whole < HOUR)
		add_two(text, whole, MINUTE, "min", 1, "s");
	else
		screen_add_duration(text, seconds);
}

/* Takes count digits. */
static bool take_number(const char **text, size_t count, int *number)
{
	uint32_t read = 0;

	if (strnlen(*text, count) < count ||
	    !number_read_decimal((struct bytes){ (const uint8_t *)*text, count }, 9999, &read))
		return false;
	*text += count;
	*number = (int)read;
	return true;
}

static bool take_sign(const char **text, char sign)
{
	const bool there = **text == sign;

	*text += there;
	return there;
}

double screen_read_time(const char *text)
{
	struct tm tm = { .tm_isdst = 0 };
	double fraction = 0;
	double scale = 1;

	if (!take_number(&text, 4, &tm.tm_year) || !take_sign(&text, '-') || !take_number(&text, 2, &tm.tm_mon) ||
	    !take_sign(&text, '-') || !take_number(&text, 2, &tm.tm_mday) || !take_sign(&text, 'T') ||
	    !take_number(&text, 2, &tm.tm_hour) || !take_sign(&text, ':') || !take_number(&text, 2, &tm.tm_min) ||
	    !take_sign(&text, ':') || !take_number(&text, 2, &tm.tm_sec))
		return -1;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9' && scale < 1e9; text++) {
			fraction = 10 * fraction + (*text - '0');
			scale *= 10;
		}
	if (strcmp(text, "Z") != 0)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (double)timegm(&tm) + fraction / scale;
}

static size_t write_clock(char *shown, size_t size, const struct tm *tm, enum screen_clock clock, bool recent)
{
	if (clock == SCREEN_CLOCK_DATE)
		return strftime(shown, size, "%Y-%m-%d %H:%M:%S", tm);
	if (clock == SCREEN_CLOCK_RECENT && !recent)
		return strftime(shown, size, "%b %e %H:%M", tm);
	return strftime(shown, size, "%H:%M:%S", tm);
}

void screen_add_time(struct screen_text *text, double time, enum screen_clock clock, double now)
{
	const time_t whole = time >= 0 && time < SECONDS_MAX ? (time_t)time : -1;
	char shown[32];
	struct tm tm;

	if (whole < 0 || !localtime_r(&whole, &tm) || write_clock(shown, sizeof(shown), &tm, clock, now - time < DAY) == 0) {
		screen_add(text, "-");
		return;
	}
	screen_add(text, "%s", shown);
	if (clock == SCREEN_CLOCK_MILLISECONDS)
		screen_add(text, ".%03d", (int)((time - (double)whole) * 1000 + 0.0005));
}
