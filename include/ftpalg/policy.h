/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is allowed. A policy is a list of rules; the first whose networks contain the client and the server decides, and
 * the last rule matches everybody. The configuration compiles to this; the core only reads it.
 */
#ifndef FTPALG_POLICY_H
#define FTPALG_POLICY_H

#include "ftpalg/hostport.h"
#include "ftpalg/nat.h"
#include "ftpalg/parse.h"

#define POLICY_RULES_MAX 64
#define POLICY_NETWORKS_MAX 16
#define POLICY_RANGES_MAX 64
#define POLICY_FXP_MAX 16
#define POLICY_NAME_MAX 32
#define POLICY_HOST_MAX 254 /* RFC 1035 3.1, and a NUL */
#define POLICY_HOSTS_MAX 16 /* in all rules */

enum foreign_server {
	/* a private or unreachable address is replaced by the server's own, another refused */
	FOREIGN_SERVER_REWRITE_PRIVATE,
	FOREIGN_SERVER_REFUSE,  /* a 227 or 228 that names another host than the server: answered to the client as 425 */
	FOREIGN_SERVER_REWRITE, /* the server's own address is put in the place of any other */
};

enum tls_policy {
	TLS_ALLOW,
	TLS_FORBID,
	TLS_REQUIRE,
	TLS_TERMINATE,         /* the connection goes to the proxy; where it does not, AUTH is refused */
	TLS_TERMINATE_REQUIRE, /* and there a login in clear is refused */
};

/* Third-party transfers (FXP, RFC 959 figure 2): a foreign address that may be offered, and its ports. */
struct fxp_target {
	struct network network;
	struct port_range ports;
};

/* What is announced in the place of an address of this host's, and of a port. */
struct policy_public {
	struct address address; /* without a family: nothing, so that the text says what the kernel knows */
	int32_t port_offset;
};

/*
 * For a NAT that another host does in front of this one: the text of an offer names the address that others dial, and the
 * pinhole stays where the packets arrive. A host is a name, which the core does not look up: whatever loads the policy
 * sets the addresses that the name has, in those families that have none of their own.
 */
struct policy_advertise {
	struct policy_public ipv4;
	struct policy_public ipv6;
	char host[POLICY_HOST_MAX]; /* or "" */
	int32_t host_offset;
	bool host_has_ipv4; /* these two are the host's */
	bool host_has_ipv6;
};

struct policy_rule {
	char name[POLICY_NAME_MAX]; /* as the configuration names it; "policy" for the last */
	struct network clients[POLICY_NETWORKS_MAX]; /* none: any client */
	size_t client_count;
	struct network servers[POLICY_NETWORKS_MAX]; /* none: any server; the server's own address counts */
	size_t server_count;

	bool active;   /* PORT, EPRT, LPRT */
	bool passive;  /* PASV, EPSV, LPSV and their replies */
	bool upload;
	bool download; /* RETR; listings always pass */
	bool login_required; /* offers before 230 or 232 are refused */
	bool unknown_verbs;
	bool proxy_header; /* a client may begin with a header of the PROXY protocol */
	bool verb_denied[VERB_COUNT];
	enum foreign_server foreign_server;
	enum tls_policy tls;

	uint16_t port_min;
	struct port_range port_denied[POLICY_RANGES_MAX]; /* of what clients offer */
	size_t port_denied_count;
	struct port_range passive_denied[POLICY_RANGES_MAX]; /* of what servers offer */
	size_t passive_denied_count;
	struct fxp_target fxp[POLICY_FXP_MAX];
	size_t fxp_count;

	struct policy_advertise advertise;        /* in 227, 228 and 229 */
	struct policy_advertise advertise_active; /* in PORT, EPRT and LPRT */

	uint32_t pinhole_timeout; /* seconds */
};

struct policy {
	struct policy_rule rules[POLICY_RULES_MAX];
	size_t rule_count; /* at least 1: the last rule matches everybody */
};

/* The strict defaults of every setting (doc/ftpalg.conf.5), with no networks. */
void policy_rule_set_defaults(struct policy_rule *rule);

/* Does the rule send connections to the proxy? Does it refuse logins in clear? */
bool policy_rule_terminates(const struct policy_rule *rule);
bool policy_rule_requires_tls(const struct policy_rule *rule);

/* The rule for a connection; never NULL. */
const struct policy_rule *policy_find_rule(const struct policy *policy, const struct nat_view *view);

/* What became of an offer that was judged. */
struct policy_answer {
	enum reason reason;        /* REASON_NONE: allowed */
	bool third_party;          /* allowed as FXP: endpoint is not the offering peer's own */
	struct endpoint endpoint;  /* where the data connection shall go, in the offering peer's own view of addresses */
};

/*
 * Judges the words of one offer, not the dialogue around it. Checked in this order: form allowed (active, passive),
 * family, port 0, martian address, foreign address, minimum, deny list. An unspecified address (0.0.0.0, ::) means the
 * offering peer itself; so does a 229, which names no address.
 *
 * The offering peer's own address is view->client for PORT, EPRT and LPRT, view->server for the replies.
 */
void policy_judge_offer(const struct policy_rule *rule, const struct nat_view *view, const struct hostport *hostport,
			struct policy_answer *answer);

/* Judges a verb that is no offer: REASON_NONE, or why it is denied. */
enum reason policy_judge_verb(const struct policy_rule *rule, enum verb verb);

#endif
