/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The style and the script of the page, which are compiled in. */
#ifndef REPORT_ASSETS_H
#define REPORT_ASSETS_H

#include "base/embedded.h"

enum { REPORT_CSS, REPORT_JS };

extern const struct embedded report_assets[];

#endif
