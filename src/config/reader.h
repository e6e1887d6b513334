/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder that read the configuration share while they do. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <stdio.h>

#include "config/config.h"
#include "config/value.h"

#define CONFIG_ERRORS_MAX 30

/* Where a section or a key was seen first; line 0: not yet. */
struct config_seen {
	unsigned int section_line;
	unsigned int key_line[CONFIG_KEYS_MAX];
};

struct config_reader {
	struct config *config;
	const char *path;
	FILE *errors;
	unsigned int line;
	unsigned int error_count;
	char *text; /* the line, as long as it is */
	char *next; /* the one after it */
	char *end;  /* of the file; a NUL is there */

	enum config_section section;
	void *owner;              /* what the section's settings go to */
	struct config_seen *seen; /* of the section */
	bool pending;             /* the line should be a setting, and the handler has not been called for it yet */
	bool begun;               /* the section has a setting, which an indented line would continue */
	bool dropped;             /* the setting was refused: what continues it is not judged */
	struct config_value value;

	struct policy_rule policy;
	struct config_seen gateway_seen;
	struct config_seen proxy_seen;
	struct config_seen policy_seen;
	struct config_seen rule_seen[POLICY_RULES_MAX];
	struct config_seen server_seen[CONFIG_SERVERS_MAX];
};

/* config/complain.c: each is an error, in the line that the reader is at; those beyond CONFIG_ERRORS_MAX are counted. */
__attribute__((format(printf, 2, 3))) void config_complain(struct config_reader *reader, const char *format, ...);
/* The value that was judged is wrong: it says how, and what was expected. */
void config_complain_value(struct config_reader *reader, const char *wrong);
/* There is no key of this name: it says which the section has. */
void config_complain_key(struct config_reader *reader, const char *name);

/* config/finish.c: what can be judged, or inherited, only when all of the file has been read. */
void config_finish_rules(struct config_reader *reader);
void config_finish_servers(struct config_reader *reader);
void config_finish_proxy(struct config_reader *reader);

#endif
