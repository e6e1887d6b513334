/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is allowed.
 *
 * An offer is a request to this host to let somebody in. The default is that a peer may only let others in to itself,
 * and only to ports where nothing but a data connection listens. Everything else must be listed: a foreign address as a
 * third-party target with its ports, or not at all.
 *
 * The deny list. A port of 1024 and up says nothing about what listens there, and a forged offer (a web page that makes
 * a browser speak FTP, a program that colludes with its server) chooses the port that it wants. Against that stands the
 * honest peer whose operating system happens to pick a listed port for a data connection: its offer is refused once and
 * tried again with another, or the transfer fails. Linux picks from 32768 to 60999, Windows and macOS from 49152 up:
 * no listed port is above 32767, so they never notice. Old systems that pick from 1024 to 5000 meet the list once in
 * 280 offers. That is the price, and why the list holds only services that commonly trust all who reach them
 * (databases, remote desktops, X11, printers, control interfaces, caches) or that relay (proxies), each with few
 * ports: of X11 the displays 0 to 9, of VNC the screens 0 to 9.
 *
 * What a server offers has a list of its own, and it is empty. vsftpd and Pure-FTPd pick from all ports from 1024 up,
 * and would meet the other list once in a thousand. It would protect next to nobody: a port that a service of the
 * server has is one that its FTP server can't be given, so an honest 227 never names one; a forged 227 needs a server
 * that begins a line with it where a PASV waits (session_reply.c); and a server that colludes with its client opens its
 * own port, to that client alone, for what both could as well say on the port that they were given. An operator with
 * services beside an FTP server that clients must not learn of lists them.
 */
#include "ftpalg/policy.h"

#include <string.h>

#include "ftpalg/address.h"

static const struct port_range default_port_denied[] = {
	{ 1080, 1080 },   /* SOCKS */
	{ 1433, 1434 },   /* Microsoft SQL Server */
	{ 1521, 1521 },   /* Oracle */
	{ 1723, 1723 },   /* PPTP */
	{ 2049, 2049 },   /* NFS */
	{ 2375, 2376 },   /* Docker */
	{ 2379, 2380 },   /* etcd */
	{ 3128, 3128 },   /* HTTP proxies */
	{ 3260, 3260 },   /* iSCSI */
	{ 3306, 3306 },   /* MySQL */
	{ 3389, 3389 },   /* Remote Desktop */
	{ 5060, 5061 },   /* SIP */
	{ 5432, 5432 },   /* PostgreSQL */
	{ 5555, 5555 },   /* Android Debug Bridge */
	{ 5672, 5672 },   /* AMQP */
	{ 5900, 5909 },   /* VNC */
	{ 5984, 5986 },   /* CouchDB, Windows Remote Management */
	{ 6000, 6009 },   /* X11 */
	{ 6379, 6379 },   /* Redis */
	{ 6443, 6443 },   /* Kubernetes */
	{ 6667, 6667 },   /* IRC */
	{ 7001, 7001 },   /* WebLogic */
	{ 8000, 8000 },   /* HTTP, here and below */
	{ 8008, 8009 },   /* with AJP */
	{ 8080, 8081 },
	{ 8443, 8443 },
	{ 8888, 8888 },
	{ 9042, 9042 },   /* Cassandra */
	{ 9090, 9090 },   /* consoles */
	{ 9100, 9100 },   /* printers */
	{ 9200, 9200 },   /* Elasticsearch */
	{ 9300, 9300 },   /* Elasticsearch between nodes */
	{ 9418, 9418 },   /* git */
	{ 10250, 10250 }, /* kubelet */
	{ 11211, 11211 }, /* memcached */
	{ 15672, 15672 }, /* RabbitMQ */
	{ 27017, 27019 }, /* MongoDB */
};

#define DEFAULT_PORT_DENIED_COUNT (sizeof(default_port_denied) / sizeof(default_port_denied[0]))

