/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page.css and page.js, which the Makefile turns into arrays. */
#ifndef REPORT_ASSETS_H
#define REPORT_ASSETS_H

#include <stddef.h>

extern const unsigned char report_css[];
extern const size_t report_css_length;
extern const unsigned char report_js[];
extern const size_t report_js_length;

#endif
