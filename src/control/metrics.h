/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the gateway stands, in numbers for a program that collects them: OpenMetrics 1.0.0, or the text format before it. No
 * label is an address, a user or a file, so the number of series is that of reasons and the like, and no peer can make more.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <event2/buffer.h>

#include "control/facts.h"

enum metrics_format {
	METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0; charset=utf-8 */
	METRICS_TEXT,        /* text/plain; version=0.0.4; charset=utf-8 */
};

/* Appends all of them. What is not known now has no sample. */
void metrics_write(struct evbuffer *out, enum metrics_format format, const struct tables *tables, const struct facts *facts);

#endif