_Static_assert(DEFAULT_PORT_DENIED_COUNT <= POLICY_RANGES_MAX, "the default deny list fits a rule");

void policy_rule_set_defaults(struct policy_rule *rule)
{
	static const char name[] = "policy";

	memset(rule, 0, sizeof(*rule));
	memcpy(rule->name, name, sizeof(name));
	rule->active = true;
	rule->passive = true;
	rule->upload = true;
	rule->download = true;
	rule->login_required = true;
	rule->unknown_verbs = true;
	rule->foreign_server = FOREIGN_SERVER_REWRITE_PRIVATE;
	rule->tls = TLS_ALLOW;
	rule->port_min = 1024;
	memcpy(rule->port_denied, default_port_denied, sizeof(default_port_denied));
	rule->port_denied_count = DEFAULT_PORT_DENIED_COUNT;
	rule->pinhole_timeout = 60;
}

bool policy_rule_terminates(const struct policy_rule *rule)
{
	return rule->tls == TLS_TERMINATE || rule->tls == TLS_TERMINATE_REQUIRE;
}

bool policy_rule_requires_tls(const struct policy_rule *rule)
{
	return rule->tls == TLS_REQUIRE || rule->tls == TLS_TERMINATE_REQUIRE;
}

static bool networks_contain(const struct network *networks, size_t count, const struct address *address)
{
	bool contain = false;

	for (size_t index = 0; index < count && !contain; index++)
		contain = network_contains(&networks[index], address);
	return contain;
}

static bool rule_matches(const struct policy_rule *rule, const struct nat_view *view)
{
	bool client = rule->client_count == 0 ||
		      networks_contain(rule->clients, rule->client_count, &view->client.address);
	bool server = rule->server_count == 0 ||
		      networks_contain(rule->servers, rule->server_count, &view->server.address) ||
		      networks_contain(rule->servers, rule->server_count, &view->server_seen.address);

	return client && server;
}

const struct policy_rule *policy_find_rule(const struct policy *policy, const struct nat_view *view)
{
	size_t index = 0;

	/* The last rule is taken without a look at its networks, so that there always is one. */
	while (index + 1 < policy->rule_count && !rule_matches(&policy->rules[index], view))
		index++;
	return &policy->rules[index];
}

static bool ranges_contain(const struct port_range *ranges, size_t count, uint16_t port)
{
	bool contain = false;

	for (size_t index = 0; index < count && !contain; index++)
		contain = port >= ranges[index].first && port <= ranges[index].last;
	return contain;
}

static bool is_fxp_target(const struct policy_rule *rule, const struct endpoint *endpoint)
{
	bool found = false;

	for (size_t index = 0; index < rule->fxp_count && !found; index++) {
		const struct fxp_target *target = &rule->fxp[index];

		found = network_contains(&target->network, &endpoint->address) &&
			ranges_contain(&target->ports, 1, endpoint->port);
	}
	return found;
}

/*
 * Is a foreign address of a 227 or 228 replaced by the server's own? By default one that nobody outside the server's network
 * can mean: servers behind somebody else's NAT announce it, and most clients ignore it. The port was the server's to
 * choose, so the data connection goes where the control connection does, and to no third host. A public one may be meant
 * (a cluster, an FXP): nobody knows what the server's own would lead to, so it is refused.
 */
static bool is_replaced(const struct policy_rule *rule, enum form form, const struct address *address)
{
	if (form != FORM_227 && form != FORM_228)
		return false;
	if (rule->foreign_server == FOREIGN_SERVER_REWRITE_PRIVATE)
		return address_is_private(address) || address_is_martian(address);
	return rule->foreign_server == FOREIGN_SERVER_REWRITE;
}

/*
 * Judges where an offer points to, and fills in the peer itself where the policy says so. own is the offering peer's
 * address. It may always be named, even if it is martian: packets come from there, so somebody has it.
 */
static enum reason judge_address(const struct policy_rule *rule, const struct address *own, enum form form,
				 struct policy_answer *answer)
{
	enum reason reason = REASON_NONE;

