/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the gateway and its host stand, besides the sessions. A fact is filled in where it can be seen; the rest is unknown.
 */
#ifndef CONTROL_FACTS_H
#define CONTROL_FACTS_H

#include <limits.h>

#include "config/config.h"
#include "control/table.h"
#include "journal/journal.h"
#include "process/heartbeat.h"
#include "process/names.h"

/* Of a number. */
#define FACTS_UNKNOWN UINT64_MAX
#define FACTS_TEXT_MAX 256
#define FACTS_CERTIFICATES_MAX (CONFIG_SERVERS_MAX + 2)
#define FACTS_PROBLEMS_MAX (FACTS_CERTIFICATES_MAX + 3 * CONFIG_WORKERS_MAX + POLICY_HOSTS_MAX + 16)

struct facts_worker {
	uint16_t queue;
	bool up;
	uint64_t hung_seconds; /* that it has not moved */
	uint64_t packets;
	uint64_t waiting;
	uint64_t dropped;
	uint64_t verdicts[HEARTBEAT_VERDICTS];
	struct histogram delays; /* of verdicts */
	uint64_t p50_us;
	uint64_t p99_us;
	uint64_t restarts;
};

struct facts_certificate {
	char section[POLICY_NAME_MAX + sizeof("server ")];
	int64_t ends; /* seconds of the epoch */
};

/* One process of it. */
struct facts_member {
	bool up;
	uint64_t hung_seconds;
	uint64_t restarts;
	uint64_t sessions;
	uint64_t first_session; /* its sessions have numbers from here on */
};

struct facts_proxy {
	bool wanted;
	bool up;              /* all of it */
	struct facts_member members[CONFIG_WORKERS_MAX];
	uint32_t member_count;
	uint64_t sessions;    /* of all members */
	uint64_t draining;
	struct facts_certificate certificates[FACTS_CERTIFICATES_MAX];
	size_t certificate_count;
};

enum facts_rules_state {
	FACTS_RULES_UNKNOWN,
	FACTS_RULES_LOADED,
	FACTS_RULES_MISSING,
};

enum facts_rules_kind {
	FACTS_RULES_NONE,
	FACTS_RULES_NFT,
	FACTS_RULES_IPTABLES,
};

struct facts_rules {
	enum facts_rules_state state;
	enum facts_rules_kind kind;
	uint64_t since; /* microseconds of the wall clock; 0: not known */
	char why[FACTS_TEXT_MAX];
	char mend[FACTS_TEXT_MAX];
};

enum { FACTS_IPV4, FACTS_IPV6, FACTS_FAMILIES };

struct facts {
	uint64_t now;     /* wall clock, microseconds, as all times here */
	uint64_t started;
	int pid;
	const char *config_path;
	uint64_t config_read;
	char config_error[FACTS_TEXT_MAX]; /* of the last reload; "": it was taken over */
	const struct config *config;
	bool gateway;     /* this service has a worker; else it is a proxy alone */
	struct facts_worker workers[CONFIG_WORKERS_MAX];
	uint32_t worker_count;
	struct facts_proxy proxy;
	struct facts_rules rules[FACTS_FAMILIES];
	struct names_list names; /* hosts that are announced */
	char kernel[64];
	bool carrier;     /* the module is there */
	uint64_t expectations;
	uint64_t expectations_limit;
	uint64_t kernel_events_lost;
	char user[CONFIG_USER_MAX];
	bool net_admin;   /* a capability of the broker's */
	bool net_raw;
	bool seccomp;
	bool no_new_privileges;
	uint64_t events_lost;  /* before they came to control */
	uint64_t lines_lost[JOURNAL_FILES]; /* and after it */
};

struct problem {
	char what[FACTS_TEXT_MAX];
	char mend[FACTS_TEXT_MAX];
};

/* What is wrong, the worst first. Returns how many; 0: healthy. */
size_t facts_judge(const struct facts *facts, struct problem problems[FACTS_PROBLEMS_MAX]);

/* facts_host.c: files of the kernel's, opened while this process may. */
struct facts_host {
	int queues;       /* /proc/net/netfilter/nfnetlink_queue */
	int expectations; /* /proc/net/nf_conntrack_expect */
	int limit;        /* the sysctl */
	char kernel[64];
	bool carrier;
};

void facts_host_open(struct facts_host *host);
void facts_host_close(struct facts_host *host);
/* Fills in what the kernel says. */
void facts_host_read(const struct facts_host *host, struct facts *facts);

/* The line of a queue in the kernel's table: packets that it has seen, that wait, and that it has dropped. False: none. */
bool facts_read_queue(struct bytes table, uint16_t queue, struct facts_worker *worker);

#endif
