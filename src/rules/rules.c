/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg rules: prints the firewall rules that the configuration needs. Loading them is left to nft and to the shell,
 * so that an operator can read, change and keep what is loaded.
 *
 * Both forms say the same, and in this order (the numbers are the kernel's hook priorities: nft's, and iptables' where they
 * differ):
 *
 *   prerouting  -150/-300  the first packet of a control connection gets the carrier
 *   forward     -150       packets of control ports that begin no connection, and belong to none, go no further
 *                          SYN and SYN-ACK of control connections: lower MSS, known options only, no data
 *                          everything else of control connections goes to the queue
 *               -149/50    with passed-mark: what the gateway has not passed is dropped
 *               -148/-150  with nflog-group: copies of how data connections begin and end, for the account of them
 *   output      -300       packets that the gateway itself makes are not tracked
 *
 * The invariant: every packet of a control connection, in whatever state conntrack has it and in both directions, goes
 * to the queue or no further; only a SYN without data bypasses it. The SYN itself is never queued: its conntrack entry is
 * not confirmed yet, and one that waits in a queue loses against a retransmission of itself.
 *
 * Conntrack's state is not the peers'. A RST or FIN that dies before it reaches the peer ends only the entry, and the next
 * segment is NEW, because nf_conntrack_tcp_loose lets conntrack pick up a connection in the middle. If the server speaks
 * first, its port is the source port of the new entry; if another control connection of the client has just announced the
 * port that this one comes from, the new entry counts as a data connection. So a connection that has a control port at
 * either end begins with a SYN or not at all. One that has it at the client's end, and began with a SYN, is not a control
 * connection: a client may use any port. The routing table says whether that SYN was forged by somebody on the client's
 * side.
 *
 * Control connections are known by the port that the client dialled (original tuple), and by that of the server (reply
 * tuple), which a DNAT may have changed. If the latter is not a control port, servers are remembered as they turn up.
 * Connections that were expected are left out: a data connection may go to any port, even a control port.
 *
 * Whether connections are admitted at all is not decided here. --forward prints what an operator's own filter needs in
 * order to admit data connections.
 *
 * Where the policy terminates TLS, the rules of the proxy belong to the set (rules/proxy.c): its connections are taken
 * away before FORWARD, and the queue gets the others.
 */
#include "rules/rules.h"

static void rules_print_gateway(const struct rules_request *request, const struct config *config)
{
	const bool nft = request->kind == RULES_NFT;

	if (nft && request->remove)
		rules_nft_print_removal(stdout);
	else if (nft && request->forward)
		rules_nft_print_forward(config, stdout);
	else if (nft)
		rules_nft_print(config, stdout);
	else if (request->remove && request->forward)
		rules_iptables_print_forward_removal(request->families, stdout);
	else if (request->remove)
		rules_iptables_print_removal(request->families, stdout);
	else if (request->forward)
		rules_iptables_print_forward(config, request->families, stdout);
	else
		rules_iptables_print(config, request->families, stdout);
}

static void rules_print_proxy(const struct rules_request *request, const struct config *config)
{
	const bool nft = request->kind == RULES_NFT;

	if (nft && request->remove)
		rules_proxy_print_nft_removal(stdout);
	else if (nft && request->forward)
		rules_proxy_print_nft_input(config, stdout);
	else if (nft)
		rules_proxy_print_nft(config, stdout);
	else if (request->remove && request->forward)
		rules_proxy_print_iptables_input_removal(request->families, stdout);
	else if (request->remove)
		rules_proxy_print_iptables_removal(request->families, stdout);
	else if (request->forward)
		rules_proxy_print_iptables_input(config, request->families, stdout);
	else
		rules_proxy_print_iptables(config, request->families, stdout);
}

/*
 * The proxy's part comes first: from the moment that a policy which terminates TLS has rules in force, no connection to
 * which it applies may bypass the queue. Everything that can have been loaded is removed, in the opposite order.
 */
void rules_print(const struct rules_request *request, const struct config *config)
{
	const bool terminates = config_terminates(config);
	/* The two parts belong in two of the operator's chains. */
	const bool one_part = request->kind == RULES_NFT && request->forward;

	if (request->kind == RULES_ROUTE) {
		if (request->remove)
			rules_route_print_removal(request->families, stdout);
		else
			rules_route_print(config, request->families, stdout);
		return;
	}
	if (!request->remove && terminates && !request->proxy && !one_part)
		rules_print_proxy(request, config);
	if (request->proxy)
		rules_print_proxy(request, config);
	else
		rules_print_gateway(request, config);
	if (request->remove && !request->proxy && !one_part)
		rules_print_proxy(request, config);
	if (terminates && one_part && !request->proxy)
		fputs("# An input chain that drops needs what \"ftpalg rules nft --proxy --forward\" prints.\n", stdout);
}