	if (!address_equal(&answer->endpoint.address, own)) {
		bool martian = address_is_martian(&answer->endpoint.address);

		answer->third_party = !martian && is_fxp_target(rule, &answer->endpoint);
		/* An address that is replaced by the server's own is not used, so it may be anything. */
		if (!answer->third_party && is_replaced(rule, form, &answer->endpoint.address))
			answer->endpoint.address = *own;
		else if (martian)
			reason = REASON_MARTIAN_ADDRESS;
		else if (!answer->third_party)
			reason = REASON_FOREIGN_ADDRESS;
	}
	return reason;
}

static enum reason judge_port(const struct policy_rule *rule, bool active, uint16_t port)
{
	const struct port_range *denied = active ? rule->port_denied : rule->passive_denied;
	size_t count = active ? rule->port_denied_count : rule->passive_denied_count;
	enum reason reason = REASON_NONE;

	if (port < rule->port_min)
		reason = REASON_LOW_PORT;
	else if (ranges_contain(denied, count, port))
		reason = REASON_DENIED_PORT;
	return reason;
}

void policy_judge_offer(const struct policy_rule *rule, const struct nat_view *view, const struct hostport *hostport,
			struct policy_answer *answer)
{
	bool active = form_is_active(hostport->form);
	const struct address *own = active ? &view->client.address : &view->server.address;
	uint8_t family = hostport->endpoint.address.family;

	answer->reason = REASON_NONE;
	answer->third_party = false;
	answer->endpoint = hostport->endpoint;

	/* A 229 names no address. An unspecified one is filled in only if it is of the connection's own family. */
	if (family == FAMILY_NONE || (family == own->family && address_is_unspecified(&answer->endpoint.address)))
		answer->endpoint.address = *own;
	/* A server that knows by which address its clients reach it, and says so, names itself. */
	if (!active && address_equal(&answer->endpoint.address, &view->server_seen.address))
		answer->endpoint.address = *own;

	if (active && !rule->active)
		answer->reason = REASON_ACTIVE_DENIED;
	else if (!active && !rule->passive)
		answer->reason = REASON_PASSIVE_DENIED;
	else if (answer->endpoint.address.family != own->family)
		answer->reason = REASON_FAMILY_MISMATCH;
	else if (answer->endpoint.port == 0)
		answer->reason = REASON_PORT_ZERO;
	else
		answer->reason = judge_address(rule, own, hostport->form, answer);

	/* Ports of third-party targets are what the operator listed. */
	if (answer->reason == REASON_NONE && !answer->third_party)
		answer->reason = judge_port(rule, active, answer->endpoint.port);
}

enum reason policy_judge_verb(const struct policy_rule *rule, enum verb verb)
{
	bool login = verb == VERB_USER || verb == VERB_PASS || verb == VERB_ACCT;
	bool known = (unsigned int)verb < VERB_COUNT && verb != VERB_UNKNOWN;
	enum reason reason = REASON_NONE;

	if (known ? rule->verb_denied[verb] : !rule->unknown_verbs)
		reason = REASON_VERB_DENIED;
	else if (verb_is_passive_request(verb) && !rule->passive)
		reason = REASON_PASSIVE_DENIED;
	else if (verb_is_active_offer(verb) && !rule->active)
		reason = REASON_ACTIVE_DENIED;
	else if (verb_is_upload(verb) && !rule->upload)
		reason = REASON_UPLOAD_DENIED;
	else if (verb == VERB_RETR && !rule->download)
		reason = REASON_DOWNLOAD_DENIED;
	/* After a 234 that nobody terminates nothing can be seen, and that is what was ruled out. */
	else if (verb == VERB_AUTH && (rule->tls == TLS_FORBID || policy_rule_terminates(rule)))
		reason = REASON_TLS_DENIED;
	else if (login && policy_rule_requires_tls(rule))
		reason = REASON_TLS_REQUIRED;
	return reason;
}
