/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings of the configuration file and how the words of each are read. Private to config*.c. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "ftpalg/base.h"

enum config_section {
	CONFIG_SECTION_NONE,    /* in front of the first section */
	CONFIG_SECTION_UNKNOWN, /* a section that was refused: what stands in it is not judged */
	CONFIG_SECTION_GATEWAY,
	CONFIG_SECTION_PROXY,
	CONFIG_SECTION_POLICY,
	CONFIG_SECTION_RULE,
	CONFIG_SECTION_SERVER,
};

struct config_value;

/*
 * Reads value->text into its place in owner, which is struct config for [gateway] and [proxy], struct policy_rule for
 * [policy] and [rule], and struct config_server for [server]. Returns NULL, or what is wrong, in words that continue
 * "KEY: "CULPRIT" ...", with value->culprit set.
 */
typedef const char *config_read(struct config_value *value, void *owner);

struct config_key {
	const char *name;
	config_read *read;
	size_t offset;        /* the bytes of the owner that are the setting; a rule inherits it by copying them */
	size_t size;
	const char *expected; /* what is right; NULL for a number, whose bounds say it */
	const char *const *words; /* a choice: what it may say; NULL ends them */
	uint64_t minimum;     /* numbers: the bounds, in the file's unit ... */
	uint64_t maximum;
	uint32_t unit;        /* ... and how many of the owner's units make one of the file's */
	bool list;            /* may go on in indented lines */
	bool rule_only;       /* not in [policy], which holds everybody */
};

struct config_value {
	const struct config_key *key;
	struct bytes text;    /* what this line says */
	bool continued;       /* an earlier line began the list */
	bool none;            /* an earlier line said that the list is empty */
	struct bytes culprit; /* the words that are wrong */
};

/* No section has more keys: a set of them is the bits of a uint64_t. */
#define CONFIG_KEYS_MAX 64

/* The keys of a section, in the order of the manual; NULL from the first index that has none. */
const struct config_key *config_key_at(enum config_section section, size_t index);

struct config;
struct config_proxy;

/* What the keys of [proxy] say together, and with the other sections. What is wrong, or NULL. */
const char *config_judge_proxy(const struct config_proxy *proxy, bool has_servers);
const char *config_judge_together(const struct config *config, bool has_proxy);

/* Does the section say anything but which certificate? */
struct config_server;
bool config_server_says_more(const struct config_server *server);

config_read config_read_number; /* uint16_t, uint32_t or uint64_t, by key->size */
config_read config_read_mark;   /* uint32_t, decimal or hexadecimal */
config_read config_read_workers;     /* a number; "auto" is CONFIG_WORKERS_AUTO */
config_read config_read_passed_mark; /* the same; "none" is 0 */
config_read config_read_choice; /* bool or an enum, by key->size: the place of the word among key->words */
config_read config_read_account; /* char[], by key->size: the name of a user or of a group */
config_read config_read_events;
config_read config_read_control_ports;
config_read config_read_proxy_ports;
config_read config_read_implicit_ports;
config_read config_read_forward;
config_read config_read_bypass;
config_read config_read_bypass_names;
config_read config_read_tls_words;    /* char[], by key->size: words for OpenSSL */
config_read config_read_listen; /* struct endpoint */
config_read config_read_file; /* char[PATH_MAX], or shorter */
config_read config_read_addresses;
config_read config_read_hosts;
config_read config_read_clients;
config_read config_read_servers;
config_read config_read_deny_verbs;
config_read config_read_deny_ports;
config_read config_read_deny_passive_ports;
config_read config_read_fxp;
config_read config_read_advertise;        /* struct policy_advertise */
config_read config_read_advertise_active; /* the same */

#endif
