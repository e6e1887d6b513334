/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of the proxy, separate from those of the queue: either may be used without the other.
 *
 *   prerouting  the first packet of a control connection gets the carrier
 *               TPROXY: what was admitted is assigned to the proxy and marked
 *               packets for the proxy's sockets with other hosts' addresses are marked
 *               a client's packets that would deceive conntrack are dropped, and so are packets that pose as those of
 *               the proxy's own connections (below)
 *   nat         what is marked is not translated: a DNAT would take it away from its socket
 *   routing     what is marked is for this host (ip rule, ip route)
 *   forward     after all of the operator's filters, at priority security: new connections that are to be terminated
 *               and have not been dropped by then go to the proxy's queue (proxy/admission.c)
 *   output      the proxy's own connections to servers get the carrier, and nothing that is sent on them makes it act
 *   input       (--forward) admitted connections and expected data connections are let in
 *
 * So the operator's forward chains decide about connections that end here as about those that pass. A connection that
 * was not admitted is not let in to the proxy's port; the proxy would close it.
 *
 * Two kinds of packets would get around that. Conntrack takes a SYN on an entry that the proxy's reset has closed for one of
 * the old connection, and the entry leads it here: a ban would not be asked. And the carrier reads what is said on both
 * legs, in the direction of the side that began them: a segment of 8 bytes that begins 00 00 00 07, even of old bytes, and
 * an answer, make it expect a connection to any port. The receiver's window decides where a stream is cut: a client can cut
 * the proxy's answer, a server what the proxy passes on to it, and those bytes are the client's own where TLS is passed on
 * unopened. In packet mode the gateway drops such a segment; here the rules do, and any that begins like it: neither FTP nor
 * a TLS record does.
 *
 * And a client could make its connection look like one that the server began: it calls itself in the server's name, so that
 * its own SYN is a reply, which is established to the forward chains and new to none. No control connection begins like
 * that.
 *
 * What the proxy begins from another host's address has a label in conntrack. That host, and anybody who can send in its
 * name, may send packets with the same tuple from outside: conntrack takes them for the proxy's, the forward chains take
 * them for established, and no socket here is asked. So nothing that comes from outside may go in the direction of such a
 * connection.
 *
 * Which connections are terminated is decided on their first packet, by the policy's rules in their order: the first
 * whose networks match either has the connection queued or leaves it alone. What is left alone goes on, and was in the
 * gateway's queue before. The addresses of servers are those that clients dial, which conntrack remembers where a DNAT
 * has changed them; a DNAT that no "forward" names leads nowhere.
 *
 * TPROXY decides on every packet, not only on the first. Where no proxy runs, packets are dropped, so that a client in
 * clear whose proxy has died does not go on talking to the server itself. With REDIRECT the entry itself brings all
 * packets here. Packets to addresses of this host itself are left alone: they can't have been forwarded.
 */
#include "rules/proxy.h"

#include "ftpalg/address.h"

/* A server that is spoken to in clear for implicit FTPS is dialled on the usual port. */
#define PLAIN_PORT 21
/* Both kinds of control ports, and one for each forward, and the plain one. */
#define PORTS_MAX (2 * CONFIG_PORTS_MAX + CONFIG_FORWARDS_MAX + 1)
#define NETWORK_TEXT_MAX (ADDRESS_TEXT_MAX + 4)

static void ports_add(uint16_t *ports, size_t *count, uint16_t port)
{
	for (size_t i = 0; i < *count; i++)
		if (ports[i] == port)
			return;
	ports[(*count)++] = port;
}

void rules_proxy_print_ports(const struct config *config, bool dialled, const char *separator, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;
	uint16_t ports[PORTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < proxy->port_count; i++)
		ports_add(ports, &count, proxy->ports[i]);
	for (size_t i = 0; i < proxy->implicit_port_count; i++)
		ports_add(ports, &count, proxy->implicit_ports[i]);
	for (size_t i = 0; dialled && i < proxy->forward_count; i++)
		if (proxy->forwards[i].server.port)
			ports_add(ports, &count, proxy->forwards[i].server.port);
	if (dialled && proxy->legs == PROXY_LEGS_CLIENT && proxy->implicit_port_count > 0)
		ports_add(ports, &count, PLAIN_PORT);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%u", i ? separator : "", ports[i]);
}

