/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of ftpalg check. Each looks at one side of the host and adds its findings to the report. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "config/config.h"

struct check {
	const struct config *config;
	FILE *out;
	unsigned int missing; /* findings that keep the gateway from working */
};

/* One line of the report each; where something is missing or odd, the line says how to mend it. */
__attribute__((format(printf, 2, 3))) void check_ok(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_note(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_missing(struct check *check, const char *format, ...);

/* Said wherever rules are missing. */
#define CHECK_LOAD_RULES "load what \"ftpalg rules nft\" or \"ftpalg rules iptables\" prints"

void check_privileges(struct check *check);
void check_kernel(struct check *check);
void check_limits(struct check *check);
void check_rules(struct check *check);
void check_daemon(struct check *check);
void check_proxy(struct check *check);
void check_keys(struct check *check);

/* What the rules in force do for one family. Bits of ports are indexes into config->control_ports. */
struct check_ruleset {
	bool carrier;            /* a rule attaches the carrier */
	bool queue;              /* a rule feeds the configured queue */
	bool bypass;             /* ... with bypass */
	bool foreign_helper;     /* a rule attaches the kernel's own ftp helper */
	bool syn_first;          /* a rule asks whether what is NEW begins with a SYN */
	bool other_zone;         /* a rule puts packets into another zone than the configured one */
	uint16_t translated_port; /* a DNAT sends a control port to this one, which is none; else 0 */
	uint32_t carrier_ports;
	uint32_t queue_ports;
};

/* Reads what iptables-save or ip6tables-save printed. */
void check_ruleset_read_iptables(const struct config *config, const char *text, struct check_ruleset *ruleset);
/* Reads what "nft list ruleset" printed. */
void check_ruleset_read_nft(const struct config *config, const char *text, struct check_ruleset *ipv4,
			    struct check_ruleset *ipv6);

/* The number in a file of /proc/sys; -1 where there is none. */
long long check_read_sysctl(const char *path);

/*
 * Runs a program of the system, without a shell, and returns what it wrote to standard output, to be freed by the
 * caller; NULL if it could not be run or failed. argv ends with NULL.
 */
char *check_program_output(const char *const *argv);

#endif
