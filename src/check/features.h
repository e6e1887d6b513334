/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which parts of the kernel that ftpalg can use are there, as far as that can be known without privileges. */
#ifndef CHECK_FEATURES_H
#define CHECK_FEATURES_H

#include <stddef.h>

#include "ftpalg/base.h"

enum feature_state {
	FEATURE_THERE,     /* built in, or loaded */
	FEATURE_AVAILABLE, /* a module that can be loaded */
	FEATURE_MISSING,   /* neither, and the list of modules was read */
	FEATURE_UNKNOWN,   /* not there, and there is no list of modules */
};

struct feature {
	const char *module;
	const char *symbol;  /* of the kernel, which is there with it */
	const char *purpose;
	enum feature_state state;
};

enum { FEATURE_COUNT = 9 };

/* modules: the directory with the modules.dep of the kernel that runs; symbols: /proc/kallsyms. */
void features_read(const char *modules, const char *symbols, struct feature features[FEATURE_COUNT]);

#endif