bool rules_proxy_diverts(const struct config *config)
{
	return config->proxy.tproxy || config->proxy.source_is_client;
}

static void network_format(const struct network *network, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(&network->address, address);
	snprintf(text, size, "%s/%u", address, network->prefix);
}

/* Both families' networks are in one list; an empty list means any host, of either family. */
static bool list_has_family(const struct network *networks, size_t count, enum family family)
{
	for (size_t i = 0; i < count; i++)
		if (networks[i].address.family == family)
			return true;
	return count == 0;
}

struct choice_printer {
	const struct policy_rule *rule;
	enum family family;
	const char *target;
	rules_choice_print *print;
	FILE *out;
};

/* server and port for each client of the rule. */
static void choose_server(const struct choice_printer *printer, const char *server, uint16_t port)
{
	const struct policy_rule *rule = printer->rule;
	struct rules_choice choice = { .rule = rule->name, .server = server, .port = port,
				       .target = policy_rule_terminates(rule) ? printer->target : NULL };
	char text[NETWORK_TEXT_MAX];

	if (rule->client_count == 0)
		printer->print(&choice, printer->out);
	for (size_t i = 0; i < rule->client_count; i++) {
		if (rule->clients[i].address.family != printer->family)
			continue;
		network_format(&rule->clients[i], text, sizeof(text));
		choice.client = text;
		printer->print(&choice, printer->out);
	}
}

/* Servers behind a DNAT of this host are in the rule if either of their addresses is. */
static void choose_forwarded(const struct choice_printer *printer, const struct config_forward *forward)
{
	const struct policy_rule *rule = printer->rule;
	struct network dialled = { .address = forward->dialled.address };
	char text[NETWORK_TEXT_MAX];

	dialled.prefix = printer->family == FAMILY_IPV4 ? 32 : 128;
	if (dialled.address.family != printer->family)
		return;
	for (size_t i = 0; i < rule->server_count; i++) {
		if (!network_contains(&rule->servers[i], &forward->server.address))
			continue;
		network_format(&dialled, text, sizeof(text));
		choose_server(printer, text, forward->dialled.port);
		return;
	}
}

static void choose_rule(const struct config *config, const struct choice_printer *printer)
{
	const struct policy_rule *rule = printer->rule;
	char text[NETWORK_TEXT_MAX];

	if (!list_has_family(rule->clients, rule->client_count, printer->family))
		return;
	if (rule->server_count == 0)
		choose_server(printer, NULL, 0);
	for (size_t i = 0; i < rule->server_count; i++) {
		if (rule->servers[i].address.family != printer->family)
			continue;
		network_format(&rule->servers[i], text, sizeof(text));
		choose_server(printer, text, 0);
	}
	for (size_t i = 0; i < config->proxy.forward_count; i++)
		choose_forwarded(printer, &config->proxy.forwards[i]);
}

void rules_proxy_choices(const struct config *config, enum family family, const char *target,
			 rules_choice_print *print, FILE *out)
{
	const struct rules_choice all = { .rule = "policy", .target = target };
	const struct policy *policy = &config->policy;

	if (!config_terminates(config)) {
		print(&all, out);
		return;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct choice_printer printer = { &policy->rules[i], family, target, print, out };

		choose_rule(config, &printer);
	}
}

void rules_proxy_forwards(const struct config *config, enum family family, rules_forward_print *print, FILE *out)
{
	for (size_t i = 0; i < config->proxy.forward_count; i++) {
		const struct config_forward *forward = &config->proxy.forwards[i];
		char dialled[ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX];
		const struct rules_forward row = {
			.number = (unsigned int)i + 1,
			.dialled = dialled,
			.dialled_port = forward->dialled.port,
			.server = server,
			.server_port = forward->server.port,
		};

		if (forward->dialled.address.family != family)
			continue;
		address_format(&forward->dialled.address, dialled);
		address_format(&forward->server.address, server);
		print(&row, out);
	}
}
