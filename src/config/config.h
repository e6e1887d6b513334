/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration file (doc/ftpalg.conf.5), read by inih into one struct. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <limits.h>
#include <stdio.h>

#include "ftpalg/gateway.h"

#define CONFIG_DEFAULT_PATH "/etc/ftpalg/ftpalg.conf"
#define CONFIG_PORTS_MAX 15 /* as many as one iptables multiport match takes */
#define CONFIG_USER_MAX 32
#define CONFIG_WORKERS_MAX SHARE_MEMBERS_MAX
#define CONFIG_WORKERS_AUTO 0
#define CONFIG_SOCKET_MAX 108 /* sun_path of unix(7) */
#define CONFIG_DEFAULT_MONITOR "/run/ftpalg/monitor"
#define CONFIG_DEFAULT_CONTROL "/run/ftpalg/control"

enum proxy_legs {
	PROXY_LEGS_BOTH,   /* TLS to the client and to the server, as the client asks for it */
	PROXY_LEGS_CLIENT, /* TLS to the client, plain to the server */
	PROXY_LEGS_SERVER, /* plain to the client, TLS to the server */
	PROXY_LEGS_NONE,   /* plain on both; AUTH is refused */
};

/* A data connection in TLS ended without close_notify, so its end may be an attacker's. */
enum close_notify {
	CLOSE_NOTIFY_DEFAULT, /* of [server]: as [proxy] has it; of [proxy]: mirror */
	CLOSE_NOTIFY_MIRROR,  /* it is shown to the other peer as it was, where that one has TLS; else it is a cut */
	CLOSE_NOTIFY_STRICT,  /* it is a cut */
	CLOSE_NOTIFY_LENIENT, /* it is shown to the other peer even in clear, where it can't be told from a whole file's */
};

/* Must a client's data connection resume the session of its control connection? */
enum proxy_resumption {
	PROXY_RESUMPTION_SHOWN,   /* once one of this control connection has */
	PROXY_RESUMPTION_ALLOW,   /* no */
	PROXY_RESUMPTION_REQUIRE, /* always */
};

enum tls_versions {
	TLS_VERSIONS_DEFAULT, /* of [server]: as [proxy] has it; of server-...: as without; else 1.2 and 1.3 */
	TLS_VERSIONS_BOTH,
	TLS_VERSIONS_12,
	TLS_VERSIONS_13,
};

/* What a leg may use. Lists in OpenSSL's words, separated by colons; "": as for TLS_VERSIONS_DEFAULT. */
struct config_tls {
	enum tls_versions versions;
	char ciphers[512];
	char groups[256];
};

#define CONFIG_NAMES_MAX 16
#define CONFIG_HOST_MAX POLICY_HOST_MAX
#define CONFIG_FORWARDS_MAX 32

/* A server behind this host's own DNAT: how it is dialled, and where it is. Port 0: any, and the same one. */
struct config_forward {
	struct endpoint dialled;
	struct endpoint server;
};

/* [proxy] */
struct config_proxy {
	bool tproxy;           /* connections arrive by TPROXY, and not by REDIRECT */
	bool source_is_client; /* servers are dialled from the client's own address, and not from this host's */
	uint16_t queue;        /* where connections wait that the forward chains have let pass */
	uint32_t mark;         /* on packets that are delivered here though their address is another host's */
	uint32_t table;        /* the routing table that delivers them */
	struct config_forward forwards[CONFIG_FORWARDS_MAX];
	size_t forward_count;
	uint16_t port; /* where redirected connections arrive; 0: there is no proxy */
	uint16_t workers; /* processes that take them; or CONFIG_WORKERS_AUTO */
	uint16_t ports[CONFIG_PORTS_MAX]; /* redirected: plain until AUTH */
	size_t port_count;
	uint16_t implicit_ports[CONFIG_PORTS_MAX]; /* redirected: TLS from the first byte */
	size_t implicit_port_count;
	enum proxy_legs legs;
	bool unnamed_by_address;  /* a client that names no server is promised the one of the address that it dialled */
	bool untrusted;           /* a bad server certificate is passed on as an untrusted one instead of refused */
	enum proxy_resumption resumption; /* by clients, on data connections */
	uint32_t session_relays;  /* data connections at a time */
	uint32_t mint_rate;       /* certificates a minute */
	uint32_t drain_time;      /* seconds that a proxy serves sessions that has been replaced */
	uint64_t data_timeout;    /* microseconds until the first byte of a data connection */
	struct config_tls client_tls; /* what the legs of clients may use, and those of servers */
	struct config_tls server_tls; /* unless this says otherwise */
	enum close_notify close_notify;
	struct network bypass[POLICY_NETWORKS_MAX]; /* servers whose TLS is passed on unopened */
	size_t bypass_count;
	/* the same, by what clients ask for; with a dot in front: all below */
	char bypass_names[CONFIG_NAMES_MAX][CONFIG_HOST_MAX];
	size_t bypass_name_count;
	bool certificates_bypass; /* and those that demand certificates of clients */
	bool ccc;                 /* clients may end TLS on the control connection */
	char certificate[PATH_MAX];
	char key[PATH_MAX];
	char ca_certificate[PATH_MAX];
	char ca_key[PATH_MAX];
	char anchors[PATH_MAX];
	char user[CONFIG_USER_MAX];
};

