/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder that read the configuration share while they do. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <stdio.h>

#include "config/config.h"
#include "config/value.h"

#define CONFIG_ERRORS_MAX 30

/* A thousand times what the largest configuration needs that all bounds allow. */
#define CONFIG_FILE_MAX ((size_t)1 << 20)

/* The file that was named, and those beside it. */
#define CONFIG_PARTS "conf.d"
#define CONFIG_FILES_MAX 65

/*
 * A place is a line of one of the files, in one number: the file in the bits from CONFIG_PLACE_SHIFT on, and the line, which
 * begins with 1, in those below. 0 is none.
 */
#define CONFIG_PLACE_SHIFT 24

/* Where a section or a key was seen; 0: not yet. */
struct config_seen {
	unsigned int section; /* last: each file may have one */
	unsigned int key[CONFIG_KEYS_MAX];
};

struct config_reader {
	struct config *config;
	char *files[CONFIG_FILES_MAX]; /* paths, in the order in which they are read */
	unsigned int file_count;
	unsigned int file; /* that is being read */
	const char *path;  /* of it */
	char place[PATH_MAX + 32]; /* the last that was named */
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

/* config/file.c: text holds CONFIG_FILE_MAX bytes and two more. False: it can't or may not be read, which was reported. */
bool config_take_file(struct config_reader *reader, unsigned int number, char *text);
/* Adds the files beside path to those that are read. False: these can't be found out, which was reported. */
bool config_add_parts(struct config_reader *reader, const char *path);

/* config/credentials.c: keys are read where a service manager has put them, if one has. */
void config_use_credentials(struct config *config);

/* config/complain.c: where the reader is. */
unsigned int config_tell_place(const struct config_reader *reader);
void config_go_to(struct config_reader *reader, unsigned int place);
/* In words; valid until the next call. */
const char *config_name_place(struct config_reader *reader, unsigned int place);
/* config/complain.c: each is an error, in the line that the reader is at; those beyond CONFIG_ERRORS_MAX are counted. */
__attribute__((format(printf, 2, 3))) void config_complain(struct config_reader *reader, const char *format, ...);
/* The value that was judged is wrong: it says how, and what was expected. */
void config_complain_value(struct config_reader *reader, const char *wrong);
/* There is no key of this name: it says which the section has. */
void config_complain_key(struct config_reader *reader, const char *name);

/* config/finish.c: what can be judged, or inherited, only when all of the file has been read. */
void config_finish_rules(struct config_reader *reader);
void config_finish_servers(struct config_reader *reader);
void config_finish_gateway(struct config_reader *reader);
void config_finish_proxy(struct config_reader *reader);

#endif
