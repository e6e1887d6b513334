/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all forms of rules ask of the configuration and of TCP. */
#ifndef RULES_FACTS_H
#define RULES_FACTS_H

#include "config/config.h"

/* The carrier: the kernel's helper that does nothing and lets a control connection hold expectations. */
#define RULES_CARRIER "sane"

/* How much of a packet is copied, and how many packets a second in the middle of data connections. */
#define RULES_COPY_BYTES 80U
#define RULES_SAMPLES 100U
#define RULES_SAMPLES_BURST 20U

struct rules_families {
	bool ipv4;
	bool ipv6;
};

/* "21, 2121", with separator between the ports. */
void rules_print_ports(const struct config *config, const char *separator, FILE *out);
/*
 * TCP options in a SYN, by their kind: which of them stay, from the first that has a length on. All others are
 * overwritten; doc/threat-model.md says why. The dangerous ones change what a receiver reads.
 */
#define RULES_OPTION_FIRST 2
bool rules_option_is_kept(unsigned int kind);
extern const uint8_t rules_options_dangerous[];
extern const size_t rules_option_dangerous_count;

/* Can a packet bypass the queue, because the configuration says so? */
bool rules_may_bypass(const struct config *config);

/* "queue 21", or "queues 21 to 22". */
#define RULES_QUEUES_MAX 32
void rules_name_queues(const struct config *config, char text[RULES_QUEUES_MAX]);

/* The lowest port that the policy lets an offer name: no data connection goes to a lower one. */
uint16_t rules_lowest_port(const struct config *config);

#endif
