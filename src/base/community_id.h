/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Community ID, version 1: a name of a connection that all monitors compute alike from its ends, so that what one of them
 * says can be matched with what another says (https://github.com/corelight/community-id-spec).
 */
#ifndef BASE_COMMUNITY_ID_H
#define BASE_COMMUNITY_ID_H

#include "ftpalg/base.h"

/* "1:", 28 digits to base 64, and a NUL. */
#define COMMUNITY_ID_TEXT_MAX 31

/* Of a TCP connection between ends of one family, in whichever order; with the seed 0, which is everybody's default. */
void community_id_format(const struct endpoint *a, const struct endpoint *b, char out[COMMUNITY_ID_TEXT_MAX]);

#endif
