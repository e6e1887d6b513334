/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A local authority in a directory of its own, for a group of tests: group setup and teardown, and where its files are. */
#ifndef UNIT_AUTHORITY_KIT_H
#define UNIT_AUTHORITY_KIT_H

#include "ftpalg/base.h"

#define AUTHORITY_ERROR_MAX 512

extern char authority_directory[];
extern char authority_ca_path[64];
extern char authority_key_path[64];
/* A server that has no name. */
extern const struct address authority_router;
/* What the proxy opens with the authority's files; the second pair makes it too. */
extern struct tls *authority_tls;

int authority_make(void **state);
int authority_remove(void **state);
int authority_make_tls(void **state);
int authority_remove_tls(void **state);

#endif