#define CONFIG_SERVERS_MAX 32

/* [server NAME]: what clients of one of one's own servers are shown */
struct config_server {
	char name[POLICY_NAME_MAX];
	struct network addresses[POLICY_NETWORKS_MAX]; /* none: any */
	size_t address_count;
	char hosts[CONFIG_NAMES_MAX][CONFIG_HOST_MAX]; /* that clients ask for (SNI); none: any */
	size_t host_count;
	enum close_notify close_notify;
	struct config_tls tls;
	char certificate[PATH_MAX]; /* ""; neither: clients are shown what [proxy] has for them */
	char key[PATH_MAX];
};

struct config {
	/* [gateway] */
	uint16_t control_ports[CONFIG_PORTS_MAX]; /* as clients see them, before DNAT */
	size_t control_port_count;
	uint16_t queue;          /* netfilter queue number, of the first worker */
	uint16_t workers;        /* each with its own queue; or CONFIG_WORKERS_AUTO */
	uint32_t queue_length;   /* packets that the kernel keeps for us */
	uint32_t busy_poll;      /* microseconds for which the worker looks for packets after the last one; 0: it sleeps */
	uint32_t resolve_interval; /* seconds until names that are announced are looked up again */
	uint16_t zone;           /* conntrack zone of the control connections */
	uint32_t mark;           /* on packets that the gateway itself sends; rules exempt them from tracking */
	uint16_t nflog_group;    /* where copies of segments of data connections go; 0: there are none */
	uint32_t passed_mark;    /* bits in the mark of what the gateway has passed; 0: none */
	uint16_t mss;            /* of control connections: leaves room for a longer host-port */
	uint32_t watchdog;       /* seconds that a worker may stand still; 0: for ever */
	bool absent_open;        /* no daemon on the queue: pass uninspected instead of dropping */
	bool queue_full_open;    /* kernel's queue full: pass uninspected instead of dropping */
	char user[CONFIG_USER_MAX]; /* the user that the worker becomes; empty ("none" in the file): stays who it is */
	bool restore_rules;      /* that were loaded, and are gone */
	bool log_refusals;       /* refusals and faults are sentences in the log too */
	bool log_transfers;      /* and transfers */
	bool journal;            /* where the log is the journal, sentences have fields */
	char events[PATH_MAX];   /* file for events, "-" for standard output; empty: none */
	char xferlog[PATH_MAX];  /* file for lines of xferlog(5); empty: none */
	struct endpoint metrics; /* where they are fetched over HTTP; without a family: nowhere */
	char monitor[CONFIG_SOCKET_MAX]; /* the socket where the gateway is asked; empty: none */
	char control[CONFIG_SOCKET_MAX]; /* and where it takes orders */
	char monitor_group[CONFIG_USER_MAX]; /* who may use it; empty: all */
	char control_group[CONFIG_USER_MAX]; /* besides the user that runs the gateway; empty: nobody */

	struct config_proxy proxy;
	struct config_server servers[CONFIG_SERVERS_MAX];
	size_t server_count;
	struct gateway_limits limits;
	struct policy policy;
};

/* Fills config with the defaults that doc/ftpalg.conf.5 states. */
void config_set_defaults(struct config *config);

/*
 * Reads path over the defaults, and after it, in the order of their names, the files of conf.d beside it whose names end in
 * .conf. Every error is written to errors as "file:line: what, and what was expected"; all of them, not only the first.
 * Returns 0, or -1 after any error. A file that does not exist is an error.
 */
int config_load(struct config *config, const char *path, FILE *errors);

/*
 * As config_load(), for a start: where path is CONFIG_DEFAULT_PATH and there is no such file, the defaults hold, and 1 is
 * returned. A reload uses config_load(): a file that has gone is no reason to forget what it said.
 */
int config_load_first(struct config *config, const char *path, FILE *errors);

/* How many workers this host has: for CONFIG_WORKERS_AUTO one for each processor. Asks the host, which no sandbox allows. */
uint16_t config_count_workers(const struct config *config);
/* The same for the processes of the proxy. */
uint16_t config_count_proxies(const struct config *config);
/* The last queue that they may have, on any host. */
uint32_t config_last_queue(const struct config *config);

/* Does any rule send connections to the proxy? */
bool config_terminates(const struct config *config);

/*
 * The first [server] for this address, as the server has it or as clients dial it, and for this name, which may be "".
 * CONFIG_SERVERS_MAX: there is none.
 */
size_t config_find_server(const struct config *config, const struct address *server, const struct address *seen,
			  const char *host);

/* Is TLS passed on unopened, for this server or for this name? */
bool config_bypasses_server(const struct config_proxy *proxy, const struct address *server);
bool config_bypasses_name(const struct config_proxy *proxy, const char *name);

#endif
